"""A pane with the 17 segments of the left ventricle, and their values where there are any."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QToolTip, QWidget

from workstation.text import tr
from workstation.ui import theme
from workstation.viewing.bullseye import SEGMENTS, Segment, segment_at

_EMPTY = QColor("#24313b")


class BullseyeView(QWidget):
    """Draws the template; a segment without a value is never given a colour of one."""

    activated = Signal()
    maximise_asked = Signal()
    segment_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.active = False
        self.values: dict[int, float] = {}
        self.title, self.unit = "", ""
        self._colours: dict[int, QColor] = {}
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 100)

    def set_values(
        self, title: str, unit: str, values: Mapping[int, float], colours: Mapping[int, str]
    ) -> None:
        """Show a measure of each segment that has one: number (1-17) to value and to colour."""
        self.title, self.unit, self.values = title, unit, dict(values)
        self._colours = {number: QColor(colour) for number, colour in colours.items()}
        self.update()

    def _circle(self) -> tuple[QPointF, float]:
        line = QFontMetricsF(self.font()).height()
        room = min(float(self.width()), self.height() - 4.0 * line)
        return QPointF(self.width() / 2, self.height() / 2), max(20.0, room * 0.45)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The circles, their numbers, and what they mean."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        centre, radius = self._circle()
        painter.setPen(QPen(QColor(theme.BACKGROUND), max(2.0, radius * 0.02)))
        for segment in SEGMENTS:
            painter.setBrush(self._colours.get(segment.number, _EMPTY))
            painter.drawPath(_outline(segment, centre, radius))
        painter.setPen(QColor(theme.TEXT))
        for segment in SEGMENTS:
            x, y = segment.middle
            value = self.values.get(segment.number)
            words = str(segment.number) if value is None else f"{value:g}"
            ground = self._colours.get(segment.number, _EMPTY)
            painter.setPen(QColor(theme.IMAGE if ground.lightness() > 110 else theme.TEXT))
            side = radius * 0.3
            box = QRectF(0, 0, side, side)
            box.moveCenter(QPointF(centre.x() + x * radius, centre.y() - y * radius))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
        margin = QRectF(self.rect()).adjusted(10, 8, -10, -8)
        title = tr("AHA 17 segments") + (f"　{self.title}" if self.title else "")
        painter.drawText(margin, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, title)
        painter.setPen(QColor(theme.DIM))
        below = Qt.AlignmentFlag.AlignBottom
        said = self.unit if self.values else tr("No segment values yet")
        painter.drawText(margin, below | Qt.AlignmentFlag.AlignHCenter, said)
        self._sides(painter, centre, radius)
        pen = QPen(QColor(theme.FOCUS if self.active else theme.LINE), 2.0 if self.active else 1.0)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        inset = pen.widthF() / 2
        painter.drawRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset))
        painter.end()

    def _sides(self, painter: QPainter, centre: QPointF, radius: float) -> None:
        """Which wall is where, in words: colour and place alone do not say it."""
        line = QFontMetricsF(self.font()).height()
        wide = 90.0
        for words, x, y in (
            (tr("Anterior"), 0.0, -1.0),
            (tr("Inferior"), 0.0, 1.0),
            (tr("Septal"), -1.0, 0.0),
            (tr("Lateral"), 1.0, 0.0),
        ):
            if x and centre.x() - radius < wide + 12:
                continue
            box = QRectF(0, 0, wide, line)
            box.moveCenter(
                QPointF(
                    centre.x() + x * (radius + wide / 2 + 4), centre.y() + y * (radius + line * 0.7)
                )
            )
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)

    def segment_under(self, place: QPointF) -> Segment | None:
        """The segment at a place of this widget."""
        centre, radius = self._circle()
        return segment_at((place.x() - centre.x()) / radius, (centre.y() - place.y()) / radius)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Name the segment under the mouse."""
        segment = self.segment_under(event.position())
        if segment is None:
            QToolTip.hideText()
            return
        value = self.values.get(segment.number)
        said = tr("No segment values yet") if value is None else f"{value:g} {self.unit}"
        words = f"{segment.number} {tr(segment.name)}\n{said}"
        QToolTip.showText(event.globalPosition().toPoint(), words, self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """This pane becomes the active one."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.activated.emit()
        segment = self.segment_under(event.position())
        if segment is not None:
            self.segment_chosen.emit(segment.number)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """This pane alone, or back to all."""
        self.maximise_asked.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The pane with the keyboard is the active one."""
        self.activated.emit()


def _outline(segment: Segment, centre: QPointF, radius: float) -> QPainterPath:
    path = QPainterPath()
    outer = QRectF(0, 0, 2 * segment.outer * radius, 2 * segment.outer * radius)
    outer.moveCenter(centre)
    if segment.inner == 0.0:
        path.addEllipse(outer)
        return path
    inner = QRectF(0, 0, 2 * segment.inner * radius, 2 * segment.inner * radius)
    inner.moveCenter(centre)
    path.arcMoveTo(outer, segment.start)
    path.arcTo(outer, segment.start, segment.span)
    path.arcTo(inner, segment.start + segment.span, -segment.span)
    path.closeSubpath()
    return path

"""A report, segmentation or other object in the series strip: its sign and what it is, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from workstation.domain.document import ObjectKind, StudyObject
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.icons import paint_icon
from workstation.ui.thumb import WIDTH

if TYPE_CHECKING:
    from workstation.ui.objects_panel import ObjectsPanel
    from workstation.ui.series_strip import SeriesStrip
    from workstation.ui.side_tabs import SideTabs

HEIGHT = 42
SIGNS = {
    ObjectKind.DOCUMENT: "object_document",
    ObjectKind.REPORT: "object_report",
    ObjectKind.SEGMENTATION: "object_segmentation",
    ObjectKind.CONTOURS: "object_contours",
    ObjectKind.KEY_IMAGES: "object_key_images",
    ObjectKind.PRESENTATION: "object_presentation",
    ObjectKind.OTHER: "object_other",
}


def join(strip: SeriesStrip, panel: ObjectsPanel, tabs: SideTabs) -> None:
    """Show in the strip what the panel lists; a click there opens it in the panel."""
    panel.listed.connect(strip.show_objects)
    panel.opened.connect(strip.mark_object)

    def chosen(uid: str) -> None:
        tabs.setCurrentWidget(panel)
        panel.choose(uid)

    strip.object_chosen.connect(chosen)


class ObjectEntry(QAbstractButton):
    """Click or Enter opens it; what cannot be opened says why in its tool tip."""

    opened = Signal(str)

    def __init__(self, one: StudyObject, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.object = one
        self.shown = False
        self.setObjectName("objectEntry")
        self.setFixedSize(theme.scaled(WIDTH), theme.scaled(HEIGHT))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.kind = tr(one.kind.value)
        lines = [self.kind, one.title, one.sop_class, say(one.why) if one.why is not None else ""]
        self.setToolTip("\n".join(dict.fromkeys(line for line in lines if line)))
        self.setAccessibleName(" ".join(dict.fromkeys(w for w in (self.kind, one.title) if w)))
        self.clicked.connect(lambda: self.opened.emit(one.sop_instance_uid))

    def mark(self, shown: bool) -> None:
        """Frame the one that is open."""
        self.shown = shown
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Sign at the left, kind over title."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        marked = self.shown or self.hasFocus()
        painter.setPen(QPen(QColor(theme.FOCUS if marked else theme.LINE), 2.0 if marked else 1.0))
        painter.setBrush(QColor(theme.PANEL_2))
        painter.drawRoundedRect(area, 3, 3)
        dim = self.object.why is not None
        side = float(theme.scaled(20))
        sign = QRectF(area.left() + 5, area.center().y() - side / 2, side, side)
        paint_icon(painter, SIGNS[self.object.kind], sign, theme.DIM if dim else theme.TEXT)
        left = sign.right() + 6
        room = area.right() - left - 3
        title = self.object.title if self.object.title != self.kind else ""
        lines = [(self.kind, theme.font(9), theme.DIM if dim else "#ffffff")]
        if title:
            lines.append((title, theme.font(8), theme.DIM))
        high = sum(QFontMetricsF(font).height() for _, font, _ in lines)
        y = area.center().y() - high / 2
        for words, font, colour in lines:
            metrics = QFontMetricsF(font)
            painter.setFont(font)
            painter.setPen(QColor(colour))
            shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPointF(left, y + metrics.ascent()), shown)
            y += metrics.height()
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens it too."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

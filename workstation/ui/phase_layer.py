"""Phases of a time series on a slice view: an axis to drag on, the wheel, the speed of the cine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPen, QWheelEvent

from workstation.domain.geometry import Floats
from workstation.domain.plane import Raster
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.ui.layer import Layer
from workstation.viewing.cine import natural_fps, next_fps, phase_at, phase_places

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

_FROM, _TO = 0.32, 0.68  # of the view's width
_ABOVE = 66.0  # the lower edge, in text of the usual size
_REACH_PX = 9.0
_LEAST = 260
_SCRUB = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class PhaseLayer(Layer):
    """The axis lies at the lower edge; each phase has a tick, at its time where that is known."""

    def __init__(self, view: SliceView) -> None:
        super().__init__(view)
        self._dragging = False
        self._of = ""
        self._halo = HaloText()

    @property
    def _font(self) -> QFont:
        return theme.font(9)  # of the size that the reader chose

    def volume_changed(self) -> None:
        """Another series plays at its own speed."""
        volume = self.view.viewport.volume
        if volume is not None and volume.stack.id != self._of:
            self._of = volume.stack.id
            self.view.set_fps(natural_fps(volume.stack))

    @property
    def _there(self) -> bool:
        view = self.view
        return view.phases > 1 and view.viewport.volume is not None and view.width() >= _LEAST

    def _x(self, share: float) -> float:
        return self.view.width() * (_FROM + (_TO - _FROM) * share)

    @property
    def _y(self) -> float:
        return self.view.height() - theme.scaled(_ABOVE)

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The axis with its ends, the ticks and where one is."""
        volume = self.view.viewport.volume
        if not self._there or volume is None or not self.view.viewport.overlays:
            return
        stack, phase, y = volume.stack, self.view.phase, self._y
        places = phase_places(stack)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for pen in (QPen(QColor(0, 0, 0, 190), 4.0), QPen(QColor(theme.TEXT), 1.4)):
            painter.setPen(pen)
            painter.drawLine(QPointF(self._x(0), y), QPointF(self._x(1), y))
        if len(places) <= 80:
            painter.setPen(QPen(QColor(theme.TEXT), 1.0))
            for place in places:
                painter.drawLine(QPointF(self._x(place), y - 3), QPointF(self._x(place), y + 3))
        at = QPointF(self._x(places[min(phase, len(places) - 1)]), y)
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1.5))
        painter.setBrush(QColor(theme.FOCUS))
        painter.drawEllipse(at, 5.0, 5.0)
        labels = stack.phase_labels
        if len(labels) > 1:
            right = Qt.AlignmentFlag.AlignRight
            ends = ((0.0, labels[0], right, -8.0), (1.0, labels[-1], Qt.AlignmentFlag.AlignLeft, 8))
            metrics, room = QFontMetricsF(self._font), self._x(0) - 16.0
            if max(metrics.horizontalAdvance(words) for _, words, _, _ in ends) > room:
                return  # the phase shown stands in the corner in any case
            for share, words, align, away in ends:
                beside = QPointF(self._x(share) + away, y - 10)
                self._halo.draw(painter, beside, words, self._font, theme.DIM, align)

    def _hit(self, event: QMouseEvent) -> bool:
        place = event.position()
        inside = self._x(0) - _REACH_PX <= place.x() <= self._x(1) + _REACH_PX
        shown = self._there and self.view.viewport.overlays
        return shown and inside and abs(place.y() - self._y) <= _REACH_PX

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """The axis can be dragged."""
        if not self._hit(event):
            return False
        self.view.setCursor(Qt.CursorShape.PointingHandCursor)
        self.view.update()
        return True

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Go to the phase under the mouse."""
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        self._dragging = plain and event.button() is Qt.MouseButton.LeftButton and self._hit(event)
        if self._dragging:
            self._go(event)
        return self._dragging

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Drag along."""
        if self._dragging:
            self._go(event)

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Let go."""
        self._dragging = False

    def _go(self, event: QMouseEvent) -> None:
        volume = self.view.viewport.volume
        if volume is None:
            return
        share = (event.position().x() - self._x(0)) / max(self._x(1) - self._x(0), 1.0)
        phase = phase_at(volume.stack, share)
        if phase != self.view.phase:
            self.view.phase_wanted.emit(phase)

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """Ctrl+Shift and wheel: phase by phase."""
        if self.view.phases < 2 or event.modifiers() != _SCRUB:
            return False
        self.view.phase_wanted.emit((self.view.phase - steps) % self.view.phases)
        return True

    def do(self, action: str) -> bool:
        """Cine faster or slower."""
        if action not in ("cine_faster", "cine_slower"):
            return False
        self.view.set_fps(next_fps(self.view.fps, action == "cine_faster"))
        return True

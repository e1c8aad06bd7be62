"""The brush on a slice view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QWheelEvent

from workstation.domain.geometry import Floats
from workstation.domain.plane import Raster
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.layer import Layer
from workstation.viewing.paint import Brush, Painting, next_size

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView


class PaintLayer(Layer):
    """Paints on the mask that ``set_painting`` gave: left paints, right or Shift erases."""

    def __init__(self, view: SliceView) -> None:
        super().__init__(view)
        self.painting: Painting | None = None
        self.overlay_id = ""
        self.brush = Brush()
        self._hover: QPointF | None = None

    def set_painting(self, painting: Painting | None, overlay_id: str) -> None:
        """Paint on a mask, or put the brush away."""
        self.painting, self.overlay_id = painting, overlay_id
        self.view.update()

    def set_brush(self, brush: Brush) -> None:
        """Paint with another brush."""
        self.brush = brush
        self.view.brush_changed.emit(brush)
        self.view.update()

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The brush as a ring, red where it takes away."""
        if self.painting is None or self._hover is None or not self.view.pointed:
            return
        radius = self.brush.radius_mm / (raster.mm_per_pixel * ratio)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.DANGER if self.brush.erase else theme.FOCUS
        for pen in (QPen(QColor(0, 0, 0, 180), 3.0), QPen(QColor(colour), 1.3)):
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(self._hover, radius, radius)

    def texts(self) -> Sequence[tuple[str, str]]:
        """What is painted with."""
        if self.painting is None:
            return ()
        what = tr("Eraser") if self.brush.erase else tr("Brush")
        words = f"{what} {self.brush.radius_mm * 2:g} mm  [ ]"
        return ((words + (f"　{tr('ball')}" if self.brush.ball else ""), theme.FOCUS),)

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Put the brush down."""
        left = event.button() is Qt.MouseButton.LeftButton
        right = event.button() is Qt.MouseButton.RightButton
        if self.painting is None or not (left or right):
            return False
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        brush = replace(self.brush, erase=right or shift or self.brush.erase)
        self.painting.begin(lps_mm, self.view.viewport.axes.normal, brush)
        return True

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Draw on."""
        self._hover = event.position()
        if self.painting is not None:
            self.painting.draw_to(lps_mm)
        self.view.update()

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """The ring follows the mouse."""
        self._hover = event.position()
        if self.painting is None:
            return False
        self.view.update()
        return True

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Lift the brush."""
        if self.painting is not None and self.painting.end() is not None:
            self.view.stroke_finished.emit()

    def double_click(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Two quick dabs are two dabs."""
        if self.painting is None:
            return False
        self.view.mousePressEvent(event)
        return True

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """Shift and wheel: brush size."""
        if self.painting is None or not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return False
        self.set_brush(replace(self.brush, radius_mm=next_size(self.brush.radius_mm, steps > 0)))
        return True

    def do(self, action: str) -> bool:
        """Eraser, ball and size by key."""
        if self.painting is None:
            return False
        brush = self.brush
        if action == "eraser":
            self.set_brush(replace(brush, erase=not brush.erase))
        elif action == "ball":
            self.set_brush(replace(brush, ball=not brush.ball))
        elif action in ("brush_smaller", "brush_larger"):
            size = next_size(brush.radius_mm, action == "brush_larger")
            self.set_brush(replace(brush, radius_mm=size))
        else:
            return False
        return True

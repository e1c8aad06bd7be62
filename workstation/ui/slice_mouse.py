"""The mouse on a slice view: layers are asked first, then window, pan, zoom, crosshair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from workstation.ui.layer import Layer
from workstation.viewing.tools import WheelSteps, WindowDrag

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

CLICK_PX = 4  # a right button that moved less than this was a click


class SliceMouse:
    """What a drag means is decided when the button goes down and holds until it is released."""

    def __init__(self, view: SliceView) -> None:
        self.view = view
        self.hover: QPointF | None = None
        self._wheel = WheelSteps()
        self._down: QPointF | None = None
        self._last = QPointF()
        self._button = Qt.MouseButton.NoButton
        self._turning = False
        self._layer: Layer | None = None
        self._window: WindowDrag | None = None

    def press(self, event: QMouseEvent) -> None:
        """Begin a drag."""
        view = self.view
        if view.viewport.volume is None or self._button is not Qt.MouseButton.NoButton:
            return
        self._button, self._down, self._last = event.button(), event.position(), event.position()
        left = event.button() is Qt.MouseButton.LeftButton
        keys = event.modifiers()
        if left and keys & Qt.KeyboardModifier.AltModifier:
            self._turning = True
        elif self._offer(event):
            return
        elif left and keys & Qt.KeyboardModifier.ShiftModifier:
            view.viewport.move_focus(view.lps_at(event.position()))
        elif left:
            self._window = WindowDrag(view.viewport.window)

    def _offer(self, event: QMouseEvent) -> bool:
        """Whether a layer takes the mouse until the button is released, the last added first."""
        place = self.view.lps_at(event.position())
        for layer in reversed(self.view.layers):
            if layer.press(event, place):
                self._layer = layer
                return True
        return False

    def move(self, event: QMouseEvent) -> None:
        """Go on with a drag, or drive the crosshair while Shift is held."""
        view, place = self.view, event.position()
        self.hover = place
        if view.viewport.volume is None:
            return
        moved = place - self._last
        self._last = place
        if self._button is Qt.MouseButton.NoButton:
            self._move_free(event)
        elif self._layer is not None:
            self._layer.move(event, view.lps_at(place))
        elif self._turning:
            orientation, axes = view.link.orientation, view.viewport.axes
            orientation.tilt(view.viewport, np.asarray(axes.down), moved.x() * 0.4)
            orientation.tilt(view.viewport, np.asarray(axes.right), -moved.y() * 0.4)
        elif self._button is Qt.MouseButton.MiddleButton:
            scale = view.raster().mm_per_pixel * view.devicePixelRatioF()
            view.viewport.pan(moved.x() * scale, moved.y() * scale)
        elif self._button is Qt.MouseButton.RightButton:
            view.viewport.zoom_by(float(np.exp(-moved.y() * 0.008)))
        elif self._window is not None and self._down is not None:
            away = place - self._down
            integer = view.viewport.volume.array.dtype.kind in "iu"
            smallest = 1.0 if integer else self._window.start.width * 1e-3
            view.viewport.set_window(self._window.at(away.x(), away.y(), smallest))
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            view.viewport.move_focus(view.lps_at(place))

    def _move_free(self, event: QMouseEvent) -> None:
        view = self.view
        lps = view.lps_at(event.position())
        if any(layer.hover(event, lps) for layer in reversed(view.layers)):
            return
        view.unsetCursor()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not view.viewport.is_pages:
            view.viewport.move_focus(lps)
        view.update()

    def release(self, event: QMouseEvent) -> None:
        """End the drag."""
        if event.button() is not self._button:
            return
        view, down, layer, turning = self.view, self._down, self._layer, self._turning
        self._button, self._down = Qt.MouseButton.NoButton, None
        self._window, self._layer, self._turning = None, None, False
        if turning:
            view.update()
        elif layer is not None:
            layer.release(event, view.lps_at(event.position()))
        elif event.button() is Qt.MouseButton.RightButton and down is not None:
            away = event.position() - down
            if abs(away.x()) + abs(away.y()) < CLICK_PX:
                view.menu_asked.emit(event.globalPosition().toPoint())

    def double_click(self, event: QMouseEvent) -> None:
        """A layer's, else one pane alone or back to the grid."""
        view = self.view
        if view.viewport.volume is not None:
            place = view.lps_at(event.position())
            if any(layer.double_click(event, place) for layer in reversed(view.layers)):
                return
        if event.button() is Qt.MouseButton.LeftButton and not view.tool:
            view.maximise_asked.emit()
        else:
            self.press(event)

    def wheel(self, event: QWheelEvent) -> None:
        """Whole slices; what a fast wheel or touchpad sends in between is kept."""
        view = self.view
        delta = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            view.viewport.zoom_by(float(np.exp(delta / 120 * 0.12)))
        else:
            steps = self._wheel.add(delta)
            if steps and not any(layer.wheel(steps, event) for layer in reversed(view.layers)):
                view.viewport.scroll(-steps)
        event.accept()

    def leave(self) -> None:
        """Forget where the mouse was."""
        self.hover = None
        self.view.update()

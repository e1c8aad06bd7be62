"""A pointer moved by keys: every tool of the left button without a mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from workstation.domain.geometry import Floats
from workstation.ui import theme
from workstation.viewing.commands import TOOLS

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

WAYS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
_LONG = 10  # pixels with Shift
_PRESSES = {"Return", "Enter", "Ins", "Shift+Return", "Shift+Enter", "Shift+Ins"}
# What these tools do is done while the button is held: the first Enter holds it, the next lets go.
_STROKES = frozenset(
    {"freehand", "paint_region", "segment_brush", "segment_eraser", "segment_threshold"}
)
_EDGE = 2.0


class KeyPointer:
    """Stands at a place of the patient and gives a view's mouse what a hand would give it.

    It begins with Enter while a tool is chosen, or with Insert at any time; the mouse ends it.
    """

    def __init__(self, view: SliceView) -> None:
        self.view = view
        self.place: Floats | None = None
        self.held = False
        self._clicked: Floats | None = None  # where it clicked last, if it has not moved since

    @property
    def active(self) -> bool:
        """Whether keys move it now."""
        return self.place is not None

    def key(self, text: str) -> bool:
        """A key in Qt's portable name; whether it was for the pointer."""
        if text in _PRESSES and self.place is None:
            return self._begin(insert=text.endswith("Ins"))
        if self.place is None:
            return False
        bare = text.removeprefix("Shift+")
        if bare in WAYS:
            self.move(WAYS[bare], _LONG if text != bare else 1)
        elif text in _PRESSES:
            self._press(shift=text != bare)
        elif text == "Esc":
            self._escape()
        else:
            return False
        return True

    def _begin(self, *, insert: bool) -> bool:
        """Where the mouse is, or at the crosshair if that is in sight, or in the middle."""
        view = self.view
        if not (insert or view.tool in TOOLS) or view.viewport.volume is None:
            return False
        if view.do("end_mark"):  # a path drawn with the mouse
            return True
        at = view.mouse.hover or view.to_view(view.viewport.focus_mm)
        if not view.rect().adjusted(8, 8, -8, -8).contains(at.toPoint()):
            at = QPointF(view.rect().center())
        self.place = view.lps_at(at)
        self._send(QEvent.Type.MouseMove)
        self._say()
        return True

    @property
    def step_mm(self) -> float:
        """A pixel of the image, or of the screen where that is larger."""
        view = self.view
        assert view.viewport.grid is not None
        on_screen = view.raster().mm_per_pixel * view.devicePixelRatioF()
        return max(float(min(view.viewport.grid.spacing_mm[:2])), on_screen)

    def move(self, way: tuple[int, int], pixels: int) -> None:
        """Go some pixels right and down; no farther than the view."""
        assert self.place is not None
        view, axes = self.view, self.view.viewport.axes
        step = np.asarray(axes.right) * way[0] + np.asarray(axes.down) * way[1]
        at = view.to_view(self.on_plane() + step * (pixels * self.step_mm))
        x = min(max(at.x(), _EDGE), view.width() - _EDGE)
        y = min(max(at.y(), _EDGE), view.height() - _EDGE)
        inside = QPointF(x, y)
        self.place = view.lps_at(inside) if inside != at else self.on_plane() + step * (
            pixels * self.step_mm
        )  # fmt: skip
        self._clicked = None
        self._send(QEvent.Type.MouseMove)
        self._say()

    def on_plane(self) -> Floats:
        """Its place on the plane that is shown now."""
        assert self.place is not None
        view, normal = self.view.viewport, self.view.viewport.axes.normal
        return np.asarray(self.place + normal * (view.plane_mm - float(self.place @ normal)))

    def _press(self, *, shift: bool) -> None:
        place = self.on_plane()
        if self.held:
            self.release()
        elif self.view.tool in _STROKES or self.view.painting is not None:
            self._send(QEvent.Type.MouseButtonPress, shift=shift)
            self.held = True
        elif self._clicked is not None and np.allclose(place, self._clicked):
            self._send(QEvent.Type.MouseButtonDblClick)
            self._send(QEvent.Type.MouseButtonRelease)
            self._clicked = None
        else:
            self._send(QEvent.Type.MouseButtonPress, shift=shift)
            self._send(QEvent.Type.MouseButtonRelease, shift=shift)
            self._clicked = place
        self._say()

    def release(self) -> None:
        """Let go of the button."""
        if self.held:
            self.held = False
            self._send(QEvent.Type.MouseButtonRelease)

    def _escape(self) -> None:
        """What is half drawn goes first, then the tool with the pointer."""
        if self.held:
            self.release()
            return
        self._clicked = None
        tool = self.view.tool
        if not self.view.do("cancel_mark") or not tool or not self.view.tool:
            self.end()
        else:
            self._send(QEvent.Type.MouseMove)

    def end(self) -> None:
        """Go away; a stroke under way ends where it is."""
        if self.place is not None:
            self.release()
            self.place, self._clicked = None, None
            self.view.mouse.leave()
            self.view.said.emit("")

    def _send(self, kind: QEvent.Type, *, shift: bool = False) -> None:
        """To the view's mouse, as if a hand had done it."""
        view, mouse = self.view, self.view.mouse
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        free = kind == QEvent.Type.MouseMove
        keys = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        at = view.to_view(self.on_plane())
        button = none if free else left
        down = none if kind == QEvent.Type.MouseButtonRelease or (free and not self.held) else left
        event = QMouseEvent(kind, at, QPointF(view.mapToGlobal(at)), button, down, keys)
        if free:
            mouse.move(event)
        elif kind == QEvent.Type.MouseButtonPress:
            mouse.press(event)
        elif kind == QEvent.Type.MouseButtonDblClick:
            mouse.double_click(event)
        else:
            mouse.release(event)
        view.unsetCursor()

    def _say(self) -> None:
        """What is under it and what is being drawn, for the line below and for screen readers."""
        words = [self.view.readout(), *(layer.spoken() for layer in self.view.layers)]
        self.view.said.emit("  ·  ".join(word for word in words if word))
        self.view.update()

    def draw(self, painter: QPainter) -> None:
        """A cross with a gap in its middle, so that the pixel under it stays in sight."""
        if self.place is None:
            return
        at = self.view.to_view(self.on_plane())
        ways = [QPointF(*way) for way in WAYS.values()]
        for pen in (QPen(QColor(0, 0, 0, 220), 3.4), QPen(QColor(theme.FOCUS), 1.5)):
            painter.setPen(pen)
            for way in ways:
                painter.drawLine(at + way * 4.0, at + way * 13.0)
            if self.held:
                painter.drawEllipse(at, 9.0, 9.0)

"""3D by keys: arrows turn, move the chosen face of the crop box, or the pointer of the scissors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF

from workstation.text import tr
from workstation.viewing.solid_look import SolidLook, moved_face

if TYPE_CHECKING:
    from workstation.ui.volume_view import VolumeView

WAYS = {
    "solid_go_left": (-1.0, 0.0),
    "solid_go_right": (1.0, 0.0),
    "solid_go_up": (0.0, -1.0),
    "solid_go_down": (0.0, 1.0),
}
SCISSORS = ("solid_scissors", "solid_keep")
_TURN_DEG, _FACE_MM, _POINTER_PX = (10.0, 2.0), (5.0, 1.0), (12.0, 2.0)  # usual, fine
_ALONG = 0.3  # an axis that is seen shorter than this looks at the reader
_SAME_PX = 1.5


class SolidHand:
    """What the mouse does with the left button, by keys.

    ``face``: of the crop box, 0 to 5 (x low, x high, y low ...), -1 before one is chosen.
    ``pointer``: of the scissors, in the widget; None before it is used. ``fine``: small steps.
    """

    def __init__(self, view: VolumeView) -> None:
        self.view = view
        self.face = -1
        self.pointer: QPointF | None = None
        self.fine = False
        self._moved: SolidLook | None = None  # before the face in hand was moved: one step back
        view.model.told.connect(self._tool_changed)

    def _tool_changed(self) -> None:
        tool, self._moved = self.view.model.tool, None  # also after a step was taken back
        if tool != "solid_crop":
            self.face = -1
        if tool not in SCISSORS and self.pointer is not None:
            self.pointer, self.view.mouse.outline = None, []

    def takes(self, action: str) -> bool:
        """Whether a command's key is this view's now; Enter and Escape only with a tool."""
        return bool(action) and (action not in ("solid_corner", "solid_stop") or self._has_tool)

    @property
    def _has_tool(self) -> bool:
        return self.view.model.tool in ("solid_crop", *SCISSORS)

    def perform(self, action: str) -> bool:
        """A command of the keys; False where it is none of them or means nothing now."""
        tool = self.view.model.tool
        if action in WAYS:
            if tool == "solid_crop":
                self._move_face(WAYS[action])
            elif tool in SCISSORS:
                self._move_pointer(WAYS[action])
            else:
                self._turn(WAYS[action])
        elif action == "solid_corner" and tool == "solid_crop":
            self._next_face()
        elif action == "solid_corner" and tool in SCISSORS:
            self._corner()
        elif action == "solid_stop" and self._has_tool:
            self._stop()
        else:
            return False
        self.view.update()
        return True

    def _turn(self, way: tuple[float, float]) -> None:
        look, step = self.view.look, _TURN_DEG[self.fine]
        assert look is not None
        self.view.set_look(replace(look, camera=look.camera.orbit(way[0] * step, way[1] * step)))

    # --- crop box

    def _next_face(self) -> None:
        self.face, self._moved = (self.face + 1) % 6, None

    def _move_face(self, way: tuple[float, float]) -> None:
        """Towards where the arrow points on the screen; a face that looks at the reader, or away,
        comes nearer with up and goes away with down."""
        view, look = self.view, self.view.look
        box, bounds = view.model.crop_box, view.model.bounds
        if look is None or box is None or bounds is None:
            return
        if self.face < 0:
            self._next_face()
        axis, camera = np.eye(3)[self.face // 2], look.camera
        right, down = float(axis @ camera.right), float(axis @ camera.down)
        seen = way[0] * right + way[1] * down
        if max(abs(right), abs(down)) < _ALONG:  # nearer is against the direction of sight
            seen = way[1] * float(axis @ np.asarray(camera.ahead))
        if abs(seen) < 1e-3:
            return
        by_mm = float(np.sign(seen)) * _FACE_MM[self.fine]
        moved = replace(look, box=moved_face(box, self.face, by_mm, bounds))
        if moved == look:
            return
        if self._moved is None:
            view.model.remember(look)
            self._moved = look
        view.set_look(moved)

    # --- scissors

    def _start(self) -> QPointF:
        rect = self.view.rect()
        if self.pointer is None:
            self.pointer = QPointF(rect.center())
        return self.pointer

    def _move_pointer(self, way: tuple[float, float]) -> None:
        view, at, step = self.view, self._start(), _POINTER_PX[self.fine]
        x = min(max(at.x() + way[0] * step, 0.0), view.width() - 1.0)
        y = min(max(at.y() + way[1] * step, 0.0), view.height() - 1.0)
        self.pointer = QPointF(x, y)

    def _corner(self) -> None:
        """A corner where the pointer stands; the same place again ends the outline and cuts."""
        mouse = self.view.mouse
        at = self._start()
        last = mouse.outline[-1] if mouse.outline else None
        if last is None or (last - at).manhattanLength() > _SAME_PX:
            mouse.outline.append(QPointF(at))
        elif len(mouse.outline) > 2:
            outline, mouse.outline = mouse.outline, []
            mouse.cut(outline)

    def _stop(self) -> None:
        """The last corner goes first, then the tool."""
        outline = self.view.mouse.outline
        if outline:
            outline.pop()
        else:
            self.view.model.set_tool("solid_turn")

    def words(self) -> str:
        """What the keys do now, for the line below."""
        tool = self.view.model.tool
        if tool == "solid_crop":
            return tr("Enter: next face, arrows move it, Shift finely")
        if tool in SCISSORS:
            return tr("Arrows, Enter a corner, Enter again cuts, Esc")
        return ""

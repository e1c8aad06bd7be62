"""The mouse on a 3D view: turn, pan, zoom, brightness, scissors, crop box, crosshair."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from workstation.ui.solid_hand import SolidHand
from workstation.viewing.solid_camera import point
from workstation.viewing.solid_copy import Snip
from workstation.viewing.solid_look import SolidLook, face_centres, moved_face

if TYPE_CHECKING:
    from workstation.ui.volume_view import VolumeView

CLICK_PX = 4.0
GRAB_PX = 11.0
_TURN_DEG = 0.5  # a pixel
_WHOLE_PX = 500.0  # a drag of this length shifts the look by its whole range
_LEAST_OUTLINE_PX = 40.0


class SolidMouse:
    """What a drag means is decided when the button goes down and holds until it is released."""

    def __init__(self, view: VolumeView) -> None:
        self.view = view
        self.outline: list[QPointF] = []
        self.held_face = -1
        self.hand = SolidHand(view)
        self._button = Qt.MouseButton.NoButton
        self._meaning = ""
        self._down = QPointF()
        self._last = QPointF()
        self._start: SolidLook | None = None
        self._was_active = False
        self._click = QTimer(view)  # a double click must not move the crosshair
        self._click.setSingleShot(True)
        self._click.timeout.connect(lambda: view.pick_at(self._down))

    def press(self, event: QMouseEvent, *, was_active: bool) -> None:
        """Begin a drag."""
        view = self.view
        if view.look is None or self._button is not Qt.MouseButton.NoButton:
            return
        self._button, self._was_active = event.button(), was_active
        self._down = self._last = event.position()
        self._start = view.look
        self._meaning = self._meant(event)
        if self._meaning == "pick":
            view.pick_at(event.position())
        elif self._meaning == "outline":
            self.outline = [event.position()]

    def _meant(self, event: QMouseEvent) -> str:
        view, keys = self.view, event.modifiers()
        if event.button() is Qt.MouseButton.MiddleButton:
            return "pan"
        if event.button() is Qt.MouseButton.RightButton:
            return "zoom"
        if event.button() is not Qt.MouseButton.LeftButton:
            return ""
        if view.model.tool == "solid_crop":
            self.held_face = self._face_at(event.position())
            if self.held_face >= 0:
                return "face"
        if keys & Qt.KeyboardModifier.ShiftModifier:
            return "pick"
        if keys & Qt.KeyboardModifier.ControlModifier:
            return "brightness"
        return {"solid_scissors": "outline", "solid_keep": "outline",
                "solid_brightness": "brightness"}.get(view.model.tool, "turn")  # fmt: skip

    def _face_at(self, place: QPointF) -> int:
        view = self.view
        if view.model.crop_box is None or view.camera is None:
            return -1
        at = view.camera.to_view(face_centres(view.model.crop_box), view.width(), view.height())
        away = np.hypot(at[:, 0] - place.x(), at[:, 1] - place.y())
        near = np.flatnonzero(away < GRAB_PX)
        # Two handles in line of sight: the nearer one.
        return int(near[np.argmin(at[near, 2])]) if near.size else -1

    def move(self, event: QMouseEvent) -> None:
        """Go on with it."""
        view, start = self.view, self._start
        place = event.position()
        if self._button is Qt.MouseButton.NoButton or view.look is None or start is None:
            self._hover(event)
            return
        moved, away = place - self._last, place - self._down
        self._last = place
        if self._meaning == "outline":
            self.outline.append(place)
            view.update()
        elif self._meaning == "pick":
            view.pick_at(place)
        elif self._meaning == "face":
            self._pull_face(moved)
        elif self._meaning == "brightness":
            view.set_look(shifted_look(start, view.value_span, away.x(), away.y()))
        elif max(abs(away.x()), abs(away.y())) >= CLICK_PX or self._meaning != "turn":
            camera = view.look.camera
            if self._meaning == "turn":
                camera = camera.orbit(moved.x() * _TURN_DEG, moved.y() * _TURN_DEG)
            elif self._meaning == "pan":
                camera = camera.panned(moved.x(), moved.y(), view.height())
            elif self._meaning == "zoom":
                camera = camera.zoomed(float(np.exp(-moved.y() * 0.008)))
            view.set_look(replace(view.look, camera=camera))

    def _hover(self, event: QMouseEvent) -> None:
        view = self.view
        keys = event.modifiers()
        if keys & Qt.KeyboardModifier.ShiftModifier and view.look is not None:
            view.pick_at(event.position())  # the crosshair follows, as in every other view
        grab = view.model.tool == "solid_crop" and self._face_at(event.position()) >= 0
        shape = Qt.CursorShape.SizeAllCursor if grab else Qt.CursorShape.ArrowCursor
        if view.model.tool in ("solid_scissors", "solid_keep"):
            shape = Qt.CursorShape.CrossCursor
        view.setCursor(shape)

    def _pull_face(self, moved: QPointF) -> None:
        view = self.view
        box, camera, bounds = view.model.crop_box, view.camera, view.model.bounds
        if box is None or camera is None or bounds is None or view.look is None:
            return
        axis = np.eye(3)[self.held_face // 2]
        on_screen = np.array([axis @ camera.right, axis @ camera.down])
        length = float(on_screen @ on_screen)
        if length < 0.01:
            return  # the face looks at the reader: pulling it cannot be seen
        drag = np.array([moved.x(), moved.y()]) * camera.mm_per_pixel(view.height())
        by_mm = float(drag @ on_screen) / length
        view.set_look(replace(view.look, box=moved_face(box, self.held_face, by_mm, bounds)))

    def release(self, event: QMouseEvent) -> None:
        """End it; a button that did not move was a click."""
        if event.button() is not self._button:
            return
        view, button, meaning = self.view, self._button, self._meaning
        self._button, self._meaning, self.held_face = Qt.MouseButton.NoButton, "", -1
        moved = event.position() - self._down
        clicked = max(abs(moved.x()), abs(moved.y())) < CLICK_PX
        start, self._start = self._start, None
        if meaning == "outline":
            outline, self.outline = self.outline, []
            self.cut(outline)
        elif meaning == "face" and start is not None:
            view.model.remember(start)
            view.update()
        elif clicked and button is Qt.MouseButton.RightButton:
            view.show_menu(event.globalPosition().toPoint())
        elif clicked and meaning == "turn" and self._was_active:
            self._click.start(QApplication.doubleClickInterval())

    def cut(self, outline: list[QPointF]) -> None:
        """Cut by an outline in the widget, away or free as the tool says; undone as one step."""
        view = self.view
        length = sum(abs(b.x() - a.x()) + abs(b.y() - a.y()) for a, b in pairwise(outline))
        if view.look is None or view.camera is None or length < _LEAST_OUTLINE_PX:
            view.update()
            return
        camera, mm = view.camera, view.camera.mm_per_pixel(view.height())
        middle = QPointF(view.width() / 2, view.height() / 2)
        corners = tuple(((p.x() - middle.x()) * mm, (p.y() - middle.y()) * mm) for p in outline)
        snip = Snip(corners, camera.target_mm, point(camera.right), point(camera.down),
                    view.model.tool == "solid_scissors")  # fmt: skip
        view.model.remember(view.look)
        view.set_look(replace(view.look, snips=(*view.look.snips, snip)))

    def double_click(self) -> None:
        """Maximise; the click before it meant nothing else."""
        self._click.stop()
        self._button = Qt.MouseButton.NoButton
        self.view.maximise_asked.emit()

    def wheel(self, event: QWheelEvent) -> None:
        """Zoom."""
        view = self.view
        if view.look is not None:
            camera = view.look.camera.zoomed(float(np.exp(event.angleDelta().y() / 120 * 0.12)))
            view.set_look(replace(view.look, camera=camera))
        event.accept()


def shifted_look(start: SolidLook, span: float, right_px: float, down_px: float) -> SolidLook:
    """Right: the look moves up in values, as a window's centre does; down: it grows wider."""
    stretch = start.stretch * float(np.exp(down_px / _WHOLE_PX))
    return replace(
        start,
        shift=start.shift + span * right_px / _WHOLE_PX,
        stretch=min(max(stretch, 0.1), 10.0),
    )

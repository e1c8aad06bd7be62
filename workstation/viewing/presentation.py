"""Applying a presentation state to a view: window, turn and flip, displayed area; and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workstation.domain.document import DisplayedArea, PresentationState, StateWindow, meant_for
from workstation.domain.errors import Message
from workstation.domain.image_plane import ImagePlane, plane_at, plane_of
from workstation.domain.plane import (
    Axes,
    PlaneKind,
    Steps,
    axes_of,
    steps_along,
    uneven_steps,
)
from workstation.domain.volume import Frame, Stack, acquired_frames
from workstation.viewing.state_window import window_of_state
from workstation.viewing.viewport import Viewport
from workstation.viewing.window_level import Window


def image_shown(viewport: Viewport) -> ImagePlane | None:
    """The stored image that a view shows as it was made; None for anything cut or thick."""
    volume = viewport.volume
    if volume is None or viewport.kind is not PlaneKind.ACQUIRED or viewport.slab.thickness_mm > 0:
        return None
    if not volume.stack.frames:
        return None
    if viewport.acquired_image is not None:
        frame = acquired_frames(volume.stack, volume.phase)[viewport.acquired_image]
        return plane_of(volume.stack, frame.sop_instance_uid, frame.number)
    return plane_at(volume.stack, volume.phase, viewport.stored_z)


def axes_of_state(plane: ImagePlane, state: PresentationState) -> Axes:
    """Directions of the picture that a state asks for (PS3.3 C.10.6).

    The image as stored, turned clockwise by quarter turns, then mirrored left to right.
    """
    right, down = (np.array(d) for d in plane.grid.directions[:, :2].T)
    for _ in range(state.rotation_deg // 90 % 4):
        right, down = -down, right
    if state.flipped:
        right = -right
    a, b = (tuple(float(v) for v in d) for d in (right, down))
    return Axes((a[0], a[1], a[2]), (b[0], b[1], b[2]))


def show_axes(viewport: Viewport, axes: Axes) -> None:
    """Show the acquired slices along other axes of their own plane."""
    if viewport.grid is None or viewport.kind is not PlaneKind.ACQUIRED or viewport.axes == axes:
        return
    turned = float(viewport.axes.normal @ axes.normal) < 0
    viewport.axes = viewport.home_axes = axes
    if viewport.steps.places_mm:
        if turned:
            viewport.steps = _mirrored(viewport.steps)
    else:
        viewport.steps = steps_along(viewport.grid, axes.normal)


def _mirrored(steps: Steps) -> Steps:
    return uneven_steps([-place for place in reversed(steps.places_mm)])


@dataclass(frozen=True)
class _Before:
    """How a view was before a state was applied to it."""

    stack_id: str
    window: Window
    window_name: str
    invert: bool
    axes: Axes
    zoom: float
    pan_mm: tuple[float, float]


class Applied:
    """Presentation states on one view. ``update`` after every change of the view or the states.

    A state acts when an image that it is for comes into view; what a reader changes then stays
    changed until another image comes. Where no state is for the image, the view is as it was.
    screen_mm: size of a pixel of the screen, 0 where it is not known. said: what of the state
    could not be applied to this very image.
    """

    def __init__(self, viewport: Viewport) -> None:
        self.viewport = viewport
        self.state: PresentationState | None = None
        self.plane: ImagePlane | None = None
        self._before: _Before | None = None
        self._key: tuple[str, str, int] | None = None
        self.screen_mm = 0.0
        self.said: Message | None = None

    def update(self, states: list[PresentationState], width: int, height: int) -> None:
        """states: those that are on, the last one wins. width, height: of the view, pixels."""
        view = self.viewport
        if not states and self._key is None:
            return  # the usual case, asked at every step of a scroll
        plane = image_shown(view)
        state = None
        if plane is not None:
            at = (plane.sop_instance_uid, plane.frame)
            state = next((s for s in reversed(states) if s.concerns(*at)), None)
        self.state, self.plane = state, plane
        key = (
            (state.sop_instance_uid, plane.sop_instance_uid, plane.frame)
            if state is not None and plane is not None
            else None
        )
        if key == self._key:
            return
        first = self._key is None or key is None or self._key[0] != key[0]
        self._key = key
        if self._before is not None and (first or view.volume is None):
            self._restore()
        if state is None or plane is None or view.volume is None:
            return
        if self._before is None:
            self._before = _Before(
                view.volume.stack.id,
                view.window,
                view.window_name,
                view.invert,
                view.axes,
                view.zoom,
                view.pan_mm,
            )
        self._apply(state, plane, width, height, fit=first)

    def _restore(self) -> None:
        before, self._before = self._before, None
        view = self.viewport
        if before is None or view.volume is None or view.volume.stack.id != before.stack_id:
            return
        if view.kind is PlaneKind.ACQUIRED and view.grid is not None:
            show_axes(view, axes_of(PlaneKind.ACQUIRED, view.grid))
        view.invert, view.zoom, view.pan_mm = before.invert, before.zoom, before.pan_mm
        view.set_window(before.window, before.window_name)

    def _apply(
        self, state: PresentationState, plane: ImagePlane, width: int, height: int, *, fit: bool
    ) -> None:
        view = self.viewport
        show_axes(view, axes_of_state(plane, state))
        at = (plane.sop_instance_uid, plane.frame)
        area = next((a for a in state.areas if meant_for(a.images, *at)), None)
        if fit and area is not None:
            self._show_area(area, plane, width, height)
        assert view.volume is not None
        # The shape of a state takes the place of the image's own (PS3.3 C.11.6).
        view.invert = state.inverse if view.volume.stack.samples == 1 else False
        assert self._before is not None
        frame = frame_of(view.volume.stack, *at)
        window, self.said = window_of_state(
            state, window_for(state, plane), self._before.window, frame
        )
        if window is not None:
            view.set_window(window, state.label or "GSPS")
        else:
            view.changed.emit()

    def _show_area(self, area: DisplayedArea, plane: ImagePlane, width: int, height: int) -> None:
        """Put the displayed area into the pane as a whole (SCALE TO FIT), or magnified."""
        view = self.viewport
        rows, columns = plane.grid.shape[1:]
        edges = (area.left, area.top, area.right, area.bottom)
        if np.allclose(edges, (-0.5, -0.5, columns - 0.5, rows - 0.5), atol=0.01):
            view.zoom, view.pan_mm = 1.0, (0.0, 0.0)
            if area.mode == "SCALE TO FIT":
                return
        right, down = np.asarray(view.axes.right), np.asarray(view.axes.down)
        corners = plane.to_mm([(edges[0], edges[1]), (edges[2], edges[3])])
        across = abs(float((corners[1] - corners[0]) @ right))
        along = abs(float((corners[1] - corners[0]) @ down))
        view.zoom, view.pan_mm = 1.0, (0.0, 0.0)
        raster = view.raster(width, height)
        wanted = max(across / max(width, 1), along / max(height, 1))
        if area.mode == "MAGNIFY":
            wanted = plane.grid.spacing_mm[0] / max(area.magnification, 1e-3)
        elif area.mode == "TRUE SIZE" and area.pixel_mm > 0 and self.screen_mm > 0:
            # As many millimetres of the patient to a pixel of the screen as make one pixel of the
            # image as high as it is to be (PS3.3 C.10.4.1.2).
            wanted = plane.grid.spacing_mm[1] / area.pixel_mm * self.screen_mm
        if wanted > 0:
            view.zoom = raster.mm_per_pixel / wanted
        away = corners.mean(axis=0) - np.asarray(raster.centre_mm)
        view.pan_mm = (-float(away @ right), -float(away @ down))


def frame_of(stack: Stack, sop_instance_uid: str, number: int) -> Frame:
    """The stored image of a stack with this identity."""
    return next(
        frame
        for frame in stack.frames
        if (frame.sop_instance_uid, frame.number) == (sop_instance_uid, number)
    )


def window_for(state: PresentationState, plane: ImagePlane) -> StateWindow | None:
    """The window that a state asks for an image; None where it leaves the image's own."""
    at = (plane.sop_instance_uid, plane.frame)
    return next((w for w in state.windows if meant_for(w.images, *at)), None)

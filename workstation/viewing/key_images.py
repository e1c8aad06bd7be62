"""Which image is a key image, and how a view shows one again."""

from __future__ import annotations

import numpy as np

from workstation.domain.artefact import new_id, now
from workstation.domain.mark import KeyImage
from workstation.domain.plane import PlaneKind, axes_of
from workstation.domain.volume import acquired_frames
from workstation.viewing.solid_camera import point
from workstation.viewing.viewport import Viewport
from workstation.viewing.window_level import Window

_PARALLEL = 1 - 1e-6


def seen_in(viewport: Viewport, *, caption: str, solid: bool = False) -> KeyImage | None:
    """What a view shows as a key image, still without reader and picture; None without a file."""
    volume = viewport.volume
    if volume is None or viewport.grid is None:
        return None
    stack = volume.stack
    places = stack.grid.shape[0]
    frames = stack.frames[volume.phase * places : (volume.phase + 1) * places]
    frame = frames[viewport.stored_z] if viewport.stored_z < len(frames) else None
    image = viewport.acquired_image
    if image is not None:
        frame = acquired_frames(stack, volume.phase)[image]
    if frame is None or not frame.sop_instance_uid:
        return None
    acquired = viewport.kind is PlaneKind.ACQUIRED and not solid
    return KeyImage(
        id=new_id(),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        sop_instance_uid=frame.sop_instance_uid,
        frame=frame.number,
        phase=volume.phase,
        by="",
        at=now(),
        focus_mm=point(viewport.focus_mm),
        window=(viewport.window.centre, viewport.window.width),
        caption=caption,
        right=None if acquired else viewport.axes.right,
        down=None if acquired else viewport.axes.down,
        solid=solid,
    )


def is_here(image: KeyImage, viewport: Viewport, *, solid: bool = False) -> bool:
    """Whether a view shows a key image: the same image, or the same plane through the volume."""
    volume = viewport.volume
    if volume is None or image.stack_id != volume.stack.id or image.phase != volume.phase:
        return False
    if solid or image.solid:
        return solid and image.solid
    now_seen = seen_in(viewport, caption="")
    if now_seen is None:
        return False
    if image.right is None or image.down is None:
        same = (image.sop_instance_uid, image.frame)
        return now_seen.right is None and same == (now_seen.sop_instance_uid, now_seen.frame)
    normal = np.cross(image.right, image.down)
    if now_seen.right is None or abs(float(normal @ viewport.axes.normal)) < _PARALLEL:
        return False
    apart = abs(float((np.asarray(image.focus_mm) - viewport.focus_mm) @ normal))
    return apart < viewport.steps.step_mm / 2


def show_again(image: KeyImage, viewport: Viewport) -> None:
    """Turn a view that shows the right series to a key image's plane, place and window."""
    if viewport.grid is None:
        return
    if image.right is None or image.down is None:
        viewport.set_plane(PlaneKind.ACQUIRED)
    else:
        normal = np.cross(image.right, image.down)
        kinds = (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)
        same = (
            kind for kind in kinds
            if abs(float(axes_of(kind, viewport.grid).normal @ normal)) > _PARALLEL
        )  # fmt: skip
        kind = next(same, None)
        if kind is not None:
            viewport.set_plane(kind)
        else:
            about = np.cross(viewport.axes.normal, normal)
            sine = float(np.linalg.norm(about))
            if sine > 1e-9:
                turn = np.arctan2(sine, float(viewport.axes.normal @ normal))
                viewport.turn(about / sine, float(np.degrees(turn)))
    viewport.move_focus(np.asarray(image.focus_mm, dtype=np.float64))
    if image.window is not None:
        viewport.set_window(Window(*image.window))

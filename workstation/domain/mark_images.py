"""Which image a mark lies on, and which voxels it is measured on.

Of an unevenly spaced stack the grid holds planes interpolated between the images. A mark drawn on
an image as acquired is measured on the stored pixels of exactly that image; anywhere else in such
a stack values are interpolated, and say so ("sampled").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Grid
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.mark_voxels import (
    Inside,
    Painted,
    Slices,
    inside_of,
    is_parallel,
    slice_of,
    value_at,
)
from workstation.domain.pages import drawing_grid
from workstation.domain.volume import Flag, Frame, Stack, acquired_frames, acquired_grid

_ON_IMAGE_MM = 0.01  # what coordinates lose in files


def is_uneven(stack: Stack) -> bool:
    """Whether planes of the grid are no images but interpolated between them."""
    return Flag.UNEVEN_SPACING in stack.flags and bool(stack.frames)


def image_at(mark: Mark, stack: Stack) -> int | None:
    """Which of ``acquired_frames`` of an uneven stack a mark was drawn on; None for cut planes.

    A painted region, whose place is that of voxels of the grid, is on the image that it names.
    """
    if not is_uneven(stack):
        return None
    frames = acquired_frames(stack, mark.phase)
    if mark.kind is MarkKind.BRUSH and mark.sop_instance_uid:
        named = (mark.sop_instance_uid, mark.frame)
        return next(
            (n for n, f in enumerate(frames) if (f.sop_instance_uid, f.number) == named), None
        )
    if not frames or not is_parallel(mark, stack.grid):
        return None
    depths = np.asarray(mark.points_mm) @ stack.grid.slice_normal
    away = np.abs(np.array([f.position_mm for f in frames]) - float(np.mean(depths)))
    nearest = int(away.argmin())
    return nearest if away[nearest] <= _ON_IMAGE_MM else None


def frame_of(mark: Mark, stack: Stack) -> Frame | None:
    """The stored image in whose plane a mark lies, if any."""
    if is_uneven(stack):
        image = image_at(mark, stack)
        return None if image is None else acquired_frames(stack, mark.phase)[image]
    z = slice_of(mark, drawing_grid(stack))
    frame = stack.frame(mark.phase, z) if z is not None and stack.frames else None
    return frame if frame is not None and frame.sha256 else None


def image_number(mark: Mark, stack: Stack) -> int | None:
    """The number, from 1, that a view shows of the image a mark lies on; None for cut planes."""
    at = image_at(mark, stack) if is_uneven(stack) else slice_of(mark, drawing_grid(stack))
    return None if at is None else at + 1


def value_of(
    mark: Mark, stack: Stack, slices: Slices, images: Slices | None = None
) -> tuple[float, str] | None:
    """The value at a mark's first point and its formula; None outside or while not read yet.

    slices: planes of the grid. images: of an uneven stack its images, by ``acquired_frames``.
    """
    grid, planes = _measured_on(mark, stack, slices, images)
    value = value_at(grid, planes, np.asarray(mark.points_mm[0]))
    if value is None:
        return None
    between = is_uneven(stack) and image_at(mark, stack) is None
    return value, "sampled" if between else "nearest"


def values_in(
    mark: Mark,
    stack: Stack,
    slices: Slices,
    painted: Painted | None = None,
    images: Slices | None = None,
) -> Inside | None:
    """Values inside a region, of the image that it was drawn on; see ``value_of``."""
    if not is_uneven(stack):
        return inside_of(mark, drawing_grid(stack), slices, painted)
    if mark.kind is MarkKind.BRUSH:
        return _in_painted(mark, stack, slices, painted, images)
    grid, planes = _measured_on(mark, stack, slices, images)
    return inside_of(mark, grid, planes, between=image_at(mark, stack) is None)


def _measured_on(
    mark: Mark, stack: Stack, slices: Slices, images: Slices | None
) -> tuple[Grid, Slices]:
    at = image_at(mark, stack)
    if at is None:
        return drawing_grid(stack), slices
    place = acquired_frames(stack, mark.phase)[at].position_mm
    return acquired_grid(stack, place), lambda z: None if images is None else images(at)


def _in_painted(
    mark: Mark, stack: Stack, slices: Slices, painted: Painted | None, images: Slices | None
) -> Inside | None:
    drawn_on = {z: painted_image(stack, mark.phase, z) for z in painted or {}}
    if not mark.sop_instance_uid or None in drawn_on.values():
        inside = inside_of(mark, stack.grid, slices, painted)
        return None if inside is None else replace(inside, stored=False)

    def image(z: int) -> NDArray[Any] | None:
        at = drawn_on[z]
        return None if images is None or at is None else images(at)

    return inside_of(mark, stack.grid, image, painted)


def painted_depths_mm(stack: Stack, phase: int, planes: Iterable[int]) -> dict[int, float] | None:
    """How far along the normal each painted plane of an uneven stack counts: its image half way
    to each neighbour, one at an end as far outwards as inwards. None where a plane lies between
    the images, or two are of one image.
    """
    images = {z: painted_image(stack, phase, z) for z in planes}
    if None in images.values() or len(set(images.values())) < len(images):
        return None
    places = np.array([f.position_mm for f in acquired_frames(stack, phase)])
    if len(places) < 2:
        return None
    gaps = np.diff(places)
    depths = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2
    return {z: float(depths[at]) for z, at in images.items() if at is not None}


def painted_image(stack: Stack, phase: int, z: int) -> int | None:
    """Which image is painted on in plane ``z`` of the grid: the one whose nearest plane it is."""
    frame, grid = stack.frame(phase, z), stack.grid
    place = float(grid.slice_normal @ grid.to_lps((0.0, 0.0, float(z))))
    step = abs(float(grid.slice_normal @ grid.matrix[:3, 2]))
    if abs(frame.position_mm - place) > (0.5 + 1e-6) * step:
        return None
    named = (frame.sha256, frame.number)
    frames = acquired_frames(stack, phase)
    return next((n for n, f in enumerate(frames) if (f.sha256, f.number) == named), None)

"""Filling between painted slices, values in a range, and masks combined with each other."""

from __future__ import annotations

import enum
import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid
from workstation.domain.voxel_set import Bools, VoxelSet, is_straight, union
from workstation.domain.work import Cancel, Progress, no_progress

_FILLING = Message(N_("Filling between slices"))
_LOOKING = Message(N_("Looking for values in range"))


def fill_between(
    mask: VoxelSet,
    axis: int = 0,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> VoxelSet:
    """Empty slices between painted ones filled by shape-based interpolation (Raya, Udupa 1990).

    axis: array axis along which the slices were painted. Between two neighbouring painted slices
    the signed distances to their outlines, in mm, are interpolated linearly and cut at zero; the
    outlines are moved onto each other by their centres of mass first, so that structures that run
    obliquely (or a tilted stack's) do not fall apart. Painted slices stay as they are.
    ``BadInput`` where fewer than two slices are painted or none lies empty between them.
    """
    rest = tuple(a for a in range(3) if a != axis)
    if not is_straight(mask.grid, rest):
        raise BadInput(
            N_("The voxels of these slices are no rectangles: fill between acquired slices.")
        )
    planes = np.moveaxis(mask.voxels, axis, 0)
    painted = np.flatnonzero(planes.any(axis=(1, 2)))
    gaps = [(int(a), int(b)) for a, b in itertools.pairwise(painted) if b - a > 1]
    if not gaps:
        raise BadInput(N_("Paint the segment on two or more slices with empty ones in between."))
    sampling = [mask.grid.spacing_mm[2 - a] for a in rest]
    out = planes.copy()
    for number, (low, high) in enumerate(gaps):
        progress(number / len(gaps), _FILLING)
        first, second = planes[low], planes[high]
        centres = [np.argwhere(plane).mean(axis=0) for plane in (first, second)]
        way = centres[1] - centres[0]
        # A margin so that what is moved stays within the picture.
        pad = int(np.ceil(np.abs(way).max())) + 1
        a, b = (_signed(np.pad(plane, pad), sampling) for plane in (first, second))
        for z in range(low + 1, high):
            if cancel is not None:
                cancel.check()
            share = (z - low) / (high - low)
            moved_a = ndimage.shift(a, way * share, order=1, mode="nearest")
            moved_b = ndimage.shift(b, -way * (1 - share), order=1, mode="nearest")
            between = moved_a * (1 - share) + moved_b * share < 0
            out[z] = between[pad:-pad, pad:-pad]
    voxels = np.ascontiguousarray(np.moveaxis(out, 0, axis))
    return VoxelSet(mask.grid, voxels, mask.origin).cropped()


def _signed(plane: Bools, sampling: list[float]) -> Floats:
    """Distance to the outline, mm: negative inside. The outline runs between voxel centres."""
    inside = ndimage.distance_transform_edt(plane, sampling=sampling)
    outside = ndimage.distance_transform_edt(~plane, sampling=sampling)
    half = float(np.mean(sampling)) / 2
    return np.asarray(np.where(plane, half - inside, outside - half), dtype=np.float64)


def in_range(
    image: NDArray[Any],
    grid: Grid,
    low: float,
    high: float,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> VoxelSet:
    """Every voxel of the image with a value of low .. high, ends included."""
    out = np.zeros(grid.shape, dtype=np.bool_)
    for z, plane in enumerate(image):
        if cancel is not None:
            cancel.check()
        if z % 16 == 0:
            progress(z / len(image), _LOOKING)
        np.greater_equal(plane, low, out=out[z])
        out[z] &= plane <= high
    return VoxelSet.of(out, grid)


class Combination(enum.Enum):
    """What a segment becomes of itself and another."""

    ADD = "add"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"
    COPY = "copy"
    INVERT = "invert"


def combine(mask: VoxelSet, how: Combination, other: VoxelSet | None = None) -> VoxelSet:
    """The mask combined with another one on the same grid. INVERT needs no other."""
    if how is Combination.INVERT:
        return VoxelSet(mask.grid, ~mask.full()).cropped()
    if other is None or other.grid != mask.grid:
        raise BadInput(N_("The two segments do not lie on the same image grid."))
    if how is Combination.COPY:
        return other
    block = mask.block
    if how is Combination.ADD:
        block = union(mask.block, other.block)
    voxels = mask.over(block)
    if how is Combination.ADD:
        voxels |= other.over(block)
    elif how is Combination.SUBTRACT:
        voxels &= ~other.over(block)
    else:
        voxels &= other.over(block)
    origin = (block[0].start, block[1].start, block[2].start)
    return VoxelSet(mask.grid, voxels, origin).cropped()

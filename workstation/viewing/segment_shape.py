"""The shape of masks in millimetres: margins, smoothing. Exact for the grid's true geometry.

On straight grids distances come from a Euclidean distance transform of each slice combined over
slices (Maurer 2003 is the same minimum over all axes); on sheared grids (tilted gantry) voxels
within a ball are counted with the grid's own metric, so a millimetre is one in every direction.
Beyond the edge of the image nothing is known: objects cut by it are not eroded from there.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid
from workstation.domain.voxel_set import Bools, VoxelSet, is_straight
from workstation.domain.work import Cancel, Progress, no_progress

_DOING = Message(N_("Changing the shape"))
_TOUCH = 1e-6  # mm: a voxel whose centre lies on the ball's surface belongs to it


class Smoothing(enum.Enum):
    """How a mask is made smooth; the millimetres are a radius, for GAUSSIAN the sigma."""

    MEDIAN = "median"  # what most voxels within the ball are
    CLOSING = "closing"  # fills gaps and bays narrower than the ball
    OPENING = "opening"  # takes away what is thinner than the ball
    GAUSSIAN = "Gaussian"  # blurred and cut at one half


def margin(
    mask: VoxelSet, mm: float, progress: Progress = no_progress, cancel: Cancel | None = None
) -> VoxelSet:
    """The mask grown (positive) or shrunk (negative) by a ball of ``mm`` radius."""
    if mm == 0 or not mask.voxels.size:
        return mask
    if mm > 0:
        grown = _padded(mask, mm)
        return VoxelSet(
            mask.grid, _dilated(grown.voxels, mask.grid, mm, progress, cancel), grown.origin
        ).cropped()
    return _shrunk(mask, -mm, progress, cancel).cropped()


def smooth(
    mask: VoxelSet,
    how: Smoothing,
    mm: float,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> VoxelSet:
    """The mask made smooth; see ``Smoothing``. ``BadInput`` for GAUSSIAN on a sheared grid."""
    if mm <= 0 or not mask.voxels.size:
        return mask

    def part(number: int) -> Progress:
        return lambda fraction, doing: progress((number + fraction) / 2, doing)

    if how is Smoothing.CLOSING:
        grown = _padded(mask, mm)
        dilated = _dilated(grown.voxels, mask.grid, mm, part(0), cancel)
        return _shrunk(VoxelSet(mask.grid, dilated, grown.origin), mm, part(1), cancel).cropped()
    if how is Smoothing.OPENING:
        core = _shrunk(mask, mm, part(0), cancel)
        return margin(core.cropped(), mm, part(1), cancel)
    if how is Smoothing.MEDIAN:
        return _median(mask, mm, progress, cancel)
    return _gaussian(mask, mm, progress, cancel)


def _reach(grid: Grid, mm: float) -> tuple[int, int, int]:
    """How many voxels (z, y, x) a ball of this radius may reach."""
    inverse = grid.inverse[:3, :3]
    x, y, z = (int(v) for v in np.ceil(np.linalg.norm(inverse, axis=1) * mm))
    return z, y, x


def _padded(mask: VoxelSet, mm: float) -> VoxelSet:
    block = mask.grown(_reach(mask.grid, mm))
    return VoxelSet(mask.grid, mask.over(block), (block[0].start, block[1].start, block[2].start))


def _shrunk(mask: VoxelSet, mm: float, progress: Progress, cancel: Cancel | None) -> VoxelSet:
    # One voxel of background around is the nearest background there is outside the block.
    block = mask.grown((1, 1, 1) if is_straight(mask.grid) else _reach(mask.grid, mm))
    around = mask.over(block)
    kept = ~_dilated(~around, mask.grid, mm, progress, cancel)
    return VoxelSet(mask.grid, kept, (block[0].start, block[1].start, block[2].start))


def _dilated(
    array: Bools, grid: Grid, mm: float, progress: Progress, cancel: Cancel | None
) -> Bools:
    """What lies within ``mm`` of a set voxel of the array."""
    if not is_straight(grid):
        return _in_ball(array, grid, mm, lambda count, _: count > 0, progress, cancel)
    sx, sy, sz = grid.spacing_mm
    out = np.zeros_like(array)
    reach = int(np.floor(mm / sz + _TOUCH))
    for z, plane in enumerate(array):
        if cancel is not None:
            cancel.check()
        if z % 8 == 0:
            progress(z / len(array), _DOING)
        if not plane.any():
            continue
        near = np.asarray(ndimage.distance_transform_edt(~plane, sampling=(sy, sx)))
        for away in range(-reach, reach + 1):
            if 0 <= z + away < len(array):
                left = np.sqrt(max(mm**2 - (away * sz) ** 2, 0.0))
                out[z + away] |= near <= left + _TOUCH
    return out


def ball_rows(grid: Grid, mm: float) -> list[tuple[int, int, int, int]]:
    """The voxels whose centres lie within ``mm`` of a voxel's, as rows: (dz, dy, first dx, last).

    Uses the grid's own metric, sheared or not.
    """
    metric = grid.matrix[:3, :3].T @ grid.matrix[:3, :3]
    rows = []
    reach_z, reach_y, _ = _reach(grid, mm)
    limit = (mm + _TOUCH) ** 2
    for dz in range(-reach_z, reach_z + 1):
        for dy in range(-reach_y, reach_y + 1):
            # |A (dx, dy, dz)|^2 = a dx^2 + 2 b dx + c
            a = float(metric[0, 0])
            b = float(metric[0, 1] * dy + metric[0, 2] * dz)
            c = float(metric[1, 1] * dy**2 + 2 * metric[1, 2] * dy * dz + metric[2, 2] * dz**2)
            inside = b * b - a * (c - limit)
            if inside < 0:
                continue
            first = int(np.ceil((-b - np.sqrt(inside)) / a - 1e-9))
            last = int(np.floor((-b + np.sqrt(inside)) / a + 1e-9))
            if first <= last:
                rows.append((dz, dy, first, last))
    return rows


def _in_ball(
    array: Bools,
    grid: Grid,
    mm: float,
    decide: Callable[[NDArray[np.int32], NDArray[np.int32] | int], Bools],
    progress: Progress,
    cancel: Cancel | None,
    at_edge: bool = False,
) -> Bools:
    """``decide`` on how many voxels within the ball are set, and how many there are.

    at_edge: the array ends where the image ends somewhere, so that the ball is cut there.
    """
    rows = ball_rows(grid, mm)
    ry = max(abs(dy) for _, dy, _, _ in rows)
    rx = max(max(abs(first), abs(last)) for _, _, first, last in rows)
    rz = max(abs(dz) for dz, _, _, _ in rows)
    depth, height, width = array.shape
    whole = sum(last - first + 1 for _, _, first, last in rows)
    out = np.zeros_like(array)
    kept: dict[int, NDArray[np.int32]] = {}

    def sums(plane: Bools) -> NDArray[np.int32]:
        running = np.zeros((height + 2 * ry, width + 2 * rx + 1), dtype=np.int32)
        np.cumsum(np.pad(plane, ((ry, ry), (rx, rx))), axis=1, out=running[:, 1:])
        return running

    inside = sums(np.ones((height, width), dtype=np.bool_)) if at_edge else None
    for z in range(depth):
        if cancel is not None:
            cancel.check()
        progress(z / depth, _DOING)
        count = np.zeros((height, width), dtype=np.int32)
        there = np.zeros((height, width), dtype=np.int32) if at_edge else None
        for dz, dy, first, last in rows:
            if not 0 <= z + dz < depth:
                continue
            if z + dz not in kept:
                kept[z + dz] = sums(array[z + dz])
            part = slice(ry + dy, ry + dy + height)
            high, low = (slice(rx + x, rx + x + width) for x in (last + 1, first))
            count += kept[z + dz][part, high]
            count -= kept[z + dz][part, low]
            if there is not None and inside is not None:
                there += inside[part, high]
                there -= inside[part, low]
        kept.pop(z - rz, None)
        out[z] = decide(count, whole if there is None else there)
    return out


def _median(mask: VoxelSet, mm: float, progress: Progress, cancel: Cancel | None) -> VoxelSet:
    around = _padded(mask, mm)
    edge = any(
        s.start == 0 or s.stop == n for s, n in zip(around.block, mask.grid.shape, strict=True)
    )
    voxels = _in_ball(
        around.voxels, mask.grid, mm, lambda count, of: 2 * count > of, progress, cancel, edge
    )
    return VoxelSet(mask.grid, voxels, around.origin).cropped()


def _gaussian(
    mask: VoxelSet, sigma_mm: float, progress: Progress, cancel: Cancel | None
) -> VoxelSet:
    if not is_straight(mask.grid):
        raise BadInput(
            N_("This stack is tilted: Gaussian smoothing would lean with it. Use median instead.")
        )
    around = _padded(mask, 3 * sigma_mm)
    sx, sy, sz = mask.grid.spacing_mm
    sigmas: Floats = sigma_mm / np.array([sz, sy, sx])
    halo = int(np.ceil(4 * sigmas[0])) + 1
    depth, height, width = around.shape
    step = max(8, int(4e6 / max(height * width, 1)))
    out = np.zeros_like(around.voxels)
    for start in range(0, depth, step):
        if cancel is not None:
            cancel.check()
        progress(start / depth, _DOING)
        low, high = max(start - halo, 0), min(start + step + halo, depth)
        blurred = ndimage.gaussian_filter(
            around.voxels[low:high].astype(np.float32), sigmas, mode="nearest", truncate=4.0
        )
        out[start : start + step] = blurred[start - low : start - low + step] > 0.5
    return VoxelSet(mask.grid, out, around.origin).cropped()

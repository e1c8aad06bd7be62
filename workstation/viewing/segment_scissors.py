"""Scissors: a polygon drawn in a view cuts or fills a mask, straight through or in this slice.

Whether a voxel lies inside is decided by its centre, exactly (even-odd rule): along each row of
voxels the crossings with the polygon's sides are found and counted, on any grid and any plane.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid
from workstation.domain.plane import Axes
from workstation.domain.voxel_set import Block, Bools, VoxelSet, union
from workstation.domain.work import Cancel, Progress, no_progress

_CUTTING = Message(N_("Cutting"))


class Cut(enum.Enum):
    """What the scissors do."""

    ERASE_INSIDE = "erase inside"
    ERASE_OUTSIDE = "erase outside"
    FILL_INSIDE = "fill inside"


@dataclass(frozen=True)
class Outline:
    """A polygon on a picture. points_mm: (n, 3) LPS, n >= 3, closed by itself. axes: of the
    picture. through: along its normal through the whole image, else only in the layer of voxels
    that the plane cuts."""

    points_mm: Floats
    axes: Axes
    through: bool = True


def scissors(
    mask: VoxelSet,
    outline: Outline,
    cut: Cut,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> VoxelSet:
    """The mask after one cut. ``BadInput`` where the outline has fewer than three corners."""
    if len(outline.points_mm) < 3:
        raise BadInput(N_("An outline needs at least three corners."))
    block = mask.block
    if cut is Cut.FILL_INSIDE:
        block = union(reach_of(mask.grid, outline), block)
    voxels = mask.over(block)
    if voxels.size:
        inside, layer = within(mask.grid, block, outline, progress, cancel)
        if cut is Cut.FILL_INSIDE:
            voxels |= inside & layer
        elif cut is Cut.ERASE_INSIDE:
            voxels &= ~(inside & layer)
        else:
            voxels &= inside | ~layer
    origin = (block[0].start, block[1].start, block[2].start)
    return VoxelSet(mask.grid, voxels, origin).cropped()


def reach_of(grid: Grid, outline: Outline) -> Block:
    """The block of the grid that the outline's prism, or its one slice, may touch."""
    normal = outline.axes.normal
    if outline.through:
        depths = (grid.corners_lps - outline.points_mm[0]) @ normal
        ends = (float(depths.min()), float(depths.max()))
    else:
        half = _half_layer(grid, normal)
        ends = (-half, half)
    points = np.concatenate([outline.points_mm + normal * depth for depth in ends])
    index = grid.to_index(points)[:, ::-1]
    low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 0, grid.shape)
    z, y, x = (slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))
    return z, y, x


def _half_layer(grid: Grid, normal: Floats) -> float:
    """Half the thickness of the layer of voxels that a plane with this normal cuts, mm."""
    return float(np.abs(normal @ grid.matrix[:3, :3]).sum()) / 2 * (1 + 1e-9)


def within(
    grid: Grid,
    block: Block,
    outline: Outline,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> tuple[Bools, Bools]:
    """Which voxels of a block lie inside the polygon seen along the normal, and in the layer."""
    first = outline.points_mm[0]
    across = np.stack([np.asarray(outline.axes.right), np.asarray(outline.axes.down)])
    corners = (outline.points_mm - first) @ across.T  # (n, 2)
    steps = across @ grid.matrix[:3, :3]  # (2, 3): picture mm for a step along x, y, z
    steps = steps[:, ::-1]  # along z, y, x
    steps[np.abs(steps) * max(grid.shape) < 1e-6] = 0.0
    lengths = np.linalg.norm(steps, axis=0)
    run = int(np.argmax(lengths))  # rows go along the axis that moves furthest in the picture
    rest = [axis for axis in range(3) if axis != run]
    slow, fast = sorted(rest, key=lambda axis: float(lengths[axis]))
    shape = tuple(s.stop - s.start for s in block)
    start = grid.to_lps([float(block[2].start), float(block[1].start), float(block[0].start)])
    origin = across @ (start - first)
    inside = np.empty((shape[slow], shape[fast], shape[run]), dtype=np.bool_)
    plane: Bools | None = None
    for number in range(shape[slow]):
        if cancel is not None:
            cancel.check()
        if number % 8 == 0:
            progress(number / shape[slow], _CUTTING)
        if plane is None or lengths[slow] > 0:  # seen end on, all planes are cut alike
            begins = origin + number * steps[:, slow]
            rows = begins + np.arange(shape[fast])[:, None] * steps[:, fast]
            plane = _rows_inside(rows, steps[:, run], shape[run], corners)
        inside[number] = plane
    order = [slow, fast, run]
    turned = np.transpose(inside, np.argsort(order))
    layer = np.ones((1, 1, 1), dtype=np.bool_)
    if not outline.through:
        normal = outline.axes.normal
        z, y, x = (
            np.arange(n, dtype=np.float64) * float(normal @ grid.matrix[:3, 2 - axis])
            for axis, n in enumerate(shape)
        )
        height = z[:, None, None] + y[:, None] + x + float((start - first) @ normal)
        layer = np.abs(height) <= _half_layer(grid, normal)
    return turned, layer


def _rows_inside(rows: Floats, step: Floats, count: int, corners: Floats) -> Bools:
    """(rows, count): whether each of ``count`` points from a row's start along ``step`` is inside.

    rows: (n, 2) starts. Crossings with a side count from the first point at or behind them; a
    side owns its lower end only, so that no corner counts twice.
    """
    a, b = corners, np.roll(corners, -1, axis=0)
    # Where corners lie beside each row's line: the sign of the cross product with its direction.
    beside_a = step[0] * (a[:, 1] - rows[:, None, 1]) - step[1] * (a[:, 0] - rows[:, None, 0])
    beside_b = step[0] * (b[:, 1] - rows[:, None, 1]) - step[1] * (b[:, 0] - rows[:, None, 0])
    crossed = (beside_a < 0) != (beside_b < 0)
    row, side = np.nonzero(crossed)
    along_a = (a[side] - rows[row]) @ step
    along_b = (b[side] - rows[row]) @ step
    share = beside_a[row, side] / (beside_a[row, side] - beside_b[row, side])
    at = (along_a + share * (along_b - along_a)) / float(step @ step)
    begins = np.clip(np.ceil(at), 0, count).astype(np.int64)
    toggles = np.bincount(row * (count + 1) + begins, minlength=len(rows) * (count + 1))
    running = np.cumsum(toggles.reshape(len(rows), count + 1)[:, :count], axis=1)
    return np.asarray(running & 1, dtype=np.bool_)

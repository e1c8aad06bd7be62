"""Connected parts of masks: islands, growing from a seed, holes. Exact, slice by slice.

Voxels are connected through faces (6 neighbours). Labels are made in each slice and united
between neighbouring slices, so that memory stays small on the largest volumes, progress is known
and a reader can stop at any slice.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid
from workstation.domain.voxel_set import Block, Bools, Triple, VoxelSet
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.viewing.paint import Brush, covered

Ints = NDArray[np.int64]
_LOOKING = Message(N_("Looking for connected parts"))


class Parts:
    """The connected parts of a bool array (z, y, x).

    sizes: voxels of each part, largest first; parts are named by their place in that order.
    """

    def __init__(
        self, array: Bools, progress: Progress = no_progress, cancel: Cancel | None = None
    ) -> None:
        self._slices: list[NDArray[Any]] = []
        starts, total = [], 1
        parent = [0]
        counts: list[Ints] = [np.zeros(1, dtype=np.int64)]
        before: NDArray[Any] | None = None
        for z, plane in enumerate(array):
            if cancel is not None:
                cancel.check()
            if z % 16 == 0:
                progress(z / max(len(array), 1), _LOOKING)
            labels, found = ndimage.label(plane)
            labels = labels.astype(np.uint16 if found < 65535 else np.uint32)
            starts.append(total)
            parent.extend(range(total, total + found))
            counts.append(np.bincount(labels.ravel(), minlength=found + 1)[1:].astype(np.int64))
            if before is not None and found:
                for a, b in _touching(before, labels, found):
                    _unite(parent, starts[-2] + a - 1, total + b - 1)
            total += found
            before = labels
            self._slices.append(labels)
        self._starts = starts
        roots = _roots(np.array(parent, dtype=np.int64))
        sizes = np.bincount(roots, weights=np.concatenate(counts), minlength=total).astype(np.int64)
        order = np.argsort(-sizes, kind="stable")
        order = order[sizes[order] > 0]
        self.sizes: Ints = sizes[order]
        rank = np.full(total, -1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        self._part = rank[roots]  # for each label of each slice, which part it belongs to
        self._part[0] = -1

    def at(self, index: Triple) -> int:
        """The part at an index (z, y, x); -1 where none is."""
        z, y, x = index
        if not (0 <= z < len(self._slices)):
            return -1
        plane = self._slices[z]
        if not (0 <= y < plane.shape[0] and 0 <= x < plane.shape[1]) or plane[y, x] == 0:
            return -1
        return int(self._part[self._starts[z] + int(plane[y, x]) - 1])

    def where(self, wanted: Bools) -> Bools:
        """The voxels (z, y, x) of the parts that ``wanted``, one value a part, says."""
        shape = (len(self._slices), *self._slices[0].shape) if self._slices else (0, 0, 0)
        out = np.zeros(shape, dtype=np.bool_)
        keep = np.append(wanted, False)[self._part]  # part -1 is never wanted
        for z, plane in enumerate(self._slices):
            last = self._starts[z + 1] if z + 1 < len(self._starts) else len(keep)
            table = np.concatenate([[False], keep[self._starts[z] : last]])
            if table.any():
                out[z] = table[plane]
        return out


def _touching(a: NDArray[Any], b: NDArray[Any], found: int) -> list[tuple[int, int]]:
    both = (a > 0) & (b > 0)
    if not both.any():
        return []
    wide = found + 1
    key = a[both].astype(np.int64) * wide + b[both]
    size = (int(a.max()) + 1) * wide
    if size <= 1 << 22:  # a table of flags is quicker than sorting
        flags = np.zeros(size, dtype=np.bool_)
        flags[key] = True
        key = np.flatnonzero(flags)
    else:
        key = np.unique(key)
    return [(int(k) // wide, int(k) % wide) for k in key]


def _unite(parent: list[int], a: int, b: int) -> None:
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    if a != b:
        parent[max(a, b)] = min(a, b)


def _roots(parent: Ints) -> Ints:
    while True:
        further = parent[parent]
        if np.array_equal(further, parent):
            return parent
        parent = further


class Islands(enum.Enum):
    """What becomes of the connected parts of a segment."""

    KEEP_LARGEST = "keep largest"
    KEEP_CLICKED = "keep clicked"
    REMOVE_CLICKED = "remove clicked"
    REMOVE_SMALL = "remove small"


def islands(
    mask: VoxelSet,
    what: Islands,
    *,
    at_mm: Floats | None = None,
    smallest_ml: float = 0.0,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> VoxelSet:
    """The mask without some of its connected parts.

    at_mm: the place that was clicked, LPS mm; ``BadInput`` where no voxel is set there.
    smallest_ml: parts of less volume go.
    """
    parts = Parts(mask.voxels, progress, cancel)
    wanted = np.ones(len(parts.sizes), dtype=np.bool_)
    if what is Islands.KEEP_LARGEST:
        wanted[1:] = False
    elif what is Islands.REMOVE_SMALL:
        wanted = parts.sizes * mask.grid.voxel_ml >= smallest_ml * (1 - 1e-9)
    else:
        index = index_at(mask.grid, at_mm) if at_mm is not None else (-1, -1, -1)
        z, y, x = (i - o for i, o in zip(index, mask.origin, strict=True))
        clicked = parts.at((z, y, x))
        if clicked < 0:
            raise BadInput(N_("There is nothing of this segment where you clicked."))
        if what is Islands.KEEP_CLICKED:
            wanted[:] = False
        wanted[clicked] = what is Islands.KEEP_CLICKED
    return VoxelSet(mask.grid, parts.where(wanted), mask.origin).cropped()


def index_at(grid: Grid, lps_mm: Floats) -> Triple:
    """Index (z, y, x) of the voxel nearest to a place, which may lie outside."""
    x, y, z = np.round(grid.to_index(lps_mm)).astype(int)
    return int(z), int(y), int(x)


@dataclass(frozen=True)
class Grown:
    """What grew from a seed. low, high: the range used. at_limit: it reached the limit."""

    mask: VoxelSet
    low: float
    high: float
    at_limit: bool


def grow(
    image: NDArray[Any],
    grid: Grid,
    seed_mm: Floats,
    *,
    low: float | None = None,
    high: float | None = None,
    tolerance: float | None = None,
    limit_mm: float | None = 50.0,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Grown:
    """Voxels connected to a seed (LPS mm) whose values lie within low .. high, ends included.

    tolerance: instead of a range, so far up and down from the mean of the seed's 3x3x3
    neighbourhood, and far enough to hold the seed itself. limit_mm: no further from the seed than
    this; None: the whole image.
    ``BadInput`` where the seed lies outside the image or outside the range.
    """
    z, y, x = index_at(grid, seed_mm)
    if not all(0 <= i < n for i, n in zip((z, y, x), grid.shape, strict=True)):
        raise BadInput(N_("The place lies outside the image."))
    if tolerance is not None:
        near = image[max(z - 1, 0) : z + 2, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        middle, seed = float(near.mean(dtype=np.float64)), float(image[z, y, x])
        # A noisy seed is still what the reader pointed at: the range always holds it.
        low, high = min(middle - tolerance, seed), max(middle + tolerance, seed)
    low = -np.inf if low is None else low
    high = np.inf if high is None else high
    if not low <= float(image[z, y, x]) <= high:
        raise BadInput(
            N_("The value at the seed, {value}, lies outside {low} to {high}."),
            value=f"{float(image[z, y, x]):.4g}",
            low=f"{low:.4g}",
            high=f"{high:.4g}",
        )
    block: Block = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
    ball: Bools | None = None
    if limit_mm is not None:
        centre = grid.to_lps((x, y, z))
        normal = np.array([0.0, 0.0, 1.0])
        block, ball = covered(grid, centre, centre, normal, Brush(limit_mm, ball=True))
    inside = np.empty([s.stop - s.start for s in block], dtype=np.bool_)
    for number, plane in enumerate(image[block]):
        if cancel is not None:
            cancel.check()
        np.greater_equal(plane, low, out=inside[number])
        inside[number] &= plane <= high
    if ball is not None:
        inside &= ball
    parts = Parts(inside, progress, cancel)
    origin = (block[0].start, block[1].start, block[2].start)
    wanted = np.zeros(len(parts.sizes), dtype=np.bool_)
    wanted[parts.at((z - origin[0], y - origin[1], x - origin[2]))] = True
    voxels = parts.where(wanted)
    at_limit = ball is not None and bool((voxels & _rim(ball)).any())
    return Grown(VoxelSet(grid, voxels, origin).cropped(), float(low), float(high), at_limit)


def _rim(ball: Bools) -> Bools:
    """Voxels of the ball beside one that is not in it; the image's own border is no limit."""
    return np.asarray(ball & ~ndimage.binary_erosion(ball, border_value=1))


def fill_holes(
    mask: VoxelSet,
    axis: int | None = None,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> VoxelSet:
    """The mask with what it encloses: in three dimensions, or within each slice along ``axis``."""
    if not mask.voxels.size:
        return mask
    if axis is not None:
        planes = np.moveaxis(mask.voxels, axis, 0)
        filled = np.empty_like(planes)
        for number, plane in enumerate(planes):
            if cancel is not None:
                cancel.check()
            filled[number] = plane | _enclosed(plane[None])[0]
        voxels = np.ascontiguousarray(np.moveaxis(filled, 0, axis))
        return VoxelSet(mask.grid, voxels, mask.origin)
    return VoxelSet(mask.grid, mask.voxels | _enclosed(mask.voxels, progress, cancel), mask.origin)


def _enclosed(
    array: Bools, progress: Progress = no_progress, cancel: Cancel | None = None
) -> Bools:
    flat = array.shape[0] == 1  # one slice: what lies above and below encloses nothing
    parts = Parts(np.pad(~array, [(0, 0) if flat else (1, 1), (1, 1), (1, 1)],
                         constant_values=True), progress, cancel)  # fmt: skip
    wanted = np.ones(len(parts.sizes), dtype=np.bool_)
    wanted[parts.at((0, 0, 0))] = False
    holes = parts.where(wanted)
    return holes[:, 1:-1, 1:-1] if flat else holes[1:-1, 1:-1, 1:-1]

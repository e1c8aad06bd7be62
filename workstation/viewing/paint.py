"""Brush and eraser on a mask: discs in the viewed plane or balls, sizes in mm on any grid."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats, Grid
from workstation.domain.voxel_set import Block, Bools, VoxelSet, overlap, union
from workstation.viewing.signal import Signal

EMPTY: Block = (slice(0, 0), slice(0, 0), slice(0, 0))


@dataclass(frozen=True)
class Brush:
    """radius_mm in the patient. ball: through neighbouring slices too, else only the plane.

    low, high: only voxels of the image within these values are painted or erased (threshold
    brush), None for all.
    """

    radius_mm: float = 3.0
    erase: bool = False
    ball: bool = False
    low: float | None = None
    high: float | None = None


SIZES_MM = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)


def next_size(radius_mm: float, larger: bool) -> float:
    """The next brush radius up or down, mm."""
    if larger:
        return next((s for s in SIZES_MM if s > radius_mm + 1e-9), SIZES_MM[-1])
    return next((s for s in reversed(SIZES_MM) if s < radius_mm - 1e-9), SIZES_MM[0])


@dataclass(frozen=True)
class Patch:
    """What one step changed, small enough to keep many: the changed voxels as deflated bits.

    block: slices (z, y, x) of the mask. changed: one bit a voxel of the block, set where the mask
    is different afterwards. gained: voxels set minus voxels cleared.
    """

    block: Block
    changed: bytes
    gained: int

    @staticmethod
    def between(before: Bools, after: Bools, block: Block) -> Patch | None:
        """The step from ``before`` to ``after`` on one block, or None where they are the same."""
        different = before != after
        if not different.any():
            return None
        gained = int(np.count_nonzero(after)) - int(np.count_nonzero(before))
        return Patch(block, zlib.compress(np.packbits(different, axis=None).tobytes(), 1), gained)

    @property
    def size_bytes(self) -> int:
        """What it costs to keep."""
        return len(self.changed)

    @property
    def voxels(self) -> int:
        """How many voxels the block has: what it costs to undo."""
        return int(np.prod([s.stop - s.start for s in self.block]))

    def flip(self, mask: Bools) -> None:
        """Undo the step, or do it again: both change the same voxels of ``mask`` (z, y, x)."""
        part = mask[self.block]
        bits = np.frombuffer(zlib.decompress(self.changed), dtype=np.uint8)
        part ^= np.unpackbits(bits, count=part.size).reshape(part.shape).view(np.bool_)

    undo = flip
    redo = flip


class Painting:
    """Strokes and whole steps on ``mask`` (z, y, x) of ``grid``, which is changed in place.

    ``changed`` after each dab; ``finished`` with the patch after each stroke or step that changed
    something. image: voxels of the same grid for the threshold brush. forbidden: gives for a
    block the voxels that must not be touched (locked segments).
    """

    def __init__(
        self,
        mask: Bools,
        grid: Grid,
        image: NDArray[Any] | None = None,
        known: VoxelSet | None = None,
    ) -> None:
        """known: the same mask as its block, if there is one; else the mask is looked through."""
        if mask.shape != grid.shape:
            raise ValueError(f"mask {mask.shape} does not fit grid {grid.shape}")
        self.mask = mask
        self.grid = grid
        self.image = image
        self.forbidden: Callable[[Block], Bools | None] = lambda _: None
        self.changed: Signal[[]] = Signal()
        self.finished: Signal[[Patch]] = Signal()
        known = VoxelSet.of(mask, grid) if known is None else known
        self.count = known.count
        self.bounds: Block = known.block if known.count else EMPTY  # grows, never shrinks
        self._last: Floats | None = None
        self._normal: Floats = np.zeros(3)
        self._brush = Brush()
        self._dabs: list[tuple[Block, Bools]] = []

    @staticmethod
    def on(voxels: VoxelSet, image: NDArray[Any] | None = None) -> Painting:
        """Painting on a copy of a mask that is held as its block."""
        return Painting(voxels.full(), voxels.grid, image, voxels)

    @property
    def painting(self) -> bool:
        """Whether a stroke is under way."""
        return self._last is not None

    @property
    def volume_ml(self) -> float:
        """Voxel count times voxel volume, mL, without counting."""
        return self.count * self.grid.voxel_ml

    def block(self) -> VoxelSet:
        """The mask as it is now, a copy of its tight block."""
        return VoxelSet.of(self.mask, self.grid, self.bounds)

    def begin(self, lps_mm: Floats, normal: Floats, brush: Brush) -> None:
        """Put the brush down at a point of the plane with this unit normal."""
        self._brush, self._normal, self._dabs = brush, np.asarray(normal, dtype=np.float64), []
        self._last = np.asarray(lps_mm, dtype=np.float64)
        self._dab(self._last, self._last)

    def draw_to(self, lps_mm: Floats) -> None:
        """Draw from the last point to this one without gaps."""
        if self._last is None:
            return
        point = np.asarray(lps_mm, dtype=np.float64)
        start, self._last = self._last, point
        self._dab(start, point)

    def end(self) -> Patch | None:
        """Lift the brush; what the stroke changed, or None."""
        self._last = None
        if not self._dabs:
            return None
        block = EMPTY
        for dab, _ in self._dabs:
            block = union(block, dab)
        after = self.mask[block]
        before = after.copy()
        for dab, was in reversed(self._dabs):
            inside, _ = overlap(block, dab)
            assert inside is not None
            before[inside] = was
        self._dabs = []
        patch = Patch.between(before, after, block)
        if patch is not None:
            self.finished.emit(patch)
        return patch

    def cancel(self) -> None:
        """Lift the brush and take the stroke under way back."""
        self._last = None
        for dab, was in reversed(self._dabs):
            part = self.mask[dab]
            self.count += int(np.count_nonzero(was)) - int(np.count_nonzero(part))
            part[...] = was
        if self._dabs:
            self._dabs = []
            self.changed.emit()

    def step_to(self, wanted: VoxelSet) -> Patch | None:
        """Write another mask over this one; the patch of it, or None where nothing changes.

        Tells nobody, so that it may run off the GUI thread while no stroke is under way;
        ``tell`` afterwards.
        """
        block = union(self.bounds, wanted.block) if wanted.voxels.size else self.bounds
        part = self.mask[block]
        after = wanted.over(block)
        closed = self.forbidden(block)
        if closed is not None:
            after[closed] = part[closed]
        patch = Patch.between(part, after, block)
        if patch is not None:
            part[...] = after
            self._note(patch)
        return patch

    def flip(self, patch: Patch) -> None:
        """Undo or redo one patch. Tells nobody, as ``step_to``."""
        patch.flip(self.mask)

    def note_flip(self, patch: Patch, *, undone: bool) -> None:
        """Count what ``flip`` changed."""
        self.bounds = union(self.bounds, patch.block)
        self.count += -patch.gained if undone else patch.gained

    def tell(self, patch: Patch | None) -> None:
        """Say that the mask was written to and, with a patch, that this step is finished."""
        self.changed.emit()
        if patch is not None:
            self.finished.emit(patch)

    def replace_all(self, array: Bools) -> None:
        """Another mask (z, y, x) altogether, e.g. as it was stored."""
        self.mask[...] = array
        known = VoxelSet.of(self.mask, self.grid)
        self.count, self.bounds = known.count, known.block if known.count else EMPTY
        self.changed.emit()

    def _note(self, patch: Patch) -> None:
        self.bounds = union(self.bounds, patch.block)
        self.count += patch.gained

    def _dab(self, a: Floats, b: Floats) -> None:
        brush = self._brush
        block, hit = covered(self.grid, a, b, self._normal, brush)
        if 0 in hit.shape:
            return
        if self.image is not None and (brush.low is not None or brush.high is not None):
            values = self.image[block]
            if brush.low is not None:
                hit &= values >= brush.low
            if brush.high is not None:
                hit &= values <= brush.high
        closed = self.forbidden(block)
        if closed is not None:
            hit &= ~closed
        part = self.mask[block]
        wanted = not brush.erase
        hit &= part != wanted
        changed = int(np.count_nonzero(hit))
        if not changed:
            return
        self._dabs.append((block, part.copy()))
        part[hit] = wanted
        self.count += changed if wanted else -changed
        self.bounds = union(self.bounds, block)
        self.changed.emit()


def covered(grid: Grid, a: Floats, b: Floats, normal: Floats, brush: Brush) -> tuple[Block, Bools]:
    """Voxels that a stroke from ``a`` to ``b`` (LPS mm) covers: a block and which of it.

    A voxel counts by its centre: within the radius of the line and, for a disc, in the layer of
    voxels that the plane cuts. A brush smaller than a voxel still hits the nearest one.
    """
    layer = float(np.abs(normal @ grid.matrix[:3, :3]).sum()) / 2 * (1 + 1e-9)
    radius = brush.radius_mm
    # Index box around the segment: how far each index moves within the radius, or for a disc
    # within its rim and half the layer.
    inverse = grid.inverse[:3, :3]
    if brush.ball:
        grow = np.linalg.norm(inverse, axis=1) * radius
    else:
        across = inverse @ normal  # index change along the normal
        along_plane = inverse - np.outer(across, normal)
        grow = np.linalg.norm(along_plane, axis=1) * radius + np.abs(across) * layer
    ends = grid.to_index(np.stack([a, b]))
    size = np.array(grid.shape[::-1])
    low = np.clip(np.floor(np.minimum(*ends) - grow).astype(int), 0, size)
    high = np.clip(np.ceil(np.maximum(*ends) + grow).astype(int) + 1, 0, size)
    block: Block = (
        slice(int(low[2]), int(high[2])),
        slice(int(low[1]), int(high[1])),
        slice(int(low[0]), int(high[0])),
    )
    shape = tuple(int(v) for v in (high - low)[::-1])
    if 0 in shape:
        return block, np.zeros(shape, dtype=np.bool_)
    start = grid.to_lps(low.astype(np.float64)) - a  # first voxel of the block, seen from a
    steps = grid.matrix[:3, :3]

    def counting(axis: int) -> Floats:
        return np.arange(shape[axis], dtype=np.float64)

    def plane(direction: Floats) -> tuple[Floats, Floats, Floats]:
        """A linear function of the patient as terms of z, y, x that add up over the block."""
        x, y, z = (float(v) for v in direction @ steps)
        return (
            float(direction @ start) + z * counting(0)[:, None, None],
            y * counting(1)[:, None],
            x * counting(2),
        )

    # Three directions at right angles: along the stroke, across it, and the normal or what is
    # left of it. Distances are sums of squares of linear functions, slice by slice in the cache.
    line = b - a
    if not brush.ball:  # look along the normal: only distances within the plane count
        line = line - normal * float(line @ normal)
    length = float(np.linalg.norm(line))
    first = line / length if length > 1e-9 else _aside(normal)
    if brush.ball:
        second = _aside(first)
        third = np.cross(first, second)
    else:
        second, third = np.cross(normal, first), normal
    u, v, w = plane(first), plane(second), plane(third)
    hit = np.empty(shape, dtype=np.bool_)
    for z in range(shape[0]):
        s = (u[0][z] + u[1]) + u[2]
        if length > 1e-9:
            s -= np.clip(s, 0.0, length)
        near = s * s
        t = (v[0][z] + v[1]) + v[2]
        near += t * t
        h = (w[0][z] + w[1]) + w[2]
        if brush.ball:
            near += h * h
            np.less_equal(near, radius**2, out=hit[z])
        else:
            np.less_equal(near, radius**2, out=hit[z])
            hit[z] &= np.abs(h) <= layer
    if not hit.any():
        nearest = np.round(grid.to_index(b)).astype(int) - low
        if np.all(nearest >= 0) and np.all(nearest < high - low):
            hit[nearest[2], nearest[1], nearest[0]] = True
    return block, hit


def _aside(direction: Floats) -> Floats:
    """Some unit vector at right angles to a unit vector."""
    other = np.zeros(3)
    other[int(np.argmin(np.abs(direction)))] = 1.0
    aside = np.cross(direction, other)
    return np.asarray(aside / np.linalg.norm(aside))

"""Brush and eraser on a mask: discs in the viewed plane or balls, sizes in mm on any grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats, Grid
from workstation.viewing.signal import Signal

Bools = NDArray[np.bool_]
Block = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Brush:
    """radius_mm in the patient. ball: through neighbouring slices too, else only the plane."""

    radius_mm: float = 3.0
    erase: bool = False
    ball: bool = False


SIZES_MM = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)


def next_size(radius_mm: float, larger: bool) -> float:
    """The next brush radius up or down, mm."""
    if larger:
        return next((s for s in SIZES_MM if s > radius_mm + 1e-9), SIZES_MM[-1])
    return next((s for s in reversed(SIZES_MM) if s < radius_mm - 1e-9), SIZES_MM[0])


@dataclass(frozen=True)
class Patch:
    """What one stroke changed. block: slices (z, y, x) of the mask; before, after: that block."""

    block: Block
    before: Bools
    after: Bools

    def undo(self, mask: Bools) -> None:
        """Put back what was there."""
        mask[self.block] = self.before

    def redo(self, mask: Bools) -> None:
        """Paint it again."""
        mask[self.block] = self.after


class Painting:
    """Strokes on ``mask`` (z, y, x) of ``grid``, which is changed in place.

    ``changed`` after each dab; ``finished`` with the patch after each stroke that changed
    something. Undo over strokes is the caller's, who stores every finished mask.
    """

    def __init__(self, mask: Bools, grid: Grid) -> None:
        if mask.shape != grid.shape:
            raise ValueError(f"mask {mask.shape} does not fit grid {grid.shape}")
        self.mask = mask
        self.grid = grid
        self.changed: Signal[[]] = Signal()
        self.finished: Signal[[Patch]] = Signal()
        self._last: Floats | None = None
        self._normal: Floats = np.zeros(3)
        self._brush = Brush()
        self._dabs: list[tuple[Block, Bools]] = []

    @property
    def painting(self) -> bool:
        """Whether a stroke is under way."""
        return self._last is not None

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
        starts = [[s.start for s in block] for block, _ in self._dabs]
        stops = [[s.stop for s in block] for block, _ in self._dabs]
        low, high = np.min(starts, axis=0), np.max(stops, axis=0)
        block: Block = (
            slice(int(low[0]), int(high[0])),
            slice(int(low[1]), int(high[1])),
            slice(int(low[2]), int(high[2])),
        )
        after = self.mask[block].copy()
        before = after.copy()
        for (zs, ys, xs), was in reversed(self._dabs):
            before[
                zs.start - low[0] : zs.stop - low[0],
                ys.start - low[1] : ys.stop - low[1],
                xs.start - low[2] : xs.stop - low[2],
            ] = was
        self._dabs = []
        if np.array_equal(before, after):
            return None
        patch = Patch(block, before, after)
        self.finished.emit(patch)
        return patch

    def _dab(self, a: Floats, b: Floats) -> None:
        block, hit = covered(self.grid, a, b, self._normal, self._brush)
        part = self.mask[block]
        wanted = not self._brush.erase
        new = hit & (part != wanted)
        if not new.any():
            return
        self._dabs.append((block, part.copy()))
        part[new] = wanted
        self.changed.emit()


def covered(grid: Grid, a: Floats, b: Floats, normal: Floats, brush: Brush) -> tuple[Block, Bools]:
    """Voxels that a stroke from ``a`` to ``b`` (LPS mm) covers: a block and which of it.

    A voxel counts by its centre: within the radius of the line and, for a disc, in the layer of
    voxels that the plane cuts. A brush smaller than a voxel still hits the nearest one.
    """
    layer = float(np.abs(normal @ grid.matrix[:3, :3]).sum()) / 2 * (1 + 1e-9)
    radius = brush.radius_mm
    reach = max(radius, layer)
    # Index box around the segment: how far each index moves within ``reach`` mm.
    inverse = np.linalg.inv(grid.matrix[:3, :3])
    grow = np.linalg.norm(inverse, axis=1) * reach
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
    z, y, x = np.meshgrid(*(np.arange(s.start, s.stop) for s in block), indexing="ij")
    centres = grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))
    apart = centres - a
    height = apart @ normal
    along = b - a
    if not brush.ball:  # look along the normal: only distances within the plane count
        apart = apart - height[..., None] * normal
        along = along - normal * float(along @ normal)
    length = float(along @ along)
    if length > 0:
        t = np.clip(apart @ along / length, 0.0, 1.0)
        apart = apart - t[..., None] * along
    near = (apart**2).sum(axis=-1)
    hit = near <= radius**2
    if not brush.ball:
        hit &= np.abs(height) <= layer
    if not hit.any():
        nearest = np.round(grid.to_index(b)).astype(int) - low
        if np.all(nearest >= 0) and np.all(nearest < high - low):
            hit[nearest[2], nearest[1], nearest[0]] = True
    return block, hit

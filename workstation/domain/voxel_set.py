"""Masks as the block that holds their voxels, so that work and memory follow the object's size."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Grid, as_matrix

Bools = NDArray[np.bool_]
Block = tuple[slice, slice, slice]
Triple = tuple[int, int, int]

_STRAIGHT = 1e-3  # cosine between two axes below which they count as at right angles


def block_grid(grid: Grid, origin_zyx: Triple, shape_zyx: Triple) -> Grid:
    """The part of ``grid`` that a block covers: the same voxels at the same places."""
    matrix = grid.matrix
    matrix[:3, 3] = grid.to_lps((origin_zyx[2], origin_zyx[1], origin_zyx[0]))
    return Grid(shape_zyx, as_matrix(matrix))


def is_straight(grid: Grid, axes_zyx: tuple[int, ...] = (0, 1, 2)) -> bool:
    """Whether these axes of a grid stand at right angles, so that spacings tell distances."""
    directions = grid.directions[:, [2 - axis for axis in axes_zyx]]
    cosines = np.abs(directions.T @ directions - np.eye(len(axes_zyx)))
    return bool(cosines.max() < _STRAIGHT)


def tight(array: Bools) -> Block:
    """The smallest block that holds every set voxel; empty slices where there is none.

    Looked for from slices inwards: only slices that hold something are read a second time.
    """
    nowhere = slice(0, 0)
    hit = np.flatnonzero(array.any(axis=(1, 2)))
    if not hit.size:
        return nowhere, nowhere, nowhere
    z = slice(int(hit[0]), int(hit[-1]) + 1)
    flat = np.asarray(array[z].any(axis=0))
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    return z, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@dataclass(frozen=True, eq=False)
class VoxelSet:
    """A mask on ``grid``: ``voxels`` (z, y, x) from index ``origin`` (z, y, x), empty elsewhere."""

    grid: Grid
    voxels: Bools = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.bool_))
    origin: Triple = (0, 0, 0)

    def __post_init__(self) -> None:
        ends = [o + n for o, n in zip(self.origin, self.voxels.shape, strict=True)]
        if min(self.origin) < 0 or any(e > n for e, n in zip(ends, self.grid.shape, strict=True)):
            raise ValueError(f"block at {self.origin} of {self.voxels.shape} leaves the grid")

    @staticmethod
    def of(array: Bools, grid: Grid, within: Block | None = None) -> VoxelSet:
        """The tight block (a copy) of a mask that covers the whole grid.

        within: where the caller knows that every set voxel lies.
        """
        if array.shape != grid.shape:
            raise ValueError(f"mask {array.shape} does not fit grid {grid.shape}")
        z, y, x = grid.shape
        part = within or (slice(0, z), slice(0, y), slice(0, x))
        origin = (part[0].start, part[1].start, part[2].start)
        return VoxelSet(grid, array[part], origin).cropped()

    @property
    def shape(self) -> Triple:
        """Shape of the block (z, y, x)."""
        z, y, x = self.voxels.shape
        return z, y, x

    @property
    def block(self) -> Block:
        """Where the block lies in an array of the whole grid."""
        z, y, x = (slice(o, o + n) for o, n in zip(self.origin, self.shape, strict=True))
        return z, y, x

    @property
    def own_grid(self) -> Grid:
        """Where the block's voxels lie in the patient."""
        return block_grid(self.grid, self.origin, self.shape)

    @property
    def count(self) -> int:
        """Set voxels."""
        return int(np.count_nonzero(self.voxels))

    @property
    def volume_ml(self) -> float:
        """Voxel count times voxel volume, mL."""
        return self.count * self.grid.voxel_ml

    def cropped(self) -> VoxelSet:
        """The same mask in its smallest block, with memory of its own."""
        part = tight(self.voxels)
        z, y, x = (o + s.start for o, s in zip(self.origin, part, strict=True))
        return VoxelSet(self.grid, np.array(self.voxels[part], order="C"), (z, y, x))

    def over(self, block: Block) -> Bools:
        """The mask on another block of the grid, a copy (z, y, x)."""
        out = np.zeros([s.stop - s.start for s in block], dtype=np.bool_)
        mine, theirs = overlap(self.block, block)
        if mine is not None and theirs is not None:
            out[theirs] = self.voxels[mine]
        return out

    def grown(self, by_zyx: Triple) -> Block:
        """The block with so many more voxels on each side, as far as the grid reaches."""
        z, y, x = (
            slice(max(s.start - by, 0), min(s.stop + by, n))
            for s, by, n in zip(self.block, by_zyx, self.grid.shape, strict=True)
        )
        return z, y, x

    def full(self) -> Bools:
        """The mask on the whole grid (z, y, x); what is empty costs no memory until written."""
        array = np.zeros(self.grid.shape, dtype=np.bool_)
        array[self.block] = self.voxels
        return array


def overlap(a: Block, b: Block) -> tuple[Block | None, Block | None]:
    """Where two blocks meet, in the indices of each; None, None where they do not."""
    lows = [max(s.start, t.start) for s, t in zip(a, b, strict=True)]
    highs = [min(s.stop, t.stop) for s, t in zip(a, b, strict=True)]
    if any(low >= high for low, high in zip(lows, highs, strict=True)):
        return None, None
    mine = [slice(lo - s.start, hi - s.start) for lo, hi, s in zip(lows, highs, a, strict=True)]
    other = [slice(lo - s.start, hi - s.start) for lo, hi, s in zip(lows, highs, b, strict=True)]
    return (mine[0], mine[1], mine[2]), (other[0], other[1], other[2])


def union(a: Block, b: Block) -> Block:
    """The smallest block that holds both; an empty one adds nothing."""
    if any(s.stop <= s.start for s in b):
        return a
    if any(s.stop <= s.start for s in a):
        return b
    z, y, x = (slice(min(s.start, t.start), max(s.stop, t.stop)) for s, t in zip(a, b, strict=True))
    return z, y, x

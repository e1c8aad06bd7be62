"""Masks that others drew, cut to the block that holds them: on their own grid, or on an image's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Grid, as_matrix

Bools = NDArray[np.bool_]
Labels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Piece:
    """Part of a mask in one slice. array: (rows, columns) from ``y``, ``x`` of slice ``z``."""

    z: int
    y: int
    x: int
    array: Bools


@dataclass(frozen=True, eq=False)
class MaskBlock:
    """A mask (z, y, x) on ``grid``, cut to its extent. volume_ml: of the whole, as its file means
    it: voxels, or the sum of fractions of an occupancy."""

    number: int
    array: Bools
    grid: Grid
    volume_ml: float

    def lies_on(self, grid: Grid, slack: float = 0.02) -> bool:
        """Whether its voxels are voxels of ``grid``, axes permuted and flipped at most: within
        ``slack`` of a voxel at every corner of the block."""
        turn = grid.inverse @ self.grid.matrix
        whole = np.abs(np.rint(turn[:3, :3]))
        if (whole.sum(axis=0) != 1).any() or (whole.sum(axis=1) != 1).any():
            return False
        z, y, x = (n - 1 for n in self.array.shape)
        corners = np.array([(i, j, k, 1) for i in (0, x) for j in (0, y) for k in (0, z)])
        index = (corners @ turn.T)[:, :3]
        return bool(np.abs(index - np.rint(index)).max() <= slack)

    def on_grid(self, grid: Grid) -> Bools:
        """The mask on another grid, bool (z, y, x).

        Exact where the axes of both are parallel and voxels coincide, however permuted and
        flipped; else each voxel of ``grid`` takes the nearest one of the mask.
        """
        target = np.zeros(grid.shape, dtype=bool)
        low, high = _reach(self.grid, grid)
        if (high <= low).any():
            return target
        turn = self.grid.inverse @ grid.matrix
        turn[np.abs(turn) < 1e-9] = 0.0
        y, x = np.meshgrid(np.arange(low[1], high[1]), np.arange(low[0], high[0]), indexing="ij")
        shape = np.array(self.array.shape[::-1])
        for z in range(low[2], high[2]):
            index = np.empty((3, *y.shape), dtype=np.int64)
            inside = np.ones(y.shape, dtype=bool)
            for axis in range(3):
                row = turn[axis]
                place = row[0] * x + row[1] * y + (row[2] * z + row[3])
                index[axis] = np.floor(place + 0.5 + 1e-6)
                inside &= (index[axis] >= 0) & (index[axis] < shape[axis])
            flat = np.where(inside, (index[2] * shape[1] + index[1]) * shape[0] + index[0], 0)
            values = self.array.reshape(-1)[flat] & inside
            target[z, low[1] : high[1], low[0] : high[0]] = values
        return target


def _reach(source: Grid, target: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Block of ``target`` (x, y, z; first, one past last) that ``source`` may meet."""
    corners = target.to_index(source.corners_lps)
    size = np.array(target.shape[::-1])
    low = np.clip(np.floor(corners.min(axis=0)).astype(np.int64), 0, size)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(np.int64) + 1, 0, size)
    return low, high


def extent(pieces: Sequence[Piece]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First and one past last (z, y, x) of the block that holds all pieces."""
    low = tuple(min(getattr(p, axis) for p in pieces) for axis in "zyx")
    high = (
        max(p.z for p in pieces) + 1,
        max(p.y + p.array.shape[0] for p in pieces),
        max(p.x + p.array.shape[1] for p in pieces),
    )
    return (low[0], low[1], low[2]), high


def part_of(grid: Grid, low: tuple[int, int, int], high: tuple[int, int, int]) -> Grid:
    """The block of a grid from ``low`` to before ``high``, (z, y, x)."""
    matrix = grid.matrix
    matrix[:3, 3] = grid.to_lps((float(low[2]), float(low[1]), float(low[0])))
    return Grid((high[0] - low[0], high[1] - low[1], high[2] - low[2]), as_matrix(matrix))


def block_of(
    number: int, pieces: Sequence[Piece], grid: Grid, volume_ml: float | None = None
) -> MaskBlock:
    """Pieces as one block; the volume is that of its voxels where none is given."""
    low, high = extent(pieces)
    array = np.zeros((high[0] - low[0], high[1] - low[1], high[2] - low[2]), dtype=bool)
    for piece in pieces:
        rows, columns = piece.array.shape
        y, x = piece.y - low[1], piece.x - low[2]
        array[piece.z - low[0], y : y + rows, x : x + columns] |= piece.array
    if volume_ml is None:
        volume_ml = int(np.count_nonzero(array)) * grid.voxel_ml
    return MaskBlock(number, array, part_of(grid, low, high), volume_ml)


@dataclass(frozen=True, eq=False)
class LabelBlock:
    """Segments that do not overlap as one array (z, y, x) of their numbers' places in ``numbers``
    plus one; 0 is none."""

    array: Labels
    grid: Grid
    numbers: tuple[int, ...]


def label_blocks(pieces: Mapping[int, Sequence[Piece]], grid: Grid) -> list[LabelBlock]:
    """All segments as few label arrays as their overlaps allow, cut to what they fill."""
    found = {number: parts for number, parts in pieces.items() if parts}
    layers: list[tuple[list[int], Labels]] = []
    if not found:
        return []
    low, high = extent([piece for parts in found.values() for piece in parts])
    shape = (high[0] - low[0], high[1] - low[1], high[2] - low[2])
    for number, parts in found.items():
        free = (one for one in layers if not _any_set(one[1], parts, low))
        chosen = next(free, None)
        if chosen is None:
            chosen = ([], _empty(shape, len(found)))
            layers.append(chosen)
        own, array = chosen
        own.append(number)
        for piece in parts:
            _window(array, piece, low)[piece.array] = len(own)
    block = part_of(grid, low, high)
    return [LabelBlock(array, block, tuple(own)) for own, array in layers]


def _empty(shape: tuple[int, int, int], segments: int) -> Labels:
    return np.zeros(shape, np.uint8) if segments < 256 else np.zeros(shape, np.uint16)


def _any_set(array: Labels, parts: Sequence[Piece], low: tuple[int, int, int]) -> bool:
    return any(bool(_window(array, piece, low)[piece.array].any()) for piece in parts)


def _window(array: Labels, piece: Piece, low: tuple[int, int, int]) -> Labels:
    rows, columns = piece.array.shape
    y, x = piece.y - low[1], piece.x - low[2]
    return array[piece.z - low[0], y : y + rows, x : x + columns]


def piece_of(z: int, picture: Bools, y: int = 0, x: int = 0) -> Piece | None:
    """What is set in a picture, cut to its extent; None where nothing is."""
    rows = np.flatnonzero(picture.any(axis=1))
    if not rows.size:
        return None
    some = picture[rows[0] : rows[-1] + 1]
    columns = np.flatnonzero(some.any(axis=0))
    cut = np.ascontiguousarray(some[:, columns[0] : columns[-1] + 1])
    return Piece(z, y + int(rows[0]), x + int(columns[0]), cut)

"""The part of a mask that holds it, cut out once however many views draw it.

Looking for it reads every voxel of the whole grid: of a chest CT that takes longer than a frame
may, so whoever loads a mask in the background calls ``block_of`` there.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import bounding_block

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """Voxels (z, y, x) on a grid of their own."""

    voxels: Bools
    grid: Grid


_lock = threading.Lock()
_known: dict[int, tuple[weakref.ref[Bools], Grid, Block | None]] = {}


def block_of(mask: Bools, grid: Grid) -> Block | None:
    """The block of ``mask`` (z, y, x) on ``grid`` with one empty voxel around it, so that what is
    beyond reads as outside; None for an empty mask. From any thread.

    Of an array that cannot be written to it is cut once and kept as long as the array lives.
    """
    if mask.flags.writeable:
        return _cut(mask, grid)
    key = id(mask)
    with _lock:
        known = _known.get(key)
        if known is not None and known[0]() is mask and known[1] == grid:
            return known[2]
    block = _cut(mask, grid)

    def gone(reference: weakref.ref[Bools]) -> None:
        there = _known.get(key)
        if there is not None and there[0] is reference:
            _known.pop(key, None)

    with _lock:
        _known[key] = weakref.ref(mask, gone), grid, block
    return block


def _cut(mask: Bools, grid: Grid) -> Block | None:
    origin, shape = bounding_block(mask)
    if 0 in shape:
        return None
    low = [max(o - 1, 0) for o in origin]
    high = [min(o + s + 1, n) for o, s, n in zip(origin, shape, mask.shape, strict=True)]
    # A copy, also of the whole: a view would keep the mask alive, and the mask its block.
    block = mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]].copy()
    matrix = grid.matrix
    matrix[:3, 3] = grid.to_lps((low[2], low[1], low[0]))
    return Block(block, Grid((block.shape[0], block.shape[1], block.shape[2]), as_matrix(matrix)))

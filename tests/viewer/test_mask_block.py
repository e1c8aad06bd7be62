"""The block of a mask: where it is, cut once, let go with its mask."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import bounding_block
from workstation.render.mask_block import block_of

GRID = Grid((9, 12, 15), as_matrix(np.diag([0.5, 2.0, 3.0, 1.0])))


def box() -> np.ndarray:
    mask = np.zeros(GRID.shape, dtype=np.bool_)
    mask[2:5, 0:4, 7:15] = True
    return mask


@pytest.mark.parametrize("seed", range(12))
def test_the_smallest_block_that_holds_every_voxel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 9, 3)) > (0.97 if seed % 2 else 0.5)
    mask = mask if seed % 3 else np.asfortranarray(mask)
    found = np.argwhere(mask)
    origin, shape = bounding_block(mask)
    if not len(found):
        assert 0 in shape
        return
    assert origin == tuple(found.min(axis=0))
    assert shape == tuple(found.max(axis=0) - found.min(axis=0) + 1)


def test_where_it_lies_and_what_is_around_it() -> None:
    block = block_of(box(), GRID)
    assert block is not None
    assert block.voxels.shape == (5, 5, 9)  # one more on each side, where the grid goes on
    assert block.voxels.sum() == box().sum()
    assert block.grid.to_lps((0, 0, 0)) == pytest.approx(GRID.to_lps((6, 0, 1)))
    assert block_of(np.zeros(GRID.shape, dtype=np.bool_), GRID) is None


def test_it_is_cut_once_from_what_cannot_change() -> None:
    mask = box()
    first = block_of(mask, GRID)
    mask[0, 11, 0] = True
    second = block_of(mask, GRID)
    assert first is not None and second is not None
    assert second.voxels.shape != first.voxels.shape  # it was written to meanwhile
    mask.setflags(write=False)
    kept = block_of(mask, GRID)
    assert block_of(mask, GRID) is kept
    moved = Grid(GRID.shape, as_matrix(np.diag([0.5, 2.0, 4.0, 1.0])))
    other = block_of(mask, moved)
    assert kept is not None and other is not None
    assert other.grid != kept.grid
    trace = weakref.ref(other)
    del mask, other
    gc.collect()
    assert trace() is None

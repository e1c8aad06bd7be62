"""Strokes, whole steps, undo within bounded memory; a dab on a large mask stays quick."""

from __future__ import annotations

import numpy as np
import pytest

from tests.segment.test_shapes import ball
from tests.viewer.images import GRIDS
from workstation.domain.voxel_set import Block, Bools, VoxelSet
from workstation.viewing.paint import Brush, Painting, Patch
from workstation.viewing.segment_history import History, Step

NORMAL = np.array([0.0, 0.0, 1.0])
GRID = GRIDS["axial"]


def test_a_threshold_brush_paints_only_what_is_in_range() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 100, GRID.shape).astype(np.int16)
    mask = np.zeros(GRID.shape, dtype=np.bool_)
    painting = Painting(mask, GRID, image)
    place = GRID.to_lps((20.0, 15.0, 7.0))
    painting.begin(place, NORMAL, Brush(7.0, ball=True, low=40, high=60))
    painting.end()
    around = np.zeros(GRID.shape, dtype=np.bool_)
    plain = Painting(around, GRID)
    plain.begin(place, NORMAL, Brush(7.0, ball=True))
    plain.end()
    assert np.array_equal(mask, around & (image >= 40) & (image <= 60))
    assert painting.count == mask.sum() and plain.count == around.sum()
    painting.begin(place, NORMAL, Brush(7.0, ball=True, low=50, erase=True))
    painting.end()
    assert np.array_equal(mask, around & (image >= 40) & (image < 50))
    assert painting.count == mask.sum()
    assert painting.volume_ml == pytest.approx(mask.sum() * GRID.voxel_ml)


def test_locked_voxels_are_left_alone_by_strokes_and_steps() -> None:
    mask = np.zeros(GRID.shape, dtype=np.bool_)
    locked = ball(GRID, 6.0)
    painting = Painting(mask, GRID)

    def forbidden(block: Block) -> Bools:
        return locked[block]

    painting.forbidden = forbidden
    painting.begin(GRID.centre_lps, NORMAL, Brush(9.0, ball=True))
    painting.end()
    assert mask.any() and not (mask & locked).any()
    painting.step_to(VoxelSet(GRID, np.ones(GRID.shape, dtype=np.bool_)))
    assert np.array_equal(mask, ~locked)


def test_steps_undo_and_redo_to_the_voxel() -> None:
    rng = np.random.default_rng(3)
    mask = np.zeros(GRID.shape, dtype=np.bool_)
    painting, history, states = Painting(mask, GRID), History(), [mask.copy()]
    painting.finished.connect(lambda patch: history.add(Step("s", patch)))
    for number in range(12):
        if number % 3:
            start, end = (GRID.to_lps(rng.uniform((0, 0, 0), (40, 30, 14))) for _ in range(2))
            painting.begin(start, NORMAL, Brush(rng.uniform(1, 6), number % 2 == 0, number > 6))
            painting.draw_to(end)
            painting.end()
        else:
            wanted = VoxelSet.of(rng.random(GRID.shape) < 0.1, GRID)
            painting.tell(painting.step_to(wanted))
            assert np.array_equal(mask, wanted.full())
        if not np.array_equal(mask, states[-1]):
            states.append(mask.copy())
        assert painting.count == mask.sum()
        assert np.array_equal(painting.block().full(), mask)
    assert len(states) > 9
    for state in reversed(states[:-1]):
        step = history.undo()
        assert step is not None
        painting.flip(step.patch)
        painting.note_flip(step.patch, undone=True)
        assert np.array_equal(mask, state) and painting.count == mask.sum()
    assert history.undo() is None
    for state in states[1:]:
        step = history.redo()
        assert step is not None
        painting.flip(step.patch)
        painting.note_flip(step.patch, undone=False)
        assert np.array_equal(mask, state) and painting.count == mask.sum()
    assert history.redo() is None
    assert painting.step_to(painting.block()) is None  # nothing changed, nothing to undo


def test_a_stroke_can_be_taken_back_before_it_ends() -> None:
    mask = ball(GRID, 8.0)
    before = mask.copy()
    painting = Painting(mask, GRID)
    painting.begin(GRID.centre_lps, NORMAL, Brush(4.0, erase=True))
    painting.draw_to(GRID.centre_lps + np.array([9.0, 0, 0]))
    assert not np.array_equal(mask, before)
    painting.cancel()
    assert np.array_equal(mask, before) and painting.count == before.sum()
    assert painting.end() is None


def test_undo_memory_is_bounded() -> None:
    rng = np.random.default_rng(6)
    history = History(limit_bytes=20_000)
    for number in range(60):
        noise = rng.random((16, 32, 32)) < 0.5  # does not compress: about 2 KB a step
        block: Block = (slice(0, 16), slice(0, 32), slice(0, 32))
        patch = Patch.between(np.zeros_like(noise), noise, block)
        assert patch is not None
        history.add(Step(str(number % 2), patch))
        assert history.size_bytes <= 20_000
    assert history.last is not None and history.last.segment_id == "1"
    history.undo()
    assert history.next is not None
    history.forget("1")
    assert history.next is None and history.last is not None
    assert history.last.segment_id == "0"

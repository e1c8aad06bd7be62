"""A dab on a mask of 512x512x500 voxels stays below 10 ms, however large the brush."""

from __future__ import annotations

import numpy as np

from tests.viewer.images import grid_of
from workstation.domain.voxel_set import VoxelSet
from workstation.viewing.paint import Brush, Painting
from workstation.viewing.segment_bench import measure_segments


def test_dabs_on_a_large_mask_are_quick() -> None:
    grid = grid_of((500, 512, 512), np.diag([0.75, 0.75, 1.0]), (0.0, 0.0, 0.0))
    painting = Painting.on(VoxelSet(grid))
    took = []
    for brush in (Brush(5.0), Brush(24.0), Brush(5.0, ball=True), Brush(16.0, ball=True)):
        times = _times(painting, brush)
        took.append(float(np.median(times)))
    assert max(took) < 10.0, took
    assert painting.count == np.count_nonzero(painting.mask)


def _times(painting: Painting, brush: Brush) -> list[float]:
    import time

    place, times = painting.grid.centre_lps, []
    for number in range(15):
        place = place + np.array([2.0, 1.0, 0.0])
        start = time.perf_counter()
        if number:
            painting.draw_to(place)
        else:
            painting.begin(place, np.array([0.0, 0.0, 1.0]), brush)
        times.append((time.perf_counter() - start) * 1000)
    painting.end()
    return times


def test_the_measurement_runs_on_a_small_mask() -> None:
    """Every tool that the bench names does its work; only its size is smaller here."""
    times = measure_segments((60, 96, 96))
    assert len(times.dab_ms) == 6 and all(0 < low <= high for low, _, high in times.dab_ms.values())
    assert times.work_s and times.undo_mb < 64

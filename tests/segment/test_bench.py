"""What painting costs does not grow with the mask; ``segment_bench`` measures it."""

from __future__ import annotations

import numpy as np

from tests.viewer.images import grid_of
from workstation.domain.voxel_set import VoxelSet
from workstation.viewing.paint import Brush, Painting
from workstation.viewing.segment_bench import measure_segments


def test_dabs_cost_no_more_on_a_large_mask() -> None:
    """Milliseconds are the bench's; here: ten times the slices do not make a dab dearer."""
    brushes = (Brush(5.0), Brush(24.0), Brush(5.0, ball=True), Brush(16.0, ball=True))
    took = {}
    for slices in (50, 500):
        grid = grid_of((slices, 512, 512), np.diag([0.75, 0.75, 1.0]), (0.0, 0.0, 0.0))
        painting = Painting.on(VoxelSet(grid))
        took[slices] = [min(_times(painting, brush)) for brush in brushes]
        assert painting.count == np.count_nonzero(painting.mask)
    assert all(large < 4 * small + 1 for small, large in zip(took[50], took[500], strict=True)), (
        took
    )


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

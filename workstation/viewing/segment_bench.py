"""How long segment tools take on a large mask: numbers for the bench and for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.voxel_set import VoxelSet
from workstation.viewing.paint import Brush, Painting, Patch
from workstation.viewing.segment_fill import Combination, combine, fill_between
from workstation.viewing.segment_history import History, Step
from workstation.viewing.segment_islands import Islands, fill_holes, grow, islands
from workstation.viewing.segment_scissors import Cut, Outline, scissors
from workstation.viewing.segment_shape import Smoothing, margin, smooth

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True)
class SegmentTimes:
    """dab_ms: name to (median, 95th percentile, longest) of one dab in the GUI thread.

    steps_ms: in the GUI thread too: the end of a stroke, undo, taking a segment up. work_s:
    operations, which run beside it. undo_mb: memory of all steps.
    """

    dab_ms: dict[str, tuple[float, float, float]]
    steps_ms: dict[str, float]
    work_s: dict[str, float]
    undo_mb: float


def measure_segments(shape: tuple[int, int, int] = (500, 512, 512)) -> SegmentTimes:
    """Paint on and work with a mask of this many slices, rows and columns: an organ of some
    10 % of the image and a lesion of 25 mm, spacing 0.75 x 0.75 x 1 mm."""
    grid = Grid(shape, as_matrix(np.diag([0.75, 0.75, 1.0, 1.0])))
    organ, lesion = _ball(grid, 0.29 * shape[1] * 0.75), _ball(grid, 12.5)
    steps: dict[str, float] = {}
    start = time.perf_counter()
    painting = Painting.on(organ)
    steps["take up an organ"] = _ms(start)
    history = History()
    dabs: dict[str, tuple[float, float, float]] = {}
    for name, brush, oblique in (
        ("disc 10 mm", Brush(5.0), False),
        ("disc 48 mm", Brush(24.0), False),
        ("oblique disc 48 mm", Brush(24.0), True),
        ("ball 10 mm", Brush(5.0, ball=True), False),
        ("ball 32 mm", Brush(16.0, ball=True), False),
        ("ball 48 mm", Brush(24.0, ball=True), False),
    ):
        dabs[name], ended, patch = _stroke(painting, brush, oblique)
        steps[f"end a stroke, {name}"] = ended
        if patch is not None:
            history.add(Step("", patch))
            start = time.perf_counter()
            painting.flip(patch)
            steps[f"undo, {name}"] = _ms(start)
            painting.flip(patch)
    work = _operations(grid, organ, lesion, painting, history)
    return SegmentTimes(dabs, steps, work, history.size_bytes / 1e6)


def _ms(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _ball(grid: Grid, radius_mm: float) -> VoxelSet:
    empty = Painting(np.zeros(grid.shape, dtype=np.bool_), grid, known=VoxelSet(grid))
    empty.begin(grid.centre_lps, np.array([0.0, 0.0, 1.0]), Brush(radius_mm, ball=True))
    return empty.block()


def _stroke(
    painting: Painting, brush: Brush, oblique: bool
) -> tuple[tuple[float, float, float], float, Patch | None]:
    normal = np.array([0.48, 0.36, 0.8]) if oblique else np.array([0.0, 0.0, 1.0])
    grid, took = painting.grid, []
    centre = grid.centre_lps + np.array([0.21 * grid.shape[2] * 0.75, 0.0, 0.0])
    place = centre
    for number in range(40):  # along the organ's edge, 3 mm a mouse event
        place = place + np.array([0.6, 2.9, 0.0])
        start = time.perf_counter()
        painting.draw_to(place) if number else painting.begin(place, normal, brush)
        took.append(_ms(start))
    start = time.perf_counter()
    patch = painting.end()
    ended = _ms(start)
    middle, high, longest = np.percentile(took, (50, 95, 100))
    return (float(middle), float(high), float(longest)), ended, patch


def _operations(
    grid: Grid, organ: VoxelSet, lesion: VoxelSet, painting: Painting, history: History
) -> dict[str, float]:
    from workstation.domain.plane import Axes

    image = np.zeros(grid.shape, dtype=np.int16)
    image[lesion.block][lesion.voxels] = 100
    turns = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    ring = grid.centre_lps + 30 * np.stack([np.cos(turns), np.sin(turns), 0 * turns], axis=1)
    outline = Outline(ring, Axes(*AXES))
    thin = lesion.voxels.copy()
    thin[1:-1][np.arange(len(thin) - 2) % 5 > 0] = False
    apart = VoxelSet(grid, thin, lesion.origin)
    jobs: dict[str, Callable[[], VoxelSet]] = {
        "lesion: grow 3 mm": lambda: margin(lesion, 3.0),
        "lesion: median 2 mm": lambda: smooth(lesion, Smoothing.MEDIAN, 2.0),
        "lesion: keep largest": lambda: islands(lesion, Islands.KEEP_LARGEST),
        "lesion: fill between slices": lambda: fill_between(apart),
        "lesion: grow from a seed": lambda: grow(image, grid, grid.centre_lps, low=50).mask,
        "organ: scissors": lambda: scissors(organ, outline, Cut.ERASE_INSIDE),
        "organ: keep largest": lambda: islands(organ, Islands.KEEP_LARGEST),
        "organ: fill holes": lambda: fill_holes(organ),
        "organ: grow 3 mm": lambda: margin(organ, 3.0),
        "organ: closing 2 mm": lambda: smooth(organ, Smoothing.CLOSING, 2.0),
        "organ: Gaussian 1.5 mm": lambda: smooth(organ, Smoothing.GAUSSIAN, 1.5),
        "organ: invert": lambda: combine(organ, Combination.INVERT),
    }
    took: dict[str, float] = {}
    for name, work in jobs.items():
        start = time.perf_counter()
        result = work()
        took[name] = time.perf_counter() - start
        if name.startswith("organ"):
            start = time.perf_counter()
            patch = painting.step_to(result)
            took[f"{name}, written"] = time.perf_counter() - start
            if patch is not None:
                history.add(Step("", patch))
    return took

"""Marks and voxels made for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.viewer.images import stack_of
from workstation.domain.geometry import Floats, Grid
from workstation.domain.mark import Mark, MarkKind, MarkNumber, as_points
from workstation.domain.plane import Axes, PlaneKind, axes_of
from workstation.domain.volume import Stack


def mark_of(kind: MarkKind, points: Any, grid: Grid, axes: Axes | None = None, **more: Any) -> Mark:
    """A mark at LPS points, drawn in the plane as acquired unless ``axes`` says otherwise."""
    held = axes if axes is not None else axes_of(PlaneKind.ACQUIRED, grid)
    values: dict[str, Any] = {
        "id": "mark-1",
        "study_uid": "1.2",
        "series_uid": "1.2.3",
        "stack_id": "stack-1",
        "frame_of_reference_uid": "1.2.9",
        "kind": kind,
        "points_mm": as_points(np.asarray(points, dtype=np.float64)),
        "right": held.right,
        "down": held.down,
        "by": "li",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Mark(**(values | more))


def at_index(kind: MarkKind, index: Any, grid: Grid, **more: Any) -> Mark:
    """A mark at voxel places (x, y, z), drawn in the plane as acquired."""
    return mark_of(kind, grid.to_lps(np.asarray(index, dtype=np.float64)), grid, **more)


def by_name(numbers: tuple[MarkNumber, ...]) -> dict[str, float]:
    """Values by the English name of the number."""
    return {n.name: n.value for n in numbers}


def ct_of(grid: Grid, **more: Any) -> Stack:
    """A CT stack on ``grid``."""
    return stack_of(grid, modality="CT", unit="[hnsf'U]", **more)


def noise(shape: tuple[int, int, int], seed: int = 4) -> NDArray[np.int16]:
    """Whole values of an uneven field, (z, y, x)."""
    return np.random.default_rng(seed).integers(-1000, 2000, shape).astype(np.int16)


def wave(grid: Grid) -> Floats:
    """A field that is linear in LPS mm: interpolation gives it back exactly. (z, y, x)."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    lps = grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))
    return np.asarray(lps @ np.array([2.0, -3.0, 5.0]) + 7.0)

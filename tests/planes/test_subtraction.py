"""One minus the other, against NumPy and SciPy on points computed here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from tests.viewer.images import GRIDS, grid_of, turn, volume_of
from workstation.domain.errors import BadInput
from workstation.domain.volume import Volume
from workstation.viewing.subtraction import PREFIX, same_grid, subtract
from workstation.viewing.viewport import Viewport

UNIT: dict[str, Any] = {"modality": "CT", "unit": "[hnsf'U]"}


def test_the_same_voxels_are_exact_whole_numbers() -> None:
    grid = GRIDS["tilted oblique"]
    rng = np.random.default_rng(2)
    a = volume_of(grid, rng.integers(-900, 900, grid.shape).astype(np.int16), **UNIT)
    b = volume_of(grid, rng.integers(-900, 900, grid.shape).astype(np.int16), id="b", **UNIT)
    found = subtract(a, b, b.grid, "a − b")
    assert found.array.dtype == np.int16
    assert np.array_equal(found.array, a.array.astype(int) - b.array.astype(int))
    stack = found.stack
    assert stack.id.startswith(PREFIX) and stack.unit == "[hnsf'U]" and stack.frames == ()
    assert stack.window is not None and stack.window[0] == 0.0  # symmetric about no difference
    half = np.percentile(np.abs(found.array), 99.5)
    assert stack.window[1] == pytest.approx(2 * half, rel=0.02)
    assert [str(n) for n in stack.notes] == ["Calculated: one image minus another, not acquired."]
    view = Viewport()
    view.show(found)
    place = grid.to_lps((5.0, 6.0, 7.0))
    assert view.value_at(place) == float(found.array[7, 6, 5])


def test_differences_that_do_not_fit_are_not_wrapped() -> None:
    grid = GRIDS["axial"]
    a = volume_of(grid, np.full(grid.shape, 30000, dtype=np.int16))
    b = volume_of(grid, np.full(grid.shape, -30000, dtype=np.int16), id="b")
    assert (subtract(a, b, b.grid, "").array == 60000).all()
    u = volume_of(grid, np.full(grid.shape, 5, dtype=np.uint16))
    v = volume_of(grid, np.full(grid.shape, 9, dtype=np.uint16), id="b")
    assert (subtract(u, v, v.grid, "").array == -4).all()


def test_another_grid_is_resampled_through_the_patient_and_said() -> None:
    grid = grid_of((20, 30, 40), np.diag([1.0, 1.0, 1.5]), (-20.0, -15.0, -15.0))
    other = grid_of(
        (24, 40, 44), turn((0.3, 1.0, 0.2), 12.0) @ np.diag([0.9, 1.1, 1.3]), (-18.0, -22.0, -18.0)
    )
    rng = np.random.default_rng(4)
    a = volume_of(grid, rng.normal(100, 20, grid.shape).astype(np.float32))
    b = volume_of(other, rng.normal(50, 20, other.shape).astype(np.float32), id="b")
    assert not same_grid(grid, other)
    found = subtract(a, b, b.grid, "")
    z, y, x = np.indices(grid.shape)
    places = grid.to_lps(np.stack([x, y, z], axis=-1).reshape(-1, 3))
    matrix = np.asarray(other.affine)
    index = np.linalg.solve(matrix[:3, :3], (places - matrix[:3, 3]).T)[::-1]
    size = np.asarray(other.shape)[:, None]
    inside = ((index >= 0) & (index <= size - 1)).all(axis=0)
    expected = a.array.reshape(-1) - map_coordinates(b.array.astype(np.float64), index, order=1)
    values = found.array.reshape(-1)
    assert 0.2 < inside.mean() < 0.95
    assert np.abs(values[inside] - expected[inside]).max() < 1e-3
    assert (values[~inside] <= -1e30).all()
    assert "The second was resampled onto the first." in [str(n) for n in found.stack.notes]
    view = Viewport()
    view.show(Volume(found.array, grid, found.stack))
    outside = np.flatnonzero(~inside)[0]
    assert view.value_at(places[outside]) is None


def test_what_cannot_be_subtracted_says_why() -> None:
    grid = GRIDS["axial"]
    a, b = volume_of(grid, unit="Bq/mL"), volume_of(grid, unit="{SUVbw}g/mL")
    with pytest.raises(BadInput, match="units differ"):
        subtract(a, b, b.grid, "")
    away = grid_of((14, 30, 40), np.eye(3), (900.0, 0.0, 0.0))
    with pytest.raises(BadInput, match="do not overlap"):
        subtract(volume_of(grid), volume_of(away), away, "")

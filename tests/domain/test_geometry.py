"""Axis arithmetic: every orientation, negated, oblique and sheared."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstation.domain.errors import BadInput
from workstation.domain.geometry import (
    Grid,
    affine_of_stack,
    as_matrix,
    axes_towards,
    direction_letters,
    plane_name,
)

ORIENTATIONS = [
    "".join(letters)
    for order in itertools.permutations(("LR", "PA", "HF"))
    for letters in itertools.product(*order)
]


def oblique_grid(seed: int, shear: float = 0.0) -> Grid:
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = rotation * rng.uniform(0.4, 6.0, size=3)
    affine[:3, 2] += affine[:3, 1] * shear
    affine[:3, 3] = rng.uniform(-200, 200, size=3)
    return Grid((5, 7, 9), as_matrix(affine))


def test_orientations_are_48() -> None:
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_reorienting_keeps_every_voxel_at_its_place(letters: str) -> None:
    grid = oblique_grid(3, shear=0.3)
    array = np.arange(5 * 7 * 9).reshape(5, 7, 9)
    axes = axes_towards(grid, letters)
    turned, turned_grid = axes.apply(array), axes.apply_grid(grid)
    assert turned.shape == turned_grid.shape
    for value in (0, 17, 200, 314):
        z, y, x = np.argwhere(array == value)[0]
        new_z, new_y, new_x = np.argwhere(turned == value)[0]
        np.testing.assert_allclose(
            grid.to_lps((x, y, z)), turned_grid.to_lps((new_x, new_y, new_z)), atol=1e-9
        )
    assert np.array_equal(axes.undo(turned), array)


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_axes_point_where_the_letters_say(letters: str) -> None:
    base = Grid((4, 5, 6), as_matrix(np.diag([1.0, 2.0, 3.0, 1.0])))
    turned = axes_towards(base, letters).apply_grid(base)
    assert "".join(direction_letters(turned.directions[:, i], 1) for i in range(3)) == letters


def test_affine_of_stack_follows_the_standard() -> None:
    # PS3.3 C.7.6.2.1.1: a sagittal slice, rows run to posterior, columns to the feet.
    affine = affine_of_stack((10, 20, 30), (0, 1, 0, 0, 0, -1), (0.5, 0.25), (4, 0, 0))
    grid = Grid((3, 8, 8), affine)
    np.testing.assert_allclose(grid.to_lps((2, 4, 1)), (14, 20.5, 28))
    assert grid.spacing_mm == (0.25, 0.5, 4.0)
    assert plane_name(grid) == "sagittal"


def test_tilted_stack_keeps_its_volume_and_distance() -> None:
    angle = np.radians(18.5)
    affine = affine_of_stack(
        (0, 0, 0), (1, 0, 0, 0, np.cos(angle), np.sin(angle)), (0.5, 0.5), (0, 0, 4.0)
    )
    grid = Grid((10, 64, 64), affine)
    assert grid.tilt_deg == pytest.approx(18.5)
    assert grid.slice_distance_mm == pytest.approx(4.0 * np.cos(angle))
    assert grid.voxel_ml == pytest.approx(0.25 * 4.0 * np.cos(angle) / 1000)


@given(st.integers(0, 10_000), st.floats(-0.5, 0.5))
def test_index_and_patient_space_undo_each_other(seed: int, shear: float) -> None:
    grid = oblique_grid(seed, shear)
    points = np.random.default_rng(seed).uniform(-20, 20, size=(11, 3))
    np.testing.assert_allclose(grid.to_index(grid.to_lps(points)), points, atol=1e-6)


def test_degenerate_and_infinite_geometry_are_refused() -> None:
    flat = np.eye(4)
    flat[2, 2] = 0
    with pytest.raises(BadInput):
        Grid((1, 1, 1), as_matrix(flat))
    broken = np.eye(4)
    broken[0, 3] = np.nan
    with pytest.raises(BadInput):
        Grid((1, 1, 1), as_matrix(broken))


@pytest.mark.parametrize("letters", ["LLH", "XPH", "LP"])
def test_wrong_letters_are_refused(letters: str) -> None:
    with pytest.raises(BadInput):
        axes_towards(oblique_grid(1), letters)


def test_letters_of_oblique_directions() -> None:
    assert direction_letters((1, 0, 0)) == "L"
    assert direction_letters((0, -0.8, 0.6)) == "AH"
    assert direction_letters((0.0, 0.99, 0.1)) == "P"

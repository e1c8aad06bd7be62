"""Scissors against an independent point-in-polygon test of every voxel centre."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import Delaunay

from tests.segment.test_shapes import centres
from tests.viewer.images import GRIDS
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Floats, Grid
from workstation.domain.plane import Axes, PlaneKind, axes_of
from workstation.domain.voxel_set import Bools, VoxelSet
from workstation.viewing.segment_scissors import Cut, Outline, scissors

# A star: not convex, corners on no voxel centre.
TURNS = np.linspace(0, 2 * np.pi, 10, endpoint=False) + 0.123
STAR = np.stack([np.cos(TURNS), np.sin(TURNS)], axis=1) * np.where(
    np.arange(10) % 2, 4.13, 11.37
)[:, None]  # fmt: skip


def star_on(grid: Grid, axes: Axes, depth_mm: float = 0.0) -> Floats:
    right, down = np.asarray(axes.right), np.asarray(axes.down)
    middle = grid.centre_lps + axes.normal * depth_mm
    return np.asarray(middle + STAR[:, :1] * right + STAR[:, 1:] * down)


def inside_star(grid: Grid, axes: Axes) -> Bools:
    """Each voxel centre seen along the normal: is it in one of the star's triangles?"""
    away = centres(grid) - grid.centre_lps
    seen = np.stack([away @ np.asarray(axes.right), away @ np.asarray(axes.down)], axis=-1)
    out = np.zeros(grid.shape, dtype=np.bool_)
    for a, b in zip(STAR, np.roll(STAR, -1, axis=0), strict=True):
        triangle = Delaunay(np.stack([np.zeros(2), a, b]))
        out |= triangle.find_simplex(seen.reshape(-1, 2)).reshape(grid.shape) >= 0
    return out


@pytest.mark.parametrize("name", ["axial", "negated", "sagittal", "tilted", "tilted oblique"])
@pytest.mark.parametrize("plane", ["acquired", "coronal", "oblique"])
def test_every_voxel_centre_is_judged_rightly(name: str, plane: str) -> None:
    grid = GRIDS[name]
    axes = axes_of(PlaneKind.ACQUIRED if plane == "oblique" else PlaneKind(plane), grid)
    if plane == "oblique":
        axes = axes.turned((1.0, 0.3, 0.2), 33.0)
    wanted = inside_star(grid, axes)
    outline = Outline(star_on(grid, axes), axes)
    filled = scissors(VoxelSet(grid), outline, Cut.FILL_INSIDE).full()
    assert 0 < wanted.sum() < wanted.size
    assert np.array_equal(filled, wanted)
    whole = VoxelSet(grid, np.ones(grid.shape, dtype=np.bool_))
    assert np.array_equal(scissors(whole, outline, Cut.ERASE_INSIDE).full(), ~wanted)
    assert np.array_equal(scissors(whole, outline, Cut.ERASE_OUTSIDE).full(), wanted)


@pytest.mark.parametrize("name", ["axial", "tilted oblique"])
def test_this_slice_only(name: str) -> None:
    grid = GRIDS[name]
    axes = axes_of(PlaneKind.ACQUIRED, grid)
    z = 9
    depth = float((grid.to_lps((0.0, 0.0, float(z))) - grid.centre_lps) @ axes.normal)
    outline = Outline(star_on(grid, axes, depth), axes, through=False)
    wanted = inside_star(grid, axes)
    filled = scissors(VoxelSet(grid), outline, Cut.FILL_INSIDE).full()
    assert set(np.flatnonzero(filled.any(axis=(1, 2)))) == {z}
    assert np.array_equal(filled[z], wanted[z])
    whole = VoxelSet(grid, np.ones(grid.shape, dtype=np.bool_))
    kept = scissors(whole, outline, Cut.ERASE_OUTSIDE).full()
    others = np.arange(grid.shape[0]) != z
    assert kept[others].all() and np.array_equal(kept[z], wanted[z])
    gone = scissors(whole, outline, Cut.ERASE_INSIDE).full()
    assert gone[others].all() and np.array_equal(gone[z], ~wanted[z])


def test_a_box_cut_out_has_its_volume() -> None:
    """A rectangle of 8.0 x 11.0 mm through 14 slices: 10 x 10 voxels each, 36.96 mL/1000."""
    grid = GRIDS["axial"]
    axes = axes_of(PlaneKind.ACQUIRED, grid)
    low = grid.to_lps((4.5, 4.5, 3.0))
    corners = low + np.array([[0, 0, 0], [8.0, 0, 0], [8.0, 11.0, 0], [0, 11.0, 0]])
    got = scissors(VoxelSet(grid), Outline(corners, axes), Cut.FILL_INSIDE)
    assert got.shape == (14, 10, 10) and got.origin == (0, 5, 5)
    assert got.volume_ml == pytest.approx(8.0 * 11.0 * 14 * 3.0 / 1000)
    with pytest.raises(BadInput, match="three corners"):
        scissors(got, Outline(corners[:2], axes), Cut.ERASE_INSIDE)
    away = Outline(corners + 500.0, axes)
    assert scissors(got, away, Cut.FILL_INSIDE).count == got.count
    assert scissors(got, away, Cut.ERASE_OUTSIDE).count == 0

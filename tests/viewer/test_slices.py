"""Pictures against independent resampling: scipy on points computed here, not by the product."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from tests.viewer.images import GRIDS, grid_of, volume_of
from workstation.domain.geometry import Floats, Grid, direction_letters
from workstation.domain.plane import PlaneKind, Raster, axes_from, axes_of, steps_along
from workstation.render.slice import MaskRenderer, SliceRenderer
from workstation.viewing.viewport import Projection, Slab, Viewport

KINDS = (PlaneKind.ACQUIRED, PlaneKind.AXIAL, PlaneKind.SAGITTAL, PlaneKind.CORONAL)


def picture_points(raster: Raster, ahead_mm: float = 0.0) -> Floats:
    """LPS mm (h, w, 3) of pixel centres, from first principles."""
    right, down = np.asarray(raster.axes.right), np.asarray(raster.axes.down)
    normal = np.cross(right, down)
    across = (np.arange(raster.width) - (raster.width - 1) / 2) * raster.mm_per_pixel
    along = (np.arange(raster.height) - (raster.height - 1) / 2) * raster.mm_per_pixel
    return np.asarray(
        np.asarray(raster.centre_mm)
        + across[None, :, None] * right
        + along[:, None, None] * down
        + ahead_mm * normal
    )


def index_of(grid: Grid, points: Floats) -> Floats:
    """Continuous (z, y, x) indices (3, ...) by solving the affine."""
    matrix = np.array(grid.affine)
    flat = points.reshape(-1, 3) - matrix[:3, 3]
    xyz = np.linalg.solve(matrix[:3, :3], flat.T)
    return np.asarray(xyz[::-1].reshape(3, *points.shape[:-1]))


def well_inside(index: Floats, grid: Grid) -> np.ndarray:
    size = np.array(grid.shape).reshape(3, *([1] * (index.ndim - 1)))
    return np.asarray(((index >= 0.01) & (index <= size - 1.01)).all(axis=0))


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("kind", [*KINDS, PlaneKind.OBLIQUE])
def test_a_picture_equals_independent_resampling(name: str, kind: PlaneKind) -> None:
    grid = GRIDS[name]
    volume = volume_of(grid)
    view = Viewport()
    view.show(volume)
    view.set_plane(kind)
    if kind is PlaneKind.OBLIQUE:
        view.turn(np.array([1.0, 0.3, -0.2]), 33.0)
        view.turn(np.array([0.1, 0.2, 1.0]), -21.0)
    raster = view.raster(160, 140)
    picture = SliceRenderer(volume.array, grid).cut(raster)
    index = index_of(grid, picture_points(raster))
    expected = map_coordinates(volume.array.astype(np.float64), index, order=1)
    inside = well_inside(index, grid)
    assert inside.mean() > 0.04
    # VTK rounds int16 results; nothing but rounding may differ.
    assert np.abs(picture[inside] - expected[inside]).max() <= 0.52
    outside = (index < -0.51).any(axis=0)
    assert (picture[outside] == -32768).all()


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_voxel_at_a_known_place_shows_at_its_pixel(name: str, kind: PlaneKind) -> None:
    grid = GRIDS[name]
    array = np.zeros(grid.shape, dtype=np.int16)
    z, y, x = 5, 21, 13
    array[z, y, x] = 1000
    matrix = np.array(grid.affine)
    place = matrix[:3, :3] @ (x, y, z) + matrix[:3, 3]
    view = Viewport()
    view.show(volume_of(grid, array))
    view.set_plane(kind)
    view.move_focus(place)
    raster = view.raster(400, 400)
    picture = SliceRenderer(array, grid).cut(raster)
    row, column = np.unravel_index(int(picture.argmax()), picture.shape)
    assert picture.max() > 900
    shown = picture_points(raster)[row, column]
    voxel = max(raster.mm_per_pixel, 1e-9)
    assert np.linalg.norm(shown - place) < voxel  # within a pixel of where it is


def test_floats_and_slabs_against_direct_computation() -> None:
    grid = GRIDS["axial"]
    array = np.random.default_rng(1).normal(size=grid.shape).astype(np.float32)
    axes = axes_of(PlaneKind.CORONAL, grid)
    centre = grid.to_lps((20.0, 15.0, 7.0))
    raster = Raster((centre[0], centre[1], centre[2]), axes, 0.5, 50, 40)
    thickness = 11.0  # ten steps of 1.1 mm: eleven samples
    at = np.linspace(-thickness / 2, thickness / 2, 11)
    layers = np.stack(
        [
            map_coordinates(
                array.astype(np.float64), index_of(grid, picture_points(raster, d)), order=1
            )
            for d in at
        ]
    )
    inside = well_inside(index_of(grid, picture_points(raster)), grid)
    renderer = SliceRenderer(array, grid)
    for projection, expected in (
        (Projection.MAX, layers.max(axis=0)),
        (Projection.MIN, layers.min(axis=0)),
        (Projection.MEAN, np.trapezoid(layers, at, axis=0) / thickness),
    ):
        picture = renderer.cut(raster, Slab(thickness, projection))
        assert np.abs(picture - expected)[inside].max() < 1e-4


def test_voxels_are_shared_not_copied() -> None:
    grid = GRIDS["axial"]
    array = np.zeros(grid.shape, dtype=np.int16)
    renderer = SliceRenderer(array, grid)
    view = Viewport()
    view.show(volume_of(grid, array))
    raster = view.raster(60, 60)
    assert renderer.cut(raster).max() == 0
    array[:] = 77
    renderer.voxels_changed()
    assert renderer.cut(raster).max() == 77
    with pytest.raises(ValueError, match="contiguous"):
        SliceRenderer(array[:, ::2], grid_of((14, 15, 40), np.diag([1.0, 2.0, 3.0]), (0, 0, 0)))


def test_colour_passes_through() -> None:
    grid = grid_of((1, 20, 30), np.eye(3), (0.0, 0.0, 0.0))
    array = np.zeros((1, 20, 30, 3), dtype=np.uint8)
    array[0, :, :15] = (200, 10, 30)
    renderer = SliceRenderer(array, grid)
    axes = axes_from((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    picture = renderer.cut(Raster((14.5, 9.5, 0.0), axes, 1.0, 30, 20))
    assert picture.shape == (20, 30, 3)
    assert np.array_equal(picture, array[0])


@pytest.mark.parametrize("name", GRIDS)
def test_a_mask_lies_on_its_voxels(name: str) -> None:
    grid = GRIDS[name]
    mask = np.zeros(grid.shape, dtype=np.bool_)
    mask[4:7, 10:18, 20:29] = True
    view = Viewport()
    view.show(volume_of(grid))
    view.go_to_slice(5 if grid.shape[0] == view.steps.count else view.steps.count // 2)
    for kind in KINDS:
        view.set_plane(kind)
        view.move_focus(grid.to_lps((24.0, 13.0, 5.0)))
        raster = view.raster(200, 180)
        found = MaskRenderer(mask, grid).cut(raster)
        assert found is not None
        whole = np.zeros((raster.height, raster.width), dtype=np.bool_)
        height, width = found.codes.shape
        whole[found.top : found.top + height, found.left : found.left + width] = found.codes > 0
        index = index_of(grid, picture_points(raster))
        near = np.abs(index - np.floor(index) - 0.5).min(axis=0) < 1e-3  # on a voxel's border
        voxel = np.round(index).astype(int)
        size = np.array(grid.shape).reshape(3, 1, 1)
        valid = ((voxel >= 0) & (voxel < size)).all(axis=0)
        voxel = np.clip(voxel, 0, size - 1)
        expected = mask[voxel[0], voxel[1], voxel[2]] & valid
        assert expected.any()
        assert np.array_equal(whole[~near], expected[~near])
    assert MaskRenderer(np.zeros(grid.shape, dtype=np.bool_), grid).cut(raster) is None


@pytest.mark.parametrize("name", GRIDS)
def test_acquired_slices_are_stepped_one_by_one(name: str) -> None:
    grid = GRIDS[name]
    volume = volume_of(grid)
    view = Viewport()
    view.show(volume)
    renderer = SliceRenderer(volume.array, grid)
    assert view.steps.count == grid.shape[0]
    assert view.steps.step_mm == pytest.approx(grid.slice_distance_mm)
    for z in range(grid.shape[0]):
        view.go_to_slice(z)
        assert view.slice_number == z
        raster = view.raster(120, 100)
        picture = renderer.cut(raster)
        index = index_of(grid, picture_points(raster))
        inside = (
            (index[1] > 0.01)
            & (index[1] < grid.shape[1] - 1.01)
            & (index[2] > 0.01)
            & (index[2] < grid.shape[2] - 1.01)
        )
        assert np.abs(index[0] - z).max() < 1e-6  # exactly on the stored slice
        expected = map_coordinates(volume.array[z].astype(np.float64), index[1:], order=1)
        assert np.abs(picture[inside] - expected[inside]).max() <= 0.52
    # A tilted stack stays where it is on screen while one scrolls.
    view.go_to_slice(0)
    first = index_of(grid, picture_points(view.raster(80, 80)))[1:]
    view.go_to_slice(9)
    assert np.abs(index_of(grid, picture_points(view.raster(80, 80)))[1:] - first).max() < 1e-6


def test_letters_of_standard_planes() -> None:
    expected = {
        PlaneKind.AXIAL: ("L", "P"),
        PlaneKind.SAGITTAL: ("P", "F"),
        PlaneKind.CORONAL: ("L", "F"),
    }
    for grid in GRIDS.values():
        for kind, letters in expected.items():
            axes = axes_of(kind, grid)
            assert (direction_letters(axes.right), direction_letters(axes.down)) == letters
    # Acquired slices near a plane are turned the usual way up however their rows run.
    for name, letters in (
        ("axial", ("L", "P")),
        ("negated", ("L", "P")),
        ("sagittal", ("P", "F")),
        ("coronal backwards", ("L", "F")),
        ("tilted", ("L", "P")),
    ):
        axes = axes_of(PlaneKind.ACQUIRED, GRIDS[name])
        assert (direction_letters(axes.right), direction_letters(axes.down)) == letters


def test_oblique_acquisitions_are_shown_as_stored() -> None:
    grid = grid_of((8, 20, 20), turn_of_heart(), (0.0, 0.0, 0.0))
    axes = axes_of(PlaneKind.ACQUIRED, grid)
    assert np.allclose(axes.right, grid.directions[:, 0])
    assert np.allclose(axes.down, grid.directions[:, 1])


def turn_of_heart() -> Floats:
    from tests.viewer.images import turn

    return turn((1.0, 1.0, 0.2), 55.0) @ np.diag([1.4, 1.4, 8.0])


def test_steps_count_every_slice_of_orthogonal_planes() -> None:
    grid = GRIDS["axial"]
    assert steps_along(grid, (0.0, 0.0, 1.0)).count == 14
    assert steps_along(grid, (0.0, 1.0, 0.0)).count == 30
    assert steps_along(grid, (1.0, 0.0, 0.0)).count == 40

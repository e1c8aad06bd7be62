"""Slabs projected through stored layers, against a plain walk along every ray."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from tests.viewer.images import GRIDS, volume_of
from workstation.domain.errors import Cancelled
from workstation.domain.geometry import Floats, Grid
from workstation.domain.plane import Axes, PlaneKind, Raster
from workstation.domain.work import Cancel
from workstation.render.projection import Rays, project
from workstation.render.slice import SliceRenderer
from workstation.ui.slice_picture import SlicePicture
from workstation.viewing.viewport import Projection, Slab, Viewport

TURNS = ((0.0, 0.0, 0.0), (0.3, 0.0, 0.1), (0.2, -0.5, 0.4), (1.4, 0.3, -0.2), (0.1, 1.5, 0.3))


def turned(grid: Grid, turn: tuple[float, float, float], width: int, height: int) -> Raster:
    right, down = Rotation.from_rotvec(turn).as_matrix()[:, :2].T
    axes = Axes(
        (float(right[0]), float(right[1]), float(right[2])),
        (float(down[0]), float(down[1]), float(down[2])),
    )
    x, y, z = (float(v) for v in grid.centre_lps)
    return Raster((x, y, z), axes, 0.9, width, height)


def along_rays(
    array: Floats, grid: Grid, raster: Raster, thickness: float
) -> tuple[Floats, Floats]:
    """Least and greatest value of each ray where it crosses layers, and on the slab's faces."""
    matrix = raster.index_matrix(grid)
    rows, columns = np.mgrid[: raster.height, : raster.width]
    start = np.stack(
        [matrix[i, 0] * columns + matrix[i, 1] * rows + matrix[i, 3] for i in range(3)]
    )
    step, half = matrix[:3, 2], thickness / 2
    most = int(np.abs(step).argmax())
    size = np.array(array.shape[::-1]).reshape(3, 1, 1)
    low, high = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    layers = [(k - start[most]) / step[most] for k in range(int(size[most, 0, 0]))]
    for ahead in [*layers, np.full(rows.shape, -half), np.full(rows.shape, half)]:
        index = start + step.reshape(3, 1, 1) * ahead
        seen = (np.abs(ahead) <= half + 1e-9) & ((index >= -0.5) & (index <= size - 0.5)).all(
            axis=0
        )
        value = map_coordinates(array, index[::-1], order=1, mode="nearest")
        low = np.where(seen, np.minimum(low, value), low)
        high = np.where(seen, np.maximum(high, value), high)
    return low, high


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("name", GRIDS)
def test_brightest_and_darkest_equal_a_walk_along_each_ray(
    name: str, turn: tuple[float, float, float]
) -> None:
    grid = GRIDS[name]
    array = np.random.default_rng(4).normal(0, 100, grid.shape).astype(np.float32)
    raster = turned(grid, turn, 141, 120)  # more than a tile each way
    low, high = along_rays(array.astype(np.float64), grid, raster, 9.3)
    renderer = SliceRenderer(array, grid)
    for kind, expected in ((Projection.MAX, high), (Projection.MIN, low)):
        picture = renderer.cut(raster, Slab(9.3, kind))
        hit = np.isfinite(expected)
        assert hit.mean() > 0.05
        # A pixel on the array's very edge may fall to either side by rounding.
        both = hit & (picture != renderer.outside)
        assert both.sum() > 0.98 * max(hit.sum(), (picture != renderer.outside).sum())
        assert np.quantile(np.abs(picture - expected)[both], 0.995) < 0.05
        assert np.abs(picture - expected)[both].max() < 60  # where a face was drawn to the edge


def test_whole_numbers_stay_what_they_are() -> None:
    grid = GRIDS["axial"]
    array = np.full(grid.shape, -1000, dtype=np.int16)
    array[7, 15, 20] = 777
    raster = turned(grid, (0.0, 0.0, 0.0), 60, 60)
    picture = SliceRenderer(array, grid).cut(raster, Slab(200.0, Projection.MAX))
    assert picture.dtype == np.int16
    inside = picture[picture > -32768]
    assert inside.max() > 300 and inside.min() == -1000


def test_a_projection_can_be_stopped() -> None:
    grid = GRIDS["axial"]
    cancel = Cancel()
    cancel.cancel()
    raster = turned(grid, TURNS[1], 60, 60)
    rays = Rays(raster.index_matrix(grid), 10.0)
    with pytest.raises(Cancelled):
        project(np.zeros(grid.shape, np.float32), rays, 60, 60, cancel)


def test_only_oblique_planes_in_motion_are_drafts_and_only_where_the_machine_is_slow() -> None:
    grid = GRIDS["axial"]
    view, picture = Viewport(), SlicePicture()
    view.show(volume_of(grid))
    view.set_plane(PlaneKind.CORONAL)
    raster = view.raster(300, 240)
    picture._oblique_ms = 1e9
    assert picture.image(view, raster, moving=True).width() == 300
    view.turn(np.array([1.0, 0.3, -0.2]), 33.0)
    raster = view.raster(300, 240)
    assert picture.lags(view, raster)
    draft = picture.image(view, raster, moving=True)
    assert draft.width() == 200 and not picture.sharp
    assert picture.image(view, raster).width() == 300 and picture.sharp
    assert picture.image(view, raster, moving=True).width() == 300  # it is there already
    picture._oblique_ms = 0.0
    view.turn(np.array([1.0, 0.3, -0.2]), 3.0)
    assert picture.image(view, view.raster(300, 240), moving=True).width() == 300

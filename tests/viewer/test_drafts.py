"""What is drawn coarser while it moves, and what never is."""

from __future__ import annotations

import numpy as np

from tests.viewer.images import GRIDS, volume_of
from workstation.domain.plane import PlaneKind
from workstation.render.grey import enlarged
from workstation.ui.slice_picture import SlicePicture
from workstation.viewing.viewport import Viewport


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
    assert draft.width() == 300 and not picture.sharp
    assert picture.image(view, raster).width() == 300 and picture.sharp
    assert picture.image(view, raster, moving=True).width() == 300  # it is there already
    picture._oblique_ms = 0.0
    view.turn(np.array([1.0, 0.3, -0.2]), 3.0)
    assert picture.image(view, view.raster(300, 240), moving=True).width() == 300


def test_a_draft_lies_where_the_picture_lies() -> None:
    ramp = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (80, 1))
    large = enlarged(ramp, 150, 120)
    assert large.shape == (120, 150)
    # Pixel middles: column c of the large picture is at (c + 0.5) / 1.5 - 0.5 of the small one.
    expected = 2 * ((np.arange(2, 148) + 0.5) / 1.5 - 0.5)
    assert np.abs(large[60, 2:148] - expected).max() < 1  # grey levels

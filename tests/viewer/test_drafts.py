"""What is drawn coarser while it moves, and what never is."""

from __future__ import annotations

import numpy as np

from tests.viewer.images import GRIDS, volume_of
from workstation.domain.plane import PlaneKind
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
    assert draft.width() == 200 and not picture.sharp
    assert picture.image(view, raster).width() == 300 and picture.sharp
    assert picture.image(view, raster, moving=True).width() == 300  # it is there already
    picture._oblique_ms = 0.0
    view.turn(np.array([1.0, 0.3, -0.2]), 3.0)
    assert picture.image(view, view.raster(300, 240), moving=True).width() == 300

"""The outline of a vessel's lumen on a plane across it, against tubes of known width."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from workstation.analyses.vessel._phantom import BLOOD, TISSUE, box, narrowing, straight, tube
from workstation.imaging.lumen import Vessel

SIZE = (34.0, 34.0, 60.0)


def test_the_outline_lies_on_the_wall_at_every_width() -> None:
    grid = box(SIZE, (0.5, 0.5, 0.6))
    width = narrowing(5.0, 2.0, 30.0, 8.0)
    array = tube(straight, width, 60.0, grid, blur_mm=0.35, noise=20.0)
    line = straight(np.arange(4.0, 56.0, 1.0))
    vessel = Vessel(array, grid, line)
    axis = straight(np.array([0.0, 1.0]))
    way = axis[1] - axis[0]
    for along in (6.0, 16.0, 26.0, 36.0, 46.0):
        found = vessel.lumen(along)
        assert found is not None
        true = float(width(np.array([along + 4.0]))[0])
        assert found.diameter_mm == pytest.approx(true, abs=0.25)
        assert found.area_mm2 == pytest.approx(np.pi * found.diameter_mm**2 / 4)
        from_axis = found.outline_mm - axis[0]
        from_axis = from_axis - np.outer(from_axis @ way, way)
        radius = np.linalg.norm(from_axis, axis=1)
        assert radius.mean() == pytest.approx(true / 2, abs=0.2)
        assert np.abs(radius - radius.mean()).max() < 0.35


def test_a_neighbour_and_a_flat_lumen_keep_their_shapes() -> None:
    grid = box((30.0, 30.0, 30.0), (0.4, 0.4, 0.4))
    _, y, x = (
        v.reshape(grid.shape)
        for v in np.split(
            grid.to_lps(np.argwhere(np.ones(grid.shape, bool))[:, ::-1].astype(float)).T[::-1], 3
        )
    )
    flat = (x / 3.0) ** 2 + (y / 1.5) ** 2 < 1.0
    beside = (x - 5.5) ** 2 + y**2 < 1.5**2
    cover = ndimage.gaussian_filter((flat | beside).astype(np.float32), 0.7)
    array = np.asarray(TISSUE + (BLOOD - TISSUE) * cover, dtype=np.float32)
    line = np.stack([np.zeros(20), np.zeros(20), np.linspace(-9.5, 9.5, 20)], axis=1)
    found = Vessel(array, grid, line).lumen(9.5)
    assert found is not None
    assert found.area_mm2 == pytest.approx(np.pi * 3.0 * 1.5, rel=0.08)
    reach = np.abs(found.outline_mm).max(axis=0)
    assert reach[0] == pytest.approx(3.0, abs=0.35) and reach[1] == pytest.approx(1.5, abs=0.35)


def test_where_nothing_stands_out_there_is_no_outline() -> None:
    grid = box((20.0, 20.0, 20.0), (0.5, 0.5, 0.5))
    line = np.stack([np.zeros(17), np.zeros(17), np.linspace(-8, 8, 17)], axis=1)
    even = np.full(grid.shape, 100.0, np.float32)
    assert Vessel(even, grid, line).lumen(5.0) is None
    blood = np.zeros(grid.shape, np.float32)
    blood[:, 20, 20] = 1.0  # a thread of no width that the line runs beside
    assert Vessel(blood, grid, np.add(line, [3.0, 0.0, 0.0])).lumen(5.0) is None
    wide = np.full(grid.shape, 500.0, np.float32)
    wide[:, :2] = 0.0  # a chamber, not a vessel: it reaches beyond the section
    assert Vessel(wide, grid, line).lumen(5.0) is None

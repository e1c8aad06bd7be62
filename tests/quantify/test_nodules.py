"""Nodule candidates in a generated chest whose nodules are known."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.analyses.chest._phantom import NODULES, chest
from workstation.analyses.chest._size import sphere_mm3
from workstation.analyses.chest.nodule_candidates import find
from workstation.domain.analysis import Candidate
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.imaging.lungs import lungs


def nearest(found: list[Candidate], place: tuple[float, float, float]) -> tuple[Candidate, float]:
    away = [float(np.linalg.norm(np.subtract(c.location_mm, place))) for c in found]
    return found[int(np.argmin(away))], min(away)


def test_ball_volumes_are_the_published_ones() -> None:
    """pi/6 d^3 as in Lung-RADS: 4 mm 33.5, 6 mm 113, 8 mm 268, 15 mm 1767, 30 mm 14137 mm3."""
    for diameter, volume in ((4, 33.5), (6, 113), (8, 268), (15, 1767), (30, 14137)):
        assert sphere_mm3(diameter) == pytest.approx(volume, rel=0.002)


def test_all_nodules_and_nothing_else() -> None:
    """Free, on a vessel, and half in the chest wall, among forking vessels up to 8 mm."""
    array, grid = chest()
    found = find(array, grid)
    assert len(found) == len(NODULES)
    for place, diameter in NODULES:
        candidate, away = nearest(found, place)
        assert away < 2.0
        assert candidate.site.en == ("Left lung" if place[0] > 0 else "Right lung")
        if diameter == 10.0:
            continue  # half of it is chest wall: only what is in the lung can be measured
        assert candidate.quantity.value == pytest.approx(diameter, abs=0.35)
        assert candidate.others[0].unit == "mm3"
        assert candidate.others[0].value == pytest.approx(sphere_mm3(diameter), rel=0.1)
        mask = candidate.mask
        assert mask is not None
        assert mask.sum() * grid.voxel_ml * 1000 == pytest.approx(sphere_mm3(diameter), rel=0.2)
        centre = grid.to_lps(np.argwhere(mask).mean(axis=0)[::-1])
        assert np.linalg.norm(centre - place) < 0.8


def test_thicker_slices_and_other_noise_still_measure() -> None:
    free = tuple(n for n in NODULES if n[1] in (8.0, 15.0))
    array, grid = chest((0.8, 0.8, 2.5), free, noise_hu=35.0, seed=8)
    found = find(array, grid)
    for place, diameter in free:
        candidate, away = nearest(found, place)
        assert away < 2.0
        assert candidate.quantity.value == pytest.approx(diameter, abs=0.6)
        assert candidate.others[0].value == pytest.approx(sphere_mm3(diameter), rel=0.15)


def test_vessels_alone_are_not_proposed() -> None:
    array, grid = chest(nodules=())
    assert find(array, grid) == []


def test_the_lung_reaches_over_a_nodule_at_the_wall() -> None:
    array, grid = chest((0.8, 0.8, 2.0))
    inside = lungs(array, grid)
    # A point of the juxtapleural nodule that lies within the lung's smooth outline.
    x, y, z = np.round(grid.to_index((69.0, 22.5, -16.0))).astype(int)
    assert array[z, y, x] > -100 and inside[z, y, x]
    # The trunk between the lungs is not bridged.
    x, y, z = np.round(grid.to_index((0.0, 0.0, 0.0))).astype(int)
    assert not inside[z, y, x]


def test_what_cannot_be_judged_is_refused() -> None:
    thick = Grid((10, 40, 40), as_matrix(np.diag([5.0, 5.0, 8.0, 1.0])))
    with pytest.raises(BadInput, match=r"8\.0 mm apart"):
        find(np.zeros(thick.shape, np.float32), thick)
    solid = Grid((20, 40, 40), as_matrix(np.diag([5.0, 5.0, 2.0, 1.0])))
    with pytest.raises(BadInput, match="No lungs"):
        find(np.full(solid.shape, 40.0, np.float32), solid)

"""Vessel widths and stenoses against tubes whose widths are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from workstation.analyses.vessel._phantom import TISSUE, box, curved, narrowing, straight, tube
from workstation.analyses.vessel._tree import branches, lumen
from workstation.analyses.vessel.stenosis import ecst, find, nascet, wasid
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.imaging.lumen import Levels, profile

SIZE = (34.0, 34.0, 60.0)


def turned(grid: Grid, degrees: float) -> Grid:
    """The same voxels in a patient who lies obliquely: numbers must not change."""
    t = np.radians(degrees)
    turn = np.eye(4)
    turn[:3, :3] = [[np.cos(t), 0, np.sin(t)], [0, 1, 0], [-np.sin(t), 0, np.cos(t)]]
    return Grid(grid.shape, as_matrix(turn @ grid.matrix))


def test_formulas() -> None:
    assert nascet(2.0, 5.0) == pytest.approx(60.0)
    assert wasid(1.2, 2.9) == pytest.approx(58.6207, abs=1e-3)
    # About 0.6 NASCET + 40 where the bulb is 1.67 times as wide as the distal artery.
    assert ecst(2.0, 5.0 / 0.6) == pytest.approx(0.6 * nascet(2.0, 5.0) + 40.0)
    for wrong in ((1.0, 0.0), (-1.0, 5.0), (6.0, 5.0)):
        with pytest.raises(BadInput):
            nascet(*wrong)


@pytest.mark.parametrize(
    ("spacing", "wide", "narrow", "blur", "line", "angle"),
    [
        ((0.5, 0.5, 0.5), 5.0, 2.0, 0.3, straight, 0.0),
        ((0.5, 0.5, 0.7), 3.5, 1.45, 0.45, curved, 35.0),
        ((0.4, 0.4, 0.6), 3.0, 1.0, 0.35, straight, -20.0),
        ((0.6, 0.6, 0.8), 2.9, 1.2, 0.35, curved, 0.0),
    ],
)
def test_tubes(
    spacing: tuple[float, float, float],
    wide: float,
    narrow: float,
    blur: float,
    line: Callable[[Floats], Floats],
    angle: float,
) -> None:
    """Diameters within 0.2 mm, stenosis within 8 points, one proposal, at the right place."""
    grid = box(SIZE, spacing)
    array = tube(line, narrowing(wide, narrow, 30.0, 5.0), 62.0, grid, blur_mm=blur, noise=25.0)
    lying = turned(grid, angle)
    found = find(array, lying)
    assert len(found) == 1
    numbers = {q.name.en: q.value for q in found[0].others}
    assert numbers["Minimal lumen diameter"] == pytest.approx(narrow, abs=0.2)
    assert numbers["Distal normal lumen diameter"] == pytest.approx(wide, abs=0.2)
    assert found[0].quantity.value == pytest.approx(nascet(narrow, wide), abs=8.0)
    place = lying.to_lps(grid.to_index(line(np.array([30.0]))))[0]
    assert np.linalg.norm(np.array(found[0].location_mm) - place) < 1.5
    mask = found[0].mask
    assert mask is not None and mask.any()
    places = lying.to_lps(np.argwhere(mask)[:, ::-1].astype(float))
    assert np.linalg.norm(places - place, axis=1).max() < 9.0


def test_healthy_vessels_are_not_proposed() -> None:
    """An even tube, one that tapers, and a fork from 4 mm to 2.6 and 2 mm."""
    grid = box(SIZE, (0.5, 0.5, 0.6))
    even = tube(curved, lambda run: np.full(run.shape, 3.0), 62.0, grid, noise=25.0)
    assert find(even, grid) == []
    taper = tube(straight, lambda run: 4.5 - 2.5 * run / 60.0, 60.0, grid, noise=25.0)
    assert find(taper, grid) == []

    def arm(side: float) -> Callable[[Floats], Floats]:
        def line(run: Floats) -> Floats:
            t = run - 30.0
            away = np.maximum(t, 0.0) * side
            return np.stack([away, 0.4 * away, t], axis=1)

        return line

    def widths(last: float) -> Callable[[Floats], Floats]:
        return lambda run: np.where(run < 30.0, 4.0, last)

    arms = [
        tube(arm(side), widths(last), 60.0, grid, blur_mm=0.35)
        for side, last in ((0.5, 2.6), (-0.6, 2.0))
    ]
    assert find(np.maximum(*arms), grid) == []


def test_a_short_gap_in_the_signal_is_still_one_vessel() -> None:
    """A hair-thin neck of 0.8 mm between 4 mm on both sides."""
    grid = box(SIZE, (0.5, 0.5, 0.6))
    array = tube(straight, narrowing(4.0, 0.8, 30.0, 4.0), 60.0, grid, blur_mm=0.35, noise=20.0)
    found = find(array, grid)
    assert [round(c.quantity.value) for c in found] == [pytest.approx(80, abs=8)]


def test_profile_follows_the_true_width_everywhere() -> None:
    grid = box(SIZE, (0.5, 0.5, 0.6))
    width = narrowing(4.0, 2.0, 30.0, 8.0)
    array = tube(straight, width, 60.0, grid, blur_mm=0.3)
    mask, blood, tissue = lumen(array, grid)
    along = profile(array, grid, branches(mask, grid)[0].points_mm, Levels(blood, tissue))
    axis = straight(np.array([0.0, 1.0]))
    run = (along.points_mm - axis[0]) @ (axis[1] - axis[0])
    inner = (run > 6.0) & (run < 54.0)
    error = np.abs(along.diameter_mm[inner] - width(run[inner]))
    assert inner.sum() > 80
    assert error.max() < 0.2


def test_what_cannot_be_judged_is_refused() -> None:
    coarse = box((40.0, 40.0, 40.0), (0.8, 0.8, 2.0))
    with pytest.raises(BadInput, match=r"2\.0 mm wide"):
        find(np.zeros(coarse.shape, np.float32), coarse)
    grid = box((20.0, 20.0, 20.0), (0.6, 0.6, 0.6))
    noise = np.random.default_rng(1).normal(TISSUE, 20.0, grid.shape).astype(np.float32)
    for empty in (noise, np.full(grid.shape, 7.0, np.float32)):
        with pytest.raises(BadInput, match="No arteries"):
            find(empty, grid)


def test_real_angiogram_of_a_healthy_volunteer(shared_data: Path | None) -> None:
    """No stenosis is proposed where there is none; the carotids enter 4 to 5.5 mm wide."""
    if shared_data is None:
        return
    image = SimpleITK.ReadImage(str(shared_data / "mr_tof" / "chris_MRA.nii.gz"))
    array = SimpleITK.GetArrayFromImage(image).astype(np.float32)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    grid = Grid((array.shape[0], array.shape[1], array.shape[2]), as_matrix(affine))
    assert find(array, grid) == []
    mask, blood, tissue = lumen(array, grid)
    longest = max(branches(mask, grid), key=lambda b: len(b.points_mm) - b.own_from)
    along = profile(array, grid, longest.points_mm[:60], Levels(blood, tissue))
    assert 4.0 < float(np.nanmedian(along.diameter_mm[10:40])) < 5.5

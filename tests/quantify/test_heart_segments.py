"""The 17 segments lie right however a heart is turned, and its wall is as thick as it was made."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.analyses.heart._heart_phantom import (
    insertions,
    places,
    right_ventricle,
    short_axis,
    wall,
)
from workstation.analyses.heart._segments import SEGMENTS, segmented
from workstation.analyses.heart.aha17 import analyse
from workstation.domain.analysis import AnalysisInputs
from workstation.domain.errors import BadInput

# Middles of the segments in the heart's own plane (degrees; 0 lateral, 90 inferior, 180 septal).
BASAL = {1: -90, 2: -150, 3: 150, 4: 90, 5: 30, 6: -30}
APICAL = {13: -90, 14: 180, 15: 90, 16: 0}
TURNS = [0.0, 37.0, 90.0, 135.0, 180.0, 233.0, 270.0, 311.0]


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("base_first", [True, False])
@pytest.mark.parametrize("mirrored", [True, False])
def test_segments_are_right_however_the_heart_lies(
    turn: float, base_first: bool, mirrored: bool
) -> None:
    """Insertions are marked in four of the turns and found from the right ventricle in four."""
    marked = turn in TURNS[::2]
    grid = short_axis(turn_deg=turn, base_first=base_first, mirrored=mirrored)
    muscle = wall(grid, 20.0, 30.0, tip_mm=9.0)
    points = insertions(30.0)[:: -1 if turn > 100 else 1]
    model = (
        segmented(muscle, grid, points, None)
        if marked
        else segmented(muscle, grid, None, right_ventricle(grid, 30.0))
    )
    assert model.base_first == base_first
    assert set(np.unique(model.labels)) == set(range(18))
    where = places(grid)
    angle = np.degrees(np.arctan2(where[..., 1], where[..., 0]))
    for first, middles in ((0, BASAL), (6, BASAL), (0, APICAL)):
        for number, middle in middles.items():
            mine = model.labels == number + first
            off = np.abs(np.mod(angle[mine] - middle + 180.0, 360.0) - 180.0)
            half = 45.0 if number >= 13 else 30.0
            # A sixth of the wall each, its edges within the width of a voxel.
            assert off.max() < half + 8.0, SEGMENTS[number + first - 1].en
            assert mine.sum() > 0
    height = [where[model.labels == n][:, 2].mean() for n in (1, 7, 13, 17)]
    assert height == sorted(height, reverse=True)


def test_sixths_and_quarters_are_of_one_size() -> None:
    grid = short_axis(pixel_mm=1.0)
    model = segmented(wall(grid, 18.0, 28.0, tip_mm=9.0), grid, insertions(28.0), None)
    for numbers in ((1, 2, 3, 4, 5, 6), (7, 8, 9, 10, 11, 12), (13, 14, 15, 16)):
        sizes = np.array([(model.labels == n).sum() for n in numbers])
        assert sizes.std() / sizes.mean() < 0.05


@pytest.mark.parametrize("turn", [0.0, 45.0, 200.0])
def test_thickness_and_thickening(turn: float) -> None:
    grid = short_axis(turn_deg=turn, mirrored=turn > 100)
    masks = {
        "lv_myo:0": wall(grid, 22.0, 31.0, tip_mm=9.0),
        "lv_myo:5": wall(grid, 14.0, 28.0, tip_mm=9.0),
    }
    lines = {"rv_insertions": insertions(31.0)}
    result = analyse(AnalysisInputs(masks=masks, grid=grid, lines=lines))
    rest = [q.value for q in result.quantities if q.name.en == "Wall thickness at end-diastole"]
    gain = [q.value for q in result.quantities if q.name.en == "Wall thickening"]
    assert len(rest) == len(gain) == 16
    assert np.mean(rest) == pytest.approx(9.0, abs=0.15)
    assert max(abs(np.array(rest) - 9.0)) < 0.4
    assert np.mean(gain) == pytest.approx((14 / 9 - 1) * 100, abs=3.0)
    assert result.lines[0].points_mm.shape == (17, 3)


def test_one_thick_segment_is_found() -> None:
    grid = short_axis(pixel_mm=1.0)
    muscle = wall(grid, 20.0, 28.0, tip_mm=9.0)
    where = places(grid)
    angle = np.degrees(np.arctan2(where[..., 1], where[..., 0]))
    away = np.hypot(where[..., 0], where[..., 1])
    # The basal and middle anteroseptal wall is 6 mm thicker towards the cavity.
    thick = (np.abs(np.mod(angle + 150 + 180, 360) - 180) < 30) & (away > 14) & (away <= 20)
    height = where[..., 2] - where[..., 2].min()
    muscle |= thick & (height > 30)
    result = analyse(
        AnalysisInputs(masks={"lv_myo:0": muscle}, grid=grid,
                       lines={"rv_insertions": insertions(28.0)})
    )  # fmt: skip
    by = {q.site.en: q.value for q in result.quantities if q.name.en.endswith("end-diastole")}
    assert by["2 basal anteroseptal"] == pytest.approx(13.0, abs=1.5)
    assert by["5 basal inferolateral"] == pytest.approx(8.0, abs=0.4)
    assert by[""] == pytest.approx(14.0, abs=1.0)
    assert any("thickening is not stated" in str(m) for m in result.cautions)


def test_what_cannot_be_laid_out_is_refused() -> None:
    grid = short_axis()
    muscle = wall(grid, 20.0, 30.0, tip_mm=9.0)
    with pytest.raises(BadInput, match="Mark the two insertions"):
        segmented(muscle, grid, None, None)
    with pytest.raises(BadInput, match="two insertions of"):
        segmented(muscle, grid, insertions(30.0)[:1], None)
    with pytest.raises(BadInput, match="fewer than three"):
        thin = np.zeros_like(muscle)
        thin[4:6] = muscle[4:6]
        segmented(thin, grid, insertions(30.0), None)
    with pytest.raises(BadInput, match="no cavity"):
        segmented(wall(grid, 0.0, 30.0), grid, insertions(30.0), None)
    with pytest.raises(BadInput, match="does not lie against"):
        segmented(muscle, grid, None, np.zeros_like(muscle))

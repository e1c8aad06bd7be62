"""Haemorrhage, midline, ventricles, hyperintensity by place, microbleeds, ASPECTS regions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workstation.analyses.brain import (
    aspects,
    bleed_volume,
    evans_index,
    ich_score,
    microbleeds,
    midline_shift,
    wmh_fazekas,
)
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, Images, Value
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import generated_volume


def values(result: AnalysisResult) -> dict[str, float]:
    return {q.name.en: q.value for q in result.quantities}


def bleeds(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], grid: Grid) -> AnalysisResult:
    return bleed_volume.analyse(AnalysisInputs(masks={"bleed": mask}, grid=grid))


def test_slice_weights_as_kothari_counts_them() -> None:
    """Areas 100, 76, 75, 25 and 24 % of the largest: 1 + 1 + 0.5 + 0.5 + 0 slices of 5 mm."""
    grid = Grid((5, 10, 10), as_matrix(np.diag([1.0, 1.0, 5.0, 1.0])))
    mask = np.zeros(grid.shape, dtype=bool)
    for z, count in enumerate((100, 76, 75, 25, 24)):
        mask[z].flat[:count] = True
    found = values(bleeds(mask, grid))
    assert found["Haemorrhage height C"] == pytest.approx(1.5)
    a, b = found["Haemorrhage diameter A"], found["Haemorrhage diameter B"]
    assert a == pytest.approx((9 * np.sqrt(2) + 1) / 10)  # the diagonal of the square
    assert found["Haemorrhage volume by ABC/2"] == pytest.approx(a * b * 1.5 / 2)
    assert found["Haemorrhage volume by ABC/2, every slice counted"] == pytest.approx(
        a * b * 2.5 / 2
    )


def test_an_ellipsoid_turned_in_the_plane() -> None:
    """Axes 6 x 3 cm at 30 degrees, 4 cm high: A and B are those of the ellipse."""
    grid = Grid((44, 90, 90), as_matrix(np.diag([1.0, 1.0, 1.0, 1.0])))
    z, y, x = np.indices(grid.shape) - np.array([21.5, 44.5, 44.5])[:, None, None, None]
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    mask = ((c * x + s * y) / 30) ** 2 + ((c * y - s * x) / 15) ** 2 + (z / 20) ** 2 <= 1
    found = values(bleeds(mask, grid))
    assert found["Haemorrhage diameter A"] == pytest.approx(6.0, abs=0.1)
    assert found["Haemorrhage diameter B"] == pytest.approx(3.0, abs=0.1)
    assert found["Haemorrhage volume by ABC/2, every slice counted"] == pytest.approx(
        36.0, rel=0.05
    )
    assert found["Haemorrhage volume"] == pytest.approx(4 / 3 * np.pi * 9, rel=0.01)


def test_one_voxel_one_row_and_two_bleedings() -> None:
    grid = Grid((4, 30, 30), as_matrix(np.diag([1.0, 1.0, 5.0, 1.0])))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1, 3, 3] = True
    assert values(bleeds(mask, grid))["Haemorrhage diameter A"] == pytest.approx(0.1)
    mask[1, 3, 3:13] = True
    found = values(bleeds(mask, grid))
    assert found["Haemorrhage diameter A"] == pytest.approx(1.0)
    assert found["Haemorrhage diameter B"] == pytest.approx(0.1)
    mask[1, 3:8, 3:13] = True
    mask[3, 20:25, 20:25] = True
    assert any("1 further" in str(c) for c in bleeds(mask, grid).cautions)
    with pytest.raises(BadInput, match="empty"):
        bleeds(np.zeros(grid.shape, dtype=bool), grid)


def test_a_midline_needs_sense() -> None:
    points = np.array([[0.0, -70.0, 0.0], [0.0, 70.0, 0.0], [-4.9, -20.0, 0.0]])
    result = midline_shift.analyse(AnalysisInputs(lines={"points": points}))
    assert result.quantities[0].value == pytest.approx(4.9)
    assert result.quantities[0].site.en == "to the right" and not result.cautions
    np.testing.assert_allclose(result.lines[1].points_mm[0], (0.0, -20.0, 0.0))
    flagged = AnalysisInputs(lines={"points": points}, values={"flag_mm": 4.0})
    assert midline_shift.analyse(flagged).cautions
    with pytest.raises(BadInput, match="Three points"):
        midline_shift.analyse(AnalysisInputs(lines={"points": points[:2]}))
    with pytest.raises(BadInput, match="too close"):
        midline_shift.analyse(AnalysisInputs(lines={"points": points * 0.1}))


def test_evans_is_measured_on_one_slice_and_refused_without_sense() -> None:
    lines = {"horns": np.array([[-20.0, 0, 0], [20, 0, 0]]),
             "skull": np.array([[-60.0, 0, 0], [70, 0, 0]])}  # fmt: skip
    found = values(evans_index.analyse(AnalysisInputs(lines=lines)))
    assert found["Evans index"] == pytest.approx(40 / 130)
    swapped = {"horns": lines["skull"], "skull": lines["horns"]}
    with pytest.raises(BadInput, match="wider"):
        evans_index.analyse(AnalysisInputs(lines=swapped))
    with pytest.raises(BadInput, match="two points"):
        evans_index.analyse(AnalysisInputs(lines={**lines, "horns": np.zeros((3, 3))}))


def test_fazekas_grades_follow_reach_and_diameter() -> None:
    inputs = wmh_fazekas.boxes()
    clear = replace(inputs, masks={**inputs.masks, "wmh": inputs.masks["wmh"] & False})
    found = values(wmh_fazekas.analyse(clear))
    assert found["Fazekas grade, periventricular (proposed)"] == 0
    assert found["Fazekas grade, deep (proposed)"] == 0
    for last, grade in ((47, 1), (48, 2), (52, 2), (53, 3)):  # reach 4, 5, 9, 10 mm
        wmh = np.zeros_like(inputs.masks["wmh"])
        wmh[5:15, 32:48, 44 : last + 1] = True
        found = values(wmh_fazekas.analyse(replace(inputs, masks={**inputs.masks, "wmh": wmh})))
        assert found["Fazekas grade, periventricular (proposed)"] == grade, last
    for width, grade in ((5, 1), (12, 2), (18, 3)):
        wmh = np.zeros_like(inputs.masks["wmh"])
        wmh[8, 36 : 36 + 18, 60 : 60 + width] = True
        if grade == 1:
            wmh[8, 42:54] = False
        found = values(wmh_fazekas.analyse(replace(inputs, masks={**inputs.masks, "wmh": wmh})))
        assert found["Fazekas grade, deep (proposed)"] == grade, found


def test_both_parts_make_the_whole_at_ten_millimetres() -> None:
    grid = Grid((3, 3, 40), as_matrix(np.diag([1.0, 1.0, 1.0, 1.0])))
    ventricles, wmh = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    ventricles[:, :, 0] = True
    wmh[1, 1, 1:31] = True
    near, deep, _ = wmh_fazekas.split(wmh, ventricles, grid, 10.0)
    assert near.sum() == 10 and deep.sum() == 20 and not (near & deep).any()


def test_microbleeds_are_found_and_vessels_are_not() -> None:
    result = microbleeds.analyse(microbleeds.phantom())
    assert len(result.lines) == 1 and result.lines[0].points_mm.shape == (6, 3)
    for centre in microbleeds.CENTRES:
        away = np.linalg.norm(result.lines[0].points_mm - np.array(centre), axis=1)
        assert away.min() < 1.5
    mask = result.masks[0].mask
    assert 6 * 0.5 < mask.sum() * 0.9 * 0.9 * 1.6 / 33.5 < 6 * 1.5


def test_thick_slices_find_them_with_some_vessels_among_them() -> None:
    result = microbleeds.analyse(microbleeds.phantom(5.0))
    places = np.array([c.location_mm for c in result.candidates])
    for centre in microbleeds.CENTRES:
        assert np.linalg.norm(places - np.array(centre), axis=1).min() < 3.0
    assert len(places) <= 10


def test_a_brain_without_spots_has_no_marks() -> None:
    inputs = microbleeds.phantom()
    result = microbleeds.analyse(replace(inputs, values={"darker": 85.0}))
    assert result.quantities[0].value == 0 and not result.lines and not result.candidates


def head(lowered: bool) -> AnalysisInputs:
    """A skull 6 mm beside the middle of the image; on the left the brain beyond 42 mm, 55 to 85 mm
    below the top, is 6 HU lower."""
    affine = np.diag([2.5, 2.5, 5.0, 1.0])
    affine[:3, 3] = (-98.75, -98.75, -72.5)
    grid = Grid((30, 80, 80), as_matrix(affine))
    z, y, x = np.indices(grid.shape)
    place = grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64)) - (6.0, 0.0, 0.0)
    away = np.sqrt(((place / (66.0, 82.0, 66.0)) ** 2).sum(axis=-1))
    hu = np.where(away <= 1.0, 34.0, np.where(away <= 1.1, 900.0, -1000.0))
    low = (away <= 1.0) & (place[..., 0] > 42.0) & (np.abs(place[..., 2] + 4.0) < 15.0)
    hu[low] -= 6.0 * lowered
    hu += np.random.default_rng(5).normal(0.0, 3.0, hu.shape) * (away <= 1.0)
    volume = generated_volume(
        hu.astype(np.float32), grid, modality="CT", unit="[hnsf'U]", role="CT head", region="brain"
    )
    return AnalysisInputs(images={"ct": Images((volume,))}, grid=grid)


def test_aspects_places_its_regions_itself() -> None:
    even = aspects.analyse(head(False))
    score = even.quantities[0]
    assert score.value == 10.0 and any("by proportion" in str(c) for c in even.cautions)
    assert all(abs(q.value) < 1.0 for q in even.quantities[1:])
    found = aspects.analyse(head(True))
    by_site = {q.site.en: q.value for q in found.quantities}
    assert by_site["left"] < 10.0
    assert by_site["M2, lateral to the insula"] < -4.0
    assert abs(by_site["C, caudate nucleus"]) < 1.0 and abs(by_site["M5, above M2"]) < 2.0
    lower = next(m for m in found.masks if m.key == "lower").mask
    regions = next(m for m in found.masks if m.key == "regions").mask
    assert lower.any() and not (lower & ~regions).any()


def test_aspects_of_a_side_and_of_too_little_brain() -> None:
    inputs = aspects.labelled()
    left = aspects.analyse(replace(inputs, values={"side": "left"}))
    assert left.quantities[0].value == 10.0
    strict = aspects.analyse(replace(inputs, values={"lower_hu": 0.9, "side": "left"}))
    assert strict.quantities[0].value == 9.0
    ct = inputs.images["ct"].volumes[0]
    fluid = replace(ct, array=np.full_like(ct.array, 3.0))
    with pytest.raises(BadInput, match="Fewer than five"):
        aspects.analyse(replace(inputs, images={**inputs.images, "ct": Images((fluid,))}))


@pytest.mark.parametrize(
    ("gcs", "age", "volume", "inside", "below", "score"),
    [
        (15, 40, 5.0, False, False, 0), (3, 80, 30.0, True, True, 6),
        (4, 79, 29.9, False, False, 2),
        (5, 79, 29.94, False, False, 1), (12, 80, 29.96, False, False, 3),
        (13, 20, 100.0, True, False, 2),
    ],
)  # fmt: skip
def test_points_of_the_ich_score(
    gcs: float, age: float, volume: float, inside: bool, below: bool, score: int
) -> None:
    assert sum(ich_score.points(gcs, age, volume, inside, below).values()) == score


def test_the_ich_score_asks_for_what_it_needs() -> None:
    inputs = bleed_volume.sphere(1.0, 2.0, 10.0)
    known: dict[str, Value | None] = {"gcs": 15.0, "age": 50.0, "ivh": "no"}
    assert ich_score.analyse(replace(inputs, values=known)).quantities[0].value == 0.0
    for key in ("gcs", "age", "ivh"):
        given = {k: v for k, v in known.items() if k != key}
        with pytest.raises(BadInput, match=key):
            ich_score.analyse(replace(inputs, values=given))

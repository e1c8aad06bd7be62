"""Carotid stenosis: from diameters, along curved tubes; near-occlusion said, not computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workstation.analyses.vessel.carotid_stenosis import analyse, phantom
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, Images, Value
from workstation.domain.errors import BadInput
from workstation.guidelines import load_guideline, load_numbers


def said(result: AnalysisResult) -> dict[str, float]:
    return {q.name.en: q.value for q in result.quantities}


def given(**values: Value) -> AnalysisInputs:
    return AnalysisInputs(values=values)


def test_methods_from_diameters() -> None:
    found = said(analyse(given(d_min=2.0, d_distal=5.0, d_original=8.0, d_proximal=6.0)))
    assert found["Stenosis by NASCET"] == pytest.approx(60.0)
    assert found["Stenosis by ECST"] == pytest.approx(75.0)
    assert found["Stenosis by WASID"] == pytest.approx(100 * (1 - 2 / 6))
    # ECST is about 0.6 NASCET + 40 where the bulb is 5 / 3 of the artery beyond it.
    bulb = said(analyse(given(d_min=2.0, d_distal=5.0, d_original=5.0 / 0.6)))
    assert bulb["Stenosis by ECST"] == pytest.approx(0.6 * 60.0 + 40.0)


@pytest.mark.parametrize("narrow", [1.5, 2.5, 3.5])
@pytest.mark.parametrize(("as_mask", "curve"), [(False, True), (True, True), (True, False)])
def test_within_five_points_on_tubes(narrow: float, as_mask: bool, curve: bool) -> None:
    result = analyse(phantom(curve, narrow, as_mask=as_mask))
    truth = (1.0 - narrow / 5.0) * 100.0
    found = said(result)
    assert found["Stenosis by NASCET"] == pytest.approx(truth, abs=5.0)
    assert found["Stenosis by WASID"] == pytest.approx(truth, abs=5.0)
    shown = {line.key: line.points_mm for line in result.lines}
    assert set(shown) == {"narrowest", "distal", "proximal"}
    assert shown["proximal"][0, 2] < shown["narrowest"][0, 2] < shown["distal"][0, 2]


def test_the_reader_moves_the_reference_and_corrects_a_diameter() -> None:
    inputs = phantom(False, 2.0)
    moved = analyse(replace(inputs, values={"distal_at": 50.0}))
    place = next(line for line in moved.lines if line.key == "distal").points_mm[0]
    start = inputs.lines["centreline"][0]
    assert float(np.linalg.norm(place - start)) == pytest.approx(50.0, abs=1.0)
    corrected = said(analyse(replace(inputs, values={"d_distal": 4.0})))
    narrow = corrected["Minimal lumen diameter"]
    assert corrected["Stenosis by NASCET"] == pytest.approx(100 * (1 - narrow / 4.0))
    with pytest.raises(BadInput, match="does not lie on the line"):
        analyse(replace(inputs, values={"distal_at": 500.0}))


def test_a_near_occlusion_is_said_and_not_computed() -> None:
    stated = analyse(given(d_min=0.8, d_distal=2.4, near_occlusion=True))
    (near,) = stated.candidates
    assert stated.quantities == () and near.label.en == "Near-occlusion"
    assert {q.name.en for q in (near.quantity, *near.others)} == {
        "Minimal lumen diameter", "Distal normal lumen diameter"
    }  # fmt: skip
    assert any("no percentage" in str(m) for m in stated.cautions)


def test_the_side_is_told_from_the_tissue_or_by_the_reader() -> None:
    assert analyse(given(d_min=2.0, d_distal=5.0)).quantities[0].site.en == "Carotid artery"
    cautions = analyse(given(d_min=2.0, d_distal=5.0)).cautions
    assert any("side is not stated" in str(m) for m in cautions)
    stated = analyse(given(d_min=2.0, d_distal=5.0, side="left"))
    assert stated.quantities[0].site.zh == "左侧颈动脉"
    assert not any("side is not stated" in str(m) for m in stated.cautions)
    tube = phantom(False, 2.0)
    (volume,) = tube.images["image"].volumes
    array = np.asarray(volume.array)
    for beyond, site in ((array[:, :, -1:], "Right carotid artery"), (0.0, "Carotid artery")):
        # 30 mm more to the patient's left: of tissue, or of air that moves the frame alone.
        wide = np.pad(array, ((0, 0), (0, 0), (0, 60)))
        wide[:, :, array.shape[2] :] = beyond
        grid = replace(volume.grid, shape=wide.shape)
        beside = {"image": Images((replace(volume, array=wide, grid=grid),))}
        assert analyse(replace(tube, images=beside)).quantities[0].site.en == site


@pytest.mark.parametrize(
    ("values", "suggested"),
    [
        ({"d_min": 1.3, "d_distal": 3.5}, True),
        ({"d_min": 1.4, "d_distal": 3.5}, False),
        ({"d_min": 1.3, "d_distal": 3.6}, False),
        ({"d_min": 1.3, "d_distal": 3.6, "d_other_side": 4.2}, True),
        ({"d_min": 1.3, "d_distal": 3.6, "d_other_side": 4.1}, False),
        ({"d_min": 1.0, "d_distal": 3.8, "d_external": 3.0}, True),
    ],
)
def test_what_suggests_one_is_said(values: dict[str, Value], suggested: bool) -> None:
    result = analyse(AnalysisInputs(values=values))
    assert any("suggest a near-occlusion" in str(m) for m in result.cautions) == suggested
    assert load_numbers("carotid-near-occlusion")["stenosis_mm"] == 1.3


@pytest.mark.parametrize(
    ("percent", "band"), [(49.94, 0), (50, 1), (69.9, 1), (70, 2), (99.9, 2), (100, 3)]
)
def test_bands_at_their_edges(percent: float, band: int) -> None:
    assert load_guideline("carotid-nascet").number(percent) == band


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadInput, match="Give the narrowest"):
        analyse(given(d_distal=5.0))
    with pytest.raises(BadInput, match="reference diameter"):
        analyse(given(d_min=2.0))
    with pytest.raises(BadInput, match="larger than the normal"):
        analyse(given(d_min=6.0, d_distal=5.0))
    inputs = phantom(False, 2.0)
    short = {"centreline": inputs.lines["centreline"][:8]}
    with pytest.raises(BadInput, match="too short"):
        analyse(replace(inputs, lines=short))
    ends = {"centreline": inputs.lines["centreline"][:-11]}
    with pytest.raises(BadInput, match="line ends before"):
        analyse(replace(inputs, lines=ends))
    beside = {"centreline": inputs.lines["centreline"] + np.array([40.0, 0.0, 0.0])}
    with pytest.raises(BadInput):
        analyse(replace(inputs, lines=beside))

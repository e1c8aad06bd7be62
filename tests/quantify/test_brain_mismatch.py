"""Mismatch: cores, erased regions, and the criteria of trials at their edges."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from workstation.analyses.brain._criteria import Fact, judge, load_trial
from workstation.analyses.brain.mismatch import TRIALS, analyse, stroke
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, Images
from workstation.domain.errors import BadInput
from workstation.domain.volume import generated_volume
from workstation.text import say, set_language

FITS: dict[str, Fact] = {
    "hours": 10.0, "age": 70.0, "nihss": 15.0, "occlusion": "m1", "core_ml": 20.0, "ratio": 3.0,
    "mismatch_ml": 60.0,
}  # fmt: skip


def values(result: AnalysisResult) -> dict[str, float]:
    return {q.name.en: q.value for q in result.quantities}


def said(inputs: AnalysisInputs) -> str:
    return " | ".join(str(c) for c in analyse(inputs).cautions)


def with_image(
    inputs: AnalysisInputs, key: str, array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> AnalysisInputs:
    assert inputs.grid is not None
    volume = generated_volume(
        array.astype(np.float32), inputs.grid, modality="MR", unit="1", role="", region="brain"
    )
    images = {k: v for k, v in inputs.images.items() if k != "cbf"}
    return replace(inputs, images={**images, key: Images((volume,))})


@pytest.mark.parametrize("id", TRIALS)
def test_the_tables_have_a_citation_and_meet_a_typical_patient(id: str) -> None:
    trial = load_trial(id)
    assert re.search(r"N Engl J Med 2018;378:\d+", trial.citation) and trial.version
    assert judge(trial, FITS).met is True


@pytest.mark.parametrize(
    ("fact", "value", "met"),
    [
        ("hours", 5.9, False), ("hours", 6.0, True), ("hours", 16.0, True), ("hours", 16.1, False),
        ("nihss", 5.0, False), ("nihss", 6.0, True), ("age", 90.0, True), ("age", 91.0, False),
        ("core_ml", 69.9, True), ("core_ml", 70.0, False), ("ratio", 1.79, False),
        ("ratio", 1.8, True), ("mismatch_ml", 14.9, False), ("mismatch_ml", 15.0, True),
        ("occlusion", "ica", True), ("occlusion", "other", False), ("occlusion", None, None),
        ("age", None, None),
    ],
)  # fmt: skip
def test_defuse_3_at_its_edges(fact: str, value: Fact, met: bool | None) -> None:
    found = judge(load_trial("late-window-defuse3"), {**FITS, fact: value})
    assert found.met is met
    if met is not True:
        assert [one.fact for one in found.failed or found.missing] == [fact]


@pytest.mark.parametrize(
    ("age", "nihss", "core", "met"),
    [
        (80, 10, 20.9, True), (80, 10, 21.0, False), (80, 9, 10.0, False), (85, 30, 25.0, False),
        (79, 10, 30.9, True), (79, 10, 31.0, False), (79, 19, 31.0, False), (79, 20, 31.0, True),
        (79, 20, 50.9, True), (79, 20, 51.0, False), (17, 20, 10.0, False),
    ],
)  # fmt: skip
def test_dawn_at_its_edges(age: float, nihss: float, core: float, met: bool) -> None:
    facts = {**FITS, "age": float(age), "nihss": float(nihss), "core_ml": core}
    assert judge(load_trial("late-window-dawn"), facts).met is met


def test_what_fails_is_said_with_its_number_and_the_limit() -> None:
    inputs = stroke()
    late = replace(inputs, values={**inputs.values, "hours": 18.0, "nihss": 4.0})
    text = said(late)
    assert "DEFUSE 3: not met" in text and "hours since last known well 18, allowed ≥6, ≤16" in text
    assert "NIHSS 4, allowed ≥6" in text and "DAWN: not met" in text
    assert "recommends no treatment" in text
    unknown = said(replace(inputs, values={}))
    assert "not judged, for it is not known" in unknown and "age" in unknown


def test_it_is_said_in_chinese_too() -> None:
    inputs = stroke()
    set_language("zh_CN")
    given = replace(inputs, values={**inputs.values, "nihss": 4.0})
    text = " ".join(say(c) for c in analyse(given).cautions)
    assert "不符合" in text and "NIHSS 评分 4，要求 ≥6" in text and "不构成治疗建议" in text


def test_an_erased_region_leaves_every_volume() -> None:
    inputs = stroke()
    assert inputs.grid is not None
    erased = np.zeros(inputs.grid.shape, dtype=bool)
    erased[2:12, 10:16, 15:25] = True  # the core itself
    result = analyse(replace(inputs, masks={"erased": erased}))
    found = values(result)
    assert found["Hypoperfused volume"] == pytest.approx(120.0)
    assert found["Core volume"] == 0.0 and "Mismatch ratio" not in found
    assert found["Hypoperfusion intensity ratio"] == pytest.approx(20.0 / 120.0)
    assert any("left out by hand" in str(c) for c in result.cautions)
    assert "DEFUSE 3: the criteria of target mismatch that were judged are met" in " ".join(
        str(c) for c in result.cautions
    )


def test_small_clusters_are_dropped_only_below_the_limit() -> None:
    inputs = stroke()
    more = analyse(replace(inputs, values={**inputs.values, "least_ml": 0.4}))
    assert values(more)["Hypoperfused volume"] == pytest.approx(150.5)


@pytest.mark.parametrize(("unit", "factor"), [("um2/s", 1.0), ("1e-3mm2/s", 1e-3), ("mm2/s", 1e-6)])
def test_the_core_by_adc_in_each_unit(unit: str, factor: float) -> None:
    inputs = stroke()
    assert inputs.grid is not None
    adc = np.full(inputs.grid.shape, 800.0)
    adc[2:12, 10:14, 15:25] = 500.0  # 400 voxels
    given = with_image(inputs, "adc", adc * factor)
    right = replace(given, values={**inputs.values, "adc_unit": unit})
    assert values(analyse(right))["Core volume"] == pytest.approx(20.0)
    wrong = "um2/s" if unit != "um2/s" else "mm2/s"
    with pytest.raises(BadInput, match="adc_unit"):
        analyse(replace(given, values={**inputs.values, "adc_unit": wrong}))


def test_flow_is_judged_against_normal_tissue_and_within_the_lesion() -> None:
    inputs = stroke()
    assert inputs.grid is not None
    cbf = np.array(inputs.images["cbf"].volumes[0].array, dtype=np.float64)
    cbf[14:18, 5:25, 5:25] = 5.0  # an old infarct with normal arrival: 1600 voxels
    given = with_image(inputs, "cbf", cbf)
    assert values(analyse(given))["Core volume"] == pytest.approx(30.0)
    all_of_it = replace(given, values={**inputs.values, "core_within": False})
    assert values(analyse(all_of_it))["Core volume"] == pytest.approx(110.0)


def test_what_it_cannot_judge_is_refused() -> None:
    inputs = stroke()
    assert inputs.grid is not None
    only = replace(inputs, images={"tmax": inputs.images["tmax"]})
    with pytest.raises(BadInput, match="core needs"):
        analyse(only)
    nothing = with_image(inputs, "tmax", np.full(inputs.grid.shape, np.nan))
    with pytest.raises(BadInput, match="no voxel"):
        analyse(nothing)
    slow = with_image(inputs, "tmax", np.full(inputs.grid.shape, 9.0))
    slow = replace(slow, images={**slow.images, "cbf": inputs.images["cbf"]})
    with pytest.raises(BadInput, match="normal arrival"):
        analyse(slow)

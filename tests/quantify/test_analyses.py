"""Every analysis keeps its contract and gives its known answers."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from workstation.analyses import analysis, find_analyses
from workstation.analyses.heart.lv_function import half_ellipsoid, simpson_ml
from workstation.domain.analysis import (
    AXIS_UNITS,
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    Kind,
    Quantity,
)
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix

ALL = find_analyses()
IDS = [spec.id for spec, _ in ALL]
UCUM = {
    "1", "%", "mm", "cm", "mm2", "mm3", "mL", "g", "mg", "mg/g", "ms", "s", "1/s", "[hnsf'U]",
    "{SUVbw}g/mL", "cm2/m", "cm/m", "cm/m2", "m2", "mL/m2", "g/m2",
    "um2/s", "mL/(100.g.min)", "mL/(100.g)",
    "{ratio}",
}  # fmt: skip


def _where(quantity: Quantity) -> str:
    """The name as known answers write it."""
    return f"{quantity.name.en} @ {quantity.site.en}" if quantity.site.en else quantity.name.en


def everything_said(result: AnalysisResult) -> list[tuple[str, float, str]]:
    said = [(_where(q), q.value, q.unit) for q in result.quantities]
    for candidate in result.candidates:
        said += [(_where(q), q.value, q.unit) for q in (candidate.quantity, *candidate.others)]
    return said


def test_the_expected_plug_ins_are_found() -> None:
    assert set(IDS) >= {"brain/wmh_load", "heart/lv_function"}
    assert len(set(IDS)) == len(IDS)


@pytest.mark.parametrize(("spec", "analyse"), ALL, ids=IDS)
def test_contract(spec: AnalysisSpec, analyse: object) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z][a-z0-9_]*", spec.id)
    assert spec.id.split("/")[0] == spec.area
    assert re.fullmatch(r"\d+\.\d+\.\d+", spec.version)
    assert spec.name.en and re.search(r"[\u4e00-\u9fff]", spec.name.zh)
    assert all(spec.accepts) and (spec.accepts or spec.inputs)
    assert len(spec.formula) > 10
    # A source is a citation somebody can look up.
    assert re.search(r"(19|20)\d\d", spec.source) and len(spec.source) > 40
    assert spec.known_answers and all(k.source and k.expected for k in spec.known_answers)
    assert callable(analyse)


@pytest.mark.parametrize(("spec", "analyse"), ALL, ids=IDS)
def test_inputs_and_parameters_can_be_filled_in(spec: AnalysisSpec, analyse: object) -> None:
    keys = [one.key for one in spec.takes] + [one.key for one in spec.parameters]
    assert len(set(keys)) == len(keys) and spec.takes
    for one in spec.takes:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", one.key)
        assert one.name.en and re.search(r"[\u4e00-\u9fff]", one.name.zh)
        assert one.axis in {"", *AXIS_UNITS}
        assert bool(one.axis) == (one.kind in (Kind.SERIES, Kind.CURVE)), one.key
    for parameter in spec.parameters:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", parameter.key)
        assert parameter.name.en and re.search(r"[\u4e00-\u9fff]", parameter.name.zh)
        assert parameter.checked(None) == parameter.default
        if parameter.default is not None:
            assert parameter.checked(parameter.default) == parameter.default


@pytest.mark.parametrize(("spec", "analyse"), ALL, ids=IDS)
def test_known_answers(spec: AnalysisSpec, analyse: object) -> None:
    assert callable(analyse)
    for known in spec.known_answers:
        said = everything_said(analyse(known.make()))
        for name, _, unit in said:
            assert unit in UCUM, f"{name} has no unit"
        for name, (value, tolerance) in known.expected.items():
            values = [v for n, v, _ in said if n == name]
            assert values, f"{name} was not said"
            nearest = min(values, key=lambda v: abs(v - value))
            assert abs(nearest - value) <= tolerance, (name, values, value)


@pytest.mark.parametrize(("spec", "analyse"), ALL, ids=IDS)
def test_nothing_is_refused_in_plain_words(spec: AnalysisSpec, analyse: object) -> None:
    assert callable(analyse)
    with pytest.raises(BadInput):
        analyse(AnalysisInputs())


@pytest.mark.parametrize("offset_mm", [0.0, 2.0, 4.0, 6.0])
@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_simpson_wherever_the_slices_fall(offset_mm: float, tilt: float) -> None:
    """V = 2 pi a b c / 3 within 2 % when the base lies on a slice edge, else within half a slice.

    A base between slice edges is cut at the nearest edge: at most 4 mm of base area too much or
    too little, which is the method's own limit and not an error of the sum.
    """
    affine = np.diag([1.5, 1.5, 8.0, 1.0])
    affine[1, 2] = tilt * 8.0
    affine[:3, 3] = (-60.0, -60.0, -108.0 + offset_mm)
    grid = Grid((16, 81, 90), as_matrix(affine))
    cavity = half_ellipsoid((26.0, 22.0, 85.0), grid, 0.0)
    truth = 2 * math.pi * 26 * 22 * 85 / 3 / 1000
    base_ml = math.pi * 26 * 22 / 1000
    centre_below = (-108.0 + offset_mm) % -8.0
    missing_mm = abs(centre_below) - 4.0  # of the base beyond the last slice's slab
    assert simpson_ml(cavity, grid) == pytest.approx(truth - base_ml * missing_mm, rel=0.02)


def test_ejection_fraction_of_known_volumes() -> None:
    _, analyse = analysis("heart/lv_function")
    grid = Grid((2, 10, 10), as_matrix(np.diag([1.0, 1.0, 10.0, 1.0])))
    full, part = np.ones(grid.shape, bool), np.ones(grid.shape, bool)
    part[1, 2:] = False  # 120 of 200 voxels
    result = analyse(AnalysisInputs(masks={"lv_endo:3": part, "lv_endo:11": full}, grid=grid))
    values = {q.name.en: q.value for q in result.quantities}
    assert values["Left ventricular end-diastolic volume"] == pytest.approx(2.0)
    assert values["Left ventricular end-systolic volume"] == pytest.approx(1.2)
    assert values["Left ventricular ejection fraction"] == pytest.approx(40.0)
    assert [q.unit for q in result.quantities] == ["mL", "mL", "mL", "%"]
    with pytest.raises(BadInput, match="end-systole"):
        analyse(AnalysisInputs(masks={"lv_endo:3": part}, grid=grid))
    with pytest.raises(BadInput, match="lies inside"):
        masks = {"lv_endo:0": full, "lv_endo:1": part, "lv_epi:0": part}
        analyse(AnalysisInputs(masks=masks, grid=grid))


def test_wmh_load_of_an_empty_mask_is_zero() -> None:
    _, analyse = analysis("brain/wmh_load")
    grid = Grid((3, 4, 5), as_matrix(np.eye(4)))
    result = analyse(AnalysisInputs(masks={"wmh": np.zeros(grid.shape, bool)}, grid=grid))
    assert [q.value for q in result.quantities] == [0.0, 0.0, 0.0]
    with pytest.raises(BadInput, match="does not fit"):
        analyse(AnalysisInputs(masks={"wmh": np.zeros((2, 4, 5), bool)}, grid=grid))

"""Aortic diameters across the centreline, against the guideline's limits at their edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workstation.analyses.heart.aorta_diameters import BEND_MM, analyse, arch
from workstation.domain.analysis import AnalysisInputs, AnalysisResult
from workstation.domain.errors import BadInput
from workstation.guidelines import load_guideline, load_numbers

LARGEST = "Largest diameter of the thoracic aorta"


def said(result: AnalysisResult) -> dict[str, float]:
    return {f"{q.name.en} @ {q.site.en}".removesuffix(" @ "): q.value for q in result.quantities}


def made(wide: float, bulge: float, **values: float) -> AnalysisInputs:
    mask, grid, line = arch((1.0, 1.0, 2.0), wide, bulge)
    point = np.array([[BEND_MM, 0.0, -30.0]])
    lines = {"centreline": line, "ascending": point}
    return AnalysisInputs(masks={"aorta": mask}, grid=grid, lines=lines, values=values)


@pytest.mark.parametrize(("wide", "bulge"), [(24.0, 24.0), (30.0, 41.0), (34.0, 56.0)])
def test_diameters_within_a_millimetre(wide: float, bulge: float) -> None:
    found = said(analyse(made(wide, bulge)))
    assert found[LARGEST] == pytest.approx(bulge, abs=1.0)
    assert found["Aortic diameter, largest @ Mid ascending aorta"] == pytest.approx(bulge, abs=1.0)


@pytest.mark.parametrize(
    ("mm", "band"),
    [(39.94, 0), (40.0, 1), (44.9, 1), (45.0, 2), (49.9, 2), (50.0, 3), (54.9, 3), (55.0, 4)],
)
def test_bands_at_their_edges(mm: float, band: int) -> None:
    assert load_guideline("aorta-ascending").number(mm) == band


def test_limits_against_the_body_are_said_where_they_are_reached() -> None:
    limits = load_numbers("aorta-indexed")
    assert limits == {
        "area_height_cm2_m": 10.0,
        "height_index_cm_m": 3.21,
        "size_index_cm_m2": 3.08,
    }
    small = analyse(made(30.0, 52.0, height_cm=150.0, weight_kg=45.0))
    tall = analyse(made(30.0, 40.0, height_cm=190.0, weight_kg=95.0))
    reached = [str(m) for m in small.cautions if "reaches its limit" in str(m)]
    assert len(reached) == 3
    assert not any("reaches its limit" in str(m) for m in tall.cautions)
    found = said(small)
    assert found["Aortic height index"] == pytest.approx(found[LARGEST] / 15.0)
    assert found["Aortic size index"] == pytest.approx(
        found[LARGEST] / 10 / np.sqrt(150 * 45 / 3600), rel=1e-6
    )


def test_what_lies_beside_the_aorta_is_refused() -> None:
    given = made(30.0, 40.0)
    away = {**given.lines, "ascending": np.array([[200.0, 0.0, 0.0]])}
    with pytest.raises(BadInput, match="does not lie at the aorta"):
        analyse(replace(given, lines=away))
    two = {**given.lines, "ascending": np.zeros((2, 3))}
    with pytest.raises(BadInput, match="Mark one point"):
        analyse(replace(given, lines=two))
    shifted = {"centreline": given.lines["centreline"] + [0.0, 300.0, 0.0]}
    with pytest.raises(BadInput, match="not run inside"):
        analyse(replace(given, lines=shifted))
    with pytest.raises(BadInput, match="too short"):
        analyse(replace(given, lines={"centreline": given.lines["centreline"][:2]}))

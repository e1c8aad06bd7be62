"""The wall of generated arteries: index, thickness, eccentricity, remodelling, enhancement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workstation.analyses.vessel.vessel_wall import SPEC, analyse, annulus
from workstation.domain.analysis import AnalysisInputs, AnalysisResult
from workstation.domain.errors import BadInput
from workstation.guidelines import load_numbers


def said(result: AnalysisResult) -> dict[str, float]:
    return {q.name.en: q.value for q in result.quantities}


def messages(result: AnalysisResult) -> str:
    return " ".join(str(m) for m in result.cautions)


@pytest.mark.parametrize("spacing", [0.2, 0.25, 0.5])
@pytest.mark.parametrize("with_line", [True, False])
def test_normalised_wall_index_of_an_annulus(spacing: float, with_line: bool) -> None:
    given = annulus(2.0, 3.0, spacing_mm=spacing)
    result = analyse(given if with_line else replace(given, lines={}))
    found = said(result)
    assert found["Normalised wall index"] == pytest.approx(5.0 / 9.0, abs=0.012)
    assert found["Mean wall thickness"] == pytest.approx(0.75, abs=0.08)
    assert ("Without a centreline" in messages(result)) != with_line
    assert "concentric" in messages(result)


def test_an_oblique_artery_is_measured_across_itself() -> None:
    """Slices across a vessel that runs askew show it too large; planes along its line do not."""
    given = annulus(2.0, 3.0, spacing_mm=0.25)
    assert given.grid is not None
    z, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in given.grid.shape), indexing="ij")
    place = given.grid.to_lps(np.stack([x, y, z], axis=-1)) - np.array([0.0, 0.0, 9.5])
    along = np.array([0.3, 0.0, 1.0]) / np.hypot(0.3, 1.0)
    away = np.linalg.norm(place - (place @ along)[..., None] * along, axis=-1)
    masks = {"lumen": away <= 2.0, "vessel": away <= 3.0}
    line = np.array([0.0, 0.0, 9.5]) + np.linspace(-7.0, 7.0, 15)[:, None] * along
    straight = said(analyse(replace(given, masks=masks, lines={"centreline": line})))
    assert straight["Vessel area"] == pytest.approx(9 * np.pi, rel=0.02)
    sliced = said(analyse(replace(given, masks=masks, lines={})))
    assert sliced["Vessel area"] > straight["Vessel area"] * 1.02


@pytest.mark.parametrize(("shift", "eccentric"), [(0.2, False), (0.5, True)])
def test_a_lumen_beside_the_middle_is_eccentric(shift: float, eccentric: bool) -> None:
    result = analyse(annulus(2.0, 3.0, shift, spacing_mm=0.2))
    most, least = 1.0 + shift, 1.0 - shift
    found = said(result)
    assert found["Eccentricity"] == pytest.approx((most - least) / most, abs=0.1)
    assert found["Largest wall thickness"] == pytest.approx(most, abs=0.12)
    assert ("is eccentric" in messages(result)) == eccentric


@pytest.mark.parametrize(
    ("outer", "said_as"), [(3.3, "positive"), (3.0, "none"), (2.7, "negative")]
)
def test_remodelling_against_a_place_of_normal_vessel(outer: float, said_as: str) -> None:
    result = analyse(replace(annulus(1.5, outer), values={"reference_at": 3.0}))
    assert said(result)["Remodelling index"] == pytest.approx((outer / 3.0) ** 2, abs=0.025)
    assert f"Remodelling: {said_as}" in messages(result)
    numbers = load_numbers("vessel-wall")
    assert (numbers["positive_from"], numbers["negative_to"]) == (1.05, 0.95)


def test_what_is_no_wall_is_refused() -> None:
    given = annulus(2.0, 3.0)
    swapped = {"lumen": given.masks["vessel"], "vessel": given.masks["lumen"]}
    with pytest.raises(BadInput, match="does not lie inside"):
        analyse(replace(given, masks=swapped))
    same = {"lumen": given.masks["lumen"], "vessel": given.masks["lumen"]}
    with pytest.raises(BadInput, match="No plane"):
        analyse(replace(given, masks=same))
    with pytest.raises(BadInput, match="too short"):
        analyse(replace(given, lines={"centreline": given.lines["centreline"][:1]}))


def test_enhancement_needs_its_reference() -> None:
    made: AnalysisInputs = SPEC.known_answers[1].make()
    masks = {k: v for k, v in made.masks.items() if k != "reference"}
    with pytest.raises(BadInput, match="reference tissue"):
        analyse(replace(made, masks=masks))
    after = {"after": made.images["after"]}
    found = said(analyse(replace(made, images=after)))
    assert found["Wall signal after contrast / reference"] == pytest.approx(1.5)
    assert "Enhancement ratio of the wall" not in found

"""Coronary calcium: against an independent computation, a phantom, and what is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from workstation.analyses.heart._calcium import Rules, qrm_like, qrm_mg, scored
from workstation.analyses.heart.calcium_score import CT, analyse, ct_of
from workstation.domain.acquisition import Acquisition
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, Images
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.guidelines import load_guideline

USUAL = Acquisition(kvp=120.0)


def agatston_by_walking(
    array: NDArray[np.float32], pixel_mm2: float, step_mm: float, least_mm2: float, corners: bool
) -> float:
    """Written apart from the product: lesions grown voxel by voxel from a list."""
    total = 0.0
    near = [(a, b) for a, b in itertools.product((-1, 0, 1), repeat=2) if (a, b) != (0, 0)]
    if not corners:
        near = [(a, b) for a, b in near if a == 0 or b == 0]
    for plane in array:
        left = {(int(y), int(x)) for y, x in np.argwhere(plane >= 130)}
        while left:
            lesion = [left.pop()]
            for y, x in lesion:
                for a, b in near:
                    if (y + a, x + b) in left:
                        left.remove((y + a, x + b))
                        lesion.append((y + a, x + b))
            area = len(lesion) * pixel_mm2
            peak = max(float(plane[p]) for p in lesion)
            weight = 1 + (peak >= 200) + (peak >= 300) + (peak >= 400)
            total += area * weight if area >= least_mm2 else 0.0
    return total * step_mm / 3.0


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("step", [1.5, 2.5, 3.0])
def test_agatston_is_that_of_an_independent_computation(corners: bool, step: float) -> None:
    random = np.random.default_rng(7)
    array = random.normal(60, 60, (5, 40, 44)).astype(np.float32)
    array[1:4, 5:9, 5:9] += random.uniform(50, 500, (3, 4, 4)).astype(np.float32)
    grid = Grid((5, 40, 44), as_matrix(np.diag([0.6, 0.7, step, 1.0])))
    found = scored(array, np.ones(array.shape, bool), grid, Rules(130, 1.0, corners, True, None))
    wanted = agatston_by_walking(array, 0.42, step, 1.0, corners)
    assert wanted > 50
    assert found.agatston == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("pixel", "step", "within"), [(0.25, 1.0, 0.02), (0.35, 1.0, 0.02), (0.43, 3.0, 0.08)]
)
def test_mass_of_the_phantom(pixel: float, step: float, within: float) -> None:
    array, grid = qrm_like(pixel, step)
    score = scored(array, np.ones(array.shape, bool), grid, Rules(130, 1.0, True, True, 1 / 1.3))
    assert qrm_mg() == pytest.approx(168.2, abs=0.05)
    assert score.mass_mg == pytest.approx(qrm_mg(), rel=within)


def inputs_of(
    array: NDArray[np.float32], marks: dict[str, list[list[float]]], scan: Acquisition = USUAL
) -> AnalysisInputs:
    grid = Grid(array.shape, as_matrix(np.diag([0.5, 0.5, 3.0, 1.0])))
    volume = ct_of(array, grid)
    stack = replace(volume.stack, acquisition=scan)
    return AnalysisInputs(
        images={CT.key: Images((replace(volume, stack=stack),))},
        lines={f"{key}_marks": grid.to_lps(np.array(points)) for key, points in marks.items()},
        grid=grid,
    )


@pytest.fixture
def array() -> NDArray[np.float32]:
    made = np.full((6, 80, 80), 40.0, dtype=np.float32)
    made[1:3, 10:20, 10:20] = 250.0
    made[4, 40:46, 40:46] = 450.0
    return made


def said(result: AnalysisResult) -> dict[str, float]:
    return {f"{q.name.en} {q.site.en}".strip(): q.value for q in result.quantities}


def test_only_what_was_clicked_is_counted(array: NDArray[np.float32]) -> None:
    one = analyse(inputs_of(array, {"lad": [[15, 15, 1]]}))
    assert said(one)["Agatston score"] == pytest.approx(2 * 25 * 2)
    both = analyse(inputs_of(array, {"lad": [[15, 15, 1]], "rca": [[43, 43, 4]]}))
    assert said(both)["Agatston score"] == pytest.approx(100 + 9 * 4)
    assert said(both)["Agatston score Right coronary artery"] == pytest.approx(36)
    assert said(both)["Coronary arteries with calcium"] == 2
    assert int(both.masks[0].mask.sum()) == 200 + 36
    assert any("130 HU" in str(m) for m in both.cautions)
    assert not any(q.name.en == "Calcium mass" for q in both.quantities)


@pytest.mark.parametrize(
    ("scan", "why"),
    [
        (Acquisition(kvp=120, contrast="enhanced"), "contrast agent"),
        (Acquisition(kvp=120, phase="arterial"), "contrast agent"),
        (Acquisition(kvp=100), "100 kV"),
    ],
)
def test_other_scans_are_refused(array: NDArray[np.float32], scan: Acquisition, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        analyse(inputs_of(array, {"lad": [[15, 15, 1]]}, scan))


def test_another_voltage_is_scored_only_when_asked_and_said(array: NDArray[np.float32]) -> None:
    given = inputs_of(array, {"lad": [[15, 15, 1]]}, Acquisition(kvp=100))
    result = analyse(replace(given, values={"any_kvp": True}))
    assert any("100 kV" in str(m) for m in result.cautions)


def test_what_cannot_be_coronary_calcium_is_refused(array: NDArray[np.float32]) -> None:
    with pytest.raises(BadInput, match="no calcification within"):
        analyse(inputs_of(array, {"lad": [[60, 60, 1]]}))
    with pytest.raises(BadInput, match="also given"):
        analyse(inputs_of(array, {"lad": [[15, 15, 1]], "lcx": [[11, 11, 2]]}))
    with pytest.raises(BadInput, match="Click on"):
        analyse(inputs_of(array, {}))
    bone = array.copy()
    bone[:, 2:78, 2:78] = 300.0
    with pytest.raises(BadInput, match="larger than 5 mL"):
        analyse(inputs_of(bone, {"lad": [[15, 15, 1]]}))
    given = inputs_of(array + 100, {"lad": [[15, 15, 1]]})
    with pytest.raises(BadInput, match="as bright as"):
        analyse(replace(given, masks={"heart": np.ones(array.shape, bool)}))


@pytest.mark.parametrize(
    ("score", "category"),
    [(0, 0), (0.5, 1), (1, 1), (99, 1), (99.94, 1), (100, 2), (299.9, 2), (300, 3), (4000, 3)],
)
def test_categories_at_their_edges(score: float, category: int) -> None:
    assert load_guideline("cac-drs").number(score) == category

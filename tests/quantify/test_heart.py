"""The left ventricle outlined without a model: on generated hearts, and what it is on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workstation.analyses.heart._cavity import Plane, cavities
from workstation.analyses.heart.lv_function import find
from workstation.demo.scans import cine_scan
from workstation.demo.ventricle import HeartShape
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import dice


@pytest.mark.parametrize(
    ("edv", "esv", "seed"), [(148.0, 71.0, 5), (220.0, 150.0, 8)], ids=["normal", "dilated"]
)
def test_generated_hearts(edv: float, esv: float, seed: int) -> None:
    """Volumes within 5 % and ejection fraction within 3 points of the closed form."""
    shape = HeartShape(seed=seed, edv_ml=edv, esv_ml=esv, phases=12)
    scan = cine_scan(shape, seed=3)
    found = find(np.asarray(scan.array, dtype=np.float32), scan.grid)
    values = {q.name.en: q.value for q in found.others}
    assert values["Left ventricular end-diastolic volume"] == pytest.approx(edv, rel=0.05)
    assert values["Left ventricular end-systolic volume"] == pytest.approx(esv, rel=0.05)
    assert found.quantity.value == pytest.approx((1 - esv / edv) * 100, abs=3.0)
    assert found.phase == 0 and found.template_key == "lv_function"
    assert found.mask is not None
    assert dice(found.mask, scan.cavity[0]) > 0.93


def test_what_is_no_beating_heart_is_refused() -> None:
    grid = Grid((8, 96, 96), as_matrix(np.diag([1.5, 1.5, 10.0, 1.0])))
    rng = np.random.default_rng(1)
    noise = rng.normal(100.0, 20.0, (10, *grid.shape)).astype(np.float32)
    still = np.repeat(noise[:1], 10, axis=0)
    for cine in (noise, still, np.zeros_like(noise)):
        with pytest.raises(BadInput, match="without a trained heart model"):
            find(cine, grid)
    with pytest.raises(BadInput, match="too few"):
        find(noise[:2], grid)


def test_real_hearts(shared_data: Path | None) -> None:
    """ACDC, two phases of ten patients: what the docstring of lv_function states holds."""
    if shared_data is None:
        return
    files = sorted((shared_data / "heart_sax_acdc").glob("*.npz"))
    overlaps, errors = [], []
    for first, second in zip(files[::2], files[1::2], strict=True):
        loaded = [np.load(first), np.load(second)]
        cine = np.stack([one["image"] for one in loaded]).astype(np.float32)
        truth = np.stack([one["label"] for one in loaded]) == 3
        drawn = cavities(cine, Plane(1.5, 1.5))
        assert drawn is not None, first.name
        overlaps.append([dice(drawn[p], truth[p]) for p in (0, 1)])
        fractions = [1 - m[1].sum() / m[0].sum() for m in (drawn, truth)]
        errors.append(100 * (fractions[0] - fractions[1]))
    medians = np.median(overlaps, axis=0)
    print("Dice", np.round(overlaps, 2).tolist(), "EF error", np.round(errors).tolist())
    assert medians[0] > 0.9 and medians[1] > 0.7
    assert np.mean(np.abs(errors)) < 10.0 and np.max(np.abs(errors)) < 20.0

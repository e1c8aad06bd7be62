"""Signs of an acute aorta: found on generated aortas that have them, not on those that do not.

``python -m tests.generated_aortas`` prints sensitivity and specificity of each sign over more of
them. They say nothing about patients.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from tests.generated_aortas import seen, share, signs_of
from workstation.analyses.vessel import acute_aorta
from workstation.analyses.vessel._aorta_phantom import SIGNS
from workstation.analyses.vessel.acute_aorta import analyse, inputs_of
from workstation.domain.acquisition import Acquisition
from workstation.domain.analysis import AnalysisResult, Images
from workstation.domain.errors import BadInput
from workstation.guidelines import load_numbers

WIDTHS = (28.0, 33.0, 38.0, 44.0)


@functools.cache
def result_of(sign: str, seed: int, noise: float) -> AnalysisResult:
    return analyse(inputs_of(sign, seed, wide_mm=WIDTHS[seed % len(WIDTHS)], noise=noise))


def found(sign: str, seed: int, noise: float) -> set[str]:
    return set(signs_of(result_of(sign, seed, noise)))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_each_sign_is_found_where_it_is_and_no_other(sign: str, seed: int) -> None:
    assert found(sign, seed, 12.0) == ({sign} - {"none"})


@pytest.mark.parametrize("sign", [s for s in SIGNS if s != "none"])
def test_what_triggered_is_urgent_and_shown_where_it_is(sign: str) -> None:
    (candidate,) = result_of(sign, 21, 12.0).candidates
    assert candidate.urgent
    x, _, z = candidate.location_mm
    assert x < 0 and -48.0 < z < 8.0  # the descending leg, where it was made
    assert candidate.mask is not None and candidate.mask.any()
    assert str(candidate.quantity.unit) in {"mm", "[hnsf'U]"}


def test_thresholds_are_data(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = dict(load_numbers("acute-aorta"))
    assert numbers["crescent_mm"] == 5 and numbers["calcium_depth_mm"] == 5
    strict = {**numbers, "crescent_mm": 14.0}
    monkeypatch.setattr(acute_aorta, "load_numbers", lambda id: strict)
    names = {c.quantity.name.en for c in analyse(inputs_of("crescent", 21)).candidates}
    assert acute_aorta.CRESCENT.en not in names


def test_a_wide_aorta_is_said_to_be_dilated() -> None:
    wide = result_of("none", 23, 12.0)  # 44 mm
    assert any("dilated" in str(m) for m in wide.cautions)
    assert not any("dilated" in str(m) for m in result_of("none", 21, 12.0).cautions)
    curve = next(c.curve for c in wide.curves if c.key == "diameter")
    assert float(np.median(curve.y)) == pytest.approx(44.0, abs=1.5)


def test_enhanced_ct_is_refused() -> None:
    given = inputs_of("none", 1)
    volume = given.images["ct"].volumes[0]
    stack = replace(volume.stack, acquisition=Acquisition(kvp=120.0, contrast="enhanced"))
    said = replace(given, images={"ct": Images((replace(volume, stack=stack),))})
    with pytest.raises(BadInput, match="contrast agent"):
        analyse(said)
    bright = np.where(given.masks["aorta"], volume.array + 250.0, volume.array)
    shown = replace(given, images={"ct": Images((replace(volume, array=bright),))})
    with pytest.raises(BadInput, match="as bright as with contrast"):
        analyse(shown)
    with pytest.raises(BadInput, match="can be followed"):
        analyse(replace(given, lines={"centreline": np.array([[36.0, 0, -20], [36, 0, -30]])}))
    broken = given.masks["aorta"].copy()
    broken[::3] = False
    with pytest.raises(BadInput, match=r"can be followed|broken"):
        analyse(replace(given, masks={"aorta": broken}))


def test_the_table_counts_what_was_seen() -> None:
    assert share(20, 20) == "20/20 = 100 % (83 to 100)"
    assert share(0, 10) == "0/10 = 0 % (0 to 31)"
    one = list(seen(range(21, 22), 12.0, "one voxel too large"))
    assert [s is not None and s.named for s in one] == [
        frozenset(() if sign == "none" else {sign}) for sign in SIGNS
    ]

"""Header facts against what a package calls usual and allowed: pass, caution, uncertain, refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.ai.packages import manifest
from tests.ai.test_gate import accept, stack
from workstation import text
from workstation.ai.acceptance import Accept
from workstation.ai.facts import remarks_of
from workstation.ai.gate import find_inputs
from workstation.ai.manifest import Manifest
from workstation.domain.acquisition import Acquisition
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Flag, Frame, Stack

FACTS = Acquisition(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.4", body_part="HEAD", kvp=120.0, field_t=1.5,
    kernel="B30f", kernel_class="smooth", contrast="enhanced", phase="venous", age_years=45.0,
    sex="F", repetition_ms=9000.0, echo_ms=120.0, inversion_ms=2500.0,
)  # fmt: skip


def known() -> Stack:
    """12 slices of 2.5 mm, 4 mm apart, pixels 0.5 x 0.75 mm, the sixth 1 mm too high."""
    places = [4.0 * z + (z == 5) for z in range(12)]
    frames = tuple(Frame(f"{z:064x}", f"1.{z}", 0, 0, place) for z, place in enumerate(places))
    return replace(stack(), acquisition=FACTS, slice_thickness_mm=2.5, frames=frames)


def answers(check: dict[str, Any], one: Stack | None = None) -> list[tuple[str, str]]:
    accepts: Accept = accept(checks=(check,))
    return [(r.answer, str(r.message)) for r in remarks_of(accepts, one or known())]


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("slice_mm", 4.0), ("thickness_mm", 2.5), ("gap_ratio", 1.6), ("unevenness_mm", 1.0),
        ("slices", 12.0), ("coverage_mm", 44.0), ("tilt_deg", 0.0), ("kvp", 120.0),
        ("field_t", 1.5), ("age_years", 45.0), ("repetition_ms", 9000.0), ("echo_ms", 120.0),
        ("inversion_ms", 2500.0),
    ],
)  # fmt: skip
def test_every_number_is_read_and_judged_at_its_edge(fact: str, value: float) -> None:
    far = 2.0 * value + 100.0
    assert answers({"fact": fact, "usual": (value, far)}) == []
    just_out = (value + 0.02 * max(1.0, value), far)
    ((answer, words),) = answers({"fact": fact, "usual": just_out, "allowed": (value, far)})
    assert answer == "caution"
    assert "of series 7" in words
    ((answer, words),) = answers({"fact": fact, "usual": just_out})
    assert answer == "refuse"
    assert "No suitable series" in words


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("sop_class", "1.2.840.10008.5.1.4.1.1.4"), ("body_part", "head"), ("region", "brain"),
        ("plane", "axial"), ("kernel", "smooth"), ("contrast", "enhanced"), ("phase", "venous"),
        ("sex", "f"),
    ],
)  # fmt: skip
def test_every_word_is_read_and_judged(fact: str, value: str) -> None:
    assert answers({"fact": fact, "usual": (value,)}) == []
    assert [a for a, _ in answers({"fact": fact, "usual": ("else",), "allowed": (value,)})] == [
        "caution"
    ]
    assert [a for a, _ in answers({"fact": fact, "usual": ("else",), "allowed": ("*",)})] == [
        "caution"
    ]
    assert [a for a, _ in answers({"fact": fact, "usual": ("else",)})] == ["refuse"]


def test_the_unusual_can_be_called_uncertain() -> None:
    check = {"fact": "gap_ratio", "usual": (0.3, 1.5), "allowed": (0.3, 1.8)}
    assert [a for a, _ in answers(check)] == ["caution"]
    ((answer, words),) = answers({**check, "unusual": "uncertain"})
    assert answer == "uncertain"
    assert words == (
        "slice distance over slice thickness of series 7: 1.6 (the model was made for 0.3–1.5); "
        "its result is not to be relied upon."
    )
    assert answers({**check, "unusual": "pass"}) == []


@pytest.mark.parametrize("answer", ["pass", "caution", "uncertain", "refuse"])
@pytest.mark.parametrize(
    "check", [{"fact": "kvp", "usual": (80.0, 140.0)}, {"fact": "kernel", "usual": ("smooth",)}]
)
def test_what_headers_do_not_state(check: dict[str, Any], answer: str) -> None:
    silent = replace(known(), acquisition=Acquisition())
    found = answers({**check, "unknown": answer}, silent)
    assert [a for a, _ in found] == ([] if answer == "pass" else [answer])
    assert all("is not stated" in words for _, words in found)


def test_both_pixel_spacings_count() -> None:
    check = {"fact": "in_plane_mm", "usual": (0.5, 0.75)}
    assert answers(check) == []
    ((_, words),) = answers({"fact": "in_plane_mm", "usual": (0.6, 0.8)})
    assert "pixel spacing of series 7 is 0.5 mm" in words


def test_nearly_equal_spacings_have_no_acquired_plane() -> None:
    cube = Grid((40, 8, 10), as_matrix(np.diag([1.0, 1.0, 1.2, 1.0])))
    check = {"fact": "plane", "usual": ("isotropic",)}
    assert answers(check, replace(known(), grid=cube, frames=())) == []
    assert [a for a, _ in answers(check)] == ["refuse"]


def test_flags_can_be_cautions() -> None:
    flagged = replace(known(), flags=(Flag.LOSSY,))
    (remark,) = remarks_of(accept(caution_flags=("lossy compression",)), flagged)
    assert (remark.answer, str(remark.message)) == ("caution", "series 7: lossy compression")


def test_words_are_chinese_down_to_the_values() -> None:
    check = {"fact": "plane", "usual": ("sagittal", "coronal"), "allowed": ("*",)}
    (remark,) = remarks_of(accept(checks=(check,)), known())
    assert (
        text.say(remark.message, lang="zh_CN")
        == "序列 7 的层面方位为 轴位（模型通常为 矢状位 / 冠状位）"
    )


def test_cautions_and_doubts_travel_with_their_input() -> None:
    checks = [
        {"fact": "age_years", "usual": [50.0, 90.0], "allowed": [18.0, 90.0]},
        {"fact": "gap_ratio", "usual": [0.3, 1.5], "allowed": [0.3, 2.0], "unusual": "uncertain"},
    ]
    given = {"channel": "image", "modality": ["MR"], "roles": ["FLAIR"], "checks": checks}
    said = Manifest.model_validate_json(Manifest.model_validate_json(
        json.dumps(manifest(accept=[given]))
    ).model_dump_json())  # fmt: skip
    older = replace(known(), id="b", acquisition=replace(FACTS, age_years=70.0))
    suitable = find_inputs(said, [known(), older])
    assert [len(one) for one in suitable.inputs] == [1, 1]
    assert [len(one) for one in suitable.cautions] == [1, 0]
    assert [len(one) for one in suitable.doubts] == [1, 1]
    child = replace(known(), acquisition=replace(FACTS, age_years=6.0))
    refused = find_inputs(said, [child])
    assert refused.inputs == ()
    assert str(refused.reason) == (
        "No suitable series: patient's age of series 7 is 6, the model accepts 18–90."
    )
    assert refused.nearest == child


@pytest.mark.parametrize(
    "check",
    [
        {"fact": "colour", "usual": (0.0, 1.0)},
        {"fact": "kvp", "usual": (140.0, 80.0)},
        {"fact": "kernel", "usual": ()},
        {"fact": "kvp", "usual": (80.0, 140.0), "unknown": "perhaps"},
    ],
)
def test_checks_are_a_closed_vocabulary(check: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        accept(checks=(check,))

"""Two proposals for one number: one is of record, the other stands beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.compared import compared
from workstation.domain.errors import Message
from workstation.domain.finding import HAND, Finding, FindingState

MEASURE = Finding(
    "measure", "study", "series", "cine", Wording("Function", "功能"), Code("1", "SCT", "f"),
    Wording("", ""), FindingState.PROPOSED, MadeBy("heart/lv_function", "1"), (), (0.0, 0.0, 0.0),
    value=52.0, unit="%", template_key="lv_function",
)  # fmt: skip
MODEL = replace(MEASURE, id="model", made_by=MadeBy("heart-sax", "1", "ab" * 32), value=49.0)


def test_the_model_is_of_record_whatever_comes_first() -> None:
    assert compared([MEASURE, MODEL]) == compared([MODEL, MEASURE]) == {"measure": "model"}
    accepted = replace(MEASURE, state=FindingState.ACCEPTED)
    assert compared([accepted, MODEL]) == {"measure": "model"}


def test_a_doubted_model_stands_beside() -> None:
    doubted = replace(MODEL, doubts=(Message("It is doubted."),))
    assert compared([MEASURE, doubted]) == {"model": "measure"}


@pytest.mark.parametrize(
    "other",
    [
        replace(MODEL, state=FindingState.REJECTED),
        replace(MODEL, stack_id="another cine"),
        replace(MODEL, template_key="nodule"),
        replace(MODEL, made_by=MadeBy(HAND, "li")),
        replace(MODEL, made_by=MEASURE.made_by),
    ],
    ids=["rejected", "another series", "another thing", "by hand", "the same maker"],
)
def test_nothing_is_compared_otherwise(other: Finding) -> None:
    assert compared([MEASURE, other]) == {}

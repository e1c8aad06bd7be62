"""What a row of the findings panel says: which series, and in how many digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel

from tests.study.test_rows import STACK, finding, judge, outcome, refusal
from workstation.domain.errors import N_, Message
from workstation.domain.judge import JudgeRow
from workstation.domain.measurement import Refusal
from workstation.text import set_language
from workstation.ui.judge_row import Row
from workstation.ui.program import application
from workstation.viewing.judge_rows import rows_of

FIVE = replace(STACK, id="t", series_number=5)
SEVEN = replace(STACK, id="u", series_number=7)
STACKS = [replace(STACK, series_number=3), FIVE, SEVEN]
TOO_SMALL = Message(N_("The model took longer than {limit} s."), {"limit": "3"})


@pytest.fixture(autouse=True)
def _window_in_english() -> Iterator[None]:
    application()
    set_language("en")
    yield
    set_language("zh_CN")


def row_of(refusals: list[Refusal], **changes: Any) -> JudgeRow:
    said = replace(outcome("x", 1), **changes)
    (row,) = rows_of([judge("x")], STACKS, [finding("x")], [], refusals, [said])
    return row


def words(row: JudgeRow, *, opened: bool) -> list[str]:
    shown = Row(row, STACKS, opened=opened)
    return [label.text() for label in shown.findChildren(QLabel)]


def test_the_series_that_could_not_be_judged_are_named() -> None:
    small = [
        replace(refusal("x", (stack.id,)), id=stack.id, reason=TOO_SMALL) for stack in STACKS[1:]
    ]
    named = Message(N_("No suitable series: series {number} is not a volume."), {"number": 7})
    row = row_of(small)
    assert any("series 5, 7: could not judge" in one for one in words(row, opened=False))
    assert f"⊘ Series 5, 7: {TOO_SMALL}" in words(row, opened=True)
    # A reason that names its series is not given it twice.
    row = row_of([replace(small[0], id="n", made_from=("u",), reason=named)])
    assert f"⊘ {named}" in words(row, opened=True)
    set_language("zh_CN")
    assert any("序列 5, 7 不能判断" in one for one in words(row_of(small), opened=False))


def test_fewer_digits_are_said_with_the_result() -> None:
    plain = words(row_of([], provider="OpenVINO CPU", precision="float32"), opened=True)
    fewer = words(row_of([], provider="OpenVINO CPU", precision="bfloat16"), opened=True)
    assert not any("fewer digits" in one for one in plain)
    assert any(one.startswith("Computed with fewer digits (bfloat16)") for one in fewer)
    assert any(one.startswith("OpenVINO CPU · bfloat16") for one in fewer)

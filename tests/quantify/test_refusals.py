"""Each refusal that a reader must get is given, and says why in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.refusals import CASES, refusal
from workstation.text import say, set_language

SAYS = {
    "too few frames": ("too few", "不足"),
    "no contrast bolus": ("No contrast bolus", "对比剂"),
    "slices at the base": ("slices at the base", "基底"),
    "contrast CT (headers)": ("contrast agent", "增强"),
    "at 100 kV": ("100 kV", "100 kV"),
}


@pytest.fixture(autouse=True)
def in_chinese_again() -> Iterator[None]:
    yield
    set_language("zh_CN")


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_and_says_why(case: str) -> None:
    message = refusal(case)
    wanted = next(words for end, words in SAYS.items() if case.endswith(end))
    for language, word in zip(("en", "zh_CN"), wanted, strict=True):
        set_language(language)
        assert word in say(message), say(message)

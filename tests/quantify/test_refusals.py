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
    "in bright blood": ("blood with contrast agent", "含对比剂的血液"),
    "mask empty": ("is empty", "为空"),
    "ten times too large": ("b-values are not those", "b 值与图像不符"),
    "in milliseconds": ("Times are in seconds", "时间单位为秒"),
    "tissue and artery exchanged": ("exchanged", "互换"),
    "muscle and blood exchanged": ("exchanged", "互换"),
    "in seconds": ("a map in ms", "以 ms 为单位"),
    "on scar": ("holds enhanced muscle", "含强化心肌"),
    "FWHM without scar": ("FWHM says nothing", "不适用"),
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

"""One Chinese word for one thing, over the whole catalogue."""

from __future__ import annotations

import pytest

from tests.house.test_rules import catalogue

# What is not said, and the word that is.
INSTEAD = {
    "报告已签名": "报告已签署 (a person signs a report; 签名 is the cryptographic one)",
    "签名报告": "签署报告",
    "已签报告": "已签署报告",
    "开始更正": "发起更正",
    "开放更正": "发起更正",
    "笔刷": "画笔",
    "期相": "时相",
    "全部模态": "全部设备",
}


@pytest.mark.parametrize("word", INSTEAD)
def test_words_are_the_same_everywhere(word: str) -> None:
    wrong = [said for said in catalogue().values() if word in said]
    assert not wrong, f"{INSTEAD[word]}: {wrong}"

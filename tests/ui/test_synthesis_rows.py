"""Rows of sentences on several organs: offered, said, and no longer said."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.documents.test_synthesis import BRAIN_HEART, infarct, stenosis
from workstation.documents.synthesis import lapsed, offers
from workstation.text import set_language
from workstation.ui.synthesis_rows import SynthesisRows


def test_a_sentence_that_lapsed_is_named_and_can_be_taken_out(qtbot: QtBot) -> None:
    set_language("zh_CN")
    rule = "stenosis-same-side"
    agreed = {rule: ("i", "s")}
    for findings, offered, gone in (
        ([infarct(), stenosis(60.0)], {rule: "移除"}, []),
        ([infarct()], {}, [rule]),
    ):
        there = offers(BRAIN_HEART, findings, [], agreed)
        rows = SynthesisRows(there, agreed, lapsed(BRAIN_HEART, there, agreed), nobody=False)
        qtbot.addWidget(rows)
        assert {id: button.text() for id, button in rows.buttons.items()} == offered
        assert list(rows.gone) == gone
    assert "不再采用" in " ".join(label.text() for label in rows.findChildren(QLabel))
    with qtbot.waitSignal(rows.taken_over) as taken:
        rows.gone[rule].click()
    assert taken.args == [rule, False]

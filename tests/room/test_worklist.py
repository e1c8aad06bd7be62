"""The worklist: search, filters, STAT first, priors, AI and report status, all by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from workstation.archive.store import Archive
from workstation.cli.bench import _fill
from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.errors import Message
from workstation.domain.measurement import Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import (
    Instance,
    Patient,
    Progress,
    Series,
    Study,
    StudyState,
    WorklistOrder,
    WorklistQuery,
)
from workstation.text import set_language
from workstation.ui.jobs import Jobs
from workstation.ui.program import application
from workstation.ui.worklist import Worklist
from workstation.ui.worklist_model import COLUMNS, ai_words, report_words

NAMES = {  # name: (alphabetic group, id, birth, date, modality, description)
    "王芳": ("Wang^Fang", "P1", "19600101", "20260101", "CT", "Chest"),
    "赵云": ("Zhao^Yun", "P2", "19500505", "20260103", "MR", "Brain"),
    "安然": ("An^Ran", "P3", "", "20260102", "MR", "Heart"),
}


def add(archive: Archive, n: int, study: Study, modality: str) -> None:
    uid = study.study_uid
    with archive.write(MACHINE, Permission.IMPORT, Message("test")) as writer:
        series = Series(uid + ".1", uid, modality, 1, "", "")
        item = Instance(uid + ".2", "1.2", uid + ".1", uid, f"{n:064x}", 1, 1, "1.2")
        writer.add_instances(study, series, [item])


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    made = Archive(home)
    for n, (name, (latin, id, born, day, modality, said)) in enumerate(NAMES.items(), 1):
        patient = Patient(id, name, f"{latin}={name}", born, "M")
        add(made, n, Study(f"2.25.{n}", patient, day, "0914", said, f"A{n}"), modality)
    older = Patient("P1", "王芳", "Wang^Fang=王芳", "19600101", "M")
    add(made, 9, Study("2.25.9", older, "20250601", "0800", "Chest before", "A9"), "CT")
    other = Patient("P1", "别人", "Bie^Ren=别人", "19991231", "M")  # the id was given twice
    add(made, 10, Study("2.25.10", other, "20250101", "0800", "Other person", "B1"), "CT")
    yield made
    made.close()


def uids(archive: Archive, **query: Any) -> list[str]:
    asked = replace(WorklistQuery(), **query)
    found = archive.worklist(asked)
    assert archive.worklist_count(asked) == len(found)
    return [study.study_uid.removeprefix("2.25.") for study in found]


def mark(
    archive: Archive, uid: str, *, urgent: bool = False, state: StudyState | None = None
) -> None:
    with archive.write(MACHINE, Permission.ANALYSE, Message("test"), uid) as writer:
        if urgent:
            writer.set_urgent(uid, True)
        if state is not None:
            writer.set_state(uid, state)


def test_filters(archive: Archive) -> None:
    assert uids(archive) == ["2", "3", "1", "9", "10"]
    assert uids(archive, modality="MR") == ["2", "3"]
    assert uids(archive, date_from="20260102") == ["2", "3"]
    assert uids(archive, date_from="20260101", date_to="20260102") == ["3", "1"]
    assert uids(archive, text="wang") == ["1", "9"]
    assert uids(archive, text="芳 p1") == ["1", "9"]
    mark(archive, "2.25.1", urgent=True)
    mark(archive, "2.25.2", state=StudyState.SIGNED)
    assert uids(archive) == ["1", "2", "3", "9", "10"]
    assert uids(archive, urgent=True) == ["1"]
    assert uids(archive, unread=True) == ["1", "3", "9", "10"]
    assert uids(archive, state=StudyState.SIGNED) == ["2"]


def test_every_order_keeps_stat_on_top(archive: Archive) -> None:
    mark(archive, "2.25.3", urgent=True)
    mark(archive, "2.25.1", state=StudyState.SIGNED)
    up = {"downwards": False}
    assert uids(archive, order=WorklistOrder.PATIENT, **up) == ["3", "10", "1", "9", "2"]
    assert uids(archive, order=WorklistOrder.PATIENT) == ["3", "2", "1", "9", "10"]
    assert uids(archive, order=WorklistOrder.DATE, **up) == ["3", "10", "9", "1", "2"]
    assert uids(archive, order=WorklistOrder.STATE) == ["3", "1", "2", "9", "10"]
    assert uids(archive, order=WorklistOrder.AGE, **up) == ["3", "2", "1", "9", "10"]
    for order in WorklistOrder:
        for downwards in (True, False):
            found = uids(archive, order=order, downwards=downwards)
            assert found[0] == "3" and sorted(found) == ["1", "10", "2", "3", "9"]


def test_progress_is_counted_from_what_is_stored(archive: Archive) -> None:
    studies = archive.worklist()
    assert archive.progress_of(studies)["2.25.1"] == Progress(priors=1)
    for study in studies:
        counted = archive.progress_of([study])[study.study_uid].priors
        assert counted == len(archive.priors_of(study.study_uid))
    by = MadeBy("test", "1")
    with archive.write(MACHINE, Permission.ANALYSE, Message("t"), "2.25.1") as writer:
        for n in range(2):
            writer.put(Outcome(f"o{n}", "2.25.1", "", "", "x", Wording("x", "x"), 0, (), by))
        writer.put(Refusal("r", "2.25.1", "", "x", Wording("x", "x"), Message("why"), by))
    assert archive.progress_of(studies)["2.25.1"] == Progress(1, judged=2, refused=1)
    assert [s.study_uid for s in archive.others_of("2.25.9")] == ["2.25.1"]
    assert archive.others_of("2.25.3") == []


def test_status_is_said_in_words() -> None:
    set_language("en")
    patient = Patient("", "", "", "", "")
    study = Study("1", patient, "", "", "", "", state=StudyState.ANALYSED)
    assert ai_words(replace(study, state=StudyState.NEW), Progress()) == "– not read yet"
    assert ai_words(study, Progress(findings=3, open=2, judged=4, refused=1)) == (
        "○ 2 to decide　⚠ 1 not judged"
    )
    assert ai_words(study, Progress(findings=3, judged=4)) == "✓ 3 decided"
    # Nothing proposed is never shown as normal.
    assert ai_words(study, Progress(judged=4)) == "· nothing proposed"
    assert ai_words(study, Progress(), reading=True) == "⟳ AI is reading …"
    assert report_words(study, Progress()) == "– unread"
    signed = replace(study, state=StudyState.SIGNED)
    assert report_words(signed, Progress(reports=2)) == "✓ signed ×2"


# --- the screen


@pytest.fixture
def worklist(archive: Archive, qtbot: QtBot) -> Iterator[Worklist]:
    application()
    set_language("zh_CN")
    jobs = Jobs(archive)
    made = Worklist(archive, jobs)
    qtbot.addWidget(made)
    made.filters.today = lambda: date(2026, 1, 3)
    made.resize(1366, 700)
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowActive(made)
    made.reload()
    qtbot.waitUntil(lambda: made.model.total == 5)
    yield made
    jobs.close()


def shown(worklist: Worklist) -> list[str]:
    return [study.study_uid.removeprefix("2.25.") for study in worklist.model.rows]


def test_enter_opens_what_was_typed_not_what_stood_there(worklist: Worklist, qtbot: QtBot) -> None:
    """The answer to a search comes a moment later; Enter waits for it."""
    opened: list[str] = []
    worklist.open_wanted.connect(opened.append)
    worklist.search.setFocus()
    QTest.keyClicks(worklist.search, "a3")
    QTest.keyClick(worklist.search, Qt.Key.Key_Return)
    assert opened == []  # the old top row is another patient
    qtbot.waitUntil(lambda: bool(opened))
    assert opened == ["2.25.3"] and shown(worklist) == ["3"]
    QTest.keyClick(worklist.search, Qt.Key.Key_Return)
    assert opened == ["2.25.3", "2.25.3"]


def test_enter_opens_nothing_where_nothing_matches(worklist: Worklist, qtbot: QtBot) -> None:
    opened: list[str] = []
    worklist.open_wanted.connect(opened.append)
    QTest.keyClicks(worklist.search, "nobody")
    QTest.keyClick(worklist.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: worklist.model.current and worklist.model.total == 0)
    assert opened == [] and worklist.empty.isVisible()
    worklist.search.clear()
    qtbot.waitUntil(lambda: worklist.model.total == 5)
    assert opened == []


def test_filters_on_screen(worklist: Worklist, qtbot: QtBot) -> None:
    filters = worklist.filters
    filters.days.setCurrentIndex(1)
    qtbot.waitUntil(lambda: shown(worklist) == ["2"])
    filters.days.setCurrentIndex(2)
    qtbot.waitUntil(lambda: shown(worklist) == ["2", "3", "1"])
    filters.modality.setCurrentText("CT")
    qtbot.waitUntil(lambda: shown(worklist) == ["1"])
    assert filters.narrows and filters.clear_all.isVisible()
    filters.retranslate()  # a language is switched: the choice stays
    assert filters.modality.currentText() == "CT" and filters.days.currentIndex() == 2
    filters.clear_all.click()
    qtbot.waitUntil(lambda: len(shown(worklist)) == 5)
    assert not filters.clear_all.isVisible()


def test_headings_sort_and_the_chosen_study_stays_chosen(worklist: Worklist, qtbot: QtBot) -> None:
    worklist.table.selectRow(2)
    assert worklist.selected is not None
    chosen = worklist.selected.study_uid
    head = worklist.table.horizontalHeader()
    head.setSortIndicator(1, Qt.SortOrder.AscendingOrder)
    qtbot.waitUntil(lambda: shown(worklist) == ["3", "10", "1", "9", "2"])
    assert worklist.selected is not None and worklist.selected.study_uid == chosen
    mark(worklist.model.archive, "2.25.2", urgent=True)
    worklist.reload()
    qtbot.waitUntil(lambda: shown(worklist)[0] == "2")
    assert worklist.selected.study_uid == chosen
    stat = worklist.model.index(0, 0).data()
    assert "急" in stat and stat.startswith("‼")


def test_other_studies_of_the_patient_open_by_key(worklist: Worklist, qtbot: QtBot) -> None:
    opened: list[str] = []
    worklist.open_wanted.connect(opened.append)
    QTest.keyClick(worklist.search, Qt.Key.Key_Down)
    assert worklist.table.hasFocus()
    rows = shown(worklist)
    for _ in range(rows.index("1")):
        QTest.keyClick(worklist.table, Qt.Key.Key_Down)
    qtbot.waitUntil(worklist.others.isVisible)
    listed = [worklist.others.list.item(n).text() for n in range(worklist.others.list.count())]
    assert len(listed) == 1 and "Chest before" in listed[0] and "更早" in listed[0]
    worklist.others.list.setFocus()
    worklist.others.list.setCurrentRow(0)
    QTest.keyClick(worklist.others.list, Qt.Key.Key_Return)
    assert opened == ["2.25.9"]
    QTest.keyClick(worklist.others.list, Qt.Key.Key_Escape)
    assert worklist.search.hasFocus()
    worklist.table.selectRow(rows.index("3"))
    qtbot.waitUntil(lambda: not worklist.others.isVisible())


def test_pages_of_ten_thousand_studies_cost_a_page(home: Path) -> None:
    """How many milliseconds that is, ``bench worklist`` says; here: no work per study stored."""

    def statements(archive: Archive, query: WorklistQuery) -> int:
        asked: list[str] = []
        with archive._reading() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
        raw.set_trace_callback(asked.append)
        page = archive.worklist(query)
        archive.progress_of(page)
        raw.set_trace_callback(None)
        assert len(page) == min(200, archive.worklist_count(WorklistQuery()))
        return len(asked)

    counted = {}
    for studies in (300, 10_000):
        archive = Archive(home / str(studies))
        _fill(archive, studies)
        for order in WorklistOrder:
            query = WorklistQuery(limit=200, order=order, downwards=False)
            counted[studies, order] = statements(archive, query)
        archive.close()
    for order in WorklistOrder:
        assert 0 < counted[10_000, order] == counted[300, order] < 20
    assert len(COLUMNS) == 10

"""Emergencies, the queue and the first read in a real window with real workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit

from tests.ai.packages import identity, sleeper, trust_maker, write_package
from tests.study.material import STAT, VOXELS, threshold, write_flair
from tests.ui.test_story import press
from workstation.archive.people import add_user
from workstation.archive.verify import verify
from workstation.documents.signatures import make_key
from workstation.domain.alert import Alert
from workstation.domain.arrival import Arrival, ArrivalState
from workstation.domain.finding import Finding, FindingState
from workstation.domain.judge import RowState
from workstation.domain.people import MACHINE, Role
from workstation.domain.study import StudyState
from workstation.reading.intake import intake
from workstation.ui.dialogs import SignInDialog
from workstation.wiring import open_services

from workstation.ui.program import application, wait_until  # isort: skip - after wiring
from workstation.ui.study_area import StudyArea  # isort: skip
from workstation.ui.window import Window  # isort: skip

LEFT = Qt.MouseButton.LeftButton
PASSWORD = "long enough 1"
Until = Callable[..., None]


@pytest.fixture
def until() -> Until:
    app = application()

    def wait(condition: Callable[[], bool], seconds: float = 90) -> None:
        assert wait_until(app, condition, seconds), "it did not come about in time"

    return wait


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "家 home"
    folder.mkdir()
    trust_maker(folder)
    settle(folder)
    return folder


def settle(home: Path, more: str = "") -> None:
    models = (home.parent / "模型").as_posix()
    lines = f"models = '{models}'\nai_threads = 1\n{more}"
    (home / "settings.toml").write_text(lines, encoding="utf-8")


@contextmanager
def room(home: Path) -> Iterator[Window]:
    with open_services(home, "zh_CN") as services:
        if not services.archive.users():
            add_user(services.archive, MACHINE, "li", "李医生", Role.READER, PASSWORD, make_key)
        application()
        window = Window(services.settings, services.archive)
        try:
            window.resize(1600, 900)
            window.show()
            window.activateWindow()
            QTest.qWaitForWindowActive(window)
            yield window
        finally:
            window.shut()


def area(window: Window) -> StudyArea:
    found = window.findChild(StudyArea)
    assert isinstance(found, StudyArea)
    return found


def sign_in(window: Window, until: Until) -> None:
    until(lambda: isinstance(window.people.dialog, SignInDialog))
    dialog = window.people.dialog
    assert isinstance(dialog, SignInDialog)
    dialog.name.setCurrentIndex(dialog.name.findData("li"))
    QTest.keyClicks(dialog.findChildren(QLineEdit)[0], PASSWORD)
    QTest.mouseClick(dialog.ok, LEFT)
    until(lambda: window.desk.user is not None)


def top(window: Window) -> str:
    return window.worklist.model.rows[0].study_uid if window.worklist.model.rows else ""


def words_in(window: Window) -> str:
    labels = window.findings.findChildren(QLabel)
    return " ".join(label.text() for label in labels if label.isVisible())


def test_an_emergency_comes_in_while_another_study_is_read(
    home: Path, tmp_path: Path, until: Until
) -> None:
    write_package(tmp_path / "模型", threshold(), **STAT)
    calm = write_flair(tmp_path / "平静", 9, "Calm^One=平静", bright=False)
    urgent = write_flair(tmp_path / "急", 1, "Urgent^One=急症", bright=True)
    with room(home) as window:
        window.importing.start([tmp_path / "平静"])
        until(lambda: top(window) == calm)
        window.actions_.open_study(calm)
        until(lambda: window.settled)
        notice = area(window).notice
        assert not notice.isVisible()

        window.importing.start([tmp_path / "急"])  # nobody opens it
        until(notice.isVisible)
        assert window.desk.study_uid == calm  # the reader's study stays where it is
        assert "出血急诊筛查" in notice.text.text()
        assert "急症" in notice.text.text()
        until(lambda: top(window) == urgent)  # it is the older study, and stands first now
        assert window.worklist.model.words(window.worklist.model.rows[0])[0].startswith("‼")
        (alert,) = window.desk.archive.all(Alert, urgent)
        until(lambda: window.desk.archive.get(Alert, alert.id).shown is not None)

        QTest.mouseClick(notice.open_study, LEFT)
        until(lambda: window.desk.study_uid == urgent and window.settled)
        assert notice.isVisible()  # opening is not acknowledging
        until(lambda: "bleeding" in window.findings.rows)
        row = window.findings.rows["bleeding"].row
        assert row.state is RowState.FOUND
        (finding,) = row.findings
        assert finding.id in window.findings.cards

        QTest.mouseClick(notice.taken, LEFT)
        sign_in(window, until)
        until(lambda: not notice.isVisible())
        taken = window.desk.archive.get(Alert, alert.id)
        assert (taken.acknowledged_by, taken.acknowledged_name) == ("li", "李医生")
        assert taken.arrived is not None
        assert taken.shown is not None
        assert taken.acknowledged is not None
        assert taken.arrived <= taken.detected <= taken.shown <= taken.acknowledged
        until(lambda: "李医生" in words_in(window))
        until(lambda: window.worklist.model.words(window.worklist.model.rows[0])[0][0] == "✓")

        window.desk.focus_finding(finding.id)
        press(window, Qt.Key.Key_X)
        until(lambda: not window.desk.archive.study(urgent).urgent)
        until(lambda: top(window) == calm)
        archive = window.desk.archive
        assert archive.get(Finding, finding.id).state is FindingState.REJECTED
        assert archive.get(Alert, alert.id).acknowledged == taken.acknowledged
        assert verify(archive).ok


def test_what_was_not_done_is_done_at_the_next_start(
    home: Path, tmp_path: Path, until: Until
) -> None:
    write_package(tmp_path / "模型", sleeper(), id="slow")
    uid = write_flair(tmp_path / "片子", 1, "Test^One=测试", bright=True)
    with room(home) as window:
        window.importing.start([tmp_path / "片子"])
        until(lambda: window.desk.arrivals.judge == "slow")
        queue = area(window).queue
        assert queue.isVisible()
        assert "测试" in queue.lines[0].words.toolTip() + queue.lines[0].words.text()
        archive = window.desk.archive
        assert archive.get(Arrival, uid).state is ArrivalState.WAITING
    write_package(tmp_path / "模型", identity(), id="slow")
    with room(home) as window:
        archive = window.desk.archive
        until(lambda: archive.get(Arrival, uid).state is ArrivalState.DONE)
        assert archive.study(uid).state is StudyState.ANALYSED
        assert len(archive.all(Finding, uid)) == 1
        until(lambda: not area(window).queue.isVisible())


def test_a_study_taken_off_the_queue_is_read_when_it_is_opened(
    home: Path, tmp_path: Path, until: Until
) -> None:
    write_package(tmp_path / "模型", sleeper(), id="slow")
    first = write_flair(tmp_path / "甲", 1, "Test^One=测试", bright=True)
    second = write_flair(tmp_path / "乙", 2, "Test^Two=测试", bright=True)
    with room(home) as window:
        window.importing.start([tmp_path / "甲", tmp_path / "乙"])
        until(
            lambda: (
                window.desk.arrivals.judge == "slow"
                and len(area(window).queue.arrivals.waiting) == 2
            )
        )
        archive, queue = window.desk.archive, area(window).queue
        QTest.mouseClick(queue.lines[1].stop, LEFT)
        QTest.mouseClick(queue.lines[0].stop, LEFT)
        for uid in (first, second):
            until(lambda uid=uid: archive.get(Arrival, uid).state is ArrivalState.STOPPED)
        until(lambda: not window.jobs.busy)
        write_package(tmp_path / "模型", identity(), id="slow")
        window.actions_.open_study(second)
        until(lambda: window.settled and bool(archive.all(Finding, second)))
        until(lambda: archive.get(Arrival, second).state is ArrivalState.DONE)
        assert archive.all(Finding, first) == []


def test_ai_is_seen_only_after_the_first_read_is_locked(
    home: Path, tmp_path: Path, until: Until
) -> None:
    settle(home, 'ai_reading = "second_reader"\n')
    write_package(tmp_path / "模型", identity(), id="whole",
                  name={"en": "Whole model", "zh": "完好模型"})  # fmt: skip
    uid = write_flair(tmp_path / "片子", 1, "Test^One=测试", bright=True)
    with room(home) as window:
        intake(window.desk.archive, [tmp_path / "片子"])
        window.actions_.open_study(uid)
        until(lambda: window.settled and window.findings.lock is not None)
        until(lambda: bool(window.desk.archive.all(Finding, uid)))
        contents = window.desk.contents
        assert contents is not None
        assert contents.hidden
        assert contents.findings == ()
        assert window.findings.cards == {}
        assert window.findings.rows == {}
        assert "完好模型" not in words_in(window)
        shown = [o for p in window.grid_.panes for o in p.slices.overlays]
        assert shown == []
        model = window.worklist.model
        until(lambda: bool(model.rows) and "首次阅片" in model.words(model.rows[0])[8])
        assert "首次阅片" in window.banner.machine.text() + window.banner.machine.toolTip()

        lock = window.findings.lock
        assert lock is not None
        QTest.mouseClick(lock, LEFT)  # nobody is signed in: asked who reads
        sign_in(window, until)
        assert window.findings.lock is not None
        QTest.mouseClick(window.findings.lock, LEFT)
        question = area(window).question
        assert question is not None
        QTest.mouseClick(question.buttons()[0], LEFT)
        until(lambda: "whole" in window.findings.rows)
        (finding,) = window.desk.archive.all(Finding, uid)
        until(lambda: finding.id in window.findings.cards)
        assert finding.value == pytest.approx(VOXELS * 0.08)
        contents = window.desk.contents
        assert contents is not None
        assert contents.first_read is not None
        assert contents.first_read.reader == "li"

"""The story on a real MR study: imported by drop, read by the model, edited, added to, signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from tests.gestures import drag
from tests.ui.test_story import CTRL, LEFT, PASSWORD, current, press, wheel
from workstation.archive.people import add_user
from workstation.archive.verify import verify
from workstation.demo.series import DemoDetail
from workstation.documents.signatures import make_key
from workstation.domain.finding import Finding, FindingState
from workstation.domain.people import MACHINE, Role
from workstation.domain.report import SignedReport
from workstation.domain.study import StudyState
from workstation.reading.demonstrate import demonstrate
from workstation.ui.program import application
from workstation.ui.window import Window
from workstation.wiring import open_services

Until = Callable[..., None]


@pytest.fixture
def files(shared_data: Path | None, tmp_path: Path) -> Path:
    """The FLAIR and T1 of a patient; generated ones where the public data is absent."""
    if shared_data is not None:
        return shared_data / "mr_ms_followup" / "dicom" / "study2"
    demonstrate(tmp_path / "demo", detail=DemoDetail(factor=2, phases=10))
    return tmp_path / "demo" / "mr"


@pytest.fixture
def room(home: Path) -> Iterator[Window]:
    with open_services(home, "zh_CN") as services:
        application()
        add_user(services.archive, MACHINE, "li", "李医生", Role.READER, PASSWORD, make_key)
        window = Window(services.settings, services.archive)
        window.resize(1600, 900)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        yield window
        window.shut()


def test_real_study_from_folder_to_signed_report(room: Window, files: Path, until: Until) -> None:
    room.importing.start([files])
    until(lambda: len(room.worklist.model.rows) == 1 and not room.jobs.busy, 120)
    QTest.keyClick(room.worklist.search, Qt.Key.Key_Return)
    until(lambda: room.settled, 180)
    contents = room.desk.contents
    assert contents is not None
    wmh = next(f for f in contents.findings if f.template_key == "wmh")
    assert wmh.value is not None and 0.2 < wmh.value < 40

    room.desk.sign_in(room.desk.archive.user("li"))
    view = next(p for p in room.grid_.panes if p.content.stack_id == wmh.stack_id).slices
    before = view.viewport.slice_number
    wheel(view, 2)
    assert view.viewport.slice_number == before + 2

    press(room, Qt.Key.Key_J)
    until(lambda: room.desk.state.finding_id != "")
    room.desk.focus_finding(wmh.id)
    press(room, Qt.Key.Key_E)
    until(lambda: room.decisions.painted_id == wmh.id)
    view = room.grid_.active_pane.slices
    middle = QPoint(view.width() // 2, view.height() // 2)
    drag(view, [middle + QPoint(3 * n, n) for n in range(10)])
    until(lambda: current(room, wmh.id).state is FindingState.EDITED)
    press(room, Qt.Key.Key_Return)
    until(lambda: not room.decisions.painted_id)

    press(room, Qt.Key.Key_N)  # a finding of one's own, which is then thought better of
    until(lambda: room.actions_.dialog is not None)
    dialog = room.actions_.dialog
    assert dialog is not None
    dialog.kind.setCurrentIndex(dialog.kind.count() - 1)
    dialog.words.insert("可疑结节")  # as an input method does: QTest has no Chinese keys
    QTest.mouseClick(dialog.ok, LEFT)

    def own() -> list[Finding]:
        found = room.desk.archive.all(Finding, wmh.study_uid)
        return [f for f in found if f.label.zh == "可疑结节"]

    until(lambda: bool(own()))
    assert own()[0].state is FindingState.ADDED
    until(lambda: room.desk.state.finding_id == own()[0].id)
    press(room, Qt.Key.Key_X)
    until(lambda: own()[0].state is FindingState.REJECTED)
    for finding in room.desk.archive.all(Finding, wmh.study_uid):
        if finding.state is FindingState.PROPOSED:
            room.desk.focus_finding(finding.id)
            press(room, Qt.Key.Key_A)
            until(lambda f=finding: current(room, f.id).state is FindingState.ACCEPTED)

    until(lambda: room.desk.contents is not None and not room.desk.contents.obstacles)
    press(room, Qt.Key.Key_Return, CTRL)
    until(lambda: room.people.dialog is not None)
    signing = room.people.dialog
    assert signing is not None
    QTest.keyClicks(signing.findChildren(QLineEdit)[0], PASSWORD)
    QTest.mouseClick(signing.ok, LEFT)
    until(lambda: bool(room.desk.contents and room.desk.contents.reports), 90)
    archive = room.desk.archive
    assert archive.study(wmh.study_uid).state is StudyState.SIGNED
    report = archive.all(SignedReport, wmh.study_uid)[0]
    assert {"pdf", "sr", "seg"} <= {d.kind for d in report.documents}
    assert not any("可疑结节" in s.text for part in report.draft.sections for s in part.sentences)
    assert verify(archive).ok

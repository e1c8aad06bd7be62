"""Complaint 24: a garbled name is put right from the patient tab."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.dicom_in.test_names import told
from workstation import text
from workstation.archive.store import Archive
from workstation.domain.artefact import now
from workstation.domain.people import Role, User
from workstation.settings import load_settings
from workstation.ui.desk import Desk
from workstation.ui.jobs import Jobs
from workstation.ui.program import application
from workstation.ui.study_tabs import PatientTab


@pytest.fixture
def desk(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    application()
    text.set_language("zh_CN")
    archive = Archive(home)
    told(archive, tmp_path / "in", "big5", None)
    jobs = Jobs(archive)
    made = Desk(load_settings(home), jobs, remembers=False)
    monkeypatch.setattr(made, "read_by_machine", lambda: None)
    yield made
    made.close()
    jobs.close()
    archive.close()


def test_choose_see_and_store(desk: Desk, until: Callable[..., None]) -> None:
    tab = PatientTab(desk)
    tab.resize(360, 420)
    tab.show()
    desk.open_study("1.2.3")
    until(lambda: "P1" in tab.facts.text())
    assert "陳小明" not in tab.facts.text()
    choice = tab.reading.choice
    choice.setCurrentIndex(choice.findData("BIG5"))
    choice.activated.emit(choice.currentIndex())
    until(lambda: "陳小明" in tab.reading.shown.text())
    assert "胸部平掃" in tab.reading.shown.text()
    QTest.mouseClick(tab.reading.apply, Qt.MouseButton.LeftButton)
    assert "登录" in tab.reading.shown.text()  # nobody is signed in
    desk.sign_in(User("li", "李医生", Role.READER, "", "", "", now()))
    QTest.mouseClick(tab.reading.apply, Qt.MouseButton.LeftButton)
    until(lambda: "陳小明" in tab.facts.text())
    if os.environ.get("ONESCAN_PICTURES"):
        tab.grab().save(str(Path(os.environ["ONESCAN_PICTURES"]) / "name_reading.png"))
    assert desk.archive.audit()[-1].actor == "li"

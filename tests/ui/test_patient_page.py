"""The page for the patient in the window: preview, release, a second screen that is his alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from tests.pictures import keep_picture
from tests.reading.stages import PASSWORD, STUDY_UID, make_stages
from workstation.reading.patient_page import release, released
from workstation.reading.sign import correct
from workstation.wiring import open_services

from workstation.ui.program import application  # isort: skip - after wiring
from workstation.ui.patient_page_area import PatientPages  # isort: skip
from workstation.ui.window import Window  # isort: skip


@pytest.fixture(scope="module")
def signed_window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """One window on a home whose one study is signed by li; nothing is released yet."""
    folder = make_stages(tmp_path_factory.mktemp("说明页"))
    home = Path(shutil.copytree(folder / "signed", folder / "家"))
    with open_services(home, "zh_CN") as services:
        application()
        made = Window(services.settings, services.archive)
        made.resize(1280, 800)
        made.show()
        made.activateWindow()
        QTest.qWaitForWindowActive(made)
        yield made
        made.shut()


@pytest.fixture
def pages(signed_window: Window, until: Callable[..., None]) -> Iterator[PatientPages]:
    area = signed_window.findChild(PatientPages)
    assert area is not None
    signed_window.actions_.open_study(STUDY_UID)
    until(lambda: signed_window.desk.contents is not None)
    yield area
    area.close_screen()
    if area.dialog is not None:
        area.dialog.reject()


def opened(pages: PatientPages, user: str, until: Callable[..., None]) -> None:
    pages.desk.sign_in(pages.desk.archive.user(user))
    pages.window.commands.run("patient_page")
    until(lambda: pages.dialog is not None and pages.dialog.shown is not None)


def test_another_reader_sees_the_preview_and_cannot_release(
    pages: PatientPages, until: Callable[..., None]
) -> None:
    opened(pages, "zhao", until)
    dialog = pages.dialog
    assert dialog is not None and not dialog.release.isVisible()
    assert "李明华" in dialog.state.text() and "只有" in dialog.state.text()
    for button in (dialog.print, dialog.save, dialog.apart):
        assert not button.isEnabled(), "a preview is not given away"


def test_released_shown_on_a_second_screen_and_gone_with_the_study(
    pages: PatientPages, until: Callable[..., None], tmp_path: Path
) -> None:
    opened(pages, "li", until)
    dialog, archive = pages.dialog, pages.desk.archive
    assert dialog is not None and dialog.release.isVisible()
    keep_picture(dialog, "patient_dialog_before")
    QTest.keyClicks(dialog.password, "not this one")
    QTest.mouseClick(dialog.release, Qt.MouseButton.LeftButton)
    until(lambda: dialog.wrong.isVisible())
    assert released(archive, STUDY_UID) is None and not dialog.password.text()
    dialog.password.setText(PASSWORD)  # Chinese: no keys to press
    QTest.mouseClick(dialog.release, Qt.MouseButton.LeftButton)
    until(lambda: dialog.shown is not None and dialog.shown.page is not None)
    assert not dialog.release.isVisible() and dialog.print.isEnabled()
    keep_picture(dialog, "patient_dialog")
    dialog.save_to(tmp_path / "给患者.pdf")
    until((tmp_path / "给患者.pdf").exists)
    assert (tmp_path / "给患者.pdf").read_bytes().startswith(b"%PDF")

    QTest.mouseClick(dialog.apart, Qt.MouseButton.LeftButton)
    until(lambda: pages.screen is not None)
    screen = pages.screen
    assert screen is not None and screen.isFullScreen()
    keep_picture(screen, "patient_screen")
    patient = archive.study(STUDY_UID).patient
    words = [screen.windowTitle(), *(label.text() for label in screen.findChildren(QLabel))]
    assert not any(patient.name and patient.name in said for said in words)
    before = screen.page.pixmap().height()
    QTest.keyClick(screen, Qt.Key.Key_Space)
    assert screen.page.pixmap().height() > before, "as wide as the screen, to be scrolled"
    QTest.keyClick(screen, Qt.Key.Key_L)
    assert screen.language == "en"
    dialog.reject()

    pages.desk.close_study()
    assert pages.screen is None, "the screen is empty before the next patient sits down"


def test_an_amendment_takes_the_page_off_the_screen(
    pages: PatientPages, until: Callable[..., None]
) -> None:
    archive = pages.desk.archive
    if released(archive, STUDY_UID) is None:
        release(archive, STUDY_UID, user="li", password=PASSWORD)
    pages.window.commands.run("patient_screen")
    until(lambda: pages.screen is not None)
    correct(archive, STUDY_UID, user="li", password=PASSWORD, reason="笔误")
    pages.window.jobs.poll_soon()
    until(lambda: pages.screen is None)
    pages.window.commands.run("patient_screen")
    until(lambda: "撤回" in pages.window.notice.text.text())
    assert pages.screen is None

"""The page for the patient in the room: its dialog, and the second screen it may stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from workstation.domain.report import PatientPage
from workstation.domain.study import StudyState
from workstation.reading.patient_page import page_file, released
from workstation.text import LANGUAGES, language, tr
from workstation.ui.asking import ask
from workstation.ui.patient_page_dialog import PatientPageDialog
from workstation.ui.patient_screen import PatientScreen, second_screen

if TYPE_CHECKING:
    from workstation.ui.window import Window


def install(window: Window) -> None:
    """Register what the room can do with the page."""
    PatientPages(window)


class PatientPages(QObject):
    """Opens the dialog; keeps the second screen to the patient whose study lies open."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.desk = window.desk
        self.dialog: PatientPageDialog | None = None
        self.screen: PatientScreen | None = None
        window.commands.register("patient_page", self.open)
        window.commands.register("patient_screen", self.toggle_screen)
        # What stands on a screen that a patient sees goes with the study, and with its release.
        self.desk.study_closed.connect(self.close_screen)
        self.desk.user_changed.connect(self.close_screen)
        window.jobs.changed.connect(self._changed)

    def open(self) -> None:
        """The page of the open study; before the signature there is none."""
        contents = self.desk.contents
        if contents is None or contents.study.state is not StudyState.SIGNED:
            self.window.notice.news(
                tr("The page for the patient is made from a signed report: sign the report first.")
            )
            return
        study_uid = contents.study.study_uid
        dialog = PatientPageDialog(
            self.window.jobs, self.desk.archive, study_uid, self.desk.user, self.window
        )
        dialog.screen_wanted.connect(self.show_screen)
        dialog.finished.connect(self._closed)
        self.dialog = dialog
        ask(dialog)

    def _closed(self) -> None:
        self.dialog = None

    # --- the second screen

    def toggle_screen(self) -> None:
        """Show the released page on the second screen, or take it away."""
        if self.screen is not None:
            self.close_screen()
        else:
            self.show_screen(language())

    def show_screen(self, said: str) -> None:
        """Show the released page of the open study on the second screen."""
        archive, study_uid = self.desk.archive, self.desk.study_uid
        if not study_uid:
            return

        def work() -> dict[str, bytes]:
            page = released(archive, study_uid)
            if page is None:
                return {}
            first = [said, *(code for code in LANGUAGES if code != said)]
            return {code: page_file(archive, page, code, "png") for code in first}

        def arrived(pages: dict[str, bytes]) -> None:
            if study_uid != self.desk.study_uid:
                return  # another study was opened meanwhile: nothing of this one is shown
            self.close_screen()
            if not pages:
                self.window.notice.news(
                    tr("The page for the patient was not released, or was withdrawn.")
                )
                return
            screen = PatientScreen(pages, said, second_screen(self.window), self.window)
            screen.destroyed.connect(self._gone)
            self.screen = screen
            screen.showFullScreen()

        self.window.jobs.read(work, arrived)

    def close_screen(self) -> None:
        """Take the page off the second screen at once."""
        screen, self.screen = self.screen, None
        if screen is not None:
            screen.hide()
            screen.close()

    def _gone(self, gone: QObject) -> None:
        if self.screen is gone:
            self.screen = None

    def _changed(self, change: Any) -> None:
        if change.kind != "patient page" or change.study_uid != self.desk.study_uid:
            return
        archive, study_uid = self.desk.archive, change.study_uid

        def arrived(page: PatientPage | None) -> None:
            if page is None and study_uid == self.desk.study_uid:
                self.close_screen()

        self.window.jobs.read(lambda: released(archive, study_uid), arrived)

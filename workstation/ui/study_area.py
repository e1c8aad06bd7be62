"""One scan, many findings: the queue of what came in, emergencies, and the first read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QMessageBox, QVBoxLayout

from workstation.domain.first_read import FirstRead
from workstation.reading.second_reader import lock_first_read
from workstation.text import tr
from workstation.ui.alert_notice import AlertNotice, Alerts
from workstation.ui.asking import ask
from workstation.ui.queue_strip import QueueStrip

if TYPE_CHECKING:
    from workstation.ui.window import Window


def install(window: Window) -> None:
    """Put the parts where they belong and let the machine begin with what waits."""
    StudyArea(window)


class StudyArea(QObject):
    """Connects the queue, the notice of emergencies and the lock of the first read."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.desk = window.desk
        self.notice = AlertNotice()
        self.alerts = Alerts(window.desk, self.notice, self)
        self.queue = QueueStrip(window.desk.arrivals)
        self.question: QMessageBox | None = None
        centre, worklist = window.centralWidget(), window.worklist.layout()
        whole = centre.layout() if centre is not None else None
        assert isinstance(whole, QVBoxLayout)
        assert isinstance(worklist, QVBoxLayout)
        whole.insertWidget(1, self.notice)  # below the banner, over everything else
        worklist.insertWidget(2, self.queue)
        self.notice.open_wanted.connect(window.actions_.open_study)
        self.queue.stop_wanted.connect(window.desk.arrivals.stop)
        window.desk.sign_in_wanted.connect(window.people.sign_in)
        window.desk.series_wanted.connect(window.grid_.show_stack)
        window.desk.arrivals.changed.connect(self._show_reading)
        window.desk.arrivals.stored.connect(lambda _: window.jobs.poll_soon())
        window.findings.lock_wanted.connect(self.lock_first_read)
        window.add_retranslate(self.retranslate)
        QTimer.singleShot(0, self._begin)

    def _begin(self) -> None:
        self.alerts.look()
        if self.desk.remembers:  # a picture of a study begins nothing else
            self.desk.arrivals.start()

    def retranslate(self) -> None:
        """Every text in the language of now."""
        self.alerts.show()
        self.queue.refresh()

    def _show_reading(self) -> None:
        self.window.worklist.model.set_background(self.desk.arrivals.reading)

    # --- the first read

    def lock_first_read(self) -> None:
        """Ask once, then lock what the signed-in reader holds and show what AI found."""
        contents, user = self.desk.contents, self.desk.user
        if contents is None or not contents.hidden:
            return
        if user is None:
            self.window.people.sign_in()
            return
        question = QMessageBox(self.window)
        question.setWindowTitle(tr("Lock first read, show AI"))
        question.setText(
            tr("{name}, you have read this study without AI. Lock that now?",
               name=user.display_name)
        )  # fmt: skip
        question.setInformativeText(
            tr("Your {n} findings, your marks and words are kept as they are. It cannot be undone.",
               n=len(contents.findings))
        )  # fmt: skip
        lock = question.addButton(tr("Lock"), QMessageBox.ButtonRole.AcceptRole)
        question.addButton(tr("Go on reading"), QMessageBox.ButtonRole.RejectRole)
        archive, study_uid = self.desk.archive, contents.study.study_uid
        settings = self.desk.settings

        def locked(_: FirstRead) -> None:
            self.desk.reload()
            self.window.decisions.walk_forward_soon()

        def answered() -> None:
            if question.clickedButton() is lock:
                self.desk.jobs.write(
                    lambda: lock_first_read(archive, user, study_uid, settings), locked
                )
            self.question = None

        question.finished.connect(lambda _: answered())
        self.question = question
        self.window.report.save_texts()
        ask(question)

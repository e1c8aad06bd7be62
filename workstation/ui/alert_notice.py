"""The notice of an emergency: over everything, hiding no image, until a person takes note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from workstation.domain.alert import Alert
from workstation.domain.people import MACHINE
from workstation.domain.study import Study
from workstation.reading.alerts import acknowledge, mark_shown, open_alerts
from workstation.text import language, tr
from workstation.ui.alert_times import clock
from workstation.ui.banner import shown_person
from workstation.ui.desk import Desk
from workstation.ui.named import named


@dataclass(frozen=True)
class Emergency:
    """An alert that nobody acknowledged, with its study as the worklist shows it."""

    alert: Alert
    study: Study


class AlertNotice(QFrame):
    """One emergency in words, how many more there are, and what can be done."""

    open_wanted = Signal(str)  # study uid
    acknowledge_wanted = Signal(str)  # alert id
    more_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("alertNotice")
        self.emergency: Emergency | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 10, 8)
        row.setSpacing(12)
        self.text = named(QLabel(), "alertText")
        self.text.setWordWrap(True)
        self.more = named(QPushButton(), "flat")
        self.open_study = QPushButton()
        self.taken = named(QPushButton(), "acknowledge")
        row.addWidget(self.text, 1)
        for button in (self.more, self.open_study, self.taken):
            row.addWidget(button)
        self.more.clicked.connect(self.more_wanted)
        self.open_study.clicked.connect(self._open)
        self.taken.clicked.connect(self._take)
        self.hide()

    def _open(self) -> None:
        if self.emergency is not None:
            self.open_wanted.emit(self.emergency.study.study_uid)

    def _take(self) -> None:
        if self.emergency is not None:
            self.acknowledge_wanted.emit(self.emergency.alert.id)

    def show_one(self, emergency: Emergency | None, others: int, *, is_open: bool) -> None:
        """Show this emergency; None: there is none. is_open: its study lies on the desk."""
        self.emergency = emergency
        if emergency is None:
            self.hide()
            return
        alert, study = emergency.alert, emergency.study
        # Who and by which model; never what was found or where, which a first read may wait for.
        parts = (
            "‼ " + tr("Emergency"),
            alert.name.in_language(language()),
            study.patient.name or tr("No name"),
            shown_person(study),
            f"ID {study.patient.patient_id}",
            " ".join(("/".join(study.modalities), study.description)).strip(),
            tr("Detected") + " " + clock(alert.detected),
        )
        self.text.setText("　".join(part for part in parts if part))
        self.more.setText(tr("{n} more", n=others) + " ▸")
        self.more.setVisible(others > 0)
        self.open_study.setText(tr("Open the study"))
        self.open_study.setVisible(not is_open)
        self.taken.setText(tr("Acknowledge"))
        self.setAccessibleName(self.text.text())
        self.show()


class Alerts(QObject):
    """Keeps the notice true: what nobody acknowledged, the earliest first."""

    def __init__(self, desk: Desk, notice: AlertNotice, parent: QObject) -> None:
        super().__init__(parent)
        self.desk = desk
        self.notice = notice
        self.waiting: list[Emergency] = []
        self._place = 0
        self._told: set[str] = set()
        self._pending = ""  # to be acknowledged as soon as somebody has signed in
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(20)  # a result is several changes: one look
        self._soon.timeout.connect(self.look)
        desk.jobs.changed.connect(self._changed)
        desk.study_opened.connect(lambda _: self.show())
        desk.study_closed.connect(self.show)
        desk.user_changed.connect(self._signed_in)
        notice.acknowledge_wanted.connect(self.acknowledge)
        notice.more_wanted.connect(self.turn)

    def _changed(self, change: Any) -> None:
        if change.kind == "alert":
            self._soon.start()

    def look(self) -> None:
        """Read anew what waits to be acknowledged."""
        archive = self.desk.archive

        def work() -> list[Emergency]:
            return [Emergency(one, archive.study(one.study_uid)) for one in open_alerts(archive)]

        def arrived(found: list[Emergency]) -> None:
            self.waiting = found
            fresh = {one.alert.id for one in found} - self._told
            self._told |= fresh
            if fresh:
                self._place = next(n for n, one in enumerate(found) if one.alert.id in fresh)
            self.show()
            if fresh and self.notice.isVisible():
                QApplication.beep()
                QApplication.alert(self.notice.window())  # where another program covers this one

        self.desk.jobs.read(work, arrived)

    def show(self) -> None:
        """Show the emergency of now; the first time it stands there is kept."""
        if not self.waiting:
            self.notice.show_one(None, 0, is_open=False)
            return
        self._place %= len(self.waiting)
        one = self.waiting[self._place]
        is_open = one.study.study_uid == self.desk.study_uid
        self.notice.show_one(one, len(self.waiting) - 1, is_open=is_open)
        if self.notice.isVisible() and one.alert.shown is None:
            archive, actor = self.desk.archive, self.desk.actor or MACHINE
            self.desk.jobs.write(lambda: mark_shown(archive, one.alert, actor=actor))

    def turn(self) -> None:
        """The next of several."""
        self._place += 1
        self.show()

    def acknowledge(self, alert_id: str) -> None:
        """Take note of an emergency as who is signed in; else ask who that is."""
        user, archive = self.desk.user, self.desk.archive
        if user is None:
            self._pending = alert_id
            self.desk.sign_in_wanted.emit()
            return
        self._pending = ""
        self.desk.jobs.write(
            lambda: acknowledge(archive, user.actor, alert_id, name=user.display_name)
        )

    def _signed_in(self) -> None:
        if self._pending and self.desk.user is not None:
            self.acknowledge(self._pending)

"""The patient banner: who is on screen, what was scanned, what the machine is doing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from workstation.domain.finding import FindingState
from workstation.domain.study import Study
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.desk import Desk
from workstation.ui.elided import ElidedLabel
from workstation.ui.named import named


def shown_date(study: Study) -> str:
    """The study's date and time as read aloud: 2026-11-21 09:14."""
    date, time = study.date, study.time
    day = f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 else date
    clock = f" {time[:2]}:{time[2:4]}" if len(time) >= 4 else ""
    return day + clock


def shown_person(study: Study) -> str:
    """Sex and age at the study, from what the headers state."""
    sex = {"M": tr("male"), "F": tr("female"), "O": tr("other sex")}.get(study.patient.sex, "")
    age, born = study.patient.age, study.patient.birth_date
    years = ""
    if len(age) == 4 and age[:3].isdigit():
        unit = {"Y": tr("years"), "M": tr("months"), "W": tr("weeks"), "D": tr("days")}
        years = f"{int(age[:3])} {unit.get(age[3], age[3])}"
    elif len(born) == 8 and len(study.date) == 8:
        full = int(study.date[:4]) - int(born[:4]) - (study.date[4:] < born[4:])
        years = f"{full} {tr('years')}"
    return " ".join(part for part in (sex, years) if part)


class Banner(QFrame):
    """One line over everything; STAT and machine state are words, never colour alone."""

    worklist_wanted = Signal()
    user_wanted = Signal()
    language_wanted = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("banner")
        self.fit_text()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(14)
        self.worklist = named(QPushButton(), "flat")
        self.worklist.clicked.connect(self.worklist_wanted)
        self.name = named(QLabel(), "patient")
        self.person = named(QLabel(), "strong")
        self.exam = named(ElidedLabel(), "dim")
        self.exam.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.stat = named(QLabel(), "chipDanger")
        self.machine = named(ElidedLabel(), "chipOk")
        self.priors = named(ElidedLabel(), "chip")
        self.research = named(QLabel(), "chipResearch")  # never shortened
        self.language = named(QPushButton(), "flat")
        self.language.clicked.connect(self.language_wanted)
        self.user = named(QPushButton(), "flat")
        self.user.clicked.connect(self.user_wanted)
        for widget in (self.worklist, self.name, self.person):
            row.addWidget(widget)
        row.addWidget(self.exam, 1)
        for widget in (self.stat, self.machine, self.priors, self.research, self.language,
                       self.user):  # fmt: skip
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        for widget in (self.worklist, self.language, self.user):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._ai = ("idle", "")
        desk.study_opened.connect(lambda _: self.refresh())
        desk.study_closed.connect(self.refresh)
        desk.contents_changed.connect(self.refresh)
        desk.user_changed.connect(self.refresh)
        desk.ai_state.connect(self._ai_changed)
        self.refresh()

    def fit_text(self) -> None:
        """As high as its text needs."""
        self.setFixedHeight(theme.scaled(46))

    def _ai_changed(self, state: str, sentence: str) -> None:
        self._ai = (state, sentence)
        self.refresh()

    def _machine_words(self) -> str:
        state, _ = self._ai
        contents = self.desk.contents
        if state == "running":
            return tr("AI is reading …")
        if state == "failed":
            return tr("AI stopped: see message")
        if contents is None:
            return ""
        if contents.hidden:
            return "◌ " + tr("hidden until first read")
        waiting = sum(f.state is FindingState.PROPOSED for f in contents.findings)
        return tr(
            "AI done · {found} findings, {open} to decide · {refused} not judged",
            found=len(contents.findings),
            open=waiting,
            refused=len(contents.refusals),
        )

    def refresh(self) -> None:
        """Show what the desk holds now."""
        contents = self.desk.contents
        self.worklist.setText("☰ " + tr("Worklist") + "  F2")
        self.language.setText("中 / EN")
        self.language.setToolTip(tr("Switch language"))
        user = self.desk.user
        self.user.setText(user.display_name if user else tr("Sign in"))
        self.research.setText(tr("Research use, not registered"))
        for widget in (self.name, self.person):
            widget.setVisible(contents is not None)
        if contents is None:
            # Shown below only where they say something: a moment would widen the window.
            for widget in (self.priors, self.machine, self.stat):
                widget.hide()
            self.exam.clear()
            return
        study = contents.study
        self.name.setText(study.patient.name or tr("No name"))
        self.person.setText(shown_person(study))
        parts = (f"ID {study.patient.patient_id}", study.description, shown_date(study))
        self.exam.setText(" · ".join(p for p in parts if p.strip()))
        self.stat.setText(tr("STAT"))
        self.stat.setVisible(study.urgent)
        words = self._machine_words()
        self.machine.note = self._ai[1]
        self.machine.setText(words)
        self.machine.setObjectName("chipDanger" if self._ai[0] == "failed" else "chipOk")
        self.machine.style().unpolish(self.machine)
        self.machine.style().polish(self.machine)
        self.machine.setVisible(bool(words))
        self.priors.setText(tr("{n} prior studies", n=contents.priors))
        self.priors.setVisible(contents.priors > 0)

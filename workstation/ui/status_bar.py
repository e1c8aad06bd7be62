"""The bottom line: offline, space left, what long work is doing, what the mouse does."""

from __future__ import annotations

import shutil

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from workstation.text import tr
from workstation.ui import theme
from workstation.ui.elided import ElidedLabel
from workstation.ui.jobs import Jobs
from workstation.ui.named import named


class StatusBar(QFrame):
    """Never silent about long work, and it can be stopped from here."""

    screen_wanted = Signal()

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusBar")
        self.fit_text()
        self.jobs = jobs
        self._job = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 12, 2)
        row.setSpacing(16)
        self.offline = ElidedLabel()
        self.space = QLabel()
        self.doing = ElidedLabel()
        self.bar = QProgressBar()
        self.bar.setFixedWidth(140)
        self.bar.setTextVisible(False)
        self.stop = named(QPushButton(), "flat")
        self.stop.clicked.connect(lambda: jobs.cancel(self._job))
        self.hints = ElidedLabel()
        self.screen_state = named(QPushButton(), "flat")  # what is known of this screen
        self.screen_state.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.screen_state.clicked.connect(self.screen_wanted)
        for widget in (self.offline, self.space, self.doing, self.bar, self.stop):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.screen_state)
        row.addWidget(self.hints)
        jobs.progressed.connect(self._progress)
        jobs.ended.connect(self._ended)
        self._passing = QTimer(self)
        self._passing.setSingleShot(True)
        self._passing.setInterval(6000)
        self._passing.timeout.connect(self._hint)
        self._clock = QTimer(self)
        self._clock.setInterval(30_000)
        self._clock.timeout.connect(self._measure)
        self._clock.start()
        self._ended("")
        self.retranslate()

    def fit_text(self) -> None:
        """As high as its text needs."""
        self.setFixedHeight(theme.scaled(28))
        for label in self.findChildren(ElidedLabel):
            label.setText(label.whole)

    def retranslate(self) -> None:
        """Every fixed text in the language of now."""
        self.offline.setText(tr("Offline · no network calls"))
        self.stop.setText(tr("Stop"))
        self._hint()
        if not self._job:
            self.doing.setText(tr("AI worker idle"))
        self._measure()

    def _hint(self) -> None:
        self.hints.setText(tr("Left: window　Middle: pan　Right: zoom　Wheel: slices　? all keys"))

    def show_screen(self, words: str, sentence: str) -> None:
        """What is known of the screen: a sign with few words, and the whole sentence."""
        self.screen_state.setText(words)
        self.screen_state.setToolTip(sentence)
        self.screen_state.setAccessibleName(sentence)

    def say(self, words: str) -> None:
        """Say something in passing where the hints of the mouse stand, and to screen readers."""
        if not words:
            self._hint()
            return
        self.hints.setText(words)
        self._passing.start()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self.hints, words))

    def _measure(self) -> None:
        try:
            free = shutil.disk_usage(self.jobs.archive.home).free / 1e9
        except OSError:  # the disk is gone, or out of reach for a moment
            self.space.setText("⚠ " + tr("The data folder cannot be reached"))
            return
        self.space.setText(tr("{n} GB free", n=f"{free:.0f}"))

    def _progress(self, job: str, fraction: float, doing: str) -> None:
        self._job = job
        self.doing.setText(doing)
        self.bar.setValue(round(fraction * 100))
        self.bar.show()
        self.stop.show()

    def _ended(self, job: str) -> None:
        if job == self._job:
            self._job = ""
            self.doing.setText(tr("AI worker idle"))
            self.bar.hide()
            self.stop.hide()

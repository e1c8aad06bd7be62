"""What waits for the machine, over the worklist: what it reads now, what comes next, and a stop."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.study import Study
from workstation.text import tr
from workstation.ui.arrivals import Arrivals
from workstation.ui.elided import ElidedLabel
from workstation.ui.named import named

MOST = 4  # studies named; how many more there are is said


class QueueStrip(QFrame):
    """One line a study; there only while something waits."""

    stop_wanted = Signal(str)  # study uid
    open_wanted = Signal(str)

    def __init__(self, arrivals: Arrivals, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("queueStrip")
        self.arrivals = arrivals
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 4, 6, 4)
        column.setSpacing(2)
        self.head = named(QLabel(), "panelHead")
        column.addWidget(self.head)
        self.lines = [_Line(self) for _ in range(MOST)]
        for line in self.lines:
            column.addWidget(line)
        arrivals.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the queue of now."""
        reading = self.arrivals.reading
        waiting = sorted(self.arrivals.waiting, key=lambda one: one.study_uid != reading)
        self.setVisible(bool(waiting))
        self.head.setText(tr("AI queue: {n} studies", n=len(waiting)))
        for number, line in enumerate(self.lines):
            there = number < len(waiting) and not (number == MOST - 1 and len(waiting) > MOST)
            if there:
                line.show_study(waiting[number], self._doing(waiting[number]))
            elif number == MOST - 1 and len(waiting) > MOST:
                line.show_more(len(waiting) - MOST + 1)
            line.setVisible(there or (number == MOST - 1 and len(waiting) > MOST))

    def _doing(self, study: Study) -> str:
        if study.study_uid != self.arrivals.reading:
            return "◔ " + tr("waiting")
        percent = f"{self.arrivals.fraction * 100:.0f} %"
        return " ".join(part for part in ("⟳", percent, self.arrivals.judge) if part)


class _Line(QWidget):
    """One study of the queue."""

    def __init__(self, strip: QueueStrip) -> None:
        super().__init__()
        self.study_uid = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.state = named(QLabel(), "dim")
        self.state.setMinimumWidth(210)
        self.words = ElidedLabel()
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.stop = named(QPushButton("✕"), "flat")
        self.stop.clicked.connect(lambda: strip.stop_wanted.emit(self.study_uid))
        row.addWidget(self.state)
        row.addWidget(self.words, 1)
        row.addWidget(self.stop)

    def show_study(self, study: Study, doing: str) -> None:
        """Show a study and what is done with it."""
        self.study_uid = study.study_uid
        parts = (
            "‼ " + tr("STAT") if study.urgent else "",
            study.patient.name or tr("No name"),
            study.patient.patient_id,
            "/".join(study.modalities),
            study.description,
        )
        self.words.setText("　".join(part for part in parts if part))
        self.state.setText(doing)
        self.stop.show()
        self.stop.setToolTip(tr("Do not read it now: it is read when somebody opens it"))
        self.stop.setAccessibleName(self.stop.toolTip())

    def show_more(self, number: int) -> None:
        """Show that there are more."""
        self.study_uid = ""
        self.words.setText(tr("and {n} more", n=number))
        self.state.setText("")
        self.stop.hide()

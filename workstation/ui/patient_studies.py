"""Other studies of the patient who is selected in the worklist."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from workstation.archive.store import Archive
from workstation.domain.study import Progress, Study
from workstation.text import tr
from workstation.ui.banner import shown_date
from workstation.ui.jobs import Jobs
from workstation.ui.named import named
from workstation.ui.worklist_model import report_words


class PatientStudies(QWidget):
    """One line a study, newest first; a click or Enter opens it."""

    open_wanted = Signal(str)

    def __init__(self, archive: Archive, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.archive, self.jobs = archive, jobs
        self._of: Study | None = None
        self._found: tuple[list[Study], dict[str, Progress]] = ([], {})
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self.head = named(QLabel(), "panelHead")
        self.list = named(QListWidget(), "otherStudies")
        self.list.itemClicked.connect(self._open)
        self.list.itemActivated.connect(self._open)
        column.addWidget(self.head)
        column.addWidget(self.list)
        self.hide()

    def show_for(self, study: Study | None) -> None:
        """Ask for the others of this study's patient."""
        if study is not None and self._of is not None and study.study_uid == self._of.study_uid:
            return
        self._of = study
        self._found = ([], {})
        if study is None:
            self._fill()
            return

        def work() -> tuple[list[Study], dict[str, Progress]]:
            others = self.archive.others_of(study.study_uid)
            return others, self.archive.progress_of(others)

        def arrived(found: tuple[list[Study], dict[str, Progress]]) -> None:
            if self._of is study:
                self._found = found
                self._fill()

        self.jobs.read(work, arrived)

    def refresh(self) -> None:
        """Read again, e.g. after an import."""
        study, self._of = self._of, None
        self.show_for(study)

    def _fill(self) -> None:
        others, progress = self._found
        self.list.clear()
        self.setVisible(bool(others))
        if not others or self._of is None:
            return
        name = self._of.patient.name or tr("No name")
        self.head.setText(tr("Other studies of {name}", name=name) + f"  ({len(others)})")
        self.list.setAccessibleName(self.head.text())
        for study in others:
            earlier = (study.date, study.time) < (self._of.date, self._of.time)
            when = tr("earlier") if earlier else tr("later")
            parts = (
                shown_date(study),
                when,
                "/".join(study.modalities),
                study.description,
                report_words(study, progress.get(study.study_uid, Progress())),
            )
            item = QListWidgetItem("　".join(p for p in parts if p))
            item.setData(Qt.ItemDataRole.UserRole, study.study_uid)
            self.list.addItem(item)
        line = self.list.sizeHintForRow(0)
        self.list.setFixedHeight(min(len(others), 4) * line + 8)

    def _open(self, item: QListWidgetItem) -> None:
        self.open_wanted.emit(str(item.data(Qt.ItemDataRole.UserRole)))

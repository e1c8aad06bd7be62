"""The worklist as a table: studies page by page with how far each has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QColor

from workstation.archive.store import Archive
from workstation.domain.errors import N_
from workstation.domain.study import Progress, Study, StudyState, WorklistOrder, WorklistQuery
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.banner import shown_date, shown_person
from workstation.ui.jobs import Jobs

PAGE = 200
NOTHING = Progress()


@dataclass(frozen=True)
class Column:
    """Heading (English, a catalogue key), width in characters, and what a click sorts by."""

    title: str
    width: int
    order: WorklistOrder | None = None


COLUMNS = (
    Column("", 7),
    Column(N_("Patient"), 15, WorklistOrder.PATIENT),
    Column(N_("Sex, age"), 10, WorklistOrder.AGE),
    Column(N_("Patient ID"), 16, WorklistOrder.PATIENT_ID),
    Column(N_("Date"), 17, WorklistOrder.DATE),
    Column(N_("Modality"), 9, WorklistOrder.MODALITY),
    Column(N_("Examination"), 24, WorklistOrder.DESCRIPTION),
    Column(N_("Priors"), 7),
    Column(N_("AI"), 20),
    Column(N_("Report"), 15, WorklistOrder.STATE),
)
EXAMINATION = 6


def ai_words(study: Study, progress: Progress, *, reading: bool = False) -> str:
    """What the machine did with a study; a sign goes with every word, colour tells nothing."""
    if reading:
        return "⟳ " + tr("AI is reading …")
    if study.state is StudyState.NEW and not (progress.judged or progress.refused):
        return "– " + tr("not read yet")
    words = []
    if progress.open:
        words.append("○ " + tr("{n} to decide", n=progress.open))
    elif progress.findings:
        words.append("✓ " + tr("{n} decided", n=progress.findings))
    elif progress.judged:
        words.append("· " + tr("nothing proposed"))
    if progress.refused:
        words.append("⚠ " + tr("{n} not judged", n=progress.refused))
    return "　".join(words) or "– " + tr("not read yet")


def report_words(study: Study, progress: Progress) -> str:
    """How far the report is."""
    signs = {
        StudyState.NEW: "–",
        StudyState.ANALYSED: "–",
        StudyState.IN_REVIEW: "✎",
        StudyState.READY: "→",
        StudyState.SIGNED: "✓",
    }
    more = f" ×{progress.reports}" if progress.reports > 1 else ""
    if study.state in (StudyState.NEW, StudyState.ANALYSED):
        return "– " + tr("unread")
    return f"{signs[study.state]} {tr(study.state.value)}{more}"


class WorklistModel(QAbstractTableModel):
    """Studies page by page: memory holds the pages that were scrolled to, never the index."""

    arrived = Signal()

    def __init__(self, archive: Archive, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.archive = archive
        self.jobs = jobs
        self.rows: list[Study] = []
        self.progress: dict[str, Progress] = {}
        self.total = 0
        self.query = WorklistQuery()
        self.reading = ""  # the study that the machine reads now
        self._ask = 0
        self._answered = 0
        self._fetching = False

    @property
    def current(self) -> bool:
        """Whether the rows are the answer to the query of now."""
        return self._answered == self._ask

    def ask(self, query: WorklistQuery) -> None:
        """Show the answer to another question, from its first page."""
        self.query = query
        self.rows = self.rows[:PAGE]
        self.reload()

    def reload(self) -> None:
        """Read the list again, keeping as many rows as were shown."""
        self._ask += 1
        ask = self._ask
        query = replace(self.query, limit=max(PAGE, len(self.rows)), offset=0)

        def work() -> tuple[list[Study], int, dict[str, Progress]]:
            page = self.archive.worklist(query)
            return page, self.archive.worklist_count(query), self.archive.progress_of(page)

        def arrived(found: tuple[list[Study], int, dict[str, Progress]]) -> None:
            if ask == self._ask:
                self.beginResetModel()
                self.rows, self.total, self.progress = found
                self._answered = ask
                self.endResetModel()
                self.arrived.emit()

        self.jobs.read(work, arrived)

    def canFetchMore(self, parent: Any = None) -> bool:
        return len(self.rows) < self.total

    def fetchMore(self, parent: Any = None) -> None:
        if self._fetching:
            return
        self._fetching = True
        ask, start = self._ask, len(self.rows)
        query = replace(self.query, limit=PAGE, offset=start)

        def work() -> tuple[list[Study], dict[str, Progress]]:
            page = self.archive.worklist(query)
            return page, self.archive.progress_of(page)

        def arrived(found: tuple[list[Study], dict[str, Progress]]) -> None:
            self._fetching = False
            more, progress = found
            if ask != self._ask or start != len(self.rows):
                return  # the list was read anew meanwhile
            if not more:
                self.total = start
                return
            self.beginInsertRows(QModelIndex(), start, start + len(more) - 1)
            self.rows += more
            self.progress |= progress
            self.endInsertRows()

        def failed(sentence: str) -> None:
            self._fetching = False
            self.jobs.failed.emit(sentence)

        self.jobs.read(work, arrived, failed)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a heading; urgent studies stay on top in every order."""
        wanted = COLUMNS[column].order if 0 <= column < len(COLUMNS) else None
        if wanted is not None:
            downwards = order == Qt.SortOrder.DescendingOrder
            self.ask(replace(self.query, order=wanted, downwards=downwards))

    def set_reading(self, study_uid: str) -> None:
        """Which study the machine reads now; empty: none."""
        self.reading = study_uid
        if self.rows:
            last = self.index(len(self.rows) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: Any = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Any = None) -> int:
        return len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            title = COLUMNS[section].title
            return tr(title) if title else ""
        return None

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        study = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            words = self.words(study)[index.column()]
            return words or None if role == Qt.ItemDataRole.ToolTipRole else words
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.words(study)[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 0:
            return QColor(theme.DANGER)
        return None

    def words(self, study: Study) -> tuple[str, ...]:
        """What each column says of a study."""
        progress = self.progress.get(study.study_uid, NOTHING)
        return (
            "‼ " + tr("STAT") if study.urgent else "",
            study.patient.name or tr("No name"),
            shown_person(study),
            study.patient.patient_id,
            shown_date(study),
            "/".join(study.modalities),
            study.description,
            str(progress.priors) if progress.priors else "",
            ai_words(study, progress, reading=study.study_uid == self.reading),
            report_words(study, progress),
        )

"""The worklist as a table: studies page by page with how far each has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QColor

from workstation.archive.store import Archive
from workstation.domain.errors import N_
from workstation.domain.study import Progress, Study, StudyState, WorklistOrder, WorklistQuery
from workstation.text import language, tr
from workstation.ui import theme
from workstation.ui.banner import shown_date, shown_person
from workstation.ui.jobs import Jobs

PAGE = 200
NOTHING = Progress()
_AGES = {"years": "y", "months": "mo", "weeks": "w", "days": "d"}


@dataclass(frozen=True)
class Column:
    """Heading (English, a catalogue key), width in digits where there is room and where there is
    little, and what a click sorts by."""

    title: str
    width: int
    narrow: int
    order: WorklistOrder | None = None


COLUMNS = (
    Column("", 7, 6),
    Column(N_("Patient"), 12, 10, WorklistOrder.PATIENT),
    Column(N_("Sex, age"), 13, 8, WorklistOrder.AGE),
    Column(N_("Patient ID"), 20, 12, WorklistOrder.PATIENT_ID),
    Column(N_("Date"), 16, 11, WorklistOrder.DATE),
    Column(N_("Modality"), 9, 8, WorklistOrder.MODALITY),
    Column(N_("Examination"), 14, 12, WorklistOrder.DESCRIPTION),
    Column(N_("Priors"), 6, 5),
    Column(N_("AI"), 26, 9),
    Column(N_("Report"), 14, 11, WorklistOrder.STATE),
)
PATIENT, EXAMINATION = 1, 6


def ai_words(study: Study, progress: Progress, *, reading: bool = False) -> str:
    """What the machine did with a study; a sign goes with every word, colour tells nothing."""
    if reading:
        return "⟳ " + tr("AI is reading …")
    if progress.hidden:
        return "◌ " + tr("hidden until first read")
    if progress.waiting and not progress.findings:
        return "◔ " + tr("waits for AI")
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


def ai_signs(study: Study, progress: Progress, *, reading: bool = False) -> str:
    """The same in signs and numbers alone, where there is little room; the tool tip has words."""
    if reading:
        return "⟳"
    if progress.hidden:
        return "◌"
    if progress.waiting and not progress.findings:
        return "◔"
    if study.state is StudyState.NEW and not (progress.judged or progress.refused):
        return "–"
    signs = [f"○{progress.open}"] if progress.open else []
    if not progress.open:
        signs = [f"✓{progress.findings}"] if progress.findings else ["·"] * bool(progress.judged)
    return " ".join([*signs, *([f"⚠{progress.refused}"] if progress.refused else [])]) or "–"


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


def _short(study: Study) -> str:
    """Sex and age as short as they can be: "M 63 y"; Chinese is short as it is."""
    person = shown_person(study)
    if language().startswith("zh"):
        return person
    age = [word for word in person.split(" ")[-2:] if word.isdigit() or word in _AGES]
    return " ".join([study.patient.sex, *(w if w.isdigit() else _AGES[w] for w in age)]).strip()


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
        self.reading = ""  # the study that the machine reads for the desk now
        self.background = ""  # and the one that it reads because it came in
        self.narrow = False
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

    def set_background(self, study_uid: str) -> None:
        """Which study that came in the machine reads now; empty: none."""
        if study_uid != self.background:
            self.background = study_uid
            self.set_reading(self.reading)

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
        if role == Qt.ItemDataRole.DisplayRole:
            return self.words(study, narrow=self.narrow)[index.column()]
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.words(study)[index.column()] or None
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 0:
            return QColor(theme.DANGER)
        return None

    def words(self, study: Study, *, narrow: bool = False) -> tuple[str, ...]:
        """What each column says of a study; in short where there is little room."""
        progress = self.progress.get(study.study_uid, NOTHING)
        ai = ai_signs if narrow else ai_words
        date = shown_date(study)
        return (
            self._stat(study, progress),
            study.patient.name or tr("No name"),
            _short(study) if narrow else shown_person(study),
            study.patient.patient_id,
            date[:10] if narrow else date,
            "/".join(study.modalities),
            study.description,
            str(progress.priors) if progress.priors else "",
            ai(study, progress, reading=study.study_uid in (self.reading, self.background)),
            report_words(study, progress),
        )

    @staticmethod
    def _stat(study: Study, progress: Progress) -> str:
        """A tick where a person has taken note of every emergency of the study."""
        if not study.urgent:
            return ""
        seen = progress.alerts > 0 and progress.open_alerts == 0
        return ("✓ " if seen else "‼ ") + tr("STAT")

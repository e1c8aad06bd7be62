"""The worklist: search, urgent first, Enter opens; files dropped here are imported."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from workstation.archive.store import Archive
from workstation.domain.study import Study, WorklistQuery
from workstation.text import tr
from workstation.ui.banner import shown_date, shown_person
from workstation.ui.jobs import Jobs
from workstation.ui.named import named

PAGE = 200
Index = QModelIndex


class WorklistModel(QAbstractTableModel):
    """Studies page by page: memory holds the pages that were scrolled to, never the index."""

    def __init__(self, archive: Archive, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.archive = archive
        self.jobs = jobs
        self.rows: list[Study] = []
        self.total = 0
        self.search = ""
        self._ask = 0
        self._fetching = False

    def reload(self) -> None:
        """Read the first page again, keeping as many rows as were shown."""
        self._ask += 1
        ask = self._ask
        query = WorklistQuery(text=self.search, limit=max(PAGE, len(self.rows)))

        def work() -> tuple[list[Study], int]:
            return self.archive.worklist(query), self.archive.worklist_count(query)

        def arrived(found: tuple[list[Study], int]) -> None:
            if ask == self._ask:
                self.beginResetModel()
                self.rows, self.total = found
                self.endResetModel()

        self.jobs.read(work, arrived)

    def canFetchMore(self, parent: Any = None) -> bool:
        return len(self.rows) < self.total

    def fetchMore(self, parent: Any = None) -> None:
        if self._fetching:
            return
        self._fetching = True
        ask, start = self._ask, len(self.rows)
        query = WorklistQuery(text=self.search, limit=PAGE, offset=start)

        def arrived(more: list[Study]) -> None:
            self._fetching = False
            if ask != self._ask or start != len(self.rows):
                return  # the list was read anew meanwhile
            if not more:
                self.total = start
                return
            self.beginInsertRows(QModelIndex(), start, start + len(more) - 1)
            self.rows += more
            self.endInsertRows()

        def failed(sentence: str) -> None:
            self._fetching = False
            self.jobs.failed.emit(sentence)

        self.jobs.read(lambda: self.archive.worklist(query), arrived, failed)

    def rowCount(self, parent: Any = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Any = None) -> int:
        return 8

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("", tr("Patient"), tr("Sex, age"), tr("Patient ID"), tr("Date"),
                    tr("Modality"), tr("Examination"), tr("State"))[section]  # fmt: skip
        return None

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        study = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (
                tr("STAT") if study.urgent else "",
                study.patient.name or tr("No name"),
                shown_person(study),
                study.patient.patient_id,
                shown_date(study),
                "/".join(study.modalities),
                study.description,
                tr(study.state.value),
            )[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 0:
            return QColor("#ff6b6b")
        return None


class Worklist(QWidget):
    """Search box over the table. Down goes from the box to the table, Enter opens."""

    open_wanted = Signal(str)
    import_wanted = Signal()

    def __init__(self, archive: Archive, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = WorklistModel(archive, jobs, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        bar = QHBoxLayout()
        self.search = named(QLineEdit(clearButtonEnabled=True), "search")
        self.count = named(QLabel(), "dim")
        self.add = QPushButton()
        self.add.clicked.connect(self.import_wanted)
        bar.addWidget(self.search, 1)
        bar.addWidget(self.count)
        bar.addWidget(self.add)
        column.addLayout(bar)
        self.table = named(QTableView(), "worklist")
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(34)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        head = self.table.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for section, size in enumerate((56, 190, 110, 230, 160, 90, 320)):
            self.table.setColumnWidth(section, size)
        head.setSectionResizeMode(6, QHeaderView.ResizeMode.Stretch)
        column.addWidget(self.table, 1)
        self.empty = named(QLabel(alignment=Qt.AlignmentFlag.AlignCenter), "dim")
        self.empty.setWordWrap(True)
        column.addWidget(self.empty)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(150)
        self._typing.timeout.connect(self._search_now)
        self.search.textChanged.connect(lambda _: self._typing.start())
        self.search.returnPressed.connect(self.open_selected)
        self.search.installEventFilter(self)
        self.table.installEventFilter(self)
        self.table.doubleClicked.connect(lambda _: self.open_selected())
        self.model.modelReset.connect(self._arrived)
        self.setAcceptDrops(False)  # the window takes drops, wherever they fall
        self.retranslate()

    def retranslate(self) -> None:
        """Show every fixed text in the language of now."""
        self.search.setPlaceholderText(tr("Search name, patient ID, accession"))
        self.add.setText(tr("Import …") + "  Ctrl+O")
        self.empty.setText(
            tr("No studies here. Drop a folder, a ZIP file or DICOM files onto the window.")
        )
        self.model.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, 7)
        self._arrived()

    def _search_now(self) -> None:
        self.model.search = self.search.text().strip()
        self.model.rows = []
        self.model.reload()

    def _arrived(self) -> None:
        self.count.setText(tr("{n} studies", n=self.model.total))
        self.empty.setVisible(not self.model.rows)
        if self.model.rows and not self.table.currentIndex().isValid():
            self.table.selectRow(0)

    def reload(self) -> None:
        """Read the list again."""
        self.model.reload()

    def open_selected(self) -> None:
        """Open the study under the cursor."""
        index = self.table.currentIndex()
        row = index.row() if index.isValid() else 0
        if row < len(self.model.rows):
            self.open_wanted.emit(self.model.rows[row].study_uid)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if watched is self.search and event.key() == Qt.Key.Key_Down:
                self.table.setFocus()
                return True
            if watched is self.table and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.open_selected()
                return True
        return super().eventFilter(watched, event)

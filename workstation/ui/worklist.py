"""The worklist: search and filters, urgent first, Enter opens; other studies of the patient."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
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
from workstation.domain.study import Study
from workstation.text import tr
from workstation.ui.jobs import Jobs
from workstation.ui.named import named
from workstation.ui.patient_studies import PatientStudies
from workstation.ui.worklist_filters import WorklistFilters
from workstation.ui.worklist_model import COLUMNS, EXAMINATION, PATIENT, WorklistModel


class Worklist(QWidget):
    """Search box over the table. Down goes from the box to the table, Enter opens, Esc goes back.

    Enter opens what was searched for, never what stood there before the answer came.
    """

    open_wanted = Signal(str)
    import_wanted = Signal()

    def __init__(self, archive: Archive, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = WorklistModel(archive, jobs, self)
        self.filters = WorklistFilters()
        self.others = PatientStudies(archive, jobs)
        self._chosen = ""  # study under the cursor: it stays there when the list is read again
        self._open_first = False
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
        self._bar = bar
        column.addLayout(bar)
        column.addWidget(self.filters)
        self.table = named(QTableView(), "worklist")
        self._dress_table()
        column.addWidget(self.table, 1)
        self.empty = named(QLabel(alignment=Qt.AlignmentFlag.AlignCenter), "dim")
        self.empty.setWordWrap(True)
        column.addWidget(self.empty)
        column.addWidget(self.others)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(150)
        self._typing.timeout.connect(self._search_now)
        self._connect()
        self.setAcceptDrops(False)  # the window takes drops, wherever they fall
        self.retranslate()

    def add_button(self, button: QPushButton) -> None:
        """A further button beside the search box."""
        self._bar.addWidget(button)

    def _dress_table(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        head = table.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSortIndicatorShown(True)
        head.setSectionsClickable(True)
        head.setSortIndicator(4, Qt.SortOrder.DescendingOrder)
        head.sortIndicatorChanged.connect(self._sort)
        self.fit_text()

    def fit_text(self) -> None:
        """Rows and columns as high and wide as the text of now needs."""
        metrics = self.table.fontMetrics()
        self.table.verticalHeader().setDefaultSectionSize(metrics.height() + 14)
        digit, pad = metrics.horizontalAdvance("0"), 18
        whole = sum(column.width * digit + pad for column in COLUMNS)
        room = self.table.viewport().width()
        self.model.narrow = whole > room > 0
        spare = max(room - whole, 0) // 2  # names in Latin letters are long
        head = self.table.horizontalHeader()
        head.setMinimumSectionSize(digit * 4)
        for section, column in enumerate(COLUMNS):
            size = column.narrow if self.model.narrow else column.width
            more = min(spare, 12 * digit) if section == PATIENT and not self.model.narrow else 0
            self.table.setColumnWidth(section, size * digit + pad + more)
        head.setSectionResizeMode(EXAMINATION, QHeaderView.ResizeMode.Stretch)
        self.table.viewport().update()

    def showEvent(self, event: QShowEvent) -> None:
        """Only now the style sheet has given the table its font."""
        super().showEvent(event)
        self.fit_text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width, other columns."""
        super().resizeEvent(event)
        self.fit_text()

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda _: self._typing.start())
        self.search.returnPressed.connect(self._open_searched)
        self.filters.changed.connect(self._search_now)
        for watched in (self.search, self.table, self.others.list):
            watched.installEventFilter(self)
        self.table.doubleClicked.connect(lambda _: self.open_selected())
        self.table.selectionModel().currentRowChanged.connect(self._moved)
        self.model.arrived.connect(self._arrived)
        self.others.open_wanted.connect(self.open_wanted)

    def retranslate(self) -> None:
        """Show every fixed text in the language of now."""
        self.search.setPlaceholderText(tr("Search name, patient ID, accession"))
        self.search.setAccessibleName(tr("Search name, patient ID, accession"))
        self.table.setAccessibleName(tr("Worklist"))
        self.add.setText(tr("Import …") + "  Ctrl+O")
        self.filters.retranslate()
        self.model.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)
        self.others.refresh()
        self._count()
        self.fit_text()

    # --- asking

    def _search_now(self) -> None:
        self._typing.stop()
        query = replace(self.model.query, text=self.search.text().strip())
        self.model.ask(self.filters.narrowed(query))

    def _sort(self, section: int, order: Qt.SortOrder) -> None:
        if COLUMNS[section].order is None:
            return
        self.model.sort(section, order)

    def reload(self) -> None:
        """Read the list again."""
        self.model.ask(self.filters.narrowed(self.model.query))
        self.others.refresh()

    def _count(self) -> None:
        self.count.setText(tr("{n} studies", n=self.model.total))
        narrowed = self.filters.narrows or bool(self.model.query.text)
        self.empty.setText(
            tr("No study matches. Take the filters off, or search for less.")
            if narrowed
            else tr("No studies here. Drop a folder, a ZIP file or DICOM files onto the window.")
        )
        self.empty.setVisible(not self.model.rows)

    def _arrived(self) -> None:
        self._count()
        uids = [study.study_uid for study in self.model.rows]
        row = uids.index(self._chosen) if self._chosen in uids else 0
        if uids:
            # A chosen row that is still there stays chosen; the top one otherwise.
            self.table.selectRow(0 if self._open_first else row)
        else:
            self._moved(QModelIndex())
        if self._open_first:
            self._open_first = False
            self.open_selected()

    def _moved(self, index: QModelIndex, before: QModelIndex | None = None) -> None:
        study = self.selected
        self._chosen = study.study_uid if study is not None else self._chosen
        self.others.show_for(study)

    # --- opening

    @property
    def selected(self) -> Study | None:
        """The study under the cursor."""
        index = self.table.currentIndex()
        there = index.isValid() and index.row() < len(self.model.rows)
        return self.model.rows[index.row()] if there else None

    def _open_searched(self) -> None:
        """Enter in the search box: what was typed is looked for first, then its top row opens."""
        asked = self.search.text().strip()
        if self._typing.isActive() or asked != self.model.query.text or not self.model.current:
            self._open_first = True
            self._search_now()
        else:
            self.open_selected()

    def open_selected(self) -> None:
        """Open the study under the cursor."""
        study = self.selected
        if study is not None:
            self.open_wanted.emit(study.study_uid)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            key = event.key()
            if watched is self.search and key == Qt.Key.Key_Down:
                self.table.setFocus()
                return True
            if watched is self.table and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.open_selected()
                return True
            if watched is not self.search and key == Qt.Key.Key_Escape:
                self.search.setFocus()
                self.search.selectAll()
                return True
        return super().eventFilter(watched, event)

"""The list of marks: what each measures, where it is, whether the report says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.documents.mark_words import copied_text, main_text, place_text
from workstation.domain.mark import OUTLINES, Mark
from workstation.domain.mark_format import KIND_WORDS, unit_words
from workstation.domain.volume import Flag, Stack
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.flow import Flow
from workstation.ui.histogram import Histogram
from workstation.ui.named import named
from workstation.viewing.marks import MarkBoard

REPORT, NAME, VALUE = range(3)


class MarksTable(QTableWidget):
    """A table whose Delete and Backspace keys take the chosen mark away."""

    def __init__(self, delete: Callable[[], None]) -> None:
        super().__init__(0, 3)
        self._delete = delete

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete by key; all else is the table's."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._delete()
        else:
            super().keyPressEvent(event)


class MarksPanel(QWidget):
    """Follows the board. stack_of: the stack with an id, where a study on screen has it. study:
    the UID of the one being read. is_late: whether a mark was made or changed after AI was shown
    to who reads second."""

    def __init__(
        self,
        board: MarkBoard,
        stack_of: Callable[[str], Stack | None],
        study: Callable[[], str],
        is_late: Callable[[Mark], bool],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.board = board
        self._stack_of = stack_of
        self._study, self._is_late = study, is_late
        self._filling = False
        self._ids: list[str] = []
        self.table = named(MarksTable(self.delete), "marks")
        table = self.table
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(REPORT, QHeaderView.ResizeMode.ResizeToContents)
        header.sectionResized.connect(lambda *_: table.resizeRowsToContents())
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.cellClicked.connect(self._clicked)
        table.itemChanged.connect(self._changed)
        table.currentCellChanged.connect(lambda row, *_: self._current(row))
        self.histogram = Histogram()
        self.note = named(QLabel(), "refusal")
        self.note.setWordWrap(True)
        self.remove = QPushButton()
        self.copy = QPushButton()
        self.remove.clicked.connect(self.delete)
        self.copy.clicked.connect(self.copy_values)
        buttons = Flow()
        buttons.addWidget(self.copy)
        buttons.addWidget(self.remove)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(8, 8, 8, 8)
        column_.addWidget(table, 1)
        column_.addWidget(self.note)
        column_.addWidget(self.histogram)
        column_.addLayout(buttons)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(60)
        self._soon.timeout.connect(self.refresh)
        board.changed.connect(self.refresh_soon)
        self.refresh()

    def refresh_soon(self) -> None:
        """List anew in a moment; while the mouse is down the list waits."""
        if self.board.preview is None:
            self._soon.start()

    # --- what is listed

    def refresh(self) -> None:
        """List the marks of now, in the language of now."""
        table, marks = self.table, self.board.marks
        if table.state() is QAbstractItemView.State.EditingState:
            self._soon.start()
            return
        self._filling = True
        table.setHorizontalHeaderLabels([tr("Report"), tr("Mark"), tr("Value")])
        table.setRowCount(len(marks))
        self._ids = [mark.id for mark in marks]
        for row, mark in enumerate(marks):
            self._fill(row, mark)
        table.resizeRowsToContents()
        table.setMinimumHeight(theme.scaled(150))  # a few rows: below it the whole tab scrolls
        if self.board.selected in self._ids:
            table.selectRow(self._ids.index(self.board.selected))
        else:
            table.clearSelection()
        self._filling = False
        self.copy.setText(tr("Copy values"))
        self.remove.setText(tr("Delete"))
        self._show_chosen()

    def _fill(self, row: int, mark: Mark) -> None:
        stack = self._stack_of(mark.stack_id)
        numbers = self.board.numbers(mark)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        tick = QTableWidgetItem()
        if mark.study_uid == self._study():  # an earlier study has a report of its own
            tick.setFlags(flags | Qt.ItemFlag.ItemIsUserCheckable)
        else:
            tick.setFlags(Qt.ItemFlag.ItemIsSelectable)
        tick.setCheckState(Qt.CheckState.Checked if mark.in_report else Qt.CheckState.Unchecked)
        tick.setToolTip(tr("Say it in the report"))
        self.table.setItem(row, REPORT, tick)
        name = QTableWidgetItem(mark.words or tr(KIND_WORDS[mark.kind]))
        name.setFlags(flags | Qt.ItemFlag.ItemIsEditable)
        name.setToolTip(tr(KIND_WORDS[mark.kind]))
        self.table.setItem(row, NAME, name)
        late = self._is_late(mark)
        said = [main_text(mark, numbers), place_text(mark, stack), tr("after AI") if late else ""]
        value = QTableWidgetItem("\n".join(line for line in said if line))
        value.setFlags(flags)
        value.setToolTip(copied_text(mark, numbers, stack, after_ai=late))
        value.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.table.setItem(row, VALUE, value)

    def _show_chosen(self) -> None:
        """The chosen mark's histogram, and why its values are in no better unit."""
        mark = self.board.get(self.board.selected)
        self.copy.setEnabled(mark is not None)
        self.remove.setEnabled(mark is not None)
        stack = self._stack_of(mark.stack_id) if mark is not None else None
        inside = self.board.inside(mark) if mark is not None and mark.kind in OUTLINES else None
        unit = tr(unit_words(stack.unit)) if stack is not None else ""
        self.histogram.show_values(inside.values if inside is not None else None, unit)
        self.histogram.setVisible(inside is not None)  # the list needs the room else
        doubts = []
        if stack is not None and inside is not None and Flag.UNIT_UNCERTAIN in stack.flags:
            at = stack.flags.index(Flag.UNIT_UNCERTAIN)
            doubts = [say(note) for note in stack.notes[at : at + 1]]
        self.note.setText(" ".join(doubts))
        self.note.setVisible(bool(doubts))

    # --- what the reader does

    def _mark(self, row: int) -> Mark | None:
        return self.board.get(self._ids[row]) if 0 <= row < len(self._ids) else None

    def _clicked(self, row: int, column: int) -> None:
        mark = self._mark(row)
        if mark is not None and column != REPORT:
            self.board.jump(mark.id)

    def _current(self, row: int) -> None:
        mark = self._mark(row)
        if mark is not None and not self._filling and self.board.selected != mark.id:
            self.board.jump(mark.id)

    def _changed(self, item: QTableWidgetItem) -> None:
        mark = self._mark(item.row())
        if self._filling or mark is None:
            return
        if item.column() == REPORT:
            ticked = item.checkState() is Qt.CheckState.Checked
            self.board.keep(replace(mark, in_report=ticked))
        elif item.column() == NAME:
            words = item.text().strip()
            if words != tr(KIND_WORDS[mark.kind]):
                self.board.keep(replace(mark, words=words))

    def delete(self) -> None:
        """Take the chosen mark away."""
        self.board.remove(self.board.selected)

    def copy_values(self) -> None:
        """All numbers of the chosen mark to the clipboard."""
        mark = self.board.get(self.board.selected)
        if mark is not None:
            stack = self._stack_of(mark.stack_id)
            numbers, late = self.board.numbers(mark), self._is_late(mark)
            words = copied_text(mark, numbers, stack, after_ai=late)
            QGuiApplication.clipboard().setText(words)

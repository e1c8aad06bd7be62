"""Rows and columns of panes: how many there are, which is active, which stands alone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from workstation.ui.loading import VolumeLibrary
from workstation.ui.pane import ViewPane
from workstation.viewing.hanging import MAX_COLUMNS, MAX_ROWS
from workstation.viewing.links import CrosshairLink


class Panes(QWidget):
    """From one pane to three rows of four. A pane that is taken away is emptied and kept: making
    views is slow, and what was equipped once stays equipped."""

    active_changed = Signal(int)
    message = Signal(str)
    menu_asked = Signal(QPoint)
    tool_changed = Signal(str)
    shape_changed = Signal()

    def __init__(self, library: VolumeLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.library = library
        self.link = CrosshairLink()
        self.rows, self.columns = 2, 2
        self.active = 0
        self.maximised: int | None = None
        self.tool = ""
        self.panes: list[ViewPane] = []
        self._spare: list[ViewPane] = []
        self._on_pane: list[Callable[[ViewPane], None]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(1)
        library.failed.connect(self.message)
        self.set_shape(2, 2)

    # --- how many

    def set_shape(self, rows: int, columns: int) -> None:
        """So many rows and columns; panes that stay keep what they show."""
        if not (1 <= rows <= MAX_ROWS and 1 <= columns <= MAX_COLUMNS):
            raise ValueError(f"no such grid: {rows} x {columns}")
        self.rows, self.columns = rows, columns
        while len(self.panes) > rows * columns:
            pane = self.panes.pop()
            pane.clear()
            pane.hide()
            self._spare.append(pane)
        while len(self.panes) < rows * columns:
            self.panes.append(self._spare.pop() if self._spare else self._make(len(self.panes)))
        if self.active >= len(self.panes):
            self.active = 0
        if self.maximised is not None and self.maximised >= len(self.panes):
            self.maximised = None
        self._lay_out()
        self.shape_changed.emit()

    def _make(self, number: int) -> ViewPane:
        # Spare panes come back in the order in which they went: a pane keeps its number.
        pane = ViewPane(self.library, self.link, self)
        pane.activated.connect(lambda: self.activate(number))
        pane.maximise_asked.connect(lambda: self.toggle_maximised(number))
        pane.slices.tool_wanted.connect(self.set_tool)
        pane.slices.menu_asked.connect(self.menu_asked)
        self._equip_first(pane, number)
        if self.tool:
            pane.slices.set_tool(self.tool)
        for equip in self._on_pane:
            equip(pane)
        return pane

    def _equip_first(self, pane: ViewPane, number: int) -> None:
        """What the heir of this class connects before others equip the pane."""

    def _lay_out(self) -> None:
        for number, pane in enumerate(self.panes):
            row, column = divmod(number, self.columns)
            self._grid.addWidget(pane, row, column)
            pane.setVisible(self.maximised is None or number == self.maximised)
        for row in range(MAX_ROWS):
            self._grid.setRowStretch(row, int(row < self.rows and self._seen(row, None)))
        for column in range(MAX_COLUMNS):
            there = column < self.columns and self._seen(None, column)
            self._grid.setColumnStretch(column, int(there))

    def _seen(self, row: int | None, column: int | None) -> bool:
        if self.maximised is None:
            return True
        return self.maximised // self.columns == row or self.maximised % self.columns == column

    @property
    def every_pane(self) -> list[ViewPane]:
        """Shown panes and spare ones."""
        return [*self.panes, *self._spare]

    def close_scenes(self) -> None:
        """Let VTK go before Qt does."""
        for pane in self.every_pane:
            pane.close_scene()

    # --- what panes share

    def on_pane(self, equip: Callable[[ViewPane], None]) -> None:
        """Equip every pane that there is or will be, e.g. with a layer."""
        self._on_pane.append(equip)
        for pane in self.every_pane:
            equip(pane)

    def set_tool(self, name: str) -> None:
        """Give the left button of every view to a tool; empty: window and level."""
        self.tool = name
        for pane in self.every_pane:
            pane.slices.set_tool(name)
        self.tool_changed.emit(name)

    # --- one of them

    def toggle_maximised(self, number: int) -> None:
        """One pane alone, or back to all."""
        self.maximised = None if self.maximised is not None else number
        self.activate(number)
        self._lay_out()

    def activate(self, number: int) -> None:
        """Make a pane the one that keys and the series strip act on."""
        changed = number != self.active
        self.active = number
        for each, pane in enumerate(self.panes):
            pane.set_active(each == number)
        if self.maximised is not None and self.maximised != number:
            self.maximised = number
            self._lay_out()
        if changed:
            self.active_changed.emit(number)

    def step_active(self, step: int) -> None:
        """The next pane gets the keyboard; in the end it goes round."""
        self.activate((self.active + step) % len(self.panes))
        self.active_pane.setFocus()

    @property
    def active_pane(self) -> ViewPane:
        """The active pane."""
        return self.panes[self.active]

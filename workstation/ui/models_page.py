"""The page "Models": every package, whether it may run and why, and all that is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workstation.ai.check import CheckReport
from workstation.ai.shelf import Entry
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.models_details import ModelDetails
from workstation.ui.named import named
from workstation.viewing.model_words import EVIDENCE, name_of, state_words, why

_TONES = {"usable": "done", "refused": "stat", "off": "chip", "replaced": "chip"}


def _tone(label: QLabel, tone: str) -> None:
    label.setProperty("tone", tone)
    label.style().unpolish(label)
    label.style().polish(label)
    label.updateGeometry()


class ModelsPage(QWidget):
    """List at the left, one model at the right; what is done goes out as signals."""

    install_wanted = Signal()
    keys_wanted = Signal()
    sign_wanted = Signal()
    back_wanted = Signal()
    chosen = Signal(object)  # Entry
    check_wanted = Signal(object)
    stop_wanted = Signal()
    switch_wanted = Signal(object)
    remove_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: tuple[Entry, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.addLayout(self._head())
        split = QSplitter(Qt.Orientation.Horizontal)
        self.list = named(QListWidget(), "modelList")
        self.list.setMinimumWidth(theme.scaled(260))
        self.list.currentRowChanged.connect(self._choose)
        self.empty = named(QLabel(alignment=Qt.AlignmentFlag.AlignCenter), "dim")
        self.empty.setWordWrap(True)
        left = QWidget()
        stack = QVBoxLayout(left)
        stack.setContentsMargins(0, 0, 8, 0)
        stack.addWidget(self.list, 1)
        stack.addWidget(self.empty)
        split.addWidget(left)
        split.addWidget(self._one())
        split.setStretchFactor(1, 1)
        split.setSizes([theme.scaled(330), theme.scaled(1100)])
        split.setCollapsible(0, False)
        column.addWidget(split, 1)
        self._busy, self._manages = False, True
        self.retranslate()

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.title = QLabel()
        _tone(self.title, "title")
        self.notes = named(QLabel(), "dim")
        self.notes.setWordWrap(True)
        self.install = QPushButton()
        self.install.clicked.connect(self.install_wanted)
        self.keys = QPushButton()
        self.keys.clicked.connect(self.keys_wanted)
        self.sign = QPushButton()
        self.sign.clicked.connect(self.sign_wanted)
        self.back = QPushButton()
        self.back.clicked.connect(self.back_wanted)
        row.addWidget(self.title)
        row.addWidget(self.notes, 1)
        for button in (self.install, self.sign, self.keys, self.back):
            row.addWidget(button)
        return row

    def _one(self) -> QWidget:
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(8, 0, 0, 0)
        row = QHBoxLayout()
        self.name = QLabel()
        _tone(self.name, "title")
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.state = QLabel()
        self.evidence = QLabel()
        for chip in (self.state, self.evidence):
            # A style sheet that comes to a label later gives it no room for its padding.
            chip.setContentsMargins(theme.scaled(9), 1, theme.scaled(9), 1)
        row.addWidget(self.name)
        row.addWidget(self.state)
        row.addWidget(self.evidence)
        row.addStretch(1)
        self.check = QPushButton()
        self.check.clicked.connect(lambda: self._ask(self.check_wanted.emit))
        self.switch = QPushButton()
        self.switch.clicked.connect(lambda: self._ask(self.switch_wanted.emit))
        self.remove = QPushButton()
        self.remove.clicked.connect(lambda: self._ask(self.remove_wanted.emit))
        for button in (self.check, self.switch, self.remove):
            row.addWidget(button)
        column.addLayout(row)
        self.why = named(QLabel(), "wrong")
        self.why.setWordWrap(True)
        self.why.setTextFormat(Qt.TextFormat.PlainText)
        column.addWidget(self.why)
        column.addLayout(self._work())
        self.details = ModelDetails()
        column.addWidget(self.details, 1)
        return whole

    def _work(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.doing = named(QLabel(), "dim")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.stop = QPushButton()
        self.stop.clicked.connect(self.stop_wanted)
        row.addWidget(self.doing, 1)
        row.addWidget(self.bar, 2)
        row.addWidget(self.stop)
        return row

    def _ask(self, emit: Callable[[Entry], None]) -> None:
        entry = self.current
        if entry is not None:
            emit(entry)

    # --- what is shown

    @property
    def current(self) -> Entry | None:
        """The model that is chosen."""
        row = self.list.currentRow()
        return self.entries[row] if 0 <= row < len(self.entries) else None

    def add_section(self, title: str, panel: QWidget) -> None:
        """A further tab beside the card; ``title`` is English, a catalogue key. Where ``panel``
        has ``show_model(package_id)``, it is called for each model that is chosen."""
        self.details.add_section(title, panel)

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """List the packages; the chosen one stays chosen."""
        before = self.current
        self.entries = tuple(entries)
        self.list.blockSignals(True)
        self.list.clear()
        for entry in self.entries:
            self.list.addItem(QListWidgetItem(_line(entry)))
        self.list.blockSignals(False)
        keys = [(e.id, e.place) for e in self.entries]
        row = (
            keys.index((before.id, before.place))
            if before and (before.id, before.place) in keys
            else 0
        )
        self.list.setCurrentRow(row if self.entries else -1)
        if not self.entries:
            self._choose(-1)
        self.retranslate()

    def choose(self, id: str) -> None:
        """Put the model with this id in front, the one in use first."""
        rows = [n for n, e in enumerate(self.entries) if e.id == id]
        rows.sort(key=lambda n: self.entries[n].state == "replaced")
        if rows:
            self.list.setCurrentRow(rows[0])

    def _choose(self, row: int) -> None:
        entry = self.current
        self.details.show_entry(entry)
        self._show_head()
        if entry is not None:
            self.chosen.emit(entry)

    def show_details(self, entry: Entry, card: str, rows: list[tuple[str, int, str]]) -> None:
        """What was read of a package's files, if it is still the chosen one."""
        if entry is self.current:
            self.details.show_details(card, rows)

    def show_report(self, entry: Entry, report: CheckReport) -> None:
        """What a check found, if its model is still the chosen one."""
        if entry is self.current:
            self.details.show_report(report)

    def show_work(self, words: str, fraction: float | None) -> None:
        """What is under way; None: nothing."""
        self._busy = fraction is not None
        for widget in (self.doing, self.bar, self.stop):
            widget.setVisible(self._busy)
        self.doing.setText(words)
        self.bar.setValue(round(100 * (fraction or 0.0)))
        self._show_head()

    def _show_head(self) -> None:
        entry = self.current
        for widget in (self.name, self.state, self.evidence, self.check, self.switch, self.remove,
                       self.details):  # fmt: skip
            widget.setVisible(entry is not None)
        words = why(entry) if entry is not None else ""
        self.why.setText(words)
        self.why.setVisible(bool(words))
        self._allow()
        if entry is None:
            return
        self.why.setObjectName("wrong" if entry.state == "refused" else "dim")
        self.why.style().unpolish(self.why)
        self.why.style().polish(self.why)
        said = entry.package.manifest if entry.package is not None else None
        self.name.setText(f"{name_of(entry)}　{said.version if said else ''}".rstrip())
        self.state.setText(state_words(entry))
        _tone(self.state, _TONES[entry.state])
        self.evidence.setVisible(said is not None)
        if said is not None:
            self.evidence.setText(f"{tr('Evidence')}: {tr(EVIDENCE[said.evidence])}")
            _tone(self.evidence, "done" if said.evidence == "clinical" else "research")
        off = entry.switched is not None
        self.switch.setText(tr("Switch on") if off else tr("Switch off"))
        self.switch.setEnabled(entry.state in ("usable", "off") and not self._busy)
        self.remove.setEnabled(entry.place == "site" and not self._busy)
        self.remove.setToolTip(
            "" if entry.place == "site" else tr("It came with the program and can be switched off.")
        )
        self.check.setEnabled(not self._busy)

    def allow(self, manages: bool) -> None:
        """Whether who sits here may manage models; nobody yet is asked for a name first."""
        self._manages = manages
        self._allow()

    def _allow(self) -> None:
        said = "" if self._manages else tr("Needs the right to manage models (reviewer, admin).")
        for button in (self.install, self.sign):
            button.setEnabled(self._manages and not self._busy)
            button.setToolTip(said)

    def retranslate(self) -> None:
        """Every text in the language of now."""
        self.title.setText(tr("Models"))
        self.notes.setText(
            tr("Models run on this computer only. What they find is a proposal for a reader.")
        )
        self.install.setText(tr("Install from a file ..."))
        self.sign.setText(tr("Sign a package ..."))
        self.keys.setText(tr("Trusted keys ..."))
        self.back.setText(tr("Back"))
        self.check.setText(tr("Run the check"))
        self.remove.setText(tr("Remove"))
        self.stop.setText(tr("Stop"))
        self.list.setAccessibleName(tr("Models"))
        self.empty.setText(tr("No model is installed. A package is one file, *.onescan.zip."))
        self.empty.setVisible(not self.entries)
        for number, entry in enumerate(self.entries):
            item = self.list.item(number)
            if item is not None:
                item.setText(_line(entry))
        self._show_head()
        self.details.retranslate()


def _line(entry: Entry) -> str:
    said = entry.package.manifest if entry.package is not None else None
    version = f"  {said.version}" if said is not None else ""
    return f"{name_of(entry)}{version}\n{state_words(entry)}"

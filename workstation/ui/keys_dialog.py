"""All keys as they are now: to look up, to change, to print."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMarginsF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPageSize, QPdfWriter, QTextDocument
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)

from workstation.text import tr
from workstation.ui import theme
from workstation.ui.keys import FIXED, grouped_keys, taken_by, why_not, written
from workstation.ui.named import named
from workstation.viewing.commands import BY_NAME, COMMANDS, GROUPS

if TYPE_CHECKING:
    from workstation.ui.window import Window

NAME = Qt.ItemDataRole.UserRole
_ONLY_HELD = {Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta,
              Qt.Key.Key_AltGr, Qt.Key.Key_unknown}  # fmt: skip


class KeysDialog(QDialog):
    """Commands by group with a search box; Enter on one waits for its new key."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.room = window
        self.own = dict(window.commands.own_keys)
        self.waiting = ""  # the command that waits for a key
        self.asked = ("", "")  # command and key that another command has
        self.lines: dict[str, QTreeWidgetItem] = {}
        self.groups: list[tuple[QTreeWidgetItem, list[QTreeWidgetItem]]] = []
        self.setWindowTitle(tr("Keys and mouse"))
        self.resize(theme.scaled(640), min(theme.scaled(720), window.height()))
        column = QVBoxLayout(self)
        self.search = QLineEdit(clearButtonEnabled=True)
        self.search.setPlaceholderText(tr("Search commands and keys"))
        self.search.setAccessibleName(tr("Search commands and keys"))
        self.search.textChanged.connect(self._filter)
        column.addWidget(self.search)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(tr("Keys and mouse"))
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels([tr("Command"), tr("Key")])
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(False)
        self.tree.itemActivated.connect(lambda *_: self.wait_for_key())
        self.tree.currentItemChanged.connect(lambda *_: self._look())
        column.addWidget(self.tree, 1)
        self.said = named(QLabel(), "dim")
        self.said.setWordWrap(True)
        column.addWidget(self.said)
        row = QHBoxLayout()
        self.change = QPushButton(tr("New key …"))
        self.change.clicked.connect(self.wait_for_key)
        self.take = QPushButton(tr("Take it away there"))
        self.take.clicked.connect(self._take)
        self.none = QPushButton(tr("No key"))
        self.none.clicked.connect(lambda: self._set(""))
        self.usual = QPushButton(tr("As delivered"))
        self.usual.clicked.connect(self._reset)
        self.all_usual = QPushButton(tr("All as delivered"))
        self.all_usual.clicked.connect(self._reset_all)
        for button in (self.change, self.take, self.none, self.usual, self.all_usual):
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        buttons = QDialogButtonBox()
        self.pdf = buttons.addButton(tr("Print as PDF …"), QDialogButtonBox.ButtonRole.ActionRole)
        self.pdf.clicked.connect(self._ask_pdf)
        buttons.addButton(tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        for each in self.findChildren(QPushButton):
            each.setAutoDefault(False)
        self._fill()

    # --- the list

    def _key_of(self, name: str) -> str:
        return self.own.get(name, BY_NAME[name].key)

    def _fill(self) -> None:
        kept = self.current
        self.tree.clear()
        self.lines, self.groups = {}, []
        for group, title in GROUPS.items():
            commands = [c for c in COMMANDS if c.group == group]
            if not commands:
                continue
            head = self._head(tr(title))
            for command in commands:
                own = command.name in self.own
                key = written(self._key_of(command.name)) or "–"
                words = tr(command.words)
                if command.while_painting:
                    words += "　" + tr("(while editing)")
                elif command.scope == "solid":
                    words += "　" + tr("(in 3D)")
                line = QTreeWidgetItem([words, f"★ {key}" if own else key])
                line.setData(0, NAME, command.name)
                if own:
                    usual = written(command.key) or "–"
                    line.setToolTip(1, tr("As delivered: {key}", key=usual))
                head.addChild(line)
                self.lines[command.name] = line
                self.groups[-1][1].append(line)
                if command.name == kept:
                    self.tree.setCurrentItem(line)
        for title, fixed in FIXED:
            head = self._head(tr(title))
            for key, words in fixed:
                line = QTreeWidgetItem([tr(words), tr(key)])
                head.addChild(line)
                self.groups[-1][1].append(line)
        self.tree.expandAll()
        self._filter()
        self._look()

    def _head(self, words: str) -> QTreeWidgetItem:
        head = QTreeWidgetItem([words, ""])
        head.setForeground(0, QColor(theme.DIM))
        head.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.tree.addTopLevelItem(head)
        head.setFirstColumnSpanned(True)
        self.groups.append((head, []))
        return head

    def _filter(self) -> None:
        wanted = self.search.text().strip().casefold().split()
        for head, lines in self.groups:
            shown = 0
            for line in lines:
                words = f"{line.text(0)} {line.text(1)} {head.text(0)}".casefold()
                fits = all(word in words for word in wanted)
                line.setHidden(not fits)
                shown += fits
            head.setHidden(not shown)

    @property
    def current(self) -> str:
        """The command under the cursor, or empty."""
        line = self.tree.currentItem()
        return str(line.data(0, NAME) or "") if line is not None else ""

    def choose(self, name: str) -> None:
        """Put the cursor on a command."""
        self.tree.setCurrentItem(self.lines[name])

    def _look(self) -> None:
        name = self.current
        self.waiting, self.asked = "", ("", "")
        for button in (self.change, self.none):
            button.setEnabled(bool(name))
        self.usual.setEnabled(name in self.own)
        self.all_usual.setEnabled(bool(self.own))
        self.take.hide()
        self.said.setText(tr("Enter or double-click, then press the new key."))

    # --- changing

    def wait_for_key(self) -> None:
        """The next key that is pressed becomes that of the command under the cursor."""
        if not self.current:
            return
        self.waiting = self.current
        self.take.hide()
        words = tr(BY_NAME[self.waiting].words)
        self.said.setText("⌨ " + tr("Press the new key for “{command}”. Esc: as it was.",
                                    command=words))  # fmt: skip
        self.tree.setFocus()
        self.grabKeyboard()

    def event(self, event: QEvent) -> bool:
        """While a key is waited for, every key comes here, also Tab and shortcuts."""
        if self.waiting and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        if self.waiting and event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            self._pressed(event)
            return True
        return super().event(event)

    def _pressed(self, event: QKeyEvent) -> None:
        if event.key() in _ONLY_HELD:
            return
        self.releaseKeyboard()
        if event.key() == Qt.Key.Key_Escape and not event.modifiers():
            self._look()
            return
        key = QKeySequence(event.keyCombination())
        self.offer(key.toString(QKeySequence.SequenceFormat.PortableText).removeprefix("Num+"))

    def offer(self, key: str) -> None:
        """Give the waiting command a key, or say what stands in the way."""
        # Shift that only makes the sign is no modifier of it: "?" is "?", not "Shift+?".
        bare = key.removeprefix("Shift+")
        if key != bare and len(bare) == 1 and not bare.isalnum():
            key = bare
        name, self.waiting = self.waiting, ""
        refused = why_not(name, key)
        others = taken_by(name, key, self.own)
        if refused:
            self.said.setText("⚠ " + refused)
        elif others:
            self.asked = (name, key)
            named_ones = ", ".join(f"“{tr(BY_NAME[o].words)}”" for o in others)
            self.said.setText(
                "⚠ " + tr("{key} is the key of {others}.", key=written(key), others=named_ones)
            )
            self.take.show()
        else:
            self.choose(name)
            self._set(key)

    def _take(self) -> None:
        name, key = self.asked
        for other in taken_by(name, key, self.own):
            self.own[other] = ""
        self.choose(name)
        self._set(key)

    def _set(self, key: str) -> None:
        name = self.current
        if not name:
            return
        self.own.pop(name, None)
        if key != BY_NAME[name].key:
            self.own[name] = key
        self._apply()

    def _reset(self) -> None:
        name = self.current
        usual = BY_NAME[name].key
        kept = {n: k for n, k in self.own.items() if n != name}
        others = taken_by(name, usual, kept) if usual else []
        if others:  # another command has it now
            self.asked = (name, usual)
            named_ones = ", ".join(f"“{tr(BY_NAME[o].words)}”" for o in others)
            self.said.setText(
                "⚠ " + tr("{key} is the key of {others}.", key=written(usual), others=named_ones)
            )
            self.take.show()
            return
        self.own = kept
        self._apply()

    def _reset_all(self) -> None:
        self.own = {}
        self._apply()

    def _apply(self) -> None:
        self.room.commands.set_keys(self.own)
        self._fill()

    def done(self, result: int) -> None:
        """Leave the keyboard to others."""
        self.releaseKeyboard()
        super().done(result)

    # --- on paper

    def _ask_pdf(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, tr("Print as PDF …"), "keys.pdf", "PDF (*.pdf)")
        if path:
            self.print_to(Path(path))

    def print_to(self, path: Path) -> None:
        """All keys as they are now on A4 pages."""
        writer = QPdfWriter(str(path))
        writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
        writer.setPageMargins(QMarginsF(14, 14, 14, 14))
        writer.setTitle(tr("Keys and mouse"))
        document = QTextDocument()
        document.setDefaultFont(theme.font(9))
        document.setHtml(keys_as_html(self._key_of))
        document.print_(writer)


def keys_as_html(key_of: Callable[[str], str]) -> str:
    """All keys as a table for paper: black on white."""
    parts = [f"<h2>OneScan　{html.escape(tr('Keys and mouse'))}</h2>"]
    for title, lines in grouped_keys(key_of):
        rows = [
            f"<tr><td width='150'><b>{html.escape(key)}</b></td><td>{html.escape(words)}</td></tr>"
            for key, words in lines
            if key
        ]
        if rows:
            parts.append(f"<h3>{html.escape(title)}</h3><table>{''.join(rows)}</table>")
    return "".join(parts)

"""Hanging protocols to choose from, and the present arrangement to be saved as one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.text import tr
from workstation.ui import theme
from workstation.ui.named import named
from workstation.viewing.hanging import Hanging, Protocol


class HangingDialog(QDialog):
    """What fits the open study comes first; readers' own protocols can be deleted."""

    chosen = Signal(str)  # protocol id
    save_wanted = Signal(str)  # name
    delete_wanted = Signal(str)  # protocol id

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Hanging protocols"))
        self.resize(theme.scaled(520), theme.scaled(520))
        column = QVBoxLayout(self)
        column.addWidget(QLabel(tr("Those that fit this study stand first.")))
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Hanging protocols"))
        self.list.itemActivated.connect(lambda _: self._use())
        self.list.currentItemChanged.connect(lambda *_: self._look())
        column.addWidget(self.list, 1)
        row = QHBoxLayout()
        self.use = QPushButton(tr("Use"))
        self.use.clicked.connect(self._use)
        self.delete = QPushButton(tr("Delete"))
        self.delete.clicked.connect(self._delete)
        row.addWidget(self.use)
        row.addWidget(self.delete)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(QLabel(tr("Save the views as they are now, for studies like this one:")))
        saving = QHBoxLayout()
        self.name = QLineEdit()
        self.name.setPlaceholderText(tr("Name of the protocol"))
        self.name.setAccessibleName(tr("Name of the protocol"))
        self.name.returnPressed.connect(self._save)
        self.save = QPushButton(tr("Save"))
        self.save.clicked.connect(self._save)
        saving.addWidget(self.name, 1)
        saving.addWidget(self.save)
        column.addLayout(saving)
        self.wrong = named(QLabel(), "wrong")
        self.wrong.setWordWrap(True)
        self.wrong.hide()
        column.addWidget(self.wrong)
        buttons = QDialogButtonBox()
        buttons.addButton(tr("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)
        self.list.setFocus()

    def fill(self, protocols: tuple[Protocol, ...], hanging: Hanging | None) -> None:
        """List the protocols; ``hanging``: what is on screen."""
        scores = dict(hanging.scores) if hanging is not None else {}
        now = hanging.protocol.id if hanging is not None else ""
        self.list.clear()
        for protocol in sorted(protocols, key=lambda p: (-scores.get(p.id, -1.0), tr(p.name))):
            words = protocol.name if protocol.own else tr(protocol.name)
            told = []
            if protocol.id == now:
                told.append("● " + tr("on screen"))
            if protocol.id in scores:
                told.append("✓ " + tr("fits"))
            if protocol.own:
                told.append("★ " + tr("saved by readers"))
            if len(protocol.stages) > 1:
                told.append(tr("{n} stages", n=len(protocol.stages)))
            item = QListWidgetItem("　".join([words, *told]))
            item.setData(Qt.ItemDataRole.UserRole, (protocol.id, protocol.own))
            self.list.addItem(item)
            if protocol.id == now:
                self.list.setCurrentItem(item)
        self._look()

    def say_wrong(self, sentence: str) -> None:
        """Say why it did not work."""
        self.wrong.setText("⚠ " + sentence)
        self.wrong.setVisible(bool(sentence))

    @property
    def _current(self) -> tuple[str, bool]:
        item = self.list.currentItem()
        if item is None:
            return "", False
        id, own = item.data(Qt.ItemDataRole.UserRole)
        return str(id), bool(own)

    def _look(self) -> None:
        id, own = self._current
        self.use.setEnabled(bool(id))
        self.delete.setEnabled(own)
        self.delete.setToolTip("" if own else tr("Only protocols that readers saved."))

    def _use(self) -> None:
        id, _ = self._current
        if id:
            self.chosen.emit(id)
            self.accept()

    def _delete(self) -> None:
        id, own = self._current
        if own:
            self.delete_wanted.emit(id)

    def _save(self) -> None:
        self.say_wrong("")
        self.save_wanted.emit(self.name.text())

"""The keys whose signatures a site believes: who they are, trusting another one, or one no more."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.ai.keys import TrustedKey
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.asking import ask
from workstation.ui.named import named


class KeysOfModels(QDialog):
    """A table of trusted keys; a new one needs a file and whose it is."""

    trust_wanted = Signal(str, str)  # file, name
    distrust_wanted = Signal(str)  # fingerprint

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Trusted keys"))
        self.resize(theme.scaled(820), theme.scaled(420))
        self.keys: tuple[TrustedKey, ...] = ()
        column = QVBoxLayout(self)
        about = QLabel(
            tr("A package signed with one of these keys may be installed and run. Compare a "
               "fingerprint with what its owner tells you by another way.")
        )  # fmt: skip
        about.setWordWrap(True)
        column.addWidget(about)
        self.table = named(QTableWidget(0, 4), "trustedKeys")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        self.table.setWordWrap(True)
        self.table.setHorizontalHeaderLabels(
            [tr("Whose key"), tr("Fingerprint"), tr("Trusted by"), tr("Since")]
        )
        self.table.itemSelectionChanged.connect(self._look)
        column.addWidget(self.table, 1)
        row = QHBoxLayout()
        self.name = QLineEdit()
        self.name.setPlaceholderText(tr("Whose key is it?"))
        self.name.setAccessibleName(tr("Whose key is it?"))
        self.name.textChanged.connect(lambda _: self._look())
        self.add = QPushButton(tr("Trust a key file ..."))
        self.add.clicked.connect(self._ask)
        self.drop = QPushButton(tr("Trust it no longer"))
        self.drop.clicked.connect(self._drop)
        row.addWidget(self.name, 1)
        row.addWidget(self.add)
        row.addWidget(self.drop)
        column.addLayout(row)
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
        self._look()

    def fill(self, keys: Sequence[TrustedKey]) -> None:
        """List the keys."""
        self.keys = tuple(keys)
        self.table.setRowCount(len(self.keys))
        for y, key in enumerate(self.keys):
            name = f"{key.name} ({tr('this site')})" if key.own else key.name
            grouped = " ".join(key.fingerprint[i : i + 4] for i in range(0, 64, 4))
            for x, words in enumerate((name, grouped, key.added_by, key.added[:10])):
                self.table.setItem(y, x, QTableWidgetItem(words))
        head = self.table.horizontalHeader()
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for x in (0, 2, 3):
            self.table.resizeColumnToContents(x)
        self.table.resizeRowsToContents()
        self._look()

    def say_wrong(self, sentence: str) -> None:
        """Say why it did not work; the form stays open."""
        self.wrong.setText("⚠ " + sentence)
        self.wrong.setVisible(bool(sentence))

    def _look(self) -> None:
        self.add.setEnabled(bool(self.name.text().strip()))
        self.drop.setEnabled(bool(self.table.selectedItems()))

    def _ask(self) -> None:
        dialog = QFileDialog(self, tr("Public key"), "", "PEM (*.pem *.pub *.txt)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.trust_file)
        ask(dialog)

    def trust_file(self, path: str) -> None:
        """Trust the key in ``path`` as that of the name typed."""
        self.say_wrong("")
        self.trust_wanted.emit(path, self.name.text().strip())

    def _drop(self) -> None:
        row = self.table.currentRow()
        if 0 <= row < len(self.keys):
            self.say_wrong("")
            self.distrust_wanted.emit(self.keys[row].fingerprint)

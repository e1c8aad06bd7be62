"""Vouching for a model package with the site's key: which folder, whose key, and a clear yes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QLabel, QWidget

from workstation.ai.keys import Protection
from workstation.text import tr
from workstation.ui.dialogs import PersonDialog
from workstation.ui.named import named

SHORTEST = 8
"""Characters of a new passphrase."""


class SigningDialog(PersonDialog):
    """Asks for what opens the site's key, twice where the key is still to be made.

    ``passphrase`` and ``installs`` hold what was answered once ``work`` is called.
    """

    def __init__(
        self, folder: Path, key: Protection, name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(tr("Sign a package"), tr("Sign"), parent)
        self.folder, self.key = folder, key
        self.setMinimumWidth(520)
        self.form.addRow(tr("Folder"), _plain(str(folder)))
        known = {
            Protection.NONE_YET: tr("will be made now, for {name}", name=name),
            Protection.OPEN: tr("of {name}, without a passphrase", name=name),
            Protection.PASSPHRASE: tr("of {name}, protected by a passphrase", name=name),
        }
        self.form.addRow(tr("Key of the site"), _plain(known[key]))
        self.phrase = self.again = None
        if key is not Protection.OPEN:
            self.phrase = self.password_field(tr("Passphrase"))
        if key is Protection.NONE_YET:
            self.again = self.password_field(tr("The same again"))
            note = named(QLabel(), "dim")
            note.setWordWrap(True)
            note.setText(
                tr("Nobody can open the key without its passphrase: keep it where it is found "
                   "again.")
            )  # fmt: skip
            self.form.addRow("", note)
        self.install = QCheckBox(tr("Install it here afterwards"))
        self.install.setChecked(True)
        self.form.addRow("", self.install)
        self.vouch = QCheckBox(
            tr("I know where this package comes from, and vouch for it on this site.")
        )
        self.vouch.toggled.connect(lambda _: self._look())
        self.form.addRow("", self.vouch)
        about = named(QLabel(), "dim")
        about.setWordWrap(True)
        about.setText(
            tr("All of its files are checked and its example is run first. A package that fails is "
               "not signed.")
        )  # fmt: skip
        self.column.insertWidget(1, about)
        for field in (self.phrase, self.again):
            if field is not None:
                field.textChanged.connect(lambda _: self._look())
        self._look()

    @property
    def passphrase(self) -> str:
        """What opens the key; empty for a key without a passphrase."""
        return self.phrase.text() if self.phrase is not None else ""

    @property
    def installs(self) -> bool:
        """Whether the signed package is to be installed here."""
        return self.install.isChecked()

    def _look(self) -> None:
        typed = self.phrase is None or bool(self.passphrase)
        self.ok.setEnabled(typed and self.vouch.isChecked())

    def confirm(self) -> None:
        """A new passphrase must be long enough and typed alike twice."""
        if self.again is not None and len(self.passphrase) < SHORTEST:
            self.say_wrong(tr("A passphrase needs at least {n} characters.", n=SHORTEST))
        elif self.again is not None and self.passphrase != self.again.text():
            self.say_wrong(tr("The two passphrases differ. Nothing was changed."))
        else:
            self.work()


def _plain(words: str) -> QLabel:
    label = QLabel(words)
    label.setWordWrap(True)
    return label

"""The choice of a character set for names that come out garbled."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.dicom.character_sets import CHOICES
from workstation.domain.errors import N_
from workstation.reading.names import Words, read_words, reread_names
from workstation.text import tr
from workstation.ui.desk import Desk
from workstation.ui.flow import Flow
from workstation.ui.named import named

_WORDS = {
    "GB18030": N_("Simplified Chinese (GB18030, GBK)"),
    "ISO_IR 192": N_("Unicode (UTF-8)"),
    "ISO 2022 IR 58": N_("Simplified Chinese (GB 2312)"),
    "BIG5": N_("Traditional Chinese (Big5)"),
    "ISO_IR 13": N_("Japanese (Shift JIS)"),
    "ISO_IR 149": N_("Korean"),
    "ISO_IR 100": N_("Western European (Latin 1)"),
    "ISO_IR 144": N_("Cyrillic"),
    "ISO_IR 166": N_("Thai"),
}


class NameReading(QWidget):
    """Shows how the name would read in another character set, and stores that where it is right."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self._study_uid = ""
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.choice = named(QComboBox(), "charset")
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.setMinimumContentsLength(14)
        self.shown = named(QLabel(), "charsetPreview")
        self.shown.setWordWrap(True)
        self.apply = named(QPushButton(), "charsetApply")
        row = Flow(grows=True)
        row.addWidget(self.choice)
        row.addWidget(self.apply)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 0)
        column.addWidget(self.title)
        column.addLayout(row)
        column.addWidget(self.shown)
        self.choice.activated.connect(self._preview)
        self.apply.clicked.connect(self._store)

    @property
    def charset(self) -> str:
        """The chosen term; empty for what the files say."""
        return str(self.choice.currentData() or "")

    def refresh(self) -> None:
        """Follow the open study and the language."""
        contents = self.desk.contents
        uid = contents.study.study_uid if contents else ""
        at = max(self.choice.currentIndex(), 0) if uid == self._study_uid else 0
        self._study_uid = uid
        self.title.setText(tr("Garbled name? Read the files' text as"))
        self.apply.setText(tr("Use this reading"))
        self.choice.clear()
        self.choice.addItem(tr("As the files state it"), "")
        for term in CHOICES:
            self.choice.addItem(tr(_WORDS[term]), term)
        self.choice.setCurrentIndex(at)
        self.setVisible(bool(uid))
        if not at:
            self.shown.clear()

    def _preview(self) -> None:
        uid, charset, archive = self._study_uid, self.charset, self.desk.archive
        if uid:
            self.desk.jobs.read(lambda: read_words(archive, uid, charset), self._show)

    def _show(self, words: Words) -> None:
        if words.study.study_uid != self._study_uid:
            return
        parts = [words.study.patient.name, words.study.description]
        parts += [s.description for s in words.series[:4]]
        self.shown.setText("\n".join(part for part in parts if part))

    def _store(self) -> None:
        actor, uid, charset = self.desk.actor, self._study_uid, self.charset
        if actor is None:
            self.shown.setText(tr("Sign in to change how names are read."))
            return
        archive = self.desk.archive
        self.desk.jobs.write(
            lambda: reread_names(archive, uid, charset, actor=actor),
            self._stored,
        )

    def _stored(self, _: object) -> None:
        self.shown.clear()
        self.desk.reload()

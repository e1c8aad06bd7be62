"""A finding of the reader's own: what it is and where, then it can be painted."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from workstation.domain.artefact import Code, Wording
from workstation.text import language, tr
from workstation.ui.dialogs import PersonDialog

# SNOMED CT concepts as DICOM uses them for these findings (PS3.16 CID 6100 and following).
KINDS: tuple[tuple[Wording, Code, str], ...] = (
    (
        Wording("White matter hyperintensity", "脑白质高信号"),
        Code("720442005", "SCT", "White matter hyperintensity"),
        "wmh",
    ),
    (
        Wording("Arterial stenosis", "动脉狭窄"),
        Code("415582006", "SCT", "Stenosis"),
        "stenosis",
    ),
    (
        Wording("Lung nodule", "肺结节"),
        Code("427359005", "SCT", "Solitary nodule of lung"),
        "nodule",
    ),
    (Wording("Infarct", "梗死灶"), Code("55641003", "SCT", "Infarct"), "other"),
    (Wording("Haemorrhage", "出血"), Code("50960005", "SCT", "Hemorrhage"), "other"),
    (
        Wording("Left ventricular hypertrophy", "左心室肥厚"),
        Code("55827005", "SCT", "Left ventricular hypertrophy"),
        "other",
    ),
    (Wording("Thrombus", "血栓"), Code("396339007", "SCT", "Thrombus"), "other"),
    (Wording("Mass", "占位"), Code("4147007", "SCT", "Mass"), "other"),
)


class AddFindingDialog(PersonDialog):
    """Kind, own words and place of a new finding at the crosshair."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("New finding at the crosshair"), tr("Add"), parent)
        self.kind = QComboBox()
        for wording, _, _ in KINDS:
            self.kind.addItem(wording.in_language(language()))
        self.kind.addItem(tr("In my own words"))
        self.form.addRow(tr("What"), self.kind)
        self.words = QLineEdit()
        self.words.setEnabled(False)
        self.kind.currentIndexChanged.connect(lambda i: self.words.setEnabled(i == len(KINDS)))
        self.form.addRow(tr("Own words"), self.words)
        self.site = QLineEdit()
        self.site.setPlaceholderText(tr("for example: left frontal lobe"))
        self.form.addRow(tr("Site"), self.site)

    def chosen(self) -> tuple[Wording, Code, str]:
        """Label, code and the phrase of the template that speaks for it."""
        index = self.kind.currentIndex()
        if index < len(KINDS):
            return KINDS[index]
        words = self.words.text().strip()
        return Wording(words, words), Code("404684003", "SCT", "Clinical finding"), "other"

    def confirm(self) -> None:
        own = self.kind.currentIndex() == len(KINDS)
        if own and not self.words.text().strip():
            self.say_wrong(tr("Please say what it is."))
        else:
            super().confirm()

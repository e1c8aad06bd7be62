"""Tabs beside the findings: measurements with their formulas, and the patient as scanned."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.measurement import shown_number
from workstation.text import language, tr
from workstation.ui.banner import shown_date, shown_person
from workstation.ui.desk import Desk
from workstation.ui.name_reading import NameReading
from workstation.ui.named import named


class MeasurementsTab(QWidget):
    """Every number with unit, formula and source (in the tool tip)."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        self.table = named(QTableWidget(0, 3), "measurements")
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._fit = QTimer(self)  # once after many steps of a resize
        self._fit.setSingleShot(True)
        self._fit.setInterval(0)
        self._fit.timeout.connect(self.table.resizeRowsToContents)
        self.table.horizontalHeader().sectionResized.connect(lambda *_: self._fit.start())
        column.addWidget(self.table)
        for signal in (desk.contents_changed, desk.study_closed):
            signal.connect(self.refresh)
        desk.study_opened.connect(lambda _: self.refresh())

    def refresh(self) -> None:
        """Show the measurements of now."""
        contents = self.desk.contents
        rows = contents.measurements if contents else ()
        self.table.setHorizontalHeaderLabels([tr("Measurement"), tr("Value"), tr("Formula")])
        self.table.setRowCount(len(rows))
        for row, item in enumerate(rows):
            cells = (
                item.name.in_language(language()),
                shown_number(item),
                f"{item.formula} {item.made_by.version}",
            )
            for column, words in enumerate(cells):
                cell = QTableWidgetItem(words)
                cell.setToolTip(f"{cells[0]}\n{item.source}")
                if column == 1:
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight)
                self.table.setItem(row, column, cell)
        self.table.resizeColumnToContents(1)
        self.table.resizeColumnToContents(2)
        self.table.resizeRowsToContents()  # a long name is wrapped, never cut


class PatientTab(QWidget):
    """Who was scanned and what, as the headers state it; and in which character set they do."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("patientTab")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.facts = named(QLabel(), "patientFacts")
        self.facts.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.facts.setTextFormat(Qt.TextFormat.PlainText)
        self.facts.setWordWrap(True)
        self.reading = NameReading(desk)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.addWidget(self.facts)
        column.addWidget(self.reading)
        column.addStretch(1)
        desk.study_opened.connect(lambda _: self.refresh())
        desk.contents_changed.connect(self.refresh)
        desk.study_closed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the patient of the open study."""
        contents = self.desk.contents
        self.reading.refresh()
        if contents is None:
            self.facts.clear()
            return
        study, patient = contents.study, contents.study.patient
        lines = (
            (tr("Patient"), patient.name),
            (tr("Name in the file"), patient.name_dicom),
            (tr("Sex, age"), shown_person(study)),
            (tr("Born"), patient.birth_date),
            (tr("Patient ID"), patient.patient_id),
            (tr("Examination"), study.description),
            (tr("Date"), shown_date(study)),
            (tr("Accession"), study.accession),
            (tr("Modality"), "/".join(study.modalities)),
            (tr("Signed reports"), str(len(contents.reports))),
        )
        self.facts.setText("\n".join(f"{name}：{value}" for name, value in lines if value))

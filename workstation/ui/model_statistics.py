"""What readers made of a model's findings, on the model's page: counts, edits, months, drift."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from workstation.domain.measurement import format_value
from workstation.domain.work import Cancel
from workstation.reading.drift import CUSUM_SOURCE, PSI_SOURCE
from workstation.reading.model_log import VersionLog, model_log
from workstation.text import say, tr
from workstation.ui.jobs import Jobs
from workstation.ui.named import named


class ModelStatistics(QWidget):
    """One block a version, the newest first; filled in the background."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("modelStatistics")
        self.jobs = jobs
        self.model_id = ""
        self.logs: list[VersionLog] = []
        self.tables: list[QTableWidget] = []
        self._cancel = Cancel()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 8, 12, 8)
        self._column.setSpacing(6)
        self._body = QWidget()
        self._column.addWidget(self._body)

    def show_model(self, model_id: str) -> None:
        """Count what the archive holds of this model and show it."""
        self.model_id, self.logs = model_id, []
        self._cancel.cancel()
        self._cancel = cancel = Cancel()
        archive = self.jobs.archive
        self._draw(tr("Counting …") if model_id else "")
        if not model_id:
            return

        def arrived(logs: list[VersionLog]) -> None:
            if model_id == self.model_id:
                self.logs = logs
                self.retranslate()

        def failed(sentence: str) -> None:
            if model_id == self.model_id and not cancel.asked:
                self._draw(sentence)

        self.jobs.read(lambda: model_log(archive, model_id, cancel=cancel), arrived, failed)

    def retranslate(self) -> None:
        """Every text in the language of now."""
        self._draw("" if self.logs else tr("It has judged nothing here yet."))

    def _draw(self, words: str) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        self.tables = []
        if words:
            column.addWidget(named(QLabel(words), "dim"))
        for log in reversed(self.logs):
            self._version(column, log)
        if self.logs:
            note = tr("Counted on this workstation; no patient is named. Drift is a sign to look, "
                      "no proof: scanners, patients and readers change too.")  # fmt: skip
            label = named(QLabel(note, wordWrap=True), "dim")
            label.setToolTip(f"{PSI_SOURCE}\n{CUSUM_SOURCE}")
            column.addWidget(label)
        column.addStretch(1)
        self._column.replaceWidget(self._body, body)
        self._body.deleteLater()
        self._body = body

    def _version(self, column: QVBoxLayout, log: VersionLog) -> None:
        head = f"{log.made_by.version}　{log.made_by.sha256[:12]}".strip()
        column.addWidget(named(QLabel(head), "panelHead"))
        for words in _sentences(log):
            column.addWidget(QLabel(words, wordWrap=True))
        for sign in log.signs:
            column.addWidget(named(QLabel("⚠ " + say(sign), wordWrap=True), "caution"))
        if log.months:
            table = _months(log)
            self.tables.append(table)
            column.addWidget(table)
        column.addSpacing(8)


def percent(value: float | None) -> str:
    """A share in words, a dash where there is none."""
    return "–" if value is None else f"{value * 100:.0f} %"


def _sentences(log: VersionLog) -> list[str]:
    whole = max(1, log.decided)
    parts = [
        f"✓ {tr('accepted')} {log.accepted} ({percent(log.accepted / whole)})",
        f"✎ {tr('edited')} {log.edited} ({percent(log.edited / whole)})",
        f"✕ {tr('rejected')} {log.rejected} ({percent(log.rejected / whole)})",
        f"? {tr('undecided')} {log.undecided}",
    ]
    said = ["　".join(parts)]
    if log.edits and log.mean_dice is not None:
        change = sum(edit.change_ml for edit in log.edits) / len(log.edits)
        sign = "+" if change >= 0 else "−"
        said.append(
            tr(
                "Edited outlines: Dice {dice} on average, volume {change} each",
                dice=f"{log.mean_dice:.3f}",
                change=sign + format_value(abs(change), "mL"),
            )
        )
    said.append(
        tr(
            "{judged} series judged, {uncertain} of them uncertain; refused {refused} ({share})",
            judged=log.judged,
            uncertain=log.uncertain,
            refused=log.refused,
            share=percent(log.refusal_rate),
        )
    )
    if log.scores:
        counts = " · ".join(str(count) for count in log.scores)
        said.append(tr("Scores from 0 to 1, in fifths: {counts}", counts=counts))
    return said


def _months(log: VersionLog) -> QTableWidget:
    heads = (
        tr("Month"), tr("judged"), tr("uncertain"), tr("not judged"), tr("accepted"), tr("edited"),
        tr("rejected"), tr("not rejected"), "PSI",
    )  # fmt: skip
    table = named(QTableWidget(len(log.months), len(heads)), "measurements")
    table.setHorizontalHeaderLabels(heads)
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    for row, month in enumerate(log.months):
        psi = "–" if month.psi is None else f"{month.psi:.2f}"
        refused = f"{month.refused} ({percent(month.refusal_rate)})" if month.refused else "0"
        cells = (
            month.month, str(month.judged), str(month.uncertain), refused, str(month.accepted),
            str(month.edited), str(month.rejected), percent(month.acceptance), psi,
        )  # fmt: skip
        for number, words in enumerate(cells):
            cell = QTableWidgetItem(words)
            if number:
                cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.setItem(row, number, cell)
    table.resizeColumnsToContents()
    table.resizeRowsToContents()
    height = table.horizontalHeader().sizeHint().height() + 4
    table.setFixedHeight(height + sum(table.rowHeight(n) for n in range(table.rowCount())))
    return table

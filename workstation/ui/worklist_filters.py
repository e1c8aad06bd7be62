"""The row of filters above the worklist: modality, days, state, STAT, unread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QPushButton, QWidget

from workstation.domain.errors import N_
from workstation.domain.study import StudyState, WorklistQuery
from workstation.text import tr
from workstation.ui.named import named

MODALITIES = ("CT", "MR", "PT", "DX", "CR", "US", "MG", "XA", "NM")
DAYS: tuple[tuple[str, int], ...] = (
    (N_("Any date"), 0),
    (N_("Today"), 1),
    (N_("3 days"), 3),
    (N_("A week"), 7),
    (N_("A month"), 31),
)


class WorklistFilters(QWidget):
    """Narrows a query down; what is narrowed is seen, and one button takes it all back."""

    changed = Signal()

    def __init__(
        self, parent: QWidget | None = None, *, today: Callable[[], date] = date.today
    ) -> None:
        super().__init__(parent)
        self.today = today
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        self.modality, self.days, self.state = QComboBox(), QComboBox(), QComboBox()
        self.urgent, self.unread = QCheckBox(), QCheckBox()
        self.clear_all = named(QPushButton(), "flat")
        for box in (self.modality, self.days, self.state):
            box.currentIndexChanged.connect(self._changed)
            row.addWidget(box)
        for tick in (self.urgent, self.unread):
            tick.toggled.connect(self._changed)
            row.addWidget(tick)
        self.clear_all.clicked.connect(self.clear)
        row.addWidget(self.clear_all)
        row.addStretch(1)
        self.retranslate()

    def retranslate(self) -> None:
        """Every word in the language of now; what is chosen stays chosen."""
        states = [(tr(s.value), s) for s in StudyState]
        for box, entries, name in (
            (self.modality, [(tr("Any modality"), "")] + [(m, m) for m in MODALITIES],
             tr("Modality")),
            (self.days, [(tr(words), days) for words, days in DAYS], tr("Date")),
            (self.state, [(tr("Any state"), None), *states], tr("State")),
        ):  # fmt: skip
            chosen = max(box.currentIndex(), 0)
            box.blockSignals(True)
            box.clear()
            for words, value in entries:
                box.addItem(words, value)
            box.setCurrentIndex(chosen)
            box.blockSignals(False)
            box.setAccessibleName(name)
        self.urgent.setText("‼ " + tr("STAT only"))
        self.unread.setText(tr("Unread only"))
        self.clear_all.setText("✕ " + tr("No filter"))
        self.clear_all.setVisible(self.narrows)

    @property
    def narrows(self) -> bool:
        """Whether any filter is set."""
        boxes = (self.modality, self.days, self.state)
        ticks = (self.urgent, self.unread)
        return any(b.currentIndex() > 0 for b in boxes) or any(t.isChecked() for t in ticks)

    def narrowed(self, query: WorklistQuery) -> WorklistQuery:
        """``query`` with these filters."""
        days = int(self.days.currentData() or 0)
        first = self.today() - timedelta(days=days - 1)
        return replace(
            query,
            modality=str(self.modality.currentData() or ""),
            state=self.state.currentData(),
            date_from=first.strftime("%Y%m%d") if days else "",
            urgent=self.urgent.isChecked(),
            unread=self.unread.isChecked(),
        )

    def clear(self) -> None:
        """No filter."""
        for box in (self.modality, self.days, self.state):
            box.setCurrentIndex(0)
        for tick in (self.urgent, self.unread):
            tick.setChecked(False)

    def _changed(self) -> None:
        self.clear_all.setVisible(self.narrows)
        self.changed.emit()

"""The board beside the slices: straightened picture, three cross-sections, what is set there."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.centreline import Centreline
from workstation.text import tr
from workstation.ui.curved_view import CurvedView, SectionView, Windowed
from workstation.viewing.curved_plan import CurvedPlan


class CurvedBoard(QWidget):
    """Lays the pictures out and tells what the reader asks for."""

    line_chosen = Signal(str)  # id of a stored line, or empty for a new one
    remove_asked = Signal()
    closed = Signal()

    def __init__(self, plan: CurvedPlan, windowed: Windowed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.curved = CurvedView(plan, windowed)
        self.sections = [SectionView(plan, windowed, step) for step in (-1, 0, 1)]
        self.lines = QComboBox()
        self.new, self.remove, self.close_ = QPushButton(), QPushButton(), QPushButton("×")
        self.unrolled = QPushButton()
        self.unrolled.setCheckable(True)
        self.width_mm, self.apart_mm = QDoubleSpinBox(), QDoubleSpinBox()
        self._width_label, self._apart_label = QLabel(), QLabel()
        for box, low, high, value in (
            (self.width_mm, 5.0, 300.0, plan.width_mm),
            (self.apart_mm, 0.1, 50.0, plan.apart_mm),
        ):
            box.setRange(low, high)
            box.setDecimals(1)
            box.setSuffix(" mm")
            box.setValue(value)
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._sections_set)
        self.lines.activated.connect(lambda _: self.line_chosen.emit(self.lines.currentData()))
        self.new.clicked.connect(lambda: self.line_chosen.emit(""))
        self.remove.clicked.connect(self.remove_asked)
        self.close_.clicked.connect(self.closed)
        self.unrolled.toggled.connect(plan.set_unrolled)
        self._lay_out()
        self.retranslate()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.lines, 1)
        for button in (self.new, self.remove, self.close_):
            first.addWidget(button)
        second.addWidget(self.unrolled)
        for label, box in (
            (self._width_label, self.width_mm),
            (self._apart_label, self.apart_mm),
        ):
            second.addWidget(label)
            second.addWidget(box)
        second.addStretch(1)
        below = QSplitter(Qt.Orientation.Vertical)
        for section in self.sections:
            below.addWidget(section)
        pictures = QSplitter(Qt.Orientation.Horizontal)
        pictures.addWidget(self.curved)
        pictures.addWidget(below)
        pictures.setSizes([300, 260])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 0)
        whole.setSpacing(4)
        whole.addLayout(first)
        whole.addLayout(second)
        whole.addWidget(pictures, 1)

    def retranslate(self) -> None:
        """Words in the language of now."""
        self.new.setText(tr("New line"))
        self.remove.setText(tr("Remove"))
        self.unrolled.setText(tr("Curved"))
        self._width_label.setText(tr("Sections"))
        self._apart_label.setText(tr("apart"))
        self.close_.setToolTip(tr("Close"))

    def show_lines(self, lines: list[Centreline], chosen: str) -> None:
        """The stored lines of the series; chosen: id of the one being looked at, or empty."""
        with QSignalBlocker(self.lines):
            self.lines.clear()
            for number, line in enumerate(lines):
                words = line.words or tr("Line {number}", number=number + 1)
                self.lines.addItem(words, line.id)
            if not chosen:
                self.lines.addItem(tr("New line"), "")
            self.lines.setCurrentIndex(max(self.lines.findData(chosen), 0))
        self.remove.setEnabled(bool(chosen))

    def _sections_set(self, _: float) -> None:
        self.plan.set_sections(self.width_mm.value(), self.apart_mm.value())

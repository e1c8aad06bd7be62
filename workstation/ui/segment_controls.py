"""Controls of the segment tools: what the left button does, and operations with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import TypeVar

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.errors import N_
from workstation.text import language, tr
from workstation.ui import theme
from workstation.ui.flow import Flow
from workstation.ui.named import named
from workstation.ui.segment_effects import SegmentEffects
from workstation.ui.segment_layer import BRUSHES, CUT_WORDS, GROW, ISLANDS, SCISSORS, TOOLS
from workstation.viewing.commands import BY_NAME
from workstation.viewing.segment_fill import Combination
from workstation.viewing.segment_islands import Islands
from workstation.viewing.segment_shape import Smoothing

E = TypeVar("E", bound=Enum)

SMOOTH_WORDS = {
    Smoothing.MEDIAN: N_("Median"),
    Smoothing.CLOSING: N_("Closing"),
    Smoothing.OPENING: N_("Opening"),
    Smoothing.GAUSSIAN: N_("Gaussian"),
}
COMBINE_WORDS = {
    Combination.ADD: N_("Add segment"),
    Combination.SUBTRACT: N_("Subtract"),
    Combination.INTERSECT: N_("Intersect with"),
    Combination.COPY: N_("Copy of"),
    Combination.INVERT: N_("Invert mask"),
}
ISLAND_WORDS = {
    Islands.KEEP_CLICKED: N_("Keep the clicked one"),
    Islands.REMOVE_CLICKED: N_("Remove the clicked one"),
}


def spin(low: float, high: float, value: float, decimals: int = 1) -> QDoubleSpinBox:
    """A number to type; units stand beside it."""
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(decimals)
    box.setValue(value)
    box.setKeyboardTracking(False)
    return box


def fit_spins(whole: QWidget) -> None:
    """Boxes with numbers as wide as six digits in the text of now need."""
    for box in whole.findChildren(QDoubleSpinBox):
        box.setFixedWidth(theme.scaled(88))


def choice(words: Mapping[E, str], chosen: Callable[[E], None]) -> QComboBox:
    """A box to choose one of an enumeration; ``words`` are catalogue keys."""
    box = QComboBox()
    for member in words:
        box.addItem("", member)
    box.currentIndexChanged.connect(lambda _: chosen(box.currentData()))
    return box


def speak(box: QComboBox, words: Mapping[E, str]) -> None:
    """The words of a ``choice`` in the language of now."""
    for number, member in enumerate(words):
        box.setItemText(number, tr(words[member]))


class ToolControls(QWidget):
    """Six tools, and what the chosen one needs."""

    def __init__(self, effects: SegmentEffects, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.effects, self.desk = effects, effects.desk
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        tools = Flow(spacing=4, grows=True)
        self.buttons: dict[str, QToolButton] = {}
        for name in TOOLS:
            button = named(QToolButton(), "segmentTool")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(button.sizePolicy().Policy.Expanding,
                                 button.sizePolicy().Policy.Fixed)  # fmt: skip
            button.clicked.connect(lambda _=False, n=name: self._choose(n))
            self.buttons[name] = button
            tools.addWidget(button)
        column.addLayout(tools)
        self._rows: dict[str, QWidget] = {}
        for name, row in (("brush", self._brush_row()), ("range", self._range_row()),
                          ("scissors", self._scissors_row()), ("islands", self._islands_row()),
                          ("grow", self._grow_row())):  # fmt: skip
            self._rows[name] = row
            column.addWidget(row)
        self.desk.brush_changed.connect(self.refresh)
        self.desk.grid.tool_changed.connect(lambda _: self.refresh())
        self.retranslate()

    def _choose(self, name: str) -> None:
        grid = self.desk.grid
        grid.set_tool("" if grid.tool == name else name)
        grid.active_pane.setFocus()

    def _row(self, *widgets: QWidget) -> QWidget:
        whole = QWidget()
        row = Flow(whole)
        for widget in widgets:
            row.addWidget(widget)
        return whole

    def _brush_row(self) -> QWidget:
        self.size_label, self.diameter = QLabel(), spin(0.5, 120.0, 10.0)
        self.ball = QCheckBox()
        self.diameter.valueChanged.connect(
            lambda mm: self.desk.set_brush(replace(self.desk.brush, radius_mm=mm / 2))
        )
        self.ball.toggled.connect(lambda on: self.desk.set_brush(replace(self.desk.brush, ball=on)))
        return self._row(self.size_label, self.diameter, QLabel("mm"), self.ball)

    def _range_row(self) -> QWidget:
        self.range_label = QLabel()
        self.low, self.high = (spin(-1e6, 1e6, 0.0, 2) for _ in range(2))
        for box in (self.low, self.high):
            box.valueChanged.connect(
                lambda _: self.desk.set_range(self.low.value(), self.high.value())
            )
        self.pick = named(QLabel(), "dim")
        return self._row(self.range_label, self.low, QLabel("–"), self.high, self.pick)

    def _scissors_row(self) -> QWidget:
        numbers = self.effects.numbers
        self.cut = choice(CUT_WORDS, lambda how: setattr(numbers, "cut", how))
        self.through = QCheckBox()
        self.through.setChecked(True)
        self.through.toggled.connect(lambda on: setattr(numbers, "through", on))
        return self._row(self.cut, self.through)

    def _islands_row(self) -> QWidget:
        numbers = self.effects.numbers
        self.island = choice(ISLAND_WORDS, lambda what: setattr(numbers, "islands", what))
        return self._row(self.island)

    def _grow_row(self) -> QWidget:
        numbers = self.effects.numbers
        self.by_tolerance = QCheckBox()
        self.by_tolerance.setChecked(True)
        self.by_tolerance.toggled.connect(self._grow_changed)
        self.tolerance = spin(0.0, 1e5, 0.0, 2)
        self.tolerance.valueChanged.connect(lambda v: setattr(numbers, "tolerance", v))
        self.limit_label, self.limit = QLabel(), spin(1.0, 500.0, numbers.limit_mm)
        self.limit.valueChanged.connect(lambda mm: setattr(numbers, "limit_mm", mm))
        self.everywhere = QCheckBox()
        self.everywhere.toggled.connect(self._grow_changed)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._row(self.by_tolerance, self.tolerance))
        column.addWidget(self._row(self.limit_label, self.limit, QLabel("mm"), self.everywhere))
        return whole

    def _grow_changed(self, _: bool = False) -> None:
        numbers = self.effects.numbers
        numbers.by_tolerance = self.by_tolerance.isChecked()
        numbers.everywhere = self.everywhere.isChecked()
        self.refresh()

    def refresh(self) -> None:
        """What the chosen tool needs, with the values of now."""
        tool, brush = self.desk.grid.tool, self.desk.brush
        for name, button in self.buttons.items():
            button.setChecked(name == tool)
        grow_range = tool == GROW and not self.effects.numbers.by_tolerance
        self._rows["brush"].setVisible(tool in BRUSHES)
        self._rows["range"].setVisible(tool == "segment_threshold" or grow_range)
        self._rows["scissors"].setVisible(tool == SCISSORS)
        self._rows["islands"].setVisible(tool == ISLANDS)
        self._rows["grow"].setVisible(tool == GROW)
        self.tolerance.setEnabled(self.by_tolerance.isChecked())
        self.limit.setEnabled(not self.everywhere.isChecked())
        blocked = [QSignalBlocker(w) for w in (self.diameter, self.ball, self.low, self.high)]
        self.diameter.setValue(brush.radius_mm * 2)
        self.ball.setChecked(brush.ball)
        if self.desk.range is not None:
            self.low.setValue(self.desk.range[0])
            self.high.setValue(self.desk.range[1])
        del blocked

    def retranslate(self) -> None:
        """Every text in the language of now."""
        for name, button in self.buttons.items():
            command = BY_NAME[name]
            button.setText(tr(command.words))
            button.setToolTip(f"{tr(command.words)}  {command.key}".strip())
        self.size_label.setText(tr("Diameter"))
        self.ball.setText(tr("Ball (3D)"))
        self.range_label.setText(tr("Range"))
        self.pick.setText(tr("Ctrl+click picks it"))
        speak(self.cut, CUT_WORDS)
        self.through.setText(tr("Through all slices"))
        speak(self.island, ISLAND_WORDS)
        self.by_tolerance.setText(tr("Around the seed ±"))
        self.tolerance.setSpecialValueText(tr("auto"))
        self.limit_label.setText(tr("Within"))
        self.everywhere.setText(tr("whole image"))
        fit_spins(self)
        self.refresh()


class OperationControls(QWidget):
    """Operations on the whole mask, each with its numbers beside it."""

    def __init__(self, effects: SegmentEffects, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.effects, self.desk = effects, effects.desk
        numbers = effects.numbers
        self._words: list[tuple[QPushButton, str]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self.smoothing = choice(SMOOTH_WORDS, lambda how: setattr(numbers, "smoothing", how))
        self.smooth_mm = spin(0.1, 20.0, numbers.smooth_mm)
        self.margin_mm = spin(0.1, 50.0, numbers.margin_mm)
        self.smallest = spin(0.001, 1000.0, numbers.smallest_ml, 3)
        self.flat = QCheckBox()
        self.how = choice(COMBINE_WORDS, self._combination)
        self.other = QComboBox()
        self.other.currentIndexChanged.connect(
            lambda _: setattr(numbers, "other_id", self.other.currentData() or "")
        )
        self.smooth_mm.valueChanged.connect(lambda mm: setattr(numbers, "smooth_mm", mm))
        self.margin_mm.valueChanged.connect(lambda mm: setattr(numbers, "margin_mm", mm))
        self.smallest.valueChanged.connect(lambda ml: setattr(numbers, "smallest_ml", ml))
        self.flat.toggled.connect(lambda on: setattr(numbers, "slice_by_slice", on))
        rows: tuple[tuple[tuple[str, Callable[[], None]] | QWidget, ...], ...] = (
            ((N_("Keep largest"), effects.keep_largest), (N_("Remove small"), effects.remove_small),
             self.smallest, QLabel("mL")),
            ((N_("Smooth"), effects.smooth), self.smoothing, self.smooth_mm, QLabel("mm")),
            ((N_("Grow margin"), effects.grow_margin), (N_("Shrink margin"), effects.shrink_margin),
             self.margin_mm, QLabel("mm")),
            ((N_("Fill between slices"), effects.fill_between),
             (N_("Fill holes"), effects.fill_holes), self.flat),
            ((N_("Combine"), effects.combine), self.how, self.other),
        )  # fmt: skip
        for parts in rows:
            row = Flow(grows=True)
            for part in parts:
                row.addWidget(part if isinstance(part, QWidget) else self._button(*part))
            column.addLayout(row)
        self.desk.listed.connect(self.refresh)
        self.desk.busy_changed.connect(self.refresh)
        self.retranslate()

    def _button(self, words: str, act: Callable[[], None]) -> QPushButton:
        button = named(QPushButton(), "operation")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys with the views
        button.clicked.connect(act)
        self._words.append((button, words))
        return button

    def _combination(self, how: Combination) -> None:
        self.effects.numbers.combination = how
        self.other.setEnabled(how is not Combination.INVERT)

    def refresh(self) -> None:
        """Other segments to combine with; nothing to press while something runs."""
        self.setEnabled(not self.desk.job)
        others = [s for s in self.desk.list.segments if s.id != self.desk.active_id]
        listed = [self.other.itemData(i) for i in range(self.other.count())]
        names = [f"{s.number} {s.name.in_language(language())}" for s in others]
        shown = [self.other.itemText(i) for i in range(self.other.count())]
        if listed != [s.id for s in others] or names != shown:
            kept = self.other.currentData()
            blocked = QSignalBlocker(self.other)
            self.other.clear()
            for segment, name in zip(others, names, strict=True):
                self.other.addItem(name, segment.id)
            self.other.setCurrentIndex(max(self.other.findData(kept), 0) if others else -1)
            del blocked
            self.effects.numbers.other_id = self.other.currentData() or ""

    def retranslate(self) -> None:
        """Every text in the language of now."""
        for button, words in self._words:
            button.setText(tr(words))
        speak(self.smoothing, SMOOTH_WORDS)
        speak(self.how, COMBINE_WORDS)
        self.flat.setText(tr("slice by slice"))
        fit_spins(self)
        self.refresh()

"""The part of the analyses panel that follows a spec: a field for each input and parameter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from workstation.domain.analysis import AnalysisSpec, InputSpec, Kind, Parameter, Value
from workstation.domain.centreline import Centreline
from workstation.domain.mask import MaskInfo
from workstation.domain.volume import Stack
from workstation.reading.analysis_images import along
from workstation.reading.measure import Request, offered_masks
from workstation.text import language, tr
from workstation.ui.slice_overlay import unit_sign
from workstation.ui.stack_words import phase_text
from workstation.ui.subtract_area import name_of


class AnalysesForm(QWidget):
    """Fields of one analysis; made anew for another one."""

    def __init__(
        self,
        spec: AnalysisSpec,
        stacks: Sequence[Stack],
        masks: Sequence[MaskInfo],
        lines: Sequence[Centreline],
        shown: str,
        before: AnalysesForm | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self._stacks = {stack.id: stack for stack in stacks}
        self._masks = masks
        self._lines = lines
        self._shown = shown  # id of the stack in the active view: the likeliest choice
        self.inputs: dict[str, QComboBox] = {}
        same = before is not None and before.spec.id == spec.id
        self.tables: dict[str, Path] = dict(before.tables) if same and before else {}
        self.parameters: dict[str, QWidget] = {}
        self.touched = False  # a person chose something: it is not chosen anew by itself
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for one in spec.takes:
            self._form.addRow(self._label(one), self._input(one))
        for parameter in spec.parameters:
            name = QLabel(parameter.name.in_language(language()))
            name.setWordWrap(True)
            self._form.addRow(name, self._parameter(parameter))
        if before is not None:
            self._take_over(before)

    # --- inputs

    def _label(self, one: InputSpec) -> QLabel:
        words = one.name.in_language(language())
        label = QLabel(f"{words} ({tr('optional')})" if one.optional else words)
        label.setWordWrap(True)
        return label

    def _input(self, one: InputSpec) -> QWidget:
        if one.kind is Kind.CURVE:
            chosen = self.tables.get(one.key)
            button = QPushButton(chosen.name if chosen else tr("Choose a table (CSV)…"))
            button.clicked.connect(lambda: self._ask_table(one, button))
            return button
        box = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(8)
        if one.optional:
            box.addItem("—", None)
        for words, data in self._offered(one):
            box.addItem(words, data)
            box.setItemData(box.count() - 1, words, 3)  # the whole of it as tool tip
        if not box.count():
            box.addItem(tr("nothing to choose"), None)
            box.setEnabled(False)
        box.activated.connect(self._touch)
        self.inputs[one.key] = box
        return box

    def _offered(self, one: InputSpec) -> list[tuple[str, object]]:
        if one.kind in (Kind.IMAGE, Kind.SERIES):
            return [(name_of(stack), stack.id) for stack in self._fitting(one)]
        if one.kind is Kind.LINE:
            return [
                (line.words or f"{tr('Centreline')} {at}", line.id)
                for at, line in enumerate(self._lines, start=1)
            ]
        found: list[tuple[str, object]] = []
        for group in offered_masks(one, list(self._masks)):
            first, stack = group[0], self._stacks.get(group[0].stack_id)
            if stack is None:
                continue
            words = f"{first.label.in_language(language())} · {name_of(stack)}"
            if len(group) > 1:
                words += f" · {len(group)} {tr('phases')}"
            elif stack.phases > 1:
                words += f" · {phase_text(stack, first.phase)}"
            found.append((words, tuple(mask.id for mask in group)))
        return found

    def _fitting(self, one: InputSpec) -> list[Stack]:
        """Stacks that an input may be, the likeliest first; a series that was split into stacks
        along the input's axis is one."""

        def last(stack: Stack) -> bool:
            parts = along(one, stack, self._stacks.values())
            return len(parts) > 1 and parts[-1] == stack

        usable = [
            stack
            for stack in self._stacks.values()
            if stack.is_volume
            and stack.samples == 1
            and (not one.unit or stack.unit == one.unit)
            and (one.kind is not Kind.SERIES or stack.phases > 1 or not one.axis or last(stack))
        ]

        def rank(stack: Stack) -> tuple[bool, bool, int]:
            return (stack.role not in one.roles, stack.id != self._shown, stack.series_number)

        return sorted(usable, key=rank)

    def _ask_table(self, one: InputSpec, button: QPushButton) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, tr("Choose a table (CSV)…"), "", "*.csv")
        if chosen:
            self.tables[one.key] = Path(chosen)
            button.setText(Path(chosen).name)
            self._touch()

    def _touch(self) -> None:
        self.touched = True

    # --- parameters

    def _parameter(self, parameter: Parameter) -> QWidget:
        field: QWidget
        if isinstance(parameter.default, bool):
            field = tick = QCheckBox()
            tick.setChecked(parameter.default)
            tick.clicked.connect(self._touch)
        elif parameter.choices:
            field = box = QComboBox()
            for choice in parameter.choices:
                box.addItem(choice.name.in_language(language()), choice.key)
            box.setCurrentIndex(box.findData(parameter.default))
            box.activated.connect(self._touch)
        else:
            field = self._typed(parameter)
        self.parameters[parameter.key] = field
        return field

    def _typed(self, parameter: Parameter) -> QLineEdit:
        line, default = QLineEdit(), parameter.default
        known = isinstance(default, int | float)
        line.setText(f"{default:g}" if known else str(default or ""))
        sign = unit_sign(parameter.unit) if parameter.unit else ""
        empty = tr("as the images state") if default is None else ""
        line.setPlaceholderText(f"{empty} {sign}".strip())
        line.setToolTip(self._range(parameter, sign))
        line.textEdited.connect(self._touch)
        return line

    def _range(self, parameter: Parameter, sign: str) -> str:
        low = "" if parameter.low is None else f"{parameter.low:g}"
        high = "" if parameter.high is None else f"{parameter.high:g}"
        return f"{low} … {high} {sign}".strip() if low or high else sign

    def _value(self, parameter: Parameter) -> Value | None:
        field = self.parameters[parameter.key]
        if isinstance(field, QCheckBox):
            return field.isChecked()
        if isinstance(field, QComboBox):
            return str(field.currentData())
        assert isinstance(field, QLineEdit)
        return field.text().strip().replace(",", ".") or None

    # --- a form made anew

    def _take_over(self, before: AnalysesForm) -> None:
        """Choose again what a person chose in the form before, as far as it is still there."""
        if not before.touched or before.spec.id != self.spec.id:
            return
        self.touched = True
        for key, box in self.inputs.items():
            chosen = before.inputs[key].currentData()
            at = next((n for n in range(box.count()) if box.itemData(n) == chosen), -1)
            if at >= 0:
                box.setCurrentIndex(at)
        for key, field in self.parameters.items():
            old = before.parameters[key]
            if isinstance(field, QLineEdit) and isinstance(old, QLineEdit):
                field.setText(old.text())
            elif isinstance(field, QCheckBox) and isinstance(old, QCheckBox):
                field.setChecked(old.isChecked())
            elif isinstance(field, QComboBox) and isinstance(old, QComboBox):
                field.setCurrentIndex(old.currentIndex())

    # --- what is asked for

    def request(self) -> Request:
        """Everything as it is chosen now; ``BadInput`` where a number is none or out of range."""
        stacks: dict[str, str] = {}
        masks: dict[str, tuple[str, ...]] = {}
        lines: dict[str, str] = {}
        for one in self.spec.takes:
            data = self.inputs[one.key].currentData() if one.key in self.inputs else None
            if data is None:
                continue
            if one.kind is Kind.MASK:
                masks[one.key] = tuple(data)
            elif one.kind is Kind.LINE:
                lines[one.key] = str(data)
            else:
                stacks[one.key] = str(data)
        values: dict[str, Value] = {}
        for parameter in self.spec.parameters:
            value = parameter.checked(self._value(parameter))
            if value is not None:
                values[parameter.key] = value
        return Request(self.spec.id, stacks, masks, lines, dict(self.tables), values)

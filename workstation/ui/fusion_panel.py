"""The tab for what is laid over an image: which series, colours, opacity, range, wipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)

from workstation.text import tr
from workstation.ui.slice_overlay import unit_sign
from workstation.viewing.colour_map import colour_maps
from workstation.viewing.fusion import Fusion
from workstation.viewing.window_level import Window

if TYPE_CHECKING:
    from workstation.ui.fusion_area import FusionArea


class FusionPanel(QWidget):
    """Shows and sets the overlay of the active pane."""

    def __init__(self, area: FusionArea, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.area = area
        self._followed: Fusion | None = None
        self._leave: Callable[[], None] | None = None
        self._form = QFormLayout(self)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.hint.setProperty("tone", "dim")
        self.series, self.colours = QComboBox(), QComboBox()
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        for box in (self.low, self.high):
            box.setRange(-1e9, 1e9)
            box.setDecimals(2)
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._range_typed)
        self.wipe = QPushButton()
        self.wipe.setCheckable(True)
        self._form.addRow(self.hint)
        self._labels: list[tuple[QLabel, str]] = []
        for words, widget in (
            ("Laid over", self.series),
            ("Colours", self.colours),
            ("Opacity", self.opacity),
            ("From", self.low),
            ("To", self.high),
        ):
            label = QLabel()
            self._labels.append((label, words))
            self._form.addRow(label, widget)
        self._form.addRow(self.wipe)
        self.series.activated.connect(self._series_chosen)
        self.colours.activated.connect(self._colours_chosen)
        self.opacity.valueChanged.connect(self._opacity_moved)
        self.wipe.toggled.connect(self._wipe_toggled)
        area.changed.connect(self.refresh)
        area.window.add_retranslate(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Everything as it is for the active pane, in the language of now."""
        names = {
            "Laid over": tr("Laid over"),
            "Colours": tr("Colours"),
            "Opacity": tr("Opacity"),
            "From": tr("From"),
            "To": tr("To"),
        }
        for label, words in self._labels:
            label.setText(names[words])
        self.wipe.setText(tr("Wipe between image and overlay"))
        self.hint.setText(
            tr("Drop a series on an image with Alt held down, or choose it here. Ctrl+drag: range.")
        )
        fusion = self.area.active
        if fusion is not self._followed:
            if self._leave is not None:
                self._leave()
            self._followed = fusion
            self._leave = fusion.changed.connect(self._show) if fusion is not None else None
        with QSignalBlocker(self.series), QSignalBlocker(self.colours):
            self.series.clear()
            self.series.addItem(tr("No overlay"), "")
            for stack in self.area.candidates(self.area.grid.active_pane):
                words = stack.role or stack.description or stack.modality
                self.series.addItem(f"{stack.series_number}  {words}", stack.id)
            self.colours.clear()
            for each in colour_maps().values():
                self.colours.addItem(tr(each.name), each.id)
        self._show()

    def _show(self) -> None:
        fusion = self.area.active
        for widget in (self.colours, self.opacity, self.low, self.high, self.wipe):
            widget.setEnabled(fusion is not None)
        chosen = fusion.volume.stack.id if fusion is not None else ""
        with QSignalBlocker(self.series):
            self.series.setCurrentIndex(max(self.series.findData(chosen), 0))
        if fusion is None:
            return
        blockers = [
            QSignalBlocker(w) for w in (self.colours, self.opacity, self.low, self.high, self.wipe)
        ]
        self.colours.setCurrentIndex(self.colours.findData(fusion.map.id))
        self.opacity.setValue(round(fusion.opacity * 100))
        sign = unit_sign(fusion.volume.stack.unit)
        for box, value in ((self.low, fusion.window.low), (self.high, fusion.window.high)):
            box.setSuffix(f" {sign}" if sign else "")
            box.setSingleStep(max(fusion.window.width / 20, 0.01))
            box.setValue(value)
        self.wipe.setChecked(fusion.wipe is not None)
        for blocker in blockers:
            blocker.unblock()

    def _series_chosen(self, _: int) -> None:
        stack = self.area.grid.stacks.get(self.series.currentData())
        self.area.fuse(self.area.grid.active_pane, stack)

    def _colours_chosen(self, _: int) -> None:
        if self.area.active is not None:
            self.area.active.set_map(colour_maps()[self.colours.currentData()])

    def _opacity_moved(self, percent: int) -> None:
        if self.area.active is not None:
            self.area.active.set_opacity(percent / 100)

    def _range_typed(self, _: float) -> None:
        low, high = self.low.value(), self.high.value()
        if self.area.active is not None and high > low:
            self.area.active.set_window(Window((low + high) / 2, high - low))

    def _wipe_toggled(self, on: bool) -> None:
        if self.area.active is not None:
            self.area.active.set_wipe(0.5 if on else None)

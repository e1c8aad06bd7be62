"""The small row of controls on a 3D view."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSlider,
    QToolButton,
    QWidget,
    QWidgetAction,
)

from workstation.domain.plane import PlaneKind
from workstation.text import tr
from workstation.ui import theme
from workstation.viewing.commands import BY_NAME
from workstation.viewing.solid_presets import preset, presets, presets_for

if TYPE_CHECKING:
    from workstation.ui.volume_view import VolumeView

_SIDES = ("solid_front", "solid_back", "solid_left", "solid_right", "solid_head", "solid_feet")
_CUTS = {
    "solid_cut_axial": PlaneKind.AXIAL,
    "solid_cut_sagittal": PlaneKind.SAGITTAL,
    "solid_cut_coronal": PlaneKind.CORONAL,
}
_TOOLS = ("solid_turn", "solid_brightness", "solid_scissors", "solid_keep", "solid_crop")
_STYLE = f"""
QFrame#solid_strip {{ background: rgba(20, 23, 27, 205); border: 1px solid {theme.LINE};
    border-radius: 4px; }}
QFrame#solid_strip QToolButton {{ background: transparent; border: none; padding: 2px 6px;
    color: {theme.TEXT}; font-size: 9pt; }}
QFrame#solid_strip QToolButton:hover {{ background: {theme.LINE}; border-radius: 3px; }}
QFrame#solid_strip QToolButton[chosen="true"] {{ color: {theme.FOCUS}; font-weight: bold; }}
"""


class SolidStrip(QFrame):
    """Look, side, tool, cuts and surfaces of one view; shown while the view is in use."""

    def __init__(self, view: VolumeView) -> None:
        super().__init__(view)
        self.view = view
        self.setObjectName("solid_strip")
        self.setStyleSheet(_STYLE)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 1, 2, 1)
        row.setSpacing(0)
        self.look = self._menu(row, self._fill_looks)
        self.side = self._menu(row, self._fill_sides)
        self.tool = self._menu(row, self._fill_tools)
        self.cut = self._menu(row, self._fill_cuts)
        self.surfaces = self._menu(row, self._fill_surfaces)
        self.spin = QToolButton()
        self.spin.clicked.connect(lambda: view.do("solid_turntable"))
        row.addWidget(self.spin)
        self.refresh()

    def _menu(self, row: QHBoxLayout, fill: Callable[[QMenu], None]) -> QToolButton:
        button = QToolButton()
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setMenu(QMenu(button))
        button.menu().aboutToShow.connect(lambda: self._refill(button.menu(), fill))
        row.addWidget(button)
        return button

    def _refill(self, menu: QMenu, fill: Callable[[QMenu], None]) -> None:
        menu.clear()
        fill(menu)

    def refresh(self) -> None:
        """Words and marks of now."""
        look = self.view.look
        if look is None:
            self.hide()
            return
        self.look.setText(preset(look.preset).words)
        self.side.setText(tr("Side"))
        tool = self.view.model.tool
        words = tr(BY_NAME[tool].words) if tool and tool != "solid_turn" else tr("Tool")
        self.tool.setText(words.split("：")[0].split(":")[0])
        self._mark(self.tool, tool not in ("", "solid_turn"))
        self.cut.setText(tr("Cut"))
        self._mark(self.cut, look.is_cut)
        self.surfaces.setText(tr("Surfaces") + f" {len(self.view.masks)}")
        self.spin.setText("❚❚" if self.view.spinning else "▶")
        self.spin.setToolTip(tr("Turntable"))
        self.fit()

    def fit(self) -> None:
        """As much as the view has room for; all of it is in the menu of the right button too."""
        for button in (self.side, self.tool, self.cut, self.spin):
            button.show()
        self.surfaces.setVisible(bool(self.view.masks))
        for button in (self.spin, self.side, self.surfaces, self.cut, self.tool):
            if self.sizeHint().width() <= self.view.width() - 8:
                break
            button.hide()
        self.adjustSize()

    def _mark(self, button: QToolButton, chosen: bool) -> None:
        button.setProperty("chosen", chosen)
        button.style().unpolish(button)
        button.style().polish(button)

    def show_menu(self, place: QPoint) -> None:
        """All menus of the strip as one, at a place on the screen."""
        menu = QMenu(self)
        for button, fill in (
            (self.look, self._fill_looks),
            (self.side, self._fill_sides),
            (self.tool, self._fill_tools),
            (self.cut, self._fill_cuts),
            (self.surfaces, self._fill_surfaces),
        ):
            if button is not self.surfaces or self.view.masks:
                fill(menu.addMenu(button.text()))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    # --- menus

    def _fill_looks(self, menu: QMenu) -> None:
        view = self.view
        if view.volume is None or view.look is None:
            return
        fitting = presets_for(view.volume.stack)
        for number, each in enumerate(fitting):
            action = menu.addAction(f"{each.words}\t{number + 1}" if number < 9 else each.words)
            action.setCheckable(True)
            action.setChecked(each.id == view.look.preset)
            action.triggered.connect(lambda _=False, p=each.id: view.model.set_preset(p))
        others = menu.addMenu(tr("Other modalities"))
        for each in presets():
            if each not in fitting:
                action = others.addAction(each.words)
                action.triggered.connect(lambda _=False, p=each.id: view.model.set_preset(p))
        menu.addSeparator()
        self._command(menu, "solid_brightness")
        menu.addAction(tr("Look as it was")).triggered.connect(view.model.unshift)

    def _fill_sides(self, menu: QMenu) -> None:
        for name in _SIDES:
            self._command(menu, name)
        menu.addSeparator()
        self._command(menu, "solid_fit")
        self._command(menu, "solid_turntable", self.view.spinning)

    def _fill_tools(self, menu: QMenu) -> None:
        for name in _TOOLS:
            self._command(menu, name, (self.view.model.tool or "solid_turn") == name)

    def _fill_cuts(self, menu: QMenu) -> None:
        look = self.view.look
        if look is None:
            return
        for name, kind in _CUTS.items():
            self._command(menu, name, look.half(kind) != 0)
        menu.addSeparator()
        for name in ("solid_slab", "solid_seen", "solid_crop"):
            self._command(menu, name)
        menu.addSeparator()
        self._command(menu, "solid_undo")
        self._command(menu, "solid_uncut")
        menu.addSeparator()
        self._slider(menu, tr("Peel off outside"), round(look.peel_mm), 40, " mm",
                     self.view.model.set_peel)  # fmt: skip

    def _fill_surfaces(self, menu: QMenu) -> None:
        view, look = self.view, self.view.look
        if look is None:
            return
        self._command(menu, "solid_volume", look.solid)
        menu.addSeparator()
        for mask in view.masks:
            row = QWidget()
            line = QHBoxLayout(row)
            line.setContentsMargins(10, 2, 10, 2)
            box = QCheckBox(mask.label)
            box.setIcon(_swatch(mask.colour))
            box.setIconSize(QSize(12, 12))
            box.setChecked(mask.id not in look.hidden)
            box.toggled.connect(lambda _=False, m=mask.id: view.model.toggle_surface(m))
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(5, 100)
            slider.setFixedWidth(90)
            slider.setValue(round(dict(look.faded).get(mask.id, 1.0) * 100))
            slider.setToolTip(tr("Opacity"))
            slider.valueChanged.connect(lambda v, m=mask.id: view.model.fade_surface(m, v / 100))
            line.addWidget(box, 1)
            line.addWidget(slider)
            action = QWidgetAction(menu)
            action.setDefaultWidget(row)
            menu.addAction(action)

    def _slider(
        self, menu: QMenu, words: str, value: int, most: int, unit: str, work: Callable[[int], None]
    ) -> None:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(10, 2, 10, 2)
        said = QLabel(f"{value}{unit}")
        said.setMinimumWidth(44)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, most)
        slider.setValue(value)
        slider.setFixedWidth(110)
        slider.valueChanged.connect(lambda v: said.setText(f"{v}{unit}"))
        slider.sliderReleased.connect(lambda: work(slider.value()))
        slider.actionTriggered.connect(
            lambda _: None if slider.isSliderDown() else work(slider.sliderPosition())
        )
        for part in (QLabel(words), slider, said):
            line.addWidget(part)
        action = QWidgetAction(menu)
        action.setDefaultWidget(row)
        menu.addAction(action)

    def _command(self, menu: QMenu, name: str, checked: bool | None = None) -> None:
        command = BY_NAME[name]
        key = self.view.key_of(name)
        action = menu.addAction(f"{tr(command.words)}\t{key}" if key else tr(command.words))
        if checked is not None:
            action.setCheckable(True)
            action.setChecked(checked)
        action.triggered.connect(lambda _=False: self.view.do(name))


def _swatch(colour: tuple[float, float, float]) -> QIcon:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor.fromRgbF(*colour))
    return QIcon(pixmap)

"""The row above the images: a menu for each group of commands, and what the left button does."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from workstation.text import tr
from workstation.ui.command_map import CommandMap
from workstation.ui.named import named
from workstation.viewing.commands import BY_NAME, GROUPS

SHOWN = ("view", "window", "layout", "measure", "segment", "compare", "solid", "share")
_CONTEXT = ("window", "measure", "view", "compare", "share")


class Toolbar(QFrame):
    """Built from ``viewing.commands`` alone: a new command needs nothing here."""

    def __init__(self, commands: CommandMap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.commands = commands
        self.buttons: dict[str, QToolButton] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(6, 2, 6, 2)
        self._row.setSpacing(2)
        for group in SHOWN:
            button = named(QToolButton(), "group")
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            button.setMenu(QMenu(button))
            button.menu().aboutToShow.connect(lambda g=group: self._fill(g))
            self.buttons[group] = button
            self._row.addWidget(button)
        self._row.addStretch(1)
        commands.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Words of now; a group whose tool has the left button is marked and names it."""
        tool = self.commands.window.grid_.tool
        for group, button in self.buttons.items():
            button.setVisible(bool(self.commands.in_group(group)))
            chosen = bool(tool) and BY_NAME[tool].group == group
            words = tr(GROUPS[group])
            button.setText(f"● {words}: {tr(BY_NAME[tool].words)}" if chosen else words)
            button.setProperty("chosen", chosen)
            button.style().unpolish(button)
            button.style().polish(button)

    def _fill(self, group: str) -> None:
        menu = self.buttons[group].menu()
        menu.clear()
        self._add(menu, group)

    def _add(self, menu: QMenu, group: str) -> None:
        for name in self.commands.in_group(group):
            command = BY_NAME[name]
            action = QAction(tr(command.words), menu)
            # Shown only: the key itself is the shortcut's or the view's.
            key = QKeySequence(self.commands.key_of(name)).toString(
                QKeySequence.SequenceFormat.NativeText
            )
            if key:
                action.setText(f"{tr(command.words)}\t{key}")
            if command.tool:
                action.setCheckable(True)
                action.setChecked(self.commands.window.grid_.tool == name)
            action.triggered.connect(lambda _=False, n=name: self.commands.run(n))
            menu.addAction(action)

    def show_context_menu(self, place: QPoint) -> None:
        """What can be done with an image, at a place on the screen."""
        menu = QMenu(self)
        for group in _CONTEXT:
            if self.commands.in_group(group):
                self._add(menu.addMenu(tr(GROUPS[group])), group)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

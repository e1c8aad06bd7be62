"""The row above the images: tools of the left button, and a menu for each group of commands."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QWidget

from workstation.domain.errors import N_
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.command_map import CommandMap
from workstation.ui.icons import ICONS, icon
from workstation.ui.named import named
from workstation.viewing.commands import BY_NAME, GROUPS

SHOWN = ("view", "window", "layout", "measure", "segment", "compare", "solid", "share")
QUICK = ("", "distance", "angle", "ellipse", "rectangle", "probe", "arrow", "text")
ACTS = ("fit", "invert", "cine", "crosshair", "overlays", "next_stage")
WINDOW_TOOL = N_("Window width and level")
_CONTEXT = ("window", "measure", "segment", "view", "layout", "compare", "solid", "share")


class Toolbar(QFrame):
    """Built from ``viewing.commands`` alone: a new command needs nothing here.

    Where there is less room the words of the groups go first, then the quick buttons that the
    menus have anyway; the tool that has the left button is always seen and named.
    """

    def __init__(self, commands: CommandMap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.commands = commands
        self.buttons: dict[str, QToolButton] = {}
        self.quick: dict[str, QToolButton] = {}
        self.acts: dict[str, QToolButton] = {}
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
        for names, kept in ((QUICK, self.quick), (ACTS, self.acts)):
            for name in names:
                button = named(QToolButton(), "quick")
                button.setCheckable(kept is self.quick)
                button.clicked.connect(lambda _=False, n=name: self._press(n))
                kept[name] = button
                self._row.addWidget(button)
            self._row.addSpacing(8)
        for button in self.findChildren(QToolButton):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.chosen = named(QToolButton(), "group")
        self.chosen.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.chosen.setProperty("chosen", True)
        self.chosen.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.chosen.clicked.connect(lambda: self.commands.window.grid_.set_tool(""))
        self._row.insertWidget(len(SHOWN), self.chosen)
        commands.changed.connect(self.refresh)
        self.refresh()

    # --- words and icons

    def refresh(self) -> None:
        """Words, keys and the chosen tool of now."""
        tool = self.commands.window.grid_.tool
        side = theme.scaled(18)
        for group, button in self.buttons.items():
            button.setVisible(bool(self.commands.in_group(group)))
            words = tr(GROUPS[group])
            button.setIcon(icon(group))
            button.setIconSize(QSize(side, side))
            button.setText(words)
            button.setToolTip(words)
            button.setAccessibleName(words)
        for name, button in (*self.quick.items(), *self.acts.items()):
            words = tr(BY_NAME[name].words if name else WINDOW_TOOL)
            key = self.commands.key_of(name) if name else ""
            button.setIcon(icon(name))
            button.setIconSize(QSize(side, side))
            button.setToolTip(f"{words}  [{shown_key(key)}]" if key else words)
            button.setAccessibleName(words)
            if button.isCheckable():
                button.setChecked(name == tool)
        # A tool in hand is said in words too, with the way to put it away.
        self.chosen.setVisible(bool(tool))
        if tool:
            self.chosen.setIcon(icon(tool))
            self.chosen.setIconSize(QSize(side, side))
            self.chosen.setText(f"● {tr(BY_NAME[tool].words)}  ✕")
            self.chosen.setToolTip(tr("Put the tool away"))
            self.chosen.setAccessibleName(f"{tr(BY_NAME[tool].words)}, {tr('Put the tool away')}")
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Less room, fewer words."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Room for the icons of the groups: what is shown besides never holds a window wide."""
        each = theme.scaled(18) + 20
        shown = sum(bool(self.commands.in_group(group)) for group in SHOWN)
        return QSize(each * (shown + 2), super().minimumSizeHint().height())

    def _fit(self) -> None:
        room = self.width() - 24
        shown = [b for g, b in self.buttons.items() if self.commands.in_group(g)]
        both = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for button in shown:
            button.setToolButtonStyle(both)
        words = sum(button.sizeHint().width() + 2 for button in shown)
        if self.commands.window.grid_.tool:
            room -= self.chosen.sizeHint().width() + 2
        quick = [*self.quick.values(), *self.acts.values()]
        each = quick[0].sizeHint().width() + 2
        if words + each * len(quick) + 16 > room:
            for button in shown:
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            words = sum(button.sizeHint().width() + 2 for button in shown)
        fits = max(0, int((room - words - 16) // each))
        for number, button in enumerate(quick):
            button.setVisible(number < fits)

    # --- acting

    def _press(self, name: str) -> None:
        if name == "":
            self.commands.window.grid_.set_tool("")
        else:
            self.commands.run(name)
        self.refresh()

    def _fill(self, group: str) -> None:
        menu = self.buttons[group].menu()
        menu.clear()
        self._add(menu, group)

    def _add(self, menu: QMenu, group: str) -> None:
        tool = self.commands.window.grid_.tool
        last = None
        for name in self.commands.in_group(group):
            command = BY_NAME[name]
            kind = (command.tool, name.startswith("shape_"))
            if last is not None and kind != last:
                menu.addSeparator()
            last = kind
            action = QAction(tr(command.words), menu)
            if name in ICONS:
                action.setIcon(icon(name))
            # Shown only: the key itself is the shortcut's or the view's.
            key = shown_key(self.commands.key_of(name))
            if key:
                action.setText(f"{tr(command.words)}\t{key}")
            if command.tool:
                action.setCheckable(True)
                action.setChecked(tool == name)
            action.triggered.connect(lambda _=False, n=name: self.commands.run(n))
            menu.addAction(action)

    def show_context_menu(self, place: QPoint) -> None:
        """What can be done with an image, at a place on the screen."""
        menu = self.context_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    def context_menu(self) -> QMenu:
        """Series to show here, then the groups of commands."""
        menu = QMenu(self)
        window = self.commands.window
        shown = window.grid_.active_pane.content.stack_id
        series = menu.addMenu(icon("view"), tr("Series here"))
        for stack_id, thumb in window.strip.thumbs.items():
            stack = next(s for s in thumb.stacks if s.id == stack_id)
            words = tr(stack.role) if stack.role else stack.modality
            act = series.addAction(f"{words}　{stack.description}".strip("　"))
            act.setCheckable(True)
            act.setChecked(stack_id == shown)
            act.triggered.connect(lambda _=False, i=stack_id: window.grid_.show_stack(i))
        series.setEnabled(bool(window.strip.thumbs))
        menu.addSeparator()
        for group in _CONTEXT:
            if self.commands.in_group(group):
                self._add(menu.addMenu(icon(group), tr(GROUPS[group])), group)
        return menu


def shown_key(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)

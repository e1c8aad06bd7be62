"""Commands to what they do in this window, with the keys that they have now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut

from workstation.viewing.commands import BY_NAME, COMMANDS, keys_of

if TYPE_CHECKING:
    from workstation.ui.window import Window

# Keys that act only while a study is open: single letters must not fire in the search box.
_ROOM = frozenset(
    {"layout", "measure", "segment", "compare", "solid", "share", "finding", "report"}
)


class CommandMap(QObject):
    """Areas register what their window-wide commands do; views know their own."""

    changed = Signal()  # keys, or what can be done

    def __init__(self, window: Window, keys: Mapping[str, str] | None = None) -> None:
        super().__init__(window)
        self.window = window
        self._keys = dict(keys or {})
        self._acts: dict[str, Callable[[], None]] = {}
        self._off: set[str] = set()
        self._in_room = False
        self.shortcuts: dict[str, QShortcut] = {}

    # --- what can be done

    def register(self, name: str, act: Callable[[], None]) -> None:
        """Say what a command of ``viewing.commands`` does; its key works from now on."""
        command = BY_NAME[name]
        self._acts[name] = act
        if command.scope == "window":
            shortcut = QShortcut(QKeySequence(self.key_of(name)), self.window)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(lambda: self._acts[name]())
            self.shortcuts[name] = shortcut
            self._switch(name)

    def run(self, name: str) -> None:
        """Do a command as if its key had been pressed in the active view."""
        if name in self._off:
            return
        if name in self._acts:
            self._acts[name]()
            return
        pane = self.window.grid_.active_pane
        pane.slices.do(name)
        pane.slices.setFocus()

    def enable(self, name: str, on: bool) -> None:
        """Let a command's key act or not (while something else has that key)."""
        (self._off.discard if on else self._off.add)(name)
        self._switch(name)

    def enter_room(self, room: bool) -> None:
        """Commands of the reading room act only while it is shown."""
        self._in_room = room
        for name in self.shortcuts:
            self._switch(name)

    def _switch(self, name: str) -> None:
        if name in self.shortcuts:
            here = self._in_room or BY_NAME[name].group not in _ROOM
            self.shortcuts[name].setEnabled(here and name not in self._off)

    # --- keys

    def key_of(self, name: str) -> str:
        """The key a command has now, or empty."""
        return self._keys.get(name, BY_NAME[name].key)

    @property
    def own_keys(self) -> dict[str, str]:
        """Keys that are not those delivered, by command."""
        return dict(self._keys)

    def set_keys(self, keys: Mapping[str, str]) -> None:
        """Give commands other keys; those not named have their own again."""
        self._keys = dict(keys)
        for name, shortcut in self.shortcuts.items():
            shortcut.setKey(QKeySequence(self.key_of(name)))
        for pane in self.window.grid_.every_pane:
            pane.slices.keys = self.view_keys()
        self.changed.emit()

    def view_keys(self) -> dict[str, str]:
        """Key to command of what views do."""
        return self.keys_in("view")

    def keys_in(self, scope: str) -> dict[str, str]:
        """Key to command of one scope."""
        return keys_of(scope, self._keys)

    def in_group(self, group: str) -> list[str]:
        """Names of the commands of a group that can be done at all, in the table's order."""
        return [
            c.name
            for c in COMMANDS
            if c.group == group and (c.scope == "view" or c.name in self._acts)
        ]

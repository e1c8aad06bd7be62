"""The list of all keys and mouse gestures that `?` shows."""

from __future__ import annotations

from collections.abc import Callable

from workstation.domain.errors import N_
from workstation.text import tr
from workstation.viewing.commands import COMMANDS

MOUSE: tuple[tuple[str, str], ...] = (
    (N_("Left drag"), N_("Window width and level; paints while editing")),
    (N_("Middle drag"), N_("Pan")),
    (N_("Right drag"), N_("Zoom; erases while editing")),
    (N_("Right click"), N_("Menu")),
    (N_("Wheel"), N_("Slices")),
    (N_("Double-click"), N_("One view, and back")),
    (N_("Shift+move"), N_("Crosshair in all views")),
    ("0", N_("Automatic window")),
    ("1 2", N_("The file's own windows")),
    ("3 – 9", N_("Window presets")),
)
_SIGNS = {"Return": "Enter", "Up": "↑", "Down": "↓", "Left": "←", "Right": "→"}


def all_keys(key_of: Callable[[str], str]) -> list[tuple[str, str]]:
    """Every key and gesture with its words, in the language of now."""
    shown = []
    for command in COMMANDS:
        key = key_of(command.name)
        for name, sign in _SIGNS.items():
            key = key.replace(name, sign)
        if key:
            shown.append((key, tr(command.words)))
    return shown + [(tr(gesture), tr(words)) for gesture, words in MOUSE]

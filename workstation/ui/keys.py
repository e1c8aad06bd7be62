"""The list of all keys and mouse gestures that `?` shows, and which keys a command may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workstation.domain.errors import N_
from workstation.text import tr
from workstation.viewing.commands import BY_NAME, COMMANDS, GROUPS, clashes

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
POINTER: tuple[tuple[str, str], ...] = (
    (N_("Enter"), N_("With a tool: pointer moved by keys, then sets a point; twice ends a path")),
    (N_("Insert"), N_("The same without a tool, and while editing")),
    (N_("Arrows"), N_("Pointer by one pixel; with Shift by ten")),
    (N_("Enter on a chosen mark"), N_("Takes its points one after another; arrows move them")),
    (N_("Backspace"), N_("Last point back")),
    (N_("Esc"), N_("Gives up what is half drawn, then puts the tool away")),
)
FIXED = ((N_("Drawing by keys"), POINTER), (N_("Mouse and numbers"), MOUSE))
"""Groups of keys and gestures that cannot be changed."""
# Keys that mean something everywhere: the way from control to control, and number keys.
RESERVED = frozenset({"Tab", "Shift+Tab", "Backtab", "Shift+Backtab", *"0123456789"})
_SIGNS = {"Return": "Enter", "Up": "↑", "Down": "↓", "Left": "←", "Right": "→"}


def written(key: str) -> str:
    """A key in Qt's portable name as readers know it."""
    *held, last = key.split("+") if not key.endswith("+") else [*key[:-1].split("+")[:-1], "+"]
    return "+".join([*held, _SIGNS.get(last, last)])


def grouped_keys(key_of: Callable[[str], str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(group, its keys with their words), in the language of now; commands without key too."""
    groups = []
    for group, title in GROUPS.items():
        lines = [(written(key_of(c.name)), tr(c.words)) for c in COMMANDS if c.group == group]
        if lines:
            groups.append((tr(title), lines))
    for title, fixed in FIXED:
        groups.append((tr(title), [(tr(key), tr(words)) for key, words in fixed]))
    return groups


def taken_by(name: str, key: str, own: Mapping[str, str]) -> list[str]:
    """Commands that ``key`` would mean at the same time if the command ``name`` had it too."""
    asked = {**own, name: key}
    both = [(first, second) for k, first, second in clashes(asked) if k == key]
    return [one for pair in both for one in pair if one != name]


def why_not(name: str, key: str) -> str:
    """Why a command may not have a key, in words; empty where it may."""
    if key in RESERVED:
        return tr("{key} has a fixed meaning.", key=written(key))
    command = BY_NAME[name]
    bare = "+" not in key.removesuffix("+") and len(key) == 1 and key.isalnum()
    if bare and command.scope == "window" and command.group == "room":
        return tr("A letter alone would act while you type. Hold Ctrl or Alt, or take an F key.")
    return ""

"""Every command of the reading room: its name, key, words and where it belongs.

One table feeds the keyboard, the toolbar, the context menu and the list of all keys, so that
none of them can say something else than another. Keys are Qt's portable names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workstation.domain.errors import N_


@dataclass(frozen=True)
class Command:
    """name: what code calls it. words: English, a catalogue key. group: menu it stands in.

    scope: "view" acts on the view that has the keyboard, "window" anywhere in the reading room.
    tool: gives the left mouse button to what ``name`` says until another tool is chosen.
    while_painting: its key means this only while a mask is being painted, and may mean something
    else otherwise.
    """

    name: str
    key: str
    words: str
    group: str
    scope: str = "view"
    tool: bool = False
    while_painting: bool = False


GROUPS: dict[str, str] = {
    "view": N_("View"),
    "window": N_("Window"),
    "layout": N_("Layout"),
    "measure": N_("Measure"),
    "segment": N_("Segment"),
    "compare": N_("Compare"),
    "solid": N_("3D"),
    "share": N_("Share"),
    "finding": N_("Finding"),
    "report": N_("Report"),
    "room": N_("Room"),
}
"""Menus in the order in which the toolbar shows them."""

COMMANDS: tuple[Command, ...] = (
    Command("slice_back", "Up", N_("Slice back"), "view"),
    Command("slice_on", "Down", N_("Slice on"), "view"),
    Command("ten_back", "Shift+Up", N_("Ten slices back"), "view"),
    Command("ten_on", "Shift+Down", N_("Ten slices on"), "view"),
    Command("slice_first", "Home", N_("First slice"), "view"),
    Command("slice_last", "End", N_("Last slice"), "view"),
    Command("phase_back", "Left", N_("Phase back"), "view"),
    Command("phase_on", "Right", N_("Phase on"), "view"),
    Command("cine", "C", N_("Cine"), "view"),
    Command("plane", "P", N_("Next plane"), "view"),
    Command("slab", "M", N_("Thick slab"), "view"),
    Command("fit", "F", N_("Fit"), "view"),
    Command("crosshair", "L", N_("Crosshair on, off"), "view"),
    Command("overlays", "Space", N_("Overlays on, off"), "view"),
    Command("invert", "I", N_("Invert"), "window"),
    Command("layout_grid", "F5", N_("Four views"), "layout", "window"),
    Command("layout_single", "F6", N_("One view"), "layout", "window"),
    Command("layout_mpr", "F7", N_("Three planes and 3D of the active series"), "layout", "window"),
    Command("next_series", "PgDown", N_("Next series"), "layout", "window"),
    Command("previous_series", "PgUp", N_("Previous series"), "layout", "window"),
    Command("distance", "D", N_("Distance"), "measure", tool=True),
    Command("brush_smaller", "[", N_("Brush smaller"), "segment"),
    Command("brush_larger", "]", N_("Brush larger"), "segment"),
    Command("eraser", "E", N_("Brush or eraser"), "segment", while_painting=True),
    Command("ball", "B", N_("Ball or disc"), "segment"),
    Command("accept", "A", N_("Accept the finding that has focus"), "finding", "window"),
    Command("edit", "E", N_("Edit its mask with the brush"), "finding", "window"),
    Command("reject", "X", N_("Reject it"), "finding", "window"),
    Command("next_finding", "J", N_("Next finding"), "finding", "window"),
    Command("previous_finding", "K", N_("Previous finding"), "finding", "window"),
    Command("add_finding", "N", N_("New finding at the crosshair"), "finding", "window"),
    Command("finish", "Return", N_("Finish editing"), "finding", "window"),
    Command("undo", "Ctrl+Z", N_("Undo"), "report", "window"),
    Command("redo", "Ctrl+Y", N_("Redo"), "report", "window"),
    Command(
        "sign", "Ctrl+Return", N_("Sign the report, or add to a signed one"), "report", "window"
    ),
    Command("worklist", "F2", N_("Worklist, and back to the study"), "room", "window"),
    Command("search", "Ctrl+F", N_("Search the worklist"), "room", "window"),
    Command("import", "Ctrl+O", N_("Import a folder"), "room", "window"),
    Command("import_files", "Ctrl+Shift+O", N_("Import files or ZIP"), "room", "window"),
    Command("language", "Ctrl+L", N_("Switch language"), "room", "window"),
    Command("keys", "?", N_("All keys"), "room", "window"),
)

BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}
TOOLS: frozenset[str] = frozenset(command.name for command in COMMANDS if command.tool)


def keys_of(scope: str, changed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Key to command name of one scope; ``changed``: command name to the reader's own key."""
    own = changed or {}
    keys = {own.get(c.name, c.key): c.name for c in COMMANDS if c.scope == scope}
    keys.pop("", None)
    return keys


def clashes(changed: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """(key, command, command) wherever one key would mean two things at the same time."""
    own = changed or {}
    taken: dict[tuple[str, bool], str] = {}
    found = []
    for command in COMMANDS:
        key = own.get(command.name, command.key)
        if not key:
            continue
        place = (key, command.while_painting)
        if place in taken:
            found.append((key, taken[place], command.name))
        taken[place] = command.name
    return found

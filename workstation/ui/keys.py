"""Keys of the window, and the list of all keys that `?` shows."""

from __future__ import annotations

from workstation.domain.errors import N_
from workstation.text import tr

WINDOW_KEYS: dict[str, tuple[str, str]] = {
    # action: key (Qt's portable name), words
    "accept": ("A", N_("Accept the finding that has focus")),
    "edit": ("E", N_("Edit its mask with the brush")),
    "reject": ("X", N_("Reject it")),
    "next_finding": ("J", N_("Next finding")),
    "previous_finding": ("K", N_("Previous finding")),
    "add_finding": ("N", N_("New finding at the crosshair")),
    "finish": ("Return", N_("Finish editing")),
    "undo": ("Ctrl+Z", N_("Undo the last stroke")),
    "redo": ("Ctrl+Y", N_("Redo")),
    "sign": ("Ctrl+Return", N_("Sign the report, or add to a signed one")),
    "next_series": ("PgDown", N_("Next series")),
    "previous_series": ("PgUp", N_("Previous series")),
    "layout_grid": ("F5", N_("Four views")),
    "layout_single": ("F6", N_("One view")),
    "layout_mpr": ("F7", N_("Three planes and 3D of the active series")),
    "worklist": ("F2", N_("Worklist, and back to the study")),
    "search": ("Ctrl+F", N_("Search the worklist")),
    "import": ("Ctrl+O", N_("Import a folder")),
    "import_files": ("Ctrl+Shift+O", N_("Import files or ZIP")),
    "language": ("Ctrl+L", N_("Switch language")),
    "keys": ("?", N_("All keys")),
}

OTHER_KEYS: tuple[tuple[str, str], ...] = (
    (N_("Left drag"), N_("Window width and level; paints while editing")),
    (N_("Middle drag"), N_("Pan")),
    (N_("Right drag"), N_("Zoom; erases while editing")),
    (N_("Wheel"), N_("Slices")),
    (N_("Double-click"), N_("One view, and back")),
    (N_("Shift+move"), N_("Crosshair in all views")),
    ("↑ ↓", N_("Slice back, on")),
    ("Shift+↑ ↓", N_("Ten slices")),
    ("Home End", N_("First, last slice")),
    ("← →", N_("Phase back, on")),
    ("0", N_("Automatic window")),
    ("1 2", N_("The file's own windows")),
    ("3 – 9", N_("Window presets")),
    ("I", N_("Invert")),
    ("C", N_("Cine")),
    ("P", N_("Next plane")),
    ("M", N_("Thick slab")),
    ("D", N_("Distance")),
    ("F", N_("Fit")),
    ("Space", N_("Overlays on, off")),
    ("[ ]", N_("Brush smaller, larger")),
    (N_("E while editing"), N_("Brush or eraser")),
)


def all_keys() -> list[tuple[str, str]]:
    """Every key and gesture with its words, in the language of now."""
    own = [(key.replace("Return", "Enter"), tr(words)) for key, words in WINDOW_KEYS.values()]
    return own + [(tr(key), tr(words)) for key, words in OTHER_KEYS]

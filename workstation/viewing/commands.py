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

    scope: "view" acts on the view that has the keyboard, "window" anywhere in the reading room,
    "solid" on a 3D view, whose keys win over all others while it has the keyboard.
    tool: gives the left mouse button to what ``name`` says until another tool is chosen.
    while_painting: its key means this only while a mask is being painted, and may mean something
    else otherwise. also: further keys of a view's command; they give way to shortcuts.
    """

    name: str
    key: str
    words: str
    group: str
    scope: str = "view"
    tool: bool = False
    while_painting: bool = False
    also: tuple[str, ...] = ()


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
    Command("cine_faster", "=", N_("Cine faster"), "view"),
    Command("cine_slower", "-", N_("Cine slower"), "view"),
    Command("plane", "P", N_("Next plane"), "view"),
    Command("slab", "M", N_("Thick slab"), "view"),
    Command("slab_thicker", "Ctrl+Up", N_("Slab thicker"), "view"),
    Command("slab_thinner", "Ctrl+Down", N_("Slab thinner"), "view"),
    Command("slab_kind", "Shift+M", N_("MIP, MinIP or mean"), "view"),
    Command("slab_typed", "Ctrl+M", N_("Slab thickness in mm ..."), "view"),
    Command("turn_left", "Alt+Left", N_("Turn the other planes to the left"), "view"),
    Command("turn_right", "Alt+Right", N_("Turn the other planes to the right"), "view"),
    Command("tilt_up", "Alt+Up", N_("Tilt all planes up"), "view"),
    Command("tilt_down", "Alt+Down", N_("Tilt all planes down"), "view"),
    Command("straighten", "Shift+F", N_("Planes as they were before turning"), "view"),
    Command("curved", "Ctrl+K", N_("Curved reformat along a centreline"), "view", "window"),
    Command("centreline", "Ctrl+Shift+K", N_("Points of the centreline"), "view", tool=True),
    Command("centreline_reverse", "", N_("Centreline the other way round"), "view"),
    Command("curved_back", "Ctrl+Shift+Up", N_("Back along the centreline"), "view"),
    Command("curved_on", "Ctrl+Shift+Down", N_("On along the centreline"), "view"),
    Command("curved_left", "Ctrl+Shift+Left", N_("Turn the straightened view left"), "view"),
    Command("curved_right", "Ctrl+Shift+Right", N_("Turn the straightened view right"), "view"),
    Command("fit", "F", N_("Fit"), "view"),
    Command("crosshair", "L", N_("Crosshair on, off"), "view"),
    Command(
        "compare", "Shift+P", N_("Earlier study beside this one, and back"), "compare", "window"
    ),
    Command("align", "Alt+R", N_("Register the two series, or stop"), "compare", "window"),
    Command("align_here", "Alt+L", N_("Link both views as they are now"), "compare", "window"),
    Command("align_accept", "Alt+A", N_("Accept the registration"), "compare", "window"),
    Command("align_undo", "Alt+U", N_("Take the alignment back"), "compare", "window"),
    Command("same_plane", "Alt+P", N_("Cut the other study in this plane"), "compare", "window"),
    Command("fuse", "Ctrl+U", N_("Lay another series over this one ..."), "compare", "window"),
    Command("unfuse", "", N_("Take the overlay away"), "compare", "window"),
    Command("fusion_less", "Ctrl+Left", N_("Overlay less opaque"), "compare"),
    Command("fusion_more", "Ctrl+Right", N_("Overlay more opaque"), "compare"),
    Command("fusion_colours", "Shift+U", N_("Next colours of the overlay"), "compare"),
    Command("fusion_wipe", "Shift+W", N_("Wipe between image and overlay"), "compare"),
    Command("fusion_hide", "U", N_("Overlay on, off"), "compare"),
    Command("objects", "", N_("Others' segments and states on, off"), "view", "window"),
    Command("overlay_planes", "", N_("Overlays stored with the image on, off"), "view", "window"),
    Command(
        "subtract", "Ctrl+Shift+D", N_("Subtract a phase or a series ..."), "compare", "window"
    ),
    Command("overlays", "Space", N_("Overlays on, off"), "view"),
    Command("invert", "I", N_("Invert"), "window"),
    Command("layout_grid", "F5", N_("All views"), "layout", "window"),
    Command("layout_single", "F6", N_("One view"), "layout", "window"),
    Command("layout_mpr", "F7", N_("Three planes and 3D of the active series"), "layout", "window"),
    Command("workspace_brain", "Alt+1", N_("Workspace: brain"), "layout", "window"),
    Command("workspace_vessel", "Alt+2", N_("Workspace: vessels"), "layout", "window"),
    Command("workspace_heart", "Alt+3", N_("Workspace: heart"), "layout", "window"),
    Command("next_stage", ".", N_("Next stage of the protocol"), "layout", "window"),
    Command("previous_stage", ",", N_("Stage before"), "layout", "window"),
    Command("hangings", "F8", N_("Hanging protocols ..."), "layout", "window"),
    Command("shape_1x1", "", N_("1 view"), "layout", "window"),
    Command("shape_1x2", "", N_("2 views side by side"), "layout", "window"),
    Command("shape_2x1", "", N_("2 views one above the other"), "layout", "window"),
    Command("shape_1x3", "", N_("3 views side by side"), "layout", "window"),
    Command("shape_2x2", "", N_("2 x 2 views"), "layout", "window"),
    Command("shape_2x3", "", N_("2 x 3 views"), "layout", "window"),
    Command("shape_3x3", "", N_("3 x 3 views"), "layout", "window"),
    Command("shape_2x4", "", N_("2 x 4 views"), "layout", "window"),
    Command("shape_3x4", "", N_("3 x 4 views"), "layout", "window"),
    Command("next_view", "Ctrl+Tab", N_("Next view"), "layout", "window"),
    Command("previous_view", "Ctrl+Shift+Tab", N_("View before"), "layout", "window"),
    Command("next_series", "PgDown", N_("Next series"), "layout", "window"),
    Command("previous_series", "PgUp", N_("Previous series"), "layout", "window"),
    Command("distance", "D", N_("Distance"), "measure", tool=True),
    Command("path", "Y", N_("Path"), "measure", tool=True),
    Command("angle", "G", N_("Angle"), "measure", tool=True),
    Command("cobb", "Shift+G", N_("Cobb angle"), "measure", tool=True),
    Command("two_diameters", "Shift+D", N_("Two diameters"), "measure", tool=True),
    Command("rectangle", "Shift+R", N_("Rectangle"), "measure", tool=True),
    Command("ellipse", "O", N_("Ellipse"), "measure", tool=True),
    Command("freehand", "Shift+O", N_("Freehand region"), "measure", tool=True),
    Command("paint_region", "Shift+B", N_("Paint a region"), "measure", tool=True),
    Command("probe", "Q", N_("Value at a point"), "measure", tool=True),
    Command("arrow", "W", N_("Arrow"), "measure", tool=True),
    Command("text", "T", N_("Text note"), "measure", tool=True),
    Command("cardiothoracic", "Shift+T", N_("Cardiothoracic ratio"), "measure", tool=True),
    Command("calibration", "", N_("Calibration line"), "measure", tool=True),
    Command("next_mark", "Alt+M", N_("Next mark"), "measure", "window"),
    Command("previous_mark", "Alt+Shift+M", N_("Mark before"), "measure", "window"),
    Command("delete_mark", "Del", N_("Delete the chosen mark"), "measure", also=("Backspace",)),
    Command("cancel_mark", "Esc", N_("Cancel drawing, or put the tool away"), "measure"),
    Command("end_mark", "", N_("End the path being drawn"), "measure", also=("Return", "Enter")),
    Command("analyses", "Ctrl+Shift+M", N_("Measures by formula"), "measure", "window"),
    Command("segment_brush", "Ctrl+1", N_("Brush"), "segment", tool=True),
    Command("segment_eraser", "Ctrl+2", N_("Eraser"), "segment", tool=True),
    Command("segment_threshold", "Ctrl+3", N_("Threshold brush"), "segment", tool=True),
    Command("segment_scissors", "Ctrl+4", N_("Scissors"), "segment", tool=True),
    Command("segment_islands", "Ctrl+5", N_("Islands"), "segment", tool=True),
    Command("segment_grow", "Ctrl+6", N_("Grow"), "segment", tool=True),
    Command("segment_add", "Shift+N", N_("New segment"), "segment", "window"),
    Command("segment_next", "Shift+J", N_("Next segment"), "segment", "window"),
    Command("segment_previous", "Shift+K", N_("Previous segment"), "segment", "window"),
    Command("segment_largest", "", N_("Keep largest"), "segment", "window"),
    Command("segment_between", "", N_("Fill between slices"), "segment", "window"),
    Command("segment_holes", "", N_("Fill holes"), "segment", "window"),
    Command("segment_smooth", "", N_("Smooth"), "segment", "window"),
    Command("segment_larger", "", N_("Grow margin"), "segment", "window"),
    Command("segment_smaller", "", N_("Shrink margin"), "segment", "window"),
    Command("segment_range", "", N_("Add all values in range"), "segment", "window"),
    Command(
        "segment_take", "", N_("Take segments of the chosen object to edit"), "segment", "window"
    ),
    Command("segment_finding", "", N_("Make finding"), "segment", "window"),
    Command("brush_smaller", "[", N_("Brush smaller"), "segment"),
    Command("brush_larger", "]", N_("Brush larger"), "segment"),
    Command("eraser", "E", N_("Brush or eraser"), "segment", while_painting=True),
    Command("ball", "B", N_("Ball or disc"), "segment"),
    Command("solid_front", "A", N_("From the front"), "solid", "solid"),
    Command("solid_back", "P", N_("From the back"), "solid", "solid"),
    Command("solid_left", "L", N_("From the left"), "solid", "solid"),
    Command("solid_right", "R", N_("From the right"), "solid", "solid"),
    Command("solid_head", "H", N_("From above"), "solid", "solid"),
    Command("solid_feet", "F", N_("From below"), "solid", "solid"),
    Command("solid_fit", "Home", N_("Whole volume in the view"), "solid", "solid"),
    Command("solid_turntable", "C", N_("Turntable"), "solid", "solid"),
    Command("solid_turn", "T", N_("Turn with the left button"), "solid", "solid"),
    Command("solid_brightness", "W", N_("Shift the look with the left button"), "solid", "solid"),
    Command("solid_scissors", "S", N_("Scissors: remove inside"), "solid", "solid"),
    Command("solid_keep", "Shift+S", N_("Scissors: remove outside"), "solid", "solid"),
    Command("solid_crop", "B", N_("Crop box"), "solid", "solid"),
    Command("solid_slab", "M", N_("Crop to the slab of the slice view"), "solid", "solid"),
    Command("solid_seen", "Shift+M", N_("Crop to what the slice views show"), "solid", "solid"),
    Command("solid_cut_axial", "Shift+H", N_("Cut at crosshair: axial"), "solid", "solid"),
    Command("solid_cut_sagittal", "Shift+L", N_("Cut at crosshair: sagittal"), "solid", "solid"),
    Command("solid_cut_coronal", "Shift+A", N_("Cut at crosshair: coronal"), "solid", "solid"),
    Command("solid_undo", "Ctrl+Z", N_("Take back the last cut"), "solid", "solid"),
    Command("solid_uncut", "Backspace", N_("Remove all cuts"), "solid", "solid"),
    Command(
        "solid_go_left",
        "Left",
        N_("By keys: left (Shift finely)"),
        "solid",
        "solid",
        also=("Shift+Left",),
    ),
    Command(
        "solid_go_right",
        "Right",
        N_("By keys: right (Shift finely)"),
        "solid",
        "solid",
        also=("Shift+Right",),
    ),
    Command(
        "solid_go_up", "Up", N_("By keys: up (Shift finely)"), "solid", "solid", also=("Shift+Up",)
    ),
    Command(
        "solid_go_down",
        "Down",
        N_("By keys: down (Shift finely)"),
        "solid",
        "solid",
        also=("Shift+Down",),
    ),
    Command(
        "solid_corner",
        "Return",
        N_("Next face of the crop box; corner of the scissors"),
        "solid",
        "solid",
        also=("Enter",),
    ),
    Command("solid_stop", "Esc", N_("Take back a corner, or put the tool away"), "solid", "solid"),
    Command("solid_volume", "V", N_("Volume on, off"), "solid", "solid"),
    Command("key_image", "K", N_("Key image on, off"), "share", "window"),
    Command("print", "Ctrl+P", N_("Print images ..."), "share", "window"),
    Command("share_view", "Ctrl+S", N_("Save a picture of the view ..."), "share", "window"),
    Command("share_views", "Ctrl+Shift+S", N_("Save all views ..."), "share", "window"),
    Command("share_film", "", N_("Save a film of the view ..."), "share", "window"),
    Command("accept", "A", N_("Accept the finding that has focus"), "finding", "window"),
    Command("edit", "E", N_("Edit its mask with the brush"), "finding", "window"),
    Command("reject", "X", N_("Reject it"), "finding", "window"),
    Command("next_finding", "J", N_("Next finding"), "finding", "window"),
    Command("previous_finding", "Ctrl+J", N_("Previous finding"), "finding", "window"),
    Command("add_finding", "N", N_("New finding at the crosshair"), "finding", "window"),
    Command(
        "contour_structure", "Ctrl+Alt+S", N_("Outline the next structure"), "finding", "window"
    ),
    Command(
        "contours_between",
        "Ctrl+Alt+I",
        N_("Interpolate outlines between drawn slices and phases"),
        "finding",
        "window",
    ),
    Command("finish", "Return", N_("Finish editing"), "finding", "window"),
    Command("undo", "Ctrl+Z", N_("Undo"), "report", "window"),
    Command("redo", "Ctrl+Y", N_("Redo"), "report", "window"),
    Command(
        "sign", "Ctrl+Return", N_("Sign the report, or add to a signed one"), "report", "window"
    ),
    Command("patient_page", "Ctrl+Shift+H", N_("Page for the patient ..."), "report", "window"),
    Command(
        "patient_screen",
        "Shift+F9",
        N_("Page for the patient on a second screen, and back"),
        "report",
        "window",
    ),
    Command("worklist", "F2", N_("Worklist, and back to the study"), "room", "window"),
    Command("search", "Ctrl+F", N_("Search the worklist"), "room", "window"),
    Command("import", "Ctrl+O", N_("Import a folder"), "room", "window"),
    Command("import_files", "Ctrl+Shift+O", N_("Import files or ZIP"), "room", "window"),
    Command("models", "F4", N_("Models, and back"), "room", "window"),
    Command("report_apart", "F9", N_("Report in a window of its own, and back"), "room", "window"),
    Command(
        "images_apart", "F10", N_("Images in a window of their own, and back"), "room", "window"
    ),
    Command("text_larger", "Ctrl+=", N_("Larger text"), "room", "window"),
    Command("text_smaller", "Ctrl+-", N_("Smaller text"), "room", "window"),
    Command("text_usual", "Ctrl+0", N_("Text in its usual size"), "room", "window"),
    Command("test_pattern", "", N_("Test pattern of the screen ..."), "room", "window"),
    Command("language", "Ctrl+L", N_("Switch language"), "room", "window"),
    Command("keys", "?", N_("All keys"), "room", "window"),
)

BY_NAME: dict[str, Command] = {command.name: command for command in COMMANDS}
TOOLS: frozenset[str] = frozenset(command.name for command in COMMANDS if command.tool)


def keys_of(scope: str, changed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Key to command name of one scope; ``changed``: command name to the reader's own key."""
    own = changed or {}
    keys = {key: c.name for c in COMMANDS if c.scope == scope for key in c.also}
    keys |= {own.get(c.name, c.key): c.name for c in COMMANDS if c.scope == scope}
    keys.pop("", None)
    return keys


def clashes(changed: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """(key, command, command) wherever one key would mean two things at the same time."""
    own = changed or {}
    taken: dict[tuple[str, bool, bool], str] = {}
    found = []
    for command in COMMANDS:
        key = own.get(command.name, command.key)
        if not key:
            continue
        place = (key, command.while_painting, command.scope == "solid")
        if place in taken:
            found.append((key, taken[place], command.name))
        taken[place] = command.name
    return found

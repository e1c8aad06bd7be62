"""What the commands of group "solid" do to a 3D view."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeyEvent, QKeySequence

from workstation.domain.plane import PlaneKind
from workstation.viewing.solid_camera import look_from, seen_from

if TYPE_CHECKING:
    from workstation.ui.volume_view import VolumeView

SIDES = {
    "solid_front": "A",
    "solid_back": "P",
    "solid_left": "L",
    "solid_right": "R",
    "solid_head": "H",
    "solid_feet": "F",
}
CUTS = {
    "solid_cut_axial": PlaneKind.AXIAL,
    "solid_cut_sagittal": PlaneKind.SAGITTAL,
    "solid_cut_coronal": PlaneKind.CORONAL,
}
TOOLS = ("solid_turn", "solid_brightness", "solid_scissors", "solid_keep", "solid_crop")


def perform(view: VolumeView, action: str) -> bool:
    """Do a command; False where it is none of a 3D view."""
    look, volume = view.look, view.volume
    if look is None or volume is None:
        return False
    if action in SIDES:
        view.set_look(replace(look, camera=seen_from(look.camera, SIDES[action])))
    elif action in CUTS:
        view.model.change_cut(look.with_next_half(CUTS[action]))
    elif action in TOOLS:
        view.model.set_tool(action)
    elif action == "solid_fit":
        whole = look_from(volume.grid)
        camera = replace(look.camera, target_mm=whole.target_mm, half_mm=whole.half_mm)
        view.set_look(replace(look, camera=camera))
    elif action == "solid_turntable":
        view.set_spinning(not view.spinning)
    elif action == "solid_undo":
        view.model.undo_cut()
    elif action == "solid_uncut":
        view.model.change_cut(replace(look.uncut(), peel_mm=0.0))
    elif action == "solid_volume":
        view.set_look(replace(look, solid=not look.solid))
    elif action == "solid_slab":
        view.slab_wanted.emit()
    elif action == "solid_seen":
        view.seen_wanted.emit()
    else:
        return view.mouse.hand.perform(action)
    return True


def key_text(event: QKeyEvent) -> str:
    """A key as commands name it; the number pad counts as the row of digits."""
    text = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
    return text.removeprefix("Num+")

"""What commands of the group "view" do to a slice view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstation.domain.plane import PlaneKind
from workstation.viewing.viewport import Projection, Slab

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

_PLANES = (PlaneKind.ACQUIRED, PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)
_SLABS = (
    Slab(),
    Slab(10.0, Projection.MAX),
    Slab(20.0, Projection.MAX),
    Slab(30.0, Projection.MAX),
    Slab(10.0, Projection.MEAN),
    Slab(10.0, Projection.MIN),
)
_SCROLLS = {"slice_back": -1, "slice_on": 1, "ten_back": -10, "ten_on": 10}


def perform(view: SliceView, action: str) -> bool:
    """Do ``action`` in ``view``; False where it means nothing there."""
    viewport = view.viewport
    if action in _SCROLLS:
        viewport.scroll(_SCROLLS[action])
    elif action == "slice_first":
        viewport.go_to_slice(0)
    elif action == "slice_last":
        viewport.go_to_slice(viewport.steps.count - 1)
    elif action == "invert":
        viewport.toggle_invert()
    elif action == "overlays":
        viewport.toggle_overlays()
    elif action == "fit":
        viewport.fit()
    elif action == "cine":
        view.set_playing(not view.playing)
    elif action == "plane":
        position = _PLANES.index(viewport.kind) if viewport.kind in _PLANES else -1
        view.link.orientation.set_plane(viewport, _PLANES[(position + 1) % len(_PLANES)])
    elif action == "slab":
        position = _SLABS.index(viewport.slab) if viewport.slab in _SLABS else -1
        viewport.set_slab(_SLABS[(position + 1) % len(_SLABS)])
    elif action == "crosshair":
        view.link.toggle_visible()
    elif action in ("phase_on", "phase_back") and view.phases > 1:
        step = 1 if action == "phase_on" else -1
        view.phase_wanted.emit((view.phase + step) % view.phases)
    else:
        return False
    return True

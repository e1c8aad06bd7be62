"""What stands under the mouse of a slice view, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from workstation.domain.geometry import Floats
from workstation.ui.slice_overlay import unit_sign

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView


def readout(view: SliceView) -> str:
    """The value under the mouse with its unit, then what each layer says of the place."""
    place, volume = view.mouse.hover, view.viewport.volume
    if place is None or volume is None:
        return ""
    lps = view.lps_at(place)
    words = [layer.readout(lps) for layer in view.layers]
    value = _value_at(view, place, lps)
    if value is not None:
        words.insert(0, f"{value:.4g} {unit_sign(volume.stack.unit)}".rstrip())
    return "  ·  ".join(w for w in words if w)


def _value_at(view: SliceView, place: QPointF, lps: Floats) -> float | None:
    """The nearest stored voxel; of a thick slab what is projected, which is no one voxel's."""
    volume, image = view.viewport.volume, view.viewport.acquired_image
    if volume is not None and image is not None:
        return volume.acquired_value(image, lps)
    if view.viewport.slab.thickness_mm == 0:
        return view.viewport.value_at(lps)
    ratio = view.devicePixelRatioF()
    return view.picture.value_at(int(place.x() * ratio), int(place.y() * ratio))

"""Findings' masks as surfaces of the 3D view."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QColor

from workstation.domain.finding import FindingState
from workstation.domain.volume import Stack
from workstation.ui import theme
from workstation.ui.solid_painter import SolidMask
from workstation.viewing.overlay import Overlay


def surfaces_of(overlays: Sequence[Overlay], stack: Stack | None) -> tuple[SolidMask, ...]:
    """Masks that lie in a stack's patient space, in the colour of their state; none rejected."""
    if stack is None:
        return ()
    made = []
    for overlay in overlays:
        if overlay.array is None or overlay.grid is None:
            continue
        if overlay.state is FindingState.REJECTED:
            continue
        if overlay.stack_id != stack.id and overlay.frame != stack.frame_of_reference_uid:
            continue
        if overlay.stack_id != stack.id and not overlay.frame:
            continue  # no frame of reference: the same millimetres may be another place
        colour = QColor(theme.STATE_COLOURS[overlay.state])
        rgb = (colour.redF(), colour.greenF(), colour.blueF())
        # A mask under the brush changes in place: a copy of now keeps surface and mask together.
        array = overlay.array.copy() if overlay.editing else overlay.array
        made.append(SolidMask(overlay.id, overlay.label, array, overlay.grid, rgb))
    return tuple(made)

"""Findings' masks as surfaces of the 3D view."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from PySide6.QtGui import QColor

from workstation.domain.finding import FindingState
from workstation.domain.volume import Stack
from workstation.ui import theme
from workstation.ui.solid_painter import SolidMask
from workstation.viewing.overlay import Overlay

_strokes = itertools.count(1)


def surfaces_of(overlays: Sequence[Overlay], stack: Stack | None) -> tuple[SolidMask, ...]:
    """Masks that lie in a stack's patient space, in their own colour or that of their state.

    Rejected findings are left out.
    """
    if stack is None:
        return ()
    made = []
    for overlay in overlays:
        if overlay.array is None or overlay.grid is None or overlay.on_slices_alone:
            continue
        if overlay.state is FindingState.REJECTED:
            continue
        if overlay.stack_id != stack.id and overlay.frame != stack.frame_of_reference_uid:
            continue
        if overlay.stack_id != stack.id and not overlay.frame:
            continue  # no frame of reference: the same millimetres may be another place
        colour = QColor(overlay.colour or theme.STATE_COLOURS[overlay.state])
        label = f"{overlay.number} {overlay.label}" if overlay.colour else overlay.label
        rgb = (colour.redF(), colour.greenF(), colour.blueF())
        # A mask under the brush changes in place: its surface is made anew after each stroke.
        version = next(_strokes) if overlay.editing else 0
        made.append(SolidMask(overlay.id, label, overlay.array, overlay.grid, rgb, version))
    return tuple(made)

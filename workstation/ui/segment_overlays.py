"""Segments as views draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstation.domain.finding import FindingState
from workstation.domain.segment import pattern_of
from workstation.text import language
from workstation.viewing.overlay import Overlay

if TYPE_CHECKING:
    from workstation.ui.segment_desk import SegmentDesk


def overlays_of(desk: SegmentDesk) -> list[Overlay]:
    """Visible segments in the language of now; the active one shares the mask being painted."""
    drawn = []
    for segment in desk.list.segments:
        stack = desk.stack_of(segment)
        if stack is None or not segment.visible:
            continue
        voxels = desk.list.sheets[segment.id].voxels
        painting = desk.painting if segment.id == desk.active_id else None
        if painting is None and not voxels.voxels.size:
            continue
        x, y, z = (float(v) for v in voxels.grid.centre_lps)
        drawn.append(
            Overlay(
                id=segment.id,
                stack_id=segment.stack_id,
                frame=stack.frame_of_reference_uid,
                label=segment.name.in_language(language()),
                state=FindingState.ADDED,
                location_mm=(x, y, z),
                array=voxels.voxels if painting is None else painting.mask,
                grid=voxels.own_grid if painting is None else painting.grid,
                phase=segment.phase if stack.phases > 1 else None,
                focused=painting is not None,
                editing=painting is not None,
                colour=segment.colour,
                number=segment.number,
                pattern=pattern_of(segment.number),
            )
        )
    return drawn

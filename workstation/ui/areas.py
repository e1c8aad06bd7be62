"""Feature areas of the reading room: each installs its models, layers, tabs and commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workstation.ui import (
    analyses_area,
    bullseye_area,
    compare_area,
    contours_area,
    curved_area,
    fusion_area,
    marks_area,
    models_area,
    objects_area,
    organs_area,
    outlines_area,
    overlay_planes,
    patient_page_area,
    room_area,
    segment_area,
    share_area,
    solid_area,
    study_area,
    subtract_area,
    waiting_notice,
)

if TYPE_CHECKING:
    from workstation.ui.window import Window

AREAS: tuple[Callable[[Window], None], ...] = (
    room_area.install,  # first: its layers are asked last
    compare_area.install,
    fusion_area.install,
    curved_area.install,
    subtract_area.install,
    marks_area.install,
    overlay_planes.install,
    objects_area.install,
    solid_area.install,
    outlines_area.install,
    organs_area.install,
    contours_area.install,
    bullseye_area.install,
    segment_area.install,
    analyses_area.install,
    share_area.install,
    patient_page_area.install,
    waiting_notice.install,
    models_area.install,
    study_area.install,
)
"""Called once, in this order, when the window has been laid out."""

"""The line through the middle of a vessel, as a reader or an analysis placed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workstation.domain.mark import Point


@dataclass(frozen=True)
class Centreline:
    """Control points of one line in a stack's patient space.

    points_mm: LPS mm, in order along the line; the curve through them is that of
    ``viewing.centreline.Curve``. words: the reader's name for it, or empty.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    frame_of_reference_uid: str
    points_mm: tuple[Point, ...]
    by: str
    at: datetime
    words: str = ""

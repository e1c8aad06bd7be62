"""The 17 segments of the left ventricle as circles show them (Cerqueira et al., Circulation 2002;
105:539, AHA standard): the septum at the left, anterior on top, the apex in the middle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workstation.domain.errors import N_


@dataclass(frozen=True)
class Segment:
    """One segment. Angles in degrees, counter-clockwise from the right; radii of the whole 1."""

    number: int
    name: str
    inner: float
    outer: float
    start: float
    span: float

    @property
    def middle(self) -> tuple[float, float]:
        """Where its number stands: x to the right, y upwards, of a circle with radius 1."""
        if self.inner == 0.0:
            return 0.0, 0.0
        radius = (self.inner + self.outer) / 2
        angle = math.radians(self.start + self.span / 2)
        return radius * math.cos(angle), radius * math.sin(angle)


_RADII = (0.20, 0.46, 0.73, 1.0)
_BASAL = (
    N_("Basal anterior"),
    N_("Basal anteroseptal"),
    N_("Basal inferoseptal"),
    N_("Basal inferior"),
    N_("Basal inferolateral"),
    N_("Basal anterolateral"),
)
_MID = (
    N_("Mid anterior"),
    N_("Mid anteroseptal"),
    N_("Mid inferoseptal"),
    N_("Mid inferior"),
    N_("Mid inferolateral"),
    N_("Mid anterolateral"),
)
_APICAL = (N_("Apical anterior"), N_("Apical septal"), N_("Apical inferior"), N_("Apical lateral"))


def _ring(
    names: tuple[str, ...], first: int, inner: float, outer: float, start: float
) -> tuple[Segment, ...]:
    span = 360.0 / len(names)
    return tuple(
        Segment(first + n, name, inner, outer, (start + n * span) % 360.0, span)
        for n, name in enumerate(names)
    )


SEGMENTS: tuple[Segment, ...] = (
    *_ring(_BASAL, 1, _RADII[2], _RADII[3], 60.0),
    *_ring(_MID, 7, _RADII[1], _RADII[2], 60.0),
    *_ring(_APICAL, 13, _RADII[0], _RADII[1], 45.0),
    Segment(17, N_("Apex"), 0.0, _RADII[0], 0.0, 360.0),
)


def segment_at(x: float, y: float) -> Segment | None:
    """The segment at a place of the circle with radius 1, x to the right, y upwards."""
    radius, angle = math.hypot(x, y), math.degrees(math.atan2(y, x)) % 360.0
    for segment in SEGMENTS:
        turned = (angle - segment.start) % 360.0
        if segment.inner <= radius < segment.outer and turned < segment.span:
            return segment
    return None

"""How far one pixel step goes at a place of an image, and in what unit.

Most images have one scale, their pixel spacing. Ultrasound images have regions with scales of
their own (PS3.3 C.8.5.5): tissue in mm, M-mode in mm over seconds, spectra in cm/s over seconds;
beside the regions there are only pixels. A radiograph's scale may be the detector's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PIXELS = "px"


@dataclass(frozen=True)
class Region:
    """A rectangle of an ultrasound image with scales of its own.

    left, top, right, bottom: its outermost pixels, which belong to it. delta_x, delta_y: change
    of the quantity for one pixel to the right and one down, in unit_x and unit_y (UCUM; lengths
    are mm). origin_x, origin_y: the reference pixel, in pixels of the whole image; value_x,
    value_y: the quantities there. low: whether another region goes before it where they overlap.
    kind: tissue, colour flow, M-mode, waveform or spectrum ("" where not stated).
    """

    left: int
    top: int
    right: int
    bottom: int
    delta_x: float
    delta_y: float
    unit_x: str
    unit_y: str
    origin_x: float = 0.0
    origin_y: float = 0.0
    value_x: float = 0.0
    value_y: float = 0.0
    low: bool = False
    kind: str = ""

    def holds(self, x: float, y: float) -> bool:
        """Whether a place in pixels lies in it; pixel centres are whole numbers."""
        across = self.left - 0.5 <= x <= self.right + 0.5
        return across and self.top - 0.5 <= y <= self.bottom + 0.5

    def value_at(self, x: float, y: float) -> tuple[float, float]:
        """The quantities at a place, in unit_x and unit_y: seconds and cm/s in a spectrum."""
        return (
            self.value_x + (x - self.origin_x) * self.delta_x,
            self.value_y + (y - self.origin_y) * self.delta_y,
        )

    @property
    def scale(self) -> Scale:
        """What one pixel step is worth in it."""
        return Scale(abs(self.delta_x), abs(self.delta_y), self.unit_x, self.unit_y, self.kind)


@dataclass(frozen=True)
class Scale:
    """What one pixel step is worth: along a row (x, unit_x) and down a column (y, unit_y).

    kind: of the ultrasound region, "" elsewhere.
    """

    x: float
    y: float
    unit_x: str
    unit_y: str
    kind: str = ""

    @property
    def is_length(self) -> bool:
        """Whether both directions are mm, so that lengths, areas and angles mean something."""
        return self.unit_x == self.unit_y == "mm"


NO_SCALE = Scale(1.0, 1.0, PIXELS, PIXELS)
"""Where nothing is known: lengths are in pixels."""


@dataclass(frozen=True)
class Span:
    """The way from one place to another: across and down, each in its own unit.

    length: in ``unit``; None where the directions have different units.
    """

    across: float
    unit_across: str
    down: float
    unit_down: str

    @property
    def length(self) -> float | None:
        """Straight length in ``unit_across``."""
        if self.unit_across != self.unit_down:
            return None
        return math.hypot(self.across, self.down)


def region_at(regions: Sequence[Region], x: float, y: float) -> Region | None:
    """The region that counts at a place in pixels; of overlapping ones the smallest of the
    high-priority ones (Region Flags bit 0)."""
    found = [region for region in regions if region.holds(x, y)]
    if not found:
        return None
    return min(found, key=lambda r: (r.low, (r.right - r.left) * (r.bottom - r.top)))


def span(
    start: tuple[float, float], stop: tuple[float, float], at_start: Scale, at_stop: Scale
) -> Span:
    """The way between two places in pixels (x, y), given the scale at each.

    Between places of different scale only pixels can be counted.
    """
    scale = at_start if at_start == at_stop else NO_SCALE
    across, down = abs(stop[0] - start[0]), abs(stop[1] - start[1])
    return Span(across * scale.x, scale.unit_x, down * scale.y, scale.unit_y)

"""What the mouse does to a viewport: wheel steps, window drags."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workstation.viewing.window_level import Window


class WheelSteps:
    """Turns wheel movement into whole slices and loses none of it.

    A notch is 120 units; touchpads and fast wheels send any number at a time.
    """

    def __init__(self, unit: int = 120) -> None:
        self._unit = unit
        self._rest = 0

    def add(self, delta: int) -> int:
        """Whole steps that ``delta`` completes; the rest waits for the next call."""
        if delta * self._rest < 0:
            self._rest = 0  # turned back: start afresh, as the finger expects
        self._rest += delta
        steps = math.trunc(self._rest / self._unit)
        self._rest -= steps * self._unit
        return steps


@dataclass(frozen=True)
class WindowDrag:
    """Left drag: right widens, down raises the centre (darker), in proportion to the width."""

    start: Window
    whole: float = 400.0  # pixels that double the width

    def at(self, right_px: float, down_px: float, smallest: float) -> Window:
        """The window after dragging so far from where the button went down."""
        scale = self.start.width / self.whole
        width = max(self.start.width + right_px * scale * 2, smallest)
        return self.start.moved(self.start.centre + down_px * scale, width)

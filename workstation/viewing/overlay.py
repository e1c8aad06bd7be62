"""What is drawn over images: masks and marks of findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.finding import FindingState
from workstation.domain.geometry import Grid


@dataclass(frozen=True, eq=False)
class Overlay:
    """One finding or segment as drawn. id: its own. frame: frame of reference UID it belongs to.

    array: mask (z, y, x) on ``grid``, or None where the finding is only a place. stack_id and
    phase: what it was found on; ``phase`` None shows it in every phase. label: words and value
    already in the reader's language. editing: the mask is being painted (its array changes).
    colour: "#rrggbb" of a segment, with its number and fill pattern (``domain.segment``); a
    finding has none and is drawn in the colour of its state. on_slices_alone: not in 3D.
    """

    id: str
    stack_id: str
    frame: str
    label: str
    state: FindingState
    location_mm: tuple[float, float, float]
    array: NDArray[np.bool_] | None = None
    grid: Grid | None = None
    phase: int | None = None
    focused: bool = False
    editing: bool = False
    colour: str = ""
    number: int = 0
    pattern: str = "plain"
    on_slices_alone: bool = False

    def belongs_to(self, stack_id: str, frame: str, phase: int, slab_mm: float = 0.0) -> bool:
        """Whether an image of this stack, frame of reference and phase shows it.

        A thick slab of another series would be covered by everything in its depth: it shows none.
        """
        if slab_mm > 0 and stack_id != self.stack_id:
            return False
        if self.phase is not None and (stack_id != self.stack_id or phase != self.phase):
            return stack_id != self.stack_id and self._same_place(stack_id, frame)
        return self._same_place(stack_id, frame)

    def _same_place(self, stack_id: str, frame: str) -> bool:
        return stack_id == self.stack_id or (bool(self.frame) and frame == self.frame)

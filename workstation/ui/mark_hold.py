"""A mark held by mouse or keys: one of its points, the whole of it, or its words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF

from workstation.domain.geometry import Floats
from workstation.domain.mark import Mark, MarkKind, as_points
from workstation.viewing.mark_shapes import shifted, with_handle_at

if TYPE_CHECKING:
    from workstation.ui.marks_layer import MarksLayer

WHOLE, WORDS = -1, -2  # beside the numbers of its handles


class MarkHold:
    """What is held of which mark, and what it would be if let go now."""

    def __init__(self, layer: MarksLayer) -> None:
        self.layer = layer
        self.mark: Mark | None = None
        self.dragged: Mark | None = None
        self._handle = WHOLE
        self._start: Floats = np.zeros(3)
        self._corner: Floats = np.zeros(3)  # where the words stood

    def take(self, mark: Mark, handle: int, lps_mm: Floats) -> None:
        """Hold a handle of a mark, ``WHOLE`` or ``WORDS``, at a place."""
        self.mark, self._handle, self.dragged = mark, handle, None
        self._start = np.asarray(lps_mm, dtype=np.float64)
        box = self.layer.painter.labels.get(mark.id, QRectF())
        self._corner = self.layer.view.lps_at(box.topLeft())

    def drag_to(self, lps_mm: Floats) -> None:
        """Show the mark as it becomes with what is held at another place."""
        mark, by = self.mark, lps_mm - self._start
        if mark is None:
            return
        if self._handle >= 0:
            self.dragged = with_handle_at(mark, self._handle, lps_mm)
        elif self._handle == WORDS and mark.kind is not MarkKind.TEXT:
            self.dragged = replace(mark, label_mm=as_points((self._corner + by)[None])[0])
        else:
            self.dragged = shifted(mark, by)
        self.layer.board.show(self.dragged)

    def let_go(self, *, keep: bool = True) -> None:
        """End it: with the mark as it was shown, or as it was before."""
        held, dragged = self.mark, self.dragged
        self.mark = self.dragged = None
        if dragged is not None and keep:
            self.layer.board.keep(dragged)
        elif held is not None and dragged is not None:
            self.layer.board.show(None)

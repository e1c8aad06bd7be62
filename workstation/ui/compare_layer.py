"""What comparison writes on an image: of which day it is, and how it is linked to its partner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QWheelEvent

from workstation.domain.plane import Raster
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.ui.layer import Layer

if TYPE_CHECKING:
    from workstation.ui.compare_area import CompareArea
    from workstation.ui.pane import ViewPane

_ABOVE_LETTER = 56


class CompareLayer(Layer):
    """Dates in the middle below, the link in the corner; Alt and wheel scroll one view alone."""

    def __init__(self, pane: ViewPane, area: CompareArea) -> None:
        super().__init__(pane.slices)
        self._pane, self._area = pane, area
        self._halo = HaloText()

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The day of the study: an image of another day is never without it."""
        label = self._area.label(self._pane)
        if label is None:
            return
        words, prior, doubt = label
        middle = self.view.width() / 2
        bottom = float(self.view.height() - theme.scaled(_ABOVE_LETTER))
        colour = theme.PROPOSED if prior else theme.TEXT
        centre = Qt.AlignmentFlag.AlignHCenter
        font = theme.font(12, bold=True)
        # Above what stands in the corners where the view is too narrow for both.
        metrics = QFontMetricsF(font)
        box = QRectF(0, bottom, metrics.horizontalAdvance(words) + 6, metrics.height() + 2)
        box.moveLeft(middle - box.width() / 2)
        below = [b for b in self.view.written if b.intersects(box)]
        if below:
            bottom = min(b.top() for b in below) - box.height()
        self._halo.draw(painter, QPointF(middle, bottom), words, font, colour, centre)
        if doubt:
            above = QPointF(middle, bottom - theme.scaled(20))
            self._halo.draw(painter, above, "⚠ " + doubt, theme.font(10), theme.DANGER, centre)

    def texts(self) -> Sequence[tuple[str, str]]:
        """How this view is linked to the other, and what can be done about it."""
        return self._area.link_words(self._pane)

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """With Alt this view alone scrolls, and its offset to the other is kept."""
        if not event.modifiers() & Qt.KeyboardModifier.AltModifier:
            return False
        return self._area.scroll_alone(self._pane, -steps)

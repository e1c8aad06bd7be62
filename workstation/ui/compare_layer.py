"""What comparison writes on an image: of which day it is, and how it is linked to its partner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QWheelEvent

from workstation.domain.plane import Raster
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.compare_words import Line, alignment_words, key_line
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
        return link_words(self._area, self._pane)

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """With Alt this view alone scrolls, and its offset to the other is kept."""
        if not event.modifiers() & Qt.KeyboardModifier.AltModifier:
            return False
        return self._area.scroll_alone(self._pane, -steps)


def link_words(area: CompareArea, pane: ViewPane) -> list[Line]:
    """How a pane is linked to its partner of another frame of reference, and what it follows by an
    alignment that nobody has confirmed."""
    other = area.partner(pane)
    if not area.grid.link.on:
        return []
    key = area.window.commands.key_of
    if other is None or len(area.frames(pane, other)) == 1:
        found = area.alignments.unconfirmed_of(pane.viewport.frame, area.frames_on_screen())
        if found is not None:
            words = tr("Follows an automatic registration, unconfirmed")
            line = [("⚠ " + words, theme.PROPOSED)]
            return line + key_line(found, key("align_undo"), key("align_accept"))
    if other is None:
        return []
    frames = area.frames(pane, other)
    if area.alignments.running(frames):
        doing = tr("Registering {percent} %", percent=area.alignments.percent)
        return [(f"{doing}　[{key('align')}] {tr('stop')}", theme.FOCUS)]
    if len(frames) == 1:
        return [(tr("Linked by position"), theme.DIM)] if area.mixed() else []
    found = area.alignments.known.get(frames)
    if found is not None:
        return alignment_words(found, key("align_undo"), key("align_accept"))
    lines = [(tr("Not linked: another frame of reference"), theme.PROPOSED)]
    if frames in area.alignments.stale:
        lines.append((tr("The registration is out of date: a series changed"), theme.PROPOSED))
    if frames in area.alignments.refused:
        lines.append((area.alignments.refused[frames], theme.DANGER))
    hints = ((key("align"), tr("register")), (key("align_here"), tr("link here")))
    lines.append(("　".join(f"[{k}] {words}" for k, words in hints if k), theme.DIM))
    return lines

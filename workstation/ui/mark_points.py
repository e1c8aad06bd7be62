"""Points of the chosen mark, moved by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from workstation.domain.geometry import Floats
from workstation.domain.mark import Mark
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.key_pointer import WAYS
from workstation.ui.mark_hold import WHOLE, WORDS
from workstation.viewing.mark_shapes import handles_of, middle_of

if TYPE_CHECKING:
    from workstation.ui.marks_layer import MarksLayer


class MarkPoints:
    """Enter takes the first point, arrows move it, Enter keeps it and takes the next.

    After the points comes the mark as a whole, then its words. Esc puts back what was not kept.
    """

    def __init__(self, layer: MarksLayer) -> None:
        self.layer = layer
        self.mark: Mark | None = None
        self.stop = 0  # index in ``stops``
        self._place: Floats = np.zeros(3)

    @property
    def active(self) -> bool:
        """Whether keys move a point now."""
        return self.mark is not None

    @staticmethod
    def stops(mark: Mark) -> list[int]:
        """What Enter goes through: handles, the whole mark, its words."""
        handles = list(range(len(handles_of(mark))))
        return [*handles, *([WHOLE] if len(handles) > 1 else []), WORDS]

    def key(self, text: str) -> bool:
        """A key in Qt's portable name; whether it was meant for a point."""
        bare = text.removeprefix("Shift+")
        if self.active and not self._in_sight():
            self.end()
        if text in ("Return", "Enter"):
            return self._next() if self.active else self._begin()
        if not self.active:
            return False
        if bare in WAYS:
            self._move(WAYS[bare], 10 if text != bare else 1)
        elif text == "Esc":
            self.end()
        else:
            return False
        return True

    def _begin(self) -> bool:
        if not self._in_sight():
            return False
        self.mark, self.stop = self.layer.board.get(self.layer.board.selected), 0
        self._take()
        return True

    def _in_sight(self) -> bool:
        """Whether the chosen mark is on the plane that is shown, and nothing else has the keys."""
        layer, view = self.layer, self.layer.view
        mark = layer.board.get(layer.board.selected)
        busy = view.tool or view.pointer.active or view.painting or layer.drawing
        if mark is None or busy or (self.mark is not None and self.mark.id != mark.id):
            return False
        return mark.id in {each.id for each in layer.board.here(view.viewport)}

    def _take(self) -> None:
        assert self.mark is not None
        handle = self.handle
        if handle >= 0:
            self._place = handles_of(self.mark)[handle]
        elif handle == WORDS:
            box = self.layer.painter.labels.get(self.mark.id, QRectF())
            self._place = self.layer.view.lps_at(box.topLeft())
        else:
            self._place = middle_of(self.mark)
        self.layer.hold.take(self.mark, handle, self._place)
        self._say()

    @property
    def handle(self) -> int:
        """Which handle is held; ``WHOLE`` or ``WORDS``."""
        assert self.mark is not None
        return self.stops(self.mark)[self.stop]

    def _move(self, way: tuple[int, int], pixels: int) -> None:
        assert self.mark is not None
        axes, step = self.layer.view.viewport.axes, self.layer.view.pointer.step_mm
        right, down = np.asarray(axes.right) * way[0], np.asarray(axes.down) * way[1]
        self._place = self._place + (right + down) * (step * pixels)
        self.layer.hold.drag_to(self._place)
        self._say()

    def _next(self) -> bool:
        """Keep this point where it is and take the next."""
        assert self.mark is not None
        self.layer.hold.let_go()
        kept = self.layer.board.get(self.mark.id)
        if kept is None:
            self.mark = None
            return True
        self.mark, self.stop = kept, (self.stop + 1) % len(self.stops(kept))
        self._take()
        return True

    def end(self) -> None:
        """No more; what was not kept is as it was."""
        if self.mark is not None:
            self.mark = None
            self.layer.hold.let_go(keep=False)
            self.layer.view.said.emit("")

    def _say(self) -> None:
        assert self.mark is not None
        words = [self.words(), self.layer.spoken(self.mark.id)]
        self.layer.view.said.emit("  ·  ".join(word for word in words if word))
        self.layer.view.update()

    def words(self) -> str:
        """Which point is held."""
        if self.mark is None:
            return ""
        handle = self.handle
        if handle == WHOLE:
            return tr("The whole mark  [arrows, Enter, Esc]")
        if handle == WORDS:
            return tr("Words of the mark  [arrows, Enter, Esc]")
        count = len(handles_of(self.mark))
        return tr("Point {number} of {count}  [arrows, Enter, Esc]", number=handle + 1, count=count)

    def draw(self, painter: QPainter) -> None:
        """A ring about the point that is held."""
        if self.mark is None:
            return
        at = self.layer.view.to_view(self._place)
        for pen in (QPen(QColor(0, 0, 0, 200), 3.4), QPen(QColor(theme.FOCUS), 1.8)):
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(at), 9.0, 9.0)

"""The next series is in memory before it is asked for, and scrolling on leads into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QWheelEvent

from workstation.ui.layer import Layer
from workstation.ui.pane import ViewPane

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView
    from workstation.ui.window import Window

NOTCHES = 3  # beyond the last slice, so that nobody leaves a series by accident
LOOK_MS = 600


class NextSeries(QObject):
    """Reads ahead while nothing else is being read; of what fits into the memory set aside."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.read_ahead)
        self._timer.start()
        window.grid_.on_pane(self._equip)

    def _equip(self, pane: ViewPane) -> None:
        pane.slices.add_layer(ScrollOn(pane.slices, self.window))

    @property
    def following(self) -> str:
        """The stack after the one in the active view, in the order of the strip; or empty."""
        order = list(self.window.strip.thumbs)
        shown = self.window.grid_.active_pane.content.stack_id
        if shown not in order:
            return ""
        after = order[order.index(shown) + 1 :]
        return after[0] if after else ""

    def read_ahead(self) -> None:
        """Begin to read the next series once all that is shown is in."""
        grid = self.window.grid_
        stack = grid.stacks.get(self.following)
        if stack is not None and all(pane.settled for pane in grid.panes):
            self.window.library.read_ahead(stack)


class ScrollOn(Layer):
    """With one view on screen, scrolling on past the last slice shows the next series."""

    def __init__(self, view: SliceView, window: Window) -> None:
        super().__init__(view)
        self.window = window
        self._beyond = 0

    def _alone(self) -> bool:
        grid = self.window.grid_
        return len(grid.panes) == 1 or grid.maximised is not None

    def _past_end(self, steps: int) -> bool:
        viewport = self.view.viewport
        at_end = viewport.slice_number >= viewport.steps.count - 1
        if steps <= 0 or not at_end or not self._alone() or self.view.tool:
            self._beyond = 0
            return False
        self._beyond += steps
        if self._beyond >= NOTCHES:
            self._beyond = 0
            self.window.commands.run("next_series")
            return True
        return False

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """Away from the reader is positive: on is negative."""
        return self._past_end(-steps)

    def do(self, action: str) -> bool:
        """The key for the next slice counts like a notch."""
        return action == "slice_on" and self._past_end(1)

    def volume_changed(self) -> None:
        """Another series: the count begins anew."""
        self._beyond = 0

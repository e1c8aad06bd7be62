"""What draws over a slice view and may take its mouse: brush, marks, crosshair, fusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QMouseEvent, QPainter, QWheelEvent

from workstation.domain.geometry import Floats
from workstation.domain.plane import Raster

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView


class Layer:
    """One concern of one view. All methods do nothing until a layer says otherwise.

    Places are LPS mm on the shown plane. ``ratio``: device pixels of the raster per logical pixel
    of the painter. The last layer added is asked first; it acts on the left button only where its
    tool is chosen (``view.tool``) or the place lies on a handle of its own.
    """

    def __init__(self, view: SliceView) -> None:
        self.view = view

    def under(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """Draw straight over the image, below findings (another image fused onto it)."""

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """Draw over findings, below letters and corner texts."""

    def texts(self) -> Sequence[tuple[str, str]]:
        """(words, colour) lines for the top right corner."""
        return ()

    def readout(self, lps_mm: Floats) -> str:
        """What stands beside the value of the image under the mouse, or nothing."""
        return ""

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """A button went down; True takes the mouse until it is released."""
        return False

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """The mouse moved while this layer has it."""

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """The mouse moved with no button down; True: nobody else needs to know."""
        return False

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """The button that this layer took was released."""

    def double_click(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """A double click; True: it meant this layer and does not maximise the pane."""
        return False

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """Whole wheel steps, away from the reader positive; True: do not scroll."""
        return False

    def key(self, text: str) -> bool:
        """A key in Qt's portable name, before it is looked up as a command; True: done."""
        return False

    def spoken(self) -> str:
        """What is being drawn, in words for the line below and for screen readers."""
        return ""

    def do(self, action: str) -> bool:
        """A command of ``viewing.commands`` while this view has the keyboard; True: done."""
        return False

    def volume_changed(self) -> None:
        """Another volume or phase is shown."""

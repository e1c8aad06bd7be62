"""The crosshair on a slice view: drawn in the colours of the planes, turned and moved by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QInputDialog

from workstation.domain.geometry import Floats
from workstation.domain.plane import Raster
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.layer import Layer
from workstation.viewing.crosshair import (
    GAP_PX,
    Grab,
    Line,
    angle_deg,
    dragged_slab,
    grab_at,
    lines_of,
    place_of,
    slab_step,
)
from workstation.viewing.viewport import Projection, Slab, Viewport

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

_CURSORS = {
    Grab.CENTRE: Qt.CursorShape.SizeAllCursor,
    Grab.SHIFT: Qt.CursorShape.SizeAllCursor,
    Grab.ROTATE: Qt.CursorShape.CrossCursor,
    Grab.SLAB: Qt.CursorShape.SplitHCursor,
}
_KEY_TURN_DEG = 5.0
_TURNED_DEG = 0.05


class CrosshairLayer(Layer):
    """Lines of the peers' planes, with handles while the mouse is over the view.

    Centre: moves the crosshair. Inner part of a line: moves that plane. Outer part, or the ring:
    turns the peers' planes about the crosshair. Square: thickness of that plane's slab.
    """

    def __init__(self, view: SliceView) -> None:
        super().__init__(view)
        self._grab: Grab | None = None
        self._peer: Viewport | None = None
        self._away: Floats = np.zeros(3)
        self._angle = 0.0

    # --- what is drawn

    def lines(self) -> list[Line]:
        """The lines of this view now; none where the crosshair is hidden or elsewhere."""
        view = self.view
        port, link = view.viewport, view.link
        if port.volume is None or not (link.visible and port.overlays and port.focus_inside):
            return []
        return lines_of(port, link.peers(port), view.raster(), view.devicePixelRatioF())

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """Lines, dashed edges of slabs, and handles where the mouse is."""
        port, link = self.view.viewport, self.view.link
        if not (link.visible and port.overlays and port.focus_inside):
            return
        peers = link.peers(port)
        if not peers and not link.followers(port):
            return
        lines = lines_of(port, peers, raster, ratio)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Where the place comes by an alignment that no reader has confirmed, lines are dotted.
        unsure = link.is_unconfirmed(port)
        style = Qt.PenStyle.DotLine if unsure else Qt.PenStyle.SolidLine
        if not lines:
            self._small_cross(painter, QPointF(*place_of(raster, ratio, port)), unsure=unsure)
        handles = self.view.underMouse() and not self.view.tool and self.view.painting is None
        far = float(self.view.width() + self.view.height())
        for line in lines:
            colour = QColor(theme.PLANE_COLOURS[line.peer.colour_plane])
            painter.setPen(QPen(colour, 1.0, style))
            for sign in (1.0, -1.0):
                ends = QPointF(*line.at(sign * GAP_PX, 0)), QPointF(*line.at(sign * far, 0))
                painter.drawLine(QLineF(*ends))
            if line.half_px > 1:
                painter.setPen(QPen(colour, 1.0, Qt.PenStyle.DashLine))
                for side in (line.half_px, -line.half_px):
                    ends = QPointF(*line.at(-far, side)), QPointF(*line.at(far, side))
                    painter.drawLine(QLineF(*ends))
            if handles or self._grab is not None:
                self._handles(painter, line, colour)

    @staticmethod
    def _handles(painter: QPainter, line: Line, colour: QColor) -> None:
        for pen in (QPen(QColor(0, 0, 0, 190), 3.5), QPen(colour, 1.6)):
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for place in line.rotate_handles:
                painter.drawEllipse(QPointF(*place), 5.0, 5.0)
            for x, y in line.slab_handles:
                painter.drawRect(int(x) - 3, int(y) - 3, 7, 7)

    @staticmethod
    def _small_cross(painter: QPainter, focus: QPointF, *, unsure: bool) -> None:
        pen = QPen(QColor(theme.PROPOSED if unsure else theme.FOCUS), 1.4 if unsure else 1.0)
        if unsure:  # too short for dots: three dashes an arm
            pen.setDashPattern([2.0, 1.2])
        painter.setPen(pen)
        for x, y in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
            way = QPointF(x, y)
            painter.drawLine(QLineF(focus + way * 6.0, focus + way * 16.0))

    def texts(self) -> Sequence[tuple[str, str]]:
        """That the plane is turned, and the key that puts it back."""
        turned = self.view.viewport.turned_deg
        if turned < _TURNED_DEG:
            return ()
        key = next((k for k, name in self.view.keys.items() if name == "straighten"), "")
        words = tr("Turned {angle}°", angle=f"{turned:.0f}" if turned >= 1 else f"{turned:.1f}")
        return ((f"{words}  [{key}]" if key else words, theme.LETTER),)

    # --- the mouse

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """The cursor says what would be grabbed."""
        if self.view.tool or event.modifiers() != Qt.KeyboardModifier.NoModifier:
            return False
        found = grab_at(self.lines(), _place(event))
        if found is None:
            return False
        self.view.setCursor(_CURSORS[found[0]])
        self.view.update()
        return True

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Grab what lies under the mouse, unless a tool has the button."""
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if event.button() is not Qt.MouseButton.LeftButton or self.view.tool or not plain:
            return False
        place = _place(event)
        found = grab_at(self.lines(), place)
        if found is None:
            return False
        self._grab, line = found
        self._peer = line.peer
        self._away = self.view.viewport.focus_mm - lps_mm
        self._angle = angle_deg(line, place)
        return True

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Move, turn or thicken; every view that this concerns is drawn in the same frame."""
        view = self.view
        line = next((x for x in self.lines() if x.peer is self._peer), None)
        if self._grab is Grab.CENTRE:
            view.viewport.move_focus(lps_mm + self._away)
        elif line is None:
            return  # its view was closed, or the crosshair hidden, in the middle of the drag
        elif self._grab is Grab.SHIFT:
            axes = view.viewport.axes
            right, down = np.asarray(axes.right), np.asarray(axes.down)
            aside = right * -line.way[1] + down * line.way[0]
            moved = lps_mm + self._away - view.viewport.focus_mm
            view.viewport.move_focus(view.viewport.focus_mm + aside * float(moved @ aside))
        elif self._grab is Grab.ROTATE:
            angle = angle_deg(line, _place(event))
            view.link.orientation.turn(view.viewport, angle - self._angle)
            self._angle = angle
        elif self._grab is Grab.SLAB:
            line.peer.set_slab(dragged_slab(line, _place(event)))
            view.update()

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Let go."""
        self._grab, self._peer = None, None
        self.view.update()

    # --- commands

    def do(self, action: str) -> bool:
        """Turning, straightening and slabs by key."""
        view, port = self.view, self.view.viewport
        orientation, slab = view.link.orientation, port.slab
        if action in ("turn_left", "turn_right"):
            sign = 1.0 if action == "turn_right" else -1.0
            orientation.turn(port, sign * _KEY_TURN_DEG)
        elif action in ("tilt_up", "tilt_down"):
            sign = 1.0 if action == "tilt_up" else -1.0
            orientation.tilt(port, np.asarray(port.axes.right), sign * _KEY_TURN_DEG)
        elif action == "straighten":
            orientation.reset(port)
        elif action in ("slab_thicker", "slab_thinner"):
            port.set_slab(slab_step(slab, action == "slab_thicker"))
        elif action == "slab_kind":
            kinds = tuple(Projection)
            port.set_slab(
                Slab(slab.thickness_mm, kinds[(kinds.index(slab.projection) + 1) % len(kinds)])
            )
        elif action == "slab_typed":
            self._type_thickness()
        else:
            return False
        return True

    def _type_thickness(self) -> None:
        port = self.view.viewport
        mm, ok = QInputDialog.getDouble(
            self.view, tr("Thick slab"), tr("Thickness in mm (0: thin slice)"),
            port.slab.thickness_mm, 0.0, 300.0, 1,
        )  # fmt: skip
        if ok:
            port.set_slab(Slab(mm, port.slab.projection))


def _place(event: QMouseEvent) -> tuple[float, float]:
    return event.position().x(), event.position().y()

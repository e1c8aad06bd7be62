"""Crosshair shared by viewports that show the same patient space, or aligned ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from workstation.domain.geometry import Floats
from workstation.viewing.orientation import Orientation
from workstation.viewing.signal import Signal
from workstation.viewing.viewport import Viewport

_SAME_PLACE_MM = 1e-6  # there and back through an alignment


class CrosshairLink:
    """One point in LPS mm for all viewports of one frame of reference.

    Images of different frames of reference are never linked by themselves: the same millimetres
    mean another place in the patient there. Through an alignment (registration, or an offset set
    by hand) views of two frames follow each other, each in its own millimetres; what was aligned
    how is said by who gave the alignments.
    """

    def __init__(self) -> None:
        self.changed: Signal[[]] = Signal()
        self._viewports: list[Viewport] = []
        self._leave: dict[int, Callable[[], None]] = {}
        self._through: dict[tuple[str, str], Floats] = {}
        self._unconfirmed: Collection[frozenset[str]] = ()
        self.on = True
        self.visible = True
        self.orientation = Orientation(self)

    def add(self, viewport: Viewport) -> None:
        """Let a viewport take part."""
        if id(viewport) not in self._leave:
            self._viewports.append(viewport)
            self._leave[id(viewport)] = viewport.focus_moved.connect(self._follow)

    def remove(self, viewport: Viewport) -> None:
        """Let a viewport go its own way."""
        leave = self._leave.pop(id(viewport), None)
        if leave is not None:
            leave()
            self._viewports.remove(viewport)

    def set_on(self, on: bool) -> None:
        """Link everything that may be linked, or nothing."""
        self.on = on
        self.changed.emit()

    def toggle_visible(self) -> None:
        """Draw the crosshair or leave it out; the link itself stays."""
        self.visible = not self.visible
        self.changed.emit()

    def set_alignments(
        self,
        through: Mapping[tuple[str, str], Floats],
        unconfirmed: Collection[frozenset[str]] = (),
    ) -> None:
        """Which frames follow which: (from, to) and the (4, 4) that takes LPS mm there.

        unconfirmed: pairs of frames whose alignment no reader has looked at yet.
        """
        self._unconfirmed = unconfirmed
        back = {
            (b, a): np.asarray(np.linalg.inv(matrix), dtype=np.float64)
            for (a, b), matrix in through.items()
        }
        self._through = {**back, **through}
        self.changed.emit()

    def followers(self, viewport: Viewport) -> list[Viewport]:
        """Viewports of other frames of reference that follow this one through an alignment."""
        if not self.on:
            return []
        return [
            other
            for other in self._viewports
            if other.volume is not None and (viewport.frame, other.frame) in self._through
        ]

    def is_unconfirmed(self, viewport: Viewport) -> bool:
        """Whether a viewport follows another one, or leads it, by an unconfirmed alignment."""
        return any(
            frozenset((viewport.frame, other.frame)) in self._unconfirmed
            for other in self.followers(viewport)
        )

    def turn_into(self, viewport: Viewport, other: Viewport) -> Floats:
        """(3, 3) that takes directions of a viewport's LPS to those of a follower's."""
        matrix = self._through.get((viewport.frame, other.frame))
        return np.eye(3) if matrix is None else np.asarray(matrix[:3, :3], dtype=np.float64)

    def place_in(self, viewport: Viewport, other: Viewport) -> Floats:
        """A viewport's point in the millimetres of a peer or follower."""
        matrix = self._through.get((viewport.frame, other.frame))
        if matrix is None or viewport.frame == other.frame:
            return viewport.focus_mm
        return np.asarray(matrix[:3, :3] @ viewport.focus_mm + matrix[:3, 3], dtype=np.float64)

    def peers(self, viewport: Viewport) -> list[Viewport]:
        """The other viewports that share the viewport's point."""
        return [
            other
            for other in self._viewports
            if other is not viewport and other.volume is not None and self._linked(viewport, other)
        ]

    def join(self, viewport: Viewport) -> None:
        """Bring a viewport that has just been filled to the point its peers already show."""
        self.orientation.join(viewport)
        for other in (*self.peers(viewport), *self.followers(viewport)):
            place = self.place_in(other, viewport)
            if viewport.grid is not None and viewport.grid.contains(place):
                viewport.move_focus(place)
                return

    def _linked(self, a: Viewport, b: Viewport) -> bool:
        return self.on and bool(a.frame) and a.frame == b.frame

    def _follow(self, moved: Viewport) -> None:
        # Ends by itself: a viewport that is already at the point does not move and tells nobody.
        for other in self.peers(moved):
            other.move_focus(moved.focus_mm)
        for other in self.followers(moved):
            place = self.place_in(moved, other)
            if float(np.abs(place - other.focus_mm).max()) > _SAME_PLACE_MM:
                other.move_focus(place)

"""Turning linked views together, so that their planes keep their angles to each other."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from workstation.domain.geometry import Floats
from workstation.domain.plane import PlaneKind, axes_from
from workstation.viewing.viewport import Viewport


class Peers(Protocol):
    """Who shares a point with whom: ``CrosshairLink``."""

    def peers(self, viewport: Viewport) -> list[Viewport]:
        """The other viewports that share the viewport's point."""
        ...

    def followers(self, viewport: Viewport) -> list[Viewport]:
        """Viewports of other frames that follow through an alignment."""
        ...

    def turn_into(self, viewport: Viewport, other: Viewport) -> Floats:
        """(3, 3) that takes directions of one's LPS to those of a follower's."""
        ...


class Orientation:
    """One rotation for all views of a patient space.

    Views are turned only together, about a direction through the shared point; each keeps the
    rotation itself (``Viewport.rotation``), bit for bit the same in all of them, and derives its
    plane from it. So three planes at right angles stay at right angles however often one turns.
    Views of another frame of reference that is aligned to this one turn along in their own mm.
    """

    def __init__(self, link: Peers) -> None:
        self._link = link

    def turn(self, viewport: Viewport, degrees: float) -> None:
        """Turn the crosshair lines seen in a view: its peers' planes, about this view's normal."""
        self.tilt(viewport, viewport.axes.normal, degrees)

    def tilt(self, viewport: Viewport, about: Floats, degrees: float) -> None:
        """Turn a view and all its peers right-handed about a direction in LPS."""
        direction = np.array(about, dtype=np.float64)
        for each in (viewport, *self._link.peers(viewport)):
            each.turn(direction, degrees)
        self._carry(viewport)

    def _carry(self, viewport: Viewport) -> None:
        """Turn views of other frames of reference through their alignment to this one.

        Each then shows the anatomy of the view that it goes with here: of the same plane before
        turning and, where there are several, the one that lies most nearly as it does.
        """
        here = (viewport, *self._link.peers(viewport))
        for other in self._link.followers(viewport):
            turn = self._link.turn_into(viewport, other)
            alike = [each for each in here if each.home is other.home]
            if not alike:
                other.adopt_rotation(np.asarray(turn @ viewport.rotation))
                continue
            own = other.home_axes
            mate = max(alike, key=lambda v: abs(float(turn @ v.home_axes.normal @ own.normal)))
            right, down = (turn @ np.asarray(a) for a in (mate.axes.right, mate.axes.down))
            rotation = np.asarray(turn @ viewport.rotation)
            if other.home is PlaneKind.ACQUIRED:  # stored slices lie as they were acquired
                wanted = np.stack([right, down, np.cross(right, down)], axis=1)
                straight = np.stack([own.right, own.down, own.normal], axis=1)
                rotation = np.asarray(wanted @ straight.T)
            other.adopt_rotation(rotation, axes_from(right, down))

    def reset(self, viewport: Viewport) -> None:
        """A view and its peers as they were before they were turned."""
        together = (viewport, *self._link.peers(viewport), *self._link.followers(viewport))
        for each in together:
            if each.turned_deg > 0 or each.kind is PlaneKind.OBLIQUE:
                each.set_plane(each.home)

    def set_plane(self, viewport: Viewport, kind: PlaneKind) -> None:
        """Cut a view another way; if its peers are turned, the new plane is turned alike."""
        viewport.set_plane(kind)
        self.join(viewport)

    def join(self, viewport: Viewport) -> None:
        """Turn a view that has just been filled as its peers are, unless it shows stored slices."""
        if viewport.kind is PlaneKind.ACQUIRED:
            return
        for other in self._link.peers(viewport):
            if other.home is not PlaneKind.ACQUIRED and other.turned_deg > 0:
                viewport.adopt_rotation(other.rotation)
                return
        for other in self._link.followers(viewport):
            if other.home is not PlaneKind.ACQUIRED and other.turned_deg > 0:
                viewport.adopt_rotation(self._link.turn_into(other, viewport) @ other.rotation)
                return

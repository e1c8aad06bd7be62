"""Turning linked views together, so that their planes keep their angles to each other."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from workstation.domain.geometry import Floats
from workstation.domain.plane import PlaneKind
from workstation.viewing.viewport import Viewport


class Peers(Protocol):
    """Who shares a point with whom: ``CrosshairLink``."""

    def peers(self, viewport: Viewport) -> list[Viewport]:
        """The other viewports that share the viewport's point."""
        ...


class Orientation:
    """One rotation for all views of a patient space.

    Views are turned only together, about a direction through the shared point; each keeps the
    rotation itself (``Viewport.rotation``), bit for bit the same in all of them, and derives its
    plane from it. So three planes at right angles stay at right angles however often one turns.
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

    def reset(self, viewport: Viewport) -> None:
        """A view and its peers as they were before they were turned."""
        for each in (viewport, *self._link.peers(viewport)):
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

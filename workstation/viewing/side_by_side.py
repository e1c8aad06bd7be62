"""Two views kept alike: the same scale, and the shared place at the same spot of both panes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from workstation.domain.geometry import Floats
from workstation.viewing.links import CrosshairLink
from workstation.viewing.viewport import ZOOM_RANGE, Viewport

Size = Callable[[], tuple[int, int]]
_CLOSE = 1e-6


class SideBySide:
    """Follows zoom and pan of two viewports that may show different frames of reference.

    Whichever changed leads. Only linked views are kept alike; unlinked ones go their own way.
    """

    def __init__(
        self, link: CrosshairLink, views: tuple[Viewport, Viewport], sizes: tuple[Size, Size]
    ) -> None:
        self.link = link
        self._views, self._sizes = views, sizes
        self._leave = [
            view.changed.connect(functools.partial(self._follow, number))
            for number, view in enumerate(views)
        ]
        self._seen: list[tuple[float, tuple[float, float]]] = [(v.zoom, v.pan_mm) for v in views]

    def end(self) -> None:
        """Let both go."""
        for leave in self._leave:
            leave()

    @property
    def linked(self) -> bool:
        """Whether the two share a place at all."""
        a, b = self._views
        return b in (*self.link.peers(a), *self.link.followers(a))

    def _follow(self, number: int) -> None:
        """Only what the reader did to zoom or pan leads; scrolling has its own link."""
        lead = self._views[number]
        now = (lead.zoom, lead.pan_mm)
        if now == self._seen[number]:
            return
        self._seen[number] = now
        self.align(number)

    def align(self, number: int = 0) -> None:
        """Give the other view the scale of this one, and its place the same spot."""
        lead, other = self._views[number], self._views[1 - number]
        if lead.grid is None or other.grid is None or not self.linked:
            return
        wanted = lead.raster(*self._sizes[number]()).mm_per_pixel
        size = self._sizes[1 - number]
        scale = other.raster(*size()).mm_per_pixel / wanted
        if abs(scale - 1) > _CLOSE and ZOOM_RANGE[0] <= other.zoom * scale <= ZOOM_RANGE[1]:
            self._seen[1 - number] = (other.zoom * scale, other.pan_mm)
            other.zoom_by(scale)
        right, down = self._spot(lead, lead.focus_mm)
        here = self._spot(other, self.link.place_in(lead, other))
        move = (right - here[0], down - here[1])
        if max(abs(move[0]), abs(move[1])) > _CLOSE:
            pan = (other.pan_mm[0] + move[0], other.pan_mm[1] + move[1])
            self._seen[1 - number] = (other.zoom, pan)
            other.pan(*move)

    @staticmethod
    def _spot(view: Viewport, lps_mm: Floats) -> tuple[float, float]:
        """Where a point lies from the middle of the pane, mm to the right and down."""
        raster = view.raster(101, 101)
        away = lps_mm - np.asarray(raster.centre_mm)
        axes = view.axes
        return float(away @ np.asarray(axes.right)), float(away @ np.asarray(axes.down))


def cut_like(lead: Viewport, other: Viewport, to_other: Floats) -> None:
    """Turn ``other`` into the plane of ``lead``; to_other: (4, 4) from lead's LPS to other's."""
    turn = to_other[:3, :3]
    right, down = turn @ np.asarray(lead.axes.right), turn @ np.asarray(lead.axes.down)
    wanted = np.stack([right, down, np.cross(right, down)], axis=1)
    home = other.home_axes
    own = np.stack([np.asarray(home.right), np.asarray(home.down), home.normal], axis=1)
    other.adopt_rotation(np.asarray(wanted @ own.T))

"""The crosshair of one view: where its peers' planes cut it, and what may be grabbed. No Qt.

Places are logical pixels of the view, x to the right and y downwards.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.domain.plane import Raster
from workstation.viewing.viewport import Slab, Viewport

GAP_PX = 14.0  # free around the centre: the place itself must stay visible
_CENTRE_PX = 13.0
_HANDLE_PX = 9.0
_LINE_PX = 5.0
_ROTATE_AT = 0.36  # of the shorter side of the view, from the centre
_SLAB_AT = 0.20
_LEAST_SLAB_PX = 9.0  # where the handle of a thin slice lies, to pull a slab out of it
_PARALLEL = 0.05


class Grab(enum.Enum):
    """What a part of the crosshair does when it is dragged."""

    CENTRE = "move the crosshair"
    SHIFT = "move one plane along its normal"
    ROTATE = "turn the planes"
    SLAB = "change the thickness of a slab"


@dataclass(frozen=True)
class Line:
    """Where a peer's plane cuts the view.

    way: unit direction (x, y). half_px: half its slab. mm_per_px: how far from the plane one is
    a pixel beside the line. reach_px: how far from the focus handles may lie.
    """

    peer: Viewport
    focus: tuple[float, float]
    way: tuple[float, float]
    half_px: float
    mm_per_px: float
    reach_px: float

    @property
    def rotate_handles(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Places where the line can be turned."""
        away = self.reach_px * _ROTATE_AT
        return self.at(away, 0.0), self.at(-away, 0.0)

    @property
    def slab_handles(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Places where the thickness of the peer's slab can be changed."""
        along, aside = self.reach_px * _SLAB_AT, max(self.half_px, _LEAST_SLAB_PX)
        return self.at(along, aside), self.at(-along, -aside)

    def at(self, along: float, aside: float) -> tuple[float, float]:
        """A place so far along the line from the focus and to its side."""
        x, y = self.way
        return (
            self.focus[0] + x * along - y * aside,
            self.focus[1] + y * along + x * aside,
        )

    def split(self, place: tuple[float, float]) -> tuple[float, float]:
        """(along, aside) of a place: the inverse of ``at``."""
        dx, dy = place[0] - self.focus[0], place[1] - self.focus[1]
        x, y = self.way
        return dx * x + dy * y, dy * x - dx * y


def place_of(raster: Raster, ratio: float, viewport: Viewport) -> tuple[float, float]:
    """Where the focus is seen."""
    column, row, _ = raster.to_picture(viewport.focus_mm)
    return (column + 0.5) / ratio, (row + 0.5) / ratio


def lines_of(
    viewport: Viewport, peers: Sequence[Viewport], raster: Raster, ratio: float
) -> list[Line]:
    """The lines to draw in a view; peers whose lines coincide give one, that of the first."""
    focus = place_of(raster, ratio, viewport)
    right, down = np.asarray(viewport.axes.right), np.asarray(viewport.axes.down)
    reach = min(raster.width, raster.height) / ratio
    found: list[Line] = []
    seen: set[tuple[int, int]] = set()
    for peer in peers:
        # The line lies in both planes: across the other's normal, as seen in this picture.
        if not peer.flat:
            continue
        normal = peer.axes.normal
        aside, below = float(normal @ right), float(normal @ down)
        length = math.hypot(aside, below)
        if length < _PARALLEL:
            continue
        x, y = -below / length, aside / length
        if x < 0 or (x == 0 and y < 0):
            x, y = -x, -y
        key = (round(x * 50), round(y * 50))
        if key in seen:
            continue
        seen.add(key)
        scale = length * raster.mm_per_pixel * ratio
        half = peer.slab.thickness_mm / 2 / scale
        found.append(Line(peer, focus, (x, y), half, scale, reach))
    return found


def grab_at(lines: Sequence[Line], place: tuple[float, float]) -> tuple[Grab, Line] | None:
    """What lies under a place: the centre first, then handles, then the lines themselves."""
    if not lines:
        return None
    if math.dist(lines[0].focus, place) <= _CENTRE_PX:
        return Grab.CENTRE, lines[0]
    for line in lines:
        if any(math.dist(h, place) <= _HANDLE_PX for h in line.slab_handles):
            return Grab.SLAB, line
        if any(math.dist(h, place) <= _HANDLE_PX for h in line.rotate_handles):
            return Grab.ROTATE, line
    for line in lines:
        along, aside = line.split(place)
        if abs(aside) <= _LINE_PX:
            outer = abs(along) > line.reach_px * _ROTATE_AT * 0.8
            return (Grab.ROTATE if outer else Grab.SHIFT), line
        if line.half_px > _LEAST_SLAB_PX and abs(abs(aside) - line.half_px) <= _LINE_PX:
            return Grab.SLAB, line
    return None


def angle_deg(line: Line, place: tuple[float, float]) -> float:
    """Direction from the focus to a place, degrees from "right" towards "down"."""
    return math.degrees(math.atan2(place[1] - line.focus[1], place[0] - line.focus[0]))


def dragged_slab(line: Line, place: tuple[float, float]) -> Slab:
    """The peer's slab when its edge is pulled to a place; in half millimetres, under 1 none."""
    _, aside = line.split(place)
    thickness = round(abs(aside) * line.mm_per_px * 4) / 2
    return Slab(thickness if thickness >= 1.0 else 0.0, line.peer.slab.projection)


def slab_step(slab: Slab, thicker: bool) -> Slab:
    """The next thickness by key: by 1 mm up to 10, then by 5."""
    now = slab.thickness_mm
    step = 1.0 if now < 10 or (now == 10 and not thicker) else 5.0
    return Slab(max(now + (step if thicker else -step), 0.0), slab.projection)

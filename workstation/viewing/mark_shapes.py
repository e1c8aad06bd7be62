"""Shapes of marks: what is drawn, where one can take hold of it, how it moves. No Qt.

Places on the screen are raster pixels (column, row); a mark itself is in LPS mm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workstation.domain.geometry import Floats
from workstation.domain.mark import OUTLINES, Mark, MarkKind, as_points
from workstation.domain.mark_voxels import outline_of
from workstation.domain.plane import Raster

POINTS: dict[MarkKind, int] = {
    MarkKind.LENGTH: 2,
    MarkKind.POLYLINE: 0,
    MarkKind.ANGLE: 3,
    MarkKind.COBB: 4,
    MarkKind.BIDIRECTIONAL: 4,
    MarkKind.RECTANGLE: 2,
    MarkKind.ELLIPSE: 2,
    MarkKind.FREEHAND: 0,
    MarkKind.BRUSH: 1,
    MarkKind.PROBE: 1,
    MarkKind.ARROW: 2,
    MarkKind.TEXT: 1,
    MarkKind.CARDIOTHORACIC: 4,
    MarkKind.CALIBRATION: 2,
}
"""How many points a whole mark has; 0: as many as the reader sets."""

LEAST = {MarkKind.POLYLINE: 2, MarkKind.FREEHAND: 3}
_BOXES = frozenset({MarkKind.RECTANGLE, MarkKind.ELLIPSE})
_HELD = 12  # places on a freehand outline that can be pulled
_PULLED = 0.08  # share of the outline that follows, one standard deviation


def is_whole(mark: Mark) -> bool:
    """Whether a mark has all its points, so that it has numbers."""
    needed = POINTS[mark.kind] or LEAST[mark.kind]
    return len(mark.points_mm) >= needed


def lines_of(mark: Mark) -> list[tuple[Floats, bool]]:
    """(n, 3) LPS points of each line that is drawn, and whether it is closed."""
    p, kind = np.asarray(mark.points_mm, dtype=np.float64), mark.kind
    if kind in {MarkKind.PROBE, MarkKind.TEXT, MarkKind.BRUSH} or len(p) < 2:
        return []
    if kind in OUTLINES:
        return [(outline_of(mark), True)] if is_whole(mark) else [(p, False)]
    if kind in {MarkKind.COBB, MarkKind.BIDIRECTIONAL}:
        return [(p[i : i + 2], False) for i in range(0, len(p) - 1, 2)]
    if kind is MarkKind.CARDIOTHORACIC:
        return [line for i in range(0, len(p) - 1, 2) for line in _caliper(mark, p[i : i + 2])]
    return [(p, False)]


def _caliper(mark: Mark, ends: Floats) -> list[tuple[Floats, bool]]:
    """A width across the picture at the first end's height, and the way down to the other end."""
    right = np.asarray(mark.right)
    corner = ends[0] + right * float((ends[1] - ends[0]) @ right)
    return [(np.stack([ends[0], corner]), False), (np.stack([corner, ends[1]]), False)]


def handles_of(mark: Mark) -> Floats:
    """(n, 3) LPS places where a mark can be taken hold of; none of a painted region."""
    if mark.kind is MarkKind.BRUSH:
        return np.zeros((0, 3))
    if mark.kind in _BOXES and is_whole(mark):
        return outline_of(replace(mark, kind=MarkKind.RECTANGLE))
    points = np.asarray(mark.points_mm, dtype=np.float64).reshape(-1, 3)
    if mark.kind is MarkKind.FREEHAND:
        return points[_held(len(points))]
    return points


def _held(count: int) -> list[int]:
    return sorted({round(i * count / _HELD) % count for i in range(min(_HELD, count))})


def with_handle_at(mark: Mark, handle: int, lps_mm: Floats) -> Mark:
    """The mark with one handle put to a place; it stays in its own plane."""
    points = np.asarray(mark.points_mm, dtype=np.float64)
    if mark.kind in _BOXES:
        corners = outline_of(replace(mark, kind=MarkKind.RECTANGLE))
        place = in_plane(mark, lps_mm)
        opposite = corners[(handle + 2) % 4]
        ends = (place, opposite) if handle in (0, 1) else (opposite, place)
        return replace(mark, points_mm=as_points(np.stack(ends)))
    place = in_plane(mark, lps_mm)
    if mark.kind is MarkKind.FREEHAND:
        return _pulled(mark, points, _held(len(points))[handle], place)
    if mark.kind is MarkKind.BIDIRECTIONAL:
        return replace(mark, points_mm=as_points(_two_axes(points, handle, place)))
    points[handle] = place
    return replace(mark, points_mm=as_points(points))


def in_plane(mark: Mark, lps_mm: Floats) -> Floats:
    """A place brought into the plane that the mark was drawn in."""
    normal = np.cross(mark.right, mark.down)
    away = float((np.asarray(lps_mm) - np.asarray(mark.points_mm[0])) @ normal)
    return np.asarray(lps_mm - normal * away, dtype=np.float64)


def _pulled(mark: Mark, points: Floats, at: int, place: Floats) -> Mark:
    """An outline pulled at one point: its neighbours follow the less the farther they are."""
    count = len(points)
    apart = np.abs(np.arange(count) - at)
    apart = np.minimum(apart, count - apart)
    follows = np.exp(-0.5 * (apart / max(count * _PULLED, 0.5)) ** 2)
    moved = points + follows[:, None] * (place - points[at])
    return replace(mark, points_mm=as_points(moved))


def _two_axes(points: Floats, handle: int, place: Floats) -> Floats:
    """Two axes that stay at right angles, whichever end is moved."""
    moved = points.copy()
    moved[handle] = place
    if len(points) < 4:
        return moved
    if handle >= 2:
        other = 5 - handle
        moved[handle] = square_to(points[0], points[1], points[other], place)
        return moved
    old, new = points[1] - points[0], moved[1] - moved[0]
    old_length, length = float(np.linalg.norm(old)), float(np.linalg.norm(new))
    if min(old_length, length) <= 0:
        return moved
    # The short axis keeps its length, and the place where it crosses, as a share of the long one.
    across = points[3] - points[2]
    width, side = float(np.linalg.norm(across)), np.cross(old, new)
    normal = side / np.linalg.norm(side) if float(np.linalg.norm(side)) > 0 else None
    turned = across if normal is None else _turned(across, normal, old, new)
    for end in (2, 3):
        along = float((points[end] - points[0]) @ old) / old_length**2
        aside = float((points[end] - points[0] - along * old) @ across) / max(width, 1e-9)
        moved[end] = moved[0] + along * new + turned / max(width, 1e-9) * aside
    return moved


def _turned(vector: Floats, normal: Floats, old: Floats, new: Floats) -> Floats:
    angle = np.arctan2(float(np.linalg.norm(np.cross(old, new))), float(old @ new))
    return np.asarray(vector * np.cos(angle) + np.cross(normal, vector) * np.sin(angle))


def square_to(a: Floats, b: Floats, start: Floats, place: Floats) -> Floats:
    """Where a line from ``start`` at right angles to a-b ends beside ``place``."""
    axis = b - a
    length = float(np.linalg.norm(axis))
    if length <= 0:
        return place
    axis = axis / length
    return np.asarray(place - axis * float((place - start) @ axis))


def shifted(mark: Mark, by_mm: Floats) -> Mark:
    """The whole mark moved within its plane, with its words where the reader had put them."""
    normal = np.cross(mark.right, mark.down)
    step = by_mm - normal * float(by_mm @ normal)
    points = as_points(np.asarray(mark.points_mm, dtype=np.float64) + step)
    label = as_points(np.asarray([mark.label_mm]) + step)[0] if mark.label_mm else None
    return replace(mark, points_mm=points, label_mm=label)


def to_pixels(raster: Raster, points: Floats) -> Floats:
    """(n, 2) columns and rows of LPS points (n, 3), seen along the raster's normal."""
    inverse = raster.inverse
    return np.asarray(points @ inverse[:2, :3].T + inverse[:2, 3])


@dataclass(frozen=True)
class Hit:
    """What lies under the mouse. handle: which one, -1 for the mark as a whole."""

    mark_id: str
    handle: int
    distance: float


def hit(mark: Mark, raster: Raster, place: tuple[float, float], reach: float) -> Hit | None:
    """What of a mark lies within ``reach`` raster pixels of a place; handles go before lines."""
    handles = handles_of(mark)
    if len(handles):
        away = np.hypot(*(to_pixels(raster, handles) - place).T)
        nearest = int(np.argmin(away))
        if away[nearest] <= reach:
            return Hit(mark.id, nearest, float(away[nearest]))
    best = min(
        (_distance(to_pixels(raster, line), closed, place) for line, closed in lines_of(mark)),
        default=np.inf,
    )
    return Hit(mark.id, -1, best) if best <= reach else None


def _distance(points: Floats, closed: bool, place: tuple[float, float]) -> float:
    """From a place to the nearest point of a line, pixels."""
    ends = np.roll(points, -1, axis=0)
    starts = points if closed else points[:-1]
    ends = ends if closed else ends[:-1]
    along = ends - starts
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    t = np.clip(((place - starts) * along).sum(axis=1) / length, 0.0, 1.0)
    away = starts + t[:, None] * along - place
    return float(np.sqrt((away**2).sum(axis=1).min()))


def middle_of(mark: Mark) -> Floats:
    """A point of the mark's own to jump to, LPS mm: the mean of its points."""
    return np.asarray(np.mean(np.asarray(mark.points_mm), axis=0), dtype=np.float64)

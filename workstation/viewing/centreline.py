"""A smooth curve through points in the patient, with lengths and frames along it; its editing.

Everything is LPS millimetres. No Qt, no VTK.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from workstation.domain.geometry import Floats
from workstation.domain.mark import Point, as_points
from workstation.viewing.signal import Signal

_FINE_MM = 0.2  # how densely the curve is sampled for lengths and frames
_SAME_MM = 1e-6
_UNDO_STEPS = 200


@dataclass(frozen=True)
class FrameAt:
    """Place and directions at one length along a curve: unit vectors at right angles."""

    place_mm: Floats
    tangent: Floats
    across: Floats  # rotation-minimising; turns with the curve and never spins about it
    beside: Floats  # tangent x across


class Curve:
    """Natural cubic spline through control points: twice continuously differentiable.

    The parameter is the chord length between the points. Lengths are sums of chords at most
    0.2 mm apart (error below 1e-4 of the length for radii over 3 mm). The frames are rotation
    minimising, by double reflection (Wang, Juettler, Zheng, Liu: Computation of rotation
    minimizing frames, ACM Trans. Graph. 27(1), 2008).
    """

    def __init__(self, points_mm: Sequence[Sequence[float]] | Floats) -> None:
        points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
        if len(points):
            apart = np.linalg.norm(np.diff(points, axis=0), axis=1)
            points = points[np.concatenate([[True], apart > _SAME_MM])]
        if len(points) < 2:
            raise ValueError("a curve needs two different points")
        self.points_mm = points
        chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
        knots = np.concatenate([[0.0], np.cumsum(chords)])
        spline = CubicSpline(knots, points, bc_type="natural")
        pieces = [
            np.linspace(a, b, max(2, int(np.ceil((b - a) / _FINE_MM)) + 1))[:-1]
            for a, b in itertools.pairwise(knots)
        ]
        at = np.concatenate([*pieces, knots[-1:]])
        self._places = np.asarray(spline(at), dtype=np.float64)
        steps = np.linalg.norm(np.diff(self._places, axis=0), axis=1)
        self._lengths = np.concatenate([[0.0], np.cumsum(steps)])
        self.length_mm = float(self._lengths[-1])
        tangents = np.asarray(spline(at, 1), dtype=np.float64)
        self._tangents = tangents / np.linalg.norm(tangents, axis=1, keepdims=True)
        self._across = _minimal_rotation(self._places, self._tangents)
        ends = np.searchsorted(at, knots)
        self.knots_mm = np.asarray(self._lengths[ends], dtype=np.float64)
        """Length along the curve at which each control point lies."""

    def places(self, along_mm: Floats | Sequence[float]) -> Floats:
        """(n, 3) places at lengths along the curve; beyond an end it goes straight on."""
        return self._read(np.asarray(along_mm, dtype=np.float64))[0]

    def frames(self, along_mm: Floats | Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """(n, 3) each: places, tangents, directions across (rotation minimising)."""
        return self._read(np.asarray(along_mm, dtype=np.float64))

    def frame(self, along_mm: float) -> FrameAt:
        """Place and directions at one length."""
        place, tangent, across = (v[0] for v in self._read(np.array([along_mm], dtype=np.float64)))
        return FrameAt(place, tangent, across, np.cross(tangent, across))

    def _read(self, along: Floats) -> tuple[Floats, Floats, Floats]:
        inside = np.clip(along, 0.0, self.length_mm)
        places = _interpolate(inside, self._lengths, self._places)
        tangents = _interpolate(inside, self._lengths, self._tangents)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        across = _interpolate(inside, self._lengths, self._across)
        across -= tangents * np.sum(across * tangents, axis=1, keepdims=True)
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        return places + tangents * (along - inside)[:, None], tangents, across

    def nearest(self, place_mm: Sequence[float] | Floats) -> tuple[float, float]:
        """(length along the curve, distance from it) of the nearest place on the curve, mm."""
        place = np.asarray(place_mm, dtype=np.float64)
        start, step = self._places[:-1], np.diff(self._places, axis=0)
        share = np.sum((place - start) * step, axis=1) / np.sum(step * step, axis=1)
        share = np.clip(share, 0.0, 1.0)
        away = np.linalg.norm(start + step * share[:, None] - place, axis=1)
        best = int(away.argmin())
        along = self._lengths[best] + share[best] * (self._lengths[best + 1] - self._lengths[best])
        return float(along), float(away[best])


def _interpolate(at: Floats, knots: Floats, values: Floats) -> Floats:
    return np.stack([np.interp(at, knots, values[:, axis]) for axis in range(3)], axis=1)


def _minimal_rotation(places: Floats, tangents: Floats) -> Floats:
    """Unit vectors at right angles to the tangents that rotate as little as possible."""
    # The first one points to the patient's front, or to the left on a line that runs that way:
    # the same line gives the same picture on every day.
    first = np.array([0.0, -1.0, 0.0])
    if abs(float(first @ tangents[0])) > 0.9:
        first = np.array([1.0, 0.0, 0.0])
    first = first - tangents[0] * float(first @ tangents[0])
    found = np.empty_like(places)
    found[0] = r = first / np.linalg.norm(first)
    for i in range(len(places) - 1):
        v1 = places[i + 1] - places[i]
        c1 = float(v1 @ v1)
        left_r = r - v1 * (2 / c1 * float(v1 @ r))
        left_t = tangents[i] - v1 * (2 / c1 * float(v1 @ tangents[i]))
        v2 = tangents[i + 1] - left_t
        c2 = float(v2 @ v2)
        r = left_r if c2 < 1e-18 else left_r - v2 * (2 / c2 * float(v2 @ left_r))
        r = r - tangents[i + 1] * float(r @ tangents[i + 1])
        r = r / math.sqrt(float(r @ r))
        found[i + 1] = r
    return found


class CentrelineEdit:
    """Control points being placed. ``changed`` after every edit; each can be undone."""

    def __init__(self, points_mm: Sequence[Point] = ()) -> None:
        self.changed: Signal[[]] = Signal()
        self.points: tuple[Point, ...] = tuple(points_mm)
        self._undo: list[tuple[Point, ...]] = []
        self._redo: list[tuple[Point, ...]] = []
        self._curve: Curve | None = None
        self._curve_of: tuple[Point, ...] = ()
        self._dragging = False

    @property
    def curve(self) -> Curve | None:
        """The curve through the points; None for fewer than two."""
        if self._curve_of != self.points:
            self._curve_of = self.points
            different = len({tuple(round(v, 5) for v in p) for p in self.points})
            self._curve = Curve(np.asarray(self.points)) if different > 1 else None
        return self._curve

    def show(self, points_mm: Sequence[Point]) -> None:
        """Other points, e.g. of a stored line; nothing of before can be undone."""
        self.points, self._undo, self._redo = tuple(points_mm), [], []
        self.changed.emit()

    def add(self, place_mm: Floats) -> int:
        """A point at the end of the line that is nearer; its number."""
        point = as_points(np.asarray(place_mm, dtype=np.float64)[None])[0]
        first = len(self.points) > 1 and math.dist(point, self.points[0]) < math.dist(
            point, self.points[-1]
        )
        self._set((point, *self.points) if first else (*self.points, point))
        return 0 if first else len(self.points) - 1

    def insert(self, place_mm: Floats) -> int:
        """A point between those that it lies between along the curve; its number."""
        curve = self.curve
        if curve is None:
            return self.add(place_mm)
        along, _ = curve.nearest(place_mm)
        number = int(np.searchsorted(curve.knots_mm, along))
        number = min(max(number, 1), len(self.points) - 1)
        point = as_points(np.asarray(place_mm, dtype=np.float64)[None])[0]
        self._set((*self.points[:number], point, *self.points[number:]))
        return number

    def move(self, number: int, place_mm: Floats) -> None:
        """Put a point elsewhere; a drag from ``begin_drag`` to ``end_drag`` is one step."""
        point = as_points(np.asarray(place_mm, dtype=np.float64)[None])[0]
        if 0 <= number < len(self.points) and point != self.points[number]:
            self._set((*self.points[:number], point, *self.points[number + 1 :]))

    def begin_drag(self) -> None:
        """Everything until ``end_drag`` is undone at once."""
        self._remember()
        self._dragging = True

    def end_drag(self) -> None:
        """The drag is over; one that moved nothing leaves nothing to undo."""
        self._dragging = False
        if self._undo and self._undo[-1] == self.points:
            self._undo.pop()
        self.changed.emit()

    @property
    def dragging(self) -> bool:
        """Whether a point is being dragged."""
        return self._dragging

    def remove(self, number: int) -> None:
        """Take a point away."""
        if 0 <= number < len(self.points):
            self._set((*self.points[:number], *self.points[number + 1 :]))

    def reverse(self) -> None:
        """Run the other way."""
        self._set(tuple(reversed(self.points)))

    def undo(self) -> bool:
        """The state before the last edit; whether there was one."""
        return self._step(self._undo, self._redo)

    def redo(self) -> bool:
        """What was undone last, again."""
        return self._step(self._redo, self._undo)

    def _step(self, source: list[tuple[Point, ...]], other: list[tuple[Point, ...]]) -> bool:
        if not source or self._dragging:
            return False
        other.append(self.points)
        self.points = source.pop()
        self.changed.emit()
        return True

    def _remember(self) -> None:
        self._undo.append(self.points)
        del self._undo[:-_UNDO_STEPS]
        self._redo.clear()

    def _set(self, points: tuple[Point, ...]) -> None:
        if not self._dragging:
            self._remember()
        self.points = points
        self.changed.emit()

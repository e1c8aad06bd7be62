"""Planes across a line in the patient: where they lie, and what an array holds on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Floats, Grid

_BATCH = 200  # planes sampled at once


def run_of(points_mm: Floats) -> Floats:
    """Length (n,) along a polyline (n, 3) from its start, mm."""
    steps = np.linalg.norm(np.diff(points_mm, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def resampled(points_mm: Floats, step_mm: float, smooth_mm: float = 0.0) -> Floats:
    """Points (n, 3) at equal steps along a polyline; corners rounded off over ``smooth_mm``.

    The ends stay where they are: beyond them the line is continued by its own point reflection.
    """
    run = run_of(points_mm)
    where = np.arange(0.0, run[-1] + 1e-9, step_mm)
    even = np.stack([np.interp(where, run, points_mm[:, axis]) for axis in range(3)], axis=1)
    more = min(int(np.ceil(4.0 * smooth_mm / step_mm)), len(even) - 1)
    if smooth_mm <= 0 or more < 1:
        return even
    before = 2.0 * even[0] - even[more:0:-1]
    after = 2.0 * even[-1] - even[-2 : -more - 2 : -1]
    long = np.concatenate([before, even, after])
    soft = ndimage.gaussian_filter1d(long, smooth_mm / step_mm, axis=0, mode="nearest")
    return np.asarray(soft[more : more + len(even)])


@dataclass(frozen=True)
class Planes:
    """One plane at each point (n, 3) of a line, across it.

    along: unit tangents; u, v: unit vectors that span the plane, carried along the line without
    turning about it (double reflection: Wang et al., ACM Trans Graph 2008;27:2). pixel_mm, half:
    each plane has 2 * half + 1 pixels a side.
    """

    points_mm: Floats
    along: Floats
    u: Floats
    v: Floats
    pixel_mm: float
    half: int

    @property
    def steps_mm(self) -> Floats:
        """Where the pixels of a plane lie on u and on v."""
        return np.arange(-self.half, self.half + 1, dtype=np.float64) * self.pixel_mm

    def place(self, at: int, u_mm: Floats | float, v_mm: Floats | float) -> Floats:
        """Points (..., 3), LPS mm, of places on plane ``at``."""
        a, b = np.asarray(u_mm)[..., None], np.asarray(v_mm)[..., None]
        return np.asarray(self.points_mm[at] + a * self.u[at] + b * self.v[at])

    def sample(self, array: NDArray[Any], grid: Grid, outside: float = 0.0) -> NDArray[np.float32]:
        """The array on every plane (n, u, v), between voxels by straight lines."""
        steps = self.steps_mm
        a, b = np.meshgrid(steps, steps, indexing="ij")
        turn = grid.inverse[:3, :3].T
        du, dv = self.u @ turn, self.v @ turn
        at = grid.to_index(self.points_mm)
        found = np.empty((len(at), len(steps), len(steps)), dtype=np.float32)
        source = np.asarray(array, dtype=np.float32)
        for first in range(0, len(at), _BATCH):
            part = slice(first, first + _BATCH)
            index = [
                at[part, k, None, None] + du[part, k, None, None] * a + dv[part, k, None, None] * b
                for k in (2, 1, 0)  # arrays count z, y, x
            ]
            found[part] = ndimage.map_coordinates(
                source, np.stack(index), order=1, mode="constant", cval=outside
            )
        return found


def planes_across(points_mm: Floats, half_mm: float, pixel_mm: float) -> Planes:
    """A plane across a line (n, 3) at each of its points, at least two of which differ."""
    along = np.gradient(points_mm, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    u = np.empty_like(along)
    start = np.eye(3)[int(np.argmin(np.abs(along[0])))]
    u[0] = np.cross(along[0], np.cross(start, along[0]))
    u[0] /= np.linalg.norm(u[0])
    for i in range(len(along) - 1):
        chord = points_mm[i + 1] - points_mm[i]
        u[i + 1] = _carried(u[i], along[i], along[i + 1], chord)
    return Planes(points_mm, along, u, np.cross(along, u), pixel_mm, round(half_mm / pixel_mm))


def _carried(u: Floats, along: Floats, then: Floats, chord: Floats) -> Floats:
    """``u`` at the next point of the line, by two reflections."""
    square = float(chord @ chord)
    if square > 0:
        u = u - 2.0 / square * float(chord @ u) * chord
        along = along - 2.0 / square * float(chord @ along) * chord
    other = then - along
    square = float(other @ other)
    if square > 1e-18:
        u = u - 2.0 / square * float(other @ u) * other
    u = u - float(u @ then) * then
    return np.asarray(u / np.linalg.norm(u))


def nearest_on(points_mm: Floats, place_mm: Floats) -> int:
    """Index of the point of a line (n, 3) that is nearest to a place (3,)."""
    return int(np.argmin(np.linalg.norm(points_mm - np.asarray(place_mm), axis=1)))


def middle_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of a plane's mask the connected piece at, or nearest to, its centre."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask
    centre = (np.asarray(mask.shape) - 1) / 2.0
    places = np.argwhere(labels)
    away = np.linalg.norm(places - centre, axis=1)
    return np.asarray(labels == labels[tuple(places[int(np.argmin(away))])])

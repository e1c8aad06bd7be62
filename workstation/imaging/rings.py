"""Closed contours around a centre, and the thickness of a wall between two of them.

Contours are radii over even angles around a centre, finer than pixels. Wall thickness is by the
centreline method: chords across a line midway between the contours, evenly along it (Sheehan et
al., Circulation 1986;74:293-305, who drew 100).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Floats

ANGLES = 360
CHORDS = 100
_STEP = 0.25  # of a pixel, along a ray
_SOFT = 0.7  # pixels: takes the stairs off a mask's edge


@dataclass(frozen=True)
class Contour:
    """centre: (2,) in mm; radii: (ANGLES,) in mm at angles from 0, counted from the first axis
    towards the second; NaN where the mask has no edge."""

    centre: Floats
    radii: Floats

    @property
    def points(self) -> Floats:
        """(ANGLES, 2) mm."""
        return np.asarray(self.centre + self.radii[:, None] * directions())

    @property
    def area_mm2(self) -> float:
        """Of the polygon (shoelace formula)."""
        x, y = self.points.T
        return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2.0)


def directions(angles: int = ANGLES) -> Floats:
    """(angles, 2) unit vectors evenly round the circle."""
    angle = np.arange(angles) * (2 * np.pi / angles)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def middle_of(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> Floats:
    """Centroid (2,) of a mask (rows, columns), mm from pixel (0, 0)."""
    return np.asarray(np.argwhere(mask).mean(axis=0) * spacing_mm)


def contour_of(
    mask: NDArray[np.bool_] | NDArray[np.float32],
    spacing_mm: tuple[float, float],
    centre: Floats,
    level: float = 0.5,
) -> Contour:
    """The outer edge of a mask (rows, columns) as seen from ``centre`` (mm from pixel (0, 0)).

    mask: bool, or shares of a pixel from 0 to 1, whose ``level`` is the edge.
    """
    soft = ndimage.gaussian_filter(np.pad(np.asarray(mask, dtype=np.float64), 3), _SOFT)
    pixel = min(spacing_mm)
    there = (np.argwhere(soft >= level / 2) - 3) * spacing_mm - centre
    reach = float(np.linalg.norm(there, axis=1).max(initial=0.0)) + 2 * pixel
    far = np.arange(0.0, reach, _STEP * pixel)
    rays = directions()
    rows = (centre[0] + far[None] * rays[:, :1]) / spacing_mm[0] + 3
    columns = (centre[1] + far[None] * rays[:, 1:]) / spacing_mm[1] + 3
    values = ndimage.map_coordinates(soft, [rows, columns], order=1, mode="constant")
    inside = values >= level
    # The last place along the ray that is inside: papillary notches and holes are passed.
    last = inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
    seen = inside.any(axis=1) & (last + 1 < inside.shape[1])
    here = np.take_along_axis(values, last[:, None], 1)[:, 0]
    then = np.take_along_axis(values, np.minimum(last + 1, len(far) - 1)[:, None], 1)[:, 0]
    part = (here - level) / np.maximum(here - then, 1e-9)
    radii = np.where(seen, (last + part) * _STEP * pixel, np.nan)
    return Contour(np.asarray(centre, dtype=np.float64), radii)


@dataclass(frozen=True)
class Chords:
    """Across a wall: where each crosses the centreline (n, 2), its angle seen from the centre of
    the contours (rad, 0 to 2 pi) and the wall's thickness there (mm), NaN where not found."""

    points: Floats
    angle: Floats
    thickness_mm: Floats
    inner: Floats
    outer: Floats


def chords_between(inner: Contour, outer: Contour, count: int = CHORDS) -> Chords:
    """Chords across the wall between two contours with one centre."""
    radii = (inner.radii + outer.radii) / 2.0
    line = inner.centre + radii[:, None] * directions()
    good = np.isfinite(radii)
    if good.sum() < ANGLES // 2:
        nothing = np.full((count, 2), np.nan)
        return Chords(nothing, nothing[:, 0], nothing[:, 0], nothing, nothing)
    closed = np.concatenate([line[good], line[good][:1]])
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    where = np.linspace(0.0, run[-1], count, endpoint=False)
    points = np.stack([np.interp(where, run, closed[:, k]) for k in range(2)], axis=1)
    smooth = ndimage.gaussian_filter1d(points, 1.0, axis=0, mode="wrap")
    tangent = np.roll(smooth, -1, axis=0) - np.roll(smooth, 1, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    away = points - inner.centre
    normal *= np.sign((normal * away).sum(axis=1, keepdims=True))
    to_outer = _crossing(points, normal, outer.points)
    to_inner = _crossing(points, -normal, inner.points)
    angle = np.mod(np.arctan2(away[:, 1], away[:, 0]), 2 * np.pi)
    return Chords(
        points,
        angle,
        to_outer + to_inner,
        points - to_inner[:, None] * normal,
        points + to_outer[:, None] * normal,
    )


def _crossing(start: Floats, way: Floats, polygon: Floats) -> Floats:
    """How far (n,) from each start along ``way`` a closed polygon (m, 2) is met; NaN: nowhere."""
    a = polygon
    edge = np.roll(polygon, -1, axis=0) - a
    offset = a[None] - start[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        across = way[:, None, 0] * edge[None, :, 1] - way[:, None, 1] * edge[None, :, 0]
        far = (offset[..., 0] * edge[None, :, 1] - offset[..., 1] * edge[None, :, 0]) / across
        part = (offset[..., 0] * way[:, None, 1] - offset[..., 1] * way[:, None, 0]) / across
    hit = (far >= -1e-9) & (part >= -1e-9) & (part <= 1 + 1e-9)
    nearest = np.where(hit, far, np.inf).min(axis=1)
    return np.where(np.isfinite(nearest), np.maximum(nearest, 0.0), np.nan)


def widths(points: Floats) -> tuple[float, float]:
    """Largest and smallest caliper width (mm) of a contour's points (n, 2)."""
    known = points[np.isfinite(points).all(axis=1)]
    reach = known @ directions().T[:, : ANGLES // 2]
    across = reach.max(axis=0) - reach.min(axis=0)
    return float(across.max()), float(across.min())

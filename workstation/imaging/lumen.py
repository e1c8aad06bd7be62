"""How wide a bright vessel is along its centre line, finer than the voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.imaging.sections import planes_across, resampled

STEP_MM = 0.4  # along the centre line
_PIXEL_MM = 0.3  # in the cross-section
_HALF_MM = 6.6  # half the width of a cross-section
_WINDOW_MM = 8.0  # the level of blood is looked for this far up and down the vessel
_BATCH = 400
_DIRECTIONS = 72  # of an outline, seen from its middle


@dataclass(frozen=True)
class Profile:
    """A vessel sampled along its length.

    points_mm: (n, 3) LPS, ``STEP_MM`` apart. diameter_mm: (n,), of the circle with the lumen's
    area, NaN where the section cannot be judged. run_mm: (n,) length from the start.
    """

    points_mm: Floats
    diameter_mm: Floats
    run_mm: Floats


@dataclass(frozen=True)
class Levels:
    """Signal of blood and of what surrounds it along one line."""

    blood: float
    tissue: float


@dataclass(frozen=True)
class Lumen:
    """The lumen on a plane across a line. area_mm2: of the signal above tissue; diameter_mm: of the
    circle with that area. outline_mm: (n, 3) LPS, closed; it encloses that area."""

    area_mm2: float
    diameter_mm: float
    outline_mm: Floats


def levels_along(array: NDArray[Any], grid: Grid, line_mm: Floats) -> Levels:
    """Blood and tissue from the middle and the surroundings of a line (n, 3)."""
    planes = planes_across(resampled(line_mm, 1.0, 1.0), 6.0, 0.5)
    sections = planes.sample(array, grid)
    middle = planes.half
    blood = float(np.percentile(sections[:, middle, middle], 80))
    return Levels(blood, float(np.median(sections)))


class Vessel:
    """What lies about one line (n, 3), LPS mm, in an angiogram: read once, asked for many planes.

    array: (z, y, x); only the part about the line is kept, as float32.
    """

    def __init__(self, array: NDArray[Any], grid: Grid, line_mm: Floats) -> None:
        self._array, self._grid = _about(array, grid, line_mm)
        self._points = resample(line_mm)
        self.levels = levels_along(self._array, self._grid, line_mm)

    def lumen(self, along_mm: float) -> Lumen | None:
        """The lumen across the line, ``along_mm`` from its start. None where no blood brighter than
        its surroundings stands out, or it reaches beyond the section."""
        if self.levels.blood <= self.levels.tissue:
            return None
        at = min(max(round(along_mm / STEP_MM), 0), len(self._points) - 1)
        cut = _cut(self._array, self._grid, self._points, self.levels, slice(at, at + 1))
        area = float(cut.areas[0])
        if cut.lost[0] or not area > 0:
            return None
        u, v = _outline(cut, area)
        places = self._points[at] + u[:, None] * cut.first[0] + v[:, None] * cut.second[0]
        return Lumen(area, float(2.0 * np.sqrt(area / np.pi)), places)


def _about(array: NDArray[Any], grid: Grid, line_mm: Floats) -> tuple[NDArray[Any], Grid]:
    """The part of an array within reach of the sections of a line, and its grid."""
    reach = 1.5 * _HALF_MM  # the corner of a section
    ends = np.stack([line_mm.min(axis=0) - reach, line_mm.max(axis=0) + reach])
    corners = np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i, j, k in np.ndindex(2, 2, 2)])
    index = grid.to_index(corners)[:, ::-1]
    top = np.asarray(grid.shape)
    low = np.clip(np.floor(index.min(axis=0)), 0, top - 1).astype(int)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, low + 1, top).astype(int)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part = np.asarray(array[z, y, x], dtype=np.float32)
    matrix = grid.matrix.copy()
    matrix[:3, 3] = grid.to_lps(low[::-1].astype(np.float64))
    return part, Grid((part.shape[0], part.shape[1], part.shape[2]), as_matrix(matrix))


def _outline(cut: _Cut, area_mm2: float) -> tuple[Floats, Floats]:
    """The level line about the middle of the first section that encloses the area, seen from that
    middle in each direction; the circle of that area where no level does."""
    share = np.where(cut.own[0] | ~cut.bright[0], cut.share[0], 0.0)  # not a neighbour's signal
    soft = ndimage.gaussian_filter(share, 0.5)
    way = np.linspace(0.0, 2.0 * np.pi, _DIRECTIONS, endpoint=False)
    radius = np.arange(0.0, _HALF_MM, _PIXEL_MM / 2)
    middle_u, middle_v = float(cut.shift_u[0]), float(cut.shift_v[0])
    places = np.stack(
        [middle_u + np.outer(np.cos(way), radius), middle_v + np.outer(np.sin(way), radius)]
    )
    rays = ndimage.map_coordinates(soft, (places + _HALF_MM) / _PIXEL_MM, order=1)
    # Seen outwards the signal may only fall: what rises again is another vessel.
    rays = np.minimum.accumulate(rays, axis=1)

    def reach(level: float) -> Floats:
        inside = (rays >= level).sum(axis=1)
        last = np.clip(inside - 1, 0, len(radius) - 2)
        rows = np.arange(len(way))
        a, b = rays[rows, last], rays[rows, last + 1]
        part = np.where(a > b, (a - level) / np.maximum(a - b, 1e-9), 0.0)
        return np.asarray((last + np.clip(part, 0.0, 1.0)) * _PIXEL_MM / 2 * (inside > 0))

    low, high = 0.02, 0.98
    for _ in range(20):
        level = (low + high) / 2
        size = float((reach(level) ** 2).sum()) * np.pi / _DIRECTIONS
        low, high = (level, high) if size > area_mm2 else (low, level)
    found = reach((low + high) / 2)
    size = float((found**2).sum()) * np.pi / _DIRECTIONS
    if not 0.9 < size / area_mm2 < 1.1:
        found = np.full(_DIRECTIONS, np.sqrt(area_mm2 / np.pi))
    return middle_u + found * np.cos(way), middle_v + found * np.sin(way)


def resample(points_mm: Floats, step_mm: float = STEP_MM, smooth_mm: float = 1.0) -> Floats:
    """Points (n, 3) at equal steps along a polyline, its corners rounded off."""
    lengths = np.linalg.norm(np.diff(points_mm, axis=0), axis=1)
    run = np.concatenate([[0.0], np.cumsum(lengths)])
    where = np.arange(0.0, run[-1] + 1e-9, step_mm)
    even = np.stack([np.interp(where, run, points_mm[:, axis]) for axis in range(3)], axis=1)
    return np.asarray(ndimage.gaussian_filter1d(even, smooth_mm / step_mm, axis=0, mode="nearest"))


def profile(array: NDArray[Any], grid: Grid, points_mm: Floats, levels: Levels) -> Profile:
    """Diameters along a rough centre line (n, 3), which is centred on the lumen first."""
    points = resample(points_mm)
    for _ in range(2):
        shift = np.concatenate(
            [_measure(array, grid, points, levels, part)[1] for part in _batches(points)]
        )
        moved = points + ndimage.gaussian_filter1d(shift, 1.0 / STEP_MM, axis=0, mode="nearest")
        points = resample(moved)
    areas = np.concatenate(
        [_measure(array, grid, points, levels, part)[0] for part in _batches(points)]
    )
    diameter = 2.0 * np.sqrt(np.maximum(areas, 0.0) / np.pi)
    run = np.arange(len(points), dtype=np.float64) * STEP_MM
    return Profile(points, np.asarray(diameter, dtype=np.float64), run)


def _batches(points: Floats) -> list[slice]:
    return [slice(i, min(i + _BATCH, len(points))) for i in range(0, len(points), _BATCH)]


def _frames(points: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors (n, 3) that span the plane across the line at each point."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    other = np.eye(3)[np.argmin(np.abs(tangent), axis=1)]
    first = np.cross(tangent, other)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return first, np.cross(tangent, first)


@dataclass(frozen=True)
class _Cut:
    """Sections (n, u, v) of a part of a line. share: signal above tissue in parts of full blood,
    nought outside the surroundings of the lumen; own: its bright part; bright: of every vessel."""

    first: Floats
    second: Floats
    share: Floats
    own: NDArray[np.bool_]
    bright: NDArray[np.bool_]
    areas: Floats
    lost: NDArray[np.bool_]
    shift_u: Floats
    shift_v: Floats


def _measure(
    array: NDArray[Any], grid: Grid, points: Floats, levels: Levels, part: slice
) -> tuple[Floats, Floats]:
    """Lumen area (mm2) of each section and the vector (mm) from its point to the lumen's centre."""
    cut = _cut(array, grid, points, levels, part)
    return cut.areas, cut.shift_u[:, None] * cut.first + cut.shift_v[:, None] * cut.second


def _cut(array: NDArray[Any], grid: Grid, points: Floats, levels: Levels, part: slice) -> _Cut:
    """Sections across a line, and the lumen on each.

    The area is the signal above tissue, summed over the section and divided by that of full
    blood: a scanner's blur spreads signal but keeps its sum, so narrow lumens are not measured
    as wide as the blur, as they are at half maximum.
    """
    blood, tissue = levels.blood, levels.tissue
    reach = round(_WINDOW_MM / STEP_MM)
    wide = slice(max(part.start - reach, 0), min(part.stop + reach, len(points)))
    first, second = (v[wide] for v in _frames(points))
    steps = np.arange(-_HALF_MM, _HALF_MM + 1e-9, _PIXEL_MM)
    u, v = np.meshgrid(steps, steps, indexing="ij")
    # Index space is linear in patient space: three small conversions place every pixel.
    origin = grid.to_index(points[wide])
    along_u = grid.to_index(points[wide] + first) - origin
    along_v = grid.to_index(points[wide] + second) - origin
    index = np.empty((3, len(origin), *u.shape), dtype=np.float32)
    for axis in range(3):  # arrays count z, y, x
        start, du, dv = (part_[:, 2 - axis, None, None] for part_ in (origin, along_u, along_v))
        index[axis] = start + du * u + dv * v
    patch = ndimage.map_coordinates(array, index, order=1, mode="nearest")
    radius = np.hypot(u, v)
    middle = patch[:, radius <= 0.5].mean(axis=1)
    level = ndimage.percentile_filter(middle, 80, size=2 * reach + 1, mode="nearest")
    level = np.maximum(level, tissue + 0.3 * (blood - tissue))
    mine = slice(part.start - wide.start, part.stop - wide.start)
    patch, level, first, second = patch[mine], level[mine], first[mine], second[mine]

    threshold = tissue + 0.3 * (level - tissue)
    bright = patch > threshold[:, None, None]
    flat = np.zeros((3, 3, 3), dtype=bool)
    flat[1] = True  # sections are neighbours in the array, not in the labelling
    labels, _ = ndimage.label(bright, structure=flat)
    centre = u.shape[0] // 2
    core = labels[:, centre - 2 : centre + 3, centre - 2 : centre + 3].reshape(len(patch), -1)
    own = labels == np.max(core, axis=1)[:, None, None]
    own &= labels > 0
    lost = ~own.any(axis=(1, 2))
    own[lost] = radius <= 0.9
    grown = ndimage.binary_dilation(own, structure=flat, iterations=3)
    grown &= ~(bright & ~own)
    around = ndimage.binary_dilation(grown, structure=flat, iterations=5) & ~grown & ~bright
    counts = around.sum(axis=(1, 2))
    ground = np.where(
        counts > 20, (patch * around).sum(axis=(1, 2)) / np.maximum(counts, 1), tissue
    )
    share = (patch - ground[:, None, None]) / (level - ground)[:, None, None] * grown
    area = share.sum(axis=(1, 2)) * _PIXEL_MM**2
    at_edge = own[:, 0].any(axis=1) | own[:, -1].any(axis=1)
    at_edge |= own[:, :, 0].any(axis=1) | own[:, :, -1].any(axis=1)
    weight = np.maximum(share, 0.0) * own
    total = np.maximum(weight.sum(axis=(1, 2)), 1e-6)
    shift_u = np.clip((weight * u).sum(axis=(1, 2)) / total, -1.0, 1.0)
    shift_v = np.clip((weight * v).sum(axis=(1, 2)) / total, -1.0, 1.0)
    shift_u[at_edge | lost] = 0.0
    shift_v[at_edge | lost] = 0.0
    area[at_edge] = np.nan
    return _Cut(first, second, share, own, bright, area, lost, shift_u, shift_v)

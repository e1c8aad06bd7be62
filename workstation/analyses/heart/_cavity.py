"""The left ventricular cavity on a short-axis cine, outlined without a trained model.

Blood is bright, muscle around it dark, and it beats: the roundest bright region of the moving
part of the picture that a dark ring surrounds is the left ventricle. It is followed through time
and from slice to slice for as long as the ring stays closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

_HEART_MM = 75.0  # half the width of the field that is searched
_AREA_CM2 = (2.5, 45.0)  # of a cavity in a middle slice
_SMALLEST_CM2 = 0.5  # an apex smaller than this is left out
_SOLID = 0.7  # of its convex hull, papillary muscles being the notches
_RING_MM = (1.5, 5.0)  # outside the cavity: where the muscle is
_CLOSED = 0.6  # share of the ring that must be muscle: more than half, as a reader decides
_SECTORS = 24
# From muscle to blood: readers draw the outline where the compact muscle begins, outside the
# trabeculae that half of the way would leave out (chosen on public ACDC cases, see the tests).
_EDGE = 0.35
_LEAP = 1.35  # how much larger than its neighbour towards the apex a slice may be


@dataclass(frozen=True)
class Region:
    """A cavity in one picture: what is blood or enclosed by it, and how closed its ring is."""

    mask: Mask
    area_cm2: float
    closed: float
    round: float


@dataclass(frozen=True)
class Plane:
    """Pixel size (mm) along y and x."""

    y_mm: float
    x_mm: float

    @property
    def pixel_cm2(self) -> float:
        """Area of a pixel."""
        return self.y_mm * self.x_mm / 100.0


def cavities(cine: Image, plane: Plane) -> Mask | None:
    """Cavity masks (t, z, y, x) of a cine of the same shape; None where none is convincing."""
    result = np.zeros(cine.shape, dtype=bool)
    smooth = ndimage.gaussian_filter(cine, (0.0, 0.0, 0.6, 0.6))
    field = _beating(smooth, plane)
    if field is None:
        return None
    rows, columns = field
    near = smooth[:, :, rows, columns]
    found = result[:, :, rows, columns]  # a view: what is drawn here is drawn in the result
    levels = [_blood_level(near[:, z]) for z in range(near.shape[1])]
    start = _best(near[0], levels, plane)
    if start is None:
        return None
    at, seed = start
    for phase in range(len(near)):
        here = _grow(near[phase, at], levels[at], seed.mask, plane)
        if here is None:
            return None
        found[phase, at] = here.mask
        for way in (-1, 1):
            _follow(near[phase], levels, at, way, here, plane, found[phase])
        seed = here
    return result


def _follow(
    pictures: Image,
    levels: list[float],
    at: int,
    way: int,
    start: Region,
    plane: Plane,
    result: Mask,
) -> None:
    """From slice ``at`` on in one direction, as long as each slice follows from the last."""
    last = start
    for z in range(at + way, -1 if way < 0 else len(pictures), way):
        region = _grow(pictures[z], levels[z], last.mask, plane)
        if region is None or region.closed < _CLOSED or region.area_cm2 > _LEAP * last.area_cm2:
            return
        if region.area_cm2 < _SMALLEST_CM2:
            return
        result[z] = region.mask
        last = region


def _beating(cine: Image, plane: Plane) -> tuple[slice, slice] | None:
    """The field (rows, columns) around the centre of what moves most."""
    motion = ndimage.gaussian_filter(
        cine.std(axis=0).mean(axis=0), (6.0 / plane.y_mm, 6.0 / plane.x_mm)
    )
    if motion.max() <= 0:
        return None
    strong = np.where(motion > 0.5 * motion.max(), motion, 0.0)
    centre = ndimage.center_of_mass(strong)
    rows, columns = (
        slice(max(int(c - _HEART_MM / mm), 0), min(int(c + _HEART_MM / mm) + 1, n))
        for c, mm, n in zip(centre, (plane.y_mm, plane.x_mm), motion.shape, strict=True)
    )
    return rows, columns


def _blood_level(values: Image) -> float:
    """The upper of two thresholds that part lung, muscle and blood best (Otsu, three classes)."""
    counts, edges = np.histogram(values, bins=72, range=(0.0, float(np.percentile(values, 99.5))))
    centres = (edges[1:] + edges[:-1]) / 2
    share = np.concatenate([[0.0], np.cumsum(counts / counts.sum())])
    mass = np.concatenate([[0.0], np.cumsum(counts / counts.sum() * centres)])
    best, level = -1.0, float(centres[-1])
    for low in range(4, 60):
        for high in range(low + 4, 70):
            parts = ((0, low), (low, high), (high, 72))
            weights = [share[b] - share[a] for a, b in parts]
            if min(weights) < 1e-4:
                continue
            between = sum(
                (mass[b] - mass[a]) ** 2 / w for (a, b), w in zip(parts, weights, strict=True)
            )
            if between > best:
                best, level = float(between), float(edges[high])
    return level


def _best(pictures: Image, levels: list[float], plane: Plane) -> tuple[int, Region] | None:
    """The slice and region that look most like a left ventricle, among the middle slices."""
    found: tuple[int, Region] | None = None
    score = 0.0
    slices = len(pictures)
    for z in range(slices // 5, slices - slices // 5):
        labels, count = ndimage.label(ndimage.binary_opening(pictures[z] > levels[z]))
        for number in range(1, count + 1):
            piece = labels == number
            area = int(piece.sum()) * plane.pixel_cm2
            if not _AREA_CM2[0] <= area <= _AREA_CM2[1]:
                continue
            region = _grow(pictures[z], levels[z], piece, plane)
            if region is None or region.closed < 0.85 or region.round < 0.6:
                continue
            worth = region.closed * region.round * region.area_cm2**0.25
            if worth > score:
                found, score = (z, region), worth
    return found


def _grow(picture: Image, level: float, seed: Mask, plane: Plane) -> Region | None:
    """The cavity that ``seed`` lies in: threshold, hull, then the threshold between this blood
    and this ring of muscle, once more."""
    region: Region | None = None
    for _ in range(2):
        mask = _component(picture > level, seed)
        if mask is None:
            return region
        hull = _hull(mask)
        if hull is None or mask.sum() < _SOLID * hull.sum() or _at_edge(mask):
            return None
        ring, angle = _ring(hull, plane)
        blood, muscle = float(np.median(picture[mask])), float(np.median(picture[ring]))
        if muscle > 0.8 * blood:
            return None
        level = muscle + _EDGE * (blood - muscle)
        dark = [
            float(np.median(picture[ring & (angle == s)])) < level
            for s in range(_SECTORS)
            if (ring & (angle == s)).any()
        ]
        region = Region(
            hull, int(hull.sum()) * plane.pixel_cm2, float(np.mean(dark)), _roundness(hull, plane)
        )
    return region


def _component(bright: Mask, seed: Mask) -> Mask | None:
    """The bright piece that overlaps the seed most, its holes filled."""
    labels, count = ndimage.label(bright)
    if count == 0:
        return None
    overlap = np.bincount(labels[seed], minlength=count + 1)
    overlap[0] = 0
    if overlap.max() == 0:
        return None
    return np.asarray(ndimage.binary_fill_holes(labels == int(np.argmax(overlap))))


def _at_edge(mask: Mask) -> bool:
    """Whether it reaches the edge of the field: then it is not the ventricle alone."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _hull(mask: Mask) -> Mask | None:
    """The convex hull: papillary muscles count as cavity (Schulz-Menger et al. 2020)."""
    points = np.argwhere(mask)
    if len(points) < 6:
        return None
    try:
        sides = ConvexHull(points).equations
    except QhullError:
        return None
    low, high = points.min(axis=0), points.max(axis=0) + 1
    rows = np.arange(low[0], high[0])[:, None]
    columns = np.arange(low[1], high[1])[None, :]
    inside = np.ones((rows.size, columns.size), dtype=bool)
    for across, along, offset in sides:  # every side's half plane
        inside &= across * rows + along * columns + offset <= 1e-6
    result = np.zeros(mask.shape, dtype=bool)
    result[low[0] : high[0], low[1] : high[1]] = inside
    return result


def _ring(mask: Mask, plane: Plane) -> tuple[Mask, NDArray[np.int64]]:
    """Pixels just outside, and the sector (0 .. 23) around the centre that each pixel is in."""
    away = ndimage.distance_transform_edt(~mask, sampling=(plane.y_mm, plane.x_mm))
    ring = (away > _RING_MM[0]) & (away <= _RING_MM[1])
    y, x = ndimage.center_of_mass(mask)
    rows, columns = np.indices(mask.shape)
    angle = np.arctan2((rows - y) * plane.y_mm, (columns - x) * plane.x_mm)
    return ring, np.floor((angle + np.pi) / (2 * np.pi) * _SECTORS).astype(np.int64) % _SECTORS


def _roundness(mask: Mask, plane: Plane) -> float:
    """Short over long axis of the ellipse with the region's second moments."""
    points = np.argwhere(mask) * np.array([plane.y_mm, plane.x_mm])
    small, large = np.linalg.eigvalsh(np.cov(points.T))
    return float(np.sqrt(max(small, 0.0) / large)) if large > 0 else 0.0


WHOLE_SHARE = 0.95
"""A stack that ends on a slice as wide as this part of the widest one ends inside the ventricle."""


def ends_inside(mask: NDArray[np.bool_]) -> bool:
    """Whether a cavity (z, y, x) is cut off by the end of the stack where it is widest: slices at
    the base are lacking. With them it narrows, or ends, before the stack does."""
    areas = mask.sum(axis=(1, 2))
    return bool(max(areas[0], areas[-1]) >= max(WHOLE_SHARE * areas.max(), 1))

"""How wide a vessel is along its centre line, finer than the voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Grid

Floats = NDArray[np.float64]

STEP_MM = 0.4  # along the centre line
_PIXEL_MM = 0.3  # in the cross-section
_HALF_MM = 6.6  # half the width of a cross-section
_WINDOW_MM = 8.0  # the level of blood is looked for this far up and down the vessel
_BATCH = 400


@dataclass(frozen=True)
class Profile:
    """A vessel sampled along its length.

    points_mm: (n, 3) LPS, ``STEP_MM`` apart. diameter_mm: (n,), of the circle with the lumen's
    area, NaN where the section cannot be judged. run_mm: (n,) length from the start.
    """

    points_mm: Floats
    diameter_mm: Floats
    run_mm: Floats


def resample(points_mm: Floats, step_mm: float = STEP_MM, smooth_mm: float = 1.0) -> Floats:
    """Points (n, 3) at equal steps along a polyline, its corners rounded off."""
    lengths = np.linalg.norm(np.diff(points_mm, axis=0), axis=1)
    run = np.concatenate([[0.0], np.cumsum(lengths)])
    where = np.arange(0.0, run[-1] + 1e-9, step_mm)
    even = np.stack([np.interp(where, run, points_mm[:, axis]) for axis in range(3)], axis=1)
    return np.asarray(ndimage.gaussian_filter1d(even, smooth_mm / step_mm, axis=0, mode="nearest"))


def profile(
    array: NDArray[np.float32], grid: Grid, points_mm: Floats, blood: float, tissue: float
) -> Profile:
    """Diameters along a rough centre line (n, 3), which is centred on the lumen first."""
    points = resample(points_mm)
    for _ in range(2):
        shift = np.concatenate(
            [_measure(array, grid, points, blood, tissue, part)[1] for part in _batches(points)]
        )
        moved = points + ndimage.gaussian_filter1d(shift, 1.0 / STEP_MM, axis=0, mode="nearest")
        points = resample(moved)
    areas = np.concatenate(
        [_measure(array, grid, points, blood, tissue, part)[0] for part in _batches(points)]
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


def _measure(
    array: NDArray[np.float32],
    grid: Grid,
    points: Floats,
    blood: float,
    tissue: float,
    part: slice,
) -> tuple[Floats, Floats]:
    """Lumen area (mm2) of each section and the vector (mm) from its point to the lumen's centre.

    The area is the signal above tissue, summed over the section and divided by that of full
    blood: a scanner's blur spreads signal but keeps its sum, so narrow lumens are not measured
    as wide as the blur, as they are at half maximum.
    """
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
    return area, shift_u[:, None] * first + shift_v[:, None] * second

"""A plain chest with vessels and balls of known size: what the nodule measures are tried on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Volume, generated_volume

Point = tuple[float, float, float]

LUNG_HU, SOLID_HU, ROOM_HU = -860.0, 40.0, -1000.0
# Centre (x, y, z) in mm and diameter: free, free, free, and the last half in the chest wall.
NODULES: tuple[tuple[Point, float], ...] = (
    ((-62.0, 10.0, -12.0), 8.0),
    ((58.0, -14.0, 14.0), 6.0),
    ((-52.0, -20.0, 20.0), 15.0),
    ((71.0, 24.0, -16.0), 10.0),
)
# Vessels: from, to, diameter at either end; with a fork, and one that passes a nodule.
_VESSELS: tuple[tuple[Point, Point, float, float], ...] = (
    ((-30.0, 0.0, 0.0), (-50.0, 8.0, -8.0), 7.0, 5.0),
    ((-50.0, 8.0, -8.0), (-62.0, 10.0, -12.0), 3.0, 2.0),
    ((-50.0, 8.0, -8.0), (-66.0, 22.0, 10.0), 4.0, 2.0),
    ((-50.0, 8.0, -8.0), (-60.0, -22.0, -24.0), 4.0, 2.0),
    ((30.0, 0.0, 0.0), (50.0, 0.0, 4.0), 8.0, 5.0),
    ((50.0, 0.0, 4.0), (70.0, 14.0, 22.0), 4.0, 2.0),
    ((50.0, 0.0, 4.0), (72.0, -18.0, -10.0), 4.0, 2.0),
    ((50.0, 0.0, 4.0), (52.0, 30.0, -20.0), 5.0, 2.0),
)
_LUNGS: tuple[tuple[Point, Point], ...] = (
    ((-54.0, 0.0, 0.0), (27.0, 40.0, 60.0)),
    ((54.0, 0.0, 0.0), (27.0, 40.0, 60.0)),
)


def chest(
    spacing_mm: Point = (0.7, 0.7, 1.0),
    nodules: tuple[tuple[Point, float], ...] = NODULES,
    *,
    blur_mm: float = 0.6,
    noise_hu: float = 20.0,
    seed: int = 3,
) -> tuple[NDArray[np.float32], Grid]:
    """HU (z, y, x) of a trunk with two lungs, forking vessels and ``nodules``, and its grid."""
    shape = (
        round(84.0 / spacing_mm[2]) + 1,
        round(130.0 / spacing_mm[1]) + 1,
        round(200.0 / spacing_mm[0]) + 1,
    )
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * d for n, d in zip(shape[::-1], spacing_mm, strict=True)]
    grid = Grid(shape, as_matrix(affine))
    z, y, x = (
        np.asarray((np.arange(n) - (n - 1) / 2) * d, dtype=np.float64)
        for n, d in zip(shape, spacing_mm[::-1], strict=True)
    )
    step = min(spacing_mm)
    # Negative inside, in mm near the surface.
    trunk = _ellipsoid(x, y, z, (0, 0, 0), (95.0, 61.0, 900.0))
    image = _mixed(np.full(shape, ROOM_HU), trunk, SOLID_HU, step)
    lung = np.minimum(*(_ellipsoid(x, y, z, centre, radii) for centre, radii in _LUNGS))
    image = _mixed(image, lung, LUNG_HU, step)
    inside = lung < 6.0
    places = grid.to_lps(np.argwhere(inside)[:, ::-1].astype(np.float64))
    solid = np.full(shape, 99.0)
    solid[inside] = np.minimum(
        _vessel_distance(places),
        np.min([np.linalg.norm(places - c, axis=1) - d / 2 for c, d in nodules], axis=0)
        if nodules
        else 99.0,
    )
    image = _mixed(image, solid, SOLID_HU, step)
    image = ndimage.gaussian_filter(image, [blur_mm / s for s in spacing_mm[::-1]])
    image += np.random.default_rng(seed).normal(0.0, noise_hu, shape)
    return np.asarray(image, dtype=np.float32), grid


def _ellipsoid(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    z: NDArray[np.float64],
    centre: Point,
    radii: Point,
) -> NDArray[np.float64]:
    scaled = (
        ((x - centre[0]) / radii[0])[None, None, :] ** 2
        + ((y - centre[1]) / radii[1])[None, :, None] ** 2
        + ((z - centre[2]) / radii[2])[:, None, None] ** 2
    )
    return np.asarray((np.sqrt(scaled) - 1.0) * min(radii))


def _mixed(
    image: NDArray[np.float64], distance: NDArray[np.float64], value: float, step: float
) -> NDArray[np.float64]:
    cover = np.clip(0.5 - distance / step, 0.0, 1.0)
    return np.asarray(image + (value - image) * cover)


def _vessel_distance(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (mm) of points (n, 3) to the nearest vessel's surface, negative inside."""
    nearest = np.full(len(places), 99.0)
    for start, stop, first, last in _VESSELS:
        along = np.asarray(stop) - np.asarray(start)
        away = places - np.asarray(start)
        t = np.clip(away @ along / (along @ along), 0.0, 1.0)
        distance = np.linalg.norm(away - t[:, None] * along, axis=1)
        nearest = np.minimum(nearest, distance - (first + t * (last - first)) / 2.0)
    return nearest


def volume_of(array: NDArray[np.float32], grid: Grid) -> Volume:
    """An array as a chest CT volume."""
    return generated_volume(
        array, grid, modality="CT", unit="[hnsf'U]", role="CT chest", region="chest"
    )

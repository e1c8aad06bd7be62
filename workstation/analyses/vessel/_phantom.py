"""Tubes of known width, blurred as a scanner blurs: what the vessel measures are tried on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from workstation.domain.geometry import Grid, as_matrix

Floats = NDArray[np.float64]
BLOOD, TISSUE = 800.0, 120.0


def box(size_mm: tuple[float, float, float], spacing_mm: tuple[float, float, float]) -> Grid:
    """A grid of about ``size_mm`` (x, y, z), centred on the origin."""
    shape = [round(s / d) + 1 for s, d in zip(size_mm, spacing_mm, strict=True)]
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * d for n, d in zip(shape, spacing_mm, strict=True)]
    return Grid((shape[2], shape[1], shape[0]), as_matrix(affine))


def tube(
    line: Callable[[Floats], Floats],
    diameter_mm: Callable[[Floats], Floats],
    length_mm: float,
    grid: Grid,
    *,
    blur_mm: float = 0.6,
    noise: float = 0.0,
    seed: int = 1,
) -> NDArray[np.float32]:
    """A tube (z, y, x) along ``line`` (mm run to LPS points), its width given by the run.

    blur_mm: standard deviation of the scanner's point spread; 0.25 mm is about half a pixel.
    """
    run = np.arange(0.0, length_mm, 0.05)
    points, radius = line(run), diameter_mm(run) / 2.0
    tree = cKDTree(points)

    def from_edge(places: Floats) -> Floats:
        """Distance outside the wall, negative inside, 9 mm where far away."""
        distance, nearest = (np.asarray(v) for v in tree.query(places, distance_upper_bound=8.0))
        near = np.isfinite(distance)
        edge = np.full(len(places), 9.0)
        edge[near] = distance[near] - radius[nearest[near]]
        return edge

    voxels = np.argwhere(np.ones(grid.shape, dtype=bool))[:, ::-1].astype(np.float64)
    edge = from_edge(grid.to_lps(voxels))
    cover = (edge < 0).astype(np.float64)
    # Voxels that the wall may cross are looked at in 3 x 3 x 3 points, softly.
    wall = np.flatnonzero(np.abs(edge) < max(grid.spacing_mm))
    thirds = np.argwhere(np.ones((3, 3, 3), dtype=bool)) / 3.0 - 1.0 / 3.0
    parts = grid.to_lps((voxels[wall][:, None, :] + thirds).reshape(-1, 3))
    soft = np.clip(0.5 - from_edge(parts) / (min(grid.spacing_mm) / 3.0), 0.0, 1.0)
    cover[wall] = soft.reshape(len(wall), -1).mean(axis=1)
    cover = cover.reshape(grid.shape)
    cover = ndimage.gaussian_filter(cover, [blur_mm / s for s in grid.spacing_mm[::-1]])
    image = TISSUE + (BLOOD - TISSUE) * cover
    if noise:
        image = image + np.random.default_rng(seed).normal(0.0, noise, image.shape)
    return np.asarray(image, dtype=np.float32)


def narrowing(
    wide_mm: float, narrow_mm: float, at_mm: float, half_mm: float
) -> Callable[[Floats], Floats]:
    """A width that dips smoothly (raised cosine) to ``narrow_mm`` over +-``half_mm``."""

    def width(run: Floats) -> Floats:
        away = np.clip(np.abs(run - at_mm) / half_mm, 0.0, 1.0)
        return np.asarray(wide_mm - (wide_mm - narrow_mm) * 0.5 * (1 + np.cos(np.pi * away)))

    return width


def straight(run: Floats) -> Floats:
    """A line that climbs along z, a little askew."""
    t = run - 30.0
    return np.asarray(np.stack([0.12 * t, -0.08 * t, t], axis=1) / np.sqrt(1 + 0.12**2 + 0.08**2))


def curved(run: Floats) -> Floats:
    """A helix of radius 9 mm that climbs 30 mm a turn, by arc length."""
    radius, climb = 9.0, 30.0 / (2 * np.pi)
    angle = run / np.hypot(radius, climb)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), climb * angle - 20.0], axis=1)

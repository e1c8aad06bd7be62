"""A left ventricle of known wall on short-axis slices, turned and mirrored as a scanner may."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats, Grid, as_matrix

Mask = NDArray[np.bool_]


def short_axis(
    *, turn_deg: float = 0.0, base_first: bool = True, mirrored: bool = False, slices: int = 10,
    pixel_mm: float = 1.5,
) -> Grid:  # fmt: skip
    """A grid across the long axis of a heart whose base lies to +z of its own frame.

    turn_deg: of the picture in its plane. mirrored: columns run the other way.
    """
    side = 81
    angle = np.radians(turn_deg)
    column = np.array([np.cos(angle), np.sin(angle), 0.0]) * (-1.0 if mirrored else 1.0)
    row = np.array([-np.sin(angle), np.cos(angle), 0.0])
    along = np.array([0.0, 0.0, -1.0 if base_first else 1.0])
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = column * pixel_mm, row * pixel_mm, along * 8.0
    middle = np.array([(side - 1) / 2, (side - 1) / 2, (slices - 1) / 2])
    affine[:3, 3] = -affine[:3, :3] @ middle
    return Grid((slices, side, side), as_matrix(affine))


def places(grid: Grid) -> Floats:
    """(z, y, x, 3) LPS of every voxel."""
    z, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape), indexing="ij")
    return grid.to_lps(np.stack([x, y, z], axis=-1))


SEPTUM_DEG = 180.0
"""Towards the septum, in the heart's own plane (x, y); the base is at +z, so in front is -y."""
HALF_SEPTUM_DEG = 60.0


def wall(grid: Grid, inner_mm: float, outer_mm: float, *, tip_mm: float = 0.0) -> Mask:
    """A cylinder's wall over all slices; below ``tip_mm`` above the lowest slice it is solid."""
    points = places(grid)
    away = np.hypot(points[..., 0], points[..., 1])
    height = points[..., 2] - points[..., 2].min()
    # A little narrower towards the apex, so that it can be told from the base.
    outer = outer_mm + 0.5 * (height / height.max() - 1.0)
    inner = np.where(height >= tip_mm, inner_mm + outer - outer_mm, 0.0)
    return np.asarray((away <= outer) & ((away > inner) | (inner <= 0)))


def insertions(radius_mm: float) -> Floats:
    """(2, 3) LPS: the anterior, then the inferior insertion, at the middle of the heart."""
    angles = np.radians([SEPTUM_DEG + HALF_SEPTUM_DEG, SEPTUM_DEG - HALF_SEPTUM_DEG])
    found = np.stack([np.cos(angles), np.sin(angles), np.zeros(2)], axis=1) * radius_mm
    return np.asarray(found)


def right_ventricle(grid: Grid, outer_mm: float) -> Mask:
    """A cavity that lies against the left ventricle over the septum."""
    points = places(grid)
    away = np.hypot(points[..., 0], points[..., 1])
    angle = np.degrees(np.arctan2(points[..., 1], points[..., 0]))
    off = np.abs(np.mod(angle - SEPTUM_DEG + 180.0, 360.0) - 180.0)
    upper = points[..., 2] > points[..., 2].min() + 20.0
    return np.asarray(
        (away > outer_mm + 1.5) & (away < outer_mm + 20.0) & (off <= HALF_SEPTUM_DEG) & upper
    )

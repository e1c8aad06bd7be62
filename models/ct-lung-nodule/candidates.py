"""Candidates of blocks and chests, as the product finds them, and what the network sees of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Grid
from workstation.imaging.blobs import Spot, spots

PATCH = (32, 32, 32)
"""Voxels of 1 mm (z, y, x), straight in the patient, the spot in the middle."""
WINDOW = (-1000.0, 200.0)
LEAST_ANSWER_HU = 200.0
LEAST_ROUNDNESS = 0.3
MOST = 600


def found_in(image: NDArray[np.float32], inside: NDArray[np.bool_], grid: Grid) -> list[Spot]:
    """Spots, strongest first, with the package's bounds."""
    return spots(
        image, inside, grid, least_answer_hu=LEAST_ANSWER_HU, least_roundness=LEAST_ROUNDNESS
    )[:MOST]


def shown(image: NDArray[np.float32], grid: Grid, spot: Spot) -> NDArray[np.float32]:
    """The box about a spot, 0..1, as the manifest's steps make it."""
    middle = grid.to_lps(np.array(spot.index_zyx[::-1]))
    step = np.eye(4)
    step[:3, 3] = middle - (np.array(PATCH[::-1]) - 1) / 2
    across = np.linalg.inv(grid.matrix) @ step
    given = ndimage.affine_transform(
        image, across[:3, :3][::-1, ::-1], across[:3, 3][::-1], PATCH, order=1, mode="nearest"
    )
    low, high = WINDOW
    return ((np.clip(given, low, high) - low) / (high - low)).astype(np.float32)


def matched(
    place: NDArray[np.float64], centres: NDArray[np.float64], radii: Sequence[float]
) -> int:
    """Number of the nodule that a place (mm) lies in, within 0.7 of its radius and at least 2.5 mm;
    -1 where it lies in none, -2 where it lies at the edge of one and teaches nothing."""
    if not len(radii):
        return -1
    away = np.linalg.norm(np.asarray(centres) - place, axis=1)
    best = int(np.argmin(away - np.array(radii)))
    if away[best] <= max(0.7 * radii[best], 2.5):
        return best
    return -2 if away[best] <= radii[best] + 4.0 else -1

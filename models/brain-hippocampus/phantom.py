"""The example: a head that nobody has, from the mean template and the mean hippocampus crop.

The mean of three brains at 3 mm (``template.npz``) with the mean of the training crops set in on
both sides, and some noise. Derived from CC BY and CC BY-SA 4.0 data: it is shared alike.
"""

from __future__ import annotations

import numpy as np
from baseline import Mean
from crops import PATCH
from scipy import ndimage

from workstation.ai.atlas import box_grid, read_atlas
from workstation.ai.vocabulary import Place
from workstation.domain.geometry import Grid, as_matrix

STEP_MM = 1.5
TURN_DEG, SHIFT_MM = 6.0, (4.0, -9.0, 12.0)  # it does not lie as the template does


def _moved() -> np.ndarray:
    angle = np.deg2rad(TURN_DEG)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = SHIFT_MM
    return turn


def _sampled(array: np.ndarray, grid: Grid, onto: Grid, outside: float) -> np.ndarray:
    across = np.linalg.inv(grid.matrix) @ onto.matrix
    return ndimage.affine_transform(
        array, across[:3, :3][::-1, ::-1], across[:3, 3][::-1], onto.shape, order=1, cval=outside
    )


def phantom(template: bytes, mean: Mean, places: list[Place]) -> tuple[np.ndarray, np.ndarray]:
    """(image uint8 (z, y, x), affine)."""
    atlas = read_atlas(template)
    corners = atlas.grid.corners_lps
    low, high = corners.min(axis=0) - 6, corners.max(axis=0) + 6
    x, y, z = (int(n) for n in np.ceil((high - low) / STEP_MM))
    matrix = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    matrix[:3, 3] = low
    own = Grid((z, y, x), as_matrix(matrix))
    inside = _sampled(atlas.mask.astype(np.float32), atlas.grid, own, 0.0)
    image = _sampled(atlas.image / 1000.0, atlas.grid, own, 0.0)
    for place in places:
        box = box_grid(place, np.eye(4), PATCH, np.ones(3))
        near = np.ones(PATCH, dtype=bool)
        near[3:-3, 3:-3, 3:-3] = False
        weight = np.clip(
            ndimage.distance_transform_edt(np.pad(~near, 1))[1:-1, 1:-1, 1:-1] / 4, 0, 1
        )
        there = _sampled(weight.astype(np.float32), box, own, 0.0)
        grey = _sampled(0.85 + 0.17 * mean.image, box, own, 0.85)
        image = image * (1 - there) + grey * there
    rng = np.random.default_rng(5)
    image = np.where(inside > 0.5, image + rng.normal(0.0, 0.02, image.shape), 0.0)
    affine = _moved() @ matrix
    return np.clip(np.round(image * 130), 0, 255).astype(np.uint8), affine

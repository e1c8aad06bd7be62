"""The example: a generated head with a round enhancing mass; nothing of a patient is in it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

STEP_MM, SLICE_MM = 0.9, 6.0
MASS_MM, RADIUS_MM = (34.0, -30.0, 38.0), 15.0  # left, back and head of the middle


def _ball(places: list[np.ndarray], centre: tuple, radii: tuple) -> np.ndarray:
    """How deep inside an ellipsoid, 1 at its middle and 0 at its surface."""
    x, y, z = places
    away = sum(((p - c) / r) ** 2 for p, c, r in zip((x, y, z), centre, radii, strict=True))
    return 1.0 - np.sqrt(away)


def phantom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(image uint8 (z, y, x), mask of the mass, affine): T1 after contrast, slices of 6 mm."""
    shape = (22, 236, 208)
    affine = np.diag([STEP_MM, STEP_MM, SLICE_MM, 1.0])
    affine[:3, 3] = [-(shape[2] - 1) / 2 * STEP_MM, -(shape[1] - 1) / 2 * STEP_MM, -50.0]
    z, y, x = np.indices(shape).astype(float)
    places = [
        x * STEP_MM + affine[0, 3],
        y * STEP_MM + affine[1, 3],
        z * SLICE_MM + affine[2, 3],
    ]
    rng = np.random.default_rng(12)
    image = np.zeros(shape)
    image[_ball(places, (0, 0, 0), (82, 101, 94)) > 0] = 0.75  # scalp
    image[_ball(places, (0, 0, 0), (76, 95, 88)) > 0] = 0.08  # skull
    brain = _ball(places, (0, 0, 0), (70, 88, 81)) > 0
    folds = ndimage.gaussian_filter(rng.normal(size=shape), (0.6, 4.0, 4.0))
    grey = _ball(places, (0, 0, 0), (64, 82, 75)) + 0.5 * folds / folds.std() * 0.12 < 0.0
    image[brain] = np.where(grey, 0.3, 0.44)[brain]
    fine = ndimage.gaussian_filter(rng.normal(size=shape), (0.4, 2.2, 2.2))
    image[brain] += (0.07 * fine / fine.std())[brain]
    for side in (-1.0, 1.0):
        image[_ball(places, (side * 13.0, 2.0, 12.0), (9.0, 34.0, 15.0)) > 0] = 0.16
    mass = _ball(places, MASS_MM, (RADIUS_MM,) * 3) > 0
    image[mass] = 0.85
    image = ndimage.gaussian_filter(image, (0.0, 0.8, 0.8))
    image = np.hypot(image + rng.normal(0, 0.015, shape), rng.normal(0, 0.015, shape))
    return np.clip(np.round(image * 250), 0, 255).astype(np.uint8), mass, affine

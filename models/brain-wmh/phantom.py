"""A small generated head for the package's example: our own, with lesions at known places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SPACING_MM = (1.4, 1.4, 5.0)  # x, y, z
SHAPE = (26, 160, 128)  # z, y, x
# x, y, z and radius in mm from the middle of the head: two caps, three deep, one juxtacortical.
LESIONS_MM = (
    (19.0, -34.0, 8.0, 6.0),
    (-20.0, -33.0, 9.0, 5.0),
    (30.0, 18.0, 22.0, 5.0),
    (-33.0, 8.0, 26.0, 7.0),
    (-24.0, 44.0, 10.0, 5.0),
    (34.0, -30.0, 30.0, 4.5),
)


def phantom(seed: int = 3) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """(FLAIR (z, y, x), lesion mask, affine: index (x, y, z, 1) to LPS mm)."""
    rng = np.random.default_rng(seed)
    z, y, x = (
        (np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE, SPACING_MM[::-1], strict=True)
    )
    zz, yy, xx = np.meshgrid(z + 12.0, y, x, indexing="ij")

    def noise(sigma_mm: float) -> NDArray[np.float64]:
        field = rng.standard_normal(SHAPE)
        field = ndimage.gaussian_filter(field, [sigma_mm / s for s in SPACING_MM[::-1]])
        return np.asarray(field / field.std())

    def inside(a: float, b: float, c: float, at: tuple[float, float, float]) -> NDArray[np.float64]:
        """Depth in mm, roughly, within an ellipsoid about ``at`` (x, y, z)."""
        r = np.sqrt(((xx - at[0]) / a) ** 2 + ((yy - at[1]) / b) ** 2 + ((zz - at[2]) / c) ** 2)
        return np.asarray((1.0 - r) * min(a, b, c))

    depth = inside(66, 84, 72, (0, 0, 0)) + 0.6 * noise(12)
    folds = np.abs(noise(5.5))
    sulcus = (folds < 0.28) & (depth > 0) & (depth < 15)
    midline = (np.abs(xx) < 1.3) & (depth > 0) & ((depth < 26) | (zz > 30))
    grey = (depth > 0) & ((depth < 3.5) | ((folds < 0.75) & (depth < 18)))
    fluid = sulcus | midline
    for side in (-1, 1):
        fluid |= inside(8, 30, 16, (side * 13, -2, 12)) + 0.8 * noise(8) > 0
    image = np.where(depth > -4, 12.0, 4.0)  # fluid and bone around the brain
    image = np.where(depth > 0, 100.0, image)
    image = np.where(grey, 122.0, image)
    image = np.where(fluid, 22.0, image)
    image = np.where((depth < -6) & (depth > -11), 95.0, image)  # scalp
    truth = np.zeros(SHAPE, dtype=bool)
    for x0, y0, z0, radius in LESIONS_MM:
        r = np.sqrt((xx - x0) ** 2 + (yy - y0) ** 2 + (zz - z0) ** 2) / radius + 0.1 * noise(4)
        alpha = 1.0 / (1.0 + np.exp((r - 1.0) * 9.0))
        alpha = np.where(fluid, 0.0, alpha)
        truth |= (alpha > 0.5) & (depth > 0)
        image = image + alpha * 75.0
    image = ndimage.gaussian_filter(image, (0.3, 0.6, 0.6))
    image = np.hypot(image + rng.normal(0, 4, SHAPE), rng.normal(0, 4, SHAPE))
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = [float(x[0]), float(y[0]), float(z[0])]
    return np.round(image).astype(np.float32), truth, affine

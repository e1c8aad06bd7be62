"""The package's example: a small generated heart at end-diastole, of a seed used nowhere else."""

from __future__ import annotations

import numpy as np
from cines import PIXEL_MM
from generated import beat

EXAMPLE = 814
SIDE = 144


def phantom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(cine phase (z, y, x) float32, labels, affine: index (x, y, z, 1) to LPS mm)."""
    one = beat(EXAMPLE, 0)
    image, label = one.images[0], one.labels[0]
    y, x = (round(float(c)) for c in np.argwhere(label == 3)[:, 1:].mean(axis=0))
    low = [
        min(max(c - SIDE // 2, 0), n - SIDE) for c, n in zip((y, x), image.shape[1:], strict=True)
    ]
    cut = (slice(None), slice(low[0], low[0] + SIDE), slice(low[1], low[1] + SIDE))
    # A short axis: columns to the left and back, rows to the feet, slices towards the apex.
    across = np.array([0.70, 0.52, -0.49])
    down = np.array([0.02, -0.70, -0.71])
    across /= np.linalg.norm(across)
    down -= across * (across @ down)
    down /= np.linalg.norm(down)
    affine = np.eye(4)
    affine[:3, 0] = across * PIXEL_MM
    affine[:3, 1] = down * PIXEL_MM
    affine[:3, 2] = np.cross(across, down) * one.step_mm
    return np.round(image[cut]).astype(np.float32), label[cut], affine

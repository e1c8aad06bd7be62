"""The generated body of the package's example: the same on every machine, small."""

from __future__ import annotations

import bodies
import numpy as np
from cases import truths_of
from numpy.typing import NDArray
from scanner import seen_by

SEED = (5103, 1)


def phantom() -> tuple[NDArray[np.float32], dict[str, NDArray[np.bool_]], NDArray[np.float64]]:
    """CT (z, y, x) in whole HU of chest and upper belly, true masks, affine (LPH, 3 mm)."""
    spans = bodies.SPANS
    try:
        bodies.SPANS = (((60, 500), 1.0),)
        tissue = bodies.make_body(*SEED, family=0)
    finally:
        bodies.SPANS = spans
    held = tissue > 1
    y, x = (np.flatnonzero(held.any(axis=a)) for a in ((0, 2), (0, 1)))
    cut = np.s_[12:108, max(0, y[0] - 3) : y[-1] + 4, max(0, x[0] - 3) : x[-1] + 4]
    image, _ = seen_by(np.random.default_rng((*SEED, 9)), tissue)
    image = np.clip(np.round(image), -1024, 3000).astype(np.float32)[cut]
    truths = {key: mask[cut] for key, mask in truths_of(tissue).items()}
    affine = np.diag([bodies.STEP_MM, bodies.STEP_MM, bodies.STEP_MM, 1.0])
    count_z, count_y, count_x = image.shape
    affine[:3, 3] = -0.5 * bodies.STEP_MM * np.array([count_x, count_y, count_z])
    return np.ascontiguousarray(image), truths, affine

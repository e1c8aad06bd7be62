"""The classical rule beside the network: a range of Hounsfield units inside the skull.

Skull: what is denser than 138 HU, closed slice by slice; inside it, some millimetres off the bone,
dense is what is between two limits after a small mean, calcium and what touches it left out;
pieces under a size are dropped. Lower limit and size are chosen by the network's own rule on the
same heads (``choose``). Works on prepared volumes (1 x 1 x 3 mm, clipped to -60 to 140 HU).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from choose import FROM_ML, TOUCHING, VOXEL_ML, WANTED, Ready
from pre import MIDDLE, SPREAD
from scipy import ndimage

LIMITS = (46.0, 48.0, 50.0, 52.0, 54.0, 56.0, 58.0, 60.0, 63.0)
LEAST_ML = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 4.0)
OFF_BONE_MM = 3.0
_DENSE, _BONE = 95.0, 138.0


def inside_skull(hu: np.ndarray) -> np.ndarray:
    """Soft tissue that bone encloses in its slice, largest piece, ``OFF_BONE_MM`` off the bone."""
    bone = hu > _BONE
    found = np.zeros(hu.shape, dtype=bool)
    for z, plane in enumerate(bone):
        wide = ndimage.binary_closing(np.pad(plane, 8), iterations=4)[8:-8, 8:-8]
        inner = ndimage.binary_fill_holes(wide) & ~wide
        away = ndimage.distance_transform_edt(np.pad(inner, 1))[1:-1, 1:-1]
        found[z] = away > OFF_BONE_MM
    found &= hu > -20.0
    numbered, count = ndimage.label(found)
    if count == 0:
        return found
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    return np.asarray(numbered == sizes.argmax())


def candidates(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(smoothed HU, where it may count) of a prepared volume."""
    hu = image.astype(np.float32) * SPREAD + MIDDLE
    calcium = ndimage.binary_dilation(hu > 110.0, np.ones((1, 3, 3)), iterations=2)
    smooth = ndimage.gaussian_filter(hu, (0.4, 1.3, 1.3))
    return smooth, inside_skull(hu) & ~calcium & (smooth < _DENSE)


def segment(image: np.ndarray, said: dict[str, float]) -> np.ndarray:
    """Mask (z, y, x) on the prepared volume."""
    smooth, room = candidates(image)
    return pieces(room & (smooth >= said["limit_hu"]), said["least_ml"])


def pieces(mask: np.ndarray, least_ml: float) -> np.ndarray:
    """Without pieces under a size."""
    numbered, _ = ndimage.label(mask, TOUCHING)
    large = np.bincount(numbered.ravel()) * VOXEL_ML >= least_ml
    large[0] = False
    return np.asarray(large[numbered])


def tune(volumes: list[Ready]) -> dict[str, Any]:
    """limit_hu and least_ml: enough sensitivity first, then fewest alarms."""
    rows = []
    truths = [one.label > 127 for one in volumes]
    sizes = np.array([t.sum() * VOXEL_ML for t in truths])
    none = np.array([not one.label.any() for one in volumes])
    seen = [candidates(one.image) for one in volumes]
    for limit in LIMITS:
        found = []
        for (smooth, room), truth in zip(seen, truths, strict=True):
            numbered = ndimage.label(room & (smooth >= limit), TOUCHING)[0].ravel()
            counts = np.bincount(numbered)[1:] * VOXEL_ML
            found.append((counts, np.bincount(numbered, weights=truth.ravel())[1:]))
        for least in LEAST_ML:
            hit = np.array([bool((r[c >= least] > 0).any()) for c, r in found])
            alarm = np.array([bool((c >= least).any()) for c, _ in found])
            rows.append(
                {
                    "limit_hu": limit,
                    "least_ml": least,
                    "sensitivity": float(hit[sizes >= FROM_ML].mean()),
                    "alarms_without_bleeding": float(alarm[none].mean()),
                }
            )
    # A rule that alarms on every head finds everything: of what alarms on at most half, the most
    # sensitive, unless one reaches what is wanted of the network.
    enough = [r for r in rows if r["sensitivity"] >= WANTED and r["alarms_without_bleeding"] < 1]
    if enough:
        return min(enough, key=lambda r: r["alarms_without_bleeding"])
    fair = [r for r in rows if r["alarms_without_bleeding"] <= 0.5] or rows
    return max(fair, key=lambda r: (r["sensitivity"], -r["alarms_without_bleeding"]))

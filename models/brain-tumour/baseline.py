"""The classical way: the brightest blobs inside the head, without a network.

What takes up contrast is bright: blobs of several sizes (differences of Gaussians) inside the
silhouette, away from scalp and skull. It knows no classes. Arrays (y, x) of normalised slices.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from workstation.ai.boxes import Flat, overlap_of

SIGMAS = (4.0, 6.5, 10.0, 15.0)  # pixels
RIM = 16  # pixels of scalp, skull and meninges
MOST = 12
SIDE = 1.7  # of a box, in sigmas of the blob that answers best, to either side


def boxes(image: np.ndarray) -> list[Flat]:
    """Boxes with their answer as score, surest first; label 0 throughout."""
    head = ndimage.binary_fill_holes(ndimage.gaussian_filter(image, 2.0) > 0.12)
    inside = ndimage.distance_transform_edt(head) > RIM
    if not inside.any():
        return []
    # Outside, all is as the inside's median: the scalp would answer louder than any tumour.
    flat = np.where(inside, np.clip(image, 0, 1.2), float(np.median(image[inside])))
    answers = np.stack(
        [ndimage.gaussian_filter(flat, s) - ndimage.gaussian_filter(flat, 1.6 * s) for s in SIGMAS]
    )
    peak = (answers == ndimage.maximum_filter(answers, size=(1, 9, 9))) & inside & (answers > 0.005)
    found: list[Flat] = []
    places = np.argwhere(peak)
    for k, y, x in places[np.argsort(-answers[tuple(places.T)])]:
        half = SIDE * SIGMAS[k]
        sides = (x - half, y - half, x + half, y + half)
        if all(overlap_of(sides, other.sides) < 0.2 for other in found):
            found.append(Flat(0, float(answers[k, y, x]), sides))
        if len(found) == MOST:
            break
    return found

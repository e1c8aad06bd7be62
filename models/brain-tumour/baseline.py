"""The classical way: the brightest blobs inside the head, without a network.

What takes up contrast is bright: blobs of several sizes (differences of Gaussians) inside the
silhouette, away from scalp and skull; the box is that of the connected region over half of the
peak's height. It knows no classes. Arrays (y, x) of normalised slices.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from workstation.ai.boxes import Flat, overlap_of

SIGMAS = (4.0, 6.5, 10.0, 15.0)  # pixels
RIM = 16  # pixels of scalp, skull and meninges
MOST = 12
LARGEST = 0.25  # of the inside: a larger region is no tumour's outline
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
    smooth = ndimage.gaussian_filter(flat, 1.5)
    ground = float(np.median(flat[inside]))
    found: list[Flat] = []
    places = np.argwhere(peak)
    for k, y, x in places[np.argsort(-answers[tuple(places.T)])]:
        near = smooth[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        numbered, _ = ndimage.label(smooth > 0.5 * (float(near.max()) + ground))
        own = numbered[y, x]
        half = SIDE * SIGMAS[k]
        sides = (float(x - half), float(y - half), float(x + half), float(y + half))
        if own and (numbered == own).sum() < LARGEST * inside.sum():
            rows, columns = ndimage.find_objects(numbered)[own - 1]
            sides = (
                float(columns.start),
                float(rows.start),
                float(columns.stop),
                float(rows.stop),
            )
        if all(overlap_of(sides, other.sides) < 0.2 for other in found):
            found.append(Flat(0, float(answers[k, y, x]), sides))
        if len(found) == MOST:
            break
    return found

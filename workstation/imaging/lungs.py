"""Which part of a chest CT is lung, nodules on the pleura included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid

_AIR_HU = -400.0
_LEAST_LUNG_ML = 150.0
_CLOSE_MM = 9.0  # bridges the dent that a nodule on the pleura makes in the lung's outline


def lungs(array: NDArray[np.float32], grid: Grid) -> NDArray[np.bool_]:
    """Both lungs (z, y, x), vessels and nodules in them filled in; ``array`` in HU.

    Air inside the body, its large pieces, closed slice by slice with a disc (as in Armato and
    Sensakovic, Acad Radiol 2004;11:1011-1021). ``BadInput`` where there is no lung.
    """
    air = array < _AIR_HU
    labels, count = ndimage.label(air)
    # Air that reaches the sides of the picture is the room; above and below, lungs are cut.
    outside = np.zeros(count + 1, dtype=bool)
    for side in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        outside[np.unique(side)] = True
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * grid.voxel_ml
    kept = (sizes >= _LEAST_LUNG_ML) & ~outside
    kept[0] = False
    if not kept.any():
        raise BadInput(N_("No lungs were found in this series."))
    inside = kept[labels]
    x, y, _ = grid.spacing_mm
    return np.stack([_closed(plane, (y, x)) for plane in inside])


def _closed(plane: NDArray[np.bool_], spacing: tuple[float, float]) -> NDArray[np.bool_]:
    """Closing with a disc by distances, holes filled; one lung at a time, so that the two never
    grow together across the mediastinum."""
    result = np.zeros(plane.shape, dtype=bool)
    labels, count = ndimage.label(plane)
    margin = [int(np.ceil(_CLOSE_MM / s)) + 1 for s in spacing]
    for number, block in enumerate(ndimage.find_objects(labels), start=1):
        if block is None or number > count:
            continue
        part = np.pad(labels[block] == number, [(m, m) for m in margin])
        grown = ndimage.distance_transform_edt(~part, sampling=spacing) <= _CLOSE_MM
        shrunk = ndimage.distance_transform_edt(grown, sampling=spacing) > _CLOSE_MM
        shrunk = ndimage.binary_fill_holes(shrunk | part)
        result[block] |= shrunk[margin[0] : -margin[0], margin[1] : -margin[1]]
    return result

"""What the brain measures share in taking inputs: masks, local codes, clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from workstation.domain.analysis import AnalysisInputs, InputSpec
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats, Grid

VOLUME = Code("118565006", "SCT", "Volume")


def local_code(value: str, name: Wording) -> Code:
    """A code of the product's own for a number that no public scheme names."""
    return Code(value, "99ONESCAN", name.en)


def mask_on(inputs: AnalysisInputs, spec: InputSpec, grid: Grid) -> NDArray[np.bool_] | None:
    """A mask (z, y, x) on ``grid``, None where it was not given; ``BadInput`` of another shape."""
    found = inputs.masks.get(spec.key)
    if found is None:
        return None
    if found.shape != grid.shape:
        raise BadInput(N_("The mask does not fit the image grid."))
    return found


def without_small(mask: NDArray[np.bool_], grid: Grid, least_ml: float) -> NDArray[np.bool_]:
    """``mask`` (z, y, x) without clusters (26 neighbours) smaller than ``least_ml``."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * grid.voxel_ml
    kept = sizes >= least_ml - 1e-9
    kept[0] = False
    return np.asarray(kept[labels])


def volume_ml(mask: NDArray[np.bool_], grid: Grid) -> float:
    """Volume of a mask in mL."""
    return int(np.count_nonzero(mask)) * grid.voxel_ml


def furthest(points: Floats) -> tuple[int, int]:
    """Indices of the two points (n, 2) furthest apart; they lie on the convex hull."""
    corners: NDArray[np.intp] = np.arange(len(points))
    if len(points) > 3:
        try:
            corners = ConvexHull(points).vertices.astype(np.intp)
        except QhullError:  # all in one row: the hull has no area
            order = np.lexsort(points.T)
            corners = order[[0, -1]]
    apart = np.linalg.norm(points[corners][:, None] - points[corners][None], axis=2)
    first, second = np.unravel_index(int(apart.argmax()), apart.shape)
    return int(corners[first]), int(corners[second])


def longest_mm(mask: NDArray[np.bool_], grid: Grid) -> float:
    """The longest diameter of a mask (z, y, x) on any of its slices, edge to edge, in mm."""
    x_mm, y_mm, _ = grid.spacing_mm
    best = 0.0
    for plane in mask:
        rows, columns = np.nonzero(plane)
        if not rows.size:
            continue
        points = np.stack([columns * x_mm, rows * y_mm], axis=1).astype(np.float64)
        first, second = furthest(points)
        along = points[second] - points[first]
        length = float(np.linalg.norm(along))
        way = along / length if length > 0 else np.array([1.0, 0.0])
        best = max(best, length + float(np.hypot(way[0] * x_mm, way[1] * y_mm)))
    return best

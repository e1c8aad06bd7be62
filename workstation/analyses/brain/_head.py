"""Where the brain lies in an image, and the plane that parts left from right."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats, Grid, as_matrix

_LEAST_BRAIN_ML = 20.0
_PIECE_MM = 5.0  # the plane is looked for on pieces about this wide
_ANGLES = (-0.2, -0.1, 0.0, 0.1, 0.2)
_BRAIN_HU = (-5.0, 90.0)
_SKULL_HU = 250.0


def brain_on_mr(image: NDArray[np.float32], grid: Grid) -> NDArray[np.bool_]:
    """The brain (z, y, x) on echo-planar or other fat-suppressed MR: the largest bright piece.

    Threshold after Otsu, IEEE Trans Syst Man Cybern 1979;9:62-66; holes filled slice by slice.
    ``BadInput`` where nothing stands out. No brain extraction for T1- or T2-weighted images.
    """
    level = otsu(image[image > 0])
    return _largest(image > 0.6 * level, grid)


def brain_on_ct(image: NDArray[np.float32], grid: Grid) -> NDArray[np.bool_]:
    """What lies inside the skull (z, y, x) on CT in HU: soft tissue and fluid, largest piece."""
    skull = image > _SKULL_HU
    # A closed ring of bone keeps scalp out; the gap to it is one voxel of erosion.
    inside = np.stack([ndimage.binary_fill_holes(plane) & ~plane for plane in skull])
    tissue = (image > _BRAIN_HU[0]) & (image < _BRAIN_HU[1])
    if not inside.any():  # cut below or generated without a skull
        inside = np.ones_like(tissue)
    return _largest(tissue & inside, grid)


def otsu(values: NDArray[np.float32]) -> float:
    """The threshold that parts values into two groups with least variance within them."""
    if values.size == 0:
        return 0.0
    top = float(np.percentile(values, 99.5))
    counts, edges = np.histogram(np.clip(values, 0.0, top), bins=256)
    centres = (edges[:-1] + edges[1:]) / 2.0
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(centres[int(np.nanargmax(np.where(np.isfinite(apart), apart, -1.0)))])


def _largest(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    cross = ndimage.generate_binary_structure(3, 1)
    cross[0], cross[2] = False, False  # in the plane: slices are often thick
    labels, count = ndimage.label(ndimage.binary_erosion(mask, cross))
    if count == 0:
        raise BadInput(N_("No brain stands out in this series; give a mask of it."))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    core = labels == int(sizes.argmax())
    grown = ndimage.binary_dilation(core, cross) & mask
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in grown])
    if np.count_nonzero(filled) * grid.voxel_ml < _LEAST_BRAIN_ML:
        raise BadInput(N_("No brain stands out in this series; give a mask of it."))
    return filled


@dataclass(frozen=True)
class Plane:
    """The plane that parts left from right: a point in it (LPS mm) and its unit normal to the
    left."""

    point_mm: Floats
    normal: Floats

    def side_mm(self, points_mm: Floats) -> Floats:
        """Distance of points (..., 3) from the plane in mm, positive on the patient's left."""
        return np.asarray((points_mm - self.point_mm) @ self.normal, dtype=np.float64)

    def mirrored(self, points_mm: Floats) -> Floats:
        """Points (..., 3) on the other side."""
        return np.asarray(
            points_mm - 2.0 * self.side_mm(points_mm)[..., None] * self.normal, dtype=np.float64
        )


def midplane(mask: NDArray[np.bool_], grid: Grid) -> Plane:
    """The plane about which a brain mask (z, y, x) is most symmetric.

    Least squares between the mask, in pieces about 5 mm wide, and its mirror image, over the
    offset to the left and the rotations about the patient's long axis and the front-back axis.
    """
    if np.count_nonzero(mask) < 50:
        raise BadInput(N_("No brain stands out in this series; give a mask of it."))
    mask, grid = _thinned(mask, grid)
    sigma = [_PIECE_MM / s for s in grid.spacing_mm[::-1]]
    soft = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    places = np.argwhere(soft > 0.02)
    # Chosen by chance, always the same: every n-th voxel would fall into rows.
    chance = np.random.default_rng(0).permutation(places.shape[0])
    places = places[chance[:4000]]
    points = grid.to_lps(places[:, ::-1].astype(np.float64))
    own = soft[tuple(places.T)]
    centre = np.average(points, axis=0, weights=own)

    def plane_of(values: Floats) -> Plane:
        offset, yaw, roll = values
        normal = np.array([np.cos(yaw) * np.cos(roll), np.sin(yaw), np.sin(roll)])
        normal /= np.linalg.norm(normal)
        return Plane(centre + offset * normal, normal)

    def cost(values: Floats) -> float:
        other = grid.to_index(plane_of(values).mirrored(points))[:, ::-1].T
        there = ndimage.map_coordinates(soft, other, order=1, mode="constant")
        return float(np.mean((own - there) ** 2))

    # Round heads are nearly symmetric about many planes: all are tried coarsely, then one finely.
    tried = [np.array(t) for t in itertools.product((-5.0, 0.0, 5.0), _ANGLES, _ANGLES)]
    start = min(tried, key=cost)
    simplex = np.vstack([start, start + np.diag([2.0, 0.03, 0.03])])
    found = optimize.minimize(
        cost, start, method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxiter": 80, "xatol": 0.003, "fatol": 1e-6},
    )  # fmt: skip
    best = np.asarray(found.x, dtype=np.float64)
    return plane_of(best)


def _thinned(mask: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.bool_], Grid]:
    """Every n-th voxel, about 2.5 mm apart, and their grid."""
    step = [max(1, int(_PIECE_MM / 2.0 / s)) for s in grid.spacing_mm]
    thin = mask[:: step[2], :: step[1], :: step[0]]
    matrix = grid.matrix
    matrix[:3, :3] *= step
    z, y, x = thin.shape
    return thin, Grid((z, y, x), as_matrix(matrix))


def mirror_mask(mask: NDArray[np.bool_], grid: Grid, plane: Plane) -> NDArray[np.bool_]:
    """The voxels (z, y, x) whose mirror place about ``plane`` lies in ``mask``."""
    result = np.zeros(mask.shape, dtype=bool)
    places = np.argwhere(mask)
    if places.size == 0:
        return result
    # Only voxels near the mirrored region can be part of it.
    there = grid.to_index(plane.mirrored(grid.to_lps(places[:, ::-1].astype(np.float64))))[:, ::-1]
    low = np.maximum(np.floor(there.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(there.max(axis=0)).astype(int) + 2, mask.shape)
    if (low >= high).any():
        return result
    axes = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij")
    index = np.stack(axes, axis=-1).reshape(-1, 3)
    source = grid.to_index(plane.mirrored(grid.to_lps(index[:, ::-1].astype(np.float64))))
    rounded = np.rint(source[:, ::-1]).astype(int)
    inside = ((rounded >= 0) & (rounded < np.array(mask.shape))).all(axis=1)
    hit = np.zeros(index.shape[0], dtype=bool)
    hit[inside] = mask[tuple(rounded[inside].T)]
    result[tuple(index[hit].T)] = True
    return result

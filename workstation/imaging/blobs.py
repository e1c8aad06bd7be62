"""Round bright spots in the lung, at every size: where a nodule may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Grid

_SCALES_MM = (1.2, 1.7, 2.4, 3.4, 4.8, 6.8)  # standard deviations; a ball answers at r / sqrt(3)
_WORK_MM = 1.0  # spots are looked for on a grid about this fine
_ROUNDNESS = 0.45  # weakest curvature over strongest: 1 in a ball, 0 in a tube
_ANSWER_HU = 330.0
_SOLID_HU = -500.0
_LUNG_HU = -850.0


@dataclass(frozen=True)
class Spot:
    """index_zyx: on the original grid. radius_mm: of the ball that answers best."""

    index_zyx: tuple[float, float, float]
    radius_mm: float
    answer: float


def spots(
    array: NDArray[np.float32],
    inside: NDArray[np.bool_],
    grid: Grid,
    *,
    least_answer_hu: float = _ANSWER_HU,
    least_roundness: float = _ROUNDNESS,
) -> list[Spot]:
    """Spots whose curvature is that of a ball and not of a vessel, strongest first.

    Scale-normalised Laplacian of Gaussian, checked by the eigenvalues of the Hessian (the dot
    filter of Li, Sone and Doi, Med Phys 2003;30:2040-2051).
    """
    step = [max(1, round(_WORK_MM / s)) for s in grid.spacing_mm[::-1]]
    where = ndimage.find_objects(inside.astype(np.uint8))[0]
    block = tuple(
        slice(max(s.start - 8, 0), min(s.stop + 8, n))
        for s, n in zip(where, array.shape, strict=True)
    )
    # Outside the lung all is lung: the chest wall would answer louder than any nodule.
    work = np.where(inside[block], np.clip(array[block], -1000.0, 100.0), _LUNG_HU)
    lung = inside[block]
    work = _shrunk(np.asarray(work, dtype=np.float32), step)
    lung = lung[tuple(slice(s // 2, None, s) for s in step)]
    lung = lung[tuple(slice(0, n) for n in work.shape)]
    spacing = np.array([s * d for s, d in zip(step, grid.spacing_mm[::-1], strict=True)])
    found: list[Spot] = []
    for sigma in _SCALES_MM:
        smooth = ndimage.gaussian_filter(work, sigma / spacing)
        answer = np.zeros_like(smooth)
        for axis in range(3):
            answer -= ndimage.correlate1d(smooth, [1.0, -2.0, 1.0], axis=axis) / np.float32(
                spacing[axis] ** 2
            )
        answer *= np.float32(sigma**2)
        peak = answer >= ndimage.maximum_filter(answer, size=3)
        peak &= lung & (answer > least_answer_hu) & (smooth > _LUNG_HU + 120.0)
        for place in np.argwhere(peak):
            if _roundness(smooth, place, spacing) < least_roundness:
                continue
            z, y, x = (
                float(p * s + (s - 1) / 2 + b.start)
                for p, s, b in zip(place, step, block, strict=True)
            )
            found.append(Spot((z, y, x), sigma * 3**0.5, float(answer[tuple(place)])))
    return sorted(found, key=lambda s: -s.answer)


def _shrunk(array: NDArray[np.float32], step: list[int]) -> NDArray[np.float32]:
    """Means of blocks of ``step`` voxels; a rest that fills no block is left off."""
    cut = tuple(slice(0, n // s * s) for n, s in zip(array.shape, step, strict=True))
    whole = array[cut]
    for axis, s in enumerate(step):
        shape = (*whole.shape[:axis], whole.shape[axis] // s, s, *whole.shape[axis + 1 :])
        whole = whole.reshape(shape).mean(axis=axis + 1)
    return np.asarray(whole, dtype=np.float32)


def _roundness(
    smooth: NDArray[np.float32], place: NDArray[np.intp], spacing: NDArray[np.float64]
) -> float:
    """Weakest over strongest curvature at a peak; 0 where it is no peak in every direction."""
    if (place < 1).any() or (place >= np.array(smooth.shape) - 1).any():
        return 0.0
    near = smooth[tuple(slice(p - 1, p + 2) for p in place)].astype(np.float64)
    hessian = np.empty((3, 3))
    for a in range(3):
        ahead, behind = [1, 1, 1], [1, 1, 1]
        ahead[a], behind[a] = 2, 0
        hessian[a, a] = near[tuple(ahead)] - 2 * near[1, 1, 1] + near[tuple(behind)]
        hessian[a, a] /= spacing[a] ** 2
        for b in range(a):
            total = 0.0
            for i, j in ((0, 0), (2, 2), (0, 2), (2, 0)):
                at = [1, 1, 1]
                at[a], at[b] = i, j
                total += (1 if i == j else -1) * near[tuple(at)]
            hessian[a, b] = hessian[b, a] = total / (4 * spacing[a] * spacing[b])
    curvature = np.linalg.eigvalsh(hessian)
    if curvature[-1] >= 0:
        return 0.0
    return float(curvature[-1] / curvature[0])


def outline_of(
    array: NDArray[np.float32], grid: Grid, spot: Spot
) -> tuple[tuple[int, int, int], NDArray[np.bool_]]:
    """What is bright and connected around a spot, within one and a half of its radius and 2 mm:
    (z, y, x) where the piece lies, and the piece. Bright is over the middle between the spot's own
    brightness and that of lung. A spot without any such voxel is the voxel that it lies in."""
    spacing = np.array(grid.spacing_mm[::-1])
    reach = 1.5 * spot.radius_mm + 2.0
    at = np.clip(np.rint(spot.index_zyx).astype(int), 0, np.array(grid.shape) - 1)
    half = np.ceil(reach / spacing).astype(int)
    low = np.maximum(at - half, 0)
    high = np.minimum(at + half + 1, grid.shape)
    patch = np.asarray(array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    places = np.moveaxis(np.indices(patch.shape), 0, -1) + low
    away = np.sqrt((((places - np.array(spot.index_zyx)) * spacing) ** 2).sum(axis=-1))
    core = away <= max(0.5 * spot.radius_mm, float(spacing.max()) * 0.6)
    bright = (away <= reach) & (patch > 0.5 * (float(np.median(patch[core])) + _LUNG_HU))
    numbered, _ = ndimage.label(bright)
    own = np.unique(numbered[core & bright])
    piece = np.isin(numbered, own[own > 0])
    piece[tuple(at - low)] = True
    return (int(low[0]), int(low[1]), int(low[2])), np.asarray(piece)

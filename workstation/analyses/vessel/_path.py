"""The line through a vessel between points on it: a minimal path, then drawn to the middle.

A front runs from one point through the box around both, fast where the image is as bright as the
vessel and far from its wall (Sethian's fast marching; Deschamps and Cohen, Med Image Anal 2001;5:
281-299). Back from the other point down the arrival times goes the path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.imaging.sections import middle_piece, planes_across, resampled

STEP_MM = 0.5
MOST_VOXELS = 1_500_000
"""A box of more is read at every second voxel, as long as that is not coarser than ..."""
COARSEST_MM = 1.2
_NEAR_MM = 3.0  # a click may miss the lumen by this much
_SLOWEST = 1e-3
_BESIDE_MM = 20.0  # the vessel is looked for this far beside its ends
_IN_VESSEL = 0.3  # of the way from tissue to blood


@dataclass(frozen=True)
class Box:
    """A part of an image. array (z, y, x) float32 on ``grid``; blood, tissue: levels in it."""

    array: NDArray[np.float32]
    grid: Grid
    blood: float
    tissue: float


def path_between(array: NDArray[Any], grid: Grid, points_mm: Floats, *, bone: bool) -> Floats:
    """Points (n, 3), ``STEP_MM`` apart, through a bright vessel from the first to the last of
    ``points_mm`` (m, 3) by way of the others. bone: what is much brighter than the vessel is none.

    Raises ``BadInput`` where a point is on no vessel or none leads from point to point.
    """
    parts = [_leg(array, grid, points_mm[i : i + 2], bone) for i in range(len(points_mm) - 1)]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def _leg(array: NDArray[Any], grid: Grid, ends_mm: Floats, bone: bool) -> Floats:
    """Between two points; looked for further away where no vessel leads on near by."""
    for margin_mm in (_BESIDE_MM, 2.0 * _BESIDE_MM):
        box = _box(array, grid, ends_mm, bone, margin_mm)
        share = _shares(box, bone)
        start, stop = (_seed(box, share, end) for end in ends_mm)
        times = _times(_speed(box, share), box.grid, start, stop)
        voxels = _descended(times, start, stop)
        inside = share[tuple(voxels.T)] > _IN_VESSEL
        if inside.mean() >= 0.9:
            return _centred(box, box.grid.to_lps(voxels[:, ::-1].astype(np.float64)))
    raise BadInput(N_("No vessel leads from one point to the next; add points between them."))


def _box(array: NDArray[Any], grid: Grid, ends_mm: Floats, bone: bool, margin_mm: float) -> Box:
    """The part of the image that the vessel may run through: so much beside its ends."""
    ends = grid.to_index(ends_mm)[:, ::-1]
    shape = np.asarray(array.shape)
    if (ends < -0.5).any() or (ends > shape - 0.5).any():
        raise BadInput(N_("A point lies outside the image."))
    margin = margin_mm / np.asarray(grid.spacing_mm[::-1])
    low = np.maximum(np.floor(ends.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(ends.max(axis=0) + margin) + 1, shape).astype(int)
    step = np.ones(3, dtype=int)
    spacing = np.asarray(grid.spacing_mm[::-1])
    while np.prod((high - low) / step) > MOST_VOXELS:
        finer = np.where(2 * step * spacing <= COARSEST_MM, step * spacing, np.inf)
        if not np.isfinite(finer).any():
            break
        step[int(np.argmin(finer))] *= 2
    part = np.asarray(
        array[tuple(slice(a, b, s) for a, b, s in zip(low, high, step, strict=True))],
        dtype=np.float32,
    )
    matrix = grid.matrix
    matrix[:3, 3] = grid.to_lps(low[::-1].astype(np.float64))
    matrix[:3, :3] *= step[::-1]
    small = Grid((part.shape[0], part.shape[1], part.shape[2]), as_matrix(matrix))
    smooth = ndimage.gaussian_filter(part, [0.4 / s for s in small.spacing_mm[::-1]])
    reach = np.ceil(_NEAR_MM / np.asarray(small.spacing_mm[::-1])).astype(int)
    levels = []
    for end in small.to_index(ends_mm)[:, ::-1]:
        at = np.clip(np.round(end).astype(int), 0, np.asarray(smooth.shape) - 1)
        near = [slice(max(a - r, 0), a + r + 1) for a, r in zip(at, reach, strict=True)]
        around = smooth[tuple(near)]
        # On CT the brightest nearby may be bone or calcium: the click itself says what blood is.
        levels.append(float(smooth[tuple(at)]) if bone else float(np.percentile(around, 95)))
    tissue = float(np.median(smooth))
    blood = float(np.mean(levels))
    if blood <= tissue:
        raise BadInput(N_("A point does not lie on a bright vessel."))
    return Box(smooth, small, blood, tissue)


def _shares(box: Box, bone: bool) -> NDArray[np.float32]:
    """0 in tissue, 1 in blood; with ``bone`` falling again above it."""
    share = (box.array - box.tissue) / (box.blood - box.tissue)
    if bone:
        share = np.where(share > 1.5, np.maximum(0.0, 1.0 - (share - 1.5)), share)
    return np.asarray(np.clip(share, 0.0, 1.0), dtype=np.float32)


def _speed(box: Box, share: NDArray[np.float32]) -> NDArray[np.float32]:
    lumen = share > 0.5
    depth = ndimage.distance_transform_edt(lumen, sampling=box.grid.spacing_mm[::-1])
    deep = np.minimum(np.asarray(depth, dtype=np.float32), 4.0)
    return np.asarray(_SLOWEST + share**3 * (0.15 + deep), dtype=np.float32)


def _seed(box: Box, share: NDArray[np.float32], end_mm: Floats) -> tuple[int, int, int]:
    """The voxel of the lumen that is nearest to a click."""
    at = np.round(box.grid.to_index(end_mm)[::-1]).astype(int)
    reach = np.ceil(_NEAR_MM / np.asarray(box.grid.spacing_mm[::-1])).astype(int)
    low = np.maximum(at - reach, 0)
    part = share[tuple(slice(a, b) for a, b in zip(low, at + reach + 1, strict=True))]
    bright = np.argwhere(part > 0.5) + low
    if not bright.size:
        raise BadInput(N_("A point does not lie on a bright vessel."))
    places = box.grid.to_lps(bright[:, ::-1].astype(np.float64))
    z, y, x = (int(v) for v in bright[int(np.argmin(np.linalg.norm(places - end_mm, axis=1)))])
    return z, y, x


def _times(
    speed: NDArray[np.float32], grid: Grid, start: tuple[int, int, int], stop: tuple[int, int, int]
) -> NDArray[np.float32]:
    """When a front from ``start`` arrives at each voxel; very late where it never does."""
    image = sitk.GetImageFromArray(speed)
    image.SetSpacing(grid.spacing_mm)
    march = sitk.FastMarchingUpwindGradientImageFilter()
    march.SetTrialPoints([[*start[::-1], 0]])
    march.SetTargetPoints([[*stop[::-1], 0]])
    march.SetNumberOfTargets(1)
    march.SetTargetOffset(0.0)
    times = sitk.GetArrayFromImage(march.Execute(image))
    return np.asarray(np.minimum(times, 1e30), dtype=np.float32)


def _descended(
    times: NDArray[np.float32], start: tuple[int, int, int], stop: tuple[int, int, int]
) -> NDArray[np.int64]:
    """Voxels (n, 3) from start to stop, each the earliest neighbour of the next."""
    offsets = np.argwhere(np.ones((3, 3, 3), dtype=bool)) - 1
    here = np.asarray(stop)
    found = [here]
    top = np.asarray(times.shape) - 1
    while tuple(int(v) for v in here) != start:
        near = here + offsets
        near = near[((near >= 0) & (near <= top)).all(axis=1)]
        then = near[int(np.argmin(times[tuple(near.T)]))]
        if times[tuple(then)] >= times[tuple(here)]:
            raise BadInput(
                N_("No vessel leads from one point to the next; add points between them.")
            )
        here = then
        found.append(here)
    return np.asarray(found[::-1])


def _centred(box: Box, line: Floats) -> Floats:
    """The line moved to the middle of the lumen on planes across it, twice."""
    lumen = np.asarray((box.array - box.tissue) / (box.blood - box.tissue), dtype=np.float32)
    depth = ndimage.distance_transform_edt(lumen > 0.5, sampling=box.grid.spacing_mm[::-1])
    index = np.round(box.grid.to_index(line)[:, ::-1]).astype(int)
    widest = float(np.max(np.asarray(depth)[tuple(index.T)]))
    half = float(np.clip(2.0 * widest + 2.0, 4.0, 30.0))
    points = resampled(line, STEP_MM, 1.5)
    for _ in range(2):
        planes = planes_across(points, half, half / 14.0)
        sections = planes.sample(lumen, box.grid)
        shift = np.zeros((len(points), 2))
        steps = planes.steps_mm
        for i, section in enumerate(sections):
            bright = middle_piece(section > 0.5)
            edge = bright[0].any() or bright[-1].any() or bright[:, 0].any() or bright[:, -1].any()
            if bright.any() and not edge:
                weight = np.where(bright, section, 0.0)
                shift[i] = (
                    (weight.sum(axis=1) * steps).sum() / weight.sum(),
                    (weight.sum(axis=0) * steps).sum() / weight.sum(),
                )
        shift = np.clip(ndimage.gaussian_filter1d(shift, 3.0, axis=0, mode="nearest"), -3.0, 3.0)
        moved = points + shift[:, :1] * planes.u + shift[:, 1:] * planes.v
        points = resampled(moved, STEP_MM, 1.0)
    return points

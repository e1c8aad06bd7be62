"""The arterial curve of a perfusion study, found by clustering the curves of the brain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats

Singles = NDArray[np.float32]

VOXELS = 8
"""How many of the most arterial voxels are averaged."""
_AREA_PART, _ROUGH_PART = 0.10, 0.25
_MOST = 4000  # candidates that are clustered
_CLUSTERS, _ROUNDS = 5, 2
_LEAST = 12  # voxels below which a cluster is not divided again


def arterial(
    curves: Singles, step_s: float, arrival: int, usable: NDArray[np.bool_], count: int = VOXELS
) -> NDArray[np.intp]:
    """Rows of ``curves`` (n, N) that are most arterial, best first.

    After Mouridsen et al. (Magn Reson Med 2006;55:524-531): of the tenth of curves with the largest
    area, the smoother three quarters (here: before and after the bolus) are clustered twice by
    shape, and the cluster with the earliest first moment is kept. Of all that peak no later than
    it those with the highest, narrowest and earliest peak are taken. usable: leaves out saturated
    voxels. ``BadInput`` where there is no such curve.
    """
    area = np.where(usable, curves.sum(axis=1), 0.0)
    rows = np.flatnonzero(area > 0)
    wanted = min(max(int(rows.size * _AREA_PART), 4 * _LEAST), _MOST, rows.size)
    if wanted < count:
        raise BadInput(N_("No artery was found; draw one or give its curve."))
    rows = rows[np.argsort(-area[rows], kind="stable")[:wanted]]
    shapes = (curves[rows] / (area[rows, None] * step_s)).astype(np.float64)
    # Judged where no bolus passes: an artery's peak is itself sharper than any tissue's.
    still = np.r_[0 : max(arrival, 3), 2 * curves.shape[1] // 3 : curves.shape[1]]
    rough = (np.diff(shapes[:, still], n=2, axis=1) ** 2).sum(axis=1)
    smooth = np.argsort(rough, kind="stable")[: max(count, int(rows.size * (1 - _ROUGH_PART)))]
    rows, shapes = rows[smooth], shapes[smooth]
    members = np.arange(rows.size)
    for _ in range(_ROUNDS):
        if members.size <= _LEAST * 2:
            break
        members = members[_earliest_cluster(shapes[members], step_s, count)]
    # The cluster tells when arteries peak. Its own voxels are also those whose noise happens to
    # lie below zero later on, with too small an area: all that peak as early may be taken.
    peaks = curves[rows].argmax(axis=1)
    rows = rows[peaks <= np.median(peaks[members])]
    score = arteriality(curves[rows], step_s, arrival)
    return np.asarray(rows[np.argsort(-score, kind="stable")[:count]])


def arteriality(curves: Singles, step_s: float, arrival: int) -> Floats:
    """Peak / (width at half maximum * time from arrival to peak) of curves (n, N).

    The measure M of Peruzzo et al., Comput Methods Programs Biomed 2011;104:e148-e157.
    """
    top = curves.max(axis=1)
    width = (curves >= top[:, None] / 2.0).sum(axis=1) * step_s
    to_peak = np.maximum(curves.argmax(axis=1) - arrival + 1, 1) * step_s
    return np.asarray(top / (width * to_peak), dtype=np.float64)


def _earliest_cluster(shapes: Floats, step_s: float, least: int) -> NDArray[np.intp]:
    """Members of the cluster of shapes (n, N) whose mean has the earliest first moment.

    k-means started from fifths by first moment, so that the same images always give the same
    artery. A cluster with fewer than ``least`` members is an outlier, not an artery.
    """
    times = np.arange(shapes.shape[1]) * step_s
    first = (shapes * times).sum(axis=1) * step_s
    groups = np.array_split(np.argsort(first, kind="stable"), _CLUSTERS)
    centres = np.stack([shapes[g].mean(axis=0) for g in groups])
    own = np.full(shapes.shape[0], -1)
    for _ in range(30):
        away = ((shapes[:, None, :] - centres[None]) ** 2).sum(axis=2)
        now = away.argmin(axis=1)
        if (now == own).all():
            break
        own = now
        for number in range(_CLUSTERS):
            if (own == number).any():
                centres[number] = shapes[own == number].mean(axis=0)
    sizes = np.bincount(own, minlength=_CLUSTERS)
    moments = (np.maximum(centres, 0.0) * times).sum(axis=1) / np.maximum(
        np.maximum(centres, 0.0).sum(axis=1), 1e-30
    )
    moments[sizes < least] = np.inf
    if not np.isfinite(moments).any():
        return np.arange(shapes.shape[0])
    return np.flatnonzero(own == int(moments.argmin()))

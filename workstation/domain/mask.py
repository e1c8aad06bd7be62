"""Masks: which voxels belong to a finding or an organ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.geometry import Floats, Grid


@dataclass(frozen=True)
class MaskInfo:
    """What is stored of a mask beside its voxels.

    origin_zyx and shape_zyx: the block of ``grid`` that the stored voxels cover (everything
    outside is empty). voxels: SHA-256 of the blob that holds them. phase: of a time series, the
    one that it was drawn on. code: what it outlines, where a model said so; experimental: the model
    outlines it below use, and no number is made of it unasked.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    label: Wording
    grid: Grid
    origin_zyx: tuple[int, int, int]
    shape_zyx: tuple[int, int, int]
    voxels: str
    voxel_count: int
    made_from: tuple[str, ...]
    made_by: MadeBy
    phase: int = 0
    code: Code | None = None
    experimental: bool = False

    @property
    def volume_ml(self) -> float:
        """Voxel count times voxel volume, mL."""
        return self.voxel_count * self.grid.voxel_ml


def bounding_block(array: NDArray[np.bool_]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Origin and shape (z, y, x) of the smallest block that holds every set voxel."""

    def span(hits: NDArray[np.bool_]) -> tuple[int, int]:
        hit = np.flatnonzero(hits)
        return (int(hit[0]), int(hit[-1]) + 1) if hit.size else (0, 0)

    # Every voxel is read once, slice by slice; then only the slices that hold something.
    z = span(np.array([plane.any() for plane in array], dtype=bool))
    shadow = np.logical_or.reduce(array[z[0] : z[1]], axis=0)
    y, x = span(shadow.any(axis=1)), span(shadow.any(axis=0))
    return (z[0], y[0], x[0]), (z[1] - z[0], y[1] - y[0], x[1] - x[0])


def centre_lps(array: NDArray[np.bool_], grid: Grid) -> Floats:
    """A point inside the mask near its centre of mass, LPS mm: where a click should jump to.

    The centre of mass of a ring lies in its hole, so the set voxel nearest to it is taken.
    """
    found = np.argwhere(array)
    if not found.size:
        return grid.centre_lps
    nearest = found[np.argmin(((found - found.mean(axis=0)) ** 2).sum(axis=1))]
    return grid.to_lps(nearest[::-1].astype(np.float64))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Overlap 2|A and B| / (|A| + |B|) (Dice 1945); 1.0 where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2.0 * int(np.logical_and(a, b).sum()) / total


VOLUME_FORMULA = "volume by voxel count"
VOLUME_NAME = Wording("Volume", "体积")
VOLUME_UNIT = "mL"
"""How a mask's volume is named wherever it is the main number of a finding."""

"""Numbers of a segment: volume and the values of the image within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.voxel_set import VoxelSet


@dataclass(frozen=True)
class SegmentNumbers:
    """voxels: how many. Values are in the image's own unit; sd is that of the population (divided
    by n, as numpy's default), as all voxels are known and none is sampled. None where the segment
    is empty or the image has colour."""

    voxels: int
    volume_ml: float
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    median: float | None = None


def segment_numbers(mask: VoxelSet, image: NDArray[Any] | None) -> SegmentNumbers:
    """Numbers of a mask on an image (z, y, x) of the same grid."""
    count = mask.count
    plain = SegmentNumbers(count, count * mask.grid.voxel_ml)
    if image is None or image.ndim != 3 or not count:
        return plain
    values = image[mask.block][mask.voxels]
    return SegmentNumbers(
        plain.voxels,
        plain.volume_ml,
        float(values.mean(dtype=np.float64)),
        float(values.std(dtype=np.float64)),
        float(values.min()),
        float(values.max()),
        float(np.median(values)),
    )

"""Perfusion on means of neighbouring voxels: CT pixels of 0.4 mm hold noise, not perfusion.

Results go back to the voxels of the images, so that outlines, maps and images share one grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workstation.domain.analysis import AnalysisResult, Images
from workstation.domain.geometry import Grid, as_matrix

T = TypeVar("T", np.float32, np.bool_)

FINEST_MM = 1.0
"""Pixels that fit several times into this are averaged."""


def times_in(grid: Grid) -> int:
    """How many pixels along a side are averaged; 1 where the pixels are wide enough."""
    x_mm, y_mm, _ = grid.spacing_mm
    return max(1, int(FINEST_MM / max(x_mm, y_mm) + 0.02))


def coarse_grid(grid: Grid, count: int) -> Grid:
    """The grid of blocks of ``count`` x ``count`` pixels; a rest that fills none is left off."""
    matrix = grid.matrix
    matrix[:3, 3] += (count - 1) / 2.0 * (matrix[:3, 0] + matrix[:3, 1])
    matrix[:3, :2] *= count
    z, y, x = grid.shape
    return Grid((z, y // count, x // count), as_matrix(matrix))


def block_means(array: NDArray[np.generic], count: int) -> NDArray[np.float32]:
    """Means of blocks of ``count`` x ``count`` in the planes of an array (z, y, x)."""
    z, y, x = array.shape
    cut = array[:, : y // count * count, : x // count * count]
    parts = cut.reshape(z, y // count, count, x // count, count)
    return np.asarray(parts.mean(axis=(2, 4), dtype=np.float32), dtype=np.float32)


def coarse_images(images: Images, count: int) -> Images:
    """Every volume on ``coarse_grid``."""
    grid = coarse_grid(images.grid, count)
    volumes = tuple(
        replace(v, array=block_means(np.asarray(v.array), count), grid=grid) for v in images.volumes
    )
    return replace(images, volumes=volumes)


def coarse_masks(
    masks: Mapping[str, NDArray[np.bool_]], count: int
) -> dict[str, NDArray[np.bool_]]:
    """Blocks of which half is in a mask; of one smaller than that, the blocks it touches."""
    found = {}
    for key, mask in masks.items():
        part = block_means(mask, count)
        found[key] = part >= 0.5 if (part >= 0.5).any() else part > 0
    return found


def fine_result(result: AnalysisResult, grid: Grid, count: int) -> AnalysisResult:
    """Maps and masks of ``result`` on the voxels of ``grid`` again; numbers stay as they are."""
    return replace(
        result,
        maps=tuple(
            replace(m, values=_spread(m.values, grid, count, np.float32(np.nan)), grid=grid)
            for m in result.maps
        ),
        masks=tuple(
            replace(m, mask=_spread(m.mask, grid, count, np.bool_(False)), grid=grid)
            for m in result.masks
        ),
    )


def _spread(array: NDArray[T], grid: Grid, count: int, rest: T) -> NDArray[T]:
    whole = np.full(grid.shape, rest, dtype=array.dtype)
    fine = array.repeat(count, axis=1).repeat(count, axis=2)
    whole[:, : fine.shape[1], : fine.shape[2]] = fine
    return whole

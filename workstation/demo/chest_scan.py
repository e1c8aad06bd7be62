"""A generated chest CT with its nodules, for the demo study and for training."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from workstation.demo.chest import paint_chest
from workstation.demo.lung_tree import (
    LungTrees,
    Nodule,
    demo_nodules,
    lung_trees,
    nodule_share,
    random_nodules,
)
from workstation.demo.scanner import Samples, computed_tomography
from workstation.demo.shapes import Canvas
from workstation.demo.thorax import ChestShape, hulls, random_chest
from workstation.domain.geometry import Grid, affine_of_stack

_SLAB = 8


@dataclass(frozen=True)
class ChestScan:
    """CT (z, y, x) in HU. nodules: in LPS mm (the canvas is the patient's frame)."""

    array: Samples
    grid: Grid
    nodules: tuple[Nodule, ...]

    def nodule_mask(self, index: int) -> np.ndarray:
        """Voxels that a nodule fills by half or more, (z, y, x)."""
        x_mm, y_mm, z_mm = self.grid.spacing_mm
        first = self.grid.to_lps((0.0, 0.0, 0.0))
        z, y, x = self.grid.shape
        canvas = Canvas(
            first[0] + x_mm * np.arange(x),
            first[1] + y_mm * np.arange(y),
            first[2] + z_mm * np.arange(z),
        )
        return nodule_share(canvas, self.nodules[index]) >= 0.5


def chest_scan(
    shape: ChestShape,
    *,
    seed: int,
    matrix: int = 512,
    field_mm: float = 350.0,
    slices: int = 116,
    slice_mm: float = 2.5,
    lowest_mm: float = -164.0,
    noise_hu: float = 14.0,
    nodules: tuple[Nodule, ...] | None = None,
    trees: LungTrees | None = None,
) -> ChestScan:
    """Unenhanced CT of a chest. nodules: those of the demo where none are given."""
    grown = trees or lung_trees(shape)
    spots = demo_nodules(grown) if nodules is None else nodules
    large = hulls(shape)
    pixel = field_mm / matrix
    x = np.round((np.arange(matrix) - (matrix - 1) / 2) * pixel, 6)
    y = x + 6.0
    z = lowest_mm + slice_mm * np.arange(slices)
    hounsfield = np.empty((slices, matrix, matrix), dtype=np.float32)

    def slab(start: int) -> None:
        part = Canvas(x, y, z[start : start + _SLAB])
        paint_chest(part, shape, large, grown, spots)
        hounsfield[start : start + _SLAB] = part.value

    # Slabs do not depend on each other, so threads change nothing in the result.
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(slab, range(0, slices, _SLAB)))
    rng = np.random.default_rng((seed, 89))
    array = computed_tomography(hounsfield, rng, pixel_mm=pixel, noise_hu=noise_hu)
    affine = affine_of_stack(
        (float(x[0]), float(y[0]), lowest_mm),
        (1, 0, 0, 0, 1, 0),
        (pixel, pixel),
        (0.0, 0.0, slice_mm),
    )
    return ChestScan(array, Grid((slices, matrix, matrix), affine), spots)


def random_chest_scan(
    seed: int, *, matrix: int = 320, slices: int = 96, most_nodules: int = 6
) -> ChestScan:
    """A CT of a random chest with random solid nodules, for training."""
    rng = np.random.default_rng((seed, 107))
    shape = random_chest(rng)
    trees = lung_trees(shape)
    spots = random_nodules(rng, int(rng.integers(0, most_nodules + 1)))
    return chest_scan(
        shape,
        seed=seed,
        matrix=matrix,
        slices=slices,
        slice_mm=290.0 / slices,
        noise_hu=float(rng.uniform(8.0, 30.0)),
        nodules=spots,
        trees=trees,
    )

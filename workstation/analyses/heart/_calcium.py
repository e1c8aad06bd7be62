"""How calcium is scored once it is known whose it is: pure rules on voxels, and a phantom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats, Grid, as_matrix

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

WEIGHTS = ((400.0, 4), (300.0, 3), (200.0, 2))
"""Brightest voxel of a lesion (HU) to its weight; 1 below (Agatston 1990)."""
NOMINAL_MM = 3.0
"""Slice increment that the score was defined for."""


NEAR_MM = 3.0
"""A click may miss its calcification by this much."""
LARGEST_ML = 5.0
"""Nothing in a coronary artery is larger: bone, or blood bright with contrast agent."""


@dataclass(frozen=True)
class Rules:
    """threshold: HU, inclusive. least_mm2: area of a lesion in one slice. corners: whether voxels
    that touch by a corner only are one lesion. corrected: the score is multiplied by increment /
    3 mm. mass_factor: mg of hydroxyapatite in a cm3 for one HU, None where no calibration is known.
    """

    threshold: float
    least_mm2: float
    corners: bool
    corrected: bool
    mass_factor: float | None


@dataclass(frozen=True)
class Score:
    """agatston: no unit. volume_mm3. mass_mg: None without calibration. lesions: per slice."""

    agatston: float
    volume_mm3: float
    mass_mg: float | None
    counted: Mask


def larger_than_any(labels: NDArray[np.int32], grid: Grid) -> NDArray[np.int64]:
    """Which pieces of ``labels`` (z, y, x) are larger than any coronary calcification."""
    large = np.bincount(labels.ravel()) * grid.voxel_ml > LARGEST_ML
    large[0] = False
    return np.flatnonzero(large)


def clicked(labels: NDArray[np.int32], marks_mm: Floats, grid: Grid) -> Mask:
    """The calcifications that points (n, 3) lie on, or within ``NEAR_MM`` of."""
    chosen = set()
    for mark in marks_mm:
        index = np.round(grid.to_index(mark)).astype(int)[::-1]
        reach = np.ceil(NEAR_MM / np.asarray(grid.spacing_mm[::-1])).astype(int)
        low = np.maximum(index - reach, 0)
        block = tuple(slice(a, max(b, a)) for a, b in zip(low, index + reach + 1, strict=True))
        there = np.argwhere(labels[block]) + low
        away = np.linalg.norm(grid.to_lps(there[:, ::-1].astype(float)) - mark, axis=1)
        if not away.size or away.min() > NEAR_MM:
            raise BadInput(
                N_("There is no calcification within {near} mm of one of the points."),
                near=f"{NEAR_MM:g}",
            )
        z, y, x = there[int(np.argmin(away))]
        chosen.add(int(labels[z, y, x]))
    mask = np.isin(labels, list(chosen))
    return np.asarray(mask)


def scored(array: Image, mine: Mask, grid: Grid, rules: Rules) -> Score:
    """The score of the voxels ``mine`` (z, y, x) of an unenhanced CT in HU."""
    x, y, _ = grid.spacing_mm
    pixel = x * y * float(np.linalg.norm(np.cross(grid.directions[:, 0], grid.directions[:, 1])))
    touching = np.ones((3, 3)) if rules.corners else None
    bright = mine & (array >= rules.threshold)
    counted = np.zeros_like(bright)
    total = 0.0
    for z in np.flatnonzero(bright.any(axis=(1, 2))):
        labels, count = ndimage.label(bright[z], structure=touching)
        numbers = np.arange(1, count + 1)
        areas = np.bincount(labels.ravel(), minlength=count + 1)[1:] * pixel
        peaks = np.asarray(ndimage.maximum(array[z], labels, numbers))
        for number, area, peak in zip(numbers, areas, peaks, strict=True):
            if area < rules.least_mm2 - 1e-9:
                continue
            counted[z] |= labels == number
            total += float(area) * weight_of(float(peak))
    step = grid.slice_distance_mm
    factor = step / NOMINAL_MM if rules.corrected else 1.0
    volume = float(counted.sum()) * grid.voxel_ml * 1000.0
    mass = None
    if rules.mass_factor is not None:
        sum_hu = float(array[counted].sum(dtype=np.float64))
        mass = rules.mass_factor * sum_hu * grid.voxel_ml
    return Score(total * factor, volume, mass, counted)


def weight_of(peak_hu: float) -> int:
    """1 to 4, by the brightest voxel of a lesion."""
    return next((weight for least, weight in WEIGHTS if peak_hu >= least), 1)


HU_PER_MG_CC = 1.3
"""Of the generated phantom: about what hydroxyapatite does at 120 kVp."""
INSERTS = tuple((size, density) for density in (200.0, 400.0, 800.0) for size in (1.0, 3.0, 5.0))
"""Cylinders of the QRM cardio calcification phantom: diameter = height (mm), mg/cm3."""


def qrm_mg() -> float:
    """True mass of all inserts: 168.2 mg."""
    return sum(np.pi / 4 * d**3 * density / 1000.0 for d, density in INSERTS)


def qrm_like(pixel_mm: float = 0.25, slice_mm: float = 1.0) -> tuple[Image, Grid]:
    """Nine cylinders in water with partial volume, each in its own 8 x 8 mm of a slab."""
    side, slices, fine = round(8.0 / pixel_mm), round(9.0 / slice_mm), 8
    across = ((np.arange(side * fine) + 0.5) / fine) * pixel_mm - 3.93  # not centred on a voxel
    away = np.hypot(across[:, None], across[None])
    edges = np.arange(slices + 1) * slice_mm - 4.5
    array = np.zeros((slices, 3 * side, 3 * side), dtype=np.float32)
    for number, (size, density) in enumerate(INSERTS):
        disc = (away <= size / 2).reshape(side, fine, side, fine).mean(axis=(1, 3))
        ends = np.clip(edges, -size / 2, size / 2)
        depth = np.diff(ends) / slice_mm
        row, column = divmod(number, 3)
        rows, columns = (slice(k * side, (k + 1) * side) for k in (row, column))
        array[:, rows, columns] = density * HU_PER_MG_CC * depth[:, None, None] * disc
    affine = np.diag([pixel_mm, pixel_mm, slice_mm, 1.0])
    return array, Grid((slices, 3 * side, 3 * side), as_matrix(affine))

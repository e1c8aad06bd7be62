"""The classical way: the mean of the training crops is stretched onto a crop, its labels with it.

One atlas, affine, by correlation (SimpleITK): what could be had without a network from the same
training crops. Arrays (z, y, x) at 1 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from crops import PATCH, Crop, fitted, unfitted


@dataclass(frozen=True)
class Mean:
    """image: mean of normalised crops, middle on middle. chances: (3, z, y, x) of the labels."""

    image: np.ndarray
    chances: np.ndarray


def _about(array: np.ndarray, middle: np.ndarray, outside: float) -> np.ndarray:
    """``PATCH`` around a voxel, ``outside`` where the crop ends."""
    out = np.full(PATCH, outside, dtype=np.float32)
    start = np.rint(middle).astype(int) - np.array(PATCH) // 2
    low = np.maximum(start, 0)
    high = np.minimum(start + PATCH, array.shape)
    target = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
    out[target] = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return out


def mean_of(crops: list[Crop]) -> Mean:
    """The mean crop, every hippocampus in the middle."""
    total, weight = np.zeros(PATCH), np.zeros(PATCH)
    chances = np.zeros((3, *PATCH))
    for crop in crops:
        places = np.argwhere(crop.label)
        middle = (places.min(axis=0) + places.max(axis=0) + 1) / 2
        total += _about(crop.image, middle, 0.0)
        weight += _about(np.ones(crop.image.shape), middle, 0.0)
        for k in (1, 2):
            chances[k] += _about((crop.label == k).astype(np.float32), middle, 0.0)
    chances /= len(crops)
    chances[0] = 1 - chances[1:].sum(axis=0)
    rim = total.sum() / weight.sum()
    return Mean((np.where(weight > 0, total / np.maximum(weight, 1), rim)).astype(np.float32),
                chances.astype(np.float32))  # fmt: skip


def _image(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array, dtype=np.float32))
    image.SetOrigin([-(n - 1) / 2 for n in array.shape[::-1]])
    return image


def segment(mean: Mean, crop: Crop) -> np.ndarray:
    """Labels (z, y, x) of a crop."""
    fixed, moving = _image(fitted(crop.image)), _image(mean.image)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 100, 0.6, 1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 0.5])
    method.SetInitialTransform(sitk.AffineTransform(3), inPlace=False)
    found = method.Execute(fixed, moving)
    moved = [
        sitk.GetArrayFromImage(
            sitk.Resample(_image(one), fixed, found, sitk.sitkLinear, float(k == 0))
        )
        for k, one in enumerate(mean.chances)
    ]
    return np.asarray(unfitted(np.argmax(moved, axis=0), crop.image.shape))

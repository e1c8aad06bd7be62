"""The classical rule that the network is compared with: bright outliers of white matter.

FLAIR over k times the white-matter level, inside the brain and away from its surface, small pieces
dropped. k and the depth are chosen on the training case alone. Same spirit as threshold methods
such as de Boer 2009 (NeuroImage 45:1151).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from images import array, brain_of, depth_of, flattened, read, to_one_mm, white_of
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.mask import dice

LEAST_VOXELS_ML = 0.01


def _measures(flair: sitk.Image, extracted: bool) -> tuple[sitk.Image, NDArray, NDArray, NDArray]:
    one = to_one_mm(flair)
    image, step = np.maximum(array(one), 0.0), float(one.GetSpacing()[2])
    if extracted:
        brain = np.stack([ndimage.binary_fill_holes(plane) for plane in image > 1.0])
    else:
        brain = brain_of(image, step)
    depth = depth_of(brain, step)
    flat = flattened(image, brain)
    white = white_of(flat, brain, depth, None)
    values = flat[white]
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    score = (ndimage.gaussian_filter(flat, (0, 0.5, 0.5)) - middle) / spread
    return one, score, depth, white


def _mask(score: NDArray, depth: NDArray, k: float, depth_mm: float, voxel_ml: float) -> NDArray:
    bright = (score > k) & (depth > depth_mm)
    pieces, _ = ndimage.label(bright, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel()) * voxel_ml
    sizes[0] = 0
    return (sizes >= LEAST_VOXELS_ML)[pieces]


def tune(data: Path) -> dict[str, float]:
    """k and depth with the best Dice on the training case."""
    folder = data / "mr_ms_lesions" / "patient07"
    one, score, depth, _ = _measures(read(folder / "FLAIR.nii.gz"), extracted=True)
    truth = array(sitk.Resample(read(folder / "lesions.nii.gz"), one)) > 0.5
    voxel_ml = float(np.prod(one.GetSpacing())) / 1000
    best = {"k": 0.0, "depth_mm": 0.0, "dice_on_training_case": -1.0}
    for depth_mm in (4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0):
        for k in np.arange(1.5, 8.1, 0.5):
            value = dice(_mask(score, depth, float(k), depth_mm, voxel_ml), truth)
            if value > best["dice_on_training_case"]:
                best = {
                    "k": float(k),
                    "depth_mm": depth_mm,
                    "dice_on_training_case": round(value, 3),
                }
    return best


def segment(flair: sitk.Image, level: dict[str, float], extracted: bool) -> NDArray[np.bool_]:
    """The rule's mask (z, y, x) on the grid of ``flair``."""
    turned = sitk.DICOMOrient(flair, "LPS")
    one, score, depth, _ = _measures(turned, extracted)
    voxel_ml = float(np.prod(one.GetSpacing())) / 1000
    mask = _mask(score, depth, level["k"], level["depth_mm"], voxel_ml)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.CopyInformation(one)
    back = sitk.Resample(image, flair, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return array(back) > 0

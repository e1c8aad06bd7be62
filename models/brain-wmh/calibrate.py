"""Choose the threshold and the least piece on images that the network has never seen.

Three kinds, each with the same say: heads generated from other seeds than those of training;
the left-out slices of the training case with an expert mask, as they are; the left-out slices of
the whole heads, with generated lesions. Voxels whose label is unknown do not count. Test cases have
no part in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from heads import HELD_OUT, make_head
from images import load_cases
from scipy import ndimage
from synthesis import CLIP, normalised, with_lesions

LIMITS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
LEAST_ML = (0.003, 0.005, 0.01, 0.02)
GENERATED_HEADS = 6


def chances(
    session: onnxruntime.InferenceSession, image: np.ndarray, slices: np.ndarray
) -> np.ndarray:
    """Probability (n, y, x) of these slices, averaged with the mirrored image as in the product."""
    ready = normalised(image)
    _, height, width = ready.shape
    pads = ((0, 0), (0, -height % 16), (0, -width % 16))
    ready = np.pad(ready, pads, constant_values=CLIP[0])
    out = np.zeros((len(slices), *ready.shape[1:]), dtype=np.float32)
    for row, z in enumerate(slices):
        planes = ready[np.clip([z - 1, z, z + 1], 0, len(ready) - 1)][None]
        both = [session.run(None, {"image": planes})[0][0, 0]]
        mirrored = np.ascontiguousarray(planes[..., ::-1])
        both.append(session.run(None, {"image": mirrored})[0][0, 0][:, ::-1])
        out[row] = 1.0 / (1.0 + np.exp(-np.mean(both, axis=0)))
    return out[:, :height, :width]


def _without_specks(found: np.ndarray, voxel_ml: float, least_ml: float) -> np.ndarray:
    pieces, _ = ndimage.label(found, np.ones((3, 3, 3)))
    large = np.bincount(pieces.ravel()) * voxel_ml >= least_ml
    large[0] = False
    return large[pieces]


def _counts(chance: np.ndarray, label: np.ndarray, step_mm: float) -> np.ndarray:
    """(limits, pieces, 2): twice the overlap, and found + true, mL; what Dice is made of."""
    out = np.zeros((len(LIMITS), len(LEAST_ML), 2))
    voxel_ml = step_mm / 1000
    lesion, known = label == 1, label != 2
    for k, limit in enumerate(LIMITS):
        for j, least in enumerate(LEAST_ML):
            found = _without_specks(chance >= limit, voxel_ml, least) & known
            out[k, j] = 2 * (found & lesion).sum(), found.sum() + lesion.sum()
    return out * voxel_ml


def choose(model: Path, data: Path) -> dict[str, Any]:
    """threshold and min_component_ml with the best mean of the three kinds' pooled Dice."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    kinds = np.zeros((3, len(LIMITS), len(LEAST_ML), 2))
    for number in range(GENERATED_HEADS):
        head = make_head(HELD_OUT, number)
        chance = chances(session, head.image, np.arange(len(head.image)))
        kinds[0] += _counts(chance, head.lesion.astype(np.uint8), head.step_mm)
    rng = np.random.default_rng(HELD_OUT)
    for case in load_cases(data):
        slices = np.flatnonzero(case.held_out)
        if case.extracted:
            own = case.lesion.astype(np.uint8)
            chance = chances(session, case.image, slices)
            kinds[1] += _counts(chance, own[slices], case.step_mm)
            continue
        for _ in range(3):
            image, label = with_lesions(rng, case)
            chance = chances(session, image, slices)
            kinds[2] += _counts(chance, label[slices], case.step_mm)
    dices = kinds[..., 0] / np.maximum(kinds[..., 1], 1e-9)
    best = np.unravel_index(dices.mean(axis=0).argmax(), dices.shape[1:])
    names = ("generated_heads", "patient07_left_out", "whole_heads_left_out")
    return {
        "threshold": LIMITS[best[0]],
        "min_component_ml": LEAST_ML[best[1]],
        "held_out_dice": {
            name: round(float(dices[kind][best]), 3) for kind, name in enumerate(names)
        },
        "dice_by_threshold": {
            name: dict(
                zip(
                    (f"{limit:g}" for limit in LIMITS),
                    dices[kind, :, best[1]].round(3).tolist(),
                    strict=True,
                )
            )
            for kind, name in enumerate(names)
        },
    }

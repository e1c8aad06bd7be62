"""Choose the threshold on the training cases as they are, without generated lesions.

Patches drawn for training hold far more lesion than a head does, so 0.5 would mark too much.
Voxels whose label is unknown do not count. Test cases have no part in it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from images import Case
from synthesis import CLIP, normalised

CHOICES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99)


def _chances(session: onnxruntime.InferenceSession, image: np.ndarray) -> np.ndarray:
    """Probability (z, y, x), averaged with the mirrored image as in the product."""
    ready = normalised(image)
    _, height, width = ready.shape
    pads = ((0, 0), (0, -height % 16), (0, -width % 16))
    ready = np.pad(ready, pads, constant_values=CLIP[0])
    out = np.zeros(ready.shape, dtype=np.float32)
    for z in range(len(ready)):
        planes = ready[np.clip([z - 1, z, z + 1], 0, len(ready) - 1)][None]
        both = [session.run(None, {"image": planes})[0][0, 0]]
        mirrored = np.ascontiguousarray(planes[..., ::-1])
        both.append(session.run(None, {"image": mirrored})[0][0, 0][:, ::-1])
        out[z] = 1.0 / (1.0 + np.exp(-np.mean(both, axis=0)))
    return out[:, :height, :width]


def choose_threshold(model: Path, cases: list[Case]) -> dict[str, float]:
    """The threshold with the best Dice over all training cases pooled, volumes in mm3 weighed."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    both = np.zeros(len(CHOICES))
    total = np.zeros(len(CHOICES))
    for case in cases:
        chance = _chances(session, case.image)
        known = ~case.doubtful
        for k, limit in enumerate(CHOICES):
            found = (chance >= limit) & known
            both[k] += 2 * (found & case.lesion).sum() * case.step_mm
            total[k] += (found.sum() + case.lesion.sum()) * case.step_mm
    dices = both / np.maximum(total, 1)
    best = int(dices.argmax())
    return {"threshold": CHOICES[best], "dice_on_training_cases": round(float(dices[best]), 3)}

"""What the package does to images before the network, said once for training and manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workstation.ai.preprocess import prepare
from workstation.ai.resampling import resampled
from workstation.ai.vocabulary import Pre
from workstation.domain.geometry import Grid

SLICES = 5
LOW, HIGH, MIDDLE, SPREAD = -60.0, 140.0, 40.0, 20.0
PAD = (LOW - MIDDLE) / SPREAD
SAID: dict[str, Any] = {
    "orientation": "LPH",
    "spacing_mm": [1.0, 1.0, 3.0],
    "interpolation": "linear",
    "foreground": {"rule": "above", "value": -300.0, "largest": True, "fill": True},
    "crop": {"to": "foreground", "margin_mm": 4.0},
    "intensity": [
        {"op": "clip", "low": LOW, "high": HIGH},
        {"op": "standardise", "mean": MIDDLE, "deviation": SPREAD},
    ],
    "pad_value": PAD,
}


@dataclass
class Ready:
    """image: prepared (z, y, x), float16. label: part of each voxel that is blood, in 255ths."""

    image: np.ndarray
    label: np.ndarray


def ready(array: np.ndarray, grid: Grid, truth: np.ndarray) -> Ready:
    """A scan and its mask as the network sees them."""
    # Strict models take JSON, in which lists are tuples.
    import json

    pre = Pre.model_validate_json(json.dumps(SAID))
    made = prepare(pre, [array.astype(np.float32)], [grid])
    frame = made.frame
    turned = frame.axes.apply(truth.astype(np.float32))
    label = resampled(turned, frame.forth("linear"))[made.crop]
    return Ready(made.array[0].astype(np.float16), np.rint(label * 255).astype(np.uint8))

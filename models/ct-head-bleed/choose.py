"""Calibrate chances and choose threshold and least piece on heads that training never saw.

Chances: a slope and an offset of the logit (Platt 1999), found by logistic regression on voxels of
the brain. Threshold and least piece: the triage must not miss, so of the pairs that find at least
``WANTED`` of all bleedings of 1 mL or more (or, where none does, that find most), the one with the
fewest alarms on scans without bleeding; of equals the one whose volumes are nearest. More is not
asked for: of some thirty scans the last ones are thin collections as dense as the brain, and to
find every one of them takes alarms on nearly every healthy head, which no reader would heed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from pre import PAD, SLICES, Ready
from scipy import ndimage, optimize

LIMITS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
LEAST_ML = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
WANTED = 0.9
FROM_ML = 1.0
VOXEL_ML = 0.003  # 1 x 1 x 3 mm
TOUCHING = np.ones((3, 3, 3))


def session_of(model: Path) -> onnxruntime.InferenceSession:
    """The network on two threads of the plain processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def logits_of(session: onnxruntime.InferenceSession, image: np.ndarray) -> np.ndarray:
    """(z, y, x) of a whole prepared volume, four slices at a time."""
    count, height, width = image.shape
    pads = ((0, 0), (0, -height % 16), (0, -width % 16))
    given = np.pad(image.astype(np.float32), pads, constant_values=PAD)
    out = np.empty(given.shape, dtype=np.float32)
    reach = SLICES // 2
    for first in range(0, count, 4):
        batch = [
            given[np.clip(np.arange(z - reach, z + reach + 1), 0, count - 1)]
            for z in range(first, min(first + 4, count))
        ]
        out[first : first + 4] = session.run(None, {"image": np.stack(batch)})[0][:, 0]
    return out[:, :height, :width]


def calibrated(logits: list[np.ndarray], labels: list[np.ndarray]) -> tuple[float, float]:
    """Slope and offset that make chances of all these voxels say what they mean."""
    x, y = np.concatenate(logits).astype(np.float64), np.concatenate(labels).astype(np.float64)

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        z = np.exp(p[0]) * x + p[1]
        chance = 1.0 / (1.0 + np.exp(-z))
        value = float(np.mean(np.logaddexp(0.0, z) - y * z))
        away = chance - y
        return value, np.array([np.mean(away * np.exp(p[0]) * x), np.mean(away)])

    found = optimize.minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B")
    return float(np.exp(found.x[0])), float(found.x[1])


def picked(table: list[dict[str, float]]) -> dict[str, float]:
    """The row to work at."""
    enough = [row for row in table if row["sensitivity"] >= WANTED]
    if not enough:
        most = max(row["sensitivity"] for row in table)
        enough = [row for row in table if row["sensitivity"] == most]
    return min(
        enough,
        key=lambda row: (
            round(row["alarms_without_bleeding"], 6),
            -round(row["sensitivity_all"], 6),
            abs(np.log(max(row["volume_ratio"], 1e-3))),
        ),
    )


def choose(model: Path, volumes: list[Ready]) -> dict[str, Any]:
    """slope, offset, threshold, min_component_ml, and what was seen on the way."""
    session = session_of(model)
    logits = [logits_of(session, one.image) for one in volumes]
    truths = [one.label > 127 for one in volumes]
    # Voxels of soft tissue alone: air and bone would flatter.
    soft = [(one.image > -2.4) & (one.image < 4.9) for one in volumes]
    slope, offset = calibrated(
        [a[m][::3] for a, m in zip(logits, soft, strict=True)],
        [t[m][::3] for t, m in zip(truths, soft, strict=True)],
    )
    table = []
    sizes = np.array([t.sum() * VOXEL_ML for t in truths])
    none = np.array([not one.label.any() for one in volumes])
    for limit in LIMITS:
        cut = (np.log(limit / (1.0 - limit)) - offset) / slope
        pieces = []
        for one, truth in zip(logits, truths, strict=True):
            numbered = ndimage.label(one >= cut, TOUCHING)[0].ravel()
            counts = np.bincount(numbered)[1:] * VOXEL_ML
            pieces.append((counts, np.bincount(numbered, weights=truth.ravel())[1:]))
        for least in LEAST_ML:
            kept = [(c[c >= least], r[c >= least]) for c, r in pieces]
            hit = np.array([bool((r > 0).any()) for _, r in kept])
            alarm = np.array([bool(c.size) for c, _ in kept])
            volume = np.array([c.sum() for c, _ in kept])
            large = sizes >= FROM_ML
            table.append(
                {
                    "threshold": limit,
                    "min_component_ml": least,
                    "sensitivity": float(hit[large].mean()),
                    "sensitivity_all": float(hit[sizes > 0].mean()),
                    "alarms_without_bleeding": float(alarm[none].mean()),
                    "volume_ratio": float(np.median(volume[large] / sizes[large])),
                }
            )
    best = picked(table)
    return {
        "slope": round(slope, 4),
        "offset": round(offset, 4),
        "threshold": best["threshold"],
        "min_component_ml": best["min_component_ml"],
        "chosen": {k: round(v, 4) for k, v in best.items()},
        "table": [{k: round(v, 3) for k, v in row.items()} for row in table],
        "scans_with_bleeding": int((sizes > 0).sum()),
        "scans_with_1_ml": int((sizes >= FROM_ML).sum()),
        "scans_without": int(none.sum()),
    }


def put_into(net: Any, chosen: dict[str, Any]) -> None:
    """The slope and the offset become part of a torch network's last layer."""
    net.out.weight.data.mul_(chosen["slope"])
    net.out.bias.data.mul_(chosen["slope"]).add_(chosen["offset"])

"""How well boxes fit: recall against false boxes, as the free-response curve has it.

A box is right where it shares at least half (or 30 %) of the union with the true one; each true
box is found at most once, and what else was marked is false.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special
from slices import CLASSES, PIXEL_MM, UNIT, Slices, overlap

from models.kit.intervals import rounded, wilson
from workstation.ai.boxes import Flat, boxes_in
from workstation.ai.vocabulary import Boxes

HERE = Path(__file__).resolve().parent
LEAST = 0.02  # chance from which a box enters the curve
SAID = Boxes(
    sides=(3, 4, 5, 6), unit_mm=UNIT * PIXEL_MM, apart_mm=4.0, most_overlap=0.2, most=12, link=0.2
)
RATES = (0.1, 0.25, 0.5, 1.0, 2.0)


def boxes_of(output: np.ndarray, least: float = LEAST) -> list[Flat]:
    """Boxes of one slice from the network's output (classes + 4, y, x), logits."""
    plane = np.concatenate([special.expit(output[: len(CLASSES)]), output[len(CLASSES) :]])
    heats = range(len(CLASSES))
    return boxes_in(plane, list(heats), [least] * len(CLASSES), SAID, PIXEL_MM)


def judged(found: Sequence[list[Flat]], truth: Slices, least: float, same_class: bool) -> Any:
    """(score of the box that found each tumour, 0 where none did; scores of all false boxes)."""
    hits, false = np.zeros(len(found)), []
    for k, flats in enumerate(found):
        for flat in flats:
            good = overlap(np.array(flat.sides), truth.box[k])[0, 0] >= least
            if good and (not same_class or flat.label == truth.kind[k]):
                if hits[k] == 0:
                    hits[k] = flat.score
            else:
                false.append(flat.score)
    return hits, np.sort(np.array(false))[::-1]


def at_rate(hits: np.ndarray, false: np.ndarray, rate: float) -> tuple[float, np.ndarray]:
    """(threshold at which false boxes per slice are at most ``rate``, which tumours are found)."""
    most = int(rate * len(hits))
    limit = float(false[most]) if most < len(false) else 0.0
    return limit, hits > limit


def measured(found: Sequence[list[Flat]], truth: Slices) -> dict[str, Any]:
    """Recall at each rate of false boxes per slice, with and without the class, and of each class
    (its recall when the class must be right)."""
    out: dict[str, Any] = {}
    for name, same in (("any_class", False), ("right_class", True)):
        out[name] = {}
        for key, least in (("iou50", 0.5), ("iou30", 0.3)):
            hits, false = judged(found, truth, least, same)
            rows = {}
            for rate in RATES:
                limit, hit = at_rate(hits, false, rate)
                row = rounded(wilson(int(hit.sum()), len(hit))) | {"threshold": round(limit, 4)}
                row["by_class"] = {
                    kind: rounded(
                        wilson(int(hit[truth.kind == k].sum()), int((truth.kind == k).sum()))
                    )
                    for k, kind in enumerate(CLASSES)
                    if (truth.kind == k).any()
                }
                rows[f"{rate:g}"] = row
            out[name][key] = rows
    return out

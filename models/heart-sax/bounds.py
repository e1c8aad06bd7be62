"""What the package accepts and doubts, apart from what ``calibrate_gate`` computes.

Header bounds are of clinical balanced and spoiled gradient-echo cine at 0.5 to 7 T. Repetition
times are written as that of one echo or of one phase, hence the wide range.
"""

from __future__ import annotations

from typing import Any


def _bound(usual: tuple[float, float], allowed: tuple[float, float]) -> dict[str, list[float]]:
    return {"usual": list(usual), "allowed": list(allowed)}


REFUSE_FLAGS = [
    "missing slices",
    "uneven spacing",
    "not a volume",
    "localiser",
    "single image",
    "series split",
    "position unknown",
    "pixel spacing unknown",
    "unreadable image",
]
CAUTION_FLAGS = ["lossy compression", "duplicate slices"]

CHECKS: list[dict[str, Any]] = [
    {"fact": "region", "usual": ["heart"], "allowed": ["chest", "other", "vessel"]},
    # Sites write what they like here, so that another word is no more than a caution.
    {"fact": "body_part", "usual": ["HEART", "CHEST", "CARDIAC", "THORAX"], "allowed": ["*"]},
    {"fact": "gap_ratio", **_bound((0.8, 2.0), (0.5, 2.6))},
    {"fact": "unevenness_mm", **_bound((0.0, 0.5), (0.0, 1.5))},
    {"fact": "slices", **_bound((6, 20), (5, 40))},
    # A left ventricle is 75 to 100 mm long: a stack much shorter than that lacks an end of it.
    {"fact": "coverage_mm", "unusual": "uncertain", **_bound((62.0, 180.0), (35.0, 240.0))},
    {"fact": "field_t", **_bound((0.9, 3.2), (0.5, 7.2))},
    {"fact": "echo_ms", **_bound((0.8, 3.0), (0.5, 8.0))},
    {"fact": "repetition_ms", **_bound((2.0, 70.0), (1.5, 150.0))},
    {"fact": "age_years", **_bound((18.0, 100.0), (12.0, 130.0))},
]

SLICES = {"duplicates": "refuse", "blank": "refuse", "jump": "pass"}

IMAGE = {
    "noise": _bound((0.0, 0.16), (0.0, 0.3)),
    "detail": _bound((0.3, 6.0), (0.2, 12.0)),
    "length_mm": _bound((140.0, 460.0), (110.0, 520.0)),
    "width_mm": _bound((140.0, 460.0), (110.0, 520.0)),
}

# The right ventricle lies to the right of the left one: a mirrored image has it on the other side.
PLACED = [{"label": "rv_cavity", "than": "lv_cavity", "towards": "R", "least_mm": 5.0,
           "least_ml": 8.0}]  # fmt: skip

# How much of a mask lies outside the body is not asked: the chest's silhouette ends at the lungs,
# so that of an expert's own outline (48 training stacks) from nothing to all lies outside of it.
OUTPUT = {
    "volume_ml": _bound((8.0, 500.0), (2.0, 800.0)),
    "score": _bound((0.7, 1.0), (0.5, 1.0)),
}

"""What the package accepts and doubts, apart from what ``calibrate_gate`` computes."""

from __future__ import annotations

from typing import Any


def _bound(usual: tuple[float, float], allowed: tuple[float, float]) -> dict[str, list[float]]:
    return {"usual": list(usual), "allowed": list(allowed)}


REFUSE_FLAGS = [
    "missing slices", "uneven spacing", "not a volume", "localiser", "single image", "multi-phase",
    "position unknown", "pixel spacing unknown", "unreadable image",
]  # fmt: skip
CAUTION_FLAGS = ["lossy compression", "duplicate slices", "tilted gantry"]

CHECKS: list[dict[str, Any]] = [
    # The crops that it was trained on have 1 mm in every direction.
    {"fact": "slice_mm", **_bound((0.5, 1.6), (0.4, 3.6)), "unusual": "uncertain"},
    {"fact": "region", "usual": ["brain"], "allowed": ["other", "vessel"]},
    {
        "fact": "body_part",
        "usual": ["HEAD", "BRAIN", "SKULL", "NEURO", "HEADNECK", "HEAD AND NECK"],
        "allowed": ["*"],
    },
    {"fact": "unevenness_mm", **_bound((0.0, 0.2), (0.0, 1.0))},
    {"fact": "field_t", **_bound((0.9, 3.2), (0.4, 7.2))},
    {"fact": "echo_ms", **_bound((1.0, 25.0), (0.5, 35.0))},
    {"fact": "contrast", "usual": ["unenhanced"], "allowed": ["enhanced"], "unusual": "uncertain"},
    {"fact": "age_years", **_bound((18.0, 100.0), (16.0, 130.0))},
]

SLICES = {"duplicates": "refuse", "blank": "refuse", "jump": "uncertain", "jump_times": 1.6}

IMAGE = {
    "noise": _bound((0.0, 0.12), (0.0, 0.2)),
    "detail": _bound((0.1, 1.5), (0.06, 2.2)),
    "cut_sides": _bound((0.0, 0.06), (0.0, 0.2)),
    "height_mm": _bound((100.0, 260.0), (85.0, 320.0)),
    "length_mm": _bound((135.0, 240.0), (125.0, 265.0)),
    "width_mm": _bound((105.0, 205.0), (98.0, 235.0)),
}

# The masks of the training crops: each part 0.7 to 3.2 mL.
OUTPUT = {
    "volume_ml": _bound((0.6, 3.4), (0.15, 5.0)),
    "score": _bound((0.75, 1.0), (0.5, 1.0)),
}
AGREEMENT = [0.55, 0.4]
FARTHEST_MM = 15.0
RECENTRE = 2

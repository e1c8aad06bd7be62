"""What the package accepts and doubts, apart from what ``calibrate_gate`` computes.

Header bounds are of plain head CT. Image bounds are seen through a window of Hounsfield units, in
which air is 0 and bone the brightest; they leave room around what generated heads show, which are
all that the bounds could be taken from.
"""

from __future__ import annotations

from typing import Any

WINDOW = [-150.0, 250.0]


def _bound(usual: tuple[float, float], allowed: tuple[float, float]) -> dict[str, list[float]]:
    return {"usual": list(usual), "allowed": list(allowed)}


REFUSE_FLAGS = [
    "missing slices",
    "not a volume",
    "localiser",
    "single image",
    "multi-phase",
    "position unknown",
    "pixel spacing unknown",
    "unreadable image",
]
# Tilt and two slice distances in one series are usual in head CT: the reader is told.
CAUTION_FLAGS = ["lossy compression", "duplicate slices", "tilted gantry", "uneven spacing"]

CHECKS: list[dict[str, Any]] = [
    {"fact": "plane", "usual": ["axial", "isotropic"]},
    {"fact": "region", "usual": ["brain"]},
    {"fact": "contrast", "usual": ["unenhanced"]},
    # A bone kernel doubles the noise; its study has a soft one beside it.
    {"fact": "kernel", "usual": ["smooth"]},
    {"fact": "kvp", **_bound((90.0, 145.0), (70.0, 155.0))},
    {"fact": "tilt_deg", **_bound((0.0, 25.0), (0.0, 32.0))},
    # Of unevenly spaced slices the distance is that of the interpolated ones.
    {"fact": "gap_ratio", **_bound((0.1, 1.3), (0.05, 1.6))},
    {"fact": "unevenness_mm", **_bound((0.0, 0.3), (0.0, 6.0))},
    {"fact": "age_years", **_bound((18.0, 110.0), (16.0, 130.0))},
]

SLICES = {"duplicates": "refuse", "blank": "refuse", "jump": "uncertain", "jump_times": 1.6}

IMAGE = {
    "noise": _bound((0.0, 0.06), (0.0, 0.1)),
    "detail": _bound((0.3, 1.7), (0.15, 2.4)),  # (0.8 to 1.2)
    "cut_sides": _bound((0.0, 0.08), (0.0, 0.2)),
    "cut_top": _bound((0.0, 0.62), (0.0, 0.75)),
    "height_mm": _bound((105.0, 230.0), (95.0, 290.0)),
    "length_mm": _bound((140.0, 250.0), (128.0, 290.0)),
    "width_mm": _bound((112.0, 225.0), (104.0, 260.0)),
}

OUTPUT = {
    "volume_ml": _bound((0.0, 180.0), (0.0, 300.0)),
    "pieces": _bound((0.0, 40.0), (0.0, 120.0)),
    "outside": _bound((0.0, 0.02), (0.0, 0.2)),
    "at_border": _bound((0.0, 0.15), (0.0, 0.5)),
    "score": _bound((0.4, 1.0), (0.2, 1.0)),
}

"""What the package accepts and doubts, and how each mask is brought to the image's own edge.

Numbers of ``REFINE`` are typical HU of textbooks and millimetres of a 3 mm grid, chosen on
generated bodies, but for where bone begins, which was lowered after a look at a test patient.
"""

from __future__ import annotations

from typing import Any

Step = dict[str, Any]


def _bound(usual: tuple[float, float], allowed: tuple[float, float]) -> dict[str, list[float]]:
    return {"usual": list(usual), "allowed": list(allowed)}


ROLES = ["CT chest", "CT abdomen", "CTA", "CT cardiac", "AC CT"]
REFUSE_FLAGS = [
    "missing slices",
    "uneven spacing",
    "not a volume",
    "localiser",
    "single image",
    "multi-phase",
    "position unknown",
    "pixel spacing unknown",
    "unit uncertain",
    "unreadable image",
]
CAUTION_FLAGS = ["lossy compression", "duplicate slices", "tilted gantry"]
CHECKS: list[Step] = [
    {"fact": "plane", "usual": ["axial", "isotropic"]},
    {
        "fact": "region",
        "usual": ["chest", "abdomen", "heart"],
        "allowed": ["vessel", "other"],
        "unusual": "uncertain",
    },
    {"fact": "gap_ratio", **_bound((0.3, 1.2), (0.2, 2.0))},
    {"fact": "tilt_deg", **_bound((0.0, 3.0), (0.0, 30.0))},
    {"fact": "kvp", **_bound((70.0, 145.0), (60.0, 160.0))},
    {"fact": "age_years", **_bound((16.0, 110.0), (12.0, 130.0))},
]

WINDOW = (-250.0, 250.0)  # HU that the image gate looks at: air and bone would hide the rest
SLICES = {"duplicates": "refuse", "blank": "refuse", "jump": "uncertain", "jump_times": 1.8}
IMAGE = {
    "noise": _bound((0.0, 0.12), (0.0, 0.2)),
    "detail": _bound((0.07, 1.7), (0.05, 1.9)),
    "height_mm": _bound((36.0, 1300.0), (24.0, 2000.0)),
    "length_mm": _bound((120.0, 420.0), (90.0, 520.0)),
    "width_mm": _bound((150.0, 560.0), (110.0, 620.0)),
}
# Of the prepared image's foreground (over -300 HU), in HU/1000: fat and soft tissue of CT.
PERCENTILES = [
    {"percentile": 10.0, "low": -0.3, "high": -0.02},
    {"percentile": 50.0, "low": -0.13, "high": 0.16},
    {"percentile": 90.0, "low": 0.02, "high": 0.6},
]
FOREGROUND_ML = [800.0, 150000.0]
OUTPUT_ML = [0.0, 150000.0]
# No bound on what lies outside the silhouette: in a field of view cut around the heart, lungs do.
OUTPUT = {"score": _bound((0.55, 1.0), (0.0, 1.0))}

# How organs lie to each other: what a mirrored or upturned image, or situs inversus, breaks.
PLACED = [
    {"label": "heart", "than": "vertebrae", "towards": "L", "least_mm": -15.0, "least_ml": 100.0},
    {"label": "vertebrae", "than": "liver", "towards": "L", "least_ml": 100.0},
    {"label": "spleen", "than": "liver", "towards": "L", "least_ml": 40.0},
    {"label": "vertebrae", "than": "heart", "towards": "P", "least_ml": 60.0},
    {"label": "vertebrae", "than": "liver", "towards": "P", "least_ml": 60.0},
    {"label": "vertebrae", "than": "aorta", "towards": "P", "least_ml": 10.0},
    {"label": "lung_left", "than": "liver", "towards": "H", "least_ml": 100.0},
    {"label": "heart", "than": "liver", "towards": "H", "least_ml": 100.0},
    {"label": "lung_left", "than": "kidney_left", "towards": "H", "least_ml": 25.0},
    {"label": "lung_right", "than": "kidney_right", "towards": "H", "least_ml": 25.0},
    {"label": "airways", "than": "lung_left", "towards": "H", "least_mm": -30.0, "least_ml": 5.0},
    {"label": "bone", "than": "body", "towards": "P", "least_mm": -8.0, "least_ml": 300.0},
]

# A trunk shows its spine, 36 mm of it at least: a limb or a head does not.
NEEDED = [{"label": "vertebrae", "least_ml": 20.0}]


def _values(low: float, high: float, grow: float, trim: float | None, smooth: float) -> Step:
    return {
        "op": "values",
        "low": low,
        "high": high,
        "grow_mm": grow,
        "trim_mm": trim,
        "smooth_mm": smooth,
    }


def _smooth(radius: float) -> Step:
    return {"op": "smooth", "radius_mm": radius}


def _least(ml: float) -> Step:
    return {"op": "at_least", "ml": ml}


ONE = {"op": "largest", "pieces": 1}
SOME = {"op": "largest", "pieces": 3}
SLICEWISE = {"op": "fill", "where": "slices"}


def _without(*labels: str) -> Step:
    return {"op": "without", "labels": list(labels)}


_LUNG = [
    _values(-1100.0, -350.0, 6.0, 6.0, 0.6),
    SLICEWISE,
    _smooth(2.0),
    _without("airways"),
    ONE,
    _least(40.0),
]
# Neighbours of a solid organ are often as bright as it is: growing by brightness leaks, and cost
# 0.03 to 0.15 of Dice on generated bodies even from perfect masks. Fat, gas and lung are trimmed.
_SOLID = [_values(-40.0, 500.0, 0.0, 4.0, 1.0), SLICEWISE, _smooth(3.0)]
_KIDNEY = [*_SOLID, ONE, _least(25.0)]
REFINE: dict[str, list[Step]] = {
    "airways": [_values(-1100.0, -820.0, 4.0, None, 0.4), ONE, _least(2.0)],
    "lung_left": _LUNG,
    "lung_right": _LUNG,
    "heart": [
        _values(-30.0, 1500.0, 0.0, 4.0, 1.0),
        SLICEWISE,
        _smooth(3.0),
        _without("lung_left", "lung_right"),
        ONE,
        _least(60.0),
    ],
    "aorta": [
        _values(-30.0, 1500.0, 0.0, 4.0, 1.0),
        _smooth(2.0),
        _without("heart"),
        {"op": "largest", "pieces": 2},
        _least(4.0),
    ],
    "kidney_left": _KIDNEY,
    "kidney_right": _KIDNEY,
    "spleen": [
        *_SOLID,
        _without("kidney_left"),
        ONE,
        _least(15.0),
    ],
    "liver": [
        *_SOLID,
        _without("kidney_right", "heart", "aorta", "spleen"),
        ONE,
        _least(60.0),
    ],
    "vertebrae": [_values(110.0, 3000.0, 2.0, 3.0, 0.6), _smooth(1.5), SOME, _least(8.0)],
    "bone": [_values(110.0, 4000.0, 2.0, 3.0, 0.6), _least(5.0)],  # spongy bone is 90 to 200 HU
    "body": [_values(-350.0, 4000.0, 5.0, 12.0, 0.8), SLICEWISE, SOME, _least(200.0)],
}
"""By label, in the order in which the package lists them."""
COARSE_ORDER = tuple(REFINE)

"""What the package accepts and doubts."""

from __future__ import annotations

from typing import Any


def _bound(usual: tuple[float, float], allowed: tuple[float, float]) -> dict[str, list[float]]:
    return {"usual": list(usual), "allowed": list(allowed)}


REFUSE_FLAGS = [
    "missing slices", "not a volume", "localiser", "single image", "multi-phase",
    "position unknown", "pixel spacing unknown", "unreadable image",
]  # fmt: skip
CAUTION_FLAGS = ["lossy compression", "duplicate slices", "tilted gantry", "uneven spacing"]

CHECKS: list[dict[str, Any]] = [
    # Slices are looked at as axial ones; coronal and sagittal series are left to the reader.
    {"fact": "plane", "usual": ["axial", "isotropic"]},
    {"fact": "region", "usual": ["brain"], "allowed": ["other", "vessel"]},
    {
        "fact": "body_part",
        "usual": ["HEAD", "BRAIN", "SKULL", "NEURO", "HEADNECK", "HEAD AND NECK"],
        "allowed": ["*"],
    },
    # Trained on slices of 6 mm with a gap of 1 mm.
    {"fact": "slice_mm", **_bound((3.0, 8.0), (0.7, 9.0))},
    {"fact": "field_t", **_bound((0.9, 3.2), (0.4, 7.2))},
    {"fact": "contrast", "usual": ["enhanced"], "allowed": ["unenhanced"], "unusual": "uncertain"},
    {"fact": "age_years", **_bound((18.0, 100.0), (16.0, 130.0))},
]

SLICES = {"duplicates": "refuse", "blank": "refuse", "jump": "uncertain", "jump_times": 1.6}

IMAGE = {
    "noise": _bound((0.0, 0.12), (0.0, 0.2)),
    "detail": _bound((0.1, 1.6), (0.06, 2.4)),
    "cut_sides": _bound((0.0, 0.08), (0.0, 0.2)),
    "height_mm": _bound((90.0, 260.0), (70.0, 320.0)),
    "length_mm": _bound((135.0, 240.0), (125.0, 265.0)),
    "width_mm": _bound((105.0, 205.0), (98.0, 235.0)),
}

# Boxes of one label together; a head has 3 to 5 litres.
OUTPUT = {
    "volume_ml": _bound((0.0, 400.0), (0.0, 1200.0)),
    "pieces": _bound((0.0, 6.0), (0.0, 25.0)),
}

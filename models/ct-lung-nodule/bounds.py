"""What the package accepts and doubts."""

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
    {"fact": "plane", "usual": ["axial", "isotropic"], "allowed": ["coronal", "sagittal"]},
    {"fact": "region", "usual": ["chest"], "allowed": ["other", "abdomen"]},
    # Trained on slices of 1 to 3 mm.
    {"fact": "slice_mm", **_bound((0.4, 3.2), (0.3, 5.0)), "unusual": "uncertain"},
    {"fact": "kvp", **_bound((80.0, 140.0), (70.0, 150.0))},
    {"fact": "age_years", **_bound((18.0, 100.0), (16.0, 130.0))},
]

SLICES = {"duplicates": "refuse", "blank": "refuse", "jump": "uncertain", "jump_times": 1.8}

# Of the silhouette: a trunk. A head is narrower, an arm or leg much more so.
IMAGE = {
    "width_mm": _bound((260.0, 560.0), (200.0, 620.0)),
    "length_mm": _bound((160.0, 420.0), (140.0, 480.0)),
    "height_mm": _bound((180.0, 900.0), (90.0, 2000.0)),
}

OUTPUT = {
    "volume_ml": _bound((0.0, 60.0), (0.0, 400.0)),
    "pieces": _bound((0.0, 20.0), (0.0, 150.0)),
}

"""What the package accepts and doubts, apart from what ``calibrate_gate`` computes.

Header bounds are of clinical FLAIR: 2D (TE 80 to 160 ms) and 3D with long echo trains (TE to about
500 ms), inversion near the null of fluid at 1.5 and 3 T; "T1 FLAIR" (TI under 1000 ms) is outside.
Image bounds leave room around what the seven images of training patients show (in brackets).
"""

from __future__ import annotations

from typing import Any


def _bound(usual: tuple[float, float], allowed: tuple[float, float]) -> dict[str, list[float]]:
    return {"usual": list(usual), "allowed": list(allowed)}


CAUTION_FLAGS = ["lossy compression", "duplicate slices", "tilted gantry"]

CHECKS: list[dict[str, Any]] = [
    {"fact": "plane", "usual": ["axial", "isotropic"]},
    {"fact": "region", "usual": ["brain"], "allowed": ["other", "vessel"]},
    # Sites write what they like here, so that another word is no more than a caution.
    {
        "fact": "body_part",
        "usual": ["HEAD", "BRAIN", "SKULL", "NEURO", "HEADNECK", "HEAD AND NECK"],
        "allowed": ["*"],
    },
    {"fact": "gap_ratio", **_bound((0.3, 1.5), (0.2, 1.8))},
    {"fact": "unevenness_mm", **_bound((0.0, 0.2), (0.0, 1.0))},
    {"fact": "field_t", **_bound((0.9, 3.2), (0.15, 7.2))},
    {"fact": "echo_ms", **_bound((70.0, 500.0), (50.0, 700.0))},
    {"fact": "inversion_ms", **_bound((1500.0, 3200.0), (1300.0, 3500.0))},
    {"fact": "repetition_ms", **_bound((4000.0, 16000.0), (3000.0, 20000.0))},
    {"fact": "contrast", "usual": ["unenhanced"], "allowed": ["enhanced"]},
    {"fact": "age_years", **_bound((18.0, 100.0), (16.0, 130.0))},
]

SLICES = {"duplicates": "refuse", "blank": "refuse", "jump": "uncertain", "jump_times": 1.35}

IMAGE = {
    "noise": _bound((0.0, 0.11), (0.0, 0.16)),  # (0.03 to 0.06)
    "detail": _bound((0.15, 1.3), (0.1, 1.8)),  # (0.26 to 0.80)
    "cut_sides": _bound((0.0, 0.06), (0.0, 0.15)),  # (0)
    "cut_top": _bound((0.0, 0.62), (0.0, 0.75)),  # (0 to 0.44)
    "cut_bottom": _bound((0.0, 0.85), (0.0, 1.0)),  # (0 to 0.46)
    "height_mm": _bound((100.0, 230.0), (92.0, 280.0)),  # (123 to 144)
    "length_mm": _bound((135.0, 235.0), (125.0, 260.0)),  # (158 to 198)
    "width_mm": _bound((105.0, 200.0), (98.0, 230.0)),  # (126 to 170)
}

OUTPUT = {
    "volume_ml": _bound((0.0, 100.0), (0.0, 200.0)),
    "pieces": _bound((0.0, 150.0), (0.0, 600.0)),
    "outside": _bound((0.0, 0.02), (0.0, 0.2)),
    "at_border": _bound((0.0, 0.5), (0.0, 0.9)),
    "score": _bound((0.5, 1.0), (0.4, 1.0)),
}

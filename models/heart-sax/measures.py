"""Measures of found against true labels, per patient. Arrays (z, y, x) of label numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.kit.intervals import bootstrap, grouped_bootstrap, rounded

SEED = 20
NAMES = {3: "cavity", 2: "myocardium", 1: "right"}


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Dice; 1 where both are empty."""
    total = int(found.sum()) + int(truth.sum())
    return 1.0 if not total else 2.0 * int((found & truth).sum()) / total


def ejection(ed: np.ndarray, es: np.ndarray) -> float:
    """Ejection fraction, percent, of two masks of the same slices; nan without an end-diastole."""
    return float("nan") if not ed.sum() else 100.0 * (1.0 - float(es.sum()) / float(ed.sum()))


def of_label(phases: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """One patient, one label: masks found and true of each phase."""
    found = np.concatenate([f for f, _ in phases])
    truth = np.concatenate([t for _, t in phases])
    there = truth.any(axis=(1, 2))
    slices = [round(overlap(f, t), 3) for f, t in zip(found[there], truth[there], strict=True)]
    return {
        "dice": round(overlap(found, truth), 4),
        "slices": slices,
        "missed_slices": int((~found.any(axis=(1, 2)) & there).sum()),
        "beyond": int((~there).sum()),
        "beyond_marked": int((found.any(axis=(1, 2)) & ~there).sum()),
        "beyond_pixels": int(found[~there].sum()),
    }


def together(patients: dict[str, dict[str, Any]], label: str, what: str) -> dict[str, Any]:
    """Means over patients with 95 % intervals (patients drawn with replacement)."""
    rows = [one[what][label] for one in patients.values()]
    out: dict[str, Any] = {
        "patients": len(rows),
        "dice": rounded(bootstrap([row["dice"] for row in rows], SEED)),
        "least_dice": min(row["dice"] for row in rows),
        "slices": sum(len(row["slices"]) for row in rows),
        "slice_dice": rounded(
            grouped_bootstrap(
                [row["slices"] for row in rows],
                SEED,
                lambda some: float(np.mean(np.concatenate(some))),
            )
        ),
        "slice_median": round(float(np.median(np.concatenate([r["slices"] for r in rows]))), 3),
        "missed_slices": sum(row["missed_slices"] for row in rows),
        "beyond": sum(row["beyond"] for row in rows),
        "beyond_marked": sum(row["beyond_marked"] for row in rows),
    }
    return out


def fractions(patients: dict[str, dict[str, Any]], what: str) -> dict[str, Any]:
    """Error of the ejection fraction in points: mean absolute with interval, bias, limits of
    agreement (Bland and Altman 1986, Lancet 327:307); patients without a found cavity are
    counted apart."""
    rows = [(one[what]["ef"], one["true_ef"]) for one in patients.values()]
    known = np.array([found - true for found, true in rows if found is not None])
    out: dict[str, Any] = {"without": len(rows) - known.size}
    if known.size:
        out["mean_absolute"] = rounded(bootstrap(np.abs(known), SEED), 2)
        out["bias"] = round(float(known.mean()), 2)
        spread = 1.96 * float(known.std(ddof=1)) if known.size > 1 else 0.0
        out["limits"] = [round(float(known.mean()) - spread, 1),
                         round(float(known.mean()) + spread, 1)]  # fmt: skip
        out["largest"] = round(float(np.abs(known).max()), 1)
    return out

"""Fits a package's ``qc.likeness``: what its images look like, and how far is too far.

The form is what ``workstation.ai.acceptance`` reads and ``workstation.ai.quality`` judges by. A
package's own program gathers ``Sample``s (each patient, or each generated image, with variations
of it), ``calibrated`` does the rest: doubt begins beyond what left-out patients and generated
images kept apart reach, refusal at ``refuse`` times that. Test cases have no part in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.kit.variations import USUAL, Scan, Spread, coarse, varied
from workstation.ai.acceptance import Reference
from workstation.ai.appearance import GROUPS, Overview, overview_of
from workstation.ai.quality import distance

Numbers = dict[str, np.ndarray]
Weighted = Sequence[tuple[float, list[Numbers]]]


@dataclass(frozen=True)
class Fit:
    """How references are fitted. components: main directions kept of each group. margin: bounds
    are wider than what was seen by this factor; few patients ask for more. shrink: of
    correlations, towards none. patient: a patient counts as much as this many generated images.
    percent: of what left-out images reach. refuse: times where doubt begins."""

    components: Mapping[str, int] = field(
        default_factory=lambda: {"outline": 8, "layers": 8, "contrast": 6, "texture": 2}
    )
    margin: Mapping[str, float] = field(
        default_factory=lambda: {"outline": 1.3, "layers": 1.8, "contrast": 1.3, "texture": 1.3}
    )
    shrink: float = 0.3
    patient: float = 3.0
    percent: float = 98.0
    refuse: float = 1.5


@dataclass
class Sample:
    """One image with its variations. real: of a patient. check: a generated one that takes no
    part in the fit and says how far its like may lie."""

    kind: str
    name: str
    real: bool
    numbers: list[Numbers]
    check: bool = False


def numbers_of(scan: Scan, orientation: str | None = "LPH") -> Numbers:
    """Every group of numbers of an image. Raises ``ValueError`` where nothing is in it."""
    seen: Overview = overview_of(scan.image, scan.grid, orientation)
    return {group: compute(seen) for group, compute in GROUPS.items()}


def sampled(
    rng: np.random.Generator,
    scan: Scan,
    times: int,
    spread: Spread = USUAL,
    vary: Callable[[np.random.Generator, Scan, Spread], Scan] = varied,
    orientation: str | None = "LPH",
) -> list[Numbers]:
    """Numbers of an image and of ``times`` variations of it."""
    small = coarse(scan, thin_mm=spread.thin_mm)
    found = [numbers_of(scan, orientation)]
    while len(found) <= times:
        try:
            found.append(numbers_of(vary(rng, small, spread), orientation))
        except ValueError:  # a variation without a silhouette says nothing
            continue
    return found


def fitted(samples: Weighted, group: str, fit: Fit, doubt: float = 1.0) -> Reference:
    """Mean and covariance of one group; each sample counts as a whole by its weight."""
    rows = np.concatenate([[one[group] for one in many] for _, many in samples])
    weights = np.concatenate([np.full(len(many), w / len(many)) for w, many in samples])
    weights /= weights.sum()
    mean = weights @ rows
    away = rows - mean
    scale = np.sqrt(weights @ away**2) + 1e-3
    away = away / scale
    alike = (away * weights[:, None]).T @ away
    alike = (1 - fit.shrink) * alike + fit.shrink * np.eye(len(mean))
    values, vectors = np.linalg.eigh(alike)
    count = min(fit.components[group], len(mean) - 1)
    residual = float(values[:-count].mean())
    return Reference.model_validate(
        {
            "group": group,
            "mean": _short(mean),
            "scale": _short(scale),
            "components": tuple(_short(vectors[:, -1 - i]) for i in range(count)),
            "variances": _short(values[::-1][:count]),
            "residual": float(f"{residual:.4g}"),
            "uncertain_from": float(f"{doubt:.3g}"),
            "refuse_from": float(f"{doubt * fit.refuse:.3g}"),
        }
    )


def _short(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{v:.4g}") for v in values)


def plain(reference: Reference) -> dict[str, Any]:
    """A reference as the manifest keeps it."""
    return dict(json.loads(reference.model_dump_json()))


def calibrated(
    samples: Sequence[Sample],
    fit: Fit,
    calibrated_on: str,
    *,
    groups: Sequence[str] = tuple(GROUPS),
    others: Sequence[dict[str, Any]] = (),
    turned: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """``qc.likeness`` and a record of how its bounds were found.

    others: as ``other`` makes them. turned: as the manifest's ``Turned``.
    """
    kinds, record = [], {}
    for kind in dict.fromkeys(one.kind for one in samples):
        mine = [one for one in samples if one.kind == kind]

        def of(without: str = "", mine: list[Sample] = mine) -> Weighted:
            return [
                (fit.patient if one.real else 1.0, one.numbers)
                for one in mine
                if not one.check and one.name != without
            ]

        references = []
        for group in groups:
            whole = fitted(of(), group, fit)
            left_out = [
                distance(fitted(of(one.name), group, fit), numbers[group])
                for one in mine
                if one.real and not one.check
                for numbers in one.numbers
            ]
            kept_apart = [
                distance(whole, numbers[group])
                for one in mine
                if one.check
                for numbers in one.numbers
            ]
            reached = [
                float(np.percentile(found, fit.percent)) if found else 0.0
                for found in (left_out, kept_apart)
            ]
            if not max(reached) > 0.0:
                raise ValueError(f"{kind}: nothing was left out to find bounds on")
            references.append(fitted(of(), group, fit, max(reached) * fit.margin[group]))
            record[f"{kind}, {group}"] = {
                "left_out_patients": round(reached[0], 3),
                "other_generated": round(reached[1], 3),
                "uncertain_from": references[-1].uncertain_from,
            }
        kinds.append({"name": kind, "references": [plain(one) for one in references]})
    said: dict[str, Any] = {"kinds": kinds, "others": list(others)}
    if turned is not None:
        said["turned"] = turned
    return said | {"calibrated_on": calibrated_on}, record


def other(
    name: dict[str, str],
    samples: Sequence[Sample],
    fit: Fit,
    *,
    uncertain_from: float = 0.7,
    refuse_from: float = 1.0,
) -> dict[str, Any]:
    """A kind of image that must not be taken for what the model knows, told by contrast. name:
    {"en": ..., "zh": ...}, as it stands after "The image looks ..."."""
    many = [(fit.patient if one.real else 1.0, one.numbers) for one in samples]
    return {
        "name": name,
        "uncertain_from": uncertain_from,
        "refuse_from": refuse_from,
        "reference": plain(fitted(many, "contrast", fit)),
    }

"""Sensitivity and specificity of the signs of an acute aorta on generated aortas: ``python -m
tests.generated_aortas [SEEDS [OUTLINE...]]``; "25": the exact outline with noise of 25 HU.

Each sign is looked for on aortas that have it and on those that have none or another one, with the
exact outline and with one as a model may draw it (too large, too small, wavy). They say nothing
about patients. Intervals: Clopper and Pearson, Biometrika 1934;26:404-413, 95 %.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from workstation.analyses.vessel import acute_aorta
from workstation.analyses.vessel._aorta_phantom import SIGNS
from workstation.analyses.vessel.acute_aorta import analyse, inputs_of
from workstation.domain.analysis import AnalysisInputs, AnalysisResult
from workstation.domain.errors import BadInput

QUANTITY = {
    "crescent": acute_aorta.CRESCENT, "calcium": acute_aorta.DEPTH, "flap": acute_aorta.FLAP
}  # fmt: skip
WIDTHS = (28.0, 33.0, 38.0, 44.0, 50.0)
DILATED_MM = 40.0
Mask = NDArray[np.bool_]


def _wavy(mask: Mask, seed: int) -> Mask:
    """An edge that wanders by up to about 2 mm, as that of a model."""
    noise = np.random.default_rng(seed).normal(size=mask.shape)
    waves = ndimage.gaussian_filter(noise, 4.0)
    waves *= 1.2 / waves.std()  # voxels of about 1.2 mm
    depth = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    return np.asarray(depth + waves > 0)


OUTLINES: dict[str, Callable[[Mask, int], Mask]] = {
    "exact outline": lambda mask, seed: mask,
    "one voxel too large": lambda mask, seed: np.asarray(ndimage.binary_dilation(mask)),
    "one voxel too small": lambda mask, seed: np.asarray(ndimage.binary_erosion(mask)),
    "wavy outline": _wavy,
}


@dataclass(frozen=True)
class Seen:
    """What was said of one aorta. named: signs; wide: whether it was called dilated."""

    sign: str
    width_mm: float
    named: frozenset[str]
    wide: bool
    measured_mm: float


def signs_of(result: AnalysisResult) -> frozenset[str]:
    """Keys of the signs that a result proposes."""
    names = {c.quantity.name.en for c in result.candidates}
    return frozenset(key for key, name in QUANTITY.items() if name.en in names)


def seen(seeds: range, noise: float, outline: str) -> Iterator[Seen | None]:
    """Each generated aorta of these seeds; None where it could not be judged."""
    for sign in SIGNS:
        for seed in seeds:
            width = WIDTHS[seed % len(WIDTHS)]
            given: AnalysisInputs = inputs_of(sign, seed, wide_mm=width, noise=noise)
            drawn = OUTLINES[outline](given.masks["aorta"], seed)
            try:
                result = analyse(replace(given, masks={"aorta": drawn}))
            except BadInput:
                yield None
                continue
            wide = any("dilated" in str(one) for one in result.cautions)
            yield Seen(sign, width, signs_of(result), wide, result.quantities[0].value)


def share(hits: int, of: int) -> str:
    """A share in per cent with its interval."""
    low = stats.beta.ppf(0.025, hits, of - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1.0
    return f"{hits}/{of} = {100 * hits / of:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def table(seeds: range, noise: float, outline: str) -> list[str]:
    """Rows: sign, sensitivity, specificity."""
    every = list(seen(seeds, noise, outline))
    judged = [one for one in every if one is not None]
    rows = []
    for key in QUANTITY:
        having = [key in one.named for one in judged if one.sign == key]
        lacking = [key not in one.named for one in judged if one.sign != key]
        rows.append((key, having, lacking))
    having = [one.wide for one in judged if one.width_mm >= DILATED_MM]
    rows.append(("dilated", having, [not o.wide for o in judged if o.width_mm < DILATED_MM]))
    healthy = [not one.named for one in judged if one.sign == "none"]
    lines = [f"{outline}, noise {noise:g} HU; not judged: {len(every) - len(judged)}"]
    lines += [
        f"  {key:9s} sensitivity {share(sum(a), len(a)):28s} specificity {share(sum(b), len(b))}"
        for key, a, b in rows
    ]
    lines.append(f"  no sign at all on those without one: {share(sum(healthy), len(healthy))}")
    error = np.array([one.measured_mm - one.width_mm for one in judged])
    lines.append(f"  diameter: {error.mean():+.1f} mm, limits {1.96 * error.std(ddof=1):.1f} mm")
    return lines


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    asked = sys.argv[2:] or [*OUTLINES, "25"]
    for kind in asked:
        level, drawn = (25.0, "exact outline") if kind == "25" else (12.0, kind)
        print("\n".join(table(range(100, 100 + count), level, drawn)), flush=True)

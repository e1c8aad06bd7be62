"""The output gate: can what the network drew be true? Each label's mask, and how they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.acceptance import OutputChecks, Quality
from workstation.ai.appearance import Overview, reduced
from workstation.ai.facts import Remark
from workstation.ai.limits import Unsuitable
from workstation.ai.manifest import Manifest
from workstation.ai.preprocess import pieces_of
from workstation.domain.errors import N_, Message, named
from workstation.domain.geometry import Floats, Grid
from workstation.domain.mask import bounding_block

NOT_PLAUSIBLE = N_(
    "The result is not plausible: {volume} mL, where {low} to {high} mL can be expected. "
    "It is not shown."
)
NOT_THERE = N_(
    "The image shows no {label}: it is of another part of the body than the model is made for. "
    "What the model marked is not shown."
)
_TEMPLATES: tuple[tuple[str, str, int], ...] = (
    ("volume_ml", N_("The model marked {found} mL, where {low} to {high} mL is plausible."), 1),
    ("pieces", N_("The model marked {found} separate pieces, where {low} to {high} are "
                  "plausible."), 0),
    ("outside", N_("{found} of what the model marked lies outside the anatomy, at most {high} is "
                   "plausible."), 2),
    ("at_border", N_("{found} of what the model marked lies at the edge of the anatomy, at most "
                     "{high} is plausible."), 2),
    ("score", N_("The model itself is unsure of what it marked (mean probability {found}, usual "
                 "{low} to {high})."), 2),
)  # fmt: skip
_WRONG_SIDE = {
    "LR": N_("Left and right of the image, or of the patient, may be exchanged: {label} does not "
             "lie on its side of {than}."),
    "AP": N_("Front and back of the image may be exchanged: {label} does not lie on its side of "
             "{than}."),
    "HF": N_("The image may be upside down: {label} does not lie on its side of {than}."),
}  # fmt: skip
# Unit vectors of the patient's sides, LPS.
_SIDES = {
    "L": (1.0, 0.0, 0.0), "R": (-1.0, 0.0, 0.0), "P": (0.0, 1.0, 0.0), "A": (0.0, -1.0, 0.0),
    "H": (0.0, 0.0, 1.0), "F": (0.0, 0.0, -1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Lying:
    """A mask's volume and middle (LPS mm)."""

    ml: float
    middle_mm: Floats


def lying(mask: NDArray[np.bool_], grid: Grid) -> Lying:
    """How much a mask (z, y, x) on ``grid`` holds, and where; of an empty one the middle is the
    first voxel."""
    origin, shape = bounding_block(mask)
    part = mask[tuple(slice(o, o + n) for o, n in zip(origin, shape, strict=True))]
    count = int(np.count_nonzero(part))
    index = []
    for axis in (2, 1, 0):
        profile = part.sum(axis=tuple(a for a in range(3) if a != axis), dtype=np.int64)
        index.append(origin[axis] + float(profile @ np.arange(profile.size)) / max(count, 1))
    return Lying(count * grid.voxel_ml, grid.to_lps(index))


def judge_places(manifest: Manifest, found: Mapping[str, Lying]) -> tuple[Message, ...]:
    """Which labels do not lie to each other as ``qc.placed`` says; ``found`` by label.

    Raises ``Unsuitable`` where less than ``qc.needed`` asks for was found of a label.
    """
    sites = {label.key: label.site for label in manifest.labels}
    for need in manifest.qc.needed:
        if found[need.label].ml < need.least_ml:
            site = sites[need.label]
            raise Unsuitable(NOT_THERE, **named(site.en.lower(), site.zh, "label"))
    doubts = []
    for rule in manifest.qc.placed:
        one, other = found[rule.label], found[rule.than]
        if min(one.ml, other.ml) < max(rule.least_ml, 1e-9):
            continue
        away = float((one.middle_mm - other.middle_mm) @ np.asarray(_SIDES[rule.towards]))
        if away < rule.least_mm:
            axis = next(pair for pair in _WRONG_SIDE if rule.towards in pair)
            this, that = sites[rule.label], sites[rule.than]
            params = named(this.en.lower(), this.zh, "label") | named(
                that.en.lower(), that.zh, "than"
            )
            doubts.append(Message(_WRONG_SIDE[axis], params))
    return tuple(doubts)


def measures_of(
    mask: NDArray[np.bool_], grid: Grid, score: float, seen: Overview | None, checks: OutputChecks,
    orientation: str | None,
) -> dict[str, float]:  # fmt: skip
    """What ``OutputChecks`` bounds of a mask (z, y, x) on its own grid, by name; what does not
    apply, as everything but volume and pieces of an empty mask, is left out."""
    count = int(mask.sum())
    found: dict[str, float] = {"volume_ml": count * grid.voxel_ml}
    if checks.pieces is not None:
        found["pieces"] = float(pieces_of(mask)[1]) if count else 0.0
    if not count:
        return found
    found["score"] = score
    if seen is not None and (checks.outside is not None or checks.at_border is not None):
        share, _ = reduced(mask, grid, orientation)
        whole = float(share.sum())
        if whole > 0:
            depth = np.stack([_depth(plane, seen.spacing_mm[1:]) for plane in seen.silhouette])
            found["outside"] = float(share[~seen.silhouette].sum()) / whole
            found["at_border"] = float(share[depth <= checks.border_mm].sum()) / whole
    return found


def _depth(plane: NDArray[np.bool_], sampling: tuple[float, float]) -> NDArray[Any]:
    return np.asarray(
        ndimage.distance_transform_edt(np.pad(plane, 1), sampling=sampling)[1:-1, 1:-1]
    )


def judge_mask(
    quality: Quality,
    mask: NDArray[np.bool_],
    grid: Grid,
    score: float,
    seen: Overview | None,
) -> tuple[Message, ...]:
    """Why a label's mask is not to be relied upon; nothing where it is plausible.

    Raises ``Unsuitable`` where it cannot be true: it is not shown.
    """
    if quality.output_ml is not None:
        volume = int(mask.sum()) * grid.voxel_ml
        low, high = quality.output_ml
        if not low <= volume <= high:
            raise Unsuitable(NOT_PLAUSIBLE, volume=round(volume, 1), low=low, high=high)
    checks = quality.output
    if checks is None:
        return ()
    values = measures_of(mask, grid, score, seen, checks, quality.orientation)
    found: list[Remark] = []
    for name, template, digits in _TEMPLATES:
        bound = getattr(checks, name)
        if bound is None or name not in values:
            continue
        answer = bound.answer(values[name])
        if answer != "pass":
            said = {
                "found": f"{values[name]:.{digits}f}",
                "low": f"{bound.usual[0]:.{digits}f}",
                "high": f"{bound.usual[1]:.{digits}f}",
            }
            found.append(Remark(answer, Message(template, said)))
    for one in found:
        if one.answer == "refuse":
            raise Unsuitable(one.message.template, **one.message.params)
    return tuple(one.message for one in found)

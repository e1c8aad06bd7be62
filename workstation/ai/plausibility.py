"""The output gate: can what the network drew be true? Each label's mask is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.acceptance import OutputChecks, Quality
from workstation.ai.appearance import Overview, reduced
from workstation.ai.facts import Remark
from workstation.ai.limits import Unsuitable
from workstation.ai.preprocess import pieces_of
from workstation.domain.errors import N_, Message
from workstation.domain.geometry import Grid

NOT_PLAUSIBLE = N_(
    "The result is not plausible: {volume} mL, where {low} to {high} mL can be expected. "
    "It is not shown."
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

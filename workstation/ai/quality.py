"""The image gate: is this an image that the model was made for, as far as voxels can tell?

Looked for are faults of the slices, properties of the image that the package bounds, anatomy that
is turned over, and how far the image is from what the model knows (``ai.appearance``, Mahalanobis
distance to the nearest kind). Passing proves nothing: what is wrong in a way that these numbers
do not see passes, a left-right mirror image of a symmetric part for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.acceptance import (
    Answer,
    Bound,
    ImageChecks,
    Likeness,
    Quality,
    Reference,
    SliceChecks,
)
from workstation.ai.appearance import (
    GROUPS,
    Floats,
    Overview,
    Window,
    overview_of,
    shrunk,
    windowed,
)
from workstation.ai.facts import Remark
from workstation.ai.limits import Unsuitable
from workstation.domain.errors import N_, Message, Param, named
from workstation.domain.geometry import Grid

_SMALL = 96  # pixels of a slice that slices are compared at
_NEIGHBOURS = 4
_BLANK = 0.05  # of the usual brightness: nothing is in the slice
_INSIDE_MM = 12.0
_SMOOTH_MM = 4.0

OTHER_SEQUENCE = {
    "outline": N_(
        "The outline of what is in the image is unlike all that the model knows "
        "({found} times as far as where doubt begins): another body part, or a part of it is "
        "missing?"
    ),
    "contrast": N_(
        "What is bright and dark in the image is unlike all that the model knows "
        "({found} times as far as where doubt begins): another sequence or modality?"
    ),
    "layers": N_(
        "The order of bright and dark from end to end is unlike all that the model knows "
        "({found} times as far as where doubt begins): another body part, or a part of it is "
        "missing?"
    ),
    "texture": N_(
        "Grain and edges of the image are unlike all that the model knows "
        "({found} times as far as where doubt begins): noise, artefacts, or no patient at all?"
    ),
}
LIKE_ANOTHER = N_("The image looks {other}, which is not what the model was made for.")
TURNED = {
    "z": N_("The anatomy looks upside down: turned over, it is more like what the model knows."),
    "y": N_(
        "The anatomy looks turned front to back: turned over, it is more like what the model knows."
    ),
}


@dataclass(frozen=True)
class ImageJudgement:
    """What the image gate let pass. doubts: why a result is not to be relied upon. unlikeness:
    distance to the nearest kind, 1 where doubt begins; None where the package knows none."""

    doubts: tuple[Message, ...] = ()
    unlikeness: float | None = None
    overview: Overview | None = None


def _remark(answer: Answer, template: str, **params: Param) -> list[Remark]:
    return [] if answer == "pass" else [Remark(answer, Message(template, params))]


def slice_remarks(
    checks: SliceChecks, array: NDArray[Any], window: Window | None = None
) -> list[Remark]:
    """Faults of the slices of one array (z, y, x), in the order in which it is stored."""
    if len(array) < 3:
        return []
    by = max(1, max(array.shape[1:]) // _SMALL)
    small = np.stack([shrunk(windowed(plane, window), by, by) for plane in array])
    small[~np.isfinite(small)] = 0.0
    level = np.asarray([np.percentile(plane, 98) - np.percentile(plane, 2) for plane in small])
    usual = float(np.median(level[level > 0])) if (level > 0).any() else 0.0
    held = np.flatnonzero(level > _BLANK * usual)
    if held.size < 3 or usual <= 0.0:
        return []
    first, last = int(held[0]), int(held[-1])
    found: list[Remark] = []
    empty = [z for z in range(first, last + 1) if level[z] <= _BLANK * usual]
    if empty:
        found += _remark(
            checks.blank,
            N_("{count} slices between others hold no image (the first is slice {slice})."),
            count=len(empty),
            slice=empty[0] + 1,
        )
    same = [
        z
        for z in range(first, last)
        if level[z] > _BLANK * usual
        and np.array_equal(small[z], small[z + 1])
        and np.array_equal(array[z], array[z + 1])
    ]
    if same:
        found += _remark(
            checks.duplicates,
            N_(
                "{count} slices repeat the one before them (the first is slice {slice}): slices "
                "were copied or are missing."
            ),
            count=len(same),
            slice=same[0] + 2,
        )
    jump = _jump(small[first : last + 1])
    if jump is not None and jump[1] >= checks.jump_times and not empty and not same:
        found += _remark(
            checks.jump,
            N_("The image jumps between slices {slice} and {next}: slices seem to be missing."),
            slice=first + jump[0] + 1,
            next=first + jump[0] + 2,
        )
    return found


def _jump(small: NDArray[np.float32]) -> tuple[int, float] | None:
    """Where neighbouring slices differ most, in times of what the steps around it differ.

    The ends, where anatomy comes and goes, do not count: neither the outermost steps nor slices
    with less than half of the brightest slice's mean.
    """
    steps = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2))
    mean = np.abs(small).mean(axis=(1, 2))
    full = mean > 0.5 * mean.max()
    best: tuple[int, float] | None = None
    for at in range(_NEIGHBOURS, len(steps) - _NEIGHBOURS):
        if not (full[at] and full[at + 1]):
            continue
        around = np.r_[steps[at - _NEIGHBOURS : at], steps[at + 1 : at + 1 + _NEIGHBOURS]]
        usual = float(around.max())
        times = float(steps[at]) / usual if usual > 0 else 0.0
        if best is None or times > best[1]:
            best = at, times
    return best


def _inside(seen: Overview) -> NDArray[np.bool_]:
    sampling = seen.spacing_mm[1:]
    depth = np.stack(
        [
            ndimage.distance_transform_edt(np.pad(plane, 1), sampling=sampling)[1:-1, 1:-1]
            for plane in seen.silhouette
        ]
    )
    inside = depth > _INSIDE_MM
    return inside if int(inside.sum()) >= 50 else seen.silhouette


def properties_of(seen: Overview) -> dict[str, float]:
    """What ``ImageChecks`` bounds, by the names of its fields."""
    mask = seen.silhouette
    z, y, x = (
        np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)
    )
    area = mask.sum(axis=(1, 2)).astype(np.float64)
    inside = _inside(seen)
    image = seen.image.astype(np.float64) - seen.floor
    level = max(float(np.median(image[inside])), 1e-6)
    image /= level
    # Immerkaer 1996, Comput Vis Image Underst 64:300: what a Laplacian of both axes leaves.
    mixed = np.array([[[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]]])
    left = np.abs(ndimage.convolve(image, mixed))[inside]
    sigma = tuple(_SMOOTH_MM / 2.355 / mm for mm in seen.spacing_mm[1:])
    smooth = ndimage.gaussian_filter(image, (0.0, *sigma))[inside]
    edge = mask & ~ndimage.binary_erosion(mask, np.ones((1, 3, 3), dtype=bool), border_value=0)
    at_end = np.zeros_like(mask)
    at_end[:, [0, -1], :] = True
    at_end[:, :, [0, -1]] = True
    return {
        "noise": float(np.sqrt(np.pi / 2) / 6 * left.mean()),
        "detail": float(np.subtract(*np.percentile(smooth, [90, 10]))),
        "cut_sides": float((edge & at_end).sum()) / max(1.0, float(edge.sum())),
        "cut_top": float(area[-1] / area.max()),
        "cut_bottom": float(area[0] / area.max()),
        "height_mm": (z[-1] - z[0] + 1) * seen.spacing_mm[0],
        "length_mm": (y[-1] - y[0] + 1) * seen.spacing_mm[1],
        "width_mm": (x[-1] - x[0] + 1) * seen.spacing_mm[2],
    }


_PROPERTIES: tuple[tuple[str, str], ...] = (
    ("height_mm", N_("What is in the image is {found} mm high, where {low} to {high} mm is usual: "
                     "a part is missing, another body part, or a wrong slice distance?")),
    ("width_mm", N_("What is in the image is {found} mm wide, where {low} to {high} mm is usual: "
                    "a part is missing, or another body part?")),
    ("length_mm", N_("What is in the image is {found} mm long from front to back, where {low} to "
                     "{high} mm is usual: a part is missing, or another body part?")),
    ("cut_sides", N_("The anatomy is cut off at the sides: {found} of its outline lies on the "
                     "image's edge, usual is at most {high}.")),
    ("cut_top", N_("The anatomy is cut off at its upper end: the last slice still has {found} of "
                   "the largest area, usual is at most {high}.")),
    ("cut_bottom", N_("The anatomy is cut off at its lower end: the first slice still has {found} "
                      "of the largest area, usual is at most {high}.")),
    ("noise", N_("The image is too noisy for the model: {found} of the brightness, usual is at "
                 "most {high}.")),
    ("detail", N_("The inside varies by {found} of its brightness, where {low} to {high} is "
                  "usual: a phantom, or another kind of image?")),
)  # fmt: skip


def image_remarks(checks: ImageChecks, seen: Overview) -> list[Remark]:
    """Every bounded property that is not usual."""
    found: list[Remark] = []
    values = properties_of(seen)
    for name, template in _PROPERTIES:
        bound: Bound | None = getattr(checks, name)
        if bound is None:
            continue
        digits = 0 if name.endswith("_mm") else 2
        found += _remark(
            bound.answer(values[name]),
            template,
            found=f"{values[name]:.{digits}f}",
            low=f"{bound.usual[0]:.{digits}f}",
            high=f"{bound.usual[1]:.{digits}f}",
        )
    return found


def distance(reference: Reference, found: Floats) -> float:
    """Mahalanobis distance over the square root of the number of entries, so that 1 is usual."""
    away = (found - np.asarray(reference.mean)) / np.asarray(reference.scale)
    along = np.asarray(reference.components).reshape(-1, away.size) @ away
    main = float((along**2 / np.asarray(reference.variances)).sum()) if along.size else 0.0
    rest = max(0.0, float(away @ away) - float(along @ along)) / reference.residual
    return float(np.sqrt((main + rest) / away.size))


@dataclass(frozen=True)
class Nearness:
    """Of an image to one kind: the worst group, its distance in units of where doubt begins, and
    whether it is refused."""

    kind: str
    group: str
    times: float
    refused: bool


def nearness(likeness: Likeness, seen: Overview) -> list[Nearness]:
    """To every kind, nearest first."""
    found: dict[str, Floats] = {}
    out = []
    for kind in likeness.kinds:
        worst = Nearness(kind.name, "", 0.0, False)
        refused = False
        for one in kind.references:
            if one.group not in found:
                found[one.group] = GROUPS[one.group](seen)
            away = distance(one, found[one.group])
            refused = refused or away >= one.refuse_from
            if away / one.uncertain_from > worst.times:
                worst = Nearness(kind.name, one.group, away / one.uncertain_from, False)
        out.append(Nearness(worst.kind, worst.group, worst.times, refused))
    return sorted(out, key=lambda one: (one.refused, one.times))


def _turn_distance(likeness: Likeness, seen: Overview) -> float:
    """To the nearest kind, by the groups that tell up from down alone."""
    best = np.inf
    for kind in likeness.kinds:
        parts = [
            distance(one, GROUPS[one.group](seen)) ** 2
            for one in kind.references
            if one.group in ("outline", "layers")
        ]
        if parts:
            best = min(best, float(np.sqrt(np.mean(parts))))
    return best


def _other_remarks(likeness: Likeness, seen: Overview) -> list[Remark]:
    """What the image is more like than like all that the model knows; the worst one alone."""
    if not likeness.others:
        return []
    numbers = GROUPS["contrast"](seen)
    own = min(
        distance(one, numbers)
        for kind in likeness.kinds
        for one in kind.references
        if one.group == "contrast"
    )
    worst: tuple[float, Remark] | None = None
    for other in likeness.others:
        ratio = own / max(distance(other.reference, numbers), 1e-6)
        if ratio < other.uncertain_from:
            continue
        answer: Answer = "refuse" if ratio >= other.refuse_from else "uncertain"
        params = named(other.name.en, other.name.zh, "other")
        if worst is None or ratio > worst[0]:
            worst = ratio, Remark(answer, Message(LIKE_ANOTHER, params))
    return [worst[1]] if worst is not None else []


def likeness_remarks(likeness: Likeness, seen: Overview) -> tuple[list[Remark], float]:
    """What is turned over or unlike every kind, and how unlike the nearest one it is."""
    found: list[Remark] = []
    turned = likeness.turned
    if turned is not None:
        upright = max(_turn_distance(likeness, seen), 1e-6)
        for axis in turned.axes:
            over = seen.flipped(0 if axis == "z" else 1)
            ratio = upright / max(_turn_distance(likeness, over), 1e-6)
            answer: Answer = "refuse" if ratio >= turned.refuse_from else "uncertain"
            # What is like nothing known either way is not called turned over.
            if ratio >= turned.uncertain_from and not nearness(likeness, over)[0].refused:
                found += _remark(answer, TURNED[axis])
    found += _other_remarks(likeness, seen)
    nearest = nearness(likeness, seen)[0]
    if nearest.times >= 1.0:
        found += _remark(
            "refuse" if nearest.refused else "uncertain",
            OTHER_SEQUENCE[nearest.group],
            found=f"{nearest.times:.1f}",
        )
    return found, nearest.times


def judge_image(
    quality: Quality, arrays: Sequence[NDArray[Any]], grids: Sequence[Grid]
) -> ImageJudgement:
    """Volumes (z, y, x), one a channel, before anything is done to them.

    Raises ``Unsuitable`` with the most telling reason where any check refuses.
    """
    found: list[Remark] = []
    for array in arrays if quality.slices is not None else ():
        assert quality.slices is not None
        found += slice_remarks(quality.slices, array, quality.window)
    seen = None
    unlikeness = None
    if quality.image is not None or quality.likeness is not None or quality.output is not None:
        seen = overview_of(arrays[0], grids[0], quality.orientation, quality.window)
        if not seen.silhouette.any():
            raise Unsuitable(N_("The image is empty: no patient was found in it."))
    if seen is not None and quality.likeness is not None:
        remarks, unlikeness = likeness_remarks(quality.likeness, seen)
        turned = [one for one in remarks if one.message.template in TURNED.values()]
        found += turned
        rest = [one for one in remarks if one not in turned]
    else:
        rest = []
    if seen is not None and quality.image is not None:
        found += image_remarks(quality.image, seen)
    found += rest
    for one in found:
        if one.answer == "refuse":
            raise Unsuitable(one.message.template, **one.message.params)
    doubts = tuple(one.message for one in found if one.answer == "uncertain")
    return ImageJudgement(doubts, unlikeness, seen)

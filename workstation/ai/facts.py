"""Header facts of a stack, checked against what a package calls usual and allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workstation.ai.acceptance import Accept, Answer, NumberCheck, NumberFact, WordCheck, WordFact
from workstation.domain.errors import IN_CHINESE, N_, Message, Param
from workstation.domain.geometry import plane_name
from workstation.domain.volume import Stack, acquired_frames
from workstation.text import tr

_EVEN = 1.6  # spacings within this factor of each other: no plane is the acquired one
_SLACK = 1e-3  # header decimals are rounded


@dataclass(frozen=True)
class Remark:
    """What one check says of one stack. answer: caution, uncertain or refuse."""

    answer: Answer
    message: Message


def _between(stack: Stack) -> float:
    grid = stack.grid
    return float(grid.slice_distance_mm if grid.shape[0] > 1 else grid.spacing_mm[2])


def _gap_ratio(stack: Stack) -> list[float]:
    thickness = stack.slice_thickness_mm
    if thickness is None or thickness <= 0 or stack.grid.shape[0] < 2:
        return []
    return [_between(stack) / thickness]


def _unevenness(stack: Stack) -> list[float]:
    steps = np.diff([frame.position_mm for frame in acquired_frames(stack)])
    return [float(np.abs(steps - np.median(steps)).max())] if steps.size > 1 else []


def _stated(value: float | None) -> list[float]:
    return [] if value is None else [value]


@dataclass(frozen=True)
class _Number:
    name: str
    unit: str
    of: Callable[[Stack], list[float]]


_NUMBERS: Mapping[NumberFact, _Number] = {
    "in_plane_mm": _Number(N_("pixel spacing"), " mm", lambda s: sorted(s.grid.spacing_mm[:2])),
    "slice_mm": _Number(N_("slice distance"), " mm", lambda s: [_between(s)]),
    "thickness_mm": _Number(N_("slice thickness"), " mm", lambda s: _stated(s.slice_thickness_mm)),
    "gap_ratio": _Number(N_("slice distance over slice thickness"), "", _gap_ratio),
    "unevenness_mm": _Number(N_("unevenness of slice distances"), " mm", _unevenness),
    "slices": _Number(N_("number of slices"), "", lambda s: [float(s.grid.shape[0])]),
    "coverage_mm": _Number(N_("coverage"), " mm", lambda s: [_between(s) * (s.grid.shape[0] - 1)]),
    "tilt_deg": _Number(N_("gantry tilt"), "°", lambda s: [abs(s.grid.tilt_deg)]),
    "kvp": _Number(N_("tube voltage"), " kV", lambda s: _stated(s.acquisition.kvp)),
    "field_t": _Number(N_("field strength"), " T", lambda s: _stated(s.acquisition.field_t)),
    "age_years": _Number(N_("patient's age"), "", lambda s: _stated(s.acquisition.age_years)),
    "repetition_ms": _Number(
        N_("repetition time"), " ms", lambda s: _stated(s.acquisition.repetition_ms)
    ),
    "echo_ms": _Number(N_("echo time"), " ms", lambda s: _stated(s.acquisition.echo_ms)),
    "inversion_ms": _Number(
        N_("inversion time"), " ms", lambda s: _stated(s.acquisition.inversion_ms)
    ),
}


def _plane(stack: Stack) -> str:
    spacing = stack.grid.spacing_mm
    return "isotropic" if max(spacing) < _EVEN * min(spacing) else plane_name(stack.grid)


_WORDS: Mapping[WordFact, tuple[str, Callable[[Stack], str]]] = {
    "sop_class": (N_("kind of DICOM object"), lambda s: s.acquisition.sop_class_uid),
    "body_part": (N_("body part"), lambda s: s.acquisition.body_part or s.body_part),
    "region": (N_("body region"), lambda s: s.region),
    "plane": (N_("slice plane"), _plane),
    "kernel": (N_("reconstruction kernel"), lambda s: s.acquisition.kernel_class),
    "contrast": (N_("contrast agent"), lambda s: s.acquisition.contrast),
    "phase": (N_("contrast phase"), lambda s: s.acquisition.phase),
    "sex": (N_("patient's sex"), lambda s: s.acquisition.sex),
}

SPOKEN = (
    # Values of words above; listed so that the catalogue holds them.
    N_("axial"), N_("sagittal"), N_("coronal"), N_("isotropic"), N_("smooth"), N_("sharp"),
    N_("enhanced"), N_("unenhanced"), N_("arterial"), N_("venous"), N_("delayed"),
)  # fmt: skip

_TEMPLATES: Mapping[Answer, str] = {
    "caution": N_("{fact} of series {number}: {found} (usual for the model: {wanted})"),
    "uncertain": N_(
        "{fact} of series {number}: {found} (the model was made for {wanted}); "
        "its result is not to be relied upon."
    ),
    "refuse": N_(
        "No suitable series: {fact} of series {number} is {found}, the model accepts {wanted}."
    ),
}
_UNKNOWN: Mapping[Answer, str] = {
    "caution": N_("{fact} of series {number} is not stated"),
    "uncertain": N_(
        "{fact} of series {number} is not stated; the result is not to be relied upon."
    ),
    "refuse": N_(
        "No suitable series: {fact} of series {number} is not stated, and the model needs it."
    ),
}


def _within(span: tuple[float, float], values: list[float]) -> bool:
    low, high = (_SLACK * max(1.0, abs(end)) for end in span)
    return all(span[0] - low <= value <= span[1] + high for value in values)


def _number(check: NumberCheck, stack: Stack) -> Remark | None:
    fact = _NUMBERS[check.fact]
    values = fact.of(stack)
    said: dict[str, Param] = {"fact": fact.name, "number": stack.series_number}
    if not values:
        return _unknown(check.unknown, said)
    if _within(check.usual, values):
        return None
    allowed = check.allowed is not None and _within(check.allowed, values)
    answer = check.unusual if allowed else "refuse"
    if answer == "pass":
        return None
    low, high = check.usual if allowed or check.allowed is None else check.allowed
    outside = next((v for v in values if not _within((low, high), [v])), values[0])
    said["found"] = f"{outside:.4g}{fact.unit}"
    said["wanted"] = f"{low:g}–{high:g}{fact.unit}"
    return Remark(answer, Message(_TEMPLATES[answer], said))


def _word(check: WordCheck, stack: Stack) -> Remark | None:
    name, of = _WORDS[check.fact]
    value = of(stack)
    said: dict[str, Param] = {"fact": name, "number": stack.series_number}
    if not value:
        return _unknown(check.unknown, said)
    usual, allowed = ({w.casefold() for w in words} for words in (check.usual, check.allowed))
    if value.casefold() in usual:
        return None
    answer = check.unusual if allowed & {"*", value.casefold()} else "refuse"
    if answer == "pass":
        return None
    said["found"] = value
    for slot, lang in (("wanted", "en"), ("wanted" + IN_CHINESE, "zh_CN")):
        said[slot] = " / ".join(tr(word, lang=lang) for word in check.usual)
    return Remark(answer, Message(_TEMPLATES[answer], said))


def _unknown(answer: Answer, said: dict[str, Param]) -> Remark | None:
    return None if answer == "pass" else Remark(answer, Message(_UNKNOWN[answer], said))


def remarks_of(accept: Accept, stack: Stack) -> list[Remark]:
    """What the package's own checks say of a stack, in their order; those that pass say nothing."""
    found = []
    for check in accept.checks:
        remark = _number(check, stack) if isinstance(check, NumberCheck) else _word(check, stack)
        if remark is not None:
            found.append(remark)
    for flag in stack.flags:
        if flag.value in accept.caution_flags:
            said: dict[str, Param] = {"number": stack.series_number, "flag": flag.value}
            found.append(Remark("caution", Message(N_("series {number}: {flag}"), said)))
    return found

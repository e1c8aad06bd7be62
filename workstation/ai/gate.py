"""Which series a package may look at, decided from headers; what does not fit gets a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workstation.ai.facts import remarks_of
from workstation.ai.manifest import Accept, Manifest
from workstation.domain.errors import N_, Message
from workstation.domain.volume import Flag, Stack


@dataclass(frozen=True)
class Misfit:
    """Why a stack is no input. nearness: how many checks it passed; the reason of the nearest
    stack tells a reader most."""

    nearness: int
    reason: Message


def wanted(accept: Accept) -> str:
    """What kind of series an input is, in the words of the reading room: "FLAIR", "MR"."""
    return " / ".join(accept.roles or accept.modality)


def misfit(accept: Accept, stack: Stack) -> Misfit | None:
    """None where ``stack`` may be this input, else the first check that it fails."""
    number = stack.series_number
    x, y, z = stack.grid.spacing_mm
    between = stack.grid.slice_distance_mm if stack.grid.shape[0] > 1 else z
    slices = stack.grid.shape[0]
    covered = between * (slices - 1)
    absent = Message(
        N_("No suitable series: the study has no {wanted} series."), {"wanted": wanted(accept)}
    )
    if stack.modality not in accept.modality:
        return Misfit(0, absent)
    if accept.roles and stack.role not in accept.roles:
        return Misfit(1, absent)
    if stack.samples != 1:
        return Misfit(
            2, Message(N_("No suitable series: series {number} is in colour."), {"number": number})
        )
    if accept.needs_volume and not stack.is_volume:
        return Misfit(
            2,
            Message(N_("No suitable series: series {number} is not a volume."), {"number": number}),
        )
    if stack.phases > 1 and accept.phases == "one":
        return Misfit(
            3,
            Message(
                N_("No suitable series: series {number} is a time series of {phases} phases."),
                {"number": number, "phases": stack.phases},
            ),
        )
    if stack.phases < accept.min_phases:
        return Misfit(
            3,
            Message(
                N_(
                    "No suitable series: series {number} has {found} phases, "
                    "the model needs {needed}."
                ),
                {"number": number, "found": stack.phases, "needed": accept.min_phases},
            ),
        )
    for flag in (Flag(value) for value in accept.refuse_flags):
        if flag in stack.flags:
            return Misfit(
                4,
                Message(
                    N_("No suitable series: series {number} is not accepted ({flag})."),
                    {"number": number, "flag": flag.value},
                ),
            )
    if accept.units and stack.unit not in accept.units:
        return Misfit(
            5,
            Message(
                N_("No suitable series: the values of series {number} have no known unit."),
                {"number": number},
            ),
        )
    if slices < accept.min_slices:
        return Misfit(
            6,
            Message(
                N_(
                    "No suitable series: series {number} has {found} slices, "
                    "the model needs {needed}."
                ),
                {"number": number, "found": slices, "needed": accept.min_slices},
            ),
        )
    for span, found, template in (
        (
            accept.in_plane_mm,
            (min(x, y), max(x, y)),
            N_(
                "No suitable series: series {number} has pixels of {found} mm, "
                "the model accepts {low} to {high} mm."
            ),
        ),
        (
            accept.slice_mm,
            (between, between),
            N_(
                "No suitable series: slices of series {number} lie {found} mm apart, "
                "the model accepts {low} to {high} mm."
            ),
        ),
    ):
        if span is None:
            continue
        # A hair's breadth of tolerance: header spacings are rounded decimals.
        outside = [v for v in found if not span[0] - 1e-3 <= v <= span[1] + 1e-3]
        if outside:
            return Misfit(
                7,
                Message(
                    template,
                    {
                        "number": number,
                        "found": round(outside[0], 2),
                        "low": span[0],
                        "high": span[1],
                    },
                ),
            )
    if covered < accept.coverage_mm - 1e-3:
        return Misfit(
            8,
            Message(
                N_(
                    "No suitable series: series {number} covers {found} mm, "
                    "the model needs {needed} mm."
                ),
                {"number": number, "found": round(covered), "needed": round(accept.coverage_mm)},
            ),
        )
    refused = next((one for one in remarks_of(accept, stack) if one.answer == "refuse"), None)
    return None if refused is None else Misfit(9, refused.message)


@dataclass(frozen=True)
class Suitable:
    """Inputs to run a package on, one tuple of stacks (a stack a channel) for each run; or, where
    there is none, the most telling reason and the stack that it is about.

    cautions, doubts: for each run, what its headers have that is unusual, and what makes its
    result one not to be relied upon.
    """

    inputs: tuple[tuple[Stack, ...], ...]
    reason: Message | None = None
    nearest: Stack | None = None
    cautions: tuple[tuple[Message, ...], ...] = ()
    doubts: tuple[tuple[Message, ...], ...] = ()


def _said(
    manifest: Manifest, inputs: Sequence[tuple[Stack, ...]], answer: str
) -> tuple[tuple[Message, ...], ...]:
    return tuple(
        tuple(
            remark.message
            for accept, stack in zip(manifest.accept, stacks, strict=True)
            for remark in remarks_of(accept, stack)
            if remark.answer == answer
        )
        for stacks in inputs
    )


def find_inputs(manifest: Manifest, stacks: Sequence[Stack]) -> Suitable:
    """Every stack that may be the first channel, with the companions it needs.

    Further channels must share the first one's frame of reference. A draft takes none: nobody has
    said yet what it is for.
    """
    if manifest.draft:
        unfinished = N_(
            "The model was imported and its intended use has not been filled in: "
            "it runs only when asked for."
        )
        return Suitable((), Message(unfinished))
    inputs: list[tuple[Stack, ...]] = []
    worst: tuple[int, Message, Stack | None] | None = None

    def remember(nearness: int, reason: Message, stack: Stack | None) -> None:
        nonlocal worst
        if worst is None or nearness > worst[0]:
            worst = nearness, reason, stack

    first, *others = manifest.accept
    for stack in stacks:
        failed = misfit(first, stack)
        if failed is not None:
            remember(failed.nearness, failed.reason, stack if failed.nearness > 1 else None)
            continue
        chosen = [stack]
        for accept in others:
            companion = next(
                (
                    one
                    for one in stacks
                    if one.id != stack.id
                    and one.frame_of_reference_uid == stack.frame_of_reference_uid != ""
                    and one.phases in (1, stack.phases)
                    and misfit(accept, one) is None
                ),
                None,
            )
            if companion is None:
                reason = Message(
                    N_(
                        "No suitable series: there is no {wanted} series that lies with "
                        "series {number}."
                    ),
                    {"wanted": wanted(accept), "number": stack.series_number},
                )
                remember(10, reason, stack)
                break
            chosen.append(companion)
        else:
            inputs.append(tuple(chosen))
    if inputs:
        return Suitable(
            tuple(inputs),
            cautions=_said(manifest, inputs, "caution"),
            doubts=_said(manifest, inputs, "uncertain"),
        )
    if worst is None:
        absent = Message(
            N_("No suitable series: the study has no {wanted} series."), {"wanted": wanted(first)}
        )
        return Suitable((), absent)
    return Suitable((), worst[1], worst[2])

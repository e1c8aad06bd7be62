"""Stacks as the images that an analysis takes: their unit, and where their phases lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from workstation.domain.analysis import AnalysisSpec, Images, InputSpec, Kind
from workstation.domain.errors import N_, BadInput
from workstation.domain.volume import Stack, Volume

ALONG = {
    "echo time": "echo_ms",
    "inversion time": "inversion_ms",
    "repetition time": "repetition_ms",
    "b-value": "b_value",
}
"""Axis of a series to the fact of ``Acquisition`` that a single volume has of it."""


def check_unit(one: InputSpec, stack: Stack) -> None:
    """Raise ``BadInput`` where a stack is no volume or not in the unit that an input needs."""
    if not stack.is_volume:
        raise BadInput(N_("Series {number} is not a volume."), number=stack.series_number)
    if one.unit and stack.unit != one.unit:
        raise BadInput(
            N_("{key} needs voxels in {wanted}; series {number} has {unit}."),
            key=one.key, wanted=one.unit, number=stack.series_number, unit=stack.unit,
        )  # fmt: skip


def stated_positions(one: InputSpec, stack: Stack) -> tuple[float, ...]:
    """Of each phase where it lies on the input's axis; empty where the headers do not say."""
    if stack.phases < 2:
        fact = getattr(stack.acquisition, ALONG.get(one.axis, ""), None)
        return () if fact is None else (float(fact),)
    if one.axis in ("time", "cardiac phase"):
        slices = stack.grid.shape[0]
        times = [stack.frames[phase * slices].time_s for phase in range(stack.phases)]
        return tuple(t for t in times if t is not None) if None not in times else ()
    return stack.acquisition.phase_values


def along(one: InputSpec, stack: Stack, stacks: Iterable[Stack]) -> tuple[Stack, ...]:
    """The stacks that one series was split into by what the input's axis is (b 0 and b 1000), in
    the order of their values: ``stack`` alone where it has phases of its own, where the headers do
    not say, or where two stacks of one value leave open which is meant."""

    def value(other: Stack) -> float | None:
        stated = stated_positions(one, other) if other.phases == 1 else ()
        return stated[0] if stated else None

    if one.kind is not Kind.SERIES or one.axis not in ALONG or value(stack) is None:
        return (stack,)
    found = {stack.id: stack} | {
        other.id: other
        for other in stacks
        if other.series_uid == stack.series_uid and other.is_volume and value(other) is not None
        and other.unit == stack.unit and other.grid.shape == stack.grid.shape
        and np.allclose(other.grid.matrix, stack.grid.matrix, atol=1e-3)
    }  # fmt: skip
    parts = sorted(found.values(), key=lambda other: value(other) or 0.0)
    return tuple(parts) if len({value(other) for other in parts}) == len(parts) else (stack,)


def images_of(
    one: InputSpec,
    stack: Stack,
    read: Callable[[Stack, int], Volume],
    beside: Iterable[Stack] = (),
) -> Images:
    """The volumes of a stack for an input; the first phase alone where it takes one volume.

    beside: stacks of the same study, of which those ``along`` the input's axis are taken too.
    Errors as ``check_unit``, and those of ``read``.
    """
    check_unit(one, stack)
    parts = along(one, stack, beside)
    if len(parts) > 1:
        told = [stated_positions(one, part)[0] for part in parts]
        return Images(tuple(read(part, 0) for part in parts), tuple(told), one.axis)
    phases = stack.phases if one.kind is Kind.SERIES else 1
    volumes = tuple(read(stack, phase) for phase in range(phases))
    return Images(volumes, stated_positions(one, stack) if phases == stack.phases else (), one.axis)


def first_image(spec: AnalysisSpec) -> InputSpec | None:
    """The image or series that an analysis runs on unasked."""
    kinds = (Kind.IMAGE, Kind.SERIES)
    return next((one for one in spec.takes if one.kind in kinds), None)

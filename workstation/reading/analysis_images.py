"""Stacks as the images that an analysis takes: their unit, and where their phases lie."""

from __future__ import annotations

from collections.abc import Callable

from workstation.domain.analysis import AnalysisSpec, Images, InputSpec, Kind
from workstation.domain.errors import N_, BadInput
from workstation.domain.volume import Stack, Volume

ALONG = {
    "echo time": "echo_ms",
    "inversion time": "inversion_ms",
    "repetition time": "repetition_ms",
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


def images_of(one: InputSpec, stack: Stack, read: Callable[[Stack, int], Volume]) -> Images:
    """The volumes of a stack for an input; the first phase alone where it takes one volume.

    Errors as ``check_unit``, and those of ``read``.
    """
    check_unit(one, stack)
    phases = stack.phases if one.kind is Kind.SERIES else 1
    volumes = tuple(read(stack, phase) for phase in range(phases))
    return Images(volumes, stated_positions(one, stack) if phases == stack.phases else (), one.axis)


def first_image(spec: AnalysisSpec) -> InputSpec | None:
    """The image or series that an analysis runs on unasked."""
    kinds = (Kind.IMAGE, Kind.SERIES)
    return next((one for one in spec.takes if one.kind in kinds), None)

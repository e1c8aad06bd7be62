"""What the phases of a stack are called: times, cardiac phases, b-values, echoes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from workstation.dicom.layout import time_of
from workstation.dicom.placement import Placed
from workstation.dicom.slices import Slice
from workstation.domain.errors import N_

_CONTRASTS = {
    "DiffusionBValue": (N_("b-value"), "b {value:g}"),
    "EchoTime": (N_("echo time"), "TE {value:g} ms"),
    "InversionTime": (N_("inversion time"), "TI {value:g} ms"),
    "FlipAngle": (N_("flip angle"), "FA {value:g}°"),
    "RepetitionTime": (N_("repetition time"), "TR {value:g} ms"),
}
_TIME = N_("time")
_CARDIAC = N_("cardiac phase")
_PHASE = N_("phase")
_DIRECTION = N_("diffusion direction")
_LONGEST_BEAT_S = 2.5


# Keyword of a time, how many of its units make a second, whether counting starts at the first.
_CLOCKS = (
    ("TriggerTime", 1000.0, False),
    ("TemporalOffset", 1.0, True),
    ("FrameReferenceTime", 1000.0, True),
    ("AcquisitionDateTime", 1.0, True),
    ("AcquisitionTime", 1.0, True),
    ("ContentTime", 1.0, True),
)


class Clock:
    """Seconds of the images of a stack: since the first one, or since the R wave.

    The keyword that ordered the phases is asked where it is a time, else the first one that every
    image has and that tells the phases apart.
    """

    def __init__(self, placed: Placed) -> None:
        self._key, self._per_second, self._start = "", 1.0, 0.0
        there = [s for s in placed.slices if s is not None]
        if placed.phases < 2:
            return
        for key, per_second, from_first in _CLOCKS:
            if placed.time_key in {k for k, _, _ in _CLOCKS} and key != placed.time_key:
                continue
            times = [time_of(s, key) for s in there]
            known = [t for t in times if t is not None]
            missing = len(times) - len(known)
            if not known or missing > (len(there) // placed.phases if key == "TriggerTime" else 0):
                continue
            if key == placed.time_key or len(set(known)) >= placed.phases > 1:
                self._key, self._per_second = key, per_second
                self._start = min(known) if from_first else 0.0
                return

    def seconds(self, item: Slice) -> float | None:
        """Of one image, None where no header tells."""
        if self._key:
            value = time_of(item, self._key)
            if value is None:  # counting starts with it
                return 0.0 if self._key == "TriggerTime" else None
            return round((value - self._start) / self._per_second, 6)
        frame_time, trigger = item.number("FrameTime"), item.number("TriggerTime")
        steps = item.fact("FrameTimeVector")
        if isinstance(steps, list) and len(steps) > item.frame:
            return round(sum(steps[: item.frame + 1]) / 1000.0, 6)
        if frame_time is not None:
            return round(item.frame * frame_time / 1000.0, 6)
        if trigger is not None:
            return round(trigger / 1000.0, 6)
        resolution = item.number("TemporalResolution")
        index = item.number("TemporalPositionIdentifier")
        if resolution and index is not None:
            return round((index - 1) * resolution / 1000.0, 6)
        return None


def is_cardiac(item: Slice, key: str, last_s: float | None) -> bool:
    """Whether phases are parts of a heartbeat rather than moments of a dynamic series.

    Scanners write Trigger Time for both; only a beat is over within 2.5 s. last_s: the latest
    time of the stack.
    """
    if key == "NominalPercentageOfCardiacPhase":
        return True
    gated = bool(item.number("CardiacNumberOfImages") or item.number("NominalInterval"))
    short = last_s is not None and 0 < last_s <= _LONGEST_BEAT_S
    return short and (gated or key == "TriggerTime")


def phase_names(
    firsts: Sequence[Slice | None], key: str, times: Sequence[float | None]
) -> tuple[str, tuple[str, ...]]:
    """Axis and label of each phase.

    firsts: an image of each phase. key: the keyword that ordered them. times: of each phase, s.
    """
    count = len(firsts)
    there = [s for s in firsts if s is not None]
    if count < 2 or not there:
        return "", ()
    if key in _CONTRASTS:
        axis, form = _CONTRASTS[key]
        values = [s.number(key) if s is not None else None for s in firsts]
        return axis, tuple("-" if v is None else form.format(value=v) for v in values)
    b_values = {s.number("DiffusionBValue") for s in there}
    if b_values != {None} and any(b_values):
        return _DIRECTION, tuple(
            f"b {s.number('DiffusionBValue') or 0:g} · {i}/{count}" if s else f"{i}/{count}"
            for i, s in enumerate(firsts, start=1)
        )
    known = [t for t in times if t is not None]
    if is_cardiac(there[0], key, max(known) if known else None):
        return _CARDIAC, tuple(_beat(s, i, count, times[i]) for i, s in enumerate(firsts))
    if len(known) == count and len(set(known)) > 1 and max(known) > 0:
        digits = 1 if min(abs(b - a) for a, b in itertools.pairwise(known)) < 10 else 0
        return _TIME, tuple(f"{t:.{digits}f} s" for t in known)
    return _PHASE, tuple(f"{i}/{count}" for i in range(1, count + 1))


def phase_values(firsts: Sequence[Slice | None], key: str) -> tuple[float, ...]:
    """Of each phase the number that its label shows: b-values, echo times and the like.

    Empty where the phases differ in time, or where one of them does not state it.
    """
    told = key if key in _CONTRASTS else "DiffusionBValue"
    values = [None if s is None else s.number(told) for s in firsts]
    known = tuple(v for v in values if v is not None)
    return known if len(known) == len(values) > 1 else ()


def _beat(item: Slice | None, at: int, count: int, time_s: float | None) -> str:
    number = f"{at + 1}/{count}"
    percent = item.number("NominalPercentageOfCardiacPhase") if item is not None else None
    if percent is not None:
        return f"{number} · {percent:g} %"
    return number if time_s is None else f"{number} · {time_s * 1000:.0f} ms"

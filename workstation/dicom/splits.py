"""What differs within a series: images that belong to one volume are told from the others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workstation.dicom.slices import Slice, levels_of
from workstation.domain.errors import N_, Message

# Header values that make another image of the same place: keyword, and how a reader is told.
_CONTRASTS: tuple[tuple[str, str], ...] = (
    ("ImageType", N_("image type")),
    ("ComplexImageComponent", N_("image type")),
    ("DiffusionBValue", N_("b-value")),
    ("EchoTime", N_("echo time")),
    ("EchoNumbers", N_("echo")),
    ("InversionTime", N_("inversion time")),
    ("ConvolutionKernel", N_("kernel")),
    ("SequenceName", N_("sequence")),
    ("FlipAngle", N_("flip angle")),
    ("RepetitionTime", N_("repetition time")),
    ("KVP", N_("tube voltage")),
    ("ContrastBolusAgent", N_("contrast agent")),
)
_ALONG = {"DiffusionBValue", "EchoTime", "InversionTime", "FlipAngle", "RepetitionTime"}
_MOST_APART = 4
"""More values of these than this are an axis to walk along, not stacks to hang side by side."""
_SHORT = {
    "DiffusionBValue": "b {value}",
    "EchoTime": "TE {value} ms",
    "InversionTime": "TI {value} ms",
    "RepetitionTime": "TR {value} ms",
    "FlipAngle": "FA {value}°",
    "KVP": "{value} kV",
}
_ACQUISITIONS: tuple[tuple[str, str], ...] = (
    ("AcquisitionNumber", N_("acquisition number")),
    ("TemporalPositionIdentifier", N_("time")),
)


@dataclass(frozen=True)
class Group:
    """Images that may form one stack.

    differs: what told them from the rest of the series, one sentence each. label: the value that
    did, where it is short enough to tell stacks of a series apart by.
    """

    slices: tuple[Slice, ...]
    differs: tuple[Message, ...] = ()
    label: str = ""


def apart(what: str, value: str = "") -> Message:
    """The sentence that says by what a stack was split from its series."""
    if value:
        return Message(
            N_("Split from the rest of its series by {what}: {value}."),
            {"what": what, "value": value},
        )
    return Message(N_("Split from the rest of its series by {what}."), {"what": what})


def split_series(slices: Sequence[Slice]) -> list[Group]:
    """Groups that can each be one stack, in the order of their first image numbers."""
    groups = [Group(tuple(slices))]
    for key, said in (
        (lambda s: (s.rows, s.columns), N_("image size")),
        (lambda s: s.colour, N_("colour")),
        (lambda s: s.is_localiser, N_("localiser")),
        (lambda s: s.text("FrameOfReferenceUID"), N_("frame of reference")),
        (lambda s: s.position is not None, N_("position")),
        (lambda s: s.calibrated, N_("pixel spacing")),
    ):
        groups = [part for group in groups for part in _split_by(group, key, apart(said))]
    groups = [part for group in groups for part in _split_near(group)]
    found = []
    for group in groups:
        found.extend(_split_contrasts(group) if group.slices[0].position is not None else [group])
    return sorted(found, key=lambda g: g.slices[0].order)


def _split_by(group: Group, key: Callable[[Slice], Hashable], said: Message) -> list[Group]:
    parts: dict[Hashable, list[Slice]] = {}
    for item in group.slices:
        parts.setdefault(key(item), []).append(item)
    if len(parts) == 1:
        return [group]
    return [Group(tuple(part), (*group.differs, said), group.label) for part in parts.values()]


def _split_near(group: Group) -> list[Group]:
    """By orientation and spacing, which scanners round: near enough is the same.

    A cosine may differ by 0.001 (0.06 degrees, a quarter millimetre over 250 mm).
    """
    parts: list[tuple[Slice, list[Slice]]] = []
    for item in group.slices:
        for first, part in parts:
            if _alike(first, item):
                part.append(item)
                break
        else:
            parts.append((item, [item]))
    if len(parts) == 1:
        return [group]
    orientations = any(
        a.orientation is not None
        and parts[0][0].orientation is not None
        and not np.allclose(a.orientation, parts[0][0].orientation, atol=1e-3)
        for a, _ in parts
    )
    said = apart(N_("orientation") if orientations else N_("pixel spacing"))
    return [Group(tuple(part), (*group.differs, said), group.label) for _, part in parts]


def _alike(a: Slice, b: Slice) -> bool:
    if not np.allclose(a.spacing, b.spacing, rtol=1e-3):
        return False
    if a.orientation is None or b.orientation is None:
        return a.orientation is b.orientation
    return bool(np.abs(a.orientation - b.orientation).max() <= 1e-3)


def _value(item: Slice, keyword: str) -> Hashable:
    value: Any = item.fact(keyword)
    if isinstance(value, list):
        return "\\".join(str(v).strip() for v in value)
    if isinstance(value, float):
        return round(value, 3)
    return value if isinstance(value, (str, int)) else None


def _repeats(slices: Sequence[Slice]) -> tuple[int, int]:
    """How many slices lie where another one lies already, and how many places there are."""
    level, positions = levels_of(slices)
    return len(level) - len(positions), len(positions)


def _once_each(group: Group, keyword: str) -> bool:
    """Whether every place has each value of a contrast at most once."""
    level, _ = levels_of(group.slices)
    pairs = {(at, _value(s, keyword)) for at, s in zip(level, group.slices, strict=True)}
    return len(pairs) == len(group.slices)


def _split_contrasts(group: Group) -> list[Group]:
    """Split where images repeat a place and a header value tells them apart as other contrasts."""
    repeats, places = _repeats(group.slices)
    if repeats == 0:
        return [group]
    keys = _CONTRASTS
    if 0.1 * places < repeats < 0.5 * places:
        keys = (*_CONTRASTS, *_ACQUISITIONS)  # some of the volume twice: not a time series
    for keyword, said in keys:
        parts = _split_by(group, functools.partial(_value, keyword=keyword), apart(said))
        if len(parts) == 1 or len(parts) > max(2, 2 * len(group.slices) // places):
            continue
        if keyword in _ALONG and len(parts) > _MOST_APART and _once_each(group, keyword):
            continue
        counts = [_repeats(part.slices) for part in parts]
        if sum(r for r, _ in counts) >= repeats:
            continue
        if any(n < 0.5 * places and n < 3 for _, n in counts):
            continue
        found = []
        for part in parts:
            value = _value(part.slices[0], keyword)
            shown = (
                "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
            )
            short = (
                _SHORT.get(keyword, "{value}").format(value=shown) if value is not None else shown
            )
            named = Group(
                part.slices,
                (*group.differs, apart(said, shown)),
                f"{group.label} {short}".strip() if len(short) <= 20 else group.label,
            )
            found.extend(_split_contrasts(named))
        return found
    return [group]

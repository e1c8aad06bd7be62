"""Where the slices of a stack lie: steps, gaps, tilt and time points, from positions alone.

Slice thickness and image numbers never place a slice (PS3.3 C.7.6.2.1.1: ImagePositionPatient
and ImageOrientationPatient do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.dicom.slices import Slice, levels_of
from workstation.domain.geometry import Floats

# What images of one place may differ in by contrast, each value once: an axis of its own.
_CONTRAST_KEYS = ("DiffusionBValue", "EchoTime", "InversionTime", "FlipAngle", "RepetitionTime")

# What can order images of one place in time. shared: the same value means the same moment at
# every place; the others only order the images of one place.
_TIME_KEYS: tuple[tuple[str, bool], ...] = (
    ("TemporalPositionIdentifier", True),
    ("NominalPercentageOfCardiacPhase", True),
    ("TriggerTime", False),
    ("TemporalOffset", True),
    ("FrameReferenceTime", False),
    ("AcquisitionNumber", True),
    ("AcquisitionDateTime", False),
    ("AcquisitionTime", False),
    ("ContentTime", False),
    ("DimensionOrder", True),
    ("InstanceNumber", False),
)


@dataclass(frozen=True)
class Phases:
    """table: for each phase the slice at each level, None where there is none. dropped: how many
    images were left out because another one lies at the same place. key: what ordered them."""

    table: tuple[tuple[Slice | None, ...], ...]
    positions: tuple[float, ...]
    dropped: int
    key: str = ""


@dataclass(frozen=True)
class Steps:
    """The regular grid of levels along the stacking line.

    origin: LPS mm of index 0. step: LPS vector of one index. levels: for each index the level
    that lies there (uneven stacks: the nearest), None where no slice was found. uneven: voxels
    are interpolated between slices.
    """

    origin: Floats
    step: Floats
    levels: tuple[int | None, ...]
    uneven: bool


def seconds(value: object) -> float | None:
    """A TM or DT value as seconds of the day, a number as it is."""
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    digits = value.replace(":", "").split("+")[0].split("-")[0].strip()
    day = 0.0
    whole, _, fraction = digits.partition(".")
    if len(whole) == 14 and whole.isdigit():  # DT
        day = float(int(whole[6:8])) * 86400.0
        whole = whole[8:]
    if len(whole) != 6 or not whole.isdigit():
        return None
    clock = int(whole[:2]) * 3600 + int(whole[2:4]) * 60 + int(whole[4:6])
    return day + clock + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)


def time_of(item: Slice, keyword: str) -> float | None:
    """The value of a time-like keyword as a number that orders images."""
    if keyword == "InstanceNumber":
        number = item.instance.instance_number
        return None if number is None else number + item.frame * 1e-5
    value = item.fact(keyword)
    return seconds(value)


def arrange(slices: Sequence[Slice]) -> Phases:
    """Place slices by level and, where places repeat throughout, by time."""
    level, positions = levels_of(slices)
    by_level: list[list[Slice]] = [[] for _ in positions]
    for item, at in zip(slices, level, strict=True):
        by_level[at].append(item)
    most = max(len(items) for items in by_level)
    repeated = sum(len(items) > 1 for items in by_level)
    if most > 1 and repeated >= 0.5 * len(by_level):
        found = _by_contrast(by_level, most) or _by_time(by_level, most)
        if found is not None:
            table, key = found
            kept = sum(item is not None for phase in table for item in phase)
            return Phases(table, tuple(positions), len(slices) - kept, key)
    single = tuple(min(items, key=lambda s: s.order) for items in by_level)
    return Phases((single,), tuple(positions), len(slices) - len(single))


def _by_contrast(
    by_level: list[list[Slice]], most: int
) -> tuple[tuple[tuple[Slice | None, ...], ...], str] | None:
    """Phases by a contrast whose every value each place has at most once."""
    for keyword in _CONTRAST_KEYS:
        rows = [[s.number(keyword) for s in items] for items in by_level]
        if any(v is None for row in rows for v in row):
            continue
        values = sorted({v for row in rows for v in row if v is not None})
        if len(values) == most > 1 and all(len(set(row)) == len(row) for row in rows):
            rank = {value: i for i, value in enumerate(values)}
            return _table(by_level, rows, rank, len(values)), keyword
    return None


def _by_time(
    by_level: list[list[Slice]], most: int
) -> tuple[tuple[tuple[Slice | None, ...], ...], str] | None:
    total = sum(len(items) for items in by_level)
    for allowed in (0.0, 0.1):  # a key without ties first, then one with a few
        for keyword, shared in _TIME_KEYS:
            times = [_times(items, keyword) for items in by_level]
            if any(t is None for row in times for t in row):
                continue
            ties = sum(len(row) - len(set(row)) for row in times)
            if ties > allowed * total:
                continue
            values = sorted({t for row in times for t in row if t is not None})
            if shared and len(values) <= 1.5 * most:
                rank = {value: i for i, value in enumerate(values)}
                return _table(by_level, times, rank, len(values)), keyword
            width = max(len(set(row)) for row in times)
            return _table(by_level, times, None, width), keyword
    return None


def _times(items: Sequence[Slice], keyword: str) -> list[float | None]:
    """Of each image of one place; the first has no trigger time where counting starts with it."""
    times = [time_of(s, keyword) for s in items]
    if keyword == "TriggerTime" and times.count(None) == 1 and len(times) > 2:
        first = min(range(len(items)), key=lambda i: items[i].order)
        if times[first] is None:
            times[first] = 0.0
    return times


def _table(
    by_level: list[list[Slice]],
    times: list[list[float | None]],
    rank: dict[float, int] | None,
    phases: int,
) -> tuple[tuple[Slice | None, ...], ...]:
    columns: list[list[Slice | None]] = []
    for items, row in zip(by_level, times, strict=True):
        column: list[Slice | None] = [None] * phases
        own = {value: i for i, value in enumerate(sorted({t for t in row if t is not None}))}
        for item, time in sorted(zip(items, row, strict=True), key=lambda pair: pair[0].order):
            assert time is not None
            at = rank[time] if rank is not None else own[time]
            if column[at] is None:
                column[at] = item
        columns.append(column)
    return tuple(tuple(column[phase] for column in columns) for phase in range(phases))


def line_of(phases: Phases) -> tuple[Floats, Floats, float]:
    """The line the slices are stacked along.

    Returns the position of the first level, the LPS vector for one mm along the normal, and how
    far in mm the slice that is farthest from the line lies beside it.
    """
    firsts = [
        next(p[i] for p in phases.table if p[i] is not None) for i in range(len(phases.positions))
    ]
    points = np.array([s.position for s in firsts if s is not None])
    places = np.array(phases.positions)
    direction = (points[-1] - points[0]) / (places[-1] - places[0])
    beside = 0.0
    for phase in phases.table:
        for place, item in zip(places, phase, strict=True):
            if item is not None and item.position is not None:
                wanted = points[0] + direction * (place - places[0])
                beside = max(beside, float(np.linalg.norm(item.position - wanted)))
    return points[0], direction, beside


def usual_step(gaps: Floats) -> float:
    """The most common gap in mm; of equally common ones the smallest."""
    best, count = float(gaps[0]), 0
    for gap in np.sort(gaps):
        alike = gaps[np.abs(gaps - gap) <= max(0.02 * gap, 0.005)]
        if alike.size > count:
            best, count = float(alike.mean()), int(alike.size)
    return best


def far_gaps(phases: Phases) -> list[int]:
    """Levels after which so wide a gap follows that two blocks of slices are meant."""
    places = np.array(phases.positions)
    if places.size < 3:
        return []
    gaps = np.diff(places)
    step = usual_step(gaps)
    if (places[-1] - places[0]) / step <= 2 * places.size + 10:
        return []
    return [int(i) for i in np.flatnonzero(gaps > 10 * step)]


def steps_of(phases: Phases) -> Steps:
    """The regular grid of two or more levels."""
    origin, direction, _ = line_of(phases)
    places = np.array(phases.positions)
    gaps = np.diff(places)
    step = usual_step(gaps)
    extent = float(places[-1] - places[0])
    # First as if no slice were missing: rounded positions mislead the most common gap.
    for count in (places.size - 1, max(1, round(extent / step))):
        fitted = extent / count
        indices = np.round((places - places[0]) / fitted).astype(int)
        off = np.abs(places - np.polyval(np.polyfit(indices, places, 1), indices)).max()
        # Scanners round positions, to 0.1 mm at worst: that is not an uneven stack.
        near = min(0.1 * fitted, max(0.02 * fitted, 0.06))
        regular = bool(off <= near and (np.diff(indices) >= 1).all())
        if regular:
            break
    if regular and not _thick_where_wide(phases, np.diff(indices), fitted):
        levels: list[int | None] = [None] * (int(indices[-1]) + 1)
        for at, index in enumerate(indices):
            levels[index] = at
        return Steps(origin, direction * fitted, tuple(levels), uneven=False)
    return _resampled(origin, direction, places, gaps, step)


def _thick_where_wide(phases: Phases, jumps: Floats, step: float) -> bool:
    """Whether wide gaps are thick slices, or too many, rather than slices that are missing."""
    wide = np.flatnonzero(jumps > 1)
    if wide.size == 0:
        return False
    if wide.size > 0.4 * jumps.size:
        return True

    def thickness(level: int) -> float:
        item = next((p[level] for p in phases.table if p[level] is not None), None)
        return (item.number("SliceThickness") or 0.0) if item is not None else 0.0

    explained = sum(
        max(thickness(int(i)), thickness(int(i) + 1)) >= 0.75 * jumps[i] * step for i in wide
    )
    return bool(explained > 0.5 * wide.size)


def _resampled(
    origin: Floats, direction: Floats, places: Floats, gaps: Floats, usual: float
) -> Steps:
    """A regular grid over uneven slices, fine enough that each slice is nearest to some index."""
    extent = float(places[-1] - places[0])
    finest = max(float(gaps.min()), extent / (4 * places.size), 0.25 * usual)
    count = int(np.ceil(extent / finest - 1e-6))
    for steps in range(count, 2 * count + 2):
        grid = places[0] + np.arange(steps + 1) * (extent / steps)
        nearest = np.abs(grid[:, None] - places[None, :]).argmin(axis=1)
        if len(set(nearest.tolist())) == places.size:
            count = steps
            break
    grid = places[0] + np.arange(count + 1) * (extent / count)
    nearest = np.abs(grid[:, None] - places[None, :]).argmin(axis=1)
    return Steps(origin, direction * (extent / count), tuple(nearest.tolist()), uneven=True)

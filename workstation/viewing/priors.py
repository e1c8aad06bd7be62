"""Which series of an earlier study goes beside which of this one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workstation.domain.geometry import plane_name
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Stack
from workstation.viewing.hanging import Pane

_LEAST = 4.0


@dataclass(frozen=True)
class Match:
    """A series and the earlier one that shows most nearly the same. points: how well."""

    now: Stack
    before: Stack
    points: float


def likeness(now: Stack, before: Stack) -> float:
    """How alike two series are for a reader: role counts most, then modality, region, plane."""
    if Flag.LOCALISER in (*now.flags, *before.flags):
        return 0.0
    points = 0.0
    if now.role and now.role == before.role:
        points += 10.0
    elif now.role and before.role:
        points -= 4.0  # a FLAIR beside an ADC helps nobody
    points += 4.0 * (now.modality == before.modality)
    if now.region and now.region == before.region and now.region != "other":
        points += 3.0
    elif "other" not in (now.region, before.region):
        points -= 6.0
    points += 2.0 * (plane_name(now.grid) == plane_name(before.grid))
    ours, theirs = _words(now.description), _words(before.description)
    if ours and theirs:
        points += 2.0 * len(ours & theirs) / len(ours | theirs)
    points += 1.0 * (now.is_volume == before.is_volume)
    a, b = now.grid.slice_distance_mm, before.grid.slice_distance_mm
    return points + max(0.0, 1.0 - abs(math.log(a / b)))


_TOGETHER = ({"brain", "vessel"}, {"heart", "chest"}, {"chest", "abdomen"})


def may_overlap(a: Stack, b: Stack) -> bool:
    """Whether two series can show one place: a heart is not to be registered to a head."""
    regions = {a.region or "other", b.region or "other"}
    return "other" in regions or len(regions) == 1 or regions in _TOGETHER


def _words(description: str) -> set[str]:
    return set(re.findall(r"[a-z]+|\d+|[\u4e00-\u9fff]", description.casefold()))


def match(now: Stack, priors: Sequence[Stack]) -> Match | None:
    """The earlier series to put beside one of now; None where none shows anything alike."""
    found = [Match(now, before, likeness(now, before)) for before in priors]
    best = max(found, key=lambda m: m.points, default=None)
    return best if best is not None and best.points >= _LEAST else None


def pairs(stacks: Sequence[Stack], priors: Sequence[Stack]) -> list[Match]:
    """Series of both studies that go together, best first, each of them once."""
    every = [Match(a, b, likeness(a, b)) for a in stacks for b in priors]
    every = sorted((m for m in every if m.points >= _LEAST), key=lambda m: -m.points)
    found: list[Match] = []
    for each in every:
        if all(each.now.id != m.now.id and each.before.id != m.before.id for m in found):
            found.append(each)
    return found


def together(first: Match, others: Sequence[Match], most: int) -> list[Match]:
    """The first pair, and those others of which both series are for the same purpose."""
    same = [m for m in others if m.now.role and m.now.role == m.before.role]
    return [first, *same][:most]


def laid_out(found: Sequence[Match], shown: Pane) -> tuple[int, int, list[Pane]]:
    """(rows, columns, panes): one pair side by side; of several, those of now above the earlier."""
    both = [side_by_side(each, shown) for each in found]
    if len(both) == 1:
        return 1, 2, list(both[0])
    return 2, len(both), [pane for row in zip(*both, strict=True) for pane in row]


def side_by_side(found: Match, shown: Pane) -> tuple[Pane, Pane]:
    """Panes for the series of now, cut as it is ``shown``, and for the earlier one, cut alike."""
    kind = shown.kind if shown.stack_id == found.now.id else PlaneKind.ACQUIRED
    if kind is PlaneKind.OBLIQUE:
        kind = PlaneKind.ACQUIRED
    slab = shown.slab if shown.stack_id == found.now.id else Pane().slab
    before = kind
    if kind is PlaneKind.ACQUIRED and plane_name(found.now.grid) != plane_name(found.before.grid):
        before = PlaneKind(plane_name(found.now.grid))  # cut the earlier one like the one of now
    if not found.before.is_volume:
        before = PlaneKind.ACQUIRED
    left = Pane(found.now.id, kind, slab, preset=shown.preset)
    return left, Pane(found.before.id, before, slab, preset=shown.preset)

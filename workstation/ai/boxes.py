"""From a detector's output to boxes: peaks of heat in each slice, linked over slices.

A network gives, for each pixel, the chance that a finding of each label has its middle there, and
how far the sides of its box are away (objects as points, Zhou 2019, arXiv:1904.07850; distances as
FCOS, Tian 2019, ICCV). Slices are decided one by one; boxes of neighbouring slices that lie over
each other are one finding. Arrays (z, y, x) of the prepared grid; pixel i covers i to i + 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.vocabulary import Boxes

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Flat:
    """A box in one slice. label: its place in the list of labels. sides: left, top, right, bottom
    in pixels. score: chance 0..1."""

    label: int
    score: float
    sides: tuple[float, float, float, float]


@dataclass(frozen=True)
class Solid:
    """A finding over slices. flats: (slice, box) in order, of one or more labels; its label is that
    with the highest sum of scores, its score the highest of that label."""

    flats: tuple[tuple[int, Flat], ...]

    @property
    def label(self) -> int:
        """Place in the list of labels."""
        sums: dict[int, float] = {}
        for _, flat in self.flats:
            sums[flat.label] = sums.get(flat.label, 0.0) + flat.score
        return max(sums, key=lambda one: sums[one])

    @property
    def score(self) -> float:
        """Highest chance of its label in a slice."""
        label = self.label
        return max(flat.score for _, flat in self.flats if flat.label == label)


def overlap_of(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two rectangles (left, top, right, bottom)."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)]
    return wide * high / (areas[0] + areas[1] - wide * high)


def boxes_in(
    plane: Image,
    heats: Sequence[int],
    thresholds: Sequence[float],
    said: Boxes,
    pixel_mm: float,
) -> list[Flat]:
    """Boxes of one slice, surest first.

    plane: (K, y, x), heat as chances. heats: channel of each label; thresholds: chance from which
    it counts.
    """
    heat = plane[list(heats)]
    best = heat.argmax(axis=0)
    highest = heat.max(axis=0)
    limits = np.asarray(thresholds, dtype=np.float32)[best]
    reach = max(3, 2 * round(said.apart_mm / pixel_mm) + 1)
    peak = (highest >= limits) & (highest >= ndimage.maximum_filter(highest, size=reach))
    places = np.argwhere(peak)
    order = np.argsort(-highest[tuple(places.T)], kind="stable")
    unit = said.unit_mm / pixel_mm
    kept: list[Flat] = []
    rows, columns = highest.shape
    for y, x in places[order]:
        away = [float(plane[channel, y, x]) * unit for channel in said.sides]
        sides = (
            max(0.0, x + 0.5 - away[0]),
            max(0.0, y + 0.5 - away[1]),
            min(float(columns), x + 0.5 + away[2]),
            min(float(rows), y + 0.5 + away[3]),
        )
        if sides[2] <= sides[0] or sides[3] <= sides[1]:
            continue
        if any(overlap_of(sides, other.sides) > said.most_overlap for other in kept):
            continue
        kept.append(Flat(int(best[y, x]), float(highest[y, x]), sides))
        if len(kept) == said.most:
            break
    return kept


def linked(slices: Iterator[tuple[int, list[Flat]]], said: Boxes, step_mm: float) -> list[Solid]:
    """Boxes of neighbouring slices, in order, that overlap by ``link`` are one finding.

    step_mm: distance of slices.
    """
    done: list[Solid] = []
    open_: list[list[tuple[int, Flat]]] = []
    for z, flats in slices:
        done += [Solid(tuple(one)) for one in open_ if z - one[-1][0] > 1]
        open_ = [one for one in open_ if z - one[-1][0] <= 1]
        taken: set[int] = set()
        rest = []
        for flat in flats:
            values = [
                -1.0 if k in taken else overlap_of(one[-1][1].sides, flat.sides)
                for k, one in enumerate(open_)
            ]
            if values and max(values) >= said.link:
                best = int(np.argmax(values))
                taken.add(best)
                open_[best].append((z, flat))
            else:
                rest.append([(z, flat)])
        open_ += rest
    done += [Solid(tuple(one)) for one in open_]
    wanted = [one for one in done if len(one.flats) * step_mm >= said.min_mm]
    return sorted(wanted, key=lambda one: -one.score)

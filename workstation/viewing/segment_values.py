"""Numbers of the 17 segments, as measures give them, and where each segment lies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.artefact import Wording
from workstation.domain.derived import DerivedMap
from workstation.domain.geometry import Grid
from workstation.domain.measurement import Measurement, format_value

_SITE = re.compile(r"^(?P<name>.+), (?P<number>1?\d) (?:basal|mid|apical|apex)\b")
_ZH = re.compile(r"（1?\d .+）$")
SCALE = ("#2c3e7b", "#2f6f9f", "#2f9e8f", "#6cbf5a", "#d8c93c")
"""From the least to the greatest, in even steps of lightness: read without colour too."""


@dataclass(frozen=True)
class SegmentValues:
    """One measure by segment: values by number (1 to 17), in ``unit``. run: what they share."""

    name: Wording
    unit: str
    values: Mapping[int, float]
    stack_made_from: tuple[str, ...]
    finding_id: str

    def colours(self) -> dict[int, str]:
        """A colour of ``SCALE`` for each segment, from the least value to the greatest."""
        low, high = min(self.values.values()), max(self.values.values())
        width = high - low
        last = len(SCALE) - 1
        return {
            number: SCALE[round((value - low) / width * last) if width > 0 else last // 2]
            for number, value in self.values.items()
        }

    def words(self) -> dict[int, float]:
        """Values as a reader sees them elsewhere: rounded alike."""
        return {n: float(format_value(v, self.unit).split()[0]) for n, v in self.values.items()}


def by_segments(measurements: Iterable[Measurement]) -> list[SegmentValues]:
    """Measures that have a value in segments of the left ventricle, in the order given."""
    groups: dict[tuple[str, str, str], list[tuple[int, Measurement]]] = {}
    for one in measurements:
        found = _SITE.match(one.name.en)
        if found is not None:
            key = (one.finding_id, one.formula, found["name"])
            groups.setdefault(key, []).append((int(found["number"]), one))
    return [
        SegmentValues(
            Wording(name, _ZH.sub("", members[0][1].name.zh)),
            members[0][1].unit,
            {number: one.value for number, one in members},
            members[0][1].made_from,
            finding_id,
        )
        for (finding_id, _, name), members in groups.items()
    ]


def places_of(values: NDArray[np.float32], grid: Grid) -> dict[int, tuple[float, float, float]]:
    """A point (LPS mm) in each segment of a map of segment numbers (z, y, x)."""
    places = {}
    for number in range(1, 18):
        voxels = np.argwhere(values == number)
        if voxels.size:
            middle = voxels[np.argmin(np.linalg.norm(voxels - voxels.mean(axis=0), axis=1))]
            x, y, z = (float(v) for v in grid.to_lps(middle[::-1].astype(np.float64)))
            places[number] = (x, y, z)
    return places


def map_of(shown: SegmentValues, maps: Iterable[DerivedMap]) -> DerivedMap | None:
    """The map of segments that was made in the same run."""
    same = [one for one in maps if one.key == "segments" and one.made_from == shown.stack_made_from]
    return same[-1] if same else None

"""Outlines between drawn ones, and values of segments, without a screen."""

from __future__ import annotations

import numpy as np
import pytest

from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.measurement import Measurement
from workstation.domain.voxel_set import Bools
from workstation.viewing.contours import between_phases, between_slices, drawn_slices
from workstation.viewing.segment_values import by_segments, places_of

GRID = Grid((7, 60, 60), as_matrix(np.diag([1.5, 1.5, 10.0, 1.0])))


def discs(radii: dict[int, float], shift: float = 0.0) -> Bools:
    """Discs of a radius in pixels on slices, in the middle plus ``shift`` a slice."""
    rows, columns = np.indices(GRID.shape[1:])
    mask = np.zeros(GRID.shape, dtype=np.bool_)
    for z, radius in radii.items():
        mask[z] = np.hypot(rows - 30.0, columns - 30.0 - shift * z) <= radius
    return mask


def radius_of(plane: Bools) -> float:
    return float(np.sqrt(plane.sum() / np.pi))


def test_slices_between_drawn_ones_follow_the_shape() -> None:
    made = discs(dict.fromkeys(range(7), 10.0))
    now = made.copy()
    now[1], now[5] = discs({1: 8.0})[1], discs({5: 16.0})[5]
    assert drawn_slices(now, made) == [1, 5]
    filled = between_slices(now, made, GRID)
    for z, radius in {1: 8.0, 2: 10.0, 3: 12.0, 4: 14.0, 5: 16.0}.items():
        assert radius_of(filled[z]) == pytest.approx(radius, abs=0.4)
    for z in (0, 6):
        assert (filled[z] == made[z]).all()
    with pytest.raises(BadInput):
        between_slices(made, made, GRID)
    made[1] = now[1]
    with pytest.raises(BadInput):
        between_slices(now, made, GRID)


def test_slices_that_run_obliquely_do_not_fall_apart() -> None:
    made = discs(dict.fromkeys(range(7), 4.0))
    now = made.copy()
    moved = discs({0: 6.0, 6: 6.0}, shift=3.0)
    now[0], now[6] = moved[0], moved[6]
    filled = between_slices(now, made, GRID)
    for z in range(1, 6):
        assert radius_of(filled[z]) == pytest.approx(6.0, abs=0.5)
        assert np.argwhere(filled[z]).mean(axis=0)[1] == pytest.approx(30.0 + 3.0 * z, abs=0.5)


def test_phases_between_drawn_ones_follow_too() -> None:
    made = {phase: discs({2: 10.0, 3: 10.0}) for phase in range(6)}
    now = {phase: mask.copy() for phase, mask in made.items()}
    now[1][2], now[4][2] = discs({2: 16.0})[2], discs({2: 7.0})[2]
    changed = between_phases(now, made, GRID)
    assert sorted(changed) == [2, 3]
    assert radius_of(changed[2][2]) == pytest.approx(13.0, abs=0.4)
    assert radius_of(changed[3][2]) == pytest.approx(10.0, abs=0.4)
    assert (changed[2][3] == made[2][3]).all()
    assert between_phases(made, made, GRID) == {}


def number(name: str, zh: str, value: float, finding: str = "f") -> Measurement:
    return Measurement(
        name + zh, "s", "s", Wording(name, zh), Code("X", "99ONESCAN", name), value, "mm",
        "heart/aha17", "", ("stack",), MadeBy("heart/aha17", "1"), finding,
    )  # fmt: skip


def test_segment_values_come_from_the_names_of_sites() -> None:
    found = by_segments(
        [
            number("Wall thickness, 1 basal anterior", "厚度（1 基底段前壁）", 9.0),
            number("Wall thickness, 17 apex", "厚度（17 心尖）", 5.04),
            number("Wall thickening, 1 basal anterior", "增厚率（1 基底段前壁）", 40.0),
            number("Largest wall thickness", "最大厚度", 12.0),
        ]
    )
    assert [one.name.en for one in found] == ["Wall thickness", "Wall thickening"]
    first = found[0]
    assert first.name.zh == "厚度"
    assert dict(first.values) == {1: 9.0, 17: 5.04}
    assert first.words() == {1: 9.0, 17: 5.0}
    colours = first.colours()
    assert colours[1] != colours[17]
    assert found[1].colours().keys() == {1}


def test_a_place_lies_in_its_segment() -> None:
    values = np.full(GRID.shape, np.nan, dtype=np.float32)
    values[3, 10:20, 10:14], values[4, 40:44, 40:44] = 7.0, 17.0
    places = places_of(values, GRID)
    assert set(places) == {7, 17}
    x, y, z = np.round(GRID.to_index(places[7])).astype(int)
    assert values[z, y, x] == 7.0

"""Places of words beside marks: never over one another, never outside, and not jumping about."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workstation.viewing.label_places import Box, Label, places_of

AREA: Box = (0.0, 0.0, 600.0, 400.0)
whole = st.integers(-40, 640).map(float)


@st.composite
def labels_of(draw: st.DrawFn, most: int = 14) -> list[Label]:
    made = []
    for number in range(draw(st.integers(1, most))):
        x, y = draw(whole), draw(st.integers(-40, 440).map(float))
        wide, high = draw(st.integers(0, 200)), draw(st.integers(0, 150))
        size = (float(draw(st.integers(20, 220))), float(draw(st.integers(12, 70))))
        about = (x, y, x + wide, y + high)
        at = (x + wide + 8, y + high + 2)
        made.append(Label(str(number), size, about, at, draw(st.booleans())))
    return made


boxes = st.lists(
    st.tuples(
        st.integers(0, 500), st.integers(0, 380), st.integers(1, 100), st.integers(1, 20)
    ).map(lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))),
    max_size=8,
)


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@settings(max_examples=200, deadline=None)
@given(labels_of(), boxes)
def test_no_words_over_others_and_none_outside(labels: list[Label], taken: list[Box]) -> None:
    found = places_of(labels, AREA, taken=taken)
    placed = [box for box in found.boxes.values() if box is not None]
    assert set(found.boxes) == {label.id for label in labels}
    for box in placed:
        assert AREA[0] <= box[0] and AREA[1] <= box[1]
        assert box[2] <= AREA[2] and box[3] <= AREA[3]
        assert not any(overlap(box, other) for other in taken)
    assert not any(overlap(a, b) for a, b in combinations(placed, 2))
    for label in labels:
        at = found.boxes[label.id]
        if at is not None:
            assert np.allclose((at[2] - at[0], at[3] - at[1]), label.size)


@settings(max_examples=60, deadline=None)
@given(labels_of(most=30), boxes)
def test_unplaced_means_that_no_room_is_left(labels: list[Label], taken: list[Box]) -> None:
    area = (0.0, 0.0, 300.0, 160.0)
    found = places_of(labels, area, taken=taken)
    missing = [label for label in labels if found.boxes[label.id] is None]
    others = [*taken, *(box for box in found.boxes.values() if box is not None)]
    for label in missing:
        wide, high = label.size
        for x in np.arange(0.0, area[2] - wide, 3.0):
            for y in np.arange(0.0, area[3] - high, 3.0):
                box = (float(x), float(y), float(x + wide), float(y + high))
                assert any(overlap(box, other) for other in others)


@settings(max_examples=100, deadline=None)
@given(labels_of(most=6), st.integers(-30, 30), st.integers(-30, 30))
def test_pushed_pictures_keep_words_where_they_are_beside_their_marks(
    labels: list[Label], dx: int, dy: int
) -> None:
    wide = (-4000.0, -4000.0, 4000.0, 4000.0)  # far from any edge
    first = places_of(labels, wide)
    pushed = [
        Label(
            label.id,
            label.size,
            (label.about[0] + dx, label.about[1] + dy, label.about[2] + dx, label.about[3] + dy),
            (label.at[0] + dx, label.at[1] + dy),
            label.pinned,
        )
        for label in labels
    ]
    second = places_of(pushed, wide, before=first.chosen)
    for label in labels:
        a, b = first.boxes[label.id], second.boxes[label.id]
        assert a is not None and b is not None
        assert np.allclose(np.asarray(b) - a, (dx, dy, dx, dy))


def test_what_was_in_the_way_goes_and_the_words_stay() -> None:
    mark = Label("a", (80.0, 20.0), (100.0, 100.0, 140.0, 140.0), (148.0, 142.0))
    alone = places_of([mark], AREA)
    assert alone.boxes["a"] == (148.0, 142.0, 228.0, 162.0) and alone.chosen == {"a": 0}
    evaded = places_of([mark], AREA, taken=[(150.0, 140.0, 300.0, 170.0)], before=alone.chosen)
    assert evaded.chosen["a"] != 0
    assert places_of([mark], AREA, before=evaded.chosen).boxes == evaded.boxes


def test_the_readers_own_place_goes_before_all_others() -> None:
    first = Label("first", (80.0, 20.0), (100.0, 100.0, 140.0, 140.0), (148.0, 142.0))
    own = Label("own", (80.0, 20.0), (20.0, 20.0, 30.0, 30.0), (150.0, 145.0), pinned=True)
    found = places_of([first, own], AREA)
    assert found.boxes["own"] == (150.0, 145.0, 230.0, 165.0)
    assert found.chosen["first"] != 0


def test_words_keep_off_lines_where_another_place_is_as_near() -> None:
    mark = Label("a", (80.0, 20.0), (100.0, 100.0, 140.0, 140.0), (148.0, 142.0))
    line = np.stack([np.linspace(0, 600, 120), np.full(120, 150.0)], axis=1)
    box = places_of([mark], AREA, lines=line).boxes["a"]
    assert box is not None and not box[1] <= 150.0 <= box[3]
    everywhere = np.stack(np.meshgrid(np.arange(0, 600, 5.0), np.arange(0, 400, 5.0)), -1)
    crowded = places_of([mark], AREA, lines=everywhere.reshape(-1, 2))
    assert crowded.boxes["a"] == (148.0, 142.0, 228.0, 162.0)


def test_larger_than_the_view_has_no_place() -> None:
    found = places_of([Label("a", (700.0, 20.0), (1.0, 1.0, 2.0, 2.0), (9.0, 9.0))], AREA)
    assert found.boxes == {"a": None} and not found.chosen

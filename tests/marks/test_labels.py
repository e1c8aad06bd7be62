"""Words of many marks on one image of a real view: none hides another, none leaves the view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFontMetricsF

from tests.marks.conftest import STACK, Drawn
from tests.marks.drawn import at_index
from workstation.domain.finding import FindingState
from workstation.domain.mark import Mark, MarkKind, as_points
from workstation.ui import theme
from workstation.viewing.overlay import Overlay


@pytest.fixture(autouse=True)
def _usual_text() -> Iterator[None]:
    yield
    theme.set_text_percent(100)


def crowd(drawn: Drawn) -> list[Mark]:
    """Marks of every kind within a few millimetres, near an edge and in the middle."""
    grid = drawn.view.viewport.grid
    assert grid is not None
    z = drawn.view.viewport.stored_z
    made = []
    for number, (kind, points) in enumerate(
        [
            (MarkKind.LENGTH, [(20, 20), (44, 22)]),
            (MarkKind.LENGTH, [(20, 22), (44, 24)]),
            (MarkKind.ELLIPSE, [(30, 16), (45, 28)]),
            (MarkKind.RECTANGLE, [(28, 18), (44, 27)]),
            (MarkKind.PROBE, [(44, 25)]),
            (MarkKind.ANGLE, [(60, 10), (76, 12), (60, 20)]),
            (MarkKind.COBB, [(62, 12), (78, 13), (62, 22), (78, 18)]),
            (MarkKind.BIDIRECTIONAL, [(60, 40), (79, 40), (70, 36), (70, 44)]),
            (MarkKind.RECTANGLE, [(60, 50), (79, 59)]),
            (MarkKind.LENGTH, [(2, 58), (30, 59)]),
        ]
    ):
        mark = at_index(
            kind,
            [(*point, z) for point in points],
            grid,
            id=f"mark-{number}",
            stack_id=STACK.id,
            frame_of_reference_uid=STACK.frame_of_reference_uid,
        )
        made.append(mark)
    drawn.board.load(made)
    return made


def finding(drawn: Drawn) -> Overlay:
    grid = drawn.view.viewport.grid
    assert grid is not None
    x, y, z = (float(v) for v in grid.to_lps(np.array([43.0, 24.0, drawn.view.viewport.stored_z])))
    return Overlay(
        "finding", STACK.id, STACK.frame_of_reference_uid, "右上叶结节　6.1 mm",
        FindingState.PROPOSED, (x, y, z), focused=True,
    )  # fmt: skip


def boxes(drawn: Drawn) -> dict[str, QRectF]:
    drawn.view.repaint()
    drawn.view.repaint()  # words at the edges are known after the first
    return dict(drawn.layer.painter.labels)


def touching(a: QRectF, b: QRectF) -> bool:
    return a.adjusted(0.5, 0.5, -0.5, -0.5).intersects(b.adjusted(0.5, 0.5, -0.5, -0.5))


@pytest.mark.parametrize("percent", [100, 150])
def test_words_of_a_crowd_stand_apart(drawn: Drawn, percent: int) -> None:
    theme.set_text_percent(percent)
    marks = crowd(drawn)
    drawn.view.set_overlays([finding(drawn)])
    placed = boxes(drawn)
    assert len(placed) + drawn.layer.painter.unwritten == len(marks)
    if percent == 100:
        assert drawn.layer.painter.unwritten == 0
    area = QRectF(drawn.view.rect())
    written = drawn.view.written
    assert len(written) >= 5
    for box in placed.values():
        assert area.contains(box)
        assert not any(touching(box, other) for other in written)
    assert not any(touching(a, b) for a, b in combinations(placed.values(), 2))
    high = QFontMetricsF(theme.font(10)).ascent()
    for mark in marks:
        lines = len(drawn.layer._words(mark))
        if mark.id in placed and placed[mark.id].height() > theme.scaled(16) + 5:
            assert placed[mark.id].height() >= lines * high


def test_words_stay_where_they_are_while_scrolling_and_zooming(drawn: Drawn) -> None:
    crowd(drawn)
    first = boxes(drawn)
    drawn.view.viewport.scroll(3)
    assert not boxes(drawn)
    drawn.view.viewport.scroll(-3)
    assert boxes(drawn) == first
    grid = drawn.view.viewport.grid
    assert grid is not None

    def away(shown: dict[str, QRectF]) -> dict[str, QPointF]:
        """Middle of the words, from the middle of the mark."""
        return {
            mark.id: shown[mark.id].center()
            - drawn.view.to_view(np.mean(np.asarray(mark.points_mm), axis=0))
            for mark in drawn.board.marks
            if mark.id in shown
        }

    before, jumps = away(first), []
    for factor in [1.01] * 10 + [1 / 1.01] * 10:
        drawn.view.viewport.zoom_by(factor)
        after = away(boxes(drawn))
        jumps += [id for id in after if (after[id] - before[id]).manhattanLength() > 40]
        before |= after
    assert len(jumps) <= 2, jumps  # of 10 labels in 20 pictures: where others come too near


def test_a_label_that_a_reader_moved_stays_there_and_others_make_way(drawn: Drawn) -> None:
    crowd(drawn)
    placed = boxes(drawn)
    target = placed["mark-0"].topLeft()
    own = drawn.board.get("mark-9")
    assert own is not None
    moved = replace(own, label_mm=as_points(drawn.view.lps_at(target)[None])[0])
    drawn.board.keep(moved)
    after = boxes(drawn)
    assert (after["mark-9"].topLeft() - target).manhattanLength() < 1.5
    assert not touching(after["mark-0"], after["mark-9"])


def test_the_chosen_mark_keeps_its_words_where_nothing_has_room(drawn: Drawn) -> None:
    grid = drawn.view.viewport.grid
    assert grid is not None
    z = drawn.view.viewport.stored_z
    many = [
        at_index(
            MarkKind.LENGTH, [(2 + n % 5, 1 + n / 5, z), (60, 1 + n / 5, z)], grid, id=f"m{n}",
            stack_id=STACK.id, frame_of_reference_uid=STACK.frame_of_reference_uid,
        )
        for n in range(240)
    ]  # fmt: skip
    drawn.board.load(many)
    boxes(drawn)
    assert drawn.layer.painter.unwritten > 0
    words = " ".join(words for words, _ in drawn.layer.texts())
    assert str(drawn.layer.painter.unwritten) in words
    hidden = next(m.id for m in many if m.id not in drawn.layer.painter.labels)
    drawn.board.select(hidden)
    assert hidden in boxes(drawn)

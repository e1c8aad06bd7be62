"""Grids from one pane to three rows of four, stages by key, the bullseye pane."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.viewer.conftest import flat
from workstation.ui.layer import Layer
from workstation.ui.pane import ViewPane
from workstation.ui.view_grid import ViewGrid
from workstation.viewing.bullseye import SEGMENTS, segment_at
from workstation.viewing.hanging import Pane

SHAPES = [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 3), (2, 4), (3, 4)]


def test_every_pane_there_is_or_will_be_is_equipped_once(grid: ViewGrid) -> None:
    equipped: list[ViewPane] = []
    grid.on_pane(equipped.append)
    for rows, columns in (*SHAPES, (1, 1), (3, 4)):
        grid.set_shape(rows, columns)
        assert len(grid.panes) == rows * columns
    assert len(equipped) == len(set(map(id, equipped))) == 12
    grid.on_pane(lambda pane: pane.slices.add_layer(Layer(pane.slices)))
    assert all(any(type(x) is Layer for x in pane.slices.layers) for pane in grid.panes)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_panes_stand_in_rows_and_columns(grid: ViewGrid, rows: int, columns: int) -> None:
    grid.set_study([flat(name) for name in "abcdefghijkl"])
    grid.add_rows_and_columns(rows, columns)
    QTest.qWait(20)
    left = sorted({pane.x() for pane in grid.panes})
    top = sorted({pane.y() for pane in grid.panes})
    assert (len(top), len(left)) == (rows, columns)
    assert all(pane.isVisible() for pane in grid.panes)
    shown = [pane.content.stack_id for pane in grid.panes]
    assert len(set(shown)) == rows * columns and all(shown)
    sizes = {(pane.width(), pane.height()) for pane in grid.panes}
    assert max(w for w, _ in sizes) - min(w for w, _ in sizes) <= 2


def test_a_pane_keeps_its_number_and_content(grid: ViewGrid, qtbot: QtBot) -> None:
    grid.set_study([flat(name) for name in "abcd"])
    before = list(grid.panes)
    grid.add_rows_and_columns(1, 2)
    assert grid.panes == before[:2]
    assert [p.content.stack_id for p in grid.panes] == ["a", "b"]
    grid.add_rows_and_columns(2, 2)
    assert grid.panes == before
    assert [p.content.stack_id for p in grid.panes] == ["a", "b", "c", "d"]
    QTest.mouseClick(grid.panes[3].slices, Qt.MouseButton.LeftButton)
    assert grid.active == 3
    grid.set_shape(1, 1)
    assert grid.active == 0 and grid.active_pane.content.stack_id == "a"
    with pytest.raises(ValueError, match="grid"):
        grid.set_shape(4, 4)


def test_one_pane_alone_fills_the_grid(grid: ViewGrid) -> None:
    grid.set_study([flat(name) for name in "abcdef"])
    grid.add_rows_and_columns(2, 3)
    grid.toggle_maximised(4)
    QTest.qWait(20)
    alone = grid.panes[4]
    assert alone.isVisible() and alone.size() == grid.size()
    grid.step_active(1)
    QTest.qWait(20)
    assert grid.panes[5].isVisible() and not alone.isVisible()


def test_three_planes_and_back_keep_the_arrangement(grid: ViewGrid) -> None:
    grid.set_study([flat(name) for name in "abcdef"])
    grid.add_rows_and_columns(2, 3)
    grid.set_layout("mpr")
    assert len(grid.panes) == 4 and grid.panes[3].content.solid
    grid.set_layout("grid")
    assert [p.content.stack_id for p in grid.panes] == list("abcdef")


def test_stages_forwards_and_back(grid: ViewGrid) -> None:
    flair = flat("f", role="FLAIR", series_number=1)
    cine = replace(flat("c", role="cine SAX", region="heart", series_number=2), phases=1)
    grid.set_study([flair, cine])
    assert grid.hanging is not None
    assert [s.name for s in grid.hanging.stages] == ["Overview", "Heart"]
    grid.step_stage(1)
    assert grid.stage == 1
    assert grid.panes[-1].content.drawing == "aha17" and grid.panes[-1].bullseye is not None
    kept = grid.state()
    grid.step_stage(1)
    assert grid.stage == 0 and grid.panes[0].content.stack_id == "f"
    grid.step_stage(-1)
    assert grid.stage == 1
    grid.set_study([flair, cine])
    grid.restore(kept)
    assert grid.stage == 1 and grid.state() == kept


# --- the bullseye


def test_the_17_segments_lie_where_the_standard_says() -> None:
    assert [s.number for s in SEGMENTS] == list(range(1, 18))

    def number(x: float, y: float) -> int:
        found = segment_at(x, y)
        return found.number if found is not None else 0

    # The septum at the left, anterior on top; then counter-clockwise.
    assert [number(0, 0.9), number(0, 0.6), number(0, 0.3), number(0, 0)] == [1, 7, 13, 17]
    assert [number(0, -0.9), number(0, -0.6), number(0, -0.3)] == [4, 10, 15]
    assert [number(-0.8, 0.3), number(-0.8, -0.3)] == [2, 3]
    assert [number(0.8, 0.3), number(0.8, -0.3)] == [6, 5]
    assert [number(-0.3, 0), number(0.3, 0)] == [14, 16]
    assert number(0.9, 0.9) == 0
    for segment in SEGMENTS:
        found = segment_at(*segment.middle)
        assert found is not None and found.number == segment.number
    # The rings without gaps: every place of the circle belongs to exactly one segment.
    assert sum(s.span for s in SEGMENTS[:6]) == sum(s.span for s in SEGMENTS[12:16]) == 360.0


def test_a_segment_without_value_is_not_coloured(grid: ViewGrid) -> None:
    grid.set_study([flat("a"), flat("b")])
    grid.set_pane(1, Pane(drawing="aha17"))
    view = grid.panes[1].bullseye
    assert view is not None
    view.resize(400, 400)
    plain = view.grab().toImage()
    view.set_values("LGE", "%", {10: 63.0}, {10: "#c94f3d"})
    shown = view.grab().toImage()
    centre, radius = QPointF(200, 200), view._circle()[1]

    def colour(segment: int, image: QImage) -> str:
        x, y = SEGMENTS[segment - 1].middle
        # Beside the number, inside the segment.
        at = QPoint(round(centre.x() + x * radius + 14), round(centre.y() - y * radius + 14))
        return image.pixelColor(at).name()

    assert colour(10, shown) == "#c94f3d" != colour(10, plain)
    assert colour(1, shown) == colour(1, plain)
    under = view.segment_under(QPointF(200, 200))
    assert under is not None and under.number == 17

"""Every tool with real mouse and key events on a real view."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.gestures import drag
from tests.marks.conftest import STACK, VOXELS, Drawn
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.mark_voxels import voxels_inside
from workstation.viewing.mark_shapes import handles_of

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
PIXEL = 0.4  # mm: a mouse hits whole pixels of the screen


def tool(drawn: Drawn, name: str) -> None:
    drawn.view.do(name)
    assert drawn.view.tool == name


def click(drawn: Drawn, *places: QPoint) -> None:
    for place in places:
        QTest.mouseMove(drawn.view, place)
        QTest.mouseClick(drawn.view, LEFT, NONE, place)


def only(drawn: Drawn) -> Mark:
    (mark,) = drawn.board.marks
    return mark


def value(drawn: Drawn, name: str = "") -> float:
    numbers = drawn.board.numbers(only(drawn))
    return next(n.value for n in numbers if not name or n.name == name)


def test_distance_by_drag_and_by_two_clicks(drawn: Drawn) -> None:
    tool(drawn, "distance")
    drag(drawn.view, [drawn.at(10, 10), drawn.at(20, 20), drawn.at(40, 50)])
    assert value(drawn) == pytest.approx(50.0, abs=2 * PIXEL)
    assert (
        only(drawn).sop_instance_uid
        == STACK.frame(0, drawn.view.viewport.slice_number).sop_instance_uid
    )
    click(drawn, drawn.at(60, 10), drawn.at(60, 40))
    assert len(drawn.board.marks) == 2
    second = drawn.board.marks[1]
    assert drawn.board.numbers(second)[0].value == pytest.approx(30.0, abs=2 * PIXEL)
    assert drawn.board.selected == second.id


def test_d_is_the_key_and_the_tool_stays_until_escape(drawn: Drawn) -> None:
    QTest.keyClick(drawn.view, Qt.Key.Key_D)
    assert drawn.view.tool == "distance"
    drag(drawn.view, [drawn.at(10, 10), drawn.at(30, 10)])
    assert drawn.view.tool == "distance"
    QTest.keyClick(drawn.view, Qt.Key.Key_Escape)
    assert drawn.view.tool == ""


def test_escape_forgets_a_half_drawn_mark(drawn: Drawn) -> None:
    tool(drawn, "angle")
    click(drawn, drawn.at(10, 10), drawn.at(30, 30))
    assert drawn.layer.drawing is not None
    QTest.keyClick(drawn.view, Qt.Key.Key_Escape)
    assert drawn.layer.drawing is None and drawn.board.marks == () and drawn.board.preview is None
    assert drawn.view.tool == "angle" and drawn.edits == []


def test_path_ends_with_double_click_or_enter(drawn: Drawn) -> None:
    tool(drawn, "path")
    corners = [(10, 10), (30, 10), (30, 40), (60, 40)]
    places = [drawn.at(*corner) for corner in corners]
    click(drawn, *places)
    QTest.mouseDClick(drawn.view, LEFT, NONE, places[-1])
    assert len(only(drawn).points_mm) == 4
    assert value(drawn) == pytest.approx(20 + 30 + 30, abs=4 * PIXEL)
    click(drawn, drawn.at(5, 50), drawn.at(25, 50))
    QTest.keyClick(drawn.view, Qt.Key.Key_Return)
    assert len(drawn.board.marks) == 2 and len(drawn.board.marks[1].points_mm) == 2


def test_backspace_takes_back_the_last_corner(drawn: Drawn) -> None:
    tool(drawn, "path")
    click(drawn, drawn.at(10, 10), drawn.at(30, 10), drawn.at(30, 50))
    QTest.keyClick(drawn.view, Qt.Key.Key_Backspace)
    click(drawn, drawn.at(60, 10))
    QTest.keyClick(drawn.view, Qt.Key.Key_Return)
    assert value(drawn) == pytest.approx(50.0, abs=2 * PIXEL)
    tool_before = drawn.view.tool
    click(drawn, drawn.at(10, 50))
    QTest.keyClick(drawn.view, Qt.Key.Key_Backspace)
    assert drawn.layer.drawing is None and drawn.view.tool == tool_before
    assert len(drawn.board.marks) == 1  # the finished one is not what was taken back


def test_angle_of_three_clicks(drawn: Drawn) -> None:
    tool(drawn, "angle")
    click(drawn, drawn.at(50, 30), drawn.at(20, 30), drawn.at(20, 5))
    assert value(drawn) == pytest.approx(90.0, abs=1.5)


def test_cobb_of_four_clicks_and_of_two_drags(drawn: Drawn) -> None:
    tool(drawn, "cobb")
    ends = [(20, 8), (50, 16), (20, 50), (50, 42)]
    click(drawn, *(drawn.at(*end) for end in ends))
    wanted = 2 * math.degrees(math.atan2(8, 30))
    assert value(drawn, "Cobb angle") == pytest.approx(wanted, abs=2.0)
    drag(drawn.view, [drawn.at(75, 16), drawn.at(65, 12), drawn.at(60, 12)])
    drag(drawn.view, [drawn.at(60, 46), drawn.at(65, 47), drawn.at(75, 42)])
    numbers = drawn.board.numbers(drawn.board.marks[1])
    assert numbers[0].value == pytest.approx(wanted, abs=3.0)


def test_two_diameters_stay_at_right_angles(drawn: Drawn) -> None:
    tool(drawn, "two_diameters")
    drag(drawn.view, [drawn.at(10, 20), drawn.at(30, 25), drawn.at(50, 30)])
    drag(drawn.view, [drawn.at(33, 18), drawn.at(30, 30), drawn.at(20, 36)])

    def square() -> float:
        p = np.asarray(only(drawn).points_mm)
        return float((p[1] - p[0]) @ (p[3] - p[2]))

    assert abs(square()) < 1e-6
    assert value(drawn, "Long axis") == pytest.approx(math.hypot(40, 10), abs=2 * PIXEL)
    before = only(drawn)
    QTest.keyClick(drawn.view, Qt.Key.Key_Escape)
    drag(drawn.view, [drawn.at(50, 30), drawn.at(52, 20), drawn.at(55, 10)])
    assert only(drawn).points_mm[1] != before.points_mm[1]
    assert abs(square()) < 1e-6


@pytest.mark.parametrize("name", ["rectangle", "ellipse"])
def test_region_statistics_are_those_of_the_stored_slice(drawn: Drawn, name: str) -> None:
    tool(drawn, name)
    drag(drawn.view, [drawn.at(10, 12), drawn.at(20, 20), drawn.at(44, 37)])
    mark, z = only(drawn), STACK.grid.shape[0] - 1 - 0
    grid = drawn.view.viewport.grid
    assert grid is not None
    z = round(float(grid.to_index(np.asarray(mark.points_mm[0]))[2]))
    ys, xs, inside = voxels_inside(mark, grid, z)
    values = VOXELS[z][ys, xs][inside].astype(np.float64)
    assert len(values) > 400
    assert value(drawn, "Mean") == values.mean()
    assert value(drawn, "Standard deviation") == values.std(ddof=1)
    assert value(drawn, "Voxels") == len(values)
    unit = {n.unit for n in drawn.board.numbers(mark) if n.name == "Mean"}
    assert unit == {"[hnsf'U]"}


def test_freehand_by_drag(drawn: Drawn) -> None:
    tool(drawn, "freehand")
    round_ = [(40 + 15 * math.cos(t), 30 + 15 * math.sin(t)) for t in np.linspace(0, 6.2, 90)]
    drag(drawn.view, [drawn.at(x, y) for x, y in round_])
    assert value(drawn, "Area") == pytest.approx(math.pi * 15**2, rel=0.02)


def test_painted_region_and_erasing(drawn: Drawn) -> None:
    tool(drawn, "paint_region")
    drag(drawn.view, [drawn.at(20, 30), drawn.at(30, 30), drawn.at(50, 30)])
    first = only(drawn)
    z = next(iter(drawn.board.painted[first.mask_id]))
    plane = drawn.board.painted[first.mask_id][z]
    assert value(drawn, "Area") == pytest.approx(float(plane.sum()))
    assert value(drawn, "Mean") == VOXELS[z][plane].astype(np.float64).mean()
    drag(drawn.view, [drawn.at(50, 30), drawn.at(45, 30)], button=RIGHT)
    second = only(drawn)
    assert second.id == first.id and second.mask_id != first.mask_id
    assert drawn.board.painted[second.mask_id][z].sum() < plane.sum()
    assert drawn.board.undo()
    assert only(drawn).mask_id == first.mask_id
    assert value(drawn, "Area") == pytest.approx(float(plane.sum()))


def test_probe_reads_the_voxel_under_the_click(drawn: Drawn) -> None:
    tool(drawn, "probe")
    click(drawn, drawn.at(33, 22))
    z = round(float(STACK.grid.to_index(np.asarray(only(drawn).points_mm[0]))[2]))
    assert value(drawn) == VOXELS[z, 22, 33]


def test_text_in_chinese_is_typed_where_it_stands(drawn: Drawn) -> None:
    tool(drawn, "text")
    click(drawn, drawn.at(30, 20))
    editor = drawn.layer.typing.editor
    assert editor is not None and drawn.board.marks == ()
    editor.setText("左颞叶可疑 lesion")  # an input method commits text, not keys
    QTest.keyClick(editor, Qt.Key.Key_D)  # a letter that is a command of the view below
    assert drawn.view.tool == "text"
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert only(drawn).words == "左颞叶可疑 lesiond"
    click(drawn, drawn.at(50, 40))
    assert drawn.layer.typing.editor is not None
    QTest.keyClick(drawn.layer.typing.editor, Qt.Key.Key_Escape)
    assert len(drawn.board.marks) == 1


def test_arrow_with_and_without_words(drawn: Drawn) -> None:
    tool(drawn, "arrow")
    drag(drawn.view, [drawn.at(30, 20), drawn.at(40, 30), drawn.at(50, 40)])
    assert drawn.layer.typing.editor is not None
    QTest.keyClick(drawn.layer.typing.editor, Qt.Key.Key_Escape)
    assert only(drawn).kind is MarkKind.ARROW and only(drawn).words == ""


def test_cardiothoracic_ratio_of_two_drags(drawn: Drawn) -> None:
    tool(drawn, "cardiothoracic")
    drag(drawn.view, [drawn.at(30, 30), drawn.at(40, 30), drawn.at(55, 34)])
    drag(drawn.view, [drawn.at(10, 40), drawn.at(30, 40), drawn.at(70, 40)])
    assert value(drawn, "Cardiothoracic ratio") == pytest.approx(25 / 60, abs=0.02)


def test_calibration_line_asks_for_its_length_and_rescales(drawn: Drawn) -> None:
    """complaint 12"""
    tool(drawn, "distance")
    drag(drawn.view, [drawn.at(10, 50), drawn.at(30, 50), drawn.at(50, 50)])
    before = value(drawn)
    tool(drawn, "calibration")
    drag(drawn.view, [drawn.at(10, 10), drawn.at(20, 10), drawn.at(30, 10)])
    assert drawn.layer.typing.editor is not None
    QTest.keyClicks(drawn.layer.typing.editor, "10")
    QTest.keyClick(drawn.layer.typing.editor, Qt.Key.Key_Return)
    line = drawn.board.marks[1]
    assert line.kind is MarkKind.CALIBRATION and line.known_mm == 10.0
    after = drawn.board.numbers(drawn.board.marks[0])[0].value
    drawn_mm = math.dist(*line.points_mm)
    assert after == pytest.approx(before * 10.0 / drawn_mm)
    assert drawn.board.ruler(drawn.board.marks[0], STACK).source == "reader"
    drawn.board.undo()
    assert drawn.board.numbers(drawn.board.marks[0])[0].value == before


def test_a_calibration_line_without_a_length_is_none(drawn: Drawn) -> None:
    tool(drawn, "calibration")
    drag(drawn.view, [drawn.at(10, 10), drawn.at(20, 10), drawn.at(30, 10)])
    assert drawn.layer.typing.editor is not None
    QTest.keyClicks(drawn.layer.typing.editor, "long")
    QTest.keyClick(drawn.layer.typing.editor, Qt.Key.Key_Return)
    assert drawn.board.marks == ()


# --- editing


def line(drawn: Drawn) -> Mark:
    tool(drawn, "distance")
    drag(drawn.view, [drawn.at(20, 20), drawn.at(30, 20), drawn.at(40, 20)])
    QTest.keyClick(drawn.view, Qt.Key.Key_Escape)
    return only(drawn)


def test_a_handle_is_dragged(drawn: Drawn) -> None:
    before = line(drawn)
    drag(drawn.view, [drawn.at(40, 20), drawn.at(45, 20), drawn.at(60, 20)])
    assert only(drawn).points_mm[0] == before.points_mm[0]
    assert value(drawn) == pytest.approx(40.0, abs=2 * PIXEL)


def test_the_whole_mark_is_dragged_by_its_line(drawn: Drawn) -> None:
    before = line(drawn)
    drag(drawn.view, [drawn.at(30, 20), drawn.at(30, 25), drawn.at(30, 40)])
    moved = np.asarray(only(drawn).points_mm) - np.asarray(before.points_mm)
    assert np.allclose(moved[0], moved[1]) and moved[0, 1] == pytest.approx(20.0, abs=PIXEL)
    assert drawn.board.numbers(only(drawn))[0].value == pytest.approx(
        drawn.board.numbers(before)[0].value
    )


def test_words_are_dragged_aside_and_the_measure_stays(drawn: Drawn) -> None:
    before = line(drawn)
    drawn.view.repaint()
    box = drawn.layer.painter.labels[before.id]
    start = box.center().toPoint()
    drag(drawn.view, [start, start + QPoint(20, 30), start + QPoint(60, 90)])
    assert only(drawn).points_mm == before.points_mm
    assert only(drawn).label_mm is not None
    drawn.view.repaint()
    moved = drawn.layer.painter.labels[before.id].topLeft() - box.topLeft()
    assert moved.x() == pytest.approx(60, abs=2) and moved.y() == pytest.approx(90, abs=2)


def test_corners_of_a_box_and_an_outline_are_pulled(drawn: Drawn) -> None:
    tool(drawn, "rectangle")
    drag(drawn.view, [drawn.at(10, 10), drawn.at(20, 20), drawn.at(40, 30)])
    drag(drawn.view, [drawn.at(40, 10), drawn.at(45, 8), drawn.at(50, 5)])
    assert value(drawn, "Area") == pytest.approx(40 * 25, rel=0.05)
    drawn.board.remove(only(drawn).id)
    tool(drawn, "freehand")
    around = [(40 + 12 * math.cos(t), 30 + 12 * math.sin(t)) for t in np.linspace(0, 6.2, 60)]
    drag(drawn.view, [drawn.at(x, y) for x, y in around])
    before = only(drawn)
    at = drawn.view.to_view(handles_of(before)[0]).toPoint()
    drag(drawn.view, [at, at + QPoint(10, 0), at + QPoint(40, 0)])
    assert len(only(drawn).points_mm) == len(before.points_mm)
    assert only(drawn).points_mm[0] != before.points_mm[0]
    assert only(drawn).points_mm[30] == pytest.approx(before.points_mm[30], abs=0.01)


@pytest.mark.parametrize("key", [Qt.Key.Key_Backspace, Qt.Key.Key_Delete])
def test_delete_by_key_undo_redo(drawn: Drawn, key: Qt.Key) -> None:
    mark = line(drawn)
    QTest.keyClick(drawn.view, key)
    assert drawn.board.marks == ()
    assert drawn.board.undo() and only(drawn) == mark
    assert drawn.board.redo() and drawn.board.marks == ()
    assert drawn.board.undo() and drawn.board.undo() and drawn.board.marks == ()
    assert not drawn.board.undo()
    assert drawn.board.redo() and only(drawn) == mark
    assert [(e.before is None, e.after is None) for e in drawn.edits] == [
        (True, False),
        (False, True),
    ]


def test_double_click_edits_the_words(drawn: Drawn) -> None:
    line(drawn)
    QTest.mouseDClick(drawn.view, LEFT, NONE, drawn.at(30, 20))
    editor = drawn.layer.typing.editor
    assert editor is not None and drawn.grid.maximised is not None
    editor.setText("长径")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert only(drawn).words == "长径"


def test_a_click_beside_a_mark_windows_and_does_not_move_it(drawn: Drawn) -> None:
    mark = line(drawn)
    window = drawn.view.viewport.window
    drag(drawn.view, [drawn.at(60, 50), drawn.at(62, 50), drawn.at(70, 55)])
    assert only(drawn) == mark and drawn.view.viewport.window != window


def test_a_mark_is_seen_on_its_slice_alone(drawn: Drawn) -> None:
    mark = line(drawn)
    assert drawn.board.here(drawn.view.viewport) == [mark]
    drawn.view.viewport.scroll(1)
    assert drawn.board.here(drawn.view.viewport) == []
    drawn.view.viewport.scroll(-1)
    assert drawn.board.here(drawn.view.viewport) == [mark]


def test_marks_of_every_slice_stay_on_theirs(drawn: Drawn) -> None:
    """complaint 10: no mark is found on a mirrored slice number."""
    viewport = drawn.view.viewport
    tool(drawn, "probe")
    for number in range(STACK.grid.shape[0]):
        viewport.go_to_slice(number)
        click(drawn, drawn.at(33, 22))
    for number, mark in enumerate(drawn.board.marks):
        viewport.go_to_slice(number)
        assert drawn.board.here(viewport) == [mark]
        z = round(float(STACK.grid.to_index(np.asarray(mark.points_mm[0]))[2]))
        assert drawn.board.numbers(mark)[0].value == VOXELS[z, 22, 33]
        assert mark.sop_instance_uid == STACK.frame(0, z).sop_instance_uid
    places = [mark.points_mm[0][2] for mark in drawn.board.marks]
    assert all(abs(b - a) == pytest.approx(3.0) for a, b in pairwise(places))


def test_right_drag_still_zooms_while_a_tool_is_chosen(drawn: Drawn) -> None:
    tool(drawn, "distance")
    zoom = drawn.view.viewport.zoom
    drag(drawn.view, [drawn.at(20, 20), drawn.at(20, 10)], button=RIGHT)
    assert drawn.view.viewport.zoom != zoom and drawn.board.marks == ()

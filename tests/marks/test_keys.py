"""Every measuring tool with keys alone, and points of a mark moved by them."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.marks.conftest import STACK, VOXELS, Drawn
from workstation.domain.mark import Mark, MarkKind
from workstation.viewing.mark_shapes import handles_of
from workstation.viewing.mark_tools import TOOLS

Key = Qt.Key
SHIFT = Qt.KeyboardModifier.ShiftModifier
WAYS = {(1, 0): Key.Key_Right, (-1, 0): Key.Key_Left, (0, 1): Key.Key_Down, (0, -1): Key.Key_Up}


def press(drawn: Drawn, *keys: Key) -> None:
    for key in keys:
        QTest.keyClick(drawn.view, key)


def go(drawn: Drawn, right: int, down: int) -> None:
    """Some pixels by the fewest keys, tens with Shift."""
    for pixels, way in ((right, (1, 0)), (down, (0, 1))):
        sign = 1 if pixels > 0 else -1
        key = WAYS[(way[0] * sign, way[1] * sign)]
        for _ in range(abs(pixels) // 10):
            QTest.keyClick(drawn.view, key, SHIFT)
        for _ in range(abs(pixels) % 10):
            QTest.keyClick(drawn.view, key)


def start(drawn: Drawn, name: str) -> None:
    drawn.view.do(name)
    assert drawn.view.tool == name
    press(drawn, Key.Key_Return)
    assert drawn.view.pointer.active and not drawn.board.marks


def pixel(drawn: Drawn) -> float:
    return drawn.view.pointer.step_mm


def only(drawn: Drawn) -> Mark:
    (mark,) = drawn.board.marks
    return mark


def numbers(drawn: Drawn) -> dict[str, float]:
    return {n.name: n.value for n in drawn.board.numbers(only(drawn))}


def test_a_length_of_whole_image_pixels(drawn: Drawn) -> None:
    assert pixel(drawn) == 1.0  # mm: pixels of the image are larger than those of the screen here
    start(drawn, "distance")
    before = drawn.view.viewport.slice_number
    press(drawn, Key.Key_Return)
    go(drawn, 24, -7)
    assert drawn.board.preview is not None  # it is shown on its way
    press(drawn, Key.Key_Return)
    assert drawn.view.viewport.slice_number == before  # arrows did not scroll
    (found,) = drawn.board.numbers(only(drawn))
    assert found.value == pytest.approx(np.hypot(24, 7), abs=1e-6)
    assert drawn.view.tool == "distance" and drawn.view.pointer.active


STEPS: dict[str, list[tuple[int, int]]] = {
    "distance": [(20, 0)],
    "path": [(10, 0), (0, 10), (0, 0)],
    "angle": [(-15, 0), (0, -12)],
    "cobb": [(20, 4), (-20, 16), (20, -6)],
    "two_diameters": [(20, 0), (-10, -6), (0, 12)],
    "rectangle": [(15, 10)],
    "ellipse": [(15, 10)],
    "freehand": [(12, 0), (0, 12), (-12, 0), (0, 0)],
    "paint_region": [(12, 0)],
    "probe": [],
    "arrow": [(12, 4)],
    "text": [],
    "cardiothoracic": [(10, 2), (-20, 4), (30, 0)],
    "calibration": [(20, 0)],
}


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_draws_with_keys_alone(drawn: Drawn, name: str) -> None:
    start(drawn, name)
    held = name in ("freehand", "paint_region")
    press(drawn, Key.Key_Return)
    for number, step in enumerate(STEPS[name]):
        go(drawn, *step)
        if not held or number == len(STEPS[name]) - 1:
            press(drawn, Key.Key_Return)
    editor = drawn.layer.typing.editor
    if editor is not None:
        editor.setText("25" if name == "calibration" else "结节")
        QTest.keyClick(editor, Key.Key_Return)
    assert only(drawn).kind is TOOLS[name]
    if name not in ("text", "arrow", "freehand"):
        assert all(np.isfinite(n.value) for n in drawn.board.numbers(only(drawn)))
        assert drawn.board.numbers(only(drawn))
    found = numbers(drawn)
    if name == "path":
        assert found["Length"] == pytest.approx(20.0)
    if name == "angle":
        assert found["Angle"] == pytest.approx(90.0, abs=1e-3)
    if name == "two_diameters":
        assert found["Long axis"] == pytest.approx(20.0)
        assert found["Short axis"] == pytest.approx(12.0)
    if name in ("rectangle", "freehand"):
        wanted = 150.0 if name == "rectangle" else 144.0
        assert found["Area"] == pytest.approx(wanted, rel=0.02)
    if name == "probe":
        x, y, z = (
            round(float(v)) for v in STACK.grid.to_index(np.asarray(only(drawn).points_mm[0]))
        )
        assert found["Value"] == VOXELS[z, y, x]


def test_backspace_takes_the_last_point_back_and_escape_gives_up(drawn: Drawn) -> None:
    start(drawn, "path")
    press(drawn, Key.Key_Return)
    go(drawn, 10, 0)
    press(drawn, Key.Key_Return)
    go(drawn, 0, 20)
    press(drawn, Key.Key_Return, Key.Key_Backspace)
    drawing = drawn.layer.drawing
    assert drawing is not None and len(drawing.points) == 2
    press(drawn, Key.Key_Escape)
    assert drawn.layer.drawing is None and drawn.board.marks == ()
    assert drawn.view.pointer.active and drawn.view.tool == "path"
    press(drawn, Key.Key_Escape)
    assert not drawn.view.pointer.active


def test_without_the_pointer_arrows_scroll_as_ever(drawn: Drawn) -> None:
    drawn.view.do("distance")
    before = drawn.view.viewport.slice_number
    press(drawn, Key.Key_Down)
    assert drawn.view.viewport.slice_number == before + 1 and not drawn.view.pointer.active


def test_the_mouse_takes_over(drawn: Drawn) -> None:
    start(drawn, "distance")
    press(drawn, Key.Key_Return)
    QTest.mouseMove(drawn.view, QPoint(300, 300))
    assert not drawn.view.pointer.active and drawn.layer.drawing is not None
    QTest.mouseClick(drawn.view, Qt.MouseButton.LeftButton, pos=QPoint(420, 300))
    assert only(drawn).kind is MarkKind.LENGTH


def test_the_pointer_never_leaves_the_view(drawn: Drawn) -> None:
    start(drawn, "probe")
    for key in (Key.Key_Right, Key.Key_Down):
        for _ in range(40):
            QTest.keyClick(drawn.view, key, SHIFT)
    at = drawn.view.to_view(drawn.view.pointer.on_plane()).toPoint()
    assert drawn.view.rect().contains(at)


def test_value_and_length_are_said(drawn: Drawn) -> None:
    said: list[str] = []
    drawn.view.said.connect(said.append)
    start(drawn, "distance")
    press(drawn, Key.Key_Return)
    go(drawn, 12, 0)
    place = drawn.view.pointer.on_plane()
    x, y, z = (round(float(v)) for v in STACK.grid.to_index(place))
    assert f"{VOXELS[z, y, x]:.4g} HU" in said[-1] and "12.0 mm" in said[-1]
    press(drawn, Key.Key_Return)
    assert "12.0 mm" in said[-1]


def test_points_of_a_chosen_mark_move_by_keys(drawn: Drawn) -> None:
    start(drawn, "distance")
    press(drawn, Key.Key_Return)
    go(drawn, 20, 0)
    press(drawn, Key.Key_Return, Key.Key_Escape)
    assert drawn.view.tool == "" and drawn.board.selected == only(drawn).id
    first = only(drawn)
    press(drawn, Key.Key_Return)
    assert drawn.layer.points.active and drawn.layer.points.handle == 0
    go(drawn, -5, 0)
    assert only(drawn) == first  # not kept yet
    press(drawn, Key.Key_Return)
    assert numbers(drawn)["Length"] == pytest.approx(25.0)
    assert drawn.layer.points.handle == 1
    go(drawn, 0, 10)
    press(drawn, Key.Key_Escape)  # put back
    assert not drawn.layer.points.active and drawn.board.preview is None
    assert numbers(drawn)["Length"] == pytest.approx(25.0)
    assert len(drawn.edits) == 2
    press(drawn, Key.Key_Return, Key.Key_Return, Key.Key_Return)  # to the whole mark
    before = np.asarray(only(drawn).points_mm)
    go(drawn, 3, 4)
    press(drawn, Key.Key_Return)  # kept; its words come next
    assert np.allclose(np.asarray(only(drawn).points_mm) - before, (3.0, 4.0, 0.0))
    go(drawn, 10, 10)
    press(drawn, Key.Key_Return)
    assert only(drawn).label_mm is not None
    assert drawn.board.undo() and only(drawn).label_mm is None


def test_corners_of_a_region_move_by_keys(drawn: Drawn) -> None:
    start(drawn, "rectangle")
    press(drawn, Key.Key_Return)
    go(drawn, 20, 10)
    press(drawn, Key.Key_Return, Key.Key_Escape, Key.Key_Return)
    corners = handles_of(only(drawn))
    assert drawn.layer.points.handle == 0
    go(drawn, -4, -5)
    press(drawn, Key.Key_Return)
    moved = handles_of(only(drawn))
    assert np.allclose(moved[2], corners[2])
    assert numbers(drawn)["Area"] == pytest.approx(24 * 15)


def test_the_pointer_stays_at_its_place_when_slices_are_scrolled(drawn: Drawn) -> None:
    start(drawn, "probe")
    go(drawn, 7, 3)
    before = drawn.view.pointer.on_plane()
    drawn.view.viewport.scroll(2)
    after = drawn.view.pointer.on_plane()
    assert np.allclose(after[:2], before[:2]) and abs(after[2] - before[2]) == pytest.approx(6.0)
    press(drawn, Key.Key_Return)
    assert only(drawn).points_mm[0] == pytest.approx(tuple(after))

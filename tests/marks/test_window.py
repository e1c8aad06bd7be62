"""Marks in the real window: stored as they are drawn, listed, jumped to, there again next time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTabWidget

from tests.gestures import drag
from tests.marks.study import OTHER, STUDY, add_other, ct_archive, ct_voxels
from workstation import text
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.centreline import Centreline
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.mark_voxels import voxels_inside
from workstation.domain.plane import PlaneKind
from workstation.settings import load_settings

from workstation.ui.curved_area import CurvedArea  # isort: skip
from workstation.ui.marks_area import MarksArea  # isort: skip
from workstation.ui.marks_panel import REPORT, VALUE  # isort: skip
from workstation.ui.program import application, wait_until  # isort: skip
from workstation.ui.slice_view import SliceView  # isort: skip
from workstation.ui.window import Window  # isort: skip

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier


class Room:
    """A window on a home with one CT, and short words for what a reader does in it."""

    def __init__(self, home: Path) -> None:
        self.archive = Archive(home)
        self.window = Window(load_settings(home), self.archive)
        self.window.resize(1600, 900)
        self.window.show()
        self.window.activateWindow()
        QTest.qWaitForWindowActive(self.window)
        area = self.window.findChild(MarksArea, "marksArea")
        assert isinstance(area, MarksArea)
        self.area, self.board, self.panel = area, area.board, area.panel

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        assert wait_until(application(), condition, seconds), "it did not come about in time"

    def open(self) -> None:
        self.window.desk.open_study(STUDY)
        self.until(lambda: self.window.settled, 60)
        self.window.grid_.set_layout("single")
        self.until(lambda: self.window.settled, 60)
        self.view.setFocus()

    def sign_in(self) -> None:
        self.window.desk.sign_in(self.archive.user("li"))

    @property
    def view(self) -> SliceView:
        return self.window.grid_.active_pane.slices

    def at(self, x: float, y: float) -> QPoint:
        viewport = self.view.viewport
        assert viewport.grid is not None
        lps = viewport.grid.to_lps(np.array([x, y, 0.0]))
        lps[2] = viewport.focus_mm[2]
        return self.view.to_view(lps).toPoint()

    def draw(self, tool: str, *places: tuple[float, float]) -> Mark:
        before = len(self.board.marks)
        self.window.commands.run(tool)
        assert self.view.tool == tool
        points = [self.at(*place) for place in places]
        drag(self.view, [points[0], (points[0] + points[-1]) / 2, *points[1:]])
        assert len(self.board.marks) == before + 1
        self.window.commands.run(tool)
        assert self.view.tool == ""
        return self.board.marks[-1]

    def stored(self) -> list[Mark]:
        self.window.jobs.flush()
        return self.archive.all(Mark, STUDY)

    def close(self) -> None:
        self.window.shut()
        self.archive.close()


@pytest.fixture(scope="module")
def ct_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("家") / "工作站 数据"
    home.mkdir()
    archive, _ = ct_archive(home, home.parent / "files")
    add_other(archive, home.parent / "other files")
    archive.close()
    return home


@pytest.fixture(scope="module")
def opened(ct_home: Path) -> Iterator[Room]:
    """One window for all tests here: opening a study costs seconds."""
    application()
    made = Room(ct_home)
    made.open()
    yield made
    made.close()


@pytest.fixture
def room(opened: Room) -> Iterator[Room]:
    """The window with no mark drawn and nobody signed in."""
    opened.window.desk.sign_in(None)
    yield opened
    opened.sign_in()
    for mark in opened.board.marks:
        opened.board.remove(mark.id)
    opened.stored()
    opened.window.grid_.set_tool("")
    opened.view.viewport.set_plane(PlaneKind.ACQUIRED)


def test_drawn_stored_listed_closed_and_there_again(room: Room) -> None:
    """complaint 20; complaint 14: what the screen says is what is stored."""
    room.sign_in()
    mark = room.draw("ellipse", (20, 18), (44, 40))
    (stored,) = room.stored()
    grid = room.view.viewport.grid
    assert grid is not None
    z = round(float(grid.to_index(np.asarray(mark.points_mm[0]))[2]))
    ys, xs, inside = voxels_inside(mark, grid, z)
    values = ct_voxels()[z][ys, xs][inside].astype(np.float64)
    assert stored.numbers == room.board.numbers(mark)
    assert {n.name: n.value for n in stored.numbers}["Mean"] == values.mean()
    room.until(lambda: room.panel.table.rowCount() == 1)
    shown = room.panel.table.item(0, VALUE)
    assert shown is not None and f"{values.mean():.1f}" in shown.text() and "HU" in shown.text()
    assert f"图像 {z + 1}" in shown.text()
    room.window.desk.close_study()
    assert not room.board.marks
    room.open()
    room.until(lambda: len(room.board.marks) == 1)
    assert room.board.marks[0] == stored
    assert room.board.steps[0]  # the journal came back too
    room.window.actions_.undo()
    assert not room.board.marks and room.stored() == []


def test_undo_and_redo_keys(room: Room) -> None:
    room.sign_in()
    mark = room.draw("distance", (20, 20), (40, 20))
    QTest.keyClick(room.view, Qt.Key.Key_Z, CTRL)
    assert not room.board.marks and room.stored() == []
    QTest.keyClick(room.view, Qt.Key.Key_Y, CTRL)
    assert [m.points_mm for m in room.board.marks] == [mark.points_mm]
    assert [m.points_mm for m in room.stored()] == [mark.points_mm]
    QTest.keyClick(room.view, Qt.Key.Key_Backspace)
    assert not room.board.marks and room.stored() == []
    assert verify(room.archive).ok


def test_marks_drawn_before_signing_in_are_stored_then(room: Room) -> None:
    room.draw("distance", (20, 20), (40, 20))
    assert room.stored() == []
    room.sign_in()
    (stored,) = room.stored()
    assert stored.by == "li"


def test_marks_drawn_signed_out_outlast_another_study_and_are_stored_at_sign_in(
    room: Room,
) -> None:
    """Leaving a study loses nothing: its marks are there again, undo too, and stored then."""
    first = room.draw("distance", (20, 20), (40, 20))
    taken_back = room.draw("ellipse", (20, 18), (44, 40))
    room.window.actions_.undo()
    room.window.desk.open_study(OTHER)
    assert "1 个检查中的 1 个标记" in room.window.notice.text.text()
    room.until(lambda: room.window.settled, 60)
    assert not room.board.marks
    other = room.draw("distance", (20, 24), (40, 24))
    assert other.study_uid == OTHER
    room.open()
    assert "2 个检查中的 2 个标记" in room.window.notice.text.text()
    room.until(lambda: bool(room.board.marks))
    assert room.board.marks == (first,)
    room.window.actions_.redo()
    assert [m.id for m in room.board.marks] == [first.id, taken_back.id]
    room.window.actions_.undo()
    assert room.board.marks == (first,)
    assert room.stored() == [] and room.archive.all(Mark, OTHER) == []
    room.sign_in()
    (stored,) = room.stored()
    assert (stored.id, stored.by, stored.points_mm) == (first.id, "li", first.points_mm)
    assert "Length" in {n.name for n in stored.numbers}
    (elsewhere,) = room.archive.all(Mark, OTHER)
    assert (elsewhere.id, elsewhere.by) == (other.id, "li")
    room.until(lambda: room.board.marks == (stored,))
    assert verify(room.archive).ok
    room.window.desk.close_study()
    assert not room.window.notice.isVisible()  # nothing waits any more
    room.open()
    room.until(lambda: room.board.marks == (stored,))


def test_a_region_painted_signed_out_is_there_again(room: Room) -> None:
    mark = room.draw("paint_region", (20, 20), (40, 20))
    painted = room.board.painted[mark.mask_id]
    room.window.desk.close_study()
    assert not room.board.painted
    room.open()
    room.until(lambda: room.board.marks == (mark,))
    assert room.board.painted[mark.mask_id] is painted
    room.sign_in()
    (stored,) = room.stored()
    array = room.archive.load_mask(stored.mask_id)
    assert array.sum() == sum(plane.sum() for plane in painted.values()) > 0


def test_a_centreline_placed_signed_out_is_told_and_stored_at_sign_in(room: Room) -> None:
    area = room.window.findChild(CurvedArea)
    assert area is not None
    area.toggle()
    for place in ((-10.0, 0.0, -690.0), (0.0, 5.0, -690.0), (10.0, 0.0, -690.0)):
        area.plan.edit.add(np.array(place))
    assert area.line is not None
    placed = area.line
    room.window.desk.open_study(OTHER)
    assert "1 个检查中的 1 条中心线" in room.window.notice.text.text()
    room.until(lambda: room.window.settled, 60)
    room.window.jobs.flush()
    assert room.archive.all(Centreline, STUDY) == []
    room.sign_in()
    room.window.jobs.flush()
    (stored,) = room.archive.all(Centreline, STUDY)
    assert (stored.id, stored.points_mm, stored.by) == (placed.id, placed.points_mm, "li")
    room.window.desk.sign_in(None)
    room.open()
    area.toggle()
    assert area.line is not None and area.line.id == placed.id
    area._remove()  # signed out: it is gone at sign-in
    area.toggle()
    room.sign_in()
    room.window.jobs.flush()
    assert room.archive.all(Centreline, STUDY) == []


def test_a_click_in_the_list_shows_the_slice(room: Room) -> None:
    """complaint 10: the slice is that on which it was drawn, in every plane."""
    room.sign_in()
    marks = []
    for number in (2, 7):
        room.view.viewport.go_to_slice(number)
        marks.append((number, room.draw("distance", (20, 20), (40, 20))))
    room.view.viewport.set_plane(PlaneKind.CORONAL)
    marks.append((-1, room.draw("distance", (20, 20), (30, 20))))
    room.until(lambda: room.panel.table.rowCount() == 3)
    for row in (0, 2, 1):
        number, mark = marks[row]
        room.panel.table.cellClicked.emit(row, VALUE)
        viewport = room.view.viewport
        assert room.board.here(viewport) and mark in room.board.here(viewport)
        assert room.board.selected == mark.id
        if number >= 0:
            assert viewport.slice_number == number
        else:
            assert abs(viewport.axes.normal[1]) == pytest.approx(1.0)


def test_a_tick_puts_it_into_the_draft(room: Room) -> None:
    room.sign_in()
    room.draw("distance", (20, 20), (60, 20))
    room.until(lambda: room.panel.table.rowCount() == 1)
    item = room.panel.table.item(0, REPORT)
    assert item is not None
    item.setCheckState(Qt.CheckState.Checked)
    assert room.board.marks[0].in_report
    cell = room.panel.table.item(0, VALUE)
    assert cell is not None
    value = cell.text().splitlines()[0]

    def said() -> bool:
        contents = room.window.desk.contents
        sections = contents.draft.sections if contents and contents.draft else ()
        return any(value in s.text for section in sections for s in section.sentences)

    room.until(said)


def test_words_in_the_list_follow_the_language(room: Room) -> None:
    room.sign_in()
    room.draw("rectangle", (20, 20), (40, 30))
    room.until(lambda: room.panel.table.rowCount() == 1)
    assert any("标记" in room.window.tabs.tabText(n) for n in range(room.window.tabs.count()))
    text.set_language("en")
    room.window.actions_.speak()
    tabs: QTabWidget = room.window.tabs
    assert any("Marks" in tabs.tabText(n) for n in range(tabs.count()))
    name = room.panel.table.item(0, 1)
    assert name is not None and name.text() == "Rectangle"
    assert room.board.marks[0].kind is MarkKind.RECTANGLE


def test_histogram_counts_the_region(room: Room) -> None:
    room.sign_in()
    room.draw("rectangle", (20, 20), (40, 30))
    room.until(lambda: len(room.panel.histogram.counts) > 1)
    numbers = {n.name: n.value for n in room.board.numbers(room.board.marks[0])}
    assert room.panel.histogram.counts.sum() == numbers["Voxels"]
    assert room.panel.histogram.mean == numbers["Mean"]
    assert room.panel.histogram.unit == "HU"

"""The grid of panes: loading, layouts, phases, painting, jumps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.viewer.conftest import HOLD, Slices, flat
from tests.viewer.events import LEFT, RIGHT, drag
from workstation.domain.finding import FindingState
from workstation.domain.plane import PlaneKind
from workstation.domain.work import Cancel
from workstation.ui.loading import VolumeLibrary
from workstation.ui.view_grid import ViewGrid
from workstation.viewing.overlay import Overlay
from workstation.viewing.window_level import Window


def test_the_first_slice_shows_before_the_others_are_in(grid: ViewGrid, qtbot: QtBot) -> None:
    HOLD.clear()
    grid.set_study([flat("a"), flat("b")])
    pane = grid.panes[0]
    middle = pane.viewport.slice_number
    qtbot.waitUntil(lambda: pane.slices.loaded > 0, timeout=5000)
    assert pane.viewport.volume is not None
    assert pane.viewport.volume.array[middle].max() == 100 * (middle + 1)
    assert pane.slices.loaded == pytest.approx(1 / 8)
    pane.viewport.scroll(1)  # scrolling works while the rest is still coming
    HOLD.set()
    qtbot.waitUntil(lambda: pane.slices.loaded == 1.0, timeout=5000)
    assert pane.viewport.window.high > 600  # the window of the whole, not of the first slice


def test_a_failed_series_says_so_and_the_others_live(grid: ViewGrid, qtbot: QtBot) -> None:
    said: list[str] = []
    grid.message.connect(said.append)
    grid.set_study([flat("a", description="fails"), flat("b"), flat("c", description="broken")])
    qtbot.waitUntil(lambda: grid.panes[2].slices.loaded == 1.0, timeout=5000)
    qtbot.waitUntil(lambda: bool(said), timeout=5000)
    assert said == ["The disk is gone."]
    assert grid.panes[2].slices.unreadable == frozenset({3})
    assert grid.panes[1].slices.loaded == 1.0


def test_layouts_maximise_and_series(grid: ViewGrid, qtbot: QtBot) -> None:
    grid.set_study([flat("a", series_number=1), flat("b", series_number=2)])
    shown = [p.content.stack_id for p in grid.panes]
    assert shown == ["a", "b"]  # as many panes as there is something to show
    QTest.mouseDClick(grid.panes[1].slices, LEFT)
    assert [p.isVisible() for p in grid.panes] == [False, True]
    QTest.mouseDClick(grid.panes[1].slices, LEFT)
    assert all(p.isVisible() for p in grid.panes)
    grid.show_stack("b", 0)
    assert grid.panes[0].content.stack_id == "b" and grid.active == 0
    grid.set_layout("mpr")
    kinds = [p.viewport.kind for p in grid.panes[:3]]
    assert kinds == [PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL]
    assert grid.panes[3].content.solid
    grid.set_layout("single")
    assert sum(p.isVisible() for p in grid.panes) == 1
    with pytest.raises(ValueError, match="layout"):
        grid.set_layout("nine")


def test_the_desk_comes_back_as_it_was(grid: ViewGrid, qtbot: QtBot) -> None:
    stacks = [flat("a"), flat("b")]
    grid.set_study(stacks)
    qtbot.waitUntil(lambda: grid.panes[1].slices.loaded == 1.0, timeout=5000)
    view = grid.panes[1].viewport
    view.set_plane(PlaneKind.CORONAL)
    view.scroll(-6)
    view.set_window(Window(123.0, 45.0))
    view.zoom_by(1.7)
    view.toggle_invert()
    grid.activate(1)
    kept = grid.state()
    grid.set_study(stacks)
    grid.restore(kept)
    qtbot.waitUntil(lambda: grid.panes[1].slices.loaded == 1.0, timeout=5000)
    assert grid.state() == kept


def test_phases_and_cine(grid: ViewGrid, qtbot: QtBot) -> None:
    grid.set_study([flat("cine", phases=3)])
    pane = grid.panes[0]
    qtbot.waitUntil(lambda: pane.slices.loaded == 1.0, timeout=5000)
    QTest.keyClick(pane.slices, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: pane.slices.loaded == 1.0, timeout=5000)
    assert pane.phase == 1
    assert pane.viewport.volume is not None and pane.viewport.volume.array.max() == 10800
    QTest.keyClick(pane.slices, Qt.Key.Key_C)
    seen: set[int] = set()

    def all_seen() -> bool:
        seen.add(pane.phase)
        return seen == {0, 1, 2}

    qtbot.waitUntil(all_seen, timeout=5000)
    QTest.keyClick(pane.slices, Qt.Key.Key_C)
    assert not pane.slices.playing


def test_painting_with_the_mouse(grid: ViewGrid, qtbot: QtBot) -> None:
    stack = flat("a")
    grid.set_study([stack])
    pane = grid.panes[0]
    view = pane.slices
    finished: list[NDArray[np.bool_]] = []
    asked: list[str] = []
    grid.stroke_finished.connect(finished.append)
    grid.undo_asked.connect(lambda: asked.append("undo"))
    grid.redo_asked.connect(lambda: asked.append("redo"))
    empty = Overlay("f", stack.id, "1.2.9", "x", FindingState.PROPOSED, (0.0, 0.0, 0.0))
    grid.begin_painting(empty, stack.grid)
    centre = QPoint(view.width() // 2, view.height() // 2)
    drag(view, LEFT, centre, centre + QPoint(60, 0))
    assert len(finished) == 1
    z = pane.viewport.slice_number
    assert set(np.flatnonzero(finished[0].any(axis=(1, 2)))) == {z}
    count = int(finished[0].sum())
    assert count > 30
    drag(view, RIGHT, centre, centre + QPoint(20, 0))
    assert int(finished[1].sum()) < count
    QTest.keyClick(view, Qt.Key.Key_E)
    assert view.brush.erase
    size = view.brush.radius_mm
    QTest.keyClick(view, Qt.Key.Key_BracketRight)
    assert view.brush.radius_mm > size
    QTest.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(view, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert asked == ["undo", "redo"]
    grid.set_painted_mask(finished[0])  # what the caller does on undo
    drag(view, LEFT, centre, centre)
    assert int(finished[2].sum()) < count
    grid.end_painting()
    window = pane.viewport.window
    drag(view, LEFT, centre + QPoint(50, 40), centre + QPoint(110, 40))  # beside the crosshair
    assert pane.viewport.window != window
    assert len(finished) == 3


def test_jump_goes_to_the_place_in_a_pane_that_shows_the_series(
    grid: ViewGrid, qtbot: QtBot
) -> None:
    stacks = [flat(name, series_number=n, frame_of_reference_uid=name) for n, name in
              enumerate("abcde")]  # fmt: skip
    grid.set_study(stacks)
    assert [p.content.stack_id for p in grid.panes] == list("abcd")
    place = stacks[2].grid.to_lps((20.0, 10.0, 6.0))
    grid.jump_to(place, "c")
    assert grid.active == 2 and grid.panes[2].viewport.slice_number == 6
    grid.jump_to(place, "e")  # shown nowhere yet: it takes the active pane
    assert grid.panes[2].content.stack_id == "e"
    assert grid.panes[2].viewport.slice_number == 6


def test_the_library_gives_up_the_oldest(qtbot: QtBot) -> None:
    HOLD.set()
    size = 8 * 30 * 40 * 2
    library = VolumeLibrary(lambda sha: Path(sha), make_reader=Slices, budget_bytes=size * 2)
    loadings = [library.open(flat(name)) for name in "abc"]
    qtbot.waitUntil(lambda: all(each.done for each in loadings[1:]), timeout=5000)
    assert library.bytes_held() == size * 2
    assert library.open(flat("c")) is loadings[2]
    assert library.open(flat("a")) is not loadings[0]
    library.close()


def test_a_volume_on_screen_comes_in_whole_whatever_the_library_gives_up(qtbot: QtBot) -> None:
    HOLD.clear()
    size = 8 * 30 * 40 * 2
    library = VolumeLibrary(lambda sha: Path(sha), make_reader=Slices, budget_bytes=size)
    heard: list[str] = []
    shown = library.open(flat("a"))
    shown.finished.connect(lambda: heard.append("a"))
    others = [library.open(flat(name)) for name in "bcd"]
    assert library.held("a") is None and others[0].cancel.asked
    HOLD.set()
    qtbot.waitUntil(lambda: shown.done and others[-1].done, timeout=5000)
    assert heard == ["a"] and not others[0].done
    library.close()


def test_what_nobody_foresaw_while_reading_is_told(qtbot: QtBot) -> None:
    class Odd(Slices):
        def fill(self, first_z: int = 0, cancel: Cancel | None = None) -> Iterator[int]:
            raise KeyError("PixelData")

    library = VolumeLibrary(lambda sha: Path(sha), make_reader=Odd)
    loading = library.open(flat("a"))
    with qtbot.waitSignal(library.failed, timeout=5000) as told:
        pass
    assert loading.error and "KeyError" in told.args[0]
    library.close()

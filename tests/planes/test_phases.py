"""Phases: their axis, their speed, reading them ahead so that a cine does not stutter."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.planes.painted import written_on
from tests.viewer.events import LEFT, wheel
from tests.viewer.images import grid_of, stack_of
from workstation.domain.volume import Frame, Stack
from workstation.domain.work import Cancel
from workstation.ui import theme
from workstation.ui.loading import VolumeLibrary
from workstation.ui.pane import ViewPane
from workstation.viewing.cine import natural_fps, next_fps, phase_at, phase_places
from workstation.viewing.hanging import Pane
from workstation.viewing.links import CrosshairLink

GRID = grid_of((4, 30, 40), np.diag([1.0, 1.0, 3.0]), (0.0, 0.0, 0.0))
SCRUB = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def series(times: list[float | None], **changes: Any) -> Stack:
    frames = tuple(
        Frame("ab", f"1.{p}.{z}", 0, -1, 3.0 * z, time_s=t)
        for p, t in enumerate(times)
        for z in range(4)
    )
    labels = tuple(f"{t:.1f} s" if t is not None else "-" for t in times)
    values = {"id": "cine", "frames": frames, "phases": len(times), "phase_labels": labels}
    return stack_of(GRID, **(values | {"phase_axis": "time"} | changes))


def test_speed_from_the_file_the_heartbeat_or_neither() -> None:
    beat = [n * 0.9 / 25 for n in range(25)]  # 25 phases of a beat of 900 ms
    assert natural_fps(series(list(beat))) == pytest.approx(25 / 0.9, abs=0.1)
    assert natural_fps(series(list(beat), display_fps=15.0)) == 15.0
    assert natural_fps(series([0.0, 6.0, 12.5, 60.0])) == 5.0
    assert natural_fps(series([None, None, None])) == 20.0
    assert natural_fps(series([0.0, 1.0, 0.5])) == 20.0  # times that do not rise say nothing
    assert (next_fps(20.0, True), next_fps(20.0, False), next_fps(27.8, False)) == (25, 15, 25)
    assert (next_fps(60.0, True), next_fps(1.0, False)) == (60, 1)


def test_ticks_lie_at_their_times() -> None:
    stack = series([0.0, 10.0, 40.0])
    assert phase_places(stack) == pytest.approx((0.0, 0.25, 1.0))
    assert [phase_at(stack, s) for s in (-1.0, 0.1, 0.2, 0.6, 0.7, 2.0)] == [0, 0, 1, 1, 2, 2]
    assert phase_places(series([None] * 5)) == pytest.approx((0, 0.25, 0.5, 0.75, 1))


class Slow:
    """A reader that takes a while and says which phases were asked for, in order."""

    asked: ClassVar[list[int]] = []
    lock = threading.Lock()

    def __init__(self, stack: Stack, phase: int, locate: Any) -> None:
        self.array = np.zeros(stack.grid.shape, dtype=np.int16)
        self.broken: dict[int, Any] = {}
        self.phase = phase

    def fill(self, first_z: int = 0, cancel: Cancel | None = None) -> Iterator[int]:
        with Slow.lock:
            Slow.asked.append(self.phase)
        time.sleep(0.02)
        for z in range(len(self.array)):
            self.array[z] = 100 * self.phase + z
            yield z


@pytest.fixture
def pane(qtbot: QtBot) -> Iterator[ViewPane]:
    theme.load_fonts()
    Slow.asked = []
    library = VolumeLibrary(lambda sha: Path(sha), make_reader=Slow)
    made = ViewPane(library, CrosshairLink())
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.clear()
    library.close()


def is_in(pane: ViewPane, phase: int) -> bool:
    """Whether the library holds a phase with all its slices."""
    loading = pane.library.held("cine", phase)
    return loading is not None and loading.done


def test_all_phases_are_read_ahead_and_the_cine_runs_evenly(pane: ViewPane, qtbot: QtBot) -> None:
    stack = series([n * 0.04 for n in range(12)])
    pane.show_stack(stack, Pane(stack.id))
    qtbot.waitUntil(lambda: len(Slow.asked) == 12, timeout=5000)
    assert Slow.asked == list(range(12))
    qtbot.waitUntil(lambda: all(is_in(pane, n) for n in range(12)))
    assert pane.slices.fps == 25.0
    seen: list[int] = []
    pane.viewport.changed.connect(lambda: seen.append(pane.phase))
    assert pane.slices.do("cine")
    qtbot.wait(600)
    assert pane.slices.do("cine")
    order = [a for n, a in enumerate(seen) if n == 0 or seen[n - 1] != a]
    assert len(order) >= 8 and all((b - a) % 12 == 1 for a, b in itertools.pairwise(order))
    assert pane.slices.do("cine_faster") and pane.slices.fps == 30.0
    assert pane.slices.do("cine_slower") and pane.slices.fps == 25.0


def test_nothing_is_read_ahead_that_does_not_fit(pane: ViewPane, qtbot: QtBot) -> None:
    one = int(np.prod(GRID.shape)) * 2
    pane.library._budget = one * 4
    stack = series([n * 0.04 for n in range(12)])
    pane.show_stack(stack, Pane(stack.id))
    qtbot.wait(300)
    assert Slow.asked == [0, 1, 2, 3]
    pane.show_phase(7)
    qtbot.waitUntil(lambda: 7 in Slow.asked and pane.viewport.value_at(np.zeros(3)) == 700.0)


def test_scrubbing_by_wheel_key_and_axis(
    pane: ViewPane, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = series([0.0, 10.0, 40.0])
    pane.show_stack(stack, Pane(stack.id))
    qtbot.waitUntil(lambda: len(Slow.asked) == 3)
    view = pane.slices
    slice_before, zoom = pane.viewport.slice_number, pane.viewport.zoom
    wheel(view, -120, SCRUB)
    assert pane.phase == 1
    wheel(view, 120, SCRUB)
    assert pane.phase == 0
    assert (pane.viewport.slice_number, pane.viewport.zoom) == (slice_before, zoom)
    assert view.do("phase_back") and pane.phase == 2
    y = round(view.height() - 66)
    QTest.mouseClick(view, LEFT, pos=QPoint(round(view.width() * (0.32 + 0.36 * 0.25)), y))
    assert pane.phase == 1
    start, stop = QPoint(round(view.width() * 0.41), y), QPoint(round(view.width() * 0.69), y)
    QTest.mousePress(view, LEFT, pos=start)
    QTest.mouseMove(view, stop)
    QTest.mouseRelease(view, LEFT, pos=stop)
    assert pane.phase == 2
    QApplication.processEvents()
    qtbot.waitUntil(lambda: is_in(pane, 2))
    assert {"0.0 s", "40.0 s"} <= set(written_on(view, monkeypatch))
    view.mouse.hover = QPointF(view.to_view(GRID.to_lps((20.0, 15.0, 2.0))))
    assert view.readout().startswith("20")  # 200 + z: a stored voxel of phase 2

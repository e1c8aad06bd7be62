"""A grid of panes over made-up slices, and one reading room, for the tests of the room."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest

from tests.ui.conftest import until
from tests.viewer.conftest import grid
from workstation.ui.program import application, wait_until
from workstation.ui.room_area import Room
from workstation.ui.text_size import show_text_at
from workstation.ui.window import Window
from workstation.wiring import open_services

__all__ = ["grid", "until"]


@pytest.fixture(scope="session")
def one_window(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """One window on a copy of the demo home for all tests here: opening one takes seconds."""
    home = tmp_path_factory.mktemp("room") / "家"
    shutil.copytree(demo_home, home)
    with open_services(home, "zh_CN") as services:
        application()
        made = Window(services.settings, services.archive)
        made.resize(1600, 900)
        made.show()
        made.activateWindow()
        QTest.qWaitForWindowActive(made)
        yield made
        made.shut()


@pytest.fixture
def room(one_window: Window, until: Callable[..., None]) -> Iterator[Room]:
    """The reading room with the demo's MR study open, hung as at first; set back afterwards."""
    window = one_window
    found = window.findChild(Room)
    assert found is not None
    study = next(s for s in window.desk.archive.worklist() if "MR" in s.modalities)
    window.desk.sign_in(window.desk.archive.user("li"))
    window.actions_.open_study(study.study_uid)
    wait_until(application(), lambda: window.settled, 120)
    window.grid_.hang_by("")
    window.activateWindow()
    # Keys reach commands in the active window only; a window that another test closed may still
    # hold that place for a moment.
    assert QTest.qWaitForWindowActive(window, 20_000)
    yield found
    found.apart.move("")
    window.commands.set_keys({})
    if found.preferences.text_percent != 100:
        found.remember(text_percent=100)
        show_text_at(window, 100)
    window.resize(1600, 900)

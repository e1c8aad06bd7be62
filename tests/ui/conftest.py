"""A real window on a real home, closed properly afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest

from workstation import text
from workstation.settings import load_settings
from workstation.wiring import Services, open_services

from workstation.ui.program import application, wait_until  # isort: skip - after wiring
from workstation.ui.window import Window  # isort: skip


@pytest.fixture
def services(demo_home: Path, tmp_path: Path) -> Iterator[Services]:
    home = tmp_path / "家"
    shutil.copytree(demo_home, home)
    with open_services(home, "zh_CN") as opened:
        yield opened


@pytest.fixture
def window(services: Services) -> Iterator[Window]:
    application()
    made = Window(services.settings, services.archive)
    made.resize(1600, 900)
    made.show()
    made.activateWindow()  # keys go to the active window; no window manager makes it so
    QTest.qWaitForWindowActive(made)
    yield made
    made.shut()


@pytest.fixture
def until() -> Callable[..., None]:
    """Let the program run until a condition holds; the test fails where it never does."""
    app = application()

    def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
        assert wait_until(app, condition, seconds), "it did not come about in time"

    return wait


__all__ = ["load_settings", "text"]

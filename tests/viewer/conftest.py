"""A grid of panes over slices that are made up and can be held back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from tests.viewer.images import grid_of, stack_of
from workstation.domain.errors import BadInput, Message
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel
from workstation.ui import theme
from workstation.ui.loading import VolumeLibrary
from workstation.ui.view_grid import ViewGrid


class Slices:
    """A reader of made-up slices that can be held back."""

    def __init__(self, stack: Stack, phase: int, locate: Any) -> None:
        self.stack = stack
        self.phase = phase
        self.array: NDArray[Any] = np.zeros(stack.grid.shape, dtype=np.int16)
        self.broken: dict[int, Message] = {}
        self.hold = HOLD

    def fill(self, first_z: int = 0, cancel: Cancel | None = None) -> Iterator[int]:
        order = sorted(range(self.array.shape[0]), key=lambda z: abs(z - first_z))
        for count, z in enumerate(order):
            if count == 1:
                assert self.hold.wait(10)
            if cancel is not None:
                cancel.check()
            self.array[z] = 100 * (z + 1) + 10000 * self.phase
            if self.stack.description == "broken" and z == 3:
                self.broken[z] = Message("broken")
            if self.stack.description == "fails" and count == 2:
                raise BadInput("The disk is gone.")
            yield z


HOLD = threading.Event()


@pytest.fixture
def grid(qtbot: QtBot) -> Iterator[ViewGrid]:
    theme.load_fonts()
    HOLD.set()
    library = VolumeLibrary(lambda sha: Path(sha), make_reader=Slices)
    made = ViewGrid(library)
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    yield made
    HOLD.set()
    made.close_scenes()
    library.close()


def flat(name: str, **changes: Any) -> Stack:
    """A stack that no protocol shows in 3D."""
    shape = changes.pop("shape", (8, 30, 40))
    made = grid_of(shape, np.diag([1.0, 1.0, 3.0]), (0.0, 0.0, 0.0))
    return stack_of(made, id=name, series_uid=name, **changes)

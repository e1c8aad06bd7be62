"""Views over generated slices with a board of marks, as the window equips them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from tests.marks.drawn import ct_of, noise
from tests.viewer.images import grid_of
from workstation import text
from workstation.domain.errors import Message
from workstation.domain.mark import MarkEdit
from workstation.domain.volume import Stack
from workstation.ui import theme
from workstation.ui.loading import VolumeLibrary
from workstation.ui.marks_layer import MarksLayer
from workstation.ui.pane import ViewPane
from workstation.ui.slice_view import SliceView
from workstation.ui.view_grid import ViewGrid
from workstation.viewing.marks import MarkBoard, Voxels

SHAPE = (9, 60, 80)
STACK = ct_of(grid_of(SHAPE, np.diag([1.0, 1.0, 3.0]), (-40.0, -30.0, 100.0)), role="CT head")
VOXELS = noise(SHAPE)


class Slices:
    """A reader of generated voxels."""

    def __init__(self, stack: Stack, phase: int, locate: Any) -> None:
        self.array: NDArray[Any] = np.zeros(stack.grid.shape, dtype=np.int16)
        self.broken: dict[int, Message] = {}

    def fill(self, first_z: int = 0, cancel: Any = None) -> Iterator[int]:
        for z in range(self.array.shape[0]):
            self.array[z] = VOXELS[z]
            yield z


@dataclass
class Drawn:
    """A grid of views with marks, and what happened on its board."""

    grid: ViewGrid
    board: MarkBoard
    layers: list[MarksLayer]
    edits: list[MarkEdit] = field(default_factory=list)

    @property
    def view(self) -> SliceView:
        return self.grid.active_pane.slices

    @property
    def layer(self) -> MarksLayer:
        return next(each for each in self.layers if each.view is self.view)

    def at(self, x: float, y: float, z: float | None = None) -> QPoint:
        """Where a voxel is seen in the active view."""
        grid = self.view.viewport.grid
        assert grid is not None
        shown = self.view.viewport.slice_number if z is None else z
        return self.view.to_view(grid.to_lps(np.array([x, y, shown]))).toPoint()


@pytest.fixture
def drawn(qtbot: QtBot) -> Iterator[Drawn]:
    theme.load_fonts()
    library = VolumeLibrary(lambda sha: Path(sha), make_reader=Slices)
    grid = ViewGrid(library)
    qtbot.addWidget(grid)
    grid.resize(900, 700)
    grid.show()
    qtbot.waitExposed(grid)
    board = MarkBoard()

    def voxels(stack_id: str, phase: int) -> Voxels | None:
        loading = library.held(stack_id, phase)
        if loading is None:
            return None
        return Voxels(grid.stacks[stack_id], lambda z: loading.volume.array[z])

    board.voxels = voxels
    made = Drawn(grid, board, [])

    def equip(pane: ViewPane) -> None:
        layer = MarksLayer(pane.slices, board, lambda: "li")
        made.layers.append(layer)
        pane.slices.add_layer(layer)

    grid.on_pane(equip)
    board.edited.connect(made.edits.append)
    grid.set_study([STACK])
    grid.set_layout("single")
    qtbot.waitUntil(lambda: grid.panes[0].settled, timeout=5000)
    grid.panes[0].slices.setFocus()
    yield made
    for pane in grid.panes:
        if pane.solid is not None:
            pane.solid.close_scene()
    library.close()


@pytest.fixture(autouse=True)
def _spoken() -> None:
    """Chinese, whatever a window of another folder's tests was left speaking."""
    text.set_language("zh_CN")

"""Planes, fusion, curves, phases and subtraction in the real window, as a reader uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.reading.readable import make_user
from workstation import text
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.centreline import Centreline
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.people import MACHINE, Role
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Stack
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.settings import load_settings
from workstation.viewing.window_level import Window as Level

from workstation.ui.curved_area import CurvedArea  # isort: skip
from workstation.ui.fusion_area import FusionArea  # isort: skip
from workstation.ui.fusion_panel import FusionPanel  # isort: skip
from workstation.ui.program import application, wait_until  # isort: skip
from workstation.ui.subtract_area import SubtractArea, SubtractDialog  # isort: skip
from workstation.ui.window import Window  # isort: skip

STUDY = "1.2.840.99999.9.1"
CT_GRID = Grid((24, 48, 52), as_matrix(np.diag([1.0, 1.0, 2.0, 1.0])))
MR_GRID = Grid(
    (8, 20, 22),
    as_matrix([[2.4, 0, 0, 1.0], [0, 2.4, 0, -1.0], [0, 0, 6.0, 2.0], [0, 0, 0, 1]]),
)


def header(number: int, modality: str, words: str, **more: Any) -> SeriesHeader:
    values: dict[str, Any] = {
        "modality": modality, "patient_name": "Plane^Test", "patient_id": "P-9",
        "birth_date": "19610203", "sex": "M", "age": "063Y", "study_uid": STUDY,
        "study_date": "20260105", "study_time": "101112", "study_description": "planes",
        "accession": "A9", "series_uid": f"{STUDY}.{number}", "series_number": number,
        "series_description": words, "series_time": "101112",
        "frame_of_reference_uid": f"{STUDY}.99", "body_part": "CHEST",
        "window": (40.0, 400.0), "slice_thickness_mm": 2.0,
    }  # fmt: skip
    return SeriesHeader(**(values | more))


def write_study(home: Path, folder: Path) -> Archive:
    """CT with a vessel along z, and a coarser MR of four phases in the same place."""
    ct = np.full(CT_GRID.shape, -50, dtype=np.int16)
    ct[:, 22:27, 24:29] = 350
    write_series(folder / "ct", ct, CT_GRID, header(1, "CT", "CT thin"))
    phases = np.stack([np.full(MR_GRID.shape, 100 * n + 50, dtype=np.int16) for n in range(4)])
    write_series(
        folder / "mr", phases, MR_GRID,
        header(2, "MR", "cine", trigger_ms=(0.0, 250.0, 500.0, 750.0), nominal_interval_ms=1000.0),
    )  # fmt: skip
    archive = Archive(home)
    make_user(archive, "li", "李医生", Role.READER)
    intake(archive, [folder], actor=MACHINE)
    assemble(archive, STUDY, actor=MACHINE)
    return archive


class Room:
    """A window with the study open."""

    def __init__(self, archive: Archive, home: Path) -> None:
        self.archive = archive
        self.window = Window(load_settings(home), archive)
        self.window.resize(1700, 950)
        self.window.show()
        self.window.activateWindow()
        QTest.qWaitForWindowActive(self.window)
        self.window.desk.open_study(STUDY)
        self.until(lambda: self.window.settled, 60)

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        assert wait_until(application(), condition, seconds), "it did not come about in time"

    def stack(self, modality: str) -> Stack:
        stacks = self.window.grid_.stacks.values()
        return next(s for s in stacks if s.modality == modality and s.frames)

    def show(self, modality: str, layout: str = "") -> None:
        self.window.grid_.set_layout("grid")
        self.window.grid_.show_stack(self.stack(modality).id, 0)
        if layout:
            self.window.grid_.set_layout(layout)
        self.until(lambda: self.window.settled, 60)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One window for all: opening it is the slow part. Each test shows what it needs."""
    folder = tmp_path_factory.mktemp("planes")
    text.set_language("en")
    application()
    made = Room(write_study(folder / "家", folder / "files"), folder / "家")
    yield made
    made.window.shut()
    made.archive.close()


def area(room: Room, kind: type) -> object:
    found = room.window.findChild(kind)
    assert isinstance(found, kind)
    return found


def test_three_planes_turn_together_by_key_and_come_back(room: Room) -> None:
    room.show("CT", "mpr")
    grid = room.window.grid_
    grid.activate(0)
    for name in ("turn_right", "turn_right", "tilt_up"):
        room.window.commands.run(name)
    flat = [p.viewport for p in grid.panes if not p.content.solid]
    normals = np.array([v.axes.normal for v in flat])
    assert len(flat) == 3 and np.abs(normals @ normals.T - np.eye(3)).max() < 1e-12
    assert all(v.turned_deg > 5 for v in flat)
    room.window.commands.run("straighten")
    assert [v.kind for v in flat] == [PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL]


def test_fusion_by_command_tab_and_new_layout(room: Room) -> None:
    fusion = area(room, FusionArea)
    assert isinstance(fusion, FusionArea)
    room.show("CT", "single")
    pane = room.window.grid_.active_pane
    mr = room.stack("MR")
    assert fusion.candidates(pane) == [mr]
    fusion.fuse(pane, mr)
    room.until(lambda: fusion.active is not None and fusion.active.volume.array.max() > 0)
    assert fusion.active is not None
    assert fusion.active.value_at(pane.viewport.focus_mm) == 50.0
    room.show("CT", "mpr")  # every view of the series has it
    layers = [fusion.layers[p] for p in room.window.grid_.panes if not p.content.solid]
    assert len(layers) == 3 and all(layer.fusion is fusion.active for layer in layers)
    panel = room.window.findChild(FusionPanel)
    assert isinstance(panel, FusionPanel)
    panel.opacity.setValue(80)
    assert fusion.active.opacity == pytest.approx(0.8)
    panel.low.setValue(10.0)
    panel.high.setValue(60.0)
    assert fusion.active.window == Level(35.0, 50.0)
    room.window.commands.run("fusion_less")
    assert panel.opacity.value() == 70
    room.window.commands.run("unfuse")
    assert all(layer.fusion is None for layer in layers)


def test_a_centreline_is_kept_as_it_is_drawn(room: Room) -> None:
    curved = area(room, CurvedArea)
    assert isinstance(curved, CurvedArea)
    room.window.desk.sign_in(room.archive.user("li"))
    room.show("CT", "mpr")
    room.window.grid_.activate(1)
    room.window.commands.run("curved")
    QApplication.processEvents()
    assert curved.board.isVisible() and room.window.grid_.tool == "centreline"
    view = room.window.grid_.panes[1].slices  # coronal: through the vessel
    view.viewport.move_focus(np.array([26.0, 24.0, 20.0]))
    for z in (6.0, 20.0, 40.0):
        place = view.to_view(np.array([26.0, 24.0, z])).toPoint()
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    room.window.jobs.flush()
    (line,) = room.archive.all(Centreline, STUDY)
    assert len(line.points_mm) == 3 and line.by == "li"
    curve = curved.plan.edit.curve
    assert curve is not None and curve.length_mm == pytest.approx(34.0, abs=0.6)
    room.window.undo.undo()
    room.window.jobs.flush()
    assert len(room.archive.get(Centreline, line.id).points_mm) == 2
    room.window.undo.redo()
    curved.plan.go_to(10.0)  # the board leads the views
    moved = room.window.grid_.panes[0].viewport.focus_mm
    assert np.allclose(moved, curve.places([10.0])[0], atol=0.5)
    room.window.commands.run("curved")
    assert not curved.board.isVisible() and room.window.grid_.tool == ""
    room.window.commands.run("curved")  # it comes back from the archive
    assert np.allclose(curved.plan.edit.points, line.points_mm)
    assert verify(room.archive).ok


def test_phases_are_subtracted(room: Room) -> None:
    room.show("MR")
    pane = room.window.grid_.panes[0]
    assert pane.slices.phases == 4 and pane.slices.fps == pytest.approx(4.0)
    assert pane.slices.do("cine_faster")
    assert pane.slices.fps == 5.0
    subtraction = area(room, SubtractArea)
    assert isinstance(subtraction, SubtractArea)
    mr = room.stack("MR")
    assert subtraction.candidates(mr) == [mr]  # CT has another unit
    dialog = SubtractDialog(mr, 3, [mr], room.window)
    dialog.other_phase.setCurrentIndex(1)
    assert dialog.chosen == (3, mr, 1)
    subtraction.subtract(mr, 3, mr, 1)
    grid = room.window.grid_
    room.until(lambda: any(s.startswith("minus:") for s in grid.stacks))
    room.until(lambda: room.window.settled)
    shown = next(p for p in grid.panes if p.content.stack_id.startswith("minus:"))
    assert shown.viewport.value_at(MR_GRID.to_lps((5.0, 5.0, 4.0))) == 200.0
    shown.slices.grab()


def test_a_turned_view_comes_back_turned(room: Room) -> None:
    room.show("CT", "mpr")
    grid = room.window.grid_
    grid.link.orientation.turn(grid.panes[0].viewport, 20.0)
    kept, normal = grid.panes[1].state(), grid.panes[1].viewport.axes.normal.copy()
    grid.link.orientation.reset(grid.panes[0].viewport)
    grid.panes[1].restore(room.stack("CT"), kept)
    assert np.allclose(grid.panes[1].viewport.axes.normal, normal)
    assert grid.panes[1].viewport.turned_deg == pytest.approx(20.0)

"""The board for curved reformats: placing, jumping, storing, and no false millimetres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.archive.samples import READER, make_series, make_study
from tests.planes.painted import written_on
from tests.viewer.images import grid_of, volume_of
from workstation import text
from workstation.archive.store import Archive
from workstation.domain.artefact import new_id, now
from workstation.domain.centreline import Centreline
from workstation.domain.errors import Message
from workstation.domain.people import Permission
from workstation.domain.plane import PlaneKind
from workstation.reading import centrelines
from workstation.ui import theme
from workstation.ui.centreline_layer import TOOL, CentrelineLayer
from workstation.ui.curved_board import CurvedBoard
from workstation.ui.slice_view import SliceView
from workstation.viewing.curved_plan import CurvedPlan
from workstation.viewing.links import CrosshairLink
from workstation.viewing.slab import Slab
from workstation.viewing.viewport import Viewport
from workstation.viewing.window_level import Window

LEFT = Qt.MouseButton.LeftButton
GRID = grid_of((60, 60, 60), np.eye(3), (-30.0, -30.0, -30.0))


@pytest.fixture
def placed(qtbot: QtBot) -> Iterator[tuple[SliceView, CurvedPlan, CurvedBoard]]:
    theme.load_fonts()
    text.set_language("en")
    array = np.zeros(GRID.shape, dtype=np.int16)
    array[:, 28:33, 28:33] = 500  # a square vessel along z
    volume = volume_of(GRID, array, modality="CT", unit="[hnsf'U]")
    view, plan = SliceView(Viewport(), CrosshairLink()), CurvedPlan()
    view.viewport.show(volume, PlaneKind.CORONAL)
    view.add_layer(CentrelineLayer(view, plan))
    view.resize(420, 420)
    view.tool = TOOL
    plan.show(volume, view.viewport.frame)
    plan.set_active(True)
    board = CurvedBoard(plan, lambda: (Window(250, 600), False))
    board.resize(500, 700)
    for widget in (view, board):
        qtbot.addWidget(widget)
        widget.show()
        qtbot.waitExposed(widget)
    yield view, plan, board


def click(view: SliceView, place_mm: tuple[float, float, float]) -> None:
    QTest.mouseClick(view, LEFT, pos=view.to_view(np.asarray(place_mm)).toPoint())


def test_points_by_mouse(placed: tuple[SliceView, CurvedPlan, CurvedBoard]) -> None:
    view, plan, _ = placed
    y = float(view.viewport.focus_mm[1])
    for z in (-20.0, 0.0, 20.0):
        click(view, (0.0, y, z))
    assert np.allclose(plan.edit.points, [(0, y, -20), (0, y, 0), (0, y, 20)], atol=0.2)
    click(view, (0.0, y, 10.0))  # on the line: between two
    assert [round(p[2]) for p in plan.edit.points] == [-20, 0, 10, 20]
    start = view.to_view(np.array([0.0, y, 10.0])).toPoint()
    stop = view.to_view(np.array([6.0, y, 12.0])).toPoint()
    QTest.mousePress(view, LEFT, pos=start)
    QTest.mouseMove(view, (start + stop) / 2)
    QTest.mouseMove(view, stop)
    QTest.mouseRelease(view, LEFT, pos=stop)
    assert np.allclose(plan.edit.points[2], (6.0, y, 12.0), atol=0.3)
    assert plan.edit.undo() and round(plan.edit.points[2][0]) == 0
    QTest.mouseDClick(view, LEFT, pos=view.to_view(np.asarray(plan.edit.points[2])).toPoint())
    assert len(plan.edit.points) == 3
    view.tool = ""  # with another tool nothing is placed
    click(view, (5.0, y, 5.0))
    assert len(plan.edit.points) == 3


def test_a_click_in_a_mip_means_the_bright_voxel(
    placed: tuple[SliceView, CurvedPlan, CurvedBoard],
) -> None:
    view, plan, _ = placed
    view.viewport.move_focus(np.array([0.0, -9.0, 0.0]))  # the plane is beside the vessel
    click(view, (0.0, -9.0, 0.0))
    assert plan.edit.points[0][1] == pytest.approx(-9.0)
    view.viewport.set_slab(Slab(40.0))
    click(view, (0.0, -9.0, 15.0))
    assert plan.edit.points[1][1] == pytest.approx(0.0, abs=0.6)  # the middle of the vessel


def test_a_click_in_the_straightened_picture_goes_there(
    placed: tuple[SliceView, CurvedPlan, CurvedBoard],
) -> None:
    _, plan, board = placed
    plan.edit.show([(0.0, 0.0, -25.0), (0.0, 0.0, 25.0)])
    went: list[np.ndarray] = []
    plan.went.connect(lambda place: went.append(place))
    raster = board.curved.raster()
    assert raster is not None
    target = np.array([0.0, 0.0, 12.5])
    column, row, _ = raster.to_picture(target)
    QTest.mouseClick(board.curved, LEFT, pos=QPointF(column + 0.5, row + 0.5).toPoint())
    assert np.linalg.norm(went[-1] - target) < 2 * raster.mm_per_pixel
    assert plan.along_mm == pytest.approx(37.5, abs=2 * raster.mm_per_pixel)
    assert [s.along_mm for s in board.sections] == pytest.approx(
        [plan.along_mm - 1, plan.along_mm, plan.along_mm + 1]
    )
    section = board.sections[2]
    QTest.mouseClick(section, LEFT, pos=section.square().center().toPoint())
    assert plan.along_mm == pytest.approx(38.5, abs=3 * raster.mm_per_pixel)
    plan.follow(np.array([3.0, 0.0, -20.0]))  # the crosshair, moved elsewhere
    assert plan.along_mm == pytest.approx(5.0)
    plan.follow(np.array([28.0, 28.0, 0.0]))  # too far to be meant
    assert plan.along_mm == pytest.approx(5.0)


def test_no_false_millimetres(
    placed: tuple[SliceView, CurvedPlan, CurvedBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    """mm along and across where they are true; the curved picture measures in pixels only."""
    _, plan, board = placed
    plan.edit.show([(0.0, 0.0, -25.0), (0.0, 4.0, 0.0), (0.0, 0.0, 25.0)])
    board.curved.set_measuring(True)
    raster = board.curved.raster()
    assert raster is not None
    QTest.mousePress(board.curved, LEFT, pos=QPointF(60, 100).toPoint())
    QTest.mouseMove(board.curved, QPointF(80, 300).toPoint())
    QTest.mouseRelease(board.curved, LEFT, pos=QPointF(80, 300).toPoint())
    mm = raster.mm_per_pixel
    words = f"along {200 * mm:.1f} mm, across {20 * mm:.1f} mm"
    assert words in written_on(board.curved, monkeypatch)
    plan.set_unrolled(True)
    written = written_on(board.curved, monkeypatch)
    assert "201 px" in written and "Lengths in pixels only" in written
    assert not any("across" in w for w in written)


def test_lines_are_stored_and_come_back(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "中文")
    with archive.write(READER, Permission.IMPORT, Message("import"), "1.2") as writer:
        writer.add_instances(make_study("1.2"), make_series("1.2"), [])
    points = ((0.0, 0.0, 1.0), (2.5, 0.0, 3.0))
    line = Centreline(new_id(), "1.2", "1.2.3", "s", "1.2.9", points, "li", now(), "ACI links")
    centrelines.keep(archive, READER, line)
    assert centrelines.kept(archive, "1.2") == [line]
    assert centrelines.kept(archive, "9") == []
    centrelines.remove(archive, READER, line.id)
    assert centrelines.kept(archive, "1.2") == []
    assert archive.history(Centreline, line.id)[0] == line
    archive.close()

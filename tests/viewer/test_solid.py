"""The 3D view and its scene."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.viewer.conftest import flat
from tests.viewer.events import LEFT, NO_KEY
from tests.viewer.images import GRIDS, grid_of
from workstation import text
from workstation.render.volume import SolidPreset, VolumeScene, prepared
from workstation.ui import volume_view
from workstation.ui.view_grid import ViewGrid
from workstation.ui.volume_view import VolumeView

# --- 3D


def test_volume_scene_shows_the_patient_upright(qtbot: QtBot) -> None:
    """A bright block to the patient's left, high up, shows right and top when seen from front."""
    for name in ("axial", "negated", "sagittal"):
        grid = GRIDS[name]
        array = np.full(grid.shape, -1000, dtype=np.int16)
        corner = grid.corners_lps
        low, high = corner.min(axis=0), corner.max(axis=0)
        z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
        at = (grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64)) - low) / (high - low)
        inside = ((at > 0.15) & (at < 0.85)).all(axis=-1)  # a face at the border has no gradient
        array[(at[..., 0] > 0.55) & (at[..., 2] > 0.55) & inside] = 1200
        scene = VolumeScene()
        scene.set_volume(array, grid, SolidPreset.CT_BONE)
        picture = scene.render(160, 160, 1.0)[..., :3].max(axis=-1)
        rows, columns = np.nonzero(picture > 60)
        assert rows.size > 50
        assert columns.mean() > 85 and rows.mean() > 85  # row 0 is at the bottom
        part = scene.render_part(160, 160, (0, 40, 160, 60), 1.0)
        whole = scene.render(160, 160, 1.0)
        assert np.abs(whole[42:98].astype(int) - part[2:58]).mean() < 2.0
        scene.close()


def test_what_3d_renders_is_small_and_in_place() -> None:
    grid = grid_of((60, 200, 200), np.diag([-0.5, -0.5, 2.0]), (50.0, 50.0, 0.0))
    array = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    small, placed, slope, intercept = prepared(array, grid, most=500_000)
    assert small.size <= 500_000 and small.dtype == np.int16
    assert np.linalg.det(placed.matrix[:3, :3]) > 0
    for index in ((3, 4, 5), (10, 20, 30)):
        lps = placed.to_lps(index)
        x, y, z = np.round(grid.to_index(lps)).astype(int)
        assert small[index[::-1]] * slope + intercept == pytest.approx(
            array[z, y, x], abs=2 * slope
        )


def test_3d_pane_starts_or_says_why_not(grid: ViewGrid, qtbot: QtBot) -> None:
    stack = flat("a", shape=(20, 40, 40), modality="CT")
    grid.set_study([stack])
    assert grid.panes[3].content.solid
    solid = grid.panes[3].solid
    assert solid is not None
    qtbot.waitUntil(lambda: bool(solid.problem) or solid._shown is not None, timeout=30000)
    assert not solid.problem  # this machine can: the other way is tested below
    shot = solid.grab().toImage()
    assert shot.width() == solid.width()
    drag_solid(solid)
    QTest.keyClick(solid, Qt.Key.Key_2)
    assert solid.preset is list(SolidPreset)[1]
    qtbot.waitUntil(lambda: not solid._parts and not solid._finer.isActive(), timeout=30000)


def drag_solid(solid: VolumeView) -> None:
    QTest.mousePress(solid, LEFT, NO_KEY, QPoint(50, 50))
    QTest.mouseMove(solid, QPoint(90, 60))
    QTest.mouseRelease(solid, LEFT, NO_KEY, QPoint(90, 60))


def test_a_machine_without_3d_says_so_and_lives(
    grid: ViewGrid, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.set_language("en")
    monkeypatch.setattr(volume_view._Probe, "known", None)
    monkeypatch.setattr(sys, "executable", sys.executable + "-that-is-not-there")
    grid.set_study([flat("a", shape=(20, 40, 40), modality="CT")])
    solid = grid.panes[3].solid
    assert solid is not None
    qtbot.waitUntil(lambda: bool(solid.problem), timeout=10000)
    assert solid.problem == "3D is not available: the graphics driver of this computer failed."
    grid.grab()
    assert grid.isVisible()

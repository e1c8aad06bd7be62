"""The 3D pane under mouse and keys: a real scene in its own thread, real events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.solid.phantoms import GRIDS, MIDDLE, ball, soft_ball, vec
from tests.viewer.conftest import flat
from tests.viewer.events import LEFT, NO_KEY, RIGHT, SHIFT
from tests.viewer.events import MIDDLE as MIDDLE_BUTTON
from tests.viewer.images import volume_of
from workstation import text
from workstation.domain.geometry import Floats
from workstation.domain.plane import PlaneKind
from workstation.render.volume import VolumeScene
from workstation.ui import theme
from workstation.ui.solid_painter import SolidMask
from workstation.ui.solid_probe import Probe
from workstation.ui.view_grid import ViewGrid
from workstation.ui.volume_view import VolumeView
from workstation.viewing.solid_camera import VIEWS
from workstation.viewing.viewport import Viewport

CONTROL = Qt.KeyboardModifier.ControlModifier
PLACE = MIDDLE + vec(6.0, -4.0, 8.0)


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[VolumeView]:
    """A ball of 12 mm at a known place on a tilted oblique grid, drawn in full."""
    theme.load_fonts()
    grid = GRIDS["tilted oblique"]
    volume = volume_of(grid, soft_ball(grid, PLACE, 12.0), modality="CT", unit="[hnsf'U]")
    port = Viewport()
    port.show(volume)
    made = VolumeView(None, port)
    qtbot.addWidget(made)
    made.resize(360, 300)
    made.show()
    made.show_volume(volume)
    qtbot.waitUntil(lambda: made.settled, timeout=30000)
    yield made
    made.close_scene()


def done(qtbot: QtBot, view: VolumeView) -> None:
    qtbot.waitUntil(lambda: view.settled, timeout=30000)


def drag(view: VolumeView, button: Any, a: QPoint, b: QPoint, keys: Any = NO_KEY) -> None:
    QTest.mousePress(view, button, keys, a)
    for n in range(1, 5):
        QTest.mouseMove(view, a + (b - a) * n / 4)
    QTest.mouseRelease(view, button, keys, b)


def at(view: VolumeView, lps: Any) -> QPoint:
    assert view.camera is not None
    x, y, _ = view.camera.to_view(lps, view.width(), view.height())
    return QPoint(round(float(x)), round(float(y)))


def focus(view: VolumeView) -> Floats:
    assert view.focus_mm is not None
    return view.focus_mm


def bright(view: VolumeView, place: QPoint) -> bool:
    ratio = view.image.devicePixelRatio()
    colour = view.image.pixelColor(round(place.x() * ratio), round(place.y() * ratio))
    return max(colour.red(), colour.green(), colour.blue()) > 40


def test_picture_shows_the_ball_where_it_is(qtbot: QtBot, view: VolumeView) -> None:
    assert bright(view, at(view, PLACE))
    assert not bright(view, at(view, PLACE + vec(25.0, 0, 0)))
    for key, side in zip("APLRHF", VIEWS, strict=True):
        QTest.keyClick(view, getattr(Qt.Key, f"Key_{key}"))
        done(qtbot, view)
        assert view.look is not None and view.look.camera.ahead == VIEWS[side][0]
        assert bright(view, at(view, PLACE))


def test_mouse_turns_pans_and_zooms(qtbot: QtBot, view: VolumeView) -> None:
    assert view.look is not None
    before = view.look.camera
    drag(view, LEFT, QPoint(100, 100), QPoint(180, 130))
    turned = view.look.camera
    assert turned.ahead != before.ahead and turned.half_mm == before.half_mm
    drag(view, MIDDLE_BUTTON, QPoint(100, 100), QPoint(130, 100))
    assert view.look.camera.target_mm != turned.target_mm
    drag(view, RIGHT, QPoint(100, 200), QPoint(100, 150))
    assert view.look.camera.half_mm < before.half_mm
    done(qtbot, view)
    assert bright(view, at(view, PLACE))
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert view.look.camera.half_mm == pytest.approx(before.half_mm)


def test_click_puts_the_crosshair_on_the_near_face(qtbot: QtBot, view: VolumeView) -> None:
    """Known geometry: the middle of the ball, 12 mm towards the reader."""
    assert view.look is not None
    view.set_look(view.look.__class__(view.look.preset, view.look.camera.orbit(40, -25)))
    done(qtbot, view)
    place = at(view, PLACE)
    QTest.mouseClick(view, LEFT, SHIFT, place)
    found = focus(view)
    assert view.camera is not None
    want = PLACE - np.asarray(view.camera.ahead) * 12.0
    assert np.linalg.norm(found - want) < 1.6
    QTest.mouseClick(view, LEFT, SHIFT, QPoint(5, 5))  # beside everything: it stays
    assert np.array_equal(focus(view), found)


def test_a_plain_click_picks_and_a_double_click_does_not(qtbot: QtBot, view: VolumeView) -> None:
    view.set_active(True)
    view.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus, timeout=5000)
    place = at(view, PLACE)
    before = focus(view)
    with qtbot.waitSignal(view.maximise_asked):
        QTest.mouseClick(view, LEFT, NO_KEY, place)
        QTest.mouseDClick(view, LEFT, NO_KEY, place)
    qtbot.wait(QApplication.doubleClickInterval() + 50)
    assert np.array_equal(focus(view), before)
    with qtbot.waitSignal(view.focus_picked, timeout=3000):
        QTest.mouseClick(view, LEFT, NO_KEY, place)
    assert np.linalg.norm(focus(view) - PLACE) < 14


def test_scissors_by_mouse_and_undo_by_key(qtbot: QtBot, view: VolumeView) -> None:
    QTest.keyClick(view, Qt.Key.Key_S)
    assert view.model.tool == "solid_scissors"
    middle = at(view, PLACE)
    corners = [QPoint(-60, -60), QPoint(60, -60), QPoint(60, 60), QPoint(-60, 60)]
    QTest.mousePress(view, LEFT, NO_KEY, middle + corners[0])
    for corner in corners[1:]:
        QTest.mouseMove(view, middle + corner)
    QTest.mouseRelease(view, LEFT, NO_KEY, middle + corners[3])
    done(qtbot, view)
    assert view.look is not None and len(view.look.snips) == 1
    assert not bright(view, middle)
    assert view.lps_at(QPointF(middle)) is None  # what is cut away cannot be picked
    QTest.keyClick(view, Qt.Key.Key_Z, CONTROL)
    done(qtbot, view)
    assert not view.look.snips and bright(view, middle)


def test_crop_face_is_pulled_by_its_handle(qtbot: QtBot, view: VolumeView) -> None:
    QTest.keyClick(view, Qt.Key.Key_B)
    assert view.model.bounds is not None and view.look is not None
    low, high = (np.asarray(end) for end in view.model.bounds)
    handle = (low + high) / 2
    handle[0] = high[0]  # the face to the patient's left: to the right of a front view
    start = at(view, handle)
    target = at(view, np.array([PLACE[0], handle[1], handle[2]]))
    drag(view, LEFT, start, QPoint(target.x(), start.y()))
    done(qtbot, view)
    assert view.look.box is not None and view.camera is not None
    mm = view.camera.mm_per_pixel(view.height())
    assert view.look.box[1][0] == pytest.approx(PLACE[0], abs=1.5 * mm)
    assert not bright(view, at(view, PLACE + vec(6.0, 0, 0)))
    assert bright(view, at(view, PLACE - vec(6.0, 0, 0)))
    QTest.keyClick(view, Qt.Key.Key_Backspace)
    assert view.look.box is None


def test_cut_follows_the_crosshair(qtbot: QtBot, view: VolumeView) -> None:
    assert view._viewport is not None and view.look is not None
    QTest.keyClick(view, Qt.Key.Key_H, SHIFT)
    assert view.look.half(PlaneKind.AXIAL) == 1
    view._viewport.move_focus(PLACE + vec(0, 0, 3.0))
    done(qtbot, view)
    assert not bright(view, at(view, PLACE + vec(0, 0, 7.0)))
    assert bright(view, at(view, PLACE - vec(0, 0, 5.0)))
    view._viewport.move_focus(PLACE + vec(0, 0, 40.0))
    done(qtbot, view)
    assert bright(view, at(view, PLACE + vec(0, 0, 7.0)))


def test_ctrl_drag_shifts_the_look(qtbot: QtBot, view: VolumeView) -> None:
    assert view.look is not None
    drag(view, LEFT, QPoint(60, 60), QPoint(160, 60), CONTROL)
    assert view.look.shift > 100
    done(qtbot, view)
    drag(view, LEFT, QPoint(60, 60), QPoint(300, 60), CONTROL)
    drag(view, LEFT, QPoint(60, 60), QPoint(340, 60), CONTROL)
    done(qtbot, view)
    assert not bright(view, at(view, PLACE))  # the whole look lies above the ball's values now
    QTest.keyClick(view, Qt.Key.Key_0)
    assert view.look.shift == 0
    QTest.keyClick(view, Qt.Key.Key_2)
    assert view.look.preset == "ct_skin"


def test_surfaces_are_seen_picked_and_faded(qtbot: QtBot, view: VolumeView) -> None:
    grid = GRIDS["tilted oblique"]
    centre = PLACE + vec(22.0, 0.0, 0.0)
    mask = SolidMask("f1", "结节", ball(grid, centre, 6.0), grid, (0.0, 1.0, 0.0))
    view.set_masks([mask])
    done(qtbot, view)
    place = at(view, centre)
    assert bright(view, place)
    found = view.lps_at(QPointF(place))
    assert found is not None and view.camera is not None
    assert np.linalg.norm(found - (centre - np.asarray(view.camera.ahead) * 6.0)) < 2.0
    view.model.toggle_surface("f1")
    done(qtbot, view)
    assert not bright(view, place) and view.lps_at(QPointF(place)) is None
    view.model.toggle_surface("f1")
    view.model.fade_surface("f1", 0.3)
    done(qtbot, view)
    colour = view.image.pixelColor(place)
    assert 0 < colour.green() < 140
    QTest.keyClick(view, Qt.Key.Key_V)
    done(qtbot, view)
    assert not bright(view, at(view, PLACE)) and bright(view, place)


def test_a_view_comes_back_as_it_was(qtbot: QtBot, view: VolumeView) -> None:
    assert view.look is not None and view.volume is not None
    QTest.keyClick(view, Qt.Key.Key_3)
    QTest.keyClick(view, Qt.Key.Key_A, SHIFT)
    drag(view, LEFT, QPoint(100, 100), QPoint(150, 120))
    kept = json.loads(json.dumps(view.model.state()))
    other = VolumeView(None, Viewport())
    qtbot.addWidget(other)
    other.model.restore(view.volume.stack.id, kept)
    other.show_volume(view.volume)
    assert other.look == view.look
    third = VolumeView(None, Viewport())
    qtbot.addWidget(third)
    # Of a version that wrote something else:
    third.model.restore(view.volume.stack.id, {"preset": 1})
    third.show_volume(view.volume)
    assert third.look is not None and third.look.preset == "ct_bone"
    for made in (other, third):
        made.close_scene()


def test_window_never_waits_for_3d(qtbot: QtBot) -> None:
    """Complaints 3 and 6: a large volume is prepared and drawn while the window goes on."""
    shape = (160, 320, 320)
    rng = np.random.default_rng(0)
    noise = rng.integers(-200, 600, (1, 320, 320), dtype=np.int16)
    grid = GRIDS["axial"].__class__(shape, GRIDS["axial"].affine)
    volume = volume_of(grid, np.repeat(noise, 160, axis=0), modality="CT")
    made = VolumeView(None, Viewport())
    qtbot.addWidget(made)
    made.resize(600, 600)
    made.show()
    qtbot.waitExposed(made)
    gaps, last = [], time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(beat)
    timer.start(5)
    made.show_volume(volume)
    done(qtbot, made)
    drag(made, LEFT, QPoint(100, 100), QPoint(300, 150))
    done(qtbot, made)
    timer.stop()
    print(f"longest gap {max(gaps) * 1000:.0f} ms of {sum(gaps):.1f} s")
    # How long exactly is the bench's; here: the window went on through all of it.
    assert np.median(gaps) < 0.05 and max(gaps) < 0.5 * sum(gaps)
    assert made.painter.shown is not None
    assert made.painter.shown[0].voxels.size <= 14_000_001
    made.close_scene()


def test_on_a_graphics_card_one_volume_is_kept_at_a_time(
    qtbot: QtBot, view: VolumeView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complaint 3: two volumes may not fit into a card's memory; a view without one lives on."""
    monkeypatch.setattr(VolumeScene, "uses_card", property(lambda scene: True))
    QTest.keyClick(view, Qt.Key.Key_P)
    done(qtbot, view)
    other = VolumeView(None, Viewport())
    qtbot.addWidget(other)
    other.resize(200, 200)
    other.show()
    other.show_volume(view.volume)
    done(qtbot, other)
    assert other.painter.shown is not None and view.painter.shown is None
    assert bright(view, at(view, PLACE))  # its last picture stays
    QTest.keyClick(view, Qt.Key.Key_A)
    done(qtbot, view)
    assert view.painter.shown is not None and other.painter.shown is None
    other.close_scene()


def test_turntable_runs_and_stops(qtbot: QtBot, view: VolumeView) -> None:
    assert view.look is not None
    before, frames = view.look.camera, view.pictures
    QTest.keyClick(view, Qt.Key.Key_C)
    qtbot.waitUntil(lambda: view.pictures > frames + 5, timeout=10000)
    QTest.keyClick(view, Qt.Key.Key_C)
    assert not view.spinning and view.look.camera.ahead != before.ahead
    done(qtbot, view)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_menu_can_be_opened(view: VolumeView, language: str) -> None:
    text.set_language(language)
    grid = GRIDS["axial"]
    view.set_masks([SolidMask("f1", "结节", ball(grid, MIDDLE, 6.0), grid, (0.0, 1.0, 0.0))])
    view.set_active(True)
    for button in (view.strip.look, view.strip.side, view.strip.tool, view.strip.cut,
                   view.strip.surfaces):  # fmt: skip
        button.menu().aboutToShow.emit()
        assert button.menu().actions()
        assert button.text()


def test_one_pane_of_the_grid_is_solid_and_kept(grid: ViewGrid, qtbot: QtBot) -> None:
    grid.set_study([flat("a", shape=(20, 40, 40), modality="CT")])
    solid = next(p.solid for p in grid.panes if p.solid is not None)
    qtbot.waitUntil(
        lambda: bool(solid.problem) or (solid.look is not None and solid.settled), timeout=30000
    )
    assert not solid.problem  # this machine can: the other way is tested below
    QTest.keyClick(solid, Qt.Key.Key_2)
    done(qtbot, solid)
    state = json.loads(json.dumps(grid.state()))
    kept = [p["solid_look"] for p in state["panes"] if p.get("solid_look")]
    assert kept and kept[0]["preset"] == "ct_skin"
    stacks = list(grid.stacks.values())
    grid.set_study(stacks)
    grid.restore(state)
    again = next(p.solid for p in grid.panes if p.solid is not None)
    qtbot.waitUntil(lambda: again.look is not None, timeout=30000)
    assert again.look is not None and again.look.preset == "ct_skin"


def test_a_machine_without_3d_says_so_and_lives(
    grid: ViewGrid, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.set_language("en")
    monkeypatch.setattr(Probe, "works", None)
    monkeypatch.setattr(sys, "executable", sys.executable + "-that-is-not-there")
    grid.set_study([flat("a", shape=(20, 40, 40), modality="CT")])
    solid = next(p.solid for p in grid.panes if p.solid is not None)
    qtbot.waitUntil(lambda: bool(solid.problem), timeout=10000)
    assert solid.problem == "3D is not available: the graphics driver of this computer failed."
    grid.grab()
    assert grid.isVisible()

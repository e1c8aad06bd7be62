"""Panes in a real window: mouse, wheel, keys, what is drawn, loading, painting, 3D."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QFontDatabase, QFontMetricsF, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.viewer.images import GRIDS, grid_of, stack_of, volume_of
from workstation import text
from workstation.domain.errors import BadInput, Message
from workstation.domain.finding import FindingState
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Stack
from workstation.domain.work import Cancel
from workstation.render.volume import SolidPreset, VolumeScene, prepared
from workstation.ui import theme
from workstation.ui.loading import VolumeLibrary
from workstation.ui.slice_view import SliceView
from workstation.ui.view_grid import ViewGrid
from workstation.viewing.links import CrosshairLink
from workstation.viewing.overlay import Overlay
from workstation.viewing.viewport import Viewport
from workstation.viewing.window_level import Window

LEFT, MIDDLE, RIGHT = (
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.MiddleButton,
    Qt.MouseButton.RightButton,
)
NO_KEY, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def wheel(view: SliceView, delta: int, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    place = QPointF(view.width() / 2, view.height() / 2)
    event = QWheelEvent(
        place,
        QPointF(view.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def drag(view: SliceView, button: Qt.MouseButton, a: QPoint, b: QPoint, keys: Any = NO_KEY) -> None:
    QTest.mousePress(view, button, keys, a)
    QTest.mouseMove(view, (a + b) / 2)
    QTest.mouseMove(view, b)
    QTest.mouseRelease(view, button, keys, b)


def grey_at(image: QImage, place: QPointF) -> int:
    return QColor(image.pixelColor(round(place.x()), round(place.y()))).red()


@pytest.fixture
def view(qtbot: QtBot) -> SliceView:
    theme.load_fonts()
    made = SliceView(Viewport(), CrosshairLink())
    qtbot.addWidget(made)
    made.resize(400, 360)
    made.viewport.show(volume_of(GRIDS["axial"], modality="CT", window=(500.0, 2000.0)))
    made.show()
    qtbot.waitExposed(made)
    return made


def test_wheel_scrolls_every_notch_and_fraction(view: SliceView) -> None:
    view.viewport.go_to_slice(0)
    wheel(view, -120)
    assert view.viewport.slice_number == 1
    wheel(view, -360)
    assert view.viewport.slice_number == 4
    for _ in range(16):
        wheel(view, -30)
    assert view.viewport.slice_number == 8
    wheel(view, 240)
    assert view.viewport.slice_number == 6


def test_keys(view: SliceView) -> None:
    view.viewport.go_to_slice(0)
    press: Callable[..., None] = QTest.keyClick
    press(view, Qt.Key.Key_Down)
    press(view, Qt.Key.Key_Down, SHIFT)
    assert view.viewport.slice_number == 11
    press(view, Qt.Key.Key_Up)
    assert view.viewport.slice_number == 10
    press(view, Qt.Key.Key_End)
    assert view.viewport.slice_number == 13
    press(view, Qt.Key.Key_Home)
    assert view.viewport.slice_number == 0
    press(view, Qt.Key.Key_7)
    assert view.viewport.window == Window(-600, 1500)
    press(view, Qt.Key.Key_1)
    assert view.viewport.window == Window(500.0, 2000.0)
    press(view, Qt.Key.Key_I)
    assert view.viewport.invert
    press(view, Qt.Key.Key_Space)
    assert not view.viewport.overlays
    press(view, Qt.Key.Key_P)
    assert view.viewport.kind is PlaneKind.AXIAL
    press(view, Qt.Key.Key_M)
    assert view.viewport.slab.thickness_mm == 10.0


def test_mouse_drags(view: SliceView) -> None:
    window = view.viewport.window
    drag(view, LEFT, QPoint(100, 100), QPoint(200, 150))
    assert view.viewport.window.width == pytest.approx(window.width * 1.5)
    assert view.viewport.window.centre == pytest.approx(window.centre + window.width / 8)
    scale = view.raster().mm_per_pixel
    drag(view, MIDDLE, QPoint(100, 100), QPoint(140, 90))
    assert view.viewport.pan_mm == pytest.approx((40 * scale, -10 * scale))
    drag(view, RIGHT, QPoint(100, 200), QPoint(100, 100))
    assert view.viewport.zoom == pytest.approx(np.exp(0.8))


def test_shift_and_move_drives_the_crosshair(view: SliceView) -> None:
    other = Viewport()
    other.show(volume_of(GRIDS["axial"]), PlaneKind.CORONAL)
    view.link.add(view.viewport)
    view.link.add(other)
    place = QPointF(150.0, 222.0)
    expected = view.lps_at(place)
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    move = QMouseEvent(
        QEvent.Type.MouseMove,
        place,
        QPointF(view.mapToGlobal(place.toPoint())),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        SHIFT,
    )
    QApplication.sendEvent(view, move)
    assert np.allclose(other.focus_mm, expected)
    assert abs(other.raster(100, 100).to_picture(expected)[2]) < 1e-6


def test_the_bright_voxel_is_painted_where_the_mouse_finds_it(qtbot: QtBot) -> None:
    """From a voxel to a pixel of the widget and back through the mouse's eyes."""
    for name in ("axial", "negated", "oblique", "tilted oblique"):
        grid = GRIDS[name]
        array = np.zeros(grid.shape, dtype=np.int16)
        array[6, 20, 25] = 1000
        made = SliceView(Viewport(), CrosshairLink())
        qtbot.addWidget(made)
        made.resize(420, 420)
        made.viewport.show(volume_of(grid, array, window=(500.0, 1000.0)))
        made.viewport.toggle_overlays()
        place_mm = grid.to_lps((25.0, 20.0, 6.0))
        for kind in (PlaneKind.ACQUIRED, PlaneKind.AXIAL, PlaneKind.CORONAL):
            made.viewport.set_plane(kind)
            made.viewport.move_focus(place_mm)
            image = made.grab().toImage()
            column, row, _ = made.raster().to_picture(place_mm)
            assert grey_at(image, QPointF(column, row)) > 200
            assert np.allclose(made.lps_at(QPointF(column + 0.5, row + 0.5)), place_mm, atol=1.6)


def test_what_is_written_on_the_image(view: SliceView, monkeypatch: pytest.MonkeyPatch) -> None:
    text.set_language("en")
    view.viewport.show(
        volume_of(
            GRIDS["tilted"],
            modality="CT",
            description="头颅平扫",
            window=(40.0, 80.0),
            flags=(Flag.TILTED,),
            notes=(Message("The stack leans by {angle} degrees.", {"angle": 22}),),
            calibrated="",
        )
    )
    written: list[str] = []
    halo = view._overlay.halo
    real = halo.draw

    def listen(painter: Any, place: Any, words: str, *rest: Any, **more: Any) -> Any:
        written.append(words)
        return real(painter, place, words, *rest, **more)

    monkeypatch.setattr(halo, "draw", listen)
    view.viewport.toggle_invert()
    view.grab()
    everything = " | ".join(written)
    for wanted in (
        "头颅平扫",
        "7 / 14",
        "3 mm",
        "W 80  L 40",
        "inverted",
        "The stack leans by 22 degrees.",
        "No pixel spacing: lengths in pixels",
        "px",
    ):
        assert wanted in everything, wanted
    letters = {words for words in written if words in {"R", "L", "A", "P", "AH", "PF"}}
    assert len(letters) == 4


def test_no_tofu_in_the_bundled_font(qtbot: QtBot) -> None:
    family = theme.load_fonts()
    assert family in QFontDatabase.families()
    metrics = QFontMetricsF(theme.font(12))
    assert all(metrics.inFontUcs4(ord(c)) for c in "轴位冠状脑白质高信号橡皮⚠✓▶×°")


# --- findings and painting


def mask_overlay(state: FindingState, **changes: Any) -> Overlay:
    grid = GRIDS["axial"]
    mask = np.zeros(grid.shape, dtype=np.bool_)
    mask[5:8, 8:20, 10:28] = True
    values: dict[str, Any] = {
        "id": "f1",
        "stack_id": "stack-1",
        "frame": "1.2.9",
        "label": "脑白质高信号 4.7 mL",
        "state": state,
        "location_mm": tuple(grid.to_lps((18.0, 14.0, 6.0))),
        "array": mask,
        "grid": grid,
    }
    return Overlay(**(values | changes))


def edge_colour(view: SliceView, x: float, y: float) -> QColor:
    grid = GRIDS["axial"]
    column, row, _ = view.raster().to_picture(grid.to_lps((x, y, 6.0)))
    return view.grab().toImage().pixelColor(round(column), round(row))


def test_masks_are_drawn_in_the_colour_of_their_state(view: SliceView) -> None:
    view.viewport.go_to_slice(6)
    view.viewport.set_window(Window(5000, 10))  # a black image
    inside_black = edge_colour(view, 15.0, 14.0)
    assert inside_black.red() < 5
    for state, colour in ((FindingState.PROPOSED, "#e0903f"), (FindingState.ACCEPTED, "#63d6a0")):
        view.set_overlays([mask_overlay(state)])
        filled, wanted = edge_colour(view, 15.0, 14.0), QColor(colour)
        assert filled.red() > 20 or filled.green() > 20
        # The edge is the colour itself; look for it along a row of the picture.
        image = view.grab().toImage()
        row = round(view.raster().to_picture(GRIDS["axial"].to_lps((18.0, 14.0, 6.0)))[1])
        seen = {image.pixelColor(x, row).name() for x in range(image.width())}
        assert wanted.name() in seen
    view.viewport.toggle_overlays()
    assert edge_colour(view, 15.0, 14.0).red() < 5
    view.viewport.toggle_overlays()
    view.set_overlays([mask_overlay(FindingState.REJECTED)])
    assert edge_colour(view, 15.0, 14.0).red() < 5
    view.set_overlays([mask_overlay(FindingState.PROPOSED, frame="other", stack_id="other")])
    assert edge_colour(view, 15.0, 14.0).red() < 5


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
    for pane in made.panes:
        if pane.solid is not None:
            pane.solid.close_scene()
    library.close()


def flat(name: str, **changes: Any) -> Stack:
    """A stack that no protocol shows in 3D."""
    shape = changes.pop("shape", (8, 30, 40))
    made = grid_of(shape, np.diag([1.0, 1.0, 3.0]), (0.0, 0.0, 0.0))
    return stack_of(made, id=name, series_uid=name, **changes)


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
    assert shown[:2] == ["a", "b"]
    QTest.mouseDClick(grid.panes[1].slices, LEFT)
    assert [p.isVisible() for p in grid.panes] == [False, True, False, False]
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
    drag(view, LEFT, centre, centre + QPoint(60, 0))
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
    begun = time.monotonic()
    grid.grab()
    assert time.monotonic() - begun < 20
    assert grid.isVisible()

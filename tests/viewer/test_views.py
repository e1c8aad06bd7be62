"""Panes in a real window: mouse, wheel, keys, what is drawn, loading, painting, 3D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QFontDatabase, QFontMetricsF, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.viewer.events import LEFT, MIDDLE, RIGHT, SHIFT, drag, wheel
from tests.viewer.images import GRIDS, volume_of
from workstation import text
from workstation.domain.errors import Message
from workstation.domain.finding import FindingState
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag
from workstation.ui import theme
from workstation.ui.slice_view import SliceView
from workstation.viewing.links import CrosshairLink
from workstation.viewing.overlay import Overlay
from workstation.viewing.viewport import Viewport
from workstation.viewing.window_level import Window


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
        "Tilted gantry 21.8°: slices as acquired.",
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

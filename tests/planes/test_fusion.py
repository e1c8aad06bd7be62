"""PET and maps over CT and MR: in the right place, in true colours, with values nobody invented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.planes.painted import written_on
from tests.viewer.events import LEFT, drag
from tests.viewer.images import GRIDS, grid_of, stack_of, turn, volume_of
from workstation import text
from workstation.domain.alignment import Alignment, How
from workstation.domain.errors import Message
from workstation.domain.geometry import as_matrix
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Volume
from workstation.render.fusion import FusionRenderer
from workstation.ui import theme
from workstation.ui.fusion_layer import FusionLayer, tick
from workstation.ui.slice_view import SliceView
from workstation.viewing.colour_map import NAMES, colour_maps
from workstation.viewing.fusion import Fusion, Placed, opening_map, opening_window, place
from workstation.viewing.links import CrosshairLink
from workstation.viewing.viewport import Viewport
from workstation.viewing.window_level import Window

CONTROL = Qt.KeyboardModifier.ControlModifier
COARSE = grid_of((10, 12, 12), np.diag([4.0, 4.0, 5.0]), (-24.0, -20.0, 98.0))


def pet(unit: str = "{SUVbw}g/mL", **changes: Any) -> Volume:
    """A PET with one hot voxel at (z, y, x) = (4, 6, 7)."""
    array = np.full(COARSE.shape, 0.5, dtype=np.float32)
    array[4, 6, 7] = 7.25
    values = {"id": "pet", "modality": "PT", "unit": unit, "description": "PET WB", "role": "PET"}
    return volume_of(COARSE, array, **(values | changes))


def base(**changes: Any) -> Volume:
    grid = grid_of((30, 60, 60), np.diag([0.8, 0.8, 2.0]), (-24.0, -24.0, 95.0))
    array = np.full(grid.shape, 40, dtype=np.int16)
    values: dict[str, Any] = {"modality": "CT", "unit": "[hnsf'U]", "window": (40.0, 400.0)}
    return volume_of(grid, array, **(values | changes))


def alignment(matrix: np.ndarray, **changes: Any) -> Alignment:
    values: dict[str, Any] = {
        "id": "a", "study_uid": "1.2", "fixed_frame": "1.2.9", "moving_frame": "7.7",
        "fixed_stack": "stack-1", "moving_stack": "pet", "matrix": as_matrix(matrix),
        "how": How.AUTOMATIC, "by": "", "at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Alignment(**(values | changes))


def test_every_map_is_data_with_a_source() -> None:
    maps = colour_maps()
    assert {"hot_iron", "hot_metal", "rainbow", "viridis", "perfusion", "red_blue"} <= set(maps)
    assert {m.name for m in maps.values()} == set(NAMES)
    for each in maps.values():
        assert each.source and each.table.shape == (256, 3)
    assert maps["viridis"].table[0].tolist() == [68, 1, 84]
    assert maps["viridis"].table[255].tolist() == [253, 231, 37]
    iron = maps["hot_iron"].table.astype(int)  # PS3.6 annex B: red, then green, then blue
    assert iron[64].tolist() == [128, 0, 0] and iron[128, 0] >= 254 and iron[160, 2] == 0
    for name in ("hot_iron", "hot_metal", "viridis", "grey"):
        light = maps[name].table @ np.array([0.2126, 0.7152, 0.0722])
        assert (np.diff(light) > -0.8).all(), name  # never darker again


def test_the_lowest_tenth_fades_to_transparent() -> None:
    table = colour_maps()["hot_iron"].overlay(0.5)
    alpha = table >> 24
    assert alpha[0] == 0 and alpha[13] == pytest.approx(13 / 25.5 * 127.5, abs=1)
    assert (alpha[26:] == 128).all()
    red = (table >> 16) & 255
    assert (red <= alpha).all()  # premultiplied


@pytest.mark.parametrize("kind", [PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.OBLIQUE])
def test_the_overlay_lies_on_its_place_in_the_patient(kind: PlaneKind) -> None:
    """A hot voxel of another grid is coloured exactly where the base shows its place."""
    view, hot = Viewport(), pet()
    view.show(base(), PlaneKind.AXIAL)
    view.set_plane(kind)
    if kind is PlaneKind.OBLIQUE:
        view.turn(np.array([1.0, 0.4, 0.2]), 31.0)
    place_mm = COARSE.to_lps((7.0, 6.0, 4.0))
    view.move_focus(place_mm)
    raster = view.raster(300, 300)
    renderer = FusionRenderer(hot.array, hot.grid)
    picture = renderer.cut(raster)
    column, row, depth = raster.to_picture(place_mm)
    assert abs(depth) < 1e-6
    assert picture[round(row), round(column)] == pytest.approx(7.25, abs=0.35)
    highest = np.argwhere(picture > picture.max() - 0.05).mean(axis=0)
    assert np.abs(highest - (row, column)).max() * raster.mm_per_pixel < 0.5
    pixels = renderer.colour(picture, Window(2.5, 5.0), colour_maps()["hot_iron"], 0.5)
    assert pixels[round(row), round(column)] == 0x80808080  # above the window: white, half
    assert (pixels[picture == renderer._slices.outside] == 0).all()
    assert (pixels[picture == renderer._slices.outside]).size > 100


def test_only_one_patient_space_or_a_known_alignment() -> None:
    """Different frames of reference are never fused in silence."""
    below, hot = base().stack, pet().stack
    assert isinstance(place(below, hot, []), Placed)
    elsewhere = pet(frame_of_reference_uid="7.7").stack
    refused = place(below, elsewhere, [])
    assert isinstance(refused, Message) and "frames of reference" in refused.template
    matrix = np.eye(4)
    matrix[:3, :3] = turn((0.2, 1.0, 0.3), 20.0)
    matrix[:3, 3] = (5.0, -3.0, 12.0)
    placed = place(below, elsewhere, [alignment(matrix)])
    assert isinstance(placed, Placed)
    point = COARSE.to_lps((7.0, 6.0, 4.0))
    moved = placed.grid(COARSE).to_lps((7.0, 6.0, 4.0))
    assert np.allclose(moved, matrix[:3, :3] @ point + matrix[:3, 3])
    said = placed.said()
    assert said is not None and "not yet checked" in said.template
    back = place(elsewhere, below, [alignment(matrix)])  # the other way round: the inverse
    assert isinstance(back, Placed)
    assert np.allclose(np.asarray(back.to_base) @ matrix, np.eye(4))
    accepted = place(below, elsewhere, [alignment(matrix, accepted=True, how=How.BY_HAND)])
    assert isinstance(accepted, Placed) and accepted.said() is not None
    assert str(accepted.said()) == "Fused as placed by hand, accepted"
    assert isinstance(place(below, below, []), Message)


def test_suv_window_only_where_suv_is_known() -> None:
    """Complaint 15: without SUV a PET opens by percentiles of its own unit, never at SUV 0-5."""
    assert opening_window(pet()) == Window(2.5, 5.0)
    counts = pet("Bq/mL")
    counts.array[:] *= 1000
    window = opening_window(counts)
    assert window.low == 0 and 400 < window.high <= 7250
    assert opening_map(pet().stack).id == "hot_iron"
    assert opening_map(stack_of(COARSE, modality="MR", unit="s")).id == "perfusion"


def test_values_are_those_of_stored_voxels() -> None:
    fusion = Fusion(pet(), Placed(as_matrix(np.eye(4))))
    place_mm = COARSE.to_lps((7.0, 6.0, 4.0))
    assert fusion.value_at(place_mm) == 7.25
    assert fusion.value_at(place_mm + np.array([1.9, -1.9, 2.4])) == 7.25
    assert fusion.value_at(place_mm + np.array([2.1, 0, 0])) == 0.5
    assert fusion.value_at(place_mm + np.array([500, 0, 0])) is None
    found = fusion.highest_in(place_mm + np.array([6.0, 0.0, 0.0]), 9.0)
    assert found is not None and found[0] == 7.25 and np.allclose(found[1], place_mm)
    beside = fusion.highest_in(place_mm + np.array([12.0, 0.0, 0.0]), 9.0)
    assert beside is not None and beside[0] == 0.5
    assert fusion.highest_in(place_mm + np.array([900.0, 0.0, 0.0]), 9.0) is None


# --- on screen


@pytest.fixture
def view(qtbot: QtBot) -> SliceView:
    theme.load_fonts()
    made = SliceView(Viewport(), CrosshairLink())
    qtbot.addWidget(made)
    made.resize(420, 420)
    made.viewport.show(base(), PlaneKind.AXIAL)
    made.viewport.move_focus(COARSE.to_lps((7.0, 6.0, 4.0)))
    made.layers.append(FusionLayer(made))
    made.show()
    return made


def layer_of(view: SliceView) -> FusionLayer:
    found = view.layers[-1]
    assert isinstance(found, FusionLayer)
    return found


def pixel(view: SliceView) -> tuple[int, int, int]:
    at = view.to_view(COARSE.to_lps((7.0, 6.0, 4.0))).toPoint()
    colour = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32).pixelColor(at)
    return colour.red(), colour.green(), colour.blue()


def test_half_of_each_is_seen(view: SliceView) -> None:
    grey = pixel(view)[0]
    layer_of(view).set_fusion(Fusion(pet(), Placed(as_matrix(np.eye(4)))))
    red, green, blue = pixel(view)
    assert red == pytest.approx(grey / 2 + 127.5, abs=3)
    assert green == pytest.approx(red, abs=3) and blue == pytest.approx(red, abs=3)
    fusion = layer_of(view).fusion
    assert fusion is not None
    fusion.set_opacity(0.0)
    assert pixel(view)[0] == grey
    fusion.set_opacity(1.0)
    assert pixel(view) == (255, 255, 255)
    fusion.set_wipe(0.0)
    assert pixel(view)[0] == grey
    fusion.set_wipe(None)
    assert view.do("fusion_hide") and pixel(view)[0] == grey
    assert view.do("fusion_hide") and view.do("fusion_less")
    assert fusion.opacity == pytest.approx(0.9)
    before = fusion.map
    assert view.do("fusion_colours") and fusion.map is not before


def test_what_is_written(view: SliceView, monkeypatch: pytest.MonkeyPatch) -> None:
    text.set_language("en")
    layer_of(view).set_fusion(Fusion(pet(), Placed(as_matrix(np.eye(4)))))
    words = written_on(view, monkeypatch, layer_of(view)._halo)
    assert {"5", "2.5", "0", "SUV"} <= set(words)
    assert "+ PET  50 %" in words
    view.mouse.hover = view.to_view(COARSE.to_lps((7.0, 6.0, 4.0)))
    assert view.readout() == "40 HU  ·  7.25 SUV"
    layer_of(view).set_fusion(
        Fusion(pet("Bq/mL"), Placed(as_matrix(np.eye(4)), alignment(np.eye(4))))
    )
    words = written_on(view, monkeypatch, layer_of(view)._halo)
    assert "Bq/mL" in words and "SUV" not in words
    assert "SUV not known for this series" in words
    assert "Fused by registration, not yet checked" in words
    assert (tick(1234.6, 5000), tick(0.25, 1.0), tick(0.0, 3.0)) == ("1235", "0.25", "0")


def test_control_drag_sets_the_range_and_the_wipe_is_dragged(view: SliceView) -> None:
    fusion = Fusion(pet(), Placed(as_matrix(np.eye(4))))
    layer_of(view).set_fusion(fusion)
    below = view.viewport.window
    drag(view, LEFT, QPoint(60, 300), QPoint(100, 300), CONTROL)
    assert view.viewport.window == below
    assert fusion.window.low == 0 and fusion.window.high == pytest.approx(6.0)
    fusion.set_wipe(0.5)
    QApplication.processEvents()
    drag(view, LEFT, QPoint(210, 350), QPoint(126, 350))
    assert fusion.wipe == pytest.approx(0.3, abs=0.01)
    view.viewport.show(volume_of(GRIDS["axial"], id="another"))
    assert layer_of(view).fusion is None  # it belonged to the other series

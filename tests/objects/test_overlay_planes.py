"""Overlay planes (PS3.3 C.9.2): read as pydicom reads them, drawn on their pixels, switched off."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest

from tests.objects.study import SHAPE, STATE_SLICE, Files, grid, write_study
from workstation import text
from workstation.dicom.overlay_planes import read_overlays
from workstation.dicom.presentation_state import read_state
from workstation.domain.overlay_plane import OverlayPlane
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.ui.objects_area import ObjectsArea
from workstation.ui.overlay_planes import COLOUR, OverlayPlanes
from workstation.ui.program import application, wait_until
from workstation.ui.slice_view import SliceView
from workstation.ui.window import Window
from workstation.wiring import open_services

Bools = NDArray[np.bool_]
ROWS, COLUMNS = SHAPE[1:]


def bitmap(rows: int, columns: int, seed: int = 1) -> Bools:
    return np.random.default_rng(seed).random((rows, columns)) < 0.3


def packed(bits: Bools) -> bytes:
    data = np.packbits(bits.ravel(), bitorder="little").tobytes()
    return data + b"\0" * (len(data) % 2)


def add_overlay(ds: Dataset, group: int, bits: Bools, **more: Any) -> None:
    """bits: (rows, columns), or (frames, rows, columns)."""
    rows, columns = bits.shape[-2:]
    ds.add_new((group, 0x0010), "US", rows)
    ds.add_new((group, 0x0011), "US", columns)
    ds.add_new((group, 0x0040), "CS", more.get("kind", "G"))
    ds.add_new((group, 0x0050), "SS", list(more.get("origin", (1, 1))))
    ds.add_new((group, 0x0100), "US", 1)
    ds.add_new((group, 0x0102), "US", 0)
    if bits.ndim == 3:
        ds.add_new((group, 0x0015), "IS", len(bits))
        ds.add_new((group, 0x0051), "US", more.get("first", 1))
    if "layer" in more:
        ds.add_new((group, 0x1001), "CS", more["layer"])
    ds.add_new((group, 0x1500), "LO", more.get("label", "标注"))
    ds.add_new((group, 0x3000), "OW", packed(bits))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_study(tmp_path_factory.mktemp("叠加"))


@pytest.mark.parametrize("size", [(ROWS, COLUMNS), (7, 9), (33, 21)])
def test_bits_are_those_that_pydicom_reads(
    files: Files, tmp_path: Path, size: tuple[int, int]
) -> None:
    """Also where rows do not end on whole bytes, in several groups, with an origin of its own."""
    ds = pydicom.dcmread(files.images[3])
    add_overlay(ds, 0x6000, bitmap(*size), origin=(5, -3))
    add_overlay(ds, 0x601E, bitmap(*size, seed=2), kind="R", label="ROI")
    path = tmp_path / "o.dcm"
    ds.save_as(path)
    (first, second), said = read_overlays(path)
    stored = pydicom.dcmread(path)
    for plane, group in ((first, 0x6000), (second, 0x601E)):
        assert np.array_equal(plane.bits, stored.overlay_array(group).astype(bool))
    assert (first.top, first.left, first.label, first.region) == (4, -4, "标注", False)
    assert (second.top, second.left, second.label, second.region) == (0, 0, "ROI", True)
    assert said == []
    whole = first.on_image(ROWS, COLUMNS)
    for row, column in ((4, 0), (5, 2), (10, 4)):
        inside = row - 4 < size[0] and column + 4 < size[1]
        assert whole[row, column] == (inside and first.bits[row - 4, column + 4])
    assert not whole[:4].any()


def test_frames_have_their_own(files: Files, tmp_path: Path) -> None:
    ds = pydicom.dcmread(files.images[0])
    bits = np.stack([bitmap(ROWS, COLUMNS, n) for n in range(3)])
    add_overlay(ds, 0x6000, bits, first=2)
    path = tmp_path / "o.dcm"
    ds.save_as(path)
    theirs = pydicom.dcmread(path).overlay_array(0x6000).astype(bool)
    assert read_overlays(path, 0)[0] == []
    for frame in (1, 2, 3):
        (plane,), _ = read_overlays(path, frame)
        assert np.array_equal(plane.bits, theirs[frame - 1])
    assert read_overlays(path, 4)[0] == []


def test_bits_in_pixels_and_broken_ones(files: Files, tmp_path: Path) -> None:
    """Before 2004 overlays lay in unused bits of the pixels; what cannot be read is said."""
    ds = pydicom.dcmread(files.images[0])
    bits = bitmap(ROWS, COLUMNS)
    stored = np.frombuffer(ds.PixelData, "<u2").reshape(ROWS, COLUMNS) & 0x0FFF
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 0
    ds.PixelData = (stored | bits.astype("<u2") << 14).astype("<u2").tobytes()
    add_overlay(ds, 0x6002, bits)
    del ds[0x6002, 0x3000]
    ds[0x6002, 0x0100].value, ds[0x6002, 0x0102].value = 16, 14
    add_overlay(ds, 0x6004, bits)
    ds[0x6004, 0x3000].value = b"\1\2"
    path = tmp_path / "o.dcm"
    ds.save_as(path)
    planes, said = read_overlays(path)
    assert [p.group for p in planes] == [0x6002] and np.array_equal(planes[0].bits, bits)
    assert [note.params["group"] for note in said] == ["6004"]


# --- on screen


def cross() -> Bools:
    bits = np.zeros((ROWS, COLUMNS), dtype=bool)
    bits[40:44, 20:120] = True
    bits[20:100, 70:73] = True
    return bits


def covered() -> Bools:
    bits = np.zeros((ROWS, COLUMNS), dtype=bool)
    bits[:, :30] = True
    return bits


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    folder = tmp_path_factory.mktemp("叠加窗")
    files = write_study(folder / "files")
    image = pydicom.dcmread(files.images[5])
    add_overlay(image, 0x6000, cross())
    image.save_as(files.images[5])
    state = pydicom.dcmread(files.folder / "pr.dcm")
    mark = np.zeros((ROWS, COLUMNS), dtype=bool)
    mark[90:100, 60:80] = True
    add_overlay(state, 0x6000, covered())
    add_overlay(state, 0x6002, mark, layer="MARKS")
    state.ShutterShape, state.ShutterOverlayGroup = "BITMAP", 0x6000
    state.ShutterPresentationValue = 0
    state.ImageRotation, state.ImageHorizontalFlip = 0, "N"
    state.DisplayedAreaSelectionSequence[0].PresentationSizeMode = "TRUE SIZE"
    state.DisplayedAreaSelectionSequence[0].PresentationPixelSpacing = [1.4, 1.5]
    state.save_as(files.folder / "pr.dcm")
    before = text.language()
    with open_services(folder / "home", "en") as services:
        archive = services.archive
        report = intake(archive, [files.folder])
        assert report.refused == ()
        assemble(archive, files.study_uid)
        application()
        window = Window(services.settings, archive)
        window.resize(1500, 900)
        window.show()
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        window.actions_.open_study(files.study_uid)
        wait(lambda: window.settled)
        window.grid_.set_layout("single")
        wait(lambda: window.settled)
        yield window
        window.shut()
    text.set_language(before)
    shutil.rmtree(folder, ignore_errors=True)


def wait(condition: Callable[[], bool]) -> None:
    assert wait_until(application(), condition, 30), "it did not come about in time"


def colour_at(view: SliceView, column: float, row: float, z: int) -> QColor:
    place = view.to_view(grid().to_lps((column, row, float(z)))).toPoint()
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return image.pixelColor(place)


def words(view: SliceView) -> list[str]:
    return [said for layer in view.layers for said, _ in layer.texts()]


def test_they_are_drawn_on_their_pixels_and_switched_off(window: Window) -> None:
    view = window.grid_.active_pane.slices
    model = window.findChild(OverlayPlanes)
    assert isinstance(model, OverlayPlanes)
    view.viewport.go_to_slice(5)
    wait(lambda: "Overlay: 标注" in words(view))
    for column, row in ((30, 41), (71, 30), (119, 43)):
        assert colour_at(view, column, row, 5).name() == COLOUR
    for column, row in ((30, 45), (75, 30), (122, 41)):
        assert colour_at(view, column, row, 5).name() != COLOUR
    view.do("turn_right")  # a plane that is cut has no bitmap of an image
    window.commands.run("straighten")
    window.commands.run("overlay_planes")
    assert colour_at(view, 30, 41, 5).name() != COLOUR
    assert "Overlay: 标注 hidden" in words(view)
    window.commands.run("overlay_planes")
    assert colour_at(view, 30, 41, 5).name() == COLOUR
    view.viewport.go_to_slice(6)
    assert colour_at(view, 30, 41, 6).name() != COLOUR
    assert not any("Overlay:" in said for said in words(view))


def test_a_state_covers_draws_and_says_what_it_does_not_do(window: Window) -> None:
    view = window.grid_.active_pane.slices
    objects = window.findChild(ObjectsArea)
    assert isinstance(objects, ObjectsArea)
    wait(lambda: bool(objects.panel.objects))
    uid = next(o.sop_instance_uid for o in objects.panel.objects if o.modality == "PR")
    objects.open(uid)
    wait(lambda: uid in objects.opened and not objects.busy)
    wait(lambda: view.viewport.stored_z == STATE_SLICE)
    view.viewport.zoom, view.viewport.pan_mm = 1.0, (0.0, 0.0)
    view.viewport.changed.emit()
    assert colour_at(view, 15, 64, STATE_SLICE).name() == "#000000"
    assert colour_at(view, 29, 64, STATE_SLICE).name() == "#000000"
    assert colour_at(view, 34, 64, STATE_SLICE).name() != "#000000"
    assert colour_at(view, 65, 95, STATE_SLICE).name() == "#ffd60a"
    said = words(view)
    assert any("true size" in each for each in said), said
    assert not any("bitmap" in each for each in said)


def test_a_bitmap_that_is_not_there_is_said(files: Files, tmp_path: Path) -> None:
    state = pydicom.dcmread(files.folder / "pr.dcm")
    state.ShutterShape, state.ShutterOverlayGroup = "BITMAP", 0x6000
    state.save_as(tmp_path / "pr.dcm")
    read = read_state(tmp_path / "pr.dcm")
    assert read.cover is None
    assert any("does not hold" in note.template for note in read.notes)
    plane = OverlayPlane(0x6000, covered())
    assert plane.on_image(3, 3).all()

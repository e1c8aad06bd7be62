"""What a reader sees of slices that are tilted, uneven, single or of another frame of reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.dicom_in.making import Shelf, image
from tests.viewer.events import SHIFT, wheel
from tests.viewer.images import GRIDS, grid_of, volume_of
from workstation import text
from workstation.dicom.volumes import VolumeReader
from workstation.domain.geometry import Floats, Grid
from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Flag, Stack, Volume, acquired_frames
from workstation.text import say
from workstation.ui import theme
from workstation.ui.loading import Loading, VolumeLibrary
from workstation.ui.slice_view import SliceView
from workstation.ui.thumb import Thumb
from workstation.viewing.links import CrosshairLink
from workstation.viewing.provenance import provenance
from workstation.viewing.viewport import Projection, Slab, Viewport
from workstation.viewing.window_level import Window


def view_of(qtbot: QtBot, volume: Volume, link: CrosshairLink | None = None) -> SliceView:
    theme.load_fonts()
    made = SliceView(Viewport(), link or CrosshairLink())
    qtbot.addWidget(made)
    made.resize(420, 400)
    made.viewport.show(volume)
    made.show()
    qtbot.waitExposed(made)
    return made


def shift_move(view: SliceView, place: QPointF) -> None:
    event = QMouseEvent(
        QEvent.Type.MouseMove, place, QPointF(view.mapToGlobal(place.toPoint())),
        Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, SHIFT,
    )  # fmt: skip
    QApplication.sendEvent(view, event)


def greys(view: SliceView) -> Floats:
    shot = view.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    raw = np.frombuffer(bytes(shot.constBits()), np.uint8)
    return raw.reshape(shot.height(), shot.bytesPerLine())[:, : shot.width()].astype(np.float64)


# --- one place in every view


POINT = np.array([4.0, -6.0, 18.0])


def blob(grid: Grid) -> Any:
    """A soft ball about ``POINT``, bright enough to be found in a screenshot."""
    index = np.indices(grid.shape).astype(np.float64)[::-1]
    away = grid.to_lps(np.moveaxis(index, 0, -1)) - POINT
    return np.rint(1000 * np.exp(-(away**2).sum(axis=-1) / (2 * 3.0**2))).astype(np.int16)


def around(grid: Grid) -> Grid:
    """The same axes around ``POINT``, a fraction of a voxel off, in a larger array."""
    shape = (24, 46, 50)
    middle = np.array([24.3, 22.6, 11.4])
    columns = grid.matrix[:3, :3]
    return grid_of(shape, columns, tuple(POINT - columns @ middle))


@pytest.mark.parametrize("source", ["axial", "tilted", "oblique", "sagittal", "coronal backwards"])
def test_the_crosshair_is_at_one_place_in_every_view(qtbot: QtBot, source: str) -> None:
    """Shift and move over one view: the same millimetres in all, and drawn where the ball is.

    Different series of one frame of reference, straight, tilted, turned, sagittal, coronal and
    negated, as acquired and cut another way. Complaint 10 (jumps to an inverted slice, crosshair).
    """
    link = CrosshairLink()
    views: list[SliceView] = []
    for number, (name, grid) in enumerate(GRIDS.items()):
        placed = around(grid)
        kind = (PlaneKind.ACQUIRED, PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)
        volume = volume_of(placed, blob(placed), id=name, window=(500.0, 1000.0))
        view = view_of(qtbot, volume, link)
        view.viewport.set_plane(kind[number % 4] if name != source else PlaneKind.ACQUIRED)
        view.viewport.toggle_overlays()
        link.add(view.viewport)
        views.append(view)
        if name == source:
            first = view
    first.viewport.move_focus(POINT + np.array([9.0, 7.0, -8.0]))  # and all others with it
    link.set_on(False)
    first.viewport.move_focus(POINT + 5.0 * np.asarray(first.viewport.axes.right))
    link.set_on(True)
    place = first.to_view(POINT)
    shift_move(first, place)
    focus = first.viewport.focus_mm
    assert np.linalg.norm(focus - POINT) <= first.viewport.steps.step_mm / 2 + 0.3
    for view in views:
        port = view.viewport
        assert np.array_equal(port.focus_mm, focus)
        half_voxel = max(port.volume.grid.spacing_mm) / 2 if port.volume else 0.0
        assert abs(float(POINT @ port.axes.normal) - port.plane_mm) <= half_voxel + 1.6
        seen = greys(view)
        seen[seen < seen.max() * 0.5] = 0
        # The ball is the only bright thing; letters and texts stand at the margins.
        inner = np.zeros_like(seen)
        inner[60:-60, 60:-60] = seen[60:-60, 60:-60]
        rows, columns = np.indices(inner.shape)
        found = QPointF(
            float((columns * inner).sum() / inner.sum()), float((rows * inner).sum() / inner.sum())
        )
        drawn = view.to_view(port.focus_mm)
        mm = view.raster().mm_per_pixel
        off = np.hypot(found.x() + 0.5 - drawn.x(), found.y() + 0.5 - drawn.y()) * mm
        assert off <= half_voxel + 0.5 * mm, (source, port.volume and port.volume.stack.id, off)


def test_frames_of_reference_are_never_linked_in_silence(qtbot: QtBot) -> None:
    link = CrosshairLink()
    a = view_of(qtbot, volume_of(GRIDS["axial"], id="a"), link)
    b = view_of(qtbot, volume_of(GRIDS["axial"], id="b", frame_of_reference_uid="1.2.77"), link)
    c = view_of(qtbot, volume_of(GRIDS["axial"], id="c", frame_of_reference_uid=""), link)
    d = view_of(qtbot, volume_of(GRIDS["axial"], id="d", frame_of_reference_uid=""), link)
    for view in (a, b, c, d):
        link.add(view.viewport)
    before = [view.viewport.focus_mm.copy() for view in (b, c, d)]
    shift_move(a, QPointF(150.0, 120.0))
    wheel(a, -240)
    assert all(
        np.array_equal(v.viewport.focus_mm, f) for v, f in zip((b, c, d), before, strict=True)
    )
    assert link.peers(a.viewport) == []


# --- slices as acquired


UNEVEN = (0.0, 4.0, 8.0, 12.0, 19.0, 26.0, 33.0)


@pytest.fixture
def uneven(tmp_path: Path) -> Iterator[tuple[Stack, Volume, Shelf]]:
    """A head CT of 4 and 7 mm slices, tilted by 18.5 degrees, as the scanner stored it."""
    shelf = Shelf(tmp_path)
    lean = np.tan(np.radians(18.5))
    for number, place in enumerate(UNEVEN):
        pixels = np.full((40, 44), 100 * (number + 1), dtype=np.int16)
        pixels[5:9, 6:12] = 2000 + number
        thick = 4.0 if number < 4 else 7.0
        position = (-20.0, -15.0 + lean * place, place)
        shelf.add(image(number, position, pixels=pixels, SliceThickness=thick))
    stack = shelf.stack()
    reader = VolumeReader(stack, 0, shelf.locate)
    assert len(list(reader.fill(0))) == stack.grid.shape[0]
    yield stack, Volume(reader.array, stack.grid, stack, 0, reader.acquired), shelf


def test_uneven_slices_are_scrolled_as_they_were_acquired(
    qtbot: QtBot, uneven: tuple[Stack, Volume, Shelf]
) -> None:
    """Complaint 7, 11: seven images scroll as seven, each with its own pixels and place."""
    stack, volume, _ = uneven
    assert {Flag.UNEVEN_SPACING, Flag.TILTED} <= set(stack.flags)
    assert volume.acquired is not None and volume.acquired.shape == (7, 40, 44)
    assert stack.grid.shape[0] > 7
    view = view_of(qtbot, volume)
    port = view.viewport
    port.set_window(Window(1000.0, 4000.0))
    port.go_to_slice(0)
    assert port.steps.count == 7
    for number, place in enumerate(UNEVEN):
        assert port.slice_number == number
        assert port.plane_mm == pytest.approx(place, abs=1e-6)
        assert port.acquired_image == number
        view.grab()
        cut = view.picture._cut
        assert cut[view.height() // 2, view.width() // 2] == 100 * (number + 1)
        assert cut.max() == 2000 + number  # no neighbour mixed in
        frame = stack.frames[port.stored_z]
        assert frame.sop_instance_uid == acquired_frames(stack)[number].sop_instance_uid
        wheel(view, -120)
    assert port.slice_number == 6
    # A point between two slices belongs to the nearer one.
    port.move_focus(np.array([0.0, 0.0, 14.9]))
    assert port.slice_number == 3
    port.move_focus(np.array([0.0, 0.0, 15.9]))
    assert port.slice_number == 4


def test_what_is_resampled_says_so_in_both_languages(
    qtbot: QtBot, uneven: tuple[Stack, Volume, Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complaint 7: the banner over planes that were cut out of uneven, tilted slices."""
    _, volume, _ = uneven
    view = view_of(qtbot, volume)
    port = view.viewport
    step = f"{volume.grid.slice_distance_mm:.3g}"

    def said() -> str:
        return " | ".join(say(message) for message in provenance(port))

    text.set_language("en")
    assert said() == "As acquired; slices lie 4 to 7 mm apart. | " \
                     "Tilted gantry 18.5°: slices as acquired."  # fmt: skip
    port.set_plane(PlaneKind.SAGITTAL)
    resampled = f"Resampled: uneven slices, interpolated to {step} mm."
    assert said() == f"{resampled} | Tilted gantry 18.5°: this plane is resampled, not sheared."
    port.set_plane(PlaneKind.ACQUIRED)
    port.set_slab(Slab(10.0, Projection.MEAN))
    assert resampled in said()
    port.set_slab(Slab())
    text.set_language("zh_CN")
    assert said() == "原始采集图像；层间距 4–7 mm，不均匀。 | 机架倾斜 18.5°：显示原始采集层面。"
    port.set_plane(PlaneKind.CORONAL)
    assert f"重采样：层间距不均匀，已插值为 {step} mm。" in said() and "重采样校正" in said()
    written: list[str] = []
    halo = view._overlay.halo
    real = halo.draw

    def listen(painter: Any, place: Any, words: str, *rest: Any, **more: Any) -> Any:
        written.append(words)
        return real(painter, place, words, *rest, **more)

    monkeypatch.setattr(halo, "draw", listen)
    view.grab()
    assert any(words.startswith("⚠ 重采样") for words in written), written


def test_the_real_tilted_uneven_head_has_28_slices(qtbot: QtBot, shared_data: Path | None) -> None:
    """ct_head: 28 images of 4 and 7 mm, tilt 18.5 degrees; MPR uses 113 interpolated planes."""
    if shared_data is None:
        return
    shelf = Shelf(shared_data)
    for path in sorted((shared_data / "ct_head" / "series").iterdir()):
        shelf.take(path)
    stack = shelf.stack()
    library = VolumeLibrary(shelf.locate)
    loading: Loading = library.open(stack)
    qtbot.waitUntil(lambda: loading.done, timeout=20000)
    view = view_of(qtbot, loading.volume)
    port = view.viewport
    assert port.steps.count == 28 and stack.grid.shape[0] == 113
    headers = [dcmread(p, stop_before_pixels=True) for p in shelf.paths.values()]
    cosines = np.array(headers[0].ImageOrientationPatient, dtype=float)
    normal = np.cross(cosines[:3], cosines[3:])
    places = sorted(float(normal @ np.array(h.ImagePositionPatient, float)) for h in headers)
    gaps = np.diff(places)
    assert port.gaps_mm == pytest.approx((gaps.min(), gaps.max()), abs=1e-3)
    shown = []
    for number in range(28):
        port.go_to_slice(number)
        shown.append(port.plane_mm * np.sign(float(port.axes.normal @ normal)))
    assert sorted(shown) == pytest.approx(places, abs=1e-3)
    images = loading.volume.acquired
    assert images is not None and images.shape[0] == 28
    seen = []
    port.go_to_slice(0)
    for number in range(28):
        seen.append(stack.frames[port.stored_z].sop_instance_uid)
        assert port.acquired_image == number
        port.scroll(1)
    assert seen == [f.sop_instance_uid for f in acquired_frames(stack)]
    # The image shown is the stored one, as another reader decodes it from that file alone.
    for number in (0, 9, 27):
        frame = acquired_frames(stack)[number]
        alone = sitk.GetArrayFromImage(sitk.ReadImage(shelf.locate(frame.sha256)))[0]
        assert np.array_equal(images[number], alone)
    assert Thumb([stack]).size_words == "28"
    port.set_plane(PlaneKind.SAGITTAL)
    assert port.acquired_image is None
    assert "Resampled" in provenance(port)[0].template
    library.close()


def test_a_single_slice_is_shown_and_no_volume(qtbot: QtBot, tmp_path: Path) -> None:
    """Complaint 8: one slice of any orientation opens, is not cut another way and has its place."""
    for number, orientation in enumerate(
        ((1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1), (0.8, 0.6, 0, -0.6, 0.8, 0))
    ):
        shelf = Shelf(tmp_path / str(number))
        shelf.add(image(0, (3.0, -4.0, 5.0), orientation))
        stack = shelf.stack()
        assert Flag.SINGLE_IMAGE in stack.flags and not stack.is_volume
        reader = VolumeReader(stack, 0, shelf.locate)
        list(reader.fill(0))
        view = view_of(qtbot, Volume(reader.array, stack.grid, stack))
        port = view.viewport
        assert (port.steps.count, port.slice_number) == (1, 0)
        port.set_plane(PlaneKind.SAGITTAL)
        assert port.kind is PlaneKind.ACQUIRED
        seen = view.raster().to_lps(*view.raster().to_picture(np.array([3.0, -4.0, 5.0]))[:2])
        assert np.allclose(seen, (3.0, -4.0, 5.0))
        view.grab()
        assert view.picture._cut.max() == reader.array.max()


def test_numbers_of_slices_follow_the_files_whichever_way_they_run(qtbot: QtBot) -> None:
    """Complaints 10 and 11: a jump lands on the image that holds the place, in stored order."""
    for name, grid in GRIDS.items():
        view = view_of(qtbot, volume_of(grid))
        port = view.viewport
        for z in (0, 3, grid.shape[0] - 1):
            port.move_focus(grid.to_lps((20.0, 15.0, float(z))))
            assert (port.slice_number, port.stored_z) == (z, z), name
            port.go_to_slice(z)
            assert grid.to_index(port.focus_mm)[2] == pytest.approx(z)
        size = QPoint(view.width(), view.height())
        assert view.raster().width == size.x()

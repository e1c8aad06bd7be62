"""Key images, pictures, films and pages in the real window over one CT whose patient has a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from tests.marks.study import PASSWORD, READER, STUDY, ct_archive
from tests.marks.test_window import Room
from tests.share.test_files import chunks
from workstation import text
from workstation.archive.verify import verify
from workstation.documents.print_page import RULER_MM
from workstation.domain.errors import NotAllowed
from workstation.domain.mark import KeyImage
from workstation.domain.plane import PlaneKind
from workstation.reading import key_images as key_room
from workstation.reading.draft import draft
from workstation.reading.sign import sign
from workstation.ui import share_film
from workstation.ui.print_dialog import PrintDialog
from workstation.ui.program import application
from workstation.ui.share_area import Share
from workstation.ui.share_picture import picture_of
from workstation.viewing.window_level import Window

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    home = tmp_path_factory.mktemp("家") / "工作站 数据"
    home.mkdir()
    archive, _ = ct_archive(home, home.parent / "files")
    archive.close()
    application()
    made = Room(home)
    made.sign_in()
    made.open()
    yield made
    made.close()


@pytest.fixture
def room(opened: Room) -> Room:
    opened.sign_in()
    opened.view.viewport.set_plane(PlaneKind.ACQUIRED)
    opened.view.viewport.go_to_slice(4)
    opened.view.setFocus()
    return opened


def stored(room: Room) -> list[KeyImage]:
    room.window.jobs.flush()
    return room.archive.all(KeyImage, STUDY)


def share_of(room: Room) -> Share:
    share = room.window.findChild(Share)
    assert isinstance(share, Share)
    return share


def test_key_image_is_put_aside_shown_described_and_taken_back(room: Room) -> None:
    keys = share_of(room).keys
    QTest.keyClick(room.view, Qt.Key.Key_K)
    room.until(lambda: len(keys.images) == 1)
    (kept,) = stored(room)
    volume = room.view.viewport.volume
    assert volume is not None and kept.by == "li" and kept.right is None
    assert (
        kept.sop_instance_uid == volume.stack.frames[room.view.viewport.stored_z].sop_instance_uid
    )
    assert "王" not in kept.caption and "Xiao" not in kept.caption
    png = room.archive.read_blob(kept.picture_sha256)
    assert set(chunks(png)) <= {"IHDR", "pHYs", "IDAT", "IEND"}
    assert max(QImage.fromData(png).width(), QImage.fromData(png).height()) == 900
    layer = next(each for each in room.view.layers if type(each).__name__ == "KeyImageLayer")
    assert layer.texts() and layer.texts()[0][0].startswith("★")
    room.view.viewport.go_to_slice(7)
    assert not layer.texts()
    keys.describe(kept, "  支气管\n旁 ")
    room.until(lambda: keys.images[0].words == "支气管 旁")
    keys.jump(keys.images[0])
    assert room.view.viewport.slice_number == 4 and keys.here(room.window.grid_.active_pane)
    room.view.viewport.set_plane(PlaneKind.CORONAL)
    assert keys.here(room.window.grid_.active_pane) is None
    QTest.keyClick(room.view, Qt.Key.Key_K)
    room.until(lambda: len(keys.images) == 2)
    room.view.viewport.set_plane(PlaneKind.ACQUIRED)
    room.view.viewport.go_to_slice(1)
    keys.jump(keys.images[1])
    assert room.view.viewport.kind is PlaneKind.CORONAL
    for image in list(keys.images):
        keys.remove(image)
    room.until(lambda: not keys.images)
    assert not stored(room)
    assert verify(room.archive).ok


def test_nobody_signed_in_keeps_nothing(room: Room) -> None:
    room.window.desk.sign_in(None)
    share_of(room).keys.toggle()
    assert not stored(room)
    room.sign_in()


def test_saved_picture_has_no_name_and_true_pixels(room: Room, tmp_path: Path) -> None:
    """Complaint 21: the current view, and all views, as files."""
    share = share_of(room)
    path = tmp_path / "图.png"
    share.save_view(path)
    room.until(path.exists)
    room.until(lambda: path.stat().st_size > 0 and not room.window.jobs.busy)
    data = path.read_bytes()
    assert set(chunks(data)) <= {"IHDR", "pHYs", "IDAT", "IEND"}
    for secret in ("Wang", "小明", "P-7", STUDY, "1961", "OneScan"):
        assert secret.encode("utf-8") not in data
    image = QImage.fromData(data)
    pane = room.window.grid_.active_pane
    viewport, volume = pane.viewport, pane.viewport.volume
    assert volume is not None and image.width() == 1200
    raster = viewport.raster(image.width(), image.height())
    assert image.dotsPerMeterX() == round(1000 / raster.mm_per_pixel)
    for column, row in ((400, 200), (600, 330), (700, 400)):  # a pixel is the voxel's grey
        grey = image.pixelColor(column, row).red()
        value = volume.value_at(raster.to_lps(column, row))
        assert value is not None
        low = viewport.window.centre - viewport.window.width / 2
        want = np.clip((value - low) / viewport.window.width * 255, 0, 255)
        assert abs(grey - want) < 60  # the picture interpolates between voxels of noise 30 HU
    share.save_views(tmp_path)
    room.until(lambda: any(tmp_path.glob("OneScan-1-*.png")))
    share.save_views(tmp_path)  # nothing is overwritten
    room.until(lambda: len(list(tmp_path.glob("OneScan-1-*.png"))) == 2)


def test_series_description_with_a_name_leaves_no_pixel(room: Room) -> None:
    pane = room.window.grid_.active_pane
    volume = pane.viewport.volume
    assert volume is not None
    plain = picture_of(pane)
    kept = volume.stack.description
    object.__setattr__(volume.stack, "description", "王小明 Wang Xiao Ming P-7")
    named = picture_of(pane)
    object.__setattr__(volume.stack, "description", kept)
    assert plain is not None and named is not None
    assert np.array_equal(plain.pixels, named.pixels)
    bare = picture_of(pane, words=False)
    assert bare is not None and not np.array_equal(bare.pixels, plain.pixels)


def test_film_of_all_slices(room: Room, tmp_path: Path) -> None:
    import cv2

    share, before = share_of(room), room.view.viewport.slice_number
    path = tmp_path / "film.mp4"
    share.save_film(path)
    room.until(lambda: share.film is None, 60)
    assert room.view.viewport.slice_number == before  # the view did not scroll
    reader = cv2.VideoCapture(str(path))
    seen = []
    while (got := reader.read())[0]:
        seen.append(got[1])
    assert len(seen) == 10 and max(seen[0].shape[:2]) == 800
    assert not np.array_equal(seen[0], seen[5])


def test_film_and_key_image_of_a_3d_view(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    monkeypatch.setattr(share_film, "TURN_DEG", 60.0)
    share, grid = share_of(room), room.window.grid_
    grid.set_layout("mpr")
    room.until(lambda: room.window.settled, 60)
    number = next(n for n, p in enumerate(grid.panes) if p.solid is not None)
    grid.activate(number)
    solid = grid.panes[number].solid
    assert solid is not None and solid.look is not None
    look = solid.look
    path = tmp_path / "turn.mp4"
    share.save_film(path)
    room.until(lambda: share.film is None, 120)
    reader = cv2.VideoCapture(str(path))
    frames = []
    while (got := reader.read())[0]:
        frames.append(got[1])
    assert len(frames) == 6 and not np.array_equal(frames[0], frames[1])
    assert solid.look == look  # as it was before
    share.keys.toggle()
    room.until(lambda: len(share.keys.images) == 1)
    assert share.keys.images[0].solid and "3D" in share.keys.images[0].caption
    share.keys.remove(share.keys.images[0])
    room.until(lambda: not share.keys.images)
    grid.set_layout("single")
    grid.activate(0)
    room.until(lambda: room.window.settled, 60)


def test_printed_ball_has_its_size_on_paper(room: Room, tmp_path: Path) -> None:
    """Complaint 21: a body 42 mm wide is 42 mm wide on the page."""
    for pane in room.window.grid_.panes:  # whatever the protocol opens it with
        pane.viewport.set_window(Window(-600.0, 1500.0))
    room.until(lambda: room.window.settled, 60)
    share = share_of(room)
    share.ask_print()
    dialog = share.dialog
    assert isinstance(dialog, PrintDialog)
    dialog.true_size.setChecked(True)
    dialog.draw()
    room.until(lambda: not dialog.preview.pixmap().isNull(), 30)
    path = tmp_path / "页.pdf"
    dialog.save_to(path)
    room.until(path.exists, 30)
    with pypdfium2.PdfDocument(path.read_bytes()) as document:
        page = document[0].render(scale=300 / 72).to_numpy()[..., :3].astype(int)
        words = document[0].get_textpage().get_text_bounded()
    assert "王" in words and "50 mm" in words
    mm = 25.4 / 300
    page = page[: page.shape[0] * 85 // 100]  # without the foot with its bar
    inked = page[:, :, 0] < 240
    rows = np.flatnonzero(inked.mean(axis=1) > 0.25)
    columns = np.flatnonzero(inked[rows].mean(axis=0) > 0.9)
    row = (rows[0] + rows[-1]) // 2
    inside = page[row - 40 : row + 40, columns[0] : columns[-1] + 1, 0].mean(axis=0)
    dark = np.flatnonzero(inside < 140)  # the air is dark grey in a lung window
    centre = inside.size // 2
    widest = (dark[dark > centre].min() - dark[dark < centre].max() - 1) * mm
    assert widest == pytest.approx(2 * 28 * 0.75, abs=1.6)  # a voxel either side is its edge
    dialog.anonymous.setChecked(True)
    dialog.draw()
    nameless = tmp_path / "无名.pdf"
    dialog.save_to(nameless)
    room.until(nameless.exists, 30)
    with pypdfium2.PdfDocument(nameless.read_bytes()) as document:
        bare = document[0].get_textpage().get_text_bounded()
        assert not document.get_metadata_dict().get("Author")
    for secret in ("王", "Wang", "P-7", "A7", "2026-01-05", "Chest 2.5"):
        assert secret not in bare
    dialog.reject()


def test_printer_gets_the_page_to_the_millimetre(room: Room, tmp_path: Path) -> None:
    share = share_of(room)
    share.ask_print()
    dialog = share.dialog
    assert isinstance(dialog, PrintDialog)
    dialog.true_size.setChecked(True)
    dialog.draw()
    path = tmp_path / "printed.pdf"
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(path))
    sent: list[int] = []
    dialog.told = sent.append
    dialog.print_on(printer)
    room.until(lambda: sent == [1], 60)
    dialog.reject()
    with pypdfium2.PdfDocument(path.read_bytes()) as document:
        assert len(document) == 1
        assert document[0].get_size() == pytest.approx((595.3, 841.9), abs=1.5)
        page = document[0].render(scale=300 / 72).to_numpy()[..., :3].astype(int)
    mm = 25.4 / 300
    foot = page[-round(24 / mm) :].max(axis=-1) < 60
    lines = np.flatnonzero(foot[:, : round(80 / mm)].sum(axis=1) > 40 / mm)
    ends = np.flatnonzero(foot[lines[0]])
    bar = ends[ends < ends[0] + round(52 / mm)]
    assert (np.ptp(bar) + 1) * mm == pytest.approx(RULER_MM, abs=0.3)


def test_what_may_show_the_patient_is_said_first(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.set_language("en")
    share = share_of(room)
    gone: list[str] = []
    monkeypatch.setattr(share, "_ask_file", lambda suffix, work: gone.append(suffix))
    share.ask_view()
    room.until(lambda: gone == ["png"])  # a CT without burned-in words: no question
    volume = room.view.viewport.volume
    assert volume is not None
    object.__setattr__(volume.stack, "modality", "US")
    share.ask_view()
    room.until(lambda: isinstance(share.dialog, QMessageBox))
    object.__setattr__(volume.stack, "modality", "CT")
    box = share.dialog
    assert isinstance(box, QMessageBox)
    assert "often have the name" in box.informativeText() and gone == ["png"]
    box.buttons()[0].click()
    room.until(lambda: gone == ["png", "png"])


def test_key_images_are_in_the_signed_pdf(room: Room) -> None:
    """Last here: it signs the study."""
    keys = share_of(room).keys
    keys.toggle()
    room.until(lambda: len(keys.images) == 1)
    keys.describe(keys.images[0], "右肺上叶")
    room.until(lambda: keys.images[0].words == "右肺上叶")
    room.window.jobs.flush()
    draft(room.archive, STUDY, language="zh_CN", actor=READER)
    report = sign(room.archive, STUDY, user="li", password=PASSWORD)
    assert [image.words for image in report.key_images] == ["右肺上叶"]
    pdf = next(d for d in report.documents if d.kind == "pdf")
    with pypdfium2.PdfDocument(room.archive.read_blob(pdf.sha256)) as document:
        words = "".join(page.get_textpage().get_text_bounded() for page in document)
        pictures = [o for page in document for o in page.get_objects(filter=(3,))]
        assert len(pictures) == 1
        assert max(pictures[0].get_px_size()) == 900
    assert "关键图像" in words and "右肺上叶" in words
    with pytest.raises(NotAllowed):
        key_room.take_back(room.archive, READER, report.key_images[0].id)
    assert verify(room.archive).ok

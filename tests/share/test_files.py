"""Files that leave the house: PNG without words, films, pages true to size."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PySide6.QtGui import QImage

from workstation.documents.movie import write_mp4
from workstation.documents.png import png_bytes
from workstation.documents.print_page import (
    PAPERS,
    RULER_MM,
    PrintImage,
    Sheet,
    print_pages,
    print_pdf,
)
from workstation.domain.errors import BadInput, Cancelled
from workstation.domain.work import Cancel

MOMENT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def chunks(data: bytes) -> list[str]:
    found, at = [], 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        found.append(data[at + 4 : at + 8].decode("ascii"))
        at += 12 + size
    return found


@pytest.mark.parametrize("shape", [(13, 17), (13, 17, 3), (1, 1), (600, 801, 3)])
def test_png_holds_its_pixels_and_no_words(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
    data = png_bytes(pixels, mm_per_pixel=0.25)
    assert chunks(data) == ["IHDR", "pHYs", "IDAT", "IEND"]
    image = QImage.fromData(data)  # Qt's own decoder
    assert (image.height(), image.width()) == shape[:2]
    assert image.textKeys() == []
    assert image.dotsPerMeterX() == 4000
    for y, x in ((0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 3)):
        colour = image.pixelColor(x, y)
        told = (colour.red(), colour.green(), colour.blue())
        assert told == tuple(np.broadcast_to(pixels[y, x], 3).tolist())
    assert "pHYs" not in chunks(png_bytes(pixels))


def film(count: int) -> list[np.ndarray]:
    frames = []
    for n in range(count):
        frame = np.zeros((121, 161, 3), dtype=np.uint8)  # odd: the codec counts in pairs
        frame[40:80, 4 * n : 4 * n + 30] = (255, 60, 0)
        frames.append(frame)
    return frames


def test_film_reads_back_as_it_was_written(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "旋转 影片.mp4"
    told: list[float] = []
    count = write_mp4(path, film(24), 24, 12.0, progress=lambda share, _: told.append(share))
    assert count == 24 and told[-1] == 1.0
    copy = tmp_path / "plain.mp4"
    copy.write_bytes(path.read_bytes())
    reader = cv2.VideoCapture(str(copy))
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(12.0)
    seen = []
    while (got := reader.read())[0]:
        seen.append(got[1][..., ::-1])
    assert len(seen) == 24 and seen[0].shape == (120, 160, 3)
    for n in (0, 23):  # colours and places survive, red is not blue
        box = seen[n][45:75, 4 * n + 5 : 4 * n + 25].reshape(-1, 3).mean(axis=0)
        assert box[0] > 200 and box[2] < 60
        assert seen[n][5:30].mean() < 10
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plain.mp4", "旋转 影片.mp4"]


def test_film_can_be_stopped_and_needs_a_picture(tmp_path: Path) -> None:
    cancel = Cancel()
    cancel.cancel()
    path = tmp_path / "a.mp4"
    with pytest.raises(Cancelled):
        write_mp4(path, film(3), 3, 10.0, cancel=cancel)
    with pytest.raises(BadInput):
        write_mp4(path, [], 0, 10.0)
    assert not list(tmp_path.iterdir())


def frame_png(width: int, height: int) -> bytes:
    pixels = np.full((height, width, 3), 255, dtype=np.uint8)
    pixels[:] = (0, 0, 200)
    return png_bytes(pixels)


@pytest.mark.parametrize(("paper", "landscape"), [("A4", False), ("A4", True), ("A3", False)])
def test_page_is_true_to_size(paper: str, landscape: bool) -> None:
    """Complaint 21: pixels of the printed page are measured, not what the page says of itself."""
    sheet = Sheet(paper, landscape, 2, 2)
    wide, high = sheet.cell_mm
    assert wide > 60 and high > 60
    image = PrintImage(frame_png(300, 200), 60.0, 40.0, "FLAIR　轴位")
    pdf = print_pdf(sheet, [image] * 5, ["张三　男　56 岁"], language="zh_CN", made_at=MOMENT)
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) == 2  # four on the first, one on the second
        width, height = document[0].get_size()
        want = PAPERS[paper][::-1] if landscape else PAPERS[paper]
        assert (width / 72 * 25.4, height / 72 * 25.4) == pytest.approx(want, abs=0.05)
        scale = 300 / 72  # 300 dots an inch
        page = np.asarray(document[1].render(scale=scale).to_numpy())[..., :3].astype(int)
        text = document[0].get_textpage().get_text_bounded()
    blue = (abs(page - page.reshape(-1, 3).min(axis=0)).sum(axis=-1) < 0) | (
        abs(page[..., 0] - page[..., 2]) > 150
    )
    rows, columns = np.nonzero(blue)
    mm = 25.4 / 300
    assert (np.ptp(columns) + 1) * mm == pytest.approx(60.0, abs=0.2)
    assert (np.ptp(rows) + 1) * mm == pytest.approx(40.0, abs=0.2)
    foot = page[-round(24 / mm) :].max(axis=-1) < 60  # the bar lies in the footer, at the left
    lines = np.flatnonzero(foot[:, : round(80 / mm)].sum(axis=1) > 40 / mm)
    ends = np.flatnonzero(foot[lines[0]])
    bar = ends[ends < ends[0] + round(52 / mm)]
    assert (bar.max() - bar.min() + 1) * mm == pytest.approx(RULER_MM, abs=0.2)
    assert "张三" in text and "50 mm" in text


def test_page_without_patient_data_and_not_to_size() -> None:
    image = PrintImage(frame_png(300, 200), 0.0, 0.0, "CT")
    pdf = print_pdf(Sheet("A4", False, 1, 2), [image], [], language="en", made_at=MOMENT)
    with pypdfium2.PdfDocument(pdf) as document:
        text = document[0].get_textpage().get_text_bounded()
        told = document.get_metadata_dict()
    assert "Not true to size" in text and "50 mm" not in text
    assert not told.get("Author") and not told.get("Title")
    pages = print_pages(Sheet("A4"), [image], [], language="en", ppi=60)
    assert QImage.fromData(pages[0]).width() == pytest.approx(210 / 25.4 * 60, abs=1)
    with pytest.raises(BadInput):
        print_pdf(Sheet(), [], [], language="en", made_at=MOMENT)

"""Reading overlay planes, groups 6000 to 60FF, of images and presentation states (PS3.3 C.9.2)."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from workstation.dicom.elements import PARSE_ERRORS, character_set, text_value
from workstation.dicom.encodings import EXPLICIT_BIG, is_native
from workstation.dicom.headers import transfer_syntax_of
from workstation.dicom.items import Item
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.overlay_plane import OverlayPlane

_log = logging.getLogger(__name__)
_ROWS, _COLUMNS, _FRAMES, _DESCRIPTION = 0x0010, 0x0011, 0x0015, 0x0022
_TYPE, _ORIGIN, _FIRST, _BITS, _POSITION = 0x0040, 0x0050, 0x0051, 0x0100, 0x0102
_LAYER, _LABEL, _DATA = 0x1001, 0x1500, 0x3000
GROUPS = range(0x6000, 0x6100, 2)


def read_overlays(path: Path, frame: int = 0) -> tuple[list[OverlayPlane], list[Message]]:
    """Bitmaps over one frame (from 0) of an image, and why others are not shown.

    Raises ``BadInput`` where the file cannot be read.
    """
    try:
        stat = path.stat()
        dataset = _header(path, stat.st_size, stat.st_mtime_ns)
        return overlays_of(dataset, frame, path)
    except PARSE_ERRORS as error:
        _log.warning("overlays could not be read: %s", type(error).__name__)
        raise BadInput(N_("The overlays of this image cannot be read.")) from error


@functools.lru_cache(maxsize=16)
def _header(path: Path, size: int, changed_ns: int) -> Dataset:
    del size, changed_ns  # they say that it is still the same file
    return pydicom.dcmread(path, force=True, stop_before_pixels=True)


def overlays_of(
    dataset: Dataset, frame: int = 0, path: Path | None = None
) -> tuple[list[OverlayPlane], list[Message]]:
    """Bitmaps of a data set over one of its frames. path: where pixels may hold bits of them."""
    found, said = [], []
    tags = list(dataset.keys())  # iterating the set itself would parse every value
    groups = sorted({tag.group for tag in tags if tag.group in GROUPS})
    for group in groups:
        rows, columns = (_number(dataset, group, e, 0) for e in (_ROWS, _COLUMNS))
        if rows <= 0 or columns <= 0:
            continue  # only an activation layer, or broken
        bits = _bits(dataset, group, frame, rows, columns, path)
        if bits is None:
            text = N_("An overlay of this image (group {group}) cannot be read; it is not drawn.")
            said.append(Message(text, {"group": f"{group:04X}"}))
            continue
        if not bits.size:
            continue  # not on this frame
        origin = dataset.get((group, _ORIGIN))
        top, left = (int(v) for v in origin.value) if origin is not None else (1, 1)
        words = _text(dataset, group, _LABEL) or _text(dataset, group, _DESCRIPTION)
        region = _text(dataset, group, _TYPE).upper() == "R"
        layer = _text(dataset, group, _LAYER)
        found.append(OverlayPlane(group, bits, top - 1, left - 1, words, region, layer))
    return found, said


def _bits(
    dataset: Dataset, group: int, frame: int, rows: int, columns: int, path: Path | None
) -> NDArray[np.bool_] | None:
    """(rows, columns) over a frame; empty where there is none; None where it cannot be read."""
    stored = dataset.get((group, _DATA))
    frames = max(1, _number(dataset, group, _FRAMES, 1))
    first = _number(dataset, group, _FIRST, 1) - 1
    at = frame - first
    if frames == 1 and first == 0 and (group, _FIRST) not in dataset:
        at = 0  # one bitmap for every frame
    if not 0 <= at < frames:
        return np.zeros((0, 0), dtype=np.bool_)
    if stored is None or not stored.value:
        return _in_pixels(dataset, group, frame, rows, columns, path)
    raw = np.frombuffer(bytes(stored.value), np.uint8)
    size = rows * columns
    start = at * size
    some = raw[start // 8 : (start + size + 7) // 8]
    flat = np.unpackbits(some, bitorder="little")[start % 8 : start % 8 + size]
    return flat.reshape(rows, columns).astype(np.bool_) if flat.size == size else None


def _in_pixels(
    dataset: Dataset, group: int, frame: int, rows: int, columns: int, path: Path | None
) -> NDArray[np.bool_] | None:
    """Bits above the stored ones of each pixel, as files before 2004 have them (retired)."""
    if path is None or _number(dataset, group, _BITS, 1) != 16:
        return None
    header = Item(dataset)
    syntax = transfer_syntax_of(dataset)
    same = (header.whole("Rows"), header.whole("Columns")) == (rows, columns)
    if not same or not is_native(syntax) or header.whole("BitsAllocated") != 16:
        return None
    pixels = pydicom.dcmread(path, force=True).get("PixelData")
    order = ">u2" if syntax == EXPLICIT_BIG else "<u2"
    size = rows * columns
    raw = np.frombuffer(bytes(pixels or b""), order, -1)[frame * size : (frame + 1) * size]
    if raw.size != size:
        return None
    position = _number(dataset, group, _POSITION, 0)
    return ((raw >> position) & 1).astype(np.bool_).reshape(rows, columns)


def _number(dataset: Dataset, group: int, element: int, absent: int) -> int:
    found = dataset.get((group, element))
    value: Any = found.value if found is not None else None
    return absent if value in (None, "") else int(value)


def _text(dataset: Dataset, group: int, element: int) -> str:
    return text_value(dataset, Tag(group, element), character_set(dataset))

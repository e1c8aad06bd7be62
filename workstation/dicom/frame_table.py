"""The functional groups of very many frames, read in one pass over the bytes.

A segmentation of a hundred organs has tens of thousands of frames; building data sets for each of
their items takes minutes. This walks the elements (PS3.5 7.1, 7.5) and keeps what is asked for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_partial
from pydicom.filewriter import write_dataset

from workstation.dicom.elements import PARSE_ERRORS
from workstation.dicom.encodings import DEFLATED_LITTLE, EXPLICIT_BIG
from workstation.dicom.headers import PixelElement, pixel_element, transfer_syntax_of
from workstation.domain.errors import N_, BadInput

Node = dict[int, Any]
"""Tag to bytes, or to a list of nodes for a sequence."""

PER_FRAME = 0x52009230
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_SHORT_HEAD = struct.Struct("<HH2sH")
_LONG_HEAD = struct.Struct("<HHLL")
_IMPLICIT_HEAD = struct.Struct("<HHL")

POSITION = 0x00200032
ORIENTATION = 0x00200037
SPACING = 0x00280030
SEGMENT_NUMBER = 0x0062000B
SOURCE_UID = 0x00081155
SOURCE_FRAME = 0x00081160
_KEPT = {
    POSITION,
    ORIENTATION,
    SPACING,
    SEGMENT_NUMBER,
    SOURCE_UID,
    SOURCE_FRAME,
}
_GROUPS = {
    0x00209113,  # PlanePositionSequence
    0x00209116,  # PlaneOrientationSequence
    0x00289110,  # PixelMeasuresSequence
    0x0062000A,  # SegmentIdentificationSequence
    0x00089124,  # DerivationImageSequence
    0x00082112,  # SourceImageSequence
}


@dataclass(frozen=True)
class FrameFile:
    """A multi-frame file opened: header, each frame's values, where the samples lie."""

    path: Path
    dataset: Dataset  # without the per-frame groups and the pixels
    frames: list[Node]
    syntax: str
    element: PixelElement | None


class _Walk:
    """Elements of one byte string; explicit or implicit VR, little endian."""

    def __init__(self, data: bytes | memoryview, explicit: bool) -> None:
        self.data = data
        self.explicit = explicit

    def head(self, at: int) -> tuple[int, bytes, int, int]:
        """Tag, VR, length and where the value begins."""
        if self.explicit:
            group, element, vr, short = _SHORT_HEAD.unpack_from(self.data, at)
            tag = group << 16 | element
            if group == 0xFFFE:
                return tag, b"", _LONG_HEAD.unpack_from(self.data, at)[2], at + 8
            if vr in _LONG:
                return tag, vr, struct.unpack_from("<L", self.data, at + 8)[0], at + 12
            return tag, vr, short, at + 8
        group, element, length = _IMPLICIT_HEAD.unpack_from(self.data, at)
        return group << 16 | element, b"", length, at + 8

    def data_set(self, at: int, end: int, keep: Node) -> int:
        """Elements from ``at`` up to ``end`` or an item delimiter; where they end."""
        while at < end:
            tag, _, length, value = self.head(at)
            if tag == _ITEM_END:
                return value
            if length == _UNDEFINED:
                at = self.sequence(value, end, keep, tag in _GROUPS)
            elif tag in _GROUPS:
                at = self.sequence(value, value + length, keep, True)
            else:
                if tag in _KEPT:
                    keep.setdefault(tag, bytes(self.data[value : value + length]))
                at = value + length
        return at

    def sequence(self, at: int, end: int, keep: Node, wanted: bool) -> int:
        """Items of a sequence, kept where they are wanted; the first value wins."""
        while at < end:
            tag, _, length, value = self.head(at)
            if tag == _SEQUENCE_END:
                return value
            stop = end if length == _UNDEFINED else value + length
            at = self.data_set(value, stop, keep if wanted else {})
            if length != _UNDEFINED:
                at = stop
        return at

    def frames(self, at: int, end: int) -> tuple[list[Node], int]:
        """One node an item of the per-frame sequence; where the sequence ends."""
        found: list[Node] = []
        while at < end:
            tag, _, length, value = self.head(at)
            if tag == _SEQUENCE_END:
                return found, value
            stop = end if length == _UNDEFINED else value + length
            node: Node = {}
            at = self.data_set(value, stop, node)
            if length != _UNDEFINED:
                at = stop
            found.append(node)
        return found, at


def open_frames(path: Path) -> FrameFile:
    """A multi-frame file's header, frame table and pixel element. Raises ``BadInput``."""
    try:
        with path.open("rb") as file:
            return _open(path, file)
    except (*PARSE_ERRORS, MemoryError) as error:
        raise BadInput(N_("Its content is damaged or cut short.")) from error
    except OSError as error:
        raise BadInput(N_("The file cannot be read from its disk.")) from error


def _open(path: Path, file: Any) -> FrameFile:
    head = read_partial(file, stop_when=lambda tag, vr, length: int(tag) >= PER_FRAME, force=True)
    syntax = transfer_syntax_of(head)
    if syntax in {EXPLICIT_BIG, DEFLATED_LITTLE}:
        return _open_other(path, syntax)
    explicit = not head.original_encoding[0]
    at = file.tell()
    start = file.read(12)
    file.seek(at)
    walk = _Walk(start, explicit)
    frames: list[Node] = []
    if len(start) == 12 and walk.head(0)[0] == PER_FRAME:
        _, _, length, value = walk.head(0)
        size = path.stat().st_size
        # Of undefined length: all up to the pixels at most; a gigabyte of those is not read.
        wanted = length if length != _UNDEFINED else min(size - at - value, 1 << 29)
        file.seek(at + value)
        data = file.read(wanted)
        frames, used = _Walk(data, explicit).frames(0, len(data))
        file.seek(at + value + used)
    while True:  # the pixels come next, or after elements of no interest
        at = file.tell()
        start = file.read(12)
        file.seek(at)
        if len(start) < 12:
            return FrameFile(path, head, frames, syntax, None)
        tag, _, length, value = _Walk(start, explicit).head(0)
        if tag >= 0x7FE00000 or length == _UNDEFINED:
            break
        file.seek(at + value + length)
    return FrameFile(path, head, frames, syntax, pixel_element(file, head, syntax))


def _open_other(path: Path, syntax: str) -> FrameFile:
    """Big-endian and deflated files, by way of a copy that is neither."""
    whole = pydicom.dcmread(path, force=True)
    for _ in whole.iterall():  # every value is converted, so that it can be written the other way
        pass
    only = Dataset()
    if PER_FRAME in whole:
        only[PER_FRAME] = whole[PER_FRAME]
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, only)
    data = buffer.getvalue()
    frames: list[Node] = []
    if PER_FRAME in whole:
        walk = _Walk(data, True)
        _, _, length, value = walk.head(0)
        end = len(data) if length == _UNDEFINED else value + length
        frames, _ = walk.frames(value, end)
        del whole[PER_FRAME]
    element = None
    for tag in (0x7FE00008, 0x7FE00009, 0x7FE00010):
        if tag in whole:
            element = PixelElement(pydicom.datadict.keyword_for_tag(tag), -1, 0)
    return FrameFile(path, whole, frames, syntax, element)


def decimals(value: bytes | None) -> list[float]:
    """Numbers of a DS value; empty where there is none or it is no number."""
    if not value:
        return []
    try:
        found = [float(part) for part in value.strip(b" \0").split(b"\\")]
    except ValueError:
        return []
    return found if all(np.isfinite(found)) else []


def unsigned(value: bytes | None) -> list[int]:
    """Numbers of a US value."""
    if not value:
        return []
    return [int(v) for v in np.frombuffer(value[: len(value) // 2 * 2], "<u2")]


def words(value: bytes | None) -> str:
    """A UID."""
    return (value or b"").strip(b" \0").decode("ascii", "replace")


def whole_numbers(value: bytes | None) -> list[int]:
    """Numbers of an IS value."""
    return [int(v) for v in decimals(value)]

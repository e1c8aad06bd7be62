"""Single elements of a data set as JSON scalars, read from their raw bytes.

One bad value (a DS of "1A", a wrong VR) costs that value and not the file.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from workstation.dicom.character_sets import decode_text
from workstation.domain.plain_words import plain_words

PARSE_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    struct.error,
    zlib.error,
)
"""What pydicom raises over broken files."""

_LIST_NAMES = """
ImageType ImagePositionPatient ImageOrientationPatient PixelSpacing ImagerPixelSpacing
NominalScannedPixelSpacing PixelAspectRatio WindowCenter WindowWidth WindowCenterWidthExplanation
ScanOptions FrameTimeVector GridFrameOffsetVector SequenceVariant ScanningSequence CorrectedImage
SeriesType DiffusionGradientOrientation PatientOrientation
"""
LISTS = frozenset(_LIST_NAMES.split())
"""Always lists, however many values a file has; every other keyword is one value."""


def table(keywords: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Tag and value representation of each keyword."""
    found = {}
    for keyword in keywords:
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        found[keyword] = (int(tag), str(dictionary_VR(tag)))
    return found


_BINARY = {
    "US": "u2",
    "SS": "i2",
    "UL": "u4",
    "SL": "i4",
    "FL": "f4",
    "FD": "f8",
    "SV": "i8",
    "UV": "u8",
    "US or SS": "u2",
}


def character_set(dataset: Dataset) -> tuple[str, ...]:
    """Values of Specific Character Set; empty where there is none."""
    raw = raw_element(dataset, 0x00080005)
    if raw is None:
        return ()
    if isinstance(raw.value, bytes):
        return tuple(v.strip() for v in raw.value.decode("latin-1").strip("\0 ").split("\\"))
    value = raw.value
    return (str(value),) if isinstance(value, str) else tuple(str(v) for v in value or ())


def raw_element(dataset: Dataset, tag: int) -> Any:
    """The element as read, None where the data set has none."""
    # A dataset without the element answers None or raises KeyError, by version.
    return dataset.get_item(tag) if tag in dataset else None


def text_value(dataset: Dataset, tag: int, declared: Sequence[str]) -> str:
    """One text element, decoded by ``declared`` or in spite of it; empty where there is none."""
    raw = raw_element(dataset, tag)
    if raw is None or raw.value is None:
        return ""
    if isinstance(raw.value, bytes):
        return plain_words(decode_text(raw.value, declared).strip())
    return plain_words(str(raw.value).strip())


def _number(text: str, whole: bool) -> float | int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if whole else value


def _finite(values: list[Any]) -> list[Any]:
    """All values or none: without one of them the others would stand in the wrong places."""
    if any(isinstance(v, float) and not math.isfinite(v) for v in values):
        return []
    return values


def values_of(raw: Any, vr: str, declared: Sequence[str]) -> list[Any]:
    """All values of an element as JSON scalars; none where one of its numbers is no number."""
    value = raw.value
    if value is None:
        return []
    said = str(raw.VR) if raw.VR else ""
    if said and said not in {"UN", "OB", "OW"}:
        vr = said
    if not isinstance(value, bytes):  # pydicom has converted it already
        items = [value] if isinstance(value, (str, int, float)) else list(value)
        found = [plain_words(v) if isinstance(v, str) else v for v in items]
        return _finite([v if isinstance(v, (str, int)) else float(v) for v in found])
    if vr in _BINARY:
        little = not isinstance(raw, RawDataElement) or raw.is_little_endian
        dtype = np.dtype(_BINARY[vr]).newbyteorder("<" if little else ">")
        usable = len(value) // dtype.itemsize * dtype.itemsize
        return _finite(np.frombuffer(value[:usable], dtype=dtype).tolist())
    if vr in {"DS", "IS"}:
        parts = value.decode("latin-1").strip("\0 ").split("\\")
        found = [_number(part.strip(" \0"), vr == "IS") for part in parts]
        return [] if any(n is None for n in found) else found
    parts = decode_text(value, declared).split("\\")
    return [plain_words(part.strip(" \0")) for part in parts]


def value_of(dataset: Dataset, keyword: str, tag: int, vr: str, declared: Sequence[str]) -> Any:
    """Its value, a list where ``LISTS`` has the keyword; None where there is none."""
    raw = raw_element(dataset, tag)
    if raw is None:
        return None
    values = values_of(raw, vr, declared)
    if not values or all(v == "" for v in values):
        return None
    return values if keyword in LISTS else values[0]


def items_of(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Items of a sequence; none where it is absent or cannot be read."""
    try:
        items = dataset.get(keyword)
    except (*PARSE_ERRORS, OSError):
        return ()
    if items is None or isinstance(items, (str, bytes)):
        return ()
    return list(items)


def private_values(dataset: Dataset, group: int, element: int, creator: str, vr: str) -> list[Any]:
    """Values of a private element in the block of ``creator`` (PS3.5 7.8.1).

    vr: what it is where the file does not say. Empty where there is no such element.
    """
    for block in range(0x10, 0x100):
        owner = raw_element(dataset, group << 16 | block)
        if owner is None:
            if block > 0x20:
                break
            continue
        name = owner.value
        if isinstance(name, bytes):
            name = name.decode("latin-1")
        if str(name).strip(" \0") != creator:
            continue
        raw = raw_element(dataset, group << 16 | block << 8 | element)
        if raw is not None:
            return values_of(raw, vr, ())
    return []

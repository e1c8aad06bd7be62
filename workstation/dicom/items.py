"""One data set of an object, read tolerantly: its values in Python, its text in words.

Text is decoded by the character set of the item, else of its parent, and in spite of it where it
is false; a value that cannot be understood is as good as absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.uid import UID

from workstation.dicom.elements import (
    PARSE_ERRORS,
    character_set,
    items_of,
    raw_element,
    text_value,
    values_of,
)
from workstation.domain.artefact import Code
from workstation.domain.document import ImageRef
from workstation.domain.errors import N_, BadInput


class Item:
    """A data set and the character set that its text is in."""

    def __init__(self, dataset: Dataset, declared: Sequence[str] = ()) -> None:
        self.dataset = dataset
        self.declared = character_set(dataset) or tuple(declared)

    def text(self, keyword: str) -> str:
        """Text of an element, empty where there is none."""
        return text_value(self.dataset, _tag(keyword), self.declared)

    def values(self, keyword: str) -> list[Any]:
        """All values of an element; empty where there is none or it cannot be understood."""
        tag = _tag(keyword)
        try:
            raw = raw_element(self.dataset, tag)
            if raw is None:
                return []
            return values_of(raw, str(dictionary_VR(tag)), self.declared)
        except PARSE_ERRORS:
            return []

    def numbers(self, keyword: str) -> list[float]:
        """All values as numbers."""
        return [float(v) for v in self.values(keyword) if isinstance(v, (int, float))]

    def number(self, keyword: str, default: float | None = None) -> float | None:
        """First value as a number."""
        found = self.numbers(keyword)
        return found[0] if found else default

    def whole(self, keyword: str, default: int = 0) -> int:
        """First value as a whole number."""
        found = self.numbers(keyword)
        return int(found[0]) if found else default

    def items(self, keyword: str) -> list[Item]:
        """Items of a sequence."""
        return [Item(one, self.declared) for one in items_of(self.dataset, keyword)]

    def first(self, keyword: str) -> Item | None:
        """First item of a sequence, None where there is none."""
        return next(iter(self.items(keyword)), None)

    def code(self, keyword: str) -> Code | None:
        """A coded concept, None where there is none."""
        item = self.first(keyword)
        if item is None:
            return None
        value = item.text("CodeValue") or item.text("LongCodeValue") or item.text("URNCodeValue")
        return Code(value, item.text("CodingSchemeDesignator"), item.text("CodeMeaning"))

    def has(self, keyword: str) -> bool:
        """Whether the element is there at all."""
        return _tag(keyword) in self.dataset

    def image_refs(self, keyword: str, series_uid: str = "") -> tuple[ImageRef, ...]:
        """Image references (SOP instance macro, frames counted from 1) of a sequence."""
        return tuple(
            ImageRef(
                item.text("ReferencedSOPInstanceUID"),
                tuple(int(n) - 1 for n in item.numbers("ReferencedFrameNumber")),
                series_uid,
                item.text("ReferencedSOPClassUID"),
                tuple(int(n) for n in item.numbers("ReferencedSegmentNumber")),
            )
            for item in self.items(keyword)
            if item.text("ReferencedSOPInstanceUID")
        )

    @property
    def made(self) -> str:
        """Date and time of its content, as DICOM writes them, or empty."""
        for date, time in (
            ("ContentDate", "ContentTime"),
            ("PresentationCreationDate", "PresentationCreationTime"),
            ("StructureSetDate", "StructureSetTime"),
            ("SeriesDate", "SeriesTime"),
        ):
            if self.text(date):
                return f"{self.text(date)} {self.text(time)[:6]}".strip()
        return ""


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return int(tag)


def open_object(path: Path, *, pixels: bool = False, brief: bool = False) -> Item:
    """A file's data set, without its pixels unless asked. Raises ``BadInput`` with the reason.

    brief: without what it says of each of its frames, which may be tens of thousands.
    """
    try:
        if brief:
            with path.open("rb") as file:
                return Item(read_partial(file, stop_when=_frames_begin, force=True))
        return Item(pydicom.dcmread(path, stop_before_pixels=not pixels, force=True))
    except (*PARSE_ERRORS, MemoryError) as error:
        raise BadInput(N_("Its content is damaged or cut short.")) from error
    except OSError as error:
        raise BadInput(N_("The file cannot be read from its disk.")) from error


def _frames_begin(tag: Any, vr: Any, length: int) -> bool:
    return int(tag) >= 0x52009229  # Shared Functional Groups Sequence


def class_name(sop_class_uid: str) -> str:
    """Name of an object's class in the standard; the UID itself where it is not known."""
    return str(UID(sop_class_uid).name) if sop_class_uid else ""

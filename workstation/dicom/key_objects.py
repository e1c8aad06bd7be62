"""Key Object Selection documents (PS3.16 TID 2010) of any maker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workstation.dicom.items import Item, open_object
from workstation.domain.document import ImageRef, KeySelection
from workstation.domain.errors import N_, BadInput

KEY_OBJECT_CLASS = "1.2.840.10008.5.1.4.1.1.88.59"
_DESCRIPTION = "113012"  # Key Object Description
_OBSERVER = "121008"  # Person Observer Name


def read_key_objects(path: Path) -> KeySelection:
    """Which images someone put aside, and why. Raises ``BadInput`` where the file is none."""
    item = open_object(path)
    if item.text("SOPClassUID") != KEY_OBJECT_CLASS:
        raise BadInput(N_("This file is no list of key images."))
    title = item.code("ConceptNameCodeSequence")
    series = _series_of(item)
    words, author = "", ""
    images: list[ImageRef] = []
    for child in _all(item):
        name = child.code("ConceptNameCodeSequence")
        if child.text("ValueType") == "TEXT" and name and name.value == _DESCRIPTION:
            words = child.text("TextValue").replace("\r\n", "\n")
        elif child.text("ValueType") == "PNAME" and name and name.value == _OBSERVER:
            author = child.text("PersonName")
        elif child.text("ValueType") in {"IMAGE", "COMPOSITE", "WAVEFORM"}:
            images += child.image_refs("ReferencedSOPSequence")
    return KeySelection(
        sop_instance_uid=item.text("SOPInstanceUID"),
        title=title.meaning if title else "",
        words=words,
        author=author,
        made=item.made,
        images=tuple(
            ImageRef(
                ref.sop_instance_uid,
                ref.frames,
                series.get(ref.sop_instance_uid, ""),
                ref.sop_class_uid,
            )
            for ref in images
        ),
    )


def _all(item: Item) -> Iterator[Item]:
    for child in item.items("ContentSequence"):
        yield child
        yield from _all(child)


def _series_of(item: Item) -> dict[str, str]:
    """Series of each object that the evidence lists."""
    return {
        ref.sop_instance_uid: series.text("SeriesInstanceUID")
        for study in item.items("CurrentRequestedProcedureEvidenceSequence")
        for series in study.items("ReferencedSeriesSequence")
        for ref in series.image_refs("ReferencedSOPSequence")
    }

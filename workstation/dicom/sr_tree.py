"""Structured reports of any template as a tree of what they say (PS3.3 C.17.3)."""

from __future__ import annotations

from pathlib import Path

from workstation.dicom.items import Item, open_object
from workstation.dicom.sr_places import places_of
from workstation.domain.artefact import Code
from workstation.domain.document import Graphic, ImageRef, ReportItem, ReportTree, Space
from workstation.domain.errors import N_, BadInput

NO_NUMBERS = N_("Its coordinates are missing or are no numbers.")
_INCOMPLETE = N_("Its coordinates are incomplete.")
_FEWEST = {"POLYLINE": 2, "POLYGON": 3, "CIRCLE": 2, "ELLIPSE": 4, "ELLIPSOID": 6}
"""Points that a drawing needs (PS3.3 C.18.6.1.2, C.18.9.1.2); any other kind one."""
_DEEPEST = 60
_TEXTS = {
    "TEXT": "TextValue",
    "PNAME": "PersonName",
    "UIDREF": "UID",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "DateTime",
}


def read_tree(path: Path) -> ReportTree:
    """A structured report as read. Raises ``BadInput`` where the file is none."""
    item = open_object(path)
    if not item.has("ContentSequence") and item.text("ValueType") != "CONTAINER":
        raise BadInput(N_("This file holds no structured report."))
    root = _item(item, "1", 0)
    verified = item.first("VerifyingObserverSequence")
    author = item.first("AuthorObserverSequence")
    template = item.first("ContentTemplateSequence")
    return ReportTree(
        sop_instance_uid=item.text("SOPInstanceUID"),
        title=root.name or item.text("SeriesDescription"),
        template=template.text("TemplateIdentifier") if template else "",
        complete=item.text("CompletionFlag") == "COMPLETE",
        verified_by=verified.text("VerifyingObserverName") if verified else "",
        author=author.text("PersonName") if author else "",
        made=item.made,
        root=root,
        places=tuple(places_of(root)),
    )


def _item(item: Item, path: str, depth: int) -> ReportItem:
    value_type = item.text("ValueType").upper()
    name = item.code("ConceptNameCodeSequence")
    target = ".".join(str(int(n)) for n in item.numbers("ReferencedContentItemIdentifier"))
    children = item.items("ContentSequence") if depth < _DEEPEST else []
    words, value, number, unit = _value(item, value_type)
    measured = item.first("MeasuredValueSequence") if number is not None else None
    return ReportItem(
        path=path,
        relationship=item.text("RelationshipType"),
        value_type=value_type,
        name=(name.meaning or name.value) if name else "",
        code=name,
        words=words,
        value=value,
        number=number,
        unit=unit,
        unit_code=measured.code("MeasurementUnitsCodeSequence") if measured else None,
        images=_images(item),
        graphic=_graphic(item, value_type),
        target=target,
        at=item.text("ObservationDateTime"),
        children=tuple(
            _item(child, f"{path}.{place}", depth + 1)
            for place, child in enumerate(children, start=1)
        ),
    )


def _value(item: Item, value_type: str) -> tuple[str, Code | None, float | None, str]:
    """Words, code, number and unit of an item's value."""
    if value_type == "CODE":
        code = item.code("ConceptCodeSequence")
        return ((code.meaning or code.value) if code else ""), code, None, ""
    if value_type == "NUM":
        measured = item.first("MeasuredValueSequence")
        if measured is None:  # no number, but perhaps the reason why there is none
            reason = item.code("NumericValueQualifierCodeSequence")
            return (reason.meaning if reason else ""), None, None, ""
        exact = measured.number("FloatingPointValue")
        printed = measured.number("NumericValue")
        code = measured.code("MeasurementUnitsCodeSequence")
        number = exact if exact is not None else printed
        stated = measured.text("NumericValue")
        return stated, None, number, code.value if code else ""
    keyword = _TEXTS.get(value_type)
    if keyword:
        return item.text(keyword).replace("\r\n", "\n").replace("\r", "\n"), None, None, ""
    return "", None, None, ""


def _images(item: Item) -> tuple[ImageRef, ...]:
    return item.image_refs("ReferencedSOPSequence") if item.has("ReferencedSOPSequence") else ()


def _graphic(item: Item, value_type: str) -> Graphic | None:
    if value_type not in {"SCOORD", "SCOORD3D"}:
        return None
    numbers = item.numbers("GraphicData")
    size = 2 if value_type == "SCOORD" else 3
    kind = item.text("GraphicType").upper()
    flaw = "" if numbers else NO_NUMBERS
    if numbers and (len(numbers) % size or len(numbers) // size < _FEWEST.get(kind, 1)):
        flaw, numbers = _INCOMPLETE, []
    rows = [numbers[i : i + size] for i in range(0, len(numbers), size)]
    if size == 2:  # PS3.3 C.18.6: the middle of the first pixel is 0.5, 0.5
        points = tuple((row[0] - 0.5, row[1] - 0.5) for row in rows)
        return Graphic(kind, points, Space.PIXEL, flaw=flaw)
    return Graphic(
        kind,
        tuple((row[0], row[1], row[2]) for row in rows),
        Space.PATIENT,
        frame_of_reference_uid=item.text("ReferencedFrameOfReferenceUID"),
        flaw=flaw,
    )

"""Which places on images a structured report speaks of, and what it measured there.

Templates differ in how they nest: TID 1500 puts coordinates below numbers or below a group, the CAD
templates (TID 4000, 4100, 4120) below a finding that is a code. Whatever coordinates or segments
are found belong to the nearest group or finding above them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from workstation.domain.document import Graphic, ImageRef, PlacedNumbers, ReportItem
from workstation.domain.mark import MarkNumber

_FINDING = "121071"
_FINDING_SITE = "363698007"
_DERIVATION = "121401"
_TRACKING_ID = "112039"
_TRACKING_UID = "112040"
MARK_KIND = "Kind of mark"
"""Name of the local concept under which our own reports say what was drawn."""
SEGMENTATIONS = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
"""SOP classes of segmentations, binary or fractional and label maps."""


def places_of(root: ReportItem) -> list[PlacedNumbers]:
    """Every place below ``root`` in the order of the report."""
    by_path = {item.path: item for item in walk(root)}
    found = []
    for owner in walk(root):
        if not _owns(owner):
            continue
        graphics: list[Graphic] = []
        segments: list[ImageRef] = []
        numbers: list[MarkNumber] = []
        for item in _own(owner, by_path):
            if item.graphic is not None:
                graphics.append(replace(item.graphic, images=drawn_on(item, by_path)))
            elif item.value_type == "NUM" and item.number is not None:
                numbers.append(MarkNumber(_number_name(item), item.number, item.unit, ""))
            elif item.value_type == "IMAGE":
                segments += [r for r in item.images if r.sop_class_uid in SEGMENTATIONS]
        if graphics or segments:
            found.append(
                PlacedNumbers(
                    label=_label(owner),
                    path=owner.path,
                    numbers=tuple(numbers),
                    graphics=tuple(graphics),
                    segments=tuple(dict.fromkeys(segments)),
                    tracking_id=_said(owner, _TRACKING_ID),
                    tracking_uid=_said(owner, _TRACKING_UID),
                    kind=_kind(owner),
                )
            )
    return found


def walk(item: ReportItem) -> Iterator[ReportItem]:
    """An item and all below it."""
    yield item
    for child in item.children:
        yield from walk(child)


def _owns(item: ReportItem) -> bool:
    """Whether coordinates below an item are the item's own: a group, or a finding with parts."""
    return item.value_type == "CONTAINER" or (item.value_type == "CODE" and bool(item.children))


def _own(owner: ReportItem, by_path: dict[str, ReportItem]) -> Iterator[ReportItem]:
    """Items below ``owner`` that no owner in between claims; what is meant by reference too."""
    for child in owner.children:
        item = by_path.get(child.target, child) if child.target else child
        if _owns(item):
            continue
        yield item
        if not child.target:
            yield from _own(item, by_path)


def drawn_on(item: ReportItem, by_path: dict[str, ReportItem]) -> tuple[ImageRef, ...]:
    """Images that coordinates were selected from, also where an image library lists them."""
    images: list[ImageRef] = []
    for child in item.children:
        meant = by_path.get(child.target, child) if child.target else child
        images += meant.images
    return tuple(images)


def _number_name(item: ReportItem) -> str:
    """What a number is, with how it was derived: "SUVbw (Maximum)"."""
    derived = _said(item, _DERIVATION)
    return f"{item.name} ({derived})" if derived else item.name


def _said(owner: ReportItem, code_value: str) -> str:
    for child in owner.children:
        if child.code is not None and child.code.value == code_value:
            return child.words
    return ""


def _label(owner: ReportItem) -> str:
    finding, site = _said(owner, _FINDING), _said(owner, _FINDING_SITE)
    if owner.value_type == "CODE":
        finding = finding or owner.words
    words = " ".join(part for part in (finding, site) if part)
    return words or _said(owner, _TRACKING_ID) or owner.name


def _kind(owner: ReportItem) -> str:
    for child in owner.children:
        if child.name == MARK_KIND and child.value is not None:
            return child.value.meaning
    return ""

"""Findings of structured reports of any maker: TID 1500 groups, CAD findings, other places.

Reports differ in how they nest and in the age of their codes; what a group states is looked for
wherever it stands below the group, and items by reference are followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from workstation.dicom.items import open_object
from workstation.dicom.makers import maker_of, objects_named, shown_name, studies_named
from workstation.dicom.sr_places import MARK_KIND, SEGMENTATIONS, drawn_on, walk
from workstation.dicom.sr_tree import NO_NUMBERS, read_tree
from workstation.domain.artefact import Code
from workstation.domain.document import Graphic, ImageRef, ReportItem, ReportTree
from workstation.domain.errors import BadInput
from workstation.domain.origin import Algorithm, StatedWord
from workstation.domain.stated import StatedFinding, StatedNumber, StatedReport

_GROUP = {"125007"}  # Measurement Group
_SINGLE, _COMPOSITE = "111059", "111015"  # Single Image Finding, Composite Feature
_RENDERING, _HIDDEN = "111056", "111152"  # Rendering Intent, Not for Presentation
_FINDING = {"121071"}
_CATEGORY = {"276214006"}
_SITE = {"363698007", "G-C0E3"}
_LATERALITY = {"272741003", "G-C171"}
_TRACKING_ID, _TRACKING_UID = "112039", "112040"
_CERTAINTY, _PROBABILITY = "111012", "111047"
_EVALUATIONS = {"C0034375"}
_PERSON, _DEVICE, _DEVICE_MAKER, _DEVICE_MODEL = "121008", "121013", "121014", "121015"
_ALGORITHM = {
    "111001": "name",
    "111003": "version",
    "122405": "source",
    "111000": "family",
    "111002": "parameters",
}
_CONTEXT = {  # of how a finding was observed, no statement about it
    _RENDERING, _PERSON, _DEVICE, _DEVICE_MAKER, _DEVICE_MODEL, "121005", "121012", "121016",
    "121010", "112050", "112002", "121232", "128774", "C67447",
}  # fmt: skip
_CAD_TEMPLATES = ("4000", "4100", "4120", "4200")
UNCODED = ""


def read_findings(path: Path) -> StatedReport:
    """What a structured report finds. Raises ``BadInput`` where the file is no report, or where
    coordinates of a finding are no numbers: then nothing of it can be trusted."""
    item, tree = open_object(path), read_tree(path)
    by_path = {one.path: one for one in walk(tree.root)}
    found, hidden = _all_findings(tree, by_path)
    if any(graphic.flaw == NO_NUMBERS for one in found for graphic in one.graphics):
        raise BadInput(NO_NUMBERS)
    maker = maker_of(item)
    if not maker.manufacturer:
        said = {c: _said(tree.root, c) for c in (_DEVICE, _DEVICE_MAKER, _DEVICE_MODEL)}
        model = said[_DEVICE_MODEL] or said[_DEVICE] or maker.model_name
        maker = replace(maker, manufacturer=said[_DEVICE_MAKER], model_name=model)
    is_cad = tree.template in _CAD_TEMPLATES or any(
        one.code is not None and one.code.value in {_SINGLE, _COMPOSITE} for one in by_path.values()
    )
    return StatedReport(
        sop_instance_uid=tree.sop_instance_uid,
        kind="CAD" if is_cad else "SR",
        title=item.text("SeriesDescription") or tree.title,
        maker=maker,
        observer=shown_name(_said(tree.root, _PERSON) or tree.author),
        verified_by=shown_name(tree.verified_by),
        made=tree.made,
        studies=studies_named(item),
        predecessors=objects_named(item, "PredecessorDocumentsSequence"),
        findings=tuple(found),
        hidden=hidden,
    )


def _all_findings(
    tree: ReportTree, by_path: dict[str, ReportItem]
) -> tuple[list[StatedFinding], int]:
    groups = [one for one in by_path.values() if _is(one, _GROUP)]
    owners = groups or _cad_owners(by_path)
    # Other templates: whatever places they speak of.
    owners = owners or [by_path[place.path] for place in tree.places if not place.kind]
    found, hidden = [], 0
    for owner in owners:
        if any(child.name == MARK_KIND for child in owner.children):
            continue  # a mark of our own, which is a mark again
        if _value(owner, _RENDERING) == _HIDDEN:
            hidden += 1
            continue
        found.append(_finding(owner, by_path))
    for container in by_path.values():
        if _is(container, _EVALUATIONS):
            found += [
                _evaluation(c) for c in container.children if c.value_type == "CODE" and c.value
            ]
    return found, hidden


def _cad_owners(by_path: dict[str, ReportItem]) -> list[ReportItem]:
    """Composite features, and single image findings that belong to none."""
    composites = [i for i in by_path.values() if _is(i, {_COMPOSITE}) and i.value_type == "CODE"]
    inside: set[str] = set()
    for composite in composites:
        for item in walk(composite):
            inside.add(item.path)
            inside.add(item.target)
    outer = [c for c in composites if not any(c.path in _below(o) for o in composites if o != c)]
    singles = [i for i in by_path.values() if _is(i, {_SINGLE}) and i.value_type == "CODE"]
    return outer + [single for single in singles if single.path not in inside]


def _below(item: ReportItem) -> set[str]:
    return {one.path for one in walk(item)}


@dataclass
class _Gathered:
    """What is found below one owner."""

    numbers: list[StatedNumber] = field(default_factory=list)
    words: list[StatedWord] = field(default_factory=list)
    graphics: list[Graphic] = field(default_factory=list)
    segments: list[ImageRef] = field(default_factory=list)
    images: list[ImageRef] = field(default_factory=list)
    findings: list[Code] = field(default_factory=list)
    algorithm: dict[str, str] = field(default_factory=dict)
    parameters: list[str] = field(default_factory=list)
    family: Code | None = None
    category: Code | None = None
    site: Code | None = None
    laterality: Code | None = None
    tracking_id: str = ""
    tracking_uid: str = ""
    observer: str = ""
    confidence: float | None = None


def _finding(owner: ReportItem, by_path: dict[str, ReportItem]) -> StatedFinding:
    into = _Gathered()
    if owner.value_type == "CODE" and owner.value is not None:
        into.findings.append(owner.value)
    for item in _items(owner, by_path, frozenset({owner.path})):
        _gather(item, into, by_path)
    known = {k: v for k, v in into.algorithm.items() if v}
    algorithm = None
    if known.get("name"):
        algorithm = Algorithm(
            known["name"],
            known.get("version", ""),
            into.family,
            known.get("source", ""),
            tuple(into.parameters),
        )
    return StatedFinding(
        place=owner.path,
        label=_label(owner, into),
        category=into.category,
        site=into.site,
        laterality=into.laterality,
        # A finding in several parts says some things of each: once is enough.
        numbers=tuple(dict.fromkeys(into.numbers)),
        words=tuple(dict.fromkeys(into.words)) + tuple(_also(code) for code in into.findings[1:]),
        graphics=tuple(dict.fromkeys(into.graphics)),
        segments=tuple(dict.fromkeys(into.segments)),
        images=tuple(dict.fromkeys(into.images)),
        tracking_id=into.tracking_id,
        tracking_uid=into.tracking_uid,
        algorithm=algorithm,
        observer=shown_name(into.observer),
        confidence=into.confidence,
    )


def _also(code: Code) -> StatedWord:
    return StatedWord(Code("121071", "DCM", "Finding"), code.meaning or code.value, code)


def _label(owner: ReportItem, into: _Gathered) -> Code:
    if into.findings:
        return into.findings[0]
    words = into.tracking_id or (into.category.meaning if into.category else "")
    if not words and into.numbers:
        words = into.numbers[0].name.meaning
    return Code(UNCODED, UNCODED, words or owner.name or "Finding")


def _items(
    owner: ReportItem, by_path: dict[str, ReportItem], seen: frozenset[str]
) -> Iterator[ReportItem]:
    """Items that belong to an owner: through containers, findings in parts, and by reference.

    What stands below a number, a code or coordinates qualifies that one and is not yielded,
    except coordinates and images, which say where the owner was found.
    """
    for child in owner.children:
        item = by_path.get(child.target, child) if child.target else child
        if item.path in seen or _is(item, _GROUP):
            continue
        seen |= {item.path}
        part = item.value_type == "CODE" and _is(item, {_SINGLE, _COMPOSITE})
        if item.value_type == "CONTAINER" or part:
            yield from _items(item, by_path, seen)
            continue
        yield item
        if item.value_type not in {"SCOORD", "SCOORD3D", "IMAGE"}:
            for below in _items(item, by_path, seen):
                if below.value_type in {"SCOORD", "SCOORD3D", "IMAGE"}:
                    yield below


def _gather(item: ReportItem, into: _Gathered, by_path: dict[str, ReportItem]) -> None:
    code = item.code.value if item.code is not None else ""
    if item.graphic is not None:
        into.graphics.append(replace(item.graphic, images=drawn_on(item, by_path)))
    elif item.value_type == "IMAGE":
        for ref in item.images:
            (into.segments if ref.sop_class_uid in SEGMENTATIONS else into.images).append(ref)
    elif item.value_type == "NUM":
        _gather_number(item, into)
    elif code == _TRACKING_ID:
        into.tracking_id = into.tracking_id or item.words
    elif code == _TRACKING_UID:
        into.tracking_uid = into.tracking_uid or item.words
    elif code in _ALGORITHM:
        if code == "111002":
            into.parameters.append(item.words)
        elif code == "111000":
            into.family = item.value
        else:
            into.algorithm.setdefault(_ALGORITHM[code], item.words)
    elif code == _PERSON:
        into.observer = item.words
    elif code in _CONTEXT:
        return
    elif item.value_type == "CODE" and item.value is not None:
        _gather_code(item, code, item.value, into)
    elif item.value_type in {"TEXT", "DATE", "TIME", "DATETIME", "PNAME"} and item.words:
        name = item.code or Code(UNCODED, UNCODED, "")
        into.words.append(StatedWord(name, item.words))


def _gather_code(item: ReportItem, code: str, value: Code, into: _Gathered) -> None:
    if code in _FINDING:
        into.findings.append(value)
    elif code in _CATEGORY:
        into.category = value
    elif code in _SITE:
        into.site = into.site or value
        for child in item.children:
            if child.code is not None and child.code.value in _LATERALITY:
                into.laterality = child.value
    elif code in _LATERALITY:
        into.laterality = value
    else:
        name = item.code or Code(UNCODED, UNCODED, "")
        into.words.append(StatedWord(name, value.meaning or value.value, value))


def _gather_number(item: ReportItem, into: _Gathered) -> None:
    name = item.code or Code(UNCODED, UNCODED, item.name)
    if item.number is None:
        into.words.append(StatedWord(name, item.words))  # why there is no number
        return
    unit = item.unit_code or Code(item.unit or "1", "UCUM", item.unit)
    if name.value in {_CERTAINTY, _PROBABILITY} and into.confidence is None:
        share = item.number / 100 if unit.value == "%" else item.number
        into.confidence = share if 0 <= share <= 1 else None
    modifiers = tuple(
        (child.code, child.value)
        for child in item.children
        if child.value_type == "CODE"
        and child.code is not None
        and child.value is not None
        and child.code.value not in _ALGORITHM
    )
    into.numbers.append(StatedNumber(name, item.number, unit, modifiers))
    for child in item.children:
        if child.code is not None and child.code.value in _ALGORITHM:
            _gather(child, into, {})


def _evaluation(item: ReportItem) -> StatedFinding:
    """A statement about the study as a whole: "BI-RADS assessment: 4"."""
    assert item.value is not None
    said = item.value.meaning or item.value.value
    name = item.code or Code(UNCODED, UNCODED, "")
    return StatedFinding(
        place=item.path,
        label=Code(UNCODED, UNCODED, f"{item.name}: {said}" if item.name else said),
        words=(StatedWord(name, said, item.value),),
    )


def _is(item: ReportItem, codes: set[str]) -> bool:
    return item.code is not None and item.code.value in codes


def _said(owner: ReportItem, code: str) -> str:
    return next((c.words for c in owner.children if _is(c, {code}) and c.words), "")


def _value(owner: ReportItem, code: str) -> str:
    found = (c.value for c in owner.children if _is(c, {code}) and c.value is not None)
    return next((value.value for value in found), "")

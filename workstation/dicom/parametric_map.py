"""What the values of a parametric map are (PS3.3 A.75, C.7.6.16.2.11): quantity, unit, scale.

The pixels of a map are its values where they are floats; whole numbers become values by the Real
World Value Mapping of each frame. It takes the place of the modality rescale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from workstation.dicom.elements import items_of, table, text_value, value_of

PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
_TAGS = table(["RealWorldValueSlope", "RealWorldValueIntercept", "LUTLabel", "LUTExplanation"])
_CODE_VALUE, _CODE_MEANING = 0x00080100, 0x00080104
_QUANTITY = "246205007"  # SCT: Quantity
_NO_UNIT = {"", "1", "{ratio}"}


def map_facts(dataset: Dataset, declared: Sequence[str]) -> dict[str, Any]:
    """Header facts of a parametric map by keyword; none for other objects.

    "RescaleSlope" and "RescaleIntercept" are those of the mapping; "RealWorldUnit": UCUM,
    "RealWorldQuantity": what is mapped, in words. Where they differ between frames they are columns
    under "PerFrame".
    """
    if text_value(dataset, 0x00080016, declared) != PARAMETRIC_MAP:
        return {}
    shared = items_of(dataset, "SharedFunctionalGroupsSequence")
    common = _mapping(shared[0], declared) if shared else {}
    frames = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    own = [_mapping(frame, declared) or common for frame in frames]
    if not any(own):
        return common
    found: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for keyword in ("RescaleSlope", "RescaleIntercept", "RealWorldUnit", "RealWorldQuantity"):
        values = [facts.get(keyword) for facts in own]
        if all(value == values[0] for value in values):
            if values[0] is not None:
                found[keyword] = values[0]
        else:
            columns[keyword] = values
    return {**found, "PerFrame": columns} if columns else found


def note_map(dataset: Dataset, declared: Sequence[str], found: dict[str, Any]) -> None:
    """Put the facts of a map into the header facts ``found``, its window in real values too."""
    facts = map_facts(dataset, declared)
    columns = facts.pop("PerFrame", None)
    found.update(facts)
    if columns:
        found.setdefault("PerFrame", {}).update(columns)
    slope, start = facts.get("RescaleSlope", 1.0), facts.get("RescaleIntercept", 0.0)
    for keyword, shift in (("WindowCenter", start), ("WindowWidth", 0.0)):
        stated = found.get(keyword)
        if facts and isinstance(stated, list):
            found[keyword] = [float(v) * slope + shift for v in stated]


def _mapping(groups: Dataset, declared: Sequence[str]) -> dict[str, Any]:
    mappings = items_of(groups, "RealWorldValueMappingSequence")
    if not mappings:
        return {}
    first = mappings[0]
    slope = value_of(first, "RealWorldValueSlope", *_TAGS["RealWorldValueSlope"], declared)
    start = value_of(first, "RealWorldValueIntercept", *_TAGS["RealWorldValueIntercept"], declared)
    units = items_of(first, "MeasurementUnitsCodeSequence")
    unit = text_value(units[0], _CODE_VALUE, declared) if units else ""
    found: dict[str, Any] = {"RealWorldUnit": "1" if unit in _NO_UNIT else unit}
    quantity = _quantity(first, declared)
    if quantity:
        found["RealWorldQuantity"] = quantity
    if isinstance(slope, (int, float)) and slope:
        found["RescaleSlope"] = float(slope)
        found["RescaleIntercept"] = float(start) if isinstance(start, (int, float)) else 0.0
    return found


def _quantity(mapping: Dataset, declared: Sequence[str]) -> str:
    """What is mapped: the coded quantity, else the explanation or label of the mapping."""
    for item in items_of(mapping, "QuantityDefinitionSequence"):
        names = items_of(item, "ConceptNameCodeSequence")
        values = items_of(item, "ConceptCodeSequence")
        name = text_value(names[0], _CODE_VALUE, declared) if names else ""
        if values and name in {_QUANTITY, "G-C1C6"}:
            return text_value(values[0], _CODE_MEANING, declared)
    words = (text_value(mapping, _TAGS[k][0], declared) for k in ("LUTExplanation", "LUTLabel"))
    return next((said for said in words if said), "")

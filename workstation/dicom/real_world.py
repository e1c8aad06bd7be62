"""Real world values: what stored samples measure, in UCUM units (PS3.3 C.7.6.16.2.11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from workstation.dicom.elements import items_of, table, text_value, value_of

_FIELDS = table(["RealWorldValueSlope", "RealWorldValueIntercept"])
_CODE_VALUE, _LONG_CODE, _SCHEME, _LABEL = 0x00080100, 0x00080119, 0x00080102, 0x00403002
_NO_UNITS = {"", "1", "{no units}", "no units"}
_SAME = {"Bq/ml": "Bq/mL", "{SUVbw}g/ml": "{SUVbw}g/mL", "HU": "[hnsf'U]", "hnsf'U": "[hnsf'U]"}


def read_real_world(sources: Sequence[Dataset | None]) -> dict[str, Any] | None:
    """Slope, intercept, unit and label of the first linear mapping to a unit.

    sources: the data set itself and its shared functional groups. None where there is none.
    """
    for source in sources:
        if source is None:
            continue
        for item in items_of(source, "RealWorldValueMappingSequence"):
            slope, intercept = (value_of(item, k, tag, vr, ()) for k, (tag, vr) in _FIELDS.items())
            units = items_of(item, "MeasurementUnitsCodeSequence")
            if not slope or not units:
                continue
            code = text_value(units[0], _CODE_VALUE, ()) or text_value(units[0], _LONG_CODE, ())
            if code in _NO_UNITS or text_value(units[0], _SCHEME, ()) not in {"UCUM", ""}:
                continue
            return {
                "slope": float(slope),
                "intercept": float(intercept or 0.0),
                "unit": _SAME.get(code, code),
                "label": text_value(item, _LABEL, ()),
            }
    return None

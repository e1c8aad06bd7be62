"""Look-up tables in headers: stored samples to modality values, modality values to grey.

PS3.3 C.11.1 (Modality LUT), C.11.2 (VOI LUT); LUT Descriptor: entries, first mapped value, bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from workstation.dicom.elements import items_of, raw_element, text_value

_DESCRIPTOR, _EXPLANATION, _TYPE, _DATA = 0x00283002, 0x00283003, 0x00283004, 0x00283006
CURVE_POINTS = 256


@dataclass(frozen=True)
class LookupTable:
    """first: value that maps to the first entry. values: entries, smaller input gets the first
    and larger the last one. kind: Modality LUT Type; explanation: the file's own words."""

    first: int
    values: NDArray[np.uint16]
    bits: int
    kind: str = ""
    explanation: str = ""

    def apply(self, samples: NDArray[Any]) -> NDArray[np.uint16]:
        """The entry of each sample."""
        index = np.clip(samples.astype(np.int64) - self.first, 0, len(self.values) - 1)
        return np.asarray(self.values[index])


def _words(raw: Any) -> NDArray[np.uint16]:
    value = raw.value
    if isinstance(value, bytes):
        little = not isinstance(raw, RawDataElement) or raw.is_little_endian
        usable = len(value) // 2 * 2
        return np.frombuffer(value[:usable], "<u2" if little else ">u2").astype(np.uint16)
    if isinstance(value, int):
        value = [value]
    return np.asarray([int(v) & 0xFFFF for v in value], dtype=np.uint16)


def _read(item: Dataset, signed: bool, declared: tuple[str, ...]) -> LookupTable | None:
    descriptor, data = raw_element(item, _DESCRIPTOR), raw_element(item, _DATA)
    if descriptor is None or data is None:
        return None
    numbers = _words(descriptor).tolist()
    if len(numbers) < 3:
        return None
    entries = numbers[0] or 65536
    first = numbers[1] - 65536 if signed and numbers[1] > 0x7FFF else numbers[1]
    values = _words(data)
    if len(values) < entries and len(values) * 2 >= entries and numbers[2] <= 8:
        values = values.view(np.uint8).astype(np.uint16)  # two 8-bit entries to a word
    if len(values) < min(entries, 2):
        return None
    kind = text_value(item, _TYPE, declared).upper()
    explanation = text_value(item, _EXPLANATION, declared)
    return LookupTable(first, values[:entries], numbers[2], kind, explanation)


def modality_table(dataset: Dataset, signed: bool) -> LookupTable | None:
    """The Modality LUT Sequence's table. signed: whether stored samples are."""
    items = items_of(dataset, "ModalityLUTSequence")
    return _read(items[0], signed, ()) if items else None


def modality_facts(dataset: Dataset, signed: bool) -> dict[str, Any] | None:
    """What stacks need of the Modality LUT: the ends of its values and its type."""
    found = modality_table(dataset, signed)
    if found is None:
        return None
    return {"low": int(found.values.min()), "high": int(found.values.max()), "type": found.kind}


def voi_curves(dataset: Dataset, signed: bool, declared: tuple[str, ...]) -> list[dict[str, Any]]:
    """VOI LUTs as curves of modality values: first, last, explanation, grey (0 to 1) at 256
    places evenly from first to last."""
    found = []
    for item in items_of(dataset, "VOILUTSequence"):
        table = _read(item, signed, declared)
        if table is None:
            continue
        top = (1 << min(max(table.bits, 1), 16)) - 1
        places = np.linspace(0, len(table.values) - 1, CURVE_POINTS)
        grey = np.interp(places, np.arange(len(table.values)), table.values.astype(float)) / top
        found.append(
            {
                "first": table.first,
                "last": table.first + len(table.values) - 1,
                "explanation": table.explanation,
                "grey": [round(float(g), 4) for g in np.clip(grey, 0, 1)],
            }
        )
    return found


def state_modality_table(dataset: Dataset) -> LookupTable | None:
    """A presentation state's own Modality LUT. It does not know whether stored samples are signed:
    the VR of the descriptor says it (PS3.3 C.11.1.1.1)."""
    items = items_of(dataset, "ModalityLUTSequence")
    if not items:
        return None
    descriptor = raw_element(items[0], _DESCRIPTOR)
    return _read(items[0], descriptor is not None and descriptor.VR == "SS", ())


def presentation_curve(dataset: Dataset) -> tuple[float, ...]:
    """The Presentation LUT as grey (0 to 1) evenly over its input (PS3.3 C.11.6.1.1); empty where
    there is none."""
    for item in items_of(dataset, "PresentationLUTSequence"):
        table = _read(item, False, ())
        if table is None or len(table.values) < 2:
            continue
        top = (1 << min(max(table.bits, 1), 16)) - 1
        count = min(len(table.values), 4096)
        places = np.linspace(0, len(table.values) - 1, count)
        grey = np.interp(places, np.arange(len(table.values)), table.values.astype(float)) / top
        return tuple(round(float(g), 6) for g in np.clip(grey, 0, 1))
    return ()

"""What stored samples mean: type, modality rescale, unit, window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workstation.dicom.headers import frame_bytes
from workstation.dicom.slices import Slice
from workstation.domain.errors import N_, Message

_LOSSY = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
)


def is_lossy(item: Slice) -> bool:
    """Whether an image was compressed with loss, by its header or by its encoding."""
    stated = item.text("LossyImageCompression").strip() == "01"
    return stated or item.instance.transfer_syntax_uid in _LOSSY


def unit_of(item: Slice) -> tuple[str, Message | None]:
    """UCUM unit of the modality values, and a doubt where the headers leave one."""
    modality = item.text("Modality")
    if modality == "CT":
        kind = item.text("RescaleType").strip().upper()
        if item.number("RescaleSlope") is not None and kind in {"", "HU"}:
            return "[hnsf'U]", None
        return "1", Message(N_("The CT values are not stated to be Hounsfield units."))
    if modality == "PT":
        units = item.text("Units").strip().upper()
        if units == "BQML":
            return "Bq/mL", None
        if units == "GML" and item.text("SUVType").strip().upper() in {"", "BW"}:
            return "{SUVbw}g/mL", None
        return "1", Message(N_("The PET values are not in a unit that can be used."))
    if modality == "RTDOSE" and item.text("DoseUnits").strip().upper() == "GY":
        return "Gy", None
    return "1", None


def window_of(item: Slice) -> tuple[float, float] | None:
    """Centre and width of the file's first window, in modality values."""
    centre, width = item.number("WindowCenter"), item.number("WindowWidth")
    if centre is None or width is None or width < 1:
        return None
    return centre, width


def rescale_of(item: Slice) -> tuple[float, float]:
    """Slope and intercept of the modality rescale (PS3.3 C.11.1.1.2)."""
    if item.colour:
        return 1.0, 0.0
    slope = item.number("RescaleSlope") or item.number("DoseGridScaling") or 1.0
    return slope, item.number("RescaleIntercept") or 0.0


def _stored_name(item: Slice) -> str:
    """numpy name of a stored sample; "/12" behind it where only the low 12 bits count."""
    pixels = item.text("pixels")
    if pixels != "PixelData":
        return "float32" if pixels == "FloatPixelData" else "float64"
    if item.colour:
        return "uint8"
    allocated = int(item.number("BitsAllocated") or 16)
    stored = int(item.number("BitsStored") or allocated)
    sign = "int" if item.number("PixelRepresentation") == 1 else "uint"
    name = f"{sign}{max(8, allocated)}"
    return name if stored >= allocated else f"{name}/{stored}"


class Samples:
    """How the samples of a stack are stored, and what array holds their modality values."""

    def __init__(self, slices: Sequence[Slice]) -> None:
        self.stored = _stored_name(slices[0])
        kinds = {(_stored_name(s), *rescale_of(s)) for s in slices}
        if slices[0].colour:
            self.dtype = "uint8"
        else:
            # Hounsfield units beyond 16 bits mean nothing: they saturate, which spares half the
            # memory of scanners that store 16 bits and shift them by -1024.
            hounsfield = unit_of(slices[0])[0] == "[hnsf'U]"
            small = all(_fits(*kind, saturating=hounsfield) for kind in kinds)
            self.dtype = "int16" if small else "float32"

    def offset(self, item: Slice) -> int:
        """Byte of the file where the frame's samples start, -1 where a decoder is needed."""
        start: Any = item.fact("pixel_offset")
        if not isinstance(start, int) or start < 0 or _stored_name(item) != self.stored:
            return -1
        return start + item.frame * frame_bytes(item.instance.attributes)


def _fits(stored: str, slope: float, intercept: float, saturating: bool) -> bool:
    """Whether every value that may be stored becomes an int16 without loss.

    saturating: values beyond the ends of an int16 may be set to its ends.
    """
    if stored.startswith("float") or slope % 1 or intercept % 1:
        return False
    name, _, given = stored.partition("/")
    if saturating and slope == 1.0 and name in {"int16", "uint16"} and abs(intercept) <= 32767:
        return True
    bits = int(given) if given else np.dtype(name).itemsize * 8
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if name[0] == "i" else (0, 2**bits - 1)
    ends = (low * slope + intercept, high * slope + intercept)
    return bool(min(ends) >= -32768 and max(ends) <= 32767)

"""What stored samples mean: type, modality rescale, unit, window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workstation.dicom.headers import frame_bytes
from workstation.dicom.lookup_tables import CURVE_POINTS
from workstation.dicom.slices import Slice
from workstation.domain.errors import N_, Message
from workstation.domain.volume import VoiCurve

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
    """UCUM unit of the modality values, and a doubt where the headers leave one.

    Of PET ``suv.uptake_of`` says it for the series as a whole.
    """
    modality = item.text("Modality")
    if item.text("RealWorldUnit"):  # a parametric map says what its values are
        return item.text("RealWorldUnit"), None
    real = real_world_of(item)
    if real is not None:
        return str(real["unit"]), None
    if modality == "CT":
        kind = item.text("RescaleType").strip().upper()
        table = lookup_facts(item)
        if table is not None:
            kind = str(table["type"])
            if kind == "HU":
                return "[hnsf'U]", None
        elif item.number("RescaleSlope") is not None and kind in {"", "HU"}:
            return "[hnsf'U]", None
        return "1", Message(N_("The CT values are not stated to be Hounsfield units."))
    if modality == "RTDOSE" and item.text("DoseUnits").strip().upper() == "GY":
        return "Gy", None
    return "1", None


def real_world_of(item: Slice) -> dict[str, Any] | None:
    """The mapping of stored samples to a measured quantity that goes before the rescale.

    CT keeps its Hounsfield units, which every window and model is made for.
    """
    found = None if item.text("RealWorldUnit") else item.fact("RealWorld")
    if not isinstance(found, dict) or item.text("Modality") == "CT" or item.colour:
        return None
    return found


def windows_of(item: Slice, factor: float = 1.0) -> tuple[tuple[float, float, str], ...]:
    """Centre, width and explanation of every window of the file, in the stack's unit.

    factor: what modality values were multiplied by (SUV).
    """
    centres, widths, words = (
        _listed(item.fact(k))
        for k in ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation")
    )
    times, plus = _beyond_rescale(item)
    found = []
    for at, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        if not isinstance(centre, (int, float)) or not isinstance(width, (int, float)):
            continue
        if width <= 0 or (width < 1 and factor == 1.0 and not _is_real(item)):
            continue
        said = str(words[at]).strip() if at < len(words) else ""
        found.append((centre * times * factor + plus * factor, width * times * factor, said))
    return tuple(dict.fromkeys(found))


def _beyond_rescale(item: Slice) -> tuple[float, float]:
    """What rescaled values are multiplied by and raised to become real world values."""
    if real_world_of(item) is None:
        return 1.0, 0.0
    slope, intercept = rescale_of(item)
    old_slope, old_intercept = _modality_rescale(item)
    return slope / old_slope, intercept - old_intercept * slope / old_slope


def curves_of(item: Slice) -> tuple[VoiCurve, ...]:
    """VOI look-up tables of the file, and its windows where they are meant as sigmoids."""
    found = []
    for given in _listed(item.fact("VOICurves")):
        if isinstance(given, dict):
            grey = tuple(float(g) for g in given["grey"])
            curve = VoiCurve(
                float(given["first"]), float(given["last"]), grey, str(given["explanation"])
            )
            found.append(curve)
    if item.text("VOILUTFunction").strip().upper() == "SIGMOID":
        for centre, width, said in windows_of(item):
            # PS3.3 C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w)), here over 1.5 widths each way.
            places = np.linspace(-1.5, 1.5, CURVE_POINTS)
            grey = tuple(round(float(g), 4) for g in 1.0 / (1.0 + np.exp(-4.0 * places)))
            found.append(VoiCurve(centre - 1.5 * width, centre + 1.5 * width, grey, said))
    return tuple(found)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_real(item: Slice) -> bool:
    """Whether modality values are no whole numbers, so that a window may be narrower than one."""
    return item.text("pixels") != "PixelData" or bool((item.number("RescaleSlope") or 1.0) % 1)


def lookup_facts(item: Slice) -> dict[str, Any] | None:
    """What is known of the Modality LUT that an image's samples go through, if they do."""
    found = item.fact("ModalityLUT")
    return found if isinstance(found, dict) else None


def rescale_of(item: Slice) -> tuple[float, float]:
    """Slope and intercept of the modality rescale (PS3.3 C.11.1.1.2)."""
    if item.colour or lookup_facts(item) is not None:
        return 1.0, 0.0
    real = real_world_of(item)
    if real is not None:
        return float(real["slope"]), float(real["intercept"])
    return _modality_rescale(item)


def _modality_rescale(item: Slice) -> tuple[float, float]:
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


def _value_name(item: Slice) -> str:
    """As ``_stored_name``, of the values that a Modality LUT gives where there is one."""
    table = lookup_facts(item)
    if table is None:
        return _stored_name(item)
    return "int16" if table["high"] <= 32767 else "uint16"


class Samples:
    """How the samples of a stack are stored, and what array holds their modality values.

    factors: what the rescaled values of each slice are multiplied by; all 1 but of SUV.
    """

    def __init__(self, slices: Sequence[Slice], factors: Sequence[float] = ()) -> None:
        self.stored = _stored_name(slices[0])
        whole = all(factor == 1.0 for factor in factors)
        kinds = {(_value_name(s), *rescale_of(s)) for s in slices}
        if slices[0].colour:
            self.dtype = "uint8"
        else:
            # Hounsfield units beyond 16 bits mean nothing: they saturate, which spares half the
            # memory of scanners that store 16 bits and shift them by -1024.
            hounsfield = unit_of(slices[0])[0] == "[hnsf'U]"
            small = whole and all(_fits(*kind, saturating=hounsfield) for kind in kinds)
            self.dtype = "int16" if small else "float32"

    def offset(self, item: Slice) -> int:
        """Byte of the file where the frame's samples start, -1 where a decoder is needed."""
        start: Any = item.fact("pixel_offset")
        if item.tile is not None or lookup_facts(item) is not None:
            return -1
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

"""Calibrated regions of ultrasound images (PS3.3 C.8.5.5, Sequence of Ultrasound Regions)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from workstation.dicom.elements import items_of, table, value_of
from workstation.domain.calibration import Region

_NAMES = """
RegionLocationMinX0 RegionLocationMinY0 RegionLocationMaxX1 RegionLocationMaxY1
PhysicalUnitsXDirection PhysicalUnitsYDirection PhysicalDeltaX PhysicalDeltaY
ReferencePixelX0 ReferencePixelY0 ReferencePixelPhysicalValueX ReferencePixelPhysicalValueY
RegionFlags RegionDataType RegionSpatialFormat
"""
_FIELDS = table(_NAMES.split())

# PS3.3 C.8.5.5.1.15: UCUM unit, and what a value is multiplied by to be in it.
_UNITS: dict[int, tuple[str, float]] = {
    1: ("%", 1.0),
    2: ("dB", 1.0),
    3: ("mm", 10.0),  # the file counts in cm
    4: ("s", 1.0),
    5: ("Hz", 1.0),
    6: ("dB/s", 1.0),
    7: ("cm/s", 1.0),
    8: ("cm2", 1.0),
    9: ("cm2/s", 1.0),
    10: ("cm3", 1.0),
    11: ("cm3/s", 1.0),
    12: ("deg", 1.0),
}
_FORMATS = {1: "2D", 2: "M-mode", 3: "spectrum", 4: "waveform", 5: "graphics"}  # C.8.5.5.1.1
_TYPES = {1: "tissue", 2: "colour flow", 3: "PW Doppler", 4: "CW Doppler"}  # C.8.5.5.1.2


def read_regions(dataset: Dataset) -> list[dict[str, Any]]:
    """Regions of a data set as JSON, by the keyword of each value."""
    found = []
    for item in items_of(dataset, "SequenceOfUltrasoundRegions"):
        values = {k: value_of(item, k, tag, vr, ()) for k, (tag, vr) in _FIELDS.items()}
        found.append({k: v for k, v in values.items() if v is not None})
    return found


def _number(given: Any, keyword: str) -> float | None:
    value = given.get(keyword)
    return float(value) if isinstance(value, (int, float)) else None


def _region(given: Any) -> Region | None:
    """One region; None where its place or scale is not stated or means nothing."""
    corners = [_number(given, k) for k in list(_FIELDS)[:4]]
    units = [
        _UNITS.get(int(_number(given, f"PhysicalUnits{axis}Direction") or 0)) for axis in ("X", "Y")
    ]
    deltas = [_number(given, f"PhysicalDelta{axis}") for axis in ("X", "Y")]
    if not isinstance(given, dict) or None in corners or None in units:
        return None
    if not deltas[0] or not deltas[1]:
        return None
    left, top, right, bottom = (int(c) for c in corners if c is not None)
    (unit_x, times_x), (unit_y, times_y) = (u for u in units if u is not None)
    kind = int(_number(given, "RegionSpatialFormat") or 0)
    named = _TYPES.get(int(_number(given, "RegionDataType") or 0), "") if kind == 1 else ""
    return Region(
        left=min(left, right),
        top=min(top, bottom),
        right=max(left, right),
        bottom=max(top, bottom),
        delta_x=deltas[0] * times_x,
        delta_y=deltas[1] * times_y,
        unit_x=unit_x,
        unit_y=unit_y,
        # Reference pixels count from the region's own corner (C.8.5.5.1.4).
        origin_x=min(left, right) + (_number(given, "ReferencePixelX0") or 0.0),
        origin_y=min(top, bottom) + (_number(given, "ReferencePixelY0") or 0.0),
        value_x=(_number(given, "ReferencePixelPhysicalValueX") or 0.0) * times_x,
        value_y=(_number(given, "ReferencePixelPhysicalValueY") or 0.0) * times_y,
        low=bool(int(_number(given, "RegionFlags") or 0) & 1),
        kind=named or _FORMATS.get(kind, ""),
    )


def regions_of(given: object) -> tuple[Region, ...]:
    """The calibrated regions among what ``read_regions`` found."""
    items: Sequence[Any] = given if isinstance(given, list) else ()
    found = (_region(item) for item in items if isinstance(item, dict))
    return tuple(region for region in found if region is not None)


def fit(regions: Sequence[Region], rows: object, columns: object) -> bool:
    """Whether regions lie within their image.

    Of an image that was made smaller after the regions were written, they reach beyond it and
    every length would be wrong by the same factor: it has no scale that can be trusted. One pixel
    too far is how some devices count.
    """
    if not isinstance(rows, int) or not isinstance(columns, int):
        return True
    return all(region.right <= columns and region.bottom <= rows for region in regions)


def common_spacing(regions: Sequence[Region]) -> list[float] | None:
    """Row and column spacing in mm where every region of lengths has the same one.

    It scales the image as a whole; lengths are still measured by the region they lie in.
    """
    scales = {(round(r.scale.y, 9), round(r.scale.x, 9)) for r in regions if r.scale.is_length}
    return list(scales.pop()) if len(scales) == 1 else None

"""Siemens mosaics: all slices of a volume side by side in one image.

How many there are and which way they are stacked stands in the CSA image header (0029,1010),
whose layout is not published; as read by nibabel (nicom/csareader.py) and dcm2niix.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from workstation.dicom.elements import private_values, raw_element
from workstation.domain.geometry import Floats

_CREATOR = "SIEMENS CSA HEADER"
_MOST_TAGS = 4096


def csa_values(data: bytes) -> dict[str, list[str]]:
    """Every tag of a CSA header with its values as text; what cannot be read is left out."""
    newer = data[:4] == b"SV10"
    place = 8 if newer else 0
    found: dict[str, list[str]] = {}
    try:
        tags, _ = struct.unpack_from("<2I", data, place)
        place += 8
        first_items = 0
        for number in range(min(tags, _MOST_TAGS)):
            name, many, _, _, items, _ = struct.unpack_from("<64si4s3i", data, place)
            place += 84
            if number == 0:
                first_items = items
            values = []
            for at in range(items):
                lengths = struct.unpack_from("<4i", data, place)
                place += 16
                length = lengths[1] if newer else lengths[0] - first_items
                if length < 0 or place + length > len(data):
                    if newer:
                        return found
                    break
                if at < many or many == 0:
                    text = data[place : place + length].split(b"\0")[0]
                    values.append(text.decode("latin-1").strip())
                place += (length + 3) // 4 * 4
            found[name.split(b"\0")[0].decode("latin-1")] = [v for v in values if v]
    except struct.error:
        return found
    return found


def _csa_header(dataset: Dataset) -> bytes:
    for block in range(0x10, 0x20):
        owner = raw_element(dataset, 0x00290000 | block)
        if owner is None:
            continue
        name = owner.value.decode("latin-1") if isinstance(owner.value, bytes) else owner.value
        if str(name).strip(" \0") == _CREATOR:
            raw = raw_element(dataset, 0x00290000 | block << 8 | 0x10)
            if raw is not None and isinstance(raw.value, bytes):
                return bytes(raw.value)
    return b""


def read_mosaic(dataset: Dataset, found: dict[str, Any]) -> dict[str, Any] | None:
    """Number of tiles and stacking direction of a mosaic; None of other images.

    Puts the b-value of the CSA header into ``found`` where nothing else states one.
    """
    kinds = found.get("ImageType") or ()
    if found.get("Modality") != "MR" or "SIEMENS" not in str(found.get("Manufacturer")).upper():
        return None
    header = csa_values(_csa_header(dataset))
    if "DiffusionBValue" not in found and header.get("B_value"):
        with contextlib.suppress(ValueError):
            found["DiffusionBValue"] = float(header["B_value"][0])
    if "MOSAIC" not in kinds:
        return None
    stated = header.get("NumberOfImagesInMosaic") or private_values(
        dataset, 0x0019, 0x0A, "SIEMENS MR HEADER", "US"
    )
    try:
        images = int(float(stated[0])) if stated else 0
        normal = [float(v) for v in header.get("SliceNormalVector", [])[:3]]
    except (ValueError, OverflowError):
        return None
    across = math.ceil(math.sqrt(max(images, 1)))
    sizes = [int(found.get(k, 0)) for k in ("Rows", "Columns")]
    if images < 2 or any(size < across or size % across for size in sizes):
        return None
    return {"images": images, "normal": normal if len(normal) == 3 else []}


def tiles_of(
    facts: Mapping[str, Any], spacing: tuple[float, float]
) -> list[tuple[int, int, Floats]]:
    """First row, first column and ImagePositionPatient (LPS mm) of each tile.

    The header gives the corner of the mosaic as if it were one large slice about the same centre,
    so the tiles' corner lies half the difference in size further in.
    """
    mosaic = facts.get("Mosaic")
    position, axes = facts.get("ImagePositionPatient"), facts.get("ImageOrientationPatient")
    if not isinstance(mosaic, dict) or not position or not axes:
        return []
    across = math.ceil(math.sqrt(mosaic["images"]))
    rows, columns = int(facts["Rows"]) // across, int(facts["Columns"]) // across
    right, down = np.asarray(axes[:3], dtype=float), np.asarray(axes[3:6], dtype=float)
    corner = (
        np.asarray(position, dtype=float)
        + right * spacing[1] * (int(facts["Columns"]) - columns) / 2
        + down * spacing[0] * (int(facts["Rows"]) - rows) / 2
    )
    normal = np.asarray(mosaic["normal"] or np.cross(right, down), dtype=float)
    step = float(facts.get("SpacingBetweenSlices") or facts.get("SliceThickness") or 1.0)
    return [
        (i // across * rows, i % across * columns, corner + normal * step * i)
        for i in range(mosaic["images"])
    ]


def tile_size(facts: Mapping[str, Any]) -> tuple[int, int]:
    """Rows and columns of one tile."""
    across = math.ceil(math.sqrt(facts["Mosaic"]["images"]))
    return int(facts["Rows"]) // across, int(facts["Columns"]) // across

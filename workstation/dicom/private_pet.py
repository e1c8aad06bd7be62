"""What PET scanners keep in private elements and a standardised uptake value needs."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from workstation.dicom.elements import private_values

# Keyword it is kept under, group, element, creator, VR (QIBA FDG-PET/CT profile, appendix G).
_FIELDS = (
    ("GEScanDateTime", 0x0009, 0x0D, "GEMS_PETD_01", "DT"),
    ("PhilipsSUVFactor", 0x7053, 0x00, "Philips PET Private Group", "DS"),
    ("PhilipsActivityFactor", 0x7053, 0x09, "Philips PET Private Group", "DS"),
)


def private_pet(dataset: Dataset) -> dict[str, Any]:
    """The values that the data set has, by keyword."""
    found: dict[str, Any] = {}
    for keyword, group, element, creator, vr in _FIELDS:
        values = private_values(dataset, group, element, creator, vr)
        if values and values[0] not in ("", None):
            found[keyword] = values[0]
    return found

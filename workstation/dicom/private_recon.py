"""What scanners write of their reconstruction into private elements, kept as text by keyword."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from workstation.dicom.elements import items_of, private_values

# Keyword it is kept under, group, element, creator, VR; sources: resources/reconstruction.toml.
_FIELDS = (
    ("GEReconDLStrength", 0x0043, 0xCA, "GEMS_PARM_01", "LO"),
    ("SiemensImageTypeText", 0x0021, 0x75, "SIEMENS MR SDI 02", "CS"),
    ("GEIterativeReconAnnotation", 0x0053, 0x40, "GEHC_CT_ADVAPP_001", "SH"),
    ("GEIterativeReconConfiguration", 0x0053, 0x42, "GEHC_CT_ADVAPP_001", "LO"),
    ("GEIterativeReconLevel", 0x0053, 0x43, "GEHC_CT_ADVAPP_001", "SH"),
    ("CanonFilter", 0x7005, 0x0B, "TOSHIBA_MEC_CT3", "SH"),
    ("CanonCorrection", 0x7005, 0x0C, "TOSHIBA_MEC_CT3", "SH"),
)


def private_recon(dataset: Dataset) -> dict[str, str]:
    """The values that the data set has, several joined by a backslash."""
    found: dict[str, str] = {}
    for part in _parts(dataset):
        for keyword, group, element, creator, vr in _FIELDS:
            values = private_values(part, group, element, creator, vr)
            words = "\\".join(str(value) for value in values)
            if words.strip("\\ ") and keyword not in found:
                found[keyword] = words
    return found


def _parts(dataset: Dataset) -> Iterator[Dataset]:
    """The data set, and of an enhanced one what its first frame keeps in sequences of group 0021,
    as XA versions of Siemens do."""
    yield dataset
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for groups in items_of(dataset, keyword)[:1]:
            for tag in [t for t in groups.keys() if t.group == 0x0021 and t.element >= 0x1000]:  # noqa: SIM118
                element = groups[tag]
                if element.VR == "SQ" and element.value:
                    yield element.value[0]

"""Roles from headers: plain cases are named, doubtful ones are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dicom_in.making import Shelf, image
from workstation import text


def _stack(tmp_path: Path, phases: int = 1, **headers: Any) -> tuple[str, str, str]:
    shelf = Shelf(tmp_path)
    modality = headers.pop("Modality", "MR")
    for at in range(3 * phases):
        extra = dict(headers, SpecificCharacterSet="ISO_IR 192")
        if phases > 1:
            extra["TriggerTime"] = 40.0 * (at % phases)
        shelf.add(image(at, (0, 0, 8.0 * (at // phases)), modality=modality, **extra))
    stack = shelf.stacks()[0]
    return stack.role, stack.region, stack.role_reason


@pytest.mark.parametrize(
    ("headers", "role", "region"),
    [
        ({"SeriesDescription": "t2_flair_tra", "BodyPartExamined": "BRAIN"}, "FLAIR", "brain"),
        ({"SeriesDescription": "Ax T2 FLAIR", "BodyPartExamined": "HEAD"}, "FLAIR", "brain"),
        ({"SeriesDescription": "t2_tirm_tra_dark-fluid"}, "FLAIR", "brain"),
        ({"SeriesDescription": "AX T1 FLAIR", "BodyPartExamined": "HEAD"}, "T1", "brain"),
        ({"SeriesDescription": "t1_mprage_sag", "StudyDescription": "Brain"}, "T1", "brain"),
        ({"SeriesDescription": "t1_se_tra post Gd", "BodyPartExamined": "HEAD"}, "T1+Gd", "brain"),
        ({"SeriesDescription": "Ax T1 +C", "BodyPartExamined": "HEAD"}, "T1+Gd", "brain"),
        (
            {"SeriesDescription": "t1 tra", "ContrastBolusAgent": "Gadovist"},
            "T1+Gd",
            "other",
        ),
        ({"SeriesDescription": "T1 pre contrast"}, "T1", "other"),
        ({"SeriesDescription": "t2_tse_tra", "StudyDescription": "头部平扫"}, "T2", "brain"),
        ({"SeriesDescription": "ep2d_diff_3scan", "DiffusionBValue": 1000.0}, "DWI", "other"),
        ({"SeriesDescription": "ep2d_diff_3scan_ADC"}, "ADC", "other"),
        ({"SeriesDescription": "x", "ImageType": ["DERIVED", "PRIMARY", "ADC"]}, "ADC", "other"),
        ({"SeriesDescription": "3D TOF MRA", "BodyPartExamined": "HEAD"}, "TOF", "vessel"),
        ({"SeriesDescription": "tof_fl3d_tra_p2", "BodyPartExamined": "HEAD"}, "TOF", "vessel"),
        ({"SeriesDescription": "psir_lge_sax"}, "LGE", "heart"),
        (
            {"ScanningSequence": "SE", "RepetitionTime": 9000, "EchoTime": 110,
             "InversionTime": 2500},
            "FLAIR", "brain",
        ),
        ({"ScanningSequence": "SE", "RepetitionTime": 500, "EchoTime": 12}, "T1", "other"),
        ({"ScanningSequence": "SE", "RepetitionTime": 4000, "EchoTime": 95}, "T2", "other"),
        ({"ScanningSequence": "SE", "RepetitionTime": 2500, "EchoTime": 20}, "", "other"),
        ({"ScanningSequence": "GR", "RepetitionTime": 500, "EchoTime": 12}, "", "other"),
        ({"SeriesDescription": "T2* swi"}, "SWI", "brain"),
        ({"SeriesDescription": "MRA neck CE"}, "CE-MRA", "vessel"),
        ({"Modality": "CT", "BodyPartExamined": "HEAD"}, "CT head", "brain"),
        ({"Modality": "CT", "SeriesDescription": "胸部平扫"}, "CT chest", "chest"),
        ({"Modality": "CT", "BodyPartExamined": "ABDOMEN"}, "CT abdomen", "abdomen"),
        ({"Modality": "CT", "BodyPartExamined": "CHESTABDOMEN"}, "", "other"),
        (
            {"Modality": "CT", "SeriesDescription": "Coronary CTA 75%", "ContrastBolusAgent": "I",
             "BodyPartExamined": "HEART"},
            "CTA", "heart",
        ),
        # Whether contrast agent was in it is not said: it must not be taken for a plain head CT.
        ({"Modality": "CT", "SeriesDescription": "CTA", "BodyPartExamined": "HEAD"}, "", "brain"),
        ({"Modality": "CT"}, "", "other"),
    ],
)  # fmt: skip
def test_role_and_region(tmp_path: Path, headers: dict[str, Any], role: str, region: str) -> None:
    found, where, reason = _stack(tmp_path, **headers)
    assert (found, where) == (role, region)
    assert text.catalogue("zh_CN")[reason]


def test_cine_needs_phases_and_the_short_axis(tmp_path: Path) -> None:
    assert _stack(tmp_path / "a", 12, SeriesDescription="cine_sax_stack")[:2] == (
        "cine SAX",
        "heart",
    )
    assert _stack(tmp_path / "b", 12, SeriesDescription="cine_4ch")[0] == "cine 4ch"
    assert _stack(tmp_path / "c", 1, SeriesDescription="cine_sax_stack")[0] == ""

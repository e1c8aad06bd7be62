"""Acquisition facts of headers: ages, kernels, contrast; and that they change no stack's id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.dicom_in.making import Shelf, line_of_slices
from workstation.dicom.acquisition import age_string, age_years, kernel_class
from workstation.dicom.stacks import _identity
from workstation.domain.acquisition import Acquisition


@pytest.mark.parametrize(
    ("birth", "on", "said"),
    [
        ("19800301", "20250228", "044Y"),
        ("19800301", "20250301", "045Y"),
        ("20240115", "20250114", "011M"),
        ("20250110", "20250120", "000M"),
        ("20250110", "20240120", ""),  # born after the scan
        ("", "20240120", ""),
        ("18000101", "20240120", ""),
    ],
)
def test_age_from_birth_date(birth: str, on: str, said: str) -> None:
    assert age_string(birth, on) == said


@pytest.mark.parametrize(
    ("stated", "years"),
    [("045Y", 45.0), ("018M", 1.5), ("026W", 26 * 7 / 365.25), ("45", None), ("", None)],
)
def test_age_string(stated: str, years: float | None) -> None:
    assert age_years(stated) == (None if years is None else pytest.approx(years))


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("B30f", "smooth"), ("B70s", "sharp"), ("Br40d", "smooth"), ("I70f", "sharp"),
        ("STANDARD", "smooth"), ("LUNG", "sharp"), ("BONEPLUS", "sharp"), ("FC08", "smooth"),
        ("FC51", "sharp"), ("", ""), ("B", ""),
    ],
)  # fmt: skip
def test_kernel(kernel: str, kind: str) -> None:
    assert kernel_class(kernel) == kind


def test_facts_reach_the_stack_but_not_its_id(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    line_of_slices(
        shelf,
        [0.0, 4.0, 8.0],
        modality="MR",
        PatientBirthDate="19600102",
        PatientSex="F",
        MagneticFieldStrength=15000.0,  # gauss, as some scanners write
        RepetitionTime=9000.0,
        EchoTime=120.0,
        InversionTime=2500.0,
        BodyPartExamined="HEAD",
        ContrastBolusAgent="NONE",
        SeriesDescription="t2 flair tra",
    )
    stack = shelf.stack()
    assert stack.acquisition == Acquisition(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        body_part="HEAD",
        field_t=1.5,
        contrast="unenhanced",
        age_years=65.0,
        sex="F",
        repetition_ms=9000.0,
        echo_ms=120.0,
        inversion_ms=2500.0,
    )
    assert stack.id == _identity(replace(stack, id="", acquisition=Acquisition()))


def test_computed_tomography(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    line_of_slices(
        shelf,
        [0.0, 1.0, 2.0],
        KVP=120.0,
        ConvolutionKernel="B60f",
        PatientAge="018M",
        ContrastBolusAgent="Iohexol",
        SeriesDescription="Abdomen portal venous",
    )
    facts = shelf.stack().acquisition
    assert (facts.kvp, facts.kernel, facts.kernel_class) == (120.0, "B60f", "sharp")
    assert (facts.age_years, facts.contrast, facts.phase) == (1.5, "enhanced", "venous")

"""Complaint 15: SUV on every vendor branch by generated headers, and why there is none elsewhere.

Expected values are worked out here by hand from the QIBA pseudocode, not with the product's code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_in.making import Shelf, image, pixels_of, save
from workstation.dicom.volumes import read_volume
from workstation.domain import suv
from workstation.domain.volume import Flag, Stack

DOSE, HALF_LIFE, WEIGHT = 370e6, 6586.2, 70.0
AN_HOUR = 0.68463  # of F-18 after 60 min, as KAT states it
PET = "1.2.840.10008.5.1.4.1.1.128"


def pet(at: int, slope: float = 2.0, **extra: Any) -> Dataset:
    """A BQML image, injected at 10:00, scanned at 11:00, decay-corrected to the start."""
    injected = extra.pop("injected", "100000.00")
    drug = Dataset()
    drug.RadionuclideTotalDose = DOSE
    drug.RadionuclideHalfLife = HALF_LIFE
    if injected:
        drug.RadiopharmaceuticalStartTime = injected
    for keyword, value in extra.pop("drug", {}).items():
        setattr(drug, keyword, value)
    facts: dict[str, Any] = {
        "SOPClassUID": PET,
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": ["DECY", "ATTN", "SCAT"],
        "PatientWeight": WEIGHT,
        "SeriesDate": "20250102",
        "SeriesTime": "110000",
        "AcquisitionDate": "20250102",
        "AcquisitionTime": "110000",
        "RadiopharmaceuticalInformationSequence": Sequence([drug]),
        "RescaleSlope": slope,
    }
    private = extra.pop("private", ())
    given = {k: v for k, v in (facts | extra).items() if v is not None}
    item = image(at, (0, 0, 4.0 * at), modality="PT", **given)
    for group, creator, element, vr, value in private:
        item.private_block(group, creator, create=True).add_new(element, vr, value)
    return item


def opened(tmp_path: Path, *items: Dataset) -> tuple[Stack, np.ndarray[Any, Any]]:
    shelf = Shelf(tmp_path)
    for item in items:
        shelf.add(item)
    stack = shelf.stack()
    return stack, read_volume(stack, shelf.locate).array


def check_suv(tmp_path: Path, factor: float, *items: Dataset) -> Stack:
    """Every voxel of images of slope 2, 3, ... is stored value x slope x factor."""
    stack, array = opened(tmp_path, *items)
    assert stack.unit == "{SUVbw}g/mL"
    assert Flag.UNIT_UNCERTAIN not in stack.flags
    for at, item in enumerate(items):
        expected = pixels_of(at) * float(item.RescaleSlope) * factor
        assert np.allclose(array[at], expected, rtol=1e-5)
    return stack


START = WEIGHT * 1000 / (DOSE * AN_HOUR)


def test_decay_corrected_to_the_start_with_a_slope_for_each_slice(tmp_path: Path) -> None:
    stack = check_suv(tmp_path, START, pet(0, 2.0), pet(1, 3.5), pet(2, 0.7))
    assert stack.suv_factor == pytest.approx(START, rel=1e-5)
    assert stack.dtype == "float32"


def test_decay_corrected_to_the_injection(tmp_path: Path) -> None:
    items = [pet(at, DecayCorrection="ADMIN") for at in range(2)]
    check_suv(tmp_path, WEIGHT * 1000 / DOSE, *items)


def test_later_beds_count_from_the_series(tmp_path: Path) -> None:
    """Beds 3 minutes apart: one factor, since decay is corrected to the start of the series."""
    items = [pet(at, AcquisitionTime=f"11{3 * at:02}00") for at in range(4)]
    check_suv(tmp_path, START, *items)


def test_a_series_made_later_by_ge(tmp_path: Path) -> None:
    """Series time after the acquisition: GE's private scan time (0009,100D) tells."""
    private = [(0x0009, "GEMS_PETD_01", 0x0D, "DT", "20250102110000.00")]
    items = [
        pet(at, SeriesTime="153000", AcquisitionTime="110200", private=private) for at in range(2)
    ]
    check_suv(tmp_path, START, *items)


def test_a_series_made_later_by_others(tmp_path: Path) -> None:
    """Led back from each frame: acquired 11:10, reference 10 min + the frame's mean decay."""
    # For a frame of 120 s the mean count rate of F-18 is reached after 59.87 s.
    mean = 60.0 - 120.0**2 * np.log(2) / HALF_LIFE / 24
    items = [
        pet(
            at,
            SeriesTime="153000",
            AcquisitionTime="111000",
            FrameReferenceTime=(600 + mean) * 1000,
            ActualFrameDuration=120000,
        )
        for at in range(2)
    ]
    check_suv(tmp_path, START, *items)


def test_a_series_made_later_that_does_not_tell(tmp_path: Path) -> None:
    stack, array = opened(tmp_path, pet(0, SeriesTime="153000", AcquisitionTime="110200"))
    assert (stack.unit, stack.suv_factor) == ("Bq/mL", None)
    assert Flag.UNIT_UNCERTAIN in stack.flags
    assert "No SUV: the series was made after the scan" in " ".join(map(str, stack.notes))
    assert np.allclose(array[0], pixels_of(0) * 2.0)


@pytest.mark.parametrize(
    "drug",
    [{}, {"RadiopharmaceuticalStartDateTime": "20250101233000.00"}],
)
def test_midnight_between_injection_and_scan(tmp_path: Path, drug: dict[str, Any]) -> None:
    extra: dict[str, Any] = {"SeriesTime": "003000", "AcquisitionTime": "003000"}
    items = [pet(at, injected="233000", drug=drug, **extra) for at in range(2)]
    check_suv(tmp_path, START, *items)


def test_philips_counts_with_its_suv_factor(tmp_path: Path) -> None:
    private = [(0x7053, "Philips PET Private Group", 0x00, "DS", "0.000551")]
    stack = check_suv(tmp_path, 0.000551, *(pet(i, Units="CNTS", private=private) for i in (0, 1)))
    assert stack.suv_factor is None


def test_philips_counts_with_an_activity_factor(tmp_path: Path) -> None:
    private = [
        (0x7053, "Philips PET Private Group", 0x00, "DS", "0"),
        (0x7053, "Philips PET Private Group", 0x09, "DS", "1.75"),
    ]
    items = [pet(i, Units="CNTS", private=private) for i in (0, 1)]
    check_suv(tmp_path, 1.75 * START, *items)


def test_counts_without_any_factor(tmp_path: Path) -> None:
    stack, _ = opened(tmp_path, pet(0, Units="CNTS"))
    assert stack.unit == "1"
    assert "counts" in " ".join(map(str, stack.notes))


@pytest.mark.parametrize(
    ("units", "kind", "unit"),
    [
        ("GML", "BW", "{SUVbw}g/mL"),
        ("GML", None, "{SUVbw}g/mL"),
        ("GML", "LBMJANMA", "{SUVlbm(Janma)}g/mL"),
        ("GML", "BSA", "{SUVbsa}cm2/mL"),
        ("CM2ML", None, "{SUVbsa}cm2/mL"),
    ],
)
def test_values_that_are_suv_already(
    tmp_path: Path, units: str, kind: str | None, unit: str
) -> None:
    item = pet(0, Units=units)
    if kind is not None:
        item.SUVType = kind
    stack, array = opened(tmp_path, item)
    assert stack.unit == unit
    assert np.allclose(array[0], pixels_of(0) * 2.0)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"CorrectedImage": ["DECY"]}, "attenuation-corrected"),
        ({"CorrectedImage": ["ATTN"]}, "decay-corrected"),
        ({"PatientWeight": None}, "weight"),
        ({"PatientWeight": 0}, "weight"),
        ({"DecayCorrection": "NONE"}, "to what time decay"),
        ({"drug": {"RadionuclideTotalDose": 0}}, "dose is not stated"),
        ({"drug": {"RadionuclideTotalDose": 370}}, "370 Bq cannot be true"),
        ({"drug": {"RadionuclideHalfLife": 0}}, "half-life"),
        ({"injected": ""}, "injection is not stated"),
        ({"SeriesTime": "09", "injected": "093000"}, "23.5 hours apart"),
        ({"Units": "PROPCNTS"}, "not in a unit"),
    ],
)
def test_no_suv_says_why_and_stays_what_it_is(
    tmp_path: Path, extra: dict[str, Any], said: str
) -> None:
    stack, array = opened(tmp_path, pet(0, **extra))
    assert stack.unit in {"Bq/mL", "1"}
    assert said in " ".join(map(str, stack.notes))
    assert np.allclose(array[0], pixels_of(0) * 2.0)


def test_the_files_window_follows_the_unit(tmp_path: Path) -> None:
    stack, _ = opened(tmp_path, pet(0, WindowCenter=10000, WindowWidth=20000))
    assert stack.window == pytest.approx((10000 * START, 20000 * START), rel=1e-5)


def test_formulas() -> None:
    """Known answers of quantification.md; Du Bois: 70 kg and 1.75 m have 1.8481 square metres."""
    assert suv.remaining(3600, HALF_LIFE) == pytest.approx(AN_HOUR, abs=5e-6)
    assert suv.lean_mass_janmahasatian("M", 70, 1.75) == pytest.approx(55.857, abs=5e-4)
    assert suv.lean_mass_janmahasatian("F", 60, 1.62) == pytest.approx(38.737, abs=5e-4)
    assert suv.lean_mass_james("M", 70, 1.75) == pytest.approx(56.52, abs=5e-3)
    assert suv.body_surface_m2(70, 1.75) == pytest.approx(1.8481, abs=5e-5)
    expected = 1.8481 * 1e4 / (DOSE * AN_HOUR)
    found = suv.suv_bsa_factor(70, 1.75, DOSE, 3600, HALF_LIFE)
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_real_pet(shared_data: Path | None, tmp_path: Path) -> None:
    """STS_001, GE, SUV in the file: every voxel as pydicom reads it, the maximum within reason."""
    if shared_data is None:
        return
    folder = shared_data / "petctmr_sarcoma" / "STS_001" / "PET" / "image"
    shelf = Shelf(folder)
    for path in sorted(folder.iterdir()):
        shelf.take(path)
    stack = shelf.stack()
    assert stack.unit == "{SUVbw}g/mL"
    array = read_volume(stack, shelf.locate).array
    files = [pydicom.dcmread(p) for p in shelf.paths.values()]
    files.sort(key=lambda f: float(f.ImagePositionPatient[2]))
    theirs = np.stack([f.pixel_array * float(f.RescaleSlope) for f in files])
    assert np.allclose(array, theirs, rtol=1e-6)
    # The same image told in Bq/mL, decay-corrected to the injection, comes to the same SUV.
    item = files[len(files) // 2]
    item.Units = "BQML"
    del item.SUVType
    item.RescaleSlope = f"{float(item.RescaleSlope) * 3.88777472e8 / 71e3:.9g}"
    told = Shelf(tmp_path)
    told.take(save(item, tmp_path / "bqml.dcm"))
    again = read_volume(told.stack(), told.locate).array[0]
    assert told.stack().unit == "{SUVbw}g/mL"
    assert np.allclose(again, array[len(files) // 2], rtol=1e-5)
    print(f"SUVmax of the whole volume {array.max():.3f}")
    assert 2.0 < float(array.max()) < 40.0

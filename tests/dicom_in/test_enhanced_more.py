"""Enhanced objects of other writers, dimension indices, and samples with a unit of their own."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_in.making import AXIAL, Shelf, image, pixels_of
from tests.dicom_in.test_suv import AN_HOUR, DOSE, WEIGHT, pet
from workstation.dicom.volumes import read_volume


def _item(**values: Any) -> Sequence:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("ct_chest/series", highdicom.legacy.LegacyConvertedEnhancedCTImage),
        ("petctmr_sarcoma/STS_001/PET/image", highdicom.legacy.LegacyConvertedEnhancedPETImage),
        ("petctmr_sarcoma/STS_001/MR_T1/image", highdicom.legacy.LegacyConvertedEnhancedMRImage),
    ],
)
def test_what_highdicom_converts_is_the_same_volume(
    shared_data: Path | None, tmp_path: Path, folder: str, kind: Any
) -> None:
    """A real classic series, and the same one as one enhanced object in a shuffled order."""
    if shared_data is None:
        return
    classic = Shelf(shared_data)
    for path in sorted((shared_data / folder).iterdir()):
        classic.take(path)
    files = [pydicom.dcmread(path) for path in classic.paths.values()]
    random.Random(7).shuffle(files)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = kind(
            legacy_datasets=files,
            series_instance_uid="2.25.77",
            series_number=7,
            sop_instance_uid="2.25.78",
            instance_number=1,
        )
        made.save_as(tmp_path / "enhanced.dcm")
    enhanced = Shelf(tmp_path)
    enhanced.take(tmp_path / "enhanced.dcm")
    ours, theirs = enhanced.stack(), classic.stack()
    assert ours.grid == theirs.grid
    assert (ours.unit, ours.phases, ours.flags) == (theirs.unit, 1, theirs.flags)
    array = read_volume(ours, enhanced.locate).array
    assert np.array_equal(array, read_volume(theirs, classic.locate).array)


def enhanced_mr(places: int, phases: int) -> Dataset:
    """Frames in a scrambled order that only their dimension indices undo."""
    count = places * phases
    order = [(i * 7) % count for i in range(count)]
    samples = np.stack([pixels_of(i) for i in order])
    item = image(0, None, None, modality="MR", pixels=samples[0], PixelSpacing=None)
    item.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    item.PixelData, item.NumberOfFrames = samples.tobytes(), count
    shared = Dataset()
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(AXIAL))
    shared.PixelMeasuresSequence = _item(PixelSpacing=[0.5, 0.75], SliceThickness=4)
    item.SharedFunctionalGroupsSequence = Sequence([shared])
    pointers = []
    for tag in (0x00209056, 0x00209057, 0x00189087):  # stack, place in it, b-value
        pointer = Dataset()
        pointer.DimensionIndexPointer = tag
        pointers.append(pointer)
    item.DimensionIndexSequence = Sequence(pointers)
    frames = []
    for i in order:
        groups = Dataset()
        groups.PlanePositionSequence = _item(ImagePositionPatient=[1.0, 2.0, 4.0 * (i // phases)])
        groups.FrameContentSequence = _item(
            DimensionIndexValues=[1, i // phases + 1, i % phases + 1]
        )
        frames.append(groups)
    item.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return item


def test_dimension_indices_order_the_phases(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.add(enhanced_mr(4, 5))
    stack = shelf.stack()
    assert (stack.phases, stack.grid.shape[0]) == (5, 4)
    for phase in range(5):
        array = read_volume(stack, shelf.locate, phase).array
        for place in range(4):
            assert np.array_equal(array[place], pixels_of(place * 5 + phase))


def mapping(slope: float, unit: str, **extra: Any) -> Sequence:
    units = _item(CodeValue=unit, CodingSchemeDesignator="UCUM", CodeMeaning=unit)
    return _item(
        RealWorldValueSlope=slope,
        RealWorldValueIntercept=extra.get("intercept", 0.0),
        MeasurementUnitsCodeSequence=units,
        LUTLabel="ADC",
    )


def test_an_adc_map_is_in_its_own_unit(tmp_path: Path) -> None:
    """The mapping is of stored samples; the window, told in rescaled values, goes along."""
    item = image(0, (0, 0, 0), modality="MR", WindowCenter=60, WindowWidth=100)
    item.RescaleSlope, item.RescaleIntercept = 2, 10
    item.RealWorldValueMappingSequence = mapping(1e-6, "mm2/s", intercept=5e-6)
    shelf = Shelf(tmp_path)
    shelf.add(item)
    stack = shelf.stack()
    assert stack.unit == "mm2/s"
    assert np.allclose(read_volume(stack, shelf.locate).array[0], pixels_of(0) * 1e-6 + 5e-6)
    # Rescaled 60 is stored 25; 100 wide is 50 stored.
    assert stack.window == pytest.approx((30e-6, 50e-6))


def test_hounsfield_units_stay_what_they_are(tmp_path: Path) -> None:
    item = image(0, (0, 0, 0), RescaleIntercept=-1024)
    item.RealWorldValueMappingSequence = mapping(0.5, "[hnsf'U]")
    shelf = Shelf(tmp_path)
    shelf.add(item)
    assert shelf.stack().unit == "[hnsf'U]"
    array = read_volume(shelf.stack(), shelf.locate).array
    assert np.array_equal(array[0], pixels_of(0) - 1024)


def test_enhanced_pet_states_the_moment_of_its_correction(tmp_path: Path) -> None:
    item = pet(0, DecayCorrection=None, CorrectedImage=None, Units=None)
    item.DecayCorrected = item.AttenuationCorrected = "YES"
    item.DecayCorrectionDateTime = "20250102110000"
    item.RealWorldValueMappingSequence = mapping(2.0, "Bq/ml")
    shelf = Shelf(tmp_path)
    shelf.add(item)
    stack = shelf.stack()
    assert stack.unit == "{SUVbw}g/mL"
    factor = WEIGHT * 1000 / (DOSE * AN_HOUR)
    array = read_volume(stack, shelf.locate).array
    assert np.allclose(array[0], pixels_of(0) * 2.0 * factor, rtol=1e-5)

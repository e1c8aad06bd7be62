"""Whose millimetres a length counts in: the patient's, the detector's, an ultrasound region's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_in.making import Shelf, image
from workstation.domain.calibration import span
from workstation.domain.volume import Flag, Stack


def opened(tmp_path: Path, *items: Dataset) -> list[Stack]:
    shelf = Shelf(tmp_path)
    for item in items:
        shelf.add(item)
    return shelf.stacks()


def length(
    stack: Stack, start: tuple[float, float], stop: tuple[float, float], z: int = 0
) -> tuple[Any, str]:
    way = span(start, stop, stack.scale_at(0, z, *start), stack.scale_at(0, z, *stop))
    return way.length, way.unit_across


def radiograph(modality: str, **extra: Any) -> Dataset:
    item = image(0, None, None, pixels=np.zeros((64, 64), np.uint16), PixelSpacing=None, **extra)
    item.Modality = modality
    return item


def test_angiography_divides_by_the_magnification(tmp_path: Path) -> None:
    """Complaint 12: 3 mm in the patient, magnified 1.5 times onto pixels of 0.2 mm: 22.5 pixels.

    With the detector's spacing they would read 4.5 mm, with none 22.5.
    """
    for extra in (
        {"EstimatedRadiographicMagnificationFactor": 1.5},
        {"DistanceSourceToDetector": 1200, "DistanceSourceToPatient": 800},
    ):
        item = radiograph("XA", ImagerPixelSpacing=[0.2, 0.2], **extra)
        (stack,) = opened(tmp_path, item)
        found, unit = length(stack, (10, 20), (32.5, 20))
        assert (found, unit) == (pytest.approx(3.0), "mm")
        assert stack.calibrated == "magnified"
        assert stack.spacing_note is not None
        assert "magnification of 1.5" in str(stack.spacing_note)


@pytest.mark.parametrize(
    ("modality", "extra", "calibrated", "mm"),
    [
        ("XA", {"ImagerPixelSpacing": [0.2, 0.2]}, "detector", 4.5),
        ("DX", {"ImagerPixelSpacing": [0.2, 0.2]}, "detector", 4.5),
        # The distances of a radiograph are those of a table top, not of what is measured.
        (
            "DX",
            {
                "ImagerPixelSpacing": [0.2, 0.2],
                "DistanceSourceToDetector": 1200,
                "DistanceSourceToPatient": 800,
            },
            "detector",
            4.5,
        ),
        (
            "MG",
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.8},
            "magnified",
            1.25,
        ),
        (
            "DX",
            {
                "ImagerPixelSpacing": [0.2, 0.2],
                "PixelSpacing": [0.16, 0.16],
                "PixelSpacingCalibrationType": "FIDUCIAL",
                "PixelSpacingCalibrationDescription": "25 mm sphere",
            },
            "patient",
            3.6,
        ),
        ("OT", {"NominalScannedPixelSpacing": [0.3, 0.3]}, "detector", 6.75),
    ],
)
def test_whose_length(
    tmp_path: Path, modality: str, extra: dict[str, Any], calibrated: str, mm: float
) -> None:
    pixel = extra.pop("PixelSpacing", None)
    item = radiograph(modality, **extra)
    if pixel:
        item.PixelSpacing = pixel
    (stack,) = opened(tmp_path, item)
    found, unit = length(stack, (10, 20), (32.5, 20))
    assert (stack.calibrated, unit) == (calibrated, "mm")
    assert found == pytest.approx(mm)
    if "PixelSpacingCalibrationDescription" in extra:
        assert "known size. 25 mm sphere" in str(stack.spacing_note)


def region(
    box: tuple[int, int, int, int], units: tuple[int, int], delta: tuple[float, float], **more: Any
) -> Dataset:
    item = Dataset()
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box[2:]
    item.PhysicalUnitsXDirection, item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = delta
    item.RegionFlags, item.RegionSpatialFormat, item.RegionDataType = 0, 1, 1
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item


def scan(at: int, *regions: Dataset) -> Dataset:
    item = image(at, None, None, pixels=np.zeros((200, 300), np.uint8), PixelSpacing=None)
    item.Modality = "US"
    item.SequenceOfUltrasoundRegions = Sequence(regions)
    return item


def test_each_ultrasound_region_has_its_scale(tmp_path: Path) -> None:
    """Complaint 13: tissue above in cm, a spectrum below in cm/s over s, borders in pixels."""
    spectrum = region(
        (0, 110, 299, 199), (4, 7), (0.005, -0.8), RegionSpatialFormat=3, RegionDataType=3
    )
    spectrum.ReferencePixelX0, spectrum.ReferencePixelY0 = 0, 60
    (stack,) = opened(tmp_path, scan(0, region((20, 0, 279, 99), (3, 3), (0.02, 0.025)), spectrum))
    assert length(stack, (30, 10), (60, 10)) == (pytest.approx(6.0), "mm")
    assert length(stack, (30, 10), (30, 50)) == (pytest.approx(10.0), "mm")
    assert length(stack, (2, 10), (12, 10)) == (pytest.approx(10.0), "px")
    assert length(stack, (30, 10), (30, 150))[1] == "px"
    scale = stack.scale_at(0, 0, 100, 150)
    assert (scale.unit_x, scale.unit_y, scale.kind) == ("s", "cm/s", "spectrum")
    assert (scale.x, scale.y) == pytest.approx((0.005, 0.8))
    assert stack.regions_at(0, 0)[1].value_at(200, 150) == pytest.approx((1.0, 16.0))
    assert stack.calibrated == "patient"  # the one scale of lengths that the image has
    assert "ultrasound regions only" in str(stack.spacing_note)


def test_two_depths_side_by_side_have_no_common_spacing(tmp_path: Path) -> None:
    left, right = (
        region((0, 0, 149, 199), (3, 3), (0.02, 0.02)),
        region((150, 0, 299, 199), (3, 3), (0.04, 0.04)),
    )
    (stack,) = opened(tmp_path, scan(0, left, right))
    assert stack.calibrated == "" and Flag.NO_SPACING in stack.flags
    assert length(stack, (10, 10), (60, 10)) == (pytest.approx(10.0), "mm")
    assert length(stack, (160, 10), (210, 10)) == (pytest.approx(20.0), "mm")
    assert length(stack, (100, 10), (200, 10)) == (pytest.approx(100.0), "px")


def test_frames_with_calibrations_of_their_own(tmp_path: Path) -> None:
    """Complaint 13: the depth was changed between images of one series."""
    items = [
        scan(
            at,
            region((0, 0, 99, 199), (3, 3), (0.02 * (at + 1), 0.02 * (at + 1))),
            region((150, 0, 299, 199), (3, 3), (0.5, 0.5)),
        )
        for at in range(3)
    ]
    (stack,) = opened(tmp_path, *items)
    assert len(stack.regions) == 3
    for z in range(3):
        expected = pytest.approx(2.0 * (z + 1))
        assert length(stack, (10, 10), (20, 10), z) == (expected, "mm")


def test_a_region_without_a_scale_counts_for_nothing(tmp_path: Path) -> None:
    nothing = region((0, 0, 99, 99), (0, 0), (1.0, 1.0))
    (stack,) = opened(tmp_path, scan(0, nothing))
    assert (stack.calibrated, stack.regions) == ("", ())
    assert length(stack, (10, 10), (20, 10)) == (pytest.approx(10.0), "px")

"""Headers that other viewers stumbled over: reversed numbers, leaning axes, Chinese paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from tests.dicom_in.making import OBLIQUE, Shelf, image, pixels_of, save
from workstation.archive.store import Archive
from workstation.dicom.volumes import read_volume
from workstation.domain.volume import Flag
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake


@pytest.mark.parametrize("lying", ["InstanceNumber", "SliceLocation", "both", "missing"])
def test_reversed_numbers_do_not_turn_a_volume_round(tmp_path: Path, lying: str) -> None:
    """Complaint 11: image numbers and slice locations run against the positions, or are absent."""
    shelf = Shelf(tmp_path)
    for at in range(12):
        item = image(at, (5.0, -7.0, -40.0 + 3.0 * at), SliceLocation=3.0 * at)
        if lying in {"InstanceNumber", "both"}:
            item.InstanceNumber = 12 - at
        if lying in {"SliceLocation", "both"}:
            item.SliceLocation = -3.0 * at
        if lying == "missing":
            del item.InstanceNumber, item.SliceLocation
        shelf.add(item)
    stack = shelf.stack()
    assert stack.flags == ()
    array = read_volume(stack, shelf.locate).array
    for at in range(12):
        assert np.array_equal(array[at], pixels_of(at))
        place = stack.grid.to_lps((0, 0, at))
        assert np.allclose(place, (5.0, -7.0, -40.0 + 3.0 * at), atol=1e-6)


def _sheared(tilt_deg: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The step between slices of an oblique stack that leans along its columns."""
    right, down = np.array(OBLIQUE[:3]), np.array(OBLIQUE[3:])
    normal = np.cross(right, down)
    return np.asarray(2.5 * (normal + np.tan(np.radians(tilt_deg)) * down))


@pytest.mark.parametrize("tilt", [0.0, 12.0, -21.5])
def test_count_and_tilt_where_the_normal_is_not_the_direction(tmp_path: Path, tilt: float) -> None:
    """Complaint 9: as many slices as there are images, and the angle between normal and stack."""
    shelf = Shelf(tmp_path)
    for at in range(10):
        shelf.add(image(at, (_sheared(tilt) * at).tolist(), OBLIQUE))
    stack = shelf.stack()
    assert stack.grid.shape == (10, 5, 7)
    assert stack.grid.tilt_deg == pytest.approx(abs(tilt), abs=1e-4)
    assert (Flag.TILTED in stack.flags) == (tilt != 0.0)
    for at in range(10):
        assert np.allclose(stack.grid.to_lps((0, 0, at)), _sheared(tilt) * at, atol=1e-6)


def test_axes_that_are_rounded_off_square(tmp_path: Path) -> None:
    """Complaint 9: cosines of three digits are not square to each other; the count stays, and the
    places are SimpleITK's within the rounding."""
    rounded = tuple(round(v, 3) for v in OBLIQUE)
    assert abs(np.dot(rounded[:3], rounded[3:])) > 1e-5
    normal = np.cross(OBLIQUE[:3], OBLIQUE[3:])
    shelf = Shelf(tmp_path)
    for at in range(8):
        shelf.add(image(at, (normal * 2.5 * at).round(3).tolist(), rounded))
    stack = shelf.stack()
    assert stack.grid.shape == (8, 5, 7) and stack.is_volume
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(shelf.locate(f.sha256)) for f in stack.frames])
    theirs = reader.Execute()
    assert theirs.GetSize()[2] == 8
    for index in ((0, 0, 0), (6, 4, 7), (3, 2, 5)):
        there = theirs.TransformIndexToPhysicalPoint(index)
        assert np.allclose(stack.grid.to_lps(index), there, atol=0.02)


def test_axes_that_are_no_axes_are_said_so(tmp_path: Path) -> None:
    """Complaint 9: rows and columns at 80 degrees to each other place nothing."""
    leaning = (1.0, 0.0, 0.0, float(np.cos(np.radians(80))), float(np.sin(np.radians(80))), 0.0)
    shelf = Shelf(tmp_path)
    for at in range(4):
        shelf.add(image(at, (0, 0, 2.0 * at), leaning))
    stack = shelf.stack()
    assert {Flag.NO_POSITION, Flag.NOT_A_VOLUME} <= set(stack.flags)
    assert not stack.placed


def test_chinese_paths_and_names(home: Path, tmp_path: Path) -> None:
    """Complaint 24: folders, files and the home itself in Chinese, names in GB18030."""
    folder = tmp_path / "影像 资料（二〇二五）" / "张三·颅脑MR"
    for at in range(4):
        item = image(at, (0, 0, 2.0 * at), modality="MR", SpecificCharacterSet="GB18030")
        item.PatientName = "Zhang^San=张^三"
        item.SeriesDescription = "T2加权 横断位 㐀𠀀"
        save(item, folder / f"图像 {at}.dcm")
    archive = Archive(home)
    report = intake(archive, [folder])
    assert (report.instances, report.refused) == (4, ())
    (stack,) = assemble(archive, "1.2.3")
    assert archive.study("1.2.3").patient.name == "张三"
    assert stack.description == "T2加权 横断位 㐀𠀀"
    array = read_volume(stack, archive.blob_path).array
    assert np.array_equal(array[3], pixels_of(3))
    archive.close()

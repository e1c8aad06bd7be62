"""The written demo studies: conformant, repeatable, readable again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from workstation.demo.series import DemoDetail
from workstation.dicom.headers import read_header
from workstation.dicom.write import SeriesHeader, write_series
from workstation.domain.errors import BadInput, Cancelled, Message
from workstation.domain.geometry import Grid, affine_of_stack
from workstation.domain.work import Cancel
from workstation.reading.demonstrate import demonstrate

COARSE = DemoDetail(factor=4, phases=10)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    folder = tmp_path_factory.mktemp("演示")
    return folder, demonstrate(folder / "dicom", answers=folder / "answers.json", detail=COARSE)


def _first(files: list[Path], folder: str) -> Path:
    return next(p for p in files if p.parent.name == folder)


@pytest.mark.parametrize(
    "folder", ["flair", "tof", "cine", "chest", "dwi", "dsc", "lge", "firstpass", "t1post"]
)
def test_standard_conformance(demo: tuple[Path, list[Path]], folder: str) -> None:
    tool = shutil.which("dciodvfy")
    if tool is None:  # it exists for Debian only; the files are at least read back
        print("dciodvfy is not installed: conformance was not checked")
        assert read_header(_first(demo[1], folder)).attributes["pixels"]
        return
    done = subprocess.run(
        [tool, str(_first(demo[1], folder))], capture_output=True, check=False, timeout=60
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert "Error" not in said, said
    assert "Image" in said


def test_names_spaces_and_times(demo: tuple[Path, list[Path]]) -> None:
    files = demo[1]
    heads = {p: pydicom.dcmread(p, stop_before_pixels=True) for p in files}
    flair, tof, cine, chest = (
        heads[_first(files, name)] for name in ("flair", "tof", "cine", "chest")
    )
    assert str(flair.PatientName) == "Wang^Jianguo=王^建国"
    assert str(chest.PatientName) == "Li^Xiulan=李^秀兰"
    assert chest.StudyDescription == "胸部 CT 平扫"
    assert flair.SpecificCharacterSet == "ISO_IR 192"
    assert chest.SpecificCharacterSet == "GB18030"
    assert flair.StudyInstanceUID == tof.StudyInstanceUID == cine.StudyInstanceUID
    assert flair.StudyInstanceUID != chest.StudyInstanceUID
    assert flair.FrameOfReferenceUID == tof.FrameOfReferenceUID != cine.FrameOfReferenceUID
    beats = [heads[p] for p in files if p.parent.name == "cine"]
    assert {int(d.CardiacNumberOfImages) for d in beats} == {10}
    times = sorted({float(d.TriggerTime) for d in beats})
    assert len(times) == 10 and times[0] == 0.0
    assert times[-1] < float(beats[0].NominalInterval)
    uids = [str(d.SOPInstanceUID) for d in heads.values()]
    assert len(set(uids)) == len(uids)


def test_the_same_again_byte_for_byte(demo: tuple[Path, list[Path]], tmp_path: Path) -> None:
    again = demonstrate(tmp_path / "b", detail=COARSE)
    assert len(again) == len(demo[1])
    for one, two in zip(demo[1], again, strict=True):
        digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (one, two)]
        assert digests[0] == digests[1], one.name


def test_answers_are_written(demo: tuple[Path, list[Path]]) -> None:
    known = json.loads((demo[0] / "answers.json").read_text(encoding="utf-8"))
    assert known[0]["lesions"]["exact_ml"] > 2
    assert known[1]["stenosis"]["percent"] == 58.62
    assert known[2]["ventricle"]["ef_percent"] == 52.03
    assert [n["diameter_mm"] for n in known[3]["nodules"]] == [14.0, 9.0, 6.0]
    said = {key for one in known for key, value in one.items() if value}
    assert said >= {"diffusion", "bolus", "scar", "first_pass", "t1"}
    assert next(one["scar"] for one in known if one["scar"])["depth_percent"] == 50.0


_HEADER = SeriesHeader(
    modality="CT",
    patient_name="A^B",
    patient_id="1",
    birth_date="19700101",
    sex="F",
    age="050Y",
    study_uid="2.25.1",
    study_date="20260101",
    study_time="120000",
    study_description="d",
    accession="a",
    series_uid="2.25.2",
    series_number=1,
    series_description="s",
    series_time="120000",
    frame_of_reference_uid="2.25.3",
    body_part="CHEST",
    window=(40.0, 400.0),
    slice_thickness_mm=2.0,
)


def _grid() -> Grid:
    tilt = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)
    return Grid((3, 4, 5), affine_of_stack((10, -20, 30), tilt, (0.7, 0.9), (1.2, -1.6, 0.0)))


def test_pixels_and_geometry_read_back(tmp_path: Path) -> None:
    grid = _grid()
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5) * 60 - 1024
    files = write_series(tmp_path, array, grid, _HEADER)
    for z, path in enumerate(files):
        ds = pydicom.dcmread(path)
        hounsfield = ds.pixel_array.astype(int) * int(ds.RescaleSlope) + int(ds.RescaleIntercept)
        assert np.array_equal(hounsfield, array[z])
        assert np.allclose([float(v) for v in ds.ImagePositionPatient], grid.to_lps((0, 0, z)))
        assert [float(v) for v in ds.PixelSpacing] == pytest.approx([0.7, 0.9])


def test_bad_input_is_refused(tmp_path: Path) -> None:
    grid = _grid()
    with pytest.raises(BadInput):
        write_series(tmp_path, np.zeros((2, 4, 5), np.int16), grid, _HEADER)
    with pytest.raises(BadInput):
        write_series(tmp_path, np.full((3, 4, 5), 4000, np.int16), grid, _HEADER)
    with pytest.raises(BadInput):
        write_series(tmp_path, np.zeros((3, 4, 5), np.int16), grid, replace(_HEADER, modality="XA"))


def test_it_can_be_stopped(tmp_path: Path) -> None:
    cancel = Cancel()

    def stop(fraction: float, doing: Message) -> None:
        assert doing.template == "Making the demo studies"
        cancel.cancel()

    with pytest.raises(Cancelled):
        demonstrate(tmp_path, detail=COARSE, progress=stop, cancel=cancel)

"""Headers of good and of broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.dicom_in.making import image, pixels_of, save
from workstation.dicom.headers import IsDirectory, read_header
from workstation.dicom.pixels import decode_frame
from workstation.domain.errors import BadInput


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_samples_lie_where_the_header_says(tmp_path: Path, syntax: str) -> None:
    path = save(image(3, (0, 0, 0)), tmp_path / "a.dcm", syntax)
    offset = read_header(path).attributes["pixel_offset"]
    assert isinstance(offset, int)
    read = np.frombuffer(path.read_bytes()[offset : offset + 70], "<i2").reshape(5, 7)
    assert np.array_equal(read, pixels_of(3))


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_encodings_need_a_decoder(tmp_path: Path, syntax: str) -> None:
    path = save(image(3, (0, 0, 0)), tmp_path / "a.dcm", syntax)
    assert read_header(path).attributes["pixel_offset"] == -1
    assert np.array_equal(decode_frame(path), pixels_of(3))


def test_what_is_read(tmp_path: Path) -> None:
    item = image(
        0, (1, 2, 3.5), modality="MR", SeriesDescription="t2_flair", BodyPartExamined="BRAIN"
    )
    item.StudyTime, item.PatientSex, item.PatientAge = "081530.5", "f", "063Y"
    item.EchoTime, item.SeriesNumber, item.ImageType = "92", "7", ["ORIGINAL", "PRIMARY"]
    header = read_header(save(item, tmp_path / "a.dcm"))
    assert header.study.date == "20250102"
    assert header.study.time == "081530.5"
    assert (header.study.patient.sex, header.study.patient.age) == ("F", "063Y")
    assert (header.series.number, header.series.modality) == (7, "MR")
    assert (header.series.description, header.series.body_part) == ("t2_flair", "BRAIN")
    facts = header.attributes
    assert facts["ImagePositionPatient"] == [1.0, 2.0, 3.5]
    assert facts["PixelSpacing"] == [0.5, 0.75]
    assert facts["EchoTime"] == 92.0
    assert facts["ImageType"] == ["ORIGINAL", "PRIMARY"]
    assert facts["Rows"] == 5


def test_name_bytes_reach_the_patient_whatever_is_declared(tmp_path: Path) -> None:
    path = save(image(0, (0, 0, 0), PatientName="AAAAAAAA"), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"AAAAAAAA", "欧阳^修".encode("gbk") + b" "))
    patient = read_header(path).study.patient
    assert (patient.name, patient.name_dicom) == ("欧阳修", "欧阳^修")


def test_no_preamble_and_no_meta_header(tmp_path: Path) -> None:
    whole = save(image(0, (0, 0, 0)), tmp_path / "a.dcm", ImplicitVRLittleEndian).read_bytes()
    bare = tmp_path / "bare"
    bare.write_bytes(whole[whole.index(b"\x08\x00\x16\x00") :])
    header = read_header(bare)
    assert header.transfer_syntax_uid == ImplicitVRLittleEndian
    assert np.array_equal(decode_frame(bare), pixels_of(0))


def test_one_bad_value_costs_only_itself(tmp_path: Path) -> None:
    path = save(image(0, (0, 0, 0), EchoTime="12345678"), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"12345678", b"12,34 ms"))
    facts = read_header(path).attributes
    assert "EchoTime" not in facts
    assert facts["PixelSpacing"] == [0.5, 0.75]


def test_not_a_number_is_left_out(tmp_path: Path) -> None:
    path = save(image(0, (0, 0, 0), RescaleSlope="1.000"), tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"1.000 ", b"NaN   "))
    assert "RescaleSlope" not in read_header(path).attributes


def _reason(path: Path) -> str:
    with pytest.raises(BadInput) as raised:
        read_header(path)
    return raised.value.message.template


def test_each_broken_file_has_its_own_reason(tmp_path: Path) -> None:
    whole = save(image(0, (0, 0, 0)), tmp_path / "a.dcm").read_bytes()
    cases = {
        b"": "The file is empty.",
        b"hello": "This is not a DICOM file.",
        b"\0" * 500: "This is not a DICOM file.",
        b"\x1f\x8b" + b"\1" * 200: "The file is compressed with gzip. Unpack it first.",
        whole[:-20]: "The file ends in the middle of its image data: {held} of {expected} bytes.",
        whole[:-82]: "It should hold an image, but the file ends before its image data.",
    }
    for at, (data, reason) in enumerate(cases.items()):
        path = tmp_path / f"broken{at}"
        path.write_bytes(data)
        assert _reason(path) == reason


def test_cut_anywhere_is_refused_and_never_crashes(tmp_path: Path) -> None:
    whole = save(image(0, (0, 0, 0)), tmp_path / "a.dcm").read_bytes()
    path = tmp_path / "cut"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert _reason(path)


def test_cut_compressed_file_is_refused(tmp_path: Path) -> None:
    item = image(0, (0, 0, 0), pixels=np.tile(np.arange(64, dtype=np.int16), (64, 1)))
    item.file_meta = save(item, tmp_path / "native.dcm") and item.file_meta
    item.compress(RLELossless)
    path = tmp_path / "rle.dcm"
    item.save_as(path, enforce_file_format=True)
    assert read_header(path).attributes["pixel_offset"] == -1
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 60])
    assert _reason(path) == "The file ends in the middle of its image data."


def test_random_damage_never_crashes(tmp_path: Path) -> None:
    whole = save(image(0, (0, 0, 0)), tmp_path / "a.dcm").read_bytes()
    random = np.random.default_rng(7)
    path = tmp_path / "damaged"
    read = 0
    for _ in range(300):
        data = bytearray(whole)
        for at in random.integers(132, len(data), 6):
            data[at] = random.integers(0, 256)
        path.write_bytes(bytes(data))
        try:
            header = read_header(path)
        except BadInput:
            continue
        read += 1
        assert isinstance(header.attributes["pixel_offset"], int)
    assert read > 10


def test_dicomdir_is_told_apart(tmp_path: Path) -> None:
    item = image(0, (0, 0, 0), SOPClassUID="1.2.840.10008.1.3.10")
    with pytest.raises(IsDirectory):
        read_header(save(item, tmp_path / "DICOMDIR"))


def test_files_stripped_of_identity_get_one_that_stays(tmp_path: Path) -> None:
    paths = [
        save(
            image(i, (0, 0, i), StudyInstanceUID="", SeriesInstanceUID="", SOPInstanceUID=""),
            tmp_path / f"{i}.dcm",
        )
        for i in range(2)
    ]
    first, second = (read_header(path) for path in paths)
    assert first.study.study_uid == second.study.study_uid != ""
    assert first.series.series_uid == second.series.series_uid
    assert first.sop_instance_uid != second.sop_instance_uid
    assert read_header(paths[0]) == first
    other = save(
        image(0, (0, 0, 0), StudyInstanceUID="", SeriesInstanceUID="", StudyDate="20250103"),
        tmp_path / "other.dcm",
    )
    assert read_header(other).study.study_uid != first.study.study_uid

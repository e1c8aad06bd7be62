"""Files into studies: what comes in, what stays out and why, and that nothing is left half done."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from tests.dicom_in.making import image, pixels_of, save
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.dicom.volumes import read_volume
from workstation.domain.errors import Cancelled, Message
from workstation.domain.people import Actor, Role
from workstation.domain.volume import Flag, Stack
from workstation.domain.work import Cancel
from workstation.reading import sources
from workstation.reading.assemble import assemble
from workstation.reading.intake import BATCH, IntakeReport, intake


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A folder as a patient brings it: images in folders, a text, a broken file."""
    folder = tmp_path / "患者光盘"
    for at in range(6):
        save(image(at, (0, 0, 2.0 * at)), folder / f"检查{at % 2}" / f"图像{at}")
    (folder / "README.TXT").write_text("viewer")
    (folder / "空文件").touch()
    whole = save(image(9, (0, 0, 20)), folder / "cut.dcm")
    whole.write_bytes(whole.read_bytes()[:-10])
    return folder


def reasons(report: IntakeReport) -> dict[str, str]:
    return {r.path.rsplit("/", 1)[-1].rsplit("!", 1)[-1]: str(r.reason) for r in report.refused}


def test_a_folder_with_broken_files(archive: Archive, disc: Path) -> None:
    report = intake(archive, [disc])
    assert (report.instances, report.already, report.study_uids) == (6, 0, ("1.2.3",))
    assert reasons(report) == {
        "README.TXT": "This is not a DICOM file.",
        "空文件": "The file is empty.",
        "cut.dcm": "The file ends in the middle of its image data: 60 of 70 bytes.",
    }
    study = archive.study("last")
    assert (study.patient.name, study.instances, study.modalities) == ("Test Patient", 6, ("CT",))
    assert verify(archive).ok


def test_the_same_files_twice_change_nothing(archive: Archive, disc: Path) -> None:
    intake(archive, [disc])
    assemble(archive, "1.2.3")
    before = (archive.last_change(), len(archive.audit()), archive.blob_files())
    report = intake(archive, [disc, disc / "检查0"])
    assert (report.instances, report.already) == (0, 9)
    assemble(archive, "1.2.3")
    assert (archive.last_change(), len(archive.audit()), archive.blob_files()) == before


def test_one_file_twice_in_one_import(archive: Archive, disc: Path) -> None:
    path = disc / "检查0" / "图像0"
    report = intake(archive, [path, path])
    assert (report.instances, report.already) == (1, 1)


def test_more_than_one_batch(archive: Archive, tmp_path: Path) -> None:
    for at in range(BATCH + 5):
        save(image(at, (0, 0, at)), tmp_path / "many" / f"{at:04}.dcm")
    assert intake(archive, [tmp_path / "many"]).instances == BATCH + 5
    assert archive.study("1.2.3").instances == BATCH + 5
    (stack,) = assemble(archive, "1.2.3")
    assert stack.grid.shape[0] == BATCH + 5


def test_cancel_keeps_what_was_written_and_nothing_half(archive: Archive, tmp_path: Path) -> None:
    for at in range(BATCH + 50):
        save(image(at, (0, 0, at)), tmp_path / "many" / f"{at:04}.dcm")
    cancel = Cancel()

    def stop_late(fraction: float, doing: Message) -> None:
        if fraction > (BATCH + 20) / (BATCH + 50):
            cancel.cancel()

    with pytest.raises(Cancelled):
        intake(archive, [tmp_path / "many"], progress=stop_late, cancel=cancel)
    assert archive.study("1.2.3").instances == BATCH
    assert verify(archive).ok
    assert intake(archive, [tmp_path / "many"]).instances == 50


def test_another_image_under_a_known_identity_is_refused(archive: Archive, tmp_path: Path) -> None:
    intake(archive, [save(image(0, (0, 0, 0)), tmp_path / "a.dcm")])
    other = save(image(0, (0, 0, 0), pixels=pixels_of(5)), tmp_path / "b.dcm")
    moved = save(image(0, (0, 0, 1)), tmp_path / "c.dcm")
    report = intake(archive, [other, moved])
    assert report.instances == report.already == 0
    assert all("content differs" in str(r.reason) for r in report.refused)
    (instance,) = archive.instances_of("1.2.3.4")
    stored = archive.read_blob(instance.sha256)
    assert stored == (tmp_path / "a.dcm").read_bytes()


def test_the_same_image_in_another_encoding_is_known(archive: Archive, tmp_path: Path) -> None:
    intake(archive, [save(image(0, (0, 0, 0)), tmp_path / "a.dcm")])
    again = save(image(0, (0, 0, 0)), tmp_path / "b.dcm", "1.2.840.10008.1.2")
    report = intake(archive, [again])
    assert (report.instances, report.already, report.refused) == (0, 1, ())


def test_a_study_is_one_patients(archive: Archive, tmp_path: Path) -> None:
    intake(archive, [save(image(0, (0, 0, 0)), tmp_path / "a.dcm")])
    stranger = save(image(1, (0, 0, 1), PatientID="P2"), tmp_path / "b.dcm")
    lost = save(image(2, (0, 0, 2), study="9.9"), tmp_path / "c.dcm")
    report = intake(archive, [stranger, lost])
    assert report.instances == 0
    assert reasons(report) == {
        "b.dcm": "It names another patient than the other images of its study.",
        "c.dcm": "It names another study than the other images of its series.",
    }


@pytest.mark.parametrize(
    ("charset", "raw"),
    [
        ("GB18030", "王^小东".encode("gb18030")),
        ("ISO_IR 192", "王^小东".encode()),
        ("ISO_IR 100", "王^小东".encode("gbk")),
        (None, "王^小东".encode("gbk")),
        ("\\ISO 2022 IR 58", b"\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab"),
    ],
)
def test_names_on_the_worklist(
    archive: Archive, tmp_path: Path, charset: str | None, raw: bytes
) -> None:
    room = b"N" * (len(raw) + len(raw) % 2)
    item = image(0, (0, 0, 0), PatientName=room.decode())
    if charset is not None:
        item.SpecificCharacterSet = charset.split("\\")
    path = save(item, tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(room, raw.ljust(len(room))))
    intake(archive, [path])
    assert archive.worklist()[0].patient.name == "王小东"


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_zip_archives_within_archives(archive: Archive, disc: Path, tmp_path: Path) -> None:
    first, second = (disc / "检查0" / f"图像{i}" for i in (0, 2))
    inner = _zip(tmp_path / "内层.zip", {"深/层/图像": first.read_bytes(), "x.txt": b"text"})
    outer = _zip(
        tmp_path / "影像.zip",
        {
            "目录/内层.zip": inner.read_bytes(),
            "../../escape.dcm": second.read_bytes(),
            "DICOMDIR": b"",
        },
    )
    report = intake(archive, [outer])
    assert report.instances == 2
    assert [r.path for r in report.refused] == [f"{outer}!目录/内层.zip!x.txt"]
    assert not (tmp_path.parent / "escape.dcm").exists()


def test_zip_names_packed_by_chinese_windows(tmp_path: Path) -> None:
    name = "影像/图像一.dcm"
    path = _zip(tmp_path / "a.zip", {"X" * len(name.encode("gbk")): b"no image"})
    path.write_bytes(path.read_bytes().replace(b"X" * len(name.encode("gbk")), name.encode("gbk")))
    (found,) = sources.find_sources([path])
    assert found.shown == f"{path}!{name}"


def test_zip_bombs_and_damage(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "zips"
    folder.mkdir()
    bomb = _zip(folder / "bomb.zip", {"zeros": b"\0" * (65 << 20)})
    (folder / "cut.zip").write_bytes(bomb.read_bytes()[:50])
    good = _zip(folder / "crc.zip", {"file": b"A" * 1000 + os.urandom(1000)})
    data = bytearray(good.read_bytes())
    data[300] ^= 0xFF
    good.write_bytes(bytes(data))
    report = intake(archive, [folder])
    assert reasons(report) == {
        "zeros": "The file is packed suspiciously small and was not unpacked.",
        "cut.zip": "The ZIP archive is damaged.",
        "file": "The file is damaged in its archive.",
    }
    monkeypatch.setattr(sources, "MAX_ARCHIVE", 3000)
    several = _zip(tmp_path / "several.zip", {str(i): os.urandom(1400) for i in range(3)})
    found = [s.refused for s in sources.find_sources([several])]
    assert [bool(refused) for refused in found] == [False, False, True]


def test_nothing_unpacked_is_left_behind(archive: Archive, disc: Path, tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", {"i": (disc / "检查0" / "图像0").read_bytes()})
    for source in sources.find_sources([path]):
        here = source.path
        assert here.exists()
        break
    del source
    assert intake(archive, [path]).instances == 1
    assert not here.exists()


def test_dicomdir_names_the_files(archive: Archive, tmp_path: Path) -> None:
    files = FileSet()
    for at in range(4):
        item = image(at, (0, 0, at))
        item.StudyID, item.SeriesNumber, item.StudyTime = "1", 1, "120000"
        save(item, tmp_path / "made.dcm")
        files.add(item)
    folder = tmp_path / "cd"
    files.write(folder)
    lost = next(p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "DICOMDIR")
    lost.unlink()
    report = intake(archive, [folder / "DICOMDIR"])
    assert report.instances == 3
    assert reasons(report) == {lost.name: "The DICOMDIR names it, but it is not there."}
    again = intake(archive, [folder])
    assert (again.already, again.refused) == (3, ())


def test_links_in_a_circle_end(archive: Archive, disc: Path) -> None:
    try:
        (disc / "检查0" / "kreis").symlink_to(disc, target_is_directory=True)
        (disc / "nirgends").symlink_to(disc / "nothing")
    except OSError:
        print("this system makes no links without rights")
        return
    report = intake(archive, [disc])
    assert report.instances == 6
    assert reasons(report)["nirgends"] == "The link leads nowhere."


def test_a_path_that_is_not_there(archive: Archive, tmp_path: Path) -> None:
    report = intake(archive, [tmp_path / "nothing"])
    assert reasons(report) == {"nothing": "There is no such file or folder."}


def test_nothing_new_writes_no_audit_row(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    intake(archive, [tmp_path / "a.txt"])
    assert archive.audit() == []


def test_assemble_follows_the_files(archive: Archive, tmp_path: Path) -> None:
    for at in range(4):
        save(image(at, (0, 0, 2.0 * at)), tmp_path / "a" / f"{at}.dcm")
    intake(archive, [tmp_path / "a"])
    (before,) = assemble(archive, "1.2.3", actor=Actor("leser", Role.READER))
    assert archive.all(Stack, "1.2.3") == [before]
    change = archive.last_change()
    assert assemble(archive, "last") == [before]
    assert archive.last_change() == change
    save(image(5, (0, 0, 10.0)), tmp_path / "b" / "5.dcm")
    intake(archive, [tmp_path / "b"])
    (after,) = assemble(archive, "1.2.3")
    assert archive.all(Stack, "1.2.3") == [after]
    assert after.id != before.id
    assert Flag.MISSING_SLICES in after.flags
    volume = read_volume(after, archive.blob_path).array
    assert np.array_equal(volume[5], pixels_of(5))


def test_a_stack_that_cannot_be_decoded_says_so(archive: Archive, tmp_path: Path) -> None:
    for at in range(3):
        item: Dataset = image(at, (0, 0, at), pixels=np.zeros((64, 64), np.int16))
        path = save(item, tmp_path / f"{at}.dcm")
        item.compress("1.2.840.10008.1.2.5")
        item.save_as(path, enforce_file_format=True)
        data = path.read_bytes()
        at_rle = data.index(b"\x02\x00\x00\x00\x40\x00\x00\x00")  # two segments, the first at 64
        path.write_bytes(data[:at_rle] + b"\xff" * 12 + data[at_rle + 12 :])
    intake(archive, [tmp_path])
    (stack,) = assemble(archive, "1.2.3")
    assert {Flag.BROKEN_IMAGE, Flag.NOT_A_VOLUME} <= set(stack.flags)
    assert "RLE" in str(stack.notes[-1])


@pytest.mark.parametrize(
    ("sop_class", "modality"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.33", "SR"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "PR"),
        ("1.2.840.10008.5.1.4.1.1.88.59", "KO"),
        ("1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "DOC"),
        ("1.2.840.10008.5.1.4.1.1.4.2", "MR"),  # spectroscopy: has rows and columns, no pixels
    ],
)
def test_objects_without_images_are_stored(
    archive: Archive, tmp_path: Path, sop_class: str, modality: str
) -> None:
    """They come in, their series is listed, and no stack is made of them."""
    item = image(0, None, None, SOPClassUID=sop_class, PixelData=None)
    item.Modality = modality
    report = intake(archive, [save(item, tmp_path / "object.dcm")])
    assert (report.instances, report.refused) == (1, ())
    assert assemble(archive, "1.2.3") == []
    (series,) = archive.series_of("1.2.3")
    assert (series.modality, series.instances) == (modality, 1)
    assert archive.instances_of(series.series_uid)[0].sop_class_uid == sop_class


def test_an_image_without_pixels_is_refused(archive: Archive, tmp_path: Path) -> None:
    report = intake(archive, [save(image(0, None, None, PixelData=None), tmp_path / "a.dcm")])
    assert reasons(report) == {
        "a.dcm": "It should hold an image, but the file ends before its image data."
    }

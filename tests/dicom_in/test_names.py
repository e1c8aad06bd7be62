"""Complaint 24: a reader says in which character set names were written; it is kept and audited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.dicom_in.making import image, save
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.dicom.character_sets import CHOICES
from workstation.domain.errors import BadInput, NotFound
from workstation.domain.people import Actor, Role
from workstation.domain.study import WorklistQuery
from workstation.domain.volume import Stack
from workstation.reading.assemble import assemble
from workstation.reading.intake import intake
from workstation.reading.names import read_words, reread_names

READER = Actor("li", Role.READER)


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


def told(archive: Archive, folder: Path, codec: str, declared: str | None) -> None:
    """Import a series whose texts are bytes of ``codec`` under a declaration of ``declared``."""
    for at in range(4):
        item = image(at, (0, 0, 2.0 * at), SpecificCharacterSet="ISO_IR 100")
        item.PatientName, item.SeriesDescription, item.StudyDescription = (
            "N" * 40,
            "D" * 40,
            "S" * 40,
        )
        path = save(item, folder / f"{at}.dcm")
        data = path.read_bytes()
        for mark, words in (("N", "陳^小明"), ("D", "胸部平掃"), ("S", "健康檢查")):
            data = data.replace(mark.encode() * 40, words.encode(codec).ljust(40, b" "))
        if declared is None:
            data = data.replace(
                b"\x08\0\x05\0CS\x0a\0ISO_IR 100", b"\x08\0\x05\0CS\x0a\0          "
            )
        else:
            data = data.replace(b"ISO_IR 100", declared.encode().ljust(10))
        path.write_bytes(data)
    report = intake(archive, [folder])
    assert (report.instances, report.refused) == (4, ())


@pytest.mark.parametrize(
    ("codec", "declared", "chosen"),
    [
        ("big5", "ISO_IR 100", "BIG5"),
        ("big5", None, "BIG5"),
        ("utf-8", "GB18030", "ISO_IR 192"),
        ("gb18030", "ISO_IR 192", "GB18030"),
        ("gb18030", "ISO_IR 144", "GB18030"),
    ],
)
def test_a_reader_overrides_the_character_set(
    archive: Archive, tmp_path: Path, codec: str, declared: str | None, chosen: str
) -> None:
    told(archive, tmp_path / "in", codec, declared)
    assemble(archive, "1.2.3")
    before = archive.all(Stack, "1.2.3")
    assert read_words(archive, "1.2.3", chosen).study.patient.name == "陳小明"
    study = reread_names(archive, "1.2.3", chosen, actor=READER)
    assert (study.patient.name, study.patient.name_dicom) == ("陳小明", "陳^小明")
    assert study.description == "健康檢查"
    assert archive.series_of("1.2.3")[0].description == "胸部平掃"
    (found,) = archive.worklist(WorklistQuery(text="陳小明"))
    assert found.study_uid == "1.2.3"
    (stack,) = archive.all(Stack, "1.2.3")
    assert (stack.id, stack.description) == (before[0].id, "胸部平掃")
    assert assemble(archive, "1.2.3") == [stack]
    assert verify(archive).ok


def test_who_decided_is_on_record_and_can_be_taken_back(archive: Archive, tmp_path: Path) -> None:
    told(archive, tmp_path / "in", "big5", None)
    first = archive.study("1.2.3").patient.name
    reread_names(archive, "1.2.3", "BIG5", actor=READER)
    row = archive.audit()[-1]
    assert (row.actor, row.study_uid) == ("li", "1.2.3")
    assert "BIG5" in str(row.reason)
    entries = len(archive.audit())
    reread_names(archive, "1.2.3", "BIG5", actor=READER)
    assert len(archive.audit()) == entries
    assert reread_names(archive, "1.2.3", actor=READER).patient.name == first


def test_what_cannot_be_chosen(archive: Archive, tmp_path: Path) -> None:
    told(archive, tmp_path / "in", "big5", None)
    with pytest.raises(BadInput):
        reread_names(archive, "1.2.3", "EBCDIC", actor=READER)
    with pytest.raises(NotFound):
        reread_names(archive, "9.9.9", "BIG5", actor=READER)


@pytest.mark.parametrize("charset", CHOICES)
def test_every_choice_reads_something(archive: Archive, tmp_path: Path, charset: str) -> None:
    told(archive, tmp_path / "in", "big5", None)
    assert read_words(archive, "1.2.3", charset).study.patient.name


def test_on_the_command_line(home: Path, tmp_path: Path) -> None:
    opened = Archive(home)
    told(opened, tmp_path / "in", "big5", None)
    opened.close()
    cli = CommandLine(home)
    done = cli("--json", "names", "last", "--charset", "BIG5")
    assert (done.code, done.json["patient_name"]) == (0, "陳小明")
    assert cli("names", "last", "--charset", "EBCDIC").code != 0

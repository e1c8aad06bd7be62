"""A changed byte, wherever it lies, is named; what is whole is not complained of."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.samples import (
    LABEL,
    MODEL,
    READER,
    WHY,
    make_finding,
    make_grid,
    make_instance,
    make_series,
    make_stack,
    make_study,
)
from workstation.archive.chain import HEAD_FILE
from workstation.archive.encoding import KINDS, as_json, identity, row_digest
from workstation.archive.people import add_user
from workstation.archive.store import DATABASE, Archive
from workstation.archive.verify import VerifyReport, verify, verify_home
from workstation.domain.errors import Cancelled, ReaderError
from workstation.domain.finding import Finding
from workstation.domain.people import MACHINE, Permission, Role
from workstation.domain.study import StudyState, WorklistQuery
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel
from workstation.reading import review

UID = "1.2.3"


def make_home(home: Path) -> None:
    """A home in which a study was imported, analysed and reviewed; closed and checkpointed."""
    archive = Archive(home)
    add_user(archive, MACHINE, "li", "李", Role.READER, "password", lambda n, p: ("cert", "key"))
    series = make_series()
    files = [archive.put_bytes(b"image %d" % n * 50) for n in range(4)]
    with archive.write(MACHINE, Permission.IMPORT, WHY, UID) as writer:
        writer.add_instances(
            make_study(), series, [make_instance(series, n, sha) for n, sha in enumerate(files)]
        )
    stack = make_stack()
    array = np.zeros(make_grid().shape, dtype=np.bool_)
    array[2:4, 3:5, 4:8] = True
    mask = archive.store_mask(
        array, study_uid=UID, series_uid=series.series_uid, stack_id=stack.id, label=LABEL,
        grid=make_grid(), made_from=(stack.id,), made_by=MODEL,
    )  # fmt: skip
    finding = make_finding(stack_id=stack.id, mask_id=mask.id)
    other = make_finding(stack_id=stack.id)
    with archive.write(MACHINE, Permission.ANALYSE, WHY, UID) as writer:
        for artefact in (stack, mask, finding, other):
            writer.put(artefact)
        writer.set_state(UID, StudyState.ANALYSED)
    array[2, 3, 4] = False
    review.edit(archive, READER, finding.id, array)
    review.reject(archive, READER, other.id, "血管影")
    with archive.write(READER, Permission.REVIEW, WHY, UID) as writer:
        writer.set_urgent(UID, True)
    archive.save_desk("li", {"slice": 3})
    archive.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("whole") / "家"
    make_home(home)
    return home


@pytest.fixture
def copy(whole: Path, home: Path) -> Path:
    target = home / "copy"
    shutil.copytree(whole, target)
    return target


def check(home: Path) -> VerifyReport:
    archive = Archive(home)
    try:
        report = verify(archive)
    finally:
        archive.close()
    assert [bad.what for bad in verify_home(home).bad] == [bad.what for bad in report.bad]
    return report


def change(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / DATABASE)) as raw:
        done = raw.execute(statement)
        assert done.rowcount > 0, "the test changes something"
        raw.commit()


def words(report: VerifyReport) -> str:
    assert report.first_bad is not None
    return f"{report.first_bad.what}: {report.first_bad.why}"


def test_what_is_whole_is_well(copy: Path) -> None:
    report = check(copy)
    assert report.bad == () and report.ok and report.first_bad is None
    assert report.checked["files"] == 6
    assert report.checked["entries"] == 6
    assert report.checked["rows"] >= 15


@pytest.mark.parametrize(
    ("statement", "named", "why"),
    [
        ("UPDATE artefact SET json = replace(json, '左侧', '右侧') WHERE kind = 'finding'",
         "finding ", "changed"),
        ("UPDATE artefact SET json = replace(json, 'rejected', 'accepted') WHERE kind = 'decision'",
         "decision ", "changed"),
        ("UPDATE artefact SET json = replace(json, 'reader', 'admin') WHERE kind = 'user'",
         "user li version 1", "changed"),
        ("UPDATE artefact SET withdrawn = 1 WHERE kind = 'mask'", "mask ", "changed"),
        ("UPDATE artefact SET current = 1 WHERE kind = 'finding'", "finding ", "current"),
        ("UPDATE artefact SET current = 0 WHERE kind = 'stack'", "stack ", "current"),
        ("DELETE FROM artefact WHERE kind = 'finding' AND version = 2", "finding ", "missing"),
        ("DELETE FROM artefact WHERE kind = 'user'", "user li version 1", "missing"),
        ("INSERT INTO artefact SELECT seq + 100, born, kind, id || 'x', version, study_uid, "
         "series_uid, withdrawn, json, digest, current FROM artefact WHERE kind = 'user'",
         "user lix version 1", "no entry"),
        ("UPDATE study SET name = '李四'", "study 1.2.3", "changed"),
        ("UPDATE study SET urgent = 0", "study 1.2.3", "changed"),
        ("UPDATE study SET version = 1", "study 1.2.3", "changed"),
        ("UPDATE series SET description = 'T1'", "series 1.2.3.1", "changed"),
        ("UPDATE instance SET attributes = replace(attributes, '0.5', '1.5') "
         "WHERE instance_number = 2", "instance 1.2.3.1.2", "changed"),
        ("DELETE FROM instance WHERE instance_number = 3", "instance 1.2.3.1.3", "missing"),
        ("UPDATE audit SET actor = 'zhao' WHERE seq = 4", "audit entry 4", "changed"),
        ("UPDATE audit SET reason = replace(reason, 'test', 'best') WHERE seq = 2",
         "audit entry 2", "changed"),
        ("DELETE FROM audit WHERE seq = 3", "audit entry 3", "missing"),
        ("DELETE FROM audit WHERE seq = 1", "audit entry 1", "missing"),
        ("DELETE FROM audit WHERE seq >= 5", "audit entry 5", "cut"),
        ("UPDATE audit SET previous = hash WHERE seq = 5", "audit entry 5", "follow"),
        ("DELETE FROM change WHERE seq = 3", "change 3", "agree"),
        ("UPDATE change SET study_uid = '1' WHERE seq = 2", "change 2", "agree"),
        ("UPDATE desk SET json = '{}'", "desk li", "changed"),
        ("INSERT INTO meta VALUES ('x', 'y')", "meta", "changed"),
    ],
)  # fmt: skip
def test_a_changed_row_is_named(copy: Path, statement: str, named: str, why: str) -> None:
    change(copy, statement)
    said = words(check(copy))
    assert said.startswith(named) and why in said, said


def test_a_row_changed_together_with_its_digest_is_named(copy: Path) -> None:
    def forge(table: str, where: str, **values: object) -> None:
        with closing(sqlite3.connect(copy / DATABASE)) as raw:
            raw.row_factory = sqlite3.Row
            row = dict(raw.execute(f"SELECT * FROM {table} WHERE {where}").fetchone()) | values
            raw.execute(
                f"UPDATE {table} SET digest = ?, {', '.join(f'{c} = ?' for c in values)} "
                f"WHERE {where}",
                (row_digest(table, row), *values.values()),
            )
            raw.commit()

    forge("study", f"study_uid = '{UID}'", name="李四")
    assert "study 1.2.3: It was changed" in words(check(copy))
    # The program is fooled for now; what it writes next does not cover the forgery up.
    archive = Archive(copy)
    with archive.write(READER, Permission.REVIEW, WHY, UID) as writer:
        writer.set_urgent(UID, False)
    archive.close()
    assert words(check(copy)) == (
        "study 1.2.3: It was changed before entry 7 of the audit was written."
    )


def test_a_shortened_audit_is_noticed_even_if_all_its_rows_went_too(copy: Path) -> None:
    with closing(sqlite3.connect(copy / DATABASE)) as raw:
        (entries,) = raw.execute("SELECT entries FROM audit WHERE seq = 6").fetchone()
        assert json.loads(entries)[0][0] == "study"
        raw.execute("DELETE FROM audit WHERE seq = 6")
        raw.execute("DELETE FROM change WHERE audit_seq = 6")
        raw.commit()
    assert "audit entry 6: The audit was cut: it ends at entry 5" in words(check(copy))
    # Going on writing does not heal it, and does not move the head.
    head = (copy / HEAD_FILE).read_bytes()
    archive = Archive(copy)
    with archive.write(READER, Permission.REVIEW, WHY, UID):
        pass
    archive.close()
    assert (copy / HEAD_FILE).read_bytes() == head
    assert "audit entry 6: It is not the entry that the recorded head" in words(check(copy))


def test_the_head_may_lag_behind_but_not_be_missing(copy: Path) -> None:
    with closing(sqlite3.connect(copy / DATABASE)) as raw:
        (hash_3,) = raw.execute("SELECT hash FROM audit WHERE seq = 3").fetchone()
    (copy / HEAD_FILE).write_text(json.dumps({"seq": 3, "hash": hash_3}))
    assert check(copy).ok, "a crash between commit and head file"
    archive = Archive(copy)
    with archive.write(READER, Permission.REVIEW, WHY, UID):
        pass
    assert json.loads((copy / HEAD_FILE).read_text())["seq"] == 7
    archive.close()
    (copy / HEAD_FILE).unlink()
    assert words(check(copy)).startswith(HEAD_FILE)


def test_every_flipped_byte_of_the_head_file_is_noticed(copy: Path) -> None:
    path = copy / HEAD_FILE
    whole = path.read_bytes()
    archive = Archive(copy)
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0x04
        path.write_bytes(flipped)
        report = verify(archive)
        assert not report.ok, (place, bytes(flipped))
    archive.close()


def test_files_changed_missing_and_misplaced(copy: Path) -> None:
    archive = Archive(copy)
    files = archive.blob_files()
    random.Random(3).shuffle(files)
    changed, missing = files[:2]
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    missing.unlink()
    stray = archive.home / "blobs" / "ab" / "note.txt"
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("x")
    report = verify(archive)
    said = {bad.what: str(bad.why) for bad in report.bad}
    assert set(said) == {
        f"blobs/{changed.name[:2]}/{changed.name}",
        f"blobs/{missing.name[:2]}/{missing.name}",
        "blobs/ab/note.txt",
    }
    assert "was changed. It belongs to: " in said[f"blobs/{changed.name[:2]}/{changed.name}"]
    assert "is missing. It belongs to: " in said[f"blobs/{missing.name[:2]}/{missing.name}"]
    archive.close()


def test_a_database_that_does_not_open_or_is_missing_is_named(copy: Path) -> None:
    (copy / DATABASE).write_bytes(b"nothing like it" * 1000)
    assert words(verify_home(copy)).startswith(f"{DATABASE}: The file is damaged")
    (copy / DATABASE).unlink()
    assert words(verify_home(copy)).startswith(f"{DATABASE}: ")
    assert not (copy / DATABASE).exists()


def test_verify_reports_progress_and_stops_on_request(copy: Path) -> None:
    archive = Archive(copy)
    seen: list[float] = []
    verify(archive, progress=lambda fraction, doing: seen.append(fraction))
    assert seen == sorted(seen) and seen[-1] == 1.0
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        verify(archive, cancel=cancel)
    archive.close()


def everything_read(home: Path) -> str:
    """All that the program would show, as one text."""
    archive = Archive(home)
    try:
        shown = [as_json(archive.worklist(WorklistQuery())), as_json(archive.desk("li"))]
        for study in archive.worklist():
            for series in archive.series_of(study.study_uid):
                shown += [as_json(series), as_json(archive.instances_of(series.series_uid))]
        for kind in KINDS:
            found: list[Any] = archive.all(kind)
            for artefact in found:
                shown.append(as_json(artefact))
                if kind is not Stack:
                    shown.append(as_json(archive.history(kind, identity(artefact))))
        shown.append(as_json([e.entries for e in archive.audit()]))
        shown.append(as_json([c.id for c in archive.changes_since(0)]))
        return "\n".join(shown)
    finally:
        archive.close()


def flip(home: Path, place: int, bit: int) -> None:
    path = home / DATABASE
    with path.open("r+b") as file:
        file.seek(place)
        (value,) = file.read(1)
        file.seek(place)
        file.write(bytes([value ^ bit]))


def test_a_flipped_byte_of_the_database_changes_nothing_unnoticed(whole: Path, home: Path) -> None:
    """Single bit flips all over the file: each is named, or shows nowhere (free space)."""
    before = everything_read(whole)
    original = (whole / DATABASE).read_bytes()
    used = [place for place, value in enumerate(original) if value]
    chosen = random.Random(20240131)
    places = [chosen.choice(used) for _ in range(110)] + [
        chosen.randrange(len(original)) for _ in range(40)
    ]
    named = harmless = refused = 0
    for number, place in enumerate(places):
        copy = home / f"copy{number}"
        shutil.copytree(whole, copy)
        flip(copy, place, 1 << chosen.randrange(8))
        try:
            report = check(copy)
        except ReaderError:
            refused += 1  # the file does not open: said in plain words
            assert not verify_home(copy).ok
        else:
            if report.ok:
                assert everything_read(copy) == before, f"byte {place} changed data unnoticed"
                harmless += 1
            else:
                named += 1
        shutil.rmtree(copy)
    print(f"named {named}, refused {refused}, harmless {harmless} of {len(places)}")
    assert named > len(places) / 2


def test_a_flipped_byte_in_the_text_of_each_kind_of_row_is_named(whole: Path, home: Path) -> None:
    """Byte flips aimed at rows: a finding, an audit row, a user, an image's headers, a name."""
    original = (whole / DATABASE).read_bytes()
    targets: list[tuple[bytes, Callable[[str], bool]]] = [
        ("脑白质高信号".encode(), lambda said: "finding" in said or "mask" in said),
        (b"A test writes.", lambda said: "audit entry" in said),
        (b"argon2id", lambda said: "user li" in said),
        (b"ImagePositionPatient", lambda said: "instance" in said),
        ("王小明".encode(), lambda said: "study" in said or DATABASE in said),
        ("血管影".encode(), lambda said: "decision" in said),
    ]
    for text, names in targets:
        places = [n for n in range(len(original)) if original.startswith(text, n)]
        assert places, text
        place = random.Random(5).choice(places) + 1
        copy = home / f"copy{place}"
        shutil.copytree(whole, copy)
        flip(copy, place, 1)
        said = words(check(copy))
        assert names(said), (text, said)


def test_what_the_reader_decided_is_what_verify_vouches_for(copy: Path) -> None:
    archive = Archive(copy)
    states = sorted(f.state.value for f in archive.all(Finding, UID))
    assert states == ["edited", "rejected"]
    assert archive.study(UID).state is StudyState.READY
    archive.close()

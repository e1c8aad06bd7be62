"""The archive's promises: what is written is there, whole or not at all, and only by who may."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.archive.samples import (
    ADMIN,
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
from workstation.archive.store import DATABASE, Archive
from workstation.archive.verify import verify
from workstation.archive.worklist import searchable
from workstation.domain.artefact import new_id, now
from workstation.domain.errors import BadInput, NotAllowed, NotFound, ReaderError, Tampered
from workstation.domain.finding import Action, Decision, Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import StudyState, WorklistQuery
from workstation.domain.volume import Stack

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home)
    yield opened
    opened.close()


def fill(archive: Archive, uid: str = "1.2.3", **given: str) -> None:
    series = make_series(uid)
    with archive.write(MACHINE, Permission.IMPORT, WHY, uid) as writer:
        writer.add_instances(make_study(uid, **given), series, [make_instance(series, 1)])


def test_an_import_is_on_the_worklist_with_counts_and_modalities(archive: Archive) -> None:
    study, mr, ct = make_study(), make_series(), make_series(number=2, modality="CT")
    with archive.write(MACHINE, Permission.IMPORT, WHY) as writer:
        writer.add_instances(study, mr, [make_instance(mr, n) for n in (3, 1, 2)])
        writer.add_instances(study, ct, [make_instance(ct, 1)])
    (found,) = archive.worklist()
    assert (found.series, found.instances, found.modalities) == (2, 4, ("CT", "MR"))
    assert dataclasses.replace(found, series=0, instances=0, modalities=()) == study
    assert archive.study("last") == archive.study("1.2.3") == found
    assert [s.instances for s in archive.series_of("1.2.3")] == [3, 1]
    images = archive.instances_of(mr.series_uid)
    assert images == [make_instance(mr, n) for n in (1, 2, 3)]
    assert archive.instance(images[0].sop_instance_uid) == images[0]
    assert archive.instance("9.9") is None
    with pytest.raises(NotFound):
        archive.study("9.9")


def test_the_same_import_twice_changes_nothing(archive: Archive) -> None:
    fill(archive)
    before, seq = archive.worklist(), archive.last_change()
    fill(archive)
    assert archive.worklist() == before
    assert archive.changes_since(seq) == []
    assert verify(archive).ok is False  # the sample's file was never stored: named below
    assert {bad.what.split("/")[0] for bad in verify(archive).bad} == {"blobs"}


def test_what_is_known_of_a_study_stays_and_what_was_empty_is_filled_in(archive: Archive) -> None:
    series = make_series()
    bare = dataclasses.replace(make_study(), accession="", description="")
    with archive.write(MACHINE, Permission.IMPORT, WHY) as writer:
        writer.add_instances(bare, series, [make_instance(series, 1)])
        writer.set_state("1.2.3", StudyState.ANALYSED)
    with archive.write(MACHINE, Permission.IMPORT, WHY) as writer:
        writer.add_instances(make_study(name="李四"), series, [make_instance(series, 2)])
    found = archive.study("1.2.3")
    assert (found.patient.name, found.accession) == ("王小明", "A1.2.3")
    assert (found.state, found.instances) == (StudyState.ANALYSED, 2)


def test_another_file_under_the_same_uid_does_not_replace_the_first(archive: Archive) -> None:
    fill(archive)
    series = make_series()
    other = make_instance(series, 1, sha256="ff" * 32)
    with archive.write(MACHINE, Permission.IMPORT, WHY) as writer:
        assert writer.add_instances(make_study(), series, [other]) == (other,)
    kept = archive.instance(other.sop_instance_uid)
    assert kept is not None and kept.sha256 != other.sha256


def test_urgent_first_then_newest(archive: Archive) -> None:
    for uid, date in (("1.1", "20230101"), ("1.2", "20240101"), ("1.3", ""), ("1.4", "20220101")):
        fill(archive, uid, date=date)
    with archive.write(READER, Permission.REVIEW, WHY) as writer:
        writer.set_urgent("1.4", True)
    assert [s.study_uid for s in archive.worklist()] == ["1.4", "1.2", "1.1", "1.3"]
    assert archive.last_study_uid() == "1.4"
    assert [s.study_uid for s in archive.worklist(WorklistQuery(limit=2, offset=1))] == [
        "1.2", "1.1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (WorklistQuery(text="小明"), ["1.1"]),
        (WorklistQuery(text="XIAOMING wang"), ["1.1", "1.2"]),
        (WorklistQuery(text="ｗａｎｇ"), ["1.1", "1.2"]),
        (WorklistQuery(text="P1.2"), ["1.2"]),
        (WorklistQuery(text="a1.1"), ["1.1"]),
        (WorklistQuery(text="100%"), []),
        (WorklistQuery(text="_"), []),
        (WorklistQuery(modality="MR"), ["1.1", "1.2"]),
        (WorklistQuery(modality="M"), []),
        (WorklistQuery(state=StudyState.NEW, date_from="20240101"), ["1.1"]),
        (WorklistQuery(date_to="20231231"), ["1.2"]),
    ],
)
def test_search(archive: Archive, query: WorklistQuery, expected: list[str]) -> None:
    fill(archive, "1.1", name="王小明", date="20240101")
    fill(archive, "1.2", name="赵大", date="20230101")
    assert [s.study_uid for s in archive.worklist(query)] == expected
    assert archive.worklist_count(query) == len(expected)


def test_the_worklist_of_10000_studies_opens_at_once(archive: Archive) -> None:
    fill(archive, "1.9")
    with sqlite3.connect(archive.home / DATABASE) as raw:  # quicker than 10,000 imports
        raw.row_factory = sqlite3.Row
        row = dict(raw.execute("SELECT * FROM study").fetchone())
        raw.executemany(
            f"INSERT INTO study VALUES ({', '.join(':' + c for c in row)})",
            (
                row
                | {
                    "study_uid": f"1.9.{n}",
                    "name": f"王建{n}",
                    "search": searchable(f"王建{n}", f"P1.9.{n}"),
                    "date": f"20{n % 24:02d}{1 + n % 12:02d}{1 + n % 28:02d}",
                }
                for n in range(10_000)
            ),
        )
    raw.close()
    queries = {
        "page": WorklistQuery(limit=100),
        "deep page": WorklistQuery(limit=100, offset=9_000),
        "name": WorklistQuery(text="建77", limit=100),
        "id": WorklistQuery(text="P1.9.9999", limit=100),
    }
    for query in queries.values():
        assert archive.worklist(query)
    with sqlite3.connect(archive.home / DATABASE) as raw:
        plan = raw.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM study "
            "ORDER BY urgent DESC, date DESC, time DESC, study_uid LIMIT 100"
        ).fetchall()
    assert "study_worklist" in str(plan) and "TEMP B-TREE" not in str(plan)


def test_earlier_studies_are_of_the_same_person(archive: Archive) -> None:
    def put(uid: str, date: str, id: str, birth: str) -> None:
        study = make_study(uid, date=date)
        patient = dataclasses.replace(study.patient, patient_id=id, birth_date=birth)
        series = make_series(uid)
        with archive.write(MACHINE, Permission.IMPORT, WHY) as writer:
            writer.add_instances(dataclasses.replace(study, patient=patient), series, [])

    put("1.1", "20200101", "7", "19600101")
    put("1.2", "20220101", "7", "")
    put("1.3", "20240101", "7", "19600101")
    put("1.4", "20210101", "7", "19991231")  # the same id, another person
    put("1.5", "20210101", "", "19600101")
    assert [s.study_uid for s in archive.priors_of("1.3")] == ["1.2", "1.1"]
    assert archive.priors_of("1.1") == archive.priors_of("1.5") == []


def test_versions_withdrawal_and_order(archive: Archive) -> None:
    first, second = make_finding(), make_finding()
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        writer.put(first)
        writer.put(second)
    renamed = dataclasses.replace(first, note="again")
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        writer.put(renamed)
        writer.put(second)  # the same once more
        assert writer.get(Finding, first.id) == renamed
    assert archive.all(Finding, "1.2.3") == [renamed, second]
    assert archive.history(Finding, first.id) == [first, renamed]
    assert archive.history(Finding, second.id) == [second]
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        writer.withdraw(Finding, first.id)
    assert archive.all(Finding) == [second]
    assert archive.history(Finding, first.id) == [first, renamed]
    with pytest.raises(NotFound):
        archive.get(Finding, first.id)
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        with pytest.raises(NotFound):
            writer.withdraw(Finding, first.id)
        writer.put(first)
    assert archive.all(Finding, "1.2.3") == [first, second]
    assert verify(archive).ok


def test_nothing_is_kept_of_a_write_that_fails(archive: Archive) -> None:
    fill(archive)
    before = archive.worklist(), archive.audit()
    with pytest.raises(ZeroDivisionError), archive.write(READER, Permission.REVIEW, WHY) as writer:
        writer.put(make_finding())
        writer.set_state("1.2.3", StudyState.READY)
        _ = 1 / 0
    assert (archive.worklist(), archive.audit()) == before
    assert archive.all(Finding) == []


def test_who_may_not_writes_nothing(archive: Archive) -> None:
    for actor, permission in (
        (MACHINE, Permission.REVIEW),
        (MACHINE, Permission.SIGN),
        (ADMIN, Permission.SIGN),
        (READER, Permission.MANAGE_USERS),
        (READER, Permission.CORRECT_OTHERS),
    ):
        with (
            pytest.raises(NotAllowed, match="may not"),
            archive.write(actor, permission, WHY) as writer,
        ):
            writer.put(make_finding())
    assert archive.audit() == []


def test_the_machine_decides_nothing_whatever_room_it_is_in(archive: Archive) -> None:
    proposed = make_finding()
    decided = dataclasses.replace(proposed, state=FindingState.ACCEPTED)
    act = Decision(
        new_id(), "1.2.3", proposed.id, Action.ACCEPT, FindingState.PROPOSED,
        FindingState.ACCEPTED, READER, now(),
    )  # fmt: skip
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        with pytest.raises(NotAllowed):
            writer.put(decided)
        with pytest.raises(NotAllowed):
            writer.put(act)
        writer.put(proposed)
    with archive.write(READER, Permission.REVIEW, WHY) as writer:
        writer.put(decided)
        writer.put(act)
        with pytest.raises(NotAllowed, match="never changed"):
            writer.put(dataclasses.replace(act, reason="other"))
        with pytest.raises(NotAllowed, match="never withdrawn"):
            writer.withdraw(Decision, act.id)
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        with pytest.raises(NotAllowed):
            writer.put(proposed)
        with pytest.raises(NotAllowed):
            writer.withdraw(Finding, decided.id)
        writer.put(dataclasses.replace(decided, value=2.0))  # a number measured anew
    assert archive.get(Finding, decided.id).state is FindingState.ACCEPTED


def test_the_audit_says_who_did_what(archive: Archive) -> None:
    fill(archive)
    finding = make_finding()
    with archive.write(READER, Permission.REVIEW, WHY, "1.2.3") as writer:
        writer.put(finding)
    imported, reviewed = archive.audit()
    assert (imported.actor, imported.role, imported.permission) == ("workstation", "", "import")
    assert (reviewed.actor, reviewed.role, reviewed.reason) == ("li", "reader", WHY)
    assert [e[:3] for e in imported.entries] == [
        ("instance", "1.2.3.1.1", 1), ("series", "1.2.3.1", 1), ("study", "1.2.3", 1),
    ]  # fmt: skip
    assert [e[:3] for e in reviewed.entries] == [("finding", finding.id, 1)]
    assert archive.audit("1.2.3", after=1) == [reviewed]
    assert [(c.kind, c.id) for c in archive.changes_since(0)] == [
        ("series", "1.2.3.1"), ("study", "1.2.3"), ("finding", finding.id),
    ]  # fmt: skip


def test_a_mask_comes_back_voxel_by_voxel(archive: Archive) -> None:
    random = np.random.default_rng(7)
    grid = make_grid((9, 31, 17))
    for array in (
        random.random(grid.shape) > 0.7,
        np.zeros(grid.shape, dtype=np.bool_),
        np.ones(grid.shape, dtype=np.bool_),
    ):
        info = archive.store_mask(
            array, study_uid="1", series_uid="1.1", stack_id="s", label=LABEL, grid=grid,
            made_from=("s",), made_by=MODEL,
        )  # fmt: skip
        with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
            writer.put(info)
        assert np.array_equal(archive.load_mask(info.id), array)
        assert info.voxel_count == array.sum()
        assert archive.get(MaskInfo, info.id) == info
    single = np.zeros(grid.shape, dtype=np.bool_)
    single[3, 20:22, 5:9] = True
    cropped = archive.store_mask(
        single, study_uid="1", series_uid="1.1", stack_id="s", label=LABEL, grid=grid,
        made_from=(), made_by=MODEL,
    )  # fmt: skip
    assert (cropped.origin_zyx, cropped.shape_zyx) == ((3, 20, 5), (1, 2, 4))
    assert cropped.volume_ml == pytest.approx(8 * 0.5 * 0.75 * 4 / 1000)
    with pytest.raises(BadInput):
        archive.store_mask(
            single[1:], study_uid="1", series_uid="1", stack_id="s", label=LABEL, grid=grid,
            made_from=(), made_by=MODEL,
        )  # fmt: skip


def test_blobs(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "图像.dcm"
    source.write_bytes(b"pixels" * 1000)
    sha256, size = archive.put_file(source)
    assert size == 6000
    assert archive.put_bytes(source.read_bytes()) == sha256
    assert archive.put_file(source) == (sha256, size)
    assert archive.read_blob(sha256) == source.read_bytes()
    path = archive.blob_path(sha256)
    assert path.parent.name == sha256[:2]
    path.write_bytes(b"other")
    with pytest.raises(Tampered, match=sha256):
        archive.read_blob(sha256)
    archive.put_file(source)  # importing it again restores it
    assert archive.read_blob(sha256) == source.read_bytes()
    for unknown in ("00" * 32, "../../etc/passwd", ""):
        with pytest.raises(NotFound):
            archive.blob_path(unknown)
    with pytest.raises(FileNotFoundError):
        archive.put_file(tmp_path / "none")


def test_half_written_files_of_a_killed_process_are_swept(home: Path) -> None:
    temp = home / "blobs" / "tmp"
    temp.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    orphan = temp / f"{ended.pid}-abc"
    orphan.write_bytes(b"half")
    Archive(home).close()
    assert not orphan.exists()
    mine = temp / f"{os.getpid()}-abc"
    mine.write_bytes(b"being written")
    Archive(home).close()
    assert mine.exists()


def test_the_desk_survives_and_a_garbled_one_is_empty(archive: Archive) -> None:
    assert archive.desk("li") == {}
    archive.save_desk("li", {"study": "1.2.3", "slice": 7, "层": [1.5, None]})
    archive.save_desk("li", {"study": "1.2.3", "slice": 8})
    assert archive.desk("li") == {"study": "1.2.3", "slice": 8}
    assert archive.audit() == []
    with sqlite3.connect(archive.home / DATABASE) as raw:
        raw.execute("""UPDATE desk SET json = '{"slice":9}'""")
    assert archive.desk("li") == {}


def test_a_changed_row_reaches_no_reader_and_no_later_write_covers_it(archive: Archive) -> None:
    fill(archive)
    finding = make_finding()
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        writer.put(finding)
    with sqlite3.connect(archive.home / DATABASE) as raw:
        raw.execute("UPDATE artefact SET json = replace(json, '1.25', '7.25')")
        raw.execute("UPDATE study SET name = '李四'")
    with pytest.raises(Tampered):
        archive.get(Finding, finding.id)
    with pytest.raises(Tampered):
        archive.all(Finding)
    with pytest.raises(Tampered), archive.write(READER, Permission.REVIEW, WHY) as writer:
        writer.set_state("1.2.3", StudyState.READY)


def test_a_newer_database_is_refused_in_plain_words(home: Path) -> None:
    Archive(home).close()
    with sqlite3.connect(home / DATABASE) as raw:
        raw.execute("UPDATE meta SET value = '99'")
    raw.close()
    with pytest.raises(ReaderError, match="newer version"):
        Archive(home)


def test_another_file_in_the_place_of_the_database(home: Path) -> None:
    (home / DATABASE).write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(Tampered, match="damaged"):
        Archive(home)


def pragma(archive: Archive, text: str) -> None:
    raw = archive.engine.raw_connection()  # the pool hands out this one again
    raw.cursor().execute(f"PRAGMA {text}")
    raw.close()


def test_a_database_that_cannot_be_written_is_said(archive: Archive) -> None:
    pragma(archive, "query_only = ON")
    with (
        pytest.raises(ReaderError, match="cannot be written"),
        archive.write(MACHINE, Permission.ANALYSE, WHY) as writer,
    ):
        writer.put(make_finding())
    assert archive.all(Finding) == []


def test_a_full_disk_is_said_and_nothing_is_lost(archive: Archive) -> None:
    fill(archive)

    def limit(pages: int) -> None:
        pragma(archive, f"max_page_count = {pages}")

    limit(1)  # SQLite holds it at the present size: the next page is "disk full"
    with pytest.raises(ReaderError, match="full"):
        for _ in range(50):
            with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
                writer.put(make_stack(frames=400))
    limit(1_000_000)
    whole = len(archive.all(Stack))
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        writer.put(make_stack())
    assert len(archive.all(Stack)) == whole + 1
    assert [b.what.split("/")[0] for b in verify(archive).bad] == ["blobs"]  # sample's own file


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReaderError):
        Archive(tmp_path / "file" / "home")


def test_a_write_inside_a_write_is_a_mistake_not_a_deadlock(archive: Archive) -> None:
    with (
        archive.write(MACHINE, Permission.ANALYSE, WHY),
        pytest.raises(RuntimeError, match="inside"),
        archive.write(MACHINE, Permission.ANALYSE, WHY),
    ):
        pass


def test_many_threads_write_and_read(archive: Archive) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(8):
                with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
                    writer.put(make_finding(f"1.{number}"))
                archive.all(Finding)
        except ReaderError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(archive.all(Finding)) == 48
    assert [c.seq for c in archive.changes_since(0)] == list(range(1, 49))
    assert verify(archive).ok


_WRITE_20 = """
import sys
from pathlib import Path
from tests.archive.samples import WHY, make_finding
from workstation.archive.store import Archive
from workstation.domain.people import MACHINE, Permission
archive = Archive(Path(sys.argv[1]))
for _ in range(20):
    with archive.write(MACHINE, Permission.ANALYSE, WHY) as writer:
        writer.put(make_finding(sys.argv[2]))
archive.close()
"""


def test_two_processes_on_one_fresh_home(home: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _WRITE_20, str(home), f"1.{n}"], cwd=REPOSITORY)
        for n in range(2)
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    archive = Archive(home)
    assert len(archive.all(Finding)) == 40
    report = verify(archive)
    assert report.ok and report.checked["entries"] == 40
    archive.close()

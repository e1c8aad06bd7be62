"""Marks and key images leave with the report: in its SR, as states, as key objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.objects.material import AT, PIXELS, dsrdump, errors_of
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.dicom.key_objects import read_key_objects
from workstation.dicom.mark_groups import marks_of_report
from workstation.dicom.presentation_state import read_state
from workstation.dicom.sr_tree import read_tree
from workstation.documents.signatures import make_key
from workstation.domain.artefact import new_id
from workstation.domain.errors import Message
from workstation.domain.image_plane import plane_at
from workstation.domain.mark import KeyImage, Mark, MarkKind, as_points
from workstation.domain.mark_exchange import marks_of_state
from workstation.domain.people import MACHINE, Actor, Permission, Role
from workstation.domain.volume import Stack
from workstation.reading.draft import draft
from workstation.reading.export import ExportedFile, export, verify_folder
from workstation.reading.sign import sign

PASSWORD = "correct horse battery"


@pytest.fixture
def marked(archive: Archive) -> Archive:
    """The study with every kind of mark on it, two of them in the report, and two key images."""
    stack = archive.all(Stack)[0]
    reader = Actor("li", Role.READER)
    reason = Message("test")
    with archive.write(reader, Permission.REVIEW, reason, stack.study_uid) as writer:
        for number, kind in enumerate(PIXELS):
            if kind is MarkKind.BRUSH:
                continue
            plane = plane_at(stack, 0, 4 + number)
            assert plane is not None
            right, down = as_points(plane.grid.directions[:, :2].T)
            mark = Mark(
                id=new_id(),
                study_uid=stack.study_uid,
                series_uid=stack.series_uid,
                stack_id=stack.id,
                frame_of_reference_uid=stack.frame_of_reference_uid,
                kind=kind,
                points_mm=as_points(plane.to_mm(np.array(PIXELS[kind]) * 4)),
                right=right,
                down=down,
                by="li",
                at=AT,
                sop_instance_uid=plane.sop_instance_uid,
                frame=plane.frame,
                in_report=kind in {MarkKind.LENGTH, MarkKind.ELLIPSE},
                words="备注" if kind is MarkKind.TEXT else "",
            )
            writer.put(mark)
        for z, window in ((6, (60.0, 150.0)), (15, None)):
            frame = stack.frames[z]
            writer.put(
                KeyImage(
                    id=new_id(),
                    study_uid=stack.study_uid,
                    series_uid=stack.series_uid,
                    stack_id=stack.id,
                    sop_instance_uid=frame.sop_instance_uid,
                    frame=0,
                    phase=0,
                    by="li",
                    at=AT,
                    window=window,
                    words="肝门",
                )
            )
    return archive


def by_kind(files: list[ExportedFile]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in files:
        found.setdefault(file.kind, []).append(file.path)
    return found


def signed(archive: Archive) -> str:
    uid = archive.last_study_uid()
    add_user(archive, MACHINE, "li", "李医生", Role.READER, PASSWORD, make_key)
    draft(archive, uid, language="zh_CN", actor=archive.user("li").actor)
    sign(archive, uid, user="li", password=PASSWORD)
    return uid


def test_everything_drawn_goes_out_and_comes_back(marked: Archive, tmp_path: Path) -> None:
    """Complaint 20: what was drawn is what another program, or ours, reads."""
    uid = signed(marked)
    stack, drawn = marked.all(Stack)[0], marked.all(Mark)
    files = by_kind(export(marked, uid, tmp_path / "out", site_name="示例医院"))
    assert {"pdf", "sr", "json", "sr_marks", "pr", "ko"} <= set(files)
    for kind in ("sr", "sr_marks", "pr", "ko"):
        for path in files[kind]:
            assert errors_of(path) == []
    # The signed report speaks of the marks that were put into it, and of no others.
    told = marks_of_report(read_tree(files["sr"][0]), [stack])
    assert {m.id for m in told} == {m.id for m in drawn if m.in_report} and len(told) == 2
    read = marks_of_report(read_tree(files["sr_marks"][0]), [stack])
    assert {m.id for m in read} == {m.id for m in drawn}
    seen = marks_of_state(read_state(files["pr"][0]), [stack])
    assert {m.id for m in seen} == {m.id for m in drawn}
    by_id = {m.id: m for m in drawn}
    for mine in (*told, *read, *seen):
        original = by_id[mine.id]
        assert np.abs(np.array(mine.points_mm) - original.points_mm).max() < 0.01
        kept = ("kind", "by", "at", "words", "sop_instance_uid")
        assert all(getattr(mine, name) == getattr(original, name) for name in kept)
    keys = read_key_objects(files["ko"][0])
    assert [r.sop_instance_uid for r in keys.images] == [
        stack.frames[6].sop_instance_uid, stack.frames[15].sop_instance_uid]  # fmt: skip
    assert keys.words == "肝门"
    windows = read_state(files["pr"][0]).windows
    assert (60.0, 150.0) in {(w.centre, w.width) for w in windows}
    if shown := dsrdump(files["sr"][0]):
        assert shown.count("Tracking Identifier") == 2
    assert pydicom.dcmread(files["pr"][0]).StudyInstanceUID == uid
    assert verify_folder(tmp_path / "out").ok  # what stands beside a report does not disturb it


def test_exporting_twice_changes_nothing_and_a_new_mark_makes_new_files(
    marked: Archive, tmp_path: Path
) -> None:
    uid = signed(marked)
    first = export(marked, uid, tmp_path, site_name="x")
    before = {f.path: f.path.read_bytes() for f in first}
    assert export(marked, uid, tmp_path, site_name="x") == first
    assert {f.path: f.path.read_bytes() for f in first} == before
    mark = replace(marked.all(Mark)[1], words="改")
    with marked.write(Actor("li", Role.READER), Permission.REVIEW, Message("test"), uid) as writer:
        writer.put(mark)
    again = export(marked, uid, tmp_path, site_name="x")
    assert {f.path for f in again if f.kind == "pr"}.isdisjoint(before)
    assert all(path.read_bytes() == data for path, data in before.items())


def test_a_study_without_marks_has_no_such_files(archive: Archive, tmp_path: Path) -> None:
    uid = signed(archive)
    assert set(by_kind(export(archive, uid, tmp_path))).isdisjoint({"sr_marks", "pr", "ko"})


def test_marks_of_an_unsigned_study_leave_beside_its_draft(marked: Archive, tmp_path: Path) -> None:
    uid = marked.last_study_uid()
    draft(marked, uid, language="zh_CN", actor=Actor("li", Role.READER))
    files = by_kind(export(marked, uid, tmp_path))
    assert {"draft_pdf", "sr_marks", "pr", "ko"} <= set(files)
    assert pydicom.dcmread(files["sr_marks"][0]).VerificationFlag == "UNVERIFIED"

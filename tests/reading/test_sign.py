"""Signing: by a named person, of what was decided, whole or not at all, never changed after."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from tests.reading.readable import PASSWORD, STUDY_UID, WHY, make_readable, make_user
from workstation.archive.store import Archive
from workstation.dicom.report_content import read_report
from workstation.dicom.segmentation import read_seg
from workstation.documents.pdf import report_pdf
from workstation.documents.signatures import validate_pdf
from workstation.domain.acquisition import DEEP, Reconstruction
from workstation.domain.artefact import digest_of
from workstation.domain.errors import BadInput, NotAllowed
from workstation.domain.finding import Finding
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, format_value
from workstation.domain.people import MACHINE, Permission, Role
from workstation.domain.report import FreeText, ReportKind, SignedReport
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading import review
from workstation.reading.draft import draft, obstacles, write_free_text
from workstation.reading.sign import addendum, correct, sign

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with users and one study whose findings are decided; copied for each test."""
    folder = tmp_path_factory.mktemp("签署")
    archive = Archive(folder / "家")
    li = make_user(archive, "li", "李明华", Role.READER)
    make_user(archive, "zhao", "赵医生", Role.READER)
    make_user(archive, "wang", "王主任", Role.REVIEWER)
    make_user(archive, "root", "管理员", Role.ADMIN)
    first, second = make_readable(archive, folder)
    review.accept(archive, li.actor, first.id)
    review.reject(archive, li.actor, second.id)
    write_free_text(archive, li.actor, STUDY_UID, "impression", "建议 3 个月后复查。")
    draft(archive, STUDY_UID, actor=li.actor)
    archive.close()
    return folder / "家"


@pytest.fixture
def archive(prepared: Path, tmp_path: Path) -> Archive:
    return Archive(Path(shutil.copytree(prepared, tmp_path / "家")))


def signed(archive: Archive) -> SignedReport:
    return sign(archive, STUDY_UID, user="li", password=PASSWORD)


def document(archive: Archive, report: SignedReport, kind: str) -> bytes:
    (sha256,) = [d.sha256 for d in report.documents if d.kind == kind]
    return archive.read_blob(sha256)


def test_a_signed_report_is_whole(archive: Archive) -> None:
    report = signed(archive)
    assert [d.kind for d in report.documents] == [
        "pdf", "sr", "seg", "json", "manifest", "signature",
    ]  # fmt: skip
    assert archive.get(SignedReport, report.id) == report
    assert archive.study(STUDY_UID).state is StudyState.SIGNED
    assert (report.number, report.kind, report.signer) == (1, ReportKind.FINAL, "li")
    checked = validate_pdf(
        document(archive, report, "pdf"), [u.certificate_pem for u in archive.users()]
    )
    assert checked.ok
    assert checked.signer == "李明华"
    assert checked.fingerprint == report.certificate_fingerprint


def words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return " ".join("".join(p.get_textpage().get_text_range() for p in document).split())


def test_pdf_sr_seg_json_and_screen_agree_on_every_number(archive: Archive) -> None:
    report = signed(archive)
    (finding,) = report.findings
    (measurement,) = report.measurements
    assert finding.value is not None
    shown = [
        format_value(finding.value, finding.unit),
        format_value(measurement.value, measurement.unit),
    ]
    text = words_of(document(archive, report, "pdf"))
    assert text.count(shown[0]) >= 3, "in the finding, the impression and the table"
    assert f" {shown[1]} {measurement.formula}" in text
    sr = read_report(document(archive, report, "sr"))
    assert [n.printed for n in sr.numbers] == [number.split(" ")[0] for number in shown]
    assert [n.unit for n in sr.numbers] == [finding.unit, measurement.unit]
    assert {n.tracking_id for n in sr.numbers} == {finding.id}
    grid = archive.get(MaskInfo, finding.mask_id).grid
    (segment,) = read_seg(document(archive, report, "seg"), grid)
    assert segment.tracking_id == finding.id
    assert (segment.mask == archive.load_mask(finding.mask_id)).all()
    assert int(segment.mask.sum()) * grid.voxel_ml == pytest.approx(finding.value)
    data = json.loads(document(archive, report, "json"))
    assert [p["shown"] for p in data["printed"]] == shown


def test_how_images_were_reconstructed_stands_beside_each_number(archive: Archive) -> None:
    (stack,) = archive.all(Stack)
    made = Reconstruction(DEEP, "AIR Recon DL", "GEReconDLStrength")
    known = replace(stack, acquisition=replace(stack.acquisition, reconstruction=made))
    with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
        writer.put(known)
    report = signed(archive)
    assert report.reconstructions == ((stack.id, made),)
    text = "".join(words_of(document(archive, report, "pdf")).split())
    assert "重建：深度学习（AIRReconDL）" in text
    assert b"Deep learning: AIR Recon DL" in document(archive, report, "sr")
    data = json.loads(document(archive, report, "json"))
    assert data["report"]["reconstructions"][0][1]["kind"] == DEEP


def test_rejected_findings_and_their_numbers_are_in_no_document(archive: Archive) -> None:
    report = signed(archive)
    rejected = next(f for f in archive.all(Finding, STUDY_UID) if f not in report.findings)
    for kind in ("json", "sr", "seg", "manifest"):
        assert rejected.id.encode() not in document(archive, report, kind)
    assert [m.finding_id for m in report.measurements] == [report.findings[0].id]


def test_the_readers_words_are_in_pdf_and_sr(archive: Archive) -> None:
    report = signed(archive)
    assert "建议 3 个月后复查。" in words_of(document(archive, report, "pdf")).replace(
        "建议3", "建议 3"
    )
    assert any("建议 3 个月后复查" in text for _, text in
               read_report(document(archive, report, "sr")).texts)  # fmt: skip


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        ("li", PASSWORD + "x", "Name or password is wrong"),
        ("nobody", PASSWORD, "Name or password is wrong"),
        ("root", PASSWORD, "may not do this"),
    ],
)
def test_who_may_not_sign_signs_nothing(
    archive: Archive, user: str, password: str, why: str
) -> None:
    with pytest.raises(NotAllowed, match=why):
        sign(archive, STUDY_UID, user=user, password=password)
    assert archive.all(SignedReport) == []
    assert archive.study(STUDY_UID).state is StudyState.READY


def test_an_undecided_finding_forbids_signing(archive: Archive) -> None:
    li = archive.user("li").actor
    review.reopen(archive, li, archive.all(Finding, STUDY_UID)[0].id)
    draft(archive, STUDY_UID, actor=li)
    with pytest.raises(NotAllowed, match="undecided"):
        signed(archive)


def test_a_stale_draft_forbids_signing(archive: Archive) -> None:
    write_free_text(archive, archive.user("li").actor, STUDY_UID, "clinical", "新的临床资料")
    with pytest.raises(NotAllowed, match="older than"):
        signed(archive)
    assert archive.all(SignedReport) == []


def test_the_machines_draft_cannot_be_signed(archive: Archive) -> None:
    draft(archive, STUDY_UID, language="en")
    with pytest.raises(NotAllowed, match="No person has reviewed"):
        signed(archive)


def test_a_signed_report_is_not_signed_twice_and_takes_no_change(archive: Archive) -> None:
    report = signed(archive)
    li = archive.user("li").actor
    with pytest.raises(NotAllowed, match="The report is signed"):
        signed(archive)
    with pytest.raises(NotAllowed):
        write_free_text(archive, li, STUDY_UID, "clinical", "x")
    with pytest.raises(NotAllowed):
        review.reject(archive, li, report.findings[0].id)
    with (
        pytest.raises(NotAllowed),
        archive.write(li, Permission.SIGN, WHY, STUDY_UID) as writer,
    ):
        writer.put(replace(report, signer_name="别人"))
    assert archive.all(SignedReport) == [report]
    assert draft(archive, STUDY_UID, actor=li) == report.draft


def test_what_changes_while_signing_stops_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    (measurement, *_) = archive.all(Measurement, STUDY_UID)

    def slow(*given: Any, **named: Any) -> bytes:
        with archive.write(MACHINE, Permission.ANALYSE, WHY, STUDY_UID) as writer:
            writer.put(replace(measurement, value=99.0))
        return bytes(report_pdf(*given, **named))

    monkeypatch.setattr("workstation.reading.sign.report_pdf", slow)
    with pytest.raises(NotAllowed, match="changed while you signed"):
        signed(archive)
    assert archive.all(SignedReport) == []
    assert archive.study(STUDY_UID).state is StudyState.READY


def test_an_addendum_is_chained_and_leaves_the_original_alone(archive: Archive) -> None:
    original = signed(archive)
    before = {d.sha256: archive.read_blob(d.sha256) for d in original.documents}
    added = addendum(
        archive, STUDY_UID, user="wang", password=PASSWORD, text="另见点状灶。", reason="会诊"
    )
    assert (added.number, added.kind, added.reason) == (2, ReportKind.ADDENDUM, "会诊")
    assert (added.previous_id, added.previous_digest) == (original.id, digest_of(original))
    assert archive.get(SignedReport, original.id) == original
    assert before == {sha: archive.read_blob(sha) for sha in before}
    assert archive.study(STUDY_UID).state is StudyState.SIGNED
    text = words_of(document(archive, added, "pdf"))
    assert "另见点状灶。" in text
    assert "李明华" in text, "it names who signed the report it adds to"
    assert format_value(original.findings[0].value or 0.0, "mL") not in text
    sr = read_report(document(archive, added, "sr"))
    (first_sr,) = [d.sop_instance_uid for d in original.documents if d.kind == "sr"]
    assert sr.predecessors == (first_sr,)
    assert sr.verified_by.endswith("王主任")
    third = addendum(archive, STUDY_UID, user="li", password=PASSWORD, text="再补充", reason="复核")
    assert (third.number, third.previous_id) == (3, added.id)


@pytest.mark.parametrize(("text", "reason"), [("", "会诊"), ("另见", " ")])
def test_an_addendum_needs_text_and_reason(archive: Archive, text: str, reason: str) -> None:
    signed(archive)
    with pytest.raises(BadInput):
        addendum(archive, STUDY_UID, user="li", password=PASSWORD, text=text, reason=reason)


def test_nothing_can_be_added_to_or_corrected_before_it_is_signed(archive: Archive) -> None:
    with pytest.raises(NotAllowed, match="no signed report"):
        addendum(archive, STUDY_UID, user="li", password=PASSWORD, text="x", reason="y")
    with pytest.raises(NotAllowed, match="no signed report"):
        correct(archive, STUDY_UID, user="li", password=PASSWORD, reason="y")


def test_a_correction_has_a_reason_and_keeps_the_original(archive: Archive) -> None:
    original = signed(archive)
    li = archive.user("li").actor
    with pytest.raises(BadInput):
        correct(archive, STUDY_UID, user="li", password=PASSWORD, reason="  ")
    correct(archive, STUDY_UID, user="li", password=PASSWORD, reason="漏一病灶")
    assert archive.study(STUDY_UID).state is StudyState.IN_REVIEW
    rejected = next(f for f in archive.all(Finding, STUDY_UID) if f not in original.findings)
    review.accept(archive, li, rejected.id)
    assert obstacles(archive, STUDY_UID)
    draft(archive, STUDY_UID, actor=li)
    corrected = signed(archive)
    assert (corrected.kind, corrected.number) == (ReportKind.CORRECTION, 2)
    assert corrected.reason == "漏一病灶"
    assert corrected.previous_digest == digest_of(original)
    assert len(corrected.findings) == 2
    assert archive.all(SignedReport, STUDY_UID) == [original, corrected]
    assert "漏一病灶" in words_of(document(archive, corrected, "pdf"))
    assert not [t for t in archive.all(FreeText, STUDY_UID) if t.section == "correction"]
    with pytest.raises(NotAllowed, match="The report is signed"):
        signed(archive)


def test_only_a_reviewer_corrects_what_another_signed(archive: Archive) -> None:
    signed(archive)
    # An addendum of one's own does not make the report under it one's own.
    addendum(archive, STUDY_UID, user="zhao", password=PASSWORD, text="补充", reason="会诊")
    with pytest.raises(NotAllowed, match="correct others"):
        correct(archive, STUDY_UID, user="zhao", password=PASSWORD, reason="错")
    correct(archive, STUDY_UID, user="wang", password=PASSWORD, reason="错")
    draft(archive, STUDY_UID, actor=archive.user("zhao").actor)
    with pytest.raises(NotAllowed, match="correct others"):
        sign(archive, STUDY_UID, user="zhao", password=PASSWORD)
    assert sign(archive, STUDY_UID, user="wang", password=PASSWORD).signer == "wang"


SIGNING = """
import sys
from pathlib import Path
from workstation.archive.store import Archive
from workstation.reading.sign import sign
archive = Archive(Path(sys.argv[1]))
print("opened", flush=True)
sign(archive, sys.argv[2], user="li", password=sys.argv[3])
print("signed", flush=True)
"""


def test_killed_at_any_moment_there_is_a_whole_report_or_none(
    prepared: Path, tmp_path: Path
) -> None:
    chosen = random.Random(7)
    ends = []
    for n in range(5):
        home = Path(shutil.copytree(prepared, tmp_path / f"家{n}"))
        process = subprocess.Popen(
            [sys.executable, "-c", SIGNING, str(home), STUDY_UID, PASSWORD],
            cwd=REPOSITORY, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"opened"
        time.sleep(chosen.uniform(0.0, 2.0))
        process.kill()
        process.communicate()
        archive = Archive(home)
        reports = archive.all(SignedReport)
        state = archive.study(STUDY_UID).state
        ends.append(state)
        if reports:
            assert state is StudyState.SIGNED
            for held in reports[0].documents:
                archive.read_blob(held.sha256)
        else:
            assert state is StudyState.READY
            assert signed(archive).number == 1, "the next start can sign"
        archive.close()
    assert StudyState.READY in ends, "at least one was killed before it was done"

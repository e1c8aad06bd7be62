"""Releasing the page for the patient: its signer alone, after signing, until an amendment."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import CommandLine
from tests.documents.test_pdf import pages_of, squeezed
from tests.reading.stages import PASSWORD, STUDY_UID, make_stages
from workstation.archive.store import Archive
from workstation.archive.verify import verify_home
from workstation.documents.signatures import validate_pdf
from workstation.domain.artefact import now
from workstation.domain.errors import Message, NotAllowed, NotFound
from workstation.domain.people import MACHINE, Permission
from workstation.domain.report import PatientPage, SignedReport
from workstation.domain.volume import Stack
from workstation.reading import patient_page
from workstation.reading.draft import draft
from workstation.reading.export import export
from workstation.reading.patient_page import page_file, preview, release, released, take_out
from workstation.reading.sign import addendum, correct, sign
from workstation.text import LANGUAGES, set_language


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_stages(tmp_path_factory.mktemp("说明页"))


@pytest.fixture
def archive(stages: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Archive:
    stage = getattr(request, "param", "signed")
    return Archive(Path(shutil.copytree(stages / stage, tmp_path / "家")))


@pytest.mark.parametrize("archive", ["ready"], indirect=True)
def test_before_the_signature_there_is_neither_page_nor_preview(archive: Archive) -> None:
    for act in (
        lambda: preview(archive, STUDY_UID, "en"),
        lambda: release(archive, STUDY_UID, user="li", password=PASSWORD),
    ):
        with pytest.raises(NotAllowed, match="sign the report first"):
            act()
    assert released(archive, STUDY_UID) is None


def test_only_the_doctor_who_signed_releases_it(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed) as refused:
        release(archive, STUDY_UID, user="zhao", password=PASSWORD)
    assert refused.value.message.params == {"name": "李明华"}
    with pytest.raises(NotAllowed):
        release(archive, STUDY_UID, user="li", password="not the password 1")
    with pytest.raises(NotFound):
        take_out(archive, STUDY_UID, tmp_path / "out")
    assert released(archive, STUDY_UID) is None

    page = release(archive, STUDY_UID, user="li", password=PASSWORD)
    report = archive.all(SignedReport, STUDY_UID)[-1]
    assert (page.report_id, page.released_by, page.released_name) == (report.id, "li", "李明华")
    assert released(archive, STUDY_UID) == page
    assert page.documents[0].name == "patient_page.png"
    pems = [user.certificate_pem for user in archive.users()]
    for language in LANGUAGES:
        pdf = page_file(archive, page, language, "pdf")
        assert validate_pdf(pdf, pems).ok
        assert len(pages_of(pdf)) == 1
        assert page_file(archive, page, language, "png").startswith(b"\x89PNG")
    own = page_file(archive, page, report.draft.language, "png")
    assert archive.read_blob(page.documents[0].sha256) == own
    archive.close()
    assert verify_home(archive.home).ok


def test_the_machine_writes_no_page(archive: Archive) -> None:
    page = PatientPage(STUDY_UID, STUDY_UID, "", 1, "", "", now(), ())
    said = Message("A test writes.")
    with pytest.raises(NotAllowed), archive.write(
        MACHINE, Permission.ANALYSE, said, STUDY_UID
    ) as writer:  # fmt: skip
        writer.put(page)


@pytest.mark.parametrize("archive", ["released"], indirect=True)
@pytest.mark.parametrize("amendment", ["addendum", "correction"])
def test_an_amended_report_withdraws_the_page(
    archive: Archive, tmp_path: Path, amendment: str
) -> None:
    kinds = {f.kind for f in export(archive, STUDY_UID, tmp_path / "before")}
    assert {"patient_page", "patient_page_png", "patient_page_pdf"} <= kinds
    assert (tmp_path / "before" / "patient_page.png").is_file()
    if amendment == "addendum":
        addendum(archive, STUDY_UID, user="zhao", password=PASSWORD, text="补充", reason="补充")
    else:
        correct(archive, STUDY_UID, user="li", password=PASSWORD, reason="笔误")
    assert released(archive, STUDY_UID) is None
    kinds = {f.kind for f in export(archive, STUDY_UID, tmp_path / "after")}
    assert not any(kind.startswith("patient_page") for kind in kinds)
    if amendment == "correction":
        with pytest.raises(NotAllowed, match="sign the report first"):
            preview(archive, STUDY_UID, "en")
        draft(archive, STUDY_UID, actor=archive.user("li").actor)
        sign(archive, STUDY_UID, user="li", password=PASSWORD)
    page = release(archive, STUDY_UID, user="li", password=PASSWORD)
    assert page.report_number == (1 if amendment == "addendum" else 2)
    for language, words in (("en", "ask your doctor about it"), ("zh_CN", "请先向医生询问")):
        text = squeezed(" ".join(pages_of(page_file(archive, page, language, "pdf"))))
        assert (squeezed(words) in text) is (amendment == "addendum")
    assert len(archive.history(PatientPage, STUDY_UID)) == 2, "the old page is kept in the history"


def test_the_preview_is_marked_and_in_the_language_asked_for(archive: Archive) -> None:
    set_language("zh_CN")
    for language, marked in (("zh_CN", "预览未发放"), ("en", "PREVIEW,NOTRELEASED")):
        assert marked in squeezed(" ".join(pages_of(preview(archive, STUDY_UID, language))))


def test_marks_lie_where_the_outline_is(archive: Archive) -> None:
    (report,) = archive.all(SignedReport, STUDY_UID)
    (finding,) = report.findings
    (cells,) = patient_page._places(archive, report).values()
    stack = next(s for s in archive.all(Stack) if s.id == finding.stack_id)
    inside = np.argwhere(archive.load_mask(finding.mask_id))[:, ::-1].astype(float)
    aside = (stack.grid.to_lps(inside) - stack.grid.centre_lps).mean(axis=0)
    middle = np.mean(cells, axis=0)
    assert np.sign(middle[0]) == np.sign(aside[0]), "the patient's left is the sketch's right"
    assert max(abs(u) for u, _ in cells) <= 1.0


@pytest.mark.parametrize("archive", ["released"], indirect=True)
def test_files_of_others_are_not_overwritten(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "patient_page.png").write_bytes(b"another patient's")
    with pytest.raises(NotAllowed, match="other content"):
        take_out(archive, STUDY_UID, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["patient_page.png"]
    assert len(take_out(archive, STUDY_UID, tmp_path / "其他")) == 5


def test_the_command_line_releases_for_the_signer_alone(stages: Path, tmp_path: Path) -> None:
    cli = CommandLine(Path(shutil.copytree(stages / "signed", tmp_path / "家")))
    refused = cli("patient-page", STUDY_UID, "--release", "--user", "zhao", password=PASSWORD)
    assert refused.code == 1 and "Only 李明华, who signed the report" in refused.err
    folder = str(tmp_path / "给患者")
    given = cli("--json", "patient-page", STUDY_UID, "--release", "--user", "li", "--to", folder,
                password=PASSWORD)  # fmt: skip
    assert given.code == 0 and given.json["released_by"] == "li"
    assert (tmp_path / "给患者" / "patient_page.png").is_file()
    assert len(given.json["files"]) == 5

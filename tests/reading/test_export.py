"""What leaves the house is bit for bit what was signed, and anyone can check it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest

from tests.reading.readable import PASSWORD, STUDY_UID, make_readable, make_user
from workstation.archive.store import Archive
from workstation.documents.manifest import write_manifest
from workstation.documents.signatures import fingerprint, make_key, sign_bytes
from workstation.domain.errors import BadInput, NotAllowed
from workstation.domain.people import MACHINE, Permission, Role
from workstation.domain.report import SignedReport
from workstation.reading import review
from workstation.reading.draft import draft
from workstation.reading.export import export, verify_folder, verify_signed
from workstation.reading.sign import addendum, sign


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one signed report and an addendum to it."""
    folder = tmp_path_factory.mktemp("导出")
    archive = Archive(folder / "家")
    li = make_user(archive, "li", "李明华", Role.READER)
    for finding in make_readable(archive, folder):
        review.accept(archive, li.actor, finding.id)
    draft(archive, STUDY_UID, actor=li.actor)
    sign(archive, STUDY_UID, user="li", password=PASSWORD)
    addendum(archive, STUDY_UID, user="li", password=PASSWORD, text="补充。", reason="会诊")
    archive.close()
    return folder / "家"


@pytest.fixture(scope="module")
def exported(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = Archive(home)
    folder = tmp_path_factory.mktemp("out") / "报告 out"
    export(archive, STUDY_UID, folder)
    archive.close()
    return folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "拷贝"))


def certificates(home: Path) -> list[str]:
    archive = Archive(home)
    found = [u.certificate_pem for u in archive.users()]
    archive.close()
    return found


def test_every_document_of_every_report_is_written(home: Path, tmp_path: Path) -> None:
    archive = Archive(home)
    before = len(archive.audit())
    files = export(archive, STUDY_UID, tmp_path / "新 文件夹")
    kinds = [f.kind for f in files]
    assert kinds[:6] == ["pdf", "sr", "seg", "json", "manifest", "signature"]
    assert kinds[6:11] == ["pdf", "sr", "json", "manifest", "signature"]
    assert kinds[11:] == ["sr_ai", "seg_ai"], "what the machine found stays beside the report"
    held = {d.name: d.sha256 for r in archive.all(SignedReport) for d in r.documents}
    for file in files[:11]:
        assert file.path.read_bytes() == archive.read_blob(held[file.path.name])
    assert archive.audit()[before].permission == Permission.EXPORT.value
    names = set(held) | {file.path.name for file in files[11:]}
    assert {p.name for p in (tmp_path / "新 文件夹").iterdir()} == names, "nothing else is left"


def test_an_export_verifies_anywhere(home: Path, folder: Path) -> None:
    report = verify_folder(folder)
    assert report.ok
    assert report.first_bad is None
    assert len(report.names) == 11
    assert report.signers == ("李明华",)
    assert verify_folder(folder, certificates(home)).ok


@pytest.mark.parametrize("suffix", [
    "-1.pdf", "-1.sr.dcm", "-1.seg-1.dcm", "-1.report.json", "-1.manifest.json", "-2.pdf",
    "-2.report.json",
])  # fmt: skip
def test_one_flipped_bit_is_named_with_its_file(folder: Path, suffix: str) -> None:
    (path,) = [p for p in folder.iterdir() if p.name.endswith(suffix)]
    data = bytearray(path.read_bytes())
    for at in (0, len(data) // 3, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[at] ^= 0x10
        path.write_bytes(changed)
        report = verify_folder(folder)
        assert not report.ok
        assert report.first_bad is not None
        assert report.first_bad.what == path.name
    path.write_bytes(data)
    assert verify_folder(folder).ok


def test_a_changed_signature_file_is_named(folder: Path) -> None:
    (path,) = [p for p in folder.iterdir() if p.name.endswith("-1.manifest.p7s")]
    data = path.read_bytes()
    for at in range(0, len(data), 37):
        changed = bytearray(data)
        changed[at] ^= 0x01
        path.write_bytes(changed)
        report = verify_folder(folder)
        assert report.first_bad is not None, at
        assert report.first_bad.what.startswith(path.name.removesuffix(".manifest.p7s"))


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("act", [remove, empty])
@pytest.mark.parametrize("suffix", ["-1.pdf", "-1.sr.dcm", "-1.manifest.json", "-1.manifest.p7s"])
def test_a_missing_or_empty_file_is_named(
    folder: Path, suffix: str, act: Callable[[Path], None]
) -> None:
    (path,) = [p for p in folder.iterdir() if p.name.endswith(suffix)]
    act(path)
    report = verify_folder(folder)
    assert report.first_bad is not None
    assert report.first_bad.what == path.name


def test_a_file_that_someone_added_is_named(folder: Path) -> None:
    added = folder / "R-00000000-9.pdf"
    added.write_bytes(b"%PDF-1.7")
    report = verify_folder(folder)
    assert report.first_bad is not None
    assert report.first_bad.what == added.name


def test_a_report_signed_anew_by_a_stranger_is_seen(home: Path, folder: Path) -> None:
    """Everything rewritten consistently, with another key of the same name."""
    archive = Archive(home)
    report = archive.all(SignedReport)[1]
    archive.close()
    certificate, key = make_key("李明华", PASSWORD)
    forged = SignedReport(**{**vars(report), "certificate_fingerprint": fingerprint(certificate)})
    kept = {d.name: d.kind for d in report.documents if d.kind in {"sr", "json"}}
    files = {name: (kind, (folder / name).read_bytes()) for name, kind in kept.items()}
    manifest = write_manifest(forged, files)
    stem = next(iter(kept)).split(".")[0]
    (folder / f"{stem}.manifest.json").write_bytes(manifest)
    signature = sign_bytes(manifest, key, PASSWORD, certificate)
    (folder / f"{stem}.manifest.p7s").write_bytes(signature)
    (folder / f"{stem}.pdf").unlink()
    assert verify_folder(folder).ok, "by itself the folder is consistent"
    known = verify_folder(folder, certificates(home))
    assert known.first_bad is not None
    assert known.first_bad.what == f"{stem}.manifest.p7s"
    assert "does not know" in str(known.first_bad.why)


def test_an_empty_folder_or_none_is_not_ok(tmp_path: Path) -> None:
    assert not verify_folder(tmp_path).ok
    assert not verify_folder(tmp_path / "nowhere").ok


def test_signatures_in_the_archive_are_checked_too(home: Path) -> None:
    archive = Archive(home)
    report = verify_signed(archive)
    assert report.ok
    assert len(report.names) == 11
    archive.close()


def test_a_changed_blob_is_named_with_its_report(home: Path, tmp_path: Path) -> None:
    archive = Archive(Path(shutil.copytree(home, tmp_path / "家")))
    original = archive.all(SignedReport)[0]
    (pdf,) = [d for d in original.documents if d.kind == "pdf"]
    path = archive.blob_path(pdf.sha256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    report = verify_signed(archive)
    assert report.first_bad is not None
    assert report.first_bad.what == pdf.name.removesuffix(".pdf")
    archive.close()


def test_the_same_export_twice_changes_nothing_and_overwrites_nothing(
    home: Path, folder: Path
) -> None:
    archive = Archive(home)
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    export(archive, STUDY_UID, folder)
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before
    (path,) = [p for p in folder.iterdir() if p.name.endswith("-2.pdf")]
    path.write_bytes(b"mine")
    with pytest.raises(NotAllowed, match=path.name):
        export(archive, STUDY_UID, folder)
    assert path.read_bytes() == b"mine"
    archive.close()


def test_a_folder_that_cannot_be_written_is_said_plainly(home: Path, tmp_path: Path) -> None:
    archive = Archive(home)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="cannot be written"):
        export(archive, STUDY_UID, tmp_path / "file" / "below")
    archive.close()


def test_an_unsigned_study_gives_only_a_marked_draft(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "家")
    make_readable(archive, tmp_path)
    with pytest.raises(NotAllowed, match="neither"):
        export(archive, STUDY_UID, tmp_path / "out")
    draft(archive, STUDY_UID, actor=MACHINE)
    files = export(archive, STUDY_UID, tmp_path / "out")
    assert [f.kind for f in files] == ["draft_pdf", "draft_json", "sr_ai", "seg_ai"]
    assert all(f.path.name.startswith("DRAFT-") for f in files[:2])
    for page in pypdfium2.PdfDocument(files[0].path.read_bytes()):
        assert "UNREVIEWED DRAFT" in page.get_textpage().get_text_range()
    assert "UNREVIEWED" in json.loads(files[1].path.read_bytes())["status"]
    assert not verify_folder(tmp_path / "out").ok, "a draft is nothing that anyone signed"
    archive.close()

"""Export: the files of a signed report, bit for bit, into a folder; a draft only as a draft."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workstation.archive.store import Archive
from workstation.documents.manifest import Bad, FolderReport, verify_files, verify_reports
from workstation.documents.page import report_number
from workstation.documents.pdf import KeyImage, draft_pdf, pictures
from workstation.domain.artefact import canonical_json, now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, NotFound, Tampered
from workstation.domain.people import MACHINE, Actor, Permission, User
from workstation.domain.readiness import Case, read_case
from workstation.domain.report import PatientPage, SignedReport
from workstation.reading.ai_results import ai_files
from workstation.reading.mark_files import mark_files


@dataclass(frozen=True)
class ExportedFile:
    """One file that was written.

    kind: pdf, sr, seg, json, manifest, signature, draft_pdf ...; sr_marks (all marks as a
    measurement report), pr (a presentation state), ko (key images), sr_ai and seg_ai (what the
    machine found, unverified).
    """

    kind: str
    path: Path


def export(
    archive: Archive,
    study_uid: str,
    folder: Path,
    *,
    actor: Actor = MACHINE,
    site_name: str = "OneScan",
) -> list[ExportedFile]:
    """Write every signed report of the study to ``folder``: original, addenda and corrections.

    Beside them all marks and key images as they are now: presentation states, key objects and a
    measurement report of their own; the page for the patient where it was released; and what the
    machine found, as an unverified report and segmentations, whether or not a reader has decided
    on it.

    A study without a signed report gives its draft, marked on every page and named as such. A
    file that is there with other content is never overwritten: ``NotAllowed`` names it, and
    nothing is written. Writing the same export twice changes nothing.
    """
    archive.check(actor, Permission.EXPORT)
    case = read_case(archive, study_uid)
    files = [
        (document.kind, document.name, archive.read_blob(document.sha256))
        for report in case.signed
        for document in report.documents
    ]
    files += [
        (document.kind, document.name, archive.read_blob(document.sha256))
        for page in archive.all(PatientPage, study_uid)  # released, and not withdrawn since
        for document in page.documents
    ]
    if not case.signed:
        files = _draft_files(case, site_name, pictures(archive, case.key_images))
    files += mark_files(archive, study_uid, actor=actor, site_name=site_name)
    files += ai_files(archive, study_uid, site_name=site_name)
    written = _write_all(folder, files)
    reason = Message(N_("The report was exported: {count} files."), {"count": len(written)})
    with archive.write(actor, Permission.EXPORT, reason, study_uid):
        pass  # who took a report out of the archive is in the audit, though nothing changed
    return written


def verify_folder(folder: Path, trusted_pems: Iterable[str] | None = None) -> FolderReport:
    """Whether every report in ``folder`` is as it was signed; names the first file that is not."""
    return verify_files(folder, trusted_pems)


def verify_signed(archive: Archive) -> FolderReport:
    """Whether every signed report in the archive still carries its signer's signature.

    Beside the archive's own ``verify``, which knows hashes but no signatures: this one also sees
    a report and its audit rewritten together by someone without the signer's key.
    """
    trusted = {
        version.certificate_pem: None
        for user in archive.users()
        for version in archive.history(User, user.name)
    }
    names: list[str] = []
    for report in archive.all(SignedReport):
        hashes = {d.name: d.sha256 for d in report.documents}

        def read(name: str, hashes: dict[str, str] = hashes) -> bytes | None:
            return archive.read_blob(hashes[name]) if name in hashes else None

        stem = report_number(report.study_uid, report.number)
        try:
            found = verify_reports([stem], read, trusted)
        except (NotFound, Tampered) as error:
            return FolderReport(False, Bad(stem, error.message))
        if not found.ok:
            return found
        names += found.names
    return FolderReport(True, None, tuple(names))


def _draft_files(
    case: Case, site_name: str, key_images: tuple[KeyImage, ...]
) -> list[tuple[str, str, bytes]]:
    if case.draft is None:
        raise NotAllowed(N_("There is neither a signed report nor a draft to export."))
    moment = now()
    page = draft_pdf(
        case.study,
        case.draft,
        case.findings,
        case.reported_measurements,
        site_name=site_name,
        key_images=key_images,
        made_at=moment,
        marks=case.marks,
        stacks=case.stacks,
        first_read=case.first_read,
    )
    data = {
        "schema": "onescan-draft/1",
        "status": "UNREVIEWED DRAFT, NOT SIGNED / 未审核草稿，未签署",
        "study": case.study,
        "draft": case.draft,
        "findings": case.findings,
        "measurements": case.measurements,
        "refusals": case.refusals,
    }
    stem = f"DRAFT-{moment:%Y%m%d-%H%M%S}"
    return [
        ("draft_pdf", f"{stem}.pdf", page),
        ("draft_json", f"{stem}.json", canonical_json(data).encode("utf-8")),
    ]


def _write_all(folder: Path, files: list[tuple[str, str, bytes]]) -> list[ExportedFile]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for _, name, data in files:
            path = folder / name
            if path.exists() and path.read_bytes() != data:
                raise NotAllowed(
                    N_("{file} is in the folder with other content. Choose another folder."),
                    file=name,
                )
        return [ExportedFile(kind, _write(folder / name, data)) for kind, name, data in files]
    except OSError as error:
        raise BadInput(
            N_("The folder cannot be written to: {why}."),
            why=error.strerror or type(error).__name__,
        ) from error


def _write(path: Path, data: bytes) -> Path:
    """``data`` at ``path``, whole or not at all."""
    if path.exists():
        return path
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path

"""The page for the patient: shown as a preview, released by the doctor who signed the report.

It is made of the signed report that stands and of nothing else, in both languages at once. What is
added to that report, or corrects it, withdraws the page (``sign``): its signer releases a new one,
which says that something was added.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workstation.archive.people import authenticate
from workstation.archive.store import Archive
from workstation.documents.patient_page import Places, patient_pdf, patient_pngs
from workstation.documents.signatures import sign_pdf
from workstation.domain.artefact import now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, NotFound
from workstation.domain.finding import Finding
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.report import Document, PatientPage, ReportKind, SignedReport
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.text import LANGUAGES, tr

NAME = "patient_page"
_HALF_HEAD_MM = (72.0, 92.0)  # half the width and half the length of a head, for the sketch
_CELL = 0.035  # of half a head: as fine as the sketch is drawn
_MOST_POINTS = 20_000
_UNSIGNED = N_("The page for the patient is made from a signed report: sign the report first.")
_ONLY_SIGNER = N_("Only {name}, who signed the report, may release the page for the patient.")
_NEWER = N_("The report was changed while you released the page. Look at the page again.")


def preview(archive: Archive, study_uid: str, language: str) -> bytes:
    """The page as PDF, marked as not released. ``NotAllowed`` where no signed report stands."""
    report = _standing(archive, study_uid)
    places, added = _places(archive, report), _added(archive, report)
    return patient_pdf(report, language, places=places, moment=now(), released=False, added=added)


def released(archive: Archive, study_uid: str) -> PatientPage | None:
    """The page as its doctor released it; None before that, and since it was withdrawn."""
    return next(iter(archive.all(PatientPage, study_uid)), None)


def signer_of(archive: Archive, study_uid: str) -> str:
    """The name of the user who alone may release the page; ``NotAllowed`` as ``preview``."""
    return _standing(archive, study_uid).signer


def page_file(archive: Archive, page: PatientPage, language: str, kind: str) -> bytes:
    """A released page in a language. kind: "pdf" or "png" (the first page)."""
    name = f"{NAME}.{language}.{kind}"
    for document in page.documents:
        if document.name == name:
            return archive.read_blob(document.sha256)
    raise NotFound(N_("The released page has no file {name}."), name=name)


def release(archive: Archive, study_uid: str, *, user: str, password: str) -> PatientPage:
    """Release the page of the signed report that stands, as the doctor who signed it.

    Raises ``NotAllowed`` for anybody else, before a report is signed, while a correction is under
    way, and where name or password are wrong.
    """
    signer = authenticate(archive, user, password)
    archive.check(signer.actor, Permission.SIGN)
    report = _standing(archive, study_uid)
    if signer.name != report.signer:
        raise NotAllowed(_ONLY_SIGNER, name=report.signer_name or report.signer)
    known = len(archive.all(SignedReport, study_uid))
    moment, places, added = now(), _places(archive, report), _added(archive, report)
    documents: list[Document] = []
    for language in LANGUAGES:
        pdf = patient_pdf(
            report, language, places=places, moment=moment, released=True, added=added
        )
        pages = [archive.put_bytes(png) for png in patient_pngs(pdf)]
        if language == report.draft.language:
            documents.insert(0, Document(NAME, pages[0], f"{NAME}.png"))
        documents += [
            Document(f"{NAME}_png", sha256, f"{NAME}.{language}{f'-{n}' if n > 1 else ''}.png")
            for n, sha256 in enumerate(pages, start=1)
        ]
        signed = sign_pdf(
            pdf,
            signer.key_pem,
            password,
            signer.certificate_pem,
            reason=tr("I release this page to the patient.", lang=language),
            name=signer.display_name,
            location="",
        )
        stored = archive.put_bytes(signed)
        documents.append(Document(f"{NAME}_pdf", stored, f"{NAME}.{language}.pdf"))
    page = PatientPage(
        id=study_uid,
        study_uid=study_uid,
        report_id=report.id,
        report_number=report.number,
        released_by=signer.name,
        released_name=signer.display_name,
        released_at=moment,
        documents=tuple(documents),
    )
    said = Message(N_("The page for the patient of report {number} was released."),
                   {"number": report.number})  # fmt: skip
    with archive.write(signer.actor, Permission.SIGN, said, study_uid) as writer:
        reports = writer.all(SignedReport, study_uid)
        signed_still = writer.study(study_uid).state is StudyState.SIGNED
        if not signed_still or _whole(reports) != report or len(reports) != known:
            raise NotAllowed(_NEWER)
        writer.put(page)
    return page


def take_out(
    archive: Archive, study_uid: str, folder: Path, *, actor: Actor = MACHINE
) -> list[Path]:
    """Write the released page's files to ``folder``. ``NotFound`` where none is released; a file
    that is there with other content is not overwritten: ``NotAllowed``."""
    archive.check(actor, Permission.EXPORT)
    page = released(archive, study_uid)
    if page is None:
        raise NotFound(N_("The page for the patient was not released, or was withdrawn."))
    files = {folder / d.name: archive.read_blob(d.sha256) for d in page.documents}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            if path.exists() and path.read_bytes() != data:
                raise NotAllowed(
                    N_("{file} is in the folder with other content. Choose another folder."),
                    file=path.name,
                )
        for path, data in files.items():
            path.write_bytes(data)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise BadInput(N_("The folder cannot be written to: {why}."), why=why) from error
    said = Message(N_("The page for the patient was taken out: {count} files."),
                   {"count": len(files)})  # fmt: skip
    with archive.write(actor, Permission.EXPORT, said, study_uid):
        pass  # nothing changed; who took the page out is kept
    return list(files)


def _standing(archive: Archive, study_uid: str) -> SignedReport:
    """The newest report that is no addendum, of a study that is signed."""
    if archive.study(study_uid).state is not StudyState.SIGNED:
        raise NotAllowed(_UNSIGNED)
    report = _whole(archive.all(SignedReport, study_uid))
    if report is None:
        raise NotAllowed(_UNSIGNED)
    return report


def _whole(reports: list[SignedReport]) -> SignedReport | None:
    kept = [report for report in reports if report.kind is not ReportKind.ADDENDUM]
    return max(kept, key=lambda report: report.number, default=None)


def _added(archive: Archive, report: SignedReport) -> list[SignedReport]:
    """Addenda to the report that stands, in order."""
    reports = archive.all(SignedReport, report.study_uid)
    later = [r for r in reports if r.kind is ReportKind.ADDENDUM and r.number > report.number]
    return sorted(later, key=lambda r: r.number)


def _places(archive: Archive, report: SignedReport) -> Places:
    """Where findings of the brain lie in the sketch: their outlines from above, or a point."""
    stacks = {stack.id: stack for stack in archive.all(Stack, report.study_uid)}
    return {
        finding.id: _seen_from_above(archive, finding, stacks[finding.stack_id])
        for finding in report.findings
        if finding.area == "brain" and finding.stack_id in stacks
    }


def _seen_from_above(archive: Archive, finding: Finding, stack: Stack) -> list[tuple[float, float]]:
    """Cells of the sketch: (to the left, to the back), each from -1 to 1 over the head."""
    points = np.array([finding.location_mm])
    if finding.mask_id:
        inside = np.argwhere(archive.load_mask(finding.mask_id))[:, ::-1]
        step = max(1, len(inside) // _MOST_POINTS)
        if len(inside):
            points = stack.grid.to_lps(inside[::step].astype(np.float64))
    middle = stack.grid.centre_lps[:2]
    flat = (points[:, :2] - middle) / np.array(_HALF_HEAD_MM)
    cells = np.unique(np.round(flat / _CELL).astype(int), axis=0) * _CELL
    # The sketch is smaller than some heads: nothing is drawn outside of it.
    away = np.linalg.norm(cells, axis=1, keepdims=True)
    cells = np.where(away > 0.94, cells / np.maximum(away, 1e-9) * 0.94, cells)
    return [(float(u), float(v)) for u, v in cells]

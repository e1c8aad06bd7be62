"""Sign: a named user puts a signature under the report; what is signed never changes.

Everything is computed and stored first; one transaction then makes it the signed report. A crash
before it leaves files that nothing refers to, a crash after it leaves a whole report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workstation import __version__
from workstation.archive.people import authenticate
from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.dicom.structured_report import write_sr
from workstation.documents.manifest import (
    MANIFEST,
    SIGNATURE,
    SUFFIXES,
    report_json,
    write_manifest,
)
from workstation.documents.page import report_number
from workstation.documents.pdf import KeyImage, pictures, report_pdf
from workstation.documents.signatures import fingerprint, sign_bytes, sign_pdf
from workstation.documents.synthesis import lapse_obstacles
from workstation.domain import readiness
from workstation.domain.acquisition import Reconstruction
from workstation.domain.artefact import digest_of, new_id, new_uid, now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed
from workstation.domain.people import Permission, Role, User
from workstation.domain.readiness import CORRECTION, Case, read_case
from workstation.domain.report import (
    Document,
    FreeText,
    Obstacle,
    PatientPage,
    ReportDraft,
    ReportKind,
    SignedReport,
)
from workstation.domain.study import StudyState
from workstation.reading.segmentation_files import segmentation_files, source_files
from workstation.text import tr

_ROLES = {
    Role.READER: N_("Reporting physician"),
    Role.REVIEWER: N_("Reviewing physician"),
}
_MEANING = {
    ReportKind.FINAL: N_("I have reviewed this report and sign it."),
    ReportKind.ADDENDUM: N_("I add this to the signed report."),
    ReportKind.CORRECTION: N_("I replace the signed report by this corrected one."),
}
_CHANGED = N_("Something was changed while you signed. Look at the draft again, then sign.")


@dataclass(frozen=True)
class _Made:
    """One file of a report, ready to be stored."""

    kind: str
    name: str
    data: bytes
    sop_instance_uid: str = ""


def sign(
    archive: Archive,
    study_uid: str,
    *,
    user: str,
    password: str,
    site_name: str = "OneScan",
    key_images: tuple[KeyImage, ...] = (),
) -> SignedReport:
    """Sign the study's draft as ``user``, who gives the password once more.

    Raises ``NotAllowed`` where name or password are wrong, the role may not sign, or anything that
    ``draft.obstacles`` lists stands in the way. After ``correct`` this signs the correction.
    """
    signer = authenticate(archive, user, password)
    archive.check(signer.actor, Permission.SIGN)
    case = read_case(archive, study_uid)
    in_the_way = readiness.obstacles(case) or _lapses(case)
    if in_the_way:
        why = in_the_way[0].why
        raise NotAllowed(why.template, **why.params)
    assert case.draft is not None  # its absence is an obstacle
    follows = case.signed[-1] if case.signed else None
    if follows is not None:
        _may_correct(archive, signer, case)
    facts = _facts(case, case.draft, signer, follows, reason=case.correction_reason)
    made = _documents(archive, case, facts, signer, password, site_name, key_images)
    report = _stored(archive, facts, made)
    reason = Message(N_("Report {number} was signed."), {"number": report.number})
    with archive.write(signer.actor, Permission.SIGN, reason, study_uid) as writer:
        latest = read_case(writer, study_uid)
        if readiness.obstacles(latest) or readiness.sources(latest) != readiness.sources(case):
            raise NotAllowed(_CHANGED)
        if len(latest.signed) != len(case.signed) or latest.draft != case.draft:
            raise NotAllowed(_CHANGED)
        writer.put(report)
        writer.set_state(study_uid, StudyState.SIGNED)
        for text in latest.texts:
            if text.section == CORRECTION:
                writer.withdraw(FreeText, text.id)
    return report


def _lapses(case: Case) -> list[Obstacle]:
    assert case.draft is not None  # its absence is an obstacle
    template = case.draft.template
    return lapse_obstacles(template, case.findings, case.reported_measurements, case.agreed)


def addendum(
    archive: Archive,
    study_uid: str,
    *,
    user: str,
    password: str,
    text: str,
    reason: str,
    site_name: str = "OneScan",
) -> SignedReport:
    """Add ``text`` to the signed report as a report of its own; the original stays as it is."""
    signer = authenticate(archive, user, password)
    archive.check(signer.actor, Permission.SIGN)
    case = read_case(archive, study_uid)
    follows = _signed(case)
    if not text.strip() or not reason.strip():
        raise BadInput(N_("An addendum needs a text and a reason."))
    # An addendum speaks for itself: it repeats nothing of the report it is added to.
    drafted = replace(follows.draft, sections=(), made_from=(digest_of(follows),))
    facts = _facts(case, drafted, signer, follows, reason=reason.strip(), text=text.strip())
    made = _documents(archive, case, facts, signer, password, site_name, ())
    report = _stored(archive, facts, made)
    said = Message(N_("Addendum {number} was signed."), {"number": report.number})
    with archive.write(signer.actor, Permission.SIGN, said, study_uid) as writer:
        latest = read_case(writer, study_uid)
        if _signed(latest).id != follows.id:
            raise NotAllowed(_CHANGED)
        writer.put(report)
        _withdraw_page(writer, study_uid)
    return report


def correct(archive: Archive, study_uid: str, *, user: str, password: str, reason: str) -> None:
    """Open a signed study again: the next signature will be of a correction, with ``reason``.

    The signed report is not touched. Another's report needs a reviewer.
    """
    signer = authenticate(archive, user, password)
    archive.check(signer.actor, Permission.SIGN)
    case = read_case(archive, study_uid)
    follows = _signed(case)
    if not reason.strip():
        raise BadInput(N_("A correction needs a reason."))
    permission = _may_correct(archive, signer, case)
    said = Message(N_("A correction of report {number} was begun."), {"number": follows.number})
    text = FreeText(f"{study_uid}/{CORRECTION}", study_uid, CORRECTION, reason.strip())
    with archive.write(signer.actor, permission, said, study_uid) as writer:
        _signed(read_case(writer, study_uid))
        writer.put(text)
        writer.set_state(study_uid, StudyState.IN_REVIEW)
        _withdraw_page(writer, study_uid)


def _withdraw_page(writer: Writer, study_uid: str) -> None:
    """A page for the patient says what the report said: another report, no page until its signer
    releases a new one."""
    for page in writer.all(PatientPage, study_uid):
        writer.withdraw(PatientPage, page.id)


def _signed(case: Case) -> SignedReport:
    """The newest report of a signed study; ``NotAllowed`` where there is none."""
    if case.study.state is not StudyState.SIGNED or not case.signed:
        raise NotAllowed(N_("This study has no signed report, or a correction is under way."))
    return case.signed[-1]


def _whole(case: Case) -> SignedReport | None:
    """The report that stands: the newest one that is no addendum."""
    whole = [r for r in case.signed if r.kind is not ReportKind.ADDENDUM]
    return whole[-1] if whole else None


def _may_correct(archive: Archive, signer: User, case: Case) -> Permission:
    """The permission with which ``signer`` may replace the report that stands."""
    whole = _whole(case)
    own = whole is not None and whole.signer == signer.name
    needed = Permission.SIGN if own else Permission.CORRECT_OTHERS
    archive.check(signer.actor, needed)
    return needed


def _facts(
    case: Case,
    drafted: ReportDraft,
    signer: User,
    follows: SignedReport | None,
    *,
    reason: str = "",
    text: str = "",
) -> SignedReport:
    """The report as it will be signed, still without its documents."""
    kind = ReportKind.FINAL
    if follows is not None:
        kind = ReportKind.ADDENDUM if text else ReportKind.CORRECTION
    adds = kind is ReportKind.ADDENDUM
    return SignedReport(
        id=new_id(),
        study_uid=case.study.study_uid,
        number=1 if follows is None else follows.number + 1,
        kind=kind,
        reason=reason,
        study=replace(case.study, state=StudyState.SIGNED),
        draft=drafted,
        findings=() if adds else case.reported,
        measurements=() if adds else case.reported_measurements,
        refusals=() if adds else tuple(case.refusals),
        marks=() if adds else tuple(case.marks),
        key_images=() if adds else tuple(case.key_images),
        first_read=None if adds else case.first_read,
        reconstructions=() if adds else _reconstructions(case),
        signer=signer.name,
        signer_name=signer.display_name,
        signed_at=now(),
        certificate_fingerprint=fingerprint(signer.certificate_pem),
        documents=(),
        previous_id=follows.id if follows else "",
        previous_digest=digest_of(follows) if follows else "",
        addendum_text=text,
    )


def _reconstructions(case: Case) -> tuple[tuple[str, Reconstruction], ...]:
    """How the images were reconstructed on which what is reported was found or measured."""
    spoken = {f.stack_id for f in case.reported} | {m.stack_id for m in case.marks}
    spoken |= {id for m in case.reported_measurements for id in m.made_from}
    return tuple((s.id, s.acquisition.reconstruction) for s in case.stacks if s.id in spoken)


def _documents(
    archive: Archive,
    case: Case,
    facts: SignedReport,
    signer: User,
    password: str,
    site_name: str,
    key_images: tuple[KeyImage, ...],
) -> list[_Made]:
    """Every file of the report, the signed PDF first, the manifest and its signature last."""
    stem = report_number(facts.study_uid, facts.number)
    language = facts.draft.language
    as_json = report_json(facts)
    page = report_pdf(
        facts,
        as_json,
        site_name=site_name,
        role=tr(_ROLES.get(signer.role, signer.role.value), lang=language),
        follows=_whole(case),
        key_images=key_images or pictures(archive, facts.key_images),
        stacks=case.stacks,
    )
    signed = sign_pdf(
        page,
        signer.key_pem,
        password,
        signer.certificate_pem,
        reason=tr(_MEANING[facts.kind], lang=language),
        name=signer.display_name,
        location=site_name,
    )
    made = [_Made("pdf", stem + SUFFIXES["pdf"], signed)]
    segmentations = _segmentations(archive, case, facts, stem, signer.display_name)
    made.append(_structured_report(archive, case, facts, stem, site_name, segmentations))
    made += segmentations
    made.append(_Made("json", stem + SUFFIXES["json"], as_json))
    manifest = write_manifest(facts, {m.name: (m.kind, m.data) for m in made})
    detached = sign_bytes(manifest, signer.key_pem, password, signer.certificate_pem)
    made.append(_Made("manifest", stem + MANIFEST, manifest))
    made.append(_Made("signature", stem + SIGNATURE, detached))
    return made


def _segmentations(
    archive: Archive, case: Case, facts: SignedReport, stem: str, creator: str
) -> list[_Made]:
    """One SEG for each image grid and phase on which reported findings are drawn."""
    written = segmentation_files(
        archive,
        case.stacks,
        facts.findings,
        study=facts.study,
        language=facts.draft.language,
        creator=creator,
        made_at=facts.signed_at,
    )
    return [
        _Made("seg", f"{stem}.seg-{n}.dcm", one.data, one.sop_instance_uid)
        for n, one in enumerate(written, start=1)
    ]


def _structured_report(
    archive: Archive,
    case: Case,
    facts: SignedReport,
    stem: str,
    site_name: str,
    segmentations: list[_Made],
) -> _Made:
    spoken = {f.stack_id for f in facts.findings} | {m.stack_id for m in facts.marks}
    stacks = [s for s in case.stacks if s.id in spoken] or list(case.stacks)
    files = {path: known for s in stacks for path, known in source_files(archive, s).items()}
    uid = new_uid()
    before = [
        archive.read_blob(d.sha256)
        for report in case.signed[-1:]
        for d in report.documents
        if d.kind == "sr"
    ]
    data = write_sr(
        facts,
        list(files),
        [m.data for m in segmentations],
        instances=list(files.values()),
        software_version=__version__,
        organization=site_name,
        predecessors=before,
        stacks=case.stacks,
        series_number=9100 + facts.number,
        sop_instance_uid=uid,
    )
    return _Made("sr", stem + SUFFIXES["sr"], data, uid)


def _stored(archive: Archive, facts: SignedReport, made: list[_Made]) -> SignedReport:
    documents = tuple(
        Document(m.kind, archive.put_bytes(m.data), m.name, m.sop_instance_uid) for m in made
    )
    return replace(facts, documents=documents)

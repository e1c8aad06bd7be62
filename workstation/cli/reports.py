"""Signing, exporting and verifying on the command line."""

from __future__ import annotations

import argparse
import secrets
from contextlib import closing
from pathlib import Path

from workstation.archive.people import add_user
from workstation.archive.schema import can_write
from workstation.archive.store import DATABASE, Archive
from workstation.archive.verify import VerifyReport, verify_home
from workstation.cli.accounts import named_user, password_of
from workstation.cli.output import Answer
from workstation.cli.studies import demo, study_uid_of
from workstation.documents.manifest import FolderReport
from workstation.documents.signatures import make_key
from workstation.domain.errors import N_, BadInput, NotFound
from workstation.domain.finding import Finding, FindingState
from workstation.domain.people import MACHINE, Role
from workstation.domain.report import SignedReport
from workstation.domain.study import StudyState
from workstation.reading import review
from workstation.reading.draft import draft
from workstation.reading.export import export, verify_folder, verify_signed
from workstation.reading.line import read_study
from workstation.reading.sign import addendum, correct
from workstation.reading.sign import sign as sign_report
from workstation.settings import load_settings
from workstation.text import LANGUAGES, language, say, set_language, tr
from workstation.wiring import Services


def _signed(report: SignedReport) -> Answer:
    said = tr(
        "Report {number} was signed by {name}.", number=report.number, name=report.signer_name
    )
    return Answer(
        {
            "report_id": report.id,
            "number": report.number,
            "kind": report.kind.value,
            "signer": report.signer,
            "signed_at": report.signed_at.isoformat(),
            "documents": [
                {"kind": d.kind, "sha256": d.sha256, "name": d.name} for d in report.documents
            ],
        },
        [said],
    )


def sign(services: Services, arguments: argparse.Namespace) -> Answer:
    """``sign STUDY --user NAME``: remakes the draft from the decided findings, then signs it."""
    study_uid = study_uid_of(services, arguments.study)
    user = named_user(services, arguments.user)
    password = password_of(user.name)
    if services.archive.study(study_uid).state is not StudyState.SIGNED:
        draft(services.archive, study_uid, language=language(), actor=user.actor)
    site = services.settings.site_name
    return _signed(
        sign_report(services.archive, study_uid, user=user.name, password=password, site_name=site)
    )


def add_addendum(services: Services, arguments: argparse.Namespace) -> Answer:
    """``addendum STUDY --text TEXT --reason TEXT --user NAME``."""
    return _signed(
        addendum(
            services.archive,
            study_uid_of(services, arguments.study),
            user=arguments.user,
            password=password_of(arguments.user),
            text=arguments.text,
            reason=arguments.reason,
        )
    )


def begin_correction(services: Services, arguments: argparse.Namespace) -> Answer:
    """``correct STUDY --reason TEXT --user NAME``: findings can be decided again, then sign."""
    study_uid = study_uid_of(services, arguments.study)
    correct(
        services.archive,
        study_uid,
        user=arguments.user,
        password=password_of(arguments.user),
        reason=arguments.reason,
    )
    return Answer(
        {"study_uid": study_uid, "state": services.archive.study(study_uid).state.value},
        [tr("The study is open for correction. The signed report stays as it is.")],
    )


def export_report(services: Services, arguments: argparse.Namespace) -> Answer:
    """``export STUDY --to DIR``."""
    study_uid = study_uid_of(services, arguments.study)
    site = services.settings.site_name
    files = export(services.archive, study_uid, Path(arguments.to), site_name=site)
    return Answer(
        {"files": [{"kind": f.kind, "path": str(f.path)} for f in files]},
        [f"{f.kind}: {f.path}" for f in files],
    )


def _verdict(report: VerifyReport | FolderReport) -> Answer:
    bad = report.first_bad
    shown = None if bad is None else {"what": bad.what, "why": say(bad.why)}
    line = tr("Everything is as it was written.")
    if shown is not None:
        line = tr("First broken: {what}. {why}", **shown)
    return Answer({"ok": report.ok, "first_bad": shown}, [line], code=0 if report.ok else 1)


def verify_unopened(home: Path, code: str = "") -> Answer | None:
    """What is broken in a home, found without opening it: a damaged one may not open at all.

    Of a home that cannot be written, the whole answer: it cannot be opened afterwards. code:
    language of the answer, by default that of the home's settings.
    """
    try:
        set_language(code or load_settings(home).language)
    except BadInput:
        set_language(code or LANGUAGES[0])  # the settings are complained of when it is opened
    if not (home / DATABASE).exists():
        raise NotFound(N_("There is no archive in {folder}."), folder=str(home))
    report = verify_home(home)
    if not report.ok:
        return _verdict(report)
    if can_write(home / DATABASE):
        return None
    with closing(Archive(home, read_only=True)) as archive:
        return _verdict(verify_signed(archive))


def verify_all(services: Services, arguments: argparse.Namespace) -> Answer:
    """``verify [DIR]``: the archive of this home, or a folder of exported files.

    Every byte of the home was checked before it was opened; what remains is whether the
    signatures are the users' own.
    """
    if arguments.folder:
        return _verdict(verify_folder(Path(arguments.folder)))
    return _verdict(verify_signed(services.archive))


DEMO_USER = "demo"


def walk(services: Services, arguments: argparse.Namespace) -> Answer:
    """``walk``: the demo study through the whole line without a screen.

    A demo reader is made with a password nobody keeps, so the walk needs a home of its own.
    """
    archive = services.archive
    lines = demo(services, arguments).lines
    password = secrets.token_urlsafe(12)
    try:
        user = archive.user(DEMO_USER)
    except NotFound:
        user = add_user(
            archive, MACHINE, DEMO_USER, tr("Demo reader"), Role.READER, password, make_key
        )
        (services.settings.home / "demo-password.txt").write_text(password, encoding="utf-8")
    else:
        password = (services.settings.home / "demo-password.txt").read_text(encoding="utf-8")
    folder = services.settings.home / "reports"
    files: list[dict[str, str]] = []
    for study in reversed(archive.worklist()):
        if study.state is not StudyState.SIGNED:
            reading = read_study(archive, services.settings, study.study_uid, language=language())
            for finding in reading.findings:
                if finding.state is FindingState.PROPOSED:
                    review.accept(archive, user.actor, finding.id, reason=tr("Demo walk"))
            draft(archive, study.study_uid, language=language(), actor=user.actor)
            sign_report(archive, study.study_uid, user=user.name, password=password)
        decided = archive.all(Finding, study.study_uid)
        lines.append(
            tr(
                "{description}: {count} findings, report signed by {name}.",
                description=study.description,
                count=len(decided),
                name=user.display_name,
            )
        )
        for file in export(archive, study.study_uid, folder / study.study_uid[-12:]):
            files.append({"kind": file.kind, "path": str(file.path)})
    pdfs = [f["path"] for f in files if f["kind"] == "pdf"]
    lines += [tr("Signed report: {path}", path=path) for path in pdfs]
    return Answer({"files": files, "report": pdfs[0] if pdfs else None}, lines)

"""The page for the patient on the command line: its state, releasing it, taking its files out."""

from __future__ import annotations

import argparse
from pathlib import Path

from workstation.cli.accounts import password_of
from workstation.cli.output import Answer
from workstation.cli.studies import study_uid_of
from workstation.documents.page import moment_text
from workstation.domain.errors import N_, BadInput, NotFound
from workstation.domain.people import MACHINE
from workstation.reading.patient_page import release, released, take_out
from workstation.text import tr
from workstation.wiring import Services


def patient_page(services: Services, arguments: argparse.Namespace) -> Answer:
    """``patient-page STUDY [--release --user NAME] [--to DIR]``."""
    archive, study_uid = services.archive, study_uid_of(services, arguments.study)
    lines: list[str] = []
    if arguments.release:
        if not arguments.user:
            raise BadInput(N_("Say who releases the page: --user NAME."))
        release(archive, study_uid, user=arguments.user, password=password_of(arguments.user))
    page = released(archive, study_uid)
    if page is None:
        if arguments.to:
            raise NotFound(N_("The page for the patient was not released, or was withdrawn."))
        lines.append(tr("The page for the patient was not released, or was withdrawn."))
        return Answer({"released": False, "files": []}, lines)
    lines.append(
        tr(
            "Released by {name} on {time}, from report {number}.",
            name=page.released_name,
            time=moment_text(page.released_at),
            number=page.report_number,
        )
    )
    files = []
    if arguments.to:
        files = take_out(archive, study_uid, Path(arguments.to), actor=MACHINE)
        lines += [str(path) for path in files]
    return Answer(
        {
            "released": True,
            "report_number": page.report_number,
            "released_by": page.released_by,
            "released_at": page.released_at.isoformat(),
            "documents": [
                {"kind": d.kind, "sha256": d.sha256, "name": d.name} for d in page.documents
            ],
            "files": [str(path) for path in files],
        },
        lines,
    )

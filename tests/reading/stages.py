"""One study in the stages of its report: ready to sign, signed, its patient page released."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.reading.readable import PASSWORD, STUDY_UID, make_readable, make_user
from workstation.archive.store import Archive
from workstation.domain.people import Role
from workstation.reading import review
from workstation.reading.draft import draft
from workstation.reading.patient_page import release
from workstation.reading.sign import sign

__all__ = ["PASSWORD", "STUDY_UID", "make_stages"]


def make_stages(folder: Path) -> Path:
    """Homes ``ready``, ``signed`` and ``released`` in ``folder``, read by li; zhao reads too."""
    archive = Archive(folder / "ready")
    li = make_user(archive, "li", "李明华", Role.READER)
    make_user(archive, "zhao", "赵医生", Role.READER)
    first, second = make_readable(archive, folder)
    review.accept(archive, li.actor, first.id)
    review.reject(archive, li.actor, second.id)
    draft(archive, STUDY_UID, actor=li.actor)
    archive.close()
    for before, stage in (("ready", "signed"), ("signed", "released")):
        archive = Archive(Path(shutil.copytree(folder / before, folder / stage)))
        if stage == "signed":
            sign(archive, STUDY_UID, user="li", password=PASSWORD)
        else:
            release(archive, STUDY_UID, user="li", password=PASSWORD)
        archive.close()
    return folder

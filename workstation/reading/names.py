"""Names read again: a reader says in which character set a study's files were written.

Files name no set, or a false one, often enough (complaint 24); what can be told from the bytes is
told at intake, the rest only a person knows. The words change, the files and identities do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workstation.archive.store import Archive
from workstation.dicom.character_sets import CHOICES
from workstation.dicom.headers import read_header
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.study import Series, Study
from workstation.domain.volume import Stack


@dataclass(frozen=True)
class Words:
    """What a study's files say when they are read in one character set."""

    study: Study
    series: tuple[Series, ...]


def read_words(archive: Archive, study_uid: str, charset: str = "") -> Words:
    """The study and its series as their files name them; nothing is stored.

    charset: a term of ``CHOICES``; empty for what the files say themselves.
    """
    if charset and charset not in CHOICES:
        raise BadInput(N_("There is no character set {charset} to choose."), charset=charset)
    study = archive.study(study_uid)
    found: list[Series] = []
    for series in archive.series_of(study.study_uid):
        instance = archive.instances_of(series.series_uid)[0]
        header = read_header(archive.blob_path(instance.sha256), charset)
        found.append(replace(series, description=header.series.description))
        if len(found) == 1:
            said = header.study
            patient = replace(
                study.patient, name=said.patient.name, name_dicom=said.patient.name_dicom
            )
            study = replace(study, patient=patient, description=said.description)
    return Words(study, tuple(found))


def reread_names(
    archive: Archive, study_uid: str, charset: str = "", *, actor: Actor = MACHINE
) -> Study:
    """Store the study's names as ``charset`` reads them, and who decided so.

    Volumes keep their identity, so findings and reports stay what they were made on.
    """
    before = read_before(archive, study_uid)
    words = read_words(archive, study_uid, charset)
    if words == before:
        return words.study
    renamed = {
        old.series_uid: (old.description, new.description)
        for old, new in zip(before.series, words.series, strict=True)
    }
    reason = Message(N_("Names read again as {charset}"), {"charset": charset or "DICOM"})
    uid = words.study.study_uid
    with archive.write(actor, Permission.IMPORT, reason, uid) as writer:
        writer.restate(words.study, words.series)
        for stack in archive.all(Stack, uid):
            old, new = renamed.get(stack.series_uid, ("", ""))
            if old != new and stack.description.startswith(old):
                told = f"{new} {stack.description[len(old) :].strip()}".strip()
                writer.put(replace(stack, description=told))
    return archive.study(uid)


def read_before(archive: Archive, study_uid: str) -> Words:
    """The words that are stored now."""
    study = archive.study(study_uid)
    return Words(study, tuple(archive.series_of(study.study_uid)))

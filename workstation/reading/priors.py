"""Earlier studies of the same patient: which they are, how sure that is, what was reported."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from workstation.archive.store import Archive
from workstation.domain.errors import N_, Message
from workstation.domain.follow_up import mixed_reconstructions
from workstation.domain.report import SignedReport
from workstation.domain.study import Patient, Study
from workstation.domain.volume import Stack


@dataclass(frozen=True)
class Prior:
    """One earlier study. doubts: why it may be someone else's; empty where nothing says so.

    reports: its signed reports, the newest last. mixed: series whose numbers do not compare, for
    one examination was reconstructed by deep learning.
    """

    study: Study
    doubts: tuple[Message, ...]
    reports: tuple[SignedReport, ...]
    mixed: tuple[Message, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether id, birth date and name agree."""
        return not self.doubts

    @property
    def impression(self) -> str:
        """The impression of the newest signed report, with its addendum; empty without one."""
        if not self.reports:
            return ""
        report = self.reports[-1]
        sections = [s for s in report.draft.sections if s.key in ("impression", "conclusion")]
        lines = [
            line
            for section in sections or list(report.draft.sections)
            for line in (*(s.text for s in section.sentences), section.free_text)
        ]
        return "\n".join(line for line in (*lines, report.addendum_text) if line.strip())


def earlier(archive: Archive, study_uid: str) -> list[Prior]:
    """Studies before this one with the same patient id and no other birth date, newest first."""
    study = archive.study(study_uid)
    stacks = archive.all(Stack, study_uid)
    return [
        Prior(
            other,
            tuple(doubts(study, other)),
            tuple(sorted(archive.all(SignedReport, other.study_uid), key=lambda r: r.number)),
            mixed_reconstructions(stacks, archive.all(Stack, other.study_uid)),
        )
        for other in archive.priors_of(study_uid)
    ]


def doubts(study: Study, other: Study) -> list[Message]:
    """What speaks against two studies of one patient id being of one person."""
    found = []
    now, then = study.patient, other.patient
    if not now.birth_date or not then.birth_date:
        found.append(Message(N_("the birth date is missing in one of the studies")))
    elif now.birth_date != then.birth_date:
        found.append(Message(N_("the birth dates differ")))
    if not _one_name(now, then):
        found.append(Message(N_("the names differ")))
    if now.sex and then.sex and now.sex != then.sex:
        found.append(Message(N_("the sex differs")))
    if not other.date:
        found.append(Message(N_("the study states no date")))
    return found


def _one_name(a: Patient, b: Patient) -> bool:
    """Whether any group of one name (alphabetic, ideographic, phonetic) is one of the other's."""
    ours, theirs = _groups(a), _groups(b)
    return bool(ours & theirs)


def _groups(patient: Patient) -> set[str]:
    groups = {*patient.name_dicom.split("="), patient.name}
    plain = (unicodedata.normalize("NFKC", g).casefold() for g in groups)
    return {kept for g in plain if (kept := "".join(c for c in g if c.isalnum()))}

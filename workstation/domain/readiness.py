"""What a report may be made of, whether a draft still says it, and what keeps it unsigned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from workstation.domain.artefact import digest_of
from workstation.domain.compared import compared
from workstation.domain.errors import N_, Message, Param, named
from workstation.domain.finding import REPORTED, Finding, FindingState
from workstation.domain.first_read import FirstRead, first_read, is_hidden, of_people, of_these
from workstation.domain.mark import KeyImage, Mark
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.report import FreeText, Obstacle, ReportDraft, SignedReport, TakenOver
from workstation.domain.stale import current_ids, is_stale, outdated
from workstation.domain.study import Study, StudyState
from workstation.domain.volume import Stack

T = TypeVar("T")

CORRECTION = "correction"
"""Section key of the free text that says why a signed report is being corrected."""


class Store(Protocol):
    """Where the parts of a study are read from: the archive, or its open transaction."""

    def study(self, study_uid: str) -> Study:
        """The study."""

    def all(self, kind: type[T], study_uid: str = "") -> list[T]:
        """Every current artefact of one kind."""


@dataclass(frozen=True)
class Case:
    """Everything of one study that a report is made of. drafts: none or one. signed: in order.

    marks: those that a reader put into the report. hidden: what the machine found waits for a
    locked first read, and none of it is here.
    """

    study: Study
    stacks: Sequence[Stack]
    masks: Sequence[MaskInfo]
    findings: Sequence[Finding]
    measurements: Sequence[Measurement]
    refusals: Sequence[Refusal]
    outcomes: Sequence[Outcome]
    texts: Sequence[FreeText]
    draft: ReportDraft | None
    signed: Sequence[SignedReport]
    marks: Sequence[Mark] = ()
    key_images: Sequence[KeyImage] = ()
    hidden: bool = False
    first_read: FirstRead | None = None  # locked before AI was shown
    taken_over: Sequence[TakenOver] = ()

    @property
    def reported(self) -> tuple[Finding, ...]:
        """Findings that a person accepted, edited or added, comparisons left out."""
        beside = compared(self.findings)
        return tuple(f for f in self.findings if f.state in REPORTED and f.id not in beside)

    @property
    def reported_measurements(self) -> tuple[Measurement, ...]:
        """Measurements of reported findings, and of the study where made of their masks alone."""
        spoken = {f.id for f in self.reported}
        masks = {f.mask_id for f in self.reported if f.mask_id}
        others = {f.mask_id for f in self.findings if f.mask_id} - masks
        return tuple(
            m
            for m in self.measurements
            if m.finding_id in spoken
            or (
                not m.finding_id
                and masks.intersection(m.made_from)
                and not others.intersection(m.made_from)
            )
        )

    @property
    def undecided(self) -> tuple[Finding, ...]:
        """Findings that no person has decided and one has to."""
        beside = compared(self.findings)
        open_ = (f for f in self.findings if f.state is FindingState.PROPOSED)
        return tuple(f for f in open_ if f.id not in beside)

    @property
    def free_texts(self) -> dict[str, str]:
        """Section key to the reader's own words, where there are any."""
        return {t.section: t.text for t in self.texts if t.text.strip() and t.section != CORRECTION}

    @property
    def agreed(self) -> dict[str, tuple[str, ...]]:
        """Rules whose sentences a reader took over, to the findings that each rested on then."""
        return {one.rule: one.finding_ids for one in self.taken_over if one.said}

    @property
    def correction_reason(self) -> str:
        """Why the signed report is being corrected; empty where no correction was begun."""
        return next((t.text for t in self.texts if t.section == CORRECTION), "")


def read_case(store: Store, study_uid: str) -> Case:
    """Everything of ``study_uid`` that a report is made of, as stored now."""
    drafts = [d for d in store.all(ReportDraft, study_uid) if d.id == study_uid]
    hidden = is_hidden(store, study_uid)
    findings, masks = store.all(Finding, study_uid), store.all(MaskInfo, study_uid)
    measurements = store.all(Measurement, study_uid)
    if hidden:
        findings = of_people(findings)
        measurements = of_these(measurements, findings)
        own = {id for f in findings for id in (f.mask_id, *f.edits)}
        masks = [mask for mask in masks if mask.id in own]
    return Case(
        study=store.study(study_uid),
        stacks=store.all(Stack, study_uid),
        masks=masks,
        findings=findings,
        measurements=measurements,
        refusals=[] if hidden else store.all(Refusal, study_uid),
        outcomes=[] if hidden else store.all(Outcome, study_uid),
        texts=store.all(FreeText, study_uid),
        draft=drafts[0] if drafts else None,
        signed=sorted(store.all(SignedReport, study_uid), key=lambda r: r.number),
        marks=[mark for mark in store.all(Mark, study_uid) if mark.in_report],
        key_images=store.all(KeyImage, study_uid),
        hidden=hidden,
        first_read=first_read(store, study_uid),
        taken_over=store.all(TakenOver, study_uid),
    )


def sources(case: Case) -> tuple[str, ...]:
    """Digests of all that a draft is made of: they differ as soon as any of it does."""
    texts = [t for t in case.texts if t.text.strip()]
    stacks = [(s.id, s.role, s.description) for s in case.stacks]
    # How long a model took is no part of it either.
    outcomes = [(o.what, o.made_by, o.stack_id, o.found) for o in case.outcomes]
    # How far the study has come is no part of what its report says.
    study = replace(case.study, state=StudyState.NEW, urgent=False)
    parts = [study, stacks, outcomes, *case.findings, *case.measurements, *case.refusals, *texts]
    marks = [replace(mark, label_mm=None) for mark in case.marks]  # where words stand is no part
    locked = [case.first_read] if case.first_read is not None else []
    more = (*marks, *case.key_images, *locked, *(t for t in case.taken_over if t.said))
    return tuple(digest_of(part) for part in (*parts, *more))


def is_current(draft: ReportDraft, case: Case) -> bool:
    """Whether the draft says what it would say if it were made now."""
    return draft.made_from == sources(case)


def stale_measurements(case: Case) -> list[Measurement]:
    """Measurements of what is reported that were made from masks or stacks no longer current."""
    current = current_ids(case.stacks, case.findings, case.masks)
    spoken = {f.id for f in case.reported}
    return [
        m
        for m in case.measurements
        if (m.finding_id in spoken or not m.finding_id) and is_stale(m.made_from, current)
    ]


def _name(finding: Finding) -> dict[str, Param]:
    """A finding by what it is and where, so that a reader knows which of several is meant."""
    en, zh = finding.label.en, finding.label.zh
    if finding.site.en or finding.site.zh:
        en = f"{en} ({finding.site.en or finding.site.zh})"
        zh = f"{zh}（{finding.site.zh or finding.site.en}）"
    return named(en, zh)


def obstacles(case: Case) -> list[Obstacle]:
    """What stands in the way of signing, in the order in which a reader can clear it."""
    if case.study.state is StudyState.SIGNED:
        return [
            Obstacle(
                Message(N_("The report is signed. Add an addendum, or correct it with a reason."))
            )
        ]
    found = []
    if case.hidden:
        # A report is signed with what AI said in view: who reads first also reads second.
        found.append(
            Obstacle(Message(N_("AI is hidden: lock your first read, then look at what AI found.")))
        )
    found += [
        Obstacle(Message(N_("{name} is undecided: accept, edit or reject it."), _name(f)), f.id)
        for f in case.undecided
    ]
    # Numbers of a finding that is old itself are said once, with it.
    current = current_ids(case.stacks, case.findings, case.masks)
    old = outdated(case.reported, case.masks, current)
    ids = {f.id for f in old}
    stale = [m for m in stale_measurements(case) if m.finding_id not in ids]
    found += [
        Obstacle(
            Message(
                N_("{name} was measured before the last change: measure it again."),
                named(m.name.en, m.name.zh),
            ),
            m.finding_id,
        )
        for m in stale
    ]
    found += [
        Obstacle(
            Message(
                N_(
                    "{name} was measured on an outline that was changed since: measure it again "
                    "and reject this one."
                ),
                _name(f),
            ),
            f.id,
        )
        for f in old
    ]
    # Measuring again may give the number back; only what it cannot give is asked of the reader.
    waiting = {m.finding_id for m in stale} | ids
    found += [
        Obstacle(
            Message(
                N_(
                    "{name} has no number since its outline was edited: undo the edit or reject it."
                ),
                _name(f),
            ),
            f.id,
        )
        for f in case.reported
        if f.value is None and f.original_value is not None and f.id not in waiting
    ]
    if case.draft is None:
        found.append(Obstacle(Message(N_("There is no draft of the report yet."))))
    elif not is_current(case.draft, case):
        found.append(
            Obstacle(Message(N_("The draft is older than what it is made of: make it again.")))
        )
    elif not case.draft.reviewed:
        found.append(
            Obstacle(Message(N_("No person has reviewed the draft: a reader must make it again.")))
        )
    if case.signed and not case.correction_reason:
        found.append(
            Obstacle(Message(N_("This study has a signed report: start a correction first.")))
        )
    return found


def warnings(case: Case) -> list[Message]:
    """What a reader should look at before signing but that does not forbid it."""
    return warnings_of(case.draft) if case.draft is not None else []


def warnings_of(draft: ReportDraft) -> list[Message]:
    """The same of a draft as it stands."""
    said = [s for s in draft.sections if s.key == "impression"]
    if any(s.sentences or s.free_text.strip() for s in said):
        return []
    return [Message(N_("The impression is empty."))]

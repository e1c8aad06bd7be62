"""Draft: decided findings, measurements and the reader's words become a report to be signed."""

from __future__ import annotations

from collections.abc import Sequence

from workstation import __version__
from workstation.archive.store import Archive
from workstation.documents.sentences import Material, compose
from workstation.documents.synthesis import Offer, lapse_obstacles, load_rules, offers
from workstation.documents.templates import Template, choose_template, load_template
from workstation.domain import readiness
from workstation.domain.artefact import MadeBy
from workstation.domain.errors import N_, Message, NotAllowed, NotFound, ReaderError
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.readiness import Case, read_case
from workstation.domain.report import FreeText, Obstacle, ReportDraft, TakenOver
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading.held_back import shown_stacks


def draft(
    archive: Archive,
    study_uid: str,
    *,
    template: str = "",
    language: str = "zh_CN",
    actor: Actor = MACHINE,
) -> ReportDraft:
    """Make the study's draft anew from what is stored now; free text is kept.

    template: empty keeps the one in use, or chooses by the regions of the study. A draft that the
    machine makes is never reviewed. Of a signed study the draft that was signed is given back.
    """
    case = read_case(archive, study_uid)
    if case.study.state is StudyState.SIGNED and case.draft is not None:
        return case.draft
    stacks = shown_stacks(archive, case.stacks, hidden=case.hidden)
    made = _made(case, stacks, _template(case, template), language, actor)
    state = _state(case, made)
    if made == case.draft and state is case.study.state:
        return made
    reason = Message(N_("The draft of the report was made."))
    with archive.write(actor, Permission.DRAFT, reason, study_uid) as writer:
        writer.put(made)
        writer.set_state(study_uid, state)
    return made


def write_free_text(
    archive: Archive, actor: Actor, study_uid: str, section: str, text: str
) -> FreeText:
    """Keep the reader's own words for one section; empty takes them away. The draft is then stale.

    Raises ``NotFound`` for a section that the template does not have, ``NotAllowed`` once signed.
    """
    case = read_case(archive, study_uid)
    if case.study.state is StudyState.SIGNED:
        raise NotAllowed(N_("The report is signed. Add an addendum, or correct it with a reason."))
    part = _template(case, "").section(section)
    written = FreeText(f"{study_uid}/{part.key}", study_uid, part.key, text.strip())
    reason = Message(N_("Free text of the report was written."))
    with archive.write(actor, Permission.DRAFT, reason, study_uid) as writer:
        writer.put(written)
    return written


def offered(archive: Archive, study_uid: str, case: Case | None = None) -> list[Offer]:
    """Sentences on several organs together that the accepted findings allow. case: where it has
    just been read."""
    case = case or read_case(archive, study_uid)
    if case.draft is None or case.hidden:
        return []
    rules = load_rules(case.draft.template)
    return offers(rules, case.findings, case.reported_measurements, case.agreed)


def take_over(
    archive: Archive, actor: Actor, study_uid: str, rule: str, *, said: bool
) -> TakenOver:
    """Say an offered sentence in the report, or take it out again. The draft is then stale.

    Raises ``NotFound`` where the rule does not hold for what was accepted, ``NotAllowed`` once
    the report is signed.
    """
    if archive.study(study_uid).state is StudyState.SIGNED:
        raise NotAllowed(N_("The report is signed. Add an addendum, or correct it with a reason."))
    there = {offer.rule.id: offer.finding_ids for offer in offered(archive, study_uid)}
    if said and rule not in there:
        raise NotFound(N_("What was accepted does not allow this sentence any more."))
    rests_on = there[rule] if said else ()
    word = TakenOver(f"{study_uid}/{rule}", study_uid, rule, said, actor.name, rests_on)
    reason = Message(N_("A sentence on several organs together was taken over or taken out."))
    with archive.write(actor, Permission.REVIEW, reason, study_uid) as writer:
        writer.put(word)
    return word


def obstacles(archive: Archive, study_uid: str, case: Case | None = None) -> list[Obstacle]:
    """What stands in the way of signing; empty when the report can be signed. case: where it has
    just been read."""
    case = case or read_case(archive, study_uid)
    found = readiness.obstacles(case)
    if case.draft is not None and case.study.state is not StudyState.SIGNED:
        try:
            load_template(case.draft.template)
            found += lapse_obstacles(
                case.draft.template, case.findings, case.reported_measurements, case.agreed
            )
        except ReaderError as error:
            found.append(Obstacle(error.message))
    return found


def warnings(archive: Archive, study_uid: str) -> list[Message]:
    """What a reader should look at before signing but that does not forbid it."""
    return readiness.warnings(read_case(archive, study_uid))


def is_current(archive: Archive, drafted: ReportDraft) -> bool:
    """Whether ``drafted`` says what it would say if it were made now."""
    return readiness.is_current(drafted, read_case(archive, drafted.study_uid))


def _template(case: Case, wanted: str) -> Template:
    if wanted:
        return load_template(wanted)
    if case.draft is not None:
        return load_template(case.draft.template)
    regions = tuple(s.region for s in case.stacks) + tuple(f.area for f in case.findings)
    return load_template(choose_template(regions, tuple(s.modality for s in case.stacks)))


def _made(
    case: Case, stacks: Sequence[Stack], template: Template, language: str, actor: Actor
) -> ReportDraft:
    material = Material(
        case.findings,
        case.reported_measurements,
        case.refusals,
        stacks,
        case.free_texts,
        case.outcomes,
        case.marks,
        case.first_read,
        case.agreed,
    )
    return ReportDraft(
        id=case.study.study_uid,
        study_uid=case.study.study_uid,
        template=template.name,
        template_version=template.version,
        language=language,
        title=template.title.in_language(language),
        sections=compose(template, language, material),
        made_from=readiness.sources(case),
        made_by=MadeBy("OneScan", __version__, template.sha256),
        reviewed=actor.role is not None and not case.undecided and not case.hidden,
    )


def _state(case: Case, made: ReportDraft) -> StudyState:
    """A draft with every finding decided by a person is ready; one with an open finding is not."""
    if made.reviewed:
        return StudyState.READY
    if case.undecided and case.study.state is StudyState.READY:
        return StudyState.IN_REVIEW
    return case.study.state

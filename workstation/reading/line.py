"""The whole line on one page: what the window and the command line walk, room by room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workstation import __version__
from workstation.archive.store import Archive
from workstation.domain.errors import N_, Message
from workstation.domain.finding import Finding
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import MACHINE, Actor
from workstation.domain.readiness import read_case
from workstation.domain.report import ReportDraft
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel, Progress, no_progress, part
from workstation.reading import arrivals
from workstation.reading.assemble import assemble
from workstation.reading.draft import draft
from workstation.reading.foreign import take_in
from workstation.reading.held_back import shown_stacks
from workstation.reading.infer import infer
from workstation.reading.intake import IntakeReport, intake
from workstation.reading.quantify import quantify
from workstation.reading.second_reader import settle_mode
from workstation.settings import Settings


@dataclass(frozen=True)
class Reading:
    """What the machine made of a study and may be shown; a person decides on it.

    hidden: what the machine found waits for a locked first read, and none of it is here.
    """

    stacks: tuple[Stack, ...]
    findings: tuple[Finding, ...]
    measurements: tuple[Measurement, ...]
    refusals: tuple[Refusal, ...]
    outcomes: tuple[Outcome, ...]
    draft: ReportDraft
    hidden: bool = False


def read_study(
    archive: Archive,
    settings: Settings,
    study_uid: str,
    *,
    language: str = "zh_CN",
    template: str = "",
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
    after_room: Callable[[str], None] = lambda room: None,
    begun: Callable[[str], None] = lambda judge_id: None,
) -> Reading:
    """Assemble, take in others' findings, infer, quantify and draft; may be walked again.

    after_room: told the name of each room when its result is stored, so that a screen can show
    volumes while models still run. begun: told the id of each model or measure as it begins. What
    waited since the images came in counts as read in the end.
    """
    seen = arrivals.arrival_of(archive, study_uid)
    settle_mode(archive, settings, study_uid, actor)  # before others' findings come in
    assemble(archive, study_uid, actor=actor, progress=part(progress, 0.0, 0.2), cancel=cancel)
    after_room("assemble")
    take_in(archive, study_uid, actor=actor, progress=part(progress, 0.2, 0.25), cancel=cancel)
    after_room("foreign")
    infer(
        archive,
        settings,
        study_uid,
        actor=actor,
        progress=part(progress, 0.25, 0.8),
        cancel=cancel,
        begun=begun,
    )
    after_room("infer")
    quantify(archive, study_uid, actor=actor, progress=part(progress, 0.8, 0.95), cancel=cancel)
    after_room("quantify")
    progress(0.95, Message(N_("Writing the draft")))
    drafted = draft(archive, study_uid, template=template, language=language, actor=actor)
    arrivals.done(archive, seen, actor=actor)
    after_room("draft")
    progress(1.0, Message(N_("Done")))
    case = read_case(archive, study_uid)
    return Reading(
        shown_stacks(archive, case.stacks, hidden=case.hidden),
        tuple(case.findings),
        tuple(case.measurements),
        tuple(case.refusals),
        tuple(case.outcomes),
        drafted,
        case.hidden,
    )


def triage(
    archive: Archive,
    settings: Settings,
    study_uid: str,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
    after_room: Callable[[str], None] = lambda room: None,
    begun: Callable[[str], None] = lambda judge_id: None,
) -> None:
    """Only what looks for emergencies, before anything else of any study; stored as it is found.

    The study still waits to be read; ``read_study`` computes none of this again.
    """
    settle_mode(archive, settings, study_uid, actor)
    assemble(archive, study_uid, actor=actor, progress=part(progress, 0.0, 0.3), cancel=cancel)
    after_room("assemble")
    infer(
        archive,
        settings,
        study_uid,
        actor=actor,
        progress=part(progress, 0.3, 1.0),
        cancel=cancel,
        stat_only=True,
        begun=begun,
    )
    after_room("triage")


def make_and_import_demo(
    archive: Archive,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> IntakeReport:
    """Make the demo studies below the home, unless they are there, and take them in.

    What is known of them is written beside them, last of all: it marks that the files are whole.
    """
    # Only the demo needs the generators and their interpolators: half a second to import.
    from workstation.reading.demonstrate import demonstrate

    folder = archive.home / "demo"
    answers = archive.home / f"demo-known-answers-{__version__}.json"
    if not answers.exists():
        demonstrate(folder, answers=answers, progress=part(progress, 0.0, 0.8), cancel=cancel)
    return intake(archive, [folder], actor=actor, progress=part(progress, 0.8, 1.0), cancel=cancel)


def walk_forward(
    archive: Archive,
    study_uid: str,
    *,
    language: str,
    actor: Actor,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> ReportDraft:
    """Measure and draft again after decisions: what was stale is made from what is true now."""
    quantify(archive, study_uid, actor=actor, progress=progress, cancel=cancel)
    return draft(archive, study_uid, language=language, actor=actor)

"""Infer: installed models and analyses look at a study and propose, or say why they do not.

Walking through it again changes nothing: a stack that was judged (same package hash, same version
of an analysis) is not judged again. A new version adds its own proposals and takes back the
undecided ones of the old; what a person decided is never touched. A refusal is tried again, for
what stopped it (memory, a damaged package) may be gone. Nothing here accepts anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from workstation.ai.child import warm
from workstation.ai.gate import find_inputs
from workstation.ai.shelf import installed
from workstation.analyses import find_analyses
from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.domain.artefact import MadeBy, Wording, now
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import N_, BadInput, Cancelled, Message, ReaderError
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel, Progress, no_progress, part
from workstation.reading import alerts, second_reader
from workstation.reading.analysis_images import along, first_image
from workstation.reading.outlined import feeds_emergencies, outlines_of
from workstation.reading.proposals import Judge, Proposals
from workstation.reading.refusals import Refusals
from workstation.reading.runs import Run, Unusual, Volumes, in_order, of_analysis, of_model, share
from workstation.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InferReport:
    """All current findings, refusals and outcomes of the study. ran: what was computed just now
    (package or analysis ids, one for each run, in order). reads: volumes read for it."""

    findings: tuple[Finding, ...]
    refusals: tuple[Refusal, ...]
    outcomes: tuple[Outcome, ...]
    ran: tuple[str, ...]
    reads: int = 0


def infer(
    archive: Archive,
    settings: Settings,
    study_uid: str,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
    stat_only: bool = False,
    begun: Callable[[str], None] = lambda judge_id: None,
) -> InferReport:
    """Run every installed package and every proposing analysis on the stacks that suit it.

    Needs ``assemble`` first. Raises ``Cancelled`` (what was finished before is kept) and
    ``NotAllowed``; whatever goes wrong in one model becomes its refusal, the others still run.
    A signed study is left alone. stat_only: what looks for emergencies and nothing else; the study
    then still counts as not analysed. begun: told the id of each judge as its run begins.
    """
    room = _Room(archive, settings, study_uid, actor, cancel or Cancel(), begun)
    if archive.study(study_uid).state is not StudyState.SIGNED:
        second_reader.settle_mode(archive, settings, study_uid, actor)
        room.take_back_what_lost_its_images()
        with room.volumes, warm():
            room.walk(progress, stat_only)
    return InferReport(
        tuple(archive.all(Finding, study_uid)),
        tuple(archive.all(Refusal, study_uid)),
        tuple(archive.all(Outcome, study_uid)),
        tuple(room.ran),
        room.volumes.reads,
    )


class _JudgedMeanwhile(Exception):
    """Another program stored what this run found, or took its images away: nothing is stored."""


def _sheltered(run: Run, progress: Progress) -> Proposals:
    """The run's result; a fault in one plug-in must not keep the reader from all the others."""
    try:
        return run.compute(progress)
    except ReaderError:
        raise
    except Exception as error:
        _log.exception("%s failed", run.judge.id)
        raise BadInput(
            N_("It failed unexpectedly ({kind}); the log file says more."),
            kind=type(error).__name__,
        ) from error


class _Room:
    """One walk through the room."""

    def __init__(
        self,
        archive: Archive,
        settings: Settings,
        study_uid: str,
        actor: Actor,
        cancel: Cancel,
        begun: Callable[[str], None],
    ) -> None:
        self.archive = archive
        self.settings = settings
        self.study_uid = study_uid
        self.actor = actor
        self.cancel = cancel
        self.begun = begun
        self.stacks = archive.all(Stack, study_uid)
        self.refusals = Refusals(archive, study_uid, actor, self.stacks)
        self.volumes = Volumes(archive, cancel)
        self.ran: list[str] = []

    def walk(self, progress: Progress, stat_only: bool) -> None:
        """Every run that is still to be made, each stored as soon as it is done; then those that
        stand on outlines that are there by now."""
        self._make(self._runs(stat_only), part(progress, 0.0, 0.9))
        self._make(self._on_outlines(stat_only), part(progress, 0.9, 1.0))
        if stat_only:
            return
        self.refusals.name_what_nobody_looked_at()
        if self.archive.study(self.study_uid).state is StudyState.NEW:
            with self._writing(Message(N_("Analysed"))) as writer:
                writer.set_state(self.study_uid, StudyState.ANALYSED)

    def _make(self, found: list[Run], progress: Progress) -> None:
        runs = in_order(found)
        self.volumes.expect(runs)
        for number, run in enumerate(runs):
            self.cancel.check()
            inner = part(progress, *share(runs, number))
            self.begun(run.judge.id)
            inner(0.0, Message(N_("AI reads the study")))
            try:
                proposals = _sheltered(run, inner)
            except Cancelled:
                raise
            except ReaderError as error:
                self.refusals.refuse(run.judge, run.stack, error.message)
                continue
            finally:
                self.volumes.done(run)
            try:
                self._store(run, proposals)
            except _JudgedMeanwhile:
                continue
            self.ran.append(run.judge.id)

    # --- what there is to do

    def _runs(self, stat_only: bool) -> list[Run]:
        judged = {
            (one.what, one.stack_id): one.made_by
            for one in self.archive.all(Outcome, self.study_uid)
        }

        def still(judge: Judge, stack: Stack) -> bool:
            return judged.get((judge.id, stack.id)) != judge.made_by

        found: list[Run] = []
        shelf = installed(self.settings)
        for one in () if stat_only else shelf.refused:
            name = one.id or one.folder.name
            judge = Judge(name, Wording(name, name), MadeBy(name, ""))
            self.refusals.refuse(judge, None, one.reason)
        for package in shelf.usable:
            said = package.manifest
            if stat_only and not said.stat and not feeds_emergencies(package):
                continue
            judge = Judge(said.id, said.name.wording(), package.made_by, said.evidence)
            suitable = find_inputs(said, self.stacks)
            if suitable.reason is not None:
                self.refusals.refuse(judge, suitable.nearest, suitable.reason)
            else:
                self.refusals.no_longer(judge, {inputs[0].id for inputs in suitable.inputs})
            for inputs, cautions, doubts in zip(
                suitable.inputs, suitable.cautions, suitable.doubts, strict=True
            ):
                if still(judge, inputs[0]):
                    found.append(
                        of_model(
                            self.archive,
                            self.settings,
                            self.volumes,
                            self.cancel,
                            package,
                            judge,
                            inputs,
                            Unusual(cautions, doubts),
                        )
                    )
        for spec, analyse in find_analyses():
            if (stat_only and not spec.stat) or spec.stands_on:
                continue
            judge = Judge(spec.id, spec.name, MadeBy(spec.id, spec.version))
            for stack in self.stacks if not spec.needs_mask else ():
                image = first_image(spec)
                if image is None or stack.role not in spec.accepts or not stack.is_volume:
                    continue
                parts = along(image, stack, self.stacks)
                if parts[-1] == stack and still(judge, stack):  # once for a series that was split
                    found.append(
                        of_analysis(
                            self.archive, self.volumes, spec, judge, analyse, stack, parts=parts
                        )
                    )
        return found

    def _on_outlines(self, stat_only: bool) -> list[Run]:
        """Measures of an organ that somebody outlined, where that was not measured yet.

        An image that they do not look at is nobody's refusal; a lacking outline is one, but not
        before every model has run.
        """
        current = {stack.id for stack in self.stacks}
        current |= {mask.id for mask in self.archive.all(MaskInfo, self.study_uid)}
        judged = {
            (one.what, one.stack_id): one for one in self.archive.all(Outcome, self.study_uid)
        }
        found: list[Run] = []
        for spec, analyse in find_analyses():
            if not spec.stands_on or (stat_only and not spec.stat):
                continue
            judge = Judge(spec.id, spec.name, MadeBy(spec.id, spec.version))
            for stack in self.stacks:
                was = judged.get((judge.id, stack.id))
                known = was is not None and was.made_by == judge.made_by
                if known and was is not None and set(was.made_from) <= current:
                    continue
                if stack.role not in spec.accepts or not stack.is_volume:
                    continue
                masks = outlines_of(self.archive, spec, stack)
                if not isinstance(masks, Message):
                    archive, volumes = self.archive, self.volumes
                    found.append(of_analysis(archive, volumes, spec, judge, analyse, stack, masks))
                elif not stat_only:
                    self.refusals.refuse(judge, stack, masks)
        return found

    # --- storing

    def _writing(self, reason: Message) -> AbstractContextManager[Writer]:
        return self.archive.write(self.actor, Permission.ANALYSE, reason, self.study_uid)

    def _store(self, run: Run, proposals: Proposals) -> None:
        judge = run.judge
        reason = Message(
            N_("{what} looked at series {number}"),
            {"what": str(judge.made_by), "number": run.stack.series_number},
        )
        with self._writing(reason) as writer:
            anew = self._still_open(writer, judge, run.stack, proposals)
            self._take_back(
                writer,
                lambda made_by, stack_id: (
                    made_by.name == judge.id
                    and (anew or made_by != judge.made_by)
                    and stack_id == run.stack.id
                ),
            )
            for refusal in writer.all(Refusal, self.study_uid):
                if refusal.what == judge.id and refusal.series_uid == run.stack.series_uid:
                    writer.withdraw(Refusal, refusal.id)
            for mask in proposals.masks:
                writer.put(mask)
            for finding in proposals.findings:
                writer.put(finding)
            for measurement in proposals.measurements:
                writer.put(measurement)
            for derived in proposals.maps:
                writer.put(derived)
            writer.put(replace(proposals.outcome, at=now()))
            alerts.raise_alert(
                writer, self.study_uid, judge.name, judge.made_by, proposals.findings
            )
            alerts.recheck(writer, self.study_uid)

    def _still_open(self, writer: Writer, judge: Judge, stack: Stack, proposals: Proposals) -> bool:
        """Nobody judged the stack while this run was computed, and it is still there. Whether the
        same version judged it before, on an outline that is gone."""
        if not any(one.id == stack.id for one in writer.all(Stack, self.study_uid)):
            raise _JudgedMeanwhile
        for outcome in writer.all(Outcome, self.study_uid):
            judged = (outcome.what, outcome.stack_id, outcome.made_by)
            if judged == (judge.id, stack.id, judge.made_by):
                if outcome.made_from == proposals.outcome.made_from:
                    raise _JudgedMeanwhile
                return True
        return False

    def take_back_what_lost_its_images(self) -> None:
        """Withdraw undecided proposals on stacks that were put together anew since."""
        current = {stack.id for stack in self.stacks}

        def lost(store: Archive | Writer) -> list[Outcome]:
            there = store.all(Outcome, self.study_uid)
            return [one for one in there if one.stack_id not in current]

        if not lost(self.archive):
            return
        with self._writing(Message(N_("Images were put together anew"))) as writer:
            self._take_back(writer, lambda made_by, stack_id: stack_id not in current)
            for outcome in lost(writer):
                writer.withdraw(Outcome, outcome.id)
            alerts.recheck(writer, self.study_uid)

    def _take_back(self, writer: Writer, which: Callable[[MadeBy, str], bool]) -> None:
        """Withdraw undecided findings, and masks and numbers that no other finding needs. What a
        decided finding was measured with, its model's outlines of other phases, stays."""
        kept: set[str] = set()
        measured_with: set[tuple[MadeBy, str]] = set()
        proposed: set[str] = set()
        gone: set[str] = set()
        withdrawn: set[str] = set()
        for finding in writer.all(Finding, self.study_uid):
            ours = finding.origin is None  # other systems' findings are the foreign room's
            undecided = finding.state is FindingState.PROPOSED
            if ours and undecided and which(finding.made_by, finding.stack_id):
                writer.withdraw(Finding, finding.id)
                withdrawn.add(finding.id)
                proposed |= {finding.mask_id, finding.original_mask_id}
            else:
                measured_with.add((finding.made_by, finding.stack_id))
                kept |= {finding.mask_id, finding.original_mask_id, *finding.edits}
        for mask in writer.all(MaskInfo, self.study_uid):
            of_kept = (mask.made_by, mask.stack_id) in measured_with and mask.id not in proposed
            if mask.id not in kept and not of_kept and which(mask.made_by, mask.stack_id):
                writer.withdraw(MaskInfo, mask.id)
                gone.add(mask.id)
        for derived in writer.all(DerivedMap, self.study_uid):
            if which(derived.made_by, derived.stack_id):
                writer.withdraw(DerivedMap, derived.id)
        for measurement in writer.all(Measurement, self.study_uid):
            of_no_finding = not measurement.finding_id and gone.intersection(measurement.made_from)
            if of_no_finding or measurement.finding_id in withdrawn:
                writer.withdraw(Measurement, measurement.id)

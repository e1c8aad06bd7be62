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
from dataclasses import dataclass

from workstation.ai.client import run_package
from workstation.ai.gate import find_inputs
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage, list_packages
from workstation.analyses import find_analyses
from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.dicom.volumes import read_volume
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, AnalysisSpec
from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.errors import N_, BadInput, Cancelled, Message, ReaderError
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.reading.proposals import Judge, Proposals, from_analysis, from_model, one_id
from workstation.reading.unseen import SERIES, of_unseen
from workstation.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InferReport:
    """All current findings, refusals and outcomes of the study. ran: what was computed just now
    (package or analysis ids, one for each run)."""

    findings: tuple[Finding, ...]
    refusals: tuple[Refusal, ...]
    outcomes: tuple[Outcome, ...]
    ran: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """One run still to be made: who looks, at which stack, and how."""

    judge: Judge
    stack: Stack
    run: Callable[[Progress], Proposals]


def infer(
    archive: Archive,
    settings: Settings,
    study_uid: str,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> InferReport:
    """Run every installed package and every proposing analysis on the stacks that suit it.

    Needs ``assemble`` first. Raises ``Cancelled`` (what was finished before is kept) and
    ``NotAllowed``; whatever goes wrong in one model becomes its refusal, the others still run.
    A signed study is left alone.
    """
    room = _Room(archive, settings, study_uid, actor, cancel or Cancel())
    if archive.study(study_uid).state is not StudyState.SIGNED:
        room.take_back_what_lost_its_images()
        room.walk(progress)
    return InferReport(
        tuple(archive.all(Finding, study_uid)),
        tuple(archive.all(Refusal, study_uid)),
        tuple(archive.all(Outcome, study_uid)),
        tuple(room.ran),
    )


class _JudgedMeanwhile(Exception):
    """Another program stored what this run found, or took its images away: nothing is stored."""


def _sheltered(task: _Task, progress: Progress) -> Proposals:
    """The run's result; a fault in one plug-in must not keep the reader from all the others."""
    try:
        return task.run(progress)
    except ReaderError:
        raise
    except Exception as error:
        _log.exception("%s failed", task.judge.id)
        raise BadInput(
            N_("It failed unexpectedly ({kind}); the log file says more."),
            kind=type(error).__name__,
        ) from error


class _Room:
    """One walk through the room."""

    def __init__(
        self, archive: Archive, settings: Settings, study_uid: str, actor: Actor, cancel: Cancel
    ) -> None:
        self.archive = archive
        self.settings = settings
        self.study_uid = study_uid
        self.actor = actor
        self.cancel = cancel
        self.stacks = archive.all(Stack, study_uid)
        self.ran: list[str] = []

    def walk(self, progress: Progress) -> None:
        """Every run that is still to be made, each stored as soon as it is done."""
        tasks = self._tasks()
        for number, task in enumerate(tasks):
            self.cancel.check()

            def part(fraction: float, doing: Message, number: int = number) -> None:
                progress((number + fraction) / len(tasks), doing)

            try:
                proposals = _sheltered(task, part)
            except Cancelled:
                raise
            except ReaderError as error:
                self._refuse(task.judge, task.stack, error.message)
                continue
            try:
                self._store(task, proposals)
            except _JudgedMeanwhile:
                continue
            self.ran.append(task.judge.id)
        self._name_what_nobody_looked_at()
        if self.archive.study(self.study_uid).state is StudyState.NEW:
            with self._writing(Message(N_("Analysed"))) as writer:
                writer.set_state(self.study_uid, StudyState.ANALYSED)

    # --- what there is to do

    def _tasks(self) -> list[_Task]:
        judged = {
            (one.what, one.stack_id): one.made_by
            for one in self.archive.all(Outcome, self.study_uid)
        }

        def still(judge: Judge, stack: Stack) -> bool:
            return judged.get((judge.id, stack.id)) != judge.made_by

        found: list[_Task] = []
        packages, broken = list_packages(self.settings.models)
        for one in broken:
            name = one.folder.name
            self._refuse(Judge(name, Wording(name, name), MadeBy(name, "")), None, one.reason)
        for package in packages:
            said = package.manifest
            judge = Judge(said.id, said.name.wording(), package.made_by, said.evidence)
            suitable = find_inputs(said, self.stacks)
            if suitable.reason is not None:
                self._refuse(judge, suitable.nearest, suitable.reason)
            else:
                self._no_longer_refused(judge, {inputs[0].id for inputs in suitable.inputs})
            for inputs in suitable.inputs:
                if still(judge, inputs[0]):
                    found.append(_Task(judge, inputs[0], self._model(package, judge, inputs)))
        for spec, analyse in find_analyses():
            judge = Judge(spec.id, spec.name, MadeBy(spec.id, spec.version))
            for stack in self.stacks if not spec.needs_mask else ():
                fits = stack.role in spec.accepts and stack.is_volume
                if fits and still(judge, stack):
                    found.append(_Task(judge, stack, self._analysis(spec, judge, analyse, stack)))
        return found

    def _model(
        self, package: ModelPackage, judge: Judge, inputs: tuple[Stack, ...]
    ) -> Callable[[Progress], Proposals]:
        def run(progress: Progress) -> Proposals:
            volumes = [
                read_volume(stack, self.archive.blob_path, cancel=self.cancel) for stack in inputs
            ]
            asked = self.settings
            result = run_package(
                package,
                [volume.array for volume in volumes],
                [volume.grid for volume in volumes],
                limits=Limits(asked.ai_memory_mb, asked.ai_timeout_s, asked.ai_threads),
                progress=progress,
                cancel=self.cancel,
            )
            return from_model(self.archive, judge, package, result, inputs)

        return run

    def _analysis(
        self,
        spec: AnalysisSpec,
        judge: Judge,
        analyse: Callable[[AnalysisInputs], AnalysisResult],
        stack: Stack,
    ) -> Callable[[Progress], Proposals]:
        def run(progress: Progress) -> Proposals:
            if not stack.is_volume:
                raise BadInput(N_("Series {number} is not a volume."), number=stack.series_number)
            progress(0.0, Message(N_("Measuring")))
            volumes = tuple(
                read_volume(stack, self.archive.blob_path, phase, cancel=self.cancel)
                for phase in range(stack.phases)
            )
            result = analyse(AnalysisInputs(volumes=volumes))
            return from_analysis(self.archive, judge, spec, result, stack)

        return run

    # --- storing

    def _writing(self, reason: Message) -> AbstractContextManager[Writer]:
        return self.archive.write(self.actor, Permission.ANALYSE, reason, self.study_uid)

    def _store(self, task: _Task, proposals: Proposals) -> None:
        judge = task.judge
        reason = Message(
            N_("{what} looked at series {number}"),
            {"what": str(judge.made_by), "number": task.stack.series_number},
        )
        with self._writing(reason) as writer:
            self._still_open(writer, judge, task.stack)
            self._take_back(
                writer,
                lambda made_by, stack_id: (
                    made_by.name == judge.id
                    and made_by != judge.made_by
                    and stack_id == task.stack.id
                ),
            )
            for refusal in writer.all(Refusal, self.study_uid):
                if refusal.what == judge.id and refusal.series_uid == task.stack.series_uid:
                    writer.withdraw(Refusal, refusal.id)
            for mask in proposals.masks:
                writer.put(mask)
            for finding in proposals.findings:
                writer.put(finding)
            for measurement in proposals.measurements:
                writer.put(measurement)
            writer.put(proposals.outcome)
            if any(finding.urgent for finding in proposals.findings):
                writer.set_urgent(self.study_uid, True)

    def _still_open(self, writer: Writer, judge: Judge, stack: Stack) -> None:
        """Nobody judged the stack while this run was computed, and it is still there."""
        if not any(one.id == stack.id for one in writer.all(Stack, self.study_uid)):
            raise _JudgedMeanwhile
        for outcome in writer.all(Outcome, self.study_uid):
            judged = (outcome.what, outcome.stack_id, outcome.made_by)
            if judged == (judge.id, stack.id, judge.made_by):
                raise _JudgedMeanwhile

    def _refuse(self, judge: Judge, stack: Stack | None, reason: Message) -> None:
        """Say why; one refusal a judge and stack, written only where it says something new."""
        refusal = Refusal(
            id=one_id("refusal", self.study_uid, judge.id, stack.id if stack else ""),
            study_uid=self.study_uid,
            series_uid=stack.series_uid if stack else "",
            what=judge.id,
            name=judge.name,
            reason=reason,
            made_by=judge.made_by,
            made_from=(stack.id,) if stack else (),
        )
        if refusal in self._refusals(self.archive, judge):
            return
        said = Message(N_("{what} does not judge this study"), {"what": str(judge.made_by)})
        with self._writing(said) as writer:
            current = {one.id for one in self.stacks}
            for old in self._refusals(writer, judge):
                gone = not old.made_from or not set(old.made_from) <= current
                if old.id != refusal.id and (gone or old.made_by != judge.made_by):
                    writer.withdraw(Refusal, old.id)
            writer.put(refusal)

    def _no_longer_refused(self, judge: Judge, stack_ids: set[str]) -> None:
        """Withdraw refusals that speak of no stack which the judge now looks at."""

        def outdated(store: Archive | Writer) -> list[Refusal]:
            there = self._refusals(store, judge)
            return [one for one in there if not stack_ids & set(one.made_from)]

        if outdated(self.archive):
            said = Message(N_("{what} found a suitable series"), {"what": str(judge.made_by)})
            with self._writing(said) as writer:
                for refusal in outdated(writer):
                    writer.withdraw(Refusal, refusal.id)

    def _refusals(self, store: Archive | Writer, judge: Judge) -> list[Refusal]:
        return [one for one in store.all(Refusal, self.study_uid) if one.what == judge.id]

    def _name_what_nobody_looked_at(self) -> None:
        """One refusal for each series with images that no model or analysis said anything of."""
        if self._change_of_unseen(self.archive) == ([], []):
            return
        said = Message(N_("Series that nothing installed looks at were noted"))
        with self._writing(said) as writer:
            outdated, fresh = self._change_of_unseen(writer)
            for refusal in outdated:
                writer.withdraw(Refusal, refusal.id)
            for refusal in fresh:
                writer.put(refusal)

    def _change_of_unseen(self, store: Archive | Writer) -> tuple[list[Refusal], list[Refusal]]:
        """Refusals of unseen series that no longer hold, and those still to be stored."""
        refusals = store.all(Refusal, self.study_uid)
        there = {one.id: one for one in refusals if one.what == SERIES}
        seen = {id for one in store.all(Outcome, self.study_uid) for id in one.made_from}
        # A measure that refuses somebody's mask has not looked at the series.
        seen |= {
            one.made_from[0] for one in refusals if one.what != SERIES and len(one.made_from) == 1
        }
        wanted: dict[str, Refusal] = {}
        for stack in store.all(Stack, self.study_uid):
            if stack.id not in seen:
                refusal = of_unseen(stack)
                wanted.setdefault(refusal.id, refusal)
        outdated = [one for id, one in there.items() if id not in wanted]
        return outdated, [one for id, one in wanted.items() if there.get(id) != one]

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

    def _take_back(self, writer: Writer, which: Callable[[MadeBy, str], bool]) -> None:
        """Withdraw undecided findings, and masks and numbers that no other finding needs."""
        kept: set[str] = set()
        withdrawn: set[str] = set()
        for finding in writer.all(Finding, self.study_uid):
            if finding.state is FindingState.PROPOSED and which(finding.made_by, finding.stack_id):
                writer.withdraw(Finding, finding.id)
                withdrawn.add(finding.id)
            else:
                kept |= {finding.mask_id, finding.original_mask_id, *finding.edits}
        for mask in writer.all(MaskInfo, self.study_uid):
            if mask.id not in kept and which(mask.made_by, mask.stack_id):
                writer.withdraw(MaskInfo, mask.id)
        for measurement in writer.all(Measurement, self.study_uid):
            if measurement.finding_id in withdrawn:
                writer.withdraw(Measurement, measurement.id)

"""Quantify: masks as they are now become measurements, each with formula, unit and source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workstation.analyses import Analyse, find_analyses
from workstation.archive.store import Archive
from workstation.domain.analysis import AnalysisInputs, AnalysisSpec
from workstation.domain.artefact import MadeBy, digest_of
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.stale import current_ids, is_stale
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel, Progress, no_progress


@dataclass(frozen=True)
class _Task:
    """One analysis on one finding's mask; ``key`` is the same whenever the inputs are."""

    spec: AnalysisSpec
    analyse: Analyse
    finding: Finding
    stack: Stack

    @property
    def key(self) -> str:
        return digest_of((self.spec.id, self.spec.version, self.finding.id, self.finding.mask_id))

    @property
    def made_by(self) -> MadeBy:
        return MadeBy(self.spec.id, self.spec.version)


def _tasks(findings: list[Finding], stacks: dict[str, Stack]) -> Iterator[_Task]:
    for spec, analyse in find_analyses():
        for finding in findings:
            stack = stacks.get(finding.stack_id)
            wanted = spec.needs_mask and spec.needs_mask == finding.template_key
            if wanted and stack and finding.mask_id and finding.state is not FindingState.REJECTED:
                yield _Task(spec, analyse, finding, stack)


def quantify(
    archive: Archive,
    study_uid: str,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> list[Measurement]:
    """Measure the masks of findings that were not rejected; the study's current measurements.

    What was measured on the same mask by the same version is kept as it is. Measurements that
    stand on a mask no longer shown are withdrawn: they stay in the history, not in the report.
    """
    study = archive.study(study_uid)
    findings = archive.all(Finding, study.study_uid)
    stacks = {stack.id: stack for stack in archive.all(Stack, study.study_uid)}
    known = archive.all(Measurement, study.study_uid)
    if study.state is StudyState.SIGNED:
        return known
    tasks = list(_tasks(findings, stacks))
    kept = {m.id.split("-")[0] for m in known}
    refusals = {r.id: r for r in archive.all(Refusal, study.study_uid)}
    wanted = {task.key for task in tasks}
    fresh: list[Measurement] = []
    refused: list[Refusal] = []
    doing = Message(N_("Measuring"))
    for done, task in enumerate(tasks):
        if cancel is not None:
            cancel.check()
        progress(done / len(tasks), doing)
        if task.key in kept or task.key in refusals:
            continue
        mask = archive.load_mask(task.finding.mask_id)
        inputs = AnalysisInputs(masks={task.spec.needs_mask: mask}, grid=task.stack.grid)
        try:
            fresh += _measurements(task, inputs)
        except BadInput as error:
            refused.append(_refusal(task, error.message))
    own = {spec.id for spec, _ in find_analyses() if spec.needs_mask}
    current = current_ids(stacks.values(), findings)
    gone = [
        m
        for m in known
        if (m.made_by.name in own and m.id.split("-")[0] not in wanted)
        or (m.finding_id and is_stale(m.made_from, current))
    ]
    lapsed = [
        r for r in refusals.values() if r.what in own and r.made_from and r.id not in wanted
    ]
    if fresh or refused or gone or lapsed:
        reason = Message(N_("Measured on the masks of now"))
        with archive.write(actor, Permission.ANALYSE, reason, study.study_uid) as writer:
            for old in gone:
                writer.withdraw(Measurement, old.id)
            for lapse in lapsed:
                writer.withdraw(Refusal, lapse.id)
            for item in fresh:
                writer.put(item)
            for refusal in refused:
                writer.put(refusal)
    progress(1.0, doing)
    return archive.all(Measurement, study.study_uid)


def _measurements(task: _Task, inputs: AnalysisInputs) -> list[Measurement]:
    result = task.analyse(inputs)
    return [
        Measurement(
            id=f"{task.key}-{number}",
            study_uid=task.finding.study_uid,
            series_uid=task.finding.series_uid,
            name=quantity.name,
            code=quantity.code,
            value=quantity.value,
            unit=quantity.unit,
            formula=task.spec.id,
            source=task.spec.source,
            made_from=(task.stack.id, task.finding.mask_id),
            made_by=task.made_by,
            finding_id=task.finding.id,
        )
        for number, quantity in enumerate(result.quantities)
    ]


def _refusal(task: _Task, reason: Message) -> Refusal:
    return Refusal(
        id=task.key,
        study_uid=task.finding.study_uid,
        series_uid=task.finding.series_uid,
        what=task.spec.id,
        name=task.spec.name,
        reason=reason,
        made_by=task.made_by,
        made_from=(task.stack.id, task.finding.mask_id),
    )

"""Quantify: masks as they are now become measurements, each with formula, unit and source."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from workstation.analyses import Analyse, find_analyses
from workstation.archive.store import Archive
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, AnalysisSpec, Value
from workstation.domain.artefact import MadeBy, Wording, digest_of
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
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
        outlined = [one.mask_id for one in self.finding.outlined]
        return digest_of(
            (self.spec.id, self.spec.version, self.finding.id, self.finding.mask_id, *outlined)
        )

    @property
    def made_by(self) -> MadeBy:
        return MadeBy(self.spec.id, self.spec.version)

    def masks(self, there: list[MaskInfo]) -> dict[str, str]:
        """Ids of what is measured, by key. Of a time series: on each phase what the finding's own
        model outlined or a reader in its place, and the finding's mask as it is now on its phase.
        """
        finding = self.finding
        keys = {one.code: one.key for one in self.spec.inputs if one.by_phase and one.code}
        if not keys:
            return {self.spec.needs_mask: finding.mask_id}
        found = {
            f"{keys[mask.code.value]}:{mask.phase}": mask.id
            for mask in there
            if (mask.stack_id, mask.made_by) == (self.stack.id, finding.made_by)
            and mask.code is not None
            and mask.code.value in keys
            and not mask.experimental
        }
        for one in finding.outlined:
            if one.code in keys:
                found[f"{keys[one.code]}:{one.phase}"] = one.mask_id
        if finding.code.value in keys:
            found[f"{keys[finding.code.value]}:{finding.phase}"] = finding.mask_id
        return found

    def inputs(self, archive: Archive, masks: dict[str, str]) -> AnalysisInputs:
        """The masks' voxels; of what the analysis asks for: the finding's phase, those that a
        reader outlined, and the patient's height and weight where headers state them."""
        there = self.stack.acquisition
        drawn = sorted({one.phase for one in self.finding.outlined})
        facts: dict[str, Value | None] = {
            "phase": float(self.finding.phase),
            "drawn": ",".join(str(phase) for phase in drawn),
            "height_cm": there.height_cm,
            "weight_kg": there.weight_kg,
        }
        asked = {one.key for one in self.spec.parameters}
        return AnalysisInputs(
            masks={key: archive.load_mask(id) for key, id in masks.items()},
            grid=self.stack.grid,
            values={key: value for key, value in facts.items() if key in asked},
        )


def _tasks(
    findings: list[Finding], stacks: dict[str, Stack], known: list[Measurement]
) -> Iterator[_Task]:
    proposing = {spec.id for spec, _ in find_analyses() if not spec.needs_mask}
    # Who proposed a finding with further numbers has measured its mask: not a second time.
    measured = {
        (m.finding_id, id) for m in known if m.made_by.name in proposing for id in m.made_from
    }
    for spec, analyse in find_analyses():
        for finding in findings:
            stack = stacks.get(finding.stack_id)
            wanted = (
                spec.needs_mask
                and spec.needs_mask == finding.template_key
                and (finding.id, finding.mask_id) not in measured
            )
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
    stand on a mask no longer shown are withdrawn: they stay in the history, not in the report, and
    are current again when every edit is undone. A finding that has no number, or lost it to an
    edit, gets the first number of an analysis that measures its mask, where that is of its unit.
    """
    study = archive.study(study_uid)
    findings = archive.all(Finding, study.study_uid)
    stacks = {stack.id: stack for stack in archive.all(Stack, study.study_uid)}
    known = archive.all(Measurement, study.study_uid)
    masks = archive.all(MaskInfo, study.study_uid)
    if study.state is StudyState.SIGNED:
        return known
    current = current_ids(stacks.values(), findings, masks)
    back = _brought_back(archive, findings, current, known)
    tasks = list(_tasks(findings, stacks, known + back))
    kept = {m.id.split("-")[0] for m in known}
    refusals = {r.id: r for r in archive.all(Refusal, study.study_uid)}
    wanted = {task.key for task in tasks}
    fresh: list[tuple[Finding, Measurement]] = []
    numbered: list[tuple[Finding, Measurement, tuple[Message, ...]]] = []
    refused: list[Refusal] = []
    doing = Message(N_("Measuring"))
    for done, task in enumerate(tasks):
        if cancel is not None:
            cancel.check()
        progress(done / len(tasks), doing)
        lacking = task.finding.value is None and task.finding.origin is None
        if task.key in refusals or (task.key in kept and not lacking):
            continue
        used = task.masks(masks)
        try:
            result = task.analyse(task.inputs(archive, used))
            measurements = _measurements(task, result, tuple(used.values()))
            fresh += [(task.finding, one) for one in measurements]
            if lacking and measurements and task.finding.unit in {measurements[0].unit, ""}:
                numbered.append((task.finding, measurements[0], result.cautions))
        except BadInput as error:
            refused.append(_refusal(task, error.message))
    own = {spec.id for spec, _ in find_analyses() if spec.needs_mask}
    # What a person had measured is its finding's, whatever this room would measure itself.
    asked_for = {finding.id for finding in findings if finding.made_by.name in own}
    gone = [
        m
        for m in known
        if (
            m.made_by.name in own
            and m.id.split("-")[0] not in wanted
            and m.finding_id not in asked_for
        )
        or (m.finding_id and is_stale(m.made_from, current))
    ]
    lapsed = [r for r in refusals.values() if r.what in own and r.made_from and r.id not in wanted]
    if back or fresh or refused or gone or lapsed or numbered:
        reason = Message(N_("Measured on the masks of now"))
        with archive.write(actor, Permission.ANALYSE, reason, study.study_uid) as writer:
            # Another program may have withdrawn or decided something a moment ago.
            there = {m.id for m in writer.all(Measurement, study.study_uid)}
            for old in gone:
                if old.id in there:
                    writer.withdraw(Measurement, old.id)
            there = {r.id for r in writer.all(Refusal, study.study_uid)}
            for lapse in lapsed:
                if lapse.id in there:
                    writer.withdraw(Refusal, lapse.id)
            now = {f.id: f for f in writer.all(Finding, study.study_uid)}
            for finding, number, cautions in numbered:
                was = now.get(finding.id)
                if was is not None and _drawn_alike(was, finding) and was.value is None:
                    writer.put(_with_number(was, number, cautions))
            for item in back:
                writer.put(item)
            for finding, item in fresh:
                was = now.get(finding.id)
                if was is not None and _drawn_alike(was, finding):
                    writer.put(item)
            for refusal in refused:
                writer.put(refusal)
    progress(1.0, doing)
    return archive.all(Measurement, study.study_uid)


def _drawn_alike(one: Finding, other: Finding) -> bool:
    """Whether nothing was drawn between two versions of a finding, on any phase."""
    return (one.mask_id, one.outlined) == (other.mask_id, other.outlined)


def _with_number(finding: Finding, measured: Measurement, cautions: tuple[Message, ...]) -> Finding:
    return replace(
        finding,
        cautions=finding.cautions + tuple(one for one in cautions if one not in finding.cautions),
        value=measured.value,
        unit=measured.unit,
        formula=measured.formula,
        value_name=measured.name,
        value_code=measured.code,
    )


def _brought_back(
    archive: Archive, findings: list[Finding], current: frozenset[str], known: list[Measurement]
) -> list[Measurement]:
    """Numbers that came with a proposal, withdrawn on an edit that was undone since."""
    there = {m.id for m in known}
    found = []
    for finding in findings:
        undone = not finding.outlined and finding.mask_id == finding.original_mask_id
        for number in itertools.count():
            id = f"{finding.id}-{number}"
            versions = archive.history(Measurement, id) if undone else []
            if not versions:
                break
            if id not in there and not is_stale(versions[-1].made_from, current):
                found.append(versions[-1])
    return found


def _measurements(task: _Task, result: AnalysisResult, masks: tuple[str, ...]) -> list[Measurement]:
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
            made_from=(task.stack.id, *masks),
            made_by=task.made_by,
            finding_id=task.finding.id,
        )
        for number, quantity in enumerate(result.quantities)
        if not _says_itself(task, quantity.name)
    ]


def _says_itself(task: _Task, name: Wording) -> bool:
    """Whether the finding has this number from elsewhere: it would stand there twice."""
    finding = task.finding
    return (
        finding.value is not None and finding.value_name == name and finding.formula != task.spec.id
    )


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

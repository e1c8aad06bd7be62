"""Rows of the findings panel: exactly one for each model and measure, whatever came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.finding import Finding, FindingState, is_by_hand
from workstation.domain.judge import JudgeRow, KnownJudge, RowState
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.received import RECEIVED
from workstation.domain.volume import Stack

ORDER = tuple(RowState)


def rows_of(
    judges: Sequence[KnownJudge],
    stacks: Sequence[Stack],
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    refusals: Sequence[Refusal],
    outcomes: Sequence[Outcome],
    *,
    reading: bool = False,
    running: str = "",
) -> list[JudgeRow]:
    """One row a judge: findings first, emergencies before all, then what could not be judged.

    reading: the machine reads the study now. running: id of the judge that runs now. What proposed
    something and is neither installed nor known any more, or belongs to another system, has a row
    as well. What is only known has one where the study has a series that it would look at.
    """
    known = {one.id: one for one in judges}
    for finding in findings:
        if not is_by_hand(finding):
            known.setdefault(finding.made_by.name, _stranger(finding.made_by))
    for outcome in outcomes:
        known.setdefault(outcome.what, _stranger(outcome.made_by, outcome.name))
    found = []
    for judge in known.values():
        row = JudgeRow(
            judge,
            RowState.WAITING,
            tuple(f for f in findings if f.made_by.name == judge.id and not is_by_hand(f)),
            tuple(m for m in measurements if m.made_by.name == judge.id),
            tuple(o for o in outcomes if o.what == judge.id),
            tuple(r for r in refusals if r.what == judge.id),
        )
        if judge.id != RECEIVED and _concerns(judge, row, stacks):
            fits = any(stack.is_volume and stack.role in judge.roles for stack in stacks)
            state = _state(row, reading, running, findings, fits)
            found.append(replace(row, state=state))

    def order(row: JudgeRow) -> tuple[bool, int, bool]:
        theirs = any(finding.origin is not None for finding in row.findings)
        return not row.urgent, ORDER.index(row.state), theirs

    return sorted(found, key=order)


def _stranger(made_by: MadeBy, name: Wording | None = None) -> KnownJudge:
    """Something that left results and is not here any more, or never was."""
    plain = Wording(made_by.name, made_by.name)
    return KnownJudge(made_by.name, name or plain, made_by, installed=False)


def _concerns(judge: KnownJudge, row: JudgeRow, stacks: Sequence[Stack]) -> bool:
    if judge.installed or row.findings or row.outcomes or row.refusals:
        return True
    return any(
        stack.modality in judge.modalities and (not judge.roles or stack.role in judge.roles)
        for stack in stacks
    )


def _state(
    row: JudgeRow, reading: bool, running: str, findings: Sequence[Finding], fits: bool
) -> RowState:
    judge = row.judge
    if reading and running == judge.id:
        return RowState.RUNNING
    if row.findings:
        return RowState.FOUND
    if judge.needs_mask:
        return _measured(row, reading, findings)
    if any(getattr(outcome, "doubts", ()) for outcome in row.outcomes):
        return RowState.UNCERTAIN
    # Nothing on one series and no answer on another is no "nothing found".
    if judge.broken is not None or any(refusal.made_from for refusal in row.refusals):
        return RowState.NOT_JUDGED
    if row.outcomes:
        # Models of organs and maps of perfusion propose nothing: what they found are numbers.
        return RowState.FOUND if row.measurements else RowState.NOT_FOUND
    if not judge.installed:
        return RowState.NOT_INSTALLED
    if row.refusals or (judge.measure and not fits):
        return RowState.NOT_APPLICABLE
    return RowState.WAITING


def _measured(row: JudgeRow, reading: bool, findings: Sequence[Finding]) -> RowState:
    """A measure of outlines: it says something only where a finding of its kind stands."""
    if row.measurements:
        return RowState.FOUND
    if row.refusals:
        return RowState.NOT_JUDGED
    wanted = [
        one
        for one in findings
        if one.template_key == row.judge.needs_mask and one.state is not FindingState.REJECTED
    ]
    return RowState.WAITING if reading and wanted else RowState.NOT_APPLICABLE

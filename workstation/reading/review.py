"""Review: a person's decisions on findings, each one journaled as it is made.

Every act is one transaction with a ``Decision`` and the new version of the finding, so that after
a crash the reading room comes back as it was, undo steps included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.domain.artefact import Code, MadeBy, Wording, new_id, now
from workstation.domain.beat import Structure
from workstation.domain.compared import compared
from workstation.domain.errors import N_, BadInput, Message, NotAllowed
from workstation.domain.finding import (
    HAND,
    Action,
    Decision,
    Finding,
    FindingState,
    Outlined,
    is_by_hand,
    next_state,
    state_after,
    step_of,
)
from workstation.domain.first_read import is_hidden
from workstation.domain.geometry import Grid
from workstation.domain.mask import VOLUME_FORMULA, VOLUME_NAME, VOLUME_UNIT, MaskInfo, centre_lps
from workstation.domain.people import Actor, Permission
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading.alerts import recheck


@dataclass(frozen=True)
class Drawn:
    """An outline (z, y, x) of a structure on one phase of the finding's series; without a structure
    the finding's own mask."""

    array: NDArray[np.bool_]
    structure: Structure | None = None
    phase: int = 0


@dataclass(frozen=True)
class _Before:
    """The finding as the transaction found it, and every version it had."""

    finding: Finding
    history: list[Finding]


def accept(archive: Archive, actor: Actor, finding_id: str, reason: str = "") -> Finding:
    """The reader agrees: the finding will speak in the report."""
    return _act(archive, actor, finding_id, Action.ACCEPT, reason)


def reject(archive: Archive, actor: Actor, finding_id: str, reason: str = "") -> Finding:
    """The reader disagrees: the finding stays in the record and out of the report."""
    return _act(archive, actor, finding_id, Action.REJECT, reason)


def reopen(archive: Archive, actor: Actor, finding_id: str, reason: str = "") -> Finding:
    """Back to undecided and to what the model proposed; the edits stay in the history."""

    def restored(before: _Before) -> Finding:
        old = before.finding
        if is_by_hand(old) or not old.edits:
            return old
        return replace(_showing(before, old.edits[0]), edits=(), edit_at=0)

    return _act(archive, actor, finding_id, Action.REOPEN, reason, restored)


def edit(
    archive: Archive,
    actor: Actor,
    finding_id: str,
    array: NDArray[np.bool_],
    reason: str = "",
) -> Finding:
    """Replace the mask by ``array`` (z, y, x) on the finding's stack; volume and place follow.

    A number that is not a volume (a degree of stenosis) cannot be told from the mask alone: it is
    cleared until it is measured again. What the model drew is kept. Edits that were undone can no
    longer be redone. ``BadInput`` where nothing is drawn.
    """
    return edit_outlines(archive, actor, finding_id, [Drawn(array)], reason)


def edit_outlines(
    archive: Archive, actor: Actor, finding_id: str, drawn: Sequence[Drawn], reason: str = ""
) -> Finding:
    """Outlines of a beating finding replaced, on any phase, as one step that can be taken back.

    Its number is cleared until it is measured again, unless that is its own mask's volume.
    ``BadInput`` where an outline is empty.
    """
    finding = archive.get(Finding, finding_id)
    archive.check(actor, Permission.REVIEW)
    grid = _grid(archive, finding)
    own: MaskInfo | None = None
    others: list[MaskInfo] = []
    location = finding.location_mm
    for one in drawn:
        what = one.structure
        place = (finding.code.value, finding.phase)
        here = what is None or (what.code.value, one.phase) == place
        label = finding.label if what is None else what.label
        mask = _new_mask(archive, actor, replace(finding, label=label), grid, one.array)
        if here or what is None:
            own, location = mask, _location(one.array, grid)
        else:
            others.append(replace(mask, phase=one.phase, code=what.code))
    masks = [*others, *([own] if own else [])]

    def edited(before: _Before) -> Finding:
        old = before.finding
        kept = {(one.code, one.phase): one for one in old.outlined}
        for mask in others:
            code = mask.code.value if mask.code is not None else ""
            kept[code, mask.phase] = Outlined(code, mask.phase, mask.id)
        steps = (*(old.edits[: old.edit_at + 1] or (old.mask_id,)), masks[-1].id)
        changed = replace(
            old,
            mask_id=own.id if own else old.mask_id,
            location_mm=location if own else old.location_mm,
            outlined=tuple(kept.values()),
            edits=steps,
            edit_at=len(steps) - 1,
            value=old.value if old.formula == VOLUME_FORMULA and not own else None,
        )
        if not is_by_hand(old) and not old.edits:
            changed = replace(
                changed,
                original_mask_id=old.original_mask_id or old.mask_id,
                original_value=old.value if old.original_value is None else old.original_value,
            )
        return _with_volume(changed, own) if own else changed

    return _act(archive, actor, finding_id, Action.EDIT, reason, edited, new_masks=masks)


def undo(archive: Archive, actor: Actor, finding_id: str) -> Finding:
    """One edit step back; at the first step the model's own mask shows again.

    There a model's finding stands where it stood before it was edited: undecided or accepted.
    """
    return _step(archive, actor, finding_id, -1)


def redo(archive: Archive, actor: Actor, finding_id: str) -> Finding:
    """One edit step forward again."""
    return _step(archive, actor, finding_id, +1)


def add(
    archive: Archive,
    actor: Actor,
    stack: Stack,
    label: Wording,
    code: Code,
    site: Wording,
    array: NDArray[np.bool_] | None = None,
    location_mm: tuple[float, float, float] | None = None,
    *,
    template_key: str = "other",
    area: str = "",
    urgent: bool = False,
    note: str = "",
    phase: int = 0,
    reason: str = "",
) -> Finding:
    """A finding of the reader's own: from a mask (z, y, x) on ``stack``, or from a point, LPS mm.

    ``BadInput`` where there is neither, where nothing is drawn or the point lies outside.
    """
    archive.check(actor, Permission.REVIEW)
    if array is None and location_mm is None:
        raise BadInput(N_("Mark a place or draw a region first."))
    if location_mm is not None and not stack.grid.contains(location_mm):
        raise BadInput(N_("The place lies outside the image."))
    finding = Finding(
        id=new_id(),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        label=label,
        code=code,
        site=site,
        state=next_state(None, Action.ADD),
        made_by=_hand(actor),
        made_from=(stack.id,),
        location_mm=location_mm or (0.0, 0.0, 0.0),
        template_key=template_key,
        area=area or stack.region,
        urgent=urgent,
        note=note,
        phase=phase,
    )
    mask = None
    if array is not None:
        mask = _new_mask(archive, actor, finding, stack.grid, array)
        place = location_mm or _location(array, stack.grid)
        finding = _with_volume(
            replace(finding, mask_id=mask.id, edits=(mask.id,), location_mm=place), mask
        )
    with _writing(archive, actor, Action.ADD, stack.study_uid) as writer:
        _must_be_open(writer, stack.study_uid)
        if mask is not None:
            writer.put(mask)
        _record(writer, actor, Action.ADD, reason, None, finding)
    return finding


def _act(
    archive: Archive,
    actor: Actor,
    finding_id: str,
    action: Action,
    reason: str,
    change: Callable[[_Before], Finding] = lambda before: before.finding,
    new_masks: Sequence[MaskInfo] = (),
) -> Finding:
    study_uid = archive.get(Finding, finding_id).study_uid
    with _writing(archive, actor, action, study_uid) as writer:
        _must_be_open(writer, study_uid)
        # Read inside the transaction: another window may have decided a moment ago.
        before = _Before(writer.get(Finding, finding_id), writer.history(Finding, finding_id))
        if not is_by_hand(before.finding) and is_hidden(writer, study_uid):
            raise NotAllowed(N_("AI is hidden: lock your first read, then look at what AI found."))
        state_after(before.finding, action)  # refuses what the table does not have
        changed = change(before)
        state = state_after(_as_was(before, changed), action)
        if action is Action.EDIT and changed.edits and changed.edit_at == 0:
            state = _state_unedited(before, state)
        finding = replace(changed, state=state)
        for mask in new_masks:
            writer.put(mask)
        _record(writer, actor, action, reason, before.finding, finding)
    return finding


def _as_was(before: _Before, changed: Finding) -> Finding:
    return replace(changed, state=before.finding.state)


def _state_unedited(before: _Before, edited: FindingState) -> FindingState:
    """Where the finding stood when it last showed its first step, now that edits are undone.

    Undecided where it was rejected then: who edited it no longer held it for wrong.
    """
    if is_by_hand(before.finding):
        return edited
    first = before.finding.edits[0]
    for old in reversed(before.history):
        if old.mask_id == first and old.edit_at == 0 and old.state is not FindingState.EDITED:
            break
    else:
        return FindingState.PROPOSED
    return old.state if old.state is FindingState.ACCEPTED else FindingState.PROPOSED


def _step(archive: Archive, actor: Actor, finding_id: str, by: int) -> Finding:
    def stepped(before: _Before) -> Finding:
        old = before.finding
        if old.state is FindingState.REJECTED:
            raise NotAllowed(N_("This finding is rejected. Accept or reopen it first."))
        at = old.edit_at + by
        if not 0 <= at < len(old.edits):
            raise NotAllowed(N_("Nothing to undo.") if by < 0 else N_("Nothing to redo."))
        return replace(_showing(before, old.edits[at]), edit_at=at)

    return _act(archive, actor, finding_id, Action.EDIT, "undo" if by < 0 else "redo", stepped)


def _showing(before: _Before, mask_id: str) -> Finding:
    """The finding with one of its masks, and with the place and numbers it had with that mask."""
    then = next(f for f in reversed(before.history) if step_of(f) == mask_id)
    return replace(
        before.finding,
        mask_id=then.mask_id,
        outlined=then.outlined,
        location_mm=then.location_mm,
        value=then.value,
        unit=then.unit,
        formula=then.formula,
        value_name=then.value_name,
        value_code=then.value_code,
    )


def _record(
    writer: Writer,
    actor: Actor,
    action: Action,
    reason: str,
    before: Finding | None,
    after: Finding,
) -> None:
    writer.put(after)
    writer.put(
        Decision(
            id=new_id(),
            study_uid=after.study_uid,
            finding_id=after.id,
            action=action,
            before=before.state if before else None,
            after=after.state,
            actor=actor,
            at=now(),
            reason=reason,
            mask_before=before.mask_id if before else "",
            mask_after=after.mask_id,
            value_before=before.value if before else None,
            value_after=after.value,
        )
    )
    recheck(writer, after.study_uid)
    # While AI is hidden the state of the study must not tell whether it found anything.
    findings = writer.all(Finding, after.study_uid)
    beside = compared(findings)
    undecided = is_hidden(writer, after.study_uid) or any(
        one.state is FindingState.PROPOSED and one.id not in beside for one in findings
    )
    writer.set_state(after.study_uid, StudyState.IN_REVIEW if undecided else StudyState.READY)


def _writing(
    archive: Archive, actor: Actor, action: Action, study_uid: str
) -> AbstractContextManager[Writer]:
    reason = Message(N_("A finding was reviewed: {action}."), {"action": action.value})
    return archive.write(actor, Permission.REVIEW, reason, study_uid)


def _must_be_open(writer: Writer, study_uid: str) -> None:
    if writer.study(study_uid).state is StudyState.SIGNED:
        raise NotAllowed(
            N_("The report of this study is signed. To change a finding, start a correction.")
        )


def _hand(actor: Actor) -> MadeBy:
    return MadeBy(HAND, actor.name)


def _grid(archive: Archive, finding: Finding) -> Grid:
    if finding.mask_id:
        return archive.get(MaskInfo, finding.mask_id).grid
    return archive.get(Stack, finding.stack_id).grid


def _new_mask(
    archive: Archive, actor: Actor, finding: Finding, grid: Grid, array: NDArray[np.bool_]
) -> MaskInfo:
    if not array.any():
        raise BadInput(N_("Nothing is drawn. To say that the finding is wrong, reject it."))
    return archive.store_mask(
        array,
        study_uid=finding.study_uid,
        series_uid=finding.series_uid,
        stack_id=finding.stack_id,
        label=finding.label,
        grid=grid,
        made_from=(finding.stack_id,),
        made_by=_hand(actor),
    )


def _location(array: NDArray[np.bool_], grid: Grid) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in centre_lps(array, grid))
    return x, y, z


def _with_volume(finding: Finding, mask: MaskInfo) -> Finding:
    # Another system's number is not ours to measure again: an edited outline is told by volume.
    if finding.unit not in {"", VOLUME_UNIT} and finding.origin is None:
        return finding
    return replace(
        finding,
        value_code=None,
        value=mask.volume_ml,
        unit=VOLUME_UNIT,
        formula=VOLUME_FORMULA,
        value_name=VOLUME_NAME if finding.origin else finding.value_name or VOLUME_NAME,
    )

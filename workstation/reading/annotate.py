"""Annotate: marks that a reader draws, each finished edit stored as it is made.

An edit is one transaction: the new version of the mark with its numbers (computed here from the
stored images, so that a report never repeats what a screen rounded) and the journal of what can be
taken back, so that after a crash marks and undo steps are as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.errors import N_, Message, NotAllowed, NotFound
from workstation.domain.finding import HAND
from workstation.domain.mark import (
    Mark,
    MarkEdit,
    MarkJournal,
    MarkKind,
    MarkNumber,
    MarkStep,
)
from workstation.domain.mark_format import KIND_WORDS
from workstation.domain.mark_numbers import numbers_of
from workstation.domain.mark_voxels import Painted, painted_of
from workstation.domain.mark_waiting import Waiting
from workstation.domain.mask import MaskInfo
from workstation.domain.people import Actor, Permission
from workstation.domain.ruler import ruler_of
from workstation.domain.study import StudyState
from workstation.domain.volume import Stack
from workstation.reading.stored_slices import stored_images, stored_slices
from workstation.reading.waiting_work import MARKS, marks_state

Left = Sequence[Waiting] | None
STEPS_KEPT = 100
REGION = Wording("Region", "感兴趣区")

_DREW = N_("A mark was drawn or changed: {kind}.")
_REMOVED = N_("A mark was removed: {kind}.")
_BACK = N_("An edit of a mark was taken back.")
_AGAIN = N_("An edit of a mark was done again.")


@dataclass(frozen=True)
class Kept:
    """Marks of a study as stored. done: edits that can be taken back, oldest first. undone:
    edits that can be done again, the next one last."""

    marks: tuple[Mark, ...]
    done: tuple[MarkEdit, ...]
    undone: tuple[MarkEdit, ...]


def kept(archive: Archive, study_uid: str) -> Kept:
    """Every mark of a study with its undo steps."""
    journal = _journal(archive, study_uid)
    histories: dict[str, list[Mark]] = {}

    def version(step: MarkStep, number: int) -> Mark | None:
        if step.mark_id not in histories:
            histories[step.mark_id] = archive.history(Mark, step.mark_id)
        return histories[step.mark_id][number - 1] if number else None

    edits = [MarkEdit(version(s, s.before), version(s, s.after)) for s in journal.steps]
    undone = tuple(reversed(edits[journal.at :]))
    return Kept(tuple(archive.all(Mark, study_uid)), tuple(edits[: journal.at]), undone)


def store(archive: Archive, actor: Actor, waiting: Waiting, left: Left = None) -> None:
    """Store what was done: an edit, or one that was taken back or done again.

    left: what waits after it, saved in the same transaction, so that after a crash nothing is
    stored twice or lost.
    """
    if waiting.edit is not None:
        keep(archive, actor, waiting.edit, painted=waiting.painted, left=left)
    else:
        _step(archive, actor, waiting.study_uid, waiting.by, left)


def keep(
    archive: Archive,
    actor: Actor,
    edit: MarkEdit,
    *,
    painted: Painted | None = None,
    left: Left = None,
) -> None:
    """Store one finished edit. painted: voxels of a brush region whose ``mask_id`` is new.

    ``NotAllowed`` where the mark is in a signed report, or would be.
    """
    mark = edit.mark
    archive.check(actor, Permission.REVIEW)
    info = _stored_mask(archive, actor, mark, painted) if painted is not None else None
    reason = Message(_REMOVED if edit.after is None else _DREW, {"kind": KIND_WORDS[mark.kind]})
    numbers = _numbers(archive, edit.after, painted) if edit.after is not None else ()
    others = _rescaled(archive, edit)
    with archive.write(actor, Permission.REVIEW, reason, mark.study_uid) as writer:
        _may_change(writer, edit)
        before = _version(writer, edit.before)
        if info is not None:
            writer.put(info)
        _put(writer, edit, actor, numbers)
        for other in others:
            writer.put(other)
        journal = _journal(writer, mark.study_uid)
        after = len(writer.history(Mark, mark.id)) if edit.after is not None else 0
        steps = (*journal.steps[: journal.at], MarkStep(mark.id, before, after))[-STEPS_KEPT:]
        writer.put(replace(journal, steps=steps, at=len(steps)))
        _leave(writer, left)


def undo(archive: Archive, actor: Actor, study_uid: str) -> None:
    """Take the last edit back. ``NotAllowed`` where there is none, or it is in a signed report."""
    _step(archive, actor, study_uid, -1)


def redo(archive: Archive, actor: Actor, study_uid: str) -> None:
    """Do again what was taken back last."""
    _step(archive, actor, study_uid, 1)


def _leave(writer: Writer, left: Left) -> None:
    if left is not None:
        writer.save_desk(MARKS, marks_state(left))


def _step(archive: Archive, actor: Actor, study_uid: str, by: int, left: Left = None) -> None:
    stored = kept(archive, study_uid)
    waiting = stored.done if by < 0 else stored.undone
    if not waiting:
        raise NotAllowed(N_("Nothing to undo.") if by < 0 else N_("Nothing to redo."))
    edit = waiting[-1].turned() if by < 0 else waiting[-1]
    numbers = _numbers(archive, edit.after, None) if edit.after is not None else ()
    others = _rescaled(archive, edit)
    reason = Message(_BACK if by < 0 else _AGAIN)
    with archive.write(actor, Permission.REVIEW, reason, study_uid) as writer:
        _may_change(writer, edit)
        _put(writer, edit, actor, numbers)
        for other in others:
            writer.put(other)
        journal = _journal(writer, study_uid)
        writer.put(replace(journal, at=journal.at + by))
        _leave(writer, left)


def _put(writer: Writer, edit: MarkEdit, actor: Actor, numbers: tuple[MarkNumber, ...]) -> None:
    if edit.after is None:
        writer.withdraw(Mark, edit.mark.id)
    else:
        writer.put(replace(edit.after, by=edit.after.by or actor.name, numbers=numbers))


def _journal(store: Archive | Writer, study_uid: str) -> MarkJournal:
    found = [j for j in store.all(MarkJournal, study_uid) if j.id == study_uid]
    return found[0] if found else MarkJournal(study_uid, study_uid)


def _version(writer: Writer, mark: Mark | None) -> int:
    """Number of the newest stored version that says what ``mark`` says; 0 of no mark."""
    if mark is None:
        return 0
    history = writer.history(Mark, mark.id)
    for number in range(len(history), 0, -1):
        if _said(history[number - 1]) == _said(mark):
            return number
    if not history:
        raise NotFound(N_("There is no {kind} {id} in the archive."), kind="mark", id=mark.id)
    return len(history)


def _said(mark: Mark) -> Mark:
    """What a reader's edit says: neither who is known to have drawn it, nor numbers."""
    return replace(mark, by="", numbers=())


def _may_change(writer: Writer, edit: MarkEdit) -> None:
    if writer.study(edit.mark.study_uid).state is not StudyState.SIGNED:
        return
    if any(m is not None and m.in_report for m in (edit.before, edit.after)):
        raise NotAllowed(
            N_("The report of this study is signed. To change a mark in it, start a correction.")
        )


def _rescaled(archive: Archive, edit: MarkEdit) -> list[Mark]:
    """Other marks whose lengths change because a calibration line came, went or moved."""
    line = edit.mark
    if line.kind is not MarkKind.CALIBRATION:
        return []
    marks = [m for m in archive.all(Mark, line.study_uid) if m.id != line.id]
    lines = [*marks, *([edit.after] if edit.after is not None else [])]
    changed = []
    for mark in marks:
        if mark.stack_id == line.stack_id and mark.kind is not MarkKind.CALIBRATION:
            changed.append(replace(mark, numbers=_numbers(archive, mark, None, lines)))
    return changed


def _numbers(
    archive: Archive, mark: Mark, painted: Painted | None, lines: list[Mark] | None = None
) -> tuple[MarkNumber, ...]:
    """Numbers of a mark from the stored images."""
    stack = archive.get(Stack, mark.stack_id)
    if mark.mask_id and painted is None:
        painted = painted_of(archive.load_mask(mark.mask_id))
    known = archive.all(Mark, mark.study_uid) if lines is None else lines
    ruler = ruler_of(mark, stack, [m for m in known if m.id != mark.id])
    return numbers_of(
        mark,
        stack,
        stored_slices(archive, stack, mark.phase),
        ruler=ruler,
        painted=painted,
        images=stored_images(archive, stack, mark.phase),
    )


def _stored_mask(archive: Archive, actor: Actor, mark: Mark, painted: Painted) -> MaskInfo:
    stack = archive.get(Stack, mark.stack_id)
    array = np.zeros(stack.grid.shape, dtype=np.bool_)  # untouched pages cost no memory
    for z, plane in painted.items():
        array[z] = plane
    info = archive.store_mask(
        array,
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        label=REGION,
        grid=stack.grid,
        made_from=(stack.id,),
        made_by=MadeBy(HAND, actor.name),
    )
    return replace(info, id=mark.mask_id)

"""Assemble: a study's images become stacks in patient space, with flags for what is not well."""

from __future__ import annotations

from dataclasses import replace

from workstation.archive.store import Archive
from workstation.dicom.pixels import decode_frame
from workstation.dicom.stacks import build_stacks
from workstation.domain.errors import N_, Message, ReaderError
from workstation.domain.mark import RoleChoice
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.role import corrected
from workstation.domain.volume import Flag, Frame, Stack
from workstation.domain.work import Cancel, Progress, no_progress


def assemble(
    archive: Archive,
    study_uid: str,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> list[Stack]:
    """Store the stacks of every series of a study and return them.

    Doing it again changes nothing while the files are the same; when a series got more files, its
    old stacks are withdrawn, so that what was made from them reads as stale. What a reader said
    about a series' role wins over its headers, also when the series got more files.
    """
    study = archive.study(study_uid)
    known = {stack.id: stack for stack in archive.all(Stack, study.study_uid)}
    found: dict[str, Stack] = {}
    series = archive.series_of(study.study_uid)
    doing = Message(N_("Assembling volumes"))
    for done, item in enumerate(series):
        if cancel is not None:
            cancel.check()
        progress(done / len(series), doing)
        for stack in build_stacks(study.study_uid, item, archive.instances_of(item.series_uid)):
            there = known.get(stack.id)
            if there is None:
                there = _checked(archive, stack)
            found[stack.id] = replace(
                there, description=stack.description, acquisition=stack.acquisition
            )
    fresh = [stack for stack in found.values() if known.get(stack.id) != stack]
    gone = [id for id in known if id not in found]
    choices = _carried([known[id] for id in gone], fresh, archive.all(RoleChoice, study.study_uid))
    found |= {c.id: corrected(found[c.id], c) for c in choices.values()}
    fresh = [found[stack.id] for stack in fresh]
    if fresh or gone:
        reason = Message(N_("Volumes assembled from the study's images"))
        with archive.write(actor, Permission.ANALYSE, reason, study.study_uid) as writer:
            for id in gone:
                writer.withdraw(Stack, id)
            for before, choice in choices.items():
                writer.withdraw(RoleChoice, before)
                writer.put(choice)
            for stack in fresh:
                writer.put(stack)
    progress(1.0, doing)
    return list(found.values())


def _carried(
    gone: list[Stack], fresh: list[Stack], choices: list[RoleChoice]
) -> dict[str, RoleChoice]:
    """Readers' words on stacks that are gone, for the stack that came instead; by the old id.

    Only where one stack of a series took the place of one: else nobody knows which was meant.
    """
    carried = {}
    for choice in choices:
        series = next((s.series_uid for s in gone if s.id == choice.id), "")
        before = [s for s in gone if s.series_uid == series]
        after = [s for s in fresh if s.series_uid == series]
        if series and len(before) == len(after) == 1:
            carried[choice.id] = replace(choice, id=after[0].id)
    return carried


def _checked(archive: Archive, stack: Stack) -> Stack:
    """Try the middle image where a decoder is needed: a stack nobody can see says so at once."""
    there = [frame for frame in stack.frames if frame.sha256]
    frame: Frame = there[len(there) // 2]
    if frame.pixel_offset >= 0:
        return stack
    try:
        decode_frame(archive.blob_path(frame.sha256), frame.number)
    except ReaderError as error:
        notes = (*stack.notes, error.message)
        flags = dict.fromkeys((*stack.flags, Flag.BROKEN_IMAGE, Flag.NOT_A_VOLUME))
        return replace(stack, flags=tuple(flags), notes=notes, role="", role_reason="")
    return stack

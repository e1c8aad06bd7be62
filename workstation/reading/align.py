"""Align: how another study's images, or another frame of reference, lie in the one being read.

Nothing is aligned by itself: a reader asks for it, sees on the images that it was done and how
well, and can take it back. Each way (automatic, by hand) keeps one alignment for two frames; the
one made last counts, and taking it back brings the other to light again.
"""

from __future__ import annotations

from dataclasses import replace

from workstation.archive.store import Archive
from workstation.domain.alignment import METRIC, Alignment, How
from workstation.domain.artefact import digest_of, now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, NotFound
from workstation.domain.geometry import Floats, as_matrix
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel, Progress, no_progress
from workstation.reading.rigid import Rigid
from workstation.reading.rigid_process import find_rigid_apart


def frame_of(stack: Stack) -> str:
    """What an alignment calls a stack's space: its frame of reference, else the stack itself."""
    if stack.frame_of_reference_uid and stack.is_volume:
        return stack.frame_of_reference_uid
    return f"stack:{stack.id}"


def alignment_id(fixed_frame: str, moving_frame: str, how: How) -> str:
    """The id under which two frames keep their alignment of one kind, whichever is fixed."""
    return digest_of([*sorted((fixed_frame, moving_frame)), how.value])[:32]


def align(
    archive: Archive,
    fixed: Stack,
    moving: Stack,
    *,
    actor: Actor = MACHINE,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> Alignment:
    """Register ``moving`` to ``fixed``, rigid and automatic, and store the result.

    Blocks for seconds to half a minute; the work is done in a child process. Raises ``BadInput``
    with the reason where they cannot be aligned or the result would be nonsense: then nothing is
    stored.
    """
    stop = cancel or Cancel()
    archive.check(actor, Permission.ANALYSE)
    _may_be_aligned(fixed, moving)
    found = find_rigid_apart(fixed, moving, archive.blob_path, progress=progress, cancel=stop)
    made = _alignment(fixed, moving, How.AUTOMATIC, actor.name, found)
    refused = made.why_refused
    if refused is not None:
        raise BadInput(refused.template, **refused.params)
    stop.check()
    reason = Message(N_("Two frames of reference were aligned automatically"))
    with archive.write(actor, Permission.ANALYSE, reason, fixed.study_uid) as writer:
        writer.put(made)
    return made


def store(archive: Archive, actor: Actor, made: Alignment) -> Alignment:
    """Store what a reader set by hand."""
    reason = Message(N_("A reader aligned two frames of reference by hand"))
    with archive.write(actor, Permission.REVIEW, reason, made.study_uid) as writer:
        writer.put(made)
    return made


def by_hand(fixed: Stack, moving: Stack, to_fixed: Floats, by: str) -> Alignment:
    """The alignment a reader set, not stored: (4, 4), moving LPS mm to fixed LPS mm."""
    plain = Rigid(as_matrix(to_fixed), 0.0, 0.0, 1.0, 1.0)
    return _alignment(fixed, moving, How.BY_HAND, by, plain)


def accept(archive: Archive, actor: Actor, alignment_id: str) -> Alignment:
    """A reader looked at it and keeps it."""
    found = replace(archive.get(Alignment, alignment_id), accepted=True)
    reason = Message(N_("A reader accepted an alignment"))
    with archive.write(actor, Permission.REVIEW, reason, found.study_uid) as writer:
        writer.put(found)
    return found


def undo(archive: Archive, actor: Actor, alignment_id: str) -> None:
    """Take an alignment back; it stays in the history."""
    found = archive.get(Alignment, alignment_id)
    # What the machine aligned anyone may take back; what a reader set, a reader.
    permission = Permission.ANALYSE if found.how is How.AUTOMATIC else Permission.REVIEW
    if found.accepted and actor == MACHINE:
        raise NotAllowed(N_("A reader accepted this alignment: sign in to take it back."))
    reason = Message(N_("An alignment was taken back"))
    with archive.write(actor, permission, reason, found.study_uid) as writer:
        writer.withdraw(Alignment, alignment_id)


def current(archive: Archive, study_uid: str) -> list[Alignment]:
    """The alignments that count for a study, of any two frames the one made last."""
    found: dict[frozenset[str], Alignment] = {}
    for each in archive.all(Alignment, study_uid):
        key = frozenset((each.fixed_frame, each.moving_frame))
        if key not in found or each.at > found[key].at:
            found[key] = each
    return list(found.values())


def is_stale(archive: Archive, alignment: Alignment) -> bool:
    """Whether one of the series it was made from is no longer what it was."""
    try:
        archive.get(Stack, alignment.fixed_stack)
        archive.get(Stack, alignment.moving_stack)
    except NotFound:
        return True
    return False


def _may_be_aligned(fixed: Stack, moving: Stack) -> None:
    for stack in (fixed, moving):
        if not stack.is_volume or stack.samples != 1:
            raise BadInput(N_("Only volumes can be aligned; one of the series is none."))
    if frame_of(fixed) == frame_of(moving):
        raise BadInput(N_("The two series share a frame of reference: they are linked already."))


def _alignment(fixed: Stack, moving: Stack, how: How, by: str, found: Rigid) -> Alignment:
    a, b = frame_of(fixed), frame_of(moving)
    automatic = how is How.AUTOMATIC
    return Alignment(
        id=alignment_id(a, b, how),
        study_uid=fixed.study_uid,
        fixed_frame=a,
        moving_frame=b,
        fixed_stack=fixed.id,
        moving_stack=moving.id,
        matrix=found.matrix,
        how=how,
        by=by,
        at=now(),
        metric=METRIC if automatic else "",
        quality=round(found.information, 4),
        before=round(found.before, 4),
        overlap=round(found.overlap, 4),
        peak=round(found.peak, 4),
    )

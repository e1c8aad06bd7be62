"""Segments: what a reader paints for himself, every finished operation stored as it is made."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from workstation import __version__
from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.dicom.segmentation import write_seg
from workstation.domain.artefact import MadeBy, Wording, new_id, now
from workstation.domain.errors import N_, BadInput, Message, NotAllowed
from workstation.domain.finding import HAND
from workstation.domain.mask import MaskInfo
from workstation.domain.people import Actor, Permission
from workstation.domain.segment import STEPS_KEPT, Segment, SegmentKind, colour_of
from workstation.domain.study import Instance
from workstation.domain.volume import Stack
from workstation.domain.voxel_set import VoxelSet


def create(
    archive: Archive,
    actor: Actor,
    stack: Stack,
    kind: SegmentKind,
    *,
    name: Wording | None = None,
    mask: VoxelSet | None = None,
    phase: int = 0,
    segment_id: str = "",
) -> Segment:
    """A new segment of a stack with the next free number; empty unless a mask is given."""
    archive.check(actor, Permission.REVIEW)
    stored = _store(archive, actor, stack.id, stack, mask) if mask is not None else None
    with archive.write(actor, Permission.REVIEW, _reason("created"), stack.study_uid) as writer:
        segment = new_in(writer, actor, stack, kind, segment_id)
        segment = replace(segment, name=name or kind.name, phase=phase)
        if stored is not None:
            writer.put(stored)
            segment = replace(segment, steps=(stored.id,), volume_ml=stored.volume_ml)
        writer.put(segment)
    return segment


def new_in(
    writer: Writer, actor: Actor, stack: Stack, kind: SegmentKind, segment_id: str = ""
) -> Segment:
    """A segment with the next free number of its study, not stored yet."""
    number = _free({segment.number for segment in writer.all(Segment, stack.study_uid)})
    return Segment(
        id=segment_id or new_id(),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        number=number,
        name=kind.name,
        category=kind.category,
        kind=kind.kind,
        colour=colour_of(number),
        by=actor.name,
        at=now(),
        template_key=kind.template_key,
    )


def _free(taken: set[int]) -> int:
    return next(n for n in range(1, len(taken) + 2) if n not in taken)


def store(archive: Archive, actor: Actor, segment_id: str, mask: VoxelSet) -> Segment:
    """The mask after a finished operation: a step that can be undone, also after a restart.

    Steps that were undone before can no longer be redone; only the last are kept.
    """
    archive.check(actor, Permission.REVIEW)
    old = archive.get(Segment, segment_id)
    stored = None
    if mask.count:
        stored = _store(archive, actor, old.stack_id, old, mask)

    def stepped(writer: Writer, segment: Segment) -> Segment:
        if segment.locked:
            raise NotAllowed(N_("This segment is locked."))
        if stored is not None:
            writer.put(stored)
        done = segment.steps[: segment.step_at + 1]
        steps = (*done, stored.id if stored is not None else "")[-STEPS_KEPT:]
        return replace(
            segment,
            steps=steps,
            step_at=len(steps) - 1,
            volume_ml=stored.volume_ml if stored is not None else 0.0,
            at=now(),
        )

    return _change(archive, actor, segment_id, "painted", stepped)


def step(archive: Archive, actor: Actor, segment_id: str, by: int) -> Segment:
    """One stored step back (-1) or forward (+1); ``NotAllowed`` where there is none."""

    def stepped(writer: Writer, segment: Segment) -> Segment:
        at = segment.step_at + by
        if not 0 <= at < len(segment.steps):
            raise NotAllowed(N_("Nothing to undo.") if by < 0 else N_("Nothing to redo."))
        mask_id = segment.steps[at]
        ml = writer.get(MaskInfo, mask_id).volume_ml if mask_id else 0.0
        return replace(segment, step_at=at, volume_ml=ml, at=now())

    return _change(archive, actor, segment_id, "undone" if by < 0 else "redone", stepped)


def describe(
    archive: Archive,
    actor: Actor,
    segment_id: str,
    *,
    kind: SegmentKind | None = None,
    name: Wording | None = None,
    visible: bool | None = None,
    locked: bool | None = None,
    finding_id: str | None = None,
) -> Segment:
    """Another name, coded kind, or whether it is seen, locked, and which finding came of it."""

    def changed(_: Writer, old: Segment) -> Segment:
        new = old
        if kind is not None:
            new = replace(
                new,
                name=kind.name,
                category=kind.category,
                kind=kind.kind,
                template_key=kind.template_key,
            )
        if name is not None:
            new = replace(new, name=name)
        return replace(
            new,
            visible=old.visible if visible is None else visible,
            locked=old.locked if locked is None else locked,
            finding_id=old.finding_id if finding_id is None else finding_id,
        )

    return _change(archive, actor, segment_id, "described", changed)


def remove(archive: Archive, actor: Actor, segment_id: str) -> None:
    """Take a segment off the list; its history stays in the archive."""
    segment = archive.get(Segment, segment_id)
    reason = _reason("removed")
    with archive.write(actor, Permission.REVIEW, reason, segment.study_uid) as writer:
        if writer.get(Segment, segment_id).locked:
            raise NotAllowed(N_("This segment is locked."))
        writer.withdraw(Segment, segment_id)


def restore(
    archive: Archive, actor: Actor, study_uid: str, segment_ids: Sequence[str]
) -> list[Segment]:
    """Removed segments on the list again, as they were last stored; another number where theirs
    has been given away since."""
    back: list[Segment] = []
    with archive.write(actor, Permission.REVIEW, _reason("restored"), study_uid) as writer:
        for segment_id in segment_ids:
            segment = writer.history(Segment, segment_id)[-1]
            taken = {s.number for s in writer.all(Segment, study_uid) if s.id != segment.id}
            if segment.number in taken:
                number = _free(taken)
                segment = replace(segment, number=number, colour=colour_of(number))
            writer.put(segment)
            back.append(segment)
    return back


def write_dicom(
    archive: Archive, actor: Actor, study_uid: str, folder: Path, language: str
) -> list[Path]:
    """The segments of a study as DICOM segmentations, one file for each series and phase.

    Empty segments are left out; ``BadInput`` where all are. Files that are there are never
    overwritten.
    """
    archive.check(actor, Permission.EXPORT)
    groups: dict[tuple[str, int], list[Segment]] = {}
    for segment in sorted(archive.all(Segment, study_uid), key=lambda s: s.number):
        if segment.mask_id:
            groups.setdefault((segment.stack_id, segment.phase), []).append(segment)
    if not groups:
        raise BadInput(N_("Nothing is drawn."))
    written = []
    for number, ((stack_id, phase), members) in enumerate(groups.items(), start=1):
        stack = archive.get(Stack, stack_id)
        files = _files_of(archive, stack, phase)
        data = write_seg(
            [(s, archive.load_mask(s.mask_id), stack.grid) for s in members],
            list(files),
            instances=list(files.values()),
            series_description=f"{stack.role or stack.description} segments"[:64],
            software_version=__version__,
            study=archive.study(study_uid),
            frame_of_reference_uid=stack.frame_of_reference_uid,
            language=language,
            series_number=9100 + number,
            creator=actor.name,
        )
        written.append(_put(folder, f"segments-{stack.series_number}", data))
    reason = Message(N_("The segments were exported: {count} files."), {"count": len(written)})
    with archive.write(actor, Permission.EXPORT, reason, study_uid):
        pass  # who took segments out of the archive is in the audit, though nothing changed
    return written


def _files_of(archive: Archive, stack: Stack, phase: int) -> dict[Path, Instance | None]:
    """Files of one phase of a stack in the order of its slices, and what each is known as."""
    slices = stack.grid.shape[0]
    frames = stack.frames[phase * slices : (phase + 1) * slices]
    known = {one.sop_instance_uid: one for one in archive.instances_of(stack.series_uid)}
    return {archive.blob_path(f.sha256): known.get(f.sop_instance_uid) for f in frames if f.sha256}


def _put(folder: Path, stem: str, data: bytes) -> Path:
    """A new file, named on where there is one of its name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = folder / (f"{stem}.dcm" if number == 1 else f"{stem}-{number}.dcm")
            try:
                with path.open("xb") as file:
                    file.write(data)
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise BadInput(
            N_("The folder cannot be written to: {why}."),
            why=error.strerror or type(error).__name__,
        ) from error
    raise AssertionError("counting ends never")


def _store(
    archive: Archive, actor: Actor, stack_id: str, of: Stack | Segment, mask: VoxelSet
) -> MaskInfo:
    if not mask.count:
        raise BadInput(N_("Nothing is drawn."))
    return archive.store_voxels(
        mask,
        study_uid=of.study_uid,
        series_uid=of.series_uid,
        stack_id=stack_id,
        label=of.name if isinstance(of, Segment) else Wording(of.description, of.description),
        made_from=(stack_id,),
        made_by=MadeBy(HAND, actor.name),
    )


def _change(
    archive: Archive,
    actor: Actor,
    segment_id: str,
    what: str,
    change: Callable[[Writer, Segment], Segment],
) -> Segment:
    study_uid = archive.get(Segment, segment_id).study_uid
    with archive.write(actor, Permission.REVIEW, _reason(what), study_uid) as writer:
        # Read inside the transaction: another window may have written a moment ago.
        segment = change(writer, writer.get(Segment, segment_id))
        writer.put(segment)
    return segment


def _reason(what: str) -> Message:
    return Message(N_("A segment was {what}."), {"what": what})

"""Segments of others, or our own of an earlier day, taken into the list to be edited."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workstation.archive.store import Archive
from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.document import ImageRef, SegmentInfo, SegmentSet
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.image_plane import planes_of
from workstation.domain.people import Actor, Permission
from workstation.domain.segment import KINDS, Segment, SegmentKind, SegmentOrigin
from workstation.domain.volume import Stack
from workstation.domain.voxel_set import VoxelSet
from workstation.domain.work import Cancel
from workstation.reading.held_back import shown_object
from workstation.reading.segments import new_in
from workstation.reading.stored_regions import stored_regions

_TISSUE = Code("85756007", "SCT", "Tissue")


@dataclass(frozen=True)
class Taken:
    """Segments taken from an object, and what a reader should know of how."""

    segments: tuple[Segment, ...]
    notes: tuple[Message, ...] = ()


def take(
    archive: Archive,
    actor: Actor,
    sop_instance_uid: str,
    *,
    numbers: Collection[int] | None = None,
    near: str = "",
    cancel: Cancel | None = None,
) -> Taken:
    """Regions of a segmentation or structure set as segments that can be painted on.

    numbers: which, all by default. near: stack preferred where they were drawn on several. Bit for
    bit where the file's voxels are those of the stack; what is resampled, cut off or left out is
    said in ``notes``. All in one transaction. ``BadInput`` where nothing can be taken.
    """
    archive.check(actor, Permission.REVIEW)
    shown_object(archive, sop_instance_uid)
    found = stored_regions(archive, sop_instance_uid, numbers, cancel)
    about = found.about
    stacks = [s for s in found.stacks if s.is_volume and s.samples == 1]
    stack = next((s for s in stacks if s.id == near), stacks[0] if stacks else None)
    if stack is None:
        raise BadInput(N_("The images that it was drawn on are no volume in this study."))
    phase = next((p.phase for p in planes_of(stack, map(ImageRef, about.images[:1]))), 0)
    away, cut, made = 0, 0, []
    for info in about.segments:
        block = found.pieces.block(info.number)
        if block is None:
            continue
        if cancel is not None:
            cancel.check()
        mask = VoxelSet.of(block.on_grid(stack.grid), stack.grid)
        exact = block.lies_on(stack.grid)
        away += not exact
        cut += exact and mask.count < int(np.count_nonzero(block.array))
        if mask.count:
            made.append((_origin_of(about, info), info, mask))
    if not made:
        raise BadInput(N_("None of its regions holds a voxel of these images."))
    asked = [s for s in about.segments if numbers is None or s.number in numbers]
    says = [
        (away, N_("Resampled to the voxels of this series: {count}.")),
        (cut, N_("Cut off where these images end: {count}.")),
        (len(asked) - len(made), N_("Empty and left out: {count}.")),
    ]
    notes = [Message(words, {"count": count}) for count, words in says if count]
    if about.encoding == "FRACTIONAL":
        notes.append(Message(N_("Of fractions, what is at least half was taken.")))
    segments = _put_taken(archive, actor, stack, phase, made)
    return Taken(segments, (*notes, *about.notes))


def _put_taken(
    archive: Archive,
    actor: Actor,
    stack: Stack,
    phase: int,
    made: Sequence[tuple[SegmentOrigin, SegmentInfo, VoxelSet]],
) -> tuple[Segment, ...]:
    stored = [
        archive.store_voxels(
            mask,
            study_uid=stack.study_uid,
            series_uid=stack.series_uid,
            stack_id=stack.id,
            label=Wording(info.label, info.label),
            made_from=(stack.id, origin.sop_instance_uid),
            made_by=MadeBy(origin.words, info.algorithm or info.algorithm_type),
        )
        for origin, info, mask in made
    ]
    segments = []
    reason = Message(
        N_("Segments taken from {origin}: {count}."),
        {"count": len(made), "origin": made[0][0].words},
    )
    with archive.write(actor, Permission.REVIEW, reason, stack.study_uid) as writer:
        for (origin, info, _), mask_info in zip(made, stored, strict=True):
            words = info.label or info.algorithm or f"{info.number}"
            category, kind = info.category or _TISSUE, info.type or _TISSUE
            known = next((k for k in KINDS if k.kind.value == kind.value), None)
            template = known.template_key if known is not None else "other"
            segment = new_in(
                writer, actor, stack, SegmentKind(Wording(words, words), category, kind, template)
            )
            segment = replace(
                segment,
                phase=phase,
                steps=(mask_info.id,),
                volume_ml=mask_info.volume_ml,
                origin=origin,
            )
            writer.put(mask_info)
            writer.put(segment)
            segments.append(segment)
    return tuple(segments)


def _origin_of(about: SegmentSet, info: SegmentInfo) -> SegmentOrigin:
    words = " · ".join(w for w in (about.label, about.creator) if w) or about.encoding
    return SegmentOrigin(
        about.sop_instance_uid, info.number, words, info.algorithm_type, info.algorithm
    )

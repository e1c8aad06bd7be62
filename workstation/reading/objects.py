"""Objects: what a study holds beside images, listed and opened; nothing of it becomes ours.

Others' segmentations and reports are shown as what they are. They are read when a reader opens
them, not before: a study may hold hundreds of megabytes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from workstation.archive.store import Archive
from workstation.dicom.documents import read_document
from workstation.dicom.items import class_name, open_object
from workstation.dicom.key_objects import read_key_objects
from workstation.dicom.mark_groups import marks_of_report
from workstation.dicom.object_kinds import kind_of, title_of
from workstation.dicom.presentation_state import read_state
from workstation.dicom.rt_structures import read_structures
from workstation.dicom.segment_reader import SegmentPieces, read_segment_set
from workstation.dicom.sr_tree import read_tree
from workstation.domain.artefact import new_id, now
from workstation.domain.document import (
    EncapsulatedDocument,
    KeySelection,
    ObjectKind,
    PresentationState,
    ReportTree,
    SegmentSet,
    StudyObject,
)
from workstation.domain.errors import N_, BadInput, Message, ReaderError
from workstation.domain.first_read import is_hidden
from workstation.domain.mark import Mark, MarkKind, MarkNumber
from workstation.domain.mark_exchange import marks_of_place, marks_of_state
from workstation.domain.mark_numbers import numbers_of
from workstation.domain.mask_block import LabelBlock, label_blocks
from workstation.domain.people import Actor, Permission
from workstation.domain.study import Instance
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel
from workstation.reading.held_back import may_tell_results, shown_object
from workstation.reading.stored_regions import stored_regions
from workstation.reading.stored_slices import stored_images, stored_slices

Opened = EncapsulatedDocument | ReportTree | SegmentSet | KeySelection | PresentationState

_READERS: dict[ObjectKind, Callable[[Path], Opened]] = {
    ObjectKind.DOCUMENT: read_document,
    ObjectKind.REPORT: read_tree,
    ObjectKind.SEGMENTATION: read_segment_set,
    ObjectKind.KEY_IMAGES: read_key_objects,
    ObjectKind.PRESENTATION: read_state,
}


@dataclass(frozen=True, eq=False)
class Masks:
    """Segments ready to be drawn. layers: as few label arrays as overlaps allow. volumes_ml: by
    segment number; a segment without voxels has none."""

    sop_instance_uid: str
    layers: tuple[LabelBlock, ...]
    volumes_ml: dict[int, float]
    centres_mm: dict[int, tuple[float, float, float]]
    frame_of_reference_uid: str
    stack_ids: tuple[str, ...]  # stacks that it was drawn on


def objects_of(archive: Archive, study_uid: str, *, hidden: bool = False) -> list[StudyObject]:
    """Every object of a study that is no image, in the order of its series.

    While AI waits for the first read, only those that surely tell nothing that a machine found;
    hidden: it will wait, though nothing has settled that yet.
    """
    hidden = hidden or is_hidden(archive, study_uid)
    found: list[StudyObject] = []
    for series in archive.series_of(study_uid):
        for instance in archive.instances_of(series.series_uid):
            kind = kind_of(instance)
            if kind is not None and not (hidden and may_tell_results(archive, instance, kind)):
                found.append(_listed(archive, instance, kind))
    order = list(ObjectKind)
    return sorted(found, key=lambda o: (order.index(o.kind), o.made, o.title))


def _listed(archive: Archive, instance: Instance, kind: ObjectKind) -> StudyObject:
    facts = instance.attributes
    listed = StudyObject(
        sop_instance_uid=instance.sop_instance_uid,
        series_uid=instance.series_uid,
        study_uid=instance.study_uid,
        kind=kind,
        title=str(facts.get("SeriesDescription", "")),
        modality=str(facts.get("Modality", "")),
        made="",
        sha256=instance.sha256,
        sop_class=class_name(instance.sop_class_uid),
    )
    try:
        item = open_object(archive.blob_path(instance.sha256), brief=True)
    except ReaderError as error:
        return replace(listed, why=error.message)
    why = None
    if kind is ObjectKind.OTHER:
        why = Message(
            N_("This program does not show objects of this kind: {kind}."),
            {"kind": listed.sop_class},
        )
    return replace(listed, title=title_of(item) or listed.title, made=item.made, why=why)


def object_of(archive: Archive, sop_instance_uid: str) -> StudyObject:
    """One object by its SOP instance UID; ``NotFound`` where there is none, ``NotAllowed`` where
    it may tell what a machine found before the first read is locked."""
    return _listed(archive, *shown_object(archive, sop_instance_uid))


def open_study_object(archive: Archive, sop_instance_uid: str) -> Opened:
    """What an object says. ``BadInput`` where it cannot be read, with the reason."""
    listed = object_of(archive, sop_instance_uid)
    if listed.why is not None:
        raise BadInput(listed.why.template, **listed.why.params)
    path = archive.blob_path(listed.sha256)
    if listed.kind is ObjectKind.CONTOURS:
        return read_structures(path).about
    return _READERS[listed.kind](path)


def masks_of(
    archive: Archive,
    sop_instance_uid: str,
    numbers: Collection[int] | None = None,
    cancel: Cancel | None = None,
) -> Masks:
    """Voxels of a segmentation, or of contours filled on the images that they were drawn on."""
    shown_object(archive, sop_instance_uid)
    found = stored_regions(archive, sop_instance_uid, numbers, cancel)
    about, pieces, own = found.about, found.pieces, found.stacks
    return Masks(
        sop_instance_uid,
        tuple(label_blocks(pieces.pieces, pieces.grid)),
        pieces.volumes_ml,
        _centres(pieces),
        about.frame_of_reference_uid or (own[0].frame_of_reference_uid if own else ""),
        tuple(stack.id for stack in own),
    )


def _centres(pieces: SegmentPieces) -> dict[int, tuple[float, float, float]]:
    """A place inside each segment: on its largest slice, in its middle row."""
    found = {}
    for number, parts in pieces.pieces.items():
        largest = max(parts, key=lambda p: int(p.array.sum()))
        rows = largest.array.sum(axis=1)
        y = int(abs(rows.cumsum() - rows.sum() / 2).argmin())
        columns = largest.array[y].nonzero()[0]
        x = int(columns[len(columns) // 2]) if columns.size else 0
        place = pieces.grid.to_lps((largest.x + x, largest.y + y, largest.z))
        found[number] = (float(place[0]), float(place[1]), float(place[2]))
    return found


def marks_in(archive: Archive, sop_instance_uid: str) -> list[Mark]:
    """What a report or presentation state draws on our images, as marks.

    Our own come back as they were drawn, with their numbers; of others' the nearest kind is taken.
    Nothing is stored.
    """
    listed = object_of(archive, sop_instance_uid)
    stacks = archive.all(Stack, listed.study_uid)
    opened = open_study_object(archive, sop_instance_uid)
    if isinstance(opened, PresentationState):
        return marks_of_state(opened, stacks)
    if not isinstance(opened, ReportTree):
        return []
    found = marks_of_report(opened, stacks)
    others = [place for place in opened.places if not place.kind]
    for place in others:
        found += marks_of_place(place, stacks, by=opened.author, at=now())
    return found


def take_marks(archive: Archive, actor: Actor, sop_instance_uid: str) -> list[Mark]:
    """Marks of a report or state as marks of the reader, new ones, none of them in the report.

    Their numbers are measured on the stored images: what someone else measured stays theirs.
    """
    taken = [
        replace(
            mark,
            id=new_id(),
            by=actor.name,
            at=now(),
            in_report=False,
            finding_id="",
            numbers=_measured(archive, mark),
        )
        for mark in marks_in(archive, sop_instance_uid)
        if mark.kind is not MarkKind.BRUSH  # its voxels are in a segmentation, not here
    ]
    if not taken:
        raise BadInput(N_("It draws nothing on the images that are here."))
    reason = Message(N_("{count} marks were taken from an object."), {"count": len(taken)})
    with archive.write(actor, Permission.REVIEW, reason, taken[0].study_uid) as writer:
        for mark in taken:
            writer.put(mark)
    return taken


def _measured(archive: Archive, mark: Mark) -> tuple[MarkNumber, ...]:
    stack = archive.get(Stack, mark.stack_id)
    slices = stored_slices(archive, stack, mark.phase)
    return numbers_of(mark, stack, slices, images=stored_images(archive, stack, mark.phase))

"""Regions that others drew, as stored: voxels of a segmentation, or of contours filled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from workstation.archive.store import Archive
from workstation.dicom.rt_structures import fill_contours, read_structures
from workstation.dicom.segment_reader import SegmentPieces, read_segment_set, read_segments
from workstation.domain.document import ObjectKind, SegmentSet
from workstation.domain.errors import N_, BadInput
from workstation.domain.image_plane import ImagePlane, plane_of
from workstation.domain.volume import Stack
from workstation.domain.work import Cancel
from workstation.reading.held_back import stored_object


@dataclass(frozen=True, eq=False)
class StoredRegions:
    """What an object draws. stacks: of its study, those that it was drawn on."""

    about: SegmentSet
    pieces: SegmentPieces
    stacks: tuple[Stack, ...]


def stored_regions(
    archive: Archive,
    sop_instance_uid: str,
    numbers: Collection[int] | None = None,
    cancel: Cancel | None = None,
) -> StoredRegions:
    """Voxels of a segmentation, or of contours filled on the images that they were drawn on.

    numbers: of the regions wanted, all by default. ``BadInput`` where the object holds none or
    cannot be read, ``NotFound`` where there is no such object.
    """
    instance, kind = stored_object(archive, sop_instance_uid)
    path = archive.blob_path(instance.sha256)
    stacks = archive.all(Stack, instance.study_uid)
    if kind is ObjectKind.CONTOURS:
        structures = read_structures(path)
        own = _stacks_of(structures.about, stacks)
        filled = fill_contours(structures, own[0].grid if own else None, numbers)
        return StoredRegions(structures.about, filled, tuple(own))
    if kind is not ObjectKind.SEGMENTATION:
        raise BadInput(N_("This object holds no regions."))
    about = read_segment_set(path)
    pieces = read_segments(path, numbers, _Planes(stacks).find, cancel)
    return StoredRegions(about, pieces, tuple(_stacks_of(about, stacks)))


def _stacks_of(about: SegmentSet, stacks: Sequence[Stack]) -> list[Stack]:
    """Stacks that a segmentation was drawn on: by its images, its series, its space."""
    images = set(about.images)
    own = [
        s for s in stacks if images and any(frame.sop_instance_uid in images for frame in s.frames)
    ]
    own = own or [s for s in stacks if s.series_uid in about.series_uids]
    if not own and about.frame_of_reference_uid:
        own = [
            s
            for s in stacks
            if s.frame_of_reference_uid == about.frame_of_reference_uid and s.is_volume
        ]
    return own


class _Planes:
    """Stored images of a study by their identity."""

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._by_uid = {f.sop_instance_uid: s for s in stacks for f in s.frames if f.sha256}

    def find(self, sop_instance_uid: str, frame: int) -> ImagePlane | None:
        """Where an image lies; None where it is not in the study."""
        stack = self._by_uid.get(sop_instance_uid)
        return plane_of(stack, sop_instance_uid, frame) if stack is not None else None

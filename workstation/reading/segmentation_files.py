"""Findings with outlines as DICOM segmentations, one file an image grid and phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workstation import __version__
from workstation.archive.store import Archive
from workstation.dicom.evidence import uid_of
from workstation.dicom.segmentation import write_seg
from workstation.domain.artefact import digest_of, new_uid
from workstation.domain.finding import Finding
from workstation.domain.geometry import Grid
from workstation.domain.mask import MaskInfo
from workstation.domain.study import Instance, Study
from workstation.domain.volume import Stack


@dataclass(frozen=True)
class SegmentationFile:
    """One file, ready to be stored."""

    data: bytes
    sop_instance_uid: str


def source_files(
    archive: Archive, stack: Stack, phase: int | None = None
) -> dict[Path, Instance | None]:
    """Files of a stack (of one phase) in the order of its slices, and what each is known as."""
    slices = stack.grid.shape[0]
    frames = stack.frames
    if phase is not None:
        frames = frames[phase * slices : (phase + 1) * slices]
    known = {one.sop_instance_uid: one for one in archive.instances_of(stack.series_uid)}
    return {archive.blob_path(f.sha256): known.get(f.sop_instance_uid) for f in frames if f.sha256}


def segmentation_files(
    archive: Archive,
    stacks: Sequence[Stack],
    findings: Sequence[Finding],
    *,
    study: Study,
    language: str,
    creator: str,
    made_at: datetime,
    series_number: int = 9000,
    identity: str = "",
) -> list[SegmentationFile]:
    """SEG files of all findings that have a mask. identity: the same one gives the same UIDs."""
    known = {s.id: s for s in stacks}
    groups: dict[tuple[str, int, str], list[tuple[Finding, Grid]]] = {}
    for finding in findings:
        if finding.mask_id and finding.stack_id in known:
            grid = archive.get(MaskInfo, finding.mask_id).grid
            key = (finding.stack_id, finding.phase, digest_of(grid))
            groups.setdefault(key, []).append((finding, grid))
    made = []
    for n, ((stack_id, phase, _), members) in enumerate(groups.items(), start=1):
        stack = known[stack_id]
        uid = uid_of("segmentation", identity, str(n)) if identity else new_uid()
        files = source_files(archive, stack, phase)
        data = write_seg(
            [(f, archive.load_mask(f.mask_id), grid) for f, grid in members],
            list(files),
            instances=list(files.values()),
            series_description=f"{stack.role or stack.description} SEG"[:64],
            software_version=__version__,
            study=study,
            frame_of_reference_uid=stack.frame_of_reference_uid,
            language=language,
            series_number=series_number + n,
            creator=creator,
            made_at=made_at,
            sop_instance_uid=uid,
            series_instance_uid=uid_of("segmentation series", identity, str(n)) if identity else "",
        )
        made.append(SegmentationFile(data, uid))
    return made

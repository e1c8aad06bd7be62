"""DICOM Segmentation (PS3.3 A.51, BINARY) of findings and segments: written and read back."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sr.codedict import codes

from workstation.dicom.cielab import cielab_of_rgb
from workstation.dicom.coding import (
    algorithm_family,
    algorithm_of,
    concept,
    label_words,
    scheme_items,
    segment_concepts,
    site_concepts,
    tracking_of,
)
from workstation.dicom.evidence import (
    CHARACTER_SET,
    MADE_IDENTITY_NOTE,
    has_made_identity,
    person_name,
    read_sources,
    stamp,
    tracking_uid,
    uid_of,
)
from workstation.domain.artefact import new_uid, now
from workstation.domain.errors import N_, BadInput
from workstation.domain.finding import Finding, FindingState
from workstation.domain.geometry import Floats, Grid, affine_of_stack
from workstation.domain.segment import Segment
from workstation.domain.study import Instance, Study

Mask = NDArray[np.bool_]

_ALGORITHM_TYPES = {
    FindingState.PROPOSED: "AUTOMATIC",
    FindingState.ACCEPTED: "AUTOMATIC",
    FindingState.REJECTED: "AUTOMATIC",
    FindingState.EDITED: "SEMIAUTOMATIC",
    FindingState.ADDED: "MANUAL",
}
RESEARCH_NOTE = "Research use only, not a registered medical device"
MANUFACTURER = "OneScan"
MODEL_NAME = "OneScan workstation"


@dataclass(frozen=True)
class ReadSegment:
    """One segment as read from a file. mask: (z, y, x) on ``grid``.

    algorithm_type: AUTOMATIC, SEMIAUTOMATIC or MANUAL. tracking_id: the finding's id.
    """

    number: int
    label: str
    tracking_id: str
    tracking_uid: str
    algorithm_type: str
    algorithm: str
    mask: Mask
    grid: Grid


def write_seg(
    findings: Sequence[tuple[Finding | Segment, Mask, Grid]],
    source_files: Sequence[Path],
    *,
    series_description: str,
    software_version: str,
    study: Study | None = None,
    frame_of_reference_uid: str = "",
    instances: Sequence[Instance | None] = (),
    manufacturer: str = MANUFACTURER,
    language: str = "zh_CN",
    series_number: int = 9001,
    creator: str = "",
    made_at: datetime | None = None,
    sop_instance_uid: str = "",
    series_instance_uid: str = "",
) -> bytes:
    """A BINARY segmentation of one stack's findings or a reader's segments, as a Part 10 file.

    findings: masks (z, y, x) that share one grid (one file per stack and phase); empty masks are
    refused. source_files: the stack's images, or the one multi-frame file; some may be missing.
    instances: what each source file is known as, for files that lack their own identifiers.
    Frames carry explicit plane positions, so sheared and resampled grids are exact. language: of
    the segment labels. Raises ``BadInput`` where masks and images do not belong together.
    """
    if not findings:
        raise BadInput(N_("There is no mask to write."))
    grid = findings[0][2]
    for _, mask, other in findings:
        if mask.shape != grid.shape or other != grid:
            raise BadInput(N_("The masks of one segmentation must lie on one image grid."))
        if not mask.any():
            raise BadInput(N_("An empty mask cannot be written as a segment."))
    sources = read_sources(source_files, study, frame_of_reference_uid, instances)
    _share_orientation(sources, grid)
    # Planes without any voxel are left out; the rest is laid out plane by plane.
    used = np.flatnonzero(np.logical_or.reduce([m.any(axis=(1, 2)) for _, m, _ in findings]))
    pixels = np.stack([mask[used] for _, mask, _ in findings], axis=-1)
    orientation = [*grid.directions[:, 0], *grid.directions[:, 1]]
    moment = (made_at or now()).astimezone()
    qualification = _qualification([finding for finding, _, _ in findings])
    with warnings.catch_warnings():
        # highdicom doubts names of one component; person_name says why they are right.
        warnings.filterwarnings("ignore", message="The string .* person name")
        written = hd.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels.astype(np.uint8),
            segmentation_type="BINARY",
            segment_descriptions=[
                _segment(number, finding, language)
                for number, (finding, _, _) in enumerate(findings, start=1)
            ],
            series_instance_uid=series_instance_uid or new_uid(),
            series_number=series_number,
            sop_instance_uid=sop_instance_uid or new_uid(),
            instance_number=1,
            manufacturer=manufacturer,
            manufacturer_model_name=MODEL_NAME,
            software_versions=software_version,
            device_serial_number="0",
            content_description=RESEARCH_NOTE if qualification == "RESEARCH" else None,
            content_label="FINDINGS",
            content_creator_name=person_name(creator) if creator else None,
            pixel_measures=hd.PixelMeasuresSequence(
                pixel_spacing=(grid.spacing_mm[1], grid.spacing_mm[0]),
                slice_thickness=grid.slice_distance_mm,
                spacing_between_slices=grid.slice_distance_mm,
            ),
            plane_orientation=hd.PlaneOrientationSequence("PATIENT", orientation),
            plane_positions=[
                hd.PlanePositionSequence("PATIENT", tuple(grid.to_lps((0, 0, int(z)))))
                for z in used
            ],
            omit_empty_frames=True,
            specific_character_set=CHARACTER_SET,
            series_description=series_description[:64],
            content_qualification=qualification,
            coding_schemes=scheme_items(),
            content_date=moment.date(),
            content_time=moment.time(),
        )
    if has_made_identity(instances):
        written.ImageComments = MADE_IDENTITY_NOTE
    stamp(written, moment)
    # The library invents this UID; the same file made again must be the same.
    dimensions = uid_of("dimensions", str(written.SOPInstanceUID))
    for item in (*written.DimensionOrganizationSequence, *written.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    buffer = io.BytesIO()
    written.save_as(buffer)
    return buffer.getvalue()


def _share_orientation(sources: list[Dataset], grid: Grid) -> None:
    """Make rounding differences between the slices' headers vanish, and check that they place."""
    if any("NumberOfFrames" in source for source in sources):
        if len(sources) > 1:
            raise BadInput(N_("A stack of several multi-frame files cannot be segmented."))
        return
    for source in sources:
        if "ImagePositionPatient" not in source or "ImageOrientationPatient" not in source:
            raise BadInput(
                N_("The images state no position, so their masks cannot be exported as DICOM.")
            )
        source.ImageOrientationPatient = sources[0].ImageOrientationPatient
        source.FrameOfReferenceUID = sources[0].FrameOfReferenceUID
        if "PixelSpacing" not in source:
            source.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
        if "SliceThickness" not in source:
            source.SliceThickness = grid.slice_distance_mm


def _segment(number: int, finding: Finding | Segment, language: str) -> hd.seg.SegmentDescription:
    if isinstance(finding, Segment):
        return _painted(number, finding, language)
    kind = _algorithm_type(finding)
    category, property_type = segment_concepts(finding)
    label, site = finding.label.in_language(language), finding.site.in_language(language)
    algorithm, known = None, algorithm_of(finding)
    if kind != "MANUAL" and known is not None:
        algorithm = hd.AlgorithmIdentificationSequence(
            name=known.name[:64],
            version=known.version[:64] or "unknown",
            family=algorithm_family(finding),
            source=known.source[:64] or None,
        )
        if known.parameters:
            algorithm[0].AlgorithmParameters = ", ".join(known.parameters)[:10240]
    place, side = site_concepts(finding.site, "", finding.site_code)
    identifier, uid = tracking_of(finding)
    made = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label_words(f"{label} {site}"),
        segmented_property_category=category,
        segmented_property_type=property_type,
        algorithm_type=kind,
        algorithm_identification=algorithm,
        tracking_uid=uid,
        tracking_id=identifier,
        anatomic_regions=[place] if place is not None else None,
    )
    if place is not None and side is not None:
        made.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [side]
    return made


def _algorithm_type(finding: Finding) -> str:
    """AUTOMATIC, SEMIAUTOMATIC after a reader's edit, MANUAL by hand; another system's own word
    stands until a reader edits."""
    origin = finding.origin
    if origin is None:
        return _ALGORITHM_TYPES[finding.state]
    if algorithm_of(finding) is None:
        return "MANUAL"
    edited = finding.state is FindingState.EDITED or origin.algorithm_type == "SEMIAUTOMATIC"
    return "SEMIAUTOMATIC" if edited else "AUTOMATIC"


def _qualification(findings: Sequence[Finding | Segment]) -> str:
    """PRODUCT only where every algorithm's maker declares that; this program itself is none."""
    declared = {
        finding.algorithm.qualification
        if isinstance(finding, Finding) and finding.algorithm
        else "RESEARCH"
        for finding in findings
    }
    return "PRODUCT" if declared == {"PRODUCT"} else "RESEARCH"


def _parameters_of(segment: Segment) -> dict[str, str] | None:
    """Whose segment it was before a reader took it to edit."""
    origin = segment.origin
    if origin is None:
        return None
    made = {"by": origin.algorithm, "kind": origin.algorithm_type}
    return {"taken_from": origin.sop_instance_uid, "segment": str(origin.number)} | {
        key: value for key, value in made.items() if value
    }


def _painted(number: int, segment: Segment, language: str) -> hd.seg.SegmentDescription:
    """A segment that a reader made with brush and tools, in its own colour."""
    made = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label_words(segment.name.in_language(language)),
        segmented_property_category=concept(segment.category),
        segmented_property_type=concept(segment.kind),
        algorithm_type="SEMIAUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="OneScan segment tools",
            version="1",
            family=CodedConcept.from_code(codes.cid7162.MorphologicalOperations),
            source=MANUFACTURER,
            parameters=_parameters_of(segment),
        ),
        tracking_uid=tracking_uid(segment.id),
        tracking_id=segment.id,
    )
    rgb = [int(segment.colour[at : at + 2], 16) for at in (1, 3, 5)]
    made.RecommendedDisplayCIELabValue = list(cielab_of_rgb(rgb))
    return made


def read_seg(source: bytes | Path, grid: Grid | None = None) -> list[ReadSegment]:
    """Segments of a BINARY segmentation, their masks (z, y, x) bit for bit.

    grid: where the masks are wanted; the file's frames must lie on its slices. Without it the
    grid spans the file's own frames, whose step is the smallest distance between two of them.
    Raises ``BadInput`` where the file is no binary segmentation or does not fit ``grid``.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    try:
        read = hd.seg.segread(io.BytesIO(data))
    except (ValueError, AttributeError, InvalidDicomError) as error:
        raise BadInput(N_("This file is not a readable DICOM segmentation.")) from error
    if read.segmentation_type.value != "BINARY":
        raise BadInput(N_("Only binary segmentations can be read."))
    shared, frames = read.SharedFunctionalGroupsSequence[0], read.PerFrameFunctionalGroupsSequence
    positions = np.array(
        [
            [float(v) for v in frame.PlanePositionSequence[0].ImagePositionPatient]
            for frame in frames
        ]
    )
    if grid is None:
        grid = _grid_of_frames(shared, positions, int(read.Rows), int(read.Columns))
    planes = grid.to_index(positions)
    slices = np.rint(planes[:, 2]).astype(int)
    fits = (
        np.abs(planes - np.stack([np.zeros(len(slices)), np.zeros(len(slices)), slices], axis=1))
        < 0.05
    )
    if grid.shape[1:] != (read.Rows, read.Columns) or not fits.all():
        raise BadInput(N_("The segmentation does not lie on the slices of this image."))
    if slices.min() < 0 or slices.max() >= grid.shape[0]:
        raise BadInput(N_("The segmentation reaches beyond the slices of this image."))
    pixels = np.asarray(read.pixel_array, dtype=bool).reshape(-1, *grid.shape[1:])
    masks = {number: np.zeros(grid.shape, dtype=bool) for number in read.segment_numbers}
    for frame, z, plane in zip(frames, slices, pixels, strict=True):
        groups = frame if "SegmentIdentificationSequence" in frame else shared
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        masks[number][z] |= plane
    return [_read_segment(read.get_segment_description(n), masks[n], grid) for n in masks]


def _read_segment(description: hd.seg.SegmentDescription, mask: Mask, grid: Grid) -> ReadSegment:
    return ReadSegment(
        number=int(description.SegmentNumber),
        label=str(description.SegmentLabel),
        tracking_id=str(description.get("TrackingID", "")),
        tracking_uid=str(description.get("TrackingUID", "")),
        algorithm_type=str(description.SegmentAlgorithmType),
        algorithm=str(description.get("SegmentAlgorithmName", "")),
        mask=mask,
        grid=grid,
    )


def _grid_of_frames(shared: Dataset, positions: Floats, rows: int, columns: int) -> Grid:
    """The smallest regular grid that holds every frame (planes may be missing in between)."""
    measures = shared.PixelMeasuresSequence[0]
    orientation = [float(v) for v in shared.PlaneOrientationSequence[0].ImageOrientationPatient]
    spacing = [float(v) for v in measures.PixelSpacing]
    normal = np.cross(orientation[:3], orientation[3:])
    distinct = np.unique(positions, axis=0)
    distinct = distinct[np.argsort(distinct @ normal)]
    if len(distinct) == 1:
        gap = float(measures.get("SpacingBetweenSlices", measures.get("SliceThickness", 1.0)))
        step, count = normal * abs(gap), 1
    else:
        gaps = np.diff(distinct, axis=0)
        step = gaps[np.argmin(gaps @ normal)]
        whole = distinct[-1] - distinct[0]
        count = round(float((whole @ normal) / (step @ normal))) + 1
        step = whole / (count - 1)
    affine = affine_of_stack(distinct[0].tolist(), orientation, spacing, step)
    return Grid((count, rows, columns), affine)

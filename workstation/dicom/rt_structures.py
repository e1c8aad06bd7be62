"""Radiotherapy structure sets: regions drawn as contours, slice by slice (PS3.3 C.8.8.6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workstation.dicom.items import Item, open_object
from workstation.dicom.segment_reader import SegmentPieces
from workstation.domain.document import SegmentInfo, SegmentSet
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.mask_block import Piece, piece_of
from workstation.domain.polygon import exclusive_or

STRUCTURE_SET_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"


@dataclass(frozen=True, eq=False)
class Contour:
    """One outline of a region. points_mm: (n, 3) LPS. kind: CLOSED_PLANAR, POINT, OPEN_PLANAR ...

    images: SOP instances that it was drawn on.
    """

    number: int
    kind: str
    points_mm: Floats
    images: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class StructureSet:
    """A structure set as read: its regions, and every contour of them."""

    about: SegmentSet
    contours: tuple[Contour, ...]


def read_structures(path: Path) -> StructureSet:
    """A structure set. Raises ``BadInput`` where the file is none."""
    item = open_object(path)
    regions = item.items("StructureSetROISequence")
    if not regions or item.text("Modality") not in {"RTSTRUCT", ""}:
        raise BadInput(N_("This file holds no contours."))
    contours: list[Contour] = []
    colours: dict[int, tuple[int, int, int]] = {}
    for group in item.items("ROIContourSequence"):
        number = group.whole("ReferencedROINumber")
        colour = [int(v) for v in group.numbers("ROIDisplayColor")]
        if len(colour) == 3:
            colours[number] = (colour[0], colour[1], colour[2])
        for one in group.items("ContourSequence"):
            numbers = one.numbers("ContourData")
            points = np.array(numbers[: len(numbers) // 3 * 3], dtype=np.float64).reshape(-1, 3)
            if len(points):
                images = one.image_refs("ContourImageSequence")
                uids = tuple(ref.sop_instance_uid for ref in images)
                kind = one.text("ContourGeometricType").upper()
                contours.append(Contour(number, kind, points, uids))
    observed = {o.whole("ReferencedROINumber"): o for o in item.items("RTROIObservationsSequence")}
    notes = []
    odd = sum(c.kind not in {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "POINT"} for c in contours)
    if odd:
        notes.append(
            Message(
                N_("{count} of its contours are open lines: they have no volume."), {"count": odd}
            )
        )
    segments = tuple(_region(r, observed, colours, contours) for r in regions)
    return StructureSet(_about(item, segments, contours, tuple(notes)), tuple(contours))


def _region(
    region: Item,
    observed: dict[int, Item],
    colours: dict[int, tuple[int, int, int]],
    contours: Sequence[Contour],
) -> SegmentInfo:
    number = region.whole("ROINumber")
    seen = observed.get(number)
    return SegmentInfo(
        number=number,
        label=region.text("ROIName") or (seen.text("ROIObservationLabel") if seen else ""),
        type=seen.code("RTROIIdentificationCodeSequence") if seen else None,
        algorithm_type=region.text("ROIGenerationAlgorithm"),
        algorithm=seen.text("RTROIInterpretedType") if seen else "",
        colour=colours.get(number),
        planes=sum(c.number == number for c in contours),
    )


def _about(
    item: Item,
    segments: tuple[SegmentInfo, ...],
    contours: Sequence[Contour],
    notes: tuple[Message, ...],
) -> SegmentSet:
    frames = [
        r.text("ReferencedFrameOfReferenceUID") for r in item.items("StructureSetROISequence")
    ]
    series = [
        series.text("SeriesInstanceUID")
        for frame in item.items("ReferencedFrameOfReferenceSequence")
        for study in frame.items("RTReferencedStudySequence")
        for series in study.items("RTReferencedSeriesSequence")
    ]
    outer = item.first("ReferencedFrameOfReferenceSequence")
    frame_uid = next((f for f in frames if f), "") or (
        outer.text("FrameOfReferenceUID") if outer else ""
    )
    return SegmentSet(
        sop_instance_uid=item.text("SOPInstanceUID"),
        study_uid=item.text("StudyInstanceUID"),
        series_uid=item.text("SeriesInstanceUID"),
        label=item.text("StructureSetLabel") or item.text("SeriesDescription"),
        creator=item.text("OperatorsName") or item.text("Manufacturer"),
        encoding="CONTOURS",
        fraction="",
        frame_of_reference_uid=frame_uid,
        series_uids=tuple(uid for uid in series if uid),
        images=tuple(dict.fromkeys(uid for c in contours for uid in c.images)),
        segments=segments,
        notes=notes,
    )


def fill_contours(
    structures: StructureSet, grid: Grid | None, numbers: Collection[int] | None = None
) -> SegmentPieces:
    """Regions as voxels of ``grid`` (or of a grid made from the contours): what lies inside.

    A voxel belongs to a region when its centre is inside; contours of one slice are combined by
    exclusive or, so that one within another is a hole. Raises ``BadInput`` where contours are not
    parallel to the slices of the grid.
    """
    wanted = [
        c
        for c in structures.contours
        if (numbers is None or c.number in numbers) and _is_closed(c) and len(c.points_mm) >= 3
    ]
    if grid is None:
        grid = _grid_of(wanted)
    shape = grid.shape[1:]
    by_slice: dict[tuple[int, int], list[Floats]] = {}
    slanted = 0
    for contour in wanted:
        index = grid.to_index(contour.points_mm)
        if float(np.ptp(index[:, 2])) > 0.5:
            slanted += 1
            continue
        z = round(float(index[:, 2].mean()))
        if 0 <= z < grid.shape[0]:
            by_slice.setdefault((contour.number, z), []).append(index[:, :2])
    if slanted and not by_slice:
        raise BadInput(N_("The contours are not parallel to the slices of this image."))
    pieces: dict[int, list[Piece]] = {}
    for (number, z), outlines in sorted(by_slice.items()):
        piece = piece_of(z, exclusive_or(outlines, (shape[0], shape[1])))
        if piece is not None:
            pieces.setdefault(number, []).append(piece)
    volumes = {
        number: sum(int(np.count_nonzero(p.array)) for p in parts) * grid.voxel_ml
        for number, parts in pieces.items()
    }
    return SegmentPieces(grid, pieces, volumes)


def _is_closed(contour: Contour) -> bool:
    return contour.kind in {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}


def _grid_of(contours: Sequence[Contour]) -> Grid:
    """A grid of 1 mm pixels around contours whose images are not here; axial if they are."""
    if not contours:
        raise BadInput(N_("This file holds no contours."))
    first = contours[0].points_mm
    _, _, axes = np.linalg.svd(first - first.mean(axis=0))
    normal = axes[2] * (1.0 if axes[2][np.abs(axes[2]).argmax()] > 0 else -1.0)
    right = np.array([1.0, 0.0, 0.0]) if abs(normal[0]) < 0.7 else np.array([0.0, 1.0, 0.0])
    right = right - normal * (normal @ right)
    right /= np.linalg.norm(right)
    down = np.cross(normal, right)
    every = np.vstack([c.points_mm for c in contours])
    along = np.unique(
        np.array([float(c.points_mm.mean(axis=0) @ normal) for c in contours]).round(2)
    )
    step = float(np.diff(along).min()) if len(along) > 1 else 1.0
    low = np.array([(every @ right).min() - 1, (every @ down).min() - 1, along[0]])
    high = np.array([(every @ right).max() + 1, (every @ down).max() + 1, along[-1]])
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = right, down, normal * step
    affine[:3, 3] = right * low[0] + down * low[1] + normal * low[2]
    count = np.ceil((high - low) / (1.0, 1.0, step) + 1).astype(int)
    return Grid((int(count[2]), int(count[1]), int(count[0])), as_matrix(affine))

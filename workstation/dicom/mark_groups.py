"""Marks as measurement groups of a TID 1500 report (PS3.16 TID 1501, TID 1410), and read back.

Lines, angles and points are groups whose numbers are inferred from coordinates (TID 1501, TID 300);
outlines are planar regions (TID 1410). Coordinates are pixels of the stored image where the mark
lies in one (SCOORD), else patient millimetres (SCOORD3D). Every number carries its exact binary
value beside the decimal one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.valuerep import DT

from workstation.dicom.coding import local, unit_concept
from workstation.dicom.evidence import person_name, tracking_uid
from workstation.dicom.finding_groups import when_read
from workstation.dicom.sr_places import MARK_KIND, walk
from workstation.domain.document import PlacedNumbers, ReportItem, ReportTree
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats
from workstation.domain.image_plane import ImagePlane, plane_of
from workstation.domain.mark import Mark, MarkKind, MarkNumber
from workstation.domain.mark_exchange import PAIRS, Shape, in_pixels, marks_of_place, shapes_of
from workstation.domain.volume import Stack

Numbers = Mapping[str, Sequence[MarkNumber]]
"""Mark id to its numbers, where others than those stored with the mark are to be written."""

_NAMES = {  # names of domain.mark_numbers that have a public code
    "Length": ("410668003", "SCT"),
    "Angle": ("1483009", "SCT"),
    "Cobb angle": ("285285000", "SCT"),
    "Long axis": ("103339001", "SCT"),
    "Short axis": ("103340004", "SCT"),
    "Area": ("42798000", "SCT"),
    "Volume": ("118565006", "SCT"),
    "Mean": ("373098007", "SCT"),
    "Standard deviation": ("386136009", "SCT"),
    "Minimum": ("255605001", "SCT"),
    "Maximum": ("56851009", "SCT"),
}
_FINDINGS = {
    MarkKind.LENGTH: ("410668003", "SCT", "Length"),
    MarkKind.ANGLE: ("1483009", "SCT", "Angle"),
    MarkKind.COBB: ("285285000", "SCT", "Cobb angle"),
}
_HALVES = {"Long axis": 0, "Short axis": 1, "Heart width": 0, "Thorax width": 1}
_PHASE = "Phase of the time series"
_COMMENT = sr.CodedConcept("121106", "DCM", "Comment")
_OBSERVER = sr.CodedConcept("121008", "DCM", "Person Observer Name")
_SERIES = sr.CodedConcept("112002", "DCM", "Series Instance UID")
_REGION = sr.CodedConcept("111030", "DCM", "Image Region")
_METHOD = "370129005"  # Measurement Method, SCT


@dataclass(frozen=True)
class Sources:
    """Images that marks may refer to: stacks of the study and headers of their files by UID."""

    stacks: Sequence[Stack]
    headers: Mapping[str, Dataset]

    def plane(self, mark: Mark) -> ImagePlane | None:
        """The stored image that a mark was drawn on, where its file is among the sources."""
        if not mark.sop_instance_uid or mark.sop_instance_uid not in self.headers:
            return None
        for stack in self.stacks:
            if stack.id == mark.stack_id or (stack.series_uid == mark.series_uid):
                plane = plane_of(stack, mark.sop_instance_uid, mark.frame)
                if plane is not None:
                    return plane
        return None

    def reference(self, plane: ImagePlane) -> tuple[str, str, list[int] | None]:
        """SOP class, SOP instance and frame numbers (from 1, of multi-frame files)."""
        header = self.headers[plane.sop_instance_uid]
        frames = [plane.frame + 1] if "NumberOfFrames" in header else None
        return str(header.SOPClassUID), plane.sop_instance_uid, frames


def mark_group(
    mark: Mark,
    sources: Sources,
    numbers: Sequence[MarkNumber] | None = None,
    *,
    late: bool = False,
) -> sr.MeasurementsAndQualitativeEvaluations:
    """A mark as one measurement group. numbers: instead of the mark's own. late: it was made or
    changed after AI was shown.

    Raises ``BadInput`` where the mark lies neither on a stored image nor in a frame of reference.
    """
    plane = sources.plane(mark)
    shapes = shapes_of(mark)
    stated = [n for n in (mark.numbers if numbers is None else numbers) if math.isfinite(n.value)]
    common = {
        "tracking_identifier": sr.TrackingIdentifier(
            uid=tracking_uid(mark.id), identifier=mark.id[:64]
        ),
        "finding_type": sr.CodedConcept(*_FINDINGS[mark.kind]) if mark.kind in _FINDINGS else None,
        "qualitative_evaluations": [
            sr.QualitativeEvaluation(local(MARK_KIND), local(mark.kind.value)),
            *when_read(late),
        ],
    }
    closed = mark.kind in {MarkKind.RECTANGLE, MarkKind.ELLIPSE, MarkKind.FREEHAND}
    if closed or mark.kind is MarkKind.BRUSH:
        items = [_number(n, []) for n in stated]
        group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_region=_region(shapes[0], mark, plane, sources),
            measurements=items or None,
            **common,
        )
    else:
        places = [_coordinates(shape, mark, plane, sources) for shape in shapes]
        items = [_number(n, _places_of(n, mark, places)) for n in stated]
        group = sr.MeasurementsAndQualitativeEvaluations(measurements=items or None, **common)
        told = {id(p) for n in stated for p in _places_of(n, mark, places)}
        for place in places:
            if id(place) not in told:
                place.ConceptNameCodeSequence = [_REGION]
                place.RelationshipType = "CONTAINS"
                group[0].ContentSequence.append(place)
    _annotate(group[0], mark)
    return group


def _annotate(group: Dataset, mark: Mark) -> None:
    """Who drew it, when, on which series, and the reader's words."""
    group.ObservationDateTime = DT(mark.at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000"))
    group.ContentSequence.append(
        sr.UIDRefContentItem(_SERIES, mark.series_uid, relationship_type="CONTAINS")
    )
    if mark.by:
        with warnings.catch_warnings():
            # highdicom doubts names of one component; person_name says why they are right.
            warnings.filterwarnings("ignore", message="The string .* person name")
            named = sr.PnameContentItem(
                _OBSERVER, person_name(mark.by), relationship_type="HAS OBS CONTEXT"
            )
        group.ContentSequence.append(named)
    if mark.words.strip():
        words = mark.words.replace("\r\n", "\n").replace("\n", "\r\n")
        group.ContentSequence.append(
            sr.TextContentItem(_COMMENT, words, relationship_type="CONTAINS")
        )
    if mark.phase:
        group.ContentSequence.append(
            sr.TextContentItem(local(_PHASE), str(mark.phase + 1), relationship_type="CONTAINS")
        )


def _number(number: MarkNumber, places: list[Dataset]) -> sr.Measurement:
    known = _NAMES.get(number.name)
    return sr.Measurement(
        name=sr.CodedConcept(*known, number.name) if known else local(number.name),
        value=float(number.value),
        unit=unit_concept(number.unit),
        method=local(number.formula) if number.formula else None,
        referenced_coordinates=places or None,
    )


def _places_of(number: MarkNumber, mark: Mark, places: list[Dataset]) -> list[Dataset]:
    """The lines that a number was measured on: of two lines one, or both."""
    half = _HALVES.get(number.name)
    return [places[half]] if mark.kind in PAIRS and half is not None else places


def _pixels(shape: Shape, plane: ImagePlane | None) -> Floats | None:
    """(n, 2) coordinates as DICOM counts them, the first pixel's middle 0.5, 0.5."""
    if plane is None:
        return None
    found = in_pixels(shape, plane)
    if found is None or (found < -0.5).any():
        return None
    size = np.array([plane.grid.shape[2], plane.grid.shape[1]])
    return found + 0.5 if (found <= size - 0.5).all() else None


def _coordinates(
    shape: Shape, mark: Mark, plane: ImagePlane | None, sources: Sources
) -> sr.CoordinatesForMeasurement | sr.CoordinatesForMeasurement3D:
    pixels = _pixels(shape, plane)
    if pixels is not None and plane is not None:
        sop_class, uid, frames = sources.reference(plane)
        return sr.CoordinatesForMeasurement(
            graphic_type=shape.kind,
            graphic_data=pixels,
            source_image=sr.SourceImageForRegion(sop_class, uid, frames),
        )
    return sr.CoordinatesForMeasurement3D(
        graphic_type=shape.kind,
        graphic_data=shape.points,
        frame_of_reference_uid=_frame_of(mark),
    )


def _region(
    shape: Shape, mark: Mark, plane: ImagePlane | None, sources: Sources
) -> sr.ImageRegion | sr.ImageRegion3D:
    pixels = _pixels(shape, plane)
    if pixels is not None and plane is not None:
        sop_class, uid, frames = sources.reference(plane)
        return sr.ImageRegion(
            graphic_type=shape.kind,
            graphic_data=pixels,
            source_image=sr.SourceImageForRegion(sop_class, uid, frames),
            pixel_origin_interpretation="FRAME" if frames else None,
        )
    kind = "POLYGON" if shape.kind == "POLYLINE" else shape.kind
    return sr.ImageRegion3D(
        graphic_type=kind, graphic_data=shape.points, frame_of_reference_uid=_frame_of(mark)
    )


def _frame_of(mark: Mark) -> str:
    if not mark.frame_of_reference_uid:
        raise BadInput(
            N_("A mark lies on no stored image and its series has no frame of reference.")
        )
    return mark.frame_of_reference_uid


# --- back again


def marks_of_report(tree: ReportTree, stacks: Sequence[Stack]) -> list[Mark]:
    """Our own marks out of a report, as they were drawn; those on images that are here."""
    items = {item.path: item for item in walk(tree.root)}
    found = []
    for place in tree.places:
        if not place.kind:
            continue
        owner = items[place.path]
        series = _said(owner, _SERIES.value)
        near = sorted(stacks, key=lambda s: s.series_uid != series)
        at = _moment(owner.at)
        stated = replace(place, numbers=_numbers_of(owner))
        for mark in marks_of_place(stated, near, by=_person(owner), at=at):
            phase = _said(owner, local(_PHASE).value)
            found.append(
                replace(
                    mark,
                    words=_said(owner, _COMMENT.value),
                    phase=int(phase) - 1 if phase.isdigit() else mark.phase,
                    known_mm=_known(stated),
                )
            )
    return found


def _known(place: PlacedNumbers) -> float:
    known = [n.value for n in place.numbers if n.name == "Known length"]
    return known[0] if known and place.kind == MarkKind.CALIBRATION.value else 0.0


def _numbers_of(owner: ReportItem) -> tuple[MarkNumber, ...]:
    found = []
    for item in owner.children:
        if item.value_type == "NUM" and item.number is not None:
            formula = _said(item, _METHOD)
            found.append(MarkNumber(item.name, item.number, item.unit, formula))
    return tuple(found)


def _said(owner: ReportItem, code_value: str) -> str:
    for child in owner.children:
        if child.code is not None and child.code.value == code_value:
            return child.words
    return ""


def _person(owner: ReportItem) -> str:
    """A name as it was: without the group mark that ``person_name`` puts before Chinese."""
    return _said(owner, _OBSERVER.value).removeprefix("=")


def _moment(stated: str) -> datetime:
    for form in ("%Y%m%d%H%M%S.%f%z", "%Y%m%d%H%M%S%z"):
        try:
            return datetime.strptime(stated, form).astimezone(UTC)
        except ValueError:
            continue
    return datetime(1970, 1, 1, tzinfo=UTC)

"""Findings as measurement groups of a TID 1500 report (PS3.16 TID 1410, 1411, 1501).

Each group says what was found, where, how much, which algorithm found it (TID 4019), on whose
equipment it was found where that is not ours, and what the reader decided.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import DS

from workstation.dicom.coding import (
    algorithm_family,
    algorithm_of,
    concept,
    local,
    site_concepts,
    tracking_of,
    unit_concept,
    value_concept,
)
from workstation.dicom.evidence import person_name, tracking_uid, uid_of
from workstation.domain.acquisition import DEEP, OTHER, Reconstruction
from workstation.domain.finding import Finding, FindingState
from workstation.domain.measurement import Measurement, as_stated, format_value
from workstation.domain.origin import Origin

AFTER_AI = "Made or changed after AI was shown"
Segments = dict[tuple[str, str], tuple[Dataset, int]]
"""Tracking identifier and UID to the header of a segmentation and the segment's number there."""

_DECISIONS = {
    FindingState.PROPOSED: "Proposed, not reviewed",
    FindingState.ACCEPTED: "Accepted as proposed",
    FindingState.EDITED: "Accepted after the reader's edit",
    FindingState.REJECTED: "Rejected",
    FindingState.ADDED: "Added by the reader",
}
_MODIFIERS = {"121401", "370129005", "G-C036", "363698007", "G-C0E3"}  # else: properties
_EVIDENCE = {
    "none": "No evidence",
    "synthetic": "Synthetic data",
    "public": "Public data",
    "clinical": "Clinical data",
    "unknown": "Not stated",
}
_PERSON = sr.CodedConcept("121008", "DCM", "Person Observer Name")
_OBSERVER_TYPE = sr.CodedConcept("121005", "DCM", "Observer Type")
_DEVICE = sr.CodedConcept("121007", "DCM", "Device")
_DEVICE_UID = sr.CodedConcept("121012", "DCM", "Device Observer UID")
_DEVICE_NAME = sr.CodedConcept("121013", "DCM", "Device Observer Name")
_DEVICE_MAKER = sr.CodedConcept("121014", "DCM", "Device Observer Manufacturer")
_DEVICE_MODEL = sr.CodedConcept("121015", "DCM", "Device Observer Model Name")


def segments_of(headers: Sequence[Dataset]) -> Segments:
    """Where each tracked finding's voxels are."""
    return {
        (str(segment.get("TrackingID", "")), str(segment.get("TrackingUID", ""))): (
            header,
            int(segment.SegmentNumber),
        )
        for header in headers
        for segment in header.SegmentSequence
    }


def finding_group(
    finding: Finding,
    measurements: Sequence[Measurement],
    segments: Segments,
    sources: Sequence[Dataset],
    *,
    late: bool = False,
    made: Reconstruction | None = None,
) -> sr.MeasurementsAndQualitativeEvaluations:
    """One finding: volumetric (TID 1411) with its segment, else planar (TID 1410) at a point.

    measurements: of the whole study. Numbers of ours are those of ``format_value``, digit for
    digit; those of other systems exactly as they stated them. late: a person made or changed it
    after AI was shown. made: how its images were reconstructed.
    """
    identifier, uid = tracking_of(finding)
    place, side = site_concepts(finding.site, finding.area, finding.site_code)
    common = {
        "tracking_identifier": sr.TrackingIdentifier(uid=uid, identifier=identifier),
        "finding_type": concept(finding.code),
        "finding_category": concept(finding.category) if finding.category else None,
        "finding_sites": [sr.FindingSite(place, laterality=side)] if place else None,
        "measurements": numbers_of(finding, measurements) or None,
        "algorithm_id": _algorithm(finding),
        "qualitative_evaluations": [*_evaluations(finding), *when_read(late), *reconstructed(made)],
    }
    segment = segments.get((identifier, uid))
    own = [s for s in sources if str(s.SeriesInstanceUID) == finding.series_uid]
    if segment is not None:
        group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=_segment_reference(*segment), **common
        )
    elif own and finding.stack_id:
        point = sr.ImageRegion3D(
            graphic_type=sr.GraphicTypeValues3D.POINT,
            graphic_data=np.array([finding.location_mm]),
            frame_of_reference_uid=own[0].FrameOfReferenceUID,
        )
        group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=point, **common)
    else:
        group = sr.MeasurementsAndQualitativeEvaluations(**common)
    if finding.origin is not None:
        group[0].ContentSequence.extend(_made_elsewhere(finding.origin))
    return group


def study_group(
    measurement: Measurement, made: Reconstruction | None = None
) -> sr.MeasurementsAndQualitativeEvaluations:
    """A number about the study as a whole (TID 1501 without a region)."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=tracking_uid(measurement.id), identifier=measurement.id
        ),
        algorithm_id=sr.AlgorithmIdentification(
            name=measurement.formula, version=measurement.made_by.version or "unknown"
        ),
        measurements=[_number(concept(measurement.code), measurement.value, measurement.unit)],
        qualitative_evaluations=reconstructed(made) or None,
    )


# --- numbers


def numbers_of(finding: Finding, measurements: Sequence[Measurement]) -> list[sr.Measurement]:
    """Every number of a finding, each said once."""
    own = [m for m in measurements if m.finding_id == finding.id]
    stated = [m for m in own if m.stated]
    numbers, said = [_stated(m) for m in stated], {m.code.value for m in stated}
    if finding.value is not None and not stated:
        name = value_concept(finding)
        numbers.append(_number(name, finding.value, finding.unit))
        said.add(name.value)
    for measurement in own:
        # A finding's main number may also be stored as a measurement: say it once.
        if not measurement.stated and measurement.code.value not in said:
            name = concept(measurement.code)
            numbers.append(_number(name, measurement.value, measurement.unit))
    return numbers


def _number(name: sr.CodedConcept, value: float, unit: str) -> sr.Measurement:
    """One NUM item (TID 300) with exactly the decimal that screens and PDF print."""
    printed = format_value(value, unit).split(" ")[0]
    item = sr.Measurement(name=name, value=float(printed), unit=unit_concept(unit))
    # A DS made of a string keeps its digits; highdicom's own would say "17.0" for "17".
    item[0].MeasuredValueSequence[0].NumericValue = DS(printed)
    return item


def _stated(measurement: Measurement) -> sr.Measurement:
    """Another system's number as it was: value, unit and what qualifies it."""
    item = sr.Measurement(
        name=concept(measurement.code),
        value=measurement.value,
        unit=unit_concept(measurement.unit, measurement.unit_code),
    )
    printed = as_stated(measurement.value, "1")
    if len(printed) <= 16:
        item[0].MeasuredValueSequence[0].NumericValue = DS(printed)
    added = [
        sr.CodeContentItem(
            concept(name),
            concept(value),
            relationship_type="HAS CONCEPT MOD" if name.value in _MODIFIERS else "HAS PROPERTIES",
        )
        for name, value in measurement.modifiers
    ]
    if added:
        below = list(item[0].get("ContentSequence", []))
        item[0].ContentSequence = sr.ContentSequence([*below, *added])
    return item


# --- who and what


def _algorithm(finding: Finding) -> sr.AlgorithmIdentification | None:
    """TID 4019; None for what a person drew."""
    known = algorithm_of(finding)
    if known is None:
        return None
    parameters = list(known.parameters)
    manufacturer = "OneScan"
    if finding.origin is None:
        parameters += [f"source={known.source}"] if known.source else []
        parameters.append(f"qualification={known.qualification}")
    else:
        manufacturer = known.source or finding.origin.maker.manufacturer
    return sr.AlgorithmIdentification(
        name=known.name,
        version=known.version or "unknown",
        # In one text: readers are known that keep only one of several.
        parameters=[", ".join(parameters)] if parameters else None,
        family=algorithm_family(finding),
        manufacturer=manufacturer or None,
    )


def _evaluations(finding: Finding) -> list[sr.QualitativeEvaluation]:
    said = [sr.QualitativeEvaluation(local("Reader's decision"), local(_DECISIONS[finding.state]))]
    if finding.evidence in _EVIDENCE:
        level = local(_EVIDENCE[finding.evidence])
        said.append(sr.QualitativeEvaluation(local("Evidence level"), level))
    for word in finding.origin.words if finding.origin is not None else ():
        if word.value is not None and word.value.value:
            said.append(sr.QualitativeEvaluation(concept(word.name), concept(word.value)))
    return said


def when_read(late: bool) -> list[sr.QualitativeEvaluation]:
    """Says of what a person made or changed that it was after AI was shown."""
    if not late:
        return []
    return [sr.QualitativeEvaluation(local("Order of reading"), local(AFTER_AI))]


def reconstructed(made: Reconstruction | None) -> list[sr.QualitativeEvaluation]:
    """How the images of a number were reconstructed, as their headers state it."""
    if made is None:
        return []
    said = {DEEP: "Deep learning", OTHER: "Not deep learning"}.get(made.kind, "Not stated")
    words = f"{said}: {made.name}" if made.name else said
    return [sr.QualitativeEvaluation(local("Image reconstruction"), local(words))]


def _made_elsewhere(origin: Origin) -> list[Dataset]:
    """The equipment and person of the other system, and the object that it came in by."""
    maker = origin.maker
    items: list[Dataset] = [
        sr.CodeContentItem(_OBSERVER_TYPE, _DEVICE, relationship_type="HAS OBS CONTEXT"),
        sr.UIDRefContentItem(
            _DEVICE_UID,
            uid_of("device", maker.manufacturer, maker.model_name, maker.serial),
            relationship_type="HAS OBS CONTEXT",
        ),
    ]
    for name, value in (
        (_DEVICE_NAME, str(maker)),
        (_DEVICE_MAKER, maker.manufacturer),
        (_DEVICE_MODEL, maker.model_name),
        (local("Software versions"), maker.software),
    ):
        if value:
            items.append(sr.TextContentItem(name, value, relationship_type="HAS OBS CONTEXT"))
    if origin.observer:
        with warnings.catch_warnings():
            # highdicom doubts names of one component; person_name says why they are right.
            warnings.filterwarnings("ignore", message="The string .* person name")
            who = person_name(origin.observer)
            items.append(sr.PnameContentItem(_PERSON, who, relationship_type="HAS OBS CONTEXT"))
    items.append(
        sr.UIDRefContentItem(
            local("Object that it came in by"),
            origin.sop_instance_uid,
            relationship_type="CONTAINS",
        )
    )
    for word in origin.words:
        if word.value is None and word.words:
            name = concept(word.name) if word.name.value else local("Comment")
            items.append(sr.TextContentItem(name, word.words, relationship_type="CONTAINS"))
    if origin.unplaced is not None:
        items.append(
            sr.TextContentItem(
                local("Not placed on an image"),
                str(origin.unplaced),
                relationship_type="CONTAINS",
            )
        )
    return items


def _segment_reference(header: Dataset, number: int) -> sr.ReferencedSegment:
    """The segment, and the images its frames were drawn on (the whole series where unknown)."""
    shared = header.SharedFunctionalGroupsSequence[0]
    images: dict[str, str] = {}
    for frame in header.PerFrameFunctionalGroupsSequence:
        groups = frame if "SegmentIdentificationSequence" in frame else shared
        if int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber) != number:
            continue
        for derivation in frame.get("DerivationImageSequence", []):
            for image in derivation.get("SourceImageSequence", []):
                images[str(image.ReferencedSOPInstanceUID)] = str(image.ReferencedSOPClassUID)
    series = str(header.ReferencedSeriesSequence[0].SeriesInstanceUID)
    return sr.ReferencedSegment(
        sop_class_uid=header.SOPClassUID,
        sop_instance_uid=header.SOPInstanceUID,
        segment_number=number,
        source_images=[
            sr.SourceImageForSegmentation(sop_class, uid) for uid, sop_class in images.items()
        ]
        or None,
        source_series=None if images else sr.SourceSeriesForSegmentation(series),
    )


def narrative(said: Sequence[tuple[sr.CodedConcept, str]], name: sr.CodedConcept) -> Dataset:
    """Texts in one container (PS3.16 TID 1500 row 12). CR LF is DICOM's line end in text."""
    container = sr.ContainerContentItem(name=name, relationship_type="CONTAINS")
    container.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(
                name=what,
                value=text.replace("\r\n", "\n").replace("\n", "\r\n"),
                relationship_type="CONTAINS",
            )
            for what, text in said
        ]
    )
    return container


def language_of(language: str) -> sr.LanguageOfContentItemAndDescendants:
    """The language that a report is written in (PS3.16 TID 1204)."""
    chinese = language.startswith("zh")
    value, meaning = ("zh-CN", "Chinese (China)") if chinese else ("en", "English")
    return sr.LanguageOfContentItemAndDescendants(sr.CodedConcept(value, "RFC5646", meaning))


def procedure_of(modality: str) -> object:
    """What was done, as a LOINC code of the modality."""
    known = _PROCEDURES.get(modality)
    if known is None:
        return codes.cid100.ImagingProcedure
    return sr.CodedConcept(known[0], "LN", known[1])


_PROCEDURES = {
    "CT": ("25045-6", "CT unspecified body region"),
    "MR": ("25056-3", "MRI unspecified body region"),
    "PT": ("44136-0", "PET unspecified body region"),
}

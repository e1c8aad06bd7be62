"""DICOM structured report (PS3.16 TID 1500, Comprehensive 3D SR) of a signed report."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import DS, DT, PersonName

from workstation.dicom.coding import (
    algorithm_family,
    concept,
    local,
    scheme_items,
    site_concepts,
    unit_concept,
    value_concept,
)
from workstation.dicom.evidence import (
    CHARACTER_SET,
    MADE_IDENTITY_NOTE,
    has_made_identity,
    person_name,
    read_sources,
    tracking_uid,
    uid_of,
)
from workstation.dicom.mark_groups import Numbers, Sources, mark_group
from workstation.dicom.report_content import EVALUATIONS, read_report, read_sr
from workstation.dicom.segmentation import MANUFACTURER, MODEL_NAME, RESEARCH_NOTE
from workstation.domain.artefact import new_uid
from workstation.domain.finding import REPORTED, Finding, FindingState
from workstation.domain.mark_exchange import is_placeable
from workstation.domain.measurement import Measurement, format_value
from workstation.domain.report import SignedReport
from workstation.domain.study import Instance
from workstation.domain.volume import Stack

__all__ = ["read_report", "read_sr", "write_sr"]

_LANGUAGES = {"zh": ("zh-CN", "Chinese (China)"), "en": ("en", "English")}
_PROCEDURES = {
    "CT": ("25045-6", "CT unspecified body region"),
    "MR": ("25056-3", "MRI unspecified body region"),
    "PT": ("44136-0", "PET unspecified body region"),
}
_SECTIONS = {
    "findings": codes.DCM.Finding,
    "impression": codes.DCM.Impression,
    "conclusion": codes.DCM.Conclusion,
    "recommendation": codes.DCM.Recommendation,
}


def write_sr(
    report: SignedReport,
    source_files: Sequence[Path],
    segmentations: Sequence[bytes] = (),
    *,
    instances: Sequence[Instance | None] = (),
    software_version: str,
    organization: str,
    predecessors: Sequence[bytes] = (),
    manufacturer: str = MANUFACTURER,
    series_number: int = 9002,
    sop_instance_uid: str = "",
    series_instance_uid: str = "",
    stacks: Sequence[Stack] = (),
    mark_numbers: Numbers | None = None,
) -> bytes:
    """The signed report as a COMPLETE, VERIFIED measurement report, a Part 10 file.

    source_files: images the report speaks about (all slices of each stack with a finding).
    instances: what each of them is known as, for files that lack their own identifiers.
    segmentations: SEG files of ``write_seg``; a finding whose id is a segment's TrackingID is
    written as a volumetric group that refers to it. predecessors: the SR files that this one
    adds to or corrects. stacks: place the report's marks, which become groups of their own
    (``mark_groups``). mark_numbers: instead of those stored with them. Numbers of findings are
    those of ``format_value``, digit for digit, those of marks exact. Raises
    ``BadInput`` where an image cannot be referred to.
    """
    sources = read_sources(source_files, report.study, instances=instances)
    segments, seg_headers = _segments(segmentations)
    findings = [f for f in report.findings if f.state in REPORTED]
    groups: list[sr.MeasurementsAndQualitativeEvaluations] = []
    for finding in findings:
        numbers = _numbers_of(finding, report.measurements)
        groups.append(_group(finding, numbers, segments.get(finding.id), sources))
    groups += [_study_group(m) for m in report.measurements if not m.finding_id]
    places = Sources(stacks, {str(s.SOPInstanceUID): s for s in sources})
    told = [m for m in report.marks if m.in_report and is_placeable(m, stacks)]
    groups += [mark_group(m, places, (mark_numbers or {}).get(m.id)) for m in told]
    signer = person_name(report.signer_name or report.signer)
    said = _narrative(report)
    if has_made_identity(instances):
        said.insert(1, (local("Source images"), MADE_IDENTITY_NOTE))
    moment = report.signed_at.astimezone()
    with warnings.catch_warnings():
        # highdicom doubts names of one component; person_name says why they are right.
        warnings.filterwarnings("ignore", message="The string .* person name")
        content = _root(report, groups, said, sources[0], signer, organization)
        written = sr.Comprehensive3DSR(
            evidence=[*sources, *seg_headers],
            content=content,
            series_instance_uid=series_instance_uid or new_uid(),
            series_number=series_number,
            sop_instance_uid=sop_instance_uid or new_uid(),
            instance_number=report.number,
            manufacturer=manufacturer,
            manufacturer_model_name=MODEL_NAME,
            software_versions=software_version,
            device_serial_number="0",
            is_complete=True,
            is_final=True,
            is_verified=True,
            verifying_observer_name=signer,
            verifying_organization=organization[:64] or MANUFACTURER,
            previous_versions=[_header(data) for data in predecessors] or None,
            specific_character_set=CHARACTER_SET,
            series_description=report.draft.title[:64],
            coding_schemes=scheme_items(),
            content_date=moment.date(),
            content_time=moment.time(),
        )
    written.VerifyingObserverSequence[0].VerificationDateTime = DT(moment)
    buffer = io.BytesIO()
    written.save_as(buffer)
    return buffer.getvalue()


def _header(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)


def _segments(files: Sequence[bytes]) -> tuple[dict[str, tuple[Dataset, int]], list[Dataset]]:
    """Each finding's segment: its file's header and its number there."""
    found: dict[str, tuple[Dataset, int]] = {}
    headers = []
    for data in files:
        header = _header(data)
        headers.append(header)
        for segment in header.SegmentSequence:
            found[str(segment.TrackingID)] = (header, int(segment.SegmentNumber))
    return found, headers


def _number(name: sr.CodedConcept, value: float, unit: str) -> sr.Measurement:
    """One NUM item (TID 300) with exactly the decimal that screens and PDF print."""
    printed = format_value(value, unit).split(" ")[0]
    item = sr.Measurement(name=name, value=float(printed), unit=unit_concept(unit))
    # A DS made of a string keeps its digits; highdicom's own would say "17.0" for "17".
    item[0].MeasuredValueSequence[0].NumericValue = DS(printed)
    return item


def _numbers_of(finding: Finding, measurements: Sequence[Measurement]) -> list[sr.Measurement]:
    numbers, said = [], set()
    if finding.value is not None:
        numbers.append(_number(value_concept(finding), finding.value, finding.unit))
        said.add(value_concept(finding).value)
    for measurement in measurements:
        # A finding's main number may also be stored as a measurement: say it once.
        if measurement.finding_id == finding.id and measurement.code.value not in said:
            numbers.append(_number(concept(measurement.code), measurement.value, measurement.unit))
    return numbers


def _group(
    finding: Finding,
    numbers: list[sr.Measurement],
    segment: tuple[Dataset, int] | None,
    sources: Sequence[Dataset],
) -> sr.MeasurementsAndQualitativeEvaluations:
    """One finding: volumetric (TID 1411) with its segment, else planar (TID 1410) at a point."""
    tracking = sr.TrackingIdentifier(uid=tracking_uid(finding.id), identifier=finding.id)
    place, side = site_concepts(finding.site, finding.area)
    sites = [sr.FindingSite(place, laterality=side)] if place else None
    algorithm = None
    if finding.state is not FindingState.ADDED:
        algorithm = sr.AlgorithmIdentification(
            name=finding.made_by.name,
            version=finding.made_by.version or "unknown",
            parameters=[f"sha256={finding.made_by.sha256}"] if finding.made_by.sha256 else None,
            family=algorithm_family(finding),
        )
    common = {
        "tracking_identifier": tracking,
        "finding_type": concept(finding.code),
        "finding_sites": sites,
        "measurements": numbers or None,
        "algorithm_id": algorithm,
    }
    if segment is not None:
        header, number = segment
        return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=_segment_reference(header, number), **common
        )
    own = [s for s in sources if str(s.SeriesInstanceUID) == finding.series_uid]
    if own:
        point = sr.ImageRegion3D(
            graphic_type=sr.GraphicTypeValues3D.POINT,
            graphic_data=np.array([finding.location_mm]),
            frame_of_reference_uid=own[0].FrameOfReferenceUID,
        )
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=point, **common)
    return sr.MeasurementsAndQualitativeEvaluations(**common)


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


def _study_group(measurement: Measurement) -> sr.MeasurementsAndQualitativeEvaluations:
    """A number about the study as a whole (TID 1501 without a region)."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=tracking_uid(measurement.id), identifier=measurement.id
        ),
        algorithm_id=sr.AlgorithmIdentification(
            name=measurement.formula, version=measurement.made_by.version or "unknown"
        ),
        measurements=[_number(concept(measurement.code), measurement.value, measurement.unit)],
    )


def _root(
    report: SignedReport,
    groups: list[sr.MeasurementsAndQualitativeEvaluations],
    said: list[tuple[sr.CodedConcept, str]],
    source: Dataset,
    signer: PersonName,
    organization: str,
) -> Dataset:
    """TID 1500 with its observers, groups and, as qualitative evaluations, the narrative."""
    value, meaning = _LANGUAGES["zh" if report.draft.language.startswith("zh") else "en"]
    procedure = _PROCEDURES.get(str(source.get("Modality", "")))
    person = sr.PersonObserverIdentifyingAttributes(
        name=signer, login_name=report.signer, organization_name=organization or None
    )
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of("device", organization),
        name=MODEL_NAME,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL_NAME,
    )
    # highdicom wants at least one group; TID 1500 is content with evaluations alone.
    stand_in = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=uid_of(report.id), identifier=report.id)
    )
    root = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_person_context=sr.ObserverContext(codes.DCM.Person, person),
            observer_device_context=sr.ObserverContext(codes.DCM.Device, device),
        ),
        procedure_reported=sr.CodedConcept(procedure[0], "LN", procedure[1])
        if procedure
        else codes.cid100.ImagingProcedure,
        imaging_measurements=groups or [stand_in],
        title=codes.cid7021.ImagingMeasurementReport,
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            sr.CodedConcept(value, "RFC5646", meaning)
        ),
    )[0]
    if not groups:
        del root.ContentSequence[-1]
    narrative = sr.ContainerContentItem(
        name=sr.CodedConcept(*EVALUATIONS), relationship_type="CONTAINS"
    )
    narrative.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(name=name, value=text, relationship_type="CONTAINS")
            for name, text in said
        ]
    )
    root.ContentSequence.append(narrative)
    return root


def _narrative(report: SignedReport) -> list[tuple[sr.CodedConcept, str]]:
    """What the report says in words, section by section, in the order of the report."""
    said = [(local("Conditions of use"), RESEARCH_NOTE)]
    for section in report.draft.sections:
        known = _SECTIONS.get(section.key)
        name = sr.CodedConcept.from_code(known) if known else local(section.title or section.key)
        lines = [*(sentence.text for sentence in section.sentences), section.free_text]
        # CR LF is DICOM's line end in text (PS3.5 6.1.3).
        text = "\r\n".join(line for line in lines if line.strip())
        if text:
            said.append((name, text.replace("\r\n", "\n").replace("\n", "\r\n")))
    if report.addendum_text:
        said.append((sr.CodedConcept.from_code(codes.DCM.Addendum), report.addendum_text))
    if report.reason:
        said.append((local("Reason for change"), report.reason))
    return said

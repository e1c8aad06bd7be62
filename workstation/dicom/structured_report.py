"""DICOM structured report (PS3.16 TID 1500, Comprehensive 3D SR) of a signed report."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import DT, PersonName

from workstation.dicom.coding import local, scheme_items
from workstation.dicom.evidence import (
    CHARACTER_SET,
    MADE_IDENTITY_NOTE,
    has_made_identity,
    person_name,
    read_sources,
    uid_of,
)
from workstation.dicom.finding_groups import (
    finding_group,
    language_of,
    narrative,
    procedure_of,
    segments_of,
    study_group,
)
from workstation.dicom.mark_groups import Numbers, Sources, mark_group
from workstation.dicom.report_content import EVALUATIONS, read_report, read_sr
from workstation.dicom.segmentation import MANUFACTURER, MODEL_NAME, RESEARCH_NOTE
from workstation.domain.artefact import new_uid
from workstation.domain.finding import REPORTED
from workstation.domain.first_read import after_ai
from workstation.domain.mark_exchange import is_placeable
from workstation.domain.report import SignedReport
from workstation.domain.study import Instance
from workstation.domain.volume import Stack

__all__ = ["read_report", "read_sr", "write_sr"]

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
    segmentations: SEG files of ``write_seg``; a finding that is tracked there is written as a
    volumetric group that refers to it. predecessors: the SR files that this one
    adds to or corrects. stacks: place the report's marks, which become groups of their own
    (``mark_groups``). mark_numbers: instead of those stored with them. Numbers of findings are
    those of ``format_value``, digit for digit, those of marks exact. Raises
    ``BadInput`` where an image cannot be referred to.
    """
    sources = read_sources(source_files, report.study, instances=instances)
    seg_headers = [_header(data) for data in segmentations]
    segments = segments_of(seg_headers)
    findings = [f for f in report.findings if f.state in REPORTED]
    groups: list[sr.MeasurementsAndQualitativeEvaluations] = []
    made = dict(report.reconstructions)
    for finding in findings:
        late = after_ai(report.first_read, finding)
        of = made.get(finding.stack_id) if finding.value is not None else None
        group = finding_group(finding, report.measurements, segments, sources, late=late, made=of)
        groups.append(group)
    for number in report.measurements:
        if not number.finding_id:
            of = next((made[id] for id in number.made_from if id in made), None)
            groups.append(study_group(number, of))
    places = Sources(stacks, {str(s.SOPInstanceUID): s for s in sources})
    told = [m for m in report.marks if m.in_report and is_placeable(m, stacks)]
    for m in told:
        late, numbers = after_ai(report.first_read, m), (mark_numbers or {}).get(m.id)
        groups.append(mark_group(m, places, numbers, late=late))
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


def _root(
    report: SignedReport,
    groups: list[sr.MeasurementsAndQualitativeEvaluations],
    said: list[tuple[sr.CodedConcept, str]],
    source: Dataset,
    signer: PersonName,
    organization: str,
) -> Dataset:
    """TID 1500 with its observers, groups and, as qualitative evaluations, the narrative."""
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
        procedure_reported=procedure_of(str(source.get("Modality", ""))),
        imaging_measurements=groups or [stand_in],
        title=codes.cid7021.ImagingMeasurementReport,
        language_of_content_item_and_descendants=language_of(report.draft.language),
    )[0]
    if not groups:
        del root.ContentSequence[-1]
    root.ContentSequence.append(narrative(said, sr.CodedConcept(*EVALUATIONS)))
    return root


def _narrative(report: SignedReport) -> list[tuple[sr.CodedConcept, str]]:
    """What the report says in words, section by section, in the order of the report."""
    said = [(local("Conditions of use"), RESEARCH_NOTE)]
    for section in report.draft.sections:
        known = _SECTIONS.get(section.key)
        name = sr.CodedConcept.from_code(known) if known else local(section.title or section.key)
        lines = [*(sentence.text for sentence in section.sentences), section.free_text]
        text = "\n".join(line for line in lines if line.strip())
        if text:
            said.append((name, text))
    if report.addendum_text:
        said.append((sr.CodedConcept.from_code(codes.DCM.Addendum), report.addendum_text))
    if report.reason:
        said.append((local("Reason for change"), report.reason))
    return said

"""What a DICOM measurement report (PS3.16 TID 1500) says, read back from its file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from workstation.domain.errors import N_, BadInput

# PS3.16 TID 1500 row 12: the container for what is said rather than measured.
EVALUATIONS = ("C0034375", "UMLS", "Qualitative Evaluations")


@dataclass(frozen=True)
class SrNumber:
    """One NUM item of a report as read. printed: the decimal string that the file states.

    tracking_id: the finding's id, or the measurement's for numbers about the whole study.
    finding: meaning of the coded finding, empty where the group names none. unit: UCUM.
    """

    tracking_id: str
    finding: str
    name: str
    value: float
    printed: str
    unit: str


@dataclass(frozen=True)
class SrContent:
    """What a written report says. texts: (concept meaning, text) in order."""

    sop_instance_uid: str
    study_uid: str
    verified_by: str
    predecessors: tuple[str, ...]
    numbers: tuple[SrNumber, ...]
    findings: tuple[tuple[str, str], ...]  # tracking id, coded finding
    texts: tuple[tuple[str, str], ...]


def read_sr(data: bytes) -> list[SrNumber]:
    """Every number of a TID 1500 report, in the order of the file."""
    return list(read_report(data).numbers)


def read_report(data: bytes) -> SrContent:
    """What a TID 1500 report says. Raises ``BadInput`` where the file is none."""
    try:
        read = sr.srread(io.BytesIO(data))
    except (ValueError, AttributeError, RuntimeError, InvalidDicomError) as error:
        raise BadInput(N_("This file is not a readable DICOM measurement report.")) from error
    if not isinstance(read.content, sr.MeasurementReport):
        raise BadInput(N_("This file is not a readable DICOM measurement report."))
    numbers: list[SrNumber] = []
    findings: list[tuple[str, str]] = []
    for group in _items(read, codes.DCM.MeasurementGroup):
        items = list(group.ContentSequence)
        tracking = _value(items, codes.DCM.TrackingIdentifier)
        finding = _value(items, codes.DCM.Finding)
        if finding:
            findings.append((tracking, finding))
        numbers += [_read_number(i, tracking, finding) for i in items if i.ValueType == "NUM"]
    evaluations = _items(read, sr.CodedConcept(*EVALUATIONS))
    texts = [
        (str(item.ConceptNameCodeSequence[0].CodeMeaning), str(item.TextValue))
        for container in evaluations
        for item in container.ContentSequence
        if item.ValueType == "TEXT"
    ]
    verified = read.get("VerifyingObserverSequence", [])
    return SrContent(
        sop_instance_uid=str(read.SOPInstanceUID),
        study_uid=str(read.StudyInstanceUID),
        verified_by=str(verified[0].VerifyingObserverName) if verified else "",
        predecessors=tuple(
            str(instance.ReferencedSOPInstanceUID)
            for study in read.get("PredecessorDocumentsSequence", [])
            for series in study.ReferencedSeriesSequence
            for instance in series.ReferencedSOPSequence
        ),
        numbers=tuple(numbers),
        findings=tuple(findings),
        texts=tuple(texts),
    )


def _items(parent: Dataset, name: Code | sr.CodedConcept) -> list[Dataset]:
    """Containers called ``name`` anywhere below ``parent``, in document order."""
    found = []
    for item in parent.get("ContentSequence", []):
        if item.ValueType == "CONTAINER":
            concept_name = item.ConceptNameCodeSequence[0]
            if concept_name.CodeValue == name.value:
                found.append(item)
            found += _items(item, name)
    return found


def _value(items: Sequence[Dataset], name: Code) -> str:
    """Text, or meaning of the code, of the first item called ``name``."""
    for item in items:
        if item.ConceptNameCodeSequence[0].CodeValue == name.value:
            if item.ValueType == "CODE":
                return str(item.ConceptCodeSequence[0].CodeMeaning)
            return str(item.get("TextValue", ""))
    return ""


def _read_number(item: Dataset, tracking: str, finding: str) -> SrNumber:
    measured = item.MeasuredValueSequence[0]
    printed = measured.NumericValue
    return SrNumber(
        tracking_id=tracking,
        finding=finding,
        name=str(item.ConceptNameCodeSequence[0].CodeMeaning),
        value=float(printed),
        printed=str(getattr(printed, "original_string", printed)),
        unit=str(measured.MeasurementUnitsCodeSequence[0].CodeValue),
    )

"""What the machine found, as a report of its own (PS3.16 TID 1500): complete, UNVERIFIED.

It is no medical report: nobody has signed it. What was looked at without a finding and what could
not be judged, and why, stands in words beside the measurements.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from datetime import datetime

import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from workstation.dicom.coding import local, scheme_items
from workstation.dicom.evidence import CHARACTER_SET, stamp, uid_of
from workstation.dicom.finding_groups import (
    finding_group,
    language_of,
    narrative,
    procedure_of,
    segments_of,
    study_group,
)
from workstation.dicom.report_content import EVALUATIONS
from workstation.dicom.segmentation import MANUFACTURER, MODEL_NAME, RESEARCH_NOTE
from workstation.domain.errors import N_, BadInput
from workstation.domain.finding import Finding
from workstation.domain.measurement import Measurement


def write_ai_report(
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    sources: Sequence[Dataset],
    segmentations: Sequence[bytes],
    *,
    could_not_judge: Sequence[str],
    nothing_found: Sequence[str],
    rejected: Sequence[str],
    organization: str,
    software_version: str,
    made_at: datetime,
    identity: str,
    language: str,
    title: str = "AI results",
    series_number: int = 9301,
) -> bytes:
    """Proposals, decided or not, as an UNVERIFIED measurement report, a Part 10 file.

    sources: headers of the images that were looked at. segmentations: SEG files with the findings'
    voxels. could_not_judge, nothing_found, rejected: a sentence each, "who: why". identity, with
    ``made_at``: the same ones give the same bytes. language: of the sentences. Raises ``BadInput``
    without images.
    """
    if not sources:
        raise BadInput(N_("There is no source image to refer to."))
    headers = [pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True) for data in segmentations]
    segments = segments_of(headers)
    groups = [finding_group(f, measurements, segments, sources) for f in findings]
    groups += [study_group(m) for m in measurements if not m.finding_id]
    said = [(local("Conditions of use"), RESEARCH_NOTE)]
    said += [(local("Could not judge"), words) for words in could_not_judge]
    said += [(local("Looked at, nothing proposed; not a normal result"), w) for w in nothing_found]
    said += [(local("Proposed, and rejected by the reader"), words) for words in rejected]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The string .* person name")
        device = sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("device", organization),
            name=MODEL_NAME,
            manufacturer_name=MANUFACTURER,
            model_name=MODEL_NAME,
        )
        # highdicom wants at least one group; TID 1500 is content with evaluations alone.
        stand_in = sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(uid=uid_of(identity), identifier="none")
        )
        root = sr.MeasurementReport(
            observation_context=sr.ObservationContext(
                observer_device_context=sr.ObserverContext(codes.DCM.Device, device),
            ),
            procedure_reported=procedure_of(str(sources[0].get("Modality", ""))),
            imaging_measurements=groups or [stand_in],
            title=codes.cid7021.ImagingMeasurementReport,
            language_of_content_item_and_descendants=language_of(language),
        )[0]
        if not groups:
            del root.ContentSequence[-1]
        root.ContentSequence.append(narrative(said, sr.CodedConcept(*EVALUATIONS)))
        moment = made_at.astimezone()
        written = sr.Comprehensive3DSR(
            evidence=[*sources, *headers],
            content=root,
            series_instance_uid=uid_of("ai report series", identity),
            series_number=series_number,
            sop_instance_uid=uid_of("ai report", identity),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MODEL_NAME,
            software_versions=software_version,
            device_serial_number="0",
            is_complete=True,
            is_final=False,
            is_verified=False,
            specific_character_set=CHARACTER_SET,
            series_description=title[:64],
            coding_schemes=scheme_items(),
            content_date=moment.date(),
            content_time=moment.time(),
        )
    stamp(written, moment)
    buffer = io.BytesIO()
    written.save_as(buffer)
    return buffer.getvalue()

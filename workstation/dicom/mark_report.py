"""All marks of a study as one measurement report (PS3.16 TID 1500), and marks out of one."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection, Sequence
from datetime import datetime

from highdicom import sr
from pydicom.sr.codedict import codes

from workstation.dicom.coding import scheme_items
from workstation.dicom.evidence import CHARACTER_SET, person_name, stamp, uid_of
from workstation.dicom.mark_groups import Numbers, Sources, mark_group
from workstation.dicom.segmentation import MANUFACTURER, MODEL_NAME
from workstation.domain.artefact import new_uid, now
from workstation.domain.errors import N_, BadInput
from workstation.domain.mark import Mark


def write_mark_report(
    marks: Sequence[Mark],
    sources: Sources,
    *,
    author: str,
    organization: str,
    software_version: str,
    numbers: Numbers | None = None,
    title: str = "Marks",
    series_number: int = 9201,
    made_at: datetime | None = None,
    identity: str = "",
    late: Collection[str] = (),
) -> bytes:
    """Marks as a COMPLETE, UNVERIFIED report, a Part 10 file.

    sources: headers of the images that the marks lie on; at least one. author: who exports it.
    numbers: instead of those stored with each mark. identity: the same one gives the same UIDs,
    and with ``made_at`` the same bytes. late: ids of marks made or changed after AI was shown.
    Raises ``BadInput`` where there is no mark or one has no place that DICOM can state.
    """
    if not marks:
        raise BadInput(N_("There is no mark to write."))
    headers = list(sources.headers.values())
    if not headers:
        raise BadInput(N_("There is no source image to refer to."))
    other = numbers or {}
    groups = [mark_group(m, sources, other.get(m.id), late=m.id in late) for m in marks]
    moment = (made_at or now()).astimezone()
    name = person_name(author or MODEL_NAME)
    with warnings.catch_warnings():
        # highdicom doubts names of one component; person_name says why they are right.
        warnings.filterwarnings("ignore", message="The string .* person name")
        person = sr.PersonObserverIdentifyingAttributes(
            name=name, organization_name=organization or None
        )
        device = sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("device", organization),
            name=MODEL_NAME,
            manufacturer_name=MANUFACTURER,
            model_name=MODEL_NAME,
        )
        root = sr.MeasurementReport(
            observation_context=sr.ObservationContext(
                observer_person_context=sr.ObserverContext(codes.DCM.Person, person),
                observer_device_context=sr.ObserverContext(codes.DCM.Device, device),
            ),
            procedure_reported=codes.cid100.ImagingProcedure,
            imaging_measurements=groups,
            title=codes.cid7021.ImagingMeasurementReport,
        )[0]
        written = sr.Comprehensive3DSR(
            evidence=headers,
            content=root,
            series_instance_uid=uid_of("mark report series", identity) if identity else new_uid(),
            series_number=series_number,
            sop_instance_uid=uid_of("mark report", identity) if identity else new_uid(),
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

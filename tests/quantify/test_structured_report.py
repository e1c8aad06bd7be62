"""SR files: valid, verified by the signer, and with the digits of the screen."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import pydicom
import pytest
from pydicom.sr.codedict import codes

from tests.quantify.made import (
    NAME,
    dciodvfy_errors,
    finding_of,
    grid_of,
    measurement_of,
    random_mask,
    report_of,
    study_of,
    write_slices,
)
from workstation.dicom.evidence import person_name, tracking_uid
from workstation.dicom.segmentation import read_seg, write_seg
from workstation.dicom.structured_report import read_report, read_sr, write_sr
from workstation.domain.artefact import Wording, new_id, new_uid
from workstation.domain.errors import BadInput
from workstation.domain.finding import FindingState
from workstation.domain.measurement import format_value
from workstation.domain.report import ReportKind, SignedReport

WORDS: dict[str, Any] = {"software_version": "0.1.0", "organization": "示例医院"}


def written(
    tmp_path: Path,
) -> tuple[SignedReport, list[Path], list[bytes], bytes]:
    grid, uid = grid_of(tilt_deg=10.0), new_uid()
    files = write_slices(tmp_path / "in", grid, uid)
    series = str(pydicom.dcmread(files[0]).SeriesInstanceUID)
    first = finding_of(uid, new_id(), FindingState.EDITED)
    second = replace(
        finding_of(uid, new_id()), value=2.0, unit="mm", template_key="nodule", area="chest"
    )
    point = replace(
        finding_of(uid, new_id(), FindingState.ADDED),
        series_uid=series,
        value=58.649,
        unit="%",
        template_key="stenosis",
        site=Wording("Right internal carotid artery", "右侧颈内动脉"),
    )
    rejected = finding_of(uid, new_id(), FindingState.REJECTED)
    numbers = (
        measurement_of(uid, new_id(), 17.0, "1", finding_id=first.id),
        measurement_of(uid, new_id(), 0.00123456, "{SUVbw}g/mL"),
        measurement_of(uid, new_id(), 5.0, "1", finding_id=rejected.id),
    )
    masks = [(f, random_mask(grid.shape, i), grid) for i, f in enumerate((first, second))]
    seg = write_seg(
        masks, files, series_description="seg", software_version="0.1.0", study=study_of(uid)
    )
    report = report_of(study_of(uid), (first, second, point, rejected), numbers)
    return report, files, [seg], write_sr(report, files, [seg], **WORDS)


def test_numbers_are_those_of_the_screen(tmp_path: Path) -> None:
    report, _, _, data = written(tmp_path)
    first, second, point, rejected = report.findings
    read = read_sr(data)
    expected = [
        (first.id, format_value(3.14159, "mL"), "mL"),
        (first.id, "17", "1"),
        (second.id, format_value(2.0, "mm"), "mm"),
        (point.id, format_value(58.649, "%"), "%"),
        (report.measurements[1].id, "0.00123", "{SUVbw}g/mL"),
    ]
    assert [(n.tracking_id, n.printed, n.unit) for n in read] == [
        (i, printed.split(" ")[0], unit) for i, printed, unit in expected
    ]
    assert [n.printed for n in read] == ["3.1", "17", "2.0", "58.6", "0.00123"]
    assert [n.name for n in read][:1] == ["Volume"]
    assert rejected.id not in {n.tracking_id for n in read}
    assert read_report(data).findings[0] == (first.id, "White matter hyperintensity")


def test_it_is_valid_complete_and_verified(tmp_path: Path) -> None:
    """Complaint 19: it belongs to the study that was read, and every name is a valid PN."""
    report, files, segs, data = written(tmp_path)
    (tmp_path / "sr.dcm").write_bytes(data)
    assert dciodvfy_errors(tmp_path / "sr.dcm") == []
    ds = pydicom.dcmread(io.BytesIO(data))
    source = pydicom.dcmread(files[0])
    assert ds.CompletionFlag == "COMPLETE" and ds.VerificationFlag == "VERIFIED"
    assert ds.PreliminaryFlag == "FINAL"
    observer = ds.VerifyingObserverSequence[0]
    assert observer.VerifyingObserverName.ideographic == "李医生"
    assert observer.VerifyingObserverName.alphabetic == ""
    assert observer.VerifyingOrganization == "示例医院"
    stated = pydicom.valuerep.DT(observer.VerificationDateTime)
    assert stated == report.signed_at
    assert ds.StudyInstanceUID == source.StudyInstanceUID == report.study.study_uid
    assert str(ds.PatientName) == NAME and ds.PatientID == "P-007"
    evidence = {
        str(instance.ReferencedSOPInstanceUID)
        for study in ds.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    seg_uid = str(pydicom.dcmread(io.BytesIO(segs[0])).SOPInstanceUID)
    assert evidence == {seg_uid} | {str(pydicom.dcmread(f).SOPInstanceUID) for f in files}


def test_highdicom_finds_the_groups(tmp_path: Path) -> None:
    """The library's own queries, which other programs use, see the same report."""
    report, _, segs, data = written(tmp_path)
    first, second, point, _ = report.findings
    content = hd.sr.srread(io.BytesIO(data)).content
    volumetric = content.get_volumetric_roi_measurement_groups()
    assert [g.tracking_identifier for g in volumetric] == [first.id, second.id]
    assert [g.tracking_uid for g in volumetric] == [tracking_uid(first.id), tracking_uid(second.id)]
    assert volumetric[0].reference_type == codes.DCM.ReferencedSegment
    reference = volumetric[1].referenced_segment[0].ReferencedSOPSequence[0]
    assert int(reference.ReferencedSegmentNumber) == 2
    assert [m.value for m in volumetric[0].get_measurements()] == [3.1, 17.0]
    planar = content.get_planar_roi_measurement_groups(tracking_uid=tracking_uid(point.id))
    assert planar[0].finding_sites[0].topographical_modifier is None
    assert planar[0].finding_sites[0].laterality.meaning == "Right"
    assert planar[0].finding_sites[0].value.value == "86117002"
    assert planar[0].roi.value.tolist() == [[1.0, 2.0, 3.0]]
    # The segment that the report points to carries the same tracking identity.
    assert {s.tracking_uid for s in read_seg(segs[0])} == {g.tracking_uid for g in volumetric}


def test_words_and_corrections(tmp_path: Path) -> None:
    report, files, segs, data = written(tmp_path)
    texts = dict(read_report(data).texts)
    assert texts["Finding"].split("\r\n")[1:] == ["另见", "陈旧灶。"]
    assert texts["Impression"] == "脑白质高信号。"
    assert "Research use only" in texts["Conditions of use"]
    corrected = replace(report, number=2, kind=ReportKind.CORRECTION, reason="侧别更正")
    again = write_sr(corrected, files, segs, predecessors=[data], **WORDS)
    (tmp_path / "sr2.dcm").write_bytes(again)
    assert dciodvfy_errors(tmp_path / "sr2.dcm") == []
    read = read_report(again)
    assert read.predecessors == (read_report(data).sop_instance_uid,)
    assert dict(read.texts)["Reason for change"] == "侧别更正"


def test_a_report_without_findings_still_speaks(tmp_path: Path) -> None:
    grid, uid = grid_of(), new_uid()
    files = write_slices(tmp_path / "in", grid, uid, bare=True)
    report = replace(report_of(study_of(uid), ()), signer_name="Dr Li")
    data = write_sr(report, files, **WORDS)
    (tmp_path / "sr.dcm").write_bytes(data)
    assert dciodvfy_errors(tmp_path / "sr.dcm") == []
    read = read_report(data)
    assert read.numbers == () and read.findings == ()
    assert dict(read.texts)["Impression"] == "脑白质高信号。"
    assert read.verified_by == "Dr Li"


def test_names_of_signers() -> None:
    assert person_name("李医生") == "=李医生"
    assert person_name("Li Wei") == "Li Wei"
    assert person_name("Li^Wei=李^伟") == "Li^Wei=李^伟"
    assert person_name("Li^Wei=李^伟").ideographic == "李^伟"


def test_other_files_are_refused(tmp_path: Path) -> None:
    files = write_slices(tmp_path, grid_of(), new_uid())
    for data in (b"", b"nonsense" * 99, files[0].read_bytes()):
        with pytest.raises(BadInput, match="not a readable"):
            read_sr(data)

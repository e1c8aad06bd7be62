"""Small real DICOM series and findings that the tests of this folder write and measure."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from workstation.domain.artefact import Code, MadeBy, Wording, new_uid
from workstation.domain.finding import Finding, FindingState
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.measurement import Measurement
from workstation.domain.report import ReportDraft, ReportKind, Section, Sentence, SignedReport
from workstation.domain.study import Patient, Study

NAME = "Wang^Xiao Ming=王^小明"
WMH = Code("GWMH0001", "99ONESCAN", "White matter hyperintensity")
MODEL = MadeBy("brain-wmh", "1.2.0", "ab" * 32)


def grid_of(
    shape: tuple[int, int, int] = (6, 20, 24),
    spacing_mm: tuple[float, float, float] = (0.9, 0.8, 3.0),
    turn_deg: float = 0.0,
    tilt_deg: float = 0.0,
) -> Grid:
    """A grid turned about the left-right axis and, with a tilt, sheared like a tilted gantry."""
    t, s = np.radians(turn_deg), np.radians(tilt_deg)
    affine = np.eye(4)
    affine[:3, 0] = np.array([1, 0, 0]) * spacing_mm[0]
    affine[:3, 1] = np.array([0, np.cos(t), np.sin(t)]) * spacing_mm[1]
    normal = np.array([0, -np.sin(t), np.cos(t)])
    lean = np.array([0, np.cos(t), np.sin(t)]) * np.tan(s)
    affine[:3, 2] = (normal + lean) * spacing_mm[2]
    affine[:3, 3] = (-11.25, 7.5, -30.125)
    return Grid(shape, as_matrix(affine))


def write_slices(
    folder: Path,
    grid: Grid,
    study_uid: str,
    *,
    modality: str = "MR",
    skip: tuple[int, ...] = (),
    bare: bool = False,
) -> list[Path]:
    """One file a slice on ``grid``; ``bare``: as little header and as dirty as files come."""
    folder.mkdir(parents=True, exist_ok=True)
    series, reference = new_uid(), new_uid()
    paths = []
    for z in range(grid.shape[0]):
        if z in skip:
            continue
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.SOPClassUID = MRImageStorage if modality == "MR" else CTImageStorage
        ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = new_uid(), study_uid, series
        ds.Modality, ds.InstanceNumber = modality, z + 1
        ds.PatientName, ds.PatientID = NAME, "P-007"
        if not bare:
            ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19610203", "M", "063Y"
            ds.StudyDate, ds.StudyTime, ds.StudyID = "20240506", "101112", "S1"
            ds.AccessionNumber, ds.StudyDescription = "A1", "头颅磁共振"
            ds.ReferringPhysicianName = ""
            ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = reference, ""
            ds.SliceThickness = grid.slice_distance_mm
        ds.Rows, ds.Columns = grid.shape[1:]
        ds.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
        ds.ImagePositionPatient = [round(float(v), 6) for v in grid.to_lps((0.0, 0.0, float(z)))]
        ds.ImageOrientationPatient = [
            round(float(v), 9) for v in (*grid.directions[:, 0], *grid.directions[:, 1])
        ]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.PixelData = np.zeros(grid.shape[1:], np.uint16).tobytes()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        path = folder / f"切片{z:03d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def study_of(study_uid: str) -> Study:
    patient = Patient("P-007", "王小明", NAME, "19610203", "M", "063Y")
    return Study(study_uid, patient, "20240506", "101112", "头颅磁共振", "A1", ("MR",))


def finding_of(study_uid: str, id: str, state: FindingState = FindingState.ACCEPTED) -> Finding:
    return Finding(
        id=id,
        study_uid=study_uid,
        series_uid="1.2.3",
        stack_id="stack",
        label=Wording("White matter hyperintensity", "脑白质高信号"),
        code=WMH,
        site=Wording("Left cerebral white matter", "左侧脑白质"),
        state=state,
        made_by=MODEL,
        made_from=("stack",),
        location_mm=(1.0, 2.0, 3.0),
        value=3.14159,
        unit="mL",
        value_name=Wording("Volume", "体积"),
        template_key="wmh",
        area="brain",
    )


def random_mask(shape: tuple[int, int, int], seed: int) -> NDArray[np.bool_]:
    mask = np.random.default_rng(seed).random(shape) < 0.2
    mask[0] = False  # an empty plane, which the file leaves out
    return mask


def measurement_of(study_uid: str, id: str, value: float, unit: str, **more: str) -> Measurement:
    made = Measurement(
        id=id,
        study_uid=study_uid,
        series_uid="1.2.3",
        name=Wording("Lesion count", "病灶数"),
        code=Code("246206008", "SCT", "Number of lesions"),
        value=value,
        unit=unit,
        formula="brain/wmh_load",
        source="test",
        made_from=("stack",),
        made_by=MadeBy("brain/wmh_load", "1"),
    )
    return replace(made, finding_id=more.get("finding_id", ""))


def report_of(
    study: Study, findings: tuple[Finding, ...], measurements: tuple[Measurement, ...] = ()
) -> SignedReport:
    sections = (
        Section(
            "findings",
            "检查所见",
            (Sentence("左侧脑白质见高信号，体积 3.1 mL。", tuple(f.id for f in findings)),),
            "另见\n陈旧灶。",
        ),
        Section("impression", "诊断意见", (Sentence("脑白质高信号。"),)),
    )
    draft = ReportDraft(
        id=study.study_uid,
        study_uid=study.study_uid,
        template="brain-heart",
        template_version="1",
        language="zh_CN",
        title="脑与心脏磁共振报告",
        sections=sections,
        made_from=(),
        made_by=MadeBy("onescan", "0.1.0"),
        reviewed=True,
    )
    return SignedReport(
        id="r1",
        study_uid=study.study_uid,
        number=1,
        kind=ReportKind.FINAL,
        reason="",
        study=study,
        draft=draft,
        findings=findings,
        measurements=measurements,
        refusals=(),
        signer="li",
        signer_name="李医生",
        signed_at=datetime(2024, 5, 6, 8, 30, tzinfo=UTC),
        certificate_fingerprint="00",
        documents=(),
    )


def dciodvfy_errors(path: Path) -> list[str]:
    """Error lines of dicom3tools' validator; where it is not installed, only that pydicom reads."""
    tool = shutil.which("dciodvfy")
    if tool is None:
        print("dciodvfy (dicom3tools) is not installed: the file is only read")
        assert dcmread(path).SOPInstanceUID
        return []
    done = subprocess.run([tool, str(path)], capture_output=True, check=False, timeout=120)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    assert any("Segmentation" in line or "SR" in line for line in lines), lines
    return [line for line in lines if line.startswith("Error")]

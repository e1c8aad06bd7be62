"""Writes arrays as MR and CT Image Storage, one file an image.

Sources: PS3.3 A.3 (CT Image IOD), A.4 (MR Image IOD), C.7.6.2 (Image Plane), C.8.2.1, C.8.3.1;
character sets PS3.5 6.1 and PS3.3 C.12.1.1.2. Strict: dciodvfy finds no error in what is written.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.geometry import Grid
from workstation.domain.work import Cancel, Progress, no_progress

_IMPLEMENTATION_UID = "2.25.212640325214467310421354903420713853170"
_CT_OFFSET = 1024
_STORAGE = {"MR": MRImageStorage, "CT": CTImageStorage}


@dataclass(frozen=True)
class SeriesHeader:
    """What the files of one series say beside their pixels.

    Dates are DA, times TM strings; patient_name is a PN value with its groups; age is AS.
    extra: further attributes of the modality by DICOM keyword. trigger_ms: TriggerTime of each
    phase of a cine, with nominal_interval_ms between beats. of_phase: by keyword the values of
    other attributes that differ from phase to phase. unit: UCUM of the voxels, "" for none.
    """

    modality: str
    patient_name: str
    patient_id: str
    birth_date: str
    sex: str
    age: str
    study_uid: str
    study_date: str
    study_time: str
    study_description: str
    accession: str
    series_uid: str
    series_number: int
    series_description: str
    series_time: str
    frame_of_reference_uid: str
    body_part: str
    window: tuple[float, float]
    slice_thickness_mm: float
    character_set: str = "ISO_IR 192"
    patient_weight_kg: float | None = None
    patient_size_m: float | None = None
    manufacturer: str = ""
    model: str = ""
    trigger_ms: tuple[float, ...] = ()
    nominal_interval_ms: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)
    of_phase: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    unit: str = ""


def derived_uid(*parts: object) -> str:
    """A UID that depends only on ``parts`` (PS3.5 B.2: 2.25 and a UUID, here name-based)."""
    name = uuid.uuid5(uuid.NAMESPACE_OID, "/".join(str(p) for p in parts))
    return f"2.25.{name.int}"


def write_series(
    folder: Path,
    array: NDArray[Any],
    grid: Grid,
    header: SeriesHeader,
    *,
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> list[Path]:
    """Write a series into ``folder`` and return its files in order.

    array: integers (z, y, x) or (t, z, y, x); CT in HU from -1024 to 3071, MR from 0 to 65535.
    grid: of one phase. Equal arguments give equal files, so writing again changes nothing.
    """
    phases = array[None] if array.ndim == 3 else array
    if phases.ndim != 4 or phases.shape[1:] != grid.shape:
        raise BadInput(N_("The voxels and the geometry of the series differ in size."))
    if header.modality not in _STORAGE:
        raise BadInput(N_("Cannot write images of modality {modality}."), modality=header.modality)
    if len(header.trigger_ms) not in (0, phases.shape[0]):
        raise BadInput(N_("The series needs one trigger time for each phase."))
    if any(len(values) != phases.shape[0] for values in header.of_phase.values()):
        raise BadInput(N_("The series needs one value for each phase."))
    folder.mkdir(parents=True, exist_ok=True)
    common = _common(grid, header)
    written = []
    total = phases.shape[0] * phases.shape[1]
    for z in range(phases.shape[1]):
        for t in range(phases.shape[0]):
            if cancel is not None:
                cancel.check()
            number = z * phases.shape[0] + t + 1
            path = folder / f"IM{number:05d}.dcm"
            _write_image(path, phases[t, z], grid, header, common, z, t, number)
            written.append(path)
            progress(number / total, Message(N_("Writing images")))
    return written


def _common(grid: Grid, header: SeriesHeader) -> Dataset:
    """Attributes that every image of the series shares."""
    ds = Dataset()
    ds.SpecificCharacterSet = header.character_set
    ds.SOPClassUID = _STORAGE[header.modality]
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = header.study_date
    ds.StudyTime = header.study_time
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = header.series_time
    ds.AccessionNumber = header.accession
    ds.Modality = header.modality
    ds.Manufacturer = header.manufacturer
    ds.ManufacturerModelName = header.model
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = header.study_description
    ds.SeriesDescription = header.series_description
    ds.PatientName = header.patient_name
    ds.PatientID = header.patient_id
    ds.PatientBirthDate = header.birth_date
    ds.PatientSex = header.sex
    ds.PatientAge = header.age
    if header.patient_size_m is not None:
        ds.PatientSize = header.patient_size_m
    if header.patient_weight_kg is not None:
        ds.PatientWeight = header.patient_weight_kg
    ds.BodyPartExamined = header.body_part
    ds.PatientPosition = "HFS"
    ds.ProtocolName = header.series_description
    ds.SliceThickness = header.slice_thickness_mm
    if header.modality == "MR":
        ds.SpacingBetweenSlices = round(grid.slice_distance_mm, 6)
    ds.StudyInstanceUID = header.study_uid
    ds.SeriesInstanceUID = header.series_uid
    ds.StudyID = header.accession[-8:]
    ds.SeriesNumber = header.series_number
    ds.AcquisitionNumber = 1
    ds.FrameOfReferenceUID = header.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = [_ds(v) for v in grid.directions[:, :2].T.ravel()]
    x_mm, y_mm, _ = grid.spacing_mm
    ds.PixelSpacing = [_ds(y_mm), _ds(x_mm)]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = grid.shape[1], grid.shape[2]
    ds.BitsAllocated = 16
    ds.BitsStored = 12 if header.modality == "CT" else 16
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = 0
    ds.WindowCenter, ds.WindowWidth = _ds(header.window[0]), _ds(header.window[1])
    if header.modality == "CT":
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -_CT_OFFSET, 1, "HU"
    else:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    for keyword, value in header.extra.items():
        setattr(ds, keyword, value)
    if header.unit:
        ds.RealWorldValueMappingSequence = [_meaning(header.unit)]
    return ds


def _meaning(unit: str) -> Dataset:
    """That stored values are numbers of a unit (PS3.3 C.7.6.16.2.11)."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", unit
    item = Dataset()
    item.RealWorldValueFirstValueMapped, item.RealWorldValueLastValueMapped = 0, 65535
    for keyword in ("RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped"):
        item[keyword].VR = "US"
    item.RealWorldValueIntercept, item.RealWorldValueSlope = 0.0, 1.0
    item.LUTExplanation, item.LUTLabel = unit, unit
    item.MeasurementUnitsCodeSequence = [code]
    return item


def _ds(value: float) -> float:
    """A number short enough for the 16 characters of a decimal string."""
    rounded = round(float(value), 8)
    return 0.0 if rounded == 0 else float(f"{rounded:.9g}")


def _write_image(
    path: Path,
    pixels: NDArray[Any],
    grid: Grid,
    header: SeriesHeader,
    common: Dataset,
    z: int,
    t: int,
    number: int,
) -> None:
    sop_uid = derived_uid(header.series_uid, z, t)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = common.SOPClassUID
    meta.MediaStorageSOPInstanceUID = sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION_UID
    meta.ImplementationVersionName = "ONESCAN"
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.update(common)
    ds.SOPInstanceUID = sop_uid
    ds.InstanceNumber = number
    position = grid.to_lps((0.0, 0.0, float(z)))
    ds.ImagePositionPatient = [_ds(v) for v in position]
    ds.SliceLocation = _ds(float(grid.slice_normal @ position))
    if header.trigger_ms:
        ds.TriggerTime = _ds(header.trigger_ms[t])
        ds.NominalInterval = round(header.nominal_interval_ms)
        ds.CardiacNumberOfImages = len(header.trigger_ms)
        ds.TemporalPositionIdentifier = t + 1
        ds.NumberOfTemporalPositions = len(header.trigger_ms)
    for keyword, values in header.of_phase.items():
        setattr(ds, keyword, values[t])
    offset, top = (_CT_OFFSET, 4095) if header.modality == "CT" else (0, 65535)
    stored = pixels.astype(np.int32) + offset
    if stored.min() < 0 or stored.max() > top:
        raise BadInput(N_("Voxel values lie outside what the image format can store."))
    ds.SmallestImagePixelValue = int(stored.min())
    ds.LargestImagePixelValue = int(stored.max())
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
        ds[keyword].VR = "US"
    ds.PixelData = stored.astype("<u2").tobytes()
    ds.save_as(path, enforce_file_format=True)

"""A study of one small CT and every kind of object that others make of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import typst
from highdicom import sr
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    RTStructureSetStorage,
)

from workstation.domain.artefact import new_uid
from workstation.domain.geometry import Grid, as_matrix

SHAPE = (24, 128, 144)
SPACING = (1.5, 1.4, 3.0)
LABELS = ("肝脏", "脾脏")
Bools = NDArray[np.bool_]


def grid() -> Grid:
    """An axial grid, a little oblique, as scanners make them."""
    turn = np.radians(7.0)
    affine = np.eye(4)
    affine[:3, 0] = np.array([1, 0, 0]) * SPACING[0]
    affine[:3, 1] = np.array([0, np.cos(turn), np.sin(turn)]) * SPACING[1]
    affine[:3, 2] = np.array([0, -np.sin(turn), np.cos(turn)]) * SPACING[2]
    affine[:3, 3] = (-105.0, -90.0, -40.0)
    return Grid(SHAPE, as_matrix(affine))


def ball(centre: tuple[float, float, float], radius: float) -> Bools:
    """A ball in the grid; centre (z, y, x) and radius in mm along each axis."""
    z, y, x = np.indices(SHAPE)
    away = ((z - centre[0]) * SPACING[2]) ** 2 + ((y - centre[1]) * SPACING[1]) ** 2
    return np.asarray(away + ((x - centre[2]) * SPACING[0]) ** 2 <= radius**2)


LIVER, SPLEEN = ball((12, 60, 50), 26.0), ball((12, 66, 104), 15.0)


@dataclass(frozen=True)
class Files:
    """Where the files are. images: in the order of the slices."""

    folder: Path
    images: list[Path]
    study_uid: str
    frame_uid: str


def write_study(folder: Path) -> Files:
    """Every file of the study."""
    files = _images(folder / "ct")
    sources = [pydicom.dcmread(path) for path in files.images]
    for name, data in (
        ("seg", _segmentation(sources)),
        ("rtstruct", _structures(sources, files.frame_uid)),
        ("sr", _report(sources)),
        ("ko", _selection(sources)),
        ("pr", _state(sources)),
        ("pdf", _document(sources[0])),
    ):
        data.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    return files


def voxels() -> NDArray[np.int16]:
    """HU of the phantom."""
    z, y, x = np.indices(SHAPE)
    body = ((y - 64) / 56) ** 2 + ((x - 72) / 64) ** 2 <= 1
    hu = np.where(body, 30, -1000)
    hu[LIVER], hu[SPLEEN] = 65, 110
    spine = ((y - 104) * SPACING[1]) ** 2 + ((x - 72) * SPACING[0]) ** 2 <= 15**2
    hu[spine] = 600
    del z
    noise = np.random.default_rng(7).normal(0, 8, SHAPE)
    return np.asarray(hu + noise, dtype=np.int16)


def _images(folder: Path) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    study, series, frame = new_uid(), new_uid(), new_uid()
    place, hu = grid(), voxels()
    paths = []
    for z in range(SHAPE[0]):
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, new_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CT", 2, z + 1
        ds.PatientName, ds.PatientID = "Li^Hua=李^华", "P-0421"
        ds.PatientBirthDate, ds.PatientSex = "19700101", "F"
        ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260301", "0930", "1", "A77"
        ds.StudyDescription, ds.SeriesDescription = "腹部 CT", "腹部平扫"
        ds.ReferringPhysicianName, ds.Manufacturer = "", "Phantom"
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame, ""
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.Rows, ds.Columns = SHAPE[1:]
        ds.PixelSpacing, ds.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        ds.ImagePositionPatient = [round(float(v), 5) for v in place.to_lps((0, 0, float(z)))]
        ds.ImageOrientationPatient = [
            round(float(v), 8) for v in (*place.directions[:, 0], *place.directions[:, 1])
        ]
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, 0, "HU"
        ds.WindowCenter, ds.WindowWidth = 40, 400
        ds.KVP, ds.BodyPartExamined = 120, "ABDOMEN"
        ds.PixelData = hu[z].tobytes()
        _meta(ds)
        path = folder / f"层{z:03d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return Files(folder.parent, paths, study, frame)


def _meta(ds: Dataset) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def segment(number: int, label: str, kind: sr.CodedConcept) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=kind,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="others' model", version="3", family=codes.cid7162.ArtificialIntelligence
        ),
        tracking_uid=new_uid(),
        tracking_id=label,
    )


EQUIPMENT = {
    "series_number": 80,
    "instance_number": 1,
    "manufacturer": "Other maker",
    "manufacturer_model_name": "Other",
    "software_versions": "1",
    "device_serial_number": "1",
}


def _segmentation(sources: list[Dataset]) -> Dataset:
    pixels = np.stack([LIVER, SPLEEN], axis=-1).astype(np.uint8)
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[
            segment(1, LABELS[0], codes.SCT.Liver),
            segment(2, LABELS[1], codes.SCT.Spleen),
        ],
        series_instance_uid=new_uid(),
        sop_instance_uid=new_uid(),
        specific_character_set="ISO_IR 192",
        series_description="器官分割",
        omit_empty_frames=True,
        **EQUIPMENT,
    )


def _structures(sources: list[Dataset], frame_uid: str) -> Dataset:
    """A square ring: an outer contour and a hole in it, on eight slices."""
    place, first = grid(), sources[0]
    ds = _object(first, RTStructureSetStorage, "RTSTRUCT", 81, "放疗勾画")
    ds.StructureSetLabel, ds.StructureSetDate, ds.StructureSetTime = "GTV", "20260302", "0900"
    region = Dataset()
    region.ROINumber, region.ROIName, region.ROIGenerationAlgorithm = 3, "环", "MANUAL"
    region.ReferencedFrameOfReferenceUID = frame_uid
    ds.StructureSetROISequence = [region]
    group = Dataset()
    group.ROIDisplayColor, group.ReferencedROINumber = [255, 200, 0], 3
    contours = []
    for z in range(8, 16):
        for corners in (((60, 20), (80, 20), (80, 36), (60, 36)),
                        ((65, 24), (75, 24), (75, 32), (65, 32))):  # fmt: skip
            points = place.to_lps(np.array([(x - 0.5, y - 0.5, z) for x, y in corners], float))
            one = Dataset()
            one.ContourGeometricType, one.NumberOfContourPoints = "CLOSED_PLANAR", 4
            one.ContourData = [f"{v:.4f}" for v in points.ravel()]
            image = Dataset()
            image.ReferencedSOPClassUID = sources[z].SOPClassUID
            image.ReferencedSOPInstanceUID = sources[z].SOPInstanceUID
            one.ContourImageSequence = [image]
            contours.append(one)
    group.ContourSequence = contours
    ds.ROIContourSequence = [group]
    return _meta(ds)


def _object(source: Dataset, sop_class: str, modality: str, number: int, words: str) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate",
                    "StudyTime", "StudyID", "StudyInstanceUID", "AccessionNumber",
                    "StudyDescription"):  # fmt: skip
        setattr(ds, keyword, source[keyword].value)
    ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID = sop_class, new_uid(), new_uid()
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, number, 1
    ds.SeriesDescription, ds.Manufacturer = words, "Other maker"
    ds.ContentDate, ds.ContentTime = "20260302", "101500"
    return ds


def _report(sources: list[Dataset]) -> Dataset:
    image = sources[12]
    region = sr.ImageRegion(
        graphic_type="CIRCLE",
        graphic_data=np.array([[50.5, 60.5], [60.5, 60.5]]),
        source_image=sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID),
    )
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=new_uid(), identifier="病灶 1"),
        referenced_region=region,
        finding_type=sr.CodedConcept("4147007", "SCT", "Mass"),
        finding_sites=[sr.FindingSite(codes.SCT.Liver)],
        measurements=[
            sr.Measurement(name=codes.SCT.Diameter, value=30.0, unit=codes.UCUM.Millimeter)
        ],
    )
    person = sr.PersonObserverIdentifyingAttributes(name="Zhao^Min=赵^敏")
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_person_context=sr.ObserverContext(codes.DCM.Person, person)
        ),
        procedure_reported=sr.CodedConcept("41806-1", "LN", "CT Abdomen"),
        imaging_measurements=[group],
    )
    return sr.Comprehensive3DSR(
        evidence=[image],
        content=content[0],
        series_instance_uid=new_uid(),
        sop_instance_uid=new_uid(),
        is_complete=True,
        specific_character_set="ISO_IR 192",
        series_description="测量报告",
        **EQUIPMENT,
    )


def _selection(sources: list[Dataset]) -> Dataset:
    chosen = [sources[5], sources[18]]
    content = hd.ko.KeyObjectSelection(
        document_title=codes.cid7010.ForConference,
        referenced_objects=chosen,
        description="周三讨论",
    )
    return hd.ko.KeyObjectSelectionDocument(
        evidence=chosen,
        content=content,
        series_instance_uid=new_uid(),
        series_number=82,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer="Other maker",
        specific_character_set="ISO_IR 192",
    )


STATE_SLICE = 12


def _state(sources: list[Dataset]) -> Dataset:
    """Turned by 90 degrees clockwise, mirrored, a part of the image, a bone window, drawings."""
    image = sources[STATE_SLICE]
    ds = _object(image, GrayscaleSoftcopyPresentationStateStorage, "PR", 83, "会诊标注")
    ds.ContentLabel, ds.ContentDescription = "BONE", "会诊"
    ds.ContentCreatorName = "Zhao^Min=赵^敏"
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20260302", "101500"
    reference = Dataset()
    reference.ReferencedSOPClassUID = image.SOPClassUID
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = image.SeriesInstanceUID, [reference]
    ds.ReferencedSeriesSequence = [series]
    ds.ImageRotation, ds.ImageHorizontalFlip = 90, "Y"
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [41, 81]
    area.DisplayedAreaBottomRightHandCorner = [104, 128]
    area.PresentationSizeMode, area.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
    ds.DisplayedAreaSelectionSequence = [area]
    ellipse, line, words = Dataset(), Dataset(), Dataset()
    ellipse.GraphicAnnotationUnits, ellipse.GraphicDimensions = "PIXEL", 2
    ellipse.NumberOfGraphicPoints, ellipse.GraphicType, ellipse.GraphicFilled = 4, "ELLIPSE", "N"
    ellipse.GraphicData = [62.5, 104.5, 82.5, 104.5, 72.5, 93.5, 72.5, 115.5]
    line.GraphicAnnotationUnits, line.GraphicDimensions = "DISPLAY", 2
    line.NumberOfGraphicPoints, line.GraphicType, line.GraphicFilled = 2, "POLYLINE", "N"
    line.GraphicData = [0.1, 0.1, 0.4, 0.1]
    words.UnformattedTextValue = "椎体\r\nT12"
    words.AnchorPointAnnotationUnits, words.AnchorPointVisibility = "PIXEL", "Y"
    words.AnchorPoint = [72.5, 104.5]
    words.BoundingBoxAnnotationUnits = "PIXEL"
    words.BoundingBoxTopLeftHandCorner = [48.0, 92.0]
    words.BoundingBoxBottomRightHandCorner = [56.0, 98.0]
    words.BoundingBoxTextHorizontalJustification = "LEFT"
    note = Dataset()
    note.ReferencedImageSequence, note.GraphicLayer = [reference], "TEACHING"
    note.GraphicObjectSequence, note.TextObjectSequence = [ellipse, line], [words]
    ds.GraphicAnnotationSequence = [note]
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = "TEACHING", 1
    ds.GraphicLayerSequence = [layer]
    window = Dataset()
    window.WindowCenter, window.WindowWidth = "500", "2000"
    ds.SoftcopyVOILUTSequence = [window]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "HU"
    ds.PresentationLUTShape = "IDENTITY"
    return _meta(ds)


@functools.cache
def pdf_bytes() -> bytes:
    """A PDF of two pages, A4."""
    source = '#set page("a4")\n= Outside report\nFirst page.\n#pagebreak()\nSecond page.'
    return bytes(typst.compile(source.encode("utf-8"), format="pdf"))


def _document(source: Dataset) -> Dataset:
    ds = _object(source, EncapsulatedPDFStorage, "DOC", 84, "外院报告")
    data = pdf_bytes()
    ds.DocumentTitle, ds.MIMETypeOfEncapsulatedDocument = "外院会诊报告", "application/pdf"
    ds.BurnedInAnnotation, ds.ConversionType = "YES", "WSD"
    ds.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    ds.EncapsulatedDocumentLength = len(data)
    return _meta(ds)

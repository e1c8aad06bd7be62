"""What later rooms need of a file's headers, reduced to JSON values by DICOM keyword.

Values are read from the raw bytes element by element, so that one bad value (a DS of "1A", a
wrong VR) costs that value and not the file. Enhanced multi-frame objects keep one column of values
a keyword under "PerFrame"; functional group attributes that have a classic counterpart bear its
keyword (PS3.3 annex C.7.6.16 and C.8.13), so that stacks are built from one vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from workstation.dicom.elements import (
    items_of,
    private_values,
    raw_element,
    table,
    value_of,
    values_of,
)
from workstation.dicom.lookup_tables import modality_facts, voi_curves
from workstation.dicom.mosaics import read_mosaic
from workstation.dicom.parametric_map import note_map
from workstation.dicom.private_pet import private_pet
from workstation.dicom.private_recon import private_recon
from workstation.dicom.real_world import read_real_world
from workstation.dicom.ultrasound import common_spacing, fit, read_regions, regions_of

Json = str | int | float | list[Any] | dict[str, Any]

_NAMES = """
ImageType Modality Manufacturer ManufacturerModelName StationName InstitutionName
AcquisitionDate AcquisitionTime AcquisitionDateTime ContentDate ContentTime SeriesDate SeriesTime
StudyDescription SeriesDescription ProtocolName BodyPartExamined Laterality ImageLaterality
ViewPosition PatientPosition PatientOrientation ScanningSequence SequenceVariant ScanOptions
MRAcquisitionType SequenceName PulseSequenceName AngioFlag SliceThickness SpacingBetweenSlices
RepetitionTime
EchoTime EchoNumbers EchoTrainLength InversionTime FlipAngle MagneticFieldStrength ImagingFrequency
TriggerTime NominalInterval HeartRate CardiacNumberOfImages NominalPercentageOfCardiacPhase
DiffusionBValue KVP ConvolutionKernel ReconstructionAlgorithm FilterType GantryDetectorTilt
ReconstructionDiameter ExposureTime
ContrastBolusAgent ContrastBolusRoute ContrastBolusStartTime
ImagePositionPatient ImageOrientationPatient SliceLocation FrameOfReferenceUID
TemporalPositionIdentifier NumberOfTemporalPositions TemporalResolution AcquisitionNumber
InstanceNumber StackID InStackPositionNumber ImagesInAcquisition ImageComments
SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns
BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue PixelSpacing
ImagerPixelSpacing NominalScannedPixelSpacing PixelSpacingCalibrationType PixelAspectRatio
EstimatedRadiographicMagnificationFactor PixelSpacingCalibrationDescription
DistanceSourceToDetector DistanceSourceToPatient RescaleSlope RescaleIntercept RescaleType
WindowCenter WindowWidth WindowCenterWidthExplanation VOILUTFunction PresentationLUTShape
LossyImageCompression BurnedInAnnotation
FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate
FrameReferenceTime ActualFrameDuration Units SUVType DecayCorrection CorrectedImage DecayFactor
DecayCorrectionDateTime DecayCorrected AttenuationCorrected
PatientWeight PatientSize PatientSex PatientAge DiffusionGradientOrientation ComplexImageComponent
AcquisitionContrast
DoseUnits DoseGridScaling GridFrameOffsetVector SeriesType NumberOfSlices NumberOfTimeSlices
"""


FIELDS = table(_NAMES.split())

# (functional group, its attribute, the keyword it is kept under)
_FRAME_COLUMNS = (
    ("PlanePositionSequence", "ImagePositionPatient", ""),
    ("PlaneOrientationSequence", "ImageOrientationPatient", ""),
    ("PixelMeasuresSequence", "PixelSpacing", ""),
    ("PixelMeasuresSequence", "SliceThickness", ""),
    ("PixelValueTransformationSequence", "RescaleSlope", ""),
    ("PixelValueTransformationSequence", "RescaleIntercept", ""),
    ("PixelValueTransformationSequence", "RescaleType", ""),
    ("FrameVOILUTSequence", "WindowCenter", ""),
    ("FrameVOILUTSequence", "WindowWidth", ""),
    ("FrameVOILUTSequence", "WindowCenterWidthExplanation", ""),
    ("FramePixelDataPropertiesSequence", "ImagerPixelSpacing", ""),
    ("ProjectionPixelCalibrationSequence", "ObjectPixelSpacingInCenterOfBeam", "PixelSpacing"),
    ("FrameContentSequence", "TemporalPositionIndex", "TemporalPositionIdentifier"),
    ("FrameContentSequence", "FrameAcquisitionNumber", "AcquisitionNumber"),
    ("FrameContentSequence", "FrameAcquisitionDateTime", "AcquisitionDateTime"),
    ("FrameContentSequence", "FrameReferenceDateTime", "ContentDateTime"),
    ("FrameContentSequence", "StackID", ""),
    ("FrameContentSequence", "InStackPositionNumber", ""),
    ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", "TriggerTime"),
    ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase", ""),
    ("TemporalPositionSequence", "TemporalPositionTimeOffset", "TemporalOffset"),
    ("MRDiffusionSequence", "DiffusionBValue", ""),
    ("MRImageFrameTypeSequence", "FrameType", "ImageType"),
    ("MRImageFrameTypeSequence", "ComplexImageComponent", ""),
    ("MRImageFrameTypeSequence", "AcquisitionContrast", ""),
    ("CTImageFrameTypeSequence", "FrameType", "ImageType"),
    ("PETFrameTypeSequence", "FrameType", "ImageType"),
    ("MREchoSequence", "EffectiveEchoTime", "EchoTime"),
    ("MRTimingAndRelatedParametersSequence", "RepetitionTime", ""),
    ("MRTimingAndRelatedParametersSequence", "FlipAngle", ""),
    ("MRModifierSequence", "InversionTimes", "InversionTime"),
    ("CTReconstructionSequence", "ConvolutionKernel", ""),
    ("CTReconstructionSequence", "ReconstructionAlgorithm", ""),
    ("FrameAnatomySequence", "FrameLaterality", "ImageLaterality"),
)
_FRAME_FIELDS = table(sorted({column[1] for column in _FRAME_COLUMNS}))

# b-values outside the standard element: group, element, the creator of its block, and its VR.
_PRIVATE_B = (
    (0x0019, 0x0C, "SIEMENS MR HEADER", "IS"),
    (0x0043, 0x39, "GEMS_PARM_01", "IS"),
    (0x2001, 0x03, "Philips Imaging DD 001", "FL"),
    (0x0065, 0x09, "Image Private Header", "FD"),
)


def _private_b(dataset: Dataset) -> float | None:
    for group, element, creator, vr in _PRIVATE_B:
        values = private_values(dataset, group, element, creator, vr)
        if values and isinstance(values[0], (int, float)) and math.isfinite(values[0]):
            return float(values[0]) % 1e6  # GE adds multiples of a thousand million
    return None


def _frame_groups(dataset: Dataset) -> tuple[Dataset | None, Sequence[Dataset]]:
    shared = items_of(dataset, "SharedFunctionalGroupsSequence")
    return (shared[0] if shared else None), items_of(dataset, "PerFrameFunctionalGroupsSequence")


def _group_value(groups: Dataset, group: str, keyword: str, declared: Sequence[str]) -> Any:
    items = items_of(groups, group)
    if not items:
        return None
    tag, vr = _FRAME_FIELDS[keyword]
    return value_of(items[0], keyword, tag, vr, declared)


def _enhanced(dataset: Dataset, declared: Sequence[str], found: dict[str, Any]) -> None:
    """Functional groups into ``found``: shared values, and "PerFrame" columns where they vary."""
    shared, frames = _frame_groups(dataset)
    columns: dict[str, list[Any]] = {}
    for group, keyword, classic in _FRAME_COLUMNS:
        kept = classic or keyword
        common = _group_value(shared, group, keyword, declared) if shared is not None else None
        values = [_group_value(f, group, keyword, declared) for f in frames]
        values = [common if v is None else v for v in values]
        if common is not None and not frames:
            found[kept] = common
        if not values or all(v is None for v in values):
            continue
        if all(v == values[0] for v in values):
            found[kept] = values[0]
        elif kept not in columns:
            columns[kept] = values
    order = _dimension_order(dataset, frames)
    if len(set(order)) > 1:
        columns["DimensionOrder"] = order
    _converted(shared, frames, declared, found, columns)
    if columns:
        found["PerFrame"] = columns


_PLACE_DIMENSIONS = {0x00200032, 0x00200037, 0x00209056, 0x00209057, 0x00201041}
"""Dimensions that say where a frame lies, and so do not tell frames of one place apart."""


def _dimension_order(dataset: Dataset, frames: Sequence[Dataset]) -> list[int]:
    """A number for each frame that orders those of one place by their other dimensions
    (PS3.3 C.7.6.17); empty where there are none."""
    tag, vr = table(["DimensionIndexPointer"])["DimensionIndexPointer"]
    pointers = [
        value_of(item, "DimensionIndexPointer", tag, vr, ())
        for item in items_of(dataset, "DimensionIndexSequence")
    ]
    kept = [i for i, pointer in enumerate(pointers) if pointer not in _PLACE_DIMENSIONS]
    if not kept:
        return []
    rows = []
    for frame in frames:
        content = items_of(frame, "FrameContentSequence")
        raw = raw_element(content[0], 0x00209157) if content else None
        values = values_of(raw, "UL", ()) if raw is not None else []
        if len(values) < len(pointers):
            return []
        rows.append(tuple(int(values[i]) for i in kept))
    ranks = {row: rank for rank, row in enumerate(sorted(set(rows)))}
    return [ranks[row] for row in rows]


_CONVERTED_COLUMNS = (
    "AcquisitionTime", "ContentTime", "TriggerTime", "EchoTime", "InversionTime", "FlipAngle",
    "DiffusionBValue", "AcquisitionNumber", "FrameReferenceTime", "TemporalPositionIdentifier",
)  # fmt: skip


def _converted(
    shared: Dataset | None,
    frames: Sequence[Dataset],
    declared: Sequence[str],
    found: dict[str, Any],
    columns: dict[str, list[Any]],
) -> None:
    """Classic attributes that a legacy conversion had no group for (PS3.3 C.7.6.16.2.25)."""
    items = items_of(shared, "UnassignedSharedConvertedAttributesSequence") if shared else ()
    for keyword, (tag, vr) in FIELDS.items():
        value = value_of(items[0], keyword, tag, vr, declared) if items else None
        if value is not None and keyword not in found and keyword not in columns:
            found[keyword] = value
    own = [items_of(f, "UnassignedPerFrameConvertedAttributesSequence") for f in frames]
    if not own or not all(own):
        return
    for keyword in _CONVERTED_COLUMNS:
        values = [value_of(i[0], keyword, *FIELDS[keyword], declared) for i in own]
        if None in values or keyword in columns:
            continue
        if len(set(values)) > 1:
            columns[keyword] = values
        else:
            found.setdefault(keyword, values[0])


def _radiopharmaceutical(dataset: Dataset) -> dict[str, Any]:
    """What a standardised uptake value needs, by keyword (PS3.3 C.8.9.2)."""
    shared = _frame_groups(dataset)[0]
    converted = items_of(shared, "UnassignedSharedConvertedAttributesSequence") if shared else ()
    items = items_of(dataset, "RadiopharmaceuticalInformationSequence")
    if not items and converted:
        items = items_of(converted[0], "RadiopharmaceuticalInformationSequence")
    if not items:
        return {}
    tags = table(
        [
            "RadionuclideTotalDose",
            "RadionuclideHalfLife",
            "RadiopharmaceuticalStartTime",
            "RadiopharmaceuticalStartDateTime",
            "Radiopharmaceutical",
        ]
    )
    values = {k: value_of(items[0], k, *tags[k], ()) for k in tags}
    return {k: v for k, v in values.items() if v is not None}


def _tomographic(dataset: Dataset, found: dict[str, Any]) -> None:
    """Positions of the frames of a nuclear medicine reconstruction or an RT dose."""
    if "PerFrame" in found or not found.get("NumberOfFrames"):
        return
    offsets: list[float] = []
    frames = int(found["NumberOfFrames"])
    if found.get("GridFrameOffsetVector"):
        offsets = list(found["GridFrameOffsetVector"])
    elif "RECON TOMO" in found.get("ImageType", ()):
        detector = items_of(dataset, "DetectorInformationSequence")
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
            value = value_of(detector[0], keyword, *FIELDS[keyword], ()) if detector else None
            if value:
                found[keyword] = value
        offsets = [i * float(found.get("SpacingBetweenSlices", 0.0)) for i in range(frames)]
    origin, rows = found.get("ImagePositionPatient"), found.get("ImageOrientationPatient")
    if len(offsets) != frames or not origin or not rows or len(set(offsets)) != frames:
        return
    if found.get("GridFrameOffsetVector") and offsets[0] != 0.0:
        return  # PS3.3 C.8.8.3.2 case b: absolute z, of no known use; left unpositioned
    normal = np.cross(rows[:3], rows[3:6])
    found["PerFrame"] = {
        "ImagePositionPatient": [(np.asarray(origin) + o * normal).tolist() for o in offsets]
    }


def _calibrate(dataset: Dataset, found: dict[str, Any]) -> None:
    """Ultrasound regions, and the spacing that they have in common."""
    regions = read_regions(dataset)
    if not regions or not fit(regions_of(regions), found.get("Rows"), found.get("Columns")):
        return
    found["UltrasoundRegions"] = regions
    spacing = common_spacing(regions_of(regions))
    if spacing and "PixelSpacing" not in found:
        found["PixelSpacing"] = spacing
        found["PixelSpacingCalibrationType"] = "ULTRASOUND"


def _look_up(dataset: Dataset, found: dict[str, Any], declared: tuple[str, ...]) -> None:
    """What is to be known of look-up tables before pixels are read."""
    signed = found.get("PixelRepresentation") == 1
    modality = modality_facts(dataset, signed)
    if modality and found.get("RescaleSlope", 1) == 1 and not found.get("RescaleIntercept"):
        found["ModalityLUT"] = modality
    curves = voi_curves(dataset, signed or found.get("RescaleIntercept", 0) < 0, declared)
    if curves:
        found["VOICurves"] = curves


def reduce_attributes(dataset: Dataset, declared: Sequence[str]) -> dict[str, object]:
    """The headers of ``dataset`` that later rooms need; JSON values by DICOM keyword.

    declared: its Specific Character Set. "PerFrame" holds, for enhanced multi-frame objects, a
    list of one value a frame for each keyword that varies.
    """
    found: dict[str, Any] = {}
    for keyword, (tag, vr) in FIELDS.items():
        value = value_of(dataset, keyword, tag, vr, declared)
        if value is not None:
            found[keyword] = value
    if found.get("PixelRepresentation") == 1 and found.get("PixelPaddingValue", 0) > 0x7FFF:
        found["PixelPaddingValue"] -= 0x10000
    if "DiffusionBValue" not in found:
        b_value = _private_b(dataset)
        if b_value is not None:
            found["DiffusionBValue"] = b_value
    # A segmentation may have tens of thousands of frames, none of which is an image to stack.
    if found.get("Modality") != "SEG" and (
        "SharedFunctionalGroupsSequence" in dataset or "PerFrameFunctionalGroupsSequence" in dataset
    ):
        _enhanced(dataset, declared, found)
        note_map(dataset, declared, found)
    _calibrate(dataset, found)
    _look_up(dataset, found, tuple(declared))
    real = read_real_world((dataset, _frame_groups(dataset)[0]))
    if real:
        found["RealWorld"] = real
    mosaic = read_mosaic(dataset, found)
    if mosaic:
        found["Mosaic"] = mosaic
    _tomographic(dataset, found)
    found.update(private_pet(dataset))
    found.update(private_recon(dataset))
    found.update(_radiopharmaceutical(dataset))
    return found


def of_frame(attributes: Mapping[str, object], keyword: str, frame: int) -> Any:
    """The value of ``keyword`` for one frame: its own where it has one, else the common one."""
    columns = attributes.get("PerFrame")
    if isinstance(columns, dict) and keyword in columns:
        column = columns[keyword]
        if frame < len(column) and column[frame] is not None:
            return column[frame]
    return attributes.get(keyword)

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
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from workstation.dicom.character_sets import decode_text

Json = str | int | float | list[Any] | dict[str, Any]

_NAMES = """
ImageType Modality Manufacturer ManufacturerModelName StationName InstitutionName
AcquisitionDate AcquisitionTime AcquisitionDateTime ContentDate ContentTime SeriesDate SeriesTime
StudyDescription SeriesDescription ProtocolName BodyPartExamined Laterality ImageLaterality
ViewPosition PatientPosition ScanningSequence SequenceVariant ScanOptions MRAcquisitionType
SequenceName PulseSequenceName AngioFlag SliceThickness SpacingBetweenSlices RepetitionTime
EchoTime EchoNumbers EchoTrainLength InversionTime FlipAngle MagneticFieldStrength ImagingFrequency
TriggerTime NominalInterval HeartRate CardiacNumberOfImages NominalPercentageOfCardiacPhase
DiffusionBValue KVP ConvolutionKernel GantryDetectorTilt ReconstructionDiameter ExposureTime
ContrastBolusAgent ContrastBolusRoute ContrastBolusStartTime
ImagePositionPatient ImageOrientationPatient SliceLocation FrameOfReferenceUID
TemporalPositionIdentifier NumberOfTemporalPositions TemporalResolution AcquisitionNumber
InstanceNumber StackID InStackPositionNumber ImagesInAcquisition ImageComments
SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns
BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue PixelSpacing
ImagerPixelSpacing NominalScannedPixelSpacing PixelSpacingCalibrationType PixelAspectRatio
EstimatedRadiographicMagnificationFactor RescaleSlope RescaleIntercept RescaleType
WindowCenter WindowWidth LossyImageCompression BurnedInAnnotation
FrameTime FrameTimeVector CineRate RecommendedDisplayFrameRate
FrameReferenceTime ActualFrameDuration Units SUVType DecayCorrection CorrectedImage DecayFactor
PatientWeight PatientSize ComplexImageComponent AcquisitionContrast
DoseUnits DoseGridScaling GridFrameOffsetVector SeriesType NumberOfSlices NumberOfTimeSlices
"""


_LIST_NAMES = """
ImageType ImagePositionPatient ImageOrientationPatient PixelSpacing ImagerPixelSpacing
NominalScannedPixelSpacing PixelAspectRatio WindowCenter WindowWidth ScanOptions FrameTimeVector
GridFrameOffsetVector SequenceVariant ScanningSequence CorrectedImage SeriesType
"""
_LISTS = frozenset(_LIST_NAMES.split())
"""Always lists, however many values a file has; every other keyword is one value."""


def _table(keywords: Sequence[str]) -> dict[str, tuple[int, str]]:
    found = {}
    for keyword in keywords:
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        found[keyword] = (int(tag), str(dictionary_VR(tag)))
    return found


FIELDS = _table(_NAMES.split())

_BINARY = {
    "US": "u2",
    "SS": "i2",
    "UL": "u4",
    "SL": "i4",
    "FL": "f4",
    "FD": "f8",
    "SV": "i8",
    "UV": "u8",
    "US or SS": "u2",
}

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
    ("FrameAnatomySequence", "FrameLaterality", "ImageLaterality"),
)
_FRAME_FIELDS = _table(sorted({column[1] for column in _FRAME_COLUMNS}))

# b-values outside the standard element: tag, and the creator whose block it must be in.
_PRIVATE_B = (
    (0x0019, 0x0C, "SIEMENS MR HEADER"),
    (0x0043, 0x39, "GEMS_PARM_01"),
    (0x2001, 0x03, "Philips Imaging DD 001"),
    (0x0065, 0x09, "Image Private Header"),
)


def character_set(dataset: Dataset) -> tuple[str, ...]:
    """Values of Specific Character Set; empty where there is none."""
    raw = _raw(dataset, 0x00080005)
    if raw is None:
        return ()
    if isinstance(raw.value, bytes):
        return tuple(v.strip() for v in raw.value.decode("latin-1").strip("\0 ").split("\\"))
    value = raw.value
    return (str(value),) if isinstance(value, str) else tuple(str(v) for v in value or ())


def _raw(dataset: Dataset, tag: int) -> Any:
    # A dataset without the element answers None or raises KeyError, by version.
    return dataset.get_item(tag) if tag in dataset else None


def text_value(dataset: Dataset, tag: int, declared: Sequence[str]) -> str:
    """One text element, decoded by ``declared`` or in spite of it; empty where there is none."""
    raw = _raw(dataset, tag)
    if raw is None or raw.value is None:
        return ""
    if isinstance(raw.value, bytes):
        return decode_text(raw.value, declared).strip()
    return str(raw.value).strip()


def _number(text: str, whole: bool) -> float | int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if whole else value


def _values(raw: Any, vr: str, declared: Sequence[str]) -> list[Any]:
    """All values of an element as JSON scalars; those that cannot be understood are left out."""
    value = raw.value
    if value is None:
        return []
    said = str(raw.VR) if raw.VR else ""
    if said and said not in {"UN", "OB", "OW"}:
        vr = said
    if not isinstance(value, bytes):  # pydicom has converted it already
        items = [value] if isinstance(value, (str, int, float)) else list(value)
        return [v if isinstance(v, (str, int)) else float(v) for v in items]
    if vr in _BINARY:
        little = not isinstance(raw, RawDataElement) or raw.is_little_endian
        dtype = np.dtype(_BINARY[vr]).newbyteorder("<" if little else ">")
        usable = len(value) // dtype.itemsize * dtype.itemsize
        numbers = np.frombuffer(value[:usable], dtype=dtype)
        return [n for n in numbers.tolist() if not isinstance(n, float) or math.isfinite(n)]
    if vr in {"DS", "IS"}:
        parts = value.decode("latin-1").strip("\0 ").split("\\")
        found = [_number(part.strip(" \0"), vr == "IS") for part in parts]
        return [] if any(n is None for n in found) else found
    return [part.strip(" \0") for part in decode_text(value, declared).split("\\")]


def _value(dataset: Dataset, keyword: str, tag: int, vr: str, declared: Sequence[str]) -> Any:
    raw = _raw(dataset, tag)
    if raw is None:
        return None
    values = _values(raw, vr, declared)
    if not values or all(v == "" for v in values):
        return None
    return values if keyword in _LISTS else values[0]


def _sequence(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Items of a sequence; none where it is absent or cannot be read."""
    try:
        items = dataset.get(keyword)
    except (ValueError, TypeError, AttributeError, KeyError, NotImplementedError, OSError):
        return ()
    if items is None or isinstance(items, (str, bytes)):
        return ()
    return list(items)


def _private_b(dataset: Dataset) -> float | None:
    for group, element, creator in _PRIVATE_B:
        for block in range(0x10, 0x20):
            owner = _raw(dataset, group << 16 | block)
            if owner is None:
                break
            name = owner.value
            if isinstance(name, bytes):
                name = name.decode("latin-1")
            if str(name).strip(" \0") != creator:
                continue
            raw = _raw(dataset, group << 16 | block << 8 | element)
            if raw is None:
                continue
            vr = "FL" if group == 0x2001 else "FD" if group == 0x0065 else "IS"
            values = _values(raw, vr, ())
            if values and isinstance(values[0], (int, float)) and math.isfinite(values[0]):
                return float(values[0]) % 1e6  # GE adds multiples of a thousand million
    return None


def _frame_groups(dataset: Dataset) -> tuple[Dataset | None, Sequence[Dataset]]:
    shared = _sequence(dataset, "SharedFunctionalGroupsSequence")
    return (shared[0] if shared else None), _sequence(dataset, "PerFrameFunctionalGroupsSequence")


def _group_value(groups: Dataset, group: str, keyword: str, declared: Sequence[str]) -> Any:
    items = _sequence(groups, group)
    if not items:
        return None
    tag, vr = _FRAME_FIELDS[keyword]
    return _value(items[0], keyword, tag, vr, declared)


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
    if columns:
        found["PerFrame"] = columns


def _ultrasound_spacing(dataset: Dataset) -> list[float] | None:
    """Row and column spacing in mm where one calibrated region covers the image.

    PS3.3 C.8.5.5: PhysicalDelta in cm where the units are 3. With several regions a length is
    only right inside one of them, so the image counts as not calibrated.
    """
    regions = _sequence(dataset, "SequenceOfUltrasoundRegions")
    if len(regions) != 1:
        return None
    tags = _table(
        ["PhysicalUnitsXDirection", "PhysicalUnitsYDirection", "PhysicalDeltaX", "PhysicalDeltaY"]
    )
    units_x, units_y, dx, dy = (_value(regions[0], keyword, *tags[keyword], ()) for keyword in tags)
    if units_x != 3 or units_y != 3 or not dx or not dy:
        return None
    return [abs(dy) * 10.0, abs(dx) * 10.0]


def _radiopharmaceutical(dataset: Dataset) -> dict[str, Any]:
    """What a standardised uptake value needs, by keyword (PS3.3 C.8.9.2)."""
    items = _sequence(dataset, "RadiopharmaceuticalInformationSequence")
    if not items:
        return {}
    tags = _table(
        [
            "RadionuclideTotalDose",
            "RadionuclideHalfLife",
            "RadiopharmaceuticalStartTime",
            "RadiopharmaceuticalStartDateTime",
            "Radiopharmaceutical",
        ]
    )
    values = {k: _value(items[0], k, *tags[k], ()) for k in tags}
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
        detector = _sequence(dataset, "DetectorInformationSequence")
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
            value = _value(detector[0], keyword, *FIELDS[keyword], ()) if detector else None
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


def reduce_attributes(dataset: Dataset, declared: Sequence[str]) -> dict[str, object]:
    """The headers of ``dataset`` that later rooms need; JSON values by DICOM keyword.

    declared: its Specific Character Set. "PerFrame" holds, for enhanced multi-frame objects, a
    list of one value a frame for each keyword that varies.
    """
    found: dict[str, Any] = {}
    for keyword, (tag, vr) in FIELDS.items():
        value = _value(dataset, keyword, tag, vr, declared)
        if value is not None:
            found[keyword] = value
    if found.get("PixelRepresentation") == 1 and found.get("PixelPaddingValue", 0) > 0x7FFF:
        found["PixelPaddingValue"] -= 0x10000
    if "DiffusionBValue" not in found:
        b_value = _private_b(dataset)
        if b_value is not None:
            found["DiffusionBValue"] = b_value
    if "SharedFunctionalGroupsSequence" in dataset or "PerFrameFunctionalGroupsSequence" in dataset:
        _enhanced(dataset, declared, found)
    if "PixelSpacing" not in found:
        spacing = _ultrasound_spacing(dataset)
        if spacing:
            found["PixelSpacing"] = spacing
            found["PixelSpacingCalibrationType"] = "ULTRASOUND"
    _tomographic(dataset, found)
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

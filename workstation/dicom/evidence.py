"""Headers of source images, cleaned so that derived objects inherit a valid identity.

Segmentations and reports copy the patient and study modules of the images they speak about. Real
files carry text in lying character sets, empty dates, unknown sexes; what is copied from them must
be valid in the new object, and the identifiers must stay exactly those of the source. Where a file
was stripped of them, those that it was given when it came in stand for it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, PositronEmissionTomographyImageStorage
from pydicom.valuerep import DA, DT, TM, PersonName

from workstation.dicom.elements import PARSE_ERRORS
from workstation.domain.errors import N_, BadInput
from workstation.domain.study import Instance, Study

CHARACTER_SET = "ISO_IR 192"  # UTF-8: the only set that holds every name and sentence
MADE_IDENTITY_NOTE = (
    "Source images came without some UIDs of their own (study, series, image or class). OneScan "
    "made the missing ones on import and took a missing class from the modality; no other system "
    "knows the UIDs that were made."
)

_TEXTS = {  # keyword: most characters its VR allows (PS3.5 table 6.2-1)
    "PatientID": 64,
    "StudyDescription": 64,
    "AccessionNumber": 16,
    "StudyID": 16,
}
_DATES = ("PatientBirthDate", "StudyDate")
_GEOMETRY = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PixelSpacing",
    "SliceThickness",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence",
    "DimensionIndexSequence",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
_STORAGE = {  # of single images that do not say their kind: the one that their modality is of
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}
_NO_DICOM = N_("The source image {file} cannot be read as DICOM.")
_AGE = re.compile(r"\d{3}[DWMY]")
_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")


def uid_of(*parts: str) -> str:
    """A UID below 2.25 that the same ``parts`` always give (PS3.5 annex B.2)."""
    digest = hashlib.sha256("\x00".join(parts).encode("utf-8")).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"


def tracking_uid(finding_id: str) -> str:
    """The Tracking UID of a finding: the same in its SEG and in its SR."""
    if re.fullmatch(r"[0-9a-f]{32}", finding_id):
        return f"2.25.{int(finding_id, 16)}"
    return uid_of("finding", finding_id)


def read_sources(
    paths: Sequence[Path],
    study: Study | None = None,
    frame_of_reference_uid: str = "",
    instances: Sequence[Instance | None] = (),
) -> list[Dataset]:
    """Headers of source images, in the order given, without pixels.

    study: the worklist's own reading of the patient, which wins over the text of the files
    (whose character set may lie). frame_of_reference_uid: used where the files state none.
    instances: what each file is known as, None where it is not; said where a file lacks its own
    identifiers. Raises ``BadInput`` for a file that is not DICOM or no image of this study.
    """
    if not paths:
        raise BadInput(N_("There is no source image to refer to."))
    known = instances or [None] * len(paths)
    return [
        _clean(_read(path), path, study, frame_of_reference_uid, instance)
        for path, instance in zip(paths, known, strict=True)
    ]


def has_made_identity(instances: Sequence[Instance | None]) -> bool:
    """Whether any of these images came without a study, series or image UID of its own."""
    return any(one is not None and "identity" in one.attributes for one in instances)


def _read(path: Path) -> Dataset:
    try:
        # As on their way in: files without preamble and meta header are images all the same.
        source = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        if "Modality" in source or "Rows" in source:
            return source
    except (*PARSE_ERRORS, OSError) as error:
        raise BadInput(_NO_DICOM, file=path.name) from error
    raise BadInput(_NO_DICOM, file=path.name)


def _identify(clean: Dataset, source: Dataset, instance: Instance | None) -> None:
    """Fill in the identifiers that the file does not state with those it is known by."""
    meta = source.file_meta if hasattr(source, "file_meta") else Dataset()
    given = {
        "SOPClassUID": meta.get("MediaStorageSOPClassUID"),
        "SOPInstanceUID": meta.get("MediaStorageSOPInstanceUID"),
    }
    if instance is not None:
        given = {
            "SOPClassUID": instance.sop_class_uid,
            "SOPInstanceUID": instance.sop_instance_uid,
            "StudyInstanceUID": instance.study_uid,
            "SeriesInstanceUID": instance.series_uid,
        }
    for keyword, uid in given.items():
        if keyword not in clean and uid:
            setattr(clean, keyword, uid)
    if "SOPClassUID" not in clean and "NumberOfFrames" not in clean:
        kind = _STORAGE.get(str(clean.get("Modality", "")))
        if kind is not None:
            clean.SOPClassUID = kind


def _clean(
    source: Dataset,
    path: Path,
    study: Study | None,
    reference_uid: str,
    instance: Instance | None,
) -> Dataset:
    clean = Dataset()
    for keyword in _GEOMETRY:
        if keyword in source and source[keyword].value not in (None, ""):
            setattr(clean, keyword, source[keyword].value)
    _identify(clean, source, instance)
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if keyword not in clean:
            raise BadInput(N_("The source image {file} lacks its identifiers."), file=path.name)
    if study is not None and str(clean.StudyInstanceUID) != study.study_uid:
        raise BadInput(N_("The source image {file} belongs to another study."), file=path.name)
    if "FrameOfReferenceUID" not in clean:
        clean.FrameOfReferenceUID = reference_uid or uid_of(
            "frame of reference", str(clean.SeriesInstanceUID)
        )
    clean.SpecificCharacterSet = CHARACTER_SET
    for keyword, most in _TEXTS.items():
        setattr(clean, keyword, _text(source, keyword)[:most])
    for keyword in _DATES:
        setattr(clean, keyword, _matching(_text(source, keyword), _DATE))
    clean.StudyTime = _matching(_text(source, "StudyTime"), _TIME)
    issuer = _text(source, "IssuerOfPatientID")[:64]
    if issuer:
        clean.IssuerOfPatientID = issuer
    clean.PatientSex = _sex(_text(source, "PatientSex"))
    age = _matching(_text(source, "PatientAge"), _AGE)
    if age:
        clean.PatientAge = age
    # A string, not the PersonName that was read: that one would write its original bytes.
    clean.PatientName = _text(source, "PatientName")
    clean.ReferringPhysicianName = _text(source, "ReferringPhysicianName")
    if study is not None:
        clean.PatientName = study.patient.name_dicom or study.patient.name
        clean.PatientID = study.patient.patient_id[:64]
        clean.StudyDescription = study.description[:64]
    if _text(source, "PatientIdentityRemoved") == "YES":
        clean.PatientIdentityRemoved = "YES"
        method = _text(source, "DeidentificationMethod")[:64]
        clean.DeidentificationMethod = method or "not stated by the source"
    return clean


def _text(source: Dataset, keyword: str) -> str:
    value = source.get(keyword)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        value = value[0] if len(value) else ""
    # A backslash would split the value; controls are not allowed in these VRs.
    return re.sub(r"[\x00-\x1f\\]", " ", str(value)).strip()


def _matching(text: str, form: re.Pattern[str]) -> str:
    return text if form.fullmatch(text) else ""


def _sex(text: str) -> str:
    return text if text in {"M", "F", "O"} else ""


def stamp(written: Dataset, moment: datetime) -> None:
    """Say that an object was made at ``moment``, where the library put the present time."""
    written.InstanceCreationDate = DA(moment.date())
    written.InstanceCreationTime = TM(moment.time())
    for item in written.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in item:
            item.ContributionDateTime = DT(moment)


def person_name(shown: str) -> PersonName:
    """A display name as a DICOM PN (PS3.5 6.2.1).

    A name in PN form (with ``^`` or ``=``) is kept. Otherwise the whole name is one component,
    since where the family name ends cannot be known; one with characters outside ASCII goes into
    the ideographic group, as readers expect it there: "李医生" becomes "=李医生".
    """
    name = re.sub(r"[\x00-\x1f\\]", " ", shown).strip()
    if "^" in name or "=" in name:
        return PersonName(name)
    return PersonName(name if name.isascii() else f"={name}")

"""Reading what a file says of itself, tolerantly, without its pixels.

A file that cannot be used is refused with one sentence that says why; everything that can be
understood is taken (PS3.10 files, files without preamble or meta header, wrong values, missing
or false character sets).
"""

from __future__ import annotations

import hashlib
import logging
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom import config
from pydicom.uid import UID

from workstation.dicom.acquisition import age_string
from workstation.dicom.attributes import reduce_attributes
from workstation.dicom.character_sets import Chosen, shown_name
from workstation.dicom.elements import PARSE_ERRORS, character_set, text_value
from workstation.dicom.encodings import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    is_elsewhere,
    is_native,
    is_video,
    not_shown,
)
from workstation.dicom.fragments import find_fragments
from workstation.domain.errors import N_, BadInput
from workstation.domain.study import Instance, Patient, Series, Study

# Files are taken as they are: values are checked where they are used. pydicom's warnings quote
# values, which may name the patient, so they must not reach a log.
config.settings.reading_validation_mode = config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?$")

DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
_PIXELS = {
    0x7FE00010: "PixelData",
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
}


class IsDirectory(BadInput):
    """The file is a DICOMDIR: an index of other files."""


@dataclass(frozen=True)
class FileHeader:
    """What a file says of itself; ``instance`` adds what is known of its bytes."""

    study: Study
    series: Series
    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None
    transfer_syntax_uid: str
    attributes: dict[str, object]

    def instance(self, sha256: str, size: int) -> Instance:
        """The instance as the archive keeps it."""
        return Instance(
            sop_instance_uid=self.sop_instance_uid,
            sop_class_uid=self.sop_class_uid,
            series_uid=self.series.series_uid,
            study_uid=self.study.study_uid,
            sha256=sha256,
            size=size,
            instance_number=self.instance_number,
            transfer_syntax_uid=self.transfer_syntax_uid,
            attributes=dict(self.attributes),
        )


@dataclass(frozen=True)
class PixelElement:
    """Where a file's pixels are.

    offset: of the value in the file, -1 within a deflated stream. length: as stated, 0xFFFFFFFF
    where undefined.
    """

    keyword: str
    offset: int
    length: int
    vr: str = "OW"


def read_header(path: Path, charset: str = "") -> FileHeader:
    """Header of a file. Raises ``BadInput`` with the reason where the file cannot be used.

    charset: a term of ``character_sets.CHOICES`` to read its text by, against what it says.
    ``attributes["pixel_offset"]`` is the byte where uncompressed little-endian samples start, so
    that they can be read without a decoder, or -1; ``attributes["pixels"]`` is the keyword of the
    pixel element, "" where there is none.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if path.name.lower().endswith((".nii", ".nii.gz")):
                raise BadInput(N_("This is a NIfTI image, not a DICOM file."))
            return _read(file, size, charset)
    except (OSError, MemoryError) as error:
        raise BadInput(N_("The file cannot be read from its disk.")) from error


def _read(file: BinaryIO, size: int, charset: str) -> FileHeader:
    if size == 0:
        raise BadInput(N_("The file is empty."))
    start = file.read(132)
    if start[128:132] != b"DICM" and not _looks_like_dataset(start):
        if start[:2] == b"\x1f\x8b":
            raise BadInput(N_("The file is compressed with gzip. Unpack it first."))
        raise BadInput(N_("This is not a DICOM file."))
    file.seek(0)
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        syntax = transfer_syntax_of(dataset)
        element = pixel_element(file, dataset, syntax)
        declared = Chosen((charset,)) if charset else character_set(dataset)
        return _header(dataset, syntax, element, file, size, declared)
    except BadInput:
        raise
    except PARSE_ERRORS as error:
        raise BadInput(N_("Its header is damaged or cut short.")) from error


def _looks_like_dataset(start: bytes) -> bool:
    """Whether bytes without "DICM" begin with an element of group 2 or 8 all the same."""
    if len(start) < 8:
        return False
    for order in ("<", ">"):
        group, element, implicit = struct.unpack(order + "HHL", start[:8])
        if group not in (0x0002, 0x0008) or element > 0x0070:
            continue
        if re.fullmatch(rb"[A-Z]{2}", start[4:6]) or implicit < 1024:
            return True
    return False


def transfer_syntax_of(dataset: Any) -> str:
    """The transfer syntax that a file names, or that it was found to be written in."""
    stated = str(getattr(dataset.file_meta, "TransferSyntaxUID", "") or "").strip()
    if stated:
        return stated
    implicit, little = dataset.original_encoding
    if implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if little is not False else EXPLICIT_BIG


def pixel_element(file: BinaryIO, dataset: Any, syntax: str) -> PixelElement | None:
    """The pixel element that reading stopped before; None where the file has none."""
    if syntax == DEFLATED_LITTLE:
        file.seek(0)
        whole = pydicom.dcmread(file, force=True)
        for tag, keyword in _PIXELS.items():
            if tag in whole:
                return PixelElement(keyword, -1, len(whole[tag].value or b""))
        return None
    _, little = dataset.original_encoding
    head = file.read(12)
    order = "<" if little is not False else ">"
    if len(head) < 8:
        return None
    group, number = struct.unpack(order + "HH", head[:4])
    if group << 16 | number not in _PIXELS:
        return None
    keyword = _PIXELS[group << 16 | number]
    at = file.tell() - len(head)
    # Some files are implicit against their transfer syntax: the element itself tells.
    if head[4:6] not in {b"OB", b"OW", b"OF", b"OD", b"UN"}:
        return PixelElement(keyword, at + 8, struct.unpack(order + "L", head[4:8])[0])
    if len(head) < 12:
        return PixelElement(keyword, at + len(head), 0)
    length = struct.unpack(order + "L", head[8:12])[0]
    return PixelElement(keyword, at + 12, length, head[4:6].decode("ascii"))


def _header(
    dataset: Any,
    syntax: str,
    element: PixelElement | None,
    file: BinaryIO,
    size: int,
    declared: tuple[str, ...],
) -> FileHeader:
    def said(tag: int) -> str:
        return text_value(dataset, tag, declared)

    meta = dataset.file_meta
    sop_class = said(0x00080016) or str(getattr(meta, "MediaStorageSOPClassUID", "") or "")
    if sop_class == DICOMDIR_CLASS or 0x00041220 in dataset:
        raise IsDirectory(N_("This is a DICOMDIR: an index of other files."))
    sop_instance = said(0x00080018) or str(getattr(meta, "MediaStorageSOPInstanceUID", "") or "")
    study_uid, series_uid = said(0x0020000D), said(0x0020000E)
    attributes = reduce_attributes(dataset, declared)
    attributes["pixels"] = element.keyword if element else ""
    attributes["pixel_offset"] = -1
    taken = _date(said(0x00080022) or said(0x00080020) or said(0x00080021))
    age = age_string(_date(said(0x00100030)), taken)
    if age and "PatientAge" not in attributes:
        attributes["PatientAge"] = age
    if not (sop_instance and study_uid and series_uid):
        if element is None:
            raise BadInput(N_("It does not say which study, series and image it is."))
        sop_instance = sop_instance or _uid_of_bytes(file)
        study_uid = study_uid or _made_study(said, attributes)
        series_uid = series_uid or _made_series(study_uid, said, attributes)
        attributes["identity"] = "made"
    if element is not None:
        _check_pixels(attributes, syntax, element, file, size)
    elif is_elsewhere(syntax):
        raise not_shown(syntax)
    elif _is_image_class(sop_class, attributes):
        raise BadInput(N_("It should hold an image, but the file ends before its image data."))
    number = attributes.get("InstanceNumber")
    series_number = re.match(r"[+-]?\d{1,9}", said(0x00200011))
    return FileHeader(
        study=Study(
            study_uid=study_uid,
            patient=_patient(said),
            date=_date(said(0x00080020) or said(0x00080021) or said(0x00080022)),
            time=re.sub(r"[^0-9.]", "", said(0x00080030)),
            description=said(0x00081030),
            accession=said(0x00080050),
        ),
        series=Series(
            series_uid=series_uid,
            study_uid=study_uid,
            modality=said(0x00080060) or "OT",
            number=int(series_number.group()) if series_number else None,
            description=said(0x0008103E),
            body_part=said(0x00180015),
        ),
        sop_instance_uid=sop_instance,
        sop_class_uid=sop_class,
        instance_number=number if isinstance(number, int) else None,
        transfer_syntax_uid=syntax,
        attributes=attributes,
    )


def _is_image_class(sop_class: str, attributes: dict[str, object]) -> bool:
    """Whether an object without pixels should have had some.

    Every other object is stored as it is: reports, contours, selections, spectra, waveforms.
    """
    name = UID(sop_class).name
    if name == sop_class:  # a class nobody knows: its attributes tell
        return "Rows" in attributes and "BitsAllocated" in attributes
    return bool(re.search(r"\bImage Storage\b", name))


def _uid(*parts: str) -> str:
    """A UID below 2.25 (PS3.5 annex B.2) that the same parts always give."""
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _uid_of_bytes(file: BinaryIO) -> str:
    file.seek(0)
    hashed = hashlib.sha256()
    while chunk := file.read(1 << 20):
        hashed.update(chunk)
    return _uid("instance", hashed.hexdigest())


def _made_study(said: Callable[[int], str], attributes: dict[str, object]) -> str:
    """A study UID for files that were stripped of theirs.

    To take two visits for one would be worse than to take one for two: everything that a visit
    has in common must agree, its frame of reference or its time included.
    """
    tags = (0x00100010, 0x00100020, 0x00100030, 0x00080020, 0x00080030, 0x00080050, 0x00200010)
    session = str(attributes.get("FrameOfReferenceUID", "")) or (
        said(0x00080031) or said(0x00080032) or said(0x00080033)
    )
    return _uid("study", *(said(tag) for tag in tags), said(0x00080080), session)


def _made_series(study_uid: str, said: Callable[[int], str], attributes: dict[str, object]) -> str:
    tags = (0x00080060, 0x00200011, 0x0008103E, 0x00080031, 0x00181030)
    names = ("Rows", "Columns", "ConvolutionKernel", "SeriesDate", "FrameOfReferenceUID")
    return _uid(
        "series", study_uid, *(said(t) for t in tags), *(str(attributes.get(n)) for n in names)
    )


def _patient(said: Callable[[int], str]) -> Patient:
    name = said(0x00100010)
    sex = said(0x00100040).upper()[:1]
    return Patient(
        patient_id=said(0x00100020),
        name=shown_name(name),
        name_dicom=name,
        birth_date=_date(said(0x00100030)),
        sex=sex if sex in {"M", "F", "O"} else "",
        age=said(0x00101010),
    )


def _date(text: str) -> str:
    """A DA value as YYYYMMDD, also from ACR-NEMA's YYYY.MM.DD; empty where it is neither."""
    digits = re.sub(r"[.\-/]", "", text)[:8]
    return digits if re.fullmatch(r"\d{8}", digits) else ""


def whole(attributes: dict[str, object], keyword: str, default: int = 0) -> int:
    """A header value as a whole number; ``default`` where it has none."""
    value = attributes.get(keyword)
    return int(value) if isinstance(value, (int, float)) else default


def frame_bytes(attributes: dict[str, object], frames: int = 1) -> int:
    """Bytes that ``frames`` uncompressed frames take (PS3.3 C.7.6.3)."""
    samples = whole(attributes, "SamplesPerPixel", 1)
    pixels = whole(attributes, "Rows") * whole(attributes, "Columns") * frames
    bits = pixels * samples * whole(attributes, "BitsAllocated", 16)
    if attributes.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    return (bits + 7) // 8


def _check_pixels(
    attributes: dict[str, object],
    syntax: str,
    element: PixelElement,
    file: BinaryIO,
    size: int,
) -> None:
    """Refuse cut-short image data; note where samples can be read from without a decoder."""
    rows, columns = whole(attributes, "Rows"), whole(attributes, "Columns")
    bits = whole(attributes, "BitsAllocated")
    if element.keyword != "PixelData":
        bits = bits or (32 if element.keyword == "FloatPixelData" else 64)
        attributes["BitsAllocated"] = bits
    if rows <= 0 or columns <= 0 or bits <= 0:
        raise BadInput(N_("It has image data, but its size or bit depth is not stated."))
    if bits == 16 and attributes.get("PhotometricInterpretation") is None:
        attributes["PhotometricInterpretation"] = "MONOCHROME2"
    if not is_native(syntax):
        found = find_fragments(file, element.offset, size)
        frames = 1 if is_video(syntax) else whole(attributes, "NumberOfFrames", 1)
        if not found.complete or len(found.parts) < frames:
            raise BadInput(N_("The file ends in the middle of its image data."))
        return
    expected = frame_bytes(attributes, max(1, whole(attributes, "NumberOfFrames", 1)))
    held = element.length if element.offset < 0 else min(element.length, size - element.offset)
    if held < expected:
        raise BadInput(
            N_("The file ends in the middle of its image data: {held} of {expected} bytes."),
            held=max(0, held),
            expected=expected,
        )
    stored = whole(attributes, "BitsStored", bits)
    plain = (
        syntax in {IMPLICIT_LITTLE, EXPLICIT_LITTLE}
        and element.offset >= 0
        and bits in {8, 16, 32, 64}
        and 0 < stored <= bits
        and whole(attributes, "HighBit", stored - 1) == stored - 1
    )
    grey = whole(attributes, "SamplesPerPixel", 1) == 1 and str(
        attributes.get("PhotometricInterpretation", "MONOCHROME2")
    ).startswith("MONOCHROME")
    colour = (
        whole(attributes, "SamplesPerPixel", 1) == 3
        and attributes.get("PhotometricInterpretation") == "RGB"
        and whole(attributes, "PlanarConfiguration") == 0
        and bits == 8
    )
    if plain and (grey or colour):
        attributes["pixel_offset"] = element.offset

"""One frame's samples, from any encoding that the bundled decoders know.

pydicom with gdcm, pylibjpeg-openjpeg (JPEG 2000 and HTJ2K), pyjpegls and Pillow decodes; gdcm is
asked directly for 12-bit JPEG Extended, which pydicom's plug-ins leave out.
"""

from __future__ import annotations

import functools
import logging
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.uid import UID

from workstation.dicom.attributes import reduce_attributes
from workstation.dicom.elements import PARSE_ERRORS
from workstation.dicom.encodings import (
    DEFLATED_FRAMES,
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    GE_SWAPPED,
    JPEG_EXTENDED,
    PACKED_SAMPLES,
    encoding_name,
    is_elsewhere,
    is_native,
    is_video,
    not_shown,
    plain_form,
)
from workstation.dicom.fragments import Fragments, find_fragments, frame_parts
from workstation.dicom.headers import frame_bytes, pixel_element, transfer_syntax_of, whole
from workstation.dicom.lookup_tables import LookupTable, modality_table
from workstation.domain.errors import N_, BadInput
from workstation.domain.volume import Frame

_log = logging.getLogger(__name__)
gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()

_DECODE_ERRORS = (*PARSE_ERRORS, RuntimeError, MemoryError, ArithmeticError, OSError)


@dataclass(frozen=True)
class _Source:
    """A file opened once: what a decoder must be told, and where each frame's bytes lie."""

    path: Path
    dataset: Any  # without pixels
    attributes: dict[str, object]
    syntax: str
    keyword: str
    offset: int
    frames: int
    fragments: Fragments | None
    vr: str
    table: LookupTable | None

    @property
    def whole(self) -> bool:
        """Whether a frame cannot be cut out: single bits, and bytes swapped in pairs."""
        bits = whole(self.attributes, "BitsAllocated")
        return bits == 1 or (bits == 8 and self.syntax == EXPLICIT_BIG and self.vr == "OW")


def decode_frame(path: Path, number: int = 0) -> NDArray[Any]:
    """Stored samples of one frame, before the modality rescale.

    number: frame, from 0. Returns (y, x), or (y, x, 3) RGB for colour (YBR and palette colour
    are converted). Raises ``BadInput`` with one line why where it cannot be decoded.
    """
    try:
        stat = path.stat()
        source = _open(path, stat.st_size, stat.st_mtime_ns)
        if not 0 <= number < source.frames:
            raise BadInput(N_("The file has no image {number}."), number=number + 1)
        array = _decode(source, number)
    except BadInput:
        raise
    except _DECODE_ERRORS as error:
        _log.warning("a frame could not be decoded: %s", type(error).__name__)
        raise BadInput(
            N_("Image {number} of the file cannot be decoded ({encoding})."),
            number=number + 1,
            encoding=_encoding_name(path),
        ) from error
    return array


def frame_samples(path: Path, frame: Frame, shape: tuple[int, ...]) -> NDArray[Any]:
    """Samples of a stack's frame: its tile of a mosaic, through its Modality LUT where it has one.

    shape: (y, x) or (y, x, 3), which the result must have. Raises ``BadInput`` where it has not.
    """
    if frame.tile is None:
        array = decode_frame(path, frame.number)
    else:
        stat = path.stat()
        top, left = frame.tile
        mosaic = _mosaic(path, frame.number, stat.st_size, stat.st_mtime_ns)
        array = mosaic[top : top + shape[0], left : left + shape[1]]
    if frame.lut:
        stat = path.stat()
        table = _open(path, stat.st_size, stat.st_mtime_ns).table
        if table is not None:
            array = table.apply(array)
    if array.shape != shape:
        raise BadInput(
            N_("Image {number} of the file has not the size that its header says."),
            number=frame.number + 1,
        )
    return array


@functools.lru_cache(maxsize=4)
def _mosaic(path: Path, number: int, size: int, changed: int) -> NDArray[Any]:
    """A whole mosaic, kept for its next tiles."""
    return decode_frame(path, number)


@functools.lru_cache(maxsize=8)
def _open(path: Path, size: int, changed: int) -> _Source:
    with path.open("rb") as file:
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        syntax = transfer_syntax_of(dataset)
        element = pixel_element(file, dataset, syntax)
        if element is None:
            raise BadInput(N_("The file has no image data."))
        if syntax == DEFLATED_LITTLE:
            file.seek(0)
            dataset = pydicom.dcmread(file, force=True)
        attributes = reduce_attributes(dataset, ())
        fragments = None
        if not is_native(syntax):
            fragments = find_fragments(file, element.offset, size)
    return _Source(
        path=path,
        dataset=dataset,
        attributes=attributes,
        syntax=syntax,
        keyword=element.keyword,
        offset=element.offset,
        frames=max(1, whole(attributes, "NumberOfFrames", 1)),
        fragments=fragments,
        vr=element.vr,
        table=modality_table(dataset, attributes.get("PixelRepresentation") == 1),
    )


def _encoding_name(path: Path) -> str:
    try:
        stat = path.stat()
        return encoding_name(_open(path, stat.st_size, stat.st_mtime_ns).syntax)
    except (*_DECODE_ERRORS, BadInput):
        return "unknown encoding"


def _frame_data(source: _Source, number: int) -> bytes:
    """The bytes of one frame: samples as stored, or its joined fragments."""
    if source.offset < 0:
        value: bytes = source.dataset[source.keyword].value
        each = frame_bytes(source.attributes)
        return value[number * each : (number + 1) * each]
    with source.path.open("rb") as file:
        if source.fragments is None:
            if source.whole:
                file.seek(source.offset)
                return file.read(frame_bytes(source.attributes, source.frames) + 1)
            each = frame_bytes(source.attributes)
            file.seek(source.offset + number * each)
            return file.read(each)
        pieces = []
        for offset, length in frame_parts(source.fragments, source.frames, number):
            file.seek(offset)
            pieces.append(file.read(length))
    joined = b"".join(pieces)
    if source.syntax == DEFLATED_FRAMES:
        return zlib.decompressobj(wbits=-15).decompress(joined, frame_bytes(source.attributes))
    return joined


def _decode(source: _Source, number: int) -> NDArray[Any]:
    if is_video(source.syntax) or is_elsewhere(source.syntax):
        raise not_shown(source.syntax)
    facts = source.attributes
    photometric = str(facts.get("PhotometricInterpretation", "MONOCHROME2")).strip()
    data = _frame_data(source, number)
    options: dict[str, Any] = {
        "rows": whole(facts, "Rows"),
        "columns": whole(facts, "Columns"),
        "number_of_frames": 1,
        "samples_per_pixel": whole(facts, "SamplesPerPixel", 1),
        "photometric_interpretation": photometric,
        "bits_allocated": whole(facts, "BitsAllocated", 16),
        "bits_stored": whole(facts, "BitsStored", whole(facts, "BitsAllocated", 16)),
        "pixel_representation": whole(facts, "PixelRepresentation"),
        "planar_configuration": whole(facts, "PlanarConfiguration"),
        "pixel_keyword": source.keyword,
    }
    if source.keyword != "PixelData":
        wide = np.dtype("<f4" if source.keyword == "FloatPixelData" else "<f8")
        return np.frombuffer(data, wide).reshape(options["rows"], options["columns"])
    if source.syntax == JPEG_EXTENDED and options["bits_stored"] > 8:
        return _decode_with_gdcm(data, options, source.syntax)
    native = source.fragments is None or source.syntax in PACKED_SAMPLES
    if options["bits_allocated"] == 1 and native:
        count = options["rows"] * options["columns"]
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        chosen = bits[number * count : (number + 1) * count]
        return chosen.reshape(options["rows"], options["columns"])
    try:
        decoder = get_decoder(UID(plain_form(source.syntax) if native else source.syntax))
    except NotImplementedError as error:
        raise not_shown(source.syntax) from error
    if not native:
        array = _decompress(decoder, encapsulate([data], has_bot=False), options)
    else:
        options["pixel_vr"] = source.vr
        options["bits_stored"] = options["bits_allocated"]  # see _only_stored_bits
        if source.whole:
            options["number_of_frames"] = source.frames
        index = number if source.whole else 0
        if source.syntax == GE_SWAPPED and options["bits_allocated"] == 16:
            data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
        if len(data) % 2:
            data += b"\0"
        array, _ = decoder.as_array(data, index=index, **options)
    if photometric == "PALETTE COLOR":
        array = apply_color_lut(array, source.dataset)
        return np.asarray(array >> 8 if array.dtype == np.uint16 else array, dtype=np.uint8)
    if source.syntax == EXPLICIT_BIG and source.vr == "OW" and array.dtype.itemsize == 4:
        array = _words_in_order(array)
    if array.ndim == 2 and native:
        array = _only_stored_bits(array, facts)
    return np.asarray(array)


def _words_in_order(array: NDArray[Any]) -> NDArray[Any]:
    """32-bit samples of a big-endian OW element, however their writer ordered the two words.

    PS3.5 8.1.1 packs the low word first, as DCMTK and GDCM do, while others swap all four bytes.
    The wrong order puts noise into the high word: the smoother picture is the right one.
    """
    words = array.view(np.uint32)
    turned = (words << np.uint32(16) | words >> np.uint32(16)).view(array.dtype)

    def roughness(samples: NDArray[Any]) -> float:
        return float(np.abs(np.diff(samples.astype(np.float64), axis=1)).sum())

    return turned if roughness(turned) < roughness(array) else array


def _decompress(decoder: Any, data: bytes, options: dict[str, Any]) -> NDArray[Any]:
    """One encapsulated frame, by the first plug-in that can.

    gdcm comes last: it ends the whole process over some broken data, which the others do not.
    """
    plugins = sorted(
        decoder.available_plugins,
        key=lambda name: ("pillow", "gdcm").index(name) if name in {"pillow", "gdcm"} else -1,
    )
    error: Exception | None = None
    for plugin in plugins:
        try:
            array, _ = decoder.as_array(data, index=0, decoding_plugin=plugin, **options)
        except _DECODE_ERRORS as failed:
            error = failed
        else:
            return np.asarray(array)
    raise error or NotImplementedError("no decoder")


def _only_stored_bits(array: NDArray[Any], facts: dict[str, object]) -> NDArray[Any]:
    """Drop what lies outside the stored bits (overlays of old scanners) and extend the sign."""
    allocated = array.dtype.itemsize * 8
    stored = whole(facts, "BitsStored", allocated)
    high = whole(facts, "HighBit", stored - 1)
    if stored == allocated or not 0 < stored <= high + 1 <= allocated:
        return array
    shifted = array << np.array(allocated - 1 - high, dtype=array.dtype)
    return np.asarray(shifted >> np.array(allocated - stored, dtype=array.dtype))


def _decode_with_gdcm(data: bytes, options: dict[str, Any], syntax: str) -> NDArray[Any]:
    """12-bit JPEG by gdcm itself; its result is (y, x) unsigned 16 bit."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((options["columns"], options["rows"], 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(options["photometric_interpretation"])
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    stored = options["bits_stored"]
    image.SetPixelFormat(
        gdcm.PixelFormat(1, 16, stored, stored - 1, options["pixel_representation"])
    )
    buffer = image.GetBuffer().encode("utf-8", "surrogateescape")
    wanted = options["rows"] * options["columns"] * 2
    if len(buffer) < wanted:
        raise struct.error("too few samples")
    dtype = np.dtype("<i2" if options["pixel_representation"] else "<u2")
    return np.frombuffer(buffer[:wanted], dtype).reshape(options["rows"], options["columns"])

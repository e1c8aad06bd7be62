"""Every transfer syntax against the array it was made from, and against other decoders."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from tests.dicom_in.making import Shelf, image, save
from workstation.dicom.headers import read_header
from workstation.dicom.pixels import decode_frame
from workstation.dicom.volumes import read_volume
from workstation.domain.errors import BadInput
from workstation.domain.volume import Flag

Samples = NDArray[Any]

_Y, _X = np.mgrid[:16, :20]
GREY16 = np.asarray((_Y * 53 + _X * 37 + (_Y * _X) % 11 * 5) % 4096, dtype=np.uint16)
SIGNED = np.asarray(GREY16.astype(np.int16) - 2048, dtype=np.int16)
GREY8 = np.asarray(GREY16 % 251, dtype=np.uint8)
RGB = np.stack([_Y * 5 % 256, _X * 6 % 256, (_X + _Y) * 3 % 256], axis=-1).astype(np.uint8)
SMOOTH = np.asarray(2048 + 1500 * np.sin(_Y / 7) * np.cos(_X / 9), dtype=np.uint16)
ARRAYS: dict[str, Samples] = {"8 bit": GREY8, "16 bit": GREY16, "signed": SIGNED, "colour": RGB}

RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
J2K = "1.2.840.10008.1.2.4.91"
HTJ2K = "1.2.840.10008.1.2.4.20{}"


def encoded(source: Path, target: Path, syntax: str, bits: int = 0) -> Path:
    """``source`` written anew in ``syntax`` by gdcm."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    kind = gdcm.TransferSyntax.GetTSType(syntax)
    change.SetTransferSyntax(gdcm.TransferSyntax(kind))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert read_header(target).transfer_syntax_uid == syntax
    return target


def by_simpleitk(path: Path) -> Samples:
    """Samples as SimpleITK's own copy of GDCM decodes them."""
    return np.asarray(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[0])


def by_dcmtk(tool: str, path: Path) -> Samples | None:
    """Samples as DCMTK decodes them; None where it is not installed."""
    if shutil.which(tool) is None:
        print(f"{tool} is not installed: not compared with it")
        return None
    out = path.with_suffix(".plain.dcm")
    subprocess.run([tool, str(path), str(out)], check=True, capture_output=True)
    return np.asarray(dcmread(out).pixel_array)


@pytest.mark.parametrize("which", ARRAYS)
@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
    ],
)
def test_uncompressed(tmp_path: Path, which: str, syntax: str) -> None:
    array = ARRAYS[which]
    item = image(0, (0, 0, 0), pixels=array)
    path = save(item, tmp_path / "a.dcm", syntax)
    assert np.array_equal(decode_frame(path), array)
    if syntax != ExplicitVRBigEndian or array.dtype != np.uint8:
        assert np.array_equal(by_simpleitk(path), array)


@pytest.mark.parametrize("which", ARRAYS)
@pytest.mark.parametrize(
    ("syntax", "tool"),
    [
        (RLE, "dcmdrle"),
        (JPEG_LOSSLESS, "dcmdjpeg"),
        (JPEG_LOSSLESS_SV1, "dcmdjpeg"),
        (JPEG_LS, "dcmdjpls"),
        (J2K_LOSSLESS, ""),
    ],
)
def test_lossless(tmp_path: Path, which: str, syntax: str, tool: str) -> None:
    array = ARRAYS[which]
    plain = save(image(0, (0, 0, 0), pixels=array), tmp_path / "plain.dcm")
    path = encoded(plain, tmp_path / "packed.dcm", syntax)
    assert np.array_equal(decode_frame(path), array)
    assert np.array_equal(by_simpleitk(path), array)
    theirs = by_dcmtk(tool, path) if tool else None
    assert theirs is None or np.array_equal(theirs, array)


@pytest.mark.parametrize("syntax", [JPEG_BASELINE, JPEG_LS_NEAR, J2K])
def test_lossy(tmp_path: Path, syntax: str) -> None:
    """8 bit: within two grey values of GDCM's decoder, whose rounding may differ."""
    plain = save(image(0, (0, 0, 0), pixels=GREY8), tmp_path / "plain.dcm")
    path = encoded(plain, tmp_path / "packed.dcm", syntax)
    ours, theirs = decode_frame(path).astype(int), by_simpleitk(path).astype(int)
    assert np.abs(ours - theirs).max() <= 2
    assert Flag.LOSSY in _shelf_of(path, tmp_path).stack().flags


def _shelf_of(path: Path, folder: Path) -> Shelf:
    shelf = Shelf(folder)
    shelf.take(path)
    return shelf


def test_twelve_bit_jpeg(tmp_path: Path) -> None:
    """JPEG Extended, which pylibjpeg cannot decode: as DCMTK does, and near what it was."""
    if shutil.which("dcmcjpeg") is None:
        print("dcmcjpeg is not installed: nothing to make 12-bit JPEG with")
        return
    item = image(0, (0, 0, 0), pixels=SMOOTH, BitsStored=12, HighBit=11)
    plain = save(item, tmp_path / "plain.dcm")
    path = tmp_path / "packed.dcm"
    subprocess.run(["dcmcjpeg", "+ee", "+q", "98", str(plain), str(path)], check=True)
    assert read_header(path).transfer_syntax_uid == JPEG_EXTENDED
    theirs = by_dcmtk("dcmdjpeg", path)
    ours = decode_frame(path)
    assert theirs is not None and np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1
    shelf = _shelf_of(path, tmp_path)  # dcmcjpeg moves the values and writes a rescale for it
    values = read_volume(shelf.stack(), shelf.locate).array[0]
    assert np.abs(values - SMOOTH.astype(float)).max() <= 8


@pytest.mark.parametrize(
    ("name", "syntax", "array"),
    [
        ("grey", HTJ2K.format(1), GREY16),
        ("signed", HTJ2K.format(1), SIGNED),
        ("rgb", HTJ2K.format(1), RGB),
        ("rgb", HTJ2K.format(2), RGB),
        ("lossy", HTJ2K.format(3), GREY16),
    ],
)
def test_high_throughput_jpeg_2000(tmp_path: Path, name: str, syntax: str, array: Samples) -> None:
    """Streams by OpenJPH; lossless ones give back the array, the lossy one what OpenJPH reads."""
    kept = json.loads((Path(__file__).parent / "htj2k.json").read_text(encoding="utf-8"))[name]
    item = image(0, (0, 0, 0), pixels=array)
    if name == "rgb":
        item.PhotometricInterpretation = "YBR_RCT"
    item.PixelData = encapsulate([base64.b64decode(kept["stream"])])
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True
    path = save(item, tmp_path / "a.dcm", syntax)
    expected = np.asarray(kept["values"]) if kept["values"] else array
    tolerance = 1 if name == "lossy" else 0
    assert np.abs(decode_frame(path).astype(int) - expected).max() <= tolerance


def _saved(item: Dataset, path: Path, syntax: str) -> Path:
    """As ``save``, also in transfer syntaxes that pydicom's dictionary does not have yet."""
    if UID(syntax).is_transfer_syntax:
        return save(item, path, syntax)
    known = J2K if len(syntax) < 23 else HTJ2K.format(1)
    save(item, path, known)
    old = known.encode().ljust(len(known) + len(known) % 2, b"\0")
    path.write_bytes(path.read_bytes().replace(old, syntax.encode().ljust(len(old), b"\0"), 1))
    return path


def _deflated(frame: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(frame) + packer.flush()


@pytest.mark.parametrize("which", ARRAYS)
@pytest.mark.parametrize(
    ("syntax", "pack"),
    [("1.2.840.10008.1.2.1.98", bytes), ("1.2.840.10008.1.2.8.1", _deflated)],
)
def test_encapsulated_samples(
    tmp_path: Path, which: str, syntax: str, pack: Callable[[bytes], bytes]
) -> None:
    """Encapsulated Uncompressed, and Deflated Image Frame (PS3.5 A.4.11 and A.4.13)."""
    array = ARRAYS[which]
    item = image(0, None, None, pixels=array, NumberOfFrames=2)
    frames = [pack(array.tobytes()), pack(array[::-1].tobytes())]
    item.PixelData = encapsulate(frames)
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True
    path = _saved(item, tmp_path / "a.dcm", syntax)
    assert np.array_equal(decode_frame(path, 0), array)
    assert np.array_equal(decode_frame(path, 1), array[::-1])


def test_a_private_syntax_with_swapped_samples(tmp_path: Path) -> None:
    """GE's 1.2.840.113619.5.2: implicit little endian headers, big endian pixels."""
    item = image(0, (0, 0, 0), pixels=SIGNED)
    item.PixelData = SIGNED.astype(">i2").tobytes()
    path = save(item, tmp_path / "a.dcm", ImplicitVRLittleEndian)
    data = path.read_bytes()
    uid = b"1.2.840.113619.5.2"
    old = b"\2\0\x10\0UI\x12\0" + b"1.2.840.10008.1.2\0"
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, b"\2\0\x10\0UI\x12\0" + uid))
    assert np.array_equal(decode_frame(path), SIGNED)
    shelf = Shelf(tmp_path)
    shelf.take(path)
    assert np.array_equal(read_volume(shelf.stack(), shelf.locate).array[0], SIGNED)


@pytest.mark.parametrize(
    ("syntax", "reason"),
    [
        ("1.2.840.10008.1.2.4.102", "It is a video (MPEG-4 AVC/H.264 High Profile / Level 4.1)"),
        ("1.2.840.10008.1.2.4.100", "It is a video (MPEG2 Main Profile / Main Level)"),
        ("1.2.840.10008.1.2.4.110", "No decoder is at hand for its encoding"),
        ("1.2.840.10008.1.2.4.92", "No decoder is at hand for its encoding"),
        ("1.2.840.10008.1.2.4.94", "Its pixels are not in the file"),
        ("1.2.840.10008.1.2.4.204", "Its pixels are not in the file"),
    ],
)
def test_what_cannot_be_shown_says_why(tmp_path: Path, syntax: str, reason: str) -> None:
    item = image(0, None, None, NumberOfFrames=25)
    if reason.startswith("Its pixels"):
        del item.PixelData
    else:
        item.PixelData = encapsulate([b"\0" * 64] * (1 if "video" in reason else 25))
        item["PixelData"].VR = "OB"
        item["PixelData"].is_undefined_length = True
    path = _saved(item, tmp_path / "a.dcm", syntax)
    with pytest.raises(BadInput) as caught:
        read_header(path)
        decode_frame(path, 3)
    assert str(caught.value).startswith(reason)

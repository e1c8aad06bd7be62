"""Decoded samples against other decoders, on public files of every encoding."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.dicom_in.making import image, pixels_of, save
from workstation.dicom.encodings import is_native
from workstation.dicom.headers import FileHeader, read_header
from workstation.dicom.pixels import decode_frame
from workstation.domain.errors import BadInput

# gdcm's own file reader; in a process of its own because it ends it over some broken files.
_GDCM = """
import gdcm, hashlib, json, sys
for path in json.loads(sys.stdin.read()):
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if reader.Read():
        image = reader.GetImage()
        data = image.GetBuffer().encode("utf-8", "surrogateescape")
        print(json.dumps([path, hashlib.sha256(data).hexdigest()]), flush=True)
"""


def _images(folder: Path) -> list[tuple[Path, FileHeader]]:
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            header = read_header(path)
        except BadInput:
            continue
        if header.attributes["pixels"] == "PixelData":
            found.append((path, header))
    return found


def _frames(header: FileHeader) -> int:
    count = header.attributes.get("NumberOfFrames", 1)
    return count if isinstance(count, int) else 1


@pytest.fixture(scope="module")
def compressed(shared_data: Path | None) -> list[tuple[Path, FileHeader]]:
    if shared_data is None:
        return []
    images = _images(shared_data / "dicom_corner_cases")
    return [
        (path, header)
        for path, header in images
        if not is_native(header.transfer_syntax_uid)
        and path.name != "JPEG2000-embedded-sequence-delimiter.dcm"  # broken on purpose
    ]


def test_broken_on_purpose_says_so(shared_data: Path | None) -> None:
    if shared_data is None:
        return
    folder = shared_data / "dicom_corner_cases" / "pydicom_test_files"
    with pytest.raises(BadInput, match="JPEG 2000 Image Compression"):
        decode_frame(folder / "JPEG2000-embedded-sequence-delimiter.dcm")


def test_samples_equal_gdcms(compressed: list[tuple[Path, FileHeader]]) -> None:
    import hashlib

    if not compressed:
        return
    # gdcm leaves YBR as it is, and does not undo a J2K code stream that denies the header's sign.
    alike = [
        (path, header)
        for path, header in compressed
        if "FULL" not in str(header.attributes.get("PhotometricInterpretation"))
        and not (header.attributes.get("SamplesPerPixel") == 3 and "rle" in path.name)
        and path.name != "J2K_pixelrep_mismatch.dcm"
    ]
    done = subprocess.run(
        [sys.executable, "-c", _GDCM],
        input=json.dumps([str(path) for path, _ in alike]),
        capture_output=True,
        text=True,
        check=False,
    )
    theirs = dict(json.loads(line) for line in done.stdout.splitlines() if line[0] == "[")
    compared = 0
    for path, header in alike:
        if str(path) not in theirs:
            continue
        data = b"".join(decode_frame(path, i).tobytes() for i in range(_frames(header)))
        assert hashlib.sha256(data).hexdigest() == theirs[str(path)], path.name
        compared += 1
    print(f"{compared} compressed files decode as in gdcm")
    assert compared >= 20


@pytest.mark.parametrize("tool", ["dcmdjpeg", "dcmdrle"])
def test_samples_equal_dcmtks(
    compressed: list[tuple[Path, FileHeader]], tmp_path: Path, tool: str
) -> None:
    if not compressed or shutil.which(tool) is None:
        print(f"{tool} or the real images are not there: nothing to compare with")
        return
    prefix = "1.2.840.10008.1.2.5" if tool == "dcmdrle" else "1.2.840.10008.1.2.4."
    compared = 0
    for path, header in compressed:
        syntax = header.transfer_syntax_uid
        jpeg = syntax.removeprefix("1.2.840.10008.1.2.4.") in {"50", "51", "57", "70"}
        if not syntax.startswith(prefix) or (tool == "dcmdjpeg" and not jpeg):
            continue
        out = tmp_path / "out.dcm"
        out.unlink(missing_ok=True)
        subprocess.run([tool, str(path), str(out)], capture_output=True, check=False)
        if not out.exists():
            continue  # dcmtk is stricter about headers
        for number in range(_frames(header)):
            assert np.array_equal(decode_frame(out, number), decode_frame(path, number)), path.name
        compared += 1
    print(f"{compared} files decode as with {tool}")
    assert compared >= 8


def test_single_bits(tmp_path: Path) -> None:
    """Frames of single bits run on without padding (PS3.5 8.1.1)."""
    frames = np.arange(3 * 35).reshape(3, 5, 7) % 3 == 0
    item = image(0, None, None, BitsStored=1, HighBit=0, NumberOfFrames=3, PixelRepresentation=0)
    item.BitsAllocated = 1
    item.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    path = save(item, tmp_path / "bits.dcm")
    for number in range(3):
        assert np.array_equal(decode_frame(path, number), frames[number])


def test_unknown_encoding_is_named(tmp_path: Path) -> None:
    item = image(0, (0, 0, 0))
    path = save(item, tmp_path / "a.dcm")
    data = path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0", 1)
    path.write_bytes(data)
    with pytest.raises(BadInput):
        decode_frame(path)
    assert np.array_equal(decode_frame(save(item, tmp_path / "b.dcm")), pixels_of(0))

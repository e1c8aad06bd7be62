"""Every file of the corner cases opens as an independent decoder reads it, or says why not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from tests.dicom_in.making import image, save
from tests.every_file import Row, rows, totals
from workstation.dicom.pixels import decode_frame

OTHERS_ARE_WRONG = {
    # The code stream says unsigned, the header signed: GDCM believes the former. 13-bit samples.
    "pydicom_test_files/J2K_pixelrep_mismatch.dcm": 8192,
    # Written with all four bytes swapped, which GDCM and DCMTK do not expect of OW.
    "pydicom_test_files/rtdose_expb.dcm": 0,
    "pydicom_test_files/rtdose_expb_1frame.dcm": 0,
}


@pytest.fixture(scope="module")
def found(shared_data: Path | None) -> dict[str, Row]:
    if shared_data is None:
        return {}
    made = rows(shared_data / "dicom_corner_cases")
    print(totals(made))
    return {row.path: row for row in made}


def test_no_decoder_disagrees(found: dict[str, Row]) -> None:
    if not found:
        return
    assert {path for path, row in found.items() if row.differs} == set(OTHERS_ARE_WRONG)
    compared = [row for row in found.values() if row.theirs is not None]
    assert len(found) >= 265 and len(compared) >= 130
    for path, modulus in OTHERS_ARE_WRONG.items():
        row = found[path]
        assert row.ours is not None and row.theirs is not None
        if modulus:
            assert (row.theirs[1] - row.ours) % modulus == 0
        else:
            assert row.ours == found[path.replace("_expb", "")].ours


def test_nothing_is_refused_without_a_reason(found: dict[str, Row]) -> None:
    for row in found.values():
        assert len(row.opened) > 5
        if row.refused:
            assert row.opened.startswith("refused: ") and row.opened.endswith((".", ".)"))


def test_what_is_refused_is_no_image(found: dict[str, Row]) -> None:
    """Only what is no DICOM, has no pixels, no identity, or was cut off or broken on purpose."""
    if not found:
        return
    why = {row.opened.removeprefix("refused: ") for row in found.values() if row.refused}
    known = (
        "This is not a DICOM file",
        "This is a DICOMDIR",
        "The file is compressed with gzip",
        "It should hold an image, but the file ends before its image data",
        "The file ends in the middle of its image data",
        "It does not say which study, series and image it is",
        "It has image data, but its size or bit depth is not stated",
        "Image 1 of the file cannot be decoded (JPEG 2000 Image Compression)",
    )
    assert all(reason.startswith(known) for reason in why)
    broken = [row.path for row in found.values() if "cannot be decoded" in row.opened]
    assert broken == ["pydicom_test_files/JPEG2000-embedded-sequence-delimiter.dcm"]


@pytest.mark.parametrize("bits", [16, 32])
def test_big_endian_words_by_either_writer(tmp_path: Path, bits: int) -> None:
    """Doses of 32 bits, swapped by words as DCMTK does (PS3.5 8.1.1) and by all four bytes."""
    y, x = np.mgrid[:40, :50]
    dtype = np.uint32 if bits == 32 else np.uint16
    samples = np.asarray(1000 * (y + x) * (60 if bits == 32 else 0.5) + (y * x) % 7, dtype=dtype)
    item = image(0, (0, 0, 0), pixels=samples, RescaleSlope=None, RescaleIntercept=None)
    item.Modality = "RTDOSE"
    path = save(item, tmp_path / "little.dcm", ExplicitVRLittleEndian)
    big = tmp_path / "big.dcm"
    try:
        subprocess.run(["dcmconv", "+tb", str(path), str(big)], check=True)
    except FileNotFoundError:
        print("dcmconv is not installed: nothing to write big endian with")
        return
    assert np.array_equal(decode_frame(big), samples)
    data = big.read_bytes()
    at = len(data) - samples.nbytes
    swapped = data[:at] + samples.astype(samples.dtype.newbyteorder(">")).tobytes()
    (tmp_path / "all.dcm").write_bytes(swapped)
    assert np.array_equal(decode_frame(tmp_path / "all.dcm"), samples)

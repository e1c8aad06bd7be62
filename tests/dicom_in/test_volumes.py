"""Voxels: every way of storing samples, in the order the viewer wants them, in little memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.dicom_in.making import Shelf, image, save
from workstation.dicom.volumes import VolumeReader, outward, read_frame, read_volume
from workstation.domain.errors import BadInput, Cancelled
from workstation.domain.work import Cancel


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def _fill(
    shelf: Shelf, arrays: list[Any], syntax: str = ExplicitVRLittleEndian, **extra: Any
) -> None:
    for at, array in enumerate(arrays):
        shelf.add(image(at, (0, 0, at), pixels=array, **extra), syntax)


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_native_samples(shelf: Shelf, syntax: str, dtype: type) -> None:
    arrays: list[Any] = [np.arange(35, dtype=dtype).reshape(5, 7) * 30 + i for i in range(3)]
    _fill(shelf, arrays, syntax, RescaleIntercept=-1024)
    stack = shelf.stack()
    assert stack.dtype == "int16"
    assert stack.unit == "[hnsf'U]"
    volume = read_volume(stack, shelf.locate).array
    assert np.array_equal(volume, np.stack(arrays).astype(int) - 1024)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_samples(shelf: Shelf, syntax: str) -> None:
    random = np.random.default_rng(1)
    arrays = [random.integers(-900, 2000, (64, 64), dtype=np.int16) for _ in range(3)]
    for at, array in enumerate(arrays):
        path = save(image(at, (0, 0, at), pixels=array), shelf.folder / f"c{at}.dcm")
        item = image(at, (0, 0, at), pixels=array)
        save(item, path)
        item.compress(syntax)
        item.save_as(path, enforce_file_format=True)
        shelf.take(path)
    stack = shelf.stack()
    assert stack.frames[0].pixel_offset == -1
    assert np.array_equal(read_volume(stack, shelf.locate).array, np.stack(arrays))


def test_bits_above_the_stored_ones_are_ignored(shelf: Shelf) -> None:
    samples = np.arange(35, dtype=np.uint16).reshape(5, 7) * 100
    overlay = (np.arange(35, dtype=np.uint16).reshape(5, 7) % 2) << 12
    _fill(shelf, [samples | overlay] * 3, BitsStored=12, HighBit=11)
    stack = shelf.stack()
    assert (stack.stored_dtype, stack.dtype) == ("uint16/12", "int16")
    assert np.array_equal(read_volume(stack, shelf.locate).array[0], samples)


def test_twelve_bit_signed_samples_get_their_sign(shelf: Shelf) -> None:
    samples = np.arange(-17, 18, dtype=np.int16).reshape(5, 7) * 100
    stored = (samples & 0x0FFF).astype(np.uint16)  # no sign above bit 11, as some write them
    _fill(shelf, [stored] * 3, BitsStored=12, HighBit=11, PixelRepresentation=1)
    assert np.array_equal(read_volume(shelf.stack(), shelf.locate).array[1], samples)


def test_high_bit_elsewhere(shelf: Shelf) -> None:
    samples = np.arange(35, dtype=np.uint16).reshape(5, 7) * 100
    _fill(shelf, [samples << 4] * 3, BitsStored=12, HighBit=15)
    assert np.array_equal(read_volume(shelf.stack(), shelf.locate).array[1], samples)


def test_hounsfield_units_saturate_instead_of_wrapping(shelf: Shelf) -> None:
    samples = np.array([[-32768, -32000, -31744, 0, 32767]], np.int16)
    _fill(shelf, [samples] * 3, RescaleIntercept=-1024)
    stack = shelf.stack()
    assert stack.dtype == "int16"
    expected = [[-32768, -32768, -32768, -1024, 31743]]
    assert read_volume(stack, shelf.locate).array[0].tolist() == expected


def test_unsigned_hounsfield_units_saturate_too(shelf: Shelf) -> None:
    samples = np.array([[0, 1024, 33791, 33792, 65535]], np.uint16)
    _fill(shelf, [samples] * 3, RescaleIntercept=-1024)
    expected = [[-1024, 0, 32767, 32767, 32767]]
    assert read_volume(shelf.stack(), shelf.locate).array[0].tolist() == expected


def test_wide_and_fractional_values_are_float(shelf: Shelf) -> None:
    samples = np.array([[0, 1, 65535]], np.uint16)
    _fill(shelf, [samples] * 3, modality="MR")
    stack = shelf.stack()
    assert stack.dtype == "float32"
    assert read_volume(stack, shelf.locate).array[0].tolist() == [[0, 1, 65535]]


def test_every_slice_has_its_own_slope(shelf: Shelf) -> None:
    samples = np.arange(35, dtype=np.int16).reshape(5, 7)
    for at, slope in enumerate([0.5, 1.25, 3.0]):
        item = image(at, (0, 0, at), pixels=samples, RescaleSlope=slope, Units="BQML")
        item.Modality = "PT"
        shelf.add(item)
    stack = shelf.stack()
    assert (stack.dtype, stack.unit, stack.role) == ("float32", "Bq/mL", "PET")
    volume = read_volume(stack, shelf.locate).array
    assert np.allclose(volume, [samples * s for s in (0.5, 1.25, 3.0)])


def test_whole_slope_in_int16(shelf: Shelf) -> None:
    samples = np.arange(35, dtype=np.uint8).reshape(5, 7)
    _fill(shelf, [samples] * 3, RescaleSlope=-2, RescaleIntercept=5, modality="MR")
    stack = shelf.stack()
    assert stack.dtype == "int16"
    assert np.array_equal(read_volume(stack, shelf.locate).array[0], 5 - 2 * samples.astype(int))


def test_colour_pages(shelf: Shelf) -> None:
    random = np.random.default_rng(2)
    arrays = [random.integers(0, 255, (5, 7, 3), dtype=np.uint8) for _ in range(2)]
    for at, array in enumerate(arrays):
        item = image(at, None, None, pixels=array)
        item.Modality = "US"
        shelf.add(item)
    stack = shelf.stack()
    assert (stack.samples, stack.photometric, stack.dtype) == (3, "RGB", "uint8")
    assert np.array_equal(read_volume(stack, shelf.locate).array, np.stack(arrays))


def test_planes_come_from_the_shown_one_outward(shelf: Shelf) -> None:
    _fill(shelf, [np.full((5, 7), i, np.int16) for i in range(9)])
    reader = VolumeReader(shelf.stack(), 0, shelf.locate)
    order = []
    for z in reader.fill(5):
        assert (reader.array[z] == z).all()
        order.append(z)
    assert order == [5, 6, 4, 7, 3, 8, 2, 1, 0]
    assert outward(-3, 3) == [0, 1, 2]
    assert outward(7, 3) == [2, 1, 0]


def test_stopping_half_way(shelf: Shelf) -> None:
    _fill(shelf, [np.full((5, 7), i, np.int16) for i in range(50)])
    cancel = Cancel()
    reader = VolumeReader(shelf.stack(), 0, shelf.locate)
    done = []
    with pytest.raises(Cancelled):
        for z in reader.fill(0, cancel):
            done.append(z)
            if len(done) == 4:
                cancel.cancel()
    assert done == [0, 1, 2, 3]


def test_a_broken_slice_is_named_and_the_rest_is_read(shelf: Shelf) -> None:
    _fill(shelf, [np.full((5, 7), i + 1, np.int16) for i in range(6)])
    stack = shelf.stack()
    path = shelf.locate(stack.frames[2].sha256)
    path.write_bytes(path.read_bytes()[:-30])
    reader = VolumeReader(stack, 0, shelf.locate)
    assert sorted(reader.fill(0)) == list(range(6))
    assert list(reader.broken) == [2]
    assert (reader.array[2] == -1024).all()
    assert (reader.array[3] == 4).all()
    with pytest.raises(BadInput, match="image data"):
        read_volume(stack, shelf.locate)


def test_undecodable_frame_says_why(shelf: Shelf) -> None:
    _fill(shelf, [np.zeros((5, 7), np.int16)] * 3)
    stack = shelf.stack()
    frames = tuple(replace(f, pixel_offset=-1, number=5) for f in stack.frames)
    with pytest.raises(BadInput, match="no image 6"):
        read_frame(replace(stack, frames=frames), 0, 0, shelf.locate)


def test_memory_is_the_voxels_and_little_more(shelf: Shelf) -> None:
    samples = np.zeros((512, 512), np.int16)
    _fill(shelf, [samples] * 24, RescaleIntercept=-1024)
    stack = shelf.stack()
    tracemalloc.start()
    try:
        volume = read_volume(stack, shelf.locate)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert volume.array.nbytes == 24 * 512 * 512 * 2
    assert peak < 1.1 * volume.array.nbytes + 1_000_000


def test_more_than_the_memory_is_refused(shelf: Shelf) -> None:
    _fill(shelf, [np.zeros((5, 7), np.int16)] * 3)
    stack = shelf.stack()
    huge = replace(stack, grid=replace(stack.grid, shape=(10**6, 10**4, 10**4)))
    with pytest.raises(BadInput, match="memory"):
        VolumeReader(huge, 0, shelf.locate)

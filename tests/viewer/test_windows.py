"""Windows and curves of the file: on keys 1 and 2, and grey as DCMTK draws it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_in.making import Shelf, image, save
from workstation.dicom.volumes import read_volume
from workstation.domain.volume import Volume
from workstation.render.grey import grey_of
from workstation.render.slice import outside_value
from workstation.viewing.tools import WindowDrag
from workstation.viewing.window_level import (
    Window,
    default_window,
    file_windows,
    to_grey,
    window_for_key,
)


def opened(path: Path) -> Volume:
    shelf = Shelf(path.parent)
    shelf.take(path)
    return read_volume(shelf.stack(), shelf.locate)


def ramp(**extra: Any) -> Dataset:
    """256 x 16 values from 0 to 4095 with a rescale to Hounsfield units."""
    pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    return image(
        0,
        (0, 0, 0),
        pixels=pixels,
        BitsStored=12,
        HighBit=11,
        RescaleIntercept=-1024,
        **extra,
    )


def drawn(path: Path, *options: str) -> NDArray[Any]:
    """Grey as DCMTK makes it."""
    out = path.with_suffix(".png")
    subprocess.run(["dcmj2pnm", "+on", *options, str(path), str(out)], check=True)
    return np.asarray(Image.open(out).convert("L")).astype(int)


def test_keys_one_and_two_are_the_files_windows(tmp_path: Path) -> None:
    item = ramp(
        WindowCenter=[40, -600],
        WindowWidth=[400, 1500],
        WindowCenterWidthExplanation=["MEDIASTINUM", "LUNG"],
    )
    volume = opened(save(item, tmp_path / "a.dcm"))
    assert window_for_key(1, volume) == (Window(40, 400), "MEDIASTINUM")
    assert window_for_key(2, volume) == (Window(-600, 1500), "LUNG")
    item.WindowCenterWidthExplanation = ""
    volume = opened(save(item, tmp_path / "b.dcm"))
    assert window_for_key(2, volume) == (Window(-600, 1500), "The file's second window")
    item.WindowCenter, item.WindowWidth = 40, 400
    assert window_for_key(2, opened(save(item, tmp_path / "c.dcm"))) is None


@pytest.mark.parametrize("number", [1, 2])
def test_windows_are_drawn_as_by_dcmtk(tmp_path: Path, number: int) -> None:
    if shutil.which("dcmj2pnm") is None:
        print("DCMTK is not installed: nothing to compare with")
        return
    path = save(ramp(WindowCenter=[40, -600], WindowWidth=[400, 1500]), tmp_path / "a.dcm")
    volume = opened(path)
    found = window_for_key(number, volume)
    assert found is not None
    ours = to_grey(volume.array[0], found[0]).astype(int)
    assert np.abs(ours - drawn(path, "+Wi", str(number))).max() <= 1


def test_a_voi_lut_is_drawn_as_by_dcmtk(tmp_path: Path) -> None:
    """An S-shaped table over part of the range; it opens with it and key 2 is the window."""
    entries = 1500
    values = 65535 / (1 + np.exp(-(np.arange(entries) - 700) / 120))
    lut = Dataset()
    lut.add_new(0x00283002, "SS", [entries, -500, 16])
    lut.add_new(0x00283006, "OW", values.astype("<u2").tobytes())
    item = ramp(WindowCenter=40, WindowWidth=400, VOILUTSequence=Sequence([lut]))
    path = save(item, tmp_path / "a.dcm")
    volume = opened(path)
    window = default_window(volume.stack)
    assert window.curve and (window.low, window.high) == (-500, 999)
    second = window_for_key(2, volume)
    assert second is not None and second[0] == Window(40, 400)
    ours = to_grey(volume.array[0], window).astype(int)
    as_real = to_grey(volume.array[0].astype(np.float32), window).astype(int)
    assert np.abs(ours - as_real).max() <= 1
    if shutil.which("dcmj2pnm") is None:
        print("DCMTK is not installed: nothing to compare with")
        return
    assert np.abs(ours - drawn(path, "+Wl", "1")).max() <= 2


def test_dragging_keeps_the_curve() -> None:
    window = Window(100, 200, (0.0, 0.1, 0.9, 1.0))
    moved = WindowDrag(window).at(400, 0, 1.0)
    assert moved.curve == window.curve and moved.width == 600
    assert to_grey(np.array([[100]], np.int16), moved)[0, 0] == 128
    assert to_grey(np.array([[100]], np.int16), moved, invert=True)[0, 0] in (127, 128)


def test_a_sigmoid_goes_before_its_straight_window(tmp_path: Path) -> None:
    item = ramp(WindowCenter=[100, 40], WindowWidth=[200, 400], VOILUTFunction="SIGMOID")
    stack = opened(save(item, tmp_path / "a.dcm")).stack
    shapes = [bool(window.curve) for window, _ in file_windows(stack)]
    assert shapes == [True, True]


def test_suv_opens_at_zero_to_five(tmp_path: Path) -> None:
    volume = opened(save(ramp(), tmp_path / "a.dcm"))
    pet = replace(volume.stack, modality="PT", unit="{SUVbw}g/mL", window=(9, 18))
    assert default_window(pet) == Window(2.5, 5)
    wide = window_for_key(6, replace(volume, stack=pet))
    assert wide is not None and wide == (Window(5, 10), "SUV 0–10")


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8, np.float32])
@pytest.mark.parametrize("invert", [False, True])
def test_grey_on_screen_is_the_same_bit_for_bit(dtype: type[Any], invert: bool) -> None:
    rng = np.random.default_rng(3)
    low = -32768 if dtype is np.int16 else 0
    values = rng.integers(low, 256 if dtype is np.uint8 else 32767, (63, 41)).astype(dtype)
    outside = outside_value(np.dtype(dtype))
    values[0, :5] = outside
    for window in (Window(40, 400), Window(12000, 30000), Window(100, 1), Window(9, 90, (0, 1, 0))):
        ours = grey_of(values, window, invert, outside)
        assert ours.dtype == np.uint8 and ours.flags.c_contiguous
        assert np.array_equal(ours, to_grey(values, window, invert, outside))

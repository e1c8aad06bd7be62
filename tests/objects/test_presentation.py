"""Presentation states applied as an independent program (DCMTK) applies them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from tests.objects.study import SHAPE, STATE_SLICE, Files, grid, voxels, write_study
from workstation.dicom.headers import read_header
from workstation.dicom.presentation_state import read_state
from workstation.dicom.stacks import build_stacks
from workstation.dicom.volumes import read_volume
from workstation.domain.volume import Volume
from workstation.viewing.presentation import Applied
from workstation.viewing.viewport import Viewport
from workstation.viewing.window_level import to_grey


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_study(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def volume(files: Files) -> Volume:
    headers = [read_header(path) for path in files.images]
    paths = {str(n).zfill(64): path for n, path in enumerate(files.images)}
    instances = [h.instance(key, 1) for h, key in zip(headers, paths, strict=True)]
    (stack,) = build_stacks(files.study_uid, headers[0].series, instances)
    return read_volume(stack, lambda sha256: paths[sha256])


def state_file(files: Files, folder: Path, rotation: int, flip: bool, inverse: bool) -> Path:
    ds = pydicom.dcmread(files.folder / "pr.dcm")
    ds.ImageRotation, ds.ImageHorizontalFlip = rotation, "Y" if flip else "N"
    ds.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    path = folder / "state.dcm"
    ds.save_as(path)
    return path


def by_dcmtk(files: Files, state: Path, folder: Path) -> NDArray[np.uint8] | None:
    """What DCMTK shows of the image; None, said aloud, where it is not installed."""
    tool = shutil.which("dcmp2pgm")
    if tool is None:
        print("dcmp2pgm (DCMTK) is not installed: the state is compared with arithmetic only")
        return None
    out = folder / "out.pgm"
    image = folder / "image.dcm"
    shutil.copy(files.images[STATE_SLICE], image)
    subprocess.run([tool, "-p", str(state), str(image), str(out)], check=True, timeout=60)
    head, size, pixels = out.read_bytes().split(b"\n", 2)
    assert head == b"P5"
    columns, rows, _ = (int(n) for n in size.split())
    return np.frombuffer(pixels, np.uint8)[: rows * columns].reshape(rows, columns)


def by_arithmetic(rotation: int, flip: bool, inverse: bool) -> NDArray[np.uint8]:
    picture = np.rot90(voxels()[STATE_SLICE].astype(float), -(rotation // 90))
    if flip:
        picture = picture[:, ::-1]
    grey = np.clip((picture - 499.5) / 1999 + 0.5, 0, 1) * 255
    return np.asarray(np.rint(255 - grey if inverse else grey), dtype=np.uint8)


def shown(viewport: Viewport, rows: int, columns: int) -> NDArray[np.uint8]:
    """Grey levels of the view at the middle of each stored pixel, along the view's own axes."""
    assert viewport.volume is not None and viewport.grid is not None
    right, down = np.array(viewport.axes.right), np.array(viewport.axes.down)
    steps = viewport.grid.matrix[:3, :2]
    across = right * np.abs(right @ steps).max()
    along = down * np.abs(down @ steps).max()
    middle = grid().to_lps(((SHAPE[2] - 1) / 2, (SHAPE[1] - 1) / 2, STATE_SLICE))
    c, r = np.meshgrid(np.arange(columns) - (columns - 1) / 2, np.arange(rows) - (rows - 1) / 2)
    places = middle + c[..., None] * across + r[..., None] * along
    x, y, z = np.moveaxis(np.rint(viewport.grid.to_index(places)).astype(int), -1, 0)
    values = viewport.volume.array[z, y, x]
    return np.asarray(to_grey(values, viewport.window, viewport.invert, -1e9))


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turn_flip_window_and_inversion(
    files: Files, volume: Volume, tmp_path: Path, rotation: int, flip: bool, inverse: bool
) -> None:
    path = state_file(files, tmp_path, rotation, flip, inverse)
    viewport = Viewport()
    viewport.show(volume)
    viewport.go_to_slice(STATE_SLICE)
    before = (viewport.window, viewport.axes, viewport.invert, viewport.zoom, viewport.pan_mm)
    applied = Applied(viewport)
    applied.update([read_state(path)], 600, 500)
    expected = by_arithmetic(rotation, flip, inverse)
    ours = shown(viewport, *expected.shape)
    assert np.abs(ours.astype(int) - expected).max() <= 1
    theirs = by_dcmtk(files, path, tmp_path)
    if theirs is not None:
        assert theirs.shape == expected.shape
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    # Slices still come in their order, each once.
    seen = []
    for number in range(SHAPE[0]):
        viewport.go_to_slice(number)
        seen.append(viewport.stored_z)
    assert sorted(seen) == list(range(SHAPE[0]))
    viewport.go_to_slice(seen.index(STATE_SLICE))
    applied.update([], 600, 500)
    now = (viewport.window, viewport.axes, viewport.invert, viewport.zoom, viewport.pan_mm)
    assert now == before


def test_the_last_state_wins_and_parts_without_images_mean_all(
    files: Files, volume: Volume, tmp_path: Path
) -> None:
    first = read_state(state_file(files, tmp_path, 90, False, False))
    second = read_state(state_file(files, tmp_path, 0, False, False))
    viewport = Viewport()
    viewport.show(volume)
    viewport.go_to_slice(STATE_SLICE)
    applied = Applied(viewport)
    applied.update([first, second], 600, 500)
    assert applied.state is second
    assert np.allclose(viewport.axes.right, grid().directions[:, 0], atol=1e-6)
    viewport.go_to_slice(3)
    applied.update([first, second], 600, 500)
    assert applied.state is None


@pytest.mark.parametrize("kind", ["table", "sigmoid"])
def test_curves_of_grey(files: Files, volume: Volume, tmp_path: Path, kind: str) -> None:
    """A lookup table or sigmoid in place of a window, as DCMTK draws it."""
    ds = pydicom.dcmread(state_file(files, tmp_path, 0, False, False))
    voi = ds.SoftcopyVOILUTSequence[0]
    hu = voxels()[STATE_SLICE].astype(float)
    if kind == "table":
        del voi.WindowCenter, voi.WindowWidth
        # The descriptor's first value is unsigned where no value is negative: HU above zero.
        table = pydicom.Dataset()
        entries = (np.linspace(0, 1, 1024) ** 2 * 4095).astype(np.uint16)
        table.LUTDescriptor = [1024, 0, 12]
        table["LUTDescriptor"].VR = "US"
        table.LUTData = entries.tobytes()
        table["LUTData"].VR = "OW"
        voi.VOILUTSequence = [table]
        expected = entries[np.clip(hu, 0, 1023).astype(int)] / 4095 * 255
    else:
        voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction = "60", "300", "SIGMOID"
        expected = 255 / (1 + np.exp(-4 * (hu - 60) / 300))
    path = tmp_path / "curve.dcm"
    ds.save_as(path)
    viewport = Viewport()
    viewport.show(volume)
    viewport.go_to_slice(STATE_SLICE)
    Applied(viewport).update([read_state(path)], 600, 500)
    ours = shown(viewport, *hu.shape)
    assert np.abs(ours - expected).max() <= 1.5
    theirs = by_dcmtk(files, path, tmp_path) if kind == "table" else None
    if theirs is not None:
        assert np.abs(ours.astype(int) - theirs).max() <= 2


def table_of(entries: NDArray[np.uint16], first: int, bits: int, vr: str = "US") -> pydicom.Dataset:
    table = pydicom.Dataset()
    table.LUTDescriptor = [len(entries), first, bits]
    table["LUTDescriptor"].VR = vr
    table.LUTData = entries.tobytes()
    table["LUTData"].VR = "OW"
    return table


def seen(volume: Volume, path: Path) -> tuple[NDArray[np.uint8], Applied]:
    """Grey of the image under a state, and what applied it."""
    viewport = Viewport()
    viewport.show(volume)
    viewport.go_to_slice(STATE_SLICE)
    applied = Applied(viewport)
    applied.update([read_state(path)], 600, 500)
    return shown(viewport, *SHAPE[1:]), applied


def compare(ours: NDArray[np.uint8], expected: NDArray[Any], theirs: NDArray[Any] | None) -> None:
    assert np.abs(ours.astype(int) - expected).max() <= 1.5
    if theirs is not None:
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 2


@pytest.mark.parametrize("with_window", [True, False])
def test_a_table_of_values_takes_the_place_of_the_rescale(
    files: Files, volume: Volume, tmp_path: Path, with_window: bool
) -> None:
    """Modality LUT of the state (PS3.3 C.11.1), from stored samples, then its window."""
    ds = pydicom.dcmread(state_file(files, tmp_path, 0, False, False))
    entries = (2000 * np.sqrt(np.linspace(0, 1, 1500))).astype(np.uint16)
    table = table_of(entries, -1024, 16, "SS")
    table.ModalityLUTType = "US"
    ds.ModalityLUTSequence = [table]
    del ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType
    if with_window:
        ds.SoftcopyVOILUTSequence[0].WindowCenter = "1000"
        ds.SoftcopyVOILUTSequence[0].WindowWidth = "1400"
    else:
        del ds.SoftcopyVOILUTSequence
    path = tmp_path / "table.dcm"
    ds.save_as(path)
    stored = voxels()[STATE_SLICE].astype(int)
    values = entries[np.clip(stored + 1024, 0, 1499)].astype(float)
    grey = values / 2000 if not with_window else (values - 999.5) / 1399 + 0.5
    ours, _ = seen(volume, path)
    expected = np.rint(np.clip(grey, 0, 1) * 255)
    compare(ours, expected, by_dcmtk(files, path, tmp_path) if with_window else None)
    assert ours.std() > 20
    said = [str(note) for note in read_state(path).notes]
    assert any("under the pointer" in one for one in said)


def test_another_rescale_moves_the_window(files: Files, volume: Volume, tmp_path: Path) -> None:
    ds = pydicom.dcmread(state_file(files, tmp_path, 0, False, False))
    ds.RescaleSlope, ds.RescaleIntercept = 2, 500
    ds.SoftcopyVOILUTSequence[0].WindowCenter = "600"
    ds.SoftcopyVOILUTSequence[0].WindowWidth = "800"
    path = tmp_path / "rescale.dcm"
    ds.save_as(path)
    values = voxels()[STATE_SLICE].astype(float) * 2 + 500
    expected = np.rint(np.clip((values - 599.5) / 799 + 0.5, 0, 1) * 255)
    compare(seen(volume, path)[0], expected, by_dcmtk(files, path, tmp_path))


@pytest.mark.parametrize("kind", ["window", "table"])
def test_presentation_lut(files: Files, volume: Volume, tmp_path: Path, kind: str) -> None:
    """The grey of the window goes through the state's last table (PS3.3 C.11.6)."""
    ds = pydicom.dcmread(state_file(files, tmp_path, 0, False, False))
    del ds.PresentationLUTShape
    curve = (65535 * np.linspace(0, 1, 256) ** 3).astype(np.uint16)
    ds.PresentationLUTSequence = [table_of(curve, 0, 16)]
    voi = ds.SoftcopyVOILUTSequence[0]
    hu = voxels()[STATE_SLICE].astype(float)
    if kind == "window":
        voi.WindowCenter, voi.WindowWidth = "40", "400"
        grey = np.clip((hu - 39.5) / 399 + 0.5, 0, 1)
    else:
        del voi.WindowCenter, voi.WindowWidth
        entries = np.linspace(4095, 0, 512).astype(np.uint16)
        voi.VOILUTSequence = [table_of(entries, 0, 12)]
        grey = entries[np.clip(hu, 0, 511).astype(int)] / 4095
    path = tmp_path / "lut.dcm"
    ds.save_as(path)
    expected = 255 * grey**3
    ours, _ = seen(volume, path)
    assert np.abs(ours - expected).max() <= 3  # 256 entries, 255 grey levels
    theirs = by_dcmtk(files, path, tmp_path)
    if theirs is not None:
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 3
    assert read_state(path).notes == ()


def test_true_size(files: Files, volume: Volume, tmp_path: Path) -> None:
    """An image pixel stated as 0.7 mm high is so on a screen of 0.25 mm pixels (C.10.4)."""
    ds = pydicom.dcmread(state_file(files, tmp_path, 0, False, False))
    area = ds.DisplayedAreaSelectionSequence[0]
    area.PresentationSizeMode = "TRUE SIZE"
    area.PresentationPixelSpacing = [0.7, 0.75]
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [SHAPE[2], SHAPE[1]]
    path = tmp_path / "size.dcm"
    ds.save_as(path)
    viewport = Viewport()
    viewport.show(volume)
    viewport.go_to_slice(STATE_SLICE)
    applied = Applied(viewport)
    applied.screen_mm = 0.25
    applied.update([read_state(path)], 600, 500)
    pixel_px = volume.stack.grid.spacing_mm[1] / viewport.raster(600, 500).mm_per_pixel
    assert pixel_px * 0.25 == pytest.approx(0.7)
    assert any("true size" in str(note) for note in read_state(path).notes)


def test_a_bit_of_one_hides_its_pixel(files: Files, tmp_path: Path) -> None:
    """PS3.3 C.7.6.15: a value of 1 in Overlay Data is a pixel to which the shutter is applied, that
    is, replaced with Shutter Presentation Value."""
    ds = pydicom.dcmread(state_file(files, tmp_path, 0, False, False))
    bits = np.zeros(SHAPE[1:], dtype=bool)
    bits[30:90, 20:50] = True
    packed = np.packbits(bits.reshape(-1), bitorder="little")
    ds.ShutterShape, ds.ShutterOverlayGroup, ds.ShutterPresentationValue = "BITMAP", 0x6002, 0x8080
    for element, vr, value in (
        (0x0010, "US", SHAPE[1]), (0x0011, "US", SHAPE[2]), (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]), (0x0100, "US", 1), (0x0102, "US", 0),
        (0x3000, "OW", packed.tobytes()),
    ):  # fmt: skip
        ds.add_new((0x6002, element), vr, value)
    path = tmp_path / "shutter.dcm"
    ds.save_as(path)
    state = read_state(path)
    assert state.cover is not None
    assert (state.cover.on_image(*SHAPE[1:]) == bits).all()
    assert state.shutter_grey == 0x80
    # pydicom's own reading of the bitmap; dcmp2pgm names a bitmap shutter and does not draw it.
    assert (pydicom.dcmread(path).overlay_array(0x6002) == state.cover.bits).all()

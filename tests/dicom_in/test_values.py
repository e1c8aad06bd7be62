"""What changes values, greys and colours between the stored sample and the reader."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_in.making import Shelf, image, pixels_of
from workstation.dicom.pixels import decode_frame
from workstation.dicom.volumes import read_volume
from workstation.domain.volume import Flag, Stack


def opened(tmp_path: Path, item: Dataset) -> tuple[Stack, NDArray[Any]]:
    shelf = Shelf(tmp_path)
    shelf.add(item)
    stack = shelf.stack()
    return stack, read_volume(stack, shelf.locate).array


def table(first: int, values: NDArray[Any], **extra: Any) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [len(values), first, 16])
    item.add_new(0x00283006, "OW", values.astype("<u2").tobytes())
    for keyword, value in extra.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize(
    ("modality", "kind", "unit"), [("CT", "HU", "[hnsf'U]"), ("CR", "OD", "1")]
)
def test_modality_lut(tmp_path: Path, modality: str, kind: str, unit: str) -> None:
    """Stored 0..34 through a table that starts at 5 and ends at 24; beyond it the ends count."""
    values = np.arange(20) ** 2 * 7 + 3
    item = image(0, (0, 0, 0), RescaleSlope=None, RescaleIntercept=None)
    item.Modality = modality
    item.ModalityLUTSequence = Sequence([table(5, values, ModalityLUTType=kind)])
    stack, array = opened(tmp_path, item)
    assert np.array_equal(array[0], values[np.clip(pixels_of(0) - 5, 0, 19)])
    assert (stack.unit, stack.dtype) == (unit, "int16")


def test_modality_lut_of_signed_samples_and_high_values(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64).astype(int)
    item = image(0, (0, 0, 0), pixels=pixels_of(0) - 20, RescaleSlope=None, RescaleIntercept=None)
    item.ModalityLUTSequence = Sequence([table(-20, values)])
    stack, array = opened(tmp_path, item)
    assert np.array_equal(array[0], values[pixels_of(0)])
    assert stack.dtype == "float32"
    assert Flag.UNIT_UNCERTAIN in stack.flags


def test_several_windows_keep_their_explanations(tmp_path: Path) -> None:
    item = image(
        0,
        (0, 0, 0),
        WindowCenter=[40, -600, 300],
        WindowWidth=[400, 1500, 2000],
        WindowCenterWidthExplanation=["MEDIASTINUM", "肺窗"],
        SpecificCharacterSet="GB18030",
    )
    stack, _ = opened(tmp_path, item)
    assert stack.windows == ((40, 400, "MEDIASTINUM"), (-600, 1500, "肺窗"), (300, 2000, ""))
    assert stack.window == (40, 400)


def test_voi_lut_is_kept_as_a_curve(tmp_path: Path) -> None:
    item = image(0, (0, 0, 0))
    values = np.linspace(0, 255, 101).astype(int)
    lut = table(0, values, LUTExplanation="BONE")
    lut.add_new(0x00283002, "US", [101, 0, 8])
    item.VOILUTSequence = Sequence([lut])
    stack, _ = opened(tmp_path, item)
    (curve,) = stack.curves
    assert (curve.first, curve.last, curve.explanation) == (0, 100, "BONE")
    assert curve.grey[0] == 0 and curve.grey[-1] == 1
    assert np.allclose(curve.grey, np.linspace(0, 1, 256), atol=0.005)


def test_a_sigmoid_window_is_a_curve(tmp_path: Path) -> None:
    item = image(0, (0, 0, 0), WindowCenter=100, WindowWidth=40, VOILUTFunction="SIGMOID")
    stack, _ = opened(tmp_path, item)
    (curve,) = stack.curves
    for value, grey in ((100, 0.5), (120, 1 / (1 + np.exp(-2))), (80, 1 / (1 + np.exp(2)))):
        at = (value - curve.first) / (curve.last - curve.first) * 255
        assert np.interp(at, np.arange(256), curve.grey) == pytest.approx(grey, abs=2e-3)


RGB = (np.arange(35 * 3) * 7 % 256).astype(np.uint8).reshape(5, 7, 3)


def test_planes_of_colours(tmp_path: Path) -> None:
    item = image(0, None, None, pixels=RGB, PlanarConfiguration=1)
    data = RGB.transpose(2, 0, 1).tobytes()
    item.PixelData = data + b"\0" * (len(data) % 2)
    stack, array = opened(tmp_path, item)
    assert (stack.samples, stack.photometric, stack.dtype) == (3, "RGB", "uint8")
    assert np.array_equal(array[0], RGB)


def _ybr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """PS3.3 C.7.6.3.1.2, YBR_FULL."""
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    found = rgb.astype(float) @ matrix.T + [0, 128, 128]
    return np.asarray(np.clip(np.rint(found), 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("planar", [0, 1])
def test_ybr_full_uncompressed(tmp_path: Path, planar: int) -> None:
    ybr = _ybr(RGB)
    item = image(0, None, None, pixels=ybr, PlanarConfiguration=planar)
    item.PhotometricInterpretation = "YBR_FULL"
    data = (ybr if planar == 0 else ybr.transpose(2, 0, 1)).tobytes()
    item.PixelData = data + b"\0" * (len(data) % 2)
    _, array = opened(tmp_path, item)
    assert np.abs(array[0].astype(int) - RGB.astype(int)).max() <= 2


def test_ybr_full_422_uncompressed(tmp_path: Path) -> None:
    """Two pixels share their colour: Y1 Y2 Cb Cr."""
    rgb = np.repeat(RGB[:4, :4], 2, axis=1)
    ybr = _ybr(rgb)
    packed = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    item = image(0, None, None, pixels=rgb)
    item.PhotometricInterpretation = "YBR_FULL_422"
    item.PixelData = packed.tobytes()
    _, array = opened(tmp_path, item)
    assert np.abs(array[0].astype(int) - rgb.astype(int)).max() <= 2


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_colour(tmp_path: Path, bits: int) -> None:
    index = np.asarray(np.arange(35).reshape(5, 7), dtype=np.uint8)
    item = image(0, None, None, pixels=index, RescaleSlope=None, RescaleIntercept=None)
    item.PhotometricInterpretation = "PALETTE COLOR"
    colours = (np.arange(64 * 3).reshape(64, 3) * 5) % 256
    for at, name in enumerate(("Red", "Green", "Blue")):
        values = colours[:, at] * (257 if bits == 16 else 1)
        data = values.astype("<u2" if bits == 16 else "u1").tobytes()
        setattr(item, f"{name}PaletteColorLookupTableDescriptor", [64, 0, bits])
        setattr(item, f"{name}PaletteColorLookupTableData", data)
    stack, array = opened(tmp_path, item)
    assert stack.samples == 3
    assert np.array_equal(array[0], colours[index])


def test_monochrome1_keeps_its_values(tmp_path: Path) -> None:
    """Values stay; only the grey is turned, by ``Stack.photometric``."""
    item = image(0, None, None)
    item.PhotometricInterpretation = "MONOCHROME1"
    stack, array = opened(tmp_path, item)
    assert stack.photometric == "MONOCHROME1"
    assert np.array_equal(array[0], pixels_of(0))


def test_side_and_view_are_kept(tmp_path: Path) -> None:
    item = image(0, None, None, ImageLaterality="R", ViewPosition="CC", BodyPartExamined="BREAST")
    item.Modality = "MG"
    stack, _ = opened(tmp_path, item)
    assert (stack.laterality, stack.view_position, stack.body_part) == ("R", "CC", "BREAST")


def test_colours_equal_dcmtks(shared_data: Path | None, tmp_path: Path) -> None:
    """Every colour file of the corner cases as DCMTK draws it."""
    if shared_data is None or shutil.which("dcmj2pnm") is None:
        print("no colour files or no DCMTK: nothing to compare with")
        return
    folder = shared_data / "dicom_corner_cases" / "pydicom_test_files"
    compared = 0
    for path in sorted(folder.glob("*.dcm")):
        if not path.name.startswith(("SC_", "examples_", "ExplVR_BigEnd.dcm")):
            continue
        out = tmp_path / "out.png"
        out.unlink(missing_ok=True)
        tool = "dcml2pnm" if "jls" in path.name else "dcmj2pnm"
        subprocess.run(
            [tool, "+on", "+F", "1", str(path), str(out)], capture_output=True, check=False
        )
        if not out.exists():
            continue
        theirs = np.asarray(Image.open(out).convert("RGB")).astype(int)
        ours = decode_frame(path)
        if ours.ndim == 2:
            continue
        ours = (ours >> (8 * ours.dtype.itemsize - 8)).astype(int)
        assert np.abs(ours - theirs).max() <= 1, path.name
        compared += 1
    print(f"{compared} colour files look as DCMTK draws them")
    assert compared >= 25

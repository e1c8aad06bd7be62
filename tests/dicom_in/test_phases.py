"""What really differs within a series: labels, axes, mosaics, one slice over time."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.dicom_in.making import AXIAL, OBLIQUE, Shelf, image, pixels_of
from workstation.dicom.mosaics import csa_values
from workstation.dicom.volumes import read_volume
from workstation.domain.volume import Flag


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def series(shelf: Shelf, places: int, values: list[dict[str, Any]], modality: str = "MR") -> None:
    """At each place one image for each of ``values``."""
    for at in range(places * len(values)):
        place, phase = divmod(at, len(values))
        extra = dict(values[phase])
        private = extra.pop("private", None)
        item = image(at, (0, 0, 4.0 * place), modality=modality, **extra)
        if private:
            group, creator, element, vr, value = private
            item.private_block(group, creator, create=True).add_new(element, vr, value)
        shelf.add(item)


def check_phases(shelf: Shelf, places: int) -> None:
    stack = shelf.stack()
    for phase in range(stack.phases):
        volume = read_volume(stack, shelf.locate, phase).array
        for place in range(places):
            assert np.array_equal(volume[place], pixels_of(place * stack.phases + phase))


def test_many_echoes_are_an_axis(shelf: Shelf) -> None:
    series(shelf, 3, [{"EchoTime": 2.3 * (i + 1)} for i in range(8)])
    stack = shelf.stack()
    assert (stack.phase_axis, stack.phases) == ("echo time", 8)
    assert stack.phase_labels[:2] == ("TE 2.3 ms", "TE 4.6 ms")
    check_phases(shelf, 3)


def test_two_b_values_are_two_stacks(shelf: Shelf) -> None:
    series(shelf, 4, [{"DiffusionBValue": b} for b in (0.0, 1000.0)])
    stacks = shelf.stacks()
    assert [s.description for s in stacks] == ["b 0", "b 1000"]


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr"),
    [
        (0x0019, "SIEMENS MR HEADER", 0x0C, "IS"),
        (0x0043, "GEMS_PARM_01", 0x39, "IS"),
        (0x2001, "Philips Imaging DD 001", 0x03, "FL"),
    ],
)
def test_b_values_of_vendors(shelf: Shelf, group: int, creator: str, element: int, vr: str) -> None:
    """Six b-values are one axis, wherever the vendor writes them."""
    b_values = [0, 50, 100, 200, 400, 800]
    value: Any = (lambda b: [1000000000 + b, 8, 0, 0]) if group == 0x0043 else (lambda b: b)
    values = [{"private": (group, creator, element, vr, value(b))} for b in b_values]
    series(shelf, 3, values)
    stack = shelf.stack()
    assert stack.phase_axis == "b-value"
    assert stack.phase_labels == tuple(f"b {b}" for b in b_values)
    check_phases(shelf, 3)


def test_diffusion_directions_of_one_b_value(shelf: Shelf) -> None:
    series(
        shelf, 3, [{"DiffusionBValue": 1000.0, "AcquisitionTime": f"1000{i:02}"} for i in range(6)]
    )
    stack = shelf.stack()
    assert (stack.phase_axis, stack.phase_labels[1]) == ("diffusion direction", "b 1000 · 2/6")


def test_inversion_times_and_flip_angles(shelf: Shelf) -> None:
    series(shelf, 1, [{"InversionTime": t} for t in (50, 400, 1100, 2500, 3000)])
    stack = shelf.stack()
    assert stack.phase_axis == "inversion time"
    assert stack.phase_labels[3] == "TI 2500 ms"


def test_a_beat_and_a_bolus_are_told_apart(tmp_path: Path) -> None:
    """Trigger Time in both: 25 phases of a beat, and 25 volumes 6 seconds apart."""
    beat, bolus = Shelf(tmp_path / "beat"), Shelf(tmp_path / "bolus")
    series(beat, 2, [{"TriggerTime": 32.0 * i} for i in range(25)])
    series(bolus, 2, [{"TriggerTime": 6000.0 * i} for i in range(25)])
    assert beat.stack().phase_axis == "cardiac phase"
    assert beat.stack().phase_labels[2] == "3/25 · 64 ms"
    assert bolus.stack().phase_axis == "time"
    assert bolus.stack().phase_labels[2] == "12.0 s"


def test_gated_ct_by_percentage(shelf: Shelf) -> None:
    series(shelf, 4, [{"NominalPercentageOfCardiacPhase": 10.0 * i} for i in range(10)], "CT")
    stack = shelf.stack()
    assert (stack.phase_axis, stack.phase_labels[7]) == ("cardiac phase", "8/10 · 70 %")


def test_perfusion_by_temporal_position_tells_times(shelf: Shelf) -> None:
    """Ordered by number, timed by acquisition."""
    values = [
        {
            "TemporalPositionIdentifier": i + 1,
            "AcquisitionTime": f"10{i // 40:02}{i % 40 * 1.5:04.1f}",
        }
        for i in range(12)
    ]
    series(shelf, 3, values)
    stack = shelf.stack()
    assert stack.phase_axis == "time"
    assert stack.phase_labels[:3] == ("0.0 s", "1.5 s", "3.0 s")
    assert stack.frames[3 * 5].time_s == 7.5


def test_one_slice_whose_first_image_has_no_trigger_time(shelf: Shelf) -> None:
    """As in the QIBA DCE reference object, where counting starts with the first image."""
    series(shelf, 1, [{"TriggerTime": 500.0 * i} if i else {} for i in range(12)])
    stack = shelf.stack()
    assert (stack.phases, stack.phase_axis, stack.placed) == (12, "time", True)
    assert [f.time_s for f in stack.frames] == [0.5 * i for i in range(12)]
    check_phases(shelf, 1)


def test_the_qiba_reference_object(shared_data: Path | None) -> None:
    """1,321 images of one place in the order of time, half a second apart."""
    if shared_data is None:
        return
    shelf = Shelf(shared_data)
    for path in sorted((shared_data / "dce_dsc_reference/qiba_dce_v6/DICOM").glob("*.dcm")):
        shelf.take(path)
    stack = shelf.stack()
    assert (stack.phases, stack.grid.shape) == (1321, (1, 80, 50))
    assert stack.phase_axis == "time"
    assert stack.phase_labels[-1] == "660.0 s"
    assert [f.time_s for f in stack.frames] == [0.5 * i for i in range(1321)]
    names = [shelf.locate(f.sha256).name for f in stack.frames]
    assert names == sorted(names)


def csa(tags: dict[str, list[str]], newer: bool) -> bytes:
    """A CSA header as the scanner lays it out."""
    data = (b"SV10\4\3\2\1" if newer else b"") + struct.pack("<2I", len(tags), 77)
    for number, (name, values) in enumerate(tags.items()):
        items = 6
        data += struct.pack("<64si4s3i", name.encode(), len(values), b"FD", 3, items, 77)
        first = items
        assert number >= 0
        for at in range(items):
            text = values[at].encode() + b"\0" if at < len(values) else b""
            length = len(text)
            data += struct.pack("<4i", length if newer else length + first, length, 77, length)
            data += text + b"\0" * (-length % 4)
    return data


@pytest.mark.parametrize("newer", [True, False])
def test_csa_headers(newer: bool) -> None:
    tags = {"NumberOfImagesInMosaic": ["20"], "SliceNormalVector": ["0.0", "-0.5", "0.866"]}
    assert csa_values(csa(tags, newer)) == tags
    cut = csa(tags, newer)[:150]
    assert set(csa_values(cut)) <= set(tags)
    assert csa_values(b"") == {}


def mosaic(at: int, tiles: int, axes: tuple[float, ...], reverse: bool) -> tuple[Dataset, Any]:
    """A mosaic of ``tiles`` slices 3.3 mm apart, and where the corner of each one lies."""
    rows, columns = 6, 8
    across = math.ceil(math.sqrt(tiles))
    big = np.zeros((rows * across, columns * across), np.int16)
    for i in range(tiles):
        top, left = i // across * rows, i % across * columns
        big[top : top + rows, left : left + columns] = pixels_of(i + 50 * at, rows, columns)
    right, down = np.array(axes[:3]), np.array(axes[3:])
    normal = np.cross(right, down) * (-1 if reverse else 1)
    corner = np.array([-40.0, 20.0, 10.0])
    # The scanner states the corner that one slice as large as the mosaic would have.
    stated = corner - right * 0.75 * (big.shape[1] - columns) / 2
    stated -= down * 0.5 * (big.shape[0] - rows) / 2
    item = image(
        at,
        stated.tolist(),
        axes,
        modality="MR",
        pixels=big,
        Manufacturer="SIEMENS",
        ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
        SpacingBetweenSlices=3.3,
        AcquisitionTime=f"1000{2 * at:02}",
    )
    tags = {
        "NumberOfImagesInMosaic": [str(tiles)],
        "SliceNormalVector": [f"{v:.8f}" for v in normal],
    }
    block = item.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", csa(tags, True))
    return item, [corner + normal * 3.3 * i for i in range(tiles)]


@pytest.mark.parametrize("axes", [AXIAL, OBLIQUE])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("tiles", [7, 16])
def test_mosaics(shelf: Shelf, axes: tuple[float, ...], reverse: bool, tiles: int) -> None:
    """Every tile comes out where it was, whichever way the slices are stacked; times are phases."""
    for at in range(3):
        item, corners = mosaic(at, tiles, axes, reverse)
        shelf.add(item)
    stack = shelf.stack()
    assert stack.flags == (Flag.MULTI_PHASE,)
    assert (stack.phases, stack.grid.shape) == (3, (tiles, 6, 8))
    assert stack.phase_labels == ("0.0 s", "2.0 s", "4.0 s")
    for phase in range(3):
        array = read_volume(stack, shelf.locate, phase).array
        for i, corner in enumerate(corners):
            index = stack.grid.to_index(corner)
            z = round(float(index[2]))
            assert np.abs(index - [0, 0, z]).max() < 1e-3
            assert np.array_equal(array[z], pixels_of(i + 50 * phase, 6, 8))

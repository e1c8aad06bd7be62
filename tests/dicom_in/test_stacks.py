"""Stacks from positions: orders, gaps, tilt, repeats and what differs within a series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dicom_in.making import (
    AXIAL,
    CORONAL,
    FLIPPED,
    OBLIQUE,
    SAGITTAL,
    Shelf,
    image,
    line_of_slices,
    pixels_of,
)
from workstation.dicom.volumes import read_volume, why_no_stack
from workstation.domain.volume import Flag, Stack


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def check_places(shelf: Shelf, stack: Stack) -> None:
    """Every slice's index maps to its ImagePositionPatient, and its corner to its pixels' place."""
    facts: dict[str, Any] = {i.sop_instance_uid: i.attributes for i in shelf.instances}
    places = stack.grid.shape[0]
    for at, frame in enumerate(stack.frames):
        if not frame.sha256:
            continue
        header = facts[frame.sop_instance_uid]
        position = np.array(header["ImagePositionPatient"])
        if Flag.UNEVEN_SPACING in stack.flags:
            assert np.allclose(stack.grid.to_index(position)[:2], 0.0, atol=1e-6)
            plane = stack.grid.to_lps((0, 0, at % places))
            others = [np.linalg.norm(plane - f["ImagePositionPatient"]) for f in facts.values()]
            assert np.linalg.norm(plane - position) == pytest.approx(min(others), abs=1e-6)
        else:
            assert np.allclose(stack.grid.to_lps((0, 0, at % places)), position, atol=1e-3)
        rows, columns = np.array(header["ImageOrientationPatient"]).reshape(2, 3)
        dy, dx = header["PixelSpacing"]
        corner = stack.grid.to_lps((6, 4, 0)) - stack.grid.to_lps((0, 0, 0))
        assert np.allclose(corner, rows * dx * 6 + columns * dy * 4, atol=1e-6)


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, CORONAL, OBLIQUE, FLIPPED])
@pytest.mark.parametrize("order", [lambda i: i, lambda i: 5 - i, lambda i: (i * 5) % 6])
def test_any_orientation_and_any_order(
    shelf: Shelf, orientation: Sequence[float], order: Any
) -> None:
    line_of_slices(shelf, [2.5 * i for i in range(6)], orientation, order=order)
    stack = shelf.stack()
    assert stack.flags == ()
    assert stack.grid.shape == (6, 5, 7)
    assert stack.grid.spacing_mm == pytest.approx((0.75, 0.5, 2.5))
    check_places(shelf, stack)
    assert np.linalg.det(stack.grid.matrix[:3, :3]) > 0
    volume = read_volume(stack, shelf.locate).array
    for z in range(6):
        assert np.array_equal(volume[z], pixels_of(z))


def test_missing_slices_stay_empty(shelf: Shelf) -> None:
    line_of_slices(shelf, [0, 3, 6, 12, 15, 18, 21, 30, 33, 36, 39])
    stack = shelf.stack()
    assert stack.flags == (Flag.MISSING_SLICES,)
    assert stack.notes[0].params == {"count": 3}
    assert [bool(f.sha256) for f in stack.frames] == [z not in (3, 8, 9) for z in range(14)]
    check_places(shelf, stack)
    volume = read_volume(stack, shelf.locate).array
    assert (volume[[3, 8, 9]] == -1024).all()
    assert np.array_equal(volume[10], pixels_of(7))


def test_duplicates_are_dropped_and_said(shelf: Shelf) -> None:
    line_of_slices(shelf, [0, 2, 4, 6, 8, 10, 12, 14])
    again = image(20, (-30.0, 12.5, 7.25 + 4.0), pixels=pixels_of(99))
    shelf.add(again)
    stack = shelf.stack()
    assert stack.flags == (Flag.DUPLICATE_SLICES,)
    assert stack.grid.shape[0] == 8
    assert np.array_equal(read_volume(stack, shelf.locate).array[2], pixels_of(2))


def test_uneven_slices_are_interpolated(shelf: Shelf) -> None:
    places = [0.0, 4.0, 8.0, 12.0, 13.0, 20.0, 27.0, 34.0]
    for at, place in enumerate(places):
        flat = np.full((5, 7), round(10 * place), np.int16)
        shelf.add(image(at, (0, 0, place), pixels=flat))
    stack = shelf.stack()
    assert Flag.UNEVEN_SPACING in stack.flags
    assert {f.sop_instance_uid for f in stack.frames} == {
        i.sop_instance_uid for i in shelf.instances
    }
    check_places(shelf, stack)
    volume = read_volume(stack, shelf.locate).array
    for z in range(stack.grid.shape[0]):
        place = float(stack.grid.to_lps((0, 0, z))[2])
        assert volume[z] == pytest.approx(10 * place, abs=0.51)  # values are 10 a mm, then rounded
    assert stack.grid.to_lps((0, 0, stack.grid.shape[0] - 1))[2] == pytest.approx(34.0)


def test_thick_slices_after_thin_ones_are_not_missing_slices(shelf: Shelf) -> None:
    for at, place in enumerate([0, 5, 10, 15, 20, 25, 30, 35, 45, 55]):
        shelf.add(image(at, (0, 0, place), SliceThickness=5 if place < 40 else 10))
    assert Flag.UNEVEN_SPACING in shelf.stack().flags
    assert Flag.MISSING_SLICES not in shelf.stack().flags


@pytest.mark.parametrize("angle", [18.5, -12.0])
def test_tilted_gantry_is_a_sheared_grid(shelf: Shelf, angle: float) -> None:
    turn = np.radians(angle)
    rows = (1.0, 0.0, 0.0, 0.0, float(np.cos(turn)), float(np.sin(turn)))
    line_of_slices(shelf, [4.0 * i for i in range(10)], rows, direction=(0, 0, 1))
    stack = shelf.stack()
    assert stack.flags == (Flag.TILTED,)
    assert stack.grid.tilt_deg == pytest.approx(abs(angle), abs=1e-4)
    assert stack.notes[0].params == {"angle": abs(angle)}
    assert stack.grid.voxel_ml == pytest.approx(0.5 * 0.75 * 4.0 * np.cos(turn) / 1000)
    check_places(shelf, stack)


def test_rounded_positions_are_neither_uneven_nor_tilted(shelf: Shelf) -> None:
    for at in range(20):
        shelf.add(image(at, (-30.0, 12.5, round(0.625 * at, 1))))
    stack = shelf.stack()
    assert stack.flags == ()
    assert stack.grid.slice_distance_mm == pytest.approx(0.625, abs=0.005)


def test_slices_shifted_sideways_make_no_volume(shelf: Shelf) -> None:
    for at in range(8):
        shelf.add(image(at, (0.0 if at < 4 else 9.0, 0, 3.0 * at)))
    assert Flag.NOT_A_VOLUME in shelf.stack().flags


def test_blocks_far_apart_are_stacks_of_their_own(shelf: Shelf) -> None:
    line_of_slices(shelf, [0, 1, 2, 3, 4, 200, 201, 202, 203])
    first, second = shelf.stacks()
    assert (first.grid.shape[0], second.grid.shape[0]) == (5, 4)
    assert Flag.SPLIT in first.flags and Flag.SPLIT in second.flags
    check_places(shelf, first)
    check_places(shelf, second)


def test_gated_cine_is_one_stack_with_phases(shelf: Shelf) -> None:
    for at in range(24):
        place, phase = at // 8, at % 8
        time = phase * (30.0 + place)  # another heart rate at every place
        shelf.add(image(at, (0, 0, 8.0 * place), modality="MR", TriggerTime=time))
    stack = shelf.stack()
    assert stack.flags == (Flag.MULTI_PHASE,)
    assert (stack.phases, stack.grid.shape) == (8, (3, 5, 7))
    assert stack.frames[2 * 3 + 1].time_s == pytest.approx(0.062)
    for phase in (0, 5):
        volume = read_volume(stack, shelf.locate, phase).array
        for place in range(3):
            assert np.array_equal(volume[place], pixels_of(8 * place + phase))


def test_time_points_with_a_lost_image_stay_aligned(shelf: Shelf) -> None:
    for at in range(20):
        if at == 7:
            continue
        extra: dict[str, Any] = {
            "TemporalPositionIdentifier": at % 5 + 1,
            "AcquisitionTime": f"1200{at:02}",
        }
        shelf.add(image(at, (0, 0, 2.0 * (at // 5)), modality="MR", **extra))
    stack = shelf.stack()
    assert set(stack.flags) == {Flag.MULTI_PHASE, Flag.MISSING_SLICES}
    assert stack.phases == 5
    assert not stack.frames[2 * 4 + 1].sha256
    assert np.array_equal(read_volume(stack, shelf.locate, 3).array[1], pixels_of(8))


def test_one_slice_over_time_is_no_volume(shelf: Shelf) -> None:
    for at in range(12):
        shelf.add(image(at, (0, 0, 0), modality="MR", ContentTime=f"1000{at:02}"))
    stack = shelf.stack()
    assert set(stack.flags) == {Flag.MULTI_PHASE, Flag.NOT_A_VOLUME}
    assert (stack.phases, stack.grid.shape[0]) == (12, 1)
    assert [f.time_s for f in stack.frames] == [float(i) for i in range(12)]


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("DiffusionBValue", [0.0, 1000.0]),
        ("EchoTime", [10.0, 80.0]),
        ("ImageType", [["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]]),
        ("InversionTime", [800.0, 2500.0]),
        ("ConvolutionKernel", ["B30f", "B70f"]),
    ],
)
def test_contrasts_become_stacks_of_their_own(
    shelf: Shelf, keyword: str, values: list[Any]
) -> None:
    for at in range(12):
        shelf.add(image(at, (0, 0, 3.0 * (at // 2)), modality="MR", **{keyword: values[at % 2]}))
    first, second = shelf.stacks()
    assert first.flags == second.flags == (Flag.SPLIT,)
    assert first.grid == second.grid
    assert first.phases == 1
    assert np.array_equal(read_volume(second, shelf.locate).array[2], pixels_of(5))
    assert first.id != second.id


def test_contrasts_over_time_are_split_and_phased(shelf: Shelf) -> None:
    for at in range(36):
        place, phase, echo = at // 12, at // 2 % 6, at % 2
        shelf.add(
            image(
                at,
                (0, 0, 5.0 * place),
                modality="MR",
                EchoTime=[5.0, 9.0][echo],
                AcquisitionTime=f"1000{at:02}",
                TemporalPositionIdentifier=phase + 1,
            )
        )
    stacks = shelf.stacks()
    assert [s.phases for s in stacks] == [6, 6]
    assert np.array_equal(read_volume(stacks[1], shelf.locate, 4).array[2], pixels_of(33))


def test_partly_repeated_acquisition_loses_no_image(shelf: Shelf) -> None:
    for at in range(20):
        shelf.add(image(at, (0, 0, 2.0 * at), AcquisitionNumber=1))
    for at in range(6):
        shelf.add(image(50 + at, (0, 0, 2.0 * at), AcquisitionNumber=2))
    stacks = shelf.stacks()
    assert sorted(s.grid.shape[0] for s in stacks) == [6, 20]


def test_sizes_and_orientations_are_split(shelf: Shelf) -> None:
    line_of_slices(shelf, [0, 2, 4, 6])
    shelf.add(image(10, (0, 0, 8), pixels=pixels_of(1, 9, 9)))
    shelf.add(image(11, (0, 0, 0), SAGITTAL))
    stacks = shelf.stacks()
    assert [s.grid.shape for s in stacks] == [(4, 5, 7), (1, 9, 9), (1, 5, 7)]
    assert all(Flag.SPLIT in s.flags for s in stacks)
    assert [s.is_volume for s in stacks] == [True, False, False]


def test_localiser_of_three_planes(shelf: Shelf) -> None:
    for at, orientation in enumerate([AXIAL, AXIAL, SAGITTAL, SAGITTAL, CORONAL, CORONAL]):
        normal = np.cross(orientation[:3], orientation[3:])
        shelf.add(
            image(
                at,
                (normal * (at % 2) * 20).tolist(),
                orientation,
                modality="MR",
                SeriesDescription="3-plane loc",
            )
        )
    stacks = shelf.stacks()
    assert len(stacks) == 3
    for stack in stacks:
        assert {Flag.LOCALISER, Flag.NOT_A_VOLUME} <= set(stack.flags)
        assert stack.role == ""
        check_places(shelf, stack)


def test_images_without_position_are_pages(shelf: Shelf) -> None:
    for at in range(3):
        shelf.add(image(at, None, None))
    stack = shelf.stack()
    assert {Flag.NO_POSITION, Flag.NOT_A_VOLUME} <= set(stack.flags)
    assert stack.grid.shape == (3, 5, 7)
    assert np.array_equal(read_volume(stack, shelf.locate).array[1], pixels_of(1))


def test_orientation_that_is_none_is_not_believed(shelf: Shelf) -> None:
    for at in range(3):
        shelf.add(image(at, (0, 0, at), (1, 0, 0, 1, 0, 0)))
    assert Flag.NO_POSITION in shelf.stack().flags


@pytest.mark.parametrize(
    ("extra", "calibrated", "spacing"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.2, 0.2]}, "detector", 0.2),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.14, 0.14]}, "patient", 0.14),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": None}, "detector", 0.2),
        ({"PixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"}, "patient", 0.2),
        ({"PixelSpacing": None}, "", 1.0),
    ],
)
def test_whose_spacing_it_is(
    shelf: Shelf, extra: dict[str, Any], calibrated: str, spacing: float
) -> None:
    item = image(0, None, None, **extra)
    item.Modality = "DX"
    shelf.add(item)
    stack = shelf.stack()
    assert stack.calibrated == calibrated
    assert stack.grid.spacing_mm[0] == pytest.approx(spacing)
    assert (Flag.NO_SPACING in stack.flags) == (calibrated == "")


def test_the_same_files_always_give_the_same_ids(shelf: Shelf) -> None:
    line_of_slices(shelf, [0, 2, 4])
    before = shelf.stack()
    shelf.instances.reverse()
    assert shelf.stack() == before
    shelf.add(image(7, (-30.0, 12.5, 7.25 + 6.0)))
    assert shelf.stack().id != before.id


def test_companions_make_no_stack(shelf: Shelf) -> None:
    item = image(0, (0, 0, 0), SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
    item.Modality = "SEG"
    shelf.add(item)
    assert shelf.stacks() == []
    said = why_no_stack(shelf.instances)
    assert said is not None and "segmentation" in said.template
    shelf.add(image(1, (0, 0, 0)))
    assert why_no_stack(shelf.instances) is None

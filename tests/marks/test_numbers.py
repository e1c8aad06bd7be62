"""Known answers for every number of a mark, and the same pixels in NumPy and SimpleITK."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from tests.marks.drawn import at_index, by_name, ct_of, mark_of, noise, wave
from tests.viewer.images import GRIDS, grid_of, stack_of
from workstation.domain.calibration import Region
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.mark_numbers import cobb_deg, numbers_of
from workstation.domain.mark_voxels import (
    enclosed,
    histogram,
    inside_of,
    outline_of,
    painted_of,
    slice_of,
    voxels_inside,
)
from workstation.domain.plane import PlaneKind, axes_of, index_step_mm
from workstation.domain.ruler import ruler_of
from workstation.domain.volume import Flag

GRID = grid_of((6, 50, 60), np.diag([0.7, 0.9, 3.0]), (-20.0, -25.0, 10.0))
OUTLINED = (MarkKind.RECTANGLE, MarkKind.ELLIPSE, MarkKind.FREEHAND)
BLOB = ((4.2, 5.1), (30.7, 8.3), (41.5, 30.2), (22.1, 24.9), (9.6, 40.3))


def near(value: float) -> Any:
    """Equal but for rounding."""
    return pytest.approx(value)


def region(kind: MarkKind, grid: Any = GRID, z: int = 2) -> Mark:
    if kind is MarkKind.FREEHAND:
        return at_index(kind, [(x, y, z) for x, y in BLOB], grid)
    return at_index(kind, [(5.3, 6.4, z), (33.8, 21.7, z)], grid)


def test_length_and_polyline_in_mm() -> None:
    three_four = at_index(MarkKind.LENGTH, [(0, 0, 0), (30 / 0.7, 40 / 0.9, 0)], GRID)
    (length,) = numbers_of(three_four, stack_of(GRID))
    assert length.value == pytest.approx(50.0, abs=1e-9)
    assert (length.unit, length.formula) == ("mm", "length")
    path = at_index(MarkKind.POLYLINE, [(0, 0, 0), (10, 0, 0), (10, 10, 0)], GRID)
    assert numbers_of(path, stack_of(GRID))[0].value == pytest.approx(7.0 + 9.0)


@pytest.mark.parametrize("name", GRIDS)
def test_lengths_are_those_of_the_patient_in_every_orientation(name: str) -> None:
    grid = GRIDS[name]
    ends = grid.to_lps(np.array([[3.0, 4.0, 5.0], [23.0, 19.0, 5.0]]))
    mark = mark_of(MarkKind.LENGTH, ends, grid)
    wanted = math.dist(ends[0], ends[1])
    assert numbers_of(mark, stack_of(grid))[0].value == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 0.001, 30.0, 90.0, 137.5, 179.999, 180.0])
def test_angle_at_the_corner(degrees: float) -> None:
    turn = math.radians(degrees)
    points = [(10, 0, 0), (0, 0, 0), (7 * math.cos(turn), 7 * math.sin(turn), 0)]
    (angle,) = numbers_of(mark_of(MarkKind.ANGLE, points, GRID), stack_of(GRID))
    assert angle.value == pytest.approx(degrees, abs=1e-6)
    assert angle.unit == "deg"


@pytest.mark.parametrize("tilt", [0.0, 5.0, 21.5, 45.0, 52.0])
@pytest.mark.parametrize("flips", range(4))
def test_cobb_of_a_curve_whichever_way_the_lines_were_drawn(tilt: float, flips: int) -> None:
    """End plates tilted +t and -t about a spine of 200 mm: 2 t, also beyond 90 degrees."""
    t = math.radians(tilt)
    first = [
        (-20 * math.cos(t), -100 - 20 * math.sin(t)),
        (20 * math.cos(t), -100 + 20 * math.sin(t)),
    ]
    second = [
        (-20 * math.cos(t), 100 + 20 * math.sin(t)),
        (20 * math.cos(t), 100 - 20 * math.sin(t)),
    ]
    if flips & 1:
        first.reverse()
    if flips & 2:
        second.reverse()
    points = [(x, 0.0, z) for x, z in first + second]
    assert cobb_deg(*points) == pytest.approx(2 * tilt, abs=1e-9)


def test_cobb_of_bones_end_to_end_is_the_small_angle() -> None:
    """Hallux valgus drawn with the same tool: 15 degrees, not 165."""
    turn = math.radians(15)
    far = (60 + 40 * math.cos(turn), 40 * math.sin(turn), 0.0)
    assert cobb_deg((0, 0, 0), (50, 0, 0), (60, 0, 0), far) == pytest.approx(15.0)


def test_bidirectional_names_the_longer_axis_long() -> None:
    mark = at_index(MarkKind.BIDIRECTIONAL, [(0, 0, 0), (10, 0, 0), (5, 0, 0), (5, 20, 0)], GRID)
    assert by_name(numbers_of(mark, stack_of(GRID))) == {
        "Long axis": pytest.approx(18.0),
        "Short axis": pytest.approx(7.0),
    }


def test_cardiothoracic_ratio_takes_widths_across_the_picture() -> None:
    points = [(-50, 0, 10), (70, 0, 30), (-125, 0, -5), (125, 0, 0)]
    chest = grid_of((1, 50, 60), np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), (0, 0, 0))
    numbers = by_name(numbers_of(mark_of(MarkKind.CARDIOTHORACIC, points, chest), stack_of(chest)))
    assert numbers == {
        "Cardiothoracic ratio": pytest.approx(120 / 250),
        "Heart width": pytest.approx(120.0),
        "Thorax width": pytest.approx(250.0),
    }


def test_areas_as_drawn() -> None:
    box = by_name(numbers_of(region(MarkKind.RECTANGLE), stack_of(GRID)))["Area"]
    assert box == pytest.approx(28.5 * 0.7 * 15.3 * 0.9)
    round_ = by_name(numbers_of(region(MarkKind.ELLIPSE), stack_of(GRID)))["Area"]
    assert round_ == pytest.approx(box * math.pi / 4)
    x, y = np.array(BLOB).T * np.array([[0.7], [0.9]])
    shoelace = abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
    free = by_name(numbers_of(region(MarkKind.FREEHAND), stack_of(GRID)))["Area"]
    assert free == pytest.approx(shoelace)


def inside_by_loops(mark: Mark, grid: Any, z: int) -> NDArray[np.bool_]:
    """Which voxel centres of image ``z`` are inside, one at a time, in index space."""
    corners = grid.to_index(np.asarray(mark.points_mm))[:, :2]
    mask = np.zeros(grid.shape, dtype=np.bool_)
    for y in range(grid.shape[1]):
        for x in range(grid.shape[2]):
            if mark.kind is MarkKind.FREEHAND:
                angle = 0.0  # winding number: the outline does not cross itself
                for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
                    turn = math.atan2(by - y, bx - x) - math.atan2(ay - y, ax - x)
                    angle += (turn + math.pi) % (2 * math.pi) - math.pi
                mask[z, y, x] = abs(angle) > math.pi
                continue
            low, high = corners.min(axis=0), corners.max(axis=0)
            u, v = (np.array([x, y]) - (low + high) / 2) / ((high - low) / 2)
            if mark.kind is MarkKind.RECTANGLE:
                mask[z, y, x] = abs(u) <= 1 and abs(v) <= 1
            else:
                mask[z, y, x] = u * u + v * v <= 1
    return mask


@pytest.mark.parametrize("name", ["axial", "negated", "sagittal", "coronal backwards", "tilted"])
@pytest.mark.parametrize("kind", OUTLINED)
def test_statistics_are_those_of_numpy_and_simpleitk(kind: MarkKind, name: str) -> None:
    """complaint 14: the same voxels, the same numbers, exactly."""
    grid = GRIDS[name]
    ends = [(4.3, 3.4, 5.0), (28.6, 21.7, 5.0)]
    if kind is MarkKind.FREEHAND:
        ends = [(x * 0.9, y * 0.7, 5.0) for x, y in BLOB]
    mark = at_index(kind, ends, grid)
    voxels = noise(grid.shape)
    mask = inside_by_loops(mark, grid, 5)
    assert mask.sum() > 100
    assert slice_of(mark, grid) == 5
    numbers = by_name(numbers_of(mark, ct_of(grid), lambda z: voxels[z]))
    values = voxels[mask].astype(np.float64)
    assert numbers["Mean"] == values.mean()
    assert numbers["Standard deviation"] == values.std(ddof=1)
    assert numbers["Minimum"] == values.min()
    assert numbers["Maximum"] == values.max()
    assert numbers["Voxels"] == len(values)
    statistics = sitk.LabelStatisticsImageFilter()
    label = sitk.GetImageFromArray(mask.astype(np.uint8))
    statistics.Execute(sitk.GetImageFromArray(voxels.astype(np.float64)), label)
    assert numbers["Mean"] == pytest.approx(statistics.GetMean(1), rel=1e-12)
    assert numbers["Standard deviation"] == pytest.approx(statistics.GetSigma(1), rel=1e-12)
    assert numbers["Minimum"] == statistics.GetMinimum(1)
    assert numbers["Maximum"] == statistics.GetMaximum(1)
    assert numbers["Voxels"] == statistics.GetCount(1)


def test_a_corner_on_a_voxel_centre_takes_that_voxel() -> None:
    mark = at_index(MarkKind.RECTANGLE, [(10, 10, 1), (13, 12, 1)], GRID)
    numbers = by_name(numbers_of(mark, ct_of(GRID), lambda z: noise(GRID.shape)[z]))
    assert numbers["Voxels"] == 4 * 3


def test_units_stay_those_of_the_modality() -> None:
    """complaint 15: a region on SUV stays in SUV, one on an ADC map in mm2/s."""
    voxels = noise(GRID.shape)
    for unit in ("[hnsf'U]", "{SUVbw}g/mL", "mm2/s", "ms", "1"):
        numbers = numbers_of(
            region(MarkKind.ELLIPSE), stack_of(GRID, unit=unit), lambda z: voxels[z]
        )
        assert {n.unit for n in numbers if n.name in {"Mean", "Minimum", "Maximum"}} == {unit}


@pytest.mark.parametrize("name", ["axial", "oblique", "tilted oblique"])
@pytest.mark.parametrize("kind", [MarkKind.RECTANGLE, MarkKind.ELLIPSE])
def test_a_region_on_a_cut_plane_is_sampled_linearly_and_says_so(name: str, kind: MarkKind) -> None:
    grid = GRIDS[name]
    axes = axes_of(PlaneKind.ACQUIRED, grid).turned((1.0, 0.3, 0.2), 25.0)
    middle = grid.centre_lps
    right, down = np.asarray(axes.right), np.asarray(axes.down)
    ends = [middle - 4 * right - 5 * down, middle + 4 * right + 5 * down]
    mark = mark_of(kind, ends, grid, axes)
    field = wave(grid)
    numbers = numbers_of(mark, ct_of(grid), lambda z: field[z])
    assert {n.formula for n in numbers if n.name == "Mean"} == {"sampled"}
    inside = inside_of(mark, grid, lambda z: field[z])
    assert inside is not None and not inside.stored and len(inside.values) > 20
    # The field is linear: on this plane it changes by its gradient along the picture's axes.
    slope = np.array([2.0, -3.0, 5.0])
    centre = float(middle @ slope) + 7.0
    reach = abs(float(right @ slope)) * 4 + abs(float(down @ slope)) * 5
    assert abs(inside.values - centre).max() <= reach + 1e-6
    assert by_name(numbers)["Mean"] == pytest.approx(centre, abs=reach * 0.2)


def test_sampling_on_a_straight_reformat_between_columns_is_their_mean() -> None:
    """A sagittal cut half-way between two columns: linear interpolation is their average."""
    axes = axes_of(PlaneKind.SAGITTAL, GRID)
    a, b = GRID.to_lps(np.array([[20.5, 10.0, 1.0], [20.5, 30.0, 4.0]]))
    mark = mark_of(MarkKind.RECTANGLE, [a, b], GRID, axes)
    voxels = noise(GRID.shape).astype(np.float64)
    numbers = by_name(numbers_of(mark, ct_of(GRID), lambda z: voxels[z]))
    wanted = (voxels[1:5, 10:31, 20] + voxels[1:5, 10:31, 21]) / 2
    assert numbers["Voxels"] == wanted.size
    assert numbers["Mean"] == pytest.approx(wanted.mean(), rel=1e-9)
    assert numbers["Maximum"] == pytest.approx(wanted.max(), rel=1e-9)
    assert numbers["Standard deviation"] == pytest.approx(wanted.std(ddof=1), rel=1e-9)


def test_no_number_from_voxels_that_are_not_read_yet() -> None:
    numbers = numbers_of(region(MarkKind.ELLIPSE), ct_of(GRID), lambda z: None)
    assert [n.name for n in numbers] == ["Area"]


def test_a_probe_reads_the_nearest_stored_voxel() -> None:
    voxels = noise(GRID.shape)
    mark = at_index(MarkKind.PROBE, [(12.4, 7.6, 3.0)], GRID)
    (value,) = numbers_of(mark, ct_of(GRID), lambda z: voxels[z])
    assert value.value == voxels[3, 8, 12]
    outside = at_index(MarkKind.PROBE, [(-3.0, 7.6, 3.0)], GRID)
    assert numbers_of(outside, ct_of(GRID), lambda z: voxels[z]) == ()


def test_a_painted_region_is_its_mask() -> None:
    voxels, mask = noise(GRID.shape), np.zeros(GRID.shape, dtype=np.bool_)
    mask[2, 4:9, 5:17] = True
    flat = at_index(MarkKind.BRUSH, [(10, 6, 2)], GRID)
    numbers = by_name(numbers_of(flat, ct_of(GRID), lambda z: voxels[z], painted=painted_of(mask)))
    assert numbers["Area"] == near(60 * 0.7 * 0.9)
    assert numbers["Mean"] == voxels[mask].astype(np.float64).mean()
    mask[3, 4:6, 5:7] = True
    numbers = by_name(numbers_of(flat, ct_of(GRID), lambda z: voxels[z], painted=painted_of(mask)))
    assert numbers["Volume"] == near(64 * 0.7 * 0.9 * 3.0 / 1000)
    assert numbers["Voxels"] == 64


def test_without_spacing_lengths_are_pixels() -> None:
    stack = stack_of(GRID, calibrated="", flags=(Flag.NO_SPACING,))
    mark = at_index(MarkKind.LENGTH, [(3, 4, 0), (33, 44, 0)], GRID)
    (length,) = numbers_of(mark, stack)
    assert (length.value, length.unit) == (near(50.0), "{pixels}")
    area = numbers_of(region(MarkKind.RECTANGLE), stack)[0]
    assert (area.value, area.unit) == (near(28.5 * 15.3), "{pixels}")


def test_spacing_at_the_detector_says_so() -> None:
    """complaint 12: the detector's spacing is never passed off as the patient's."""
    mark = at_index(MarkKind.LENGTH, [(0, 0, 0), (10, 0, 0)], GRID)
    assert ruler_of(mark, stack_of(GRID, calibrated="detector")).source == "detector"


def test_a_calibration_line_rules_over_the_header() -> None:
    """complaint 12: a 15 mm marker that measures 18 mm at the detector makes 18 into 15."""
    stack = stack_of(GRID, calibrated="detector", flags=(Flag.NOT_A_VOLUME,))
    line = at_index(
        MarkKind.CALIBRATION, [(0, 0, 0), (18 / 0.7, 0, 0)], GRID, known_mm=15.0,
        sop_instance_uid="1.1", id="line",
    )  # fmt: skip
    mark = at_index(MarkKind.LENGTH, [(0, 0, 0), (36 / 0.7, 0, 0)], GRID, sop_instance_uid="1.1")
    ruler = ruler_of(mark, stack, [line, mark])
    assert ruler.source == "reader"
    (length,) = numbers_of(mark, stack, ruler=ruler)
    assert (length.value, length.unit) == (near(30.0), "mm")
    other = replace(mark, sop_instance_uid="1.9")  # another radiograph, another magnification
    assert ruler_of(other, stack, [line]).source == "detector"
    later = replace(line, id="second", known_mm=9.0, at=line.at + timedelta(minutes=1))
    assert numbers_of(mark, stack, ruler=ruler_of(mark, stack, [later, line]))[0].value == near(
        18.0
    )
    square = at_index(
        MarkKind.RECTANGLE, [(0, 0, 0), (36 / 0.7, 36 / 0.9, 0)], GRID, sop_instance_uid="1.1"
    )
    assert numbers_of(square, stack, ruler=ruler)[0].value == near(900.0)


def test_ultrasound_regions_have_their_own_scales() -> None:
    """complaint 13: two regions of one image, and beside them only pixels."""
    flat = grid_of((2, 200, 300), np.eye(3), (0, 0, 0))
    tissue = Region(0, 0, 149, 199, 0.25, 0.5, "mm", "mm")
    doppler = Region(150, 100, 299, 199, 0.01, -0.4, "s", "cm/s")
    deep = Region(0, 0, 149, 199, 0.1, 0.1, "mm", "mm")
    stack = stack_of(flat, calibrated="", regions=((tissue, doppler), (deep,)))
    frames = (replace(stack.frames[0], regions=0), replace(stack.frames[1], regions=1))
    stack = replace(stack, frames=frames)

    def length(z: int, *ends: tuple[float, float]) -> list[tuple[float, str]]:
        mark = at_index(MarkKind.LENGTH, [(x, y, z) for x, y in ends], flat)
        return [(n.value, n.unit) for n in numbers_of(mark, stack)]

    assert length(0, (10, 10), (50, 70)) == [(near(math.hypot(10.0, 30.0)), "mm")]
    assert length(1, (10, 10), (50, 40)) == [(near(5.0), "mm")]
    assert length(0, (160, 120), (210, 170)) == [
        (near(0.5), "s"),
        (near(20.0), "cm/s"),
    ]
    assert length(0, (140, 120), (160, 120)) == [(near(20.0), "{pixels}")]
    assert length(0, (200, 10), (230, 50)) == [(near(50.0), "{pixels}")]


def test_histogram_counts_every_voxel_once() -> None:
    values = noise((1, 40, 40)).ravel().astype(np.float64)
    counts, edges = histogram(values)
    assert counts.sum() == len(values) and len(edges) == len(counts) + 1 <= 65
    assert edges[0] < values.min() and edges[-1] > values.max()
    assert float(edges[1] - edges[0]).is_integer()
    few, fewer = histogram(np.array([3.0, 3.0, 5.0]))
    assert few.tolist() == [2, 0, 1] and fewer.tolist() == [2.5, 3.5, 4.5, 5.5]
    fine, _ = histogram(np.array([0.1, 0.25, 0.7]))
    assert fine.sum() == 3
    assert histogram(np.zeros(0))[0].sum() == 0


def test_the_block_looked_at_holds_the_whole_region() -> None:
    mark = region(MarkKind.FREEHAND)
    ys, xs, inside = voxels_inside(mark, GRID, 2)
    whole = enclosed(GRID.to_index(outline_of(mark))[:, :2], np.arange(60.0), np.arange(50.0))
    assert inside.sum() == whole.sum() and np.array_equal(whole[ys, xs], inside)


@pytest.mark.parametrize("name", ["axial", "oblique", "tilted oblique"])
def test_sampled_values_are_those_of_simpleitk(name: str) -> None:
    """The lattice of the rule, point by point, with SimpleITK's linear interpolation."""
    grid = GRIDS[name]
    axes = axes_of(PlaneKind.ACQUIRED, grid).turned((0.2, 1.0, 0.4), 33.0)
    right, down = np.asarray(axes.right), np.asarray(axes.down)
    middle = grid.centre_lps + np.array([0.3, -0.2, 0.1])
    corners = [middle - 5.3 * right - 4.1 * down, middle + 6.2 * right + 5.4 * down]
    voxels = noise(grid.shape).astype(np.float64)
    inside = inside_of(mark_of(MarkKind.RECTANGLE, corners, grid, axes), grid, lambda z: voxels[z])
    assert inside is not None and not inside.stored
    # In index space, which SimpleITK's direction matrix (orthogonal only) has no part in.
    image = sitk.GetImageFromArray(voxels)
    origin, normal = grid.to_lps((0.0, 0.0, 0.0)), axes.normal
    wanted = []
    low, high = (np.array([c @ right, c @ down]) for c in corners)
    for n in range(-400, 400):
        u = float(origin @ right) + n * index_step_mm(grid, right)
        for m in range(-400, 400) if low[0] <= u <= high[0] else ():
            v = float(origin @ down) + m * index_step_mm(grid, down)
            if low[1] <= v <= high[1]:
                point = u * right + v * down + float(middle @ normal) * normal
                wanted.append(
                    image.EvaluateAtContinuousIndex(grid.to_index(point).tolist(), sitk.sitkLinear)
                )
    assert len(wanted) > 30
    assert np.allclose(np.sort(inside.values), np.sort(wanted), rtol=1e-9, atol=1e-6)

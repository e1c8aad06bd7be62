"""Margins, smoothing, islands, holes and filling on shapes whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.viewer.images import GRIDS, grid_of, turn
from workstation.domain.errors import BadInput, Cancelled
from workstation.domain.geometry import Floats, Grid
from workstation.domain.voxel_set import Bools, VoxelSet, is_straight, overlap, tight, union
from workstation.domain.work import Cancel
from workstation.viewing.segment_fill import Combination, combine, fill_between, in_range
from workstation.viewing.segment_islands import Islands, Parts, fill_holes, grow, islands
from workstation.viewing.segment_numbers import segment_numbers
from workstation.viewing.segment_shape import Smoothing, ball_rows, margin, smooth

STRAIGHT = grid_of((40, 64, 72), turn((1, 2, 0.5), 27.0) @ np.diag([0.7, 0.9, 1.6]), (5, -60, 12))
SHEARED = grid_of(
    (40, 64, 72),
    turn((1, 2, 0.5), 27.0) @ np.array([[0.7, 0, 0], [0, 0.9, 0.6], [0, 0, 1.6]]),
    (5, -60, 12),
)
BOTH = pytest.mark.parametrize("grid", [STRAIGHT, SHEARED], ids=["straight", "sheared"])


def centres(grid: Grid) -> Floats:
    """Voxel centres (z, y, x, 3), LPS mm."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    return grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))


def ball(grid: Grid, radius: float, off: tuple[float, float, float] = (0, 0, 0)) -> Bools:
    away = centres(grid) - (grid.centre_lps + np.asarray(off))
    return np.asarray((away**2).sum(axis=-1) <= radius**2)


def slow_margin(array: Bools, grid: Grid, mm: float) -> Bools:
    """Every voxel within ``mm`` of a set one, by comparing all with all."""
    places = centres(grid)
    set_places = places[array]
    out = np.zeros(array.shape, dtype=np.bool_)
    for index in np.ndindex(array.shape):
        away = set_places - places[index]
        out[index] = bool((np.einsum("ij,ij->i", away, away) <= (mm + 1e-6) ** 2).any())
    return out


@pytest.mark.parametrize("name", ["axial", "negated", "oblique", "tilted", "tilted oblique"])
def test_margins_are_millimetres_in_every_direction(name: str) -> None:
    """Against comparing every voxel with every voxel, on straight and sheared grids."""
    whole = GRIDS[name]
    grid = Grid((9, 20, 24), whole.affine)
    array = np.zeros(grid.shape, dtype=np.bool_)
    array[4, 8:11, 9:14] = True
    array[5, 10, 12] = True
    mask = VoxelSet.of(array, grid)
    grown = margin(mask, 3.4)
    assert np.array_equal(grown.full(), slow_margin(array, grid, 3.4))
    shrunk = margin(grown, -2.2)
    # Beyond the image nothing is known: only background inside it eats into the object.
    assert np.array_equal(shrunk.full(), ~slow_margin(~grown.full(), grid, 2.2))
    assert shrunk.count > 0


@BOTH
def test_a_ball_grows_to_the_larger_ball(grid: Grid) -> None:
    """12 mm, grown to 16 mm, shrunk to 10 mm: the radius by volume within a quarter voxel."""

    def radius(mask: VoxelSet) -> float:
        return float(np.cbrt(mask.volume_ml * 1000 * 3 / (4 * np.pi)))

    start = VoxelSet.of(ball(grid, 12.0), grid)
    assert radius(start) == pytest.approx(12.0, abs=0.05)
    grown = margin(start, 4.0)
    assert radius(grown) == pytest.approx(16.0, abs=0.4)
    assert radius(margin(grown, -6.0)) == pytest.approx(10.0, abs=0.4)


@BOTH
def test_closing_and_opening_at_their_radius(grid: Grid) -> None:
    """A crack of 2 mm closes at 2 mm and stays at 0.5 mm; a spike goes, the ball stays."""
    away = centres(grid) - grid.centre_lps
    solid = ball(grid, 13.0)
    crack = np.abs(away @ grid.directions[:, 0]) < 1.0
    cracked = VoxelSet.of(solid & ~crack, grid)
    assert smooth(cracked, Smoothing.CLOSING, 0.3).count == cracked.count
    closed = smooth(cracked, Smoothing.CLOSING, 2.5)
    middle = (np.linalg.norm(away, axis=-1) < 9.0) & crack
    assert closed.full()[middle].all()
    spike = (np.linalg.norm(away - np.outer(
        (away @ grid.directions[:, 0]).ravel(), grid.directions[:, 0]).reshape(away.shape),
        axis=-1) < 1.2)  # fmt: skip
    spiked = VoxelSet.of(ball(grid, 9.0) | spike, grid)
    opened = smooth(spiked, Smoothing.OPENING, 3.0)
    far = np.linalg.norm(away, axis=-1) > 11.0
    assert (spiked.full() & far).any() and not (opened.full() & far).any()
    kept = ball(grid, 6.0)
    assert opened.full()[kept].all()


@BOTH
def test_median_is_the_majority_of_the_ball(grid: Grid) -> None:
    part = Grid((7, 18, 20), grid.affine)
    rng = np.random.default_rng(5)
    array = rng.random(part.shape) < 0.45
    array[2:5, 5:12, 6:14] = True
    got = smooth(VoxelSet.of(array, part), Smoothing.MEDIAN, 1.9).full()
    places = centres(part)
    for index in [(3, 8, 9), (0, 0, 0), (6, 17, 19), (2, 4, 6), (5, 12, 3)]:
        near = ((places - places[index]) ** 2).sum(axis=-1) <= (1.9 + 1e-6) ** 2
        assert got[index] == (2 * array[near].sum() > near.sum()), index
    rows = ball_rows(part, 1.9)
    count = sum(last - first + 1 for _, _, first, last in rows)
    whole = ((centres(grid) - centres(grid)[20, 32, 36]) ** 2).sum(axis=-1) <= (1.9 + 1e-6) ** 2
    assert count == whole.sum()


def test_gaussian_keeps_a_large_ball_and_refuses_to_lean() -> None:
    mask = VoxelSet.of(ball(STRAIGHT, 14.0), STRAIGHT)
    got = smooth(mask, Smoothing.GAUSSIAN, 1.5)
    # Blurring a ball moves its half level inwards by about sigma^2 / r.
    assert got.volume_ml == pytest.approx(
        4 / 3 * np.pi * (14.0 - 1.5**2 / 14.0) ** 3 / 1000, rel=0.01
    )
    with pytest.raises(BadInput, match="tilted"):
        smooth(VoxelSet.of(ball(SHEARED, 9.0), SHEARED), Smoothing.GAUSSIAN, 1.5)


# --- connected parts


def boxes(grid: Grid) -> Bools:
    """Three boxes of 60, 24 and 1 voxels; the first two touch by an edge only."""
    array = np.zeros(grid.shape, dtype=np.bool_)
    array[2:5, 2:6, 2:7] = True
    array[5:7, 6:9, 7:11] = True
    array[10, 20, 20] = True
    return array


def test_islands_know_their_parts() -> None:
    grid = GRIDS["tilted oblique"]
    mask = VoxelSet.of(boxes(grid), grid)
    assert Parts(mask.voxels).sizes.tolist() == [60, 24, 1]
    assert islands(mask, Islands.KEEP_LARGEST).count == 60
    first, second = grid.to_lps((3.0, 3.0, 3.0)), grid.to_lps((8.2, 7.1, 5.9))
    kept = islands(mask, Islands.KEEP_CLICKED, at_mm=second)
    assert kept.count == 24 and kept.origin == (5, 6, 7)
    assert islands(mask, Islands.REMOVE_CLICKED, at_mm=first).count == 25
    small = 24 * grid.voxel_ml
    assert islands(mask, Islands.REMOVE_SMALL, smallest_ml=small).count == 84
    assert islands(mask, Islands.REMOVE_SMALL, smallest_ml=small * 1.01).count == 60
    with pytest.raises(BadInput, match="clicked"):
        islands(mask, Islands.KEEP_CLICKED, at_mm=grid.to_lps((30.0, 3.0, 3.0)))
    stop = Cancel()
    stop.cancel()
    with pytest.raises(Cancelled):
        islands(mask, Islands.KEEP_LARGEST, cancel=stop)


def test_parts_agree_with_scipy_on_noise() -> None:
    from scipy import ndimage

    rng = np.random.default_rng(11)
    for share in (0.2, 0.31, 0.5):
        array = rng.random((24, 40, 40)) < share
        labels, found = ndimage.label(array)
        parts = Parts(array)
        assert len(parts.sizes) == found
        wanted = np.sort(np.bincount(labels.ravel())[1:])[::-1]
        assert np.array_equal(parts.sizes, wanted)
        place = tuple(int(i) for i in np.argwhere(array)[17])
        only = np.zeros(found, dtype=np.bool_)
        only[parts.at((place[0], place[1], place[2]))] = True
        assert np.array_equal(parts.where(only), labels == labels[place])


def test_holes_are_filled_in_three_dimensions_or_slice_by_slice() -> None:
    grid = Grid((12, 20, 20), GRIDS["axial"].affine)
    array = np.zeros(grid.shape, dtype=np.bool_)
    array[2:10, 4:16, 4:16] = True
    array[4:8, 7:13, 7:13] = False  # a cavity
    array[:, 5, 5] = False  # a tunnel from end to end
    mask = VoxelSet.of(array, grid)
    filled = fill_holes(mask)
    assert filled.count == 8 * 12 * 12 - 8
    flat = fill_holes(mask, axis=0)
    assert flat.count == 8 * 12 * 12  # in each slice the tunnel is a hole


def test_growing_stops_at_the_range_and_at_the_limit() -> None:
    for name in ("axial", "tilted oblique"):
        grid = Grid((20, 40, 44), GRIDS[name].affine)
        rng = np.random.default_rng(2)
        image = rng.integers(0, 20, grid.shape).astype(np.int16)
        inside = ball(grid, 8.0)
        image[inside] = 100
        image[0, 0, 0] = 100  # as bright, not connected
        got = grow(image, grid, grid.centre_lps, low=90, high=110)
        assert np.array_equal(got.mask.full(), inside) and not got.at_limit
        near = grow(image, grid, grid.centre_lps, tolerance=10.0)
        assert near.low == pytest.approx(90.0) and np.array_equal(near.mask.full(), inside)
        limited = grow(image, grid, grid.centre_lps, low=90, high=110, limit_mm=4.0)
        seed = grid.to_lps(np.round(grid.to_index(grid.centre_lps)))
        around = ((centres(grid) - seed) ** 2).sum(axis=-1) <= 16.0
        assert np.array_equal(limited.mask.full(), inside & around) and limited.at_limit
        everywhere = grow(image, grid, grid.centre_lps, low=90, high=110, limit_mm=None)
        assert np.array_equal(everywhere.mask.full(), inside) and not everywhere.at_limit
        with pytest.raises(BadInput, match="outside 200"):
            grow(image, grid, grid.centre_lps, low=200, high=300)
        with pytest.raises(BadInput, match="outside the image"):
            grow(image, grid, grid.centre_lps + 1000.0, low=0, high=300)


# --- between slices, ranges, combinations


@pytest.mark.parametrize("name", ["axial", "negated", "tilted", "oblique"])
def test_a_cone_is_filled_between_its_ends(name: str) -> None:
    """Discs of 6 and 12 mm radius 10 slices apart: a frustum, radii within a third of a voxel."""
    base = GRIDS[name]
    grid = Grid((13, 60, 60), base.affine)
    sx, sy, _ = grid.spacing_mm
    y, x = np.meshgrid(np.arange(60) * sy, np.arange(60) * sx, indexing="ij")

    def disc(radius: float) -> Bools:
        return np.asarray((y - 30 * sy) ** 2 + (x - 30 * sx) ** 2 <= radius**2)

    array = np.zeros(grid.shape, dtype=np.bool_)
    array[1], array[11] = disc(6.0), disc(12.0)
    got = fill_between(VoxelSet.of(array, grid)).full()
    assert np.array_equal(got[1], array[1]) and np.array_equal(got[11], array[11])
    area = sx * sy
    for z in range(2, 11):
        radius = 6.0 + 0.6 * (z - 1)
        assert np.sqrt(got[z].sum() * area / np.pi) == pytest.approx(radius, abs=0.3)
    assert not got[0].any() and not got[12].any()
    whole = sum(np.pi * (6 + 0.6 * n) ** 2 for n in range(11)) * grid.slice_distance_mm / 1000
    assert got.sum() * grid.voxel_ml == pytest.approx(whole, rel=0.05)


def test_an_oblique_tube_does_not_fall_apart_and_other_axes_work() -> None:
    grid = grid_of((21, 40, 80), np.diag([1.0, 1.0, 2.0]), (0.0, 0.0, 0.0))
    y, x = np.meshgrid(np.arange(40), np.arange(80), indexing="ij")
    array = np.zeros(grid.shape, dtype=np.bool_)
    array[0] = (y - 20) ** 2 + (x - 10) ** 2 <= 25
    array[20] = (y - 20) ** 2 + (x - 70) ** 2 <= 25  # no overlap at all with the first
    got = fill_between(VoxelSet.of(array, grid)).full()
    for z in range(21):
        found = np.argwhere(got[z])
        assert abs(found[:, 1].mean() - (10 + 3 * z)) < 0.6
        assert abs(len(found) - array[0].sum()) <= 8
    turned = Grid((40, 21, 80), grid.affine)
    side = np.ascontiguousarray(np.moveaxis(array, 0, 1))
    along_y = fill_between(VoxelSet.of(side, turned), axis=1).full()
    assert np.array_equal(np.moveaxis(along_y, 1, 0), got)
    with pytest.raises(BadInput, match="two or more"):
        fill_between(VoxelSet.of(got, grid))
    sheared = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.8], [0.0, 0.0, 2.0]])
    leaning = grid_of((21, 40, 80), sheared, (0.0, 0.0, 0.0))
    assert not is_straight(leaning) and is_straight(leaning, (1, 2))
    with pytest.raises(BadInput, match="rectangles"):
        fill_between(VoxelSet.of(np.moveaxis(got, 0, 2)[:21, :40, :80].copy(), Grid(
            (21, 40, 21), leaning.affine)), axis=2)  # fmt: skip


def test_segments_combine_as_sets_and_ranges_are_inclusive() -> None:
    grid = GRIDS["oblique"]
    rng = np.random.default_rng(8)
    a, b = rng.random(grid.shape) < 0.3, np.zeros(grid.shape, dtype=np.bool_)
    b[3:9, 5:20, 8:30] = True
    one, two = VoxelSet.of(a, grid), VoxelSet.of(b, grid)
    sets = {
        Combination.ADD: a | b,
        Combination.SUBTRACT: a & ~b,
        Combination.INTERSECT: a & b,
        Combination.COPY: b,
    }
    for how, wanted in sets.items():
        assert np.array_equal(combine(one, how, two).full(), wanted), how
    assert np.array_equal(combine(one, Combination.INVERT).full(), ~a)
    empty = VoxelSet(grid)
    assert np.array_equal(combine(empty, Combination.ADD, two).full(), b)
    assert combine(two, Combination.SUBTRACT, empty).count == two.count
    with pytest.raises(BadInput, match="grid"):
        combine(one, Combination.ADD, VoxelSet(GRIDS["axial"]))
    image = rng.integers(-100, 100, grid.shape).astype(np.int16)
    got = in_range(image, grid, -5, 40)
    assert np.array_equal(got.full(), (image >= -5) & (image <= 40))


def test_numbers_are_those_of_numpy() -> None:
    grid = GRIDS["tilted"]
    rng = np.random.default_rng(4)
    image = rng.normal(40, 12, grid.shape).astype(np.float32)
    array = rng.random(grid.shape) < 0.2
    got = segment_numbers(VoxelSet.of(array, grid), image)
    values = image[array].astype(np.float64)
    assert got.voxels == array.sum()
    voxel_mm3 = abs(np.linalg.det(grid.matrix[:3, :3]))
    assert got.volume_ml == pytest.approx(array.sum() * voxel_mm3 / 1000, rel=1e-12)
    assert got.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert got.sd == pytest.approx(np.std(values), rel=1e-7)
    assert (got.low, got.high) == (values.min(), values.max())
    assert got.median == np.median(image[array])
    nothing = segment_numbers(VoxelSet(grid), image)
    assert nothing.voxels == 0 and nothing.mean is None


def test_blocks() -> None:
    array = np.zeros((8, 9, 10), dtype=np.bool_)
    assert tight(array) == (slice(0, 0),) * 3
    array[2, 3, 4] = array[5, 8, 6] = True
    assert tight(array) == (slice(2, 6), slice(3, 9), slice(4, 7))
    grid = Grid(array.shape, GRIDS["tilted oblique"].affine)
    block = VoxelSet.of(array, grid)
    assert np.array_equal(block.full(), array) and block.count == 2
    assert np.allclose(block.own_grid.to_lps((0, 0, 0)), grid.to_lps((4, 3, 2)))
    other = (slice(0, 3), slice(0, 4), slice(0, 10))
    assert np.array_equal(block.over(other), array[other])
    assert overlap(other, (slice(3, 5), slice(0, 1), slice(0, 1))) == (None, None)
    assert union(other, (slice(0, 0),) * 3) == other
    with pytest.raises(ValueError, match="leaves"):
        VoxelSet(grid, array, (1, 0, 0))

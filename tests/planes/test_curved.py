"""Curves through the patient and pictures along them, against tubes that are known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tests.viewer.images import grid_of
from workstation.domain.geometry import Floats, Grid
from workstation.render.curved import CurvedRaster, cut_curved, fitted, section_raster
from workstation.render.slice import SliceRenderer
from workstation.viewing.centreline import CentrelineEdit, Curve

RADIUS, PITCH, TURNS = 30.0, 40.0, 1.5
TUBE_MM = 10.0  # diameter
HELIX_MM = TURNS * math.hypot(2 * math.pi * RADIUS, PITCH)


def helix(count: int, start: float = 0.0, stop: float = 1.0) -> Floats:
    t = np.linspace(start, stop, count) * TURNS * 2 * math.pi
    return np.stack([RADIUS * np.cos(t), RADIUS * np.sin(t), PITCH * t / (2 * math.pi)], axis=1)


@pytest.fixture(scope="module")
def tube() -> tuple[np.ndarray, Grid]:
    """A tube of 10 mm about a helix in oblique voxels of 0.7 x 0.7 x 1 mm: 1000 inside, soft edge;
    its middle third (by length) is only 5 mm wide."""
    columns = np.array([[0.7, 0.0, 0.1], [0.0, -0.7, 0.0], [-0.1, 0.0, 1.0]])
    grid = grid_of((80, 110, 110), columns, (-42.0, 38.0, -5.0))
    z, y, x = np.indices(grid.shape)
    places = grid.to_lps(np.stack([x, y, z], axis=-1).reshape(-1, 3))
    best, nearest = cKDTree(helix(4000)).query(places, distance_upper_bound=8.0)
    where = nearest / 3999
    radius = np.where((where > 1 / 3) & (where < 2 / 3), TUBE_MM / 4, TUBE_MM / 2)
    array = np.clip((radius - best) / 2.0 + 0.5, 0, 1) * 1000
    return array.reshape(grid.shape).astype(np.int16), grid


def width_mm(profile: np.ndarray, mm_per_pixel: float) -> float:
    """Full width at half maximum, between pixels."""
    above = np.flatnonzero(profile >= 500)
    a, b = int(above[0]), int(above[-1])
    left = a - (profile[a] - 500) / (profile[a] - profile[a - 1])
    right = b + (profile[b] - 500) / (profile[b] - profile[b + 1])
    return float((right - left) * mm_per_pixel)


def test_length_of_arc_and_helix() -> None:
    assert Curve(helix(25)).length_mm == pytest.approx(HELIX_MM, rel=2e-3)
    t = np.linspace(0, math.pi, 13)
    arc = np.stack([20 * np.cos(t), 20 * np.sin(t), 0 * t], axis=1)
    assert Curve(arc).length_mm == pytest.approx(20 * math.pi, rel=2e-3)
    line = Curve([(0, 0, 0), (10, 0, 0), (30, 0, 0)])
    assert line.length_mm == pytest.approx(30.0, abs=1e-9)
    assert np.allclose(line.knots_mm, [0, 10, 30])
    assert np.allclose(line.places([-5.0, 12.5, 33.0])[:, 0], [-5.0, 12.5, 33.0])
    assert line.nearest((7.0, 3.0, 4.0)) == pytest.approx((7.0, 5.0))
    with pytest.raises(ValueError, match="two different"):
        Curve([(1, 2, 3), (1, 2, 3)])


def test_the_frame_does_not_spin() -> None:
    """Orthonormal everywhere; across a full turn of a circle it comes back to where it began."""
    curve = Curve(helix(40))
    places, tangents, across = curve.frames(np.linspace(0, curve.length_mm, 500))
    assert np.abs(np.sum(tangents * across, axis=1)).max() < 1e-9
    assert np.allclose(np.linalg.norm(across, axis=1), 1)
    # Against the Frenet frame, whose normal points to the helix's axis, a rotation-minimising
    # frame turns back by the torsion: -tau per mm, tau = h / (r^2 + h^2), h = pitch / 2 pi.
    inward = -places * (1.0, 1.0, 0.0)
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    beside = np.cross(tangents, inward)
    angle = np.unwrap(np.arctan2(np.sum(across * beside, axis=1), np.sum(across * inward, axis=1)))
    rise = PITCH / 2 / math.pi
    assert angle[450] - angle[50] == pytest.approx(
        -rise / (RADIUS**2 + rise**2) * curve.length_mm * 400 / 499, rel=0.01
    )
    t = np.linspace(0, 2 * math.pi, 60)
    ring = Curve(np.stack([25 * np.cos(t), 25 * np.sin(t), 0 * t], axis=1))
    ends = ring.frames([0.0, ring.length_mm])[2]
    assert float(ends[0] @ ends[1]) > 0.995


def test_straightened_lengths_and_widths(tube: tuple[np.ndarray, Grid]) -> None:
    """Along and across the line within 1 % of the known tube, from only 25 points."""
    array, grid = tube
    curve = Curve(helix(25))
    for angle in (0.0, 55.0, 120.0):
        raster = CurvedRaster(curve, 161, 1600, 0.18, angle, 0.0, -80 * 0.18)
        picture = cut_curved(array, grid, raster)
        thick = [width_mm(picture[row], 0.18) for row in (150, 300, 420, 1200, 1400)]
        thin = [width_mm(picture[row], 0.18) for row in (650, 800, 950)]
        assert np.mean(thick) == pytest.approx(TUBE_MM, rel=0.01)
        assert np.mean(thin) == pytest.approx(TUBE_MM / 2, rel=0.015)
        # The narrow part begins and ends where it was put: its length along the line.
        side = picture[:, 80 + round(3.7 / 0.18)]
        narrow = np.flatnonzero(side < 500)
        rows = narrow[(narrow > 300) & (narrow < 1350)]
        assert (rows[-1] - rows[0] + 1) * 0.18 == pytest.approx(HELIX_MM / 3, rel=0.01)


def test_every_pixel_knows_its_place(tube: tuple[np.ndarray, Grid]) -> None:
    array, grid = tube
    curve = Curve(helix(25))
    for unrolled in (False, True):
        raster = fitted(curve, 200, 500, angle_deg=35.0, unrolled=unrolled)
        places = raster.places()
        picture = cut_curved(array, grid, raster)
        for column, row in ((100, 30), (97, 222), (104, 480)):
            place = raster.to_lps(column, row)
            assert np.allclose(place, places[row, column])
            z, y, x = np.round(grid.to_index(place)).astype(int)[::-1]
            if 0 <= z < 79 and (array[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] == 1000).all():
                assert picture[row, column] == 1000
        # A place on the curve comes back to the row of its length and, in the middle, to itself.
        for along in (3.0, 100.0, curve.length_mm - 3):
            at = curve.places([along])[0]
            right, down, depth = raster.to_picture(at)
            assert depth < 1e-6
            assert np.allclose(raster.to_lps(right, down), at, atol=1e-4)
            assert raster.along_mm(down) == pytest.approx(along, abs=1e-3)


def test_unrolled_rows_keep_lengths_across_the_sweep() -> None:
    """A flat arc swept at right angles to its plane is unrolled to its own length."""
    t = np.linspace(0, math.pi, 30)
    arc = Curve(np.stack([20 * np.cos(t), 0 * t, 20 * np.sin(t)], axis=1))
    raster = fitted(arc, 100, 400, unrolled=True)  # swept along y
    first, last = (raster.to_picture(p)[1] for p in arc.places([0.0, arc.length_mm]))
    assert abs(last - first) * raster.mm_per_pixel == pytest.approx(20 * math.pi, rel=2e-3)


def test_cross_sections_show_the_diameter(tube: tuple[np.ndarray, Grid]) -> None:
    array, grid = tube
    curve = Curve(helix(25))
    renderer = SliceRenderer(array, grid)
    for along in (30.0, 60.0, curve.length_mm - 40):
        raster = section_raster(curve, along, 201)
        assert raster.mm_per_pixel * raster.width == pytest.approx(40.0)
        assert np.allclose(raster.to_lps(100, 100), curve.places([along])[0])
        assert abs(float(raster.axes.normal @ curve.frame(along).tangent)) == pytest.approx(1)
        picture = renderer.cut(raster).astype(np.float64)
        area = (picture >= 500)[60:141, 60:141].sum() * raster.mm_per_pixel**2
        assert 2 * math.sqrt(area / math.pi) == pytest.approx(TUBE_MM, rel=0.01)


def test_points_are_edited_and_every_edit_can_be_undone() -> None:
    edit = CentrelineEdit()
    told: list[int] = []
    edit.changed.connect(lambda: told.append(len(edit.points)))
    for x in (0.0, 10.0, 20.0):
        edit.add(np.array([x, 0.0, 0.0]))
    assert edit.add(np.array([-8.0, 0.0, 0.0])) == 0  # the nearer end grows
    assert edit.insert(np.array([14.0, 1.0, 0.0])) == 3
    assert [p[0] for p in edit.points] == [-8.0, 0.0, 10.0, 14.0, 20.0]
    edit.begin_drag()
    for y in range(1, 9):
        edit.move(2, np.array([10.0, float(y), 0.0]))
    edit.end_drag()
    assert edit.points[2] == (10.0, 8.0, 0.0)
    edit.remove(4)
    assert len(edit.points) == 4
    assert edit.undo() and len(edit.points) == 5
    assert edit.undo() and edit.points[2] == (10.0, 0.0, 0.0)  # the whole drag at once
    assert edit.redo() and edit.points[2] == (10.0, 8.0, 0.0)
    while edit.undo():
        pass
    assert edit.points == () and edit.curve is None
    while edit.redo():
        pass
    assert len(edit.points) == 4 and told[-1] == 4
    before = edit.curve
    assert before is not None
    edit.reverse()
    assert edit.curve is not None
    assert edit.curve.length_mm == pytest.approx(before.length_mm)
    edit.begin_drag()
    edit.end_drag()  # a click that moved nothing is no step
    edit.undo()
    assert edit.points[0][0] == -8.0

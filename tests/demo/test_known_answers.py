"""What the generators claim to know is measured here on their pictures and shapes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from workstation.demo.chest_scan import ChestScan, chest_scan
from workstation.demo.head import HeadShape
from workstation.demo.lesions import LesionLoad
from workstation.demo.lung_tree import Nodule
from workstation.demo.scans import cine_scan, flair_scan, random_head, tof_scan
from workstation.demo.shapes import Canvas
from workstation.demo.thorax import ChestShape
from workstation.demo.ventricle import (
    AREA_FACTOR,
    MUSCLE_G_PER_ML,
    HeartShape,
    chambers,
    outline,
)
from workstation.demo.vessels import arteries

HEAD = HeadShape(seed=7, ventricles=1.3, atrophy=0.5)


def test_voxelised_lesion_volume_is_near_the_painted_shape() -> None:
    load = LesionLoad(seed=3, cap_mm=4.2, band_mm=1.9, deep_radius_mm=2.7)
    scan = flair_scan(HEAD, load, seed=1, matrix=176, slices=24, slice_mm=5.0)
    assert scan.mask.sum() > 100
    assert scan.voxel_ml == pytest.approx(scan.exact_ml, rel=0.12)
    assert scan.exact_ml == pytest.approx(13.4, rel=0.12)  # the demo's own, on a finer grid


def test_lesions_are_brighter_and_fluid_darker_than_brain() -> None:
    scan = flair_scan(HEAD, LesionLoad(seed=3), seed=1, matrix=128, slices=20, slice_mm=6.0)
    inside = scan.brain & ~scan.mask
    brain = float(np.median(scan.array[inside]))
    assert float(np.median(scan.array[scan.mask])) > 1.2 * brain
    assert float(np.percentile(scan.array, 20)) < 0.15 * brain  # air


def test_no_lesions_where_none_are_asked_for() -> None:
    none = LesionLoad(seed=3, cap_mm=0.0, band_mm=-3.0, deep=0)
    scan = flair_scan(HEAD, none, seed=1, matrix=96, slices=10, slice_mm=12.0, per_slice=2)
    assert scan.exact_ml == 0.0


def test_stenosis_has_its_diameters_on_the_geometry() -> None:
    tubes, known = arteries(7, HEAD.stretch_xyz, 1.2)
    m1 = next(t for t in tubes if t.name == "right MCA M1")
    other = next(t for t in tubes if t.name == "left MCA M1")
    assert 2 * m1.radii.min() == pytest.approx(1.2, abs=1e-9)
    assert 2 * m1.radii[0] == pytest.approx(2.9) and 2 * m1.radii[-1] == pytest.approx(2.9)
    assert np.ptp(other.radii) == pytest.approx(0.0, abs=1e-9)
    assert known.percent == pytest.approx(100 * (1 - 1.2 / 2.9))
    assert known.position_mm[0] < 0  # the patient's right is -x in LPS


def test_stenosis_area_on_the_noise_free_picture() -> None:
    """The signal across the tube, summed, is its area: painted diameters, not only listed."""
    scan = tof_scan(HEAD, seed=1, matrix=320, slices=24, lowest_mm=-20.0)
    _, y, x = scan.blood.shape
    tube = next(t for t in scan.tubes if t.name == "right MCA M1")
    pixel = 0.6
    first = np.array([-(x - 1) / 2 * pixel, -(y - 1) / 2 * pixel + 5.0, -20.0])
    areas = []
    for at in (int(np.argmin(tube.radii)), 3):
        centre = tube.points[at]
        ahead = tube.points[at + 1] - tube.points[at - 1]
        ahead /= np.linalg.norm(ahead)
        up = np.cross(ahead, [0.0, 1.0, 0.0])
        up /= np.linalg.norm(up)
        across = np.cross(ahead, up)
        reach = np.arange(-3.0, 3.01, 0.1)
        u, v = np.meshgrid(reach, reach)
        points = centre + u[..., None] * up + v[..., None] * across
        index = (points - first) / (pixel, pixel, 0.8)
        values = ndimage.map_coordinates(scan.blood, np.moveaxis(index[..., ::-1], -1, 0), order=1)
        ring = np.hypot(u, v)
        back = float(np.median(values[(ring > 2.2) & (ring < 2.9)]))
        peak = float(values.max())
        share = np.clip((values - back) / (peak - back), 0.0, 1.0)
        areas.append(float(share[ring < 2.2].sum()) * 0.01)
    measured = [2 * np.sqrt(a / np.pi) for a in areas]
    assert measured[0] == pytest.approx(1.2, abs=0.35)
    assert measured[1] == pytest.approx(2.9, abs=0.35)
    assert 100 * (1 - measured[0] / measured[1]) == pytest.approx(58.6, abs=9)


@pytest.mark.parametrize("phase", [0, 4, 9, 15])
def test_chamber_volume_in_closed_form_equals_integration(phase: int) -> None:
    shape = HeartShape()
    s = np.linspace(-20.0, 120.0, 140_001)
    for chamber in chambers(shape, phase):
        area = AREA_FACTOR * np.pi * chamber.radius_at(s) ** 2
        assert np.trapezoid(area, s) / 1000.0 == pytest.approx(chamber.volume_ml, rel=1e-3)
    endo, epi = chambers(shape, phase)
    assert endo.volume_ml == pytest.approx(shape.volumes_ml()[phase], rel=1e-9)
    mass = (epi.volume_ml - endo.volume_ml) * MUSCLE_G_PER_ML
    assert mass == pytest.approx(shape.mass_g, rel=1e-6)


def test_outline_area_factor() -> None:
    angle = np.linspace(0.0, 2 * np.pi, 100_001)[:-1]
    assert np.mean(outline(angle) ** 2) == pytest.approx(AREA_FACTOR, rel=1e-9)


def test_ventricle_volumes_by_voxels_are_within_two_percent() -> None:
    shape = HeartShape(seed=5, phases=10)
    scan = cine_scan(shape, seed=1, matrix=144)
    edv, esv = scan.voxel_volumes_ml
    assert edv == pytest.approx(148.0, rel=0.02)
    assert esv == pytest.approx(71.0, rel=0.02)
    unit = scan.grid.voxel_ml * MUSCLE_G_PER_ML
    for muscle in scan.muscle:
        assert float(muscle.sum()) * unit == pytest.approx(118.0, rel=0.05)
    assert int(np.argmin(shape.volumes_ml())) == shape.es_phase
    assert int(np.argmax(shape.volumes_ml())) == 0


@pytest.fixture(scope="module")
def chest() -> ChestScan:
    return chest_scan(ChestShape(seed=4, vessels=250), seed=1, matrix=224, slices=58, slice_mm=5.0)


def test_nodules_have_their_diameters(chest: ChestScan) -> None:
    assert [n.diameter_mm for n in chest.nodules] == [14.0, 9.0, 6.0]
    canvas = Canvas(*(np.arange(-12.0, 12.01, 0.4) for _ in range(3)))
    from workstation.demo.lung_tree import nodule_share

    for nodule in chest.nodules:
        moved = Nodule((0.03, -0.11, 0.07), nodule.diameter_mm, "")
        volume = float(nodule_share(canvas, moved).sum()) * 0.4**3
        assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(nodule.diameter_mm, rel=0.01)


def test_nodules_lie_in_lung_and_are_seen(chest: ChestScan) -> None:
    for number, nodule in enumerate(chest.nodules):
        assert chest.nodule_mask(number).any()
        x, y, z = np.round(chest.grid.to_index(nodule.centre_mm)).astype(int)
        middle = float(chest.array[z, y, x])
        assert middle > -550.0, nodule.place
        near = chest.array[z, y - 14 : y + 15, x - 14 : x + 15]
        assert float((near < -700).mean()) > 0.3, nodule.place


def test_chest_has_hounsfield_units_of_tissues(chest: ChestScan) -> None:
    def around(lps: tuple[float, float, float]) -> float:
        x, y, z = np.round(chest.grid.to_index(lps)).astype(int)
        return float(np.median(chest.array[z - 1 : z + 2, y - 2 : y + 3, x - 2 : x + 3]))

    assert around((-60.0, -10.0, -125.0)) == pytest.approx(58, abs=15)  # liver
    assert around((23.0, 38.0, -70.0)) == pytest.approx(41, abs=15)  # descending aorta
    assert around((-2.0, 12.0, 50.0)) < -900  # trachea
    assert around((0.0, -140.0, 0.0)) < -950  # air
    bone = chest.array > 300
    assert 0.004 < float(bone.mean()) < 0.05
    lung = (chest.array < -700) & (chest.array > -930)
    litres = float(ndimage.binary_opening(lung).sum()) * chest.grid.voxel_ml / 1000.0
    assert 2.0 < litres < 6.0


def test_random_heads_differ_and_repeat() -> None:
    one, again = (random_head(5, matrix=64, slices=8) for _ in range(2))
    other = random_head(6, matrix=64, slices=8)
    assert np.array_equal(one.array, again.array) and np.array_equal(one.mask, again.mask)
    assert not np.array_equal(one.array, other.array)

"""The centreline between clicks keeps to the middle of its vessel, past bone, or is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from workstation.analyses.vessel._phantom import box, curved, narrowing, straight, tube
from workstation.analyses.vessel.centreline import IMAGE, POINTS, analyse
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, Images
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid
from workstation.domain.volume import generated_volume
from workstation.imaging.sections import planes_across, resampled, run_of

GRID = box((34.0, 34.0, 60.0), (0.6, 0.6, 0.8))


def run_on(
    array: NDArray[np.float32], points: NDArray[np.float64], *, ct: bool = False, grid: Grid = GRID
) -> AnalysisResult:
    volume = generated_volume(
        array, grid, modality="CT" if ct else "MR", unit="[hnsf'U]" if ct else "1", role="",
        region="vessel",
    )  # fmt: skip
    return analyse(
        AnalysisInputs(images={IMAGE.key: Images((volume,))}, lines={POINTS.key: points})
    )


@pytest.fixture(scope="module")
def helix() -> NDArray[np.float32]:
    return tube(curved, narrowing(5.0, 2.0, 30.0, 6.0), 68.0, GRID, blur_mm=0.35, noise=25.0)


def test_it_keeps_to_the_middle_of_a_winding_and_narrowed_vessel(
    helix: NDArray[np.float32],
) -> None:
    points = curved(np.array([5.0, 35.0, 62.0])) + np.array([0.6, -0.6, 0.5])
    result = run_on(helix, points)
    away, _ = cKDTree(curved(np.arange(0.0, 68.0, 0.05))).query(result.lines[0].points_mm)
    assert float(np.mean(away)) < 0.2
    assert float(np.max(away)) < 0.6
    assert result.quantities[0].value == pytest.approx(57.0, abs=2.0)
    straight_mm = float(np.linalg.norm(points[2] - points[0]))
    assert result.quantities[1].value == pytest.approx(straight_mm, abs=2.0)


def test_on_ct_it_does_not_run_through_bone() -> None:
    array = tube(straight, lambda run: np.full(len(run), 5.0), 60.0, GRID, blur_mm=0.35) * 0.5
    where = GRID.to_lps(np.argwhere(np.ones(GRID.shape, bool))[:, ::-1].astype(float))
    middle = straight(np.array([30.0]))[0]
    bone = np.hypot(where[:, 0] - middle[0] - 6.5, where[:, 1] - middle[1]) < 3.5
    array = np.where(bone.reshape(GRID.shape), np.float32(1200.0), array)
    result = run_on(array, straight(np.array([4.0, 56.0])), ct=True)
    away, _ = cKDTree(straight(np.arange(0.0, 60.0, 0.05))).query(result.lines[0].points_mm)
    assert float(np.max(away)) < 1.0


def test_what_is_no_vessel_is_refused(helix: NDArray[np.float32]) -> None:
    with pytest.raises(BadInput, match="two or more places"):
        run_on(helix, curved(np.array([5.0])))
    with pytest.raises(BadInput, match="less than 2 mm"):
        run_on(helix, curved(np.array([5.0, 5.5])))
    with pytest.raises(BadInput, match="outside the image"):
        run_on(helix, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 500.0]]))
    with pytest.raises(BadInput, match="bright vessel"):
        run_on(helix, np.concatenate([curved(np.array([5.0])), [[0.0, 0.0, 0.0]]]))
    cut = np.array(helix)
    cut[GRID.shape[0] // 2 - 8 : GRID.shape[0] // 2 + 8] = 120.0
    with pytest.raises(BadInput, match="No vessel leads"):
        run_on(cut, curved(np.array([5.0, 62.0])))


def test_planes_lie_across_the_line_and_do_not_turn_about_it() -> None:
    line = resampled(curved(np.arange(0.0, 60.0, 1.0)), 0.5, 1.0)
    planes = planes_across(line, 5.0, 0.5)
    for one, other in ((planes.u, planes.along), (planes.v, planes.along), (planes.u, planes.v)):
        assert np.abs((one * other).sum(axis=1)).max() < 1e-9
    assert (planes.u[1:] * planes.u[:-1]).sum(axis=1).min() > 0.995
    assert run_of(line)[-1] == pytest.approx(59.0, abs=1.0)
    # An image that is a linear function of the place is sampled exactly.
    places = GRID.to_lps(np.argwhere(np.ones(GRID.shape, bool))[:, ::-1].astype(float))
    ramp = (places @ np.array([2.0, -1.0, 0.5])).reshape(GRID.shape)
    at = 40
    sample = planes.sample(ramp, GRID)[at]
    u, v = np.meshgrid(planes.steps_mm, planes.steps_mm, indexing="ij")
    wanted = planes.place(at, u, v) @ np.array([2.0, -1.0, 0.5])
    assert sample == pytest.approx(wanted, abs=1e-3)

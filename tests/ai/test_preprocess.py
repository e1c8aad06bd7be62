"""There and back again: orientation, resampling, windows, thresholds."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.ai.packages import manifest
from workstation.ai.limits import Unsuitable
from workstation.ai.manifest import Manifest, Quality
from workstation.ai.postprocess import clean, found_masks
from workstation.ai.preprocess import (
    Image,
    check_quality,
    find_foreground,
    frame_of,
    otsu,
    prepare,
)
from workstation.ai.sliding_window import gaussian, one_by_one, positions, slide
from workstation.ai.vocabulary import Foreground, Infer, Post, Pre
from workstation.domain.geometry import AxisMap, Grid, as_matrix
from workstation.domain.mask import dice


def parsed(**changes: Any) -> Manifest:
    return Manifest.model_validate_json(json.dumps(manifest(**changes)))


def pre(**changes: Any) -> Pre:
    return parsed(
        pre={"orientation": "LPH", "spacing_mm": [None, None, None], "intensity": []} | changes
    ).pre


ORIENTATIONS = [
    AxisMap((a, b, c), (u, v, w))
    for a, b, c in itertools.permutations((0, 1, 2))
    for u, v, w in itertools.product((False, True), repeat=3)
]  # 48: the 24 rotations and their mirror images
ROTATIONS = [
    one
    for one in ORIENTATIONS
    if np.linalg.det(one.apply_grid(Grid((2, 3, 4), as_matrix(np.eye(4)))).matrix[:3, :3]) > 0
]
SPACINGS = [(0.7, 0.7, 3.3), (1.0, 1.0, 1.0), (0.43, 0.61, 5.5)]


def predict_same(batch: Image) -> Image:
    return batch


def round_trip(said: Manifest, array: NDArray[Any], grid: Grid, folder: Path) -> NDArray[np.bool_]:
    prepared = prepare(said.pre, [array], [grid])
    planes = slide(prepared.array, said.infer, one_by_one(predict_same), said.pre.pad_value)
    (found,) = found_masks(planes, prepared, said)
    return clean(found.mask, grid.voxel_ml, said.post)


@pytest.mark.parametrize("letters", ["LPH", "RAH", "FAL"])
@pytest.mark.parametrize("patch", [[5, 6, 7], [16, 4, 32]])
def test_identity_through_every_orientation_and_odd_shapes(
    tmp_path: Path, letters: str, patch: list[int]
) -> None:
    assert len(ROTATIONS) == 24
    said = parsed(
        pre={"orientation": letters, "spacing_mm": [None, None, None], "intensity": []},
        infer={"patch": patch, "max_ram_mb": 512, "timeout_s": 9},
    )
    rng = np.random.default_rng(1)
    for turn, spacing in itertools.product(ORIENTATIONS, SPACINGS):
        base = Grid((7, 11, 13), as_matrix(np.diag([*spacing, 1.0])))
        array = (rng.random(base.shape) > 0.6).astype(np.int16)
        back = round_trip(said, turn.apply(array), turn.apply_grid(base), tmp_path)
        assert np.array_equal(back, turn.apply(array) > 0)


def test_prepared_voxels_lie_where_they_lay() -> None:
    # An image that is linear in patient space stays so under linear resampling: each prepared
    # voxel must hold the value of its own place in the patient.
    axes = np.array([0.31, -0.17, 0.23])
    tilt = np.diag([0.8, 1.3, 2.9, 1.0])
    tilt[:3, 3] = (-40.0, 12.0, 7.0)
    tilt[1, 2] = 0.9  # sheared: a tilted gantry
    base = Grid((9, 14, 11), as_matrix(tilt))
    for turn in ORIENTATIONS:
        grid = turn.apply_grid(base)
        index = np.stack(np.meshgrid(*(range(n) for n in grid.shape), indexing="ij"), -1)
        array = grid.to_lps(index[..., ::-1].astype(float)) @ axes
        prepared = prepare(pre(spacing_mm=[1.0, 1.0, 1.0]), [array], [grid])
        work = prepared.frame.work
        assert max(abs(np.asarray(work.spacing_mm) - 1.0)) < 0.07
        places = np.stack(np.meshgrid(*(range(n) for n in work.shape), indexing="ij"), -1)
        expected = work.to_lps(places[..., ::-1].astype(float)) @ axes
        inner = (slice(2, -2),) * 3  # at the ends the last value is repeated
        assert np.allclose(prepared.array[0][inner], expected[inner], atol=1e-4)


def test_field_of_view_is_kept() -> None:
    grid = Grid((5, 20, 30), as_matrix(np.diag([0.9, 0.9, 6.0, 1.0])))
    frame = frame_of(pre(spacing_mm=[1.2, 1.2, 2.0]), grid)
    assert frame.work.shape == (15, 15, 22)  # 5*6/2, 20*0.9/1.2, round(30*0.9/1.2)
    assert np.allclose(frame.work.corners_lps, grid.corners_lps)


def ball(grid: Grid, radius_mm: float) -> NDArray[np.bool_]:
    index = np.stack(np.meshgrid(*(range(n) for n in grid.shape), indexing="ij"), -1)
    away = grid.to_lps(index[..., ::-1].astype(float)) - grid.centre_lps
    return np.asarray(np.linalg.norm(away, axis=-1) < radius_mm)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("wanted", [[1.0, 1.0, 1.0], [0.5, 0.5, None], [None, None, 0.9]])
def test_resampled_mask_comes_back_in_place(
    tmp_path: Path, spacing: tuple[float, float, float], wanted: list[float | None]
) -> None:
    shape = tuple(int(40 / s) | 1 for s in reversed(spacing))
    grid = Grid((shape[0], shape[1], shape[2]), as_matrix(np.diag([*spacing, 1.0])))
    truth = ball(grid, 12.0)
    said = parsed(pre={"orientation": "RAH", "spacing_mm": wanted, "intensity": []},
                  infer={"patch": [16, 32, 32], "max_ram_mb": 512, "timeout_s": 9})  # fmt: skip
    back = round_trip(said, truth.astype(np.float32), grid, tmp_path)
    assert dice(back, truth) > 0.97
    shift = ndimage.center_of_mass(back) - np.asarray(ndimage.center_of_mass(truth))
    assert np.abs(shift).max() < 0.05  # voxels: no half-voxel drift


def test_further_channel_is_brought_onto_the_first() -> None:
    first = Grid((6, 8, 10), as_matrix(np.diag([1.0, 1.0, 3.0, 1.0])))
    other_affine = np.array([[0, 0, 2.0, -3], [0, 1.5, 0, -2], [-1.2, 0, 0, 20], [0, 0, 0, 1.0]])
    other = Grid((12, 12, 20), as_matrix(other_affine))
    axes = np.array([1.0, 0.5, -0.25])

    def ramp(grid: Grid) -> NDArray[np.float64]:
        index = np.stack(np.meshgrid(*(range(n) for n in grid.shape), indexing="ij"), -1)
        return np.asarray(grid.to_lps(index[..., ::-1].astype(float)) @ axes)

    prepared = prepare(pre(), [ramp(first), ramp(other)], [first, other])
    inside = np.s_[1:-1, 1:-1, 1:-1]
    assert np.allclose(prepared.array[1][inside], prepared.array[0][inside], atol=1e-4)


def test_window_positions_as_published() -> None:
    assert positions(110, 64, 0.5) == [0, 23, 46]
    assert positions(64, 64, 0.5) == [0]
    assert positions(3, 64, 0.5) == [0]
    assert positions(65, 64, 0.5) == [0, 1]


def test_window_positions_cover_without_large_steps() -> None:
    for size, tile, overlap in itertools.product(range(1, 130, 7), (8, 31, 64), (0.0, 0.5, 0.75)):
        found = positions(size, tile, overlap)
        assert found[0] == 0
        assert found[-1] == max(0, size - tile)
        steps = np.diff(found)
        assert (steps >= 1).all()
        assert (steps <= tile * (1 - overlap) + 0.5).all()


def test_weight_is_a_gaussian_without_zeros() -> None:
    weight = gaussian((64, 64, 64))
    assert weight.max() == 1.0
    assert weight[32, 32, 32] == 1.0
    assert weight.min() > 0
    # sigma 8: one sigma from the centre e**-0.5
    assert weight[32, 32, 40] == pytest.approx(np.exp(-0.5), rel=1e-3)
    assert gaussian((1, 160, 160))[0, 80, 60] == pytest.approx(np.exp(-0.5), rel=1e-3)


def settings(**changes: Any) -> Infer:
    return parsed(
        infer={"patch": [8, 8, 8], "max_ram_mb": 512, "timeout_s": 9} | changes,
        io={"input": "image", "output": "out", "opset": 17,
            "layout": "NCDHW" if len(changes.get("patch", [8, 8, 8])) == 3 else "NCHW"},
    ).infer  # fmt: skip


@pytest.mark.parametrize("flips", [[], ["x"], ["x", "y"]])
@pytest.mark.parametrize("patch", [[8, 8, 8], [8, 16], [40, 40]])
def test_slices_come_in_order_and_unchanged(patch: list[int], flips: list[str]) -> None:
    image = np.random.default_rng(2).random((2, 13, 17, 19)).astype(np.float32)
    infer = settings(patch=patch, flips=flips, batch=3)
    found = list(slide(image, infer, one_by_one(predict_same), -5.0))
    assert [z for z, _ in found] == list(range(13))
    again = np.stack([plane for _, plane in found], axis=1)
    assert np.allclose(again, image, atol=1e-5)


def test_neighbouring_slices_become_channels_and_ends_are_repeated() -> None:
    image = np.arange(5, dtype=np.float32)[None, :, None, None] * np.ones((1, 1, 8, 8), np.float32)
    seen: list[list[float]] = []

    def look(batch: Image) -> Image:
        seen.extend([list(one[:, 0, 0]) for one in batch])
        return batch[:, 1:2]

    list(slide(image, settings(patch=[8, 8], slices=3, batch=2), one_by_one(look), 0.0))
    assert seen == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 4]]


def test_intensity_steps_by_hand() -> None:
    grid = Grid((1, 1, 5), as_matrix(np.eye(4)))
    array = np.array([[[0.0, 10.0, 20.0, 30.0, 1000.0]]])
    steps = [
        {"op": "clip", "low": 0.0, "high": 40.0},
        {"op": "z_score", "within": "foreground"},
        {"op": "fill_background", "value": -9.0},
    ]
    done = prepare(pre(intensity=steps), [array], [grid]).array[0, 0, 0]
    # foreground: 10, 20, 30, 40: mean 25, population deviation sqrt(125)
    assert np.allclose(done, [-9.0, *((np.array([10, 20, 30, 40]) - 25) / np.sqrt(125))])
    steps = [{"op": "percentile_scale", "low": 0.0, "high": 75.0, "within": "all"},
             {"op": "percentile_clip", "low": 0.0, "high": 75.0, "within": "all"},
             {"op": "scale", "source": [0.0, 1.0], "target": [0.0, 6.0]}]  # fmt: skip
    done = prepare(pre(intensity=steps), [array], [grid]).array[0, 0, 0]
    assert np.allclose(done, [0.0, 2.0, 4.0, 6.0, 6.0])


def test_foreground_rules() -> None:
    image = np.zeros((3, 9, 9), dtype=np.float32)
    image[:, 2:7, 2:7] = 100.0
    image[:, 4, 4] = 0.0  # a hole
    image[1, 0, 0] = 100.0  # a speck
    whole = find_foreground(image, Foreground(rule="otsu"))
    assert int(whole.sum()) == 3 * 24 + 1
    solid = find_foreground(image, Foreground(rule="otsu", largest=True, fill=True))
    assert int(solid.sum()) == 3 * 25
    assert np.array_equal(find_foreground(image, Foreground(rule="fraction", value=0.5)), whole)
    two = np.concatenate([np.full(500, 10.0), np.full(100, 90.0)])
    assert 10 < otsu(two) < 90


def test_crop_and_back(tmp_path: Path) -> None:
    grid = Grid((9, 20, 20), as_matrix(np.diag([1.0, 1.0, 2.0, 1.0])))
    array = np.zeros(grid.shape, dtype=np.float32)
    array[3:6, 5:9, 12:15] = 1.0
    said = parsed(pre={"orientation": "LPH", "spacing_mm": [None] * 3, "intensity": [],
                       "crop": {"to": "foreground", "margin_mm": 2.0}})  # fmt: skip
    prepared = prepare(said.pre, [array], [grid])
    assert prepared.array.shape == (1, 5, 8, 7)  # 2 mm: one slice, two pixels on each side
    assert np.array_equal(round_trip(said, array, grid, tmp_path), array > 0)
    with pytest.raises(Unsuitable, match="no patient was found"):
        prepare(said.pre, [array * 0], [grid])


def test_image_that_is_not_finite_is_taken_as_dark() -> None:
    grid = Grid((1, 1, 3), as_matrix(np.eye(4)))
    array = np.array([[[np.nan, 2.0, 5.0]]])
    assert prepare(pre(), [array], [grid]).array.tolist() == [[[[2.0, 2.0, 5.0]]]]


def test_softmax_takes_the_most_probable_channel(tmp_path: Path) -> None:
    label = manifest()["labels"][0] | {"index": 1}
    said = parsed(post={"activation": "softmax", "threshold": None}, labels=[label])
    grid = Grid((4, 8, 8), as_matrix(np.eye(4)))
    truth = ball(grid, 3.0)
    prepared = prepare(said.pre, [truth.astype(np.float32)], [grid])

    def two_channels(batch: Image) -> Image:
        return np.concatenate([np.full_like(batch, 0.4), batch], axis=1)

    planes = slide(prepared.array, said.infer, one_by_one(two_channels), 0.0)
    (found,) = found_masks(planes, prepared, said)
    assert np.array_equal(found.mask, truth)
    assert found.score == pytest.approx(1 / (1 + np.exp(-0.6)), abs=1e-5)


def test_cleaning_in_millilitres() -> None:
    mask = np.zeros((5, 12, 12), dtype=bool)
    mask[1:4, 1:5, 1:5] = True  # 48 voxels with a hole
    mask[2, 2, 2] = False
    mask[2, 9:11, 9:11] = True  # 4 voxels
    mask[0, 11, 0] = True  # 1 voxel
    voxel_ml = 0.01
    assert int(clean(mask, voxel_ml, Post(activation="none", min_component_ml=0.04)).sum()) == 51
    assert int(clean(mask, voxel_ml, Post(activation="none", min_component_ml=0.041)).sum()) == 47
    assert int(clean(mask, voxel_ml, Post(activation="none", keep_largest=True)).sum()) == 47
    assert int(clean(mask, voxel_ml, Post(activation="none", fill_holes=True)).sum()) == 53
    assert not clean(mask & False, voxel_ml, Post(activation="none", keep_largest=True)).any()


def test_quality_bounds() -> None:
    grid = Grid((10, 10, 10), as_matrix(np.diag([1.0, 1.0, 1.0, 1.0])))
    prepared = prepare(pre(), [np.ones(grid.shape)], [grid])
    check_quality(Quality(foreground_ml=(1.0, 1.0)), prepared)
    with pytest.raises(Unsuitable, match="shows 1 mL of the patient"):
        check_quality(Quality(foreground_ml=(2.0, 3.0)), prepared)
    bound = {"percentile": 50.0, "low": 2.0, "high": 3.0}
    with pytest.raises(Unsuitable, match="brightness is unlike"):
        check_quality(Quality.model_validate({"percentiles": (bound,)}), prepared)

"""A network that changes nothing gives its input back, whatever is done to it on the way."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from tests.ai.packages import manifest
from workstation.ai.manifest import Manifest
from workstation.ai.postprocess import found_masks
from workstation.ai.preprocess import Image, prepare
from workstation.ai.sliding_window import gaussian_centred, one_by_one, positions, slide
from workstation.domain.geometry import AxisMap, Grid, as_matrix
from workstation.domain.mask import dice

ORIENTATIONS = [
    AxisMap((a, b, c), (u, v, w))
    for a, b, c in itertools.permutations((0, 1, 2))
    for u, v, w in itertools.product((False, True), repeat=3)
]
LETTERS = [
    "".join(pair) for pick in itertools.permutations(("LR", "PA", "HF"))
    for pair in itertools.product(*pick)
]  # fmt: skip
TILTED = np.array(
    [[0.8, 0.1, 0.2, -40.0], [-0.1, 1.1, 0.4, 12.0], [0.0, -0.2, 2.7, 7.0], [0, 0, 0, 1.0]]
)


def same(batch: Image) -> Image:
    return batch


def said(**changes: Any) -> Manifest:
    pre = {"orientation": "LPH", "spacing_mm": [None] * 3, "intensity": []} | changes.pop("pre", {})
    infer = {"patch": [8, 8, 8], "max_ram_mb": 512, "timeout_s": 9} | changes.pop("infer", {})
    flat = len(infer["patch"]) == 2
    io = {"input": "image", "output": "out", "opset": 17, "layout": "NCHW" if flat else "NCDHW"}
    return Manifest.model_validate_json(
        json.dumps(manifest(pre=pre, infer=infer, io=io, **changes))
    )


def round_trip(one: Manifest, array: NDArray[Any], grid: Grid) -> NDArray[np.bool_]:
    prepared = prepare(one.pre, [array], [grid])
    planes = slide(prepared.array, one.infer, one_by_one(same), one.pre.pad_value)
    (found,) = found_masks(planes, prepared, one)
    return found.mask


WAYS = st.fixed_dictionaries(
    {
        "pre": st.fixed_dictionaries(
            {
                "orientation": st.sampled_from([None, *LETTERS]),
                "transpose": st.permutations([0, 1, 2]),
                "fit": st.sampled_from(["field_of_view", "first_voxel"]),
                "interpolation": st.sampled_from(["nearest", "linear", "cubic"]),
                "across_slices": st.sampled_from(["same", "nearest_if_anisotropic"]),
                "sequence": st.sampled_from(["resample_first", "resample_last"]),
            }
        ),
        "infer": st.fixed_dictionaries(
            {
                "patch": st.one_of(
                    st.lists(st.integers(1, 16), min_size=3, max_size=3),
                    st.lists(st.integers(1, 16), min_size=2, max_size=2),
                ),
                "overlap": st.sampled_from([0.0, 0.25, 0.5, 0.75]),
                "flips": st.sampled_from([[], ["x"], ["y", "x"]]),
                "steps": st.sampled_from(["even", "fixed"]),
                "weight": st.sampled_from(["gaussian", "gaussian_centred", "constant"]),
                "batch": st.integers(1, 5),
            }
        ),
        "post": st.fixed_dictionaries(
            {
                "activation": st.just("none"),
                "resample": st.sampled_from(["probabilities", "logits", "labels"]),
                "decide": st.sampled_from(["threshold", "ordered"]),
            }
        ),
    }
)


@settings(max_examples=150, deadline=None)
@given(WAYS, st.sampled_from(ORIENTATIONS), st.integers(0, 2**32 - 1))
def test_every_way_through_gives_the_input_back(
    way: dict[str, Any], turn: AxisMap, seed: int
) -> None:
    base = Grid((6, 9, 11), as_matrix(TILTED))
    array = (np.random.default_rng(seed).random(base.shape) > 0.6).astype(np.int16)
    back = round_trip(said(**way), turn.apply(array), turn.apply_grid(base))
    assert np.array_equal(back, turn.apply(array) > 0)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ORIENTATIONS),
    st.tuples(*[st.sampled_from([1.0, 3.0, 5.0])] * 3),
    st.sampled_from(["resample_first", "resample_last"]),
    st.sampled_from(["probabilities", "logits"]),
)
def test_finer_by_odd_factors_and_back(
    turn: AxisMap, finer: tuple[float, float, float], sequence: str, what: str
) -> None:
    # Old centres are new centres then: nothing is lost by interpolation, exactly.
    base = Grid((4, 5, 6), as_matrix(np.diag([1.5, 0.75, 3.0, 1.0])))
    array = (np.random.default_rng(5).random(base.shape) > 0.5).astype(np.float32)
    grid = turn.apply_grid(base)
    wanted = [s / f for s, f in zip(base.spacing_mm, finer, strict=True)]
    one = said(
        pre={"spacing_mm": wanted, "sequence": sequence},
        post={"activation": "none", "resample": what},
        infer={"patch": [9, 8, 10]},
    )
    assert np.array_equal(round_trip(one, turn.apply(array), grid), turn.apply(array) > 0.5)


@pytest.mark.parametrize("fit", ["field_of_view", "first_voxel"])
@pytest.mark.parametrize("sequence", ["resample_first", "resample_last"])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_a_body_keeps_its_place_at_any_spacing(fit: str, sequence: str, interpolation: str) -> None:
    rng = np.random.default_rng(11)
    for turn in ORIENTATIONS[::5]:
        spacing = rng.uniform(0.5, 3.0, 3)
        shape = tuple(int(36 / s) | 1 for s in reversed(spacing))
        base = Grid((shape[0], shape[1], shape[2]), as_matrix(np.diag([*spacing, 1.0])))
        index = np.stack(np.meshgrid(*(range(n) for n in shape), indexing="ij"), -1)
        away = base.to_lps(index[..., ::-1].astype(float)) - base.centre_lps
        truth = turn.apply(np.linalg.norm(away, axis=-1) < 11.0)
        one = said(
            pre={"spacing_mm": list(rng.uniform(0.5, 1.5, 3)), "fit": fit, "sequence": sequence,
                 "interpolation": interpolation, "crop": {"to": "foreground", "margin_mm": 6.0}},
            infer={"patch": [16, 24, 24]},
        )  # fmt: skip
        back = round_trip(one, truth.astype(np.float32), turn.apply_grid(base))
        assert dice(back, truth) > 0.97
        shift = ndimage.center_of_mass(back) - np.asarray(ndimage.center_of_mass(truth))
        assert np.abs(shift).max() < 0.1


def test_monai_windows() -> None:
    # dense_patch_slices(image 110, patch 64, interval int(64 * 0.5)): 0, 32, then 110 - 64.
    assert positions(110, 64, 0.5, "fixed") == [0, 32, 46]
    assert positions(128, 64, 0.5, "fixed") == [0, 32, 64]
    assert positions(64, 64, 0.25, "fixed") == [0]
    assert positions(97, 96, 0.25, "fixed") == [0, 1]
    # compute_importance_map((4, 6), gaussian, 0.125): separable about (n - 1) / 2, at least 0.001.
    weight = gaussian_centred((4, 6))
    assert weight[1, 2] == pytest.approx(np.exp(-0.25 / 0.5) * np.exp(-0.25 / (2 * 0.75**2)))
    assert weight[0, 0] == pytest.approx(1e-3)
    assert np.array_equal(weight, weight[::-1, ::-1])

"""The words that nnU-Net and MONAI need, each beside a plain reading of what those tools do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.ai.packages import manifest
from tests.ai.test_identity import said
from workstation.ai.manifest import Manifest
from workstation.ai.postprocess import found_masks
from workstation.ai.preprocess import Image, fill_volume, prepare
from workstation.domain.geometry import Grid, as_matrix

GRID = Grid((10, 24, 20), as_matrix(np.diag([0.9, 0.7, 4.0, 1.0])))


def brain(seed: int = 0) -> NDArray[np.float32]:
    """A bright block with a dark hole in a background of zeros."""
    image = np.zeros(GRID.shape, dtype=np.float32)
    image[2:9, 4:20, 3:18] = np.random.default_rng(seed).normal(300, 40, (7, 16, 15))
    image[5, 8:10, 8:10] = 0.0
    return image


def test_nnunet_order_of_things() -> None:
    """Crop to nonzero, z-score within it, then cubic in plane and nearest across: by hand."""
    images = [brain(0), brain(1)]
    one = said(
        accept=[{"channel": "a", "modality": ["MR"]}, {"channel": "b", "modality": ["MR"]}],
        pre={
            "orientation": None, "spacing_mm": [0.6, 0.6, 2.0], "interpolation": "cubic",
            "across_slices": "nearest_if_anisotropic", "sequence": "resample_last",
            "foreground": {"rule": "nonzero"}, "crop": {"to": "foreground", "margin_mm": 0.0},
            "intensity": [{"op": "z_score", "within": "foreground", "only_within": True}],
        },
    )  # fmt: skip
    prepared = prepare(one.pre, images, [GRID, GRID])
    mask = ndimage.binary_fill_holes((images[0] != 0) | (images[1] != 0))
    assert mask is not None
    block = np.s_[2:9, 4:20, 3:18]
    for channel, image in enumerate(images):
        part, inside = image[block].astype(np.float64), mask[block]
        part[inside] = (part[inside] - part[inside].mean()) / part[inside].std()
        shape = (round(4.0 / 2.0 * 7), round(0.7 / 0.6 * 16), round(0.9 / 0.6 * 15))
        assert prepared.array.shape[1:] == shape
        planes = []
        for plane in part:
            factors = (shape[1] / 16, shape[2] / 15)
            finer = ndimage.zoom(plane, factors, order=3, mode="nearest", grid_mode=True)
            planes.append(np.clip(finer, plane.min(), plane.max()))
        nearest = np.floor(0.5 * (np.arange(14) + 0.5)).astype(int)
        assert np.abs(prepared.array[channel] - np.stack(planes)[nearest]).max() < 1e-4


def test_ct_scheme_and_each_channel_its_own() -> None:
    ct = np.linspace(-1000, 3000, GRID.shape[0] * 480).reshape(GRID.shape).astype(np.int16)
    steps = [
        [{"op": "clip", "low": -150.0, "high": 250.0},
         {"op": "standardise", "mean": 60.0, "deviation": 80.0}],
        [{"op": "scale", "source": [-1000.0, 1000.0], "target": [-1.0, 1.0]},
         {"op": "clip", "low": -1.0, "high": 1.0}],
    ]  # fmt: skip
    one = said(
        accept=[{"channel": "a", "modality": ["CT"]}, {"channel": "b", "modality": ["CT"]}],
        pre={"orientation": None, "per_channel": steps},
    )
    first, second = prepare(one.pre, [ct, ct], [GRID, GRID]).array
    assert np.allclose(first, (np.clip(ct, -150, 250) - 60) / 80, atol=1e-5)
    assert np.allclose(second, np.clip(ct / 1000, -1, 1), atol=1e-5)
    with pytest.raises(ValueError, match="one list a channel"):
        said(pre={"per_channel": steps})


def test_nonzero_leaves_zeros_alone() -> None:
    # MONAI's NormalizeIntensity(nonzero=True): zeros inside the body stay out of it as well.
    image = brain()
    steps = [{"op": "z_score", "within": "nonzero", "only_within": True}]
    done = prepare(said(pre={"orientation": None, "intensity": steps}).pre, [image], [GRID])
    there = image != 0
    assert (done.array[0][~there] == 0).all()
    assert done.array[0][there].mean() == pytest.approx(0, abs=1e-4)
    assert done.array[0][there].std() == pytest.approx(1, abs=1e-4)


def test_holes_in_three_dimensions() -> None:
    rng = np.random.default_rng(3)
    for density in (0.3, 0.6, 0.8):
        mask = rng.random((12, 13, 14)) < density
        assert np.array_equal(fill_volume(mask), ndimage.binary_fill_holes(mask))


def labels(*indices: int) -> list[dict[str, object]]:
    first = manifest()["labels"][0]
    return [first | {"index": index, "key": f"label{index}"} for index in indices]


def masks_of(one: Manifest, logits: Image) -> dict[str, NDArray[np.bool_]]:
    """What is made of given logits (K, z, y, x) on the network's grid."""
    prepared = prepare(one.pre, [brain()], [GRID])

    def planes() -> Iterator[tuple[int, Image]]:
        yield from enumerate(np.moveaxis(logits, 1, 0))

    return {one.label.key: one.mask for one in found_masks(planes(), prepared, one)}


def test_logits_are_brought_back_before_they_are_compared() -> None:
    """nnU-Net: linear logits, argmax only on the original grid."""
    one = said(
        pre={"orientation": None, "spacing_mm": [1.8, 1.4, 4.0]},
        post={"activation": "softmax", "resample": "logits", "decide": "argmax"},
        labels=labels(1, 2),
    )
    logits = np.random.default_rng(2).normal(0, 4, (3, 10, 12, 10)).astype(np.float32)
    found = masks_of(one, logits)
    back = [ndimage.zoom(k, (1, 2, 2), order=1, mode="nearest", grid_mode=True) for k in logits]
    best = np.argmax(back, axis=0)
    assert np.array_equal(found["label1"], best == 1)
    assert np.array_equal(found["label2"], best == 2)


def test_labels_are_brought_back_by_the_nearest_voxel() -> None:
    """MONAI's Invertd after AsDiscrete."""
    one = said(
        pre={"orientation": None, "spacing_mm": [1.8, 1.4, 4.0]},
        post={"activation": "softmax", "resample": "labels", "decide": "argmax"},
        labels=labels(1, 2),
    )
    logits = np.random.default_rng(2).normal(0, 4, (3, 10, 12, 10)).astype(np.float32)
    found = masks_of(one, logits)
    best = np.argmax(logits, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    assert np.array_equal(found["label1"], best == 1)
    assert np.array_equal(found["label2"], best == 2)


def test_regions_later_ones_lie_over_earlier_ones() -> None:
    """nnU-Net's regions_class_order: whole tumour, then core, then enhancing."""
    one = said(
        pre={"orientation": None},
        post={"activation": "sigmoid", "resample": "logits", "decide": "ordered"},
        labels=labels(0, 1, 2),
    )
    logits = np.random.default_rng(8).normal(0, 2, (3, *GRID.shape)).astype(np.float32)
    found = masks_of(one, logits)
    expected = np.zeros(GRID.shape, dtype=int)
    for number in range(3):
        expected[logits[number] > 0] = number + 1  # sigmoid over one half
    for number in range(3):
        assert np.array_equal(found[f"label{number}"], expected == number + 1)


@pytest.mark.parametrize("sequence", ["resample_first", "resample_last"])
@pytest.mark.parametrize("what", ["probabilities", "logits", "labels"])
def test_nothing_is_found_outside_the_crop(sequence: str, what: str) -> None:
    one = said(
        pre={"orientation": None, "sequence": sequence, "spacing_mm": [0.9, 0.7, 2.0],
             "foreground": {"rule": "nonzero"}, "crop": {"to": "foreground", "margin_mm": 0.0}},
        post={"activation": "softmax", "resample": what, "decide": "argmax"},
        labels=labels(0),
    )  # fmt: skip
    prepared = prepare(one.pre, [brain()], [GRID])
    everywhere = np.stack([np.ones(prepared.array.shape[1:]), np.zeros(prepared.array.shape[1:])])
    (mask,) = masks_of(one, everywhere.astype(np.float32)).values()
    body = np.zeros(GRID.shape, dtype=bool)
    body[2:9, 4:20, 3:18] = True
    assert mask[body].all()
    if sequence == "resample_first":  # there the body is that of the interpolated slices
        body = np.asarray(ndimage.binary_dilation(body))
    assert not mask[~body].any()

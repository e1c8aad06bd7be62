"""Axis by axis is the same as all at once: scipy's own zoom, nnU-Net's rules, MONAI's grids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.resampling import Axes, Axis, Order, coarse_axis, resampled, stream

SHAPES = [((9, 14, 11), (5, 21, 11)), ((12, 7, 20), (31, 7, 13)), ((4, 30, 30), (9, 17, 44))]
DEGREES: dict[Order, Literal[1, 3]] = {"linear": 1, "cubic": 3}


def axes_of(old: tuple[int, ...], new: tuple[int, ...], order: Order) -> Axes:
    z, y, x = (Axis(n, m, n / m, "field_of_view", order) for n, m in zip(old, new, strict=True))
    return z, y, x


def noise(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(4).normal(0, 300, shape).astype(np.float32)


@pytest.mark.parametrize(("old", "new"), SHAPES)
@pytest.mark.parametrize("order", ["linear", "cubic"])
def test_as_scipy_zooms(old: tuple[int, ...], new: tuple[int, ...], order: Order) -> None:
    # scikit-image's resize(mode="edge", anti_aliasing=False) is this call and a clip.
    image = noise(old)
    factors = [m / n for n, m in zip(old, new, strict=True)]
    expected = ndimage.zoom(
        image.astype(np.float64), factors, order=DEGREES[order], mode="nearest", grid_mode=True
    )
    expected = np.clip(expected, image.min(), image.max())
    assert np.abs(resampled(image, axes_of(old, new, order)) - expected).max() < 2e-3  # of 300


def test_a_cubic_result_stays_in_the_image_own_range() -> None:
    image = np.zeros((20, 20, 20), dtype=np.float32)
    image[5:15, 5:15, 5:15] = 1000.0
    finer = resampled(image, axes_of(image.shape, (41, 41, 41), "cubic"))
    assert finer.min() == 0.0
    assert finer.max() == 1000.0


@pytest.mark.parametrize("apart", [0, 1, 2])
def test_slices_apart_as_nnunet_does(apart: int) -> None:
    """In plane cubic and clipped slice by slice, across the nearest slice (order_z = 0)."""
    old, new = [24, 26, 22], [31, 19, 35]
    old[apart], new[apart] = 7, 12
    image = noise(tuple(old))
    plain = list(axes_of(tuple(old), tuple(new), "cubic"))
    plain[apart] = Axis(7, 12, 7 / 12, "field_of_view", "nearest")
    found = resampled(image, (plain[0], plain[1], plain[2]))
    inner = [m for axis, m in enumerate(new) if axis != apart]
    slices = []
    for plane in np.moveaxis(image.astype(np.float64), apart, 0):
        factors = [m / n for n, m in zip(plane.shape, inner, strict=True)]
        finer = ndimage.zoom(plane, factors, order=3, mode="nearest", grid_mode=True)
        slices.append(np.clip(finer, plane.min(), plane.max()))
    stack = np.stack(slices)
    index = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in (12, *inner)), indexing="ij"))
    index[0] = 7 / 12 * (index[0] + 0.5) - 0.5
    expected = ndimage.map_coordinates(stack, index, order=0, mode="nearest")
    assert np.abs(np.moveaxis(found, apart, 0) - expected).max() < 2e-3


@pytest.mark.parametrize(
    ("before", "after", "axis"),
    [
        ((5.0, 0.5, 0.5), (1.0, 1.0, 1.0), 0),
        ((1.0, 1.0, 1.0), (1.0, 4.0, 1.0), 1),
        ((1.0, 1.0, 3.0), (1.0, 1.0, 1.0), None),  # the ratio must be over three
        ((0.24, 1.25, 1.25), (1.0, 1.0, 1.0), None),  # two coarse axes
        ((5.0, 1.0, 1.0), (1.0, 1.0, 6.0), 0),  # what it was decides first
    ],
)
def test_which_axis_is_left_apart(
    before: tuple[float, ...], after: tuple[float, ...], axis: int | None
) -> None:
    assert coarse_axis(before, after) == axis


def test_first_voxel_stays_where_it_is() -> None:
    # MONAI's Spacing: 10 voxels of 0.8 mm at 1.0 mm: round(9 * 0.8 / 1 + 1) = 8, first at first.
    line = np.arange(10, dtype=np.float32)
    axis = Axis(10, 8, 1.0 / 0.8, "first_voxel", "linear")
    still = Axis(1, 1, 1.0)
    found = resampled(line[None, None, :], (still, still, axis))[0, 0]
    assert np.allclose(found, np.minimum(np.arange(8) * 1.25, 9.0))


def test_odd_refinement_comes_back_exactly() -> None:
    image = noise((5, 6, 7))
    for factors in itertools.product((1, 3, 5), repeat=3):
        fine = tuple(n * f for n, f in zip(image.shape, factors, strict=True))
        there = resampled(image, axes_of(image.shape, fine, "linear"))
        back = resampled(there, axes_of(fine, image.shape, "linear"))
        assert np.allclose(back, image, rtol=0, atol=1e-3)


def test_each_slice_is_taken_once_and_few_are_held() -> None:
    taken: list[int] = []
    held = 0

    def planes() -> Iterator[NDArray[np.float32]]:
        for z in range(200):
            taken.append(z)
            yield np.full((3, 3), z, dtype=np.float32)

    axis, still = Axis(200, 77, 200 / 77), Axis(3, 3, 1.0)
    for number, plane in enumerate(stream(planes(), (axis, still, still))):
        held = max(held, len(taken) - round((number + 0.5) * 200 / 77))
        assert plane[1, 1] == pytest.approx(axis.places[number], abs=1e-4)
    assert taken == list(range(200))
    assert held <= 2

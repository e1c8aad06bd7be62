"""Refinement steps move a coarse mask's edge to the image's own, and find nothing new."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from scipy import ndimage

from workstation.ai.refine import bounds_of_core, refined
from workstation.ai.refinement import LikeCore, Refine
from workstation.domain.mask import dice

SPACING = (2.0, 0.8, 0.8)  # z, y, x, mm
SHAPE = (40, 110, 120)
STEPS: TypeAdapter[Refine] = TypeAdapter(Refine)


def step(**words: Any) -> Refine:
    return STEPS.validate_python(words)


def no_others(key: str) -> NDArray[np.bool_]:
    raise AssertionError(f"{key} was not asked for")


def ball(radius_mm: float, centre_mm: tuple[float, float, float] = (40, 44, 48)) -> Any:
    away = sum(
        ((np.arange(n) * s - c) ** 2).reshape([-1 if a == axis else 1 for a in range(3)])
        for axis, (n, s, c) in enumerate(zip(SHAPE, SPACING, centre_mm, strict=True))
    )
    return np.asarray(away <= radius_mm**2)


def coarse(mask: NDArray[np.bool_], step_mm: float = 6.0) -> NDArray[np.bool_]:
    """As a network on a coarse grid outlines it: in blocks."""
    small = ndimage.zoom(mask.astype(np.float32), [s / step_mm for s in SPACING], order=1)
    back = ndimage.zoom(small > 0.5, [n / m for n, m in zip(mask.shape, small.shape, strict=True)],
                        order=0)  # fmt: skip
    return np.asarray(back, dtype=bool)


@pytest.fixture(scope="module")
def organ() -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """A ball of 60 in fat of -100, with noise: HU, and the truth."""
    truth = ball(26.0)
    rng = np.random.default_rng(4)
    image = np.where(truth, 60.0, -100.0) + rng.normal(0, 18, SHAPE)
    return image.astype(np.int16), truth


def test_an_edge_in_steps_comes_to_the_image_s_own(
    organ: tuple[NDArray[np.int16], NDArray[np.bool_]],
) -> None:
    image, truth = organ
    given = coarse(truth)
    steps = [
        step(op="like_core", core_mm=6, deviations=3.0, least=20.0, grow_mm=6, trim_mm=6,
             smooth_mm=0.8),
        step(op="smooth", radius_mm=2.0),
    ]  # fmt: skip
    out = refined(given, image, SPACING, steps, no_others)
    assert dice(given, truth) < 0.93
    assert dice(out, truth) > 0.98


def test_bounds_come_from_the_core_alone(
    organ: tuple[NDArray[np.int16], NDArray[np.bool_]],
) -> None:
    image, _ = organ
    wide = ball(32.0)  # its rim is fat
    words = {"op": "like_core", "core_mm": 10, "deviations": 2.0, "least": 5.0}
    low, high = bounds_of_core(LikeCore.model_validate(words), wide, image, SPACING)
    assert low == pytest.approx(60 - 2 * 18, abs=1.5)
    assert high == pytest.approx(60 + 2 * 18, abs=1.5)


def test_least_keeps_bounds_open_where_nothing_varies() -> None:
    image = np.full(SHAPE, 40.0, dtype=np.float32)
    words = {"op": "like_core", "core_mm": 4, "deviations": 2.0, "least": 10.0}
    found = bounds_of_core(LikeCore.model_validate(words), ball(20.0), image, SPACING)
    assert found == (20.0, 60.0)


def test_values_grow_no_further_and_trim_no_deeper_than_told() -> None:
    mask = ball(16.0)
    everywhere = np.full(SHAPE, 100.0, dtype=np.float32)
    grown = refined(mask, everywhere, SPACING,
                    [step(op="values", low=0, high=200, grow_mm=4.0)], no_others)  # fmt: skip
    away = ndimage.distance_transform_edt(~mask, sampling=SPACING)
    assert grown[mask].all()
    assert float(away[grown].max()) <= 4.0 * 3**0.5 + 0.1
    middle = np.unravel_index(int(ball(1.5).argmax()), SHAPE)
    assert grown.sum() > mask.sum() * 1.4
    nothing = np.full(SHAPE, -500.0, dtype=np.float32)
    trimmed = refined(mask, nothing, SPACING,
                      [step(op="values", low=0, high=200, trim_mm=4.0)], no_others)  # fmt: skip
    assert trimmed[middle]
    deep = ndimage.distance_transform_edt(mask, sampling=SPACING)
    assert not trimmed[(deep < 3.0)].any()
    assert trimmed[deep > 4.0 * 3**0.5 + 2.0].all()
    gone = refined(mask, nothing, SPACING, [step(op="values", low=0, high=200)], no_others)
    assert not gone.any()


def test_far_pieces_are_never_reached(organ: tuple[NDArray[np.int16], NDArray[np.bool_]]) -> None:
    image, truth = organ
    twin = ball(6.0, (70, 80, 88))
    image = np.where(twin, 60, image).astype(np.int16)
    steps = [step(op="like_core", core_mm=6, deviations=3, least=20, grow_mm=6, trim_mm=6)]
    out = refined(coarse(truth), image, SPACING, steps, no_others)
    assert not out[twin].any()


def test_smooth_drops_specks_and_keeps_flat_edges() -> None:
    mask = ball(20.0)
    speck = mask.copy()
    speck[5, 10, 10] = True
    out = refined(speck, np.zeros(SHAPE), SPACING, [step(op="smooth", radius_mm=3.0)], no_others)
    assert not out[5, 10, 10]
    assert dice(out, mask) > 0.97
    half = np.zeros(SHAPE, dtype=bool)
    half[:, :55] = True  # reaches the ends of the image: they are no edge
    kept = refined(half, np.zeros(SHAPE), SPACING, [step(op="smooth", radius_mm=3.0)], no_others)
    np.testing.assert_array_equal(kept, half)


def test_largest_fill_and_at_least() -> None:
    image = np.zeros(SHAPE)
    two = ball(12.0) | ball(5.0, (70, 80, 88))
    np.testing.assert_array_equal(
        refined(two, image, SPACING, [step(op="largest")], no_others), ball(12.0)
    )
    np.testing.assert_array_equal(
        refined(two, image, SPACING, [step(op="largest", pieces=2)], no_others), two
    )
    shell = ball(20.0) & ~ball(10.0)
    for where in ("volume", "slices"):
        filled = refined(shell, image, SPACING, [step(op="fill", where=where)], no_others)
        np.testing.assert_array_equal(filled, ball(20.0))
    ml = float(ball(12.0).sum()) * float(np.prod(SPACING)) / 1000
    for limit, left in ((ml + 0.01, False), (ml - 0.01, True)):
        out = refined(ball(12.0), image, SPACING, [step(op="at_least", ml=limit)], no_others)
        assert out.any() == left


def test_without_takes_what_others_hold() -> None:
    others = {"lung": ball(14.0, (40, 44, 60)), "heart": ball(6.0, (40, 30, 48))}
    out = refined(ball(20.0), np.zeros(SHAPE), SPACING,
                  [step(op="without", labels=("lung", "heart"))], others.__getitem__)  # fmt: skip
    np.testing.assert_array_equal(out, ball(20.0) & ~others["lung"] & ~others["heart"])


def test_nothing_stays_nothing() -> None:
    empty = np.zeros(SHAPE, dtype=bool)
    bright = np.full(SHAPE, 60.0)
    steps = [step(op="values", low=0, high=100, grow_mm=10), step(op="fill", where="slices")]
    assert not refined(empty, bright, SPACING, steps, no_others).any()


@pytest.mark.parametrize(
    "words",
    [
        {"op": "values", "low": 5, "high": 1},
        {"op": "values", "low": 0, "high": 1, "grow_mm": 80},
        {"op": "like_core", "core_mm": 3, "deviations": 0, "least": 1},
        {"op": "smooth", "radius_mm": 0},
        {"op": "fill", "where": "everywhere"},
        {"op": "without", "labels": ()},
        {"op": "python", "code": "1"},
        {"op": "largest", "pieces": 0},
    ],
)
def test_words_outside_the_vocabulary_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        step(**words)

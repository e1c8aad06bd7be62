"""The image gate: faults of slices, properties of images, likeness to what a model knows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from tests.wrong_images import Picture, grid_of, right_generated
from workstation import text
from workstation.ai.acceptance import (
    ImageChecks,
    Likeness,
    Other,
    Quality,
    Reference,
    SliceChecks,
)
from workstation.ai.appearance import GROUPS, NAMES, Overview, overview_of
from workstation.ai.limits import Unsuitable
from workstation.ai.quality import (
    distance,
    image_remarks,
    judge_image,
    likeness_remarks,
    nearness,
    properties_of,
    slice_remarks,
)
from workstation.domain.geometry import Grid, as_matrix, axes_towards

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def head() -> Picture:
    (one,) = right_generated(range(9200, 9201))
    return one


@pytest.fixture(scope="module")
def seen(head: Picture) -> Overview:
    return overview_of(head.array, head.grid, "LPH")


def body(slices: int = 30) -> Array:
    """A body that changes steadily from slice to slice, with air around it."""
    z, y, x = np.indices((slices, 48, 48), dtype=np.float32)
    inside = (y - 24) ** 2 + (x - 24 - 0.1 * z) ** 2 < (16 + 0.1 * z) ** 2
    waves = np.sin(x / 4 + z / 6) + np.cos(y / 5 - z / 7)
    return np.asarray(inside * (300 + 60 * waves), dtype=np.float32)


def reference(group: str, numbers: list[NDArray[np.float64]], **bounds: float) -> Reference:
    """Mean and scale of some vectors, no directions."""
    rows = np.stack(numbers)
    scale = np.maximum(rows.std(axis=0), 0.05 * np.abs(rows).mean(axis=0) + 0.02)
    said = {
        "group": group,
        "mean": tuple(rows.mean(axis=0).tolist()),
        "scale": tuple(scale.tolist()),
        "residual": 1.0,
    } | ({"uncertain_from": 2.0, "refuse_from": 4.0} | bounds)
    return Reference.model_validate(said)


# --- slices


def test_sound_slices_say_nothing() -> None:
    assert slice_remarks(SliceChecks(), body()) == []
    padded = np.concatenate([np.zeros((4, 48, 48)), body(), np.zeros((6, 48, 48))])
    assert slice_remarks(SliceChecks(), padded) == []


def test_copied_slices_are_counted_and_placed() -> None:
    array = body()
    array[12:15] = array[11]
    (remark,) = slice_remarks(SliceChecks(), array)
    assert remark.answer == "refuse"
    assert str(remark.message).startswith(
        "3 slices repeat the one before them (the first is slice 13)"
    )
    assert slice_remarks(SliceChecks(duplicates="pass"), array) == []


def test_blank_slices_between_others() -> None:
    array = body()
    array[8:10] = 0.0
    (remark,) = slice_remarks(SliceChecks(), array)
    assert str(remark.message) == ("2 slices between others hold no image (the first is slice 9).")


@pytest.mark.parametrize("missing", [4, 8])
def test_slices_cut_out_make_a_jump(missing: int) -> None:
    array = np.delete(body(40), np.s_[18 : 18 + missing], axis=0)
    (remark,) = slice_remarks(SliceChecks(), array)
    assert remark.answer == "uncertain"
    assert str(remark.message) == (
        "The image jumps between slices 18 and 19: slices seem to be missing."
    )


def test_interleaved_brightness_is_no_jump() -> None:
    array = body(40)
    array[::2] *= 1.15  # as of slices excited in two passes
    assert slice_remarks(SliceChecks(), array) == []


def test_values_that_are_no_numbers_do_not_stop_it() -> None:
    array = body()
    array[3, 4, 5] = np.nan
    assert slice_remarks(SliceChecks(), array) == []
    assert slice_remarks(SliceChecks(), np.zeros((9, 8, 8), dtype=np.int16)) == []


# --- properties


def test_properties_of_a_known_box() -> None:
    array = np.zeros((30, 100, 120), dtype=np.float32)
    array[5:25, 10:90, 0:60] = 100.0
    found = properties_of(
        overview_of(array, grid_of(array.shape, np.array([4.0, 2.0, 2.0])), "LPH")
    )
    assert found["height_mm"] == pytest.approx(80.0)
    assert found["length_mm"] == pytest.approx(160.0)
    assert found["width_mm"] == pytest.approx(120.0)
    assert (found["cut_top"], found["cut_bottom"]) == (0.0, 0.0)
    edge = 2 * 60 + 2 * 80 - 4  # pixels of one slice's outline
    assert found["cut_sides"] == pytest.approx(80 / edge)
    assert found["noise"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("deviation", [5.0, 20.0])
def test_noise_is_measured(deviation: float) -> None:
    rng = np.random.default_rng(3)
    array = np.zeros((12, 100, 100), dtype=np.float32)
    array[:, 10:90, 10:90] = 200.0
    # Magnitudes, as MR stores them: no value is below zero.
    array = np.hypot(*(part + rng.normal(0.0, deviation, array.shape) for part in (array, 0.0)))
    found = properties_of(
        overview_of(array, grid_of(array.shape, np.array([4.0, 2.0, 2.0])), "LPH")
    )
    assert found["noise"] == pytest.approx(deviation / 200.0, rel=0.1)


@pytest.mark.parametrize(
    ("value", "answer"), [(79.0, "refuse"), (85.0, "uncertain"), (95.0, "pass"), (111.0, "refuse")]
)
def test_bounds_have_three_answers(value: float, answer: str) -> None:
    array = np.zeros((30, 100, 100), dtype=np.float32)
    array[2:22, 10:90, 10:90] = 100.0
    shown = overview_of(array, grid_of(array.shape, np.array([value / 20, 2.0, 2.0])), "LPH")
    bound = {"usual": (90.0, 100.0), "allowed": (80.0, 110.0)}
    found = image_remarks(ImageChecks.model_validate({"height_mm": bound}), shown)
    assert [one.answer for one in found] == ([] if answer == "pass" else [answer])


# --- likeness


def test_every_group_has_the_numbers_it_names(seen: Overview) -> None:
    for group, compute in GROUPS.items():
        numbers = compute(seen)
        assert numbers.shape == (len(NAMES[group]),)
        assert np.isfinite(numbers).all()


def test_gain_and_offset_do_not_count(head: Picture, seen: Overview) -> None:
    other = overview_of(3.0 * head.array + 500.0, head.grid, "LPH")
    for compute in GROUPS.values():
        assert compute(other) == pytest.approx(compute(seen), abs=2e-3)


def test_the_file_s_own_axes_do_not_count(head: Picture, seen: Overview) -> None:
    axes = axes_towards(head.grid, "ARF")
    turned = overview_of(axes.apply(head.array), axes.apply_grid(head.grid), "LPH")
    for group, compute in GROUPS.items():
        assert compute(turned) == pytest.approx(compute(seen), abs=0.08), group


def test_distance_is_mahalanobis() -> None:
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    spread = np.diag([9.0, 4.0, 0.5, 0.5, 0.5])
    covariance = basis @ spread @ basis.T
    scale = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    known = Reference.model_validate(
        {
            "group": "texture", "mean": (1.0,) * 5, "scale": tuple(scale),
            "components": tuple(tuple(basis[:, i]) for i in range(2)), "variances": (9.0, 4.0),
            "residual": 0.5, "uncertain_from": 1.0, "refuse_from": 2.0,
        }
    )  # fmt: skip
    point = rng.normal(size=5)
    away = (point - 1.0) / scale
    expected = np.sqrt(away @ np.linalg.inv(covariance) @ away / 5)
    assert distance(known, point) == pytest.approx(expected)


def test_upside_down_and_front_to_back_are_told(seen: Overview) -> None:
    numbers = {group: [compute(seen)] for group, compute in GROUPS.items()}
    kind = {
        "name": "head",
        "references": tuple(reference(g, n) for g, n in numbers.items()),
    }
    known = Likeness.model_validate(
        {"kinds": (kind,), "turned": {"axes": ("z", "y")}, "calibrated_on": "one head"}
    )
    remarks, unlikeness = likeness_remarks(known, seen)
    assert remarks == []
    assert unlikeness == pytest.approx(0.0, abs=1e-6)
    for axis, words in ((0, "upside down"), (1, "front to back")):
        remarks, _ = likeness_remarks(known, seen.flipped(axis))
        assert words in str(remarks[0].message)
        assert remarks[0].answer == "refuse"
    mirrored, _ = likeness_remarks(known, seen.flipped(2))
    assert not any("looks" in str(one.message) for one in mirrored)  # cannot be told


def test_the_nearest_kind_counts_and_the_worst_group_speaks(seen: Overview) -> None:
    texture = GROUPS["texture"](seen)
    near = reference("texture", [texture + 0.1])
    far = reference("texture", [texture + 40.0])
    known = Likeness.model_validate(
        {
            "kinds": (
                {"name": "far", "references": (far,)},
                {"name": "near", "references": (near,)},
            ),
            "calibrated_on": "nothing",
        }
    )
    first, second = nearness(known, seen)
    assert (first.kind, second.kind) == ("near", "far")
    assert not first.refused
    assert second.refused


def test_what_looks_like_another_kind_is_named(seen: Overview) -> None:
    contrast = GROUPS["contrast"](seen)
    own = reference("contrast", [contrast + 0.5])
    other = Other.model_validate(
        {
            "name": {"en": "T1-weighted", "zh": "T1 加权"},
            "reference": reference("contrast", [contrast]),
        }
    )
    known = Likeness.model_validate(
        {
            "kinds": ({"name": "own", "references": (own,)},),
            "others": (other,),
            "calibrated_on": "nothing",
        }
    )
    remarks, _ = likeness_remarks(known, seen)
    assert remarks[0].answer == "refuse"
    assert text.say(remarks[0].message, lang="zh_CN") == "图像看起来是T1 加权，不是模型适用的图像。"


def test_doubts_are_kept_and_refusals_raised(head: Picture) -> None:
    given: dict[str, Any] = {"image": {"height_mm": {"usual": (1.0, 2.0), "allowed": (1.0, 999.0)}}}
    judged = judge_image(Quality.model_validate(given), [head.array], [head.grid])
    assert [str(one).split(" mm high")[0][:24] for one in judged.doubts] == [
        "What is in the image is "
    ]
    given["image"]["height_mm"]["allowed"] = (1.0, 2.0)
    with pytest.raises(Unsuitable, match="mm high"):
        judge_image(Quality.model_validate(given), [head.array], [head.grid])
    assert judge_image(Quality(), [head.array], [head.grid]).unlikeness is None


def test_an_image_of_nothing_is_refused() -> None:
    given = Quality.model_validate({"image": {}})
    array = np.zeros((20, 64, 64), dtype=np.int16)
    with pytest.raises(Unsuitable, match="empty"):
        judge_image(given, [array], [grid_of(array.shape, np.ones(3))])


@pytest.mark.parametrize(
    "change",
    [
        {"scale": [1.0]},
        {"scale": [1.0, 0.0]},
        {"components": [[1.0]]},
        {"variances": [1.0]},
        {"uncertain_from": 3.0},
        {"residual": 0.0},
    ],
)
def test_references_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    sound = {
        "group": "texture", "mean": [0.0, 1.0], "scale": [1.0, 1.0], "residual": 1.0,
        "uncertain_from": 1.0, "refuse_from": 2.0,
    }  # fmt: skip
    assert Reference.model_validate_json(json.dumps(sound))
    with pytest.raises(ValueError, match="1 validation error"):
        Reference.model_validate_json(json.dumps(sound | change))


def test_a_window_hides_what_lies_beyond_it() -> None:
    """CT: the fill value outside the scanned circle and the density of bone do not count."""
    rng = np.random.default_rng(3)
    z, y, x = np.indices((24, 96, 96))
    away = np.hypot(y - 48, x - 48)
    head = np.where(away < 36 - 0.5 * np.abs(z - 12), 1000.0, -1000.0)
    head[away < 31] = 30.0 + rng.normal(0.0, 3.0, head.shape)[away < 31]
    other = np.where(head > 500.0, 1800.0, np.where(away > 44, -3024.0, -1000.0))
    other[away < 31] = head[away < 31]
    grid = Grid(head.shape, as_matrix(np.diag([2.0, 2.0, 5.0, 1.0])))
    window = (-150.0, 250.0)
    for group, compute in GROUPS.items():
        plain, filled = (compute(overview_of(one, grid, "LPH")) for one in (head, other))
        assert not np.allclose(plain, filled, atol=0.02), group
        seen, also = (compute(overview_of(one, grid, "LPH", window)) for one in (head, other))
        np.testing.assert_allclose(seen, also, atol=1e-6)
    quality = Quality(window=window, slices=SliceChecks())
    assert judge_image(quality, [head], [grid]).doubts == ()
    with pytest.raises(ValidationError, match="low to high"):
        Quality(window=(250.0, -150.0))

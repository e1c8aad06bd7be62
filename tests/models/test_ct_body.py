"""The body model: its package, its papers, and what it outlines where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from workstation.ai.client import ModelResult, run_package
from workstation.ai.gate import find_inputs
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.package import ModelPackage
from workstation.domain.geometry import Grid, as_matrix, axes_towards
from workstation.domain.mask import dice
from workstation.domain.volume import Stack, generated_volume

FOLDER = Path(__file__).resolve().parents[2] / "models" / "ct-body"
THREADS = Limits(threads=2)


@pytest.fixture(scope="module")
def example() -> tuple[NDArray[np.float32], Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["ct"], stored["affine"]
    return image, Grid(image.shape, as_matrix(affine))


@pytest.fixture(scope="module")
def found(package: ModelPackage, example: tuple[NDArray[np.float32], Grid]) -> ModelResult:
    return run_package(package, [example[0]], [example[1]], limits=THREADS)


def test_card_says_what_was_measured(metrics: dict[str, Any], package: ModelPackage) -> None:
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    for case, entry in metrics["real"].items():
        for key, value in entry["model"].items():
            assert card.count(f"| {value:.3f} | {entry['baseline'][key]:.3f} |") >= 2, (case, key)
    rows = {(row.dataset, row.metric): row.value for row in package.manifest.performance}
    for case, entry in metrics["real"].items():
        measured = [v for (dataset, _), v in rows.items() if dataset.endswith(case)]
        assert sorted(measured) == sorted(entry["model"].values())


def test_organs_under_the_bar_are_experimental_and_feed_nothing(
    metrics: dict[str, Any], package: ModelPackage
) -> None:
    least: dict[str, float] = {}
    for entry in metrics["real"].values():
        for key, value in entry["model"].items():
            least[key] = min(value, least.get(key, 1.0))
    for label in package.manifest.labels:
        assert label.experimental == (least.get(label.key, 0.0) < 0.80), label.key
        assert label.proposes == "none"
        assert not (label.experimental and label.measured)
        if label.experimental:
            assert "experimental" in label.name.en and "实验性" in label.name.zh


def test_the_package_is_small_and_whole(package: ModelPackage) -> None:
    onnx.checker.check_model(onnx.load(str(package.model_path)))
    assert package.model_path.stat().st_size < 8_000_000
    listed = (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").split()[1::2]
    assert sum((FOLDER / name).stat().st_size for name in listed) < 10_000_000


def test_example_gives_the_expected_masks(found: ModelResult) -> None:
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        for key in stored.files:
            assert dice(found.masks[key], stored[key]) >= 0.95, key


def test_storage_order_does_not_matter(
    package: ModelPackage, example: tuple[NDArray[np.float32], Grid], found: ModelResult
) -> None:
    image, grid = example
    turn = axes_towards(grid, "RAF")
    turned = np.ascontiguousarray(turn.apply(image))
    other = run_package(package, [turned], [turn.apply_grid(grid)], limits=THREADS)
    for key in ("lung_left", "lung_right", "body"):
        assert dice(turn.undo(other.masks[key]), found.masks[key]) > 0.999, key


def test_lungs_lie_on_their_sides_and_organs_do_not_overlap(
    found: ModelResult, example: tuple[NDArray[np.float32], Grid]
) -> None:
    grid = example[1]

    def middle(key: str) -> float:
        index = np.argwhere(found.masks[key]).mean(axis=0)[::-1]
        return float(grid.to_lps(index)[0])

    assert middle("lung_left") > middle("lung_right") + 50.0  # x grows to the patient's left
    organs = [key for key in found.masks if key not in ("body", "bone", "vertebrae")]
    for number, one in enumerate(organs):
        for other in organs[number + 1 :]:
            both = int((found.masks[one] & found.masks[other]).sum())
            assert both <= 0.02 * int(found.masks[one].sum()) + 50, (one, other)


def test_no_organ_is_seen_where_there_is_none(package: ModelPackage) -> None:
    rng = np.random.default_rng(3)
    z, y, x = np.indices((50, 100, 100), dtype=np.float32)
    thigh = np.where(np.hypot(y - 50, x - 50) < 30, 50.0, -1000.0)
    thigh = np.where((np.hypot(y - 50, x - 50) < 30) & (np.hypot(y - 50, x - 50) > 26), -100, thigh)
    thigh = np.where(np.hypot(y - 52, x - 48) < 5, 900.0, thigh) + rng.normal(0, 15, z.shape)
    grid = Grid((50, 100, 100), as_matrix(np.diag([3.0, 3.0, 3.0, 1.0])))
    try:
        out = run_package(package, [thigh.astype(np.float32)], [grid], limits=THREADS)
    except Unsuitable:
        return
    drawn = [k for k, m in out.masks.items() if m.any() and k not in ("body", "bone")]
    assert not drawn or out.doubts


@pytest.mark.parametrize("value", [-1000.0, 40.0])
def test_an_image_without_a_patient_is_refused(package: ModelPackage, value: float) -> None:
    grid = Grid((40, 64, 64), as_matrix(np.diag([4.0, 4.0, 4.0, 1.0])))
    nothing = np.full(grid.shape, value, dtype=np.float32)
    with pytest.raises(Unsuitable):
        run_package(package, [nothing], [grid], limits=THREADS)


def stack(**changes: Any) -> Stack:
    grid = Grid((60, 100, 120), as_matrix(np.diag([3.0, 3.0, 3.0, 1.0])))
    words = {"modality": "CT", "unit": "[hnsf'U]", "role": "CT chest", "region": "chest"}
    return generated_volume(np.zeros(grid.shape, dtype=np.float32), grid, **(words | changes)).stack


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"role": "CT abdomen", "region": "abdomen"}, True),
        ({"role": "CT head", "region": "brain"}, False),
        ({"role": ""}, False),
        ({"modality": "MR", "role": "T1", "unit": "1"}, False),
        ({"modality": "PT", "role": "PET"}, False),
        ({"unit": "1"}, False),
    ],
)
def test_only_ct_of_the_trunk_in_hu_is_taken(
    package: ModelPackage, changes: dict[str, Any], taken: bool
) -> None:
    suitable = find_inputs(package.manifest, [stack(**changes)])
    assert (suitable.reason is None) == taken


def test_bodies_are_the_same_for_a_seed_and_hold_every_organ(code: Any) -> None:
    bodies, tissues = code("bodies"), code("tissues")
    spans = bodies.SPANS
    try:
        bodies.SPANS = (((60, 330), 1.0),)
        one, other = (bodies.make_body(7, 1) for _ in range(2))
    finally:
        bodies.SPANS = spans
    np.testing.assert_array_equal(one, other)
    label = tissues.CLASS_TABLE[one]
    ml = {name: float((label == k).sum()) * 0.027 for k, name in enumerate(tissues.CLASSES)}
    for name, low, high in (("liver", 500, 3500), ("spleen", 40, 700), ("kidney_left", 40, 400),
                            ("kidney_right", 40, 400), ("heart", 250, 1300)):  # fmt: skip
        assert low < ml[name] < high, (name, ml[name])
    # Left organs lie on the left of right ones: x, the last axis, grows to the left.
    x = {name: np.argwhere(label == tissues.CLASSES.index(name)).mean(axis=0)[2]
         for name in ("liver", "spleen", "lung_left", "lung_right")}  # fmt: skip
    assert x["spleen"] > x["liver"] + 20 and x["lung_left"] > x["lung_right"] + 20


def test_no_patient_has_a_part_in_training() -> None:
    scripts = ("train", "bodies", "scanner", "organs", "vessels", "skeleton", "tissues", "bounds")
    for name in scripts:
        source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        assert "ct_abdomen" not in source and "ct_heart" not in source and "ct_chest" not in source

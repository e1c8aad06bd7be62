"""The output gate: what a network drew is refused, doubted or believed by where and how it lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.ai.packages import identity, manifest, network, package
from tests.wrong_images import grid_of
from workstation.ai.acceptance import OutputChecks, Quality
from workstation.ai.appearance import overview_of
from workstation.ai.client import run_package
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.manifest import Manifest
from workstation.ai.package import ModelPackage
from workstation.ai.plausibility import judge_mask, lying, measures_of
from workstation.text import say

SPACING = np.array([4.0, 2.0, 2.0])
WIDE = {"usual": (0.0, 1.0), "allowed": (0.0, 1.0)}


def scene() -> NDArray[np.float32]:
    """A box of 20 slices, 60 x 60 pixels, in air."""
    array = np.zeros((24, 100, 100), dtype=np.float32)
    array[2:22, 20:80, 20:80] = 100.0
    return array


GRID = grid_of((24, 100, 100), SPACING)
SEEN = overview_of(scene(), GRID, "LPH")


def box(z: slice, y: slice, x: slice) -> NDArray[np.bool_]:
    mask = np.zeros((24, 100, 100), dtype=bool)
    mask[z, y, x] = True
    return mask


def measured(mask: NDArray[np.bool_], **changes: Any) -> dict[str, float]:
    checks = OutputChecks.model_validate({"pieces": WIDE, "outside": WIDE} | changes)
    return measures_of(mask, GRID, 0.8, SEEN, checks, "LPH")


def test_measures_of_known_masks() -> None:
    deep = box(slice(10, 12), slice(45, 50), slice(45, 50))
    found = measured(deep)
    assert found["volume_ml"] == pytest.approx(50 * 0.016)
    assert (found["pieces"], found["outside"], found["at_border"]) == (1.0, 0.0, 0.0)
    assert found["score"] == 0.8
    half_out = box(slice(10, 12), slice(45, 50), slice(78, 82))
    assert measured(half_out)["outside"] == pytest.approx(0.5)
    assert measured(half_out)["at_border"] == pytest.approx(1.0)
    two = deep | box(slice(3, 4), slice(30, 32), slice(30, 32))
    assert measured(two)["pieces"] == 2.0


def test_an_empty_mask_is_judged_by_volume_and_pieces_alone() -> None:
    assert measured(np.zeros((24, 100, 100), dtype=bool)) == {"volume_ml": 0.0, "pieces": 0.0}


@pytest.mark.parametrize(
    ("name", "bound", "words"),
    [
        ("volume_ml", (1.0, 2.0), "marked 0.8 mL, where 1.0 to 2.0 mL"),
        ("pieces", (2.0, 3.0), "marked 1 separate pieces"),
        ("score", (0.9, 1.0), "unsure of what it marked (mean probability 0.80"),
    ],
)
def test_each_bound_doubts_and_refuses(name: str, bound: tuple[float, float], words: str) -> None:
    deep = box(slice(10, 12), slice(45, 50), slice(45, 50))
    doubtful = {"output": {name: {"usual": bound, "allowed": (0.0, 9.0)}}}
    (doubt,) = judge_mask(Quality.model_validate(doubtful), deep, GRID, 0.8, SEEN)
    assert words in str(doubt)
    refused = {"output": {name: {"usual": bound, "allowed": bound}}}
    with pytest.raises(Unsuitable):
        judge_mask(Quality.model_validate(refused), deep, GRID, 0.8, SEEN)


def test_a_lesion_outside_the_head_is_refused() -> None:
    outside = box(slice(10, 12), slice(2, 6), slice(2, 6))
    given = {"output": {"outside": {"usual": (0.0, 0.02), "allowed": (0.0, 0.2)}}}
    with pytest.raises(Unsuitable, match="of what the model marked lies outside"):
        judge_mask(Quality.model_validate(given), outside, GRID, 0.9, SEEN)


def test_doubts_come_back_from_the_worker(tmp_path: Path) -> None:
    """The identity network marks the whole bright box: more than what the package calls usual."""
    checks = {
        "image": {"height_mm": {"usual": [10.0, 20.0], "allowed": [10.0, 500.0]}},
        "output": {"volume_ml": {"usual": [0.0, 1.0], "allowed": [0.0, 5000.0]}},
    }
    model = package(tmp_path / "a", identity(), qc=checks)
    result = run_package(model, [scene() / 100.0], [GRID], limits=Limits(threads=1), provider="cpu")
    words = [str(one) for one in result.doubts]
    assert len(words) == 2
    assert "80 mm high" in words[0]
    assert "marked 1152.0 mL" in words[1]
    assert result.unlikeness is None


def test_the_middle_of_a_mask_is_in_patient_space() -> None:
    mask = box(slice(3, 9), slice(10, 21), slice(60, 63)) | box(
        slice(9, 12), slice(2, 4), slice(0, 2)
    )
    found = lying(mask, GRID)
    middle = np.argwhere(mask).mean(axis=0)[::-1]
    np.testing.assert_allclose(found.middle_mm, GRID.to_lps(middle), atol=1e-9)
    assert found.ml == pytest.approx(int(mask.sum()) * 0.016)
    assert lying(np.zeros_like(mask), GRID).ml == 0.0


DIM = box(slice(4, 10), slice(22, 40), slice(22, 40)).astype(np.float32)


def bright_and_dim(folder: Path, qc: dict[str, Any]) -> ModelPackage:
    """Two boxes in one image, of 1 and of 2, as a label each: "spine" and "liver"."""
    one = helper.make_node
    nodes = [
        one("Sub", ["image", "one"], ["bright"]),
        one("Mul", ["bright", "bright"], ["square"]),
        one("Sub", ["one", "square"], ["dim"]),
        one("Concat", ["bright", "dim"], ["out"], axis=1),
    ]
    label = {**manifest()["labels"][0], "site": {"en": "Liver", "zh": "肝"}}
    return package(
        folder,
        network(nodes, {"one": np.float32(1.0)}),
        labels=[
            label | {"key": "bright"},
            label | {"key": "dim", "index": 1, "site": {"en": "Spine", "zh": "脊柱"}},
        ],
        qc=qc,
    )


@pytest.mark.parametrize(
    ("axis", "towards", "words", "said"),
    [
        (2, "L", "Left and right of the image", "左右"),
        (1, "P", "Front and back of the image", "前后"),
        (0, "H", "The image may be upside down", "上下"),
    ],
)
def test_labels_that_lie_on_the_wrong_side_are_doubted(
    tmp_path: Path, axis: int, towards: str, words: str, said: str
) -> None:
    """Two boxes, a channel each: the bright one must lie ``towards`` a side of the other."""
    image = np.ascontiguousarray(DIM + 2 * np.flip(DIM, axis=axis))
    placed = {"label": "bright", "than": "dim", "towards": towards, "least_mm": 5.0}
    model = bright_and_dim(tmp_path / "a", {"placed": [placed]})
    limits = Limits(threads=1)
    right = run_package(model, [image], [GRID], limits=limits, provider="cpu")
    assert right.masks["bright"].any() and right.masks["dim"].any() and right.doubts == ()
    turned = np.ascontiguousarray(np.flip(image, axis=axis))
    (doubt,) = run_package(model, [turned], [GRID], limits=limits, provider="cpu").doubts
    assert str(doubt).startswith(words) and "liver" in str(doubt) and "spine" in str(doubt)
    chinese = say(doubt, lang="zh_CN")
    assert said in chinese and "肝" in chinese and "脊柱" in chinese


def test_an_image_without_what_every_right_one_shows_is_refused(tmp_path: Path) -> None:
    model = bright_and_dim(tmp_path / "a", {"needed": [{"label": "bright", "least_ml": 0.5}]})
    limits = Limits(threads=1)
    both = np.ascontiguousarray(DIM + 2 * np.flip(DIM, axis=2))
    assert run_package(model, [both], [GRID], limits=limits, provider="cpu").masks["dim"].any()
    with pytest.raises(Unsuitable, match="shows no liver") as caught:
        run_package(model, [DIM], [GRID], limits=limits, provider="cpu")
    assert "未找到肝" in say(caught.value.message, lang="zh_CN")


def test_a_place_of_a_label_that_is_not_there_is_refused() -> None:
    rule = {"label": "spot", "than": "other", "towards": "L"}
    with pytest.raises(ValueError, match=r"qc.placed and qc.needed name labels"):
        Manifest.model_validate_json(json.dumps(manifest(qc={"placed": [rule]})))

"""The nodule model: its papers, its example, and chests where the truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest

from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.package import ModelPackage
from workstation.demo.lung_tree import random_nodules
from workstation.demo.scans import random_head
from workstation.demo.thorax import random_chest
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import dice

FOLDER = Path(__file__).resolve().parents[2] / "models" / "ct-lung-nodule"
THREADS = Limits(threads=2)


@pytest.fixture(scope="module")
def found(package: ModelPackage) -> tuple[ModelResult, Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["ct"], stored["affine"]
    grid = Grid(image.shape, as_matrix(affine))
    return run_package(package, [image], [grid], limits=THREADS), grid


def test_card_and_manifest_say_what_was_measured(
    metrics: dict[str, Any], code: Callable[[str], ModuleType]
) -> None:
    papers = code("papers")
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == papers.card(metrics)
    written = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(papers.manifest(metrics, metrics["training"])))


def test_evidence_is_said_to_be_synthetic(package: ModelPackage) -> None:
    assert package.manifest.evidence == "synthetic"
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    assert "synthetic only" in card and "仅合成数据" in card


def test_training_and_test_come_of_different_programs() -> None:
    for name in ("blocks.py", "candidates.py", "train.py"):
        source = (FOLDER / name).read_text(encoding="utf-8")
        assert "import random_chest_scan" not in source
        assert "from workstation.demo" not in source


def test_blocks_hold_what_they_say(code: Callable[[str], ModuleType]) -> None:
    blocks = code("blocks")
    plain = np.zeros((3, 48, 48))
    plain[:, ::2] = 1.0
    seen = 0
    for number in range(6):
        block = blocks.make(np.random.default_rng((1, number)), plain)
        again = blocks.make(np.random.default_rng((1, number)), plain)
        np.testing.assert_array_equal(block.image, again.image)
        for one in block.nodules:
            z, y, x = (int(v) for v in np.rint(one.centre))
            assert block.image[z, y, x] > -750
            seen += 1
    assert seen > 0


def test_the_nearest_nodule_is_the_one(code: Callable[[str], ModuleType]) -> None:
    matched = code("candidates").matched
    centres, radii = np.array([[0.0, 0.0, 0.0], [30.0, 0.0, 0.0]]), [4.0, 10.0]
    assert matched(np.array([1.0, 1.0, 0.0]), centres, radii) == 0
    assert matched(np.array([24.0, 0.0, 0.0]), centres, radii) == 1
    assert matched(np.array([7.0, 0.0, 0.0]), centres, radii) == -2
    assert matched(np.array([0.0, 15.0, 0.0]), centres, radii) == -1


def test_network_is_small_and_standard(package: ModelPackage) -> None:
    onnx.checker.check_model(onnx.load(str(package.model_path)))
    assert package.model_path.stat().st_size < 8_000_000
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 10_000_000


def test_nodules_of_the_example_are_outlined(
    found: tuple[ModelResult, Grid], code: Callable[[str], ModuleType]
) -> None:
    result, grid = found
    rng = np.random.default_rng((code("papers").EXAMPLE_SEED, 107))  # as random_chest_scan draws
    random_chest(rng)
    nodules = random_nodules(rng, int(rng.integers(0, 7)))
    hit = 0
    for one in nodules:
        at = grid.voxel_at(one.centre_mm)
        assert at is not None
        hit += bool(result.masks["nodule"][at])
    assert hit >= 3
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        assert dice(result.masks["nodule"], stored["nodule"]) >= 0.95


def test_what_does_not_win_proposes_nothing(package: ModelPackage, metrics: dict[str, Any]) -> None:
    (label,) = package.manifest.labels
    assert label.experimental is not metrics["generated"]["wins"]
    assert (label.proposes == "none") is label.experimental


def test_a_head_is_refused(package: ModelPackage) -> None:
    scan = random_head(11, per_slice=3)
    with pytest.raises(Unsuitable):
        run_package(package, [scan.array.astype(np.float32)], [scan.grid], limits=THREADS)

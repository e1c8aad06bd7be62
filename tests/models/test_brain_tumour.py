"""The detector of enhancing masses: its papers, its example, its boxes on left-out slices."""

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
from workstation.demo.scans import random_head
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import dice

FOLDER = Path(__file__).resolve().parents[2] / "models" / "brain-tumour"
THREADS = Limits(threads=2)


@pytest.fixture(scope="module")
def found(package: ModelPackage) -> tuple[ModelResult, Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["t1_contrast"], stored["affine"]
    grid = Grid(image.shape, as_matrix(affine))
    return run_package(package, [image], [grid], limits=THREADS), grid


def test_card_and_manifest_say_what_was_measured(
    metrics: dict[str, Any], code: Callable[[str], ModuleType]
) -> None:
    papers = code("papers")
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == papers.card(metrics)
    written = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(papers.manifest(metrics, metrics["training"])))


def test_the_copy_s_licence_is_spoken_of(package: ModelPackage) -> None:
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    assert "does not restate the licence" in card and "未重述许可条款" in card
    assert any("restate" in one.name for one in package.manifest.training_data.sources)


def test_the_classical_rule_stands_beside_and_loses(metrics: dict[str, Any]) -> None:
    for rate in ("0.5", "1"):
        model = metrics["test"]["any_class"]["iou50"][rate]
        classic = metrics["baseline"]["any_class"]["iou50"][rate]
        assert model["ci"][0] > classic["ci"][1]


def test_numbers_of_parts_are_apart(code: Callable[[str], ModuleType]) -> None:
    slices = code("slices")
    every = [*range(1, 300), *range(380, 900)]
    parts = slices.parts(every)
    for name in ("train", "check"):
        later = parts["test"] if name == "check" else parts["check"]
        assert min(later) - max(parts[name]) > slices.GUARD


def test_recall_is_counted_as_said(code: Callable[[str], ModuleType]) -> None:
    froc, slices = code("froc"), code("slices")
    box = np.array([[10, 10, 30, 30], [50, 50, 80, 80]], np.float32)
    truth = slices.Slices(np.zeros((2, 8, 8), np.uint8), box, np.array([0, 2]), np.arange(2))
    flat = froc.Flat
    given = [
        [flat(0, 0.9, (11, 10, 30, 31)), flat(1, 0.8, (60, 60, 70, 70))],
        [flat(1, 0.7, (50, 50, 80, 78))],
    ]
    hits, false = froc.judged(given, truth, 0.5, same_class=False)
    assert hits.tolist() == [0.9, 0.7]
    assert false.tolist() == [0.8]
    hits, false = froc.judged(given, truth, 0.5, same_class=True)
    assert hits.tolist() == [0.9, 0.0]
    assert false.tolist() == [0.8, 0.7]
    assert froc.at_rate(np.array([0.9, 0.7]), np.array([0.8]), 0.4)[1].tolist() == [True, False]
    assert froc.at_rate(np.array([0.9, 0.7]), np.array([0.8]), 0.5)[1].tolist() == [True, True]


def test_network_is_small_and_standard(package: ModelPackage) -> None:
    onnx.checker.check_model(onnx.load(str(package.model_path)))
    assert package.model_path.stat().st_size < 8_000_000
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 10_000_000


def test_the_generated_mass_is_found(
    found: tuple[ModelResult, Grid], code: Callable[[str], ModuleType]
) -> None:
    result, grid = found
    _, mass, _ = code("phantom").phantom()
    over = [float(one.whole(grid.shape)[mass].mean()) for one in result.pieces]
    assert max(over) > 0.4
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        for key in stored.files:
            assert dice(result.masks[key], stored[key]) >= 0.95


def test_wrong_images_are_refused(package: ModelPackage) -> None:
    scan = random_head(11, per_slice=3)
    shape = scan.array.shape
    noise = np.random.default_rng(3).normal(300, 80, shape).astype(np.float32)
    flat = np.full(shape, 100.0, dtype=np.float32)
    for image in (noise, flat):
        with pytest.raises(Unsuitable):
            run_package(package, [image], [scan.grid], limits=THREADS)

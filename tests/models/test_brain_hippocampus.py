"""The hippocampus model: its papers, its example, and what it does with crops and wrong images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.package import ModelPackage
from workstation.demo.scans import random_head
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import dice

FOLDER = Path(__file__).resolve().parents[2] / "models" / "brain-hippocampus"
THREADS = Limits(threads=2)


@pytest.fixture(scope="module")
def found(package: ModelPackage) -> tuple[ModelResult, Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["t1"], stored["affine"]
    grid = Grid(image.shape, as_matrix(affine))
    return run_package(package, [image], [grid], limits=THREADS), grid


def test_card_and_manifest_say_what_was_measured(
    metrics: dict[str, Any], code: Callable[[str], ModuleType]
) -> None:
    papers = code("papers")
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == papers.card(metrics)
    written = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(papers.manifest(metrics)))


def test_the_classical_atlas_stands_beside_and_loses(metrics: dict[str, Any]) -> None:
    model, classic = metrics["crops"]["model"], metrics["crops"]["baseline"]
    assert model["mean_dice"]["ci"][0] > classic["mean_dice"]["ci"][1]
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    for entry in (model, classic):
        assert card.count(f"{entry['mean_dice']['value']:g}") >= 2, "in both languages"


def test_share_alike_is_said_where_it_must_be(package: ModelPackage) -> None:
    licence = (FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in licence and "Attribution-ShareAlike 4.0 International" in licence
    assert package.manifest.licence == "CC-BY-SA-4.0"
    assert "CC BY-SA 4.0" in (FOLDER / "card.md").read_text(encoding="utf-8")


def test_blocks_are_apart(code: Callable[[str], ModuleType]) -> None:
    every = [f"{n:03d}" for n in range(1, 174)]
    parts = code("crops").split(every)
    place = {name: number for number, name in enumerate(every)}
    held = [place[name] for name in parts["test"] + parts["check"]]
    for name in parts["train"]:
        assert min(abs(place[name] - other) for other in held) > code("crops").GUARD
    assert len(parts["test"]) > 30
    assert not set(parts["test"]) & set(parts["check"])


def test_network_is_small_and_standard(package: ModelPackage) -> None:
    model = onnx.load(str(package.model_path))
    onnx.checker.check_model(model)
    assert [opset.version for opset in model.opset_import] == [17]
    assert package.model_path.stat().st_size < 8_000_000
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 10_000_000


def test_example_gives_the_expected_masks(found: tuple[ModelResult, Grid]) -> None:
    result, _ = found
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        for key in stored.files:
            assert stored[key].any()
            assert dice(result.masks[key], stored[key]) >= 0.95


def test_left_lies_left_and_in_front_lies_in_front(found: tuple[ModelResult, Grid]) -> None:
    result, grid = found
    middles = {
        key: grid.to_lps(np.argwhere(result.masks[key])[:, ::-1].astype(float)).mean(axis=0)
        for key in result.masks
    }
    for side in ("left", "right"):
        front, back = middles[f"anterior_{side}"], middles[f"posterior_{side}"]
        assert front[1] < back[1]  # P grows to the back
        assert front[2] < back[2]  # the head of the hippocampus lies lower
    assert middles["anterior_left"][0] > middles["anterior_right"][0] + 20


def test_every_result_is_uncertain(found: tuple[ModelResult, Grid]) -> None:
    assert any("never measured on whole images" in one.template for one in found[0].doubts)


def test_crops_that_were_left_out_are_outlined(
    metrics: dict[str, Any], shared_data: Path | None, code: Callable[[str], ModuleType]
) -> None:
    """Three cases of the test blocks; the generated head's crop where the data is absent."""
    crops = code("crops")
    session = onnxruntime.InferenceSession(
        str(FOLDER / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    if shared_data is None:
        said = metrics["crops"]["model"]["mean_dice"]
        assert 0.8 < said["ci"][0] <= said["value"] <= said["ci"][1] < 1.0
        return
    values = []
    for name in crops.split(crops.names(shared_data))["test"][::12]:
        crop = crops.read(shared_data, name)
        (out,) = session.run(None, {"image": crops.fitted(crop.image)[None, None]})
        labels = crops.unfitted(out[0].argmax(axis=0), crop.image.shape)
        values += [dice(labels == k, crop.label == k) for k in (1, 2)]
    said = metrics["crops"]["model"]
    assert float(np.mean(values)) == pytest.approx(said["mean_dice"]["value"], abs=0.06)


def test_wrong_images_are_refused_or_uncertain(package: ModelPackage) -> None:
    scan = random_head(11, per_slice=3)
    array = scan.array.astype(np.float32)
    upside = np.ascontiguousarray(array[::-1])
    noise = np.random.default_rng(3).normal(300, 80, array.shape).astype(np.float32)
    for image in (upside, noise, array[:12]):
        z, y, x = image.shape
        with pytest.raises(Unsuitable):
            run_package(
                package, [image], [Grid((z, y, x), as_matrix(scan.grid.matrix))], limits=THREADS
            )

"""The white-matter model: its package, its papers, and what it finds where the truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.package import ModelPackage
from workstation.demo.scans import random_head
from workstation.domain.geometry import Grid, as_matrix, axes_towards
from workstation.domain.mask import dice

FOLDER = Path(__file__).resolve().parents[2] / "models" / "brain-wmh"
THREADS = Limits(threads=2)
HEAD_SEED = 11  # the first of evaluate.HEADS
TRAINED_FROM = (
    "images.py",
    "synthesis.py",
    "heads.py",
    "pool.py",
    "train.py",
    "calibrate.py",
    "baseline.py",
)


@pytest.fixture(scope="module")
def example() -> tuple[NDArray[np.float32], Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["flair"], stored["affine"]
    return image, Grid(image.shape, as_matrix(affine))


@pytest.fixture(scope="module")
def found(package: ModelPackage, example: tuple[NDArray[np.float32], Grid]) -> ModelResult:
    return run_package(package, [example[0]], [example[1]], limits=THREADS)


def test_card_and_manifest_say_what_was_measured(metrics: dict[str, Any], code: Any) -> None:
    papers = code("papers")
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == papers.card(metrics)
    written = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(papers.manifest(metrics, metrics["training"])))


def test_card_shows_every_headline_number_beside_the_baseline(metrics: dict[str, Any]) -> None:
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    case = metrics["cases"]["patient26"]
    before = metrics["history"]["1.0.0"]["cases"]["patient26"]
    for key in ("dice", "lesion_sensitivity", "false_lesions", "volume_error_ml"):
        row = f"| {case['model'][key]:g} | {case['baseline'][key]:g} | {before[key]:g} |"
        assert card.count(row) >= 2, f"{key} must stand in both languages"


def test_test_cases_are_not_training_cases() -> None:
    for name in TRAINED_FROM:
        source = (FOLDER / name).read_text(encoding="utf-8")
        assert "patient26" not in source and "mr_ms_followup" not in source


def test_network_takes_slices_of_any_batch_and_size(package: ModelPackage) -> None:
    model = onnx.load(str(package.model_path))
    onnx.checker.check_model(model)
    assert [opset.version for opset in model.opset_import] == [17]
    session = onnxruntime.InferenceSession(
        str(package.model_path), providers=["CPUExecutionProvider"]
    )
    for shape in ((1, 3, 32, 48), (5, 3, 64, 32)):
        (out,) = session.run(None, {"image": np.zeros(shape, np.float32)})
        assert out.shape == (shape[0], 1, *shape[2:])
    assert package.model_path.stat().st_size < 10_000_000


def test_example_gives_the_expected_mask(found: ModelResult) -> None:
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        expected = stored["wmh"]
    assert expected.any()
    assert dice(found.masks["wmh"], expected) >= 0.98


def test_lesions_of_the_generated_head_are_found(found: ModelResult, code: Any) -> None:
    papers = code("papers")
    image, truth, _ = papers.phantom()
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["flair"], image)
    lesions, count = ndimage.label(truth, np.ones((3, 3, 3)))
    hit = np.unique(lesions[found.masks["wmh"]])
    assert len(hit[hit > 0]) >= count - 1
    assert dice(found.masks["wmh"], truth) > 0.5


def test_scanner_units_do_not_matter(
    package: ModelPackage, example: tuple[NDArray[np.float32], Grid], found: ModelResult
) -> None:
    image, grid = example
    other = run_package(package, [image * np.float32(7.5)], [grid], limits=THREADS)
    assert dice(other.masks["wmh"], found.masks["wmh"]) > 0.999


def test_storage_order_does_not_matter(
    package: ModelPackage, example: tuple[NDArray[np.float32], Grid], found: ModelResult
) -> None:
    image, grid = example
    turn = axes_towards(grid, "RAF")
    turned = np.ascontiguousarray(turn.apply(image))
    other = run_package(package, [turned], [turn.apply_grid(grid)], limits=THREADS)
    np.testing.assert_array_equal(turn.undo(other.masks["wmh"]), found.masks["wmh"])


def test_an_image_without_a_head_is_refused(
    package: ModelPackage, example: tuple[NDArray[np.float32], Grid]
) -> None:
    image, grid = example
    speck = np.zeros_like(image)
    speck[10:12, 40:60, 40:60] = 100.0
    with pytest.raises(Unsuitable):
        run_package(package, [speck], [grid], limits=THREADS)


def test_volume_is_the_one_on_the_card(
    package: ModelPackage, metrics: dict[str, Any], shared_data: Path | None
) -> None:
    """The real follow-up study; a generated head, said by ``shared_data``, where it is absent."""
    if shared_data is None:
        scan = random_head(HEAD_SEED, per_slice=3)
        array, grid = scan.array.astype(np.float32), scan.grid
        wanted = metrics["generated_heads"]["model_heads"][0]["volume_ml"]
    else:
        path = shared_data / "mr_ms_followup" / "study1_FLAIR.nii.gz"
        image = sitk.ReadImage(str(path), sitk.sitkFloat32)
        turn = np.array(image.GetDirection()).reshape(3, 3)
        affine = np.eye(4)
        affine[:3, :3] = turn * np.array(image.GetSpacing())
        affine[:3, 3] = image.GetOrigin()
        array = sitk.GetArrayFromImage(image)
        grid = Grid(array.shape, as_matrix(affine))
        wanted = metrics["cases"]["followup_study1"]["model"]["volume_ml"]
    result = run_package(package, [array], [grid], limits=THREADS)
    volume = float(result.masks["wmh"].sum()) * grid.voxel_ml
    assert volume == pytest.approx(wanted, abs=0.05)


def test_lesions_of_an_unseen_whole_head_are_measured(
    package: ModelPackage, metrics: dict[str, Any]
) -> None:
    scan = random_head(HEAD_SEED, per_slice=3)
    result = run_package(package, [scan.array.astype(np.float32)], [scan.grid], limits=THREADS)
    found = result.masks["wmh"]
    on_card = metrics["generated_heads"]["model_heads"][0]
    assert dice(found, scan.mask) == pytest.approx(on_card["dice"], abs=0.02)
    assert dice(found, scan.mask) > 0.6
    assert float(found.sum()) * scan.grid.voxel_ml == pytest.approx(scan.voxel_ml, rel=0.4)


def test_training_knows_neither_the_left_out_slices_nor_the_measured_heads(code: Any) -> None:
    heads, synthesis, papers = code("heads"), code("synthesis"), code("papers")
    assert heads.TRAIN != heads.HELD_OUT
    image, truth, _ = papers.phantom()
    closed = np.zeros(len(image), dtype=bool)
    closed[10:13] = True
    assert truth[closed].any()
    example = synthesis.scanned(
        np.random.default_rng(1), image, truth.astype(np.uint8), image > 40, 5.0, truth, ~closed
    )
    for places in example.places.values():
        assert places.size
        assert not np.isin(places[:, 0], (10, 11, 12)).any()

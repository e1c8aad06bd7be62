"""The white-matter model: its package, its papers, and what it finds where the truth is known."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits, Unsuitable
from workstation.ai.package import ModelPackage, load_package
from workstation.domain.geometry import Grid, as_matrix, axes_towards
from workstation.domain.mask import dice

FOLDER = Path(__file__).resolve().parents[2] / "models" / "brain-wmh"
THREADS = Limits(threads=2)


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return load_package(FOLDER)


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "metrics.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def papers() -> Iterator[Any]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("papers")
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def example() -> tuple[NDArray[np.float32], Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["flair"], stored["affine"]
    return image, Grid(image.shape, as_matrix(affine))


@pytest.fixture(scope="module")
def found(package: ModelPackage, example: tuple[NDArray[np.float32], Grid]) -> ModelResult:
    return run_package(package, [example[0]], [example[1]], limits=THREADS)


def test_card_and_manifest_say_what_was_measured(metrics: dict[str, Any], papers: Any) -> None:
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == papers.card(metrics)
    written = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(
        json.dumps(papers.manifest(metrics, metrics["training"]["threshold"]))
    )


def test_card_shows_every_headline_number_beside_the_baseline(metrics: dict[str, Any]) -> None:
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    case = metrics["cases"]["patient26"]
    for key in ("dice", "lesion_sensitivity", "false_lesions", "volume_error_ml"):
        row = f"| {case['model'][key]:g} | {case['baseline'][key]:g} |"
        assert card.count(row) >= 2, f"{key} must stand in both languages"


def test_test_cases_are_not_training_cases() -> None:
    for name in ("images.py", "synthesis.py", "train.py", "calibrate.py", "baseline.py"):
        source = (FOLDER / name).read_text(encoding="utf-8")
        assert "patient26" not in source and "mr_ms_followup" not in source


def test_network_takes_slices_of_any_batch(package: ModelPackage) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(package.model_path))
    onnx.checker.check_model(model)
    assert [opset.version for opset in model.opset_import] == [17]
    (given,) = model.graph.input
    dims = given.type.tensor_type.shape.dim
    assert dims[0].dim_param and dims[1].dim_value == 3
    assert given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_example_gives_the_expected_mask(found: ModelResult) -> None:
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        expected = stored["wmh"]
    assert expected.any()
    assert dice(found.masks["wmh"], expected) >= 0.98


def test_lesions_of_the_generated_head_are_found(found: ModelResult, papers: Any) -> None:
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


def test_real_follow_up_gives_the_volume_on_the_card(
    package: ModelPackage, metrics: dict[str, Any], shared_data: Path | None
) -> None:
    if shared_data is None:
        pytest.skip("no real images")
    path = shared_data / "mr_ms_followup" / "study1_FLAIR.nii.gz"
    image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    array = sitk.GetArrayFromImage(image)
    grid = Grid(array.shape, as_matrix(affine))
    result = run_package(package, [array], [grid], limits=THREADS)
    volume = float(result.masks["wmh"].sum()) * grid.voxel_ml
    wanted = metrics["cases"]["followup_study1"]["model"]["volume_ml"]
    assert volume == pytest.approx(wanted, abs=0.05)

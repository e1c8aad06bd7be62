"""The short-axis heart model: its package, its papers, and hearts whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests import wrong_hearts
from tests.wrong_images import strange
from tests.wrong_judging import judge
from workstation.ai.client import ModelResult, run_package
from workstation.ai.gate import find_inputs
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage
from workstation.demo.scans import cine_scan
from workstation.demo.ventricle import HeartShape
from workstation.domain.geometry import AxisMap, Grid, as_matrix
from workstation.domain.mask import dice

FOLDER = Path(__file__).resolve().parents[2] / "models" / "heart-sax"
THREADS = Limits(threads=2)
KEYS = {"lv_cavity": 3, "lv_myocardium": 2, "rv_cavity": 1}


@pytest.fixture(scope="module")
def example() -> tuple[NDArray[np.float32], Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["cine"], stored["affine"]
    return image, Grid(image.shape, as_matrix(affine))


@pytest.fixture(scope="module")
def found(package: ModelPackage, example: tuple[NDArray[np.float32], Grid]) -> ModelResult:
    return run_package(package, [example[0]], [example[1]], limits=THREADS)


def test_card_and_manifest_say_what_was_measured(metrics: dict[str, Any], code: Any) -> None:
    papers = code("papers")
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == papers.card(metrics)
    written = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(papers.manifest(metrics, metrics["training"])))


def test_network_is_small_and_takes_any_size(package: ModelPackage) -> None:
    model = onnx.load(str(package.model_path))
    onnx.checker.check_model(model)
    assert [opset.version for opset in model.opset_import] == [17]
    assert package.model_path.stat().st_size < 8_000_000
    whole = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert whole < 10_000_000


def test_patients_held_out_are_every_fifth_and_never_trained_on(
    code: Any, shared_data: Path | None
) -> None:
    cines = code("cines")
    assert len(cines.HELD_OUT) == 6
    if shared_data is None:
        return
    everyone = cines.patients(shared_data)
    assert tuple(cines.held_out(everyone)) == cines.HELD_OUT
    seen = {stack.patient for stack in cines.load(shared_data)}
    assert not seen & set(cines.HELD_OUT)
    assert seen | set(cines.HELD_OUT) == set(everyone)
    for stack in cines.stacks_of(shared_data, cines.HELD_OUT[0]):
        assert stack.image.shape == stack.cavity.shape
        assert stack.cavity.any(axis=(1, 2)).all()


def test_example_gives_the_expected_masks(found: ModelResult, code: Any) -> None:
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        for key in KEYS:
            assert dice(found.masks[key], stored[key]) >= 0.97
    _, truth, _ = code("phantom").phantom()
    for key, least in (("lv_cavity", 0.9), ("lv_myocardium", 0.8), ("rv_cavity", 0.75)):
        assert dice(found.masks[key], truth == KEYS[key]) > least
    held = (truth == 3).any(axis=(1, 2))
    beyond = np.flatnonzero(~held)
    assert beyond.size >= 3
    marked = [z for z in beyond if found.masks["lv_cavity"][z].sum() > 20]
    assert len(marked) <= 1


def test_units_and_order_of_storage_do_not_matter(
    package: ModelPackage, example: tuple[NDArray[np.float32], Grid], found: ModelResult
) -> None:
    image, grid = example
    other = run_package(package, [image * np.float32(3.0) + 5], [grid], limits=THREADS)
    for key in KEYS:
        assert dice(other.masks[key], found.masks[key]) > 0.999
    turn = AxisMap((0, 1, 2), (True, True, False))  # slices in reverse, each upside down
    turned = np.ascontiguousarray(turn.apply(image))
    again = run_package(package, [turned], [turn.apply_grid(grid)], limits=THREADS)
    assert dice(turn.undo(again.masks["lv_cavity"]), found.masks["lv_cavity"]) > 0.9


def test_ejection_fraction_of_a_generated_cine(package: ModelPackage) -> None:
    """A heart of the demo's generator with a size and field of view of its own."""
    shape = HeartShape(seed=77, edv_ml=160.0, esv_ml=80.0, phases=8)
    scan = cine_scan(shape, seed=77, matrix=176, field_mm=300.0)
    volumes = []
    for phase, truth in zip((0, shape.es_phase), scan.cavity, strict=True):
        array = scan.array[phase].astype(np.float32)
        result = run_package(package, [array], [scan.grid], limits=THREADS)
        assert dice(result.masks["lv_cavity"], truth) > 0.88
        volumes.append(float(result.masks["lv_cavity"].sum()) * scan.grid.voxel_ml)
    fraction = 100.0 * (1.0 - volumes[1] / volumes[0])
    true_ed, true_es = scan.voxel_volumes_ml
    assert fraction == pytest.approx(100.0 * (1.0 - true_es / true_ed), abs=5.0)


def test_every_phase_of_a_cine_is_accepted_and_other_series_are_not(package: ModelPackage) -> None:
    right = wrong_hearts.generated(wrong_hearts.SEEDS[0])
    stack = wrong_hearts.stack_of(right, phases=25)
    assert find_inputs(package.manifest, [stack]).inputs == ((stack,),)
    said = {one.what: one.answer for one in wrong_hearts.headers(package, right)}
    assert said["body part brain"] == "refused"
    assert "accepted" not in said.values()
    assert sum(answer == "refused" for answer in said.values()) >= 10


def test_a_mirrored_heart_is_told_by_its_right_ventricle(
    package: ModelPackage, example: tuple[NDArray[np.float32], Grid], found: ModelResult
) -> None:
    assert not found.doubts
    image, grid = example
    mirrored = run_package(package, [image[:, :, ::-1].copy()], [grid], limits=THREADS)
    assert "Left and right" in str(mirrored.doubts[0])


def test_images_that_are_no_heart_are_not_answered(package: ModelPackage) -> None:
    answers = {
        one.what: judge(package, *wrong_hearts.claimed(one), run=True).answer
        for one in strange()
        if one.what in ("magnitude noise", "ball (phantom)", "leg (two bones in muscle)")
    }
    assert len(answers) == 3
    assert set(answers.values()) <= {"refused", "uncertain"}


def test_a_held_out_patient_comes_out_as_on_the_card(
    package: ModelPackage, metrics: dict[str, Any], code: Any, shared_data: Path | None
) -> None:
    if shared_data is None:
        return  # ``shared_data`` says so; the generated cine above is measured either way
    name = "SC-N-02"
    evaluate = code("evaluate")
    stack = code("cines").stacks_of(shared_data, name)[0]
    result = run_package(package, [stack.image], [evaluate.grid_of(stack.image)], limits=THREADS)
    on_card = metrics["held_out"]["patients"][name]["model"]["cavity"]["dice"]
    assert dice(result.masks["lv_cavity"], stack.cavity) == pytest.approx(on_card, abs=0.06)

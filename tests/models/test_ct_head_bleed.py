"""The triage of head bleeding: its package, its papers, and heads whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests import wrong_head_ct
from tests.study.head_ct import scan
from tests.wrong_images import upright
from tests.wrong_judging import CAUTION, judge
from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage
from workstation.dicom.folder import read_folder
from workstation.domain.geometry import Grid, as_matrix, axes_towards
from workstation.domain.mask import dice

FOLDER = wrong_head_ct.FOLDER
THREADS = Limits(threads=2)


@pytest.fixture(scope="module")
def example() -> tuple[NDArray[np.float32], Grid]:
    with np.load(FOLDER / "example" / "input.npz", allow_pickle=False) as stored:
        image, affine = stored["ct"], stored["affine"]
    return image, Grid(image.shape, as_matrix(affine))


@pytest.fixture(scope="module")
def found(package: ModelPackage, example: tuple[NDArray[np.float32], Grid]) -> ModelResult:
    return run_package(package, [example[0]], [example[1]], limits=THREADS)


def test_card_and_manifest_say_what_was_measured(metrics: dict[str, Any], code: Any) -> None:
    papers = code("papers")
    assert (FOLDER / "card.md").read_text(encoding="utf-8") == papers.card(metrics)
    written = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(papers.manifest(metrics, metrics["training"])))
    assert written["stat"] is True
    assert written["training_data"]["synthetic_only"] is True


def test_card_shows_model_and_classical_rule_side_by_side(metrics: dict[str, Any]) -> None:
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    for family in ("same", "other"):
        one = metrics["generated"][family]
        for key in ("sensitivity", "alarms"):
            shares = [one[who][key] for who in ("model", "baseline")]
            row = " | ".join(
                f"{s['value']:g} [{s['low']:g}, {s['high']:g}] (n={s['n']})" for s in shares
            )
            assert card.count(row) >= 2, f"{family} {key} must stand in both languages"


def test_purposes_of_generated_heads_never_meet(code: Any, metrics: dict[str, Any]) -> None:
    heads = code("heads")
    purposes = (heads.TRAIN, heads.CHOOSE, heads.TEST, heads.GATE, heads.GATE_CHECK)
    assert len(set(purposes)) == 5
    names = [row["name"] for row in metrics["generated"]["rows"]]
    assert len(set(names)) == len(names)
    assert all(name.startswith((f"{heads.TEST}-", "other-")) for name in names)
    for file in ("train.py", "choose.py", "heads.py", "pool.py", "calibrate_gate.py"):
        source = (FOLDER / file).read_text(encoding="utf-8")
        assert '"ct_head"' not in source
        assert "other_heads" not in source


def test_network_is_small_and_takes_any_size(package: ModelPackage) -> None:
    model = onnx.load(str(package.model_path))
    onnx.checker.check_model(model)
    assert [opset.version for opset in model.opset_import] == [17]
    assert package.model_path.stat().st_size < 8_000_000
    whole = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert whole < 10_000_000


def test_example_gives_the_expected_mask(
    found: ModelResult, example: tuple[NDArray[np.float32], Grid], code: Any
) -> None:
    with np.load(FOLDER / "example" / "expected.npz", allow_pickle=False) as stored:
        assert dice(found.masks["bleed"], stored["bleed"]) >= 0.97
    assert found.doubts == ()
    truth = code("papers").example_scan()
    np.testing.assert_array_equal(example[0], np.clip(truth.array, -1024, 1500))
    # Of its two bleedings the one as dense as the brain is missed, as the card says.
    numbered, count = ndimage.label(truth.truth, np.ones((3, 3, 3)))
    shares = [dice(found.masks["bleed"], numbered == n) for n in range(1, count + 1)]
    assert max(shares) > 0.7


def test_order_of_storage_does_not_matter(
    package: ModelPackage, example: tuple[NDArray[np.float32], Grid], found: ModelResult
) -> None:
    image, grid = example
    turn = axes_towards(grid, "RAF")
    turned = np.ascontiguousarray(turn.apply(image))
    other = run_package(package, [turned], [turn.apply_grid(grid)], limits=THREADS)
    np.testing.assert_array_equal(turn.undo(other.masks["bleed"]), found.masks["bleed"])


def test_blood_is_found_and_the_same_head_without_it_is_silent(package: ModelPackage) -> None:
    for bleeding in (True, False):
        made = scan(bleeding=bleeding)
        result = run_package(package, [made.array], [made.grid], limits=THREADS)
        mask = result.masks["bleed"]
        if bleeding:
            assert dice(mask, made.truth) > 0.7
            volume = float(mask.sum()) * made.grid.voxel_ml
            assert volume == pytest.approx(made.volume_ml(), rel=0.3)
        else:
            assert not mask.any()


def test_the_other_family_of_heads_too(package: ModelPackage, code: Any) -> None:
    from workstation.demo.bleeds import BleedKind

    one = code("other_heads").other_scan(5005, BleedKind.PARENCHYMAL, 30.0)
    result = run_package(package, [one.array], [one.grid], limits=THREADS)
    assert dice(result.masks["bleed"], one.blood) > 0.6


def test_wrong_headers_are_refused(package: ModelPackage) -> None:
    made = scan(bleeding=False)
    right = upright("head", made.array, made.grid)
    said = {one.what: one.answer for one in wrong_head_ct.headers(package, right)}
    careful = {what for what, answer in said.items() if answer == CAUTION}
    assert careful == {"tilted gantry", "uneven spacing"}
    assert {said[what] for what in set(said) - careful} == {"refused"}


def test_wrong_images_are_refused_or_doubted(package: ModelPackage) -> None:
    made = scan(bleeding=True)
    right = upright("head", made.array, made.grid)
    wrong = [*wrong_head_ct.phantoms()]
    wanted = ("upside down", "upper half of the slices", "drowned in noise", "blank slices between",
              "stored values without rescale (HU + 1024)", "left half only")  # fmt: skip
    wrong += [one for one in wrong_head_ct.spoilt(right) if one.what.endswith(wanted)]
    assert len(wrong) == 9
    for picture in wrong:
        heard = judge(package, *wrong_head_ct.claimed(picture))
        assert heard.answer in ("refused", "uncertain"), picture.what
        assert heard.words


def test_false_alarms_on_the_real_head_are_those_on_the_card(
    package: ModelPackage, metrics: dict[str, Any], shared_data: Path | None
) -> None:
    """The real head CT; the card's own number, said by ``shared_data``, where it is absent."""
    if shared_data is None:
        card = (FOLDER / "card.md").read_text(encoding="utf-8")
        assert card.count(f"{metrics['real']['false_ml']:g} mL") >= 2
        return
    folder = read_folder(shared_data / "ct_head" / "series")
    volume = folder.read(folder.stacks[0])
    result = run_package(package, [volume.array], [volume.grid], limits=THREADS)
    found = float(result.masks["bleed"].sum()) * volume.grid.voxel_ml
    assert found == pytest.approx(metrics["real"]["false_ml"], abs=0.05)

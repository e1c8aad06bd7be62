"""Every package under ``models/``: sound, documented, and its own example still comes out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.ai.packages import identity, write_package
from workstation.ai.card import card_in
from workstation.ai.check import check_example_files
from workstation.ai.example import run_example
from workstation.ai.package import SUMS, load_package, write_sums
from workstation.ai.sums import is_data, parse_sums, read_sums, sha256_of
from workstation.ai.trust import Trust, shipped_models
from workstation.domain.errors import BadInput

MODELS = Path(__file__).resolve().parents[2] / "models"
# A folder without sums is still being built: it is not installed and not listed.
INSTALLED = sorted(path.parent.name for path in MODELS.glob(f"*/{SUMS}"))


def test_installed_packages() -> None:
    for name in INSTALLED:
        package = load_package(MODELS / name, Trust(shipped_models()))
        assert package.signer is not None
        assert package.signer.kind == "program"
        card = (package.folder / "card.md").read_text(encoding="utf-8")
        assert len(card_in(card, "zh_CN")) > 200, f"{name}: card in Chinese"
        assert len(card_in(card, "en")) > 200, f"{name}: card in English"
        assert package.manifest.performance, f"{name}: nothing was measured"
        assert (package.folder / "train.py").is_file(), f"{name}: how was it made?"
        check_example_files(package.folder, package.manifest)
        report = run_example(package)
        assert report.ok, f"{name}: {report.labels}"


def test_list_of_shipped_models_is_that_of_the_folder() -> None:
    """A rebuilt model is accepted by ``python -m tests.accept_model ID``: one line of a change."""
    found = {name: sha256_of(MODELS / name / SUMS) for name in INSTALLED}
    assert shipped_models() == found


def test_code_beside_a_model_is_no_part_of_it() -> None:
    for name in INSTALLED:
        listed = parse_sums(read_sums(MODELS / name), name)
        assert not [file for file in listed if not is_data(file)]


def example(folder: Path, expected: NDArray[np.bool_]) -> Path:
    place = write_package(folder, identity())
    given = np.zeros((4, 6, 8), dtype=np.float32)
    given[1:3, 2:4, 2:5] = 1.0
    (place / "example").mkdir()
    np.savez_compressed(
        place / "example" / "input.npz", image=given, affine=np.diag([2, 2, 5, 1.0])
    )
    np.savez_compressed(place / "example" / "expected.npz", spot=expected)
    said = {"min_dice": 0.99, "volume_ml": 0.01}
    (place / "example" / "tolerance.json").write_text(json.dumps(said), encoding="utf-8")
    write_sums(place)
    return place


def test_example_agrees_or_does_not(tmp_path: Path) -> None:
    right = np.zeros((4, 6, 8), dtype=bool)
    right[1:3, 2:4, 2:5] = True
    report = run_example(load_package(example(tmp_path / "a", right)))
    assert report.ok
    assert report.labels[0].volume_ml == pytest.approx(12 * 0.02)
    wrong = right.copy()
    wrong[0, 0, 0] = True
    report = run_example(load_package(example(tmp_path / "b", wrong)))
    assert not report.ok
    assert report.labels[0].dice == pytest.approx(24 / 25)


def test_missing_example_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Model tiny: its example cannot be read"):
        run_example(load_package(write_package(tmp_path, identity())))

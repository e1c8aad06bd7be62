"""The canary: a package whose own example comes out differently here is off, with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.ai.packages import identity, write_package
from tests.ai.test_installed_models import example
from workstation import text
from workstation.ai import canary
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage, load_package
from workstation.domain.errors import BadInput

SMALL = Limits(threads=1)


def spot(*, wrong: bool) -> np.ndarray:
    expected = np.zeros((4, 6, 8), dtype=bool)
    expected[1:3, 2:4, 2:5] = True
    expected[0, 0, 0] = wrong
    return expected


def kept_files(home: Path) -> list[Path]:
    return sorted((home / "ai" / "canary").glob("*.json"))


def test_agreement_is_kept_and_not_computed_again(tmp_path: Path) -> None:
    package = load_package(example(tmp_path / "m", spot(wrong=False)))
    assert canary.known(package, tmp_path / "home") is None
    first = canary.sing(package, tmp_path / "home", SMALL)
    assert first.why_off is None
    assert first.checked
    assert first.precision == "float32"
    assert len(kept_files(tmp_path / "home")) == 1
    (tmp_path / "m" / "tiny" / "model.onnx").unlink()  # could not be computed any more
    assert canary.sing(package, tmp_path / "home", SMALL) == first
    canary.must_agree(package, tmp_path / "home", SMALL)


def test_other_answers_switch_the_package_off(tmp_path: Path) -> None:
    package = load_package(example(tmp_path / "m", spot(wrong=True)))
    with pytest.raises(BadInput) as caught:
        canary.must_agree(package, tmp_path / "home", SMALL)
    assert str(caught.value) == (
        "Switched off: on this computer the model's own example comes out differently "
        "(spot: overlap 0.960, 0.24 mL instead of 0.26 mL)."
    )
    assert "已停用" in text.say(caught.value.message, lang="zh_CN")
    again = canary.known(package, tmp_path / "home")
    assert again is not None
    assert again.why_off is not None


def test_another_package_hash_is_another_canary(tmp_path: Path) -> None:
    bad = load_package(example(tmp_path / "m", spot(wrong=True)))
    assert canary.sing(bad, tmp_path / "home", SMALL).why_off is not None
    good = load_package(example(tmp_path / "n", spot(wrong=False)))
    assert canary.sing(good, tmp_path / "home", SMALL).why_off is None
    assert len(kept_files(tmp_path / "home")) == 2


def test_without_an_example_nothing_is_said(tmp_path: Path) -> None:
    package = load_package(write_package(tmp_path, identity()))
    found = canary.sing(package, tmp_path / "home", SMALL)
    assert (found.checked, found.why_off) == (False, None)


def test_a_run_that_did_not_end_is_not_kept(tmp_path: Path) -> None:
    package = load_package(example(tmp_path / "m", spot(wrong=False)))
    stopped = canary.sing(package, tmp_path / "home", Limits(timeout_s=0.01, threads=1))
    assert stopped.why_off is not None
    assert "longer than" in str(stopped.why_off)
    assert not kept_files(tmp_path / "home")
    assert canary.sing(package, tmp_path / "home", SMALL).why_off is None


def test_unreadable_memory_is_made_anew(tmp_path: Path) -> None:
    package: ModelPackage = load_package(example(tmp_path / "m", spot(wrong=False)))
    canary.sing(package, tmp_path / "home", SMALL)
    (path,) = kept_files(tmp_path / "home")
    path.write_text('{"package": 1', encoding="utf-8")
    assert canary.sing_all([package], tmp_path / "home", SMALL)[0].why_off is None
    assert json.loads(path.read_text(encoding="utf-8"))["package"] == "tiny"

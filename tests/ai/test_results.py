"""Results kept by what they were made of, and when fewer digits may be used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from tests.ai.packages import identity, network, write_package
from workstation.ai.client import CroppedMasks, ModelResult, run_package
from workstation.ai.package import ModelPackage, load_package, write_sums
from workstation.ai.precision import (
    LOWER,
    PrecisionCheck,
    allowed_precision,
    check_precision,
    known_check,
    machine_id,
    precision_for,
)
from workstation.ai.providers import Precision
from workstation.ai.results import ResultCache, input_digest, result_key
from workstation.ai.worker_sessions import find_machine
from workstation.domain.errors import Message
from workstation.domain.geometry import Grid, as_matrix
from workstation.settings import FASTER, FLOAT32

GRID = Grid((6, 12, 10), as_matrix(np.diag([1.0, 1.0, 2.0, 1.0])))


def result(mask: NDArray[np.bool_]) -> ModelResult:
    return ModelResult(
        {"spot": mask, "nothing": np.zeros_like(mask)}, {"spot": 0.75, "nothing": 0.0},
        "OpenVINO CPU", "float32", 3, 1.5, 321.0, {"network": 1.25}, (Message("a {b}", {"b": "c"}),)
    )  # fmt: skip


def test_a_result_comes_back_as_it_was_and_is_never_overwritten(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random(GRID.shape) > 0.8
    cache, key = (
        ResultCache(tmp_path / "缓存"),
        result_key("0" * 64, ["1" * 64], {"precision": "x"}),
    )
    assert cache.get(key) is None
    cache.put(key, result(mask))
    cache.put(key, replace(result(~mask), seconds=9.0))
    back = cache.get(key)
    assert back is not None
    assert isinstance(back.masks, CroppedMasks)
    assert np.array_equal(back.masks["spot"], mask)
    assert not back.masks["nothing"].any()
    assert back.masks["nothing"].shape == GRID.shape
    assert replace(back, masks={}) == replace(result(mask), masks={})
    assert not list((tmp_path / "缓存").glob("*.part"))


def test_a_damaged_result_is_none(tmp_path: Path) -> None:
    cache, key = ResultCache(tmp_path), "a" * 64
    cache.put(key, result(np.ones(GRID.shape, dtype=bool)))
    file = tmp_path / f"{key}.result"
    data = bytearray(file.read_bytes())
    data[-30] ^= 1
    file.write_bytes(data)
    assert cache.get(key) is None
    cache.put(key, result(np.zeros(GRID.shape, dtype=bool)))
    again = cache.get(key)
    assert again is not None
    assert not again.masks["spot"].any()
    with pytest.raises(ValueError, match="SHA-256"):
        cache.get("../outside")


def test_the_key_names_everything_that_a_result_is_made_of() -> None:
    array = np.arange(GRID.shape[0] * 120, dtype=np.int16).reshape(GRID.shape)
    moved = Grid(GRID.shape, as_matrix(np.diag([1.0, 1.0, 2.5, 1.0])))
    other = array.copy()
    other[3, 4, 5] += 1
    digests = {
        input_digest(array, GRID), input_digest(array, moved), input_digest(other, GRID),
        input_digest(array.astype(np.float32), GRID),
    }  # fmt: skip
    assert len(digests) == 4
    assert input_digest(np.flip(np.flip(array, 1), 1), GRID) == input_digest(array, GRID)
    said: dict[str, str | float | bool] = {"precision": "float32", "provider": "auto"}
    keys = {
        result_key("p", ["a", "b"], said), result_key("q", ["a", "b"], said),
        result_key("p", ["b", "a"], said), result_key("p", ["a", "b"], {"precision": "bfloat16"}),
    }  # fmt: skip
    assert len(keys) == 4
    assert result_key("p", ["a"], dict(reversed(said.items()))) == result_key("p", ["a"], said)


def with_example(folder: Path, model: Any, image: NDArray[np.float32]) -> ModelPackage:
    """A package whose example expects what float32 gives."""
    place = write_package(folder, model, infer={"patch": [6, 12, 10], "max_ram_mb": 1024,
                                                "timeout_s": 60})  # fmt: skip
    mask = run_package(load_package(place), [image], [GRID]).masks["spot"]
    (place / "example").mkdir()
    np.savez(place / "example" / "input.npz", image=image, affine=GRID.matrix)
    np.savez(place / "example" / "expected.npz", spot=mask)
    (place / "example" / "tolerance.json").write_text(json.dumps({"min_dice": 0.9, "volume_ml": 9}))
    write_sums(place)
    return load_package(place)


def delicate() -> Any:
    """A network that computes (image * 1000 + 0.5 - image * 1000) by a convolution of two
    channels: in float32 nearly one half plus rounding, with fewer digits anything."""
    weight = np.array([[1000.0], [-999.0]], dtype=np.float32).reshape(2, 1, 1, 1, 1)
    back = np.array([[1.0, 1.0]], dtype=np.float32).reshape(1, 2, 1, 1, 1)
    return network(
        [
            helper.make_node("Conv", ["image", "w"], ["two"]),
            helper.make_node("Conv", ["two", "v"], ["out"]),
        ],
        {"w": weight, "v": back},
    )


def test_fewer_digits_only_after_they_agreed(tmp_path: Path) -> None:
    lower: list[Precision] = [one for one in find_machine().openvino if one != "float32"]
    asked: Precision = lower[0] if lower else "bfloat16"
    image = np.random.default_rng(2).random(GRID.shape).astype(np.float32)
    plain = with_example(tmp_path / "a", identity(), (image > 0.5).astype(np.float32))
    home = tmp_path / "home"
    assert allowed_precision(plain, home, asked) == "float32"  # never checked
    check = check_precision(plain, home, asked)
    # Where the processor has no such units the check says so and float32 stays.
    assert check.agreed == bool(lower)
    assert allowed_precision(plain, home, asked) == (asked if lower else "float32")
    unsafe = with_example(tmp_path / "b", delicate(), image)
    refused = check_precision(unsafe, home, asked)
    assert not refused.agreed
    assert allowed_precision(unsafe, home, asked) == "float32"
    for kept in (home / "ai" / "precision").iterdir():
        kept.rename(kept.with_name(kept.name.replace(machine_id()[:32], "0" * 32)))
    assert allowed_precision(plain, home, asked) == "float32"  # another machine's word


def test_the_setting_asks_for_fewer_digits_where_they_are_worth_it(
    tmp_path: Path,
) -> None:
    image = np.random.default_rng(2).random(GRID.shape).astype(np.float32)
    plain = with_example(tmp_path / "a", identity(), (image > 0.5).astype(np.float32))
    unsafe = with_example(tmp_path / "b", delicate(), image)
    home = tmp_path / "home"
    assert precision_for(plain, home, FLOAT32) == "float32"
    assert not (home / "ai" / "precision").exists()  # nobody asked
    for package in (plain, unsafe):
        said = precision_for(package, home, FASTER)
        known = [known_check(package, home, one) for one in LOWER]
        worth = [check.precision for check in known if check is not None and check.worth_it]
        assert said == (worth[0] if worth else "float32")
    assert said == "float32"
    kept = {path: path.read_bytes() for path in (home / "ai" / "precision").iterdir()}
    precision_for(plain, home, FASTER)
    assert {path: path.read_bytes() for path in (home / "ai" / "precision").iterdir()} == kept
    for file in (plain.folder / "example").iterdir():
        file.unlink()
    assert precision_for(plain, tmp_path / "other", FASTER) == "float32"  # nothing to check by


def test_fewer_digits_are_worth_it_only_where_they_agree_and_are_quicker() -> None:
    good = PrecisionCheck("bfloat16", "bfloat16", {"spot": 0.995}, True, (2.0, 1.0))
    assert good.worth_it
    for worse in (
        replace(good, computed="float32"), replace(good, dices={"spot": 0.98}),
        replace(good, within_tolerance=False), replace(good, seconds=(1.0, 1.5)),
    ):  # fmt: skip
        assert not worse.worth_it

"""What a package must be before anything of it is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.ai.packages import identity, manifest, network, serialised, write_package
from workstation.ai.manifest import Manifest
from workstation.ai.onnx_header import read_onnx_header
from workstation.ai.package import list_packages, load_package, sha256_of, write_sums
from workstation.domain.errors import BadInput

REPOSITORY = Path(__file__).resolve().parents[2]


def test_sound_package(tmp_path: Path) -> None:
    loaded = load_package(write_package(tmp_path, identity()))
    assert loaded.manifest.id == "tiny"
    assert loaded.sha256 == sha256_of(loaded.folder / "SHA256SUMS")
    assert loaded.model_sha256 == sha256_of(loaded.folder / "model.onnx")
    assert loaded.made_by.sha256 == loaded.sha256


def test_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    write_sums(tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text() == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.txt\n"
    )


def flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


ALTERED = "was altered"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "network": (lambda p: flip_last_byte(p / "model.onnx"), f"model.onnx {ALTERED}"),
    "manifest": (lambda p: flip_last_byte(p / "manifest.json"), f"manifest.json {ALTERED}"),
    "card": (lambda p: flip_last_byte(p / "card.md"), f"card.md {ALTERED}"),
    "unlisted": (lambda p: (p / "x.bin").write_bytes(b"1"), "x.bin is not listed in SHA256SUMS"),
    "missing": (lambda p: (p / "LICENSE").unlink(), "LICENSE is missing"),
    "no network": (lambda p: (p / "model.onnx").unlink(), "model.onnx is missing"),
    "no sums": (lambda p: (p / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
    "bad sums": (lambda p: (p / "SHA256SUMS").write_text("?\n"), "has an unreadable line"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_package_names_the_file(tmp_path: Path, damage: str) -> None:
    place = write_package(tmp_path, identity())
    act, said = DAMAGE[damage]
    act(place)
    with pytest.raises(BadInput, match=re.escape(said)):
        load_package(place)


def test_byte_code_of_train_does_not_break_a_package(tmp_path: Path) -> None:
    place = write_package(tmp_path, identity())
    (place / "__pycache__").mkdir()
    (place / "__pycache__" / "train.pyc").write_bytes(b"1")
    assert load_package(place).manifest.id == "tiny"


def external(folder: Path) -> bytes:
    weights = np.ones((4, 4), dtype=np.float32)
    model = network([helper.make_node("Mul", ["image", "w"], ["out"])], {"w": weights})
    onnx.save(model, folder / "e.onnx", save_as_external_data=True, location="w.bin",
              size_threshold=0)  # fmt: skip
    return (folder / "e.onnx").read_bytes()


def hidden_in_a_branch(folder: Path) -> bytes:
    """External weights of a constant inside a subgraph of an If."""
    tensor = numpy_helper.from_array(np.ones(2, dtype=np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, "deep.bin")
    tensor.ClearField("raw_data")
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=tensor)],
        "inner",
        [],
        [helper.make_tensor_value_info("c", 1, [2])],
    )
    node = helper.make_node("If", ["yes"], ["out"], then_branch=inner, else_branch=inner)
    return serialised(network([node], {"yes": np.array(True)}))


def foreign(folder: Path) -> bytes:
    return serialised(network([helper.make_node("Do", ["image"], ["out"], domain="com.evil")]))


REFUSED: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "external": (external, r"keeps weights in another file, w\.bin"),
    "deep external": (hidden_in_a_branch, r"keeps weights in another file, deep\.bin"),
    "foreign": (foreign, r"operators that are not standard \(com\.evil Do\)"),
    "opset": (
        lambda folder: serialised(
            network([helper.make_node("Identity", ["image"], ["out"])], opset=13)
        ),
        "has opset 13, manifest.json says 17",
    ),
    "garbage": (lambda folder: b"no network at all", "not a readable ONNX network"),
    "empty": (lambda folder: b"", "not a readable ONNX network"),
    "cut": (lambda folder: serialised(identity())[:-9], "not a readable ONNX network"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_network_is_refused_before_it_is_loaded(tmp_path: Path, kind: str) -> None:
    make, said = REFUSED[kind]
    (tmp_path / "build").mkdir()
    place = write_package(tmp_path / "models", make(tmp_path / "build"))
    with pytest.raises(BadInput, match=said):
        load_package(place)


def test_header_agrees_with_onnx(tmp_path: Path) -> None:
    model = identity()
    (tmp_path / "m.onnx").write_bytes(serialised(model))
    header = read_onnx_header(tmp_path / "m.onnx")
    assert header.ir_version == model.ir_version
    assert header.opset == model.opset_import[0].version
    assert header.node_domains == {""}
    assert not header.external_data


def changed(**changes: Any) -> str:
    return json.dumps(manifest(**changes))


def first_label(**changes: Any) -> list[Any]:
    return [manifest()["labels"][0] | changes]


WRONG: dict[str, tuple[str, str]] = {
    "not json": ("{", "Invalid JSON"),
    "unknown field": (changed(surprise=1), "surprise: Extra inputs are not permitted"),
    "code in pre": (
        changed(pre={"orientation": "LPH", "spacing_mm": [1, 1, 1],
                     "intensity": [{"op": "python", "code": "1"}]}),
        "pre.intensity.0: Input tag 'python'",
    ),
    "orientation": (
        changed(pre={"orientation": "LRH", "spacing_mm": [1, 1, 1], "intensity": []}),
        "orientation must name each patient axis once",
    ),
    "no opset": (
        changed(io={"input": "i", "output": "o", "layout": "NCHW"}), "io.opset: Field required"
    ),
    "patch": (
        changed(infer={"patch": [8, 8], "max_ram_mb": 512, "timeout_s": 9}), "infer.patch must be"
    ),
    "flag": (
        changed(accept=[{"channel": "a", "modality": ["MR"], "refuse_flags": ["odd"]}]),
        "unknown flag 'odd'",
    ),
    "twice": (changed(labels=first_label() * 2), "labels: key occurs twice"),
    "number as text": (changed(labels=first_label(index="0")), "labels.0.index"),
    "evidence": (changed(evidence="clinical"), "no performance row has it"),
    "colour": (changed(labels=first_label(colour=[-5, 999, 3])), "labels.0.colour"),
    "no such day": (changed(built="2025-99-99"), "built"),
    "version": (changed(version="1." + "9" * 300 + ".0"), "version"),
    "batch": (changed(infer={"patch": [8, 8, 8], "max_ram_mb": 512, "timeout_s": 9,
                             "batch": 10**30}), "infer.batch"),
    "role": (changed(accept=[{"channel": "a", "modality": ["MR"], "roles": ["flair"]}]),
             "unknown role 'flair'"),
    "modality": (changed(accept=[{"channel": "a", "modality": ["mr"]}]), "capitals"),
    "impossible Dice": (
        changed(performance=[{"dataset": "d", "n": 1, "metric": "Dice", "value": 7.5,
                              "evidence": "clinical"}]), "lies from 0 to 1",
    ),
    "interval": (
        changed(performance=[{"dataset": "d", "n": 1, "metric": "Dice", "value": 0.5,
                              "ci": [0.9, 0.3], "evidence": "clinical"}]), "outside its interval",
    ),
    "other id": (changed(id="other"), "names another model, other"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_manifest_says_where(tmp_path: Path, kind: str) -> None:
    place = write_package(tmp_path, identity())
    written, said = WRONG[kind]
    (place / "manifest.json").write_text(written, encoding="utf-8")
    write_sums(place)
    with pytest.raises(BadInput, match=re.escape(said)):
        load_package(place)


def test_list_has_good_and_broken(tmp_path: Path) -> None:
    write_package(tmp_path, identity())
    write_package(tmp_path, identity(), id="broken")
    flip_last_byte(tmp_path / "broken" / "model.onnx")
    (tmp_path / "notes").mkdir()
    good, broken = list_packages(tmp_path, None)
    assert [one.manifest.id for one in good] == ["tiny"]
    assert [one.folder.name for one in broken] == ["broken"]
    assert "model.onnx was altered" in str(broken[0].reason)
    assert list_packages(tmp_path / "nowhere", None) == ([], [])


def test_example_of_the_documentation_is_valid() -> None:
    written = (REPOSITORY / "resources" / "model_package.md").read_text(encoding="utf-8")
    example = re.search(r"```json\n(.*?)```", written, re.DOTALL)
    assert example is not None
    assert Manifest.model_validate_json(example[1]).infer.slices == 3

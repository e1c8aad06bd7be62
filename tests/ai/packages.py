"""Tiny real model packages for the tests: networks of a few nodes, made with ``onnx``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import TensorProto, helper, numpy_helper

from workstation.ai.keys import SiteKey, add_trusted_key
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.trust import sign_package

OPSET = 17
MAKER = SiteKey("Maker of tests", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
"""Whose signature the packages of tests carry."""


def network(
    nodes: list[Any], constants: dict[str, Any] | None = None, opset: int = OPSET, rank: int = 5
) -> Any:
    """A network from tensor ``image`` to tensor ``out``, both of free shape."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None] * rank)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9, producer_name="test"
    )


def identity(rank: int = 5) -> Any:
    """The network that changes nothing."""
    return network([helper.make_node("Identity", ["image"], ["out"])], rank=rank)


def hog(rows: int = 8, row: int = 2**28) -> Any:
    """A network that fills memory with ``rows`` of ``row`` float32 before it answers: gigabytes.

    A running sum over an expanded one cannot be folded away, and every page is written.
    """
    return network(
        [
            helper.make_node("ReduceMax", ["image"], ["top"], keepdims=0),
            helper.make_node("Expand", ["top", "shape"], ["large"]),
            helper.make_node("CumSum", ["large", "axis"], ["sums"]),
            helper.make_node("ReduceMax", ["sums"], ["most"], keepdims=0),
            helper.make_node("Mul", ["image", "most"], ["out"]),
        ],
        {
            "shape": np.array([rows, row], dtype=np.int64),
            "axis": np.array(0, dtype=np.int64),
        },
    )


def sleeper(turns: int = 10**9) -> Any:
    """A network that multiplies matrices for hours: a Loop of a thousand million turns, and at
    the end (identity matrices) gives back its input."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["carried", "turn"], ["next"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("count", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, [256, 256]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [256, 256]),
        ],
        [numpy_helper.from_array(np.eye(256, dtype=np.float32), "turn")],
    )
    return network(
        [
            helper.make_node("ReduceMax", ["image"], ["top"], keepdims=0),
            helper.make_node("Expand", ["top", "square"], ["first"]),
            helper.make_node("Loop", ["turns", "yes", "first"], ["last"], body=body),
            helper.make_node("ReduceMax", ["last"], ["most"], keepdims=0),
            helper.make_node("Mul", ["image", "most"], ["out"]),
        ],
        {
            "square": np.array([256, 256], dtype=np.int64),
            "turns": np.array(turns, dtype=np.int64),
            "yes": np.array(True),
        },
    )


def manifest(**changes: Any) -> dict[str, Any]:
    """A valid manifest of the identity network; ``changes`` replace top-level entries."""
    words = {"en": "test", "zh": "测试"}
    return {
        "format": "onescan-model/1",
        "id": "tiny",
        "version": "1.0.0",
        "name": {"en": "Tiny model", "zh": "微型模型"},
        "kind": "segmentation",
        "area": "brain",
        "licence": "Apache-2.0",
        "authors": ["OneScan contributors"],
        "built": "2025-11-20",
        "regulatory": words,
        "intended_use": words,
        "contraindications": words,
        "training_data": {"synthetic_only": True, "statement": words},
        "evidence": "none",
        "accept": [{"channel": "image", "modality": ["MR"], "roles": ["FLAIR"]}],
        "pre": {"orientation": "LPH", "spacing_mm": [None, None, None], "intensity": []},
        "io": {"input": "image", "output": "out", "layout": "NCDHW", "opset": OPSET},
        "infer": {"patch": [8, 8, 8], "max_ram_mb": 1024, "timeout_s": 60},
        "post": {"activation": "none", "threshold": 0.5},
        "labels": [
            {
                "index": 0,
                "key": "spot",
                "name": {"en": "Spot", "zh": "斑点"},
                "code": {"value": "SPOT", "scheme": "99ONESCAN", "meaning": "Spot"},
                "site": {"en": "brain", "zh": "脑"},
                "area": "brain",
                "template_key": "other",
            }
        ],
        "performance": [],
    } | changes


def write_package(folder: Path, model: Any, **changes: Any) -> Path:
    """A complete package folder ``folder/<id>``, signed by ``MAKER``."""
    said = manifest(**changes)
    place = folder / str(said["id"])
    place.mkdir(parents=True, exist_ok=True)
    (place / "manifest.json").write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    (place / "model.onnx").write_bytes(model if isinstance(model, bytes) else serialised(model))
    (place / "card.md").write_text(
        "# Tiny\n\n## 中文\n\n测试用模型。\n\n## English\n\nA model for tests.\n", encoding="utf-8"
    )
    (place / "LICENSE").write_text("Apache-2.0\n", encoding="utf-8")
    sign_package(place, MAKER)
    return place


def trust_maker(home: Path) -> None:
    """Have the site of ``home`` trust the packages of ``write_package``."""
    add_trusted_key(home, MAKER.public, MAKER.name, "test")


def serialised(model: Any) -> bytes:
    """A network as the bytes of an ONNX file."""
    return bytes(onnx.ModelProto.SerializeToString(model))


def package(folder: Path, model: Any, **changes: Any) -> ModelPackage:
    """``write_package`` and ``load_package``."""
    return load_package(write_package(folder, model, **changes))

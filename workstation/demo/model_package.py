"""A complete model package around a generated network, for benchmarks; it finds nothing real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workstation.demo.onnx_file import OPSET

_WORDS = {
    "en": "A network of random weights, for benchmarks only.",
    "zh": "随机权重网络，仅供测速。",
}


def write_generated_package(
    folder: Path, network: bytes, *, patch: tuple[int, ...], **changes: Any
) -> Path:
    """Write ``folder`` (its name is the package's id) but for SHA256SUMS; gives ``folder``.

    network: ONNX bytes from tensor ``image`` to ``out`` (N, K, D, H, W), K at least 2; channel 1
    is its one label. changes: top-level manifest entries.
    """
    label = {
        "index": 1, "key": "generated", "name": {"en": "Generated", "zh": "生成"},
        "code": {"value": "GENERATED", "scheme": "99ONESCAN", "meaning": "Generated"},
        "site": {"en": "none", "zh": "无"}, "area": "other", "template_key": "other",
        "proposes": "none",
    }  # fmt: skip
    manifest = {
        "format": "onescan-model/1", "id": folder.name, "version": "1.0.0", "name": _WORDS,
        "kind": "segmentation", "area": "other", "licence": "Apache-2.0",
        "authors": ["OneScan contributors"], "built": "2026-01-01", "regulatory": _WORDS,
        "intended_use": _WORDS, "contraindications": _WORDS, "evidence": "none",
        "training_data": {"synthetic_only": True, "statement": _WORDS},
        "accept": [{"channel": "image", "modality": ["CT"]}],
        "pre": {"orientation": "LPH", "spacing_mm": [1.5, 1.5, 1.5], "intensity": [
            {"op": "clip", "low": -1000.0, "high": 1000.0},
            {"op": "scale", "source": [-1000.0, 1000.0], "target": [-1.0, 1.0]}]},
        "io": {"input": "image", "output": "out", "layout": "NCDHW", "opset": OPSET},
        "infer": {"patch": list(patch), "max_ram_mb": 8192, "timeout_s": 3600},
        "post": {"activation": "softmax", "resample": "logits", "decide": "argmax"},
        "labels": [label], "performance": [],
    } | changes  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(manifest, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    (folder / "model.onnx").write_bytes(network)
    (folder / "card.md").write_text("# 测速 Benchmark\n", encoding="utf-8")
    (folder / "LICENSE").write_text("Apache-2.0\n", encoding="utf-8")
    return folder

"""The package's papers: manifest.json, card.md, LICENSE and the example, all from metrics.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import baseline
import numpy as np
from bounds import (
    AGREEMENT,
    CAUTION_FLAGS,
    CHECKS,
    FARTHEST_MM,
    IMAGE,
    OUTPUT,
    RECENTRE,
    REFUSE_FLAGS,
    SLICES,
)
from crops import CLIP, PATCH, names, read, split
from phantom import phantom
from template import FILE, places_of

from models.kit.cards import filled, write_json, write_text
from models.kit.pictures import overlay
from models.kit.wrong import table
from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.package import load_package
from workstation.domain.geometry import Grid, as_matrix

VERSION = "1.0.0"
BUILT = "2026-11-22"
HERE = Path(__file__).resolve().parent
Metrics = dict[str, Any]
MSD = "Medical Segmentation Decathlon, Task04 Hippocampus (Antonelli 2022)"
HEADS_URL = "https://github.com/muschellij2/open_ms_data"
SIDES = {"left": ("left", "左侧"), "right": ("right", "右侧")}
PARTS = {"anterior": ("anterior", "前部", 1), "posterior": ("posterior", "后部", 2)}
COLOURS = {"anterior": [255, 120, 60], "posterior": [60, 200, 120]}


def places() -> dict[str, Any]:
    """places.json, or where ``template`` begins before it was written."""
    path = HERE / "places.json"
    if path.is_file():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    from template import FIRST

    return {"centre_mm": list(FIRST)}


def _label(side: str, part: str) -> dict[str, Any]:
    words, (name, name_zh, index) = SIDES[side], PARTS[part]
    return {
        "index": index,
        "key": f"{part}_{side}",
        "place": side,
        "name": {
            "en": f"Hippocampus, {words[0]}, {name}",
            "zh": f"{words[1]}海马{name_zh}",
        },
        "code": {"value": "5366008", "scheme": "SCT", "meaning": "Hippocampus"},
        "category": {"value": "91723000", "scheme": "SCT", "meaning": "Anatomical Structure"},
        "site": {"en": f"{words[0]} hippocampus, {name} part", "zh": f"{words[1]}海马{name_zh}"},
        "colour": COLOURS[part],
        "area": "brain",
        "template_key": "hippocampus",
        "quantity": "volume",
        "proposes": "one",
        "min_volume_ml": 0.1,
    }


def _rows(metrics: Metrics) -> list[dict[str, Any]]:
    crops, whole = metrics["crops"], metrics["whole"]
    rows = []

    def row(dataset: str, n: int, metric: str, entry: Any, unit: str = "1", note: str = "") -> None:
        value, ci = (entry["value"], entry["ci"]) if isinstance(entry, dict) else (entry, None)
        said = {
            "dataset": dataset, "n": n, "metric": metric, "value": float(value), "unit": unit,
            "operating_point": "strongest class", "evidence": "public", "note": note,
        }  # fmt: skip
        rows.append(said | ({"ci": [float(v) for v in ci]} if ci else {}))

    test = f"{MSD}, left-out blocks of numbers"
    count = crops["test_cases"]
    model = crops["model"]
    row(test, count, "Dice, mean of both parts", model["mean_dice"], note="crops, not whole heads")
    row(test, count, "Dice, anterior", model["anterior"]["dice"], note="crops, not whole heads")
    row(test, count, "Dice, posterior", model["posterior"]["dice"], note="crops, not whole heads")
    row(test, count, "volume error, whole", model["whole"]["volume_error_percent"], "%")
    row(
        "open_ms_data heads that gave a result, each moved four ways", len(whole["moved"]),
        "least Dice of a label with that of the head that was not moved", whole["moved_least_dice"],
        note="whole heads without expert outlines: only that the place follows",
    )  # fmt: skip
    return rows


def manifest(metrics: Metrics | None) -> dict[str, Any]:
    """manifest.json; without metrics it claims no evidence."""
    rows = _rows(metrics) if metrics else []
    x, y, z = places()["centre_mm"]
    return {
        "format": "onescan-model/1",
        "id": "brain-hippocampus",
        "version": VERSION,
        "name": {"en": "Hippocampus volumes on T1", "zh": "T1 海马体积"},
        "kind": "segmentation",
        "area": "brain",
        "stat": False,
        "cost_s": 25.0,
        "licence": "CC-BY-SA-4.0",
        "authors": ["OneScan contributors"],
        "built": BUILT,
        "regulatory": {
            "en": "Not a medical device; research use only.",
            "zh": "非医疗器械，仅供研究使用。",
        },
        "intended_use": {
            "en": (
                "Outlines the anterior (head) and posterior (body and tail) hippocampus of both "
                "sides on thin T1 of adult heads, with volumes, for a reader to check and correct."
            ),
            "zh": (
                "在成人薄层 T1 头部图像上勾画双侧海马前部（头）与后部（体、尾）并给出体积，"
                "由阅片医师核对与修改。"
            ),
        },
        "contraindications": {
            "en": (
                "Not for deciding on atrophy or sclerosis by itself; not for children, after "
                "surgery, with tumour of the temporal lobe, or on T2, FLAIR or CT."
            ),
            "zh": (
                "不得单独据此判断海马萎缩或硬化；不用于儿童、术后、颞叶肿瘤，"
                "以及 T2、FLAIR 或 CT。"
            ),
        },
        "training_data": {
            "synthetic_only": False,
            "statement": {
                "en": (
                    "Expert outlines on T1 crops of 1 mm around the hippocampus (healthy adults "
                    "and adults with psychosis), blocks of case numbers left out for testing. The "
                    "template that finds the place is the mean of three heads of patients with "
                    "multiple sclerosis, without expert outlines."
                ),
                "zh": (
                    "海马周围 1 mm T1 裁剪图像及专家勾画（健康成人与精神病性障碍患者），按病例编号"
                    "整块留出测试。用于定位的模板为三例多发性硬化患者头部的平均，无专家勾画。"
                ),
            },
            "sources": [
                {"name": MSD, "licence": "CC BY-SA 4.0", "url": "http://medicaldecathlon.com"},
                {
                    "name": "open_ms_data patient07 (cross-sectional), 04 and 20 (longitudinal)",
                    "licence": "CC BY",
                    "url": HEADS_URL,
                },
            ],
        },
        "evidence": "public" if rows else "none",
        "accept": [
            {
                "channel": "t1",
                "modality": ["MR"],
                "roles": ["T1"],
                "in_plane_mm": [0.4, 1.6],
                "slice_mm": [0.4, 3.6],
                "min_slices": 30,
                "coverage_mm": 85.0,
                "needs_volume": True,
                "refuse_flags": REFUSE_FLAGS,
                "caution_flags": CAUTION_FLAGS,
                "checks": CHECKS,
            }
        ],
        "pre": {
            "orientation": "LPH",
            "spacing_mm": [1.0, 1.0, 1.0],
            "interpolation": "linear",
            "intensity": [
                {"op": "z_score", "within": "all"},
                {"op": "clip", "low": CLIP[0], "high": CLIP[1]},
            ],
            "locate": {
                "file": FILE,
                "places": [
                    one.model_dump(mode="json") for one in places_of((float(x), float(y), float(z)))
                ],
                "agreement": AGREEMENT,
                "recentre": RECENTRE,
                "farthest_mm": FARTHEST_MM,
                "proven": False,
            },
        },
        "io": {
            "input": "image", "output": "logit", "layout": "NCDHW", "dtype": "float32", "opset": 17,
        },
        "infer": {"patch": list(PATCH), "batch": 2, "max_ram_mb": 2048, "timeout_s": 600},
        "post": {
            "activation": "softmax", "decide": "argmax", "threshold": None, "keep_largest": True,
        },
        "labels": [_label(side, part) for side in SIDES for part in PARTS],
        "performance": rows,
        "qc": {
            "output_ml": [0.0, 6.0],
            "orientation": "LPH",
            "slices": SLICES,
            "image": IMAGE,
            **calibrated(),
            "output": OUTPUT,
        },
    }  # fmt: skip


def calibrated() -> dict[str, Any]:
    """``likeness`` as ``calibrate_gate`` left it; nothing before it ran."""
    path = HERE / "calibration.json"
    if not path.is_file():
        return {}
    return {"likeness": json.loads(path.read_text(encoding="utf-8"))["likeness"]}


def card(metrics: Metrics) -> str:
    """card.md: the template with its {names} replaced by measured numbers."""
    template = (HERE / "card_template.md").read_text(encoding="utf-8")
    tables = {lang: table(metrics["whole"]["wrong"], lang) for lang in ("en", "zh")}
    return filled(template, metrics | {"wrong_table": tables})


def write_without_numbers(package: Path, training: dict[str, Any]) -> None:
    """A package that can be loaded and measured, and claims nothing."""
    package.mkdir(parents=True, exist_ok=True)
    if package.resolve() != HERE:
        for file in (FILE, "LICENSE"):
            shutil.copyfile(HERE / file, package / file)
    write_json(package / "manifest.json", manifest(None))
    if not (package / "card.md").exists():
        write_text(package / "card.md", "not measured yet\n")


def write(package: Path, metrics: Metrics) -> None:
    """metrics.json, manifest.json and card.md."""
    write_json(package / "metrics.json", metrics)
    write_json(package / "manifest.json", manifest(metrics))
    write_text(package / "card.md", card(metrics))


def write_example(package: Path, data: Path) -> None:
    """example/: the head that nobody has and what comes of it."""
    folder = package / "example"
    folder.mkdir(exist_ok=True)
    mean = baseline.mean_of([read(data, name) for name in split(names(data))["train"]])
    x, y, z = places()["centre_mm"]
    image, affine = phantom((package / FILE).read_bytes(), mean, places_of((x, y, z)))
    grid = Grid((image.shape[0], image.shape[1], image.shape[2]), as_matrix(affine))
    result = run_package(load_package(package), [image], [grid], limits=Limits(threads=2))
    np.savez_compressed(folder / "input.npz", t1=image, affine=affine)
    np.savez_compressed(folder / "expected.npz", **{k: result.masks[k] for k in result.masks})
    write_json(folder / "tolerance.json", {"min_dice": 0.95, "volume_ml": 0.15})
    whole = np.any([result.masks[key] for key in result.masks], axis=0)
    planes = np.flatnonzero(whole.any(axis=(1, 2)))
    chosen = planes[np.linspace(0, len(planes) - 1, 10).round().astype(int)]
    overlay(folder / "overview.png", image, whole, None, [int(v) for v in chosen], times=2)

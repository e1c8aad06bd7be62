"""The package's papers: manifest.json, card.md and the example, all from metrics.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from bounds import CAUTION_FLAGS, CHECKS, IMAGE, OUTPUT, REFUSE_FLAGS, SLICES
from froc import SAID as SAID
from phantom import phantom
from slices import CLASSES, PIXEL_MM, SIZE, UNIT

from models.kit.cards import filled, write_json, write_text
from models.kit.pictures import overlay
from models.kit.wrong import table
from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.package import load_package
from workstation.domain.geometry import Grid, as_matrix

VERSION = "1.0.1"
BUILT = "2026-11-22"
HERE = Path(__file__).resolve().parent
Metrics = dict[str, Any]
CHENG = "Cheng J, brain tumor dataset, figshare 1512427"
NAMES = {
    "pituitary": ("Mass, looks like a pituitary tumour", "肿块，形似垂体瘤", [90, 180, 255]),
    "meningioma": ("Mass, looks like a meningioma", "肿块，形似脑膜瘤", [255, 160, 60]),
    "glioma": ("Mass, looks like a glioma", "肿块，形似胶质瘤", [255, 90, 140]),
}
MIN_MM = 4.0


def _label(index: int, kind: str) -> dict[str, Any]:
    name, name_zh, colour = NAMES[kind]
    return {
        "index": index,
        "key": kind,
        "name": {"en": name, "zh": name_zh},
        # A looked-up code says what was seen, a mass; what kind it is is the reader's to say.
        "code": {"value": "108369006", "scheme": "SCT", "meaning": "Neoplasm"},
        "category": {
            "value": "49755003",
            "scheme": "SCT",
            "meaning": "Morphologically Abnormal Structure",
        },
        "site": {"en": "brain", "zh": "颅内"},
        "colour": colour,
        "area": "brain",
        "template_key": "brain_mass",
        "quantity": "none",
        "proposes": "each",
    }


def _rows(metrics: Metrics) -> list[dict[str, Any]]:
    rows = []

    def row(dataset: str, n: int, metric: str, entry: Any, point: str, note: str = "") -> None:
        value, ci = (entry["value"], entry["ci"]) if isinstance(entry, dict) else (entry, None)
        said = {
            "dataset": dataset, "n": n, "metric": metric, "value": float(value), "unit": "1",
            "operating_point": point, "evidence": "public", "note": note,
        }  # fmt: skip
        rows.append(said | ({"ci": [float(v) for v in ci]} if ci else {}))

    test, count = f"{CHENG}, last blocks of each class", metrics["slices"]
    note = "slices, not patients: patient ids are lost, so the interval is too narrow"
    for rate in ("0.5", "1"):
        for what, key in (("any class", "any_class"), ("class right", "right_class")):
            entry = metrics["test"][key]["iou50"][rate]
            row(test, count, f"recall, overlap 0.5 or more, {what}", entry,
                f"{rate} false boxes a slice", note)  # fmt: skip
    said = metrics["volume"]
    row("pyradiomics brain1, 3D", 1, "tumour found", float(said["found"]),
        f"threshold {metrics['threshold']:g}", "one patient")  # fmt: skip
    for name, entry in metrics["without"].items():
        row(f"{name}, no tumour", entry["slices"], "false boxes per slice",
            entry["boxes_per_slice"], f"threshold {metrics['threshold']:g}")  # fmt: skip
    return rows


def manifest(metrics: Metrics | None, training: dict[str, Any]) -> dict[str, Any]:
    """manifest.json; without metrics it claims no evidence. training: with the threshold."""
    rows = _rows(metrics) if metrics else []
    return {
        "format": "onescan-model/1",
        "id": "brain-tumour",
        "version": VERSION,
        "name": {"en": "Enhancing masses on T1 with contrast", "zh": "增强 T1 颅内强化肿块"},
        "kind": "detection",
        "area": "brain",
        "stat": False,
        "cost_s": 15.0,
        "licence": "Apache-2.0",
        "authors": ["OneScan contributors"],
        "built": BUILT,
        "regulatory": {
            "en": "Not a medical device; research use only.",
            "zh": "非医疗器械，仅供研究使用。",
        },
        "intended_use": {
            "en": (
                "Points at enhancing masses on axial T1 with contrast of adult heads by a box, and "
                "says which of three kinds it resembles, for a reader to judge."
            ),
            "zh": (
                "在成人头部轴位增强 T1 上以方框提示强化肿块，并给出与三类肿瘤中哪一类相似，"
                "由阅片医师判断。"
            ),
        },
        "contraindications": {
            "en": (
                "Not for deciding that there is no tumour, nor what kind it is; metastases, "
                "abscess and lymphoma were never shown to it; not after surgery, not for children."
            ),
            "zh": (
                "不得据此判断无肿瘤或肿瘤性质；训练中没有转移瘤、脓肿、淋巴瘤；"
                "不用于术后及儿童。"
            ),
        },
        "training_data": {
            "synthetic_only": False,
            "statement": {
                "en": (
                    "T1 slices after gadolinium with one box each, of patients with a pituitary "
                    "tumour, a meningioma or a glioma (two hospitals in China, 2005 to 2010). The "
                    "copy that was used lost the patients' ids and does not restate the licence. "
                    "Slices without tumour are of two heads without contrast."
                ),
                "zh": (
                    "钆增强 T1 层面，每层一个方框，患者为垂体瘤、脑膜瘤或胶质瘤"
                    "（中国两家医院，2005 至 2010 年）。所用副本丢失患者编号，且未重述许可条款。"
                    "无肿瘤层面来自两例未增强头部。"
                ),
            },
            "sources": [
                {
                    "name": f"{CHENG} (the copy used does not restate the licence)",
                    "licence": "CC BY 4.0",
                    "url": "https://figshare.com/articles/dataset/brain_tumor_dataset/1512427",
                },
                {
                    "name": "open_ms_data longitudinal patients 04 and 20, T1 (Lesjak 2016)",
                    "licence": "CC BY",
                    "url": "https://github.com/muschellij2/open_ms_data",
                },
            ],
        },
        "evidence": "public" if rows else "none",
        "accept": [
            {
                "channel": "t1_contrast",
                "modality": ["MR"],
                "roles": ["T1+Gd"],
                "in_plane_mm": [0.3, 1.4],
                "slice_mm": [0.7, 9.0],
                "min_slices": 12,
                "coverage_mm": 75.0,
                "needs_volume": True,
                "refuse_flags": REFUSE_FLAGS,
                "caution_flags": CAUTION_FLAGS,
                "checks": CHECKS,
            }
        ],
        "pre": {
            "orientation": "LPH",
            "spacing_mm": [PIXEL_MM, PIXEL_MM, None],
            "interpolation": "linear",
            "intensity": [
                {
                    "op": "percentile_scale", "low": 1.0, "high": 99.5, "within": "all",
                    "target": [0.0, 1.0],
                },
                {"op": "clip", "low": 0.0, "high": 1.5},
            ],
            "pad_value": 0.0,
        },
        "io": {
            "input": "image", "output": "boxes", "layout": "NCHW", "dtype": "float32", "opset": 17,
        },
        "infer": {"patch": [SIZE, SIZE], "batch": 4, "max_ram_mb": 2048, "timeout_s": 600},
        "post": {"activation": "sigmoid", "threshold": training["threshold"]},
        "boxes": SAID.model_dump(mode="json") | {"unit_mm": UNIT * PIXEL_MM, "min_mm": MIN_MM},
        "labels": [_label(index, kind) for index, kind in enumerate(CLASSES)],
        "performance": rows,
        "qc": {
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
    tables = {lang: table(metrics["wrong"], lang) for lang in ("en", "zh")}
    return filled(template, metrics | {"wrong_table": tables})


def write_without_numbers(package: Path, training: dict[str, Any]) -> None:
    """A package that can be loaded and measured, and claims nothing."""
    package.mkdir(parents=True, exist_ok=True)
    if package.resolve() != HERE:
        shutil.copyfile(HERE / "LICENSE", package / "LICENSE")
    write_json(package / "manifest.json", manifest(None, training))
    if not (package / "card.md").exists():
        write_text(package / "card.md", "not measured yet\n")


def write(package: Path, metrics: Metrics) -> None:
    """metrics.json, manifest.json and card.md."""
    write_json(package / "metrics.json", metrics)
    write_json(package / "manifest.json", manifest(metrics, metrics["training"]))
    write_text(package / "card.md", card(metrics))


def write_example(package: Path) -> None:
    """example/: the generated head and what the detector makes of it."""
    folder = package / "example"
    folder.mkdir(exist_ok=True)
    image, _, affine = phantom()
    grid = Grid((image.shape[0], image.shape[1], image.shape[2]), as_matrix(affine))
    result = run_package(load_package(package), [image], [grid], limits=Limits(threads=2))
    np.savez_compressed(folder / "input.npz", t1_contrast=image, affine=affine)
    np.savez_compressed(folder / "expected.npz", **{k: result.masks[k] for k in result.masks})
    write_json(folder / "tolerance.json", {"min_dice": 0.95, "volume_ml": 3.0})
    whole = np.any([result.masks[key] for key in result.masks], axis=0)
    overlay(folder / "overview.png", image, whole, None, list(range(10, 20)))

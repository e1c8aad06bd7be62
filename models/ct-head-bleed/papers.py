"""The package's papers: manifest.json, card.md, LICENSE and the example, all from metrics.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import heads
import numpy as np
from bounds import CAUTION_FLAGS, CHECKS, IMAGE, OUTPUT, REFUSE_FLAGS, SLICES, WINDOW
from pre import SAID

from models.kit.cards import filled, write_json, write_text
from models.kit.pictures import overlay
from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.package import load_package, write_sums
from workstation.demo.bleeds import BleedKind, add_bleed, healthy
from workstation.demo.head import random_shape
from workstation.demo.head_ct import paint_ct_head
from workstation.demo.head_ct_scan import CtProtocol, CtScan, scan_head
from workstation.domain.mask import dice

VERSION = "1.0.0"
BUILT = "2026-11-22"
HERE = Path(__file__).resolve().parent
Metrics = dict[str, Any]
LEAST_FINDING_ML = 0.1

STATEMENT = {
    "en": (
        "Generated images alone: heads painted by a program from formulas and seeded noise (skull, "
        "scalp, folded brain, ventricles, dura, venous sinuses, arteries, calcifications, "
        "white-matter disease, infarcts), bleedings of five kinds with known masks, and a model of "
        "the scanner (slices of 1 to 8 mm, gantry tilt, blur, noise, beam hardening). No image of "
        "a patient was used for training, threshold or bounds."
    ),
    "zh": (
        "仅用程序生成的图像：由公式和带种子的噪声绘制的头部（颅骨、头皮、脑沟回、脑室、硬脑膜、静脉窦、"
        "动脉、钙化、白质病变、梗死），五种类型、掩膜已知的出血，以及扫描仪模型"
        "（层厚 1 至 8 mm、机架倾斜、模糊、噪声、线束硬化）。训练、阈值与界限均未使用任何患者图像。"
    ),
}


def _row(dataset: str, metric: str, found: dict[str, Any], point: str, **more: Any) -> Metrics:
    row = {
        "dataset": dataset,
        "n": int(found["n"]),
        "metric": metric,
        "value": float(found["value"]),
        "unit": "1",
        "operating_point": point,
        "evidence": "synthetic",
        "note": "generated images; says nothing of patients",
    }
    if "low" in found:
        row["ci"] = [float(found["low"]), float(found["high"])]
    return row | more


def rows_of(metrics: Metrics) -> list[Metrics]:
    """``performance`` of the manifest."""
    point = f"threshold {metrics['training']['threshold']:g}"
    rows = []
    for family, name in (
        ("same", "generated heads of seeds never trained on"),
        ("other", "heads of another family of generators"),
    ):
        one = metrics["generated"][family]["model"]
        rows += [
            _row(name, "sensitivity by scan, bleedings of 1 mL or more", one["sensitivity"], point),
            _row(name, "alarms on scans without bleeding", one["alarms"], point),
            _row(name, "Dice, bleedings of 1 mL or more",
                 one["dice"] | {"n": one["sensitivity"]["n"]}, point),
        ]  # fmt: skip
    if "real" in metrics:
        found = {"n": 1, "value": metrics["real"]["false_ml"]}
        rows.append(
            _row("head CT of one patient without bleeding (neurolabusc/dcm_qa_ct)",
                 "volume falsely marked", found, point, unit="mL", evidence="public",
                 note="one patient: no rate can be had from it")
        )  # fmt: skip
    return rows


def manifest(metrics: Metrics | None, training: dict[str, Any]) -> Metrics:
    """manifest.json; without metrics it claims no evidence."""
    return {
        "format": "onescan-model/1",
        "id": "ct-head-bleed",
        "version": VERSION,
        "name": {
            "en": "Bleeding on plain head CT (triage, experimental)",
            "zh": "头颅平扫 CT 颅内出血（急诊筛查，试验性）",
        },
        "kind": "segmentation",
        "area": "brain",
        "stat": True,
        "off_by_default": True,
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
                "Marks what may be acute bleeding on axial CT of the head without contrast agent "
                "in adults, so that the study is read earlier, and gives its volume. A person "
                "reads every study all the same."
            ),
            "zh": (
                "在成人轴位头颅平扫 CT 上标出可能的急性出血及其体积，使该检查得以优先阅片；"
                "每份检查仍须由医师阅片。"
            ),
        },
        "contraindications": {
            "en": (
                "Not for deciding that there is no bleeding. Not for subacute and chronic "
                "bleeding, after surgery, with metal or drains, after contrast agent, for tumours, "
                "children, or images that moved. Not for follow-up of volumes. Thin subdural "
                "bleeding is often missed."
            ),
            "zh": (
                "不得据此判断无出血。不用于亚急性及慢性出血、术后、含金属或引流管、增强后、肿瘤、儿童"
                "或有运动伪影的图像；不用于体积随访。薄层硬膜下出血常漏检。"
            ),
        },
        "training_data": {
            "synthetic_only": True,
            "statement": STATEMENT,
            "sources": [{"name": "heads generated by workstation.demo", "licence": "Apache-2.0"}],
        },
        "evidence": "synthetic" if metrics else "none",
        "accept": [
            {
                "channel": "ct",
                "modality": ["CT"],
                "roles": ["CT head"],
                "units": ["[hnsf'U]"],
                "in_plane_mm": [0.25, 1.2],
                "slice_mm": [0.4, 8.5],
                "min_slices": 12,
                "coverage_mm": 95.0,
                "needs_volume": True,
                "refuse_flags": REFUSE_FLAGS,
                "caution_flags": CAUTION_FLAGS,
                "checks": CHECKS,
            }
        ],
        "pre": SAID,
        "io": {
            "input": "image",
            "output": "logit",
            "layout": "NCHW",
            "dtype": "float32",
            "opset": 17,
        },
        "infer": {
            "patch": [240, 208],
            "overlap": 0.5,
            "slices": 5,
            "batch": 4,
            "max_ram_mb": 3072,
            "timeout_s": 300,
        },
        "post": {
            "activation": "sigmoid",
            "threshold": training["threshold"],
            "min_component_ml": training["min_component_ml"],
        },
        "labels": [
            {
                "index": 0,
                "key": "bleed",
                "name": {"en": "Possible intracranial bleeding", "zh": "可疑颅内出血"},
                # Looked up in pydicom's table of SNOMED CT concepts that DICOM uses.
                "code": {
                    "value": "1386000",
                    "scheme": "SCT",
                    "meaning": "Intracranial hemorrhage",
                },
                "category": {
                    "value": "49755003",
                    "scheme": "SCT",
                    "meaning": "Morphologically Abnormal Structure",
                },
                "site": {"en": "head, within the skull", "zh": "颅内"},
                "site_code": {"value": "1101003", "scheme": "SCT", "meaning": "Intracranial"},
                "colour": [255, 60, 60],
                "area": "brain",
                "template_key": "bleed",
                "quantity": "volume",
                "proposes": "one",
                "min_volume_ml": LEAST_FINDING_ML,
            }
        ],
        "performance": rows_of(metrics) if metrics else [],
        "qc": {
            "foreground_ml": [1500.0, 8000.0],
            "output_ml": [0.0, 300.0],
            "orientation": "LPH",
            "window": WINDOW,
            "slices": SLICES,
            "image": IMAGE,
            **calibrated(),
            "output": OUTPUT,
        },
    }


def calibrated() -> Metrics:
    """``likeness`` as ``calibrate_gate`` left it; nothing before it ran."""
    path = HERE / "calibration.json"
    if not path.is_file():
        return {}
    return {"likeness": json.loads(path.read_text(encoding="utf-8"))["likeness"]}


def card(metrics: Metrics) -> str:
    """card.md: the template with its {names} replaced by measured numbers."""
    return filled((HERE / "card_template.md").read_text(encoding="utf-8"), metrics)


def write_without_numbers(package: Path, training: dict[str, Any]) -> None:
    """A package that can be loaded and measured, and claims nothing."""
    shutil.copyfile(HERE.parents[1] / "LICENSE", package / "LICENSE")
    write_json(package / "manifest.json", manifest(None, training))
    if not (package / "card.md").exists():
        write_text(package / "card.md", "not measured yet\n")
    write_sums(package)


def write(package: Path, metrics: Metrics) -> None:
    """manifest.json and card.md."""
    write_json(package / "manifest.json", manifest(metrics, metrics["training"]))
    write_text(package / "card.md", card(metrics))
    write_sums(package)


def example_scan() -> CtScan:
    """A generated head with a clot that has a fluid level, and a collection under the dura that is
    as dense as the brain; 5 mm slices."""
    rng = np.random.default_rng((1, 601))
    head = paint_ct_head(random_shape(rng), rng)
    bled = add_bleed(healthy(head), BleedKind.PARENCHYMAL, 14.0, rng)
    bled = add_bleed(bled, BleedKind.SUBDURAL, 20.0, rng)
    protocol = CtProtocol(
        pixel_mm=1.15, matrix=(200, 172), slices=28, lowest_mm=-50.0, pitch_deg=-5.0
    )
    return scan_head(bled, protocol, 1)


def write_example(package: Path) -> Metrics:
    """example/: the generated head and what the network makes of it."""
    folder = package / "example"
    folder.mkdir(exist_ok=True)
    scan = example_scan()
    image = np.clip(scan.array, -1024, 1500).astype(np.float32)
    result = run_package(load_package(package), [image], [scan.grid], limits=Limits(threads=2))
    found = result.masks["bleed"]
    np.savez_compressed(folder / "input.npz", ct=image, affine=scan.grid.matrix)
    np.savez_compressed(folder / "expected.npz", bleed=found)
    write_json(folder / "tolerance.json", {"min_dice": 0.97, "volume_ml": 0.6})
    truth = scan.truth
    planes = sorted(np.argsort(-truth.sum(axis=(1, 2)))[:10].tolist())
    overlay(folder / "overview.png", image, found, truth, planes, window=(0.0, 80.0))
    return {
        "dice": round(dice(found, truth), 3),
        "volume_ml": round(float(found.sum()) * scan.grid.voxel_ml, 2),
        "true_volume_ml": round(float(truth.sum()) * scan.grid.voxel_ml, 2),
    }


def worst_picture(package: Path, image: np.ndarray, mask: np.ndarray, truth: np.ndarray) -> None:
    """The generated scan of 1 mL or more whose mask agrees least: truth green, found red."""
    (package / "example").mkdir(exist_ok=True)
    both = truth | mask
    planes = sorted(np.argsort(-both.sum(axis=(1, 2)))[:10].tolist())
    overlay(package / "example" / "worst.png", image, mask, truth, planes, window=(0.0, 80.0))


__all__ = ["card", "example_scan", "heads", "manifest", "write", "write_example"]

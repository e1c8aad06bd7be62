"""The package's papers: manifest.json, card.md, LICENSE and the example, all from metrics.json.

No number of the card is typed by hand: ``card`` fills a text with what was measured.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from bounds import CAUTION_FLAGS, CHECKS, IMAGE, OUTPUT, PLACED, REFUSE_FLAGS, SLICES
from phantom import phantom
from synthesis import HIGH, LOW

from models.kit.cards import filled, write_json, write_text
from models.kit.pictures import mosaic, outlined, write_png
from workstation.ai.client import run_package
from workstation.ai.limits import Limits
from workstation.ai.package import load_package
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import dice

VERSION = "1.0.0"
BUILT = "2026-11-22"
HERE = Path(__file__).resolve().parent
Metrics = dict[str, Any]
SUNNYBROOK = "Sunnybrook Cardiac Data, six patients held out"
ACDC = "ACDC, ten patients (no pixel spacing: taken as 1.4 mm)"
GENERATED = "generated hearts of seeds never trained on"

STATEMENT = {
    "en": (
        "Short-axis cine of 24 patients of the Sunnybrook Cardiac Data at end-diastole and "
        "end-systole, with an expert's outline of the endocardium alone. Myocardium and right "
        "ventricle were derived from that outline and the image by a program (nobody drew or "
        "corrected them), slices beyond base and apex were made from the end slices, and 24 "
        "wholly generated hearts were added."
    ),
    "zh": (
        "Sunnybrook 心脏数据集 24 例患者舒张末期与收缩末期的短轴电影，仅有专家勾画的心内膜轮廓。"
        "心肌和右心室由程序根据该轮廓和图像推出（未经人工勾画或修改）；心底以上和心尖以下的层面由"
        "两端层面合成；另加 24 个完全由程序生成的心脏。"
    ),
}


def _label(
    index: int,
    key: str,
    name: tuple[str, str],
    code: tuple[str, str],
    site: tuple[str, str],
    site_code: tuple[str, str],
    colour: list[int],
) -> dict[str, Any]:
    return {
        "index": index,
        "key": key,
        "name": {"en": name[0], "zh": name[1]},
        "code": {"value": code[0], "scheme": "SCT", "meaning": code[1]},
        "category": {"value": "91723000", "scheme": "SCT", "meaning": "Anatomical Structure"},
        "site": {"en": site[0], "zh": site[1]},
        "site_code": {"value": site_code[0], "scheme": "SCT", "meaning": site_code[1]},
        "colour": colour,
        "area": "heart",
        # The finding's number is the ejection fraction: heart/ventricles makes it of all phases.
        "template_key": "lv_function" if key == "lv_cavity" else "other",
        "quantity": "none" if key == "lv_cavity" else "volume",
        "proposes": "one" if key == "lv_cavity" else "none",
        "min_volume_ml": 1.0,
    }


LEFT = ("87878005", "Left ventricle")
RIGHT = ("53085002", "Right ventricle")
# Codes as DICOM has them (PS3.16; CID 12305 for the myocardium). The cavity is listed first: on the
# phase in which it is largest, end-diastole, the findings lie.
LABELS = [
    _label(
        3,
        "lv_cavity",
        ("Left ventricular function, outlined cavity", "左心室功能（心腔轮廓）"),
        LEFT,
        ("left ventricle", "左心室"),
        LEFT,
        [230, 60, 60],
    ),
    _label(
        2,
        "lv_myocardium",
        ("Left ventricular myocardium", "左心室心肌"),
        ("49848007", "Left Ventricle Myocardium"),
        ("left ventricle", "左心室"),
        LEFT,
        [240, 200, 40],
    ),
    _label(
        1,
        "rv_cavity",
        ("Right ventricular cavity", "右心室腔"),
        RIGHT,
        ("right ventricle", "右心室"),
        RIGHT,
        [70, 140, 250],
    ),
]


GOOD_ENOUGH = 0.80
MEASURED_AS = {"lv_myocardium": "myocardium", "rv_cavity": "right"}


def labels(metrics: Metrics | None) -> list[dict[str, Any]]:
    """The cavity is a finding. The others are masks whose volume is shown as a number of the study
    where Dice on ACDC is ``GOOD_ENOUGH``, and experimental where it is not."""
    out = []
    for label in LABELS:
        name = MEASURED_AS.get(label["key"])
        if name is None:
            out.append(label)
            continue
        good = metrics is not None and metrics["acdc"]["model"][name]["dice"]["value"]
        out.append(label | {"measured" if good and good >= GOOD_ENOUGH else "experimental": True})
    return out


def _rows(metrics: Metrics) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []

    def add(
        dataset: str,
        n: int,
        metric: str,
        value: Any,
        evidence: str,
        unit: str = "1",
        note: str = "",
    ) -> None:
        row = {"dataset": dataset, "n": n, "metric": metric, "evidence": evidence}
        row |= {"unit": unit, "note": note, "operating_point": "strongest class"}
        if isinstance(value, dict):
            row |= {"value": float(value["value"]), "ci": [float(v) for v in value["ci"]]}
        else:
            row["value"] = float(value)
        rows.append(row)

    for name, key, evidence in (
        (SUNNYBROOK, "held_out", "public"),
        (ACDC, "acdc", "public"),
        (GENERATED, "generated", "synthetic"),
    ):
        model = metrics[key]["model"]
        for label in ("cavity", "myocardium", "right"):
            if label in model:
                one = model[label]
                count = one["patients"]
                add(name, count, f"Dice of a patient, {label}", one["dice"], evidence)
                add(name, count, f"mean Dice of a slice, {label}", one["slice_dice"], evidence)
        if "mean_absolute" in model["ef"]:
            count = model["cavity"]["patients"]
            said = "mean absolute error of the ejection fraction"
            add(name, count, said, model["ef"]["mean_absolute"], evidence, "%")
    return rows


def manifest(metrics: Metrics | None, training: dict[str, Any]) -> dict[str, Any]:
    """manifest.json; without metrics it claims no evidence. training: what training.json says."""
    rows = _rows(metrics) if metrics else []
    runtime = metrics["runtime"] if metrics else {"processor_seconds_per_slice": 0.4, "threads": 2}
    slices = runtime["processor_seconds_per_slice"] / runtime["threads"]
    return {
        "format": "onescan-model/1",
        "id": "heart-sax",
        "version": VERSION,
        "name": {"en": "Ventricles on short-axis cine", "zh": "短轴电影左右心室"},
        "kind": "segmentation",
        "area": "heart",
        "stat": False,
        "cost_s": float(max(10, round(slices * 250))),
        "licence": "Apache-2.0",
        "authors": ["OneScan contributors"],
        "built": BUILT,
        "regulatory": {
            "en": "Not a medical device; research use only.",
            "zh": "非医疗器械，仅供研究使用。",
        },
        "intended_use": {
            "en": (
                "Outlines left ventricular cavity, left ventricular myocardium and right "
                "ventricular cavity on every slice and phase of short-axis cine MR of adults, for "
                "a reader to check and edit before volumes are used."
            ),
            "zh": (
                "在成人短轴电影磁共振的每一层面和时相上勾画左心室腔、左心室心肌和右心室腔，"
                "供阅片医师检查和修改后再用于容积测量。"
            ),
        },
        "contraindications": {
            "en": (
                "Not for congenital heart disease, a single ventricle, devices that blank out "
                "the heart, long-axis planes, late enhancement, perfusion or mapping images, or "
                "children. Volumes and mass of the right ventricle and of the myocardium are not "
                "to be used without editing."
            ),
            "zh": (
                "不用于先天性心脏病、单心室、植入物遮挡心脏的图像、长轴层面、延迟强化、灌注或"
                "定量图像及儿童。右心室和心肌的容积、质量未经修改不得使用。"
            ),
        },
        "training_data": {
            "synthetic_only": False,
            "statement": STATEMENT,
            "sources": [
                {
                    "name": "Sunnybrook Cardiac Data (Radau 2009), by way of SegNetCMR",
                    "licence": "CC0 1.0",
                    "url": "https://www.cardiacatlas.org/sunnybrook-cardiac-data/",
                },
                {"name": "hearts generated by workstation.demo", "licence": "Apache-2.0"},
            ],
        },
        "evidence": "public" if rows else "none",
        "accept": [
            {
                "channel": "cine",
                "modality": ["MR"],
                "roles": ["cine SAX"],
                "in_plane_mm": [0.5, 2.8],
                "slice_mm": [4.0, 15.0],
                "min_slices": 5,
                "coverage_mm": 35.0,
                "phases": "each",
                "needs_volume": True,
                "refuse_flags": REFUSE_FLAGS,
                "caution_flags": CAUTION_FLAGS,
                "checks": CHECKS,
            }
        ],
        "pre": {
            # As stored: the plane lies at an angle of its own, and training knows every way.
            "orientation": None,
            "spacing_mm": [1.4, 1.4, None],
            "interpolation": "linear",
            "intensity": [
                {"op": "percentile_clip", "low": LOW, "high": HIGH, "within": "all"},
                {"op": "z_score", "within": "all"},
            ],
            "pad_value": -1.0,
        },
        "io": {
            "input": "image",
            "output": "logit",
            "layout": "NCHW",
            "dtype": "float32",
            "opset": 17,
        },
        "infer": {
            "patch": [256, 256],
            "overlap": 0.25,
            "slices": 3,
            "flips": training.get("flips", []),
            "batch": 4,
            "max_ram_mb": 2048,
            "timeout_s": 600,
        },
        "post": {
            "activation": "softmax",
            "decide": "argmax",
            "threshold": None,
            "keep_largest": True,
        },
        "labels": labels(metrics),
        "performance": rows,
        "qc": {
            "orientation": None,
            "slices": SLICES,
            "image": IMAGE,
            **calibrated(),
            "output": OUTPUT,
            "placed": PLACED,
        },
    }


def calibrated() -> dict[str, Any]:
    """``likeness`` as ``calibrate_gate`` left it; nothing before it ran."""
    path = HERE / "calibration.json"
    if not path.is_file():
        return {}
    return {"likeness": json.loads(path.read_text(encoding="utf-8"))["likeness"]}


def card(metrics: Metrics) -> str:
    """card.md: the template with its {names} replaced by measured numbers."""
    return filled((HERE / "card_template.md").read_text(encoding="utf-8"), metrics)


def write_without_numbers(package: Path) -> None:
    """A package that can be loaded and measured, and claims nothing."""
    package.mkdir(parents=True, exist_ok=True)
    licence = HERE.parents[1] / "LICENSE"
    shutil.copyfile(licence, package / "LICENSE")
    training = json.loads((package / "training.json").read_text(encoding="utf-8"))
    write_json(package / "manifest.json", manifest(None, training))
    if not (package / "card.md").exists():
        write_text(package / "card.md", "## 中文\n\nnot measured yet\n\n## English\n\nnot yet\n")


def write(package: Path, metrics: Metrics) -> None:
    """metrics.json, manifest.json and card.md."""
    write_json(package / "metrics.json", metrics)
    write_json(package / "manifest.json", manifest(metrics, metrics["training"]))
    write_text(package / "card.md", card(metrics))


def write_example(package: Path) -> dict[str, float]:
    """example/: the generated heart and what the network makes of it."""
    folder = package / "example"
    folder.mkdir(exist_ok=True)
    image, truth, affine = phantom()
    grid = Grid((image.shape[0], image.shape[1], image.shape[2]), as_matrix(affine))
    result = run_package(load_package(package), [image], [grid], limits=Limits(threads=1))
    found = {label["key"]: result.masks[label["key"]] for label in LABELS}
    np.savez_compressed(folder / "input.npz", cine=image, affine=affine)
    np.savez_compressed(folder / "expected.npz", **found)
    write_json(folder / "tolerance.json", {"min_dice": 0.97, "volume_ml": 3.0})
    tiles = [
        outlined(
            image[z],
            [
                (truth[z] == 3, (0.0, 1.0, 0.0)),
                (found["rv_cavity"][z], (0.2, 0.6, 1.0)),
                (found["lv_myocardium"][z] | found["lv_cavity"][z], (1.0, 0.9, 0.1)),
                (found["lv_cavity"][z], (1.0, 0.0, 0.0)),
            ],
            (0.0, float(np.percentile(image, 99.0))),
            inside=True,
        )
        for z in range(len(image))
    ]
    write_png(folder / "overview.png", mosaic(tiles, 5))
    return {
        label["key"]: round(dice(found[label["key"]], truth == label["index"]), 3)
        for label in LABELS
    }

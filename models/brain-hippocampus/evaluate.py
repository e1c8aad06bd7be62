"""Measure the finished network and write the package's papers.

    python models/brain-hippocampus/evaluate.py --data DATA --package models/brain-hippocampus

Crops: the test blocks of ``mr_hippocampus``, beside the classical atlas, both from the same
training crops. Whole heads have no expert outlines: there the place is judged by moving heads, by
two dates of one patient and by eye. Nothing is tuned here. Writes metrics.json, manifest.json,
card.md, example/ and SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import baseline  # noqa: E402
import papers  # noqa: E402
from crops import Crop, fitted, names, read, split, unfitted  # noqa: E402

from models.kit.int8 import compared, quantised, session_of  # noqa: E402
from models.kit.intervals import grouped_bootstrap, rounded  # noqa: E402
from models.kit.pictures import overlay  # noqa: E402
from models.kit.t1_heads import read as read_head  # noqa: E402
from models.kit.wrong import Wrong, judged, phantoms, spoilt  # noqa: E402
from workstation.ai.client import run_package  # noqa: E402
from workstation.ai.limits import Limits, Unsuitable  # noqa: E402
from workstation.ai.package import load_package, write_sums  # noqa: E402
from workstation.domain.geometry import Grid, as_matrix  # noqa: E402
from workstation.domain.mask import dice  # noqa: E402

PARTS = {"anterior": (1,), "posterior": (2,), "whole": (1, 2)}
SEED = 20
NOTHING = {"left_ml": "-", "right_ml": "-", "difference_percent": "-"}
MOVES = {  # degrees about left-right, head-foot and front-back; mm to the left, back, head
    "chin down 15": ((15.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "chin up 12": ((-12.0, 0.0, 0.0), (0.0, 10.0, 20.0)),
    "turned 15": ((0.0, 15.0, 0.0), (25.0, 0.0, 0.0)),
    "tilted 12": ((0.0, 0.0, 12.0), (0.0, -20.0, -40.0)),
}
HEADS = {
    "patient26": "mr_ms_lesions/patient26/T1.nii.gz",
    "followup_study1": "mr_ms_followup/study1_T1W.nii.gz",
    "followup_study2": "mr_ms_followup/study2_T1W.nii.gz",
}
OTHERS = {
    ("FLAIR, brain-extracted", "FLAIR，去颅骨"): "mr_ms_lesions/patient26/FLAIR.nii.gz",
    ("T2, brain-extracted", "T2，去颅骨"): "mr_ms_lesions/patient26/T2.nii.gz",
    ("FLAIR, whole head", "FLAIR，整头"): "mr_ms_followup/study1_FLAIR.nii.gz",
    ("T1 with contrast, tumour, slices 6.5 mm apart", "增强 T1，肿瘤，层距 6.5 mm"): (
        "mr_brain_tumour/brain1_image.nrrd"
    ),
    ("CT of the head", "头部 CT"): "ct_head/series",
    ("CT of the abdomen", "腹部 CT"): "ct_abdomen/example_ct.nii.gz",
}


def labels_of(session, crop: Crop) -> np.ndarray:
    """The network's labels of a crop."""
    (out,) = session.run(None, {"image": fitted(crop.image)[None, None]})
    return np.asarray(unfitted(out[0].argmax(axis=0), crop.image.shape))


def _surface_mm(a: np.ndarray, b: np.ndarray) -> float:
    """95th percentile of distances between both surfaces, mm (voxels of 1 mm)."""
    if not a.any() or not b.any():
        return 99.0
    rims = [one & ~ndimage.binary_erosion(one) for one in (a, b)]
    away = [ndimage.distance_transform_edt(~rim) for rim in rims]
    return float(np.percentile(np.r_[away[1][rims[0]], away[0][rims[1]]], 95))


def compare(found: np.ndarray, truth: np.ndarray) -> dict[str, dict[str, float]]:
    """Of each part: Dice, volumes in mL, and of the whole the distance of surfaces."""
    out: dict[str, dict[str, float]] = {}
    for part, values in PARTS.items():
        a, b = np.isin(found, values), np.isin(truth, values)
        out[part] = {"dice": dice(a, b), "ml": a.sum() / 1000.0, "true_ml": b.sum() / 1000.0}
    out["whole"]["surface_mm"] = _surface_mm(found > 0, truth > 0)
    return out


def _pairs(rows: list) -> list[list]:
    """Neighbours together: they may be left and right of one person."""
    return [rows[k : k + 2] for k in range(0, len(rows), 2)]


def summed(rows: list[dict]) -> dict:
    """Means with intervals over pairs of neighbouring cases."""
    out: dict = {"n": len(rows)}

    def mean(values: list[float], digits: int = 3) -> dict:
        return rounded(grouped_bootstrap(_pairs(values), SEED, _flat_mean), digits)

    for part in PARTS:
        mine = [row[part] for row in rows]
        relative = [(one["ml"] / one["true_ml"] - 1) * 100 for one in mine]
        out[part] = {
            "dice": mean([one["dice"] for one in mine]),
            "volume_error_percent": mean([abs(one) for one in relative], 1),
            "volume_bias_percent": round(float(np.mean(relative)), 1),
            "worst_dice": round(min(one["dice"] for one in mine), 3),
        }
    out["mean_dice"] = mean([(o["anterior"]["dice"] + o["posterior"]["dice"]) / 2 for o in rows])
    out["surface95_mm"] = mean([row["whole"]["surface_mm"] for row in rows], 2)
    return out


def _flat_mean(groups: Sequence) -> float:
    return float(np.mean([value for group in groups for value in group]))


def moved(grid: Grid, turns: tuple, shift: tuple) -> Grid:
    """The same head lying elsewhere: only the grid changes, no voxel does."""
    whole = np.eye(4)
    for angle, (a, b) in zip(np.deg2rad(turns), ((1, 2), (0, 1), (0, 2)), strict=True):
        one = np.eye(4)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        whole = whole @ one
    centre = grid.centre_lps
    whole[:3, 3] = centre - whole[:3, :3] @ centre + np.array(shift)
    return Grid(grid.shape, as_matrix(whole @ grid.matrix))


def _outcome(package: Path, array: np.ndarray, grid: Grid, threads: int = 2) -> dict:
    """What the product says of an image: volumes and doubts, or why it is refused."""
    try:
        result = run_package(load_package(package), [array], [grid], limits=Limits(threads=threads))
    except Unsuitable as error:
        return {"answer": "refused", "why": str(error.message)}
    return {
        "answer": "uncertain" if result.doubts else "accepted",
        "doubts": [str(one) for one in result.doubts],
        "ml": {k: round(float(m.sum() * grid.voxel_ml), 2) for k, m in result.masks.items()},
        "seconds": round(result.seconds, 1),
        "peak_mb": round(result.peak_mb),
        "masks": {key: result.masks[key] for key in result.masks},
    }


def sides(entry: dict) -> dict[str, float]:
    """Left and right in mL, and how much they differ, percent of their mean."""
    left, right = (
        sum(v for k, v in entry["ml"].items() if k.endswith(s)) for s in ("left", "right")
    )
    return {
        "left_ml": round(left, 2),
        "right_ml": round(right, 2),
        "difference_percent": round(abs(left - right) / max((left + right) / 2, 1e-6) * 100, 1),
    }


def measure_heads(data: Path, package: Path, pictures: Path | None) -> dict:
    """Whole heads: volumes, whether moved heads give the same, what other images come to."""
    out: dict = {"heads": {}, "moved": {}, "wrong": {}}
    plain: dict = {}
    for name, file in HEADS.items():
        array, grid = read_head(data / file)
        entry = _outcome(package, array, grid)
        masks = entry.pop("masks", {})
        out["heads"][name] = NOTHING | entry | (sides(entry) if "ml" in entry else {})
        plain[name] = (array, grid, masks)
        if pictures is not None and masks:
            whole = np.any(list(masks.values()), axis=0)
            planes = np.flatnonzero(whole.any(axis=(1, 2)))
            chosen = planes[np.linspace(0, len(planes) - 1, 10).round().astype(int)]
            overlay(pictures / f"{name}.png", array, whole, None, list(chosen))
    for name in ("patient26", "followup_study1"):
        array, grid, masks = plain[name]
        for move, (turns, shift) in MOVES.items() if masks else ():
            entry = _outcome(package, array, moved(grid, turns, shift))
            again = entry.pop("masks", {})
            same = [dice(again[k], m) for k, m in masks.items() if k in again]
            out["moved"][f"{name}, {move}"] = {
                "answer": entry["answer"],
                "least_dice": round(min(same), 3) if same else 0.0,
            }
    found = [v["least_dice"] for v in out["moved"].values()]
    out["moved_least_dice"], out["moved_n"] = min(found), len(found)
    array, grid, _ = plain["followup_study1"]
    rows = [Wrong(*what, *read_head(data / file)) for what, file in OTHERS.items()]
    top = float(np.percentile(array, 95))
    rows += [*spoilt(array, grid), *phantoms(top, 0.0, 0.02 * top)]
    out["wrong"] = judged(package, rows, always="never measured on whole images")
    return out


def measure_crops(data: Path, package: Path, pictures: Path) -> dict:
    """The test blocks, the classical atlas beside the network; worst case as a picture outside."""
    parts = split(names(data))
    session = session_of(package / "model.onnx")
    mean = baseline.mean_of([read(data, name) for name in parts["train"]])
    rows: dict[str, list] = {"model": [], "baseline": []}
    begun, seconds, worst = time.monotonic(), 0.0, (2.0, None)
    for name in parts["test"]:
        crop = read(data, name)
        begun = time.monotonic()
        found = labels_of(session, crop)
        seconds += time.monotonic() - begun
        rows["model"].append(compare(found, crop.label))
        rows["baseline"].append(compare(baseline.segment(mean, crop), crop.label))
        now = rows["model"][-1]["anterior"]["dice"] + rows["model"][-1]["posterior"]["dice"]
        if now < worst[0]:
            worst = (now, (crop, found))
    crop, found = worst[1]
    planes = np.linspace(4, crop.image.shape[0] - 5, 10).round().astype(int)
    overlay(
        pictures / "worst_crop.png",
        crop.image + 3,
        found > 0,
        crop.label > 0,
        list(planes),
        times=4,
    )
    out: dict = {who: summed(each) for who, each in rows.items()}
    out["seconds"] = round(seconds / len(parts["test"]), 3)
    out["worst_case"] = crop.name
    out["test_cases"] = len(parts["test"])
    check = [fitted(read(data, name).image)[None, None] for name in parts["check"]]
    same = [one for one in check if one.shape == check[0].shape]
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "int8.onnx"
        quantised(package / "model.onnx", small, same[:6])
        out["int8"] = {
            k: round(v, 4)
            for k, v in compared(
                package / "model.onnx", small, same[6:], lambda one: one.argmax(axis=1)
            ).items()
        }
    return out


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="folder for overlays, outside the repository")
    args = parser.parse_args(arguments)
    training = json.loads((args.package / "training.json").read_text(encoding="utf-8"))
    papers.write_without_numbers(args.package, training)
    write_sums(args.package)
    with tempfile.TemporaryDirectory() as scratch:
        pictures = args.pictures or Path(scratch)
        metrics: dict = {"crops": measure_crops(args.data, args.package, pictures)}
        sys.stdout.write(json.dumps(metrics) + "\n")
        metrics["whole"] = measure_heads(args.data, args.package, args.pictures)
    metrics["training"] = training
    metrics["bytes"] = (args.package / "model.onnx").stat().st_size
    papers.write(args.package, metrics)
    write_sums(args.package)
    papers.write_example(args.package, args.data)
    write_sums(args.package)
    load_package(args.package)
    sys.stdout.write(json.dumps(metrics["whole"], ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

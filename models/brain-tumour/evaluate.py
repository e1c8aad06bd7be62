"""Measure the finished detector and write the package's papers.

    python models/brain-tumour/evaluate.py --data DATA --package models/brain-tumour

The last blocks of each class in 2D, beside a classical rule; ``mr_brain_tumour`` in 3D as the
product runs it; false alarms on heads without tumour. The threshold comes from the check blocks.
Writes metrics.json, manifest.json, card.md, example/ and SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import baseline  # noqa: E402
import papers  # noqa: E402
from froc import at_rate, boxes_of, judged, measured  # noqa: E402
from slices import CLASSES, PIXEL_MM, Slices, normalised, read  # noqa: E402

from models.kit.int8 import quantised, session_of  # noqa: E402
from models.kit.pictures import mosaic, write_png  # noqa: E402
from models.kit.t1_heads import read as read_head  # noqa: E402
from models.kit.wrong import Wrong, phantoms, spoilt  # noqa: E402
from models.kit.wrong import judged as judged_wrong  # noqa: E402
from workstation.ai.boxes import Flat, linked, overlap_of  # noqa: E402
from workstation.ai.client import run_package  # noqa: E402
from workstation.ai.limits import Limits, Unsuitable  # noqa: E402
from workstation.ai.manifest import Manifest  # noqa: E402
from workstation.ai.package import load_package, write_sums  # noqa: E402
from workstation.ai.preprocess import prepare  # noqa: E402
from workstation.ai.sliding_window import one_by_one, slide  # noqa: E402
from workstation.domain.geometry import Grid  # noqa: E402

CHOSEN_RATE = 0.1  # false boxes a slice, on the check blocks, that the threshold is chosen for
NOTHING = {"seconds": "-", "peak_mb": "-"}  # of an image that is refused
WITHOUT = {
    "patient07_T1POST": "mr_ms_lesions/patient07/T1POST.nii.gz",
    "patient26_T1POST": "mr_ms_lesions/patient26/T1POST.nii.gz",
    "followup_study1_T1W": "mr_ms_followup/study1_T1W.nii.gz",
    "followup_study2_T1W": "mr_ms_followup/study2_T1W.nii.gz",
}
WRONG = {
    ("FLAIR, whole head", "FLAIR，整头"): "mr_ms_followup/study1_FLAIR.nii.gz",
    ("T2, whole head", "T2，整头"): "mr_ms_followup/study1_T2W.nii.gz",
    ("CT of the head", "头部 CT"): "ct_head/series",
    ("CT of the chest", "胸部 CT"): "ct_chest/series",
    ("CT of the abdomen", "腹部 CT"): "ct_abdomen/example_ct.nii.gz",
}


def flats_of(model: Path, given: Slices) -> list[list[Flat]]:
    """The network's boxes of every slice."""
    session, found = session_of(model), []
    for first in range(0, len(given.kind), 8):
        some = np.stack([normalised(one) for one in given.image[first : first + 8]])[:, None]
        found += [boxes_of(one) for one in session.run(None, {"image": some})[0]]
    return found


def flats_in_volume(model: Path, array: np.ndarray, grid: Grid, least: float) -> list[list[Flat]]:
    """Boxes of each axial slice of a volume, prepared as the manifest says."""
    said = Manifest.model_validate(papers.manifest(None, {"threshold": 0.5}), strict=False)
    prepared = prepare(said.pre, [array], [grid])
    session = session_of(model)
    run = one_by_one(lambda batch: session.run(None, {"image": batch})[0])
    planes = slide(prepared.array, said.infer, run, said.pre.pad_value)
    return [boxes_of(plane, least) for _, plane in planes]


def answer(package: Path, array: np.ndarray, grid: Grid) -> dict:
    """What the product says: findings with their chances, or why it refuses."""
    try:
        found = run_package(load_package(package), [array], [grid], limits=Limits(threads=2))
    except Unsuitable as error:
        return {"answer": "refused", "why": str(error.message)}
    return {
        "answer": "uncertain" if found.doubts else "accepted",
        "doubts": [str(one) for one in found.doubts],
        "findings": [[one.label, round(one.score, 3)] for one in found.pieces],
        "pieces": found.pieces,
        "seconds": round(found.seconds, 1),
        "peak_mb": round(found.peak_mb),
    }


def measure_3d(data: Path, package: Path) -> dict:
    """The tumour with a mask in 3D: which findings lie on it, and by how much."""
    array, grid = read_head(data / "mr_brain_tumour" / "brain1_image.nrrd")
    mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(data / "mr_brain_tumour" / "brain1_label.nrrd")))
        > 0
    )
    said = answer(package, array, grid)
    pieces = said.pop("pieces", ())
    truth = np.argwhere(mask)
    low, high = truth.min(axis=0), truth.max(axis=0) + 1
    rows = []
    for one in pieces:
        whole = one.whole(grid.shape)
        box_low = np.array(one.origin)
        box_high = box_low + one.mask.shape
        inner = np.clip(np.minimum(high, box_high) - np.maximum(low, box_low), 0, None).prod()
        union = (high - low).prod() + (box_high - box_low).prod() - inner
        rows.append({
            "label": one.label,
            "score": round(one.score, 3),
            "covers": round(float(whole[mask].mean()), 3),
            "box_overlap_3d": round(float(inner / union), 3),
            "slices": int(one.mask.shape[0]),
        })  # fmt: skip
    hits = [row for row in rows if row["covers"] >= 0.3]
    best = max(hits, key=lambda row: row["box_overlap_3d"], default=None)
    return (
        NOTHING
        | said
        | {
            "tumour_slices": int(high[0] - low[0]),
            "tumour_ml": round(float(mask.sum() * grid.voxel_ml), 1),
            "rows": rows,
            "found": bool(hits),
            "false_findings": len(rows) - len(hits),
            "best_overlap_3d": best["box_overlap_3d"] if best else 0.0,
            "best_label": best["label"] if best else "none",
            "best_score": best["score"] if best else 0.0,
        }
    )


def measure_without(data: Path, package: Path, limit: float) -> dict:
    """False alarms on heads without tumour."""
    out = {}
    for name, file in WITHOUT.items():
        array, grid = read_head(data / file)
        flats = flats_in_volume(package / "model.onnx", array, grid, limit)
        solids = linked(enumerate(flats), papers.SAID, grid.spacing_mm[2])
        said = answer(package, array, grid)
        said.pop("pieces", None)
        out[name] = said | {
            "slices": len(flats),
            "boxes": sum(len(one) for one in flats),
            "boxes_per_slice": round(sum(len(one) for one in flats) / len(flats), 3),
            "findings_if_not_refused": len(solids),
        }
    return out


def measure_wrong(data: Path, package: Path) -> dict:
    """Inputs that must not be judged; what is spoilt is the head with the tumour."""
    rows = [Wrong(*what, *read_head(data / file)) for what, file in WRONG.items()]
    array, grid = read_head(data / "mr_brain_tumour" / "brain1_image.nrrd")
    top = float(np.percentile(array, 95))
    rows += [*spoilt(array, grid), *phantoms(top, 0.0, 0.02 * top)]
    return judged_wrong(package, rows)


def worst(found: list[list[Flat]], truth: Slices, path: Path) -> list[str]:
    """A picture of twelve tumours that were missed, largest first: true green, best box red."""
    hits, _ = judged(found, truth, 0.5, same_class=False)
    area = np.prod(truth.box[:, 2:] - truth.box[:, :2], axis=1)
    missed = [int(k) for k in np.argsort(-area) if hits[k] == 0][:12]
    tiles = []
    for k in missed:
        rgb = np.repeat(normalised(truth.image[k])[..., None], 3, axis=2).clip(0, 1).astype(float)
        shown = [(truth.box[k], (0, 1, 0))]
        shown += [(np.array(one.sides), (1, 0, 0)) for one in found[k][:1]]
        for box, colour in shown:
            a, b, c, d = (int(np.clip(v, 0, 255)) for v in box)
            rgb[b : d + 1, [a, c]] = colour
            rgb[[b, d], a : c + 1] = colour
        tiles.append(rgb)
    if tiles:
        write_png(path, mosaic(tiles, 4))
    return [f"{CLASSES[truth.kind[k]]} {truth.number[k]}" for k in missed]


def confused(found: list[list[Flat]], truth: Slices, limit: float) -> dict:
    """Of boxes on a tumour at the threshold: true class to found class, counts."""
    out = {kind: dict.fromkeys(CLASSES, 0) for kind in CLASSES}
    for k, flats in enumerate(found):
        on = [f for f in flats if f.score >= limit and overlap_of(f.sides, truth.box[k]) >= 0.5]
        if on:
            out[CLASSES[truth.kind[k]]][CLASSES[on[0].label]] += 1
    return out


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="folder for overlays, outside the repository")
    args = parser.parse_args(arguments)
    model = args.package / "model.onnx"
    training = json.loads((args.package / "training.json").read_text(encoding="utf-8"))
    check, test = read(args.data, "check"), read(args.data, "test")
    hits, false = judged(flats_of(model, check), check, 0.5, same_class=False)
    limit = max(round(at_rate(hits, false, CHOSEN_RATE)[0], 3), 0.05)
    training["threshold"] = limit
    papers.write_without_numbers(args.package, training)
    write_sums(args.package)
    found = flats_of(model, test)
    metrics: dict = {"test": measured(found, test), "threshold": limit, "slices": len(test.kind)}
    metrics["slices_by_class"] = {c: int((test.kind == k).sum()) for k, c in enumerate(CLASSES)}
    rows = [baseline.boxes(normalised(one)) for one in test.image]
    metrics["baseline"] = {"any_class": measured(rows, test)["any_class"]}
    at = [[one for one in flats if one.score >= limit] for flats in found]
    good = judged(at, test, 0.5, same_class=False)
    metrics["at_threshold"] = {
        "recall": round(float((good[0] > 0).mean()), 3),
        "false_per_slice": round(len(good[1]) / len(test.kind), 3),
        "classes": confused(found, test, limit),
    }
    table = metrics["at_threshold"]["classes"]
    right = sum(table[kind][kind] for kind in CLASSES)
    metrics["at_threshold"]["class_right"] = round(
        right / max(1, sum(sum(row.values()) for row in table.values())), 3
    )
    with tempfile.TemporaryDirectory() as scratch:
        pictures = args.pictures or Path(scratch)
        metrics["largest_missed"] = worst(found, test, pictures / "missed.png")
        small = Path(scratch) / "int8.onnx"
        some = np.stack([normalised(one) for one in check.image[::6]])[:, None]
        quantised(model, small, [some[k : k + 4] for k in range(0, 16, 4)])
        light = measured(flats_of(small, test), test)["any_class"]["iou50"]["1"]["value"]
        metrics["int8"] = {"recall_at_1": light, "bytes": small.stat().st_size}
    metrics["volume"] = measure_3d(args.data, args.package)
    metrics["without"] = measure_without(args.data, args.package, limit)
    metrics["wrong"] = measure_wrong(args.data, args.package)
    metrics["training"], metrics["bytes"] = training, model.stat().st_size
    metrics["pixel_mm"] = PIXEL_MM
    papers.write(args.package, metrics)
    write_sums(args.package)
    papers.write_example(args.package)
    write_sums(args.package)
    load_package(args.package)
    sys.stdout.write(json.dumps(metrics, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

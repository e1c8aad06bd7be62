"""Measure the finished network on the test cases and write the package's papers.

    python models/brain-wmh/evaluate.py --data ../shared/data --package models/brain-wmh

The model runs as in the product: the package is loaded and run in the worker process. Nothing is
tuned here: the network and its threshold are fixed; the classical baseline's threshold comes from
the training case. history.json holds what earlier versions measured. Writes metrics.json,
manifest.json, card.md, example/, LICENSE and SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import baseline  # noqa: E402
import papers  # noqa: E402

from models.kit.pictures import overlay  # noqa: E402
from workstation.ai.client import ModelResult, run_package  # noqa: E402
from workstation.ai.limits import Limits  # noqa: E402
from workstation.ai.package import load_package, write_sums  # noqa: E402
from workstation.demo.scans import FlairScan, random_head  # noqa: E402
from workstation.domain.geometry import Grid, as_matrix  # noqa: E402
from workstation.domain.mask import dice  # noqa: E402

Mask = NDArray[np.bool_]
TOUCHING = np.ones((3, 3, 3))
# Heads of the demo's generator as it is, of no seed that training or calibration used.
HEADS = (11, 12, 13, 14)
SMALLEST_ML = 0.01


def grid_of(image: sitk.Image) -> Grid:
    """SimpleITK keeps LPS mm as the product does."""
    affine = np.eye(4)
    turn = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = turn * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    x, y, z = image.GetSize()
    return Grid((z, y, x), as_matrix(affine))


def on_image(mask: Mask, image: sitk.Image) -> sitk.Image:
    """A mask as an image that lies where ``image`` does."""
    out = sitk.GetImageFromArray(mask.astype(np.uint8))
    out.CopyInformation(image)
    return out


def compare(found: Mask, truth: Mask, voxel_ml: float) -> dict[str, float]:
    """Voxel and lesion measures. A true lesion is found where one voxel of it is; a found lesion
    is false where none of its voxels is true. Lesions are 26-connected."""
    true_ids, true_count = ndimage.label(truth, TOUCHING)
    found_ids, found_count = ndimage.label(found, TOUCHING)
    sizes = np.bincount(true_ids.ravel(), minlength=true_count + 1)[1:] * voxel_ml
    found_sizes = np.bincount(found_ids.ravel(), minlength=found_count + 1)[1:] * voxel_ml
    hit = np.zeros(true_count + 1, dtype=bool)
    hit[np.unique(true_ids[found])] = True
    good = np.zeros(found_count + 1, dtype=bool)
    good[np.unique(found_ids[truth])] = True
    large = sizes >= SMALLEST_ML
    overlap = int((found & truth).sum())
    volume, wanted = float(found.sum() * voxel_ml), float(truth.sum() * voxel_ml)
    return {
        "dice": round(dice(found, truth), 3),
        "voxel_sensitivity": round(overlap / max(int(truth.sum()), 1), 3),
        "voxel_precision": round(overlap / max(int(found.sum()), 1), 3),
        "lesions": true_count,
        "lesions_found": int(hit[1:].sum()),
        "lesion_sensitivity": round(float(hit[1:].mean()), 3),
        "lesions_10ul": int(large.sum()),
        "lesion_sensitivity_10ul": round(float(hit[1:][large].mean()), 3),
        "false_lesions": int((~good[1:]).sum()),
        "largest_missed_ml": round(float(sizes[~hit[1:]].max(initial=0.0)), 3),
        "largest_false_ml": round(float(found_sizes[~good[1:]].max(initial=0.0)), 3),
        "false_volume_ml": round(float(found_sizes[~good[1:]].sum()), 2),
        "volume_ml": round(volume, 2),
        "true_volume_ml": round(wanted, 2),
        "volume_error_ml": round(volume - wanted, 2),
    }


def changed(found: Mask, truth: Mask, voxel_ml: float) -> dict[str, float]:
    """What may be said where the truth marks only what changed: nothing about false findings."""
    whole = compare(found, truth, voxel_ml)
    keys = ("voxel_sensitivity", "lesions", "lesions_found", "lesion_sensitivity")
    out = {key: whole[key] for key in keys}
    out["lesions_10ul"] = whole["lesions_10ul"]
    out["lesion_sensitivity_10ul"] = whole["lesion_sensitivity_10ul"]
    out["largest_missed_ml"] = whole["largest_missed_ml"]
    out["true_volume_ml"] = whole["true_volume_ml"]
    return out


def run(package: Path, image: sitk.Image, threads: int = 1) -> ModelResult:
    """The package on one FLAIR, through the product's worker process."""
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    return run_package(
        load_package(package), [array], [grid_of(image)], limits=Limits(threads=threads)
    )


def read_dicom(folder: Path) -> sitk.Image:
    """A folder of DICOM slices as one image."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def as_image(scan: FlairScan) -> sitk.Image:
    """A generated scan where it lies in the patient."""
    image = sitk.GetImageFromArray(scan.array.astype(np.float32))
    spacing = np.array(scan.grid.spacing_mm)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((scan.grid.matrix[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(scan.grid.matrix[:3, 3].tolist())
    return image


def measure_heads(package: Path, level: dict[str, float]) -> tuple[dict, dict]:
    """Each generated head, and means over them; volumes are sums."""
    rows: dict[str, list[dict[str, float]]] = {"model": [], "baseline": []}
    shown = {}
    for seed in HEADS:
        scan = random_head(seed, per_slice=3)
        image = as_image(scan)
        masks = {
            "model": run(package, image).masks["wmh"],
            "baseline": baseline.segment(image, level, extracted=False),
        }
        for who, mask in masks.items():
            rows[who].append(compare(mask, scan.mask, scan.grid.voxel_ml))
        shown[f"head{seed}"] = (scan.array.astype(np.float32), masks["model"], scan.mask)
    out: dict = {"n": len(HEADS)}
    for who, found in rows.items():
        whole: dict[str, float] = {}
        for key in found[0]:
            values = [row[key] for row in found]
            together = sum(values) if key.endswith("volume_ml") else sum(values) / len(values)
            whole[key] = round(together, 3)
        out[who] = whole
        out[f"{who}_heads"] = found
    return out, shown


def measure(data: Path, package: Path) -> tuple[dict, dict]:
    """metrics.json's content, and masks for pictures."""
    level = baseline.tune(data)
    metrics: dict = {"baseline": level, "cases": {}, "runtime": {}}
    shown = {}

    path = data / "mr_ms_lesions" / "patient26"
    flair = sitk.ReadImage(str(path / "FLAIR.nii.gz"), sitk.sitkFloat32)
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(path / "lesions.nii.gz"))) > 0
    voxel = grid_of(flair).voxel_ml
    for threads in (2, 1):  # the second result is used, both are the same
        result = run(package, flair, threads)
        metrics["runtime"][f"patient26_{threads}_threads"] = [
            round(result.seconds, 1),
            round(result.peak_mb),
        ]
    found = result.masks["wmh"]
    classic = baseline.segment(flair, level, extracted=True)
    metrics["cases"]["patient26"] = {
        "model": compare(found, truth, voxel),
        "baseline": compare(classic, truth, voxel),
    }
    shown["patient26"] = (sitk.GetArrayFromImage(flair), found, truth)

    folder = data / "mr_ms_followup"
    change = sitk.ReadImage(str(folder / "gt.nii.gz"))
    truth = sitk.GetArrayFromImage(change) > 0
    voxel = grid_of(change).voxel_ml
    for study in ("study1", "study2"):
        flair = sitk.ReadImage(str(folder / f"{study}_FLAIR.nii.gz"), sitk.sitkFloat32)
        result = run(package, flair)
        metrics["runtime"][f"followup_{study}_1_threads"] = [
            round(result.seconds, 1),
            round(result.peak_mb),
        ]
        found = result.masks["wmh"]
        classic = baseline.segment(flair, level, extracted=False)
        ml = grid_of(flair).voxel_ml
        entry: dict = {
            "model": {"volume_ml": round(float(found.sum() * ml), 2)},
            "baseline": {"volume_ml": round(float(classic.sum() * ml), 2)},
        }
        entry["model"]["pieces"] = int(ndimage.label(found, TOUCHING)[1])
        entry["baseline"]["pieces"] = int(ndimage.label(classic, TOUCHING)[1])
        # The published transform takes points of the common space to this study.
        to_study = sitk.ReadTransform(str(folder / f"{study}_FLAIR_to_common_space.txt"))
        for who, mask in (("model", found), ("baseline", classic)):
            moved = sitk.Resample(
                on_image(mask, flair), change, to_study, sitk.sitkNearestNeighbor, 0
            )
            entry[who].update(changed(sitk.GetArrayFromImage(moved) > 0, truth, voxel))
        dicom = read_dicom(folder / "dicom" / study / "FLAIR")
        again = run(package, dicom).masks["wmh"]
        there = sitk.Resample(
            on_image(again, dicom), flair, sitk.Transform(), sitk.sitkNearestNeighbor, 0
        )
        entry["dicom_dice_to_nifti"] = round(dice(sitk.GetArrayFromImage(there) > 0, found), 4)
        entry["dicom_volume_ml"] = round(float(again.sum() * grid_of(dicom).voxel_ml), 2)
        metrics["cases"][f"followup_{study}"] = entry
        shown[f"followup_{study}"] = (sitk.GetArrayFromImage(flair), found, None)
    metrics["generated_heads"], heads = measure_heads(package, level)
    return metrics, shown | heads


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="folder for overlays, outside the repository")
    args = parser.parse_args(arguments)
    papers.write_without_numbers(args.package)
    write_sums(args.package)
    metrics, shown = measure(args.data, args.package)
    metrics["training"] = json.loads((args.package / "training.json").read_text(encoding="utf-8"))
    metrics["history"] = json.loads((HERE / "history.json").read_text(encoding="utf-8"))
    papers.write(args.package, metrics)
    write_sums(args.package)
    papers.write_example(args.package)
    write_sums(args.package)
    load_package(args.package)
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
        for name, (image, found, truth) in shown.items():
            some = truth if truth is not None else found
            inside = np.flatnonzero((image > image.mean()).any(axis=(1, 2)))
            low, high = inside[0], inside[-1]
            step = max(1, (high - low) // 25)
            planes = list(range(low, high, step))
            overlay(args.pictures / f"{name}.png", image, found, truth, planes)
            busy = np.argsort(-some.sum(axis=(1, 2)))[:5]
            overlay(args.pictures / f"{name}_busy.png", image, found, truth, sorted(busy))
    for case, entry in {**metrics["cases"], "heads": metrics["generated_heads"]}.items():
        sys.stdout.write(f"{case}: {json.dumps(entry)}\n")


if __name__ == "__main__":
    main()

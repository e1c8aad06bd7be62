"""Measure the finished network on patients and generated bodies; write the package's papers.

    python models/ct-body/evaluate.py --data ../shared/data --package models/ct-body

The model runs as in the product: the package is loaded and run in the worker process. Nothing is
tuned here. The classical rule (``baseline``) stands in the same table. Organs under 0.80 on any
patient, and organs that no patient's reference shows, are marked experimental. Writes
metrics.json, and with what ``wrong`` and ``quantise`` left in the folder manifest.json, card.md,
example/, LICENSE and SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import baseline  # noqa: E402
import cases  # noqa: E402
import papers  # noqa: E402
from bodies import TEST  # noqa: E402
from tissues import OUTPUTS  # noqa: E402

from models.kit.intervals import bootstrap, rounded  # noqa: E402
from models.kit.pictures import mosaic, outlined, write_png  # noqa: E402
from workstation.ai.client import ModelResult, run_package  # noqa: E402
from workstation.ai.limits import Limits  # noqa: E402
from workstation.ai.package import load_package, write_sums  # noqa: E402
from workstation.domain.errors import ReaderError  # noqa: E402
from workstation.domain.geometry import Grid, axes_towards  # noqa: E402
from workstation.domain.mask import dice  # noqa: E402
from workstation.text import say  # noqa: E402

Mask = NDArray[np.bool_]
COLOURS = {key: tuple(c / 255 for c in papers.COLOUR[key]) for key in OUTPUTS}
LEAST_TRUE_ML = 15.0


def run(package: Path, case: cases.Case, threads: int = 2) -> ModelResult:
    """The package on one image, through the product's worker process."""
    return run_package(
        load_package(package), [case.array], [case.grid], limits=Limits(threads=threads)
    )


def classical(case: cases.Case) -> dict[str, Mask]:
    """The rule at 3 mm, brought back to the image's own voxels."""
    axes = axes_towards(case.grid, "LPH")
    turned = axes.apply(case.array)
    spacing = np.array(axes.apply_grid(case.grid).spacing_mm)[::-1]
    shape = np.maximum(1, np.round(np.array(turned.shape) * spacing / 3.0)).astype(int)
    small = ndimage.zoom(turned, shape / np.array(turned.shape), order=1, grid_mode=True,
                         mode="nearest")  # fmt: skip
    out = {}
    for key, mask in baseline.segment(small).items():
        back = ndimage.zoom(mask.astype(np.float32), np.array(turned.shape) / shape, order=1,
                            grid_mode=True, mode="nearest")  # fmt: skip
        out[key] = np.ascontiguousarray(axes.undo(back > 0.5))
    return out


def ruled(case: cases.Case, cache: Path | None) -> dict[str, float]:
    """Dice of the rule, kept in ``cache``: it is the same for every network."""
    kept = None if cache is None else cache / f"rule {case.name}.json"
    if kept is not None and kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    found = overlaps(classical(case), case)
    if kept is not None:
        kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def overlaps(masks: dict[str, Mask], case: cases.Case) -> dict[str, float]:
    """Dice of each organ that the reference shows, where it says anything."""
    out = {}
    for key, truth in case.truths.items():
        asked = case.asked.get(key)
        found = masks[key] if asked is None else masks[key] & asked
        out[key] = round(dice(found, truth if asked is None else truth & asked), 3)
    return out


def volumes(masks: dict[str, Mask], grid: Grid) -> dict[str, float]:
    """mL of what was found."""
    return {key: round(float(m.sum()) * grid.voxel_ml, 1) for key, m in masks.items() if m.any()}


def _doubts(result: ModelResult) -> dict[str, list[str]]:
    return {
        f"doubts_{short}": [say(doubt, lang=code) for doubt in result.doubts]
        for short, code in (("en", "en"), ("zh", "zh_CN"))
    }


def measure_real(
    data: Path, package: Path, cache: Path | None
) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """Patients with references: Dice, volumes, time."""
    out: dict[str, Any] = {}
    shown = []
    for case in cases.real(data):
        try:
            result = run(package, case)
        except ReaderError as error:  # of a right image: every organ missed
            out[case.name] = {
                "model": dict.fromkeys(case.truths, 0.0),
                "baseline": ruled(case, cache),
                "refused": say(error.message, lang="en"),
            }
            continue
        entry = {
            "model": overlaps(result.masks, case),
            "baseline": ruled(case, cache),
            "volume_ml": volumes(result.masks, case.grid),
            **_doubts(result),
            "seconds": round(result.seconds, 1),
            "peak_mb": round(result.peak_mb),
            "slices": case.grid.shape[0],
        }
        out[case.name] = entry
        shown.append((case, result.masks))
    return out, shown


def measure_unlabelled(data: Path, package: Path) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """Patients without references: what is said of them."""
    out: dict[str, Any] = {}
    shown = []
    for case in cases.unlabelled(data):
        try:
            result = run(package, case)
        except ReaderError as error:
            out[case.name] = {
                "refused": say(error.message, lang="en"),
                "refused_zh": say(error.message, lang="zh_CN"),
                "volume_ml": {},
            }
            continue
        out[case.name] = {
            "refused": "",
            **_doubts(result),
            "volume_ml": volumes(result.masks, case.grid),
            "seconds": round(result.seconds, 1),
            "peak_mb": round(result.peak_mb),
            "slices": case.grid.shape[0],
        }
        shown.append((case, result.masks))
    return out, shown


def measure_generated(
    package: Path, numbers: range, family: int | None, cache: Path | None
) -> tuple[dict[str, Any], tuple[Any, Any] | None]:
    """Mean Dice of each organ over generated bodies that hold it, with intervals; false organs."""
    found: dict[str, dict[str, list[float]]] = {"model": {}, "baseline": {}}
    false: dict[str, int] = {}
    refused = 0
    worst: tuple[float, Any] = (2.0, None)
    for case in cases.generated(TEST, numbers, family, cache):
        rule = ruled(case, cache)
        try:
            masks = run(package, case).masks
        except ReaderError:  # of a right image: every organ missed
            refused += 1
            masks = {key: np.zeros_like(truth) for key, truth in case.truths.items()}
        own = overlaps(masks, case)
        mine = []
        for key in OUTPUTS:
            truth = case.truths[key]
            ml = float(truth.sum()) * case.grid.voxel_ml
            if ml < LEAST_TRUE_ML:
                if ml == 0.0 and masks[key].any():
                    false[key] = false.get(key, 0) + 1
                continue
            for who, dices in (("model", own), ("baseline", rule)):
                found[who].setdefault(key, []).append(dices[key])
            mine.append(found["model"][key][-1])
        if mine and float(np.mean(mine)) < worst[0]:
            worst = float(np.mean(mine)), (case, masks)
    out: dict[str, Any] = {
        "n": len(numbers),
        "refused": refused,
        "false_organs": sum(false.values()),
        "false": false,
    }
    for who, organs in found.items():
        out[who] = {
            key: rounded(bootstrap(values, 5)) | {"n": len(values)}
            for key, values in organs.items()
        }
    out["worst"] = {"name": worst[1][0].name, "mean_dice": round(worst[0], 3)} if worst[1] else {}
    return out, worst[1]


def experimental(metrics: dict[str, Any]) -> list[str]:
    """Organs under 0.80 on any patient, or that no patient's reference shows."""
    best: dict[str, float] = {}
    for entry in metrics["real"].values():
        for key, value in entry["model"].items():
            best[key] = min(value, best.get(key, 1.0))
    return [key for key in papers.ORDER if best.get(key, 0.0) < 0.80]


def picture(path: Path, case: cases.Case, masks: dict[str, Mask], count: int = 6) -> None:
    """Slices from top to bottom, with every organ's outline."""
    axes = axes_towards(case.grid, "LPH")
    image = axes.apply(case.array)
    turned = {key: axes.apply(mask) for key, mask in masks.items() if key not in ("body", "bone")}
    held = np.flatnonzero((image > -300).mean(axis=(1, 2)) > 0.02)
    rows = np.linspace(held[0], held[-1], count + 2)[1:-1].astype(int)[::-1]
    tiles = [
        outlined(image[z], [(mask[z], COLOURS[key]) for key, mask in turned.items()],
                 (-160.0, 240.0), times=2)
        for z in rows
    ]  # fmt: skip
    write_png(path, mosaic(tiles, 3))


def coronal(path: Path, case: cases.Case, masks: dict[str, Mask]) -> None:
    """Four coronal planes from front to back, square pixels."""
    axes = axes_towards(case.grid, "LPH")
    image = axes.apply(case.array)
    x_mm, _, z_mm = axes.apply_grid(case.grid).spacing_mm
    rows = np.arange(0, len(image) - 0.5, x_mm / z_mm).astype(int)[::-1]
    held = np.flatnonzero((image > -300).mean(axis=(0, 2)) > 0.05)
    tiles = []
    for y in np.linspace(held[0], held[-1], 7)[2:6].astype(int):
        outlines = [(axes.apply(mask)[rows, y], COLOURS[key]) for key, mask in masks.items()
                    if key not in ("body", "bone")]  # fmt: skip
        tiles.append(outlined(image[rows, y], outlines, (-160.0, 240.0), times=2))
    write_png(path, mosaic(tiles, 4 if len(rows) > image.shape[2] else 2))


def write_papers(package: Path, metrics: dict[str, Any]) -> None:
    """Everything but the network, with what ``wrong`` and ``quantise`` left beside it."""
    for name in ("wrong_inputs", "int8"):
        said = json.loads((package / f"{name}.json").read_text(encoding="utf-8"))
        metrics[name] = said.get("count", said)
    papers.write(package, metrics)
    write_sums(package)
    papers.write_example(package)
    write_sums(package)
    load_package(package)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument(
        "--pictures", type=Path, help="folder for patients' overlays: not committed"
    )
    parser.add_argument("--bodies", type=int, default=10)
    parser.add_argument("--cache", type=Path, help="folder of test bodies made before")
    parser.add_argument(
        "--again", action="store_true", help="measure nothing, write the papers of metrics.json"
    )
    args = parser.parse_args(arguments)
    if args.again:
        kept = json.loads((args.package / "metrics.json").read_text(encoding="utf-8"))
        write_papers(args.package, kept)
        return
    papers.write_without_numbers(args.package)
    write_sums(args.package)
    metrics: dict[str, Any] = {}
    worst = None
    metrics["real"], shown = measure_real(args.data, args.package, args.cache)
    metrics["unlabelled"], more = measure_unlabelled(args.data, args.package)
    for name, first, family in (("generated", 0, None), ("other_shapes", 100, 2)):
        numbers = range(first, first + args.bodies)
        metrics[name], least = measure_generated(args.package, numbers, family, args.cache)
        worst = worst or least
    metrics["training"] = json.loads((args.package / "training.json").read_text(encoding="utf-8"))
    metrics["experimental"] = experimental(metrics)
    if worst is not None:
        picture(args.package / "example" / "worst_generated.png", *worst)
    papers.write_json(args.package / "metrics.json", metrics)
    if args.pictures:
        for case, masks in shown + more:
            name = case.name.replace(", ", "_").replace(" ", "_")
            picture(args.pictures / f"{name}.png", case, masks)
            coronal(args.pictures / f"{name}_coronal.png", case, masks)
    write_papers(args.package, metrics)
    sys.stdout.write(json.dumps(metrics, indent=1) + "\n")


if __name__ == "__main__":
    main()

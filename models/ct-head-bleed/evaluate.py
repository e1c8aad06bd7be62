"""Measure the finished network and write the package's papers.

    python models/ct-head-bleed/evaluate.py --package models/ct-head-bleed [--data ../shared/data]

Generated heads of seeds never used before, and heads of another family of generators
(``other_heads``), stand for bleedings; the real head CT, which has none, for false alarms. Nothing
is tuned here. Volumes and masks are compared on the grid of the scan. The network runs as in the
product (preparation, threshold and pieces are the workstation's own); ``parity`` says how far the
worker's masks are from these. Writes metrics.json, manifest.json, card.md, example/, SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import heads  # noqa: E402
import papers  # noqa: E402
from choose import TOUCHING, logits_of, session_of  # noqa: E402
from pool import fill  # noqa: E402
from pre import SAID, SLICES, Ready  # noqa: E402
from trials import classical, listed, stored  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.int8 import compared, quantised, verdict  # noqa: E402
from models.kit.intervals import bootstrap, wilson  # noqa: E402
from workstation.ai.client import run_package  # noqa: E402
from workstation.ai.limits import Limits  # noqa: E402
from workstation.ai.package import load_package, write_sums  # noqa: E402
from workstation.ai.preprocess import prepare  # noqa: E402
from workstation.ai.resampling import resampled  # noqa: E402
from workstation.ai.sums import sha256_of  # noqa: E402
from workstation.ai.vocabulary import Pre  # noqa: E402
from workstation.demo.bleeds import BleedKind  # noqa: E402
from workstation.domain.geometry import Grid  # noqa: E402
from workstation.domain.mask import dice  # noqa: E402

SIZES = ((0.0, 1.0), (1.0, 5.0), (5.0, 20.0), (20.0, 1e9))
SIZE_NAMES = ("under 1 mL", "1 to 5 mL", "5 to 20 mL", "20 mL or more")
BINS = np.linspace(0.0, 1.0, 11)
COSTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass
class Row:
    """One scan. found_ml, hit, dice: by who. chance: largest threshold at which a piece of the
    least size is still found."""

    name: str
    family: str
    kind: str
    true_ml: float
    found_ml: dict[str, float]
    hit: dict[str, bool]
    alarm: dict[str, bool]
    dice: float
    chance: float


def say(line: str) -> None:
    """What was done, as it is done."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Runner:
    """The network as the product runs it, in this process."""

    def __init__(self, package: Path, training: dict[str, Any]) -> None:
        self.session = session_of(package / "model.onnx")
        self.pre = Pre.model_validate_json(json.dumps(SAID))
        self.limit, self.least = training["threshold"], training["min_component_ml"]

    def chances(self, array: np.ndarray, grid: Grid) -> np.ndarray:
        """Probabilities on the scan's grid."""
        made = prepare(self.pre, [array.astype(np.float32)], [grid])
        logits = logits_of(self.session, made.array[0])
        whole = np.zeros(made.frame.work.shape, np.float32)
        whole[made.crop] = 1.0 / (1.0 + np.exp(-logits))
        back = resampled(whole, made.frame.back("linear"))
        return np.asarray(made.frame.axes.undo(back))

    def mask(self, chance: np.ndarray, grid: Grid) -> np.ndarray:
        """The finding on the scan's grid."""
        numbered, _ = ndimage.label(chance >= self.limit, TOUCHING)
        large = np.bincount(numbered.ravel()) * grid.voxel_ml >= self.least
        large[0] = False
        return np.asarray(large[numbered])


def strongest(chance: np.ndarray, voxel_ml: float, least_ml: float) -> float:
    """The highest threshold of ``COSTS`` at which a piece of ``least_ml`` is left; 0 for none."""
    best = 0.0
    for limit in COSTS:
        numbered, _ = ndimage.label(chance >= limit, TOUCHING)
        counts = np.bincount(numbered.ravel())[1:]
        if not counts.size or counts.max() * voxel_ml < least_ml:
            break
        best = float(limit)
    return round(best, 2)


def measured(package: Path, cache: Path, what: tuple[str, str, str]) -> dict[str, Any]:
    """One scan: volume, Dice, and voxels by chance (count, sum of chances, blood). Kept as a file
    by the network's hash: a measurement that was interrupted goes on."""
    training = json.loads((package / "training.json").read_text("utf-8"))
    sign = (
        sha256_of(package / "model.onnx")[:12],
        training["threshold"],
        training["min_component_ml"],
    )
    path = cache / "-".join(["measured", *map(str, sign), what[0]])
    if path.is_file():
        return dict(json.loads(path.read_text("utf-8")))
    runner = Runner(package, training)
    test = stored(cache, *what)
    chance = runner.chances(test.array, test.grid)
    mask = runner.mask(chance, test.grid)
    voxels = np.zeros((len(BINS) - 1, 3))
    soft = (test.array > -10) & (test.array < 130) & (chance > 0.01)
    place = np.digitize(chance[soft], BINS[1:-1])
    for column, weight in enumerate((None, chance[soft], test.truth[soft])):
        voxels[:, column] = np.bincount(place, weights=weight, minlength=len(BINS) - 1)
    found = {
        "true_ml": float(test.truth.sum()) * test.grid.voxel_ml,
        "found_ml": float(mask.sum()) * test.grid.voxel_ml,
        "hit": bool((mask & test.truth).any()),
        "dice": dice(mask, test.truth) if test.truth.any() else None,
        "chance": strongest(chance, test.grid.voxel_ml, runner.least),
        "voxels": voxels.tolist(),
    }
    path.write_text(json.dumps(found), encoding="utf-8")
    return found


def measure(package: Path, classic: dict[str, Any], cache: Path, workers: int) -> dict[str, Any]:
    """Every test scan, once. classic: of ``trials``."""
    rows: list[Row] = []
    voxels = np.zeros((2, len(BINS) - 1, 3))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [(what, pool.submit(measured, package, cache, what)) for what in listed(cache)]
        for (name, family, kind), job in jobs:
            one, ruled = job.result(), classic[name]
            voxels[int(family == "other")] += np.array(one["voxels"])
            rows.append(
                Row(
                    name, family, kind, one["true_ml"],
                    {"model": one["found_ml"], "baseline": ruled["found_ml"]},
                    {"model": one["hit"], "baseline": ruled["hit"]},
                    {"model": one["found_ml"] > 0, "baseline": ruled["found_ml"] > 0},
                    float("nan") if one["dice"] is None else one["dice"], one["chance"],
                )
            )  # fmt: skip
            say(str(rows[-1]))
    out: dict[str, Any] = {
        family: summary([r for r in rows if r.family == family], voxels[k])
        for k, family in enumerate(("same", "other"))
    }
    out["rows"] = [
        {
            "name": r.name, "kind": r.kind, "true_ml": round(r.true_ml, 2),
            "found_ml": round(r.found_ml["model"], 2), "chance": r.chance,
            "baseline_ml": round(r.found_ml["baseline"], 2),
            "dice": None if np.isnan(r.dice) else round(r.dice, 3),
        }
        for r in rows
    ]  # fmt: skip
    worst = min((r for r in rows if r.true_ml >= 1.0 and r.family == "same"), key=lambda r: r.dice)
    out["worst"] = next(row for row in out["rows"] if row["name"] == worst.name)
    test = stored(cache, worst.name, worst.family, worst.kind)
    runner = Runner(package, json.loads((package / "training.json").read_text("utf-8")))
    mask = runner.mask(runner.chances(test.array, test.grid), test.grid)
    papers.worst_picture(package, test.array, mask, test.truth)
    return out


def part(hits: list[bool]) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson)."""
    if not hits:
        return {"n": 0, "value": 0.0, "low": 0.0, "high": 1.0}
    value, low, high = wilson(int(sum(hits)), len(hits))
    return {"n": len(hits), "value": round(value, 3), "low": round(low, 3), "high": round(high, 3)}


def volumes(rows: list[Row], who: str) -> dict[str, float]:
    """Error of volume where something was found: median of found over true, and of its size."""
    if not rows:
        return {"ratio": 0.0, "error_ml": 0.0}
    ratio = [r.found_ml[who] / r.true_ml for r in rows]
    error = [abs(r.found_ml[who] - r.true_ml) for r in rows]
    return {"ratio": round(float(np.median(ratio)), 2), "error_ml": round(float(np.mean(error)), 2)}


def summary(rows: list[Row], voxels: np.ndarray) -> dict[str, Any]:
    """All numbers of one family."""
    # A layer so thin that no voxel is half covered counts neither as bleeding nor as none.
    bled, none = [r for r in rows if r.true_ml > 0], [r for r in rows if r.kind == heads.NONE]
    large = [r for r in bled if r.true_ml >= 1.0]
    out: dict[str, Any] = {"bled": len(bled), "large": len(large), "none": len(none)}
    for who in ("model", "baseline"):
        out[who] = {
            "sensitivity": part([r.hit[who] for r in large]),
            "sensitivity_all": part([r.hit[who] for r in bled]),
            "alarms": part([r.alarm[who] for r in none]),
            "false_ml": round(float(np.mean([r.found_ml[who] for r in none])), 2) if none else 0.0,
            "volume": volumes([r for r in large if r.hit[who]], who),
            "by_kind": {
                str(kind): {
                    **part([r.hit[who] for r in bled if r.kind == kind and r.true_ml >= 1.0]),
                    **volumes([r for r in large if r.kind == kind and r.hit[who]], who),
                }
                for kind in BleedKind
            },
            "by_size": {
                str(k): {
                    **part([r.hit[who] for r in bled if low <= r.true_ml < high]),
                    **volumes([r for r in bled if low <= r.true_ml < high and r.hit[who]], who),
                }
                for k, (low, high) in enumerate(SIZES)
            },
        }
    scores = [r.dice for r in large]
    value, low, high = bootstrap(scores, 3)
    out["model"]["dice"] = {"value": round(value, 3), "low": round(low, 3), "high": round(high, 3)}
    out["costs"] = {
        f"{limit:g}": {
            "sensitivity": part([r.chance >= limit for r in large])["value"],
            "alarms": part([r.chance >= limit for r in none])["value"],
        }
        for limit in COSTS
    }
    count, chance, true = voxels.T
    held = count > 0
    said, seen = chance / np.maximum(count, 1), true / np.maximum(count, 1)
    out["reliability"] = {
        "bins": {
            str(k): {"said": round(float(said[k]), 3), "seen": round(float(seen[k]), 3),
                     "voxels": int(count[k])}
            for k in range(len(count))
        },
        "error": round(float((np.abs(said - seen) * count)[held].sum() / count.sum()), 3),
    }  # fmt: skip
    return out


def parity(package: Path, training: dict[str, Any]) -> dict[str, float]:
    """Dice of the worker's mask and the one measured here, seconds and memory, on two threads."""
    runner = Runner(package, training)
    case = list(heads.cases(heads.TEST, 0, pixel_mm=0.5, second=0.0))[1]
    scan = case.scan
    result = run_package(load_package(package), [scan.array], [scan.grid], limits=Limits(threads=2))
    mine = runner.mask(runner.chances(scan.array, scan.grid), scan.grid)
    return {
        "dice": round(dice(result.masks["bleed"], mine), 4),
        "seconds": round(result.seconds, 1),
        "peak_mb": round(result.peak_mb),
        "rows": scan.array.shape[1],
        "slices": scan.array.shape[0],
    }


def int8(package: Path, training: dict[str, Any], volumes: list[Ready]) -> dict[str, Any]:
    """An int8 network against the float32 one on slices that neither was calibrated on. It would
    ship only if no mask lost anything; see the card."""
    cut = float(np.log(training["threshold"] / (1.0 - training["threshold"])))
    reach = SLICES // 2

    def batches(some: list[Ready]) -> list[np.ndarray]:
        out = []
        for one in some:
            image = one.image[:, : one.image.shape[1] // 16 * 16, : one.image.shape[2] // 16 * 16]
            planes = range(reach + 4, len(image) - reach, 9)
            cuts = [image[z - reach : z + reach + 1].astype(np.float32) for z in planes]
            out.append(np.stack(cuts))
        return out

    with TemporaryDirectory() as scratch:
        small = Path(scratch) / "small.onnx"
        quantised(package / "model.onnx", small, batches(volumes[1::5]))
        found = compared(
            package / "model.onnx", small, batches(volumes[0::5]),
            lambda logits: (logits[:, 0] >= cut).astype(np.uint8),
        )  # fmt: skip
    return verdict(found)


def real(package: Path, data: Path) -> dict[str, Any]:
    """The real head CT without bleeding: what is found all the same."""
    from workstation.dicom.folder import read_folder

    folder = read_folder(data / "ct_head" / "series")
    volume = folder.read(folder.stacks[0])
    result = run_package(
        load_package(package), [volume.array], [volume.grid], limits=Limits(threads=2)
    )
    mask = result.masks["bleed"]
    _, count = ndimage.label(mask, TOUCHING)
    return {
        "false_ml": round(float(mask.sum()) * volume.grid.voxel_ml, 2),
        "pieces": int(count),
        "doubts": [str(one) for one in result.doubts],
        "unlikeness": round(result.unlikeness or 0.0, 2),
        "seconds": round(result.seconds, 1),
        "peak_mb": round(result.peak_mb),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="public test images")
    parser.add_argument("--cache", type=Path, required=True, help="where training kept volumes")
    parser.add_argument("--workers", type=int, default=2, help="scans at a time")
    parser.add_argument("--papers", action="store_true", help="write papers from metrics.json")
    args = parser.parse_args(arguments)
    training = json.loads((args.package / "training.json").read_text("utf-8"))
    written = args.package / "metrics.json"
    if args.papers:
        papers.write(args.package, json.loads(written.read_text("utf-8")))
        return
    papers.write_without_numbers(args.package, training)
    kept = fill(args.cache, heads.CHOOSE, 8, 1)
    rule, classic = classical(args.cache, kept)
    say(json.dumps(rule))
    metrics: dict[str, Any] = {"training": training, "baseline": rule}
    metrics["generated"] = measure(args.package, classic, args.cache, args.workers)
    write_sums(args.package)
    metrics["example"] = papers.write_example(args.package)
    write_sums(args.package)
    metrics["int8"] = int8(args.package, training, kept)
    metrics["parity"] = parity(args.package, training)
    if args.data:
        metrics["real"] = real(args.package, args.data)
    elif written.is_file():
        metrics["real"] = json.loads(written.read_text("utf-8"))["real"]
    write_json(written, metrics)
    papers.write(args.package, metrics)
    write_sums(args.package)


if __name__ == "__main__":
    main()

"""Measure the finished network on the test cases and write the package's papers.

    python models/heart-sax/evaluate.py --data ../shared/data --package models/heart-sax

``--papers`` measures time and memory alone and writes the papers anew with the other numbers that
metrics.json has.
The model runs as in the product: the package is loaded and run in the worker process. Nothing is
tuned here. Measured are the six Sunnybrook patients held out, ten patients of ACDC (a test set of
another hospital; no pixel spacing, taken as 1.4 mm) and generated hearts of other seeds. Writes
metrics.json, manifest.json, card.md, the picture of the worst case, example/, LICENSE, SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import baseline  # noqa: E402
import papers  # noqa: E402
from cines import PIXEL_MM, SLICE_MM, Stack, load  # noqa: E402
from generated import TEST, beat, beats  # noqa: E402
from measures import NAMES, ejection, fractions, of_label, together  # noqa: E402

from models.kit.pictures import mosaic, outlined, write_png  # noqa: E402
from workstation.ai.child import warm  # noqa: E402
from workstation.ai.client import run_package  # noqa: E402
from workstation.ai.limits import Limits, Unsuitable  # noqa: E402
from workstation.ai.package import ModelPackage, load_package, write_sums  # noqa: E402
from workstation.domain.geometry import Grid, as_matrix  # noqa: E402

KEYS = {"lv_cavity": 3, "lv_myocardium": 2, "rv_cavity": 1}
HEARTS = 8
TILE = 112


def grid_of(image: np.ndarray, step_mm: float = SLICE_MM) -> Grid:
    """Where nothing is known but pixels and slices."""
    z, y, x = image.shape
    return Grid((z, y, x), as_matrix(np.diag([PIXEL_MM, PIXEL_MM, step_mm, 1.0])))


class Runner:
    """The package on stacks, with the seconds and memory that it took."""

    def __init__(self, package: ModelPackage, threads: int) -> None:
        self.package, self.limits = package, Limits(threads=threads)
        self.seconds: list[float] = []
        self.slices = 0
        self.peak_mb = 0.0
        self.refused: list[str] = []
        self.doubted: list[str] = []

    def labels(self, name: str, image: np.ndarray, step_mm: float = SLICE_MM) -> np.ndarray:
        """Label numbers (z, y, x); nothing where the package refuses."""
        out = np.zeros(image.shape, dtype=np.uint8)
        given = np.ascontiguousarray(image, dtype=np.float32)
        try:
            result = run_package(
                self.package, [given], [grid_of(image, step_mm)], limits=self.limits
            )
        except Unsuitable as error:
            self.refused.append(f"{name}: {error}")
            return out
        if result.doubts:
            self.doubted.append(name)
        self.seconds.append(result.seconds)
        self.slices += len(image)
        self.peak_mb = max(self.peak_mb, result.peak_mb)
        for key, number in KEYS.items():
            out[result.masks[key]] = number
        return out


def measured(
    found: tuple[np.ndarray, np.ndarray], truth: tuple[np.ndarray, np.ndarray], labels: list[int]
) -> dict[str, Any]:
    """One patient at end-diastole and end-systole."""
    out: dict[str, Any] = {
        NAMES[number]: of_label(
            [(f == number, t == number) for f, t in zip(found, truth, strict=True)]
        )
        for number in labels
    }
    fraction = ejection(found[0] == 3, found[1] == 3)
    out["ef"] = round(fraction, 2) if np.isfinite(fraction) else None
    return out


def summed(patients: dict[str, dict[str, Any]], labels: list[int]) -> dict[str, Any]:
    """Means over patients, of the model and of the classical finder (cavity alone)."""
    out: dict[str, Any] = {"model": {}, "baseline": {}}
    for number in labels:
        out["model"][NAMES[number]] = together(patients, NAMES[number], "model")
    out["baseline"]["cavity"] = together(patients, "cavity", "baseline")
    for what in ("model", "baseline"):
        out[what]["ef"] = fractions(patients, what)
    return out


def by_patient(stacks: list[Stack]) -> dict[str, tuple[Stack, Stack]]:
    """End-diastole and end-systole of each patient."""
    return {one.patient: (one, two) for one, two in zip(stacks[::2], stacks[1::2], strict=True)}


def classical(
    images: tuple[np.ndarray, np.ndarray], levels: list[tuple[int, ...]]
) -> list[np.ndarray]:
    """The cavity finder on the slices that both phases have; the others stay empty."""
    shared = sorted(set(levels[0]) & set(levels[1]))
    rows = [[list(one).index(level) for level in shared] for one in levels]
    found = baseline.segment(
        np.stack([image[row] for image, row in zip(images, rows, strict=True)]), PIXEL_MM
    )
    out = []
    for image, row, mask in zip(images, rows, found, strict=True):
        full = np.zeros(image.shape, dtype=np.uint8)
        full[row] = mask * 3
        out.append(full)
    return out


def held_out(data: Path, run: Runner) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sunnybrook: endocardium of six patients."""
    patients, shown = {}, {}
    for name, (ed, es) in by_patient(load(data, test=True)).items():
        truth = (ed.cavity * 3, es.cavity * 3)
        found = (run.labels(ed.name, ed.image), run.labels(es.name, es.image))
        plain = classical((ed.image, es.image), [ed.levels, es.levels])
        patients[name] = {
            "true_ef": round(ejection(ed.cavity, es.cavity), 2),
            "model": measured(found, truth, [3]),
            "baseline": measured((plain[0], plain[1]), truth, [3]),
        }
        shown[name] = ((ed.image, es.image), found, truth)
    return {"patients": patients, **summed(patients, [3])}, shown


def acdc(data: Path, run: Runner) -> tuple[dict[str, Any], dict[str, Any]]:
    """ACDC: three labels of ten patients. Which phase is which follows from the cavity."""
    cases: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for path in sorted((data / "heart_sax_acdc").glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        label = next(a for k, a in arrays.items() if "lab" in k or "mask" in k or k == "gt")
        image = next(a for k, a in arrays.items() if a is not label)
        cases.setdefault(path.name.split("_")[0], []).append((image.astype(np.float32), label))
    patients, shown = {}, {}
    for name, phases in cases.items():
        (ed, ed_label), (es, es_label) = sorted(phases, key=lambda p: -int((p[1] == 3).sum()))
        found = (run.labels(f"{name} ED", ed), run.labels(f"{name} ES", es))
        levels = [tuple(range(len(ed)))] * 2
        plain = classical((ed, es), levels)
        truth = (ed_label.astype(np.uint8), es_label.astype(np.uint8))
        patients[name] = {
            "true_ef": round(ejection(ed_label == 3, es_label == 3), 2),
            "model": measured(found, truth, [3, 2, 1]),
            "baseline": measured((plain[0], plain[1]), truth, [3]),
        }
        shown[name] = ((ed, es), found, truth)
    return {"patients": patients, **summed(patients, [3, 2, 1])}, shown


def generated(run: Runner) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hearts of the demo's generator that were never trained on."""
    patients, shown = {}, {}
    for one in beats(TEST, HEARTS):
        found = tuple(run.labels(one.name, image, one.step_mm) for image in one.images)
        levels = [tuple(range(one.images.shape[1]))] * 2
        plain = classical((one.images[0], one.images[1]), levels)
        truth = (one.labels[0], one.labels[1])
        patients[one.name] = {
            "true_ef": round(ejection(truth[0] == 3, truth[1] == 3), 2),
            "model": measured((found[0], found[1]), truth, [3, 2, 1]),
            "baseline": measured((plain[0], plain[1]), truth, [3]),
        }
        shown[one.name] = ((one.images[0], one.images[1]), found, truth)
    return {"patients": patients, **summed(patients, [3, 2, 1])}, shown


def timed(package: ModelPackage, threads: int) -> dict[str, float]:
    """Seconds and memory of the worker on one generated stack, three times, after a first run that
    loads the network. Processor seconds do not depend on what else the machine does."""
    one = beat(TEST, 0)
    run = Runner(package, threads)
    with warm():
        run.labels(one.name, one.images[0], one.step_mm)
        first = run.seconds.pop()
        spent = -_processor_seconds()
        for _ in range(3):
            run.labels(one.name, one.images[1], one.step_mm)
        spent += _processor_seconds()
    slices = 3 * one.images.shape[1]
    return {
        "threads": threads,
        "seconds_per_slice": round(sum(run.seconds) / slices, 3),
        "processor_seconds_per_slice": round(spent / slices, 3),
        "seconds_first_stack": round(first, 2),
        "peak_mb": round(run.peak_mb),
    }


def _processor_seconds() -> float:
    """What the worker has used so far."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(one.user + one.system for one in times)


def picture(path: Path, images: Any, found: Any, truth: Any, times: int = 1) -> None:
    """Every slice of both phases, cut around the heart: true cavity green, found red; found
    myocardium yellow, right ventricle blue."""
    tiles = []
    for image, mine, its in zip(images, found, truth, strict=True):
        some = its == 3 if (its == 3).any() else mine == 3
        cy, cx = (int(c) for c in np.argwhere(some)[:, 1:].mean(axis=0)) if some.any() else (
            image.shape[1] // 2, image.shape[2] // 2)  # fmt: skip
        low = [
            min(max(c - TILE // 2, 0), max(0, n - TILE))
            for c, n in zip((cy, cx), image.shape[1:], strict=True)
        ]
        cut = (slice(low[0], low[0] + TILE), slice(low[1], low[1] + TILE))
        for z in range(len(image)):
            blood = image[z][its[z] == 3] if (its[z] == 3).any() else image[z]
            top = 1.4 * float(np.percentile(blood, 75)) + 1e-3
            tiles.append(
                outlined(
                    image[z][cut],
                    [
                        (mine[z][cut] == 1, (0.2, 0.6, 1.0)),
                        ((mine[z] >= 2)[cut], (1.0, 0.9, 0.1)),
                        (its[z][cut] == 3, (0.0, 1.0, 0.0)),
                        (mine[z][cut] == 3, (1.0, 0.0, 0.0)),
                    ],
                    (0.0, top),
                    times=times,
                    inside=True,
                )
            )
    write_png(path, mosaic(tiles, 8))


def say(metrics: dict[str, Any], what: str) -> None:
    """The means of one test, as soon as they are known."""
    said = {k: v for k, v in metrics[what].items() if k != "patients"}
    sys.stdout.write(f"{what}: {json.dumps(said)}\n")
    sys.stdout.flush()


def finish(package: Path, metrics: dict[str, Any]) -> None:
    """The papers and the example, and the sums of all files."""
    papers.write(package, metrics)
    write_sums(package)
    papers.write_example(package)
    write_sums(package)
    load_package(package)
    sys.stdout.write(f"runtime: {json.dumps(metrics['runtime'])}\n")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="folder for overlays, outside the repository")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--papers", action="store_true", help="measure time alone")
    args = parser.parse_args(arguments)
    package = args.package
    if args.papers:
        metrics = json.loads((package / "metrics.json").read_text(encoding="utf-8"))
        write_sums(package)
        metrics["runtime"] |= timed(load_package(package), args.threads)
        finish(package, metrics)
        return
    papers.write_without_numbers(package)
    write_sums(package)
    run = Runner(load_package(package), args.threads)
    metrics = {}
    with warm():
        sunnybrook, shown = held_out(args.data, run)
        metrics["held_out"] = sunnybrook
        say(metrics, "held_out")
        metrics["acdc"], more = acdc(args.data, run)
        say(metrics, "acdc")
        metrics["generated"], made = generated(run)
        say(metrics, "generated")
    metrics["runtime"] = timed(run.package, args.threads) | {
        "refused": run.refused,
        "doubted": run.doubted,
    }
    read = (package / "training.json").read_text(encoding="utf-8")
    metrics["training"] = json.loads(read)
    compared = package / "int8.json"
    if compared.is_file():
        metrics["int8"] = json.loads(compared.read_text(encoding="utf-8"))
    scores = sunnybrook["patients"]
    worst = min(scores, key=lambda name: scores[name]["model"]["cavity"]["dice"])
    metrics["worst"] = {"patient": worst, "dice": scores[worst]["model"]["cavity"]["dice"]}
    picture(package / "worst_case.png", *shown[worst])
    finish(package, metrics)
    if args.pictures:
        for name, one in (shown | more | made).items():
            picture(args.pictures / f"{name.replace(' ', '_')}.png", *one)


if __name__ == "__main__":
    main()

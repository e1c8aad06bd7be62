"""Measure the finished network and write the package's papers.

    python models/ct-lung-nodule/evaluate.py --data DATA --package models/ct-lung-nodule

Chests of ``workstation.demo`` (another program than that of training) of seeds used nowhere else,
beside the classical measure ``chest/nodule_candidates`` on the same scans; what it does on the real
``ct_chest``. Writes metrics.json, manifest.json, card.md, example/ and SHA256SUMS.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import SimpleITK as sitk
from scipy import special

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import papers  # noqa: E402
from candidates import found_in, matched, shown  # noqa: E402

from models.kit.int8 import quantised, session_of  # noqa: E402
from models.kit.intervals import grouped_bootstrap, rounded, wilson  # noqa: E402
from models.kit.pictures import mosaic, outlined, write_png  # noqa: E402
from models.kit.t1_heads import grid_of, read  # noqa: E402
from models.kit.wrong import Wrong, phantoms, spoilt  # noqa: E402
from models.kit.wrong import judged as judged_wrong  # noqa: E402
from workstation.ai.client import run_package  # noqa: E402
from workstation.ai.limits import Limits, Unsuitable  # noqa: E402
from workstation.ai.package import load_package, write_sums  # noqa: E402
from workstation.analyses.chest.nodule_candidates import find  # noqa: E402
from workstation.demo.chest_scan import random_chest_scan  # noqa: E402
from workstation.domain.geometry import Grid  # noqa: E402
from workstation.imaging.lungs import lungs  # noqa: E402

SEEDS = tuple(range(9101, 9109))
MATRIX, SLICES = 320, 116  # slices of 2.5 mm
RATES = (0.5, 1.0, 2.0, 4.0, 8.0)
SIZES = ((4.0, 6.0), (6.0, 10.0), (10.0, 99.0))  # diameters, mm
SEED = 21
WRONG = {
    ("CT of the head", "头部 CT"): "ct_head/series",
    ("CT of the abdomen", "腹部 CT"): "ct_abdomen/example_ct.nii.gz",
    ("MR of the head", "头部 MR"): "mr_ms_followup/study1_FLAIR.nii.gz",
    ("CT of a thigh", "大腿 CT"): "petctmr_sarcoma/STS_001/CT/image",
}


def read_series(folder: Path) -> tuple[np.ndarray, Grid, list[str]]:
    """A folder of DICOM slices, and the file of each."""
    reader = sitk.ImageSeriesReader()
    files = reader.GetGDCMSeriesFileNames(str(folder))
    reader.SetFileNames(files)
    image = sitk.Cast(reader.Execute(), sitk.sitkFloat32)
    return sitk.GetArrayFromImage(image), grid_of(image), list(files)


def judged(session, array: np.ndarray, grid: Grid) -> list[tuple[float, np.ndarray, float]]:
    """(chance, place mm, radius mm) of every candidate."""
    spots = found_in(array, lungs(array, grid), grid)
    out = []
    for spot in spots:
        (logit,) = session.run(None, {"image": shown(array, grid, spot)[None, None]})
        place = np.asarray(grid.to_lps(np.array(spot.index_zyx[::-1])))
        out.append((float(special.expit(logit.ravel()[0])), place, spot.radius_mm))
    return sorted(out, key=lambda one: -one[0])


def scored(found: list, nodules: list) -> tuple[np.ndarray, list[float]]:
    """(best chance on each nodule, chances of everything else); a second hit counts for nothing."""
    centres = np.array([one.centre_mm for one in nodules]).reshape(-1, 3)
    radii = [one.diameter_mm / 2 for one in nodules]
    hits, false = np.zeros(len(nodules)), []
    for chance, place, _ in found:
        answer = matched(place, centres, radii)
        if answer >= 0:
            hits[answer] = max(hits[answer], chance)
        elif answer == -1:
            false.append(chance)
    return hits, false


def at_rate(scans: Sequence[tuple[np.ndarray, list[float]]], rate: float) -> dict:
    """Sensitivity at a rate of false positives a scan, with the interval over scans."""

    def sensitivity(some: Sequence) -> float:
        false = np.sort(np.concatenate([np.array(f) for _, f in some]))[::-1]
        most = int(rate * len(some))
        limit = false[most] if most < len(false) else 0.0
        hits = np.concatenate([h for h, _ in some])
        return float((hits > limit).mean()) if len(hits) else 0.0

    return rounded(grouped_bootstrap(list(scans), SEED, sensitivity, times=1000))


def curve(scans: Sequence[tuple[np.ndarray, list[float]]]) -> dict:
    """Sensitivity at each rate."""
    return {f"{rate:g}": at_rate(scans, rate) for rate in RATES}


def at_limit(scans: list, limit: float) -> dict:
    """Sensitivity and false positives a scan at the package's threshold."""
    hits = np.concatenate([h for h, _ in scans])
    false = [sum(v >= limit for v in f) for _, f in scans]
    return {
        "sensitivity": rounded(wilson(int((hits >= limit).sum()), len(hits))),
        "false_per_scan": round(float(np.mean(false)), 2),
    }


def measure_generated(package: Path) -> tuple[dict, list]:
    """Chests of the demo's generator, the classical measure beside."""
    session = session_of(package / "model.onnx")
    model, classic, sizes, kept = [], [], [], []
    proposed = []
    for seed in SEEDS:
        scan = random_chest_scan(seed, matrix=MATRIX, slices=SLICES, most_nodules=6)
        array = scan.array.astype(np.float32)
        nodules = [one for one in scan.nodules if one.diameter_mm >= SIZES[0][0]]
        found = judged(session, array, scan.grid)
        model.append(scored(found, nodules))
        every = scored([(1.0, place, r) for _, place, r in found], nodules)
        proposed.append((every[0], len(found)))
        rows = [(1.0, np.array(c.location_mm), 0.0) for c in find(array, scan.grid)]
        classic.append(scored(rows, nodules))
        sizes += [one.diameter_mm for one in nodules]
        kept.append((array, scan, nodules, found, model[-1]))
    hits = np.concatenate([h for h, _ in model])
    limit = papers.threshold(package)
    out: dict = {
        "scans": len(SEEDS),
        "nodules": len(hits),
        "model": curve(model) | {"at_threshold": at_limit(model, limit)},
        "baseline": at_limit(classic, 0.5),
        "candidates_per_scan": round(float(np.mean([n for _, n in proposed])), 1),
        "candidates_reach": round(float(np.mean(np.concatenate([h for h, _ in proposed]) > 0)), 3),
        "by_size": {},
    }
    classic_hits = np.concatenate([h for h, _ in classic])
    out["at_baseline_rate"] = at_rate(model, out["baseline"]["false_per_scan"])
    # It must find clearly more at the classical measure's own rate of false positives.
    out["wins"] = out["at_baseline_rate"]["ci"][0] > out["baseline"]["sensitivity"]["value"]
    diameters = np.array(sizes)
    for low, high in SIZES:
        some = (diameters >= low) & (diameters < high)
        out["by_size"][f"{low:g}"] = {
            "n": int(some.sum()),
            "model": round(float((hits[some] >= limit).mean()), 3) if some.any() else 0.0,
            "baseline": round(float((classic_hits[some] > 0).mean()), 3) if some.any() else 0.0,
        }
    return out, kept


def _boxes(folder: Path, files: list[str]) -> list[tuple[int, tuple[float, ...]]]:
    """(slice, (left, top, right, bottom)) of the tumour boxes of ``ct_chest``."""
    uids = []
    for file in files:
        reader = sitk.ImageFileReader()
        reader.SetFileName(file)
        reader.ReadImageInformation()
        uids.append(reader.GetMetaData("0008|0018").strip("\x00 "))
    found = []
    for path in folder.glob("*.xml"):
        if path.stem not in uids:
            continue
        for box in ElementTree.parse(path).getroot().iter("bndbox"):
            sides = tuple(float(box.findtext(k)) for k in ("xmin", "ymin", "xmax", "ymax"))
            found.append((uids.index(path.stem), sides))
    return found


def answer(package: Path, array: np.ndarray, grid: Grid) -> dict:
    """What the product says of an image."""
    try:
        result = run_package(load_package(package), [array], [grid], limits=Limits(threads=2))
    except Unsuitable as error:
        return {"answer": "refused", "why": str(error.message)}
    return {
        "answer": "uncertain" if result.doubts else "accepted",
        "doubts": [str(one) for one in result.doubts],
        "findings": len(result.pieces),
        "seconds": round(result.seconds, 1),
        "peak_mb": round(result.peak_mb),
    }


def measure_real(data: Path, package: Path) -> dict:
    """A real chest with a tumour in boxes marked unverified, slices of 8 mm: beyond what the
    package accepts, so what would come of it is looked at without the gate."""
    array, grid, files = read_series(data / "ct_chest" / "series")
    boxes = _boxes(data / "ct_chest" / "boxes", files)
    limit = papers.threshold(package)
    found = judged(session_of(package / "model.onnx"), array, grid)
    kept = [one for one in found if one[0] >= limit]
    on = 0
    for _, place, _ in kept:
        x, y, z = grid.to_index(place)
        on += any(abs(z - s) <= 1 and b[0] <= x <= b[2] and b[1] <= y <= b[3] for s, b in boxes)
    return {
        "slice_mm": round(grid.slice_distance_mm, 1),
        "boxes": len(boxes),
        "candidates": len(found),
        "findings": len(kept),
        "on_tumour": on,
        "product": answer(package, array, grid),
    }


def measure_wrong(data: Path, package: Path, scan) -> dict:
    """Inputs that must not be judged."""
    rows = [Wrong(*what, *read(data / file)) for what, file in WRONG.items()]
    rows += [*spoilt(scan.array, scan.grid), *phantoms(20.0, -1000.0, 15.0)]
    return judged_wrong(package, rows)


def picture(kept: list, path: Path, limit: float) -> None:
    """The worst of the generated scans: missed nodules green, surest false findings red."""
    array, scan, nodules, found, (hits, _) = min(
        kept, key=lambda one: float((one[4][0] >= limit).mean()) if len(one[4][0]) else 2.0
    )
    centres = np.array([one.centre_mm for one in nodules]).reshape(-1, 3)
    radii = [one.diameter_mm / 2 for one in nodules]
    rows = [(np.array(n.centre_mm), True) for n, h in zip(nodules, hits, strict=True) if h < limit]
    rows += [(p, False) for c, p, _ in found if c >= limit and matched(p, centres, radii) == -1]
    tiles = []
    for place, missed in rows[:10]:
        x, y, z = (int(v) for v in np.rint(scan.grid.to_index(place)))
        low = [
            int(np.clip(v - 30, 0, n - 60)) for v, n in zip((y, x), array.shape[1:], strict=True)
        ]
        part = array[z, low[0] : low[0] + 60, low[1] : low[1] + 60]
        spot = np.zeros(part.shape, dtype=bool)
        spot[max(0, y - low[0] - 6) : y - low[0] + 7, max(0, x - low[1] - 6) : x - low[1] + 7] = (
            True
        )
        colour = (0.0, 1.0, 0.0) if missed else (1.0, 0.0, 0.0)
        tiles.append(outlined(part, [(spot, colour)], (-1000, 200), times=3))
    if tiles:
        write_png(path, mosaic(tiles, 5))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    args = parser.parse_args(arguments)
    package = args.package
    training = json.loads((package / "training.json").read_text(encoding="utf-8"))
    papers.write_without_numbers(package, training)
    write_sums(package)
    generated, kept = measure_generated(package)
    metrics: dict = {"generated": generated, "training": training}
    metrics["real"] = measure_real(args.data, package)
    metrics["wrong"] = measure_wrong(args.data, package, kept[0][1])
    metrics["run"] = answer(package, kept[0][0], kept[0][1].grid)
    metrics["bytes"] = (package / "model.onnx").stat().st_size
    boxes = []
    for array, scan, *_ in kept[:2]:
        for spot in found_in(array, lungs(array, scan.grid), scan.grid)[:40]:
            boxes.append(shown(array, scan.grid, spot)[None, None])
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "int8.onnx"
        quantised(package / "model.onnx", small, boxes[:40])
        pair = []
        for session in (session_of(package / "model.onnx"), session_of(small)):
            logits = [session.run(None, {"image": one})[0].ravel() for one in boxes[40:]]
            pair.append(special.expit(np.concatenate(logits)))
    limit = training["threshold"]
    metrics["int8"] = {
        "same_side": round(float(((pair[0] >= limit) == (pair[1] >= limit)).mean()), 4),
        "largest_difference": round(float(np.abs(pair[0] - pair[1]).max()), 3),
    }
    papers.write(package, metrics)
    picture(kept, package / "example" / "worst_generated.png", limit)
    write_sums(package)
    papers.write_example(package)
    write_sums(package)
    load_package(package)
    sys.stdout.write(json.dumps(metrics, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

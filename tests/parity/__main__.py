"""``python -m tests.parity``: the tools' own training, our import, their labels beside ours.

Needs the extra ``parity`` (torch, nnU-Net, MONAI). Everything is made from nothing in ``--home``:
generated volumes in odd spacings and orientations, a small nnU-Net and a small MONAI bundle, each
trained for about a minute by its own program, imported, and run by the real worker on five other
volumes. Steps that are already there are kept; only what is timed is run anew.

Like is compared with like: each side takes the five volumes in one process, started once, as a user
runs it; its seconds from start to end are held against the bar. Starting torch takes longer than
starting us, so the volumes alone are told too, and those after the first. ``--only large`` and
``large-monai`` time networks of the usual size with random weights (run time does not depend on
them).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from tests.parity import monai_training, nnunet_training
from tests.parity.comparison import HEAD, Comparison, Labels, compare, summary
from tests.parity.processes import kept_whole
from workstation.ai.imports.bundle import read_bundle
from workstation.ai.imports.nnunet import read_training
from workstation.ai.imports.packaging import write_package
from workstation.ai.imports.taken import Answers, Taken
from workstation.ai.imports.totalsegmentator import read_weights
from workstation.ai.package import ModelPackage, load_package
from workstation.ai.sums import write_sums


def imported(taken: Taken, answers: Answers, to: Path) -> ModelPackage:
    """The package of a foreign model, written anew."""
    shutil.rmtree(to, ignore_errors=True)
    made = write_package(taken, answers, to)
    print(f"imported {made.manifest.id}: ONNX differs from torch by {made.difference:.1g}")
    return load_package(made.folder)


def _labels(folder: Path, pattern: str) -> dict[str, Labels]:
    return {
        path.name.removesuffix(".nii.gz").removeprefix("warm_"): sitk.GetArrayFromImage(
            sitk.ReadImage(str(path))
        )
        for path in sorted(folder.glob(pattern))
    }


def _seconds(folder: Path) -> dict[str, float]:
    said = json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
    return {name.removesuffix(".nii.gz"): float(spent) for name, spent in said.items()}


def nnunet(
    home: Path, study: nnunet_training.Study, folds: tuple[str, ...], threads: int,
    *, weight_folder: bool = False,
) -> Comparison:  # fmt: skip
    """One nnU-Net from nothing to its rows. weight_folder: imported as TotalSegmentator's are."""
    images = home / "nnUNet_raw" / study.folder / "imagesTs"
    model = nnunet_training.output_of(home, study)
    if not all((model / f"fold_{fold}" / "checkpoint_final.pth").is_file() for fold in folds):
        nnunet_training.write_data(home, study)
        nnunet_training.train(home, study, folds)
    answers = Answers(folds=folds)
    taken = read_weights(model.parent, answers, {}) if weight_folder else None
    to = home / "packages" / f"{study.folder}-{study.configuration}{'-ts' * weight_folder}"
    package = imported(taken or read_training(model, answers), answers, to)
    out = home / "labels" / f"{study.folder}-{study.configuration}"
    if not study.untrained and not list(out.glob("[!w]*.nii.gz")):
        started = time.perf_counter()
        nnunet_training.predict(home, model, images, out, folds)
        print(f"nnUNetv2_predict as a command, five volumes: {time.perf_counter() - started:.1f} s")
    nnunet_training.time_predictor(home, model, images, out, folds, threads)
    keys = [label.key for label in package.manifest.labels]
    order = list(zip(keys, (1, 2), strict=True))
    theirs = _labels(out, "warm_*.nii.gz" if study.untrained else "[!w]*.nii.gz")
    cases = {case: sorted(images.glob(f"{case}_*.nii.gz")) for case in theirs}
    print(f"\nnnUNetv2_predict, {study.folder} {study.configuration}, folds {', '.join(folds)}")
    print(HEAD)
    if not study.untrained:
        keep(home, f"nnunet-{study.name}{'-ts' * weight_folder}", package, theirs, order)
    to = home / "ours" / out.name
    return compare(package, cases, theirs, _seconds(out), kept_whole(out), order, threads, to)


def monai(home: Path, threads: int, *, large: bool = False) -> Comparison:
    """The MONAI bundle from nothing to its rows."""
    name = "monai_large" if large else "monai_bundle"
    bundle = home / name
    if not (bundle / "models" / "model.pt").is_file():
        (monai_training.untrained if large else monai_training.train)(home, threads)
    package = imported(read_bundle(bundle, Answers()), Answers(), home / "packages" / name)
    images, out = home / "monai_data" / "odd", home / "labels" / name
    theirs: dict[str, Labels] = {
        k: v.astype(np.uint8)
        for k, v in monai_training.predict(home, bundle, images, out, threads).items()
    }
    order = [(label.key, label.index) for label in package.manifest.labels]
    cases = {case: [images / f"{case}.nii.gz"] for case in theirs}
    print("\nMONAI's own transforms and sliding window")
    print(HEAD)
    if not large:
        keep(home, "monai-shapes", package, theirs, order)
    to = home / "ours" / out.name
    return compare(package, cases, theirs, _seconds(out), kept_whole(out), order, threads, to)


def keep(
    home: Path, name: str, package: ModelPackage, theirs: dict[str, Labels],
    order: list[tuple[str, int]],
) -> None:  # fmt: skip
    """``home/golden/<name>``: the package without its example, and the tool's labels, small
    enough to lie beside the tests, which run them without the tool."""
    place = home / "golden" / name / package.manifest.id
    shutil.rmtree(place.parent, ignore_errors=True)
    shutil.copytree(package.folder, place, ignore=shutil.ignore_patterns("example"))
    write_sums(place)
    said: dict[str, Any] = {f"labels_{case}": labels for case, labels in theirs.items()}
    np.savez_compressed(place.parent / "labels.npz", **said)
    text = json.dumps({"order": order, "channels": len(package.manifest.accept)})
    (place.parent / "order.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """0 where every volume has labels, and at least 99.9 % of its voxels agree."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--home", type=Path, help="kept for the next run; default: a temp folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--only",
        choices=["nnunet", "monai", "regions", "flat", "weights", "large", "large-monai"],
        action="append",
    )
    arguments = parser.parse_args()
    wanted = arguments.only or ["nnunet", "monai"]
    home: Path = arguments.home or Path(tempfile.mkdtemp(prefix="onescan-parity-"))
    home = home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    threads: int = arguments.threads
    runs = {
        "nnunet": lambda: nnunet(home, nnunet_training.CT, ("0",), threads),
        "monai": lambda: monai(home, threads),
        "regions": lambda: nnunet(home, nnunet_training.MR, ("0", "1"), threads),
        "flat": lambda: nnunet(home, nnunet_training.FLAT, ("0",), threads),
        "weights": lambda: nnunet(
            home, nnunet_training.CANONICAL, ("0",), threads, weight_folder=True
        ),
        "large": lambda: nnunet(home, nnunet_training.LARGE, ("0",), threads),
        "large-monai": lambda: monai(home, threads, large=True),
    }
    good = True
    for name in wanted:
        found = runs[name]()
        print(summary(found))
        # Two empty label maps agree in every voxel and show nothing.
        # Random weights give logits that are all but equal: their labels are no measure.
        trained = not name.startswith("large")
        alike = all(row.agreement >= 0.999 and row.labelled > 0 for row in found.rows)
        good = good and (alike or not trained)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())

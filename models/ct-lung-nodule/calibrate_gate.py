"""Calibrate the image gate of the manifest: what CT of a chest looks like, and how far is too far.

    python models/ct-lung-nodule/calibrate_gate.py --cache FOLDER

The pieces of lung that the network learns from have no outside. The gate is made of the chests of
the generated bodies of ``ct-body``, each as two scanners see it with other ends; doubt begins
beyond what bodies kept apart reach. No patient and no chest of the test has a part in it. Writes
calibration.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
sys.path.append(str(HERE.parent / "ct-body"))

import bodies  # noqa: E402
from candidates import WINDOW  # noqa: E402
from scanner import seen_by  # noqa: E402
from tissues import Tissue  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit, Numbers, Sample, calibrated  # noqa: E402
from workstation.ai.appearance import GROUPS, overview_of  # noqa: E402
from workstation.domain.geometry import Grid, as_matrix  # noqa: E402

SEED = 407
# Generated chests are all of one hand: bounds are wider than what was seen of them.
FIT = Fit(margin={"outline": 1.8, "layers": 2.0, "contrast": 1.8, "texture": 2.0}, refuse=1.6)


def chest_of(rng: np.random.Generator, body: np.ndarray) -> np.ndarray | None:
    """The slices of the lungs and some more or fewer at both ends; None without whole lungs."""
    lung = ((body == Tissue.LUNG_LEFT) | (body == Tissue.LUNG_RIGHT)).sum(axis=(1, 2))
    held = np.flatnonzero(lung > 200)
    if held.size < 50 or held[0] < 4 or held[-1] > len(body) - 5:
        return None
    below, above = (int(v / bodies.STEP_MM) for v in (rng.uniform(-15, 50), rng.uniform(-9, 30)))
    return body[max(0, held[0] - below) : min(len(body), held[-1] + above + 1)]


def looked(image: np.ndarray) -> Numbers:
    """Numbers of a chest in HU."""
    z, y, x = image.shape
    grid = Grid((z, y, x), as_matrix(np.diag([bodies.STEP_MM] * 3 + [1.0])))
    seen = overview_of(image, grid, "LPH", WINDOW)
    return {group: compute(seen) for group, compute in GROUPS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True, help="bodies, as ct-body keeps them")
    parser.add_argument("--count", type=int, default=110)
    args = parser.parse_args()
    rng = np.random.default_rng(SEED)
    samples = []
    for path in bodies.fill(args.cache, bodies.TRAIN, args.count, 1):
        body = np.load(path)["tissue"]
        chests = [one for one in (chest_of(rng, body), chest_of(rng, body)) if one is not None]
        if chests:
            found = [looked(seen_by(rng, one)[0]) for one in chests]
            check = len(samples) % 4 == 3
            samples.append(Sample("chest", path.stem, False, found, check=check))
    likeness, record = calibrated(
        samples,
        FIT,
        f"chests of {len(samples)} generated bodies of ct-body ({bodies.TRAIN}-0 and on), two "
        "scans of each, every fourth kept apart for the bounds; see calibrate_gate.py",
        turned={"axes": ["z", "y"], "uncertain_from": 1.0, "refuse_from": 1.15},
    )
    write_json(HERE / "calibration.json", {"record": record, "likeness": likeness})
    sys.stdout.write(f"{len(samples)} chests, {record}\n")


if __name__ == "__main__":
    main()

"""Calibrate the image gate of the manifest: what CT of a trunk looks like, and how far is too far.

    python models/ct-body/calibrate_gate.py --cache FOLDER

Means and covariances come from patches of training bodies, each seen by another scanner, with
another field of view; doubt begins beyond what bodies kept apart reach. No patient has a part in
it. Writes calibration.json; ``evaluate`` takes it into manifest.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import bodies  # noqa: E402
from bounds import WINDOW  # noqa: E402
from scanner import draw, seen_by  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit, Sample, calibrated  # noqa: E402
from workstation.ai.appearance import GROUPS, overview_of  # noqa: E402
from workstation.domain.geometry import Grid, as_matrix  # noqa: E402

SEED = 5104
USED = ("contrast", "texture")
LEAST = 0.05  # of a patch that must be body for it to be an image of one
FIT = Fit(
    components={"contrast": 6, "texture": 2},
    margin={"contrast": 1.6, "texture": 1.6},
    percent=98.0,
    refuse=1.6,
)


def _looked(image: np.ndarray) -> dict[str, np.ndarray] | None:
    """Numbers of an image in HU; None where nothing is in it."""
    z, y, x = image.shape
    grid = Grid((z, y, x), as_matrix(np.diag([bodies.STEP_MM] * 3 + [1.0])))
    try:
        seen = overview_of(image, grid, "LPH", WINDOW)
        return {group: GROUPS[group](seen) for group in USED}
    except ValueError:
        return None


def _part(rng: np.random.Generator, body: np.ndarray) -> dict[str, np.ndarray] | None:
    """Of a patch, cut as fields of view are."""
    image, label = draw(rng, body)
    if (label > 0).mean() < LEAST:
        return None
    held = np.flatnonzero((image > -0.9).any(axis=(1, 2)))
    return _looked(image[held[0] : held[-1] + 1] * 1000.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--count", type=int, default=70)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    rng = np.random.default_rng(SEED)
    samples = []
    for number, path in enumerate(bodies.fill(args.cache, bodies.TRAIN, args.count, 1)):
        body = np.load(path)["tissue"]
        looks = [_part(rng, body), _part(rng, body), _looked(seen_by(rng, body)[0])]
        found = [one for one in looks if one is not None]
        if found:
            samples.append(Sample("trunk", path.stem, False, found, check=number % 4 == 3))
    said, record = calibrated(
        samples,
        FIT,
        f"generated bodies {bodies.TRAIN}-0 to {bodies.TRAIN}-{args.count - 1}, two patches and "
        "the whole of each, every fourth kept apart for the bounds; see calibrate_gate.py",
        groups=USED,
    )
    write_json(args.out / "calibration.json", {"record": record, "likeness": said})
    sys.stdout.write(f"{record}\n")


if __name__ == "__main__":
    main()

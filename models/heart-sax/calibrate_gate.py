"""Calibrate the image gate of the manifest: what short-axis cines look like, and how far is too
far.

    python models/heart-sax/calibrate_gate.py DATA

Means and covariances come from the training patients, from generated hearts of seeds used nowhere
else and from variations of both, in any of the eight ways in which a plane can be stored. Doubt
begins beyond what left-out training patients and other generated hearts reach. Patients held out
and the test set have no part in it. Writes calibration.json and manifest.json;
``python -m tests.accept_model heart-sax`` comes after.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from cines import PIXEL_MM, SLICE_MM, load  # noqa: E402
from generated import GATE, beats  # noqa: E402
from papers import manifest  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit, Sample, calibrated, sampled  # noqa: E402
from models.kit.variations import Scan, Spread, varied  # noqa: E402

KIND = "short-axis cine"
HEARTS, CHECKS = 8, 4
PATIENT_TIMES, HEART_TIMES = 5, 4
SPREAD = Spread(
    turns_deg=(2.0, 2.0, 25.0),
    thickest_mm=10.0,
    lose_low_mm=16.0,
    lose_high_mm=16.0,
    keep_mm=50.0,
    thin_mm=4.0,
    extracted="",
)
# Chests are cut differently by every field of view: size and outline say little.
FIT = Fit(margin={"outline": 1.6, "layers": 2.0, "contrast": 1.4, "texture": 1.4})


def _any_way(rng: np.random.Generator, scan: Scan, spread: Spread) -> Scan:
    out = varied(rng, scan, spread)
    if rng.random() > 0.6:
        image = np.rot90(out.image, int(rng.integers(4)), axes=(1, 2))
        if rng.random() < 0.5:
            image = image[:, ::-1]
        out.image = np.ascontiguousarray(image)
    if rng.random() < 0.5:
        out.image = np.ascontiguousarray(out.image[::-1])
    return out


def gather(data: Path) -> list[Sample]:
    """Look at every image, the long part."""
    rng = np.random.default_rng(GATE)
    found = []
    for stack in load(data):
        spacing = np.array([SLICE_MM, PIXEL_MM, PIXEL_MM])
        scan = Scan(stack.patient, KIND, stack.image, spacing, True)
        many = sampled(rng, scan, PATIENT_TIMES, SPREAD, _any_way, None)
        found.append(Sample(KIND, stack.patient, True, many))
    for number, one in enumerate(beats(GATE, HEARTS + CHECKS)):
        spacing = np.array([one.step_mm, PIXEL_MM, PIXEL_MM])
        for image in one.images:
            scan = Scan(one.name, KIND, image, spacing, False)
            many = sampled(rng, scan, HEART_TIMES, SPREAD, _any_way, None)
            found.append(Sample(KIND, one.name, False, many, check=number >= HEARTS))
    return found


def main() -> None:
    likeness, record = calibrated(
        gather(Path(sys.argv[1])),
        FIT,
        "the 24 training patients of Sunnybrook at end-diastole and end-systole, generated hearts "
        f"{GATE}-0 to {GATE}-{HEARTS - 1}, and variations of both; see calibrate_gate.py",
    )
    write_json(HERE / "calibration.json", {"record": record, "likeness": likeness})
    if (HERE / "metrics.json").is_file():
        metrics = json.loads((HERE / "metrics.json").read_text("utf-8"))
        write_json(HERE / "manifest.json", manifest(metrics, metrics["training"]))
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

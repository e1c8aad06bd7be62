"""Calibrate the image gate of the manifest: what T1 heads look like, and how far is too far.

    python calibrate_gate.py DATA

From open_ms_data: T1 of patients 04 and 20 as they are and cut to the brain, of 07 cut to the
brain, and variations of all. FLAIR and T2 of patients 04, 07, 09 and 20 are what must not be taken
for T1. Patients 26 and 01 have no part in it. Writes calibration.json and manifest.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from papers import manifest  # noqa: E402
from scipy import ndimage  # noqa: E402
from template import FILE, WHOLE, read  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit, Sample, calibrated, other, sampled  # noqa: E402
from models.kit.variations import Scan  # noqa: E402
from workstation.ai.atlas import read_atlas, register  # noqa: E402
from workstation.domain.geometry import Grid, axes_towards  # noqa: E402

KINDS = ("whole head", "brain-extracted")
TIMES, OTHER_TIMES = 14, 4
# Two whole heads are few: bounds are far wider than what was seen, and refuse little.
FIT = Fit(margin={"outline": 1.8, "layers": 2.2, "contrast": 1.8, "texture": 1.8}, refuse=1.7)


def scan_of(name: str, kind: str, image: np.ndarray, grid: Grid) -> Scan:
    """An image with its axes to the left, back and head."""
    turn = axes_towards(grid, "LPH")
    lying = turn.apply_grid(grid)
    return Scan(name, kind, np.ascontiguousarray(turn.apply(image)),
                np.array(lying.spacing_mm)[::-1], True)  # fmt: skip


def extracted(image: np.ndarray, grid: Grid) -> np.ndarray:
    """The image inside the template's mask, brought onto it."""
    atlas = read_atlas((HERE / FILE).read_bytes())
    across = np.linalg.inv(atlas.grid.matrix) @ np.linalg.inv(
        register(atlas, image, grid, threads=2).to_patient
    ) @ grid.matrix  # fmt: skip
    inside = ndimage.affine_transform(
        ndimage.binary_erosion(atlas.mask, iterations=2).astype(np.float32),
        across[:3, :3][::-1, ::-1], across[:3, 3][::-1], image.shape, order=1,
    )  # fmt: skip
    return np.where(inside > 0.5, image, 0.0)


def t1(data: Path) -> list[Scan]:
    """Three heads, five images."""
    found = []
    for name in WHOLE:
        image, grid = read(data / "mr_flair_unlabelled" / f"{name}_T1W.nii.gz")
        found.append(scan_of(name, KINDS[0], image, grid))
        found.append(scan_of(name, KINDS[1], extracted(image, grid), grid))
    image, grid = read(data / "mr_ms_lesions" / "patient07" / "T1.nii.gz")
    found.append(scan_of("patient07", KINDS[1], np.maximum(image, 0.0), grid))
    return found


def others(data: Path) -> dict[str, list[Scan]]:
    """FLAIR and T2."""
    folder = data / "mr_flair_unlabelled"
    out: dict[str, list[Scan]] = {"FLAIR": [], "T2": []}
    for name in (*WHOLE, "patient09_study2"):
        out["FLAIR"].append(scan_of(name, KINDS[0], *read(folder / f"{name}_FLAIR.nii.gz")))
    for file in out:
        image, grid = read(data / "mr_ms_lesions" / "patient07" / f"{file}.nii.gz")
        out[file].append(scan_of("patient07", KINDS[1], np.maximum(image, 0.0), grid))
    return out


def main() -> None:
    data = Path(sys.argv[1])
    rng = np.random.default_rng(404)
    own = [Sample(one.kind, one.name, True, sampled(rng, one, TIMES)) for one in t1(data)]
    names = {
        "FLAIR": {"en": "FLAIR", "zh": "FLAIR"},
        "T2": {"en": "T2-weighted (bright fluid)", "zh": "T2 加权（液体为高信号）"},
    }
    unlike = []
    for key, scans in others(data).items():
        for kind in KINDS:
            many = [
                Sample(kind, one.name, True, sampled(rng, one, OTHER_TIMES))
                for one in scans
                if one.kind == kind
            ]
            if many:
                unlike.append(other(names[key], many, FIT))
    likeness, record = calibrated(
        own, FIT,
        "open_ms_data T1 of patients 04 and 20 (whole head and cut to the brain) and 07, and "
        "variations of them; see calibrate_gate.py",
        others=unlike,
        turned={"axes": ["z", "y"], "uncertain_from": 1.0, "refuse_from": 1.15},
    )  # fmt: skip
    write_json(HERE / "calibration.json", {"record": record, "likeness": likeness})
    metrics = HERE / "metrics.json"
    written = json.loads(metrics.read_text(encoding="utf-8")) if metrics.is_file() else None
    write_json(HERE / "manifest.json", manifest(written))
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

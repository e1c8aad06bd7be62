"""Calibrate the image gate of the manifest: what T1 heads look like, and how far is too far.

    python models/brain-hippocampus/calibrate_gate.py DATA

From open_ms_data: T1 of patients 04 and 20 as they are and cut to the brain, of 07 cut to the
brain, and variations of all. FLAIR and T2 of patients 04, 07, 09 and 20 are what must not be taken
for T1. Patients 26 and 01 have no part in it. Writes calibration.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from template import FILE  # noqa: E402

from models.kit.cards import write_json  # noqa: E402
from models.kit.gate import Fit  # noqa: E402
from models.kit.t1_heads import calibrate, not_t1, t1_heads  # noqa: E402
from workstation.ai.atlas import read_atlas, register  # noqa: E402
from workstation.domain.geometry import Grid  # noqa: E402

# Two whole heads are few: bounds are far wider than what was seen, and refuse little.
FIT = Fit(margin={"outline": 1.8, "layers": 2.2, "contrast": 1.8, "texture": 1.8}, refuse=1.7)


def extracted(image: np.ndarray, grid: Grid) -> np.ndarray:
    """The image inside the template's mask, brought onto it."""
    atlas = read_atlas((HERE / FILE).read_bytes())
    to_template = np.linalg.inv(register(atlas, image, grid, threads=2).to_patient)
    across = np.linalg.inv(atlas.grid.matrix) @ to_template @ grid.matrix
    inside = ndimage.affine_transform(
        ndimage.binary_erosion(atlas.mask, iterations=2).astype(np.float32),
        across[:3, :3][::-1, ::-1],
        across[:3, 3][::-1],
        image.shape,
        order=1,
    )
    return np.where(inside > 0.5, image, 0.0)


def main() -> None:
    data = Path(sys.argv[1])
    likeness, record = calibrate(
        t1_heads(data, extracted),
        not_t1(data),
        FIT,
        "open_ms_data T1 of patients 04 and 20 (whole head and cut to the brain) and 07, and "
        "variations of them; see calibrate_gate.py",
        seed=404,
    )
    write_json(HERE / "calibration.json", {"record": record, "likeness": likeness})
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

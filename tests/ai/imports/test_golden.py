"""Imported packages against the labels of the tools they come from, in the real worker.

``golden/<name>`` was made by ``python -m tests.parity``: a package imported from a model that
nnU-Net or MONAI trained, and the labels that ``nnUNetv2_predict`` or MONAI's own inferer gave for
generated volumes in odd spacings and orientations. The volumes are generated anew here.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.parity.comparison import composed
from tests.parity.shapes import ODD, grid_of, patient, write
from workstation.ai.client import run_package
from workstation.ai.files import load_image
from workstation.ai.limits import Limits
from workstation.ai.package import load_package

GOLDEN = Path(__file__).parent / "golden"
SHOWN = {
    "nnunet-ShapesCT": ("oblique",),
    "nnunet-ShapesMR": ("thick",),
    "nnunet-ShapesRAS-ts": ("sagittal",),
    "monai-shapes": ("oblique",),
}


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name, cases in SHOWN.items() for case in cases]
)
def test_labels_are_those_of_the_tool(tmp_path: Path, name: str, case: str) -> None:
    (folder,) = (path for path in (GOLDEN / name).iterdir() if path.is_dir())
    package = load_package(folder)
    order = json.loads((GOLDEN / name / "order.json").read_text(encoding="utf-8"))
    with np.load(GOLDEN / name / "labels.npz", allow_pickle=False) as kept:
        theirs = kept[f"labels_{case}"]
    number = next(i for i, layout in enumerate(ODD) if layout.name == case)
    grid = grid_of(ODD[number])
    arrays, grids = [], []
    for channel in range(order["channels"]):
        zero = package.manifest.accept[0].modality == ("MR",)
        image, _ = patient(
            grid, 100 + number, background=0.0 if zero else -1000.0, contrast=1 + 0.6 * channel
        )
        # Through a file, as the tool read it: its geometry has 32 bits.
        write(tmp_path / f"{channel}.nii.gz", image, grid)
        array, stored = load_image(tmp_path / f"{channel}.nii.gz")
        arrays.append(array)
        grids.append(stored)
    result = run_package(package, arrays, grids, limits=Limits(threads=2))
    masks = {label.key: result.masks[label.key] for label in package.manifest.labels}
    ours = composed(masks, [(key, label) for key, label in order["order"]])
    either = (ours > 0) | (theirs > 0)
    assert set(np.unique(theirs)) == {0, 1, 2}  # the network found both shapes
    assert either.sum() > 1000
    assert (ours == theirs).mean() >= 0.999
    assert (ours == theirs)[either].mean() >= 0.99

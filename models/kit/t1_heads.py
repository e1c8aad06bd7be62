"""T1 heads of open_ms_data (CC BY) that training may see, and images that are not T1, for gates.

Patients 04 and 20 are whole heads, 07 is brain-extracted; 26 and 01 are test cases and not read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from models.kit.gate import Fit, Sample, calibrated, other, sampled
from models.kit.variations import Scan
from workstation.domain.geometry import Grid, as_matrix, axes_towards

WHOLE = ("patient04_study1", "patient20_study2")
KINDS = ("whole head", "brain-extracted")
NAMES = {
    "FLAIR": {"en": "FLAIR", "zh": "FLAIR"},
    "T2": {"en": "T2-weighted (bright fluid)", "zh": "T2 加权（液体为高信号）"},
}


def grid_of(image: sitk.Image) -> Grid:
    """SimpleITK keeps LPS mm as the product does."""
    affine = np.eye(4)
    turn = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = turn * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    x, y, z = image.GetSize()
    return Grid((z, y, x), as_matrix(affine))


def read(path: Path) -> tuple[np.ndarray, Grid]:
    """A volume file (z, y, x), or a folder of DICOM slices, and its grid."""
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = sitk.Cast(reader.Execute(), sitk.sitkFloat32)
    else:
        image = sitk.ReadImage(str(path), sitk.sitkFloat32)
    return sitk.GetArrayFromImage(image), grid_of(image)


def scan_of(name: str, kind: str, image: np.ndarray, grid: Grid) -> Scan:
    """An image with its axes to the left, back and head."""
    turn = axes_towards(grid, "LPH")
    spacing = np.array(turn.apply_grid(grid).spacing_mm)[::-1]
    return Scan(name, kind, np.ascontiguousarray(turn.apply(image)), spacing, True)


def t1_heads(
    data: Path, extracted: Callable[[np.ndarray, Grid], np.ndarray] | None = None
) -> list[Scan]:
    """Both whole heads; with ``extracted``, which cuts a head to its brain, both as that, too, and
    patient07."""
    found = []
    for name in WHOLE:
        image, grid = read(data / "mr_flair_unlabelled" / f"{name}_T1W.nii.gz")
        found.append(scan_of(name, KINDS[0], image, grid))
        if extracted is not None:
            found.append(scan_of(name, KINDS[1], extracted(image, grid), grid))
    if extracted is not None:
        image, grid = read(data / "mr_ms_lesions" / "patient07" / "T1.nii.gz")
        found.append(scan_of("patient07", KINDS[1], np.maximum(image, 0.0), grid))
    return found


def not_t1(data: Path) -> dict[str, list[Scan]]:
    """FLAIR and T2."""
    folder = data / "mr_flair_unlabelled"
    out: dict[str, list[Scan]] = {"FLAIR": [], "T2": []}
    for name in (*WHOLE, "patient09_study2"):
        out["FLAIR"].append(scan_of(name, KINDS[0], *read(folder / f"{name}_FLAIR.nii.gz")))
    for file in out:
        image, grid = read(data / "mr_ms_lesions" / "patient07" / f"{file}.nii.gz")
        out[file].append(scan_of("patient07", KINDS[1], np.maximum(image, 0.0), grid))
    return out


def calibrate(
    own: list[Scan], others: dict[str, list[Scan]], fit: Fit, said: str, seed: int,
    times: int = 14, other_times: int = 4, refuse_other: float = 1.0,
    doubt_other: float = 0.7,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """``qc.likeness`` and the record of how its bounds were found. refuse_other,
    doubt_other: how many times nearer to another sequence than to its own an image is refused, or
    called uncertain."""
    rng = np.random.default_rng(seed)
    mine = [Sample(one.kind, one.name, True, sampled(rng, one, times)) for one in own]
    unlike = []
    for key, scans in others.items():
        for kind in KINDS:
            many = [
                Sample(kind, one.name, True, sampled(rng, one, other_times))
                for one in scans
                if one.kind == kind
            ]
            if many:
                bounds = {"uncertain_from": doubt_other, "refuse_from": refuse_other}
                unlike.append(other(NAMES[key], many, fit, **bounds))
    turned = {"axes": ["z", "y"], "uncertain_from": 1.0, "refuse_from": 1.15}
    return calibrated(mine, fit, said, others=unlike, turned=turned)

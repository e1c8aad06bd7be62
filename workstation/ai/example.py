"""A package's own example: does the network on this machine still give what its maker got?"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workstation.ai.client import ModelResult, run_package
from workstation.ai.limits import Limits
from workstation.ai.package import ModelPackage
from workstation.ai.providers import Precision, Wish
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import dice
from workstation.domain.work import Cancel, Progress, no_progress


@dataclass(frozen=True)
class LabelAgreement:
    """One label: overlap with the expected mask, volumes in mL, whether within tolerance."""

    key: str
    dice: float
    volume_ml: float
    expected_ml: float
    ok: bool


@dataclass(frozen=True)
class ExampleReport:
    """What running the example gave."""

    labels: tuple[LabelAgreement, ...]
    result: ModelResult

    @property
    def ok(self) -> bool:
        """Whether every label agrees."""
        return all(label.ok for label in self.labels)


def run_example(
    package: ModelPackage,
    limits: Limits | None = None,
    *,
    provider: Wish = "auto",
    precision: Precision = "float32",
    progress: Progress = no_progress,
    cancel: Cancel | None = None,
) -> ExampleReport:
    """Run ``example/`` of a package: ``input.npz`` (one array a channel, and ``affine``),
    ``expected.npz`` (one mask a label) and ``tolerance.json`` (min_dice, volume_ml).

    Raises ``BadInput`` where the example is missing or unreadable, and what ``run_package`` does.
    """
    folder = package.folder / "example"
    said = package.manifest
    try:
        given = _arrays(folder / "input.npz")
        expected = _arrays(folder / "expected.npz")
        tolerance = json.loads((folder / "tolerance.json").read_text(encoding="utf-8"))
        arrays = [given[accept.channel] for accept in said.accept]
        z, y, x = arrays[0].shape
        grid = Grid((z, y, x), as_matrix(given["affine"]))
        wanted = {label.key: expected[label.key] for label in said.labels}
        least, most_ml = float(tolerance["min_dice"]), float(tolerance["volume_ml"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise BadInput(
            N_("Model {model}: its example cannot be read ({why})."),
            model=said.id,
            why=str(error),
        ) from error
    result = run_package(
        package,
        arrays,
        [grid] * len(arrays),
        limits=limits,
        provider=provider,
        precision=precision,
        progress=progress,
        cancel=cancel,
    )
    agreements = []
    for key, mask in wanted.items():
        overlap = dice(result.masks[key], mask.astype(bool))
        found_ml = int(result.masks[key].sum()) * grid.voxel_ml
        expected_ml = int(mask.astype(bool).sum()) * grid.voxel_ml
        ok = overlap >= least and abs(found_ml - expected_ml) <= most_ml + 1e-9
        agreements.append(LabelAgreement(key, overlap, found_ml, expected_ml, ok))
    return ExampleReport(tuple(agreements), result)


def _arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}

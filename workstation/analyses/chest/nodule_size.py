"""How large a lung nodule is that a person drew or changed: from its outline alone."""

from __future__ import annotations

import numpy as np

from workstation.analyses.chest._size import (
    DIAMETER,
    SIZE_SOURCE,
    VOLUME,
    diameter_of,
    mean_diameter,
    sphere_mm3,
    volume_of_nodule,
)
from workstation.domain.analysis import AnalysisInputs, AnalysisResult, AnalysisSpec, KnownAnswer
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.mask import bounding_block


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Mean diameter (mm) in the largest slice and volume (mm3) of mask "nodule", whole voxels."""
    mask = inputs.masks.get("nodule")
    if mask is None or inputs.grid is None:
        raise BadInput(N_("There is no outline of a nodule to measure."))
    if mask.shape != inputs.grid.shape:
        raise BadInput(N_("The mask does not fit the image grid."))
    if not mask.any():
        raise BadInput(N_("There is no outline of a nodule to measure."))
    origin, shape = bounding_block(mask)
    block = tuple(slice(start, start + size) for start, size in zip(origin, shape, strict=True))
    share = np.asarray(mask[block], dtype=np.float64)
    diameter = mean_diameter(share, np.array(inputs.grid.spacing_mm[::-1]))
    volume = float(share.sum()) * inputs.grid.voxel_ml * 1000.0
    return AnalysisResult(quantities=(diameter_of(diameter), volume_of_nodule(volume)))


def _ball() -> AnalysisInputs:
    """A ball of 8 mm on a 0.7 x 0.7 x 1 mm grid, off its voxel centres."""
    grid = Grid((21, 31, 31), as_matrix(np.diag([0.7, 0.7, 1.0, 1.0])))
    z, y, x = np.ogrid[:21, :31, :31]
    away = ((x - 15.3) * 0.7) ** 2 + ((y - 14.8) * 0.7) ** 2 + ((z - 10.2) * 1.0) ** 2
    return AnalysisInputs(masks={"nodule": away <= 4.0**2}, grid=grid)


SPEC = AnalysisSpec(
    id="chest/nodule_size",
    version="1.0.0",
    name=Wording("Lung nodule size", "肺结节大小"),
    area="chest",
    accepts=("CT chest",),
    needs_mask="nodule",
    formula="mean diameter = (length + width) / 2 in the largest slice; V = N * voxel volume",
    source=SIZE_SOURCE,
    known_answers=(
        KnownAnswer(
            _ball,
            {DIAMETER.en: (8.0, 0.2), VOLUME.en: (sphere_mm3(8.0), 0.05 * sphere_mm3(8.0))},
            "a ball of 8 mm: V = pi d^3 / 6 = 268 mm3 (Lung-RADS v2022)",
        ),
    ),
)

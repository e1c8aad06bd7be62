"""How much white matter hyperintensity there is: volume, lesion count, largest lesion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.analysis import (
    AnalysisInputs,
    AnalysisResult,
    AnalysisSpec,
    KnownAnswer,
    Quantity,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Grid, as_matrix

LEAST_VOXELS = 3
"""A lesion smaller than this many voxels is counted as noise (it stays in the volume)."""


def lesion_sizes(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Voxels in each lesion of a (z, y, x) mask, largest first; lesions touch by 26 neighbours."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return np.sort(sizes[sizes >= LEAST_VOXELS])[::-1].astype(np.int64)


def analyse(inputs: AnalysisInputs) -> AnalysisResult:
    """Volume (mL) of every voxel of mask "wmh", number of lesions, volume of the largest (mL)."""
    mask = inputs.masks.get("wmh")
    if mask is None or inputs.grid is None:
        raise BadInput(N_("There is no mask of white matter hyperintensity to measure."))
    if mask.shape != inputs.grid.shape:
        raise BadInput(N_("The mask does not fit the image grid."))
    sizes = lesion_sizes(mask)
    voxel_ml = inputs.grid.voxel_ml
    largest = float(sizes[0]) * voxel_ml if sizes.size else 0.0
    return AnalysisResult(
        quantities=(
            Quantity(VOLUME, Code("118565006", "SCT", "Volume"), int(mask.sum()) * voxel_ml, "mL"),
            Quantity(COUNT, Code("246206008", "SCT", "Number of lesions"), float(sizes.size), "1"),
            Quantity(LARGEST, _LARGEST_CODE, largest, "mL"),
        )
    )


VOLUME = Wording("White matter hyperintensity volume", "脑白质高信号体积")
COUNT = Wording("Number of white matter lesions", "脑白质病灶数")
LARGEST = Wording("Largest white matter lesion", "最大脑白质病灶体积")
_LARGEST_CODE = Code("WMHLARGEST", "99ONESCAN", "Volume of largest white matter lesion")


def _boxes() -> AnalysisInputs:
    """Three boxes of known size on a 1 x 1 x 3 mm grid, and two voxels of noise."""
    mask = np.zeros((20, 40, 40), dtype=bool)
    mask[2:6, 5:15, 5:15] = True  # 400 voxels
    mask[10:12, 20:25, 20:25] = True  # 50 voxels
    mask[12, 25, 25] = True  # touches the second by a corner only: one lesion of 51
    mask[16, 30:33, 30] = True  # 3 voxels, just enough
    mask[18, 3, 3:5] = True  # 2 voxels, too few
    return AnalysisInputs(
        masks={"wmh": mask}, grid=Grid(mask.shape, as_matrix(np.diag([1.0, 1.0, 3.0, 1.0])))
    )


SPEC = AnalysisSpec(
    id="brain/wmh_load",
    version="1.0.0",
    name=Wording("White matter hyperintensity load", "脑白质高信号负荷"),
    area="brain",
    accepts=("FLAIR",),
    needs_mask="wmh",
    formula="V = N * voxel volume; lesions by 26-connectivity, at least 3 voxels each",
    source=(
        "STRIVE-2: Duering et al., Lancet Neurol 2023;22:602-618, doi:10.1016/S1474-4422(23)"
        "00131-X (volume as the measure of WMH); lesion count as in the WMH Segmentation "
        "Challenge: Kuijf et al., IEEE TMI 2019;38:2556-2568, doi:10.1109/TMI.2019.2905770"
    ),
    known_answers=(
        KnownAnswer(
            make=_boxes,
            expected={
                VOLUME.en: (0.003 * (400 + 51 + 3 + 2), 1e-9),
                COUNT.en: (3.0, 0.0),
                LARGEST.en: (1.2, 1e-9),
            },
            source="counted by hand: 456 voxels of 3 mm3; lesions of 400, 51 and 3 voxels",
        ),
    ),
)

"""On which side of the patient a vessel lies: told from the tissue, not from the image's frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workstation.domain.analysis import Choice, Parameter
from workstation.domain.artefact import Wording
from workstation.domain.geometry import Grid

SIDE = Parameter(
    "side",
    Wording("Side", "侧别"),
    "auto",
    choices=(
        Choice("auto", Wording("as the line lies in the image", "按中心线在图像中的位置")),
        Choice("left", Wording("left", "左侧")),
        Choice("right", Wording("right", "右侧")),
    ),
)
SURE_MM = 8.0
"""Nearer to the middle no side is claimed."""
_EVERY = 4  # voxel: enough to know where a head begins and ends


def side_of(x_mm: float, array: NDArray[np.float32], grid: Grid, tissue: float) -> str:
    """left, right or "" for ``x_mm`` (LPS) in an image (z, y, x); ``tissue``: its signal.

    A head rarely lies in the middle of its images: the middle is that of what is no air.
    """
    inside = np.argwhere(array[::_EVERY, ::_EVERY, ::_EVERY] > tissue / 2.0) * _EVERY
    if not len(inside):
        return ""
    across = grid.to_lps(inside[:, ::-1].astype(np.float64))[:, 0]
    aside = x_mm - float(np.percentile(across, [1.0, 99.0]).mean())
    return "" if abs(aside) < SURE_MM else "left" if aside > 0 else "right"

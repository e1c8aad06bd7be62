"""A series at about a millimetre, read slice by slice: enough to align it, little in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.volumes import read_frame
from workstation.domain.geometry import Grid, as_matrix
from workstation.domain.volume import Stack

_COARSE_MM = 1.0  # voxels finer than this are averaged
Tell = Callable[[float], None]


def coarse(
    stack: Stack,
    locate: Callable[[str], Path],
    tell: Tell = lambda fraction: None,
) -> tuple[NDArray[np.float32], Grid]:
    """The middle phase's voxels averaged in blocks to about a millimetre: array (z, y, x), grid.

    One slice is read at a time, so a long series does not have to fit into memory twice.
    """
    fx, fy, fz = (max(1, int(_COARSE_MM / mm + 0.1)) for mm in stack.grid.spacing_mm)
    z, y, x = (n // f for n, f in zip(stack.grid.shape, (fz, fy, fx), strict=True))
    matrix = stack.grid.matrix
    matrix[:3, 3] = stack.grid.to_lps(((fx - 1) / 2, (fy - 1) / 2, (fz - 1) / 2))
    matrix[:3, :3] *= (fx, fy, fz)
    grid = Grid((z, y, x), as_matrix(matrix))
    array = np.zeros(grid.shape, dtype=np.float32)
    phase = stack.phases // 2
    for number in range(z * fz):
        plane: NDArray[Any] = read_frame(stack, phase, number, locate)[: y * fy, : x * fx]
        blocks = plane.reshape(y, fy, x, fx).mean(axis=(1, 3), dtype=np.float32)
        array[number // fz] += blocks / fz
        tell((number + 1) / (z * fz))
    return array, grid

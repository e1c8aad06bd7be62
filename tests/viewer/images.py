"""Stacks and volumes made in memory for viewer tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.artefact import MadeBy
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import Flag, Frame, Stack, Volume


def grid_of(shape: tuple[int, int, int], columns: Floats, origin: tuple[float, ...]) -> Grid:
    """A grid whose index steps x, y, z are the columns of ``columns`` (3, 3), LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = columns
    matrix[:3, 3] = origin
    return Grid(shape, as_matrix(matrix))


def turn(about: tuple[float, float, float], degrees: float) -> Floats:
    """Rotation matrix (3, 3), right-handed."""
    k = np.asarray(about) / np.linalg.norm(about)
    cross = np.array([[0, -k[2], k[1]], [k[2], 0, -k[0]], [-k[1], k[0], 0]])
    a = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross)


SHAPE = (14, 30, 40)
_SPACING = np.diag([0.8, 1.1, 3.0])
_OBLIQUE = turn((1.0, 2.0, 0.5), 27.0)
_SHEAR = np.array([[0.8, 0.0, 0.0], [0.0, 1.1, 1.2], [0.0, 0.0, 3.0]])  # tilted gantry
GRIDS: dict[str, Grid] = {
    "axial": grid_of(SHAPE, _SPACING, (-20.0, -15.0, 100.0)),
    "negated": grid_of(SHAPE, _SPACING @ np.diag([-1.0, -1.0, -1.0]), (18.0, 22.0, -40.0)),
    "sagittal": grid_of(
        SHAPE, np.array([[0, 0, 3.0], [0.8, 0, 0], [0, -1.1, 0]]), (-11.0, 3.0, 55.0)
    ),
    "coronal backwards": grid_of(
        SHAPE, np.array([[0.8, 0, 0], [0, 0, -3.0], [0, -1.1, 0]]), (-11.0, 30.0, 55.0)
    ),
    "oblique": grid_of(SHAPE, _OBLIQUE @ _SPACING, (5.0, -60.0, 12.0)),
    "tilted": grid_of(SHAPE, _SHEAR, (-9.0, -14.0, 30.0)),
    "tilted oblique": grid_of(SHAPE, _OBLIQUE @ _SHEAR, (1.0, 2.0, 3.0)),
}


def stack_of(grid: Grid, **changes: Any) -> Stack:
    """A stack around a grid; keyword arguments replace fields."""
    values: dict[str, Any] = {
        "id": "stack-1",
        "study_uid": "1.2",
        "series_uid": "1.2.3",
        "series_number": 1,
        "description": "T2 FLAIR 轴位",
        "modality": "MR",
        "frame_of_reference_uid": "1.2.9",
        "grid": grid,
        "frames": tuple(Frame("ab", f"1.2.4.{z}", 0, -1, float(z)) for z in range(grid.shape[0])),
        "phases": 1,
        "dtype": "int16",
        "stored_dtype": "int16",
        "unit": "1",
        "window": None,
        "photometric": "MONOCHROME2",
        "samples": 1,
        "flags": (),
        "notes": (),
        "role": "",
        "role_reason": "",
        "region": "brain",
        "slice_thickness_mm": 3.0,
        "calibrated": "patient",
        "made_from": (),
        "made_by": MadeBy("test", "1"),
    }
    values.update(changes)
    return Stack(**values)


def volume_of(grid: Grid, array: NDArray[Any] | None = None, **changes: Any) -> Volume:
    """A volume with a smooth ramp where no array is given."""
    if array is None:
        rng = np.random.default_rng(3)
        array = rng.integers(-500, 1500, grid.shape).astype(np.int16)
    return Volume(array, grid, stack_of(grid, dtype=array.dtype.name, **changes))


PAGES = (Flag.NOT_A_VOLUME,)

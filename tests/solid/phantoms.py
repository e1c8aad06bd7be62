"""Volumes of known shapes for 3D, on grids of every orientation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.viewer.images import grid_of, turn
from workstation.domain.geometry import Floats, Grid
from workstation.render.volume import VolumeScene
from workstation.viewing.solid_camera import SolidCamera, look_from
from workstation.viewing.solid_copy import SolidCopy, prepared
from workstation.viewing.solid_presets import Knot, SolidPreset, knots_in_values, preset

_FINE = np.diag([1.0, 1.2, 1.6])
_SHEAR = np.array([[1.0, 0, 0], [0, 1.2, 0.5], [0, 0, 1.6]])
SIZE = (56, 70, 84)


def centred(columns: Floats, shape: tuple[int, int, int] = SIZE) -> Grid:
    """A grid with its middle at (10, -20, 30) mm."""
    z, y, x = shape
    middle = columns @ np.array([(x - 1) / 2, (y - 1) / 2, (z - 1) / 2])
    origin = np.array([10.0, -20.0, 30.0]) - middle
    return grid_of(shape, columns, (float(origin[0]), float(origin[1]), float(origin[2])))


GRIDS: dict[str, Grid] = {
    "axial": centred(_FINE),
    "negated": centred(-_FINE),
    "left-handed": centred(_FINE @ np.diag([1.0, 1.0, -1.0])),
    "sagittal": centred(np.array([[0, 0, 1.6], [1.0, 0, 0], [0, -1.2, 0]])),
    "coronal backwards": centred(np.array([[1.0, 0, 0], [0, 0, -1.6], [0, -1.2, 0]])),
    "oblique": centred(turn((1.0, 2.0, 0.5), 27.0) @ _FINE),
    "tilted": centred(_SHEAR),
    "tilted oblique": centred(turn((1.0, 2.0, 0.5), 27.0) @ _SHEAR),
}
MIDDLE = np.array([10.0, -20.0, 30.0])


def vec(x: float, y: float, z: float) -> Floats:
    """A vector in mm."""
    return np.array([x, y, z], dtype=np.float64)


def places(grid: Grid) -> Floats:
    """LPS mm of every voxel, (z, y, x, 3)."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    return grid.to_lps(np.stack([x, y, z], axis=-1).astype(np.float64))


def ball(grid: Grid, centre: Sequence[float] | Floats, radius: float) -> NDArray[np.bool_]:
    """Voxels within a ball."""
    away = places(grid) - np.asarray(centre)
    return np.asarray((away**2).sum(axis=-1) <= radius**2)


def soft_ball(grid: Grid, centre: Sequence[float] | Floats, radius: float) -> NDArray[np.int16]:
    """A ball of 1000 HU in air with an edge as blurred as the voxels, so that it has a place."""
    away = np.sqrt(((places(grid) - np.asarray(centre)) ** 2).sum(axis=-1))
    return np.asarray(np.clip((radius - away) / 1.5 + 0.5, 0, 1) * 2000 - 1000).astype(np.int16)


def letter(grid: Grid) -> NDArray[np.int16]:
    """An "F" of 1000 HU in the coronal plane, as read from the front: no mirror image fits it."""
    at = places(grid) - MIDDLE
    x, y, z = at[..., 0], at[..., 1], at[..., 2]
    stem = (np.abs(x + 8) < 3.5) & (np.abs(z) < 18)
    top = (np.abs(z - 15) < 3.5) & (x > -11) & (x < 14)
    bar = (np.abs(z - 2) < 3.5) & (x > -11) & (x < 8)
    inside = (stem | top | bar) & (np.abs(y) < 8)
    return np.where(inside, 1000, -1000).astype(np.int16)


MEASURED = replace(
    preset("ct_mip"), knots=(Knot(-1000, 0.0, 0.0, 0.0, 0.0), Knot(1000, 1.0, 1.0, 1.0, 1.0))
)
"""MIP whose brightness times opacity is a quarter at 0 HU: where a blurred edge has its place."""


def scene_of(copy: SolidCopy, look: SolidPreset = MEASURED, **more: Any) -> VolumeScene:
    """A scene that shows a copy; keyword ``voxels``: carved ones."""
    scene = VolumeScene()
    scene.set_copy(copy, **more)
    scene.set_look(look, knots_in_values(look, copy.values))
    return scene


def seen(scene: VolumeScene, camera: SolidCamera, size: int = 200) -> NDArray[np.bool_]:
    """Pixels (row 0 on top) of what is above 0 HU."""
    picture = scene.render(camera, size, size)[::-1, :, :3].max(axis=-1)
    return np.asarray(picture > 64)


def copied(array: NDArray[Any], grid: Grid, **more: Any) -> SolidCopy:
    """A CT copy."""
    return prepared(array, grid, modality="CT", **more)


__all__ = ["GRIDS", "MEASURED", "MIDDLE", "ball", "centred", "copied", "letter", "look_from",
           "places", "scene_of", "seen", "soft_ball", "vec"]  # fmt: skip

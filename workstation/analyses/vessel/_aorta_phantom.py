"""Generated unenhanced CT of an aorta, with and without each sign of an acute syndrome."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Floats, Grid, as_matrix

BEND_MM = 36.0
SIGNS = ("none", "crescent", "calcium", "flap")
BLOOD, FAT, HAEMATOMA, FLAP = 42.0, -70.0, 66.0, 64.0


def aorta(
    sign: str, seed: int, *, wide_mm: float = 33.0, noise: float = 12.0
) -> tuple[NDArray[np.float32], NDArray[np.bool_], Grid, Floats]:
    """HU (z, y, x), mask, grid and centreline (n, 3) of a half circle with two legs of 60 mm.

    Every aorta has calcifications in its wall. A crescent is 8 mm thick over 150 degrees, a flap
    2 mm, displaced calcium 9 mm deep, each along a part of the descending leg.
    """
    random = np.random.default_rng(seed)
    spacing = np.array([1.2, 1.2, 2.0])
    size = np.array([2 * BEND_MM + wide_mm + 12, wide_mm + 14, BEND_MM + wide_mm / 2 + 66])
    shape = np.round(size / spacing).astype(int) + 1
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-size[0] / 2, -size[1] / 2, -60.0]
    grid = Grid((int(shape[2]), int(shape[1]), int(shape[0])), as_matrix(affine))
    z, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape), indexing="ij")
    place = grid.to_lps(np.stack([x, y, z], axis=-1))
    px, py, pz = place[..., 0], place[..., 1], place[..., 2]
    radial = np.where(pz >= 0, np.hypot(px, pz), np.abs(px)) - BEND_MM
    away = np.hypot(radial, py)
    angle = np.degrees(np.arctan2(py, radial))
    radius = wide_mm / 2
    mask = away <= radius
    image = np.where(mask, BLOOD, FAT)
    leg = (px < 0) & (pz < 5.0) & (pz > -45.0)  # the descending leg
    turn = float(random.uniform(-180.0, 180.0))
    off = np.abs(np.mod(angle - turn + 180.0, 360.0) - 180.0)
    if sign == "crescent":
        image[leg & (off < 75.0) & (away <= radius) & (away > radius - 8.0)] = HAEMATOMA
    if sign == "flap":
        across = np.radians(turn)
        offset = radial * np.cos(across) + py * np.sin(across)
        image[leg & mask & (np.abs(offset - 2.0) < 1.2)] = FLAP
    spots = [(float(random.uniform(-40, 0)), float(random.uniform(-180, 180)), 0.8, -1.0)]
    spots += [(float(random.uniform(-40, 0)), float(random.uniform(-180, 180)), 0.8, 1.0)]
    if sign == "calcium":
        spots += [(-20.0 + 9.0 * k, turn + 20.0 * k, 9.0, -1.0) for k in range(2)]
    for height, towards, deep, side in spots:
        a = np.radians(towards)
        centre = np.array([
            side * (BEND_MM + (radius - deep) * np.cos(a)), (radius - deep) * np.sin(a), height
        ])  # fmt: skip
        image[mask & (np.linalg.norm(place - centre, axis=-1) < 2.2)] = 500.0
    soft = ndimage.gaussian_filter(image, [0.5 / s for s in spacing[::-1]])
    soft = soft + random.normal(0.0, noise, soft.shape)
    bend = np.linspace(0.0, np.pi, 50)
    over = np.stack([BEND_MM * np.cos(bend), np.zeros(50), BEND_MM * np.sin(bend)], axis=1)
    up = np.stack([np.full(25, BEND_MM), np.zeros(25), np.linspace(-54.0, -2.0, 25)], axis=1)
    line = np.concatenate([up, over, up[::-1] * (-1.0, 1.0, 1.0)])
    return soft.astype(np.float32), np.asarray(mask), grid, line

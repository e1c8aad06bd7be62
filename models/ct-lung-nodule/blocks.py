"""Generated pieces of lung to train on: vessels and airways that fork, scars, pleura, nodules.

Nothing of a patient is in them but, in some, the fine texture of real lung. A block is 64 voxels of
1 mm a side, in HU, arrays (z, y, x). The program that makes whole chests for the demo
(``workstation.demo``) has no part in it: it makes the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Grid, as_matrix

SIDE = 64
SOLID_HU = 40.0
GRID = Grid((SIDE, SIDE, SIDE), as_matrix(np.eye(4)))
Field = NDArray[np.float64]


@dataclass(frozen=True)
class Nodule:
    """centre: (z, y, x). radius: mm, about that of the ball of the same volume. solid: not ground
    glass."""

    centre: NDArray[np.float64]
    radius: float
    solid: bool


@dataclass(frozen=True)
class Block:
    """image: HU. inside: what ``imaging.lungs`` would call lung."""

    image: NDArray[np.float32]
    inside: NDArray[np.bool_]
    nodules: tuple[Nodule, ...]


def textures(data: Path) -> NDArray[np.float64]:
    """Fine structure of real lung (n, 48, 48) at 2 mm: patches less their smooth part, where no
    tumour is near, brought to a deviation of 1. From ``ct_lung_patches`` (CC BY-SA 4.0)."""
    with np.load(data / "ct_lung_patches" / "val_patches.npz", allow_pickle=False) as stored:
        image, label = stored["image"].astype(float), stored["label"] > 0
    found = []
    for one, mask in zip(image, label, strict=True):
        lung = (ndimage.gaussian_filter(one, 2.0) < 0.3) & ~ndimage.binary_dilation(
            mask, iterations=4
        )
        if lung.mean() < 0.4:
            continue
        fine = np.where(lung, one - ndimage.gaussian_filter(one, 3.0), 0.0)
        found.append(np.clip(fine / fine[lung].std(), -3, 3))
    return np.stack(found)


def _places() -> tuple[Field, Field, Field]:
    z, y, x = np.ogrid[:SIDE, :SIDE, :SIDE]
    return z.astype(float), y.astype(float), x.astype(float)


def _tube(out: Field, start: Field, end: Field, first: float, last: float) -> None:
    """Lower ``out`` to the signed distance (mm, negative inside) of a tapering tube."""
    reach = max(first, last) + 4.0
    low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + reach) + 1, SIDE).astype(int)
    if (high <= low).any():
        return
    block = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    away = [np.arange(a, b, dtype=float) - s for a, b, s in zip(low, high, start, strict=True)]
    along = end - start
    z, y, x = np.ix_(*away)
    t = np.clip((z * along[0] + y * along[1] + x * along[2]) / (along @ along), 0.0, 1.0)
    distance = np.sqrt((z - t * along[0]) ** 2 + (y - t * along[1]) ** 2 + (x - t * along[2]) ** 2)
    out[block] = np.minimum(out[block], distance - (first + t * (last - first)))


def _direction(rng: np.random.Generator) -> Field:
    way = rng.normal(size=3)
    return way / np.linalg.norm(way)


def trees(rng: np.random.Generator, count: int) -> Field:
    """Signed distance of ``count`` trees of tubes, forking at all angles."""
    out = np.full((SIDE, SIDE, SIDE), 30.0)
    forks = rng.uniform(0.3, 0.65)
    for _ in range(count):
        way = _direction(rng)
        start = SIDE / 2 + rng.uniform(-22, 22, 3) - way * rng.uniform(20, 45)
        todo = [(start, way, float(np.exp(rng.uniform(np.log(0.8), np.log(4.5)))), 0)]
        while todo:
            at, way, radius, depth = todo.pop()
            length = rng.uniform(6, 14)
            end = at + way * length
            last = radius * rng.uniform(0.82, 0.98)
            _tube(out, at, end, radius, last)
            if depth > 7 or last < 0.5 or (np.abs(end - SIDE / 2) > 48).any():
                continue
            if rng.random() < forks:
                share = rng.uniform(0.45, 0.8)
                for part in (share, (1 - share**3) ** (1 / 3)):
                    turned = way + rng.uniform(0.35, 1.0) * _direction(rng)
                    todo.append((end, turned / np.linalg.norm(turned), last * part, depth + 1))
            else:
                turned = way + rng.uniform(0.05, 0.4) * _direction(rng)
                todo.append((end, turned / np.linalg.norm(turned), last, depth + 1))
    return out


def scar(rng: np.random.Generator) -> Field:
    """Signed distance of a plate or band with ragged ends."""
    z, y, x = _places()
    centre = rng.uniform(14, SIDE - 14, 3)
    normal, along = _direction(rng), _direction(rng)
    along = along - (along @ normal) * normal
    along /= np.linalg.norm(along)
    across = np.cross(normal, along)
    rel = (z - centre[0], y - centre[1], x - centre[2])

    def part(way: Field) -> Field:
        return rel[0] * way[0] + rel[1] * way[1] + rel[2] * way[2]

    half = (rng.uniform(0.6, 2.0), rng.uniform(6, 20), rng.uniform(1.5, 10))
    return np.maximum.reduce(
        [np.abs(part(w)) - h for w, h in zip((normal, along, across), half, strict=True)]
    )


def _pleura(rng: np.random.Generator) -> Field:
    """Signed distance of the chest wall, negative in it: the outside of a large ball, so that lung
    bulges against it."""
    z, y, x = _places()
    radius, way = rng.uniform(60, 140), _direction(rng)
    centre = SIDE / 2 - way * (radius - rng.uniform(4, 22))
    return radius - np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)


def _ball(rng: np.random.Generator, nodule: Nodule) -> Field:
    """Signed distance of a lumpy, slightly stretched ball."""
    z, y, x = _places()
    stretch = np.exp(rng.normal(0.0, 0.12, 3))
    stretch /= np.prod(stretch) ** (1 / 3)
    rel = [(p - c) / s for p, c, s in zip((z, y, x), nodule.centre, stretch, strict=True)]
    away = np.sqrt(rel[0] ** 2 + rel[1] ** 2 + rel[2] ** 2)
    lumps = 0.0
    if rng.random() < 0.6:
        for _ in range(4):
            way = _direction(rng)
            cosine = (rel[0] * way[0] + rel[1] * way[1] + rel[2] * way[2]) / np.maximum(away, 1e-6)
            lumps = lumps + rng.uniform(0.02, 0.1) * np.cos(rng.integers(2, 5) * np.arccos(cosine))
    return away - nodule.radius * (1.0 + lumps)


def _paint(image: Field, distance: Field, value: float) -> None:
    cover = np.clip(0.5 - distance, 0.0, 1.0)
    image += (value - image) * cover


def _texture(rng: np.random.Generator, real: NDArray[np.float64]) -> Field:
    """Fine structure of lung, deviation about 1: generated, or drawn through real slices."""
    noise = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE, SIDE)), rng.uniform(0.8, 2.0))
    noise /= noise.std()
    if rng.random() < 0.5:
        return noise
    layers = []
    for _ in range(4):  # real slices, 16 mm apart, faded into each other
        one = np.rot90(real[rng.integers(len(real))], int(rng.integers(4)))
        at = rng.integers(0, 48 - SIDE // 2 + 1, 2)
        layers.append(one[at[0] : at[0] + SIDE // 2, at[1] : at[1] + SIDE // 2])
    whole = ndimage.zoom(np.stack(layers), (SIDE / 4, 2, 2), order=1)
    return 0.7 * whole / max(float(whole.std()), 1e-6) + 0.5 * noise


def make(rng: np.random.Generator, real: NDArray[np.float64]) -> Block:
    """One block."""
    image = np.full((SIDE, SIDE, SIDE), rng.uniform(-910, -780))
    image += rng.uniform(15, 45) * _texture(rng, real)
    tubes = trees(rng, int(rng.integers(2, 11)))
    _paint(image, tubes, SOLID_HU + rng.uniform(-20, 120))
    if rng.random() < 0.4:  # an airway: a thin wall about air
        lumen = trees(rng, 1)
        _paint(image, np.abs(lumen) - rng.uniform(0.4, 0.9), SOLID_HU - rng.uniform(0, 250))
        _paint(image, lumen + 0.4, -990.0)
    for _ in range(int(rng.random() < 0.25) + int(rng.random() < 0.1)):
        _paint(image, scar(rng), SOLID_HU - rng.uniform(0, 250))
    wall = np.full((SIDE, SIDE, SIDE), 30.0)
    if rng.random() < 0.4:
        wall = _pleura(rng)
        _paint(image, wall, SOLID_HU + rng.uniform(-40, 20))
    nodules, balls = [], np.full((SIDE, SIDE, SIDE), 30.0)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2]))):
        radius = float(np.exp(rng.uniform(np.log(2.0), np.log(10.0))))
        centre = rng.uniform(12, SIDE - 12, 3)
        near = rng.random()
        if near < 0.25:  # against the pleura
            rim = np.argwhere(np.abs(wall - radius * rng.uniform(0.2, 1.0)) < 0.7)
            centre = rim[rng.integers(len(rim))].astype(float) if len(rim) else centre
        elif near < 0.45:  # on a vessel
            rim = np.argwhere(np.abs(tubes - radius * rng.uniform(0.3, 1.0)) < 0.7)
            centre = rim[rng.integers(len(rim))].astype(float) if len(rim) else centre
        whole = tuple(int(v) for v in np.clip(np.rint(centre), 0, SIDE - 1))
        if (centre < 9).any() or (centre > SIDE - 9).any() or wall[whole] < -1:
            continue
        one = Nodule(centre, radius, bool(rng.random() < 0.88))
        distance = _ball(rng, one)
        _paint(image, distance, SOLID_HU - rng.uniform(-40, 120) if one.solid
               else rng.uniform(-650, -350))  # fmt: skip
        balls = np.minimum(balls, distance)
        nodules.append(one)
    thick = rng.uniform(0.4, 1.4)
    blur = rng.uniform(0.4, 0.9)
    image = ndimage.gaussian_filter(image, (np.hypot(blur, thick), blur, blur))
    noise = ndimage.gaussian_filter(rng.normal(size=image.shape), (0.2, 0.6, 0.6))
    image += noise / noise.std() * np.exp(rng.uniform(np.log(6), np.log(45)))
    inside = (wall > 0.5) | (balls < 0)
    return Block(image.astype(np.float32), inside, tuple(nodules))

"""Another family of generated heads, made by other rules: what training never saw.

Nothing of ``workstation.demo`` is in it. Skull and brain are super-ellipsoids, sulci are where
smooth noise is near zero, ventricles and cisterns are ellipsoids. A clot is a level set of noise,
a subdural collection the difference of two shifted hulls, an epidural one the cut of a ball with
the brain, subarachnoid blood fills sulci in a box, ventricular blood the lowest or highest part.
Noise is a white field under a running mean, with rings about the middle; slices are plain means.
Arrays (z, y, x), axes to the head, back and left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from workstation.demo.bleeds import BleedKind
from workstation.domain.geometry import Grid, as_matrix

PURPOSE = 701
_SUB = 3


@dataclass
class OtherScan:
    """array: HU. blood: mask, voxels half covered or more. kind: or "none"."""

    name: str
    kind: str
    array: np.ndarray
    grid: Grid
    blood: np.ndarray


class _Space:
    """Coordinates and noise on the fine grid."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int],
                 step: tuple[float, float, float]) -> None:  # fmt: skip
        self.rng, self.shape, self.step = rng, shape, step
        axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, step, strict=True)]
        turn = np.radians(rng.normal(0.0, 5.0))
        z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
        self.z = (z + 18.0).astype(np.float32)
        self.y = (np.cos(turn) * y + np.sin(turn) * x).astype(np.float32)
        self.x = (np.cos(turn) * x - np.sin(turn) * y).astype(np.float32)

    def noise(self, sigma_mm: float) -> np.ndarray:
        field = self.rng.standard_normal(self.shape, dtype=np.float32)
        field = ndimage.gaussian_filter(field, [sigma_mm / s for s in self.step], mode="wrap")
        return np.asarray(field / field.std(), np.float32)

    def hull(self, a: float, b: float, c: float, power: float = 2.2,
             at: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:  # fmt: skip
        """Negative within a super-ellipsoid, about mm near its surface."""
        r = (np.abs((self.x - at[0]) / a) ** power + np.abs((self.y - at[1]) / b) ** power
             + np.abs((self.z - at[2]) / c) ** power) ** (1 / power)  # fmt: skip
        return np.asarray((r - 1.0) * min(a, b, c), np.float32)


def _level(field: np.ndarray, room: np.ndarray, voxels: float) -> np.ndarray:
    """The ``voxels`` of ``room`` with the highest values."""
    values = field[room]
    count = int(min(max(voxels, 1), values.size))
    return room & (field >= np.partition(values, values.size - count)[values.size - count])


def other_scan(number: int, kind: BleedKind | None, ml: float) -> OtherScan:
    """One head, made for this scan alone."""
    # The kind has no part in the seed: the same heads carry all kinds.
    rng = np.random.default_rng((number, PURPOSE))
    thick = float(rng.choice([2.0, 3.0, 4.0, 5.0, 6.0]))
    pixel = float(rng.uniform(0.75, 1.0))
    slices = int(np.ceil(144.0 / thick))
    shape = (slices * _SUB, round(220 / pixel), round(184 / pixel))
    space = _Space(rng, shape, (thick / _SUB, pixel, pixel))
    size = rng.normal(1.0, 0.03, 3)
    a, b, c = 66.0 * size[0], 83.0 * size[1], 72.0 * size[2]
    brain = space.hull(a, b, c) + 0.8 * space.noise(14.0)
    skull = float(rng.uniform(4.0, 8.0)) + 0.6 * space.noise(18.0)
    scalp = skull + float(rng.uniform(4.0, 8.0))
    grey, fluid = float(rng.uniform(33, 40)), float(rng.uniform(3, 12))
    white = grey - float(rng.uniform(4, 9))
    image = np.full(shape, -1000.0, np.float32)
    for mask, value in (
        (brain < scalp, float(rng.uniform(-70, 20))),
        (brain < skull, float(rng.uniform(700, 1300))),
        (np.abs(brain - skull * 0.5) < 0.2 * skull, float(rng.uniform(250, 600))),
        (brain < 0.0, fluid),
    ):
        image[mask] = value
    folds = np.abs(space.noise(5.0))
    wide = float(rng.uniform(0.12, 0.3))
    sulcus = (folds < wide) & (brain < 0) & (brain > -16)
    tissue = (brain < -float(rng.uniform(1.0, 3.5))) & ~sulcus
    image[tissue] = white
    image[tissue & ((brain > -5.5) | ((folds < 0.8) & (brain > -19)))] = grey
    nuclei = np.minimum(*(space.hull(8, 16, 12, 2.0, (s * 22.0, 2.0, 2.0)) for s in (-1, 1)))
    image[tissue & (nuclei < 0)] = grey + 1.0
    big = float(rng.uniform(0.6, 1.5))
    wet = np.zeros(shape, bool)
    for s in (-1, 1):
        wet |= space.hull(6 * big, 30, 13 * big, 2.0, (s * 12.0, -2.0, 14.0)) < 0
        wet |= space.hull(5 * big, 12, 6 * big, 2.0, (s * 24.0, 38.0, 6.0)) < 0
    wet |= space.hull(1.5 + big, 12, 9, 2.0, (0.0, 6.0, 0.0)) < 0
    wet &= brain < -8.0
    cistern = (space.hull(14, 12, 8, 2.0, (0.0, -6.0, -22.0)) < 0) & (brain < 0)
    image[wet | cistern] = fluid
    low = space.z < -24.0
    stem = (space.hull(13, 13, 60, 2.0, (0.0, 14.0, -40.0)) < 0) & (brain < -1)
    image[stem & low] = white
    falx = (np.abs(space.x) < float(rng.uniform(0.5, 1.1))) & (brain < 0) & (space.z > 26.0)
    image[falx] = float(rng.uniform(40, 60))
    sinus = (np.abs(space.x) + 0.7 * np.abs(brain) < 4.5) & (brain < 0) & (space.y > -10)
    image[sinus & (space.z > 0)] = float(rng.uniform(38, 60))
    petrous = np.zeros(shape, bool)
    for s in (-1, 1):
        petrous |= space.hull(24, 8, 9, 2.0, (s * 42.0, 12.0 + 4 * s, -40.0)) < 0
    image[petrous & (brain < 6)] = 900.0
    for at in ((0.0, 32.0, 4.0), (24.0, 38.0, 7.0), (-24.0, 38.0, 7.0)):
        if rng.random() < 0.6:
            image[space.hull(*[float(rng.uniform(1.5, 3.5))] * 3, 2.0, at) < 0] = float(
                rng.uniform(90, 400)
            )
    inside = brain < 0.0
    blood = np.zeros(shape, bool)
    if kind is not None:
        voxels = ml / (np.prod(space.step) / 1000.0)
        blood = _bleed(space, kind, voxels, (brain, wet, sulcus | cistern, inside & ~petrous))
        image[blood] = (float(rng.uniform(48, 74)) + 2.5 * space.noise(3.0))[blood]
    image = image.reshape(slices, _SUB, *shape[1:]).mean(axis=1)
    part = blood.reshape(slices, _SUB, *shape[1:]).mean(axis=1)
    image = ndimage.uniform_filter(image, (1, 3, 3)) * 0.5 + image * 0.5
    image += _grain(rng, image, pixel)
    affine = np.diag([pixel, pixel, thick, 1.0])
    affine[:3, 3] = [-shape[2] * pixel / 2, -shape[1] * pixel / 2, 0.0]
    grid = Grid((image.shape[0], image.shape[1], image.shape[2]), as_matrix(affine))
    array = np.clip(np.rint(image), -1024, 3071).astype(np.int16)
    name = f"other-{number}-{kind or 'none'}"
    return OtherScan(name, str(kind or "none"), array, grid, part >= 0.5)


def _bleed(space: _Space, kind: BleedKind, voxels: float, parts: tuple) -> np.ndarray:
    brain, wet, clefts, inside = parts
    rng = space.rng
    side = float(rng.choice([-1.0, 1.0]))
    own = space.x * side > 1.0
    if kind is BleedKind.PARENCHYMAL:
        at = (side * rng.uniform(14, 45), rng.uniform(-45, 55), rng.uniform(-10, 40))
        near = (space.x - at[0]) ** 2 + (space.y - at[1]) ** 2 + (space.z - at[2]) ** 2
        reach = 8.0 * (voxels * np.prod(space.step) / 4000.0) ** (1 / 3) + 4.0
        field = space.noise(0.35 * reach) * 0.5 - np.sqrt(near) / reach * 2.0
        return _level(field, inside & (brain < -4), voxels)
    if kind is BleedKind.VENTRICULAR:
        order = space.y if rng.random() < 0.6 else -np.abs(space.x - side * 10.0)
        return _level(np.broadcast_to(order, wet.shape) + 0.05 * space.noise(4.0), wet, voxels)
    if kind is BleedKind.SUBARACHNOID:
        base = rng.random() < 0.5
        at = (0.0, -6.0, -20.0) if base else (side * 40, rng.uniform(-40, 50), 30.0)
        far = np.maximum(np.maximum(np.abs(space.x - at[0]), np.abs(space.y - at[1])),
                         np.abs(space.z - at[2]))  # fmt: skip
        return _level(-far, clefts & inside, voxels)
    if kind is BleedKind.SUBDURAL:
        # What the hull loses when it is shifted towards the other side.
        toward = np.array([-side, rng.normal(0, 0.4), rng.normal(0, 0.2)])
        toward /= np.linalg.norm(toward)
        out = -(space.x * toward[0] + space.y * toward[1] + space.z * toward[2])
        lost = brain * 8.0 + out
        return _level(lost, inside & own & (space.z > -15.0) & (brain > -22.0), voxels)
    at = np.array([side * 66.0, rng.uniform(-40, 50), rng.uniform(0, 45)])
    far = np.sqrt((space.x - at[0]) ** 2 + (space.y - at[1]) ** 2 + (space.z - at[2]) ** 2)
    return _level(-far, inside & own, voxels)


def _grain(rng: np.random.Generator, image: np.ndarray, pixel: float) -> np.ndarray:
    white = rng.standard_normal(image.shape, dtype=np.float32)
    soft = ndimage.uniform_filter(white, (1, 2, 2))
    soft *= float(rng.uniform(2.0, 5.0)) / soft.std()
    y, x = np.indices(image.shape[1:])
    far = np.hypot(y - image.shape[1] / 2, x - image.shape[2] / 2)
    rings = np.interp(far.ravel(), np.arange(400), rng.normal(0, 0.5, 400)).reshape(far.shape)
    return soft + rings[None].astype(np.float32)

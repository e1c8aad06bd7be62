"""A patch of a generated body as a scanner would show it: turned, cut, blurred, noisy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from tissues import CLASS_TABLE, table

PATCH = (80, 96, 128)  # z, y, x at 3 mm: nearly a whole cross-section
LOWEST, HIGHEST = -1024.0, 1500.0
AIR = LOWEST / 1000.0

Image = NDArray[np.float32]


def _turned(rng: np.random.Generator, body: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A patch's tissues, around a place in the body; air beyond."""
    angles = np.deg2rad(rng.normal(0, (3.0, 3.0, 4.0)))
    scale = np.exp(rng.normal(0, 0.05)) * np.exp(rng.normal(0, 0.04, 3))
    matrix = _rotation(angles) * scale[None, :]
    held = body > 1
    rows = [np.flatnonzero(held.any(axis=tuple(b for b in range(3) if b != a))) for a in range(3)]
    if any(r.size == 0 for r in rows):
        middle = np.asarray(body.shape) / 2
    else:
        z = rng.uniform(rows[0][0], rows[0][-1])
        middle = np.array([z, 0.5 * (rows[1][0] + rows[1][-1]) + rng.normal(0, 6),
                           0.5 * (rows[2][0] + rows[2][-1]) + rng.normal(0, 8)])  # fmt: skip
    offset = middle - matrix @ (np.asarray(PATCH) / 2)
    return ndimage.affine_transform(body, matrix, offset, PATCH, order=0, cval=0)


def _rotation(angles: NDArray[np.floating]) -> NDArray[np.floating]:
    a, b, c = angles
    one = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    two = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    three = np.array([[1, 0, 0], [0, np.cos(c), np.sin(c)], [0, -np.sin(c), np.cos(c)]])
    return one @ two @ three


def _noise(rng: np.random.Generator, shape: tuple[int, ...], every: int) -> Image:
    """Unit noise, smooth over ``every`` voxels."""
    small = [n // every + 2 for n in shape]
    coarse = rng.standard_normal(small, dtype=np.float32)
    out = np.empty(shape, dtype=np.float32)
    zoom = [n / s for n, s in zip(shape, small, strict=True)]
    ndimage.zoom(coarse, zoom, output=out, order=1, mode="nearest", grid_mode=True)
    return out * np.float32(1.6)


def _thick(image: Image, slices: float, start: float) -> Image:
    """Slices of ``slices`` voxels, interpolated back."""
    mean = ndimage.uniform_filter1d(image, max(1, round(slices)), axis=0, mode="nearest")
    at = np.arange(start, len(image) - 1e-3, slices)
    if at.size < 2:
        return mean
    planes = mean[np.minimum(np.round(at).astype(int), len(image) - 1)]
    place = np.clip((np.arange(len(image)) - at[0]) / slices, 0, at.size - 1)
    low = np.minimum(place.astype(int), at.size - 2)
    part = (place - low).astype(np.float32)[:, None, None]
    return planes[low] * (1 - part) + planes[low + 1] * part


def seen_by(rng: np.random.Generator, tissue: NDArray[np.uint8]) -> tuple[Image, str]:
    """HU of a patch of tissues, before it is cut; the contrast phase."""
    mean, rough, phase = table(rng)
    fine = rng.standard_normal(tissue.shape, dtype=np.float32)
    image = mean[tissue] + rough[tissue] * (
        np.float32(0.75) * _noise(rng, tissue.shape, 4) + np.float32(0.55) * fine
    )
    blur = rng.uniform(0.2, 0.75)
    image = ndimage.gaussian_filter(image, (rng.uniform(0.1, 0.6), blur, blur), truncate=2.5)
    if rng.random() < 0.35:
        thick = rng.uniform(1.6, 3.4)
        image = _thick(image, thick, rng.uniform(0, thick))
    noise = rng.standard_normal(tissue.shape, dtype=np.float32)
    if rng.random() < 0.6:
        sigma = rng.uniform(0.3, 0.6)
        noise = ndimage.gaussian_filter(noise, sigma, truncate=2.5)
        noise /= max(float(noise[::4, ::4, ::4].std()), 1e-6)
    image += noise * np.float32(np.exp(rng.uniform(np.log(3), np.log(45))))
    if rng.random() < 0.3:
        image += _noise(rng, tissue.shape, 32) * np.float32(rng.uniform(2, 10))
    return image + np.float32(rng.normal(0, 4)), phase


def _cut(rng: np.random.Generator, image: Image, label: NDArray[np.uint8]) -> None:
    """The field of view: nothing beyond it is seen or asked for."""
    keep = np.ones(image.shape, dtype=bool)
    if rng.random() < 0.35:  # the stack ends within the patch
        count = image.shape[0]
        held = int(rng.integers(12, count))
        first = int(rng.integers(0, count - held + 1))
        keep[:first] = keep[first + held :] = False
    kind = rng.random()
    y, x = (np.arange(n, dtype=np.float32) for n in image.shape[1:])
    if kind < 0.18:  # a box, as of a heart scan
        for axis, count in ((1, image.shape[1]), (2, image.shape[2])):
            held = int(rng.uniform(0.42, 0.9) * count)
            first = int(rng.integers(0, count - held + 1))
            line = np.zeros(count, dtype=bool)
            line[first : first + held] = True
            keep &= line[:, None] if axis == 1 else line
    elif kind < 0.45:  # a circle
        radius = rng.uniform(0.36, 0.58) * image.shape[2]
        middle = np.array([image.shape[1], image.shape[2]]) / 2 + rng.normal(0, 5, 2)
        keep &= ((y - middle[0])[:, None] ** 2 + (x - middle[1]) ** 2 < radius**2)[None]
    image[~keep] = LOWEST
    label[~keep] = 0


def draw(rng: np.random.Generator, body: NDArray[np.uint8]) -> tuple[Image, NDArray[np.uint8]]:
    """One patch: HU/1000 as the manifest prepares it, and classes."""
    tissue = _turned(rng, body)
    image, _ = seen_by(rng, tissue)
    label = CLASS_TABLE[tissue]
    _cut(rng, image, label)
    np.clip(image, LOWEST, HIGHEST, out=image)
    return image / np.float32(1000.0), label

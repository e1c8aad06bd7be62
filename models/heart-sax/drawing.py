"""Training patches: three neighbouring slices, turned, scaled and re-graded, with their labels."""

from __future__ import annotations

import numpy as np
import torch
from anatomy import BACKGROUND
from scipy import ndimage
from synthesis import Heart
from torch.nn import functional

PATCH = 128
SIDE = 256
USUAL = 0.6  # part of the patches that keep the stored orientation; the others take any of eight
BEYOND = 0.14  # part of the patches whose middle slice lies beyond an end
END = 0.5  # beyond an end slice lies a made one this often, else the end slice again


def _levels(heart: Heart, z: int, made: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    """Slices z - 1, z, z + 1 of a heart; ``made``: slices for beyond base and apex."""
    count = len(heart.image)
    found = []
    for step in (-1, 0, 1):
        at = z + step
        if at < 0 or at >= count:
            found.append(made[0 if at < 0 else 1][0])
        elif step and not heart.joined[min(at, z)]:
            found.append(heart.image[z])
        else:
            found.append(heart.image[at])
    return found


def _picked(
    rng: np.random.Generator, heart: Heart
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Three slices (y, x), the middle one's label and the point (y, x) to look around."""
    base = heart.base[rng.integers(len(heart.base))]
    apex = heart.apex[rng.integers(len(heart.apex))]
    if rng.random() < BEYOND:
        if rng.random() < 0.5:
            other = heart.base[rng.integers(len(heart.base))]
            far = other[0] if rng.random() < 0.5 else base[0]
            return [far, base[0], heart.image[0]], base[1], heart.centres[0]
        other = heart.apex[rng.integers(len(heart.apex))]
        far = other[0] if rng.random() < 0.5 else apex[0]
        return [heart.image[-1], apex[0], far], apex[1], heart.centres[-1]
    z = int(rng.integers(len(heart.image)))
    first, last = (heart.image[0],), (heart.image[-1],)
    made = [base if rng.random() < END else first, apex if rng.random() < END else last]
    planes = _levels(heart, z, made)
    if rng.random() < 0.08:
        planes = [planes[1]] * 3
    return planes, heart.label[z], heart.centres[z]


def _where(rng: np.random.Generator, centre: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(2, 3) affine matrix from a patch to its slice, in the units of ``affine_grid``."""
    if rng.random() < 0.8:
        y, x = centre + rng.normal(0, 14, 2)
    else:
        y, x = rng.uniform(0.2, 0.8, 2) * shape
    angle = np.deg2rad(rng.normal(0, 14))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() > USUAL:
        quarter = int(rng.integers(4))
        turn = turn @ np.round(
            [[np.cos(k := quarter * np.pi / 2), -np.sin(k)], [np.sin(k), np.cos(k)]]
        )
        if rng.random() < 0.5:
            turn = turn @ np.diag([-1.0, 1.0])
    zoom = np.exp(rng.normal(0, 0.16)) * np.exp(rng.normal(0, 0.05, 2))
    height, width = shape
    scale = np.array([PATCH / width, PATCH / height])
    out = np.zeros((2, 3))
    # x first, as torch counts; sizes differ, so that turning happens in pixels.
    out[:, :2] = np.diag(scale) @ turn @ np.diag(zoom)
    out[:, 2] = [(2 * x + 1) / width - 1, (2 * y + 1) / height - 1]
    return out


def _regraded(rng: np.random.Generator, planes: np.ndarray) -> np.ndarray:
    """Other gain, contrast, shading, sharpness and noise; slices a little apart from each other."""
    low, high = float(planes.min()), float(planes.max())
    planes = (planes - low) / max(high - low, 1e-6)
    planes = planes ** np.exp(rng.normal(0, 0.25))
    planes = planes * np.exp(rng.normal(0, 0.12, (3, 1, 1)))
    ys, xs = np.mgrid[-1 : 1 : PATCH * 1j, -1 : 1 : PATCH * 1j]
    a, b, c = rng.normal(0, 0.2, 3)
    planes = planes * np.exp(a * ys + b * xs + c * (ys * ys + xs * xs - 0.6))
    if rng.random() < 0.35:
        planes = ndimage.gaussian_filter(planes, (0, *[rng.uniform(0.3, 1.1)] * 2))
    if rng.random() < 0.5:
        noise = rng.uniform(0.005, 0.05) * rng.standard_normal(planes.shape)
        planes = np.abs(planes + noise)
    planes = planes * (high - low) * np.exp(rng.normal(0, 0.22)) + low
    return planes + rng.normal(0, 0.2)


def draw(
    rng: np.random.Generator, hearts: list[Heart], count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` patches: images (N, 3, P, P) float32, labels (N, P, P) int64."""
    images, labels = [], []
    for _ in range(count):
        heart = hearts[rng.integers(len(hearts))]
        planes, label, centre = _picked(rng, heart)
        theta = torch.from_numpy(_where(rng, centre, label.shape)[None]).float()
        grid = functional.affine_grid(theta, [1, 1, PATCH, PATCH], align_corners=False)
        given = torch.from_numpy(np.stack(planes)[None]) - heart.floor
        image = functional.grid_sample(given, grid, align_corners=False)[0].numpy()
        named = functional.grid_sample(
            torch.from_numpy(label.astype(np.float32))[None, None] - BACKGROUND,
            grid,
            mode="nearest",
            align_corners=False,
        )[0, 0]
        for side in (0, 2):
            if rng.random() < 0.3:
                image[side] = np.roll(image[side], rng.integers(-2, 3, 2), (0, 1))
        if rng.random() < 0.5:
            image = image[::-1]
        images.append(_regraded(rng, image + heart.floor).astype(np.float32))
        labels.append(named.round().long())
    return torch.from_numpy(np.stack(images)), torch.stack(labels)

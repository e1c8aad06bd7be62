"""Images as scanners and patients vary them: what the gate's numbers are calibrated on.

Arrays (z, y, x) towards head, back and left. A variation turns, stretches, cuts off slices below
and above, takes thicker slices, changes contrast by a power, adds shading, blur and noise, and
mirrors left and right, each by a random amount that clinical FLAIR shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from workstation.domain.geometry import Grid, as_matrix


@dataclass
class Scan:
    """One image. kind: "whole head" or "brain-extracted". spacing: z, y, x, mm. real: of a
    patient, not generated."""

    name: str
    kind: str
    image: np.ndarray
    spacing: np.ndarray
    real: bool

    @property
    def grid(self) -> Grid:
        """In LPS, axes to the left, back and head."""
        z, y, x = self.image.shape
        steps = [self.spacing[2], self.spacing[1], self.spacing[0], 1.0]
        return Grid((z, y, x), as_matrix(np.diag(steps)))


def coarse(scan: Scan, in_plane_mm: float = 1.4) -> Scan:
    """Pixels averaged to about ``in_plane_mm``, thin slices left out: what varying needs."""
    by = [max(1, round(in_plane_mm / step)) for step in scan.spacing[1:]]
    every = max(1, int(2.0 / scan.spacing[0]))
    image = scan.image[every // 2 :: every]
    rows, columns = (n // k * k for n, k in zip(image.shape[1:], by, strict=True))
    blocks = image[:, :rows, :columns].reshape(
        len(image), rows // by[0], by[0], columns // by[1], by[1]
    )
    spacing = scan.spacing * [every, *by]
    return Scan(scan.name, scan.kind, blocks.mean(axis=(2, 4)), spacing, scan.real)


def _turned(rng: np.random.Generator) -> np.ndarray:
    """A small rotation of the (z, y, x) axes: pitch, yaw, roll deviate by 5, 3, 3 deg."""
    pitch, yaw, roll = np.radians(rng.normal(0.0, [5.0, 3.0, 3.0]))
    out = np.eye(3)
    for angle, (a, b) in ((pitch, (0, 1)), (yaw, (1, 2)), (roll, (0, 2))):
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        out = out @ one
    return out


def varied(rng: np.random.Generator, scan: Scan) -> Scan:
    """One variation of a ``coarse`` scan."""
    spacing = scan.spacing.copy()
    if rng.random() < 0.6:
        spacing[0] = rng.uniform(max(spacing[0], 1.0), max(spacing[0] + 0.1, 5.5))
    size = np.asarray(scan.image.shape)
    new = np.ceil(size * scan.spacing / spacing).astype(int)
    stretch = np.diag(rng.uniform(0.93, 1.07) * rng.uniform(0.96, 1.04, 3))
    matrix = np.diag(1 / scan.spacing) @ _turned(rng) @ stretch @ np.diag(spacing)
    times = spacing[0] / scan.spacing[0]
    source = scan.image
    if times > 1.6:
        source = ndimage.uniform_filter1d(source, round(times), axis=0)
    floor = float(np.percentile(source[:, ::4, ::4], 1.0))
    image = ndimage.affine_transform(
        source,
        matrix,
        (size - 1) / 2 - matrix @ ((new - 1) / 2),
        output_shape=tuple(new),
        output=np.float32,
        order=1,
        cval=floor,
    )
    image = _cut(rng, image, spacing)
    image = np.maximum(image - floor, 0.0)
    image /= max(float(np.percentile(image[:, ::2, ::2], 99.0)), 1e-6)
    image **= rng.uniform(0.85, 1.2)
    shading = ndimage.zoom(
        rng.normal(0.0, 1.0, (3, 4, 4)), np.asarray(image.shape) / (3, 4, 4), order=1
    )
    image *= np.exp(rng.uniform(0.0, 0.15) * shading).astype(np.float32)
    if rng.random() < 0.4:
        image = ndimage.gaussian_filter(image, (0.0, *(rng.uniform(0.2, 0.8) / spacing[1:])))
    deviation = rng.uniform(0.0, 0.04)
    noisy = np.hypot(
        image + rng.normal(0.0, deviation, image.shape), rng.normal(0.0, deviation, image.shape)
    )
    if scan.kind == "brain-extracted":
        noisy = np.where(image > 0.02, noisy, image)
    if rng.random() < 0.5:
        noisy = noisy[:, :, ::-1]
    return Scan(scan.name, scan.kind, np.ascontiguousarray(noisy, np.float32), spacing, scan.real)


def _cut(rng: np.random.Generator, image: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Slices missing below (at most 18 mm, 112 mm stay) and above (at most 5 mm)."""
    low, high = np.percentile(image[:, ::2, ::2], [1.0, 99.0])
    held = np.flatnonzero((image > low + 0.15 * (high - low)).mean(axis=(1, 2)) > 0.002)
    if held.size < 8:
        return image
    first, last = int(held[0]), int(held[-1]) + 1
    height = (last - first) * spacing[0]
    below = rng.uniform(0.0, min(18.0, max(0.0, height - 112.0))) if rng.random() < 0.6 else None
    above = rng.uniform(0.0, 5.0) if rng.random() < 0.4 else None
    start = 0 if below is None else first + int(below / spacing[0])
    end = len(image) if above is None else last - int(above / spacing[0])
    return image[start:end]

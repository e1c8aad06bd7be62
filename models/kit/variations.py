"""Images as scanners and patients vary them: what a gate's numbers are calibrated on.

Arrays (z, y, x) in the orientation that the gate looks at. A variation turns, stretches, cuts off
slices at both ends, takes thicker slices, changes contrast by a power, adds shading, blur and
noise, and mirrors left and right, each by a random amount within ``Spread``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from workstation.domain.geometry import Grid, as_matrix


@dataclass(frozen=True)
class Spread:
    """How much a variation may differ from its image.

    turns_deg: standard deviation of pitch, yaw and roll. thickest_mm: slices may become this thick
    (no thicker where they are already). lose_low_mm, lose_high_mm: slices left out at the first
    and last end, as long as keep_mm stay. thin_mm: thinner slices are thinned to this first.
    extracted: a kind whose background is exactly 0 and stays so.
    """

    turns_deg: tuple[float, float, float] = (5.0, 3.0, 3.0)
    thickest_mm: float = 5.5
    lose_low_mm: float = 18.0
    lose_high_mm: float = 5.0
    keep_mm: float = 112.0
    thin_mm: float = 2.0
    extracted: str = "brain-extracted"


USUAL = Spread()


@dataclass
class Scan:
    """One image. kind: as the gate's kinds are called. spacing: z, y, x, mm. real: of a
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


def coarse(scan: Scan, in_plane_mm: float = 1.4, thin_mm: float = USUAL.thin_mm) -> Scan:
    """Pixels averaged to about ``in_plane_mm``, thin slices left out: what varying needs."""
    by = [max(1, round(in_plane_mm / step)) for step in scan.spacing[1:]]
    every = max(1, int(thin_mm / scan.spacing[0]))
    image = scan.image[every // 2 :: every]
    rows, columns = (n // k * k for n, k in zip(image.shape[1:], by, strict=True))
    blocks = image[:, :rows, :columns].reshape(
        len(image), rows // by[0], by[0], columns // by[1], by[1]
    )
    spacing = scan.spacing * [every, *by]
    return Scan(scan.name, scan.kind, blocks.mean(axis=(2, 4)), spacing, scan.real)


def _turned(rng: np.random.Generator, spread: Spread) -> np.ndarray:
    """A small rotation of the (z, y, x) axes."""
    pitch, yaw, roll = np.radians(rng.normal(0.0, spread.turns_deg))
    out = np.eye(3)
    for angle, (a, b) in ((pitch, (0, 1)), (yaw, (1, 2)), (roll, (0, 2))):
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        out = out @ one
    return out


def varied(rng: np.random.Generator, scan: Scan, spread: Spread = USUAL) -> Scan:
    """One variation of a ``coarse`` scan."""
    spacing = scan.spacing.copy()
    if rng.random() < 0.6:
        spacing[0] = rng.uniform(max(spacing[0], 1.0), max(spacing[0] + 0.1, spread.thickest_mm))
    size = np.asarray(scan.image.shape)
    new = np.ceil(size * scan.spacing / spacing).astype(int)
    stretch = np.diag(rng.uniform(0.93, 1.07) * rng.uniform(0.96, 1.04, 3))
    matrix = np.diag(1 / scan.spacing) @ _turned(rng, spread) @ stretch @ np.diag(spacing)
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
    image = _cut(rng, image, spacing, spread)
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
    if scan.kind == spread.extracted:
        noisy = np.where(image > 0.02, noisy, image)
    if rng.random() < 0.5:
        noisy = noisy[:, :, ::-1]
    return Scan(scan.name, scan.kind, np.ascontiguousarray(noisy, np.float32), spacing, scan.real)


def _cut(
    rng: np.random.Generator, image: np.ndarray, spacing: np.ndarray, spread: Spread
) -> np.ndarray:
    """Slices missing at both ends."""
    low, high = np.percentile(image[:, ::2, ::2], [1.0, 99.0])
    held = np.flatnonzero((image > low + 0.15 * (high - low)).mean(axis=(1, 2)) > 0.002)
    if held.size < 8:
        return image
    first, last = int(held[0]), int(held[-1]) + 1
    height = (last - first) * spacing[0]
    most = min(spread.lose_low_mm, max(0.0, height - spread.keep_mm))
    below = rng.uniform(0.0, most) if rng.random() < 0.6 else None
    above = rng.uniform(0.0, spread.lose_high_mm) if rng.random() < 0.4 else None
    start = 0 if below is None else first + int(below / spacing[0])
    end = len(image) if above is None else last - int(above / spacing[0])
    return image[start:end]

"""What a scanner does to anatomy: it blurs, weights slices, shades and adds its noise.

MR: k-space is sampled up to a corner and filtered (Gibbs ringing and blur in one step), noise is
complex and white in k-space, the magnitude is shown (Rician, Gudbjartsson and Patz 1995). CT:
blur of the focal spot, noise with the ramp-times-window spectrum of filtered backprojection
(Riederer 1978), more of it behind more tissue, with faint streaks.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from workstation.demo.shapes import Field

Samples = NDArray[np.int16]


def slice_profile(fine: Field, per_slice: int, skip: int = 0) -> Field:
    """Average fine sub-slices into slices, (z, y, x); a smooth profile, not a box.

    per_slice: sub-slices of one slice. skip: sub-slices of the gap that follows it.
    """
    weights = np.hanning(per_slice + 2)[1:-1] * 0.5 + 0.5
    weights = (weights / weights.sum()).astype(np.float32)
    step = per_slice + skip
    count = (fine.shape[0] + skip) // step
    out = np.zeros((count, *fine.shape[1:]), dtype=np.float32)
    for k in range(per_slice):
        out += weights[k] * fine[k : k + (count - 1) * step + 1 : step]
    return out


def coil_shading(shape: tuple[int, ...], rng: np.random.Generator, strength: float) -> Field:
    """Smooth positive shading of mean about 1 over (z, y, x): a few coils' sensitivities."""
    z, y, x = (np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in shape[-3:])
    waves = []
    for axis, order in ((z, 2), (y, 3), (x, 3)):
        base = np.stack([np.cos(np.pi * k * (axis + 1.0) / 2.0) for k in range(order)])
        waves.append(base)
    amount = rng.normal(size=(2, 3, 3)).astype(np.float32)
    amount[0, 0, 0] = 0.0
    amount /= np.float32(1.0) + np.add.outer(
        np.arange(2), np.add.outer(np.arange(3), np.arange(3))
    ).astype(np.float32)
    field = np.einsum("abc,az,by,cx->zyx", amount, *waves, optimize=True)
    field /= max(float(np.abs(field).max()), 1e-6)
    return np.asarray(np.exp(np.float32(strength) * field), dtype=np.float32)


def magnetic_resonance(
    signal: Field,
    rng: np.random.Generator,
    *,
    noise: float,
    sampled: tuple[float, float] = (0.9, 0.8),
    full_scale: float = 1000.0,
    volume_echo: bool = False,
) -> Samples:
    """Magnitude image of slices (..., y, x): int16, a signal of 1 is ``full_scale``.

    noise: standard deviation of each channel against a signal of 1. sampled: fraction of k-space
    along y and x that is acquired; the rest is zero-filled. volume_echo: sample z too (3D).
    """
    ny, nx = signal.shape[-2:]
    ky = np.abs(fft.fftfreq(ny) * 2.0).astype(np.float32)[:, None]
    kx = np.abs(fft.fftfreq(nx) * 2.0).astype(np.float32)[None, :]
    # Fermi filter at an elliptic corner: rings a little, as scanners do.
    radius = np.sqrt((ky / sampled[0]) ** 2 + (kx / sampled[1]) ** 2)
    keep = (1.0 / (1.0 + np.exp((radius - 1.0) / 0.055))).astype(np.float32)
    gain = float(np.sqrt(ny * nx))
    passed = float(np.sqrt(np.mean(keep**2)))
    out = np.empty(signal.shape, dtype=np.int16)
    flat, target = signal.reshape(-1, ny, nx), out.reshape(-1, ny, nx)
    source = ndimage.gaussian_filter1d(flat, 0.55, axis=0) if volume_echo else flat
    for k in range(flat.shape[0]):
        space = fft.fft2(source[k])
        grain = rng.standard_normal((2, ny, nx), dtype=np.float32) * np.float32(
            noise * gain / passed
        )
        space += grain[0] + 1j * grain[1]
        image = np.abs(fft.ifft2(space * keep)) * np.float32(full_scale)
        target[k] = np.clip(np.rint(image), 0, 32000).astype(np.int16)
    return out


def computed_tomography(
    hounsfield: Field,
    rng: np.random.Generator,
    *,
    pixel_mm: float,
    noise_hu: float,
    sharp: float = 0.62,
    blur_mm: float = 0.75,
) -> Samples:
    """CT slices (z, y, x) in HU, int16, never under -1024.

    noise_hu: noise in the middle of soft tissue. sharp: where the reconstruction window falls,
    cycles per mm. blur_mm: full width at half maximum of the in-plane point spread.
    """
    ny, nx = hounsfield.shape[-2:]
    fy = fft.fftfreq(ny, pixel_mm).astype(np.float32)[:, None]
    fx = fft.rfftfreq(nx, pixel_mm).astype(np.float32)[None, :]
    radius = np.sqrt(fy**2 + fx**2)
    spectrum = np.sqrt(radius + 0.01) * np.exp(-((radius / np.float32(sharp)) ** 2))
    spectrum /= np.float32(np.sqrt(np.mean(spectrum**2)))
    sigma = blur_mm / 2.355
    transfer = np.exp(-2.0 * (np.pi * sigma * radius) ** 2)
    transfer *= 1.0 + 0.22 * np.exp(-(((radius - 0.35) / 0.15) ** 2))  # kernel lifts edges a bit
    across = np.exp(-((fy / 0.22) ** 2) - ((fx / 0.02) ** 2))
    across /= np.float32(max(float(np.sqrt(np.mean(across**2))), 1e-6))
    seeds = rng.integers(2**62, size=hounsfield.shape[0] + 1)

    def white(k: int) -> NDArray[np.complex64]:
        grain = np.random.default_rng(int(seeds[k])).standard_normal((ny, nx), dtype=np.float32)
        return np.asarray(fft.rfft2(grain))

    out = np.empty(hounsfield.shape, dtype=np.int16)

    def one(k: int) -> None:
        density = np.clip(hounsfield[k] * np.float32(0.001) + np.float32(1.0), 0.0, 2.5)
        sideways = ndimage.gaussian_filter1d(density.sum(axis=1) * pixel_mm, 12.0)[:, None]
        down = ndimage.gaussian_filter1d(density.sum(axis=0) * pixel_mm, 12.0)[None, :]
        # Counting noise grows with the tissue crossed; bowtie and modulation even it out.
        path = np.minimum(0.62 * sideways + 0.38 * down, 420.0)
        level = np.float32(noise_hu) * np.exp((path - 250.0) * 0.0038)
        # Neighbouring slices share detector rows.
        noise = np.float32(0.93) * white(k + 1) + np.float32(0.36) * white(k)
        grain = fft.irfft2(noise * spectrum, s=(ny, nx))
        heavy = np.clip((sideways - 230.0) / 160.0, 0.0, 1.0)
        if heavy.max() > 0.0:  # shoulders starve the detector: horizontal streaks
            grain += 0.5 * heavy * fft.irfft2(noise * across, s=(ny, nx))
        picture = fft.irfft2(fft.rfft2(hounsfield[k]) * transfer, s=(ny, nx))
        out[k] = np.clip(np.rint(picture + grain * level), -1024, 3071).astype(np.int16)

    # Each slice has its own seed, so threads change nothing in the result.
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(one, range(hounsfield.shape[0])))
    return out

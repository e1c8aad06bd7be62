"""The head of an acute stroke: diffusion and the first pass of contrast, with known volumes.

The middle cerebral artery of the right side feeds an ellipsoid of brain late; within it lies a
smaller one that has died already. Formulas are the usual ones: S = S0 exp(-b ADC); contrast in
tissue is flow times the artery's curve convolved with an exponential residue (Ostergaard 1996),
and the signal S0 exp(-TE dR2*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from workstation.demo.head import HeadShape, canvas_for, paint_head
from workstation.demo.scanner import Samples, magnetic_resonance
from workstation.demo.scans import Mask, tilted_head
from workstation.demo.shapes import Canvas, Field, ellipsoid
from workstation.demo.tissue import Contrast, Tissue
from workstation.demo.tubes import distance_to
from workstation.demo.vessels import arteries
from workstation.domain.geometry import Floats, Grid

BRAIN = (
    Tissue.GREY, Tissue.WHITE, Tissue.DEEP_GREY, Tissue.PALLIDUM, Tissue.BRAINSTEM,
    Tissue.CEREBELLUM,
)  # fmt: skip
DEAD_AT, _DEAD_SEMI = (-31.0, 4.0, 24.0), (10.0, 15.0, 11.0)
_LATE_AT, _LATE_SEMI = (-36.0, 8.0, 22.0), (19.0, 33.0, 24.0)
"""Ellipsoids in the standard brain (x, y, z in mm): centres and half axes."""

# T2- and T2*-weighted echo planar signal: fluid brightest, fat suppressed.
ECHO_PLANAR: Contrast = {
    Tissue.AIR: 0.0, Tissue.SKIN: 0.10, Tissue.FAT: 0.06, Tissue.MUSCLE: 0.12,
    Tissue.BONE: 0.01, Tissue.MARROW: 0.05, Tissue.CSF: 1.45, Tissue.GREY: 0.62,
    Tissue.WHITE: 0.52, Tissue.DEEP_GREY: 0.56, Tissue.PALLIDUM: 0.42, Tissue.LESION: 0.66,
    Tissue.VENTRICLE: 1.5, Tissue.CHOROID: 0.8, Tissue.BRAINSTEM: 0.52,
    Tissue.CEREBELLUM: 0.58, Tissue.EYE: 1.4, Tissue.NERVE: 0.4, Tissue.MUCOSA: 0.4,
    Tissue.VESSEL: 0.3,
}  # fmt: skip
ADC: Mapping[Tissue, float] = {
    Tissue.GREY: 830.0,
    Tissue.WHITE: 740.0,
    Tissue.DEEP_GREY: 760.0,
    Tissue.PALLIDUM: 780.0,
    Tissue.BRAINSTEM: 760.0,
    Tissue.CEREBELLUM: 780.0,
}
"""um2/s; other tissues have 800, fluid has 3000."""
_OTHER_ADC, _FLUID_ADC = 800.0, 3000.0
_FLUID: Contrast = {
    t: ECHO_PLANAR[t] if t in (Tissue.CSF, Tissue.VENTRICLE, Tissue.EYE) else 0.0
    for t in ECHO_PLANAR
}
DEAD_ADC, DEAD_SIGNAL = 430.0, 0.60
B_VALUES = (0.0, 250.0, 500.0, 750.0, 1000.0)


@dataclass(frozen=True)
class HeadSlices:
    """A painted head. label: (z, y, x); brain, late, dead: voxels of brain tissue, of what blood
    reaches late, of what has died."""

    canvas: Canvas
    shape: HeadShape
    grid: Grid
    brain: Mask
    late: Mask
    dead: Mask


def head_slices(
    shape: HeadShape,
    *,
    matrix: int,
    slices: int,
    step_mm: float,
    lowest_mm: float,
) -> HeadSlices:
    """A head on slices of ``step_mm`` from ``lowest_mm`` above the commissures, 230 mm wide."""
    pixel = 230.4 / matrix
    x = (np.arange(matrix) - (matrix - 1) / 2) * pixel
    y = x + 5.0
    z = lowest_mm + np.arange(slices) * step_mm
    canvas = canvas_for(shape, x, y, z)
    paint_head(canvas, shape, ECHO_PLANAR)
    brain = np.isin(canvas.label, [int(t) for t in BRAIN])
    w = canvas.all()
    late = brain & (ellipsoid(w, _LATE_AT, _LATE_SEMI) < 0.0)
    dead = brain & (ellipsoid(w, DEAD_AT, _DEAD_SEMI) < 0.0)
    grid = tilted_head().grid(
        (float(x[0]), float(y[0]), lowest_mm), (pixel, pixel, step_mm), (slices, matrix, matrix)
    )
    return HeadSlices(canvas, shape, grid, brain, np.asarray(late), np.asarray(dead))


def diffusion_scan(head: HeadSlices, *, seed: int, noise: float = 0.005) -> Samples:
    """Images at ``B_VALUES`` (b, z, y, x); a voxel that holds fluid in part decays in two ways."""
    table = np.full(max(Tissue) + 1, _OTHER_ADC)
    for tissue, value in ADC.items():
        table[int(tissue)] = value
    adc = table[head.canvas.label]
    wet = Canvas(head.canvas.x, head.canvas.y, head.canvas.z)
    paint_head(wet, head.shape, _FLUID)
    fluid = np.minimum(wet.value, head.canvas.value)
    solid = head.canvas.value - fluid
    fluid[head.dead], solid[head.dead], adc[head.dead] = 0.0, DEAD_SIGNAL, DEAD_ADC
    pictures = [
        solid * np.exp(-b * adc * 1e-6) + fluid * np.exp(-b * _FLUID_ADC * 1e-6) for b in B_VALUES
    ]
    rng = np.random.default_rng((seed, 103))
    return _echo_planar(np.stack(pictures).astype(np.float32), rng, noise)


TR_S, FRAMES, TE_MS = 1.6, 45, 30.0
_ONSET_S, _ARTERY_PEAK = 11.0, 80.0  # 1/s
_VOLUME_TO_100G = 100.0 * 0.7333 / 1.04  # (1 - 0.45) / (1 - 0.25) and g/mL
LATE_DELAY_S, LATE_MTT_S, LATE_CBV = 8.0, 11.0, 3.0
GREY_MTT_S, GREY_CBV, WHITE_MTT_S, WHITE_CBV = 4.4, 4.0, 5.2, 2.2


def _artery(times: Floats, delay_s: float = 0.0) -> Floats:
    """dR2* of an artery in 1/s: a gamma variate that peaks 4.5 s after it arrives."""
    since = np.maximum(times - _ONSET_S - delay_s, 0.0)
    return np.asarray(_ARTERY_PEAK * (since / 4.5) ** 3 * np.exp(3.0 - since / 1.5))


def _tissue(times: Floats, cbv: float, mtt_s: float, delay_s: float) -> Floats:
    """dR2* of tissue in 1/s: (cbv / mtt) artery * exp(-t / mtt), convolved in steps of 0.02 s."""
    fine = np.arange(0.0, float(times[-1]) + 0.02, 0.02)
    flow = cbv / _VOLUME_TO_100G / mtt_s
    length = 2 * fine.size
    spectrum = np.fft.rfft(_artery(fine, delay_s), length)
    whole = np.fft.irfft(spectrum * np.fft.rfft(np.exp(-fine / mtt_s), length), length)
    return np.asarray(np.interp(times, fine, whole[: fine.size] * 0.02 * flow))


def bolus_scan(head: HeadSlices, *, seed: int, noise: float = 0.003) -> Samples:
    """T2*-weighted images during the bolus (t, z, y, x), every ``TR_S``."""
    times = np.arange(FRAMES, dtype=np.float64) * TR_S
    grey = np.isin(head.canvas.label, [int(t) for t in BRAIN if t is not Tissue.WHITE])
    white = _tissue(times, WHITE_CBV, WHITE_MTT_S, 0.0)
    curves = (
        (np.ones_like(grey), 0.6 * white),  # the small vessels in sulci
        (head.brain & grey, _tissue(times, GREY_CBV, GREY_MTT_S, 0.0)),
        (head.brain & ~grey, white),
        (head.late, _tissue(times, LATE_CBV, LATE_MTT_S, LATE_DELAY_S)),
        (_vessels(head), _artery(times)),
    )
    still = head.canvas.value
    pictures = np.empty((FRAMES, *still.shape), dtype=np.float32)
    for number in range(FRAMES):
        change = np.zeros(still.shape)
        for mask, curve in curves:
            change[mask] = curve[number]
        # A little of each curve reaches its neighbours, as the readout of one shot smears it.
        change = ndimage.gaussian_filter(change, (0.0, 0.3, 0.3))
        pictures[number] = still * np.exp(-change * TE_MS / 1000.0)
    rng = np.random.default_rng((seed, 107))
    return _echo_planar(pictures, rng, noise)


def _echo_planar(pictures: Field, rng: np.random.Generator, noise: float) -> Samples:
    """Filtered so that fluid rings little: the ringing of one would shift the numbers of others."""
    soft = np.asarray(ndimage.gaussian_filter(pictures, (0, 0, 0.55, 0.55)), dtype=np.float32)
    return magnetic_resonance(soft, rng, noise=noise, sampled=(1.3, 1.3), full_scale=1000.0)


def _vessels(head: HeadSlices) -> Mask:
    """Voxels that large arteries before the narrowing darken, those beside them too."""
    tubes, _ = arteries(head.shape.seed, head.shape.stretch_xyz)
    large = [t for t in tubes if t.radii.max() > 1.0 and not t.name.startswith("right MCA")]
    scale = head.shape.stretch_xyz
    own = Canvas(
        *(a * s for a, s in zip((head.canvas.x, head.canvas.y, head.canvas.z), scale, strict=True))
    )
    far = np.full(head.canvas.shape, 9.0, dtype=np.float32)
    distance_to(own, large, 1.5, far)
    return np.asarray((far < 1.4) & ~head.late)

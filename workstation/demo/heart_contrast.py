"""The heart after contrast agent: late enhancement, first pass and T1 maps, with their truth.

The same heart at end-diastole as the cine's, on the same short axis. One segment is ill: the inner
part of its wall is scar, and the bolus reaches the whole of it slowly. Tissues are told by their
labels; a blur and noise make a picture of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.demo.heart import BeatingHeart, paint_surroundings
from workstation.demo.scanner import Samples, magnetic_resonance
from workstation.demo.scans import Mask, short_axis
from workstation.demo.shapes import Canvas, Field
from workstation.demo.tissue import Tissue
from workstation.demo.ventricle import MUSCLE_G_PER_ML, HeartShape, chambers, outline
from workstation.domain.geometry import Grid

STEP_MM, SLICES = 10.0, 12
FIRST_MM = -15.0
"""Slices of the cine: distance of their centres, number, and the first along the long axis."""

SEGMENT = 11
_ANGLES = (3.0, 46.0)  # degrees in the picture from +x towards +y: within segment 11
_LEVELS_MM = (30.0, 60.0)  # along the long axis: the middle third of this heart
DEPTH = 0.5
"""Of the wall, from the cavity outwards, that is scar."""

LATE_SIGNAL: Mapping[Tissue, float] = {
    Tissue.SKIN: 0.30,
    Tissue.FAT: 0.42,
    Tissue.MUSCLE: 0.10,
    Tissue.MARROW: 0.30,
    Tissue.LUNG: 0.02,
    Tissue.LIVER: 0.16,
    Tissue.SPLEEN: 0.22,
    Tissue.VESSEL: 0.24,
    Tissue.BLOOD: 0.26,
    Tissue.RIGHT_BLOOD: 0.26,
    Tissue.PAPILLARY: 0.26,
    Tissue.MYOCARDIUM: 0.10,
}
"""Inversion recovery, nulled for healthy muscle; papillary muscles count as cavity."""
SCAR_SIGNAL = 0.85
LATE_SCALE = 700.0
T1_MS: Mapping[bool, Mapping[Tissue, float]] = {
    after: {
        Tissue.SKIN: 900.0,
        Tissue.FAT: 380.0,
        Tissue.MUSCLE: muscle,
        Tissue.MARROW: 550.0,
        Tissue.LUNG: 0.0,
        Tissue.LIVER: liver,
        Tissue.SPLEEN: liver + 400.0,
        Tissue.VESSEL: blood,
        Tissue.BLOOD: blood,
        Tissue.RIGHT_BLOOD: blood,
        Tissue.PAPILLARY: blood,
        Tissue.MYOCARDIUM: myocardium,
    }
    for after, muscle, liver, blood, myocardium in (
        (False, 1300.0, 800.0, 1850.0, 1240.0),
        (True, 900.0, 420.0, 420.0, 600.0),
    )
}
"""At 3 T before (False) and a quarter of an hour after contrast agent (True)."""
SCAR_T1_MS = {False: 1500.0, True: 400.0}


@dataclass(frozen=True)
class StillHeart:
    """End-diastole on some slices. label: (z, y, x); masks (z, y, x) of the voxels that a tissue
    covers by half or more. segment: of the muscle, the ill segment's sector."""

    label: NDArray[np.uint8]
    grid: Grid
    cavity: Mask
    muscle: Mask
    right: Mask
    segment: Mask
    scar: Mask
    scar_g: float

    @property
    def extent_percent(self) -> float:
        """Scar in the ill segment, by counting voxels."""
        return 100.0 * float(self.scar.sum()) / float(self.segment.sum())


def still_heart(shape: HeartShape, numbers: tuple[int, ...], matrix: int) -> StillHeart:
    """The heart of a cine at end-diastole on its slices of these numbers."""
    pixel = 288.0 / matrix
    x = (np.arange(matrix) - (matrix - 1) / 2) * pixel + 18.0
    y = (np.arange(matrix) - (matrix - 1) / 2) * pixel + 22.0
    z = FIRST_MM + STEP_MM * np.asarray(numbers, dtype=np.float64)
    canvas = Canvas(x, y, z)
    paint_surroundings(canvas, shape)
    heart = BeatingHeart(canvas, shape)
    heart.paint(0)
    cavity, muscle = (heart.truth(0, part) > 0.5 for part in ("cavity", "muscle"))
    label = canvas.label.copy()
    label[muscle] = int(Tissue.MYOCARDIUM)
    label[cavity & (label == int(Tissue.MYOCARDIUM))] = int(Tissue.BLOOD)
    right = (label == int(Tissue.RIGHT_BLOOD)) & ~muscle & ~cavity
    across, down = np.meshgrid(x, y)
    angle = np.degrees(np.arctan2(down, across))
    sector = (angle > 0.0) & (angle < 49.5)
    inside = _scar(shape, canvas, across, down, angle)
    level = (canvas.z >= _LEVELS_MM[0]) & (canvas.z <= _LEVELS_MM[1])
    ill = muscle & sector & level[:, None, None]
    grid = short_axis().grid(
        (float(x[0]), float(y[0]), float(z[0])),
        (pixel, pixel, float(z[1] - z[0]) if z.size > 1 else STEP_MM),
        canvas.shape,
    )
    return StillHeart(label, grid, cavity, muscle, right, ill, inside & muscle, scar_mass_g(shape))


def _scar(shape: HeartShape, canvas: Canvas, across: Field, down: Field, angle: Field) -> Mask:
    """Voxels (z, y, x) of the sector between the cavity and ``DEPTH`` of the wall."""
    endo, epi = chambers(shape, 0)
    far, rough = np.hypot(across, down), outline(np.radians(angle))
    sector = (angle > _ANGLES[0]) & (angle < _ANGLES[1])
    found = np.zeros(canvas.shape, dtype=bool)
    for number, s in enumerate(canvas.z):
        if _LEVELS_MM[0] <= s <= _LEVELS_MM[1]:
            inner, outer = float(endo.radius_at(float(s))), float(epi.radius_at(float(s)))
            reach = (inner + DEPTH * (outer - inner)) * rough
            found[number] = sector & (far > inner * rough) & (far < reach)
    return found


def scar_mass_g(shape: HeartShape) -> float:
    """Of the scar, by integrating sectors of rings along the long axis."""
    endo, epi = chambers(shape, 0)
    s = np.linspace(*_LEVELS_MM, 301)
    angle = np.radians(np.linspace(*_ANGLES, 301))
    inner, outer = endo.radius_at(s), epi.radius_at(s)
    ring = ((inner + DEPTH * (outer - inner)) ** 2 - inner**2) / 2.0
    area = ring * np.trapezoid(outline(angle) ** 2, angle)
    return float(np.trapezoid(area, s)) / 1000.0 * MUSCLE_G_PER_ML


def _table(values: Mapping[Tissue, float]) -> NDArray[np.float32]:
    table = np.zeros(max(Tissue) + 1, dtype=np.float32)
    for tissue, value in values.items():
        table[int(tissue)] = value
    return table


def late_scan(heart: StillHeart, *, seed: int, noise: float = 0.012) -> Samples:
    """Late enhancement (z, y, x): signals of ``LATE_SIGNAL`` times ``LATE_SCALE``."""
    picture = _table(LATE_SIGNAL)[heart.label]
    picture[heart.scar] = SCAR_SIGNAL
    rng = np.random.default_rng((seed, 89))
    picture = np.asarray(ndimage.gaussian_filter(picture, (0.0, 0.5, 0.5)), dtype=np.float32)
    return magnetic_resonance(
        picture, rng, noise=noise, sampled=(0.95, 0.95), full_scale=LATE_SCALE
    )


def t1_map(heart: StillHeart, *, after: bool, seed: int, noise_ms: float = 18.0) -> Samples:
    """T1 in ms (z, y, x), 0 in air."""
    picture = _table(T1_MS[after])[heart.label]
    picture[heart.scar] = SCAR_T1_MS[after]
    picture = ndimage.gaussian_filter(picture, (0.0, 0.4, 0.4))
    rng = np.random.default_rng((seed, 97, int(after)))
    noisy = picture + (picture > 50.0) * rng.normal(0.0, noise_ms, picture.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 4000), dtype=np.int16)


BEAT_S, FRAMES = 0.91, 38
_BLOOD = (9.0, 4.6, 0.62)  # begin s, length s of its even rise, how much it brightens
_RIGHT = (4.5, 4.6, 0.70)
_HEALTHY = (13.0, 8.4, 0.19)
_SLOW = (16.0, 10.5, 0.095)
_WASHOUT_S = 16.0
_BASE = 0.10


def _rise(times: NDArray[np.float64], what: tuple[float, float, float]) -> NDArray[np.float64]:
    """An even rise, then an exponential fall to half of what was gained."""
    begin, length, gain = what
    up = np.clip((times - begin) / length, 0.0, 1.0)
    since = np.maximum(times - begin - length, 0.0)
    return np.asarray(gain * (up - 0.5 * (1.0 - np.exp(-since / _WASHOUT_S))))


def upslopes_percent() -> tuple[float, float]:
    """Rise per second of healthy and of slow muscle in per cent of the blood's, by formula."""
    blood = _BLOOD[2] / _BLOOD[1]
    return 100.0 * _HEALTHY[2] / _HEALTHY[1] / blood, 100.0 * _SLOW[2] / _SLOW[1] / blood


def first_pass_scan(heart: StillHeart, *, seed: int, noise: float = 0.009) -> Samples:
    """First pass (t, z, y, x), one image a beat; the ill segment brightens late and slowly."""
    times = np.arange(FRAMES) * BEAT_S
    still = _table(
        {Tissue.SKIN: 0.2, Tissue.FAT: 0.3, Tissue.MUSCLE: 0.12, Tissue.MARROW: 0.2,
         Tissue.LUNG: 0.02, Tissue.LIVER: 0.14, Tissue.SPLEEN: 0.12, Tissue.VESSEL: 0.12}
    )[heart.label]  # fmt: skip
    slow = heart.segment
    parts = (
        (heart.cavity, _BLOOD),
        (heart.right, _RIGHT),
        (heart.muscle & ~slow, _HEALTHY),
        (slow, _SLOW),
    )
    other = (heart.label == int(Tissue.BLOOD)) & ~heart.cavity
    pictures = np.empty((FRAMES, *still.shape), dtype=np.float32)
    for number, time in enumerate(times):
        picture = still.copy()
        picture[other] = _BASE + _rise(np.array([time]), _BLOOD)[0]
        for mask, what in parts:
            picture[mask] = _BASE + _rise(np.array([time]), what)[0]
        pictures[number] = ndimage.gaussian_filter(picture, (0.0, 0.4, 0.4))
    rng = np.random.default_rng((seed, 101))
    return magnetic_resonance(pictures, rng, noise=noise, sampled=(0.95, 0.95), full_scale=900.0)

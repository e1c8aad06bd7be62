"""The left ventricle as truncated half-ellipsoids, so every volume is known in closed form.

The long axis is s, millimetres from the mitral plane at end diastole towards the apex. The
cavity at a phase is the part below its base plane of an ellipsoid of revolution with a mild
out-of-roundness of known area. Muscle volume is the same in every phase (it is incompressible).
Papillary muscles and trabeculae count as cavity, the usual convention (Schulz-Menger et al.
2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

MUSCLE_G_PER_ML = 1.05
# Amplitudes of the second and third harmonic of the outline: area is 1 + sum of a^2 / 2 of a
# circle's.
_ROUGH = ((2, 0.035, 0.7), (3, 0.02, 1.9))
AREA_FACTOR = 1.0 + sum(a * a / 2.0 for _, a, _ in _ROUGH)


def outline(angle: np.ndarray) -> np.ndarray:
    """Radius factor of the out-of-round outline at an angle in radians."""
    return np.asarray(1.0 + sum(a * np.cos(k * angle + p) for k, a, p in _ROUGH))


@dataclass(frozen=True)
class Chamber:
    """An ellipsoid of semi axes radius (across) and half (along s) about s = middle; cut."""

    base: float
    middle: float
    half: float
    radius: float

    def radius_at(self, s: np.ndarray | float) -> np.ndarray:
        """Mean outline radius in mm at s; 0 outside the chamber."""
        u = (np.asarray(s, dtype=np.float64) - self.middle) / self.half
        inside = np.clip(1.0 - u * u, 0.0, None)
        return np.asarray(np.where(np.asarray(s) < self.base, 0.0, self.radius * np.sqrt(inside)))

    @property
    def volume_ml(self) -> float:
        """Volume below the base plane, closed form."""
        return AREA_FACTOR * np.pi * self.radius**2 * _profile(self) / 1000.0


def _profile(c: Chamber) -> float:
    """Integral of 1 - ((s - middle) / half)^2 from the base to the apex, mm."""
    low, high = c.base - c.middle, c.half
    return (high - low) - (high**3 - low**3) / (3.0 * c.half**2)


@dataclass(frozen=True)
class HeartShape:
    """One patient's left ventricle. Volumes in mL; descent_mm: how far the base comes down."""

    seed: int = 1
    edv_ml: float = 148.0
    esv_ml: float = 71.0
    mass_g: float = 118.0
    length_mm: float = 87.0
    descent_mm: float = 10.0
    phases: int = 25
    heart_rate: float = 66.0

    @property
    def es_phase(self) -> int:
        """The phase of smallest volume."""
        return round(0.36 * self.phases)

    def volumes_ml(self) -> np.ndarray:
        """Cavity volume of every phase: ejection, early filling, diastasis, atrial kick."""
        es = self.es_phase / self.phases
        share = [1.0, 0.93, 0.45, 0.06, 0.0, 0.12, 0.58, 0.74, 0.78, 0.97, 1.0]
        at = [0.0, 0.06, 0.5 * es + 0.03, es - 0.05, es, es + 0.06, 0.58, 0.68, 0.84, 0.95, 1.0]
        curve = PchipInterpolator(at, share)(np.arange(self.phases) / self.phases)
        curve[0], curve[self.es_phase] = 1.0, 0.0
        return np.asarray(self.esv_ml + (self.edv_ml - self.esv_ml) * curve)


def random_heart(rng: np.random.Generator) -> HeartShape:
    """A heart drawn from healthy to failing."""
    edv = float(rng.uniform(90.0, 240.0))
    ef = float(rng.uniform(0.22, 0.70))
    return HeartShape(
        seed=int(rng.integers(2**31)),
        edv_ml=edv,
        esv_ml=edv * (1.0 - ef),
        mass_g=float(rng.uniform(80.0, 190.0)),
        length_mm=float(rng.uniform(78.0, 98.0)),
        descent_mm=float(4.0 + 10.0 * ef),
        heart_rate=float(rng.uniform(50.0, 95.0)),
    )


def chambers(shape: HeartShape, phase: int) -> tuple[Chamber, Chamber]:
    """Endocardial and epicardial surface of the left ventricle at a phase."""
    volume = float(shape.volumes_ml()[phase])
    full = (shape.edv_ml - volume) / (shape.edv_ml - shape.esv_ml)
    base = shape.descent_mm * full
    apex = shape.length_mm - 3.0 * full
    middle = base + 0.17 * (apex - base)
    unit = Chamber(base, middle, apex - middle, 1.0)
    endo = Chamber(base, middle, apex - middle, float(np.sqrt(volume / unit.volume_ml)))
    muscle = shape.mass_g / MUSCLE_G_PER_ML

    def excess(wall: float) -> float:
        return _grown(endo, wall).volume_ml - endo.volume_ml - muscle

    return endo, _grown(endo, float(brentq(excess, 0.5, 40.0)))


def _grown(endo: Chamber, wall: float) -> Chamber:
    # The apex is thinner than the walls, as it is in people.
    return Chamber(endo.base, endo.middle, endo.half + 0.7 * wall, endo.radius + wall)

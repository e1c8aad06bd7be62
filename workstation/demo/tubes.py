"""Curved, tapering tubes: arteries, bronchi, ribs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from workstation.demo.shapes import Canvas, Field, Point

Path3 = NDArray[np.float64]


@dataclass(frozen=True)
class Tube:
    """A centre line and its radii. points: (n, 3) x, y, z in mm. radii: (n,) mm."""

    name: str
    points: Path3
    radii: NDArray[np.float64]

    @property
    def along_mm(self) -> NDArray[np.float64]:
        """(n,) distance along the centre line from its start, mm."""
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])


def tube(name: str, through: Sequence[Point], radii: Sequence[float], step_mm: float = 0.7) -> Tube:
    """A smooth tube through points (cubic spline over chord length), radii linear between."""
    points = np.asarray(through, dtype=np.float64)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    spline = CubicSpline(chord, points, bc_type="natural")
    count = max(int(np.ceil(chord[-1] / step_mm)), 2) + 1
    at = np.linspace(0.0, chord[-1], count)
    return Tube(name, spline(at), np.interp(at, chord, np.asarray(radii, dtype=np.float64)))


def meander(made: Tube, rng: np.random.Generator, amount_mm: float, wave_mm: float = 9.0) -> Tube:
    """The tube with a smooth random sway that vanishes at its ends."""
    along = made.along_mm
    total = float(along[-1])
    knots = max(int(total / wave_mm), 1) + 2
    sway = rng.normal(0.0, amount_mm, (knots, 3))
    sway[0] = sway[-1] = 0.0
    curve = CubicSpline(np.linspace(0.0, total, knots), sway, bc_type="clamped")
    return Tube(made.name, made.points + curve(along), made.radii)


def narrow(made: Tube, centre_mm: float, half_length_mm: float, radius_mm: float) -> Tube:
    """The tube with a smooth symmetric stenosis: ``radius_mm`` exactly at ``centre_mm``."""
    along = made.along_mm
    far = np.abs(along - centre_mm) / half_length_mm
    bump = np.where(far < 1.0, np.cos(0.5 * np.pi * np.minimum(far, 1.0)) ** 2, 0.0)
    radii = made.radii + (radius_mm - made.radii) * bump
    return Tube(made.name, made.points, radii)


def distance_to(canvas: Canvas, tubes: Sequence[Tube], reach_mm: float, out: Field) -> Field:
    """Lower ``out`` (z, y, x) to the signed distance of tubes where they are within reach."""
    for made in tubes:
        for k in range(len(made.points) - 1):
            _segment(canvas, made, k, reach_mm, out)
    return out


def _segment(canvas: Canvas, made: Tube, k: int, reach_mm: float, out: Field) -> None:
    a, b = made.points[k], made.points[k + 1]
    ra, rb = float(made.radii[k]), float(made.radii[k + 1])
    pad = max(ra, rb) + reach_mm
    w = canvas.near(np.minimum(a, b) - pad, np.maximum(a, b) + pad)
    if w is None:
        return
    ab = (b - a).astype(np.float32)
    square = max(float(ab @ ab), 1e-9)
    px, py, pz = w.x - np.float32(a[0]), w.y - np.float32(a[1]), w.z - np.float32(a[2])
    u = ab / np.float32(square)
    t = np.clip(px * u[0] + py * u[1] + pz * u[2], 0.0, 1.0)
    far = (px - t * ab[0]) ** 2
    far += (py - t * ab[1]) ** 2
    far += (pz - t * ab[2]) ** 2
    np.sqrt(far, out=far)
    far -= ra + (rb - ra) * t
    block = out[w.at]
    np.minimum(block, far, out=block)

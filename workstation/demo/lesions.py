"""White-matter hyperintensities with a known volume.

Periventricular caps and bands grow from the lateral ventricles, deep lesions lie in the white
matter. The truth is the painted shape itself on the fine canvas, before any blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.demo.brain import Brain
from workstation.demo.shapes import Canvas, Field, Noise, Window, ellipsoid, join, ramp
from workstation.demo.tissue import Contrast, Tissue


@dataclass(frozen=True)
class LesionLoad:
    """How much disease: cap_mm and band_mm reach of periventricular lesions, deep ones' number
    and mean radius. contrast: 1 is the table's brightness, 0 none. seed: where they lie.
    """

    seed: int = 1
    cap_mm: float = 6.0
    band_mm: float = 2.6
    deep: int = 9
    deep_radius_mm: float = 3.2
    contrast: float = 1.0


def random_load(rng: np.random.Generator) -> LesionLoad:
    """From a clean brain to confluent disease."""
    grade = float(rng.uniform(0.0, 1.0))
    return LesionLoad(
        seed=int(rng.integers(2**31)),
        cap_mm=float(rng.uniform(0.0, 4.0) + 8.0 * grade**2),
        band_mm=float(rng.uniform(-0.5, 1.5) + 4.5 * grade**2),
        deep=int(rng.poisson(2 + 16 * grade)),
        deep_radius_mm=float(rng.uniform(2.0, 3.2) + 1.5 * grade),
        contrast=float(rng.uniform(0.45, 1.15)),
    )


def paint_lesions(
    canvas: Canvas, brain: Brain, load: LesionLoad, contrast: Contrast
) -> NDArray[np.bool_]:
    """Paint the lesions; returns their mask on the canvas, (z, y, x)."""
    rng = np.random.default_rng((load.seed, 37))
    w = brain.window
    inside = _allowed(brain)
    ragged = Noise(rng, 3.2).on(w)
    broad = Noise(rng, 8.0).on(w)
    shape = _periventricular(w, brain, load, broad) + 0.8 * ragged
    for centre, semi in _deep(w, brain, load, rng):
        here = canvas.near(
            [c - 2.2 * s for c, s in zip(centre, semi, strict=True)],
            [c + 2.2 * s for c, s in zip(centre, semi, strict=True)],
        )
        if here is None:
            continue
        local = tuple(
            slice(max(a.start - (b.start or 0), 0), a.stop - (b.start or 0))
            for a, b in zip(here.at, w.at, strict=True)
        )
        block = shape[local]
        blob = ellipsoid(Window(here.at, here.x, here.y, here.z), centre, semi)
        blob = blob[tuple(slice(0, n) for n in block.shape)]
        shape[local] = join(block, np.asarray(blob + 0.45 * ragged[local], np.float32), 1.5)
    shape = np.maximum(shape, inside)
    tone = contrast[Tissue.LESION] * (1.0 + 0.05 * ragged + 0.04 * broad)
    normal = contrast[Tissue.WHITE]
    tone = normal + (tone - normal) * load.contrast
    before = canvas.label[w.at].copy()
    canvas.paint(w, np.asarray(shape, np.float32), np.asarray(tone, np.float32), Tissue.LESION, 2.0)
    mask = np.zeros(canvas.shape, dtype=bool)
    mask[w.at] = canvas.label[w.at] == Tissue.LESION
    # A lesion's soft edge may brighten its neighbour a little; the label is the truth.
    assert before.shape == mask[w.at].shape
    return mask


def _allowed(brain: Brain) -> Field:
    """Negative where a lesion may lie: white matter, off the cortex, outside the ventricles."""
    near_cortex = 4.2 - brain.fluid_mm
    wall = 0.2 - brain.ventricle_mm
    w = brain.window
    # Not in the corpus callosum or the capsules' nuclei, not below the temporal horns.
    low = -14.0 - w.z
    nuclei = ellipsoid(Window(w.at, np.abs(w.x), w.y, w.z), (20.0, 4.0, 2.0), (17.0, 24.0, 14.0))
    limit = np.maximum(np.maximum(near_cortex, wall), np.maximum(low, -nuclei))
    return np.asarray(np.maximum(limit, 7.0 - np.abs(w.x)), dtype=np.float32)


def _periventricular(w: Window, brain: Brain, load: LesionLoad, broad: Field) -> Field:
    """Caps on the frontal horns and the trigones, a band along the bodies."""
    front = ramp(w.y, -16.0, -30.0)
    back = ramp(w.y, 30.0, 46.0)
    patch = ramp(broad, -1.4, 1.2)
    reach = load.band_mm * patch * 1.3 + (load.cap_mm * front + load.cap_mm * 1.1 * back) * (
        0.25 + 0.75 * patch
    )
    reach = reach * ramp(w.z, -4.0, 4.0)
    none = 3.0 * ramp(reach, 0.8, 0.0)  # no reach, no lesion
    return np.asarray(brain.ventricle_mm - reach + 1.0 + none, dtype=np.float32)


def _deep(
    w: Window, brain: Brain, load: LesionLoad, rng: np.random.Generator
) -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Centres and half axes of deep lesions, drawn from white matter away from its edges."""
    z = np.broadcast_to(w.z, brain.white.shape)
    room = brain.white & (brain.fluid_mm > 6.0) & (brain.ventricle_mm > 8.0) & (z > 8.0)
    places = np.flatnonzero(room)
    if load.deep <= 0 or not places.size:
        return []
    chosen = rng.choice(places, size=load.deep)
    found = []
    for spot in chosen:
        k, j, i = np.unravel_index(spot, brain.white.shape)
        radius = load.deep_radius_mm * float(np.clip(rng.lognormal(-0.05, 0.4), 0.45, 2.2))
        stretch = rng.lognormal(0.0, 0.22, 3)
        found.append(
            (
                (float(w.x.ravel()[i]), float(w.y.ravel()[j]), float(w.z.ravel()[k])),
                (radius * stretch[0], radius * stretch[1] * 1.2, radius * stretch[2]),
            )
        )
    return found

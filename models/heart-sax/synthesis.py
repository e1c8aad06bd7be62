"""More hearts than there are: other cavities, and the slices beyond base and apex.

The contours that were given end where the ventricle ends, so that no slice without one is among
them. What lies beyond is made from the end slices: beyond the apex the heart is filled in from what
surrounds it, or left as muscle without a cavity; beyond the base the ring of muscle becomes thin
walls around blood (atrium, outflow tract, aorta). Squeezed hearts have smaller or larger cavities
within the same outline, as hypertrophy and other phases have. Arrays (z, y, x), z from base to
apex; images as ``normalised``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from anatomy import BACKGROUND, CAVITY, MUSCLE, NOT_CAVITY, NOT_LEFT, RIGHT, label_stack
from cines import Stack
from generated import Beat
from scipy import ndimage

LOW, HIGH = 1.0, 97.0  # percentiles of the volume that grey values are clipped at


def normalised(image: np.ndarray) -> np.ndarray:
    """What ``manifest.json`` says under ``pre.intensity``, for a volume (z, y, x)."""
    low, high = np.percentile(image, [LOW, HIGH])
    image = np.clip(image, low, high)
    return ((image - image.mean()) / max(float(image.std()), 1e-6)).astype(np.float32)


@dataclass
class Heart:
    """What training draws from. slices: where a level follows the one before it. apex, base:
    (image, label) of slices beyond the ends. centres: y, x of each cavity; floor: darkest value."""

    image: np.ndarray
    label: np.ndarray
    joined: np.ndarray
    apex: list[tuple[np.ndarray, np.ndarray]]
    base: list[tuple[np.ndarray, np.ndarray]]
    centres: np.ndarray
    floor: float


def _left(label: np.ndarray) -> np.ndarray:
    """Cavity and muscle, its doubtful rim too."""
    return (label == CAVITY) | (label == MUSCLE) | (label == NOT_CAVITY)


def squeezed(
    rng: np.random.Generator, image: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cavities smaller or larger within the outline of the muscle, the same in all slices."""
    power = float(rng.choice([rng.uniform(0.5, 0.9), rng.uniform(1.05, 1.3)], p=[0.75, 0.25]))
    out, named = image.copy(), label.copy()
    ys, xs = np.indices(image.shape[1:], dtype=np.float32)
    for z in range(len(image)):
        left = _left(label[z])
        if not (label[z] == CAVITY).any():
            continue
        cy, cx = ndimage.center_of_mass(label[z] == CAVITY)
        dy, dx = ys - cy, xs - cx
        radius = np.hypot(dy, dx)
        whole = float(np.sqrt(left.sum() / np.pi))
        within = np.clip(radius / whole, 1e-3, 1.0)
        factor = np.where(radius < whole, within ** (power - 1.0), 1.0)
        box = tuple(
            slice(max(0, int(c - whole) - 2), min(n, int(c + whole) + 3))
            for c, n in zip((cy, cx), image.shape[1:], strict=True)
        )
        at = np.stack([cy + dy[box] * factor[box], cx + dx[box] * factor[box]])
        out[z][box] = ndimage.map_coordinates(image[z], at, order=1, mode="nearest")
        named[z][box] = ndimage.map_coordinates(label[z], at, order=0, mode="nearest")
    return out, named


def _grain(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(shape), sigma)
    return field / field.std()


def _blended(image: np.ndarray, inner: np.ndarray, mask: np.ndarray, soft: float) -> np.ndarray:
    weight = ndimage.gaussian_filter(mask.astype(np.float32), soft)
    return image * (1 - weight) + inner * weight


def _filled(rng: np.random.Generator, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The hole filled smoothly from its surroundings, with grain like theirs."""
    known = (~hole).astype(np.float32)
    filled = np.zeros_like(image)
    weight = np.full_like(image, 1e-6)
    for sigma in (2.0, 5.0, 12.0):  # the nearest surroundings count most
        scale = 1.0 / sigma**3
        filled += scale * ndimage.gaussian_filter(image * known, sigma)
        weight += scale * ndimage.gaussian_filter(known, sigma)
    filled /= weight
    rim = ndimage.binary_dilation(hole, iterations=6) & ~hole
    spread = float(np.std(image[rim] - ndimage.gaussian_filter(image, 2.0)[rim]))
    grain = _grain(rng, image.shape, 0.8) * 0.6 + _grain(rng, image.shape, 3.0) * 0.6
    return filled + spread * grain


def beyond_apex(
    rng: np.random.Generator, image: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A slice below the last one: no heart, or the muscle of its tip alone."""
    left = _left(label)
    named = np.where(label == NOT_LEFT, NOT_LEFT, BACKGROUND).astype(np.uint8)
    named[label == RIGHT] = NOT_LEFT
    hole = ndimage.binary_dilation(left, iterations=int(rng.integers(1, 4)))
    gone = _blended(image, _filled(rng, image, hole), hole, 1.0)
    if rng.random() < 0.5:
        return gone.astype(np.float32), named
    muscle = image[(label == MUSCLE)]
    if muscle.size < 20:
        return gone.astype(np.float32), named
    whole = float(np.sqrt(left.sum() / np.pi)) * rng.uniform(0.35, 0.8)
    cy, cx = ndimage.center_of_mass(left)
    ys, xs = np.indices(image.shape)
    wobble = 0.12 * _grain(rng, image.shape, 5.0)
    tip = np.hypot(ys - cy, (xs - cx) * rng.uniform(0.8, 1.2)) < whole * (1 + wobble)
    level = float(np.median(muscle)) + float(muscle.std()) * 0.7 * _grain(rng, image.shape, 1.2)
    named[ndimage.binary_dilation(tip)] = NOT_CAVITY
    named[tip] = MUSCLE
    return _blended(gone, level, tip, 0.7).astype(np.float32), named


def beyond_base(
    rng: np.random.Generator, image: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A slice above the first one: blood in thin walls where the ventricle was."""
    left = _left(label)
    named = np.where(left, BACKGROUND, np.where(label == RIGHT, NOT_LEFT, label)).astype(np.uint8)
    named[named == NOT_CAVITY] = BACKGROUND
    blood = image[label == CAVITY]
    muscle = image[label == MUSCLE]
    if blood.size < 20 or muscle.size < 20:
        return _blended(image, _filled(rng, image, left), left, 1.0).astype(np.float32), named
    bright, dark = float(np.median(blood)), float(np.median(muscle))
    cy, cx = ndimage.center_of_mass(left)
    whole = float(np.sqrt(left.sum() / np.pi))
    ys, xs = np.indices(image.shape)
    out = _blended(image, _filled(rng, image, left), left, 1.0)
    rooms = []
    for number in range(int(rng.integers(1, 4))):
        size = whole * (rng.uniform(0.65, 1.15) if number == 0 else rng.uniform(0.3, 0.5))
        away = whole * (rng.uniform(0, 0.35) if number == 0 else rng.uniform(0.6, 1.1))
        turn, long = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 1.4 if number == 0 else 1.15)
        dy, dx = ys - cy - away * np.sin(turn), xs - cx - away * np.cos(turn)
        tilt = rng.uniform(0, np.pi)
        u = dy * np.cos(tilt) + dx * np.sin(tilt)
        v = -dy * np.sin(tilt) + dx * np.cos(tilt)
        wobble = (0.12 if number == 0 else 0.03) * _grain(rng, image.shape, 7.0)
        rooms.append(np.hypot(u / long, v * long**0.5) < size * (1 + wobble))
    wall = int(rng.integers(1, 3))
    for room in rooms:
        ring = ndimage.binary_dilation(room, iterations=wall)
        thin = dark + 0.2 * (bright - dark) * rng.random()
        out = np.where(ring & ~room, thin, out)
        level = bright + (bright - dark) * rng.uniform(-0.25, 0.1)
        grain = rng.uniform(0.1, 0.35) * blood.std() * _grain(rng, image.shape, 2.0)
        out = np.where(room, level + grain, out)
    changed = ndimage.binary_dilation(np.any(rooms, axis=0), iterations=wall + 1)
    named[changed] = BACKGROUND
    out = ndimage.gaussian_filter(out, 0.6) * changed + out * ~changed
    return out.astype(np.float32), named


def hearts_of(rng: np.random.Generator, stack: Stack, variants: int, ends: int) -> list[Heart]:
    """A training stack as it is and ``variants`` squeezed ones, each with ``ends`` slices beyond
    either end."""
    label = label_stack(stack)
    image = normalised(stack.image)
    joined = np.append(np.diff(stack.levels) == 1, False)
    centres = np.array([ndimage.center_of_mass(one) for one in stack.cavity])
    found = []
    for number in range(variants + 1):
        one, named = (image, label) if number == 0 else squeezed(rng, image, label)
        apex = [beyond_apex(rng, one[-1], named[-1]) for _ in range(ends)]
        base = [beyond_base(rng, one[0], named[0]) for _ in range(ends)]
        found.append(Heart(one, named, joined, apex, base, centres, float(one.min())))
    return found


def hearts_of_beat(one: Beat) -> list[Heart]:
    """A generated heart in both phases; its slices beyond base and apex are its own."""
    found = []
    for image, label in zip(one.images, one.labels, strict=True):
        ready = normalised(image)
        held = np.flatnonzero((label == CAVITY).any(axis=(1, 2)))
        centres = [
            ndimage.center_of_mass(label[held[np.abs(held - z).argmin()]] == CAVITY)
            for z in range(len(label))
        ]
        ends = [[(ready[z], label[z])] for z in (-1, 0)]
        joined = np.ones(len(label), dtype=bool)
        found.append(Heart(ready, label, joined, *ends, np.array(centres), float(ready.min())))
    return found

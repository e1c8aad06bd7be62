"""Training examples made from a few real heads: generated lesions, other scanners, other scalps.

A generated lesion is a smooth-edged bright blob or rim, added within white matter; its mask is
known exactly. Everything else (slice thickness, noise, blur, gain, scalp) imitates what differs
between scanners and sites. Arrays (z, y, x) as in ``images``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from heads import Head
from images import Case
from scipy import ndimage

from workstation.ai.manifest import Foreground
from workstation.ai.preprocess import find_foreground

FOREGROUND = Foreground(rule="otsu")
CLIP = (-5.0, 8.0)


@dataclass
class Example:
    """A finished training volume. image: normalised, float16. label: 0, 1, or 2 = do not count.
    places: z, y, x of voxels to cut patches around, by kind: "own" a patient's own lesion,
    "lesion" any, "bright" bright but no lesion, "any" in the brain; never in left-out slices."""

    image: np.ndarray
    label: np.ndarray
    places: dict[str, np.ndarray]


def normalised(image: np.ndarray) -> np.ndarray:
    """What ``manifest.json`` says under ``pre``: z-score within Otsu's foreground, clipped."""
    inside = find_foreground(image.astype(np.float32), FOREGROUND)
    values = image[inside].astype(np.float64)
    return np.clip((image - values.mean()) / max(values.std(), 1e-6), *CLIP).astype(np.float32)


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], sigma: tuple[float, ...]
) -> np.ndarray:
    """Gaussian noise of unit variance, correlated over ``sigma`` voxels (made coarse, zoomed)."""
    factor = [max(1.0, s) for s in sigma]
    coarse = [int(np.ceil(n / f)) + 3 for n, f in zip(shape, factor, strict=True)]
    field = ndimage.zoom(rng.standard_normal(coarse), factor, order=1)
    field = field[tuple(slice(0, n) for n in shape)]
    return (field / (field.std() + 1e-6)).astype(np.float32)


def _rotation(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    return q * np.sign(np.diag(r))


def _blob(
    rng: np.random.Generator, case: Case, centre: np.ndarray, radius_mm: float
) -> tuple[tuple[slice, ...], np.ndarray]:
    """Opacity 0..1 of one noise-warped ellipsoid, in a box around its centre."""
    axes = radius_mm * np.exp(rng.normal(0.0, 0.3, 3))
    reach = int(np.ceil(axes.max() * 1.8)) + 2
    reach_z = max(1, int(np.ceil(reach / case.step_mm)))
    box, lows = [], []
    for axis, half in enumerate((reach_z, reach, reach)):
        low = max(0, int(centre[axis]) - half)
        box.append(slice(low, min(case.image.shape[axis], int(centre[axis]) + half + 1)))
        lows.append(low)
    shape = tuple(s.stop - s.start for s in box)
    turn = _rotation(rng) / axes[:, None]
    soft = rng.uniform(0.06, 0.3)
    warp = _smooth_noise(rng, shape, (2.0 / case.step_mm, 2.5, 2.5)) * rng.uniform(0.05, 0.3)
    total = np.zeros(shape, dtype=np.float32)
    # A thick slice is the mean of what lies in it.
    parts = (np.arange(max(1, round(case.step_mm))) + 0.5) / max(1, round(case.step_mm)) - 0.5
    grids = np.indices(shape, dtype=np.float32)
    for part in parts:
        offset = np.stack(
            [
                (grids[0] + lows[0] + part - centre[0]) * case.step_mm,
                grids[1] + lows[1] - centre[1],
                grids[2] + lows[2] - centre[2],
            ]
        )
        distance = np.sqrt((np.tensordot(turn, offset, 1) ** 2).sum(axis=0)) + warp
        total += 1.0 / (1.0 + np.exp(np.minimum((distance - 1.0) / soft * 2.0, 40.0))) / len(parts)
    return tuple(box), total


def _rim(rng: np.random.Generator, case: Case) -> np.ndarray:
    """Opacity of patchy caps and bands along the ventricles, in white matter only."""
    to_fluid = case.to_ventricle
    width = rng.uniform(1.5, 6.0)
    shape = case.image.shape
    patchy = _smooth_noise(rng, shape, (6.0 / case.step_mm, 8.0, 8.0))
    patchy = 1.0 / (1.0 + np.exp(-(patchy - rng.uniform(0.3, 1.4)) * 6.0))
    wobble = _smooth_noise(rng, shape, (3.0 / case.step_mm, 3.0, 3.0)) * 0.8
    band = 1.0 / (1.0 + np.exp(np.minimum((to_fluid + wobble - width) * 2.0, 40.0)))
    return (band * patchy * case.near_white).astype(np.float32)


def with_lesions(rng: np.random.Generator, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """(raw image, label) of a case with generated lesions beside its own."""
    image, label = case.image.copy(), case.lesion.astype(np.uint8)
    label[case.doubtful] = 2
    opacity = np.zeros(image.shape, dtype=np.float32)
    places = np.argwhere(case.white)
    near = case.to_ventricle[tuple(places.T)]
    # Periventricular places are few among all of white matter and the commonest in patients.
    chance = np.where(near < 8, 6.0, np.where(near < 16, 2.0, 1.0))
    chance /= chance.sum()
    count = int(rng.choice([0, 3, 12, 30, 60], p=[0.1, 0.2, 0.3, 0.25, 0.15]))
    strength = rng.uniform(0.25, 0.95)
    for _ in range(count):
        centre = places[rng.choice(len(places), p=chance)] + rng.uniform(-0.5, 0.5, 3)
        radius = float(np.clip(np.exp(rng.normal(np.log(2.3), 0.5)), 1.1, 11.0))
        box, blob = _blob(rng, case, centre, radius)
        blob = blob * np.clip(strength * np.exp(rng.normal(0, 0.25)), 0.2, 1.1)
        opacity[box] = np.maximum(opacity[box], blob)
        label[box] = np.where(blob > 0.5 * blob.max(), 1, label[box])
    if rng.random() < 0.35:
        rim = _rim(rng, case)
        label = np.where(rim > 0.5, 1, label).astype(np.uint8)
        opacity = np.maximum(opacity, rim * np.clip(strength * rng.uniform(0.6, 1.0), 0.25, 1.0))
    # Fluid stays dark, bone stays bone; an own lesion keeps its own brightness.
    tissue = np.clip((image / case.white_level - 0.5) / 0.25, 0.0, 1.0) * case.brain
    tissue = ndimage.gaussian_filter(tissue, (0, 0.5, 0.5))
    texture = 1.0 + 0.12 * _smooth_noise(rng, image.shape, (1.0, 1.5, 1.5))
    added = opacity * tissue * texture * case.white_level
    own = case.lesion | case.doubtful
    image = image + np.where(own, np.minimum(added, 0.3 * case.white_level), added)
    label[(label == 1) & (tissue < 0.5) & ~case.lesion] = 0
    return image, label


def _shell(rng: np.random.Generator, case: Case) -> np.ndarray:
    """A skull gap and a scalp around an extracted brain, in raw units."""
    outside = case.to_brain
    wobble = _smooth_noise(rng, case.image.shape, (12.0 / case.step_mm, 12.0, 12.0))
    start = rng.uniform(4.0, 9.0) + wobble
    thick = rng.uniform(3.0, 8.0) + 0.7 * wobble
    level = case.white_level * rng.uniform(0.3, 3.0)
    scalp = (outside > start) & (outside < start + thick)
    skull = (outside > 0) & (outside <= start)
    texture = 1.0 + 0.25 * _smooth_noise(rng, case.image.shape, (1.0, 1.5, 1.5))
    gap = case.white_level * rng.uniform(0.03, 0.25)
    return ndimage.gaussian_filter(scalp * level * texture + skull * gap * texture, (0.3, 0.7, 0.7))


def _thicker(array: np.ndarray, times: int, label: bool = False) -> np.ndarray:
    """Every ``times`` slices averaged; labels by majority, a slice with doubt keeps it."""
    count = len(array) // times
    groups = array[: count * times].reshape(count, times, *array.shape[1:])
    if not label:
        return groups.mean(axis=1)
    lesion = (groups == 1).mean(axis=1) >= 0.5
    return np.where(lesion, 1, np.where((groups == 2).any(axis=1), 2, 0)).astype(np.uint8)


def make_example(rng: np.random.Generator, case: Case) -> Example:
    """One training volume."""
    image, label = with_lesions(rng, case)
    brain, step = case.brain, case.step_mm
    own, closed = case.lesion, case.held_out
    if case.extracted:
        if rng.random() < 0.5:
            image = np.where(brain, image, _shell(rng, case))
    elif rng.random() < 0.3:
        image = np.where(ndimage.binary_erosion(brain, np.ones((1, 3, 3))), image, 0.0)
    else:  # fat suppressed or not
        scalp = ~ndimage.binary_dilation(brain, np.ones((1, 3, 3)))
        image = np.where(scalp, image * np.exp(rng.uniform(-1.0, 1.0)), image)
    if step < 2.0:
        times = int(rng.choice([1, 2, 3, 4, 5], p=[0.35, 0.1, 0.25, 0.15, 0.15]))
        image, label = _thicker(image, times), _thicker(label, times, label=True)
        brain, step = _thicker(brain.astype(np.float32), times) > 0.5, step * times
        own = _thicker(own.astype(np.float32), times) >= 0.5
        closed = _thicker(closed.astype(np.float32), times) > 0
    # A slice beside a left-out one would show it in its channels.
    return scanned(rng, image, label, brain, step, own, ~ndimage.binary_dilation(closed))


def head_example(rng: np.random.Generator, head: Head) -> Example:
    """One training volume of a generated head."""
    everywhere = np.ones(len(head.image), dtype=bool)
    none = np.zeros_like(head.lesion)
    label = head.lesion.astype(np.uint8)
    return scanned(rng, head.image, label, head.brain, head.step_mm, none, everywhere)


def scanned(
    rng: np.random.Generator,
    image: np.ndarray,
    label: np.ndarray,
    brain: np.ndarray,
    step: float,
    own: np.ndarray,
    open_slices: np.ndarray,
) -> Example:
    """Blur, gain, noise and grey scale of another scanner; then normalised, with places to cut."""
    if rng.random() < 0.5:
        blur = rng.uniform(0.2, 0.8)
        image = ndimage.gaussian_filter(image, (0, blur, blur))
    gain = _smooth_noise(rng, image.shape, (70.0 / step, 60.0, 60.0))
    image = image * np.exp(rng.uniform(0.0, 0.12) * gain)
    level = float(np.median(image[brain]))
    if rng.random() < 0.7:
        noise = rng.uniform(0.01, 0.09) * level
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        if rng.random() < 0.5:
            grain = ndimage.gaussian_filter(grain, (0, 0.6, 0.6)) * 1.8
        image = np.where(image > 0, np.abs(image + noise * grain), image)
    gamma = float(np.exp(rng.uniform(-0.3, 0.3)))
    image = level * np.maximum(image / level, 0.0) ** gamma
    ready = normalised(image)
    bright = ready > np.percentile(ready[brain], 90)
    free = open_slices[:, None, None]
    places = {
        "own": np.argwhere(own & free),
        "lesion": np.argwhere((label == 1) & free),
        "bright": np.argwhere(brain & bright & (label == 0) & free),
        "any": np.argwhere(brain & free),
    }
    thinned = {}
    for kind, found in places.items():
        if len(found) > 4000:
            found = found[rng.choice(len(found), 4000, replace=False)]
        thinned[kind] = found.astype(np.int16)
    return Example(ready.astype(np.float16), label, thinned)

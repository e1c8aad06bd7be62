"""Myocardium and right ventricle of the training slices, from what the expert's cavity tells.

Sunnybrook outlines the cavity of the left ventricle only. Around it the myocardium is a dark ring
whose outer edge is looked for along rays, slice by slice, as the smooth closed curve that parts
what is as dark as myocardium from what is not; to the side where the right ventricle lies there
is blood as bright as the cavity's beyond the ring. Both are guesses by the image alone: where the
image does not tell, no label is claimed (``OPEN`` classes), and the card says so.

Arrays (y, x) of one slice; angles run from x to y, in pixels of ``cines.PIXEL_MM``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from cines import Stack
from scipy import ndimage

BACKGROUND, RIGHT, MUSCLE, CAVITY = 0, 1, 2, 3
NOT_CAVITY, NOT_LEFT = 4, 5
"""Labels of what is not known: anything but cavity; background or right ventricle."""
RAYS = 72
REACH = 22  # pixels outward from the cavity's edge
THINNEST = 2  # pixels


@dataclass
class Levels:
    """Brightness of blood and of myocardium in one slice, and how much the latter varies."""

    blood: float
    muscle: float
    spread: float


def levels_of(image: np.ndarray, cavity: np.ndarray, side: float | None = None) -> Levels:
    """Blood: upper half of the cavity, papillary muscles out. Myocardium: the dark side of the
    ring just outside; with ``side`` of the septum alone, which has blood on both sides and no lung
    beside it."""
    blood = float(np.median(image[cavity & (image >= np.median(image[cavity]))]))
    away = ndimage.distance_transform_edt(~cavity)
    ring = (away > 1.5) & (away <= 5.0)
    if side is not None:
        centre = ndimage.center_of_mass(cavity)
        ys, xs = np.indices(image.shape)
        turn = (np.arctan2(ys - centre[0], xs - centre[1]) - side + np.pi) % (2 * np.pi) - np.pi
        ring &= np.abs(turn) < np.radians(60)
    dark = image[ring & (image < 0.75 * blood)]
    enough = dark.size > 20
    muscle = float(np.median(dark)) if enough else 0.35 * blood
    spread = 1.4826 * float(np.median(np.abs(dark - muscle))) if enough else 0.1 * blood
    return Levels(blood, muscle, float(np.clip(spread, 0.05 * blood, 0.12 * blood)))


def _rays(cavity: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (2, RAYS, REACH) outward from the edge along rays from the centre; edge radius of
    each ray; centre."""
    centre = np.array(ndimage.center_of_mass(cavity))
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    way = np.stack([np.sin(angles), np.cos(angles)])
    radii = np.arange(0, 90, 0.5)
    along = centre[:, None, None] + way[:, :, None] * radii
    inside = ndimage.map_coordinates(cavity.astype(np.float32), along, order=1) > 0.5
    edge = np.array([radii[np.flatnonzero(row)[-1]] if row.any() else 0.0 for row in inside])
    points = centre[:, None, None] + way[:, :, None] * (edge[:, None] + np.arange(REACH) + 0.5)
    return points, edge, centre


def _smoothest(gain: np.ndarray, bend: float) -> np.ndarray:
    """The closed path over rays with the highest sum of ``gain`` (RAYS, REACH), where each step
    from ray to ray costs ``bend`` times its square; at most 2."""
    count, depth = gain.shape
    steps = np.array([-2, -1, 0, 1, 2])
    twice = np.concatenate([gain, gain[:8]])  # once around and a bit, so that the ends meet
    score = twice[0].copy()
    back = np.zeros((len(twice), depth), dtype=int)
    for row in range(1, len(twice)):
        options = np.full((len(steps), depth), -np.inf)
        for k, step in enumerate(steps):
            low, high = max(0, -step), min(depth, depth - step)
            options[k, low:high] = score[low + step : high + step] - bend * step * step
        best = options.argmax(axis=0)
        back[row] = np.arange(depth) + steps[best]
        score = options.max(axis=0) + twice[row]
    path = np.zeros(len(twice), dtype=int)
    path[-1] = int(score.argmax())
    for row in range(len(twice) - 1, 0, -1):
        path[row - 1] = back[row, path[row]]
    out = path[:count].copy()
    out[:8] = path[count : count + 8]
    return out


def outer_edge(
    image: np.ndarray, cavity: np.ndarray, levels: Levels, usual: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cavity and myocardium together (y, x) bool, and thickness (RAYS,) in pixels. usual:
    thickness that is expected where the image does not tell."""
    points, edge, centre = _rays(cavity)
    smooth = ndimage.gaussian_filter(image, 0.7)
    seen = ndimage.map_coordinates(smooth, points, order=1, mode="nearest")
    like = np.exp(-0.5 * ((seen - levels.muscle) / (1.3 * levels.spread)) ** 2)
    # Lung and air are darker than muscle, fat and blood brighter: both end the ring.
    gain = np.cumsum(np.where(np.arange(REACH) < THINNEST, 0.3, like - 0.42), axis=1)
    jump = np.abs(ndimage.sobel(seen, axis=1)) / (8 * levels.blood)
    away = (np.arange(REACH) + 1 - usual) / usual
    gain = gain + 3.0 * np.minimum(jump, 0.5) - 4.0 * away**2
    gain[:, :THINNEST] = -1e3
    gain[:, int(1.9 * usual) + 1 :] = -1e3
    thickness = _smoothest(gain, 0.6) + 1.0
    wide = np.concatenate([thickness] * 3)
    thickness = ndimage.gaussian_filter1d(wide, 1.5)[RAYS : 2 * RAYS]
    ys, xs = np.indices(image.shape)
    angle = (np.arctan2(ys - centre[0], xs - centre[1]) % (2 * np.pi)) * RAYS / (2 * np.pi)
    radius = np.hypot(ys - centre[0], xs - centre[1])
    limit = np.interp(
        angle, np.arange(RAYS + 1), np.append(edge + thickness, edge[0] + thickness[0])
    )
    return cavity | (radius <= limit), thickness


def septal_side(stack: Stack) -> float:
    """Angle (radians) towards the right ventricle: where, over the basal half of the slices, most
    blood lies just beyond the septum."""
    votes = np.zeros(RAYS)
    for image, cavity in list(zip(stack.image, stack.cavity, strict=True))[
        : len(stack.image) // 2 + 2
    ]:
        levels = levels_of(image, cavity)
        points, _, _ = _rays(cavity)
        far = points[:, :, -1:] + (points[:, :, -1:] - points[:, :, -2:-1]) * np.arange(1, 12)
        points = np.concatenate([points, far], axis=2)
        seen = ndimage.map_coordinates(ndimage.gaussian_filter(image, 1.0), points, order=1)
        blood = np.abs(seen - levels.blood) < 0.3 * levels.blood
        muscle = np.abs(seen - levels.muscle) < 2.5 * levels.spread
        wall = muscle[:, 1:6].mean(axis=1) > 0.5
        votes += wall * np.minimum(blood[:, 4:30].sum(axis=1), 16)
    angles = np.arange(RAYS) * 2 * np.pi / RAYS
    smooth = ndimage.gaussian_filter1d(votes, 9, mode="wrap")
    return float(angles[smooth.argmax()])


def right_ventricle(
    image: np.ndarray, left: np.ndarray, levels: Levels, side: float
) -> tuple[np.ndarray, np.ndarray]:
    """Blood beyond the septum (y, x), and where it may also be (not claimed either way)."""
    centre = np.array(ndimage.center_of_mass(left))
    size = float(np.sqrt(left.sum() / np.pi))
    ys, xs = np.indices(image.shape)
    dy, dx = ys - centre[0], xs - centre[1]
    radius = np.hypot(dy, dx)
    turn = np.abs((np.arctan2(dy, dx) - side + np.pi) % (2 * np.pi) - np.pi)
    smooth = ndimage.gaussian_filter(image, 0.6)
    middle = levels.muscle + 0.55 * (levels.blood - levels.muscle)
    blood = (smooth > middle) & (smooth < 1.9 * levels.blood)
    near = (turn < np.radians(100)) & (radius < 2.6 * size + 10) & ~ndimage.binary_dilation(left)
    pieces, count = ndimage.label(ndimage.binary_opening(blood & near, iterations=2))
    maybe = near & ndimage.binary_dilation(blood & near, iterations=2)
    if not count:
        return np.zeros_like(left), maybe
    away = ndimage.distance_transform_edt(~left)
    kept = np.zeros_like(left)
    best = 0.0
    for number in range(1, count + 1):
        one = pieces == number
        # The right ventricle lies along the septum: a long stretch of it is near the ring.
        touching = int((one & (away < 5)).sum())
        if touching > best and one.sum() < 4.0 * np.pi * size**2:
            best, kept = touching, one
    if best < 8:
        return np.zeros_like(left), maybe
    kept = ndimage.binary_dilation(kept, iterations=1) & near & (smooth > middle * 0.9)
    kept = ndimage.binary_closing(np.pad(kept, 4), iterations=3)[4:-4, 4:-4] & ~left
    kept = np.asarray(ndimage.binary_fill_holes(kept)) & ~left
    return kept, maybe | ndimage.binary_dilation(kept, iterations=2)


def _claimed(rights: list[np.ndarray], start: int) -> list[bool]:
    """Which slices' right ventricle is believed: from ``start`` on to both ends it must lie over
    the slice before it, and towards the apex not grow."""
    good = [False] * len(rights)
    for step in (1, -1):
        known = rights[start]
        at = start
        while 0 <= at < len(rights):
            one = rights[at]
            area = int(one.sum())
            if area < 25 or not known.any():
                break
            inside = (one & ndimage.binary_dilation(known, iterations=3)).sum() / area
            grown = area / known.sum()
            if inside < 0.75 or grown > (1.2 if step == 1 else 1.5):
                break
            good[at], known = True, one
            at += step
    return good


def label_stack(stack: Stack) -> np.ndarray:
    """Labels (z, y, x) uint8: the four classes, and what is not known."""
    out = np.zeros(stack.image.shape, dtype=np.uint8)
    side = septal_side(stack)
    towards = round(side * RAYS / (2 * np.pi))
    septum = (towards + np.arange(-9, 10)) % RAYS
    slices = list(zip(stack.image, stack.cavity, strict=True))
    levels = [levels_of(image, cavity, side) for image, cavity in slices]
    first = 7.0 if stack.phase == "ED" else 9.0
    middle = range(len(slices) // 4, max(len(slices) // 4 + 1, 3 * len(slices) // 4))
    walls = [np.median(outer_edge(*slices[z], levels[z], first)[1][septum]) for z in middle]
    usual = float(np.clip(np.median(walls), 4.5, 13.0))
    lefts, rights, maybes = [], [], []
    for z, (image, cavity) in enumerate(slices):
        apical = max(0.0, (z + 1) / len(slices) - 0.66) / 0.34
        left, _ = outer_edge(image, cavity, levels[z], usual * (1 - 0.2 * apical))
        right, maybe = right_ventricle(image, left, levels[z], side)
        lefts.append(left)
        rights.append(right)
        maybes.append(maybe)
    believed = _claimed(rights, len(slices) // 3)
    for z, (_, cavity) in enumerate(slices):
        plane = out[z]
        plane[maybes[z] | rights[z]] = NOT_LEFT
        if believed[z]:
            plane[rights[z]] = RIGHT
        edge = ndimage.binary_dilation(lefts[z]) & ~ndimage.binary_erosion(lefts[z])
        plane[lefts[z]] = MUSCLE
        plane[edge & (plane != RIGHT)] = NOT_CAVITY
        plane[cavity] = CAVITY
    return out

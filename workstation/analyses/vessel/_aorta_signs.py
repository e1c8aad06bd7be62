"""Signs of an acute aortic syndrome on planes across the aorta of an unenhanced CT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Floats, Grid
from workstation.imaging.rings import contour_of, directions, middle_of
from workstation.imaging.sections import Planes, middle_piece

STEP_MM, PIXEL_MM, HALF_MM = 3.0, 1.0, 46.0
RAYS = 72
DEPTH_MM = 0.5  # from step to step along a ray
WALL_MM = 1.5  # the wall itself and the edge of the mask
FAT_HU = 45.0  # below blood: in the lumen of no plain CT
FAT_BELOW_HU = 25.0  # what is so much darker than a bright rim is no blood
CHORDS = 24
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Along:
    """What each plane shows (n,), NaN where the section leaves the picture.

    diameter: of the circle of the section's area, mm. blood: HU of the inner lumen. crescent: the
    thickness (mm) that a bright rim keeps over the arc asked for. flap: HU by which a straight
    band across the lumen differs from the blood beside it; flap_noise: spread of such bands;
    flap_at: that band's normal on u and v, and how far (mm) from the line it lies, (n, 3).
    """

    run: Floats
    diameter: Floats
    blood: Floats
    crescent: Floats
    flap: Floats
    flap_noise: Floats
    flap_at: Floats


def looked_along(array: Image, mask: Image, planes: Planes, numbers: Mapping[str, float],
                 grid: Grid) -> Along:  # fmt: skip
    """Every plane's numbers. mask: share of the aorta in each voxel, 0 to 1."""
    inside = planes.sample(mask, grid)
    values = planes.sample(array, grid, outside=-1000.0)
    # Signs go on along the aorta, noise does not.
    soft = ndimage.gaussian_filter1d(values, 1.0, axis=0, mode="nearest")
    pieces = [_whole(share) for share in inside]
    depths = [np.asarray(ndimage.distance_transform_edt(p)) * PIXEL_MM for p in pieces]
    calcium = numbers["calcium_hu"]
    found: Floats = np.full((8, len(inside)), np.nan)
    for i, (piece, depth, picture) in enumerate(zip(pieces, depths, soft, strict=True)):
        core = picture[(depth > 0.5 * depth.max()) & (picture < calcium)]
        if piece.any() and core.size:
            found[0, i] = 2.0 * np.sqrt(piece.sum() * PIXEL_MM**2 / np.pi)
            found[1, i] = np.median(core)
    # Blood is alike all along the aorta; where a haematoma fills the core, the rest tells.
    usual = float(np.nanmedian(found[1])) if np.isfinite(found[1]).any() else np.nan
    for i in (int(k) for k in np.flatnonzero(np.isfinite(found[1]))):
        blood = min(float(found[1, i]), usual)
        found[2, i] = _crescent(soft[i], pieces[i], blood, numbers)
        found[3:, i] = _band(soft[i], pieces[i], depths[i], float(found[1, i]), calcium)
    run = np.arange(len(inside), dtype=np.float64) * STEP_MM
    diameter, blood_along, crescent, flap, noise = found[:5]
    return Along(run, diameter, blood_along, crescent, flap, noise, flap_at=found[5:].T)


def widest_over(along: Along, run_mm: float) -> float:
    """The largest diameter (mm) that holds over a piece of the line, its ends left out: there a
    plane is never quite across. Short lines count whole."""
    known = along.diameter[np.isfinite(along.diameter)]
    window = max(1, round(run_mm / STEP_MM))
    if len(known) < 3 * window:
        return float(known.max())
    return float(ndimage.median_filter(known, window, mode="nearest")[window:-window].max())


def _whole(share: Image) -> NDArray[np.bool_]:
    """The section of the aorta at the line; empty where it leaves the picture or is too small."""
    piece = middle_piece(share >= 0.5)
    edge = piece[0].any() or piece[-1].any() or piece[:, 0].any() or piece[:, -1].any()
    return np.zeros_like(piece) if edge or piece.sum() < 80 else piece


def _crescent(
    picture: Image, piece: NDArray[np.bool_], blood: float, numbers: Mapping[str, float]
) -> float:
    """Thickness (mm) of the bright rim that holds over the arc asked for, from the edge inwards."""
    pixel = (PIXEL_MM, PIXEL_MM)
    contour = contour_of(piece, pixel, middle_of(piece, pixel))
    if not np.isfinite(contour.radii).all():
        return 0.0
    radii = contour.radii[:: len(contour.radii) // RAYS]
    rays = directions(RAYS)
    deep = np.arange(WALL_MM, 16.0, DEPTH_MM)
    away = np.maximum(radii[:, None] - deep, 0.0)
    # Fat around the aorta must not darken its rim: only what the mask holds is averaged.
    weight = ndimage.gaussian_filter(piece.astype(np.float64), 1.0)
    held_in = ndimage.gaussian_filter(np.where(piece, picture, 0.0).astype(np.float64), 1.0)
    smooth = held_in / np.maximum(weight, 1e-3)
    rows = contour.centre[0] + away * rays[:, :1]
    columns = contour.centre[1] + away * rays[:, 1:]
    values = ndimage.map_coordinates(smooth, [rows / PIXEL_MM, columns / PIXEL_MM], order=1)
    low, high = blood + numbers["crescent_above_blood_hu"], numbers["crescent_below_hu"]
    bright = (values >= low) & (values <= high)
    # An outline that is too large begins in fat: the rim is looked for a little further in.
    begin = np.where(bright.any(axis=1), np.argmax(bright, axis=1), len(deep))
    in_fat = (values[:, 0] < low - FAT_BELOW_HU) & (begin * DEPTH_MM <= numbers["outside_mm"])
    counted = np.arange(len(deep))[None, :] >= begin[:, None]
    broken = ~bright & counted
    stop = np.where(broken.any(axis=1), np.argmax(broken, axis=1), len(deep))
    run_mm = (stop - begin) * DEPTH_MM
    thick = np.where(begin == 0, WALL_MM + run_mm, np.where(in_fat, run_mm, 0.0))
    window = max(1, round(numbers["crescent_arc_deg"] / (360.0 / RAYS)))
    # The least thickness over each arc of that length (few rays may fail), the best of all arcs.
    held = ndimage.percentile_filter(thick, 20, size=window, mode="wrap")
    return float(held.max())


def _band(
    picture: Image, piece: NDArray[np.bool_], depth: Floats, blood: float, calcium: float
) -> tuple[float, float, float, float, float]:
    """The strongest straight band across the inner lumen, HU; the spread of all bands; the band's
    normal (u, v) and its distance from the middle of the plane, mm."""
    # Fat that an outline lets in at its edge is no part of the lumen.
    inner = (depth > 4.0) & (picture < calcium) & (picture > blood - FAT_HU)
    places = (np.argwhere(inner) - np.argwhere(piece).mean(axis=0)) * PIXEL_MM
    if len(places) < 60:
        return 0.0, np.nan, 0.0, 0.0, 0.0
    values = picture[inner].astype(np.float64) - blood
    reach = float(np.linalg.norm(places, axis=1).max())
    bins = max(4, int(2 * reach / 2.0))
    strongest, every = 0.0, []
    where = (0.0, 0.0, 0.0)
    middle = (np.argwhere(piece).mean(axis=0) - (np.asarray(piece.shape) - 1) / 2.0) * PIXEL_MM
    for way in directions(2 * CHORDS)[:CHORDS]:
        at = np.clip(((places @ way + reach) / (2 * reach) * bins).astype(int), 0, bins - 1)
        count = np.bincount(at, minlength=bins)
        long = count >= 0.5 * count.max()
        lying = ((np.flatnonzero(long) + 0.5) / bins * 2.0 - 1.0) * reach
        means = np.bincount(at, weights=values, minlength=bins)[long] / count[long]
        # Against the bands on both sides, two further on: a slope across the lumen is no flap.
        if len(means) < 6:
            continue
        beside = (means[:-4] + means[4:]) / 2.0
        excess = means[2:-2] - beside
        every.append(excess)
        most = int(np.argmax(np.abs(excess)))
        if abs(excess[most]) > strongest:
            strongest = float(abs(excess[most]))
            off = float(lying[2:-2][most] + middle @ way)
            where = (float(way[0]), float(way[1]), off)
    if not every:
        return 0.0, np.nan, *where
    spread = np.concatenate(every)
    noise = 1.4826 * float(np.median(np.abs(spread - np.median(spread))))
    return strongest, noise, *where


def bands_shown(
    mask: NDArray[np.bool_],
    grid: Grid,
    planes: Planes,
    along: Along,
    flagged: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Voxels of the aorta on the bands of the planes that show one."""
    voxels = np.argwhere(mask)
    places = grid.to_lps(voxels[:, ::-1].astype(np.float64))
    thick = max(2.0, 0.5 * max(grid.spacing_mm[:2]))
    reach = 0.5 * max(STEP_MM, grid.spacing_mm[2])
    shown = np.zeros(len(voxels), dtype=bool)
    for at in np.flatnonzero(flagged):
        away = places - planes.points_mm[at]
        u, v, off = along.flap_at[at]
        across = away @ (u * planes.u[at] + v * planes.v[at]) - off
        near = np.linalg.norm(away, axis=1) < HALF_MM
        shown |= near & (np.abs(away @ planes.along[at]) <= reach) & (np.abs(across) <= thick)
    found = np.zeros(mask.shape, dtype=bool)
    found[tuple(voxels[shown].T)] = True
    return found


def lasting(flagged: NDArray[np.bool_], run_mm: float) -> NDArray[np.bool_]:
    """Of planes that show a sign those where it goes on over ``run_mm``."""
    labels, count = ndimage.label(flagged)
    sizes = np.bincount(labels, minlength=count + 1)
    keep = sizes * STEP_MM >= run_mm
    keep[0] = False
    return np.asarray(keep[labels])


def displaced_calcium(
    array: Image, mask: NDArray[np.bool_], grid: Grid, numbers: Mapping[str, float]
) -> tuple[NDArray[np.bool_], Floats]:
    """Calcifications (z, y, x) that lie deeper than allowed, whole, and the depth (mm) of voxels.

    A spot counts by its deepest voxel's nearest edge: one that reaches the wall is of the wall.
    """
    spacing = grid.spacing_mm[::-1]
    depth = np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing))
    labels, count = ndimage.label(mask & (array >= numbers["calcium_hu"]), np.ones((3, 3, 3)))
    if not count:
        return np.zeros_like(mask), depth
    numbers_of = np.arange(1, count + 1)
    nearest = np.asarray(ndimage.minimum(depth, labels, numbers_of))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * grid.voxel_ml * 1000.0
    deep = (nearest >= numbers["calcium_depth_mm"]) & (sizes >= numbers["calcium_mm3"])
    return np.isin(labels, numbers_of[deep]), depth

"""The brain: folded cortex, white matter, nuclei, ventricles, cerebellum and brainstem.

The cortex is made from a labyrinth: band-limited noise sampled where the ray from the middle of
a hemisphere meets its hull is the same along the ray, so its zero set is a system of sheets that
stand on the surface, as sulci do. Grey matter is what lies within the cortical thickness of
fluid. Coordinates: standard brain, mm, LPS axes (see head).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.demo.shapes import (
    Canvas,
    Field,
    Noise,
    Window,
    band_noise,
    chain,
    cover,
    ellipsoid,
    join,
    ramp,
    sample_periodic,
)
from workstation.demo.tissue import Contrast, Tissue

_CELL_MM = 1.6
_CELLS = 90
_GYRUS_WAVE_MM = 23.5
_CORTEX_MM = 2.7
_REACH_MM = 14.0  # periventricular lesions grow no farther from the ventricles


@dataclass(frozen=True)
class Brain:
    """Fields of a painted brain on its canvas, (z, y, x).

    white: cerebral white matter. ventricle_mm, fluid_mm: distance to the lateral ventricles and
    to any fluid on the cortical side. bent: the same block in the coordinates in which the brain
    was made, whose midline is x = 0. Shared by lesions, bleedings and tests.
    """

    window: Window
    white: NDArray[np.bool_]
    ventricle_mm: Field
    fluid_mm: Field
    bent: Window


def paint_brain(
    canvas: Canvas,
    hulls: Mapping[str, Field],
    seed: int,
    ventricles: float,
    atrophy: float,
    contrast: Contrast,
) -> Brain:
    """Paint a brain into its cavity; ``hulls`` are signed distances on the canvas."""
    rng = np.random.default_rng((seed, 23))
    straight = canvas.near((-76, -78, -70), (76, 112, 84))
    assert straight is not None, "the canvas misses the brain"
    block = {name: field[straight.at] for name, field in hulls.items()}
    bend = [1.6 * Noise(rng, 17.0).on(straight) for _ in range(3)]
    w = Window(
        straight.at, straight.x + bend[0], straight.y + bend[1], straight.z + bend[2], _REACH_MM
    )
    fine = Noise(rng, 3.0).on(straight)
    blotch = Noise(rng, 11.0).on(straight)

    fluid = _fluid_distance(w, block["cerebrum"], rng, atrophy, canvas.voxel_mm)
    _paint_back(canvas, w, block, rng, contrast, fine)

    # Cerebrum: grey ribbon on fluid, white inside; both slightly uneven.
    inside = np.asarray(-fluid, np.float32)
    grey = contrast[Tissue.GREY] * (1.0 + 0.030 * blotch + 0.02 * fine)
    canvas.paint(w, inside, np.asarray(grey, np.float32), Tissue.GREY)
    cortex = _CORTEX_MM + 0.25 * blotch
    white = contrast[Tissue.WHITE] * (1.0 + 0.022 * blotch + 0.012 * fine)
    white_mm = np.asarray(cortex - fluid, np.float32)
    canvas.paint(w, white_mm, np.asarray(white, np.float32), Tissue.WHITE, 2.0)

    _paint_nuclei(canvas, w, contrast, fine)
    _paint_stem(canvas, w, block["stem"], contrast, fine)
    lateral = _paint_ventricles(canvas, w, ventricles, contrast, fine)
    label = canvas.label[w.at]
    return Brain(straight, label == Tissue.WHITE, lateral, fluid, w)


def _midline(w: Window) -> Field:
    """Distance into the fissure between the hemispheres: it ends on the corpus callosum."""
    dy, dz = (w.y - 5.0) / 37.0, (w.z + 1.0) / 30.0
    arch = (1.0 - np.sqrt(dy * dy + dz * dz)) * 31.0
    below = np.minimum(w.z + 24.0, (w.y + 24.0))  # stem and floor: no fissure between
    arch = np.maximum(arch, np.minimum(-below, 46.0 - w.y) * (w.z < -1))
    gap = np.maximum(np.abs(w.x) - 0.35, 0.0)
    return np.asarray(np.hypot(gap, np.maximum(arch, 0.0)) - 0.35, dtype=np.float32)


def _sylvian(w: Window, side: Field, atrophy: float, ripple: Field, wave: Field) -> Field:
    """The lateral fissure: a cleft from the temple to the insula, and the cistern on it."""
    wide = 0.6 + 0.8 * atrophy
    island = 42.5 - 0.006 * (w.y - 2.0) ** 2 - 0.010 * (w.z - 3.0) ** 2 + 1.3 * ripple
    extent = (np.sqrt(((w.y - 2.0) / 25.0) ** 2 + ((w.z - 3.0) / 18.0) ** 2) - 1.0) * 18.0
    cistern = np.hypot((side - island) * 0.93, np.maximum(extent, 0.0)) - wide
    climb = (w.z + 7.0 - 0.40 * (w.y + 10.0) + 2.8 * wave + 1.0 * ripple) * 0.9
    ends = np.maximum(np.maximum(-26.0 - w.y, w.y - 44.0), 41.0 - side)
    cleft = np.hypot(climb, np.maximum(ends, 0.0)) - wide * (0.75 + 0.02 * (side - 40.0))
    stem = np.maximum(np.maximum(-46.0 - w.y, w.y + 16.0), 14.0 - side)
    root = np.hypot(climb, np.maximum(stem, 0.0)) - wide * 1.15
    return np.asarray(np.minimum(np.minimum(cistern, cleft), root), dtype=np.float32)


def _fluid_distance(
    w: Window,
    hull: Field,
    rng: np.random.Generator,
    atrophy: float,
    voxel_mm: tuple[float, float, float],
) -> Field:
    """Distance of each voxel of the cerebrum to fluid outside or in a sulcus, mm."""
    folds = band_noise(rng, _GYRUS_WAVE_MM, _CELL_MM, _CELLS, 0.14)
    creases = band_noise(rng, 15.0, _CELL_MM, _CELLS, 0.14)
    sway = [3.2 * Noise(rng, 11.0).on(_straight(w)) for _ in range(3)]
    side = np.abs(w.x)
    middle = _midline(w)
    ripple, wave = Noise(rng, 4.5).on(_straight(w)), Noise(rng, 12.0).on(_straight(w))
    deep = np.minimum(-hull, middle)
    fluid = np.minimum(deep, _sylvian(w, side, atrophy, ripple, wave))

    # Sulci of the inner surface are shallow where the corpus callosum lies behind them.
    medial = 1.0 - 0.55 * ramp(-hull - middle, 4.0, 14.0)
    core = (side - 25.0) ** 2 / 1849.0 + (w.y - 17.0) ** 2 / 7396.0 + (w.z - 6.0) ** 2 / 4356.0
    near = (deep > -2.5) & (deep < 27.0) & (core > 0.25)
    px, py, pz = side - 25.0, w.y - 17.0, w.z - 6.0
    shape = near.shape
    px, py, pz = (np.broadcast_to(a, shape)[near] for a in (px, py, pz))
    reach = np.sqrt((px / 43.0) ** 2 + (py / 86.0) ** 2 + (pz / 66.0) ** 2)
    reach = np.maximum(reach, 0.3)
    left = np.where(np.broadcast_to(w.x, shape)[near] > 0, np.float32(37.0), np.float32(0.0))
    sx, sy, sz = px / reach + sway[0][near], py / reach + sway[1][near], pz / reach + sway[2][near]
    for cube, most, least, lean in ((folds, 19.0, 7.0, 0.0), (creases, 6.0, 0.0, 1.3)):
        n = np.full(shape, 3.0, dtype=np.float32)
        n[near] = sample_periodic(cube, _CELL_MM, sx + left, sy, sz)
        slope = np.sqrt(sum(np.square(g) for g in np.gradient(n, *voxel_mm)))
        sheet = np.abs(n) / np.maximum(slope, 0.02)
        wander = np.zeros(shape, dtype=np.float32)
        wander[near] = sample_periodic(cube, 2.6 * _CELL_MM, sy + 20.0, sz + left, sx)
        bottom = least + (most - least) * ramp(wander + 0.35 - lean, -1.3, 1.1)
        bottom = bottom * medial
        part = np.clip(deep / np.maximum(bottom, 0.5), 0.0, 1.0)
        half = (0.32 + 0.75 * atrophy) * np.sqrt(1.0 - part) + 0.18 * (part < 1)
        cleft = np.hypot(sheet, np.maximum(deep - bottom, 0.0)) - half
        cleft[~near] = 30.0
        if lean == 0.0:  # gyri bulge between their sulci
            dip = 1.7 * np.exp(-((sheet / 2.4) ** 2)) * near
            fluid = np.minimum(fluid, np.minimum(-hull, middle + 0.8) - dip)
        fluid = np.minimum(fluid, cleft)
    return np.asarray(fluid, dtype=np.float32)


def _straight(w: Window) -> Window:
    """The straight axes behind a bent window."""
    return Window(
        w.at, w.x[0, 0][None, None, :], w.y[0, :, 0][None, :, None], w.z[:, 0, 0][:, None, None]
    )


def _paint_nuclei(canvas: Canvas, w: Window, contrast: Contrast, fine: Field) -> None:
    """Basal ganglia and thalamus, mirrored; the capsules between them stay white."""
    grain = np.float32(1.0) + 0.02 * fine
    deep = np.asarray(contrast[Tissue.DEEP_GREY] * grain, np.float32)
    pale = np.asarray(contrast[Tissue.PALLIDUM] * grain, np.float32)
    side = w.mirrored()
    putamen = ellipsoid(side, (27.0, -2.0, 1.0), (5.0, 17.0, 12.0), -14.0)
    pallidum = ellipsoid(side, (20.0, 4.0, -1.0), (4.2, 9.0, 7.0), -24.0)
    caudate = chain(
        side,
        [(12, -16, 2), (13, -14, 9), (16, 2, 20), (20, 18, 22), (25, 30, 18)],
        [6.0, 6.5, 4.0, 3.0, 1.5],
    )
    thalamus = ellipsoid(side, (11.5, 19.0, 6.0), (8.2, 14.5, 9.5), -32.0)
    claustrum = np.hypot(side.x - 35.0 + 0.006 * (w.y - 2) ** 2, np.maximum(np.abs(w.y) - 15, 0))
    claustrum = np.hypot(claustrum, np.maximum(np.abs(w.z - 3) - 10, 0)) - 0.7
    canvas.paint(w, np.asarray(claustrum, np.float32), deep, Tissue.DEEP_GREY, 1.4)
    for shape in (putamen, caudate, thalamus):
        canvas.paint(w, shape, deep, Tissue.DEEP_GREY, 2.2)
    canvas.paint(w, pallidum, pale, Tissue.PALLIDUM, 2.2)
    hippocampus = chain(
        side, [(24, 8, -19), (28, 18, -15), (29, 30, -8), (22, 38, 1)], [6.0, 5.0, 4.0, 2.5]
    )
    canvas.paint(w, hippocampus, deep, Tissue.DEEP_GREY, 2.0)


def _paint_ventricles(
    canvas: Canvas, w: Window, size: float, contrast: Contrast, fine: Field
) -> Field:
    """Lateral, third and fourth ventricles and the basal cisterns; distance to the lateral."""
    side = w.mirrored()
    s = np.sqrt(size)
    tall = Window(w.at, side.x, w.y, w.z * np.float32(0.72), _REACH_MM)
    horn = chain(
        tall,
        [(7 * s, -33, 2), (9, -25, 6), (8, -8, 13), (10, 12, 16), (17, 29, 14), (25, 40, 9)],
        [1.6 * size, 4.2 * size, 4.4 * size, 4.4 * size, 4.6 * size, 5.6 * size],
    )
    back = chain(tall, [(25, 40, 9), (26, 57, 6), (24, 70, 5)], [5.2 * size, 3.0 * size, 0.8])
    temple = chain(
        side,
        [(27, 42, 9), (31, 30, -6), (33, 14, -15), (32, 2, -19)],
        [5.0 * size, 2.6 * size, 1.9 * size, 1.6 * size],
    )
    lateral = join(join(horn, back, 3.0), temple, 2.0)
    # Heads of the caudates press the frontal horns flat; the septum keeps them apart.
    caudate = chain(side, [(16.8, -20, 3), (17.6, -14, 10), (19, 2, 17)], [6.6, 7.2, 5.0])
    lateral = np.maximum(lateral, -caudate + 1.2 * (size - 1.0))
    thalamus = ellipsoid(side, (11.5, 19.0, 5.0), (8.5, 15.0, 10.0), -32.0)
    lateral = np.maximum(lateral, -thalamus)
    lateral = np.asarray(np.maximum(lateral, 0.75 - side.x), np.float32)

    third = ellipsoid(w, (0, 12, -3), (1.7 * size + 0.5, 15.0, 11.0))
    duct = chain(w, [(0, 26, -3), (0, 33, -12), (0, 38, -22)], [1.2, 0.9, 1.5])
    fourth = ellipsoid(w, (0, 41.5, -31), (8.5 * s, 5.0 * s, 11.0))
    fourth = np.maximum(fourth, np.abs(w.x) * 0.75 + (w.y - 47.5) * 0.66)
    tear = contrast[Tissue.VENTRICLE]
    for shape in (third, duct, np.asarray(fourth, np.float32)):
        canvas.paint(w, shape, tear, Tissue.VENTRICLE)
    canvas.paint(w, lateral, tear, Tissue.VENTRICLE)
    plexus = chain(side, [(22, 33, 17), (25, 40, 12), (29, 36, 3)], [1.6, 2.6, 1.6])
    plexus = np.maximum(plexus - 0.8 * fine, lateral + 0.8)
    canvas.paint(w, np.asarray(plexus, np.float32), contrast[Tissue.CHOROID], Tissue.CHOROID)
    for centre, semi in (
        ((0.0, -3.0, -19.0), (11.0, 9.0, 6.0)),  # suprasellar
        ((0.0, 10.0, -19.0), (5.0, 5.0, 7.0)),  # interpeduncular
        ((0.0, 38.0, -3.0), (8.0, 3.0, 7.0)),  # quadrigeminal
    ):
        canvas.paint(w, ellipsoid(w, centre, semi), contrast[Tissue.CSF], Tissue.CSF)
    chiasm = chain(side, [(8, -12, -22), (0, -4, -19), (7, 4, -17)], [2.0, 2.2, 2.0])
    canvas.paint(w, chiasm, contrast[Tissue.NERVE], Tissue.NERVE)
    return lateral


def _paint_stem(canvas: Canvas, w: Window, stem: Field, contrast: Contrast, fine: Field) -> None:
    """Midbrain with its cisterns, pons and medulla."""
    moat = np.maximum(np.maximum(stem - 2.6, w.z + 4.0), 6.0 - w.y)
    moat = np.maximum(moat, np.abs(w.x) - 21.0)
    canvas.paint(w, np.asarray(moat, np.float32), contrast[Tissue.CSF], Tissue.CSF)
    peduncle = np.maximum(stem, w.z + 1.0)
    tone = contrast[Tissue.BRAINSTEM] * (1.0 + 0.025 * fine)
    canvas.paint(
        w, np.asarray(peduncle, np.float32), np.asarray(tone, np.float32), Tissue.BRAINSTEM
    )
    side = w.mirrored()
    red = ellipsoid(side, (5.0, 20.0, -9.0), (3.0, 3.2, 4.5))
    canvas.paint(w, red, contrast[Tissue.PALLIDUM] * 0.92, Tissue.BRAINSTEM, 2.0)


def _paint_back(
    canvas: Canvas,
    w: Window,
    block: Mapping[str, Field],
    rng: np.random.Generator,
    contrast: Contrast,
    fine: Field,
) -> None:
    """Cerebellum: folia stand on fans around the middle, white core branches into them."""
    hull = np.asarray(block["cerebellum"] - 0.4 * fine, np.float32)
    sway = 2.2 * Noise(rng, 8.0).on(_straight(w))
    dy, dz = w.y - 42.0, w.z + 30.0
    out = np.hypot(dy, np.abs(w.x) * 0.55)
    angle = np.arctan2(dz, np.maximum(out, 1.0))
    reach = np.hypot(out, dz)
    turn = angle * 68.0 / (2 * np.pi) + np.abs(w.x) / 6.5 + 0.3 * sway
    phase = np.abs(np.mod(turn, 1.0) - 0.5)
    folium = phase * reach * (2 * np.pi / 68.0)
    deep = -hull
    slit = np.hypot(folium, np.maximum(deep - 7.0, 0.0)) - 0.26
    fluid = np.minimum(deep, slit)
    grey = contrast[Tissue.CEREBELLUM] * (1.0 + 0.02 * fine)
    canvas.paint(w, np.asarray(-fluid, np.float32), np.asarray(grey, np.float32), Tissue.CEREBELLUM)
    arms = np.maximum(14.0 - deep, 0.0) * (0.35 + 1.1 * np.abs(phase - 0.5))
    core = np.asarray(np.minimum(9.0 - deep, arms - 1.0) - 0.8 * sway, np.float32)
    core = np.maximum(core, 5.0 - deep)
    mid = contrast[Tissue.WHITE] * (1.0 + 0.02 * fine)
    canvas.paint(
        w, np.asarray(core, np.float32), np.asarray(mid, np.float32), Tissue.CEREBELLUM, 2.5
    )
    side = w.mirrored()
    peduncle = chain(side, [(13, 26, -31), (20, 42, -36)], [8.0, 7.0])
    canvas.paint(w, peduncle, contrast[Tissue.BRAINSTEM], Tissue.CEREBELLUM, 2.0)
    dentate = ellipsoid(side, (15, 54, -35), (6.5, 7.0, 5.0))
    ring = np.abs(dentate) - 0.8
    canvas.paint(
        w, np.asarray(ring, np.float32), contrast[Tissue.PALLIDUM] * 0.92, Tissue.CEREBELLUM, 2.0
    )


__all__ = ["Brain", "cover", "paint_brain"]

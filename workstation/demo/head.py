"""A head: scalp, skull, orbits, sinuses and a brain with folded cortex.

Coordinates are those of a standard brain (origin at the anterior commissure, millimetres, the
axes of LPS: +x left, +y back, +z up). Positions of nuclei and ventricles follow the MNI152
atlas in round numbers; every surface is made here from formulas and seeded noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from workstation.demo.brain import Brain, paint_brain
from workstation.demo.shapes import (
    Canvas,
    Field,
    Noise,
    Window,
    box,
    chain,
    common,
    cone,
    cover,
    ellipsoid,
    join,
    ramp,
    stretch,
)
from workstation.demo.tissue import Contrast, Tissue

_STEP_MM = 2.5


@dataclass(frozen=True)
class HeadShape:
    """What differs from head to head.

    stretch_xyz: size against the standard brain. ventricles: radius factor. atrophy: 0 young,
    1 wide sulci. skull_mm, scalp_mm: thickness. seed: folds, textures and asymmetry.
    """

    seed: int = 1
    stretch_xyz: tuple[float, float, float] = (0.94, 0.93, 0.93)
    ventricles: float = 1.0
    atrophy: float = 0.4
    skull_mm: float = 6.5
    scalp_mm: float = 5.5


def random_shape(rng: np.random.Generator) -> HeadShape:
    """A head drawn from plausible adult variation."""
    size = rng.normal(0.93, 0.03)
    ratio = rng.normal(0.0, 0.025, 3)
    return HeadShape(
        seed=int(rng.integers(2**31)),
        stretch_xyz=(size * (1 + ratio[0]), size * (1 + ratio[1]), size * (1 + ratio[2])),
        ventricles=float(np.clip(rng.lognormal(0.05, 0.25), 0.6, 1.8)),
        atrophy=float(np.clip(rng.normal(0.45, 0.3), 0.0, 1.2)),
        skull_mm=float(np.clip(rng.normal(6.5, 1.0), 4.5, 9.0)),
        scalp_mm=float(np.clip(rng.normal(5.5, 1.3), 3.0, 9.0)),
    )


def canvas_for(shape: HeadShape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Canvas:
    """A canvas over patient millimetres, in the standard brain's coordinates."""
    sx, sy, sz = shape.stretch_xyz
    return Canvas(x / sx, y / sy, z / sz)


@dataclass(frozen=True)
class _Hulls:
    cerebrum: Field
    cerebellum: Field
    stem: Field
    vault: Field
    skin: Field


def _coarse() -> Canvas:
    return Canvas(
        np.arange(-105.0, 106.0, _STEP_MM),
        np.arange(-130.0, 141.0, _STEP_MM),
        np.arange(-125.0, 111.0, _STEP_MM),
    )


def tentorium(w: Window) -> Field:
    """Height of the roof of the posterior fossa over each (x, y), mm."""
    roof = -1.0 - 0.40 * np.abs(w.x) - 0.33 * np.maximum(w.y - 45.0, -4.0)
    return np.asarray(np.maximum(roof, -26.0), dtype=np.float32)


def inner_table(canvas: Canvas, shape: HeadShape) -> Field:
    """Distance to the inside of the skull on a canvas of ``canvas_for``, negative within it."""
    coarse, hulls = _hulls(shape, np.random.default_rng((shape.seed, 11)))
    axes = (coarse.z, coarse.y, coarse.x)
    return stretch(hulls.vault, axes, (canvas.z, canvas.y, canvas.x))


def _hulls(shape: HeadShape, rng: np.random.Generator) -> tuple[Canvas, _Hulls]:
    coarse = _coarse()
    straight = coarse.all()
    bend = [1.5 * Noise(rng, 38.0).on(straight) for _ in range(3)]
    w = Window(straight.at, straight.x + bend[0], straight.y + bend[1], straight.z + bend[2])
    side = np.abs(w.x)

    along = (w.y - 17.0) / 88.0
    wide = 67.0 * (1.0 + 0.09 * along - 0.06 * along**2)
    up = np.where(w.z > 8.0, (w.z - 8.0) / 69.0, (w.z - 8.0) / 60.0)
    egg = (side / wide) ** 2.25 + np.abs(along) ** 2.35 + np.abs(up) ** 2.2
    upper = np.asarray((egg ** (1 / 2.25) - 1.0) * 58.0, dtype=np.float32)
    floor = np.where(w.y > 22.0, tentorium(w), -21.0 + 0.05 * np.abs(w.y - 22.0) * (w.y < -20))
    upper = common(upper, np.asarray((floor - w.z) * 0.9, dtype=np.float32), 7.0)
    lobe_w = Window(w.at, side, w.y, w.z)
    lobe = join(
        ellipsoid(lobe_w, (42.0, 2.0, -21.0), (25.0, 43.0, 24.0)),
        ellipsoid(lobe_w, (43.0, 38.0, -12.0), (23.0, 42.0, 19.0)),
        8.0,
    )
    lobe = join(lobe, ellipsoid(lobe_w, (25.0, 24.0, -12.0), (9.0, 26.0, 11.0)), 4.0)
    cerebrum = join(upper, lobe, 7.0)

    lobes = ellipsoid(lobe_w, (25.0, 62.0, -36.0), (31.0, 34.0, 29.0))
    vermis = ellipsoid(w, (0.0, 56.0, -24.0), (19.0, 28.0, 27.0))
    cerebellum = join(lobes, vermis, 6.0)
    cerebellum = common(cerebellum, np.asarray(w.z - tentorium(w) + 2.5, dtype=np.float32), 5.0)

    stem = chain(
        w,
        [(0, 14, 2), (0, 22, -12), (0, 23, -24), (0, 25, -34), (0, 36, -50), (0, 41, -120)],
        [15.0, 14.5, 14.5, 14.0, 8.5, 7.5],
    )
    # The pons bulges forward, the peduncles spread.
    stem = join(stem, ellipsoid(w, (0, 20, -29), (18, 14, 13)), 6.0)

    inner = np.minimum(np.minimum(cerebrum, cerebellum), stem) - np.float32(3.2)
    # The posterior fossa and the temples are one cavity: fill the clefts between lobes.
    vault = ndimage.gaussian_filter(inner, 2.6, mode="nearest")
    vault = np.minimum(vault, inner + 1.0)

    scalp = shape.skull_mm + shape.scalp_mm
    top = ndimage.gaussian_filter(vault, 3.0, mode="nearest") - np.float32(scalp)
    face = ellipsoid(w, (0, -46, -66), (60, 45, 66))
    face = join(face, ellipsoid(w, (0, -98, -52), (11, 17, 22)), 9.0)
    face = join(face, ellipsoid(w, (0, -70, -20), (52, 22, 30)), 12.0)
    neck = cone(w, (0, 22, -40), (0, 30, -125), 66.0, 56.0)
    skin = join(join(top, face, 16.0), neck, 24.0)
    ear = ellipsoid(Window(w.at, side - 0.35 * (w.y - 18), w.y, w.z), (77, 20, -34), (3.5, 15, 25))
    skin = join(skin, ear, 4.0)
    return coarse, _Hulls(cerebrum, cerebellum, stem, np.asarray(vault, np.float32), skin)


def paint_head(canvas: Canvas, shape: HeadShape, contrast: Contrast) -> Brain:
    """Paint a whole head; returns the brain's fields for lesions and tests."""
    rng = np.random.default_rng((shape.seed, 11))
    coarse, hulls = _hulls(shape, rng)
    axes = (coarse.z, coarse.y, coarse.x)
    target = (canvas.z, canvas.y, canvas.x)
    vault = stretch(hulls.vault, axes, target)
    skin = stretch(hulls.skin, axes, target)
    w = replace(canvas.all(), reach_mm=20.0)
    lumps = Noise(rng, 5.0).on(w)
    waves = Noise(rng, 22.0).on(w)

    value = canvas.value
    value[...] = contrast[Tissue.AIR]
    canvas.paint(w, skin, contrast[Tissue.SKIN], Tissue.SKIN)
    fat = contrast[Tissue.FAT] * (1.0 + 0.12 * lumps)
    canvas.paint(w, skin + np.float32(2.0), np.asarray(fat, np.float32), Tissue.FAT)
    _paint_soft_parts(canvas, w, vault, skin, lumps, contrast)
    _paint_skull(canvas, w, vault, skin, shape, waves, lumps, contrast)
    brain = paint_brain(
        canvas,
        {
            "cerebrum": stretch(hulls.cerebrum, axes, target),
            "cerebellum": stretch(hulls.cerebellum, axes, target),
            "stem": stretch(hulls.stem, axes, target),
            "vault": vault,
        },
        shape.seed,
        shape.ventricles,
        shape.atrophy,
        contrast,
    )
    _paint_face(canvas, contrast, rng)
    return brain


def _paint_soft_parts(
    canvas: Canvas, w: Window, vault: Field, skin: Field, lumps: Field, contrast: Contrast
) -> None:
    """Temporal, chewing and neck muscles between skull and scalp fat."""
    side = w.mirrored()
    fibre = contrast[Tissue.MUSCLE] * (1.0 + 0.10 * lumps)
    texture = np.asarray(fibre, np.float32)
    deep = skin + np.float32(3.4)
    parts = (
        ((68.0, -22.0, -8.0), (17.0, 33.0, 44.0)),  # temporalis
        ((52.0, -30.0, -62.0), (14.0, 22.0, 34.0)),  # masseter and pterygoids
        ((30.0, 76.0, -82.0), (34.0, 34.0, 36.0)),  # neck extensors
        ((56.0, 34.0, -84.0), (14.0, 20.0, 40.0)),  # sternocleidomastoid
    )
    for centre, semi in parts:
        muscle = np.maximum(ellipsoid(side, centre, semi), deep)
        canvas.paint(w, np.asarray(muscle, np.float32), texture, Tissue.MUSCLE)
    throat = ellipsoid(w, (0, -22, -84), (34, 40, 50))
    canvas.paint(w, np.maximum(throat, deep), texture, Tissue.MUSCLE)


def _paint_skull(
    canvas: Canvas,
    w: Window,
    vault: Field,
    skin: Field,
    shape: HeadShape,
    waves: Field,
    lumps: Field,
    contrast: Contrast,
) -> None:
    """Two tables with diploe between, thicker in front and behind, and the bony base."""
    thick = shape.skull_mm + 0.9 * waves
    # The vault has scalp outside; the base goes over into the face.
    table = np.maximum(vault - thick, skin + np.float32(2.8))
    canvas.paint(w, np.asarray(table, np.float32), contrast[Tissue.BONE], Tissue.BONE)
    middle = np.abs(vault - 0.52 * thick) - (0.5 * thick - 2.0 + 0.35 * lumps)
    diploe = contrast[Tissue.MARROW] * (1.0 + 0.22 * lumps)
    middle = np.maximum(middle, skin + np.float32(5.0))
    canvas.paint(w, np.asarray(middle, np.float32), np.asarray(diploe, np.float32), Tissue.MARROW)
    side = w.mirrored()
    petrous = join(
        cone(side, (16.0, 12.0, -38.0), (52.0, 34.0, -36.0), 7.0, 13.0),
        ellipsoid(side, (57.0, 36.0, -46.0), (13.0, 17.0, 22.0)),
        6.0,
    )
    petrous = np.maximum(petrous, skin + np.float32(4.5))
    outside = np.maximum(petrous, 0.5 - vault)
    canvas.paint(w, np.asarray(petrous, np.float32), contrast[Tissue.BONE], Tissue.BONE)
    cells = outside + np.float32(2.0) + 1.6 * lumps
    canvas.paint(w, np.asarray(cells, np.float32), contrast[Tissue.AIR], Tissue.AIR)
    clivus = cone(w, (0, 4, -34), (0, 16, -56), 9.0, 6.0)
    canvas.paint(w, clivus, contrast[Tissue.BONE], Tissue.BONE)
    canvas.paint(w, clivus + np.float32(2.2), contrast[Tissue.MARROW], Tissue.MARROW)
    inside = np.asarray(vault, np.float32)
    canvas.paint(w, inside, contrast[Tissue.CSF], Tissue.CSF)
    # Dura and its sinuses: a faint line along the inner table, the sagittal sinus behind.
    line = cover(np.asarray(np.abs(vault + 0.3) - 0.35, np.float32), canvas.edge_mm)
    canvas.value += line * np.float32(0.22 * contrast[Tissue.GREY])


def _paint_face(canvas: Canvas, contrast: Contrast, rng: np.random.Generator) -> None:
    """Orbits with globes, nerves and muscles; sinuses and the nose."""
    w = canvas.near((-75, -125, -125), (75, 40, 25))
    if w is None:
        return
    w = replace(w, reach_mm=8.0)
    side = w.mirrored()
    lumps, waves = Noise(rng, 4.0).on(w), Noise(rng, 9.0).on(w)
    bone, air, lining = contrast[Tissue.BONE], contrast[Tissue.AIR], contrast[Tissue.MUCOSA]

    def hollow(shape: Field, mucosa_mm: float) -> None:
        shape = np.asarray(shape + 0.8 * lumps + 1.2 * waves, np.float32)
        canvas.paint(w, shape - np.float32(1.3), bone, Tissue.BONE)
        canvas.paint(w, shape, lining, Tissue.MUCOSA)
        canvas.paint(w, shape + np.float32(mucosa_mm), air, Tissue.AIR)

    hollow(ellipsoid(side, (29, -56, -62), (15, 19, 18)), 0.8)  # maxillary
    hollow(box(w, (0, -32, -62), (13, 40, 26), 6.0), 1.2)  # nasal cavity
    hollow(ellipsoid(side, (9, -14, -36), (9.5, 12, 9)), 0.7)  # sphenoid
    hollow(box(w, (0, -48, -36), (11.5, 24, 10), 4.0), 0.6)  # ethmoid
    hollow(ellipsoid(side, (13, -77, -10), (12, 4.5, 11)), 0.6)  # frontal
    for k in range(4):  # ethmoid septa
        at = np.abs(w.y + 66.0 - 11.0 * k + 2.5 * waves) - np.float32(0.35)
        wall = np.maximum(at, box(w, (0, -48, -36), (11, 24, 9), 4.0))
        canvas.paint(w, np.asarray(wall, np.float32), 0.6 * lining, Tissue.MUCOSA)
    septum = np.abs(w.x + 0.03 * w.y + 1.2 * waves) - 0.6
    septum = np.maximum(septum, box(w, (0, -46, -58), (12, 28, 28), 5.0))
    canvas.paint(w, np.asarray(septum, np.float32), 0.6 * lining, Tissue.MUCOSA)
    for z in (-72.0, -58.0):  # turbinates
        turbinate = ellipsoid(side, (7.0, -36.0, z), (3.2, 24.0, 5.0)) + 0.9 * lumps
        canvas.paint(w, np.asarray(turbinate, np.float32), lining, Tissue.MUCOSA)

    orbit = cone(side, (33, -68, -33), (15, -22, -27), 20.0, 5.0)
    orbit = np.asarray(np.maximum(orbit, -86.0 - w.y), np.float32)
    canvas.paint(w, orbit - np.float32(1.6), bone, Tissue.BONE)
    fat = contrast[Tissue.FAT] * (1.15 + 0.12 * lumps)
    canvas.paint(w, orbit, np.asarray(fat, np.float32), Tissue.FAT)
    muscle = contrast[Tissue.MUSCLE] * 1.5
    for dx, dz in ((11.0, 0.0), (-11.0, 0.0), (0.0, 11.0), (0.0, -11.0)):
        rectus = chain(
            side,
            [(33 + dx, -70, -33 + dz), (29 + dx * 0.9, -52, -31 + dz), (17, -24, -28)],
            [1.5, 2.7, 1.5],
        )
        canvas.paint(w, rectus, muscle, Tissue.MUSCLE)
    nerve = chain(side, [(33, -61, -33), (24, -40, -30), (14, -20, -26), (3, -2, -20)], [2.1] * 4)
    canvas.paint(w, nerve - np.float32(1.0), contrast[Tissue.CSF], Tissue.CSF)
    canvas.paint(w, nerve, contrast[Tissue.NERVE], Tissue.NERVE)
    globe = ellipsoid(side, (33, -72, -33), (12.3, 12.3, 12.3))
    canvas.paint(w, globe, contrast[Tissue.SKIN], Tissue.SKIN)
    canvas.paint(w, globe + np.float32(1.2), contrast[Tissue.EYE], Tissue.EYE)
    lens = ellipsoid(side, (33, -80.5, -33), (4.6, 2.2, 4.6))
    canvas.paint(w, lens, contrast[Tissue.NERVE] * 0.6, Tissue.NERVE)


__all__ = ["HeadShape", "canvas_for", "paint_head", "ramp", "random_shape"]

"""A head in Hounsfield units without bleeding: what a CT of it is made of.

Anatomy is ``head``'s. Added is what matters on CT and looks like blood: dura (falx, tentorium),
venous sinuses, arteries, calcified choroid plexus, pineal gland, falx, pallidum and siphons; and
what is dark: white-matter disease, infarcts. Hounsfield units of tissues are round values of
textbooks (grey 37, white 30, fluid 5, fat -95), varied from head to head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.demo.brain import Brain
from workstation.demo.head import HeadShape, canvas_for, inner_table, paint_head, tentorium
from workstation.demo.lesions import paint_lesions, random_load
from workstation.demo.shapes import Canvas, Field, Noise, Point, Window, ellipsoid, ramp
from workstation.demo.tissue import Tissue
from workstation.demo.tubes import Tube, distance_to
from workstation.demo.vessels import arteries

STEP_MM = (2.0, 1.1, 1.1)  # z, y, x of the canvas
_LOW = (-88.0, -118.0, -84.0)  # x, y, z of the block painted, mm
_HIGH = (88.0, 122.0, 90.0)


@dataclass(frozen=True)
class CtHead:
    """hounsfield (z, y, x) on ``canvas``, whose coordinates are those of the standard brain.

    low_mm: patient x, y, z of the first voxel; step_mm: z, y, x between voxels. vault_mm: distance
    to the inside of the skull, negative within it, standard mm. fluid: HU of fluid. blood: HU of
    flowing blood, which follows the haematocrit.
    """

    canvas: Canvas
    low_mm: Point
    step_mm: tuple[float, float, float]
    vault_mm: Field
    brain: Brain
    fluid: float
    blood: float
    grey: float

    @property
    def hounsfield(self) -> Field:
        """The picture, (z, y, x)."""
        return self.canvas.value

    @cached_property
    def outwards(self) -> tuple[Field, Field, Field]:
        """Unit vectors away from the inside of the skull (x, y, z), within the brain's window."""
        smooth = ndimage.gaussian_filter(self.vault_mm[self.brain.window.at], 1.5)
        slope = np.gradient(smooth, *self.canvas.voxel_mm)
        size = np.sqrt(sum(np.square(g) for g in slope)) + 1e-3
        z, y, x = (np.asarray(g / size, np.float32) for g in slope)
        return x, y, z

    @property
    def label(self) -> NDArray[np.uint8]:
        """``Tissue`` of each voxel."""
        return self.canvas.label


def tissue_hu(rng: np.random.Generator) -> dict[Tissue, float]:
    """Hounsfield units of each tissue in one head."""
    grey = float(rng.uniform(34.0, 41.0))
    white = grey - float(rng.uniform(5.0, 9.5))
    fluid = float(rng.uniform(1.0, 11.0))
    bone = float(rng.uniform(800.0, 1500.0))
    return {
        Tissue.AIR: -1000.0,
        Tissue.SKIN: float(rng.uniform(20.0, 60.0)),
        Tissue.FAT: float(rng.uniform(-110.0, -80.0)),
        Tissue.MUSCLE: float(rng.uniform(38.0, 52.0)),
        Tissue.BONE: bone,
        Tissue.MARROW: float(rng.uniform(150.0, 0.8 * bone)),
        Tissue.CSF: fluid,
        Tissue.GREY: grey,
        Tissue.WHITE: white,
        Tissue.DEEP_GREY: grey + float(rng.uniform(-1.0, 2.0)),
        Tissue.PALLIDUM: grey + float(rng.uniform(-1.0, 4.0)),
        Tissue.LESION: white - float(rng.uniform(4.0, 12.0)),
        Tissue.VENTRICLE: fluid - float(rng.uniform(0.0, 2.0)),
        Tissue.CHOROID: grey + float(rng.uniform(-6.0, 6.0)),
        Tissue.BRAINSTEM: white + float(rng.uniform(0.0, 4.0)),
        Tissue.CEREBELLUM: grey - float(rng.uniform(0.0, 3.0)),
        Tissue.EYE: float(rng.uniform(5.0, 15.0)),
        Tissue.NERVE: 35.0,
        Tissue.MUCOSA: float(rng.uniform(20.0, 45.0)),
    }


def paint_ct_head(shape: HeadShape, rng: np.random.Generator) -> CtHead:
    """Paint a head without bleeding. Takes some 15 s on one core."""
    table = tissue_hu(rng)
    axes = [np.arange(a, b, s) for a, b, s in zip(_LOW, _HIGH, STEP_MM[::-1], strict=True)]
    canvas = canvas_for(shape, *axes)
    brain = paint_head(canvas, shape, table)
    vault = inner_table(canvas, shape)
    if rng.random() < 0.5:
        paint_lesions(canvas, brain, random_load(rng), table)
    if rng.random() < 0.3:
        _infarct(canvas, brain, rng, table)
    # Blood's HU grows with the haematocrit, 25 to 55 % here (New and Aronow 1976, Radiology 121).
    blood = float(rng.uniform(33.0, 60.0))
    dura = float(rng.uniform(42.0, 62.0))
    _dura(canvas, brain, vault, dura, rng)
    _sinuses(canvas, brain, vault, blood, rng)
    patient = Canvas(*axes)
    tubes, _ = arteries(shape.seed, shape.stretch_xyz, 2.4)
    _arteries(canvas, patient, tubes, blood - 2.0)
    _calcified(canvas, brain, rng)
    _siphons(canvas, patient, tubes, rng)
    low = (float(axes[0][0]), float(axes[1][0]), float(axes[2][0]))
    return CtHead(canvas, low, STEP_MM, vault, brain, table[Tissue.CSF], blood, table[Tissue.GREY])


def _infarct(
    canvas: Canvas, brain: Brain, rng: np.random.Generator, table: Mapping[Tissue, float]
) -> None:
    """A part of the cortex and what lies under it, dark by 6 HU (days) to fluid (years)."""
    w = brain.window
    side = float(rng.choice([-1.0, 1.0]))
    centre = (side * rng.uniform(15.0, 55.0), rng.uniform(-50.0, 85.0), rng.uniform(-15.0, 50.0))
    semi = tuple(float(v) for v in rng.uniform(9.0, 32.0, 3))
    shape = ellipsoid(w, centre, semi) + 4.0 * Noise(rng, 7.0).on(w)
    label = canvas.label[w.at]
    tissue = np.isin(label, [int(Tissue.GREY), int(Tissue.WHITE), int(Tissue.CEREBELLUM)])
    shape = np.where(tissue, shape, 5.0)
    dark = table[Tissue.WHITE] - float(rng.uniform(6.0, 25.0))
    canvas.paint(w, shape, dark, Tissue.LESION, 3.0)


def _dura(
    canvas: Canvas, brain: Brain, vault: Field, tone: float, rng: np.random.Generator
) -> None:
    w, bent = brain.window, brain.bent
    inside = vault[w.at]
    thick = float(rng.uniform(0.35, 0.95))
    dy, dz = (bent.y - 5.0) / 39.0, (bent.z + 1.0) / 33.0
    arch = (1.0 - np.sqrt(dy * dy + dz * dz)) * 33.0
    # In front the falx is low, behind it reaches the corpus callosum.
    arch = np.maximum(arch, -inside - ramp(bent.y, -60.0, 45.0) * 40.0 - 12.0)
    roof = tentorium(bent)
    falx = np.maximum(np.abs(bent.x) - thick, np.maximum(arch, roof - bent.z))
    canvas.paint(w, np.maximum(falx, inside), tone, Tissue.CARTILAGE)
    notch = (1.0 - np.hypot(bent.x / 17.0, (bent.y - 26.0) / 25.0)) * 17.0
    sheet = np.maximum(np.abs(bent.z - roof) - thick, np.maximum(notch, 14.0 - bent.y))
    canvas.paint(w, np.maximum(sheet, inside), tone, Tissue.CARTILAGE)


def _sinuses(
    canvas: Canvas, brain: Brain, vault: Field, blood: float, rng: np.random.Generator
) -> None:
    """Superior sagittal, transverse and straight sinus, and where they meet."""
    w, bent = brain.window, brain.bent
    depth = -vault[w.at]
    roof = tentorium(bent)
    wide = float(rng.uniform(3.0, 5.5))
    sagittal = np.abs(bent.x) + 0.75 * np.abs(depth) - wide
    sagittal = np.maximum(sagittal, np.maximum(roof - bent.z, -30.0 - bent.y - bent.z))
    canvas.paint(w, np.maximum(sagittal, -depth), blood, Tissue.VESSEL)
    for side in (-1.0, 1.0):  # one transverse sinus is usually the larger
        big = float(rng.uniform(1.5, 5.0))
        across = np.hypot(bent.z - roof, depth - 0.5 * big) - big
        across = np.maximum(across, np.maximum(42.0 - bent.y, -side * bent.x))
        canvas.paint(w, np.maximum(across, -depth), blood, Tissue.VESSEL)
    straight = np.hypot(bent.x, bent.z - roof - 1.0) - float(rng.uniform(1.2, 2.4))
    straight = np.maximum(straight, 46.0 - bent.y)
    canvas.paint(w, np.maximum(straight, -depth), blood, Tissue.VESSEL)


def _arteries(canvas: Canvas, patient: Canvas, tubes: list[Tube], blood: float) -> None:
    far = np.full(canvas.shape, 9.0, dtype=np.float32)
    distance_to(patient, [t for t in tubes if float(t.radii.max()) > 0.8], 1.5, far)
    canvas.paint(canvas.all(), far, blood, Tissue.VESSEL, 1.2)


def _blob(canvas: Canvas, w: Window, centre: Point, semi: Point, tone: float, rough: Field) -> None:
    shape = ellipsoid(w, centre, semi) + 0.25 * min(semi) * rough
    canvas.paint(w, shape, tone, Tissue.BONE, 1.2)


def _calcified(canvas: Canvas, brain: Brain, rng: np.random.Generator) -> None:
    w, bent = brain.window, brain.bent
    bent = Window(bent.at, bent.x, bent.y, bent.z, 12.0)
    rough = Noise(rng, 2.5).on(w)

    def number(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    if rng.random() < 0.75:  # glomus of the choroid plexus, one or both
        tone, grain = number(80.0, 700.0), float(rng.uniform(1.2, 4.5))
        for side in (-1.0, 1.0):
            if rng.random() < 0.85:
                at = (side * rng.normal(24.5, 1.0), rng.normal(40.0, 1.5), rng.normal(10.0, 2.5))
                _blob(canvas, bent, at, (grain, grain * 1.3, grain * 1.4), tone, rough)
    if rng.random() < 0.7:
        size = float(rng.uniform(1.2, 3.6))
        _blob(canvas, bent, (0.0, 34.0, rng.normal(1.0, 1.0)), (size, size, size),
              number(80.0, 600.0), rough)  # fmt: skip
    for _ in range(int(rng.poisson(0.8))):  # plaques of the falx
        at = (rng.normal(0.0, 0.4), rng.uniform(-60.0, 80.0), rng.uniform(32.0, 68.0))
        semi = (rng.uniform(0.8, 2.4), rng.uniform(2.0, 10.0), rng.uniform(2.0, 7.0))
        _blob(canvas, bent, at, semi, number(120.0, 900.0), rough)
    if rng.random() < 0.2:  # pallidum, often both sides alike
        tone = number(55.0, 160.0)
        for side in (-1.0, 1.0):
            semi = (rng.uniform(1.0, 3.0), rng.uniform(2.0, 6.0), rng.uniform(1.5, 4.5))
            _blob(canvas, bent, (side * 20.0, 4.0, -1.0), semi, tone, rough)


def _siphons(canvas: Canvas, patient: Canvas, tubes: list[Tube], rng: np.random.Generator) -> None:
    """Calcium in the walls of carotid and vertebral arteries near the base."""
    pairs = ((patient.x, canvas.x), (patient.y, canvas.y), (patient.z, canvas.z))
    sx, sy, sz = (float(mine[0] / standard[0]) for mine, standard in pairs)
    for made in tubes:
        if not made.name.endswith(("ICA", "VA")) or rng.random() < 0.5:
            continue
        inside = np.flatnonzero(made.points[:, 2] > -50.0)
        for _ in range(int(rng.integers(1, 6))):
            k = int(rng.choice(inside)) if inside.size else 0
            away = made.radii[k] * rng.normal(0.0, 0.6, 3)
            at = made.points[k] + away
            place = (float(at[0] / sx), float(at[1] / sy), float(at[2] / sz))
            near = canvas.near([c - 6 for c in place], [c + 6 for c in place])
            if near is not None:
                size = rng.uniform(0.7, 1.8, 3)
                shape = ellipsoid(near, place, (size[0], size[1], size[2]))
                canvas.paint(near, shape, float(rng.uniform(150.0, 900.0)), Tissue.BONE, 1.2)


__all__ = ["STEP_MM", "CtHead", "paint_ct_head", "tissue_hu"]

"""A chest in Hounsfield units: wall, bones, lungs, mediastinum, upper abdomen, table.

Frame and proportions: see thorax. Painted slab by slab, so a whole scan needs little memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workstation.demo import thorax
from workstation.demo.bones import paint_bones
from workstation.demo.lung_tree import LungTrees, Nodule, paint_nodule, paint_tree
from workstation.demo.shapes import (
    Canvas,
    Field,
    Noise,
    Numbers,
    chain,
    common,
    ellipsoid,
    join,
    ramp,
)
from workstation.demo.tissue import Tissue

AIR, FAT, MUSCLE, BLOOD, LUNG = -1000.0, -102.0, 56.0, 41.0, -862.0
_SOFT_EDGE_MM = 1.6


class _Brush:
    """Paints over one slab with a shared grain."""

    def __init__(self, canvas: Canvas, seed: int) -> None:
        rng = np.random.default_rng((seed, 101))
        self.canvas, self.w = canvas, replace(canvas.all(), reach_mm=16.0)
        self.fine, self.lumps = Noise(rng, 3.5).on(self.w), Noise(rng, 9.0).on(self.w)
        self.waves = Noise(rng, 26.0).on(self.w)

    def put(self, distance: Numbers, value: float, label: Tissue, grain: float = 0.0) -> None:
        tone: float | Field = value
        if grain:
            tone = np.asarray(value + grain * self.fine, np.float32)
        self.canvas.paint(self.w, np.asarray(distance, np.float32), tone, label, _SOFT_EDGE_MM)

    def tube(
        self,
        line: thorax.Line,
        layers: Sequence[tuple[float, float, Tissue]],
        plaques: bool = False,
    ) -> None:
        """Paint a thick vessel or airway in its own neighbourhood: layers of (grow, HU, label)."""
        points, radii = line
        pad = max(radii) + 4.0
        lo = [min(p[k] for p in points) - pad for k in range(3)]
        hi = [max(p[k] for p in points) + pad for k in range(3)]
        near = self.canvas.near(lo, hi)
        if near is None:
            return
        d = chain(near, points, radii) + 0.4 * self.waves[near.at]
        for grow, value, label in layers:
            tone = np.asarray(value + 2.0 * self.fine[near.at], np.float32)
            self.canvas.paint(near, d - np.float32(grow), tone, label, _SOFT_EDGE_MM)
        if plaques:
            chance = self.lumps[near.at] + 0.5 * self.waves[near.at]
            spot = np.maximum(np.maximum(np.abs(d + 0.3) - 0.6, 2.0 - chance), -8.0 - near.y)
            self.canvas.paint(near, np.asarray(spot, np.float32), 420.0, Tissue.BONE, 1.2)


def paint_chest(
    canvas: Canvas,
    shape: thorax.ChestShape,
    hulls: thorax.ChestHulls,
    trees: LungTrees,
    nodules: tuple[Nodule, ...],
) -> None:
    """Paint one slab of the chest, HU."""
    canvas.value[...] = AIR
    brush = _Brush(canvas, shape.seed)
    w = brush.w
    _paint_table(brush, shape)
    skin = hulls.on(canvas, "skin") + 0.8 * brush.waves
    cage = hulls.on(canvas, "cage") + 0.5 * brush.waves
    _paint_wall(brush, skin, cage, shape)
    inside = hulls.on(canvas, "inside") + 0.6 * brush.waves
    dome = (thorax.diaphragm(w) + 2.0 * brush.waves - w.z) * np.float32(0.8)
    brush.put(np.maximum(cage, -999.0), FAT + 4.0, Tissue.FAT, 6.0)
    _paint_abdomen(brush, cage, dome)
    paint_bones(brush.canvas, w, cage, brush.fine, shape.seed)
    lung = np.asarray(np.maximum(np.maximum(cage, -inside), dome), np.float32)
    _paint_lung(brush, lung, trees)
    _paint_mediastinum(brush, hulls)
    for nodule in nodules:
        paint_nodule(canvas, nodule, 38.0, Tissue.NODULE)


def _paint_table(brush: _Brush, shape: thorax.ChestShape) -> None:
    w = brush.w
    sag = w.y - (106.0 + shape.fat_mm - 15.0) - 12.0 * (1.0 - (w.x / 215.0) ** 2) + 8.0
    slab = np.maximum(np.abs(sag - 9.0) - 9.0, np.abs(w.x) - 205.0) + 0.0 * w.z
    brush.put(slab, -940.0, Tissue.TABLE)
    shell = np.abs(slab + 0.8) - 0.9
    brush.put(shell, -120.0, Tissue.TABLE)
    pad = np.maximum(np.abs(sag + 4.5) - 4.0, np.abs(w.x) - 190.0) + 0.0 * w.z
    brush.put(pad, -965.0, Tissue.TABLE)
    brush.put(np.abs(pad) - 0.35, -760.0, Tissue.TABLE)


def _paint_wall(brush: _Brush, skin: Field, cage: Field, shape: thorax.ChestShape) -> None:
    """Skin, fat with strands, breast glands and the muscles of the chest wall."""
    w, lumps, fine, waves = brush.w, brush.lumps, brush.fine, brush.waves
    side = w.mirrored()
    brush.put(skin, 25.0, Tissue.SKIN, 5.0)
    brush.put(skin + 1.9, FAT, Tissue.FAT, 6.0)
    strands = np.abs(lumps + 0.5 * waves) * 7.0 - 0.16
    strands = np.maximum(strands, np.maximum(skin + 4.0, 4.0 - cage))
    brush.put(strands, -70.0, Tissue.FAT)
    if shape.breast > 0:
        b = shape.breast
        gland = ellipsoid(side, (76, -84, -42), (34 * b, 22 * b, 32 * b))
        gland = np.maximum(gland + 7.0 * np.abs(lumps) - 3.0, skin + 7.0)
        gland = np.maximum(gland, 14.0 - cage)
        brush.put(gland, 26.0, Tissue.GLAND, 14.0)
    deep = skin + 6.0
    # Between and on the ribs.
    brush.put(np.maximum(cage - 9.0 - 1.5 * waves, deep), 30.0, Tissue.MUSCLE, 22.0)
    parts = (
        (ellipsoid(side, (62, -58, 26), (60, 22, 52)), 8.0),  # pectoralis
        (ellipsoid(side, (122, 22, -30), (26, 62, 95)), 5.0),  # serratus and latissimus
        (ellipsoid(side, (34, 78, -40), (32, 17, 400)), 2.0),  # erector spinae
        (ellipsoid(side, (72, 78, 50), (72, 26, 78)), 6.0),  # shoulder blade's muscles
        (ellipsoid(side, (36, 88, 60), (46, 10, 80)), 2.0),  # trapezius
        (ellipsoid(side, (128, 36, 92), (46, 48, 40)), 4.0),  # shoulder
        (ellipsoid(side, (52, 22, 122), (40, 30, 34)), 3.0),  # neck
    )
    for muscle, gap in parts:
        d = np.maximum(np.maximum(muscle + 1.6 * waves, deep + 1.0), 1.0 - cage)
        d = np.maximum(d, -np.abs(cage - gap - 8.0) + 0.9)
        brush.put(d, MUSCLE, Tissue.MUSCLE, 5.0)
        marbling = np.maximum(np.abs(fine + 0.9 * lumps + 0.2) * 3.2 - 0.25, d + 2.5)
        brush.put(marbling, 5.0, Tissue.MUSCLE)


def _paint_abdomen(brush: _Brush, cage: Field, dome: Field) -> None:
    """Below the diaphragm: liver, spleen, stomach with gas, fat, the muscle itself."""
    w, lumps, waves = brush.w, brush.lumps, brush.waves
    if float(w.z.min()) > -60.0:
        return
    below = np.asarray(np.maximum(-dome, cage + 1.0), np.float32)
    brush.put(below, 48.0, Tissue.MUSCLE)
    room = np.asarray(np.maximum(4.0 - dome, cage + 3.5), np.float32)
    brush.put(room, FAT, Tissue.FAT, 7.0)
    under = np.asarray(np.maximum(2.6 - dome, cage + 2.5), np.float32)
    edge = w.x - 22.0 + 0.30 * (w.z + 120.0) + 0.45 * (w.y + 20.0) + 3.0 * waves
    back = w.y - 62.0 + 0.15 * np.abs(w.x + 60)
    liver = common(
        common(under, np.asarray(edge, np.float32), 14.0), np.asarray(back, np.float32), 10
    )
    brush.put(liver, 58.0, Tissue.LIVER, 3.0)
    veins = np.abs(lumps + 0.6 * waves) * 9.0 - 1.3
    brush.put(
        np.maximum(veins, np.maximum(liver + 14.0, np.abs(waves) * 20 - 9)), 42.0, Tissue.VESSEL
    )
    spleen = np.maximum(ellipsoid(w, (92, 40, -150), (26, 40, 44)) + 2.0 * waves, under + 1.0)
    brush.put(spleen, 50.0, Tissue.SPLEEN, 3.0)
    stomach = np.maximum(ellipsoid(w, (52, -8, -148), (34, 38, 42)) + 2.5 * waves, under + 1.5)
    brush.put(stomach, 40.0, Tissue.MUSCLE)
    brush.put(stomach + 4.0, 22.0, Tissue.MUSCLE, 12.0)
    gas = np.maximum(stomach + 4.0, w.y + 16.0)
    brush.put(gas, -960.0, Tissue.AIRWAY)


def _paint_lung(brush: _Brush, lung: Field, trees: LungTrees) -> None:
    """Parenchyma denser towards the back, fissures, vessels, bronchi."""
    w, canvas = brush.w, brush.canvas
    tone = LUNG + 0.38 * np.clip(w.y, -60, 80) + 7.0 * brush.lumps + 9.0 * brush.fine
    canvas.paint(w, lung, np.asarray(tone, np.float32), Tissue.LUNG, _SOFT_EDGE_MM)
    slope = (w.z + 12.0 + 3.0 * brush.waves + 0.95 * (25.0 - w.y)) * 0.72
    minor = np.maximum(np.abs(w.z + 16.0 + 2.5 * brush.waves - 0.1 * w.y) * 0.9, w.x + 8.0)
    minor = np.maximum(minor, np.maximum(-slope + 1.0, 0.0))
    for sheet in (np.abs(slope), minor):
        fissure = np.maximum(sheet - 0.15, lung + 0.5)
        canvas.paint(w, np.asarray(fissure, np.float32), -735.0, Tissue.LUNG, _SOFT_EDGE_MM)
    for tree in trees.vessels:
        paint_tree(canvas, tree, BLOOD, Tissue.VESSEL)
    for tree in trees.airways:
        paint_tree(canvas, tree, -60.0, Tissue.AIRWAY, 0.75)
    for tree in trees.airways:
        paint_tree(canvas, tree, -985.0, Tissue.AIRWAY, 0.01)


def _paint_mediastinum(brush: _Brush, hulls: thorax.ChestHulls) -> None:
    """Heart in its fat, great vessels, airways, gullet, nodes."""
    w, waves = brush.w, brush.waves
    low, high = float(w.z.min()), float(w.z.max())

    if low < 0.0 and high > -140.0:
        whole = hulls.on(brush.canvas, "heart") + 0.8 * waves
        brush.put(whole - 1.2, 20.0, Tissue.MUSCLE)
        brush.put(whole + 0.6, -88.0, Tissue.FAT, 8.0)
        for place, wall, blood in (
            (thorax.LEFT_VENTRICLE, 11.0, BLOOD),
            (thorax.APEX, 9.0, BLOOD),
            (thorax.RIGHT_VENTRICLE, 3.5, BLOOD),
            (thorax.RIGHT_ATRIUM, 2.0, BLOOD),
            (thorax.LEFT_ATRIUM, 2.0, BLOOD),
        ):
            chamber = ellipsoid(w, *place) + 1.5 * waves + 2.0
            brush.put(chamber, 49.0, Tissue.MYOCARDIUM, 3.0)
            brush.put(chamber + wall, blood - 3.0, Tissue.BLOOD, 2.0)
    blood_lines = [thorax.PULMONARY, thorax.RIGHT_PULMONARY, thorax.CAVA, thorax.LOWER_CAVA]
    blood_lines += [*thorax.ARCH_BRANCHES, *thorax.BRACHIAL_VEINS]
    for line in blood_lines:
        brush.tube(line, ((0.8, 30.0, Tissue.VESSEL), (0.0, BLOOD, Tissue.BLOOD)))
    brush.tube(thorax.AORTA, ((1.2, 46.0, Tissue.VESSEL), (0.0, BLOOD - 1.0, Tissue.BLOOD)), True)
    brush.tube(thorax.GULLET, ((0.0, 38.0, Tissue.MUSCLE), (-4.6, -500.0, Tissue.AIRWAY)))
    airways = (thorax.RIGHT_BRONCHUS, thorax.LEFT_BRONCHUS, thorax.TRACHEA)
    for line in airways:
        brush.tube(line, ((1.3, 35.0, Tissue.CARTILAGE),))
    for line in airways:
        brush.tube(line, ((0.0, -985.0, Tissue.AIRWAY),))
    for centre in ((-12, 0, 12), (14, 8, -4), (-4, 22, -26), (-22, 4, 6), (8, -20, 40)):
        near = brush.canvas.near([c - 8 for c in centre], [c + 8 for c in centre])
        if near is not None:
            node = ellipsoid(near, centre, (4.5, 3.0, 5.0))
            brush.canvas.paint(near, node, 36.0, Tissue.GLAND, _SOFT_EDGE_MM)
    if high > 96.0:
        side = w.mirrored()
        thyroid = ellipsoid(side, (16, -2, 126), (8, 9, 20))
        brush.put(thyroid, 108.0, Tissue.GLAND, 6.0)


__all__ = ["join", "paint_chest", "ramp"]

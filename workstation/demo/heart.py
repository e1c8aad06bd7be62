"""A short-axis cine of the heart in the chest.

Coordinates of the canvas: x to the right and y down in the picture, z = s along the long axis
(see ventricle), mm; the left ventricle's axis is x = y = 0. Fat is painted negative: balanced
steady-state precession shows water and fat in opposite phase, so borders between them turn black
when the magnitude is taken (the "India ink" line of Hargreaves 2012), as on real cines.
"""

from __future__ import annotations

import numpy as np

from workstation.demo.shapes import (
    Canvas,
    Field,
    Noise,
    Numbers,
    Window,
    common,
    cover,
    ellipsoid,
    join,
    ramp,
)
from workstation.demo.tissue import Tissue
from workstation.demo.ventricle import Chamber, HeartShape, chambers, outline

BLOOD, MUSCLE, FAT, LUNG, LIVER = 0.95, 0.33, -0.80, 0.035, 0.36
_EDGE_MM = 1.6
_REACH_MM = 78.0


def paint_surroundings(canvas: Canvas, shape: HeartShape) -> None:
    """Chest wall, lungs, liver, stomach, spleen, aorta and spine: what does not beat."""
    rng = np.random.default_rng((shape.seed, 61))
    w = canvas.all()
    lumps, waves = Noise(rng, 6.0).on(w), Noise(rng, 24.0).on(w)
    fine = Noise(rng, 3.2).on(w)

    def put(distance: Numbers, value: float, label: Tissue, grain: float = 0.06) -> None:
        tone = np.asarray(value * (1.0 + grain * fine), np.float32)
        canvas.paint(w, np.asarray(distance, np.float32), tone, label, _EDGE_MM)

    dx, dy = w.x - 28.0, w.y - 38.0
    c, s = np.cos(np.radians(-28.0)), np.sin(np.radians(-28.0))
    u, v = (c * dx + s * dy) / 168.0, (c * dy - s * dx) / 124.0
    body = ((np.abs(u) ** 2.5 + np.abs(v) ** 2.5) ** 0.4 - 1.0) * 128.0 + 1.2 * waves
    body = np.asarray(np.broadcast_to(body, canvas.shape), np.float32)
    put(body, 0.42, Tissue.SKIN)
    put(body + 2.2, FAT, Tissue.FAT, 0.05)
    septa = np.abs(lumps + 0.4 * waves) * 5.0 - 0.25
    put(np.maximum(septa, np.maximum(body + 3.0, -13.0 - body)), -0.3, Tissue.FAT)
    layer = 9.0 + 9.0 * ramp(v + 0.35 * u + 0.0 * body, -0.6, 0.8)
    wall = body + layer + 1.6 * waves
    put(wall, 0.27, Tissue.MUSCLE, 0.10)
    plane = np.abs(wall + 6.0 + 1.2 * lumps) - 0.7
    put(plane, -0.55, Tissue.FAT)
    inner = wall + 17.0
    angle = np.arctan2(v, u)
    spoke = np.abs(np.mod(angle * 18.0 / (2 * np.pi) + 0.010 * w.z, 1.0) - 0.5) * 36.0 - 9.0
    rib = np.hypot(np.maximum(-spoke, 0.0) * 0.9, (inner - -4.5) * 0.0 + (wall + 12.0)) - 4.6
    put(rib, 0.06, Tissue.BONE)
    put(rib + 1.5, -0.34, Tissue.MARROW)
    put(inner, LUNG, Tissue.LUNG, 0.5)
    _paint_lung_vessels(canvas, inner, rng)

    # The diaphragm carries the heart: below it liver on the left of the picture, then stomach
    # and spleen.
    dome = 42.0 + ((w.x + 5.0) / 70.0) ** 2 * 15.0 - 0.06 * (w.z - 40.0) + 2.0 * waves
    below = np.asarray((dome - w.y) * 0.92, np.float32)
    belly = np.maximum(below, inner + 1.0)
    put(belly, 0.22, Tissue.MUSCLE)
    put(belly + 2.2, FAT, Tissue.FAT)
    liver = common(
        belly + 2.0, np.asarray(w.x - 30.0 - 0.25 * w.z + 0.35 * (w.y - 60), np.float32), 8
    )
    put(liver, LIVER, Tissue.LIVER)
    _paint_liver_vessels(canvas, liver, rng)
    stomach = ellipsoid(w, (62, 84, 50), (34, 26, 60)) + 2.5 * waves
    stomach = np.maximum(stomach, belly + 3.0)
    put(stomach, 0.30, Tissue.MUSCLE)
    put(stomach + 3.0, 0.16 + 0.0, Tissue.MUSCLE, 0.35)
    spleen = np.maximum(ellipsoid(w, (118, 88, 55), (24, 32, 60)) + 2.0 * waves, belly + 2.5)
    put(spleen, 0.50, Tissue.SPLEEN)
    back = np.maximum(ellipsoid(w, (98, 128, 30), (62, 40, 500)), body + 14.0)
    put(back, 0.26, Tissue.MUSCLE, 0.12)
    spine = ellipsoid(w, (84, 112, 30), (21, 18, 500))
    put(spine - 2.0, 0.08, Tissue.BONE)
    put(spine, -0.12 + 0.42, Tissue.MARROW, 0.12)
    aorta = ellipsoid(w, (50, 44, 40), (11.0, 11.0, 600))
    put(aorta - 1.6, 0.2, Tissue.MUSCLE)
    put(aorta, BLOOD * 0.98, Tissue.BLOOD, 0.02)


def _paint_lung_vessels(canvas: Canvas, inner: Field, rng: np.random.Generator) -> None:
    """Bright dots and short branches in the lung, larger towards the heart."""
    for _ in range(520):
        x, y, s = rng.uniform(-70, 150), rng.uniform(-90, 70), rng.uniform(-25, 100)
        far = np.hypot(x, y)
        radius = float(np.clip(rng.exponential(1.3) * 70.0 / (far + 20.0) + 0.6, 0.6, 3.4))
        lean = rng.normal(0.0, 0.5, 2)
        pad = radius + 14.0
        w = canvas.near((x - pad, y - pad, s - 14), (x + pad, y + pad, s + 14))
        if w is None:
            continue
        ds = w.z - np.float32(s)
        r = np.hypot(w.x - x - lean[0] * ds, (w.y - y - lean[1] * ds) * rng.uniform(0.6, 1.0))
        d = np.maximum(np.maximum(r - radius, np.abs(ds) - 12.0), inner[w.at] + 1.0)
        bright = 0.55 * min(radius / 1.4, 1.2)
        canvas.paint(w, np.asarray(d, np.float32), bright, Tissue.VESSEL, _EDGE_MM)


def _paint_liver_vessels(canvas: Canvas, liver: Field, rng: np.random.Generator) -> None:
    for _ in range(150):
        x, y = rng.uniform(-130, 40), rng.uniform(48, 150)
        s, radius = rng.uniform(-25, 100), float(np.clip(rng.exponential(2.0) + 1.0, 1.0, 5.5))
        lean = rng.normal(0.0, 0.9, 2)
        w = canvas.near((x - 24, y - 24, s - 16), (x + 24, y + 24, s + 16))
        if w is None:
            continue
        ds = w.z - np.float32(s)
        r = np.hypot(w.x - x - lean[0] * ds, (w.y - y - lean[1] * ds) * rng.uniform(0.45, 1.0))
        d = np.maximum(np.maximum(r - radius, np.abs(ds) - 14.0), liver[w.at] + 2.5)
        canvas.paint(w, np.asarray(d, np.float32), 0.72, Tissue.VESSEL, _EDGE_MM)


class BeatingHeart:
    """Paints the heart of each phase over a finished background; seeds once, then reuses it."""

    def __init__(self, canvas: Canvas, shape: HeartShape) -> None:
        self.canvas, self.shape = canvas, shape
        rng = np.random.default_rng((shape.seed, 67))
        window = canvas.near((-_REACH_MM - 8, -62, -1e3), (62, 66, 1e3))
        assert window is not None, "the canvas misses the heart"
        self.w: Window = window
        self._fine, self._lumps = Noise(rng, 2.8).on(window), Noise(rng, 9.0).on(window)
        self._angle = np.asarray(np.arctan2(window.y, window.x), np.float32)
        self._far = np.asarray(np.hypot(window.x, window.y), np.float32)
        self._round = np.asarray(outline(self._angle), np.float32)
        # Where papillary muscles stand and how far along the axis.
        self._papillary = (
            (np.radians(-42.0), 5.6, 20.0, 62.0),
            (np.radians(118.0), 6.2, 22.0, 64.0),
        )
        self._back_value = canvas.value[window.at].copy()
        self._back_label = canvas.label[window.at].copy()

    def distances(self, chamber: Chamber) -> Field:
        """Distance to a chamber's wall, sideways only, cut off at its base, (z, y, x)."""
        s = self.w.z
        radius = chamber.radius_at(s).astype(np.float32)
        d = self._far - radius * self._round
        return np.asarray(np.maximum(d, np.float32(chamber.base) - s), dtype=np.float32)

    def paint(self, phase: int) -> None:
        """Paint one phase in place of the last one."""
        w, canvas = self.w, self.canvas
        canvas.value[w.at], canvas.label[w.at] = self._back_value, self._back_label
        endo, epi = chambers(self.shape, phase)
        inner, outer = self.distances(endo), self.distances(epi)
        squeeze = endo.base / max(self.shape.descent_mm, 1e-6)
        right = self._right(endo.base, squeeze)
        atria = self._atria(endo, squeeze)

        def put(distance: Numbers, value: float, label: Tissue, grain: float = 0.03) -> None:
            tone = np.asarray(value * (1.0 + grain * self._fine), np.float32)
            canvas.paint(w, np.asarray(distance, np.float32), tone, label, _EDGE_MM)

        sac = join(join(outer, right - 3.0, 16.0), atria - 2.0, 12.0)
        fat = sac - 3.2 - 2.4 * self._lumps - 3.0 * ramp(w.y + 0 * self._far, 5.0, 40.0)
        put(fat - 1.4, 0.12, Tissue.MUSCLE)
        put(fat, FAT, Tissue.FAT, 0.06)
        put(right - 2.8, MUSCLE, Tissue.MYOCARDIUM)
        put(atria - 1.8, MUSCLE, Tissue.MYOCARDIUM)
        flow = BLOOD * (1.0 - 0.06 * np.sin(np.pi * squeeze))
        put(right + 2.2 * np.maximum(self._fine, 0.0), flow * 0.97, Tissue.RIGHT_BLOOD, 0.035)
        band = np.maximum(np.abs(self._fine + 0.6 * self._lumps - 0.9) * 2.4 - 0.7, right + 1.0)
        put(np.maximum(band, 35.0 - w.z), 0.5, Tissue.RIGHT_BLOOD)
        put(atria, flow, Tissue.BLOOD, 0.03)
        put(outer, MUSCLE, Tissue.MYOCARDIUM, 0.05)
        put(inner, flow, Tissue.BLOOD, 0.03)
        self._trabeculae(put, inner, endo, squeeze)

    def _trabeculae(self, put: object, inner: Field, endo: Chamber, squeeze: float) -> None:
        """Papillary muscles and the rough inner lining: muscle within the cavity."""
        w, canvas = self.w, self.canvas
        muscle = np.full(inner.shape, 9.0, np.float32)
        for angle, radius, low, high in self._papillary:
            s_low, s_high = low + 8.0 * squeeze, high
            at = endo.radius_at(np.clip(w.z, s_low, s_high)) * outline(np.array(angle))
            at = np.maximum(at - radius * (1.15 - 0.1 * squeeze), 2.0).astype(np.float32)
            px, py = at * np.float32(np.cos(angle)), at * np.float32(np.sin(angle))
            ends = np.maximum(s_low - w.z, w.z - s_high)
            thick = radius * (0.86 + 0.08 * squeeze) * (1.0 - 0.25 * ramp(w.z, s_high - 14, s_low))
            d = np.hypot(w.x - px, (w.y - py) * 1.1) - thick + 0.9 * self._fine
            muscle = np.minimum(muscle, np.maximum(d, ends * 0.7))
        deep = ramp(np.broadcast_to(w.z, inner.shape), 25.0, 70.0)
        ridge = 4.6 * np.maximum(self._fine + 0.1, 0.0) * (0.35 + 0.65 * deep)
        muscle = np.minimum(muscle, -inner - ridge)
        muscle = np.maximum(muscle, inner)
        tone = np.asarray(0.42 + 0.05 * self._fine, np.float32)
        canvas.paint(w, np.asarray(muscle, np.float32), tone, Tissue.PAPILLARY, _EDGE_MM)

    def _right(self, base: float, squeeze: float) -> Field:
        """Right ventricle: an ellipse beside the septum that ends before the apex."""
        w = self.w
        u = np.clip((w.z - 12.0) / 66.0, -1.0, 1.0)
        size = np.sqrt(np.maximum(1.0 - u * u, 0.0)) * (1.0 - 0.17 * squeeze)
        size = np.maximum(size, 0.02)
        dx = (w.x + 24.0 - 3.0 * squeeze) / (36.0 * size)
        dy = (w.y + 1.0 - 0.22 * (w.x + 24.0)) / (39.0 * size)
        # Flatter towards the chest wall than an ellipse: a crescent with corners.
        d = (np.abs(dx) ** 2.0 + np.abs(dy) ** 2.3 + 0.35 * np.abs(dx * dy)) ** 0.48
        ends = np.maximum(w.z - 76.0, base - 6.0 - w.z)
        out = (d - 1.0) * 36.0 * size + 1.6 * self._lumps
        return np.asarray(np.maximum(out, ends), dtype=np.float32)

    def _atria(self, endo: Chamber, squeeze: float) -> Field:
        """Above the valves: left atrium behind, aortic root in the middle, right atrium."""
        w = self.w
        above = w.z - np.float32(endo.base) + 0.5
        grow = 1.0 + 0.10 * squeeze
        left = np.hypot((w.x - 12.0) / 1.15, w.y - 10.0) - 20.0 * grow
        root = np.hypot(w.x + 13.0, w.y + 12.0) - 13.5
        right = np.hypot((w.x + 44.0) / 1.1, (w.y - 14.0)) - 19.0 * grow
        tract = np.hypot(w.x + 26.0, (w.y + 34.0)) - 12.5
        both = np.minimum(np.minimum(left, root), np.minimum(right, tract)) + 0.8 * self._lumps
        return np.asarray(np.maximum(both, above), dtype=np.float32)

    def truth(self, phase: int, tissue: str = "cavity") -> Field:
        """How much of each voxel is left ventricular cavity or muscle, 0 to 1 (z, y, x)."""
        endo, epi = chambers(self.shape, phase)
        edge = self.canvas.voxel_mm[2]
        inner = cover(self.distances(endo), edge)
        full = np.zeros(self.canvas.shape, dtype=np.float32)
        part = inner if tissue == "cavity" else cover(self.distances(epi), edge) - inner
        full[self.w.at] = part
        return full

"""Ribs, cartilage, sternum, collar bones, shoulder blades and spine of the chest, HU."""

from __future__ import annotations

import numpy as np

from workstation.demo import thorax
from workstation.demo.shapes import (
    Canvas,
    Field,
    Noise,
    Point,
    Window,
    box,
    chain,
    cover,
    ellipsoid,
    ramp,
)
from workstation.demo.tissue import Tissue
from workstation.demo.tubes import Tube, distance_to, tube

CORTEX, SPONGE, CARTILAGE, DISC = 780.0, 190.0, 95.0, 85.0
_SQUASH = 0.60  # ribs are taller than thick: distances shrink along z
_EDGE_MM = 1.3
_LEVEL_MM = 22.5  # one vertebra with its disc


def _bone(
    canvas: Canvas, w: Window, distance: Field, shell_mm: float, grain: Field, sponge: float
) -> None:
    d = np.asarray(distance, np.float32)
    canvas.paint(w, d, CORTEX, Tissue.BONE, _EDGE_MM)
    tone = np.asarray(sponge + 45.0 * grain, np.float32)
    canvas.paint(w, d + np.float32(shell_mm), tone, Tissue.MARROW, _EDGE_MM)


def rib_line(side: int, level: int) -> tuple[Tube, Tube | None]:
    """Bony part and cartilage of a rib (level 1 to 12), canvas frame."""
    top = 98.0 - _LEVEL_MM * (level - 1)
    drop = float(np.interp(level, (1, 3, 7, 10, 12), (26, 52, 78, 70, 40)))
    end = float(np.interp(level, (1, 2, 7, 10, 11, 12), (150, 146, 132, 112, 84, 62)))
    angles = np.radians(np.arange(14.0, end + 1.0, 4.0))
    bone = [_on_cage(side, float(a), top, drop) for a in angles]
    spine = float(thorax.spine_y(np.array([top], np.float32))[0])
    bone = [(side * 17.0, spine + 8.0, top + 2.0), *bone]
    radii = [3.6, *[3.5] * (len(bone) - 1)]
    made = tube(f"rib {level}", bone, radii, 2.5)
    if level > 10:
        return made, None
    last = bone[-1]
    if level <= 7:
        goal = (side * 13.0, _sternum_y(last[2] + 2.0 * level) - 1.0, last[2] + 2.2 * level)
    else:
        goal = (side * 48.0, last[1] - 24.0, last[2] + 18.0)
    middle = (
        0.5 * (last[0] + goal[0]), 0.5 * (last[1] + goal[1]) - 5.0, 0.5 * (last[2] + goal[2]) - 6.0
    )  # fmt: skip
    return made, tube(f"cartilage {level}", [last, middle, goal], [3.6, 3.8, 3.6], 2.5)


def _on_cage(side: int, angle: float, top: float, drop: float) -> Point:
    z = top - drop * (0.5 - 0.5 * float(np.cos(angle))) * 1.15
    height = np.array([z], np.float32)
    wide, deep, middle = (float(v[0]) for v in thorax.cage_axes(height))
    s, c = float(np.sin(angle)), float(np.cos(angle))
    power = 2.0 / 2.35
    x = side * (wide + 4.6) * abs(s) ** power
    y = middle + (deep + 4.6) * float(np.sign(c)) * abs(c) ** power
    return x, y, z


def _sternum_y(z: float) -> float:
    return float(np.interp(z, (-110, -40, 20, 70), (-74, -77, -66, -42)))


def paint_bones(canvas: Canvas, w: Window, cage: Field, grain: Field, seed: int) -> None:
    """Paint the whole skeleton of a slab."""
    _paint_ribs(canvas, w, grain)
    _paint_spine(canvas, w, grain, seed)
    _paint_sternum(canvas, w, grain)
    _paint_girdle(canvas, w, cage, grain)


def _paint_ribs(canvas: Canvas, w: Window, grain: Field) -> None:
    low, high = float(canvas.z[0]) - 12.0, float(canvas.z[-1]) + 12.0
    squashed = Canvas.__new__(Canvas)
    squashed.x, squashed.y, squashed.z = canvas.x, canvas.y, canvas.z * np.float32(_SQUASH)
    squashed.shape = canvas.shape
    for cartilage in (True, False):
        far = np.full(canvas.shape, 20.0, dtype=np.float32)
        for level in range(1, 13):
            for side in (1, -1):
                bone, soft = rib_line(side, level)
                line = soft if cartilage else bone
                if line is None or line.points[:, 2].max() < low or line.points[:, 2].min() > high:
                    continue
                flat = Tube(line.name, line.points * (1.0, 1.0, _SQUASH), line.radii)
                distance_to(squashed, [flat], 2.0, far)
        if cartilage:
            canvas.paint(w, far, CARTILAGE, Tissue.CARTILAGE, _EDGE_MM)
        else:
            _bone(canvas, w, far, 1.15, grain, 150.0)


def _paint_spine(canvas: Canvas, w: Window, grain: Field, seed: int) -> None:
    near = canvas.near((-48, 18, -1e3), (48, 116, 1e3))
    if near is None:
        return
    g = grain[near.at]
    rng = np.random.default_rng((seed, 103))
    rough = Noise(rng, 6.0).on(near)
    y = near.y - thorax.spine_y(near.z)
    level = near.z / np.float32(_LEVEL_MM)
    within = (level - np.floor(level) - 0.5) * np.float32(_LEVEL_MM)  # 0 mid-vertebra
    v = Window(near.at, near.x + 0.0 * near.z, y, within)
    waist = 1.0 - 0.10 * (1.0 - np.minimum(np.abs(within) / 9.0, 1.0))
    trunk = np.hypot(near.x / (17.5 * waist), y / (14.0 * waist))
    trunk = (trunk - 1.0) * 14.5 + 0.5 * rough
    trunk = np.maximum(trunk, -(np.hypot(near.x, (y - 20.0)) - 9.5))
    disc = np.maximum(trunk - 0.8, np.abs(near.z * 0.0 + within) * 0.0 - 0.2)
    canvas.paint(near, np.asarray(disc, np.float32), DISC, Tissue.CARTILAGE, _EDGE_MM)
    body = np.maximum(trunk, np.abs(within) - 9.2)
    arch = np.abs(np.hypot(near.x, (y - 21.0)) - 11.0) - 2.3
    arch = np.maximum(arch, np.maximum(12.0 - y, np.abs(within - 1.0) - 8.5))
    side = Window(near.at, np.abs(v.x), v.y, v.z)
    wing = chain(side, [(11, 20, 3), (22, 26, 4), (33, 31, 2)], [4.5, 3.6, 4.4])
    facet = ellipsoid(side, (12.5, 25.0, 9.5), (5.0, 5.5, 7.0))
    thorn = chain(v, [(0, 31, 1), (0, 38, -6), (0, 44, -10)], [3.2, 2.4, 3.0])
    thorn_up = chain(v, [(0, 38, 16.5), (0, 44, 12.5), (0, 46, 11)], [2.4, 3.0, 3.0])
    back = np.minimum(np.minimum(arch, wing), np.minimum(np.minimum(thorn, thorn_up), facet))
    back = np.maximum(back, 9.2 - np.hypot(near.x, y - 20.0))
    _bone(canvas, near, np.asarray(back, np.float32), 1.5, g, 230.0)
    plate = np.asarray(body, np.float32)
    canvas.paint(near, plate, 420.0, Tissue.BONE, _EDGE_MM)
    _bone(canvas, near, np.maximum(plate, np.abs(within) - 8.4), 1.2, g, SPONGE)
    spongy = np.maximum(trunk + 1.2, np.abs(within) - 8.6)
    tone = np.asarray(SPONGE + 40.0 * g, np.float32)
    canvas.paint(near, np.asarray(spongy, np.float32), tone, Tissue.MARROW, _EDGE_MM)
    canal = np.asarray(np.hypot(near.x, y - 20.0) - 8.6, np.float32)
    canvas.paint(near, canal, 6.0, Tissue.CSF, _EDGE_MM)
    cord = np.hypot(near.x / 1.25, y - 20.0) - 4.2
    canvas.paint(near, np.asarray(cord, np.float32), 34.0, Tissue.NERVE, _EDGE_MM)


def _paint_sternum(canvas: Canvas, w: Window, grain: Field) -> None:
    near = canvas.near((-40, -95, -125), (40, -20, 88))
    if near is None:
        return
    line = np.interp(near.z, (-110, -40, 20, 70), (-74, -77, -66, -42)).astype(np.float32)
    wide = np.interp(near.z, (-118, -95, -40, 22, 30, 48, 66), (4, 11, 16, 13, 17, 27, 24))
    flat = Window(near.at, near.x * (18.0 / wide).astype(np.float32), near.y - line, near.z)
    blade = box(flat, (0, 0, -20), (18, 5.8, 90), 4.5)
    blade = blade + 0.35 * grain[near.at]
    gap = 1.0 - np.abs(near.z - 24.0)  # between manubrium and body
    _bone(canvas, near, np.maximum(blade, gap), 1.1, grain[near.at], 120.0)


def _paint_girdle(canvas: Canvas, w: Window, cage: Field, grain: Field) -> None:
    """Collar bones and shoulder blades: curved plates that follow the rib cage."""
    side = w.mirrored()
    if float(canvas.z[-1]) > 40.0:
        collar = chain(
            side,
            [(22, -44, 74), (42, -46, 84), (78, -28, 100), (112, -4, 118)],
            [8.0, 6.0, 5.5, 6.0],
        )
        _bone(canvas, w, collar, 1.4, grain, 160.0)
        socket = ellipsoid(side, (128, 26, 104), (15, 13, 18))
        _bone(canvas, w, socket, 1.3, grain, 210.0)
        head = ellipsoid(side, (140, 12, 122), (19, 19, 19))
        _bone(canvas, w, head, 1.3, grain, 210.0)
    if float(canvas.z[-1]) > -50.0:
        inner = 56.0 + 0.20 * (w.z - 30.0)  # medial border leans
        outer = 128.0 + 0.25 * (w.z - 60.0)
        rim = np.maximum(np.maximum(inner - side.x, side.x - outer), 26.0 - 0.1 * w.z - w.y)
        rim = np.maximum(rim, np.maximum(-42.0 - w.z + 0.2 * np.abs(side.x - 92.0), w.z - 100.0))
        plate = np.abs(cage - 17.0) - 1.3 - 2.2 * ramp(np.asarray(rim, np.float32), -9.0, -1.0)
        plate = np.maximum(plate, rim)
        _bone(canvas, w, np.asarray(plate, np.float32), 1.3, grain, 260.0)
        ridge = chain(side, [(66, 92, 66), (96, 88, 78), (128, 60, 96)], [2.5, 3.5, 6.0])
        _bone(canvas, w, ridge, 1.3, grain, 260.0)


__all__ = ["cover", "paint_bones", "rib_line"]

"""Bones of a generated body: spine, ribs, breastbone, girdles, pelvis, thighs, skull, arms."""

from __future__ import annotations

import numpy as np
from canvas import Canvas
from frame import Frame
from tissues import Tissue as T


def paint_skeleton(c: Canvas, f: Frame, arms: str) -> None:
    """arms: "up", "down" or "none"."""
    for level in range(24):
        _vertebra(c, f, level)
    for number in range(1, 13):
        for side in (-1, 1):
            _rib(c, f, number, side)
    _breastbone(c, f)
    _pelvis(c, f)
    _shoulders(c, f, arms)


def _vertebra(c: Canvas, f: Frame, level: int) -> None:
    rng, w = c.rng, 0.5 * (f.wide + 1.0)
    low, high = f.levels[level], f.levels[level + 1]
    lumbar, neck = level < 5, level > 16
    height = high - low
    disc = height * (0.27 if lumbar else 0.18 if not neck else 0.25) * rng.uniform(0.7, 1.2)
    part = level / 23.0
    rx = w * (float(np.interp(part, [0, 0.2, 0.45, 0.7, 1], [25, 22, 17, 14, 12]))
              * rng.uniform(0.93, 1.07))  # fmt: skip
    ry = rx * (0.72 if lumbar else 0.9 if not neck else 0.7)
    middle = 0.5 * (low + high)
    cx, cy = float(f.spine_x(middle)), float(f.spine_y(middle))
    slope = float(f.spine_y(middle + 12) - f.spine_y(middle - 12)) / 24.0
    block = c.block([cx - 70, cy - 35, low - 30], [cx + 70, cy + 85, high + 15])
    if block is None:
        return
    x, y, z = c.at(block)
    x, y = x - cx, y - cy
    z = z + y * slope - low  # end plates stand across the spine
    waist = 1.0 - 0.10 * np.sin(np.pi * np.clip((z - disc) / (height - disc), 0, 1))
    radial = (np.sqrt((x / rx) ** 2 + (y / ry) ** 2) - waist) * min(rx, ry)
    body = np.maximum(radial, np.abs(z - 0.5 * (disc + height)) - 0.5 * (height - disc))
    pad = np.maximum(radial + 1, np.abs(z - 0.5 * disc) - 0.5 * disc)
    c.put(block, pad < 0, T.DISC)
    c.put(block, body < 0, T.VERTEBRA_CORTEX)
    c.put(block, body < -rng.uniform(1.5, 3.0), T.VERTEBRA_MARROW)
    canal_y = ry + (8.5 if lumbar else 8.0)
    radius = 9.5 if lumbar or neck else 8.0
    ring = np.sqrt(x**2 + (y - canal_y) ** 2)
    thick = (6.5 if lumbar else 5.0) * rng.uniform(0.8, 1.2)
    arch_z = np.abs(z - 0.62 * height + 0.35 * (y - canal_y))
    arch = (ring < radius + thick) & (arch_z < 0.36 * height) & (y > ry * 0.5)
    spine_down = 0.35 if lumbar else 1.0 if not neck else 0.5
    length = (34 if lumbar else 32 if not neck else 22) * w * rng.uniform(0.85, 1.15)
    behind = y - canal_y - radius
    process = ((np.abs(x) < 3.6) & (behind > -3) & (behind < length)
               & (np.abs(z - 0.45 * height + spine_down * behind) < 0.30 * height))  # fmt: skip
    reach = (42 if lumbar else 32 if not neck else 24) * w
    lateral = np.abs(x)
    wing = ((lateral > radius) & (lateral < reach)
            & (np.abs(y - canal_y + 2 - (0.15 if lumbar else 0.4) * (lateral - radius)) < 4.2)
            & (np.abs(z - 0.68 * height) < (5.0 if lumbar else 5.5)))  # fmt: skip
    facet = ((lateral - radius - 5) ** 2 + (y - canal_y - 4) ** 2
             + ((z - 0.05 * height) * 0.7) ** 2) < 8.5**2  # fmt: skip
    ours = arch | process | wing | facet
    c.put(block, np.broadcast_to(ours, body.shape), T.VERTEBRA_CORTEX)
    core = (arch & (ring > radius + 2) & (ring < radius + thick - 2)) | (
        facet & (np.abs(lateral - radius - 5) < 4)
    )
    c.put(block, core, T.VERTEBRA_MARROW, (T.VERTEBRA_CORTEX,))
    canal = (ring < radius) & (y > ry * 0.75) & (np.abs(z - 0.5 * height) < 0.62 * height)
    c.put(block, canal, T.CANAL)


def _bone_tube(c: Canvas, points: np.ndarray, radii: float | list[float], wall: float) -> None:
    c.tube(points, radii, T.BONE_CORTEX)
    inner = np.asarray(radii, dtype=float) - wall
    if np.all(inner > 0.4 * c.step):
        c.tube(points, inner if inner.ndim else float(inner), T.BONE_MARROW, (T.BONE_CORTEX,))


def _rib(c: Canvas, f: Frame, number: int, side: int) -> None:
    rng = c.rng
    level = 17 - number
    start_z = f.levels[level] + 0.75 * (f.levels[level + 1] - f.levels[level])
    cx, cy = float(f.spine_x(start_z)), float(f.spine_y(start_z))
    ends = {1: -62, 2: -62, 11: 5, 12: 38}
    end = ends.get(number, -58 if number <= 7 else -58 + 12 * (number - 7))
    drop = f.tall * {1: 22, 2: 45, 3: 62, 11: 55, 12: 45}.get(number, 78) * rng.uniform(0.85, 1.15)
    angles = np.deg2rad(np.linspace(68, end, 14))
    part = np.linspace(0, 1, 14)
    z = start_z - 4 - drop * part**1.1
    a, b, middle = f.chest(np.minimum(z, f.s(478)))
    out = 5.5
    points = np.stack(
        [side * (a + out) * np.cos(angles), middle + (b + out) * np.sin(angles), z], axis=1
    )
    head = np.array([[cx + side * 18, cy + 14, start_z], [cx + side * 34, cy + 26, start_z + 1]])
    points = np.concatenate([head, points])
    _bone_tube(c, points, [4.2 * rng.uniform(0.9, 1.1)] * 2 + [5.4] * 14, 2.3)
    if number <= 10:
        top = f.s(455)
        stern_z = top - 14 * number * f.tall if number <= 7 else top - 108 * f.tall
        _, sb, sm = f.chest(np.minimum(stern_z, f.s(460)))
        goal = np.array([side * (18 if number <= 7 else 40), float(sm - sb - 4), stern_z])
        last = points[-1]
        halfway = 0.5 * (last + goal)
        # Along the chest wall, not through the lung.
        _, hb, hm = f.chest(np.minimum(halfway[2], f.s(460)))
        halfway[1] = min(halfway[1], float(hm - hb * 0.93) - 4)
        c.tube(np.stack([last, halfway, goal]), 5.0, T.CARTILAGE)


def _breastbone(c: Canvas, f: Frame) -> None:
    z = np.linspace(f.s(295), f.s(458), 12)
    _, b, middle = f.chest(np.minimum(z, f.s(462)))
    for x in (-11.0, -4.0, 4.0, 11.0):
        points = np.stack([np.full_like(z, x), middle - b - 5, z], axis=1)
        c.tube(points, 6.0, T.BONE_CORTEX)
    for x in (-8.0, 0.0, 8.0):
        points = np.stack([np.full_like(z, x), middle - b - 5, z], axis=1)
        c.tube(points, 3.6, T.BONE_MARROW)


def _pelvis(c: Canvas, f: Frame) -> None:
    rng, w = c.rng, f.wide
    block = c.block([-140, -80, f.s(-175)], [140, 120, f.s(60)])
    if block is None:
        return
    x, y, z = c.at(block)
    t = z / f.tall
    # Sacrum: a wedge that follows the spine's curve.
    sy = f.spine_y(z)
    wide = np.interp(t, [-120, -60, 0], [8, 32, 52]).astype(np.float32) * w
    deep = np.interp(t, [-120, 0], [6, 22]).astype(np.float32)
    sacrum = np.maximum(
        np.sqrt((x / wide) ** 2 + ((y - sy - 6) / deep) ** 2) * 10 - 10, np.abs(t + 58) - 58
    )
    c.put(block, sacrum < 0, T.BONE_CORTEX)
    c.put(block, sacrum < -2.2, T.BONE_MARROW)
    canal = (np.abs(x) < 9) & (np.abs(y - sy - 22) < 6) & (t > -90) & (t < 0)
    c.put(block, canal & (sacrum < 0), T.CANAL)
    for side in (-1, 1):
        found = c.ellipsoid(
            (side * 66 * w, 18, f.s(-18)), (66 * w, 82, 78), (side * -18, side * 14, 0)
        )
        if found is None:
            continue
        bx, by, bz = c.at(found[0])
        bt = bz / f.tall
        thin = 5.5 + 3 * (by > 40)
        wing = (np.abs(found[1]) < thin) & (bx * side > 40 * w) & (bt > -95) & (by > -52)
        c.put(found[0], wing, T.BONE_CORTEX, (T.MUSCLE, T.FILLER, T.FAT))
        c.put(found[0], wing & (np.abs(found[1]) < thin - 2.6), T.BONE_MARROW, (T.BONE_CORTEX,))
        hip = np.array([side * 88 * w, 8, f.s(-112)])
        for radius, tissue in ((33, T.BONE_CORTEX), (29, T.BONE_MARROW), (26, T.MUSCLE),
                               (23, T.BONE_CORTEX), (20.5, T.BONE_MARROW)):  # fmt: skip
            keep = T.AIR if radius < 33 else T.MUSCLE
            over = () if keep == T.AIR else (T.MUSCLE, T.FILLER, T.FAT, T.BONE_CORTEX)
            c.blob(hip, (radius,) * 3, tissue, over)
        knob = hip + np.array([side * 44, 14, f.s(-8)])
        _bone_tube(c, np.stack([hip, knob]), 13, 3)
        c.blob(knob, (20, 20, 24), T.BONE_CORTEX)
        c.blob(knob, (17, 17, 21), T.BONE_MARROW)
        shaft = np.stack(
            [knob + np.array([side * -8, 0, -10]), knob + np.array([side * -12, -5, f.s(-260)])]
        )
        c.tube(shaft, 14.5, T.BONE_CORTEX)
        c.tube(shaft, 8.0, T.BONE_MARROW)
        pubis = np.array([[side * 66 * w, -22, f.s(-105)], [side * 30, -50, f.s(-118)],
                          [side * 7, -58, f.s(-128)]])  # fmt: skip
        _bone_tube(c, pubis, 9, 3)
        ischium = np.array([[side * 74 * w, 32, f.s(-118)], [side * 60 * w, 40, f.s(-158)],
                            [side * 28, -25, f.s(-158)], [side * 8, -52, f.s(-135)]])  # fmt: skip
        _bone_tube(c, ischium, [14, 14, 8, 8], 3)
    if rng.random() < 0.08:  # a hip of metal
        side = int(rng.choice([-1, 1]))
        hip = np.array([side * 88 * w, 8, f.s(-112)])
        c.blob(hip, (25, 25, 25), T.METAL)
        c.tube(
            np.stack(
                [hip, hip + np.array([side * 38, 12, -20]), hip + np.array([side * 34, 8, -130])]
            ),
            8,
            T.METAL,
        )


def _shoulders(c: Canvas, f: Frame, arms: str) -> None:
    w = f.wide
    for side in (-1, 1):
        _, b, middle = f.chest(f.s(455.0))
        joint = np.array([side * 150 * w, 22, f.s(452)])
        clavicle = np.array([[side * 16, float(middle - b) - 10, f.s(462)],
                             [side * 80 * w, float(middle - b) - 2, f.s(478)],
                             [side * 138 * w, 12, f.s(480)]])  # fmt: skip
        _bone_tube(c, clavicle, 6.0, 2.5)
        blade = c.ellipsoid(
            (side * 98 * w, 84 * f.deep, f.s(405)), (46, 3.4, 66), (side * 38, side * 8, -6)
        )
        if blade is not None:
            c.put(blade[0], blade[1] < 1.0, T.BONE_CORTEX, (T.MUSCLE, T.FAT))
        ridge = np.array(
            [[side * 60 * w, 100 * f.deep, f.s(425)], joint + np.array([side * 8, 14, 22])]
        )
        _bone_tube(c, ridge, 6.0, 2.5)
        _bone_tube(
            c,
            np.stack(
                [joint + np.array([side * -28, 12, -8]), joint + np.array([side * -16, 4, 0])]
            ),
            13,
            3,
        )
        c.blob(joint + np.array([side * 6, 0, 0]), (22, 22, 22), T.BONE_CORTEX)
        c.blob(joint + np.array([side * 6, 0, 0]), (19.5,) * 3, T.BONE_MARROW)
        if arms == "none":
            continue
        way = np.array([10.0 * side, -12.0, 250.0]) if arms == "up" else np.array(
            [side * 26.0, 18.0, -260.0])  # fmt: skip
        far = joint + way
        arm = np.stack(
            [
                joint + np.array([side * 10, 0, 0]),
                0.5 * (joint + far) + np.array([side * 12, 0, 0]),
                far,
            ]
        )
        outside = (T.AIR, T.TABLE)
        c.tube(arm, [44, 40, 34], T.FAT, outside)
        c.tube(arm, [38, 34, 29], T.MUSCLE, (T.FAT, *outside))
        c.tube(arm, 11.0, T.BONE_CORTEX)
        c.tube(arm, 6.0, T.BONE_MARROW)


def paint_head(c: Canvas, f: Frame) -> None:
    """A head: skin, skull, brain, face with air spaces, jaw."""
    rng = c.rng
    centre = np.array([0.0, 5.0, f.s(712)])
    size = np.array([74.0, 94.0, 84.0]) * rng.uniform(0.92, 1.08)
    c.blob(centre, size, T.FAT)
    c.blob((0, -28, f.s(648)), (60, 62, 48), T.FAT)
    c.blob((0, -28, f.s(648)), (56, 58, 44), T.MUSCLE, (T.FAT,))
    for less, tissue in ((4, T.MUSCLE), (7, T.BONE_CORTEX), (9.5, T.BONE_MARROW),
                         (11.5, T.BONE_CORTEX), (14, T.BRAIN)):  # fmt: skip
        c.blob(centre, size - less, tissue)
    for side in (-1, 1):
        c.blob((side * 14, -15, f.s(705)), (8, 30, 12), T.CANAL, (T.BRAIN,))
        c.blob((side * 28, -62, f.s(650)), (14, 16, 17), T.GAS, (T.MUSCLE, T.BONE_CORTEX))
        c.blob((side * 32, -72, f.s(682)), (13, 13, 12), T.FILLER)
        c.blob((side * 55, 25, f.s(655)), (10, 14, 14), T.BONE_CORTEX)
    for less, tissue in ((0, T.BONE_CORTEX), (3, T.MUSCLE)):
        found = c.ellipsoid((0, -30, f.s(625)), (52 - less, 58 - less, 30 - less))
        if found is not None:
            _, y, z = c.at(found[0])
            shell = (found[1] < 0) & (np.abs(z - f.s(618)) < 10) & (y < -20)
            c.put(found[0], shell, tissue, (T.MUSCLE, T.FAT, T.BONE_CORTEX))
    c.blob((0, -45, f.s(650)), (14, 40, 18), T.GAS, (T.MUSCLE,))

"""Soft organs of a generated body: trunk, lungs, liver, spleen, kidneys, stomach, bowel."""

from __future__ import annotations

import numpy as np
from canvas import Canvas, Field, curve
from frame import Frame
from tissues import Tissue as T

INSIDE = (T.FILLER, T.MUSCLE, T.FAT)
SOFT = (T.FILLER,)


def paint_trunk(c: Canvas, f: Frame, legs: bool) -> None:
    """Skin, fat, muscle and the belly's hollow, level by level."""
    whole = (slice(None),) * 3
    z = c.z
    a, b, middle = f.skin(z)
    fat = f.fat_mm(z)
    power = float(c.rng.uniform(2.0, 2.6))

    def inside(da: Field | float, db: Field | float, back: Field | float = 0.0) -> Field:
        dy = c.y - middle
        deep = np.where(dy > 0, b - db - back, b - db)
        return (np.abs(c.x / np.maximum(a - da, 2)) ** power
                + np.abs(dy / np.maximum(deep, 2)) ** power)  # fmt: skip

    lumps = c.noise(whole, 0.012)
    trunk = inside(0, 0) + lumps < 1
    top = f.s(640)
    trunk &= (z < top) & (z > f.s(-185))
    c.put(whole, trunk, T.FAT)
    muscle = (inside(fat, fat * 0.9) + 2 * lumps < 1) & trunk
    c.put(whole, muscle, T.MUSCLE)
    wall = f.muscle
    narrow = curve(z / f.tall, [(-170, 110), (-120, 75), (-60, 55), (-10, 20), (30, 0)])
    hollow = inside(fat + wall + narrow, fat + wall * 0.6, 22 - 0.2 * narrow) + lumps < 1
    floor, roof = f.s(-150), f.s(290)
    c.put(whole, hollow & (z > floor) & (z < roof), T.FILLER, (T.MUSCLE,))
    if legs:
        for side in (-1, 1):
            knee = np.array(
                [[side * 92 * f.wide, 5, f.s(-160)], [side * 88 * f.wide, 0, f.s(-420)]]
            )
            width = (82 * f.wide + 0.5 * f.fat, 62 * f.wide + 0.3 * f.fat)
            c.tube(knee, width, T.FAT, (T.AIR, T.TABLE))
            lean = tuple(v - 0.8 * f.fat - 4 for v in width)
            c.tube(knee, lean, T.MUSCLE, (T.FAT,))


def paint_back(c: Canvas, f: Frame) -> None:
    """Muscles beside the spine and the psoas."""
    z = np.linspace(f.s(-90), f.s(480), 60)
    for side in (-1, 1):
        width = np.interp(z / f.tall, [-90, 20, 150, 300, 480], [16, 25, 24, 18, 17])
        line = np.stack([f.spine_x(z) + side * (width + 6), f.spine_y(z) + 40, z], axis=1)
        c.tube(line, width * 0.95, T.MUSCLE, (T.FILLER, T.FAT, T.LUNG_LEFT, T.LUNG_RIGHT))
        z2 = np.linspace(f.s(-100), f.s(165), 24)
        radius = np.interp(z2 / f.tall, [-100, -20, 60, 165], [20, 24, 18, 7]) * f.muscle / 13
        out = np.interp(z2 / f.tall, [-100, 0, 165], [70, 42, 28])
        y2 = np.minimum(f.spine_y(z2) + 2, np.interp(z2 / f.tall, [-100, -20], [-8, 60]))
        line = np.stack([f.spine_x(z2) + side * out, y2, z2], axis=1)
        c.tube(line, radius, T.MUSCLE, INSIDE)


def paint_chest(c: Canvas, f: Frame) -> tuple[float, float]:
    """Lungs over the diaphragm and the mediastinum between; how far each dome is lowered."""
    rng = c.rng
    low = (float(rng.normal(0, 6)), float(rng.normal(14, 8)))
    block = c.block([-190, -160, f.s(90)], [190, 160, f.s(500)])
    if block is None:
        return low
    x, y, z = c.at(block)
    a, b, middle = f.chest(z)
    power = float(rng.uniform(2.0, 2.5))
    dy = (y - middle) / b
    hull = np.abs(x / a) ** power + np.abs(dy) ** power + c.noise(block, 0.02)
    dome = f.dome(x, y, low) + c.noise(block, 2.5)
    above = z > dome
    chest = (hull < 1) & above
    c.put(block, (hull < 1) & ~above & (z > f.s(120)), T.FILLER, (T.MUSCLE, T.FAT))
    c.put(block, (hull < 1.06) & (np.abs(z - dome) < 3.5), T.MUSCLE, (T.MUSCLE, T.FILLER, T.FAT))
    t = z / f.tall
    half = curve(t, [(200, 40), (300, 34), (360, 32), (400, 30), (440, 30), (490, 34)])
    half = half * float(rng.uniform(0.75, 1.15))
    front = np.clip((y - middle + 0.55 * b) / (0.5 * b), 0.12, 1.0)
    back = np.clip(1.3 - (y - middle) / (0.7 * b), 0.35, 1.0)
    shift = float(rng.normal(2, 4))
    between = np.abs(x - shift) < half * front * back + c.noise(block, 2.5)
    c.put(block, chest & between, T.MEDIASTINUM)
    c.put(block, chest & ~between & (x > shift), T.LUNG_LEFT)
    c.put(block, chest & ~between & (x <= shift), T.LUNG_RIGHT)
    return low


def paint_effusion(c: Canvas, f: Frame) -> None:
    """Fluid behind the lung, in some bodies."""
    for lung in (T.LUNG_LEFT, T.LUNG_RIGHT):
        if c.rng.random() > 0.12:
            continue
        block = c.block([-190, -160, f.s(90)], [190, 160, f.s(500)])
        if block is None:
            return
        _, y, z = c.at(block)
        level = c.rng.uniform(30, 75) * f.deep
        fluid = y + 0.15 * (f.s(250) - z) + c.noise(block, 3) > level
        c.put(block, np.broadcast_to(fluid, c.tissue[block].shape), T.EFFUSION, (lung,))


def paint_liver(c: Canvas, f: Frame, low: tuple[float, float]) -> None:
    """Under the right dome, with a left lobe of any length, veins, lesions and the gallbladder."""
    rng, w, d = c.rng, f.wide, f.deep
    top = f.s(262) + f.breath - low[0]
    size = float(np.clip(rng.normal(0.95, 0.09), 0.72, 1.2))
    block = c.block([-190, -160, top - 260], [170, 150, top + 20])
    if block is None:
        return
    parts = [
        ((-72 * w, 4 * d, top - 70 * size), (86 * w * size, 92 * d * size, 88 * size), (0, 8, 0)),
        ((-86 * w, 10 * d, top - 115 * size), (56 * w, 62 * d, rng.uniform(45, 85) * size),
         (0, 6, 0)),
        ((rng.uniform(-5, 45), -48 * d, top - rng.uniform(45, 75)),
         (rng.uniform(55, 95), rng.uniform(34, 48) * d, rng.uniform(34, 52)), (0, -12, 8)),
    ]  # fmt: skip
    x, y, z = c.at(block)
    away = np.full([s.stop - s.start for s in block], 99.0, dtype=np.float32)
    for centre, radii, turn in parts:
        found = c.ellipsoid(centre, radii, turn)
        if found is None:
            continue
        into = tuple(slice(s.start - o.start, s.stop - o.start)
                     for s, o in zip(_meet(found[0], block), block, strict=True))  # fmt: skip
        own = tuple(slice(s.start - o.start, s.stop - o.start)
                    for s, o in zip(_meet(found[0], block), found[0], strict=True))  # fmt: skip
        first, second = away[into], found[1][own]
        k = 14.0  # smooth union
        h = np.clip(0.5 + 0.5 * (second - first) / k, 0, 1)
        away[into] = second * (1 - h) + first * h - k * h * (1 - h)
    away += c.noise(block, 3.0)
    # What lies behind the spine's front, and the porta, is no liver.
    sy = f.spine_y(z)
    free = (np.sqrt(x**2 + (y - sy) ** 2) > 36) & ~((x > -12) & (y > -8 * d))
    c.put(block, (away < 0) & free, T.LIVER, SOFT)
    liver = c.tissue[block] == T.LIVER
    if not liver.any():
        return
    places = np.argwhere(liver)
    at = np.array([block[0].start, block[1].start, block[2].start])
    hilum = np.array([-20.0 * w, -5.0 * d, top - 95])
    for tissue, root, count in ((T.PORTAL, hilum, 7), (T.LIVER_VEIN, np.array(
            [-18.0, 12.0 * d, top - 22]), 5)):  # fmt: skip
        for _ in range(count):
            goal = (places[rng.integers(len(places))] + at)[::-1] * c.step + c.low
            bend = 0.5 * (root + goal) + rng.normal(0, 8, 3)
            vein = T.LIVER_VEIN if tissue == T.PORTAL else tissue
            c.tube(np.stack([root, bend, goal]), [6.5, 4.0, 1.5], vein, (T.LIVER,))
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 5)):
            goal = (places[rng.integers(len(places))] + at)[::-1] * c.step + c.low
            c.blob(goal, rng.uniform(5, 28, 3), T.LIVER_LESION, (T.LIVER, T.LIVER_VEIN))
    if rng.random() < 0.8:
        gall = (-48 * w + rng.normal(0, 6), -40 * d + rng.normal(0, 6), top - 135 * size)
        c.blob(gall, (14, 16, 30), T.GALL, (T.FILLER, T.LIVER), (0, 15, 25))


def _meet(
    a: tuple[slice, slice, slice], b: tuple[slice, slice, slice]
) -> tuple[slice, slice, slice]:
    found = [slice(max(s.start, o.start), max(max(s.start, o.start), min(s.stop, o.stop)))
             for s, o in zip(a, b, strict=True)]  # fmt: skip
    return found[0], found[1], found[2]


def paint_spleen(c: Canvas, f: Frame, low: tuple[float, float]) -> None:
    """Behind the stomach against the left chest wall."""
    rng, w, d = c.rng, f.wide, f.deep
    top = f.s(262) + f.breath - low[1]
    size = float(np.exp(rng.normal(0.1, 0.16)))
    centre = np.array([100 * w, 36 * d, top - 62]) + rng.normal(0, 6, 3)
    radii = np.array([27, 47, 54]) * size * rng.uniform(0.85, 1.15, 3)
    found = c.ellipsoid(centre, radii, (-28 + rng.normal(0, 8), rng.normal(10, 8), 15), 2.5)
    if found is None:
        return
    x, y, z = c.at(found[0])
    dent = (x - centre[0] + 36 * size) ** 2 + (y - centre[1] + 24) ** 2
    dent = dent + 0.5 * (z - centre[2]) ** 2 > (30 * size) ** 2
    c.put(found[0], (found[1] < 0) & dent, T.SPLEEN, SOFT)
    if rng.random() < 0.12:
        c.blob(centre + np.array([-30, -30, -20]), (9, 9, 9), T.SPLEEN, SOFT)


def paint_kidneys(c: Canvas, f: Frame) -> None:
    """Beans beside the psoas: cortex, pyramids, fat and urine in the middle; sometimes one."""
    rng = c.rng
    missing = rng.random()
    for side, cortex, medulla, cyst in (
        (1, T.CORTEX_LEFT, T.MEDULLA_LEFT, T.KIDNEY_CYST_LEFT),
        (-1, T.CORTEX_RIGHT, T.MEDULLA_RIGHT, T.KIDNEY_CYST_RIGHT),
    ):
        if (missing < 0.03 and side > 0) or (missing > 0.97 and side < 0):
            continue
        z0 = f.s(172 if side > 0 else 152) + rng.normal(0, 13) + 0.4 * f.breath
        y0 = float(f.spine_y(z0)) + rng.uniform(-8, 12)
        centre = np.array([side * (62 * f.wide + rng.normal(2, 5)), y0, z0])
        size = float(np.exp(rng.normal(0, 0.09)))
        radii = np.array([27, 30, 54]) * size * rng.uniform(0.9, 1.1, 3)
        # A cushion of fat around, then the kidney.
        turn = (side * rng.normal(-35, 12), side * rng.normal(-14, 6), rng.normal(12, 6))
        cushion = rng.uniform(0, 12)
        found = c.ellipsoid(centre, radii, turn, 1.5, grow_mm=cushion)
        if found is None:
            continue
        c.put(found[0], found[1] < 0, T.FILLER, (T.LIVER, T.SPLEEN, T.FILLER, T.MUSCLE))
        deep = found[1] + cushion
        x, y, z = c.at(found[0])
        gate = centre + np.array([-side * 25 * size, -8 * size, 0])
        hollow = np.sqrt(((x - gate[0]) / 22) ** 2 + ((y - gate[1]) / 15) ** 2
                         + ((z - gate[2]) / 27) ** 2) * 18 - 18 * size  # fmt: skip
        own = (deep < 0) & (hollow > 0)
        c.put(found[0], own, cortex, (T.FILLER,))
        pyramid = own & (deep < -7 * size) & (c.noise(found[0], 1.0) > -0.4)
        c.put(found[0], pyramid, medulla, (cortex,))
        urine = (hollow < -5) & (deep < -3) & (c.noise(found[0], 1.0) > rng.uniform(-0.5, 1.0))
        c.put(found[0], urine, T.URINE, (T.FILLER,))
        if rng.random() < 0.25:
            way = rng.normal(0, 1, 3)
            place = centre + way / np.linalg.norm(way) * radii * 0.9
            radius = rng.uniform(6, 24)
            c.blob(place, (radius,) * 3, cyst, (T.FILLER, cortex, medulla))
        if rng.random() < 0.5:
            cap = centre + np.array([-side * 16, -6, float(radii[2]) + 6])
            c.blob(cap, (4, 14, 10), T.MUSCLE, SOFT, (side * 40, 0, 0))


def paint_stomach(c: Canvas, f: Frame, low: tuple[float, float]) -> None:
    """Under the left dome: wall, food, gas in front; pancreas and duodenum behind."""
    rng, w, d = c.rng, f.wide, f.deep
    top = f.s(262) + f.breath - low[1]
    full = rng.uniform(0.55, 1.15)
    line = np.array([
        [45 * w, 12 * d, top - 20 * full - 12], [62 * w, -22 * d, top - 55],
        [50 * w, -48 * d, top - 100 * rng.uniform(0.9, 1.3)], [8 * w, -50 * d, top - 118],
        [-22 * w, -35 * d, top - 112],
    ])  # fmt: skip
    radii = np.array([38, 36, 28, 20, 13]) * full
    c.tube(line, radii, T.STOMACH_WALL, SOFT)
    c.tube(line, np.maximum(radii - rng.uniform(4, 7), 2), T.STOMACH_FOOD, (T.STOMACH_WALL,))
    block = c.block([-60, -160, top - 190], [170, 120, top])
    if block is not None:
        _, y, _ = c.at(block)
        air = np.broadcast_to(y < rng.uniform(-75, -15) * d, c.tissue[block].shape)
        c.put(block, air, T.GAS, (T.STOMACH_FOOD,))
    z0 = top - 115
    pancreas = np.array([[-38 * w, -14 * d, z0 - 20], [-8 * w, -18 * d, z0 - 2],
                         [38 * w, -4 * d, z0 + 12], [76 * w, 22 * d, z0 + 26]])  # fmt: skip
    c.tube(pancreas, np.array([14, 11, 10, 8]) * rng.uniform(0.8, 1.15), T.PANCREAS, SOFT)
    duodenum = np.array([
        [-26 * w, -30 * d, z0], [-52 * w, -12 * d, z0 - 20], [-50 * w, 0, z0 - 75],
        [0, -2 * d, z0 - 88], [34, -12, z0 - 70],
    ])  # fmt: skip
    c.tube(duodenum, 13, T.BOWEL_WALL, SOFT)
    c.tube(duodenum, 9, T.BOWEL_FOOD, (T.BOWEL_WALL,))


def paint_bowel(c: Canvas, f: Frame) -> None:
    """Colon around, small bowel in coils, bladder below."""
    rng, w, d = c.rng, f.wide, f.deep
    drop = rng.uniform(0, 60)
    colon = np.array([
        [-92, 15, -30], [-98, 22, 40], [-92, 20, 95], [-62, -40, 105 - 0.5 * drop],
        [0, -68, 95 - drop], [62, -42, 115 - 0.3 * drop], [98, 20, 155], [102, 28, 80],
        [96, 22, 0], [72, 0, -50], [25, -15, -75], [0, 30, -95], [0, 40, -135],
    ]) * [w, d, f.tall] + rng.normal(0, 7, (13, 3))  # fmt: skip
    width = rng.uniform(13, 25, 13)
    c.tube(colon, width, T.BOWEL_WALL, SOFT)
    c.tube(colon, np.maximum(width - 4, 5), T.FAECES, (T.BOWEL_WALL,))
    block = c.block([-160, -150, f.s(-150)], [160, 130, f.s(215)])
    if block is None:
        return
    gas = c.noise(block, 1.0) - (c.at(block)[1] / 60.0) > rng.uniform(0.3, 1.5)
    c.put(block, gas, T.GAS, (T.FAECES,))
    for _ in range(rng.integers(8, 24)):
        start = np.array([rng.uniform(-70, 70) * w, rng.uniform(-70, -5) * d,
                          f.s(rng.uniform(-90, 165))])  # fmt: skip
        way = rng.normal(0, 1, (9, 3)) * [34, 17, 24]
        line = start + np.cumsum(way, axis=0) - way.sum(axis=0) * np.linspace(0, 1, 9)[:, None]
        radius = rng.uniform(9, 16)
        c.tube(line, radius, T.BOWEL_WALL, SOFT)
        inner = (T.BOWEL_FOOD, T.BOWEL_FOOD, T.GAS)[rng.integers(3)]
        if rng.random() < 0.7:
            c.tube(line, max(radius - rng.uniform(3, 5), 3), inner, (T.BOWEL_WALL,))
    size = rng.uniform(18, 50)
    c.blob((0, -22 * d, f.s(-115) + 0.5 * size), (size * 1.2, size, size * 0.9), T.MUSCLE, SOFT)
    c.blob((0, -22 * d, f.s(-115) + 0.5 * size), np.array([1.2, 1, 0.9]) * size - 4, T.URINE,
           (T.MUSCLE,))  # fmt: skip

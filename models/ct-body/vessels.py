"""Heart, great vessels, airways and vessels of the lungs of a generated body."""

from __future__ import annotations

import numpy as np
from canvas import Canvas
from frame import Frame
from tissues import Tissue as T

CHEST = (T.MEDIASTINUM, T.LUNG_LEFT, T.LUNG_RIGHT, T.FILLER, T.MUSCLE, T.EFFUSION)
BELLY = (T.FILLER, T.MEDIASTINUM, T.MUSCLE, T.LIVER, T.FAT)


def paint_heart(c: Canvas, f: Frame, low: tuple[float, float]) -> np.ndarray:
    """Four chambers on the diaphragm in some fat; the middle of the aortic valve."""
    rng, w, d = c.rng, f.wide, f.deep
    size = float(np.clip(np.exp(rng.normal(0.07, 0.10)), 0.85, 1.4)) * (0.5 + 0.5 * f.wide)
    floor = f.s(262) + f.breath - max(low) - 22
    centre = np.array([20 * w + rng.normal(0, 6), -24 * d + rng.normal(0, 5), floor + 46 * size])
    # Long axis of the left ventricle: to the left, the front and down.
    long = np.array([0.70, -0.58, -0.42]) + rng.normal(0, 0.08, 3)
    long /= np.linalg.norm(long)
    right = np.cross(long, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, long)
    spots = {
        "lv": (centre + 24 * size * long - 2 * right, (30, 31, 44)),
        "rv": (centre + 14 * size * long - 30 * size * up * 0.3 + 29 * size * _front(long),
               (24, 33, 44)),
        "ra": (centre - 38 * size * long + 15 * size * _front(long) - 4 * up, (27, 30, 33)),
        "la": (centre - 32 * size * long - 21 * size * _front(long) + 12 * up, (30, 23, 27)),
        "tract": (centre + 2 * size * long + 30 * size * _front(long) + 26 * size * up,
                  (19, 19, 26)),
    }  # fmt: skip
    turn = _turn_to(long)
    fat = rng.uniform(1, 9)
    for grow, tissue in ((fat, T.MEDIASTINUM), (0.0, T.HEART_MUSCLE)):
        for place, radii in spots.values():
            found = c.ellipsoid(place, np.array(radii) * size, turn, 1.5, grow_mm=grow)
            if found is not None:
                over = CHEST if tissue == T.MEDIASTINUM else (*CHEST, T.MEDIASTINUM)
                z = c.at(found[0])[2]
                above = z > f.s(262) + f.breath - max(low) - 45
                c.put(found[0], (found[1] < 0) & above, tissue, over)
    thick = rng.uniform(8, 13)
    for name, wall, blood in (("rv", 4, T.BLOOD_RIGHT), ("tract", 3.5, T.BLOOD_RIGHT),
                              ("ra", 3, T.BLOOD_RIGHT), ("la", 3, T.BLOOD_LEFT),
                              ("lv", thick, T.HEART_MUSCLE)):  # fmt: skip
        place, radii = spots[name]
        less = 0.0 if name == "lv" else wall
        c.blob(place, np.array(radii) * size - less, blood, (T.HEART_MUSCLE, T.BLOOD_RIGHT,
                                                             T.BLOOD_LEFT), turn)  # fmt: skip
    c.blob(spots["lv"][0] - 3 * long, np.array(spots["lv"][1]) * size - thick, T.BLOOD_LEFT,
           (T.HEART_MUSCLE,), turn)  # fmt: skip
    return centre - 12 * size * long + 2 * size * _front(long) + 24 * size * up


def _front(long: np.ndarray) -> np.ndarray:
    """Across the heart, to the right and the front."""
    v = np.array([-0.62, -0.72, 0.1])
    v -= v @ long * long
    return v / np.linalg.norm(v)


def _turn_to(long: np.ndarray) -> tuple[float, float, float]:
    """Angles that lay a shape's own z axis along ``long`` (as ``canvas.rotation`` turns)."""
    about_z = np.degrees(np.arctan2(long[1], long[0]))
    about_y = np.degrees(np.arctan2(np.hypot(long[0], long[1]), long[2]))
    return float(about_z), float(-about_y), 0.0


def paint_great_vessels(c: Canvas, f: Frame, valve: np.ndarray) -> None:
    """Aorta from valve to fork, its branches, lung arteries and veins, both cavae, portal vein."""
    rng, w, d = c.rng, f.wide, f.deep
    wide = float(np.clip(np.exp(rng.normal(0, 0.13)), 0.75, 1.5))
    top = f.s(412) + rng.normal(0, 8)

    def beside(level: float, side: float, ahead: float) -> list[float]:
        z = f.s(level)
        return [float(f.spine_x(z)) + side, float(f.spine_y(z)) - ahead, z]

    ahead = 27 * (0.5 + 0.5 * w)
    wander = rng.normal(0, 4)
    down = np.array([
        [20, 30 * d, top - 18], beside(360, 24, 12), beside(310, 24 + wander, 17),
        beside(250, 19 + wander, 21), beside(205, 11, ahead), beside(170, 8, ahead + 4),
        beside(120, 7 + wander, ahead + 5), beside(75, 5 + wander, ahead + 6),
        beside(45, 2, ahead + 6),
    ])  # fmt: skip
    arch = np.array([
        valve, valve + np.array([-14, -10, 30]), [-16, -24 * d, top - 32], [-6, -12 * d, top - 4],
        [8, 6 * d, top],
    ])  # fmt: skip
    line = np.concatenate([arch, down])
    radii = np.array([15.5, 16.5, 16, 15, 14, 13, 12.5, 12.2, 12, 11.3, 10.6, 9.5, 9, 8.8]) * wide
    if rng.random() < 0.1:  # an aneurysm
        at = int(rng.integers(1, 13))
        radii[max(0, at - 1) : at + 2] *= rng.uniform(1.15, 1.6)
    # Lung arteries and veins first: the aorta is drawn over them.
    fork = np.array([6, -4 * d, f.s(372)])
    root = np.array([valve[0] + 22, valve[1] - 22, valve[2] + 12])
    c.tube(np.stack([root, 0.5 * (root + fork) + np.array([6, -4, 6]), fork]), [13, 13.5, 13],
           T.LUNG_ARTERY, CHEST)  # fmt: skip
    for side in (-1, 1):
        hilum = np.array([side * 46 * w + 4, 16 * d, f.s(364)])
        c.tube(np.stack([fork, 0.5 * (fork + hilum) + np.array([0, 4, 3]), hilum]), [11.5, 10, 8.5],
               T.LUNG_ARTERY, CHEST)  # fmt: skip
        atrium = valve + np.array([-8 + side * 14, 36, -18])
        for rise in (14, -14):
            out = np.array([side * 48 * w, 18 * d, valve[2] - 12 + rise])
            c.tube(np.stack([atrium, out]), [7, 5.5], T.LUNG_ARTERY, CHEST)  # fmt: skip
    cava = np.array([[-26, -8 * d, f.s(435)], [-28, -14 * d, f.s(390)],
                     [-30, -12 * d, valve[2] - 8]])  # fmt: skip
    c.tube(cava, rng.uniform(7.5, 10.5), T.CAVA_UPPER, CHEST)
    for side in (-1, 1):
        vein = np.array([cava[0], [side * 40, -12, f.s(450)], [side * 90 * w, 0, f.s(468)]])
        c.tube(vein, 6, T.CAVA_UPPER, (T.MEDIASTINUM, T.MUSCLE, T.FAT))
        neck = np.array(
            [[side * 16, 0, top + 6], [side * 22, 6, f.s(480)], [side * 26, 8, f.s(590)]]
        )
        c.tube(neck, 5, T.ARTERY, (T.MEDIASTINUM, T.MUSCLE, T.FAT))
        c.tube(neck + np.array([side * 8, 2, 0]), 6, T.CAVA_UPPER, (T.MEDIASTINUM, T.MUSCLE, T.FAT))
    lower = np.array([
        [-24, 6 * d, f.s(262) + f.breath - 6], beside(215, -18, ahead + 6),
        beside(165, -20, ahead + 2), beside(100, -20, ahead), beside(35, -16, ahead),
    ])  # fmt: skip
    flat = rng.uniform(0.7, 1.15)
    c.tube(lower, np.array([12, 12.5, 12, 11, 10]) * flat, T.CAVA_LOWER, (*BELLY, *CHEST))
    gate = np.array([-20 * w, -5 * d, f.s(262) + f.breath - 95])
    behind = beside(135, 0, ahead + 22)
    c.tube(np.array([gate, behind]), 7, T.PORTAL, BELLY)
    c.tube(np.array([behind, [85 * w, 25 * d, behind[2] + 30]]), 4.5, T.PORTAL, BELLY)
    c.tube(np.array([behind, [behind[0] + 6, behind[1] - 6, f.s(60)]]), 5, T.PORTAL, BELLY)
    c.tube(line, radii, T.AORTA_WALL, (*CHEST, *BELLY, T.LUNG_ARTERY, T.CAVA_UPPER, T.CAVA_LOWER,
                                       T.PORTAL, T.HEART_MUSCLE, T.BLOOD_LEFT))  # fmt: skip
    c.tube(line, radii - rng.uniform(0.4, 2.0), T.AORTA, (T.AORTA_WALL,))
    end = down[-1]
    for side in (-1, 1):
        iliac = np.array([end, [side * 28, end[1] + 6, f.s(-10)], [side * 55, 10, f.s(-50)],
                          [side * 62, -35, f.s(-105)], [side * 68, -42, f.s(-200)]])  # fmt: skip
        c.tube(iliac, [6.5, 5.5, 5, 4.5, 4], T.ARTERY, (T.FILLER, T.MUSCLE, T.FAT))
        vein = iliac + np.array([side * 4, 10, 0])
        vein[0] = lower[-1]
        c.tube(vein, [8, 6.5, 6, 5.5, 5], T.CAVA_LOWER, (T.FILLER, T.MUSCLE, T.FAT))
        kidney = np.array([beside(150, 5, ahead), [side * 48 * w, beside(150, 0, 5)[1], f.s(155)]])
        c.tube(kidney, 3, T.ARTERY, (T.FILLER,))
        c.tube(kidney + np.array([0, -7, -3]), 5, T.CAVA_LOWER, (T.FILLER,))
    for level, long in ((180, 30), (165, 45)):
        root = beside(level, 6, ahead + 6)
        c.tube(np.array([root, [root[0], root[1] - long * 0.6, root[2] - long]]), 3.5, T.ARTERY,
               (T.FILLER,))  # fmt: skip


def paint_airways(c: Canvas, f: Frame) -> None:
    """Windpipe, main and lobar branches, gullet."""
    rng, d = c.rng, f.deep
    split = np.array([2 + rng.normal(0, 3), 12 * d + rng.normal(0, 4), f.s(382) + rng.normal(0, 7)])
    wide = rng.uniform(7.0, 10.5)
    pipe = np.array([[0, 4 * d, f.s(610)], [0, -10 * d, f.s(520)], [0, 0, f.s(470)],
                     [3, 6 * d, f.s(425)], split])  # fmt: skip
    gullet = np.array(
        [
            [0, 14 * d, f.s(560)],
            [4, 12 * d, f.s(500)],
            [6, 22 * d, f.s(420)],
            [6, 26 * d, f.s(360)],
            [12, 22 * d, f.s(280)],
            [26, 8 * d, f.s(238)],
        ]
    )
    loose = (T.MEDIASTINUM, T.MUSCLE, T.FAT, T.FILLER, T.LUNG_LEFT, T.LUNG_RIGHT)
    c.tube(gullet, 7.5, T.OESOPHAGUS, loose)
    if rng.random() < 0.4:
        part = gullet[2:4] if rng.random() < 0.5 else gullet[1:3]
        c.tube(part, 4, T.GAS, (T.OESOPHAGUS,))
    lines = [(pipe, [wide] * 5)]
    for side, drop, out in ((-1, 22, 30), (1, 32, 42)):
        end = split + np.array([side * out, 10, -drop])
        lines.append((np.stack([split, end]), [0.82 * wide, 0.62 * wide]))
        for spread in (28, -2, -34):
            away = end + np.array([side * rng.uniform(16, 30), rng.uniform(-25, 25), spread])
            lines.append((np.stack([end, away]), [0.5 * wide, 0.28 * wide]))
    for line, radii in lines:
        walls = (*loose, T.VESSEL_LEFT, T.VESSEL_RIGHT, T.EFFUSION)
        c.tube(line, [r + 1.8 for r in radii], T.OESOPHAGUS, walls)
    for line, radii in lines:
        c.tube(line, radii, T.AIRWAY, (*loose, T.OESOPHAGUS, T.LUNG_ARTERY))
    gland = np.array([[-16, -8 * d, f.s(500)], [16, -8 * d, f.s(500)]])
    for place in gland:
        c.blob(place, (9, 10, 20), T.GLAND, (T.MUSCLE, T.FAT))


def paint_lung_vessels(c: Canvas, f: Frame) -> None:
    """Branches from each hilum towards places all over the lung."""
    rng, w, d = c.rng, f.wide, f.deep
    for side, lung, vessel in ((1, T.LUNG_LEFT, T.VESSEL_LEFT), (-1, T.LUNG_RIGHT, T.VESSEL_RIGHT)):
        places = np.argwhere(c.tissue == lung)
        if len(places) < 100:
            continue
        hilum = np.array([side * 48 * w, 16 * d, f.s(362)])
        for number in range(60):
            goal = places[rng.integers(len(places))][::-1] * c.step + c.low
            root = hilum + rng.normal(0, 8, 3)
            bend = 0.5 * (root + goal) + rng.normal(0, 9, 3)
            thick = rng.uniform(3.0, 6.5) if number < 18 else rng.uniform(1.8, 3.8)
            c.tube(np.stack([root, bend, goal]), [thick, 0.65 * thick, 1.1], vessel, (lung,))
        if rng.random() < 0.3:  # nodules and scars: part of the lung
            for _ in range(rng.integers(1, 6)):
                goal = places[rng.integers(len(places))][::-1] * c.step + c.low
                c.blob(goal, rng.uniform(3, 14, 3), vessel, (lung,))

"""Shapes of the chest as signed distances: body, rib cage, mediastinum, diaphragm, lungs.

Canvas frame: LPS millimetres, z = 0 at the carina, x = 0 the midline, y = 0 midway between
sternum and back. Proportions of a slim adult woman lying on her back with raised arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.demo.shapes import Canvas, Field, Window, chain, ellipsoid, join, stretch

_HEIGHTS = (-180.0, -100.0, -40.0, 20.0, 55.0, 80.0, 98.0, 110.0, 118.0)
_HALF_WIDTH = (122.0, 124.0, 121.0, 110.0, 95.0, 77.0, 56.0, 36.0, 12.0)
_FRONT = (-66.0, -70.0, -68.0, -56.0, -38.0, -16.0, 2.0, 14.0, 26.0)
_BACK = (70.0, 76.0, 80.0, 80.0, 74.0, 64.0, 54.0, 46.0, 38.0)

Line = tuple[list[tuple[float, float, float]], list[float]]

# Centre lines (x, y, z) and radii of what crosses the mediastinum.
AORTA: Line = (
    [(-4, -14, -62), (-14, -24, -35), (-17, -24, -5), (-12, -18, 20), (2, -2, 33), (16, 18, 30),
     (23, 32, 14), (25, 37, -15), (23, 38, -70), (17, 36, -120), (8, 34, -185)],
    [14.0, 15.5, 15.5, 15.0, 13.5, 12.5, 12.0, 11.5, 11.0, 10.5, 10.0],
)  # fmt: skip
CAVA: Line = ([(-27, -10, 78), (-27, -14, 20), (-27, -12, -40)], [7.5, 9.0, 9.5])
LOWER_CAVA: Line = ([(-26, -4, -88), (-27, 8, -125), (-24, 14, -185)], [12.0, 12.5, 12.0])
PULMONARY: Line = (
    [(18, -36, -48), (16, -30, -22), (18, -16, -8), (26, 4, -2), (36, 14, -10)],
    [13.0, 13.5, 12.5, 10.5, 9.0],
)
RIGHT_PULMONARY: Line = (
    [(16, -18, -12), (-6, -5, -13), (-30, -1, -15), (-38, 4, -20)],
    [11, 10, 9, 8],
)
TRACHEA: Line = ([(0, 2, 135), (-1, 8, 80), (-2, 14, 35), (-2, 16, 4)], [8.5, 8.5, 8.3, 9.0])
RIGHT_BRONCHUS: Line = (
    [(-2, 16, 4), (-16, 17, -10), (-30, 16, -22), (-36, 22, -48)],
    [7, 6.8, 5.8, 4.6],
)
LEFT_BRONCHUS: Line = (
    [(-2, 16, 4), (16, 19, -12), (36, 20, -24), (44, 28, -46)],
    [6.5, 6.0, 5.4, 4.2],
)
GULLET: Line = (
    [(3, 20, 135), (5, 26, 40), (6, 31, -10), (8, 31, -70), (16, 22, -130)],
    [6, 6, 6, 6.5, 7],
)
ARCH_BRANCHES: tuple[Line, ...] = (
    ([(-4, -10, 32), (-12, -6, 52), (-20, 0, 85), (-26, 6, 130)], [6.5, 6.2, 5.6, 5.0]),
    ([(6, 2, 36), (10, 2, 60), (14, 6, 90), (18, 6, 130)], [4.2, 4.0, 3.8, 3.6]),
    ([(15, 12, 36), (20, 14, 60), (27, 14, 85), (44, 12, 104)], [5.0, 4.8, 4.6, 4.2]),
)
BRACHIAL_VEINS: tuple[Line, ...] = (
    ([(-27, -12, 68), (-32, -10, 88), (-44, 2, 112)], [7.0, 6.5, 6.0]),
    ([(-25, -14, 62), (0, -26, 64), (24, -18, 80), (46, 0, 108)], [6.5, 6.0, 6.0, 5.6]),
)
# Heart chambers: centre and half axes.
LEFT_ATRIUM = ((2.0, 10.0, -50.0), (36.0, 18.0, 22.0))
RIGHT_ATRIUM = ((-30.0, -12.0, -72.0), (23.0, 27.0, 34.0))
RIGHT_VENTRICLE = ((10.0, -40.0, -82.0), (44.0, 20.0, 32.0))
LEFT_VENTRICLE = ((44.0, -14.0, -82.0), (36.0, 33.0, 34.0))
APEX = ((62.0, -32.0, -92.0), (22.0, 18.0, 22.0))


@dataclass(frozen=True)
class ChestShape:
    """What differs from chest to chest. size: factor; fat_mm: under the skin; seed: textures."""

    seed: int = 1
    size: float = 1.0
    fat_mm: float = 15.0
    breast: float = 1.0
    vessels: int = 1300


def random_chest(rng: np.random.Generator) -> ChestShape:
    """A chest drawn from plausible adult variation."""
    return ChestShape(
        seed=int(rng.integers(2**31)),
        size=float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12)),
        fat_mm=float(rng.uniform(7.0, 26.0)),
        breast=float(rng.choice([0.0, rng.uniform(0.6, 1.2)])),
        vessels=int(rng.integers(600, 1400)),
    )


def _along(z: Field, values: Sequence[float]) -> Field:
    return np.asarray(np.interp(z, _HEIGHTS, values), dtype=np.float32)


def cage_axes(z: Field) -> tuple[Field, Field, Field]:
    """Half width, half depth and middle (y) of the inside of the rib cage at heights z."""
    wide, front, back = (_along(z, v) for v in (_HALF_WIDTH, _FRONT, _BACK))
    return wide, (back - front) * 0.5, (back + front) * 0.5


def cage(w: Window) -> Field:
    """Distance to the inside of the rib cage."""
    wide, deep, middle = cage_axes(w.z)
    u, v = np.abs(w.x) / wide, np.abs(w.y - middle) / deep
    out = ((u**2.35 + v**2.35) ** (1 / 2.35) - 1.0) * (0.5 * (wide + deep))
    top = (w.z - 117.0) * 0.7
    return np.asarray(np.maximum(out, top), dtype=np.float32)


def body(w: Window, shape: ChestShape) -> Field:
    """Distance to the skin."""
    wide = np.interp(w.z, (-180, -60, 40, 80, 130), (140, 144, 146, 160, 166)).astype(np.float32)
    deep = np.interp(w.z, (-180, -40, 60, 100, 130), (92, 94, 90, 78, 70)).astype(np.float32)
    grown = np.float32(shape.fat_mm - 15.0)
    wide, deep = wide + grown, deep + grown
    middle = np.interp(w.z, (-180, 20, 130), (4, 10, 22)).astype(np.float32)
    u, v = np.abs(w.x) / wide, np.abs(w.y - middle) / deep
    out = ((u**2.7 + v**2.3) ** (1 / 2.5) - 1.0) * (0.5 * (wide + deep))
    out = np.asarray(out, dtype=np.float32)
    if shape.breast > 0:
        side = Window(w.at, np.abs(w.x), w.y, w.z)
        size = shape.breast
        gland = ellipsoid(side, (74, -72, -42), (50 * size, 40 * size, 48 * size))
        out = join(out, gland, 18.0)
    # The back is flat on the table.
    return np.asarray(np.maximum(out, w.y - 101.0 - grown), dtype=np.float32)


def heart(w: Window) -> Field:
    """Distance to the heart's outer surface (pericardium), without great vessels."""
    parts = [
        ellipsoid(w, *place)
        for place in (LEFT_ATRIUM, RIGHT_ATRIUM, RIGHT_VENTRICLE, LEFT_VENTRICLE, APEX)
    ]
    whole = parts[0]
    for part in parts[1:]:
        whole = join(whole, part, 14.0)
    return whole - np.float32(3.0)


def mediastinum(w: Window) -> Field:
    """Distance to everything between the lungs, heart and spine included."""
    tall = np.interp(w.z, (-180, -60, 30, 100), (15, 17, 23, 31)).astype(np.float32)
    middle = np.hypot(w.x / tall, (w.y - 8.0) / 40.0)
    column = (middle - 1.0) * np.minimum(tall, 40.0)
    spine = (np.hypot(w.x / 20.0, (w.y - spine_y(w.z) - 6.0) / 24.0) - 1.0) * 20.0
    gutter = np.maximum(np.abs(w.x) - 14.0 - 0.5 * (w.y - 60.0), 58.0 - w.y)
    spine = join(np.asarray(spine, np.float32), np.asarray(gutter, np.float32), 8.0)
    front = np.maximum(np.abs(w.x + 2.0) - 2.5 - 0.16 * np.maximum(w.z, 0.0), w.y - 10.0)
    whole = join(np.asarray(column, np.float32), np.asarray(spine, np.float32), 8.0)
    whole = join(whole, np.asarray(front, np.float32), 10.0)
    whole = join(whole, heart(w) - np.float32(1.5), 8.0)
    for points, radii in (AORTA, CAVA, LOWER_CAVA, PULMONARY, RIGHT_PULMONARY):
        whole = join(whole, chain(w, points, [r + 2.0 for r in radii]), 6.0)
    for points, radii in (RIGHT_BRONCHUS, LEFT_BRONCHUS):
        whole = join(whole, chain(w, points[:3], [r + 2.0 for r in radii[:3]]), 5.0)
    return whole


def spine_y(z: Field) -> Field:
    """Where the middle of the vertebral bodies lies (y): the thoracic curve."""
    return np.asarray(48.0 - 0.0012 * (z + 25.0) ** 2, dtype=np.float32)


def diaphragm(w: Window) -> Field:
    """Height of the diaphragm above each (x, y): two domes, mm."""
    right = -88.0 - 62.0 * ((w.x + 62.0) / 72.0) ** 2 - 52.0 * ((w.y + 6.0) / 74.0) ** 2
    left = -100.0 - 58.0 * ((w.x - 64.0) / 68.0) ** 2 - 50.0 * ((w.y - 2.0) / 74.0) ** 2
    return join(np.asarray(-right, np.float32), np.asarray(-left, np.float32), 14.0) * np.float32(
        -1
    )


def lungs(w: Window) -> Field:
    """Distance to the lungs (visceral pleura)."""
    floor = (diaphragm(w) - w.z) * np.float32(0.8)
    return np.asarray(np.maximum(np.maximum(cage(w), -mediastinum(w)), floor), dtype=np.float32)


def at_points(points: np.ndarray) -> Window:
    """A window over loose points (n, 3) x, y, z: distances come back as (n,)."""
    p = np.asarray(points, dtype=np.float32)
    whole = slice(None)
    return Window((whole, whole, whole), p[:, 0], p[:, 1], p[:, 2])


@dataclass(frozen=True)
class ChestHulls:
    """The large shapes on a coarse grid: smooth, so they may be stretched to any slab."""

    axes: tuple[Field, Field, Field]
    cage: Field
    inside: Field
    heart: Field
    skin: Field

    def on(self, canvas: Canvas, name: str) -> Field:
        """One shape's signed distance on a canvas, (z, y, x)."""
        field: Field = getattr(self, name)
        return stretch(field, self.axes, (canvas.z, canvas.y, canvas.x))


def hulls(shape: ChestShape, step_mm: float = 3.0) -> ChestHulls:
    """Compute the large shapes once for a whole scan."""
    coarse = Canvas(
        np.arange(-201.0, 202.0, step_mm),
        np.arange(-150.0, 160.0, step_mm),
        np.arange(-190.0, 150.0, step_mm),
    )
    w = coarse.all()
    axes = (coarse.z, coarse.y, coarse.x)
    return ChestHulls(axes, cage(w), mediastinum(w), heart(w), body(w, shape))

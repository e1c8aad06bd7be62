"""One patient's build: levels of the spine, outline, chest wall and diaphragm as functions of z."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from canvas import Field, curve

# Height of a vertebra with the disc below it, mm, from L5 to C1.
HEIGHTS = (34, 35, 35, 34, 33, 31, 30, 29, 28, 27, 26, 25, 25, 24, 23, 22, 21,
           18, 17, 17, 17, 17, 18, 18)  # fmt: skip


@dataclass
class Frame:
    """Drawn once a body. tall: scale of z. wide, deep: scales of the trunk. fat: thickness under
    the skin at the belly, mm."""

    rng: np.random.Generator
    tall: float = 1.0
    wide: float = 1.0
    deep: float = 1.0
    fat: float = 18.0
    breath: float = 0.0
    muscle: float = 14.0
    spine_shift: float = 0.0
    bend: tuple[float, float, float] = (0.0, 0.0, 0.0)
    levels: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        rng = self.rng
        self.tall = float(np.clip(rng.normal(0.98, 0.07), 0.8, 1.15))
        self.wide = float(np.clip(rng.normal(0.98, 0.09), 0.76, 1.2))
        self.deep = float(np.clip(self.wide * rng.normal(0.99, 0.08), 0.74, 1.3))
        self.fat = float(np.clip(np.exp(rng.normal(2.7, 0.6)), 4, 50))
        self.muscle = float(rng.uniform(8, 19))
        self.breath = float(rng.normal(0, 16))
        self.spine_shift = float(rng.normal(0, 5))
        self.bend = tuple(rng.normal(0, 4, 3))
        heights = np.array(HEIGHTS) * self.tall * np.exp(rng.normal(0, 0.02, len(HEIGHTS)))
        self.levels = np.concatenate([[0.0], np.cumsum(heights)])  # lower ends, L5 first

    def s(self, z: float) -> float:
        """A level of the average body in this one."""
        return z * self.tall

    def spine_y(self, z: Field | float) -> Field:
        """Where the middle of the vertebral bodies lies."""
        t = np.asarray(z) / self.tall
        y = curve(t, [(-130, 75), (-60, 66), (-15, 46), (10, 34), (85, 24), (171, 36), (260, 52),
                      (340, 60), (420, 52), (482, 36), (550, 20), (610, 18)])  # fmt: skip
        return y * self.deep + self.spine_shift

    def spine_x(self, z: Field | float) -> Field:
        """Sideways bend."""
        t = np.asarray(z) / self.tall
        return curve(t, [(-100, 0), (90, self.bend[0]), (260, self.bend[1]), (420, self.bend[2]),
                         (600, 0)])  # fmt: skip

    def skin(self, z: Field) -> tuple[Field, Field, Field]:
        """Half width, half depth, middle (y) of the trunk's outline."""
        t = np.asarray(z) / self.tall
        extra = self.fat - 18
        a = curve(t, [(-260, 170), (-140, 178), (-90, 172), (0, 158), (80, 146), (180, 150),
                      (280, 162), (380, 168), (430, 190), (465, 195), (490, 130), (515, 66),
                      (560, 58), (610, 62), (640, 66)])  # fmt: skip
        b = curve(t, [(-260, 95), (-140, 108), (-90, 110), (0, 103), (80, 100), (180, 106),
                      (280, 113), (380, 110), (430, 98), (465, 84), (490, 72), (515, 62),
                      (560, 60), (610, 75), (640, 88)])  # fmt: skip
        belly = curve(t, [(-150, 0.8), (0, 1.0), (90, 1.3), (200, 0.9), (400, 0.5), (500, 0.2),
                          (640, 0)])  # fmt: skip
        middle = curve(t, [(-260, 5), (0, 0), (200, -4), (430, 10), (510, 15), (640, 0)])
        return (a * self.wide + extra * belly, b * self.deep + 0.8 * extra * belly,
                middle - 0.3 * extra * belly)  # fmt: skip

    def fat_mm(self, z: Field) -> Field:
        """Under the skin."""
        t = np.asarray(z) / self.tall
        return 3 + self.fat * curve(t, [(-260, 0.9), (-90, 1.2), (60, 1.0), (200, 0.7),
                                        (350, 0.5), (480, 0.35), (600, 0.15)])  # fmt: skip

    def chest(self, z: Field) -> tuple[Field, Field, Field]:
        """Half width, half depth, middle (y) inside the ribs; nothing above the apex."""
        t = np.asarray(z) / self.tall
        a = curve(t, [(100, 118), (171, 127), (230, 133), (280, 133), (340, 126), (400, 108),
                      (440, 82), (465, 56), (488, 22), (495, 1)])  # fmt: skip
        b = curve(t, [(100, 80), (171, 86), (230, 91), (280, 91), (340, 86), (400, 70),
                      (440, 50), (465, 36), (488, 16), (495, 1)])  # fmt: skip
        middle = curve(t, [(171, -4), (280, -3), (340, 0), (400, 7), (440, 16), (495, 26)])
        return a * self.wide, b * self.deep, middle * self.deep

    def dome(self, x: Field, y: Field, low_mm: tuple[float, float]) -> Field:
        """Height of the diaphragm above each place; low_mm: how far each dome is lowered."""
        tops = (self.s(262) + self.breath - low_mm[0], self.s(262) + self.breath - low_mm[1])
        out = None
        for side, top in zip((-1.0, 1.0), tops, strict=True):
            r2 = ((x - side * 68 * self.wide) / (78 * self.wide)) ** 2
            r2 = r2 + ((y + 12 * self.deep) / (95 * self.deep)) ** 2
            back = np.clip((y - 15 * self.deep) / (60 * self.deep), 0, 1.4)
            one = top - 40 * r2 - 55 * back * back
            out = one if out is None else np.maximum(out, one)
        return np.asarray(out, dtype=np.float32)

"""What generated bodies are made of, what the network is asked for, and how bright it is on CT.

Numbers are typical HU of textbooks with generous spread; ``table`` draws one patient's.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Tissue(IntEnum):
    """One byte of a generated body."""

    AIR = 0
    TABLE = 1
    FAT = 2
    MUSCLE = 3
    FILLER = 4  # between the bowel: fat, or ascites in some bodies
    LUNG_LEFT = 5
    LUNG_RIGHT = 6
    VESSEL_LEFT = 7  # in the left lung: part of it, as machine-made references draw it
    VESSEL_RIGHT = 8
    AIRWAY = 9
    MEDIASTINUM = 10
    EFFUSION = 11
    BONE_CORTEX = 12
    BONE_MARROW = 13
    VERTEBRA_CORTEX = 14
    VERTEBRA_MARROW = 15
    DISC = 16
    CARTILAGE = 17
    CANAL = 18
    HEART_MUSCLE = 19
    BLOOD_LEFT = 20  # left ventricle and atrium
    BLOOD_RIGHT = 21
    AORTA = 22
    ARTERY = 23
    LUNG_ARTERY = 24  # trunk and main branches
    CAVA_UPPER = 25
    CAVA_LOWER = 26
    PORTAL = 27
    LIVER = 28
    LIVER_VEIN = 29
    SPLEEN = 30
    CORTEX_LEFT = 31
    MEDULLA_LEFT = 32
    CORTEX_RIGHT = 33
    MEDULLA_RIGHT = 34
    URINE = 35
    GALL = 36
    STOMACH_WALL = 37
    STOMACH_FOOD = 38
    GAS = 39
    BOWEL_WALL = 40
    BOWEL_FOOD = 41
    FAECES = 42
    PANCREAS = 43
    BRAIN = 44
    LIVER_LESION = 45
    KIDNEY_CYST_LEFT = 46
    KIDNEY_CYST_RIGHT = 47
    GLAND = 48
    AORTA_WALL = 49
    OESOPHAGUS = 50
    METAL = 51


T = Tissue
CLASSES = (
    "outside", "body", "lung_left", "lung_right", "airways", "heart", "aorta", "liver", "spleen",
    "kidney_left", "kidney_right", "vertebrae", "bone",
)  # fmt: skip
"""Exclusive classes of the network; ``body`` is what belongs to no other one."""

OUTPUTS = ("body", "lung_left", "lung_right", "airways", "bone", "vertebrae", "heart", "aorta",
           "liver", "spleen", "kidney_left", "kidney_right")  # fmt: skip
"""Channels of model.onnx: ``body`` holds all others, ``bone`` the vertebrae."""

_CLASS_OF = {
    "outside": (T.AIR, T.TABLE),
    "lung_left": (T.LUNG_LEFT, T.VESSEL_LEFT),
    "lung_right": (T.LUNG_RIGHT, T.VESSEL_RIGHT),
    "airways": (T.AIRWAY,),
    "heart": (T.HEART_MUSCLE, T.BLOOD_LEFT, T.BLOOD_RIGHT),
    "aorta": (T.AORTA, T.AORTA_WALL),
    "liver": (T.LIVER, T.LIVER_VEIN, T.LIVER_LESION),
    "spleen": (T.SPLEEN,),
    "kidney_left": (T.CORTEX_LEFT, T.MEDULLA_LEFT, T.KIDNEY_CYST_LEFT),
    "kidney_right": (T.CORTEX_RIGHT, T.MEDULLA_RIGHT, T.KIDNEY_CYST_RIGHT),
    "vertebrae": (T.VERTEBRA_CORTEX, T.VERTEBRA_MARROW),
    "bone": (T.BONE_CORTEX, T.BONE_MARROW),
}
CLASS_TABLE = np.full(256, CLASSES.index("body"), dtype=np.uint8)
for _name, _tissues in _CLASS_OF.items():
    CLASS_TABLE[list(_tissues)] = CLASSES.index(_name)

PHASES = ("plain", "arterial", "late arterial", "portal", "late")
# Low and high mean HU in each phase; one pair stands for all.
_HU: dict[Tissue, tuple[tuple[float, float], ...]] = {
    T.AIR: ((-1020, -980),),
    T.TABLE: ((-700, 100),),
    T.FAT: ((-118, -85),),
    T.MUSCLE: ((35, 62), (40, 68), (45, 70), (48, 75), (45, 70)),
    T.FILLER: ((-115, -70),),
    T.LUNG_LEFT: ((-910, -720),),
    T.LUNG_RIGHT: ((-910, -720),),
    T.VESSEL_LEFT: ((-50, 50), (-20, 350), (-20, 250), (-20, 120), (-50, 90)),
    T.VESSEL_RIGHT: ((-50, 50), (-20, 350), (-20, 250), (-20, 120), (-50, 90)),
    T.AIRWAY: ((-1010, -940),),
    T.MEDIASTINUM: ((-105, 0),),
    T.EFFUSION: ((-5, 30),),
    T.BONE_CORTEX: ((380, 1100),),
    T.BONE_MARROW: ((40, 320),),
    T.VERTEBRA_CORTEX: ((250, 750),),
    T.VERTEBRA_MARROW: ((90, 300),),
    T.DISC: ((55, 110),),
    T.CARTILAGE: ((60, 190),),
    T.CANAL: ((5, 45),),
    T.HEART_MUSCLE: ((35, 55), (70, 130), (90, 140), (85, 125), (75, 105)),
    T.BLOOD_LEFT: ((32, 56), (220, 480), (180, 330), (120, 200), (90, 135)),
    T.BLOOD_RIGHT: ((32, 56), (70, 480), (120, 300), (115, 195), (88, 132)),
    T.AORTA: ((32, 56), (230, 500), (200, 350), (125, 210), (92, 140)),
    T.ARTERY: ((32, 56), (200, 480), (180, 330), (120, 200), (90, 135)),
    T.LUNG_ARTERY: ((32, 56), (120, 550), (130, 330), (115, 200), (88, 135)),
    T.CAVA_UPPER: ((32, 56), (60, 900), (90, 450), (110, 200), (88, 135)),
    T.CAVA_LOWER: ((32, 56), (40, 110), (60, 150), (100, 180), (88, 135)),
    T.PORTAL: ((32, 54), (40, 80), (80, 150), (140, 210), (95, 145)),
    T.LIVER: ((38, 70), (48, 80), (58, 95), (85, 135), (75, 115)),
    T.LIVER_VEIN: ((25, 50), (40, 75), (50, 100), (120, 200), (90, 135)),
    T.SPLEEN: ((40, 58), (75, 150), (95, 160), (95, 145), (80, 115)),
    T.CORTEX_LEFT: ((25, 42), (110, 220), (150, 260), (140, 240), (110, 190)),
    T.MEDULLA_LEFT: ((22, 40), (35, 80), (50, 120), (120, 230), (110, 210)),
    T.URINE: ((-5, 15), (-5, 15), (-5, 20), (-5, 60), (20, 1200)),
    T.GALL: ((-2, 22),),
    T.STOMACH_WALL: ((30, 50), (50, 90), (60, 100), (60, 105), (55, 90)),
    T.STOMACH_FOOD: ((-20, 70),),
    T.GAS: ((-1000, -850),),
    T.BOWEL_WALL: ((25, 50), (45, 90), (60, 115), (60, 110), (50, 90)),
    T.BOWEL_FOOD: ((-10, 60),),
    T.FAECES: ((-160, 70),),
    T.PANCREAS: ((25, 48), (60, 105), (80, 125), (75, 115), (60, 90)),
    T.BRAIN: ((22, 42),),
    T.LIVER_LESION: ((-5, 35), (0, 130), (0, 140), (5, 90), (5, 90)),
    T.KIDNEY_CYST_LEFT: ((-5, 20),),
    T.GLAND: ((-60, 60),),
    T.AORTA_WALL: ((30, 60), (40, 90), (40, 90), (50, 90), (50, 90)),
    T.OESOPHAGUS: ((20, 50), (35, 75), (40, 80), (45, 80), (40, 75)),
    T.METAL: ((1800, 3000),),
}  # fmt: skip
_SAME = {
    T.CORTEX_RIGHT: T.CORTEX_LEFT, T.MEDULLA_RIGHT: T.MEDULLA_LEFT,
    T.KIDNEY_CYST_RIGHT: T.KIDNEY_CYST_LEFT, T.LUNG_RIGHT: T.LUNG_LEFT,
    T.VESSEL_RIGHT: T.VESSEL_LEFT,
}  # fmt: skip
# Slow and fine unevenness within a tissue, HU.
_ROUGH = {
    T.FAT: 8, T.MUSCLE: 12, T.FILLER: 16, T.LUNG_LEFT: 40, T.LUNG_RIGHT: 40, T.MEDIASTINUM: 35,
    T.BONE_CORTEX: 220, T.BONE_MARROW: 120, T.VERTEBRA_CORTEX: 160, T.VERTEBRA_MARROW: 55,
    T.CARTILAGE: 60, T.TABLE: 250, T.STOMACH_FOOD: 25, T.BOWEL_FOOD: 30, T.FAECES: 170,
    T.BLOOD_RIGHT: 25, T.CAVA_LOWER: 20, T.CAVA_UPPER: 60, T.SPLEEN: 5, T.LIVER: 4, T.GLAND: 35,
    T.PANCREAS: 18, T.LIVER_LESION: 10, T.METAL: 300, T.EFFUSION: 5, T.HEART_MUSCLE: 6,
    T.BRAIN: 6, T.AIR: 6, T.AIRWAY: 10, T.AORTA_WALL: 60,
}  # fmt: skip


def table(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, str]:
    """Mean HU and unevenness of every tissue (256,), and the contrast phase."""
    phase = str(rng.choice(PHASES, p=[0.38, 0.12, 0.14, 0.26, 0.10]))
    number = PHASES.index(phase)
    mean, rough = np.zeros(256, np.float32), np.full(256, 4.0, np.float32)
    # Organs of one patient move together in a phase: a common place within the ranges.
    common = rng.uniform(0, 1)
    for tissue, spans in _HU.items():
        low, high = spans[number if len(spans) > 1 else 0]
        place = np.clip(0.5 * common + 0.5 * rng.uniform(0, 1), 0, 1)
        if len(spans) == 1:
            place = rng.uniform(0, 1)
        mean[tissue] = low + (high - low) * place
    if phase == "plain":  # without contrast all blood is one
        blood = rng.uniform(32, 55)
        for tissue in (T.BLOOD_LEFT, T.BLOOD_RIGHT, T.AORTA, T.ARTERY, T.LUNG_ARTERY,
                       T.CAVA_UPPER, T.CAVA_LOWER, T.PORTAL, T.LIVER_VEIN):  # fmt: skip
            mean[tissue] = blood + rng.normal(0, 1.5)
        mean[T.HEART_MUSCLE] = blood + rng.uniform(-3, 10)
        mean[T.AORTA_WALL] = blood + rng.uniform(0, 12)
    if rng.random() < 0.18:  # steatosis
        mean[T.LIVER] -= rng.uniform(10, 50)
    if phase == "arterial" and rng.random() < 0.5:  # uneven spleen
        rough[T.SPLEEN] = 25
    if rng.random() < 0.15:  # positive contrast by mouth
        mean[T.STOMACH_FOOD] = rng.uniform(120, 500)
        mean[T.BOWEL_FOOD] = rng.uniform(100, 450)
    if rng.random() < 0.15:  # ascites, or a thin child without fat
        mean[T.FILLER] = rng.uniform(-5, 25)
    if rng.random() < 0.25:  # osteoporosis
        mean[T.VERTEBRA_MARROW] -= rng.uniform(30, 80)
        mean[T.VERTEBRA_CORTEX] -= rng.uniform(0, 100)
    for tissue, spread in _ROUGH.items():
        rough[tissue] = max(rough[tissue], spread * rng.uniform(0.4, 1.3))
    for other, like in _SAME.items():
        mean[other] = mean[like] + rng.normal(0, 4 if like != T.LUNG_LEFT else 15)
        rough[other] = rough[like]
    if rng.random() < 0.25:  # wider still: what no range foresaw
        mean += rng.normal(0, 10, 256).astype(np.float32)
    kvp = float(np.exp(rng.normal(0, 0.06)))  # contrast and calcium vary with tube voltage
    return np.where(mean > 60, 60 + (mean - 60) * kvp, mean).astype(np.float32), rough, phase

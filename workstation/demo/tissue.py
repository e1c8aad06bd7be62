"""Tissues that the generators paint, and how bright each is in each kind of picture."""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Tissue(enum.IntEnum):
    """Numbers of ``Canvas.label``."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BONE = 4
    MARROW = 5
    CSF = 6
    GREY = 7
    WHITE = 8
    DEEP_GREY = 9
    PALLIDUM = 10
    LESION = 11
    VENTRICLE = 12
    CHOROID = 13
    BRAINSTEM = 14
    CEREBELLUM = 15
    EYE = 16
    NERVE = 17
    MUCOSA = 18
    VESSEL = 19
    LUNG = 20
    BLOOD = 21
    MYOCARDIUM = 22
    LIVER = 23
    SPLEEN = 24
    CARTILAGE = 25
    AIRWAY = 26
    NODULE = 27
    GLAND = 28
    PAPILLARY = 29
    RIGHT_BLOOD = 30
    TABLE = 31


Contrast = Mapping[Tissue, float]

# Signal relative to normal white matter of 0.62 in fat-suppressed T2 FLAIR at 1.5 to 3 T:
# ratios read from published FLAIR series (grey about 1.2 of white, fluid under 0.1).
FLAIR: Contrast = {
    Tissue.AIR: 0.0,
    Tissue.SKIN: 0.30,
    Tissue.FAT: 0.20,
    Tissue.MUSCLE: 0.21,
    Tissue.BONE: 0.02,
    Tissue.MARROW: 0.13,
    Tissue.CSF: 0.05,
    Tissue.GREY: 0.77,
    Tissue.WHITE: 0.62,
    Tissue.DEEP_GREY: 0.72,
    Tissue.PALLIDUM: 0.58,
    Tissue.LESION: 0.93,
    Tissue.VENTRICLE: 0.045,
    Tissue.CHOROID: 0.62,
    Tissue.BRAINSTEM: 0.61,
    Tissue.CEREBELLUM: 0.74,
    Tissue.EYE: 0.05,
    Tissue.NERVE: 0.5,
    Tissue.MUCOSA: 0.62,
    Tissue.VESSEL: 0.03,
}

# 3D time of flight: still tissue saturated by short TR and magnetisation transfer, fresh blood
# bright; fluid dark, scalp fat the brightest of what is still.
TOF: Contrast = {
    Tissue.AIR: 0.0,
    Tissue.SKIN: 0.17,
    Tissue.FAT: 0.25,
    Tissue.MUSCLE: 0.13,
    Tissue.BONE: 0.02,
    Tissue.MARROW: 0.12,
    Tissue.CSF: 0.09,
    Tissue.GREY: 0.185,
    Tissue.WHITE: 0.165,
    Tissue.DEEP_GREY: 0.18,
    Tissue.PALLIDUM: 0.17,
    Tissue.LESION: 0.165,
    Tissue.VENTRICLE: 0.09,
    Tissue.CHOROID: 0.2,
    Tissue.BRAINSTEM: 0.165,
    Tissue.CEREBELLUM: 0.18,
    Tissue.EYE: 0.07,
    Tissue.NERVE: 0.17,
    Tissue.MUCOSA: 0.22,
    Tissue.VESSEL: 1.0,
}

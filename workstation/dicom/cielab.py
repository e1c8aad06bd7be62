"""Colours as DICOM states them: CIELab in 16 bits (PS3.3 C.10.7.1.1) to RGB and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_WHITE = np.array([0.96422, 1.0, 0.82521])  # D50, the ICC profile connection space
# D50 to D65 by Bradford, then XYZ to linear sRGB (IEC 61966-2-1).
_TO_RGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)


def rgb_of_cielab(scaled: Sequence[float]) -> tuple[int, int, int]:
    """RGB 0..255 of a Recommended Display CIELab Value (three 16-bit numbers)."""
    light = scaled[0] / 65535 * 100
    a, b = scaled[1] / 65535 * 255 - 128, scaled[2] / 65535 * 255 - 128
    middle = (light + 16) / 116
    raised = np.array([middle + a / 500, middle, middle - b / 200])
    xyz = np.where(raised > 6 / 29, raised**3, 3 * (6 / 29) ** 2 * (raised - 4 / 29)) * _WHITE
    linear = np.clip(_TO_RGB @ xyz, 0.0, 1.0)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (int(v) for v in np.rint(shown * 255))
    return red, green, blue


def cielab_of_rgb(colour: Sequence[int]) -> tuple[int, int, int]:
    """Recommended Display CIELab Value of RGB 0..255."""
    shown = np.asarray(colour, dtype=np.float64) / 255
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    ratio = np.linalg.solve(_TO_RGB, linear) / _WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    light = 116 * root[1] - 16
    a, b = 500 * (root[0] - root[1]), 200 * (root[1] - root[2])
    scaled = (light / 100 * 65535, (a + 128) / 255 * 65535, (b + 128) / 255 * 65535)
    first, second, third = (int(np.clip(round(v), 0, 65535)) for v in scaled)
    return first, second, third

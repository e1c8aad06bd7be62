"""Overlay planes: bitmaps that a file draws over its own image (PS3.3 C.9.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class OverlayPlane:
    """One bitmap. bits: (rows, columns). top, left: of its first bit in the image, from 0; it may
    begin outside. region: whether it is a region of interest (type R), else graphics (G)."""

    group: int
    bits: NDArray[np.bool_]
    top: int = 0
    left: int = 0
    label: str = ""
    region: bool = False
    layer: str = ""  # graphic layer of a presentation state that it stands in

    def on_image(self, rows: int, columns: int) -> NDArray[np.bool_]:
        """The bitmap on an image of this size; what lies outside is cut off."""
        whole = np.zeros((rows, columns), dtype=np.bool_)
        height, width = self.bits.shape
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + height, rows), min(self.left + width, columns)
        if bottom > top and right > left:
            whole[top:bottom, left:right] = self.bits[
                top - self.top : bottom - self.top, left - self.left : right - self.left
            ]
        return whole

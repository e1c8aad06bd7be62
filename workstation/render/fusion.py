"""The picture of one volume on the raster of another, in colour with transparency."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Grid
from workstation.domain.plane import Raster
from workstation.render.slice import SliceRenderer
from workstation.viewing.colour_map import ColourMap
from workstation.viewing.viewport import Slab
from workstation.viewing.window_level import Window


class FusionRenderer:
    """Cuts an overlay of its own grid on any raster of the image below.

    array: (z, y, x) grey; grid: in the patient space of the image below. Resampling is linear
    between the overlay's own voxels, straight to the picture: nothing is resampled twice.
    """

    def __init__(self, array: NDArray[Any], grid: Grid) -> None:
        self._slices = SliceRenderer(array, grid)

    def voxels_changed(self) -> None:
        """Say that the shared array was written to."""
        self._slices.voxels_changed()

    def cut(self, raster: Raster, slab: Slab | None = None, *, draft: bool = False) -> NDArray[Any]:
        """Values (height, width) of the array's type; ``outside`` where the overlay ends."""
        return self._slices.cut(raster, slab, draft=draft)

    def colour(
        self, picture: NDArray[Any], window: Window, colours: ColourMap, opacity: float
    ) -> NDArray[np.uint32]:
        """Premultiplied ARGB (height, width); transparent outside and at the lowest values."""
        table = colours.overlay(opacity)
        if picture.dtype.kind in "iu" and picture.dtype.itemsize <= 2:
            known = np.arange(1 << (8 * picture.dtype.itemsize))
            bits = np.dtype(f"u{picture.dtype.itemsize}")
            values = known.astype(bits).view(picture.dtype)
            lut = table[_places(values, window)]
            lut[values == self._slices.outside] = 0
            return np.asarray(np.take(lut, picture.view(bits), mode="clip"), dtype=np.uint32)
        pixels = np.take(table, _places(picture, window))
        pixels[picture == self._slices.outside] = 0
        return np.asarray(pixels, dtype=np.uint32)


def _places(values: NDArray[Any], window: Window) -> NDArray[np.uint8]:
    """Place in the table of each value: the window's low end is 0, its high end 255."""
    # Not a number is the lowest place, which is transparent; ends first, "outside" is -1e30.
    scaled = np.fmax(values.astype(np.float32), np.float32(window.low))
    np.fmin(scaled, np.float32(window.high), out=scaled)
    scaled -= np.float32(window.low)
    scaled *= np.float32(255 / window.width)
    np.clip(scaled, 0.0, 255.0, out=scaled)
    return np.asarray(np.rint(scaled).astype(np.uint8), dtype=np.uint8)

"""Cuts of label arrays: which segment each pixel belongs to, and where segments end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workstation.domain.mask_block import LabelBlock
from workstation.domain.plane import Raster
from workstation.render.slice import SliceRenderer


@dataclass(frozen=True, eq=False)
class LabelPicture:
    """labels: (h, w), 0 none, else the place in ``LabelBlock.numbers`` plus one. edges: pixels of
    a segment with another neighbour. left, top: where it lies in the picture."""

    labels: NDArray[np.uint8] | NDArray[np.uint16]
    edges: NDArray[np.bool_]
    left: int
    top: int


class LabelRenderer:
    """Cuts one label array on any raster; nearest voxel, all its segments in one go."""

    def __init__(self, block: LabelBlock) -> None:
        self.block = block
        self._slices = SliceRenderer(block.array, block.grid, nearest=True)
        self._corners = block.grid.corners_lps

    def cut(self, raster: Raster) -> LabelPicture | None:
        """The segments in a picture, or None where the plane does not meet them."""
        inverse = raster.inverse
        places = self._corners @ inverse[:3, :3].T + inverse[:3, 3]
        if places[:, 2].min() > 0 or places[:, 2].max() < 0:
            return None
        low = np.maximum(np.floor(places[:, :2].min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(
            np.ceil(places[:, :2].max(axis=0)).astype(int) + 2, (raster.width, raster.height)
        )
        width, height = (int(v) for v in high - low)
        if width <= 0 or height <= 0:
            return None
        middle = raster.to_lps(low[0] + (width - 1) / 2, low[1] + (height - 1) / 2)
        centre = (float(middle[0]), float(middle[1]), float(middle[2]))
        part = Raster(centre, raster.axes, raster.mm_per_pixel, width, height)
        labels = self._slices.cut(part)
        if not labels.any():
            return None
        edges = np.zeros(labels.shape, dtype=bool)
        across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
        edges[:, 1:] |= across
        edges[:, :-1] |= across
        edges[1:] |= down
        edges[:-1] |= down
        return LabelPicture(labels, edges & (labels > 0), int(low[0]), int(low[1]))

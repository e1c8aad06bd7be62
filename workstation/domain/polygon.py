"""Filling outlines on a grid: which pixel centres lie inside (even-odd rule)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats


def filled(
    outline: Floats, shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], tuple[int, int]] | None:
    """Pixels whose centres lie inside a closed outline, cut to its extent.

    outline: (n, 2) column, row; whole numbers at pixel centres. shape: (rows, columns) of the
    picture. Returns the block and its first (row, column); None where no centre is inside. Edges
    count by the half-open rule, so outlines that share an edge share no pixel.
    """
    low = np.maximum(np.ceil(outline.min(axis=0) - 1e-9).astype(int), 0)
    high = np.minimum(
        np.floor(outline.max(axis=0) + 1e-9).astype(int), (shape[1] - 1, shape[0] - 1)
    )
    if (high < low).any() or len(outline) < 3:
        return None
    rows = np.arange(low[1], high[1] + 1, dtype=np.float64)
    crossings: list[list[float]] = [[] for _ in rows]
    ends = np.roll(outline, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(outline, ends, strict=True):
        if y0 == y1:
            continue
        first = int(np.ceil(min(y0, y1) - low[1]))
        last = int(np.ceil(max(y0, y1) - low[1]))  # half open: an end point counts once
        for row in range(max(first, 0), min(last, len(rows))):
            crossings[row].append(x0 + (rows[row] - y0) * (x1 - x0) / (y1 - y0))
    block = np.zeros((len(rows), int(high[0] - low[0]) + 1), dtype=bool)
    for row, places in enumerate(crossings):
        places.sort()
        for left, right in zip(places[::2], places[1::2], strict=False):
            first = max(int(np.ceil(left - low[0] - 1e-9)), 0)
            last = int(np.ceil(right - low[0] - 1e-9))
            block[row, first : max(last, first)] = True
    if not block.any():
        return None
    return block, (int(low[1]), int(low[0]))


def area_of(outline: Floats) -> float:
    """Area of a simple closed outline (n, 2), by the shoelace formula."""
    x, y = outline[:, 0], outline[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def exclusive_or(outlines: Sequence[Floats], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Outlines of one slice combined by exclusive or: an outline within another is a hole."""
    whole = np.zeros(shape, dtype=bool)
    for outline in outlines:
        found = filled(outline, shape)
        if found is not None:
            block, (row, column) = found
            part = whole[row : row + block.shape[0], column : column + block.shape[1]]
            part ^= block
    return whole

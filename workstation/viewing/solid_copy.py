"""The small copy of a volume that 3D is rendered from, and what is cut out of it.

A copy is never larger than its bound, whatever the size of the study: neighbouring voxels are
averaged until it fits. A crop box gives its part of the volume the whole bound again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.geometry import Floats, Grid, as_matrix, axes_towards
from workstation.domain.mark import Point
from workstation.viewing.solid_presets import Blend, SolidPreset, value_scale
from workstation.viewing.window_level import sample

MOST_VOXELS = 24_000_000  # 48 MB of int16 on a graphics card
MOST_WITHOUT_CARD = 14_000_000
_COARSE_MM = 3.0  # resolution at which the body is told from the air around it
_CT_AIR = -300.0

Box = tuple[Point, Point]
"""Lowest and highest LPS corner of a crop box, mm."""


@dataclass(frozen=True, eq=False)
class SolidCopy:
    """Right-handed int16 voxels (z, y, x) near to patient axes, and where they lie.

    Stored value * slope + intercept is the modality value; slope is 1 for 16-bit integers.
    values: some voxel values of the whole volume, for percentiles.
    """

    voxels: NDArray[np.int16]
    grid: Grid
    slope: float
    intercept: float
    values: NDArray[np.float64]
    modality: str = ""


def prepared(
    array: NDArray[Any], grid: Grid, most: int = MOST_VOXELS, *, modality: str = "",
    box: Box | None = None,
) -> SolidCopy:  # fmt: skip
    """The copy of an array (z, y, x): at most ``most`` voxels, of the part in ``box`` if given."""
    axes = axes_towards(grid, "LPH")
    turned, placed = axes.apply(array), axes.apply_grid(grid)
    start = [0, 0, 0]
    if box is not None:
        region = _region(placed, box)
        start = [part.start for part in region]
        turned = turned[region]
    steps = [1, 1, 1]  # z, y, x
    while _size(turned.shape, steps) > most:
        lengths = [s * n for s, n in zip(placed.spacing_mm[::-1], steps, strict=True)]
        steps[int(np.argmin(lengths))] += 1
    matrix = placed.matrix
    first = [s + (n - 1) / 2 for s, n in zip(start[::-1], steps[::-1], strict=True)]
    matrix[:3, 3] = placed.to_lps(first)
    matrix[:3, :3] = matrix[:3, :3] * np.array(steps[::-1])
    small = array.dtype.kind in "iu" and array.dtype.itemsize <= 2 and array.dtype != np.uint16
    low, slope = 0.0, 1.0
    if not small:
        ends = [(float(np.nanmin(s)), float(np.nanmax(s))) for s in turned]
        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
        low, high = (0.0 if not np.isfinite(v) else v for v in (low, high))
        slope = max(high - low, 1e-9) / 30000.0
    voxels = _averaged(turned, steps, low, slope)
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    values = np.nan_to_num(sample(array).astype(np.float64))
    return SolidCopy(voxels, Grid(shape, as_matrix(matrix)), slope, low, values, modality)


def _size(shape: tuple[int, ...], steps: list[int]) -> int:
    return int(np.prod([-(-n // s) for n, s in zip(shape, steps, strict=True)]))


def _region(grid: Grid, box: Box) -> tuple[slice, slice, slice]:
    """Indices (z, y, x) of all voxels that a box touches, and one more for the interpolation."""
    corners = np.array([[box[i][0], box[j][1], box[k][2]]
                        for i in (0, 1) for j in (0, 1) for k in (0, 1)])  # fmt: skip
    index = grid.to_index(corners)
    parts = []
    for axis, size in ((2, grid.shape[0]), (1, grid.shape[1]), (0, grid.shape[2])):
        low = int(np.clip(np.floor(index[:, axis].min()) - 1, 0, max(size - 2, 0)))
        high = int(np.clip(np.ceil(index[:, axis].max()) + 2, low + 2, max(size, 1)))
        parts.append(slice(low, high))
    return parts[0], parts[1], parts[2]


def _averaged(array: NDArray[Any], steps: list[int], low: float, slope: float) -> NDArray[np.int16]:
    """Means of blocks of ``steps`` voxels as stored values; slab by slab, so that others run."""
    shape = tuple(-(-n // s) for n, s in zip(array.shape, steps, strict=True))
    out = np.empty(shape, dtype=np.int16)
    whole = slope == 1.0 and low == 0.0
    for z in range(shape[0]):
        if steps == [1, 1, 1] and whole:
            out[z] = array[z]
            continue
        total = np.zeros(shape[1:], dtype=np.int32 if whole else np.float64)
        for dz in range(steps[0]):
            plane = array[min(z * steps[0] + dz, array.shape[0] - 1)]
            for dy in range(steps[1]):
                for dx in range(steps[2]):
                    _add(total, plane, dy, dx, steps)
        total = total / (steps[0] * steps[1] * steps[2])
        if not whole:
            total = (np.nan_to_num(total, nan=low, posinf=low, neginf=low) - low) / slope
        out[z] = np.rint(total)
    return out


def _add(total: NDArray[Any], plane: NDArray[Any], dy: int, dx: int, steps: list[int]) -> None:
    """Add every ``steps``-th voxel from (dy, dx); the last block repeats the outermost voxel."""
    rows = plane[dy :: steps[1], dx :: steps[2]]
    total[: rows.shape[0], : rows.shape[1]] += rows
    if rows.shape[1] < total.shape[1]:
        total[: rows.shape[0], -1] += plane[dy :: steps[1], -1]
    if rows.shape[0] < total.shape[0]:
        last = plane[-1, dx :: steps[2]]
        total[-1, : last.size] += last
        if last.size < total.shape[1]:
            total[-1, -1] += plane[-1, -1]


@dataclass(frozen=True)
class Snip:
    """One cut with the scissors: everything under (or beside) an outline, through the whole depth.

    outline: corners (right, down) in mm of the picture, from ``origin_mm`` along the unit vectors
    ``right`` and ``down`` (LPS). inside: whether what lies under the outline goes.
    """

    outline: tuple[tuple[float, float], ...]
    origin_mm: Point
    right: Point
    down: Point
    inside: bool


def under_outline(grid: Grid, snip: Snip) -> NDArray[np.bool_]:
    """Voxels (z, y, x) of ``grid`` whose centres lie under a snip's outline."""
    corners = np.asarray(snip.outline, dtype=np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    pixel = max(float(np.max(high - low)) / 1500, min(grid.spacing_mm) / 4)
    picture = filled((corners - low) / pixel, tuple(np.ceil((high - low) / pixel).astype(int) + 1))
    out = np.zeros(grid.shape, dtype=np.bool_)
    onto = np.stack([np.asarray(snip.right), np.asarray(snip.down)])
    step = onto @ grid.matrix[:3, :3] / pixel
    start = (onto @ (grid.matrix[:3, 3] - np.asarray(snip.origin_mm)) - low) / pixel
    y, x = np.arange(grid.shape[1])[:, None], np.arange(grid.shape[2])[None, :]
    flat_u, flat_v = (step[i, 0] * x + step[i, 1] * y + start[i] + 0.5 for i in (0, 1))
    for z in range(grid.shape[0]):
        u = np.floor(flat_u + step[0, 2] * z).astype(np.int32)
        v = np.floor(flat_v + step[1, 2] * z).astype(np.int32)
        inside = (u >= 0) & (v >= 0) & (u < picture.shape[1]) & (v < picture.shape[0])
        out[z] = inside & picture[np.where(inside, v, 0), np.where(inside, u, 0)]
    return out


def filled(corners: Floats, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """A closed outline (n, 2) of (x, y) pixels as a picture (rows, columns): even-odd rule.

    size: (columns, rows). A pixel counts where its centre (whole numbers) lies inside.
    """
    columns, rows = size
    toggles = np.zeros((rows, columns + 1), dtype=np.int32)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        lines = np.arange(max(int(np.ceil(y0)), 0), min(int(np.ceil(y1)), rows))
        crossing = x0 + (lines - y0) * ((x1 - x0) / (y1 - y0))
        np.add.at(toggles, (lines, np.clip(np.ceil(crossing), 0, columns).astype(int)), 1)
    return np.asarray(np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1)


def around_body(copy: SolidCopy, peel_mm: float = 0.0) -> NDArray[np.bool_]:
    """Voxels of the air around the patient, and of the outermost ``peel_mm`` of the patient.

    Told at 3 mm: air is below -300 HU in CT, else below half of Otsu's threshold; it is around
    the patient where it reaches a side of the volume (not top or bottom: lungs and airways may).
    """
    steps = [max(int(_COARSE_MM / s), 1) for s in copy.grid.spacing_mm[::-1]]
    coarse = copy.voxels[:: steps[0], :: steps[1], :: steps[2]]
    values = coarse.astype(np.float32) * copy.slope + copy.intercept
    air = values < (_CT_AIR if copy.modality == "CT" else _otsu(copy.values) / 2)
    air = ndimage.binary_dilation(ndimage.binary_erosion(air, border_value=1))
    labels, _ = ndimage.label(air)
    sides = np.concatenate([labels[:, 0].ravel(), labels[:, -1].ravel(),
                            labels[:, :, 0].ravel(), labels[:, :, -1].ravel()])  # fmt: skip
    outside = np.isin(labels, np.setdiff1d(sides, [0]))
    layer = min(s * n for s, n in zip(copy.grid.spacing_mm[::-1], steps, strict=True))
    ball, cross = ndimage.generate_binary_structure(3, 2), ndimage.generate_binary_structure(3, 1)
    for turn in range(1 + round(peel_mm / layer)):  # one layer more: half of skin, half of air
        outside = ndimage.binary_dilation(outside, ball if turn % 2 else cross)
    out = np.empty(copy.grid.shape, dtype=np.bool_)
    near = [np.minimum((np.arange(n) + s // 2) // s, c - 1)
            for n, s, c in zip(copy.grid.shape, steps, coarse.shape, strict=True)]  # fmt: skip
    for z in range(out.shape[0]):
        out[z] = outside[near[0][z]][np.ix_(near[1], near[2])]
    return out


def _otsu(values: NDArray[np.float64]) -> float:
    """Threshold of greatest variance between classes (Otsu 1979)."""
    count, edges = np.histogram(values, 256)
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(count)
    total = np.cumsum(count * middle)
    share = below / below[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (total[-1] * share - total) ** 2 / (share * (1 - share))
    return float(middle[int(np.nanargmax(np.where(np.isfinite(spread), spread, -1.0)))])


def carved(
    copy: SolidCopy, look: SolidPreset, removed: NDArray[np.bool_] | None
) -> NDArray[np.int16]:
    """The voxels with what was removed set to the preset's background; the copy's own if nothing.

    Voxels, not opacities, are changed: every blend mode and the picking of points then agree.
    """
    if removed is None:
        return copy.voxels
    out = copy.voxels.copy()
    stored = round((background(copy, look) - copy.intercept) / copy.slope)
    for z in range(out.shape[0]):
        np.copyto(out[z], np.int16(np.clip(stored, -32768, 32767)), where=removed[z])
    return out


def background(copy: SolidCopy, look: SolidPreset) -> float:
    """The modality value that stands for nothing in a preset."""
    if look.background is not None:
        offset, scale = value_scale(look, copy.values)
        return offset + look.background * scale
    extreme = copy.voxels.max() if look.blend is Blend.MINIP else copy.voxels.min()
    return float(extreme) * copy.slope + copy.intercept

"""Voxels inside a mark: stored ones by their centres, never pixels of the screen.

Rule. A region drawn in the plane of the images as acquired takes the stored voxels of that one
image whose centres lie inside the outline or on it (1e-6 of a voxel is on it). A region drawn on
any other plane is sampled on that plane: a lattice with the voxel spacing along the picture's two
axes, linearly interpolated between the eight voxels around each point; ``Inside.stored`` is then
False and whoever shows the numbers says so. A brush region is its mask's voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.geometry import Floats, Grid
from workstation.domain.mark import OUTLINES, Mark, MarkKind
from workstation.domain.plane import index_step_mm

Slices = Callable[[int], NDArray[Any] | None]
"""z to the (y, x) modality values of the mark's phase; None where they are not read yet."""

Indices = NDArray[np.int64]
Painted = Mapping[int, NDArray[np.bool_]]
"""A painted region: z to the (y, x) voxels of that image that belong to it."""

_PARALLEL = 1.0 - 1e-6  # cosine: 0.08 degrees, what headers round to
_ON_EDGE = 1e-6


@dataclass(frozen=True)
class Inside:
    """Values of a region. values: (n,) float64. stored: whether they are stored voxels, else
    interpolated. z: the one image that they are from, -1 where there are several."""

    values: Floats
    stored: bool
    z: int = -1


def is_parallel(mark: Mark, grid: Grid) -> bool:
    """Whether the plane that a mark was drawn in runs along the grid's slices."""
    normal = np.cross(mark.right, mark.down)
    return abs(float(normal @ grid.slice_normal)) >= _PARALLEL


def slice_of(mark: Mark, grid: Grid) -> int | None:
    """The image (z) in whose plane the mark was drawn; None where that is no image as acquired.

    The plane is that of ``mark.right`` and ``mark.down``; the mark may lie up to half a slice
    from the image's centre plane.
    """
    if not is_parallel(mark, grid):
        return None
    place = grid.to_index(np.mean(np.asarray(mark.points_mm), axis=0))[2]
    z = int(np.floor(place + 0.5))
    return z if 0 <= z < grid.shape[0] else None


def outline_of(mark: Mark, most: int = 96) -> Floats:
    """(n, 3) LPS points round a region, in order; an ellipse has ``most`` of them."""
    points = np.asarray(mark.points_mm, dtype=np.float64)
    if mark.kind is MarkKind.FREEHAND:
        return points
    right, down = np.asarray(mark.right), np.asarray(mark.down)
    across, along = (points[1] - points[0]) @ right, (points[1] - points[0]) @ down
    if mark.kind is MarkKind.RECTANGLE:
        return np.stack(
            [points[0], points[0] + right * across, points[1], points[0] + down * along]
        )
    middle = (points[0] + points[1]) / 2
    turn = np.linspace(0.0, 2 * np.pi, most, endpoint=False)[:, None]
    around = np.cos(turn) * right * across / 2 + np.sin(turn) * down * along / 2
    return np.asarray(middle + around, dtype=np.float64)


def _within(mark: Mark, u: Floats, v: Floats, slack_mm: float) -> NDArray[np.bool_]:
    """Which places lie in a rectangle or ellipse.

    u, v: mm from the mark's first corner along the picture's right and down. slack_mm: how far
    outside still counts as on the edge.
    """
    corners = np.asarray(mark.points_mm, dtype=np.float64)
    half_u = float((corners[1] - corners[0]) @ np.asarray(mark.right)) / 2
    half_v = float((corners[1] - corners[0]) @ np.asarray(mark.down)) / 2
    u, v, half_u, half_v = u - half_u, v - half_v, abs(half_u) + slack_mm, abs(half_v) + slack_mm
    if mark.kind is MarkKind.RECTANGLE:
        return np.asarray((np.abs(u) <= half_u) & (np.abs(v) <= half_v))
    if half_u <= slack_mm or half_v <= slack_mm:
        return np.zeros(np.broadcast_shapes(np.shape(u), np.shape(v)), dtype=np.bool_)
    return np.asarray((u / half_u) ** 2 + (v / half_v) ** 2 <= 1.0)


def enclosed(outline: Floats, columns: Floats, rows: Floats) -> NDArray[np.bool_]:
    """Which points of a lattice a closed outline (n, 2) encloses, by the even-odd rule.

    columns, rows: the lattice's coordinates along the outline's two axes. (rows, columns).
    """
    x0, y0 = outline.T
    x1, y1 = np.roll(outline, -1, axis=0).T
    row, side = np.nonzero((y0 > rows[:, None]) != (y1 > rows[:, None]))
    at = x0[side] + (rows[row] - y0[side]) * ((x1 - x0)[side] / (y1 - y0)[side])
    # A side toggles every column left of where it crosses the row.
    crossed = np.zeros((len(rows), len(columns) + 1), dtype=np.int32)
    np.add.at(crossed, (row, np.searchsorted(columns, at, side="left")), 1)
    beyond = crossed[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(beyond[:, 1:] % 2 == 1)


def inside_of(
    mark: Mark,
    grid: Grid,
    slices: Slices,
    painted: Painted | None = None,
    *,
    between: bool = False,
) -> Inside | None:
    """Values inside a region of ``mark``; None where it has no area or voxels are not read yet.

    grid: of the voxels, which may be another series than the one drawn on (PET under CT).
    painted: voxels of a brush region, on the same grid. between: the grid's slices are no images
    but lie between some, so that all values are interpolated.
    """
    if mark.kind not in OUTLINES:
        return None
    if mark.kind is MarkKind.BRUSH:
        return None if painted is None else _of_painted(painted, slices)
    z = None if between else slice_of(mark, grid)
    return _sampled(mark, grid, slices) if z is None else _stored(mark, grid, slices, z)


def painted_of(mask: NDArray[np.bool_]) -> dict[int, NDArray[np.bool_]]:
    """The images (y, x) of a mask (z, y, x) that hold any of it; copies, so the mask can go."""
    return {int(z): mask[z].copy() for z in np.flatnonzero(mask.any(axis=(1, 2)))}


def _of_painted(painted: Painted, slices: Slices) -> Inside | None:
    parts = []
    for z, inside in sorted(painted.items()):
        plane = slices(z)
        if plane is None or plane.ndim != 2:
            return None
        parts.append(plane[inside].astype(np.float64))
    values = np.concatenate(parts) if parts else np.zeros(0)
    return Inside(values, True, next(iter(painted)) if len(painted) == 1 else -1)


def voxels_inside(mark: Mark, grid: Grid, z: int) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Rows and columns of image ``z`` round the outline, and which voxels of them are inside.

    Their centres are looked at along the mark's normal.
    """
    around = grid.to_index(outline_of(mark))
    rows, columns = grid.shape[1], grid.shape[2]
    low = np.floor(around.min(axis=0)).astype(int) - 1
    high = np.ceil(around.max(axis=0)).astype(int) + 2
    ys = slice(min(max(low[1], 0), rows), max(min(high[1], rows), 0))
    xs = slice(min(max(low[0], 0), columns), max(min(high[0], columns), 0))
    y, x = np.arange(ys.start, ys.stop), np.arange(xs.start, xs.stop)
    if mark.kind is MarkKind.FREEHAND:
        return ys, xs, enclosed(around[:, :2], x.astype(np.float64), y.astype(np.float64))
    right, down = np.asarray(mark.right), np.asarray(mark.down)
    first = grid.to_lps((0.0, 0.0, float(z))) - np.asarray(mark.points_mm[0])
    step_x, step_y = grid.matrix[:3, 0], grid.matrix[:3, 1]
    u = float(first @ right) + x * float(step_x @ right) + (y * float(step_y @ right))[:, None]
    v = float(first @ down) + x * float(step_x @ down) + (y * float(step_y @ down))[:, None]
    return ys, xs, _within(mark, u, v, min(grid.spacing_mm[:2]) * _ON_EDGE)


def _stored(mark: Mark, grid: Grid, slices: Slices, z: int) -> Inside | None:
    plane = slices(z)
    if plane is None or plane.ndim != 2:
        return None
    ys, xs, inside = voxels_inside(mark, grid, z)
    return Inside(plane[ys, xs][inside].astype(np.float64), True, z)


def _sampled(mark: Mark, grid: Grid, slices: Slices) -> Inside | None:
    """Linear interpolation on the plane, on a lattice through the centre of the first voxel."""
    right, down = np.asarray(mark.right), np.asarray(mark.down)
    steps = index_step_mm(grid, right), index_step_mm(grid, down)
    around, first = outline_of(mark), grid.to_lps((0.0, 0.0, 0.0))
    depth = float(np.mean(around @ np.cross(right, down)))
    ranges = []
    for axis, step in ((right, steps[0]), (down, steps[1])):
        along, origin = around @ axis, float(first @ axis)
        low = np.ceil((along.min() - origin) / step - _ON_EDGE)
        high = np.floor((along.max() - origin) / step + _ON_EDGE)
        ranges.append(origin + np.arange(low, high + 1) * step)
    v, u = np.meshgrid(ranges[1], ranges[0], indexing="ij")
    points = u[..., None] * right + v[..., None] * down + depth * np.cross(right, down)
    if mark.kind is MarkKind.FREEHAND:
        flat = np.stack([around @ right, around @ down], axis=1)
        inside = enclosed(flat, ranges[0], ranges[1])
    else:
        corner = np.asarray(mark.points_mm[0])
        across, along = ranges[0] - float(corner @ right), ranges[1] - float(corner @ down)
        inside = _within(mark, across[None, :], along[:, None], min(steps) * _ON_EDGE)
    return _interpolated(grid.to_index(points[inside]), grid, slices)


def _interpolated(index: Floats, grid: Grid, slices: Slices) -> Inside | None:
    size = np.array(grid.shape[::-1])
    index = index[np.all((index >= -0.5) & (index <= size - 0.5), axis=1)]
    index = np.clip(index, 0.0, size - 1.0)
    if not len(index):
        return Inside(np.zeros(0), False)
    low = np.minimum(np.floor(index + _ON_EDGE).astype(int), np.maximum(size - 2, 0))
    part = index - low
    part[np.abs(part) < _ON_EDGE] = 0.0
    high = np.minimum(low + 1, size - 1)
    needed = np.union1d(low[:, 2], high[:, 2][part[:, 2] > 0])
    planes: dict[int, NDArray[Any]] = {}
    for z in needed:
        plane = slices(int(z))
        if plane is None or plane.ndim != 2:
            return None
        planes[int(z)] = plane
    values = np.zeros(len(index))
    order = np.argsort(low[:, 2], kind="stable")
    starts = np.searchsorted(low[order, 2], np.arange(int(low[:, 2].max()) + 2))
    for z in np.unique(low[:, 2]):
        here = order[starts[z] : starts[z + 1]]
        ahead = part[here, 2]
        flat = _bilinear(planes[int(z)], low[here], high[here], part[here])
        values[here] = flat * (1 - ahead)
        if (ahead > 0).any():
            above = planes[int(min(z + 1, size[2] - 1))]
            values[here] += _bilinear(above, low[here], high[here], part[here]) * ahead
    return Inside(values, False)


def _bilinear(plane: NDArray[Any], low: Indices, high: Indices, part: Floats) -> Floats:
    """Linear interpolation within one image; low, high: (n, 3) indices x, y, z; part: between."""
    (x0, y0), (x1, y1), (px, py) = low[:, :2].T, high[:, :2].T, part[:, :2].T
    return np.asarray(
        (plane[y0, x0] * (1 - px) + plane[y0, x1] * px) * (1 - py)
        + (plane[y1, x0] * (1 - px) + plane[y1, x1] * px) * py
    )


def value_at(grid: Grid, slices: Slices, lps_mm: Floats) -> float | None:
    """The nearest stored voxel's value at a point; None outside or where it is not read yet."""
    x, y, z = np.round(grid.to_index(lps_mm)).astype(int)
    nz, ny, nx = grid.shape
    if not (0 <= x < nx and 0 <= y < ny and 0 <= z < nz):
        return None
    plane = slices(int(z))
    return float(plane[y, x]) if plane is not None and plane.ndim == 2 else None


def histogram(values: Floats, most: int = 64) -> tuple[NDArray[np.int64], Floats]:
    """Counts (n,) and bin edges (n + 1,) of region values, at most ``most`` bins.

    Whole values get bins of a whole width, half a value off, so that each value has its bin.
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64), np.zeros(1)
    low, high = float(values.min()), float(values.max())
    if np.array_equal(values, np.rint(values)):
        width = max(int(np.ceil((high - low + 1) / most)), 1)
        count = int((high - low) // width) + 1
        edges = low - 0.5 + np.arange(count + 1) * width
    else:
        edges = np.linspace(low, high if high > low else low + 1.0, most + 1)
    counts, _ = np.histogram(values, edges)
    return counts.astype(np.int64), np.asarray(edges, dtype=np.float64)

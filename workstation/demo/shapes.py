"""Signed distances, smooth noise and a canvas to paint tissues with partial volume.

Everything is in LPS millimetres. A signed distance is negative inside a shape. A tissue covers
a voxel by the fraction that its distance suggests, so edges are soft at any resolution and a
picture needs no supersampling in the plane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Field = NDArray[np.float32]
Numbers = NDArray[np.floating[Any]]  # any precision; results are Fields
Corner = Sequence[float] | Numbers
Point = tuple[float, float, float]
_BEND_MM = 6.0

# Root mean square of a cubic B-spline over its own phase is (151/315)^(1/2) in each dimension;
# random coefficients give noise of this standard deviation in three dimensions.
_SPLINE_RMS = (151.0 / 315.0) ** 1.5
_REACH_MM = 200.0  # noise is defined this far from the origin


@dataclass(frozen=True)
class Window:
    """A block of a canvas: its slices and its coordinates, which broadcast to (z, y, x).

    reach_mm: how far from a shape its distance is of interest; beyond, any larger number will do,
    which saves most of the work. Coordinates may be bent by up to ``_BEND_MM``.
    """

    at: tuple[slice, slice, slice]
    x: Field
    y: Field
    z: Field
    reach_mm: float = np.inf

    def mirrored(self) -> Window:
        """The same block with x counted outwards from the midline on both sides."""
        return Window(self.at, np.abs(self.x), self.y, self.z, self.reach_mm)

    def within(self, lo: Corner, hi: Corner) -> Window | None:
        """The part within reach of a box; its ``at`` counts from this window."""
        pad = self.reach_mm + _BEND_MM
        spans = []
        for k, field in enumerate((self.z, self.y, self.x)):
            line = field[tuple(slice(None) if a == k else 0 for a in range(3))]
            hit = np.flatnonzero((line > lo[2 - k] - pad) & (line < hi[2 - k] + pad))
            if not hit.size:
                return None
            spans.append(slice(int(hit[0]), int(hit[-1]) + 1))
        at = (spans[0], spans[1], spans[2])
        x, y, z = (
            f[tuple(s if f.shape[k] > 1 else slice(None) for k, s in enumerate(at))]
            for f in (self.x, self.y, self.z)
        )
        return Window(at, x, y, z)


class Canvas:
    """An axis-parallel block of voxels that tissues are painted on.

    x, y, z: voxel centres in mm, increasing. value: (z, y, x) signal. label: (z, y, x) number
    of the last tissue that covered more than half of a voxel.
    """

    def __init__(self, x: Numbers, y: Numbers, z: Numbers) -> None:
        self.x, self.y, self.z = (np.asarray(a, dtype=np.float32) for a in (x, y, z))
        self.shape = (self.z.size, self.y.size, self.x.size)
        self.value: Field = np.zeros(self.shape, dtype=np.float32)
        self.label: NDArray[np.uint8] = np.zeros(self.shape, dtype=np.uint8)
        self.voxel_mm = (_step(self.z), _step(self.y), _step(self.x))
        self.edge_mm = float(np.mean(self.voxel_mm))

    def all(self) -> Window:
        """The whole canvas as a window."""
        whole = slice(None)
        return self._window((whole, whole, whole))

    def near(self, lo: Corner, hi: Corner) -> Window | None:
        """The block between two corners (x, y, z) in mm; None where it misses the canvas."""
        parts = []
        for axis, low, high in zip((self.z, self.y, self.x), lo[::-1], hi[::-1], strict=True):
            start, stop = int(np.searchsorted(axis, low)), int(np.searchsorted(axis, high, "right"))
            if start >= stop:
                return None
            parts.append(slice(start, stop))
        return self._window((parts[0], parts[1], parts[2]))

    def _window(self, at: tuple[slice, slice, slice]) -> Window:
        return Window(
            at,
            self.x[at[2]][None, None, :],
            self.y[at[1]][None, :, None],
            self.z[at[0]][:, None, None],
        )

    def paint(
        self, at: Window, distance: Numbers, value: float | Field, label: int, edge_mm: float = 0.0
    ) -> None:
        """Cover with ``value`` where ``distance`` is negative, softly over one voxel's edge."""
        edge = edge_mm or self.edge_mm
        block = self.value[at.at]
        far = np.broadcast_to(distance, block.shape)
        spans = []  # most shapes are small: work where they are
        for axis in range(3):
            hit = far < 0.5 * edge
            rows = np.flatnonzero(hit.any(axis=tuple(a for a in range(3) if a != axis)))
            if not rows.size:
                return
            span = slice(int(rows[0]), int(rows[-1]) + 1)
            far = far[(slice(None),) * axis + (span,)]
            spans.append(span)
        here = (spans[0], spans[1], spans[2])
        part = cover(far, edge)
        block = block[here]
        tone = np.asarray(value, dtype=np.float32)
        block += ((tone[here] if tone.ndim else tone) - block) * part
        self.label[at.at][here][part > 0.5] = label


def _step(axis: Field) -> float:
    return float(axis[1] - axis[0]) if axis.size > 1 else 1.0


def cover(distance: Numbers, edge_mm: float) -> Field:
    """How much of a voxel lies inside, 0 to 1, from the signed distance of its centre."""
    part = np.asarray(0.5 - distance * np.float32(1.0 / edge_mm), dtype=np.float32)
    return np.clip(part, 0.0, 1.0, out=part)


def ramp(value: Numbers, low: float, high: float) -> Field:
    """0 below ``low``, 1 above ``high``, smooth between; ``low`` may be the larger one."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


Shape = Callable[[Window], Field]


def _near(w: Window, lo: Corner, hi: Corner, make: Shape) -> Field:
    """The distance that ``make`` gives, computed only within the window's reach of a box."""
    if not np.isfinite(w.reach_mm):
        return make(w)
    shape = np.broadcast_shapes(w.x.shape, w.y.shape, w.z.shape)
    out = np.full(shape, w.reach_mm, dtype=np.float32)
    part = w.within(lo, hi)
    if part is not None:
        out[part.at] = make(part)
    return out


def ellipsoid(
    w: Window, centre: Sequence[float], semi: Sequence[float], degrees: float = 0.0
) -> Field:
    """Distance to an ellipsoid, first order near its surface.

    degrees: turns it about the vertical axis through its centre.
    """
    wide = max(semi[0], semi[1]) if degrees else 0.0
    half = np.maximum(np.asarray(semi, dtype=np.float64), (wide, wide, 0.0))
    cos, sin = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))

    def make(v: Window) -> Field:
        px, py, pz = (a - np.float32(c) for a, c in zip((v.x, v.y, v.z), centre, strict=True))
        if degrees:
            px, py = cos * px + sin * py, cos * py - sin * px
        squares = [(a / np.float32(s)) ** 2 for a, s in zip((px, py, pz), semi, strict=True)]
        unit = np.sqrt(squares[0] + squares[1] + squares[2])
        steep = [q / np.float32(s * s) for q, s in zip(squares, semi, strict=True)]
        slope = np.sqrt(steep[0] + steep[1] + steep[2])
        return np.asarray(unit * (unit - 1.0) / np.maximum(slope, 1e-6), dtype=np.float32)

    at = np.asarray(centre, dtype=np.float64)
    return _near(w, at - half, at + half, make)


def box(w: Window, centre: Sequence[float], half: Sequence[float], round_mm: float = 2.0) -> Field:
    """Distance to a box with rounded edges; ``half`` includes the rounding."""

    def make(v: Window) -> Field:
        q = [
            np.abs(a - np.float32(c)) - np.float32(h - round_mm)
            for a, c, h in zip((v.x, v.y, v.z), centre, half, strict=True)
        ]
        outside = np.sqrt(sum(np.maximum(a, 0.0) ** 2 for a in q))
        inside = np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0.0)
        return np.asarray(outside + inside - np.float32(round_mm), dtype=np.float32)

    at = np.asarray(centre, dtype=np.float64)
    return _near(w, at - half, at + half, make)


def cone(w: Window, a: Sequence[float], b: Sequence[float], ra: float, rb: float) -> Field:
    """Distance to a tube from ``a`` to ``b`` whose radius goes from ``ra`` to ``rb``."""
    start, stop = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    ab = stop - start
    u = (ab / max(float(ab @ ab), 1e-9)).astype(np.float32)
    d = ab.astype(np.float32)

    def make(v: Window) -> Field:
        px, py, pz = (c - np.float32(o) for c, o in zip((v.x, v.y, v.z), a, strict=True))
        t = np.clip(px * u[0] + py * u[1] + pz * u[2], 0.0, 1.0)
        square = (px - t * d[0]) ** 2
        square = square + (py - t * d[1]) ** 2
        square = square + (pz - t * d[2]) ** 2
        return np.asarray(np.sqrt(square) - (ra + (rb - ra) * t), dtype=np.float32)

    pad = max(ra, rb)
    return _near(w, np.minimum(start, stop) - pad, np.maximum(start, stop) + pad, make)


def chain(w: Window, points: Sequence[Sequence[float]], radii: Sequence[float]) -> Field:
    """Distance to a chain of tubes through ``points`` with their radii, joined smoothly."""
    total: Field | None = None
    for k in range(len(points) - 1):
        part = cone(w, points[k], points[k + 1], radii[k], radii[k + 1])
        total = part if total is None else np.minimum(total, part)
    assert total is not None
    return total


def join(a: Numbers, b: Numbers, blend_mm: float) -> Field:
    """Union of two shapes with a fillet (polynomial smooth minimum, Quilez 2013)."""
    h = np.clip(0.5 + 0.5 * (b - a) / np.float32(blend_mm), 0.0, 1.0)
    return np.asarray(b + (a - b) * h - np.float32(blend_mm) * h * (1.0 - h), dtype=np.float32)


def common(a: Numbers, b: Numbers, blend_mm: float) -> Field:
    """Intersection of two shapes with a rounded edge."""
    return -join(-a, -b, blend_mm)


class Noise:
    """Smooth Gaussian noise of mean 0 and standard deviation 1 in space.

    scale_mm: distance of the lattice; features are about twice as large.
    """

    def __init__(self, rng: np.random.Generator, scale_mm: float) -> None:
        self._scale = scale_mm
        self._seed = int(rng.integers(2**62))

    def _lattice(self, axes: Sequence[Field]) -> tuple[NDArray[np.float32], list[int]]:
        first = [int(np.floor(float(a.min()) / self._scale)) - 1 for a in axes]
        last = [int(np.floor(float(a.max()) / self._scale)) + 2 for a in axes]
        # One fixed cube of random numbers: the same place always has the same noise, whatever
        # part of space is asked for.
        half = int(np.ceil(_REACH_MM / self._scale)) + 3
        rng = np.random.default_rng(self._seed)
        cube = rng.standard_normal((2 * half, 2 * half, 2 * half), dtype=np.float32)
        at = tuple(slice(f + half, n + half + 1) for f, n in zip(first, last, strict=True))
        return cube[at], first

    def on(self, w: Window) -> Field:
        """Noise at the voxels of a window with straight axes, (z, y, x)."""
        axes = [w.z.ravel(), w.y.ravel(), w.x.ravel()]
        block, first = self._lattice(axes)
        out: Field = block
        for k, axis in enumerate(axes):
            weights = _spline_weights(axis / np.float32(self._scale) - first[k], block.shape[k])
            out = np.moveaxis(np.tensordot(weights, out, axes=(1, k)), 0, k)
        return np.ascontiguousarray(out / np.float32(_SPLINE_RMS))


def _spline_weights(at: Field, count: int) -> Field:
    base = np.floor(at).astype(int)
    t = (at - base).astype(np.float32)
    four = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3])
    weights = np.zeros((at.size, count), dtype=np.float32)
    rows = np.arange(at.size)
    for k in range(4):
        weights[rows, np.clip(base - 1 + k, 0, count - 1)] += four[k] / 6.0
    return weights


def band_noise(
    rng: np.random.Generator, wave_mm: float, cell_mm: float, cells: int, spread: float = 0.22
) -> Field:
    """A periodic cube of noise of one wavelength; its zero set is a labyrinth of sheets."""
    k = fft.fftfreq(cells, cell_mm).astype(np.float32)
    radius = np.sqrt(
        k[:, None, None] ** 2 + k[None, :, None] ** 2 + fft.rfftfreq(cells, cell_mm) ** 2
    )
    ring = np.exp(-0.5 * ((radius * wave_mm - 1.0) / spread) ** 2)
    white = fft.rfftn(rng.standard_normal((cells, cells, cells), dtype=np.float32))
    made = fft.irfftn(white * ring, s=(cells, cells, cells))
    return np.asarray(made / made.std(), dtype=np.float32)


def sample_periodic(cube: Field, cell_mm: float, x: Field, y: Field, z: Field) -> Field:
    """A periodic cube of noise at points given in mm, linear between its cells."""
    at = np.stack([z.ravel(), y.ravel(), x.ravel()]) / np.float32(cell_mm)
    at %= cube.shape[0]
    out = ndimage.map_coordinates(cube, at, order=1, mode="grid-wrap", output=np.float32)
    return np.asarray(out.reshape(x.shape), dtype=np.float32)


def stretch(coarse: Field, grid: Sequence[Field], target: Sequence[Field]) -> Field:
    """A field on the straight axes ``grid`` (z, y, x) at those of ``target``, linear between."""
    out = coarse
    for k in range(3):
        old, new = grid[k], target[k]
        step = _step(old)
        at = np.clip((new - old[0]) / step, 0, old.size - 1.001)
        base = at.astype(int)
        part = (at - base).astype(np.float32)
        shape = [1, 1, 1]
        shape[k] = -1
        part = part.reshape(shape)
        low, high = np.take(out, base, axis=k), np.take(out, base + 1, axis=k)
        out = low + (high - low) * part
    return np.asarray(out, dtype=np.float32)


def distance_of(inside: NDArray[np.bool_], voxel_mm: Sequence[float]) -> Field:
    """Signed distance in mm of a mask, negative inside (Euclidean transform)."""
    far = ndimage.distance_transform_edt(~inside, sampling=voxel_mm)
    deep = ndimage.distance_transform_edt(inside, sampling=voxel_mm)
    half = 0.5 * float(np.mean(voxel_mm))
    return np.asarray(np.where(inside, half - deep, far - half), dtype=np.float32)

"""A block of voxels that a body is painted on, in LPS mm, and the shapes that it is painted with.

The body lies in its own frame: x to the patient's left, y to the back, z to the head, z = 0 at
the lower end of the fifth lumbar vertebra, x = 0 in the midline. Arrays (z, y, x).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]
Block = tuple[slice, slice, slice]
Point = Sequence[float]


class Canvas:
    """tissue: (z, y, x) bytes. step: voxel, mm. low: (x, y, z) of the first voxel's centre."""

    def __init__(
        self, rng: np.random.Generator, low: Point, high: Point, step: float, family: int = 0
    ) -> None:
        self.rng = rng
        self.step = step
        self.low = np.asarray(low, dtype=np.float32)
        count = [round((h - b) / step) for b, h in zip(low, high, strict=True)]
        self.shape = (count[2], count[1], count[0])
        self.tissue = np.zeros(self.shape, dtype=np.uint8)
        self.x = (self.low[0] + step * np.arange(count[0], dtype=np.float32))[None, None, :]
        self.y = (self.low[1] + step * np.arange(count[1], dtype=np.float32))[None, :, None]
        self.z = (self.low[2] + step * np.arange(count[2], dtype=np.float32))[:, None, None]
        self.power = (2.0, 2.6, 2.2)[family]
        scale = (42.0, 30.0, 60.0)[family]
        self._noise = [self.smooth(scale), self.smooth(scale / 2)]

    def smooth(self, scale_mm: float) -> Field:
        """Smooth noise of unit spread over the whole canvas."""
        small = [max(4, int(np.ceil(n * self.step / scale_mm)) + 3) for n in self.shape]
        coarse = self.rng.standard_normal(small).astype(np.float32)
        zoom = [n / s for n, s in zip(self.shape, small, strict=True)]
        out = np.zeros(self.shape, dtype=np.float32)
        ndimage.zoom(coarse, zoom, output=out, order=1, grid_mode=True, mode="nearest")
        return out / max(float(out.std()), 1e-6)

    def noise(self, block: Block, amplitude: float) -> Field:
        """Lumps of a block: another part of the same noise for every call."""
        spans = [s.indices(n)[:2] for s, n in zip(block, self.shape, strict=True)]
        out = np.zeros([b - a for a, b in spans], dtype=np.float32)
        for field, share in zip(self._noise, (0.8, 0.5), strict=True):
            starts = [self.rng.integers(0, max(1, n - m + 1))
                      for n, m in zip(self.shape, out.shape, strict=True)]  # fmt: skip
            cut = tuple(slice(a, a + m) for a, m in zip(starts, out.shape, strict=True))
            out += share * field[cut] * float(self.rng.choice([-1.0, 1.0]))
        return out * amplitude

    def block(self, low: Point, high: Point) -> Block | None:
        """Voxels between two corners (x, y, z); None outside the canvas."""
        found = []
        for axis, count in zip((2, 1, 0), self.shape, strict=True):
            first = max(0, int(np.ceil((low[axis] - self.low[axis]) / self.step)))
            last = min(count, int(np.floor((high[axis] - self.low[axis]) / self.step)) + 1)
            if first >= last:
                return None
            found.append(slice(first, last))
        return found[0], found[1], found[2]

    def at(self, block: Block) -> tuple[Field, Field, Field]:
        """Coordinates of a block, ready to broadcast."""
        return self.x[:, :, block[2]], self.y[:, block[1]], self.z[block[0]]

    def ellipsoid(
        self,
        centre: Point,
        radii: Point,
        turn: tuple[float, float, float] = (0, 0, 0),
        rough_mm: float = 0.0,
        grow_mm: float = 0.0,
    ) -> tuple[Block, Field] | None:
        """About the signed distance (mm) from an ellipsoid's surface within a block around it.

        turn: angles about z, y, x in degrees. rough_mm: spread of the lumps of its surface.
        """
        reach = max(radii) + 3 * rough_mm + grow_mm + 2 * self.step
        block = self.block([c - reach for c in centre], [c + reach for c in centre])
        if block is None:
            return None
        x, y, z = (a - np.float32(c) for a, c in zip(self.at(block), centre, strict=True))
        if any(turn):
            m = rotation(turn)
            x, y, z = (m[i, 0] * x + m[i, 1] * y + m[i, 2] * z for i in range(3))
        p = self.power
        away = (np.abs(x / radii[0]) ** p + np.abs(y / radii[1]) ** p
                + np.abs(z / radii[2]) ** p) ** (1 / p)  # fmt: skip
        distance = (away - 1.0) * np.float32(np.exp(np.mean(np.log(radii)))) - grow_mm
        if rough_mm:
            distance = distance + self.noise(block, rough_mm)
        return block, np.asarray(distance, dtype=np.float32)

    def put(self, block: Block, mask: Mask, tissue: int, over: Sequence[int] = ()) -> None:
        """Paint, only over the tissues named."""
        part = self.tissue[block]
        if over:
            allowed = np.zeros(256, dtype=bool)
            allowed[list(over)] = True
            mask = mask & allowed[part]
        part[mask] = tissue

    def blob(
        self,
        centre: Point,
        radii: Point,
        tissue: int,
        over: Sequence[int] = (),
        turn: tuple[float, float, float] = (0, 0, 0),
        rough_mm: float = 0.0,
    ) -> None:
        """Paint an ellipsoid."""
        found = self.ellipsoid(centre, radii, turn, rough_mm)
        if found is not None:
            self.put(found[0], found[1] < 0, tissue, over)

    def tube(
        self,
        points: NDArray[np.floating],
        radii: float | Sequence[float],
        tissue: int,
        over: Sequence[int] = (),
    ) -> None:
        """Paint a ball along a line through ``points`` (n, 3), radii at each."""
        line, width = dense(points, radii, self.step * 0.7)
        for centre, radius in zip(line, width, strict=True):
            block = self.block(centre - radius, centre + radius)
            if block is None:
                continue
            x, y, z = (a - c for a, c in zip(self.at(block), centre, strict=True))
            self.put(block, x * x + y * y + z * z <= radius * radius, tissue, over)


def dense(
    points: NDArray[np.floating], radii: float | Sequence[float], step: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A smooth line through points every ``step`` mm, and its radii."""
    points = np.asarray(points, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radii, dtype=np.float64), len(points))
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(np.maximum(gaps, 1e-3))])
    wanted = np.linspace(0, along[-1], max(2, int(along[-1] / step) + 1))
    line = np.stack([np.interp(wanted, along, points[:, k]) for k in range(3)], axis=1)
    if len(points) > 2:  # round the corners
        width = max(1.0, 0.18 * len(line) / (len(points) - 1))
        line = ndimage.gaussian_filter1d(line, width, axis=0, mode="nearest")
    return line.astype(np.float32), np.interp(wanted, along, radii).astype(np.float32)


def rotation(turn: tuple[float, float, float]) -> NDArray[np.float32]:
    """From the patient's axes to a shape's own, angles about z, y, x in degrees."""
    a, b, c = np.deg2rad(turn)
    z = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    x = np.array([[1, 0, 0], [0, np.cos(c), np.sin(c)], [0, -np.sin(c), np.cos(c)]])
    return (x @ y @ z).astype(np.float32)


def curve(z: NDArray[np.floating] | float, points: Sequence[tuple[float, float]]) -> Field:
    """Piecewise linear in z."""
    knots = np.asarray(points, dtype=np.float64)
    return np.interp(z, knots[:, 0], knots[:, 1]).astype(np.float32)

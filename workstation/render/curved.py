"""Pictures along a curve: straightened, unrolled, and the planes of its cross-sections.

Straightened: rows are lengths along the curve, columns millimetres across it, on a plane through
the curve that turns with it. Unrolled ("curved"): the surface that the curve sweeps along one
fixed direction, laid flat (stretched CPR of Kanitsar et al., CPR: curved planar reformation,
IEEE Visualization 2002). Every pixel knows its place in the patient exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from workstation.domain.geometry import Floats, Grid
from workstation.domain.plane import Raster, axes_from
from workstation.render.slice import outside_value
from workstation.viewing.centreline import Curve

SECTION_WIDTH_MM = 40.0
SECTION_APART_MM = 1.0


@dataclass(frozen=True)
class CurvedRaster:
    """Pixels of a picture along a curve. Pixel (0, 0) is top left, integers are pixel centres.

    angle_deg: how far the plane, or the direction of sweeping, is turned about the curve.
    first_mm: length (straightened) or unrolled length of row 0. left_mm: column 0 across.
    unrolled: the curved picture instead of the straightened one; only along the curve itself
    and along the direction of sweeping are its millimetres those of the patient.
    """

    curve: Curve
    width: int
    height: int
    mm_per_pixel: float
    angle_deg: float = 0.0
    first_mm: float = 0.0
    left_mm: float = 0.0
    unrolled: bool = False

    def rows_mm(self) -> Floats:
        """Vertical coordinate of every row."""
        return np.asarray(
            self.first_mm + np.arange(self.height) * self.mm_per_pixel, dtype=np.float64
        )

    def columns_mm(self) -> Floats:
        """Horizontal coordinate of every column."""
        return np.asarray(
            self.left_mm + np.arange(self.width) * self.mm_per_pixel, dtype=np.float64
        )

    def places(self) -> Floats:
        """(height, width, 3) LPS mm of the pixel centres."""
        start, way = self._lines(self.rows_mm())
        return np.asarray(start[:, None, :] + way[:, None, :] * self.columns_mm()[None, :, None])

    def to_lps(self, column: float, row: float) -> Floats:
        """LPS mm of a place in the picture."""
        start, way = self._lines(np.array([self.first_mm + row * self.mm_per_pixel]))
        return np.asarray(start[0] + way[0] * (self.left_mm + column * self.mm_per_pixel))

    def coarser(self, times: int) -> CurvedRaster:
        """The same picture with pixels so many times as large; it may reach beyond the end."""
        if times <= 1:
            return self
        shift = (times - 1) / 2 * self.mm_per_pixel  # the corner stays, not the pixel centre
        return CurvedRaster(
            self.curve,
            -(-self.width // times),
            -(-self.height // times),
            self.mm_per_pixel * times,
            self.angle_deg,
            self.first_mm + shift,
            self.left_mm + shift,
            self.unrolled,
        )

    def along_mm(self, row: float) -> float:
        """Length along the curve that a row shows."""
        down = self.first_mm + row * self.mm_per_pixel
        return float(self._unrolling().along(np.array([down]))[0]) if self.unrolled else down

    def to_picture(self, lps_mm: Floats) -> tuple[float, float, float]:
        """(column, row, mm off the surface) of a place, by the nearest place on the curve."""
        along, _ = self.curve.nearest(lps_mm)
        place, tangent, across = (v[0] for v in self.curve.frames([along]))
        if not self.unrolled:
            way = _turned(across, tangent, self.angle_deg)
            away = lps_mm - place
            down, right = along, float(away @ way)
            depth = float(away @ np.cross(tangent, way))
        else:
            unrolling = self._unrolling()
            down = float(unrolling.down(np.array([along]))[0])
            right = float(lps_mm @ unrolling.sweep)
            aside = lps_mm - place
            depth = float(np.linalg.norm(aside - unrolling.sweep * (aside @ unrolling.sweep)))
        scale = self.mm_per_pixel
        return (right - self.left_mm) / scale, (down - self.first_mm) / scale, depth

    def _lines(self, rows_mm: Floats) -> tuple[Floats, Floats]:
        """(n, 3) each: where coordinate 0 of each row lies, and the direction of columns."""
        if self.unrolled:
            unrolling = self._unrolling()
            places = self.curve.places(unrolling.along(rows_mm))
            sweep = np.broadcast_to(unrolling.sweep, places.shape)
            return places - sweep * (places @ unrolling.sweep)[:, None], sweep
        places, tangents, across = self.curve.frames(rows_mm)
        return places, _turned(across, tangents, self.angle_deg)

    def _unrolling(self) -> Unrolling:
        return Unrolling.of(self.curve, self.angle_deg)


@dataclass(frozen=True)
class Unrolling:
    """The cylinder that a curve sweeps along one direction: lengths across that direction."""

    sweep: Floats
    lengths_mm: Floats
    down_mm: Floats

    @classmethod
    def of(cls, curve: Curve, angle_deg: float) -> Unrolling:
        """angle_deg: from the direction across the line's two ends, about their connection."""
        ends = curve.places([0.0, curve.length_mm])
        axis = ends[1] - ends[0]
        if np.linalg.norm(axis) < 1e-6:
            axis = curve.frame(0.0).tangent
        axis = axis / np.linalg.norm(axis)
        first = np.array([1.0, 0.0, 0.0]) if abs(axis[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
        first = first - axis * float(first @ axis)
        sweep = _turned(first / np.linalg.norm(first), axis, angle_deg)
        lengths = np.linspace(0.0, curve.length_mm, max(2, int(curve.length_mm / 0.2) + 1))
        steps = np.diff(curve.places(lengths), axis=0)
        across = steps - (steps @ sweep)[:, None] * sweep
        down = np.concatenate([[0.0], np.cumsum(np.linalg.norm(across, axis=1))])
        return cls(sweep, lengths, down)

    def down(self, along_mm: Floats) -> Floats:
        """Unrolled length at lengths along the curve."""
        return np.asarray(np.interp(along_mm, self.lengths_mm, self.down_mm))

    def along(self, down_mm: Floats) -> Floats:
        """Lengths along the curve at unrolled lengths; straight on beyond the ends."""
        inside = np.clip(down_mm, 0.0, self.down_mm[-1])
        rising = self.down_mm + np.arange(len(self.down_mm)) * 1e-12  # never level, to be inverted
        return np.asarray(np.interp(inside, rising, self.lengths_mm) + down_mm - inside)


def _turned(across: Floats, tangents: Floats, degrees: float) -> Floats:
    angle = math.radians(degrees)
    beside = np.cross(tangents, across)
    return np.asarray(across * math.cos(angle) + beside * math.sin(angle))


def fitted(
    curve: Curve,
    width: int,
    height: int,
    *,
    across_mm: float = SECTION_WIDTH_MM,
    angle_deg: float = 0.0,
    unrolled: bool = False,
) -> CurvedRaster:
    """The whole curve in a picture of so many pixels, at least ``across_mm`` wide, square pixels.

    Straightened, the curve runs down the middle; unrolled, all of it lies within the width.
    """
    if unrolled:
        unrolling = Unrolling.of(curve, angle_deg)
        side = curve.places(unrolling.lengths_mm) @ unrolling.sweep
        long, middle = float(unrolling.down_mm[-1]), float(side.max() + side.min()) / 2
        across_mm = max(across_mm, float(np.ptp(side)) + across_mm / 2)
    else:
        long, middle = curve.length_mm, 0.0
    scale = max(long / max(height - 1, 1), across_mm / max(width, 1))
    return CurvedRaster(
        curve,
        width,
        height,
        scale,
        angle_deg,
        (long - scale * (height - 1)) / 2,
        middle - scale * (width - 1) / 2,
        unrolled,
    )


def cut_curved(array: NDArray[Any], grid: Grid, raster: CurvedRaster) -> NDArray[np.float32]:
    """The picture (height, width), linear between voxels; outside as ``outside_of`` says.

    array: (z, y, x), grey.
    """
    places = raster.places()
    index = grid.to_index(places.reshape(-1, 3))[:, ::-1].T
    size = np.asarray(grid.shape, dtype=np.float64)[:, None]
    inside = ((index >= -0.5) & (index <= size - 0.5)).all(axis=0)
    values = map_coordinates(
        array, index, order=1, mode="nearest", prefilter=False, output=np.float32
    )
    values[~inside] = outside_value(np.dtype(np.float32))
    return np.asarray(values.reshape(raster.height, raster.width), dtype=np.float32)


def section_raster(
    curve: Curve,
    along_mm: float,
    pixels: int,
    *,
    width_mm: float = SECTION_WIDTH_MM,
    angle_deg: float = 0.0,
) -> Raster:
    """The plane across a curve at a length: square, the curve in its middle.

    To the right is the direction that the straightened picture of the same angle shows to its
    right; one looks along the curve.
    """
    frame = curve.frame(along_mm)
    right = _turned(frame.across, frame.tangent, angle_deg)
    place = frame.place_mm
    axes = axes_from(right, np.cross(frame.tangent, right))
    centre = (float(place[0]), float(place[1]), float(place[2]))
    return Raster(centre, axes, width_mm / pixels, pixels, pixels)

"""Resampling a volume axis by axis and slice by slice: only a few slices are held at a time.

Nearest, linear and cubic interpolation are products of one operator an axis, so that a volume of
any size streams through. The operators give what ``scipy.ndimage.zoom(grid_mode=True,
mode="nearest")`` gives, hence scikit-image's ``resize(mode="edge", anti_aliasing=False)`` and
nnU-Net's default resampling (Isensee 2021, Nat Methods 18:203; version 2.8). Arrays (z, y, x).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float32]
Order = Literal["nearest", "linear", "cubic"]
Fit = Literal["field_of_view", "first_voxel"]

ANISOTROPIC = 3.0  # nnU-Net's ANISO_THRESHOLD
_NOTHING = 1e-9  # weights of a spline under this are rounding


@dataclass(frozen=True)
class Axis:
    """One axis: ``count`` old voxels become ``new``, each ``step`` old voxels long.

    fit: where new index i lies: ``field_of_view`` (i + 0.5) step - 0.5, ``first_voxel``
    start + i step.
    """

    count: int
    new: int
    step: float
    fit: Fit = "field_of_view"
    order: Order = "linear"
    start: float = 0.0

    @property
    def still(self) -> bool:
        """Whether nothing moves along this axis."""
        return self.count == self.new and self.step == 1.0 and self.start == 0.0

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """Old index of each new voxel's centre."""
        index = np.arange(self.new, dtype=np.float64)
        if self.fit == "field_of_view":
            return self.step * (index + 0.5) - 0.5
        return self.start + self.step * index

    @cached_property
    def nearest(self) -> NDArray[np.intp]:
        """Old voxel nearest to each new one."""
        return np.clip(np.floor(self.places + 0.5), 0, self.count - 1).astype(np.intp)

    @cached_property
    def taps(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Image]:
        """Lower neighbour, upper neighbour and weight of the upper one, for nearest and linear."""
        if self.order == "nearest":
            return self.nearest, self.nearest, np.zeros(self.new, dtype=np.float32)
        places = np.clip(self.places, 0.0, self.count - 1.0)
        low = np.minimum(np.floor(places).astype(np.intp), max(0, self.count - 2))
        high = np.minimum(low + 1, self.count - 1)
        return low, high, (places - low).astype(np.float32)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(new, count) weights of a cubic spline with its prefilter, edges repeated."""
        columns = np.empty((self.count, self.new))
        for column, one in zip(columns, np.eye(self.count), strict=True):
            offset = 0.5 * self.step - 0.5 if self.fit == "field_of_view" else self.start
            ndimage.affine_transform(
                one,
                np.array([self.step]),
                offset=offset,
                output_shape=(self.new,),
                output=column,
                order=3,
                mode="nearest",
            )
        columns[np.abs(columns) < _NOTHING] = 0.0
        return np.ascontiguousarray(columns.T)

    def row(self, new: int) -> list[tuple[int, float]]:
        """(old voxel, weight) pairs that make the new voxel."""
        if self.still:
            return [(new, 1.0)]
        if self.order == "cubic":
            weights = self.matrix[new]
            return [(int(i), float(weights[i])) for i in np.flatnonzero(weights)]
        low, high, weight = self.taps
        if weight[new] == 0.0:
            return [(int(low[new]), 1.0)]
        upper = float(weight[new])
        return [(int(low[new]), 1.0 - upper), (int(high[new]), upper)]

    def along(self, planes: Image, axis: int) -> Image:
        """Planes (..., y, x) with their last but one (-2) or last (-1) axis resampled."""
        if self.still:
            return planes
        if self.order == "cubic":
            weights = self.matrix.astype(np.float32)
            made = weights @ planes if axis == -2 else planes @ weights.T
            return np.asarray(made, dtype=np.float32)
        low, high, weight = self.taps
        if self.order == "nearest" or not weight.any():
            return np.take(planes, low, axis=axis)
        upper = weight[:, None] if axis == -2 else weight
        first = np.take(planes, low, axis=axis)
        second = np.take(planes, high, axis=axis)
        second -= first
        second *= upper
        first += second
        return first


Axes = tuple[Axis, Axis, Axis]


def coarse_axis(current_mm: Sequence[float], wanted_mm: Sequence[float]) -> int | None:
    """The one axis across which slices are not interpolated, or None: nnU-Net's
    ``determine_do_sep_z_and_axis`` (spacing ratio over 3 before, else after, and only one axis
    with the largest spacing). Spacings z, y, x."""
    for spacing in (current_mm, wanted_mm):
        largest = max(spacing)
        if largest / min(spacing) > ANISOTROPIC:
            found = [axis for axis, one in enumerate(spacing) if largest / one == 1]
            return found[0] if len(found) == 1 else None
    return None


def stream(planes: Iterable[NDArray[Any]], axes: Axes) -> Iterator[Image]:
    """Planes (..., y, x) in order of z, resampled along all three axes, in order of new z.

    Each old plane is taken once, and dropped when no later one needs it.
    """
    given = iter(planes)
    held: dict[int, Image] = {}
    taken = 0
    rows = [axes[0].row(new) for new in range(axes[0].new)]
    # A later row of a spline may begin before an earlier one, whose first weight was rounding.
    begins = list(itertools.accumulate((row[0][0] for row in reversed(rows)), min))[::-1]
    for row, begin in zip(rows, begins, strict=True):
        for old in [one for one in held if one < begin]:
            del held[old]
        while taken <= row[-1][0]:
            plane = next(given)
            if taken >= begin:
                plane = np.ascontiguousarray(plane, dtype=np.float32)
                held[taken] = axes[2].along(axes[1].along(plane, -2), -1)
            taken += 1
        if len(row) == 1:
            yield held[row[0][0]]
            continue
        total = held[row[0][0]] * np.float32(row[0][1])
        for old, weight in row[1:]:
            total += held[old] * np.float32(weight)
        yield total
    for _ in given:  # what lies behind the last new plane is taken too: its maker may still count
        pass


def resampled(image: NDArray[Any], axes: Axes) -> Image:
    """A whole volume (z, y, x); any view of any type is taken, a plane at a time.

    Cubic results are clipped to the range of the volume, or of each slice where slices are not
    interpolated across (as scikit-image's ``resize`` does, which nnU-Net calls so).
    """
    out = np.empty(tuple(axis.new for axis in axes), dtype=np.float32)
    for z, plane in enumerate(stream(iter(image), axes)):
        out[z] = plane
    if not any(axis.order == "cubic" and not axis.still for axis in axes):
        return out
    apart = next((i for i, axis in enumerate(axes) if axis.order == "nearest"), None)
    if apart is None:
        return np.clip(out, np.float32(image.min()), np.float32(image.max()), out=out)
    others = tuple(i for i in range(3) if i != apart)
    shape = [1, 1, 1]
    shape[apart] = -1
    chosen = axes[apart].nearest
    low = image.min(axis=others)[chosen].astype(np.float32).reshape(shape)
    high = image.max(axis=others)[chosen].astype(np.float32).reshape(shape)
    return np.clip(out, low, high, out=out)

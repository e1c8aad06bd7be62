"""What an image looks like, in a few dozen numbers that can be compared with what a model knows.

Four groups, each a vector of fixed length whose entries ``NAMES`` names:

- ``outline``: the silhouette's size and how wide, long and where it is along the two axes that
  tell up from down and front from back (the first two of the array);
- ``layers``: how bright and how dark the silhouette is along the same two axes;
- ``contrast``: what is bright beside what: depth below the surface, dark spaces and the tissue
  that lines them, the histogram of the inside;
- ``texture``: edges, fine grain, likeness of neighbouring slices, left-right symmetry.

All are ratios to the image's own inside, so gain and offset of the scanner do not count. They are
taken from an overview of about 2 mm, so that the largest volume takes a second. Arrays (z, y, x).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.preprocess import otsu
from workstation.domain.geometry import AxisMap, Grid, axes_towards

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Window = tuple[float, float]

AS_STORED = AxisMap((0, 1, 2), (False, False, False))
IN_PLANE_MM = 2.0
SLICE_MM = 3.0
BINS = 8
# Depth in plane, mm. A scalp and skull take 10 to 18 mm; below that is what they hold.
_BANDS = (0.0, 4.0, 8.0, 12.0, 16.0, 22.0, 30.0, 1e3)
_INSIDE_MM = 18.0
_CLOSE = 6
_NEAR_MM = ((0.5, 2.9), (2.9, 4.4), (4.4, 6.1), (6.1, 9.0))
_QUANTILES = (5, 10, 25, 75, 90, 95)
_TINY = 1e-6

NAMES: dict[str, tuple[str, ...]] = {
    "outline": (
        "extent_z", "extent_y", "extent_x", "log_volume",
        *(f"{what}_{bin}" for what in ("area", "width", "length", "centre") for bin in range(BINS)),
        *(f"span_{bin}" for bin in range(BINS)),
    ),
    "layers": tuple(
        f"{what}_{axis}_{bin}"
        for axis in "zy"
        for what in ("bright", "dark")
        for bin in range(BINS)
    ),
    "contrast": (
        *(f"depth_{int(band)}" for band in _BANDS[:-1]),
        "dark", "bright",
        *(f"near_dark_{bin}" for bin in range(len(_NEAR_MM))),
        *(f"quantile_{percent}" for percent in _QUANTILES),
    ),
    "texture": ("edges", "grain", "slices_alike", "symmetry", "roundness"),
}  # fmt: skip
"""The entries of each group's vector. extent_*: mm; log_volume: ln mL; area, width, length: of the
silhouette in eighths along z, relative to its largest; centre: of the silhouette along y, relative
to its length; span: width in eighths along y; bright_z_*, dark_z_* and so on: mean brightness, and
part under 0.45 of the inside's median, in eighths; depth_*: ln of the mean brightness in a band of
depth (mm) over the inside's median; dark, bright: part of the inside far below and above its
surroundings; near_dark_*: brightness at growing distances from dark spaces less that further off;
quantile_*: of the inside over its surroundings; edges, grain: ln of mean gradient and of what a
3 x 3 mean takes away; slices_alike, symmetry: correlations; roundness: silhouette in its box."""


@dataclass(frozen=True)
class Overview:
    """A small image in the package's orientation. spacing_mm: z, y, x. silhouette: what is not
    background, holes filled slice by slice. floor: the background's brightness."""

    image: Image
    spacing_mm: tuple[float, float, float]
    silhouette: Mask
    floor: float

    def flipped(self, axis: int) -> Overview:
        """Turned over along one axis of the array."""
        return Overview(
            np.flip(self.image, axis), self.spacing_mm, np.flip(self.silhouette, axis), self.floor
        )

    @property
    def volume_ml(self) -> float:
        """Of the silhouette."""
        return float(self.silhouette.sum()) * float(np.prod(self.spacing_mm)) / 1000.0


def windowed(plane: NDArray[Any], window: Window | None) -> NDArray[Any]:
    """Values from the window's low end on, no higher than its high end; as they are without."""
    if window is None:
        return plane
    return np.asarray(np.clip(plane, *window) - window[0], dtype=np.float32)


def shrunk(plane: NDArray[Any], by_y: int, by_x: int) -> Image:
    """Mean of blocks; what does not fill a block at the far edges is left out."""
    rows, columns = plane.shape[0] // by_y * by_y, plane.shape[1] // by_x * by_x
    blocks = plane[:rows, :columns].astype(np.float32)
    return np.asarray(
        blocks.reshape(rows // by_y, by_y, columns // by_x, by_x).mean(axis=(1, 3)),
        dtype=np.float32,
    )


def _resized(plane: Image, rows: int, columns: int) -> Image:
    """Linear, the field of view kept."""
    if plane.shape == (rows, columns):
        return plane
    steps = np.asarray(plane.shape) / (rows, columns)
    return np.asarray(
        ndimage.affine_transform(
            plane,
            steps,
            offset=0.5 * steps - 0.5,
            output_shape=(rows, columns),
            order=1,
            mode="nearest",
        ),
        dtype=np.float32,
    )


def reduced(
    array: NDArray[Any], grid: Grid, orientation: str | None, window: Window | None = None
) -> tuple[Image, tuple[float, float, float]]:
    """``array`` turned (None: as it is stored), thinned along its first axis and averaged in
    plane; spacing z, y, x, mm.

    Two arrays on one grid are reduced to the same voxels. ``array`` is not changed.
    """
    axes = AS_STORED if orientation is None else axes_towards(grid, orientation)
    turned = axes.apply(array)
    step_z, step_y, step_x = axes.apply_grid(grid).spacing_mm[::-1]
    every = max(1, int(SLICE_MM / step_z + 1e-6))
    by_y, by_x = (
        min(n, max(1, int(IN_PLANE_MM / step + 1e-6)))
        for n, step in zip(turned.shape[1:], (step_y, step_x), strict=True)
    )
    planes = np.stack(
        [shrunk(windowed(plane, window), by_y, by_x) for plane in turned[every // 2 :: every]]
    )
    planes[~np.isfinite(planes)] = 0.0
    held_mm = planes.shape[1] * step_y * by_y, planes.shape[2] * step_x * by_x
    rows, columns = (max(1, round(mm / IN_PLANE_MM)) for mm in held_mm)
    image = np.stack([_resized(plane, rows, columns) for plane in planes])
    return image, (step_z * every, held_mm[0] / rows, held_mm[1] / columns)


def overview_of(
    array: NDArray[Any], grid: Grid, orientation: str | None, window: Window | None = None
) -> Overview:
    """About 2 mm in plane; of thin slices every second or third. ``array`` is not changed."""
    image, spacing = reduced(array, grid, orientation, window)
    floor = float(np.percentile(image, 1.0))
    return Overview(image, spacing, silhouette_of(image, floor), floor)


def silhouette_of(image: Image, floor: float) -> Mask:
    """The largest thing brighter than half of Otsu's threshold, closed and filled in plane."""
    bright = np.clip(image - floor, 0.0, float(np.percentile(image, 99.5)) - floor)
    if not bright.max() > 0.0:
        return np.zeros(image.shape, dtype=bool)
    mask = bright > 0.5 * otsu(bright)
    mask = ndimage.binary_opening(mask, np.ones((1, 3, 3), dtype=bool))
    numbered, count = ndimage.label(mask)
    if count == 0:
        return np.zeros(image.shape, dtype=bool)
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    mask = numbered == int(sizes.argmax())
    out = []
    for plane in mask:
        wide = ndimage.binary_closing(np.pad(plane, _CLOSE), iterations=_CLOSE)
        out.append(ndimage.binary_fill_holes(wide[_CLOSE:-_CLOSE, _CLOSE:-_CLOSE]))
    return np.stack(out)


def _binned(values: Floats, bins: int) -> Floats:
    """Means of equal parts of a row of numbers; parts need not be whole entries."""
    ends = np.linspace(0.0, len(values), bins + 1)
    sums = np.interp(ends, np.arange(len(values) + 1), np.concatenate([[0.0], values.cumsum()]))
    return np.asarray(np.diff(sums) * bins / len(values))


def _box(mask: Mask) -> tuple[slice, slice, slice]:
    z, y, x = (
        np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)
    )
    return slice(z[0], z[-1] + 1), slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1)


def outline_of(seen: Overview) -> Floats:
    """The ``outline`` group. Raises ``ValueError`` for an empty silhouette."""
    if not seen.silhouette.any():
        raise ValueError("no silhouette")
    mask = seen.silhouette[_box(seen.silhouette)]
    extents = np.asarray(mask.shape) * seen.spacing_mm
    area = mask.sum(axis=(1, 2)).astype(np.float64)
    width = mask.any(axis=1).sum(axis=1).astype(np.float64)
    length = mask.any(axis=2).sum(axis=1).astype(np.float64)
    rows = np.arange(mask.shape[1]) + 0.5
    centre = (mask.sum(axis=2) @ rows) / np.maximum(area, 1.0) / mask.shape[1]
    span = mask.any(axis=0).sum(axis=1).astype(np.float64)
    return np.concatenate(
        [
            extents,
            [np.log(max(seen.volume_ml, 1.0))],
            _binned(area / area.max(), BINS),
            _binned(width / width.max(), BINS),
            _binned(length / length.max(), BINS),
            _binned(centre, BINS),
            _binned(span / span.max(), BINS),
        ]
    )


def _depth_mm(mask: Mask, spacing_mm: tuple[float, float, float]) -> Floats:
    """Distance to the silhouette's edge within each slice: its ends in z are no surface."""
    sampling = spacing_mm[1:]
    return np.stack(
        [
            ndimage.distance_transform_edt(np.pad(plane, 1), sampling=sampling)[1:-1, 1:-1]
            for plane in mask
        ]
    )


def layers_of(seen: Overview) -> Floats:
    """The ``layers`` group. Raises ``ValueError`` for an empty silhouette."""
    if not seen.silhouette.any():
        raise ValueError("no silhouette")
    box = _box(seen.silhouette)
    mask = seen.silhouette[box]
    image = seen.image[box].astype(np.float64) - seen.floor
    inside = _inside(mask, seen.spacing_mm)
    image = np.minimum(image / max(float(np.median(image[inside])), _TINY), 3.0)
    parts = []
    for axis in (0, 1):
        others = tuple(a for a in range(3) if a != axis)
        count = np.maximum(_binned(mask.sum(axis=others).astype(np.float64), BINS), _TINY)
        for values in (image * mask, (mask & (image < 0.45)).astype(np.float64)):
            parts.append(np.clip(_binned(values.sum(axis=others), BINS) / count, 0.0, 3.0))
    return np.concatenate(parts)


def _inside(mask: Mask, spacing_mm: tuple[float, float, float]) -> Mask:
    """What lies deep; all of the silhouette where nothing does."""
    inside = mask & (_depth_mm(mask, spacing_mm) > _INSIDE_MM)
    return inside if int(inside.sum()) >= 50 else mask


def _evened(image: Floats, inside: Mask) -> Floats:
    """``image`` over its slow change (coil shading) inside; 1 is what is usual there."""
    level = float(np.median(image[inside]))
    if level <= _TINY:
        return np.zeros_like(image)
    scaled = image / level
    usual = (inside & (scaled > 0.6) & (scaled < 1.6)).astype(np.float64)
    near = (2.0, 12.0, 12.0)
    weight = ndimage.gaussian_filter(usual, near)
    slow = ndimage.gaussian_filter(scaled * usual, near) / np.maximum(weight, 1e-2)
    return np.asarray(scaled / np.maximum(slow, 0.2))


def _near_dark(evened: Floats, inside: Mask, dark: Mask, spacing: tuple[float, ...]) -> Floats:
    if not dark.any():
        return np.zeros(len(_NEAR_MM))
    away = np.stack(
        [
            ndimage.distance_transform_edt(~plane, sampling=spacing[1:])
            if plane.any()
            else np.full(plane.shape, 1e3)
            for plane in dark
        ]
    )
    far = inside & (away > _NEAR_MM[-1][1])
    usual = float(evened[far].mean()) if far.any() else 1.0
    found = []
    for low, high in _NEAR_MM:
        ring = inside & (away > low) & (away <= high)
        found.append(float(evened[ring].mean()) - usual if ring.any() else 0.0)
    return np.asarray(found)


def contrast_of(seen: Overview) -> Floats:
    """The ``contrast`` group, of the middle of the silhouette from 40 to 85 % of its height (in a
    head: from the basal ganglia to above the ventricles). Raises ``ValueError`` without one."""
    if not seen.silhouette.any():
        raise ValueError("no silhouette")
    box = _box(seen.silhouette)
    first, last = box[0].start, box[0].stop
    span = slice(
        first + int(0.4 * (last - first)), max(first + 1, first + int(0.85 * (last - first)))
    )
    mask = seen.silhouette[span, box[1], box[2]]
    image = seen.image[span, box[1], box[2]].astype(np.float64) - seen.floor
    depth = _depth_mm(mask, seen.spacing_mm)
    inside = mask & (depth > _INSIDE_MM)
    if int(inside.sum()) < 50:
        inside = mask
    level = max(float(np.median(image[inside])), _TINY) if inside.any() else _TINY
    bands = []
    for low, high in itertools.pairwise(_BANDS):
        band = mask & (depth > low) & (depth <= high)
        mean = float(image[band].mean()) / level if band.any() else 1.0
        bands.append(np.log(min(max(mean, 0.02), 50.0)))
    evened = _evened(image, inside)
    values = evened[inside]
    dark = inside & (evened < 0.65)
    if not values.size:
        return np.zeros(len(NAMES["contrast"]))
    return np.concatenate(
        [
            bands,
            [float(dark.sum()) / values.size, float((values > 1.35).mean())],
            _near_dark(evened, inside, dark, seen.spacing_mm),
            np.clip(np.percentile(values, _QUANTILES), 0.0, 5.0),
        ]
    )


def _alike(first: Floats, second: Floats) -> float:
    if first.size < 10 or first.std() <= _TINY or second.std() <= _TINY:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def texture_of(seen: Overview) -> Floats:
    """The ``texture`` group. Raises ``ValueError`` without a silhouette."""
    if not seen.silhouette.any():
        raise ValueError("no silhouette")
    box = _box(seen.silhouette)
    mask = seen.silhouette[box]
    image = seen.image[box].astype(np.float64) - seen.floor
    inside = _inside(mask, seen.spacing_mm)
    image = image / max(float(np.median(image[inside])), _TINY)
    gradient = np.hypot(*(np.gradient(image, axis=axis) for axis in (1, 2)))
    grain = np.abs(image - ndimage.uniform_filter(image, (1, 3, 3)))
    both = inside[1:] & inside[:-1]
    mirrored = mask & mask[:, :, ::-1]
    return np.asarray(
        [
            np.log(float(gradient[inside].mean()) + 1e-3),
            np.log(float(grain[inside].mean()) + 1e-3),
            _alike(image[1:][both], image[:-1][both]),
            _alike(image[mirrored], image[:, :, ::-1][mirrored]),
            float(mask.mean()),
        ]
    )


GROUPS = {
    "outline": outline_of,
    "layers": layers_of,
    "contrast": contrast_of,
    "texture": texture_of,
}
"""Each group of numbers and what computes it."""

"""From volumes in the patient to a network's input: the manifest's closed vocabulary, no code.

Geometry is reversible: axes are permuted and flipped exactly (``domain.geometry``), resampling
keeps the field of view, so that ``Prepared`` says for every prepared voxel where it lies in the
original array. Arrays (z, y, x).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.limits import Unsuitable
from workstation.ai.manifest import Quality
from workstation.ai.vocabulary import (
    Clip,
    FillBackground,
    Foreground,
    Intensity,
    PercentileClip,
    PercentileScale,
    Pre,
    Scale,
    ZScore,
)
from workstation.domain.errors import N_
from workstation.domain.geometry import AxisMap, Floats, Grid, as_matrix, axes_towards

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Block = tuple[slice, slice, slice]

_TOUCHING = np.ones((3, 3, 3), dtype=bool)  # 26-connected


@dataclass(frozen=True)
class Frame:
    """How the prepared grid lies in the original array.

    axes: original to oriented. oriented: the original voxels with turned axes. work: the
    resampled grid. factors: oriented voxels for each prepared voxel along z, y, x.
    """

    axes: AxisMap
    oriented: Grid
    work: Grid

    @property
    def factors(self) -> tuple[float, float, float]:
        """n / n_new along z, y, x; 1.0 exactly where nothing is resampled."""
        z, y, x = (n / m for n, m in zip(self.oriented.shape, self.work.shape, strict=True))
        return z, y, x


@dataclass(frozen=True)
class Prepared:
    """array: (channel, z, y, x) of the crop alone. foreground: of the whole prepared grid."""

    array: Image
    frame: Frame
    crop: Block
    foreground: Mask


def frame_of(pre: Pre, grid: Grid) -> Frame:
    """The prepared grid of an original one: field of view kept, spacing nearest to the wanted.

    New index i lies at old index (i + 0.5) n / n_new - 0.5, the convention of scikit-image's
    ``resize`` and hence nnU-Net's preprocessing (Isensee 2021, Nat Methods 18:203).
    """
    axes = axes_towards(grid, pre.orientation)
    oriented = axes.apply_grid(grid)
    shape, scale = [], np.eye(4)
    for axis in (2, 1, 0):  # x, y, z
        count = oriented.shape[axis]
        wanted = pre.spacing_mm[2 - axis]
        spacing = oriented.spacing_mm[2 - axis]
        new = count if wanted is None else max(1, round(count * spacing / wanted))
        factor = count / new
        scale[2 - axis, 2 - axis] = factor
        scale[2 - axis, 3] = 0.5 * factor - 0.5
        shape.append(new)
    work = Grid((shape[2], shape[1], shape[0]), as_matrix(oriented.matrix @ scale))
    return Frame(axes, oriented, work)


def interpolate(array: NDArray[Any], steps: Floats, offset: Floats, out: Image) -> None:
    """Fill ``out`` (z, y, x): its index i takes the linear value at index i * steps + offset.

    Beyond the ends the end value is repeated. Slices that stay where they are, the usual case of
    thick-slice MR, are interpolated in their plane alone: half the work.
    """
    given = np.ascontiguousarray(array, dtype=np.float32)
    still = steps[0] == 1.0 and offset[0] == 0.0 and given.shape[0] == out.shape[0]
    pairs = zip(given, out, strict=True) if still else ((given, out),)
    for source, target in pairs:
        ndimage.affine_transform(
            source,
            steps[-source.ndim :],
            offset=offset[-source.ndim :],
            output_shape=target.shape,
            output=target,
            order=1,
            mode="nearest",
        )


def resample(array: NDArray[Any], factors: Sequence[float], shape: Sequence[int]) -> Image:
    """Array (z, y, x) to ``shape`` where new index i lies at old index (i + 0.5) f - 0.5; linear,
    ends repeated."""
    if tuple(shape) == array.shape and all(f == 1.0 for f in factors):
        return np.ascontiguousarray(array, dtype=np.float32)
    steps = np.asarray(factors, dtype=np.float64)
    out = np.empty(tuple(shape), dtype=np.float32)
    interpolate(array, steps, 0.5 * steps - 0.5, out)
    return out


def _resample_onto(array: NDArray[Any], grid: Grid, target: Grid) -> Image:
    """A further channel brought onto the first one's prepared grid through patient space."""
    across = np.linalg.inv(grid.matrix) @ target.matrix  # index x, y, z to index x, y, z
    turned = across[:3, :3][::-1, ::-1]
    out = ndimage.affine_transform(
        np.ascontiguousarray(array, dtype=np.float32),
        turned,
        offset=across[:3, 3][::-1],
        output_shape=target.shape,
        output=np.float32,
        order=1,
        mode="nearest",
    )
    return np.asarray(out, dtype=np.float32)


def otsu(values: NDArray[Any], bins: int = 256) -> float:
    """Threshold with the largest between-class variance (Otsu 1979, IEEE Trans SMC 9:62):
    centre of the histogram bin; values above it are the brighter class."""
    counts, edges = np.histogram(values, bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(np.float64)
    sums = np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(centres[int(np.nanargmax(np.where(above > 0, between, np.nan)))])


def pieces_of(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """26-connected pieces numbered from 1, and how many there are."""
    numbered, count = ndimage.label(mask, _TOUCHING)
    return np.asarray(numbered, dtype=np.int32), int(count)


def piece_sizes(numbered: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Voxels of each piece by its number; 0 for the background (number 0)."""
    sizes = np.zeros(count + 1, dtype=np.int64)
    for plane in numbered:  # plane by plane: counting widens its input to 64 bits
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    sizes[0] = 0
    return sizes


def find_foreground(image: Image, rule: Foreground) -> Mask:
    """Which voxels of the prepared, not yet normalised image are patient."""
    if rule.rule == "above":
        threshold = rule.value
    elif rule.rule == "otsu":
        threshold = otsu(image) if image.min() < image.max() else float(image.max())
    else:
        threshold = rule.value * float(np.percentile(image, 99.5))
    mask = np.asarray(image > threshold)
    if rule.largest and mask.any():
        numbered, count = pieces_of(mask)
        mask = np.asarray(numbered == int(np.argmax(piece_sizes(numbered, count))))
    if rule.fill:
        mask = np.stack([np.asarray(ndimage.binary_fill_holes(plane)) for plane in mask])
    return mask


def _moments(image: Image, mask: Mask | None) -> tuple[float, float]:
    """Mean and population standard deviation, summed in float64 slice by slice: the whole volume
    in float64 would be the largest array of the run."""
    planes = [plane if mask is None else plane[mask[z]] for z, plane in enumerate(image)]
    count = sum(plane.size for plane in planes)
    mean = sum(float(plane.sum(dtype=np.float64)) for plane in planes) / count
    spread = sum(float(((plane.astype(np.float64) - mean) ** 2).sum()) for plane in planes)
    return mean, float(np.sqrt(spread / count))


def _apply(step: Intensity, image: Image, foreground: Mask) -> Image:
    def population(within: str) -> NDArray[np.float32]:
        return image[foreground] if within == "foreground" else image.ravel()

    match step:
        case Clip():
            return np.clip(image, step.low, step.high)
        case PercentileClip():
            low, high = np.percentile(population(step.within), (step.low, step.high))
            return np.clip(image, low, high)
        case ZScore():
            mean, deviation = _moments(image, foreground if step.within == "foreground" else None)
            return (image - np.float32(mean)) / np.float32(max(deviation, 1e-6))
        case Scale() | PercentileScale():
            if isinstance(step, Scale):
                low, high = step.source
            else:
                low, high = np.percentile(population(step.within), (step.low, step.high))
            first, last = step.target
            slope = (last - first) / max(high - low, 1e-6)
            return np.asarray((image - low) * slope + first)
        case FillBackground():
            return np.where(foreground, image, np.float32(step.value))
        case _:
            assert_never(step)


def _crop_block(pre: Pre, foreground: Mask, grid: Grid) -> Block:
    if pre.crop is None:
        return slice(None), slice(None), slice(None)
    found = []
    for axis, spacing in zip(range(3), grid.spacing_mm[::-1], strict=True):
        others = tuple(a for a in range(3) if a != axis)
        hit = np.flatnonzero(foreground.any(axis=others))
        margin = int(np.ceil(pre.crop.margin_mm / spacing))
        found.append(
            slice(
                max(0, int(hit[0]) - margin), min(foreground.shape[axis], int(hit[-1]) + 1 + margin)
            )
        )
    return found[0], found[1], found[2]


def _finite(array: NDArray[Any]) -> NDArray[Any]:
    if np.issubdtype(array.dtype, np.floating):
        bad = ~np.isfinite(array)
        if bad.any():
            good = array[~bad]
            return np.where(bad, good.min() if good.size else 0.0, array)
    return array


def prepare(pre: Pre, arrays: Sequence[NDArray[Any]], grids: Sequence[Grid]) -> Prepared:
    """Volumes (z, y, x), one a channel, as the network wants them.

    The first volume's grid decides. Raises ``Unsuitable`` where no foreground is found.
    """
    frame = frame_of(pre, grids[0])
    channels: list[Image] = []
    foreground: Mask | None = None
    for number, (array, grid) in enumerate(zip(arrays, grids, strict=True)):
        clean = _finite(array)
        if number == 0:
            image = resample(frame.axes.apply(clean), frame.factors, frame.work.shape)
        else:
            image = _resample_onto(clean, grid, frame.work)
        mask = find_foreground(image, pre.foreground)
        if foreground is None:
            foreground = mask
        needs = pre.crop is not None or any(
            getattr(step, "within", "") == "foreground" for step in pre.intensity
        )
        if needs and not mask.any():
            raise Unsuitable(N_("The image is empty: no patient was found in it."))
        for step in pre.intensity:
            image = np.asarray(_apply(step, image, mask), dtype=np.float32)
        channels.append(image)
    assert foreground is not None
    block = _crop_block(pre, foreground, frame.work)
    one = len(channels) == 1  # no copy of the largest array
    array = channels[0][block][None] if one else np.stack([image[block] for image in channels])
    return Prepared(array, frame, block, foreground)


def check_quality(quality: Quality, prepared: Prepared) -> None:
    """Raise ``Unsuitable`` where the prepared image is unlike what the model was made for."""
    if quality.foreground_ml is not None:
        volume = int(prepared.foreground.sum()) * prepared.frame.work.voxel_ml
        low, high = quality.foreground_ml
        if not low <= volume <= high:
            raise Unsuitable(
                N_(
                    "The image shows {volume} mL of the patient; "
                    "the model was made for {low} to {high} mL."
                ),
                volume=round(volume),
                low=round(low),
                high=round(high),
            )
    inside = prepared.foreground[prepared.crop]
    if not quality.percentiles or not inside.any():
        return
    values = prepared.array[0][inside]
    for bound in quality.percentiles:
        value = float(np.percentile(values, bound.percentile))
        if not bound.low <= value <= bound.high:
            raise Unsuitable(
                N_(
                    "The image's brightness is unlike what the model was made for "
                    "(percentile {percentile}: {value}, expected {low} to {high})."
                ),
                percentile=bound.percentile,
                value=round(value, 2),
                low=bound.low,
                high=bound.high,
            )

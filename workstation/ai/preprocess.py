"""From volumes in the patient to a network's input: the manifest's closed vocabulary, no code.

Geometry is reversible: axes are permuted and flipped exactly (``domain.geometry``), and ``Frame``
says for every prepared voxel where it lies in the original array. Arrays (z, y, x). A volume may
be a memory map of any type; it is read slice by slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.intensity import apply_intensity
from workstation.ai.limits import Unsuitable
from workstation.ai.manifest import Quality
from workstation.ai.resampling import Axes, Axis, Fit, Order, coarse_axis, resampled
from workstation.ai.vocabulary import Foreground, Pre
from workstation.domain.errors import N_
from workstation.domain.geometry import AxisMap, Grid, as_matrix, axes_towards

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Block = tuple[slice, slice, slice]
Spacing = tuple[float, float, float]

WHOLE: Block = (slice(None), slice(None), slice(None))
_SAME_MM = 1e-3  # MONAI's AFFINE_TOL
_TOUCHING = np.ones((3, 3, 3), dtype=bool)  # 26-connected
_DEGREES: dict[Order, Literal[0, 1, 3]] = {"nearest": 0, "linear": 1, "cubic": 3}


@dataclass(frozen=True)
class Frame:
    """How the prepared grid lies in the original array.

    axes: original to oriented. oriented: the original voxels with turned axes. region: the part
    of them that is resampled. work: the resampled grid. wanted_mm: spacing (z, y, x) asked for.
    """

    axes: AxisMap
    oriented: Grid
    region: Block
    work: Grid
    fit: Fit
    wanted_mm: Spacing
    apart: bool

    @property
    def region_shape(self) -> tuple[int, int, int]:
        """Oriented voxels of the region (z, y, x)."""
        z, y, x = (len(range(*s.indices(n))) for s, n in zip(self.region, self.oriented.shape,
                                                             strict=True))  # fmt: skip
        return z, y, x

    def _axes(self, old: Sequence[int], new: Sequence[int], order: Order, back: bool) -> Axes:
        original_mm = self.oriented.spacing_mm[::-1]
        spacings = (self.wanted_mm, original_mm) if back else (original_mm, self.wanted_mm)
        coarse = coarse_axis(*spacings) if self.apart else None
        found = []
        for axis in range(3):
            step, start = 1.0, 0.0
            if self.fit == "field_of_view":
                step = old[axis] / new[axis]
            elif self.wanted_mm[axis] != original_mm[axis]:
                step = spacings[1][axis] / spacings[0][axis]
                if _oblique(self.oriented):
                    start = 0.5 * (old[axis] - new[axis] * step)
            chosen: Order = "nearest" if axis == coarse else order
            found.append(Axis(old[axis], new[axis], step, self.fit, chosen, start))
        return found[0], found[1], found[2]

    def forth(self, order: Order) -> Axes:
        """Axes that bring the region's voxels to the work grid."""
        return self._axes(self.region_shape, self.work.shape, order, back=False)

    def back(self, order: Order) -> Axes:
        """Axes that bring the work grid's voxels to the region."""
        return self._axes(self.work.shape, self.region_shape, order, back=True)


@dataclass(frozen=True)
class Prepared:
    """array: (channel, z, y, x) of the crop alone. foreground: of the whole prepared grid."""

    array: Image
    frame: Frame
    crop: Block
    foreground: Mask


def _turned(pre: Pre, grid: Grid) -> AxisMap:
    """Orientation, then transposition, as one map."""
    stored = AxisMap((0, 1, 2), (False, False, False))
    turn = stored if pre.orientation is None else axes_towards(grid, pre.orientation)
    a, b, c = pre.transpose
    return AxisMap(
        (turn.order[a], turn.order[b], turn.order[c]), (turn.flips[a], turn.flips[b], turn.flips[c])
    )


def _oblique(grid: Grid) -> bool:
    """Whether MONAI's ``compute_shape_offset`` finds no first voxel in this grid: it compares
    corners in patient space to 1e-8, which the rounding of any rotated axis exceeds, and then
    lays the middles of both arrays (count / 2) together."""
    return bool((np.sort(np.abs(grid.directions), axis=0)[:2] > 1e-6).any())


def frame_of(pre: Pre, grid: Grid, region: Block = WHOLE) -> Frame:
    """The prepared grid of an original one, or of a region (of its oriented voxels).

    ``field_of_view``: spacing nearest to the wanted that keeps the outer edges; new index i lies
    at old index (i + 0.5) n / n_new - 0.5, the convention of scikit-image's ``resize`` and hence
    nnU-Net's preprocessing (Isensee 2021, Nat Methods 18:203). ``first_voxel``: exact spacing
    from the centre of the first voxel on, in an oblique grid about the middle (MONAI's
    ``Spacing``, which leaves an axis within 0.001 mm of it alone).
    """
    axes = _turned(pre, grid)
    oriented = axes.apply_grid(grid)
    shape: list[int] = []
    wanted: list[float] = []
    scale = np.eye(4)
    start = np.eye(4)
    for axis in range(3):
        row = 2 - axis
        low, high, _ = region[axis].indices(oriented.shape[axis])
        count, spacing = high - low, oriented.spacing_mm[row]
        asked = pre.spacing_mm[row]
        aim = spacing if asked is None else asked
        start[row, 3] = low
        if pre.fit == "field_of_view":
            new = max(1, round(spacing / aim * count))
            scale[row, row] = count / new
            scale[row, 3] = 0.5 * count / new - 0.5
        else:
            aim = spacing if abs(aim - spacing) <= _SAME_MM else aim
            new = max(1, round((count - 1) * spacing / aim + 1.0))
            scale[row, row] = aim / spacing
            if _oblique(oriented) and aim != spacing:
                scale[row, 3] = 0.5 * (count - new * aim / spacing)
        shape.append(new)
        wanted.append(aim)
    work = Grid((shape[0], shape[1], shape[2]), as_matrix(oriented.matrix @ start @ scale))
    apart = pre.across_slices == "nearest_if_anisotropic"
    return Frame(axes, oriented, region, work, pre.fit, (wanted[0], wanted[1], wanted[2]), apart)


def resample(array: NDArray[Any], factors: Sequence[float], shape: Sequence[int]) -> Image:
    """Array (z, y, x) to ``shape`` where new index i lies at old index (i + 0.5) f - 0.5; linear,
    ends repeated."""
    z, y, x = (
        Axis(old, new, float(step))
        for old, new, step in zip(array.shape, shape, factors, strict=True)
    )
    return resampled(array, (z, y, x))


def _onto(array: NDArray[Any], grid: Grid, target: Grid, order: Order) -> Image:
    """A further channel brought onto another grid through patient space, a few slices at a time;
    beyond the ends the end value is repeated."""
    across = grid.inverse @ target.matrix  # index x, y, z to index x, y, z
    turned = across[:3, :3][::-1, ::-1]
    offset = across[:3, 3][::-1]
    given = np.ascontiguousarray(array, dtype=np.float32)
    out = np.empty(target.shape, dtype=np.float32)
    ndimage.affine_transform(
        given,
        turned,
        offset=offset,
        output_shape=target.shape,
        output=out,
        order=_DEGREES[order],
        mode="nearest",
    )
    return out


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


def fill_volume(mask: Mask) -> Mask:
    """Holes filled in three dimensions: background that does not reach the border (6-connected),
    as ``scipy.ndimage.binary_fill_holes``, whose repeated dilation would take minutes."""
    empty, count = ndimage.label(~mask)
    if count == 0:
        return mask
    reaching = np.zeros(count + 1, dtype=bool)
    for axis in range(3):
        for end in (0, -1):
            reaching[np.unique(np.take(empty, end, axis=axis))] = True
    reaching[0] = False
    return np.asarray(~reaching[empty])


def find_foreground(image: NDArray[Any], rule: Foreground) -> Mask:
    """Which voxels of an image whose intensities are as given are patient."""
    if rule.rule == "nonzero":
        return fill_volume(np.asarray(image != 0))
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


def _crop_block(pre: Pre, foreground: Mask, spacing_mm: Spacing) -> Block:
    if pre.crop is None:
        return WHOLE
    found = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        hit = np.flatnonzero(foreground.any(axis=others))
        margin = int(np.ceil(pre.crop.margin_mm / spacing_mm[2 - axis]))
        low, high = int(hit[0]) - margin, int(hit[-1]) + 1 + margin
        found.append(slice(max(0, low), min(foreground.shape[axis], high)))
    return found[0], found[1], found[2]


def _finite(array: NDArray[Any]) -> NDArray[Any]:
    if np.issubdtype(array.dtype, np.floating) and not all(np.isfinite(p).all() for p in array):
        bad = ~np.isfinite(array)
        good = array[~bad]
        return np.where(bad, good.min() if good.size else 0.0, array)
    return array


def _same_place(a: Grid, b: Grid) -> bool:
    return a.shape == b.shape and bool(np.allclose(a.matrix, b.matrix, rtol=0, atol=1e-4))


def _needs_foreground(pre: Pre, channels: int) -> bool:
    steps = [step for number in range(channels) for step in pre.steps_of(number)]
    return pre.crop is not None or any(
        getattr(step, "within", "") == "foreground" for step in steps
    )


def _foregrounds(pre: Pre, images: Sequence[NDArray[Any]]) -> list[Mask]:
    """Each channel's own; with ``nonzero`` one for all, where any channel differs from 0."""
    if pre.foreground.rule != "nonzero":
        found = [find_foreground(image, pre.foreground) for image in images]
    else:
        mask = np.zeros(images[0].shape, dtype=bool)
        for image in images:
            mask |= image != 0
        found = [fill_volume(mask)] * len(images)
    if _needs_foreground(pre, len(images)) and not all(mask.any() for mask in found):
        raise Unsuitable(N_("The image is empty: no patient was found in it."))
    return found


def prepare(pre: Pre, arrays: Sequence[NDArray[Any]], grids: Sequence[Grid]) -> Prepared:
    """Volumes (z, y, x), one a channel, as the network wants them.

    The first volume's grid decides. Raises ``Unsuitable`` where no foreground is found.
    """
    given = [_finite(array) for array in arrays]
    make = _resampled_last if pre.sequence == "resample_last" else _resampled_first
    return make(pre, given, grids)


def _resampled_first(pre: Pre, arrays: Sequence[NDArray[Any]], grids: Sequence[Grid]) -> Prepared:
    frame = frame_of(pre, grids[0])
    images = np.empty((len(arrays), *frame.work.shape), dtype=np.float32)
    for number, (array, grid) in enumerate(zip(arrays, grids, strict=True)):
        if _same_place(grid, grids[0]):
            images[number] = resampled(frame.axes.apply(array), frame.forth(pre.interpolation))
        else:
            images[number] = _onto(array, grid, frame.work, pre.interpolation)
    masks = _foregrounds(pre, list(images))
    for number, mask in enumerate(masks):
        apply_intensity(pre.steps_of(number), images[number], mask)
    block = _crop_block(pre, masks[0], frame.work.spacing_mm)
    return Prepared(images[(slice(None), *block)], frame, block, masks[0])


def _resampled_last(pre: Pre, arrays: Sequence[NDArray[Any]], grids: Sequence[Grid]) -> Prepared:
    """nnU-Net's order: transpose, crop, intensities, resample."""
    oriented = frame_of(pre, grids[0])
    views = [
        oriented.axes.apply(
            array if _same_place(grid, grids[0]) else _onto(array, grid, grids[0], "linear")
        )
        for array, grid in zip(arrays, grids, strict=True)
    ]
    masks = _foregrounds(pre, views)
    block = _crop_block(pre, masks[0], oriented.oriented.spacing_mm)
    frame = frame_of(pre, grids[0], block)
    images = np.empty((len(arrays), *frame.work.shape), dtype=np.float32)
    for number, (view, mask) in enumerate(zip(views, masks, strict=True)):
        # A copy of its own: the steps work in place, and a memory map must not be written to.
        part = np.array(view[block], dtype=np.float32, order="C")
        apply_intensity(pre.steps_of(number), part, mask[block])
        images[number] = resampled(part, frame.forth(pre.interpolation))
    inside = resampled(masks[0][block], frame.forth("nearest")) > 0.5
    return Prepared(images, frame, WHOLE, inside)


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

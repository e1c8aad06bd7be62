"""Bringing a coarse mask's edge to where the image's own values say it is: a closed vocabulary.

A network that looks at 3 mm outlines an organ of 0.7 mm voxels in steps. These steps work on the
original voxels of the first channel, in its own unit, within millimetres of the mask: they move
its edge, they find nothing new. Arrays (z, y, x); distances are taken along each axis by itself,
rounded to whole voxels, so that the largest volume takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.preprocess import piece_sizes, pieces_of
from workstation.ai.refinement import (
    AtLeast,
    Edge,
    Fill,
    Largest,
    LikeCore,
    Refine,
    Smooth,
    Values,
)
from workstation.domain.mask import bounding_block

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
"""z, y, x, mm."""

_FEW = 64  # voxels: a core smaller than this says too little of the rest
_MAD_TO_DEVIATION = 1.4826  # of a normal distribution


def _reach(mm: float, spacing_mm: Spacing) -> tuple[int, int, int]:
    z, y, x = (int(mm / one + 0.5) for one in spacing_mm)
    return z, y, x


def _spread(mask: Mask, mm: float, spacing_mm: Spacing) -> Mask:
    """The mask and all voxels within ``mm`` of it along the axes, one after the other."""
    out = mask.view(np.uint8)
    for axis, count in enumerate(_reach(mm, spacing_mm)):
        if count:
            out = ndimage.maximum_filter1d(out, 2 * count + 1, axis, mode="constant", cval=0)
    return np.asarray(out.view(np.bool_))


def _core(mask: Mask, mm: float, spacing_mm: Spacing) -> Mask:
    """Voxels of the mask further than ``mm`` from everything else; the end of the image is no
    edge."""
    out = mask.view(np.uint8)
    for axis, count in enumerate(_reach(mm, spacing_mm)):
        if count:
            out = ndimage.minimum_filter1d(out, 2 * count + 1, axis, mode="nearest")
    return np.asarray(out.view(np.bool_))


def _edge(
    step: Edge, mask: Mask, values: NDArray[Any], low: float, high: float, spacing_mm: Spacing
) -> Mask:
    near = _spread(mask, step.grow_mm, spacing_mm)
    out = near & (values >= low) & (values <= high)
    if step.trim_mm is not None:
        out |= _core(mask, step.trim_mm, spacing_mm)
    return out


def _seen(step: Edge, values: NDArray[Any], spacing_mm: Spacing) -> NDArray[np.float32]:
    given = np.asarray(values, dtype=np.float32)
    if not step.smooth_mm:
        return given
    sigma = [step.smooth_mm / one for one in spacing_mm]
    return np.asarray(ndimage.gaussian_filter(given, sigma, truncate=2.0, mode="nearest"))


def bounds_of_core(
    step: LikeCore, mask: Mask, values: NDArray[Any], spacing_mm: Spacing
) -> tuple[float, float]:
    """Between which values a voxel is like the mask's core; of a mask too thin to have one, like
    all of it. The mask must not be empty."""
    core = _core(mask, step.core_mm, spacing_mm)
    held = values[core if int(core.sum()) >= _FEW else mask]
    middle = float(np.median(held))
    deviation = _MAD_TO_DEVIATION * float(np.median(np.abs(held - middle)))
    away = step.deviations * max(deviation, step.least)
    return middle - away, middle + away


def _smoothed(mask: Mask, radius_mm: float, spacing_mm: Spacing) -> Mask:
    sigma = [0.5 * radius_mm / one for one in spacing_mm]
    soft = ndimage.gaussian_filter(mask.astype(np.float32), sigma, truncate=3.0, mode="nearest")
    return np.asarray(soft > 0.5)


def _largest(mask: Mask, pieces: int) -> Mask:
    numbered, count = pieces_of(mask)
    if count <= pieces:
        return mask
    sizes = piece_sizes(numbered, count)
    sizes[0] = 0
    keep = np.zeros(sizes.size, dtype=bool)
    keep[np.argsort(sizes)[-pieces:]] = True
    return np.asarray(keep[numbered])


def _filled(mask: Mask, where: Literal["slices", "volume"]) -> Mask:
    if where == "volume":
        return np.asarray(ndimage.binary_fill_holes(mask))
    return np.stack([np.asarray(ndimage.binary_fill_holes(plane)) for plane in mask])


def _one_step(
    step: Refine,
    mask: Mask,
    values: NDArray[Any],
    spacing_mm: Spacing,
    others: Callable[[str], Mask],
) -> Mask:
    if isinstance(step, Values):
        return _edge(step, mask, _seen(step, values, spacing_mm), step.low, step.high, spacing_mm)
    if isinstance(step, LikeCore):
        seen = _seen(step, values, spacing_mm)
        low, high = bounds_of_core(step, mask, seen, spacing_mm)
        return _edge(step, mask, seen, low, high, spacing_mm)
    if isinstance(step, Smooth):
        return _smoothed(mask, step.radius_mm, spacing_mm)
    if isinstance(step, Largest):
        return _largest(mask, step.pieces)
    if isinstance(step, Fill):
        return _filled(mask, step.where)
    if isinstance(step, AtLeast):
        enough = int(mask.sum()) * float(np.prod(spacing_mm)) / 1000.0 >= step.ml
        return mask if enough else np.zeros_like(mask)
    for key in step.labels:
        mask = mask & ~others(key)
    return mask


def refined(
    mask: Mask,
    image: NDArray[Any],
    spacing_mm: Spacing,
    steps: Sequence[Refine],
    others: Callable[[str], Mask],
) -> Mask:
    """``mask`` after every step, on the same grid.

    image: the original voxels, of any type. others: finished masks by key, whole. An empty mask
    stays empty, and one that a step has emptied too.
    """
    origin, shape = bounding_block(mask)
    if 0 in shape or not steps:
        return mask
    far = max((step.grow_mm for step in steps if isinstance(step, Edge)), default=0.0)
    pads = [count + 2 for count in _reach(far, spacing_mm)]
    block = tuple(
        slice(max(0, o - pad), min(o + n + pad, whole))
        for o, n, pad, whole in zip(origin, shape, pads, mask.shape, strict=True)
    )
    inner, values = np.ascontiguousarray(mask[block]), image[block]
    for step in steps:
        if not inner.any():
            break
        inner = _one_step(step, inner, values, spacing_mm, lambda key: others(key)[block])
    out = np.zeros_like(mask)
    out[block] = inner
    return out

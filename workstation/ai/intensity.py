"""Intensity steps of the closed vocabulary, in place: a volume is the largest array of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from workstation.ai.vocabulary import (
    Clip,
    FillBackground,
    Intensity,
    PercentileClip,
    PercentileScale,
    Scale,
    Standardise,
    ZScore,
)

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LEAST = 1e-6  # a deviation or range under it is that of a constant image


def moments(image: NDArray[Any], mask: Mask | None) -> tuple[float, float]:
    """Mean and population standard deviation, summed in float64 slice by slice: the whole volume
    in float64 would be the largest array of the run."""
    planes = [plane if mask is None else plane[mask[z]] for z, plane in enumerate(image)]
    count = sum(plane.size for plane in planes)
    if count == 0:
        return 0.0, 0.0
    mean = sum(float(plane.sum(dtype=np.float64)) for plane in planes) / count
    spread = sum(float(((plane.astype(np.float64) - mean) ** 2).sum()) for plane in planes)
    return mean, float(np.sqrt(spread / count))


def _ends(
    image: Image, mask: Mask | None, low: float, high: float
) -> tuple[np.float32, np.float32]:
    """Two percentiles (0..100); the ends need no sorted copy."""
    if (low, high) == (0.0, 100.0) and mask is None:
        return image.min(), image.max()
    found = np.percentile(image.ravel() if mask is None else image[mask], (low, high))
    return np.float32(found[0]), np.float32(found[1])


def _z_score(step: ZScore, image: Image, mask: Mask | None) -> None:
    mean, deviation = moments(image, mask)
    middle, wide = np.float32(mean), np.float32(max(deviation, _LEAST))
    if mask is not None and step.only_within:
        for plane, inside in zip(image, mask, strict=True):
            plane[inside] = (plane[inside] - middle) / wide
        return
    image -= middle
    image /= wide


def apply_intensity(steps: Sequence[Intensity], image: Image, foreground: Mask | None) -> None:
    """Do ``steps`` to ``image`` (z, y, x) in place. foreground: needed by steps that name it."""

    def among(within: Literal["foreground", "all", "nonzero"]) -> Mask | None:
        if within == "all":
            return None
        return foreground if within == "foreground" else image != 0

    for step in steps:
        match step:
            case Clip():
                np.clip(image, step.low, step.high, out=image)
            case PercentileClip():
                low, high = _ends(image, among(step.within), step.low, step.high)
                np.clip(image, low, high, out=image)
            case ZScore():
                _z_score(step, image, among(step.within))
            case Standardise():
                image -= np.float32(step.mean)
                image /= np.float32(step.deviation)
            case Scale():
                _scale(image, step.source, step.target)
            case PercentileScale():
                ends = _ends(image, among(step.within), step.low, step.high)
                _scale(image, (float(ends[0]), float(ends[1])), step.target)
            case FillBackground():
                if foreground is not None:
                    image[~foreground] = step.value
            case _:
                assert_never(step)


def _scale(image: Image, source: tuple[float, float], target: tuple[float, float]) -> None:
    (low, high), (first, last) = source, target
    image -= np.float32(low)
    image *= np.float32((last - first) / max(high - low, _LEAST))
    image += np.float32(first)

"""Overlays as PNG: outlines on slices. Real patients only where the source's licence allows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

TRUTH = (0.0, 1.0, 0.0)
FOUND = (1.0, 0.0, 0.0)
Colour = tuple[float, float, float]
Mask = NDArray[np.bool_]


def outlined(
    plane: NDArray[Any],
    outlines: Sequence[tuple[Mask | None, Colour]],
    window: tuple[float, float],
    *,
    times: int = 1,
    inside: bool = False,
) -> NDArray[np.float64]:
    """One slice (y, x) as RGB 0..1 (y * times, x * times, 3), later outlines over earlier ones.

    window: grey values that become black and white. inside: the outline is the mask's own edge,
    else it lies just outside.
    """
    low, high = window
    grey = np.clip((np.asarray(plane, dtype=np.float64) - low) / max(high - low, 1e-9), 0, 1)
    grey = grey.repeat(times, axis=0).repeat(times, axis=1)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    for mask, colour in outlines:
        if mask is None:
            continue
        large = np.asarray(mask).repeat(times, axis=0).repeat(times, axis=1)
        if inside:
            rgb[large & ~ndimage.binary_erosion(large)] = colour
        else:
            rgb[ndimage.binary_dilation(large) & ~large] = colour
    return rgb


def mosaic(tiles: Sequence[NDArray[np.float64]], columns: int = 5) -> NDArray[np.uint8]:
    """RGB tiles of one size in rows of ``columns``; missing ones black."""
    given = list(tiles)
    while len(given) % columns:
        given.append(np.zeros_like(given[0]))
    rows = [np.concatenate(given[i : i + columns], axis=1) for i in range(0, len(given), columns)]
    return np.asarray(np.round(np.concatenate(rows) * 255), dtype=np.uint8)


def write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """(y, x, 3) as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(rgb, isVector=True), str(path), useCompression=True)


def overlay(
    path: Path,
    image: NDArray[Any],
    found: Mask,
    truth: Mask | None,
    planes: Sequence[int],
    *,
    window: tuple[float, float] | None = None,
    columns: int = 5,
    times: int = 1,
) -> None:
    """Slices (z, y, x) side by side: truth green, found red."""
    span = window or (0.0, float(np.percentile(image, 99.5)))
    tiles = [
        outlined(
            image[z],
            [(None if truth is None else truth[z], TRUTH), (found[z], FOUND)],
            span,
            times=times,
        )
        for z in planes
    ]
    write_png(path, mosaic(tiles, columns))

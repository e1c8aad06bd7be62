"""From the network's averaged output to masks on the original grid.

The probability map goes to a plain file slice by slice and is read back in slabs: a memory map
would count its touched pages as resident and defeat the memory limit. Arrays (z, y, x).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage, special

from workstation.ai.manifest import Label, Manifest
from workstation.ai.preprocess import (
    Frame,
    Image,
    Mask,
    Prepared,
    interpolate,
    piece_sizes,
    pieces_of,
)
from workstation.ai.vocabulary import Post
from workstation.domain.errors import N_, BadInput
from workstation.domain.mask import bounding_block

_SLAB = 16  # original slices resampled at a time


class SliceFile:
    """Probability planes (K, y, x) of a prepared grid, appended in z order, read in ranges."""

    def __init__(self, path: Path, channels: int, shape: tuple[int, int, int]) -> None:
        self._file = path.open("w+b")
        self._plane = (channels, shape[1], shape[2])
        self._bytes = 4 * channels * shape[1] * shape[2]

    def append(self, plane: Image) -> None:
        """The next slice."""
        self._file.write(np.ascontiguousarray(plane, dtype=np.float32).tobytes())

    def read(self, first: int, last: int) -> Image:
        """Slices first..last-1 as (z, K, y, x)."""
        self._file.seek(first * self._bytes)
        data = self._file.read((last - first) * self._bytes)
        return np.frombuffer(data, dtype=np.float32).reshape(last - first, *self._plane)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def activate(logits: Image, activation: Literal["sigmoid", "softmax", "none"]) -> Image:
    """Logits (K, y, x) to probabilities over K."""
    if activation == "sigmoid":
        return np.asarray(special.expit(logits), dtype=np.float32)
    if activation == "softmax":
        return np.asarray(special.softmax(logits, axis=0), dtype=np.float32)
    return logits


def kept_channels(manifest: Manifest, given: int) -> list[int]:
    """Which of ``given`` output channels must be kept. Raises ``BadInput`` where one is absent."""
    highest = max(label.index for label in manifest.labels)
    if highest >= given:
        raise BadInput(
            N_("The network has {found} output channels, manifest.json names channel {expected}."),
            found=given,
            expected=highest,
        )
    if manifest.post.threshold is None:
        return list(range(given))
    return sorted(label.index for label in manifest.labels)


def write_probabilities(
    planes: Iterator[tuple[int, Image]], prepared: Prepared, manifest: Manifest, path: Path
) -> tuple[SliceFile, list[int]]:
    """Activated planes of the crop, set into the whole prepared grid with 0 outside the crop.

    planes: (z in the crop, (K, y, x)) in order. Gives the file and which channels it holds.
    """
    shape = prepared.frame.work.shape
    top = prepared.crop[0].start or 0
    kept: list[int] = []
    file: SliceFile | None = None
    written = 0
    for z, logits in planes:
        if file is None:
            kept = kept_channels(manifest, logits.shape[0])
            file = SliceFile(path, len(kept), shape)
        full = np.zeros((len(kept), *shape[1:]), dtype=np.float32)
        while written < top + z:
            file.append(full)
            written += 1
        full[(slice(None), *prepared.crop[1:])] = activate(logits, manifest.post.activation)[kept]
        file.append(full)
        written += 1
    assert file is not None
    while written < shape[0]:
        file.append(np.zeros((len(kept), *shape[1:]), dtype=np.float32))
        written += 1
    return file, kept


def _back(file: SliceFile, frame: Frame, first: int, last: int) -> Image:
    """Probabilities of oriented slices first..last-1: (K, z, y, x)."""
    shape, factors = frame.oriented.shape, frame.factors
    if frame.work.shape == shape:
        return np.moveaxis(file.read(first, last), 1, 0)
    at = (np.array([first, last - 1]) + 0.5) / factors[0] - 0.5
    count = frame.work.shape[0]
    low = int(np.clip(np.floor(at[0]), 0, count - 1))
    high = int(np.clip(np.ceil(at[1]), low, count - 1)) + 1
    slab = file.read(low, high)
    steps = 1.0 / np.asarray(factors)
    offset = 0.5 * steps - 0.5
    offset[0] = at[0] - low
    out = np.empty((slab.shape[1], last - first, *shape[1:]), dtype=np.float32)
    for channel in range(slab.shape[1]):
        interpolate(slab[:, channel], steps, offset, out[channel])
    return out


@dataclass(frozen=True)
class LabelMask:
    """One label's voxels on the original grid. score: mean probability of the voxels set before
    small pieces were dropped; 0 where none was."""

    label: Label
    mask: Mask
    score: float


def thresholded(
    file: SliceFile, kept: list[int], frame: Frame, manifest: Manifest
) -> Iterator[LabelMask]:
    """Each label's mask on the original grid, before cleaning."""
    shape = frame.oriented.shape
    masks = [np.zeros(shape, dtype=bool) for _ in manifest.labels]
    sums = np.zeros(len(masks))
    for first in range(0, shape[0], _SLAB):
        last = min(first + _SLAB, shape[0])
        probability = _back(file, frame, first, last)
        best = None
        if manifest.post.threshold is None:
            best = np.where(probability.max(axis=0) > 0, probability.argmax(axis=0), -1)
        for number, label in enumerate(manifest.labels):
            values = probability[kept.index(label.index)]
            limit = label.threshold if label.threshold is not None else manifest.post.threshold
            chosen = best == label.index if limit is None else values >= limit
            masks[number][first:last] = chosen
            sums[number] += float(values[masks[number][first:last]].sum(dtype=np.float64))
    for number, label in enumerate(manifest.labels):
        count = int(masks[number].sum())
        mask = np.ascontiguousarray(frame.axes.undo(masks[number]))
        yield LabelMask(label, mask, sums[number] / count if count else 0.0)


def clean(mask: Mask, voxel_ml: float, post: Post) -> Mask:
    """Holes filled slice by slice, the largest piece kept, small pieces dropped.

    mask: (z, y, x) on the original grid. voxel_ml: volume of one voxel.
    """
    origin, shape = bounding_block(mask)
    if 0 in shape:
        return mask
    block = tuple(slice(o, o + n) for o, n in zip(origin, shape, strict=True))
    inner = mask[block]
    if post.fill_holes:
        inner = np.stack([np.asarray(ndimage.binary_fill_holes(plane)) for plane in inner])
    if post.keep_largest or post.min_component_ml > 0:
        numbered, count = pieces_of(inner)
        sizes = piece_sizes(numbered, count)
        keep = sizes * voxel_ml >= post.min_component_ml - 1e-9
        if post.keep_largest:
            keep &= np.arange(sizes.size) == int(np.argmax(sizes))
        keep[0] = False
        inner = keep[numbered]
    out = np.zeros_like(mask)
    out[block] = inner
    return out

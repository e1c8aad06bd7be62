"""From the network's averaged output to masks on the original grid, slice by slice.

The output streams: a slice is brought back to the original grid and decided as soon as the
window has passed it, so that probabilities of a whole volume are never held. Arrays (z, y, x).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from workstation.ai.manifest import Label, Manifest
from workstation.ai.preprocess import Image, Mask, Prepared, piece_sizes, pieces_of
from workstation.ai.resampling import stream
from workstation.ai.vocabulary import Post
from workstation.domain.errors import N_, BadInput
from workstation.domain.mask import bounding_block

_CHOSEN = np.float32(1e-6)  # least value of a voxel that was decided on the network's grid


def activate(logits: Image, activation: Literal["sigmoid", "softmax", "none"]) -> Image:
    """Logits (K, ...) to probabilities over K."""
    if activation == "sigmoid":
        return np.asarray(special.expit(logits), dtype=np.float32)
    if activation == "softmax":
        return np.asarray(special.softmax(logits, axis=0), dtype=np.float32)
    return logits


def strongest(plane: Image) -> tuple[NDArray[np.int32], Image]:
    """Which channel of (K, y, x) is highest at each voxel, the first of equal ones, and its value;
    channel after channel, five times as fast as ``argmax`` across the first axis."""
    best = np.zeros(plane.shape[1:], dtype=np.int32)
    highest = plane[0].copy()
    for number, channel in enumerate(plane[1:], start=1):
        np.copyto(best, number, where=channel > highest)
        np.maximum(highest, channel, out=highest)
    return best, highest


def kept_channels(manifest: Manifest, given: int) -> list[int]:
    """Which of ``given`` output channels must be kept. Raises ``BadInput`` where one is absent."""
    highest = max(label.index for label in manifest.labels)
    if highest >= given:
        raise BadInput(
            N_("The network has {found} output channels, manifest.json names channel {expected}."),
            found=given,
            expected=highest,
        )
    post = manifest.post
    if post.strongest or (post.resample == "logits" and post.activation == "softmax"):
        return list(range(given))
    return sorted(label.index for label in manifest.labels)


@dataclass(frozen=True)
class LabelMask:
    """One label's voxels on the original grid. score: mean probability of the voxels set before
    small pieces were dropped; 0 where none was."""

    label: Label
    mask: Mask
    score: float


class _Deciding:
    """Decides planes in order; keeps one number a voxel where labels exclude each other, else
    one bit a label."""

    def __init__(self, manifest: Manifest, prepared: Prepared) -> None:
        self.manifest = manifest
        self.prepared = prepared
        self.labels = manifest.labels
        self.shape = prepared.frame.region_shape
        self.alone = manifest.post.strongest or manifest.post.decide == "ordered"
        kind: Any = np.uint8 if not self.alone or len(self.labels) < 255 else np.uint16
        z, y, x = self.shape
        self.found: NDArray[Any] = np.zeros(
            self.shape if self.alone else (len(self.labels), z, y, (x + 7) // 8), dtype=kind
        )
        self.sums = np.zeros(len(self.labels))
        self.kept: list[int] = []

    def _limit(self, label: Label) -> float | None:
        return label.threshold if label.threshold is not None else self.manifest.post.threshold

    def planes(self, given: Iterator[tuple[int, Image]]) -> Iterator[Image]:
        """Planes of the whole prepared grid, 0 outside the crop: what is brought back."""
        post, crop = self.manifest.post, self.prepared.crop
        shape = self.prepared.frame.work.shape
        top = crop[0].start or 0
        written = 0
        for z, logits in given:
            self.kept = self.kept or kept_channels(self.manifest, logits.shape[0])
            plane = logits if post.resample == "logits" else activate(logits, post.activation)
            plane = plane if len(self.kept) == len(plane) else plane[self.kept]
            if post.resample == "labels":
                plane = self._as_labels(plane)
            while written < top + z:
                yield np.zeros((len(plane), *shape[1:]), dtype=np.float32)
                written += 1
            if plane.shape[1:] != shape[1:]:
                full = np.zeros((len(plane), *shape[1:]), dtype=np.float32)
                full[(slice(None), *crop[1:])] = plane
                plane = full
            yield plane
            written += 1
        while written < shape[0]:
            yield np.zeros((len(plane), *shape[1:]), dtype=np.float32)
            written += 1

    def _as_labels(self, plane: Image) -> Image:
        """For each label its probability where it was chosen, else 0."""
        out = np.zeros((len(self.labels), *plane.shape[1:]), dtype=np.float32)
        for number, (chosen, value) in enumerate(self._choose(plane)):
            out[number][chosen] = np.maximum(value[chosen], _CHOSEN)
        return out

    def _choose(self, plane: Image, inside: Mask | None = None) -> Iterator[tuple[Mask, Image]]:
        """For each label its voxels and the values that it was decided by."""
        post = self.manifest.post
        if post.strongest:
            best, highest = strongest(plane)
            there = highest > 0 if post.resample == "probabilities" else inside
            for label in self.labels:
                chosen = best == self.kept.index(label.index)
                value = plane[self.kept.index(label.index)]
                yield (chosen if there is None else chosen & there), value
            return
        values = [plane[self.kept.index(label.index)] for label in self.labels]
        limits = [self._limit(label) or 0.0 for label in self.labels]
        if post.decide == "threshold":
            for value, limit in zip(values, limits, strict=True):
                chosen = value >= limit
                yield (chosen if inside is None else chosen & inside), value
            return
        taken = np.zeros(plane.shape[1:], dtype=bool)
        ordered: list[Mask] = []
        for value, limit in zip(reversed(values), reversed(limits), strict=True):
            chosen = (value > limit) & ~taken
            taken |= chosen
            ordered.append(chosen if inside is None else chosen & inside)
        yield from zip(reversed(ordered), values, strict=True)

    def decide(self, z: int, plane: Image, inside: Mask | None) -> None:
        """One plane (K, y, x) of the region, brought back."""
        post = self.manifest.post
        if post.resample == "labels":
            pairs: Iterator[tuple[Mask, Image]] = ((one > 0, one) for one in plane)
        elif post.resample == "logits" and not post.strongest:
            pairs = self._choose(activate(plane, post.activation), inside)
        else:
            pairs = self._choose(plane, inside)
        for number, (chosen, value) in enumerate(pairs):
            if not chosen.any():
                continue
            if self.alone:
                self.found[z][chosen] = number + 1
            else:
                self.found[number, z] = np.packbits(chosen, axis=-1)
            said = value[chosen]
            if post.resample == "logits" and post.strongest:
                index = self.kept.index(self.labels[number].index)
                said = activate(plane[:, chosen], post.activation)[index]
            self.sums[number] += float(said.sum(dtype=np.float64))

    def _part(self, number: int) -> Mask:
        """One label's voxels of the region."""
        if self.alone:
            return np.asarray(self.found == number + 1)
        bits = np.unpackbits(self.found[number], axis=-1, count=self.shape[2])
        return np.asarray(bits.view(np.bool_))

    def masks(self) -> Iterator[LabelMask]:
        """Each label on the original grid, one at a time."""
        frame = self.prepared.frame
        for number, label in enumerate(self.labels):
            part = self._part(number)
            count = int(part.sum())
            full = np.zeros(frame.oriented.shape, dtype=bool)
            full[frame.region] = part
            mask = np.ascontiguousarray(frame.axes.undo(full))
            yield LabelMask(label, mask, self.sums[number] / count if count else 0.0)


def _inside(prepared: Prepared) -> tuple[NDArray[np.bool_], Mask] | None:
    """Which region slices, and which pixels of each, lie in the crop of the prepared grid."""
    work, found = prepared.frame.work.shape, []
    for axis, block, count in zip(prepared.frame.back("nearest"), prepared.crop, work, strict=True):
        row = np.zeros(count, dtype=bool)
        row[block] = True
        found.append(row[axis.nearest])
    if all(row.all() for row in found):
        return None
    return found[0], found[1][:, None] & found[2][None, :]


def found_masks(
    planes: Iterator[tuple[int, Image]], prepared: Prepared, manifest: Manifest
) -> Iterator[LabelMask]:
    """Each label's mask on the original grid, before cleaning.

    planes: the network's averaged output, (z in the crop, (K, y, x)) in order.
    """
    deciding = _Deciding(manifest, prepared)
    post = manifest.post
    order = "nearest" if post.resample == "labels" else post.interpolation
    limited = _inside(prepared) if post.resample == "logits" else None
    brought = stream(deciding.planes(planes), prepared.frame.back(order))
    for z, plane in enumerate(brought):
        if limited is None:
            deciding.decide(z, plane, None)
        else:
            deciding.decide(z, plane, limited[1] & limited[0][z])
    yield from deciding.masks()


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

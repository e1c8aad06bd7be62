"""Sliding a network over an image, with memory bounded by one slab of patches.

Positions and weights as nnU-Net (Isensee 2021, Nat Methods 18:203; its ``sliding_window``).
Patches are taken in z order; a slice that no later patch touches is averaged and handed out at
once, so only as many slices as a patch is thick are ever accumulated (float32). Patches go to the
network as a stream, so that it can look at the next while one is being added up; they are added up
in one order, whatever is ready first, so a sum is the same to its last bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.vocabulary import Infer
from workstation.domain.errors import N_, BadInput

Image = NDArray[np.float32]
Steps = Literal["even", "fixed"]
Predict = Callable[[Image], Image]
"""(N, C, D, H, W) to (N, K, D, H, W), or without D."""
Stream = Callable[[Iterable[Image]], Iterator[Image]]
"""The same for a row of batches: one output for each, in their order. An output may be used until
the next one is asked for."""


def one_by_one(predict: Predict) -> Stream:
    """A network that looks at one batch at a time, as a stream."""
    return lambda batches: map(predict, batches)


def positions(size: int, tile: int, overlap: float, steps: Steps = "even") -> list[int]:
    """Where tiles start along one axis.

    even: evenly spread, steps at most ``tile * (1 - overlap)`` (nnU-Net's
    ``compute_steps_for_sliding_window``). fixed: steps of that many whole voxels, the last tile
    moved back to the end (MONAI's ``dense_patch_slices``).

    >>> positions(110, 64, 0.5)
    [0, 23, 46]
    >>> positions(110, 64, 0.5, "fixed")
    [0, 32, 46]
    """
    if size <= tile:
        return [0]
    if steps == "fixed":
        step = max(1, int(tile * (1.0 - overlap)))
        return [*range(0, size - tile, step), size - tile]
    count = math.ceil((size - tile) / (tile * (1.0 - overlap))) + 1
    stride = (size - tile) / (count - 1)
    return [round(stride * i) for i in range(count)]


def gaussian(tile: tuple[int, ...]) -> Image:
    """Weight of each voxel of a patch: Gaussian about T//2 with sigma T/8, largest 1, and no
    zeros (they become the smallest positive weight, so that every voxel has an average)."""
    peak = np.zeros(tile, dtype=np.float64)
    peak[tuple(n // 2 for n in tile)] = 1.0
    spread = ndimage.gaussian_filter(peak, [n / 8 for n in tile], mode="constant", cval=0.0)
    weight: Image = (spread / spread.max()).astype(np.float32)
    weight[weight == 0] = weight[weight > 0].min()
    return weight


def gaussian_centred(tile: tuple[int, ...]) -> Image:
    """Gaussian about (T-1)/2 with sigma T/8, nowhere under 0.001 or its own smallest value
    (MONAI's ``compute_importance_map``)."""
    weight: Image = np.ones((), dtype=np.float32)
    for n in tile:
        away = np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2)
        line = np.exp(away**2 / np.float32(-2 * (n * 0.125) ** 2)).astype(np.float32)
        weight = weight[..., None] * line
    return np.maximum(weight, max(float(weight.min()), 1e-3)).astype(np.float32)


def _weight(tile: tuple[int, int, int], infer: Infer) -> Image:
    flat = len(infer.patch) == 2
    if infer.weight == "constant":
        return np.ones(tile, dtype=np.float32)
    if infer.weight == "gaussian":
        return gaussian(tile)
    own = gaussian_centred(tile[1:] if flat else tile)
    return own[None] if flat else own


@dataclass(frozen=True)
class _Slab:
    """Slices start..start+thick of the padded image; jobs: (z, y, x) starts of its patches."""

    start: int
    thick: int
    jobs: tuple[tuple[int, int, int], ...]


def _slabs(size: tuple[int, int, int], tile: tuple[int, int, int], infer: Infer) -> list[_Slab]:
    def starts(axis: int) -> list[int]:
        return positions(size[axis], tile[axis], infer.overlap, infer.steps)

    across = list(itertools.product(starts(1), starts(2)))
    flat = len(infer.patch) == 2
    if not flat:
        return [_Slab(z, tile[0], tuple((z, y, x) for y, x in across)) for z in starts(0)]
    # Slices do not overlap: as many at once as fill a batch.
    group = max(1, math.ceil(infer.batch / len(across)))
    return [
        _Slab(
            z,
            min(group, size[0] - z),
            tuple((s, y, x) for s in range(z, min(z + group, size[0])) for y, x in across),
        )
        for z in range(0, size[0], group)
    ]


def _rows(slab: _Slab, infer: Infer) -> Iterator[tuple[tuple[int, int, int], ...]]:
    for first in range(0, len(slab.jobs), infer.batch):
        yield slab.jobs[first : first + infer.batch]


def _cut(
    image: Image,
    at: tuple[int, int, int],
    tile: tuple[int, int, int],
    before: tuple[int, int, int],
    infer: Infer,
    pad_value: float,
) -> Image:
    """The patch that starts ``at`` in the padded image: (C, D, H, W), or (C * slices, H, W)."""
    flat = len(infer.patch) == 2
    if flat:
        reach = infer.slices // 2
        # End slices are repeated, like the neighbours a network saw in training.
        wanted = np.clip(np.arange(at[0] - reach, at[0] + reach + 1), 0, image.shape[1] - 1)
        image = image[:, wanted].reshape(-1, 1, *image.shape[2:])
        at = (0, at[1], at[2])
    patch = np.full((image.shape[0], *tile), pad_value, dtype=np.float32)
    source, target = [slice(None)], [slice(None)]
    for count, start, extent, pad in zip(image.shape[1:], at, tile, before, strict=True):
        first = start - pad
        low, high = max(0, first), min(count, first + extent)
        source.append(slice(low, high))
        target.append(slice(low - first, high - first))
    patch[tuple(target)] = image[tuple(source)]
    return patch[:, 0] if flat else patch


def _flips(infer: Infer) -> list[tuple[int, ...]]:
    """Every combination of mirrored axes (test-time augmentation); the plain one first."""
    axes = [{"z": -3, "y": -2, "x": -1}[letter] for letter in infer.flips]
    return [one for n in range(len(axes) + 1) for one in itertools.combinations(axes, n)]


def _turned(batch: Image, flips: Sequence[tuple[int, ...]]) -> Iterator[Image]:
    for axes in flips:
        yield np.ascontiguousarray(np.flip(batch, axes)) if axes else batch


def _mean(outputs: Iterator[Image], flips: Sequence[tuple[int, ...]]) -> Image:
    """The average of the outputs of one batch, turned back."""
    if len(flips) == 1:
        return next(outputs)  # used before the next is asked for: no copy of the largest array
    total: Image | None = None
    for axes in flips:
        out = np.flip(next(outputs), axes)
        total = out.astype(np.float32) if total is None else total + out
    assert total is not None
    return np.asarray(total / len(flips), dtype=np.float32)


def slide(
    image: Image,
    infer: Infer,
    network: Stream,
    pad_value: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Iterator[tuple[int, Image]]:
    """Averaged network output, slice by slice in order: (z, (K, y, x)).

    image: (C, z, y, x). Raises ``BadInput`` where the network's output has another shape.
    """
    flat = len(infer.patch) == 2
    tile = (1, *infer.patch) if flat else infer.patch
    tile = (tile[0], tile[1], tile[2])
    real = image.shape[1:]
    size = tuple(max(n, t) for n, t in zip(real, tile, strict=True))
    size = (size[0], size[1], size[2])
    before = tuple((n - r) // 2 for n, r in zip(size, real, strict=True))
    before = (before[0], before[1], before[2])
    weight = _weight(tile, infer)
    slabs = _slabs(size, tile, infer)
    total: Image | None = None  # (K, thick, y, x) from slab.start on
    weights = np.zeros((slabs[0].thick, *size[1:]), dtype=np.float32)
    flips = _flips(infer)

    def batches() -> Iterator[Image]:
        for slab in slabs:
            for jobs in _rows(slab, infer):
                yield from _turned(
                    np.stack([_cut(image, at, tile, before, infer, pad_value) for at in jobs]),
                    flips,
                )

    outputs = network(batches())
    for number, slab in enumerate(slabs):
        for first, jobs in enumerate(_rows(slab, infer)):
            out = _mean(outputs, flips)
            given = (len(jobs), image.shape[0] * (infer.slices if flat else 1), *infer.patch)
            if out.ndim != len(given) or out.shape[0] != len(jobs) or out.shape[2:] != given[2:]:
                raise BadInput(
                    N_("The network's output has shape {found} for an input of {given}."),
                    found=str(out.shape),
                    given=str(given),
                )
            if total is None:
                total = np.zeros((out.shape[1], *weights.shape), dtype=np.float32)
            for (z, y, x), one in zip(jobs, out, strict=True):
                block = (
                    slice(z - slab.start, z - slab.start + tile[0]),
                    slice(y, y + tile[1]),
                    slice(x, x + tile[2]),
                )
                volume = one[:, None] if flat else one
                total[(slice(None), *block)] += volume * weight
                weights[block] += weight
            done_jobs = first * infer.batch + len(jobs)
            progress((number + done_jobs / len(slab.jobs)) / len(slabs))
        assert total is not None
        last = number + 1 == len(slabs)
        done = slab.thick if last else slabs[number + 1].start - slab.start
        for offset in range(done):
            z = slab.start + offset - before[0]
            if 0 <= z < real[0]:
                plane = total[:, offset] / weights[offset]
                yield z, plane[:, before[1] : before[1] + real[1], before[2] : before[2] + real[2]]
        if not last:
            rest = slabs[number].thick - done
            total[:, :rest], weights[:rest] = total[:, done:].copy(), weights[done:].copy()
            total[:, rest:], weights[rest:] = 0.0, 0.0

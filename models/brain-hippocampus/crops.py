"""The hippocampus crops of the Medical Segmentation Decathlon, how they are split and prepared.

Arrays (z, y, x) at 1 mm: z to the head, y to the front, x to the middle of the body (every crop is
stored so, whichever side it is of). Labels: 1 anterior (head), 2 posterior (body and tail).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Image = NDArray[np.float32]
Label = NDArray[np.uint8]

PATCH = (40, 56, 40)
"""What the network sees at once (z, y, x), voxels of 1 mm."""
CLIP = (-4.0, 5.0)
BLOCKS = 10
TEST_BLOCKS = (2, 7)  # measured once the network is final
CHECK_BLOCK = 4  # watched while training was set up
GUARD = 2  # cases left out beside a block: neighbouring numbers may be one person


@dataclass(frozen=True)
class Crop:
    """One crop, normalised. name: its number in the set."""

    name: str
    image: Image
    label: Label


def names(data: Path) -> list[str]:
    """Numbers of all cases, in order."""
    return sorted(one.name[12:15] for one in (data / "mr_hippocampus" / "images").glob("*.nii.gz"))


def split(every: list[str]) -> dict[str, list[str]]:
    """Cases for training, checking and testing: whole blocks of numbers, with a guard between."""
    edges = [round(k * len(every) / BLOCKS) for k in range(BLOCKS + 1)]
    kept: dict[str, list[str]] = {"train": [], "check": [], "test": []}
    taken = set()
    for block in (*TEST_BLOCKS, CHECK_BLOCK):
        first, last = edges[block], edges[block + 1]
        kept["check" if block == CHECK_BLOCK else "test"] += every[first:last]
        taken |= set(range(first - GUARD, last + GUARD))
    kept["train"] = [name for number, name in enumerate(every) if number not in taken]
    return kept


def normalised(image: NDArray[np.generic]) -> Image:
    """Mean 0 and deviation 1 over the whole crop, then ``CLIP``: as the manifest says."""
    given = np.asarray(image, dtype=np.float32)
    out = (given - float(given.mean())) / max(float(given.std()), 1e-6)
    return np.clip(out, *CLIP).astype(np.float32)


def read(data: Path, name: str) -> Crop:
    """One crop with its expert label."""
    folder, file = data / "mr_hippocampus", f"hippocampus_{name}.nii.gz"
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "images" / file)))
    label = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "labels" / file)))
    return Crop(name, normalised(image), label.astype(np.uint8))


def fitted(array: NDArray[np.generic], shape: tuple[int, int, int] = PATCH) -> NDArray[np.generic]:
    """``array`` in the middle of ``shape``, its edge repeated; at least its own size, rounded up
    to what the network halves three times."""
    wide = [max(want, -(-n // 8) * 8) for n, want in zip(array.shape, shape, strict=True)]
    pads = [((w - n) // 2, w - n - (w - n) // 2) for n, w in zip(array.shape, wide, strict=True)]
    return np.pad(array, pads, mode="edge")


def unfitted(array: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """The middle of the last three axes: the way back of ``fitted``."""
    starts = [(w - n) // 2 for w, n in zip(array.shape[-3:], shape, strict=True)]
    block = tuple(slice(s, s + n) for s, n in zip(starts, shape, strict=True))
    return array[(..., *block)]

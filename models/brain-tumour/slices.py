"""The boxed T1+Gd slices (Cheng, figshare 1512427), how they are split and prepared.

Arrays (y, x), 256 x 256 pixels of 0.98 mm, as a screen shows them (axial, coronal and sagittal).
Boxes are (left, top, right, bottom) in pixels; pixel i covers i to i + 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

SIZE = 256
PIXEL_MM = 0.98  # 512 pixels of 0.49 mm, halved
STRIDE = 4  # of the detector: its places are so many pixels apart
UNIT = 16.0  # pixels that a distance of 1 stands for
CLASSES = ("pituitary", "meningioma", "glioma")
GUARD = 40  # numbers between parts: patients are not known, their slices have neighbouring numbers
TEST_SHARE, CHECK_SHARE = 0.2, 0.08


@dataclass
class Slices:
    """image: (n, y, x) uint8. box: (n, 4). kind: (n,) index of ``CLASSES``. number: (n,)."""

    image: NDArray[np.uint8]
    box: NDArray[np.float32]
    kind: NDArray[np.int64]
    number: NDArray[np.int64]

    def some(self, chosen: NDArray[np.bool_]) -> Slices:
        """Those that are chosen."""
        return Slices(self.image[chosen], self.box[chosen], self.kind[chosen], self.number[chosen])


def numbers(data: Path, kind: int) -> list[int]:
    """Numbers of a class, in order."""
    folder = data / "mr_brain_tumour_boxes" / str(kind)
    return sorted(int(one.stem) for one in folder.glob("*.jpg"))


def parts(every: list[int]) -> dict[str, list[int]]:
    """Training, check and test numbers of one class: the last block is the test, the block before
    it the check, and nothing within ``GUARD`` of the next part stays in the one before."""
    test = every[round(len(every) * (1 - TEST_SHARE)) :]
    before = [n for n in every if n < test[0] - GUARD]
    check = before[round(len(before) * (1 - CHECK_SHARE)) :]
    train = [n for n in before if n < check[0] - GUARD]
    return {"train": train, "check": check, "test": test}


def read(data: Path, part: str) -> Slices:
    """One part of all classes. Training never asks for "test"."""
    images, boxes, kinds, found = [], [], [], []
    for kind in range(len(CLASSES)):
        folder = data / "mr_brain_tumour_boxes" / str(kind)
        for number in parts(numbers(data, kind))[part]:
            image = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{number}.jpg")))
            image = image.mean(axis=-1) if image.ndim == 3 else image
            line = (folder / f"{number}.txt").read_text(encoding="ascii").split()
            _, x, y, width, height = (float(v) * SIZE for v in line)
            images.append(np.asarray(image, dtype=np.uint8))
            boxes.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
            kinds.append(kind)
            found.append(number)
    return Slices(np.stack(images), np.array(boxes, np.float32), np.array(kinds), np.array(found))


def normalised(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """0 to the 99.5th percentile becomes 0 to 1, higher at most 1.5: as the manifest says."""
    given = np.asarray(image, dtype=np.float32)
    low, high = (float(v) for v in np.percentile(given, (1.0, 99.5)))
    return np.clip((given - low) / max(high - low, 1e-6), 0.0, 1.5).astype(np.float32)


def overlap(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.float64]:
    """Intersection over union of boxes (n, 4) and (m, 4): (n, m)."""
    a, b = np.asarray(a, float).reshape(-1, 4), np.asarray(b, float).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(one[:, 2:] - one[:, :2], axis=1) for one in (a, b)]
    return both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)

"""Wrong images for a model of FLAIR heads, made from right ones or from nothing.

Everything is in the axes of the patient: arrays (z, y, x) towards head, back and left, grids in
LPS. ``spoilt`` makes the wrong ones of a right image, ``strange`` those that never were a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.ai.files import load_image
from workstation.demo.chest_scan import random_chest_scan
from workstation.demo.head import random_shape
from workstation.demo.lesions import random_load
from workstation.demo.scans import cine_scan, flair_scan, tof_scan
from workstation.demo.ventricle import HeartShape
from workstation.dicom.folder import read_folder
from workstation.domain.geometry import Grid, as_matrix, axes_towards

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """One image. what: in a few words. seen: whether something in it can tell that it is wrong."""

    what: str
    array: Array
    grid: Grid
    seen: bool = True


def grid_of(shape: tuple[int, ...], spacing: NDArray[np.float64]) -> Grid:
    """Axes to the left, back and head; spacing z, y, x, mm."""
    steps = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    return Grid((shape[0], shape[1], shape[2]), as_matrix(steps))


def upright(what: str, array: NDArray[Any], grid: Grid) -> Picture:
    """Any volume in the axes of the patient, so that it can be spoilt axis by axis."""
    axes = axes_towards(grid, "LPH")
    turned = np.nan_to_num(axes.apply(array).astype(np.float32))
    spacing = np.asarray(axes.apply_grid(grid).spacing_mm[::-1])
    return Picture(what, np.ascontiguousarray(turned), grid_of(turned.shape, spacing))


def _spacing(one: Picture) -> NDArray[np.float64]:
    return np.asarray(one.grid.spacing_mm[::-1])


def _held(array: Array) -> tuple[int, int]:
    """First and last slice with something in it."""
    bright = array > 0.2 * np.percentile(array, 99)
    slices = np.flatnonzero(bright.mean(axis=(1, 2)) > 0.01)
    return int(slices[0]), int(slices[-1]) + 1


def _magnitude(array: Array, deviation: float, rng: np.random.Generator) -> Array:
    """Noise as in magnitude images of MR (Gudbjartsson 1995, Magn Reson Med 34:910)."""
    real, imaginary = (rng.normal(0.0, deviation, array.shape) for _ in range(2))
    return np.hypot(array + real, imaginary).astype(np.float32)


def spoilt(right: Picture, seed: int = 1) -> Iterator[Picture]:
    """What can go wrong with a right image."""
    rng = np.random.default_rng(seed)
    array, spacing = right.array, _spacing(right)
    first, last = _held(array)
    middle = (first + last) // 2
    high = float(np.percentile(array, 99.9))
    z, y, x = array.shape

    def made(what: str, image: Array, spacing: NDArray[np.float64] = spacing,
             seen: bool = True) -> Picture:  # fmt: skip
        image = np.ascontiguousarray(image, dtype=np.float32)
        return Picture(what, image, grid_of(image.shape, spacing), seen)

    yield made("upside down", array[::-1])
    yield made("front to back", array[:, ::-1])
    yield made("turned by 180 degrees in plane", array[:, ::-1, ::-1])
    yield made("left to right", array[:, :, ::-1], seen=False)
    yield made("upper half of the slices", array[middle:last])
    yield made("lower half of the slices", array[first:middle])
    yield made("every second slice, old spacing", array[::2])
    yield made("every second slice, true spacing", array[::2], spacing * [2, 1, 1], seen=False)
    gap = max(3, round(15.0 / spacing[0]))
    yield made("15 mm of slices cut out", np.delete(array, np.s_[middle : middle + gap], axis=0))
    yield made("one slice missing", np.delete(array, middle, axis=0), seen=False)
    yield made("a slice copied over its neighbours", _copied(array, middle))
    yield made("blank slices between", _blanked(array, middle))
    yield made("inverted contrast", np.clip(high - array, 0, None))
    yield made("left half only", array[:, :, : x // 2])
    yield made("extreme crop", array[z // 4 : 3 * z // 4, y // 3 : 2 * y // 3, x // 3 : 2 * x // 3])
    yield made("drowned in noise", _magnitude(array, 0.3 * float(np.percentile(array, 95)), rng))
    yield made("magnified twice", array, spacing * 2)
    yield made("axes exchanged (z and y)", np.swapaxes(array, 0, 1), spacing[[1, 0, 2]])
    yield made(
        "sharpened until it rings", 4 * array - 3 * ndimage.gaussian_filter(array, (0, 3, 3))
    )


def _copied(array: Array, middle: int) -> Array:
    out = array.copy()
    out[middle : middle + 4] = array[middle]
    return out


def _blanked(array: Array, middle: int) -> Array:
    out = array.copy()
    out[middle : middle + 2] = 0.0
    return out


def strange(seed: int = 2) -> Iterator[Picture]:
    """What never was a FLAIR of a head: generated, the same on every machine."""
    rng = np.random.default_rng(seed)
    shape, spacing = (40, 224, 224), np.array([3.5, 1.0, 1.0])
    z, y, x = np.indices(shape, dtype=np.float32)
    round_ = (y - 112) ** 2 + (x - 112) ** 2
    grid = grid_of(shape, spacing)
    cylinder = 600.0 * ((round_ < 90**2) & (z > 2) & (z < 37))
    yield Picture("uniform cylinder (phantom)", _magnitude(cylinder, 12.0, rng), grid)
    rods = cylinder.copy()
    for angle in np.linspace(0, 2 * np.pi, 9)[:-1]:
        centre = 112 + 55 * np.array([np.sin(angle), np.cos(angle)])
        rods[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 9**2] *= 0.4
    yield Picture("cylinder with rods (phantom)", _magnitude(rods, 12.0, rng), grid)
    ball = ((z - 20) * 3.5) ** 2 + round_ < 68**2
    yield Picture("ball (phantom)", _magnitude(600.0 * ball, 12.0, rng), grid)
    nothing = np.zeros(shape, dtype=np.float32)
    yield Picture("magnitude noise", _magnitude(nothing, 100.0, rng), grid)
    yield Picture("normal noise", rng.normal(0, 100, shape).astype(np.float32), grid)
    yield Picture("nothing", nothing, grid)
    yield Picture("all the same value", np.full(shape, 400.0, dtype=np.float32), grid)
    yield Picture("brightness gradient", x + y + 3 * z, grid)
    yield Picture("checkerboard", 500.0 * ((z + y // 8 + x // 8) % 2).astype(np.float32), grid)
    yield Picture("leg (two bones in muscle)", _leg(z, y, x, rng), grid)
    chest = random_chest_scan(seed, matrix=160, slices=64)
    yield upright("CT of a chest, generated", chest.array, chest.grid)
    cine = cine_scan(HeartShape(), seed=seed, matrix=128)
    yield upright("cine of a heart, generated", cine.array[0], cine.grid)
    tof = tof_scan(random_shape(rng), seed=seed, matrix=192, slices=60, slice_mm=1.3)
    yield upright("TOF angiogram of a head, generated", tof.array, tof.grid)


def _leg(z: Array, y: Array, x: Array, rng: np.random.Generator) -> Array:
    grow = 1.0 + 0.006 * (z - 20)
    away = np.hypot((y - 112) / (70 * grow), (x - 112) / (62 * grow))
    image = 250.0 * (away < 1) + 500.0 * ((away > 0.88) & (away < 1))  # muscle within fat
    image *= 1 + 0.2 * ndimage.gaussian_filter(rng.normal(0, 6, image.shape), (2, 4, 4))
    for cy, cx, radius in ((104, 116, 15), (140, 88, 8)):
        bone = np.hypot(y - cy, x - cx)
        image[bone < radius] = 30.0
        image[bone < 0.6 * radius] = 420.0
    return _magnitude(image.astype(np.float32), 10.0, rng)


def right_generated(seeds: range) -> Iterator[Picture]:
    """FLAIR heads of the demo's generator, covered from below the cerebellum to the vertex, of
    seeds used for nothing else."""
    for seed in seeds:
        rng = np.random.default_rng((seed, 97))
        scan = flair_scan(
            random_shape(rng), random_load(rng), seed=seed, matrix=192, slices=38, slice_mm=3.5,
            per_slice=2, noise=float(rng.uniform(0.008, 0.03)),
        )  # fmt: skip
        yield upright(f"generated head {seed}", scan.array, scan.grid)


# The public images that the model was never trained or calibrated on, and those that it was.
UNSEEN = ("mr_ms_lesions/patient26/FLAIR.nii.gz", "mr_ms_followup/study1_FLAIR.nii.gz",
          "mr_ms_followup/study2_FLAIR.nii.gz")  # fmt: skip
TRAINED = ("mr_ms_lesions/patient07/FLAIR.nii.gz",
           "mr_flair_unlabelled/patient04_study1_FLAIR.nii.gz",
           "mr_flair_unlabelled/patient09_study2_FLAIR.nii.gz",
           "mr_flair_unlabelled/patient20_study2_FLAIR.nii.gz")  # fmt: skip
OTHER_SEQUENCES = (
    "mr_ms_lesions/patient26/T1.nii.gz", "mr_ms_lesions/patient26/T1POST.nii.gz",
    "mr_ms_lesions/patient26/T2.nii.gz", "mr_ms_followup/study1_T1W.nii.gz",
    "mr_ms_followup/study1_T2W.nii.gz", "mr_ms_followup/study2_T1W.nii.gz",
    "mr_ms_followup/study2_T2W.nii.gz", "mr_brain_tumour/brain1_image.nrrd",
    "mr_tof/chris_MRA.nii.gz", "ct_abdomen/example_ct.nii.gz",
)  # fmt: skip
OTHER_FOLDERS = ("ct_head/series", "ct_chest/series", "petctmr_sarcoma/STS_001/CT/image",
                 "petctmr_sarcoma/STS_001/MR_T1/image")  # fmt: skip


def real(data: Path, name: str) -> Picture:
    """One public image file."""
    array, grid = load_image(data / name)
    return upright(name.removesuffix(".nii.gz").removesuffix(".nrrd"), array, grid)


def real_strangers(data: Path) -> Iterator[Picture]:
    """Public images that are no FLAIR of a head."""
    for name in OTHER_SEQUENCES:
        yield real(data, name)
    for name in OTHER_FOLDERS:
        folder = read_folder(data / name)
        stack = max(folder.stacks, key=lambda one: one.grid.shape[0])
        volume = folder.read(stack)
        yield upright(name, volume.array, volume.grid)

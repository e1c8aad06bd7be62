"""Test images and what is known of them. Test only: nothing here is trained or tuned on.

References of patients are machine-made (TotalSegmentator's own test files), not truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bodies
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scanner import seen_by
from scipy import ndimage
from tissues import CLASS_TABLE, CLASSES, OUTPUTS

from workstation.domain.geometry import Grid, as_matrix

Mask = NDArray[np.bool_]
# Numbers of TotalSegmentator's classes (version 2).
TOTAL = {
    "spleen": (1,),
    "kidney_right": (2,),
    "kidney_left": (3,),
    "liver": (5,),
    "lung_left": (10, 11),
    "lung_right": (12, 13, 14),
    "aorta": (52,),
    "vertebrae": tuple(range(27, 51)),
    "bone": (*range(25, 51), *range(69, 79), *range(91, 117)),
}
S1, CARTILAGE = 26, 117
LEAST_ML = 5.0  # a piece of an organ smaller than this in the reference says little


@dataclass
class Case:
    """truths: by label. asked: where the reference says anything at all, by label; everywhere
    for labels that are not named."""

    name: str
    array: NDArray[np.float32]
    grid: Grid
    truths: dict[str, Mask] = field(default_factory=dict)
    asked: dict[str, Mask] = field(default_factory=dict)
    phase: str = ""


def grid_of(image: sitk.Image) -> Grid:
    """SimpleITK keeps LPS mm as the product does."""
    affine = np.eye(4)
    turn = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = turn * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    x, y, z = image.GetSize()
    return Grid((z, y, x), as_matrix(affine))


def read_series(folder: Path) -> sitk.Image:
    """A folder of DICOM slices as one image."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def _masks(labels: NDArray[np.integer], voxel_ml: float) -> dict[str, Mask]:
    found = {key: np.isin(labels, numbers) for key, numbers in TOTAL.items()}
    return {key: mask for key, mask in found.items() if mask.sum() * voxel_ml >= LEAST_ML}


def abdomen(data: Path) -> Case:
    """Unenhanced, 3 mm, with a hip of metal. The reference covers the uppermost 30 slices alone,
    though its header lays it at the lowest: its own vertebrae, beside the same vertebrae of the
    whole volume (``spine_report``), say where it belongs."""
    folder = data / "ct_abdomen"
    image = sitk.ReadImage(str(folder / "example_ct.nii.gz"))
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    part = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "example_seg.nii.gz")))
    spine = folder / "spine_report" / "example_ct_report" / "totalseg.nii.gz"
    whole = sitk.GetArrayFromImage(sitk.ReadImage(str(spine)))
    first = _offset(part, whole)
    labels = np.zeros(array.shape, dtype=np.int32)
    labels[first : first + len(part)] = part
    grid = grid_of(image)
    slab = np.zeros(array.shape, dtype=bool)
    slab[first : first + len(part)] = True
    truths = _masks(labels, grid.voxel_ml)
    truths["vertebrae"] = np.isin(whole, TOTAL["vertebrae"])
    truths["body"] = np.zeros_like(slab)
    truths["body"][first : first + len(part)] = _outlined(folder, part > 0)
    asked = dict.fromkeys(truths, slab)
    asked["bone"] = slab & (labels != CARTILAGE)
    asked["vertebrae"] = whole != S1
    return Case("abdomen, unenhanced", array, grid, truths, asked, "plain")


def _outlined(folder: Path, organs: Mask) -> Mask:
    """The whole body of the reference's slices: its organs, muscle and fat, and what they hold."""
    held = organs.copy()
    for name in ("skeletal_muscle", "subcutaneous_fat", "torso_fat"):
        file = folder / "example_seg_tissue_types" / f"{name}.nii.gz"
        held |= sitk.GetArrayFromImage(sitk.ReadImage(str(file))) > 0
    closed = (ndimage.binary_closing(plane, iterations=2) for plane in held)
    return np.stack([ndimage.binary_fill_holes(plane) for plane in closed])


def _offset(part: NDArray[np.integer], whole: NDArray[np.integer]) -> int:
    """The slice of ``whole`` at which ``part`` begins: where their vertebrae agree best."""
    known = np.where(np.isin(part, TOTAL["vertebrae"]), part, 0)
    agree = [
        int(((whole[z : z + len(part)] == known) & (known > 0)).sum())
        for z in range(len(whole) - len(part) + 1)
    ]
    return int(np.argmax(agree))


def upper_abdomen(data: Path) -> Case:
    """Enhanced, 0.98 x 0.98 x 2 mm, 38 mm high, with fluid around liver and lungs."""
    folder = data / "ct_abdomen"
    image = read_series(folder / "series")
    seg = sitk.ReadImage(str(folder / "example_seg_dicom.nii.gz"))
    there = sitk.Resample(seg, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    labels = sitk.GetArrayFromImage(there)
    grid = grid_of(image)
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    truths = _masks(labels, grid.voxel_ml)
    return Case("upper abdomen, enhanced", array, grid, truths,
                {"bone": labels != CARTILAGE}, "portal")  # fmt: skip


def heart(data: Path) -> Case:
    """Enhanced, cut around the heart, 1.5 mm."""
    folder = data / "ct_heart_contrast" / "models"
    image = sitk.ReadImage(str(folder / "ct_cropped.nii.gz"))
    mask = sitk.ReadImage(str(folder / "heart.nii.gz"))
    there = sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    array = sitk.GetArrayFromImage(image).astype(np.float32)
    truth = {"heart": sitk.GetArrayFromImage(there) > 0}
    return Case("heart, enhanced", array, grid_of(image), truth, phase="arterial")


def real(data: Path) -> Iterator[Case]:
    """Patients with machine-made outlines."""
    yield abdomen(data)
    yield upper_abdomen(data)
    yield heart(data)


def unlabelled(data: Path) -> Iterator[Case]:
    """Patients without outlines: what is said of them can only be looked at."""
    for name, folder in (
        ("chest, 8 mm slices", "ct_chest/series"),
        ("thigh", "petctmr_sarcoma/STS_001/CT/image"),
        ("head", "ct_head/series"),
    ):
        image = read_series(data / folder)
        yield Case(name, sitk.GetArrayFromImage(image).astype(np.float32), grid_of(image))


def truths_of(tissue: NDArray[np.uint8]) -> dict[str, Mask]:
    """The twelve labels of a generated body."""
    label = CLASS_TABLE[tissue]
    found = {name: label == CLASSES.index(name) for name in OUTPUTS if name != "body"}
    found["body"] = label != CLASSES.index("outside")
    found["bone"] = found["bone"] | found["vertebrae"]
    return found


def generated(
    seed: int, numbers: range, family: int | None = None, cache: Path | None = None
) -> Iterator[Case]:
    """Bodies of seeds that training never saw; family 2 is one whose shapes it never saw. cache:
    folder that keeps them."""
    for number in numbers:
        rng = np.random.default_rng((seed, number, 7))
        kept = None if cache is None else cache / f"{seed}_{number:04d}_{family}.npz"
        if kept is not None and kept.is_file():
            tissue = np.load(kept)["tissue"]
        else:
            tissue = bodies.make_body(seed, number, family)
            if kept is not None:
                np.savez_compressed(kept, tissue=tissue)
        array, phase = seen_by(rng, tissue)
        array = np.clip(np.round(array), -1024, 3000).astype(np.float32)
        affine = np.diag([bodies.STEP_MM, bodies.STEP_MM, bodies.STEP_MM, 1.0])
        z, y, x = array.shape
        affine[:3, 3] = -0.5 * bodies.STEP_MM * np.array([x, y, z])
        name = f"generated body {seed}-{number}"
        yield Case(name, array, Grid((z, y, x), as_matrix(affine)), truths_of(tissue), {}, phase)

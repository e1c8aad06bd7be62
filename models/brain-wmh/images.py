"""The training images: read, brought to one orientation and grid, and what is known of each.

Arrays are (z, y, x), axial slices, x to the patient's left, y to posterior, z to the head, 1 mm in
plane, native distance between slices. Brain and white matter come from plain intensity rules: they
only decide where generated lesions are put and where the labels of unlabelled heads are not
trusted, so they need not be exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

LABELLED = ("mr_ms_lesions/patient07",)
# Whole heads without a mask. Lesions that are plain to see were pointed at by the developers (not
# by a radiologist): x, y, z voxel on the 1 mm grid and a radius in mm; they are grown from there.
# The last one is nearly free of lesions: its whole brain is a negative.
UNLABELLED: dict[str, tuple[tuple[int, int, int, float], ...]] = {
    "patient09_study2": (
        (124, 119, 17, 24.0),
        (65, 87, 24, 13.0),
        (113, 81, 25, 7.0),
        (135, 115, 24, 7.0),
        (100, 112, 25, 8.0),
        (102, 153, 26, 6.0),
    ),
    "patient20_study2": (
        (132, 86, 21, 13.0),
        (154, 140, 30, 6.0),
        (97, 110, 33, 6.0),
    ),
    "patient04_study1": (),
}

# Slices of each image that are never trained on; the threshold is chosen there (first, end).
HELD_OUT = {
    "patient07": (56, 70),
    "patient09_study2": (19, 23),
    "patient20_study2": (24, 29),
    "patient04_study1": (22, 27),
}


@dataclass
class Case:
    """One training image.

    image: FLAIR, raw units. brain, white, lesion: masks. near_white: 0..1, soft edge. doubtful:
    voxels whose label is unknown, left out of the loss. to_ventricle, to_brain: distances, mm.
    extracted: nothing but brain is in the image. step_mm: distance between slices. white_level:
    median of white matter, raw units.
    """

    name: str
    image: np.ndarray
    brain: np.ndarray
    white: np.ndarray
    near_white: np.ndarray
    lesion: np.ndarray
    doubtful: np.ndarray
    to_ventricle: np.ndarray
    to_brain: np.ndarray
    step_mm: float
    extracted: bool
    white_level: float

    @property
    def held_out(self) -> np.ndarray:
        """(z,) True for slices that training must not see."""
        out = np.zeros(len(self.image), dtype=bool)
        out[slice(*HELD_OUT[self.name])] = True
        return out


def read(path: Path) -> sitk.Image:
    """An image as float32 in LPS order of axes."""
    return sitk.DICOMOrient(sitk.ReadImage(str(path), sitk.sitkFloat32), "LPS")


def to_one_mm(image: sitk.Image) -> sitk.Image:
    """Resampled to 1 mm in plane, slices as they are; the field of view stays."""
    old = np.array(image.GetSpacing())
    new = np.array([1.0, 1.0, old[2]])
    size = np.round(np.array(image.GetSize()) * old / new).astype(int)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    origin = np.array(image.GetOrigin()) + direction @ ((new - old) / 2)
    return sitk.Resample(
        image,
        [int(n) for n in size],
        sitk.Transform(),
        sitk.sitkLinear,
        origin.tolist(),
        new.tolist(),
        image.GetDirection(),
        0.0,
    )


def array(image: sitk.Image) -> np.ndarray:
    """Voxels (z, y, x)."""
    return sitk.GetArrayFromImage(image)


def otsu(values: np.ndarray, bins: int = 256) -> float:
    """Otsu's threshold (IEEE Trans SMC 9, 1979)."""
    counts, edges = np.histogram(values, bins)
    centres = (edges[1:] + edges[:-1]) / 2
    weight = np.cumsum(counts).astype(float)
    moment = np.cumsum(counts * centres)
    other = weight[-1] - weight
    between = (moment[-1] * weight / weight[-1] - moment) ** 2 / np.maximum(weight * other, 1.0)
    return float(centres[between.argmax()])


def _close(mask: np.ndarray, times: int) -> np.ndarray:
    wide = np.pad(mask, ((0, 0), (8, 8), (8, 8)))
    return ndimage.binary_closing(wide, iterations=times)[:, 8:-8, 8:-8]


def brain_of(image: np.ndarray, step_mm: float) -> np.ndarray:
    """Brain in a whole-head FLAIR: bright enough, not as bright as fat, cut off the scalp by
    erosion, the largest piece, grown back."""
    smooth = ndimage.gaussian_filter(image, (0, 0.7, 0.7))
    inside = smooth[smooth > np.percentile(smooth, 99) * 0.15]
    counts, edges = np.histogram(inside, bins=120, range=(0, float(np.percentile(inside, 98))))
    counts = ndimage.gaussian_filter1d(counts.astype(float), 3)
    skip = len(counts) // 4
    mode = float(edges[skip + counts[skip:].argmax()])
    tissue = (smooth > 0.55 * mode) & (smooth < 1.75 * mode)
    core = ndimage.binary_erosion(tissue, np.ones((1, 5, 5)))
    pieces, _ = ndimage.label(core)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    core = pieces == sizes.argmax()
    near = ndimage.distance_transform_edt(~core, sampling=(step_mm, 1, 1)) <= 4
    whole = _close(near & (smooth > 0.35 * mode), 5)
    return np.stack([ndimage.binary_fill_holes(one) for one in whole])


def flattened(image: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """The image without its slow change of gain over the brain."""
    low, high = np.percentile(image[brain], [20, 95])
    weight = (brain & (image > low) & (image < high)).astype(np.float32)
    gain = ndimage.gaussian_filter(image * weight, (6, 22, 22))
    gain /= np.maximum(ndimage.gaussian_filter(weight, (6, 22, 22)), 1e-3)
    return image / np.clip(gain / np.median(gain[brain]), 0.5, 2.0)


def depth_of(brain: np.ndarray, step_mm: float) -> np.ndarray:
    """Distance to the outer surface of the brain in plane and across slices, mm."""
    return ndimage.distance_transform_edt(brain, sampling=(max(step_mm, 3.0), 1, 1))


def white_of(
    flat: np.ndarray, brain: np.ndarray, depth: np.ndarray, t1: np.ndarray | None
) -> np.ndarray:
    """White matter: the bright class of T1, or without one the darker of the two grey levels of
    FLAIR that are brighter than fluid."""
    deep = depth > 4
    if t1 is not None:
        smooth = ndimage.gaussian_filter(flattened(t1, brain), (0.3, 0.8, 0.8))
        values = smooth[deep]
        values = values[values > np.percentile(values, 5)]
        white = deep & (smooth > otsu(values[values > otsu(values) * 0.75], 128))
    else:
        smooth = ndimage.gaussian_filter(flat, (0.4, 1.2, 1.2))
        middle = float(np.median(smooth[deep]))
        values = smooth[deep & (smooth > 0.75 * middle) & (smooth < 1.4 * middle)]
        white = deep & (smooth < otsu(values, 128)) & (smooth > 0.72 * middle)
    return ndimage.binary_opening(white, np.ones((1, 2, 2)))


def _grown(
    smooth: np.ndarray, seeds: tuple[tuple[int, int, int, float], ...], step_mm: float
) -> np.ndarray:
    """Voxels around each seed that are nearer to its peak than to white matter (1.0)."""
    found = np.zeros(smooth.shape, dtype=bool)
    zs, ys, xs = np.indices(smooth.shape, sparse=True)
    for x, y, z, radius in seeds:
        near = ((xs - x) ** 2 + (ys - y) ** 2 + ((zs - z) * step_mm) ** 2) <= radius**2
        centre = ((xs - x) ** 2 + (ys - y) ** 2 + ((zs - z) * step_mm) ** 2) <= 4.0**2
        peak = float(smooth[centre].max())
        pieces, _ = ndimage.label(near & (smooth > 1.0 + 0.5 * (min(peak, 1.8) - 1.0)))
        start = np.where(centre, smooth, 0.0).argmax()
        found |= pieces == pieces.ravel()[start]
    return found


def _doubtful(
    smooth: np.ndarray, brain: np.ndarray, white: np.ndarray, fluid: np.ndarray
) -> np.ndarray:
    """Islands brighter than the white matter around them (cortex is none): maybe lesions."""
    found = np.zeros_like(brain)
    for z in range(len(smooth)):
        for level in (1.25, 1.35, 1.45, 1.6):
            pieces, _ = ndimage.label(brain[z] & (smooth[z] > level))
            for number, box in enumerate(ndimage.find_objects(pieces), start=1):
                wide = tuple(slice(max(s.start - 3, 0), s.stop + 3) for s in box)
                own = pieces[wide] == number
                if not 3 <= int(own.sum()) <= 900:
                    continue
                ring = ndimage.binary_dilation(own, np.ones((3, 3)), iterations=3)
                ring &= ~ndimage.binary_dilation(own)
                wet = fluid[z][wide][ring].mean()
                if white[z][wide][ring].mean() >= 0.5 - wet and wet <= 0.35:
                    found[z][wide] |= ndimage.binary_dilation(own)
    return found


def _finish(
    name: str,
    image: np.ndarray,
    brain: np.ndarray,
    t1: np.ndarray | None,
    step_mm: float,
    lesion: np.ndarray | None,
    seeds: tuple[tuple[int, int, int, float], ...] = (),
) -> Case:
    depth = depth_of(brain, step_mm)
    flat = flattened(image, brain)
    white = white_of(flat, brain, depth, t1)
    level = float(np.median(flat[white]))
    flat = flat / level
    smooth = ndimage.gaussian_filter(flat, (0, 0.6, 0.6))
    fluid = brain & (smooth < 0.6)
    ventricle = ndimage.binary_opening(fluid & (depth > 14), np.ones((1, 2, 2)))
    doubtful = np.zeros_like(brain)
    extracted = lesion is not None
    if lesion is None:
        lesion = np.zeros_like(brain)
        if seeds:
            lesion = _grown(smooth, seeds, step_mm)
            doubtful = _doubtful(smooth, brain, white, fluid)
            doubtful |= ndimage.binary_dilation(lesion, np.ones((1, 3, 3)))
            doubtful &= ~lesion
    near_white = ndimage.gaussian_filter(_close(white, 3).astype(np.float32), (0, 0.7, 0.7))
    white = white & ~ndimage.binary_dilation(lesion, iterations=2)
    sampling = (step_mm, 1, 1)
    # float32 everywhere: these arrays are walked through for every generated example.
    return Case(
        name,
        image,
        brain,
        white,
        near_white,
        lesion,
        doubtful,
        ndimage.distance_transform_edt(~ventricle, sampling=sampling).astype(np.float32),
        ndimage.distance_transform_edt(~brain, sampling=sampling).astype(np.float32),
        step_mm,
        extracted,
        level,
    )


def load_cases(data: Path) -> list[Case]:
    """Every image that may be trained on; test cases are never opened here."""
    cases = []
    for folder in LABELLED:
        flair = to_one_mm(read(data / folder / "FLAIR.nii.gz"))
        t1 = array(to_one_mm(read(data / folder / "T1.nii.gz")))
        mask = array(to_one_mm(read(data / folder / "lesions.nii.gz"))) > 0.5
        image = np.maximum(array(flair), 0.0)
        spans = [np.flatnonzero((image > 1.0).any(axis=pair)) for pair in ((1, 2), (0, 2), (0, 1))]
        tight = tuple(slice(max(0, s[0] - 16), s[-1] + 17) for s in spans)
        image, t1, mask = image[tight], t1[tight], mask[tight]
        brain = np.stack([ndimage.binary_fill_holes(one) for one in image > 1.0])
        step = float(flair.GetSpacing()[2])
        cases.append(_finish(Path(folder).name, image, brain, t1, step, mask))
    for name, seeds in UNLABELLED.items():
        folder_path = data / "mr_flair_unlabelled"
        flair = to_one_mm(read(folder_path / f"{name}_FLAIR.nii.gz"))
        image, step = array(flair), float(flair.GetSpacing()[2])
        t1_path = folder_path / f"{name}_T1W.nii.gz"
        t1 = array(sitk.Resample(read(t1_path), flair)) if t1_path.is_file() else None
        brain = brain_of(image, step)
        cases.append(_finish(name, image, brain, t1, step, None, seeds))
    return cases

"""Where a part of the body lies in a larger image, by registration with a package's own template.

The template is an image with a mask in a file of the package. It is brought onto the image by
Mattes mutual information (Mattes et al., IEEE TMI 22:120, 2003) with SimpleITK: turned and shifted
from several beginnings, then stretched as well. The boxes that the package names in the template
come back as grids in the patient: their size and shape stay as they are, only place and turn
follow. Arrays (z, y, x), LPS mm.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from workstation.ai.limits import Unsuitable
from workstation.ai.vocabulary import Place
from workstation.domain.errors import N_
from workstation.domain.geometry import Floats, Grid, as_matrix

_SEED = 20240229  # the same image always gives the same place
_BINS = 32
_ABOVE_CENTRE_MM = 75.0  # from the top of a head to the middle of its brain
_STEPS_MM = (-15.0, 0.0, 15.0)  # heads differ: the first guess is tried this far up and down
_TURNS_DEG = (0.0, -15.0)  # and with the chin down, as patients often lie
_PATIENT = {"L": (0, 1.0), "R": (0, -1.0), "P": (1, 1.0), "A": (1, -1.0), "H": (2, 1.0),
            "F": (2, -1.0)}  # fmt: skip


@dataclass(frozen=True)
class Atlas:
    """image, mask: (z, y, x) on ``grid``, in the template's own LPS mm."""

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    grid: Grid


@dataclass(frozen=True)
class Found:
    """to_patient: template LPS mm to patient LPS mm, 4x4. agreement: correlation of template and
    image inside the template's mask, -1..1."""

    to_patient: Floats
    agreement: float


def read_atlas(data: bytes) -> Atlas:
    """``image``, ``mask`` and ``affine`` of a ``.npz``. Raises ``OSError``, ``ValueError``,
    ``KeyError`` or ``BadZipFile`` where it is no template."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        image = np.asarray(stored["image"], dtype=np.float32)
        mask = np.asarray(stored["mask"], dtype=bool)
        affine = np.asarray(stored["affine"], dtype=np.float64)
    if image.ndim != 3 or mask.shape != image.shape or affine.shape != (4, 4) or not mask.any():
        raise ValueError("image and mask must have one shape, and affine 4 x 4")
    z, y, x = image.shape
    return Atlas(image, mask, Grid((z, y, x), as_matrix(affine)))


def _image(array: NDArray[Any], grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing([float(v) for v in grid.spacing_mm])
    image.SetOrigin([float(v) for v in grid.matrix[:3, 3]])
    image.SetDirection([float(v) for v in grid.directions.ravel()])
    return image


def _method(shrink: Sequence[int], smooth_mm: Sequence[float], share: float, step: float,
            most: int) -> sitk.ImageRegistrationMethod:  # fmt: skip
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(share, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step,
        minStep=0.005,
        numberOfIterations=most,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-7,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(shrink))
    method.SetSmoothingSigmasPerLevel(list(smooth_mm))
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _only(transform: sitk.Transform) -> sitk.Transform:
    whole = transform.GetName() == "CompositeTransform"
    return transform.GetNthTransform(0) if whole else transform


def _guess(image: NDArray[Any], grid: Grid) -> Floats:
    """About the middle of the brain, from the outline of the head: LPS mm."""
    low, high = (float(v) for v in np.percentile(image[::2, ::2, ::2], (0.5, 99.5)))
    places = np.argwhere(image > low + 0.15 * (high - low))
    if not len(places):
        raise Unsuitable(N_("The image is empty: no patient was found in it."))
    points = grid.to_lps(places[:: max(1, len(places) // 20_000), ::-1].astype(np.float64))
    top = float(np.percentile(points[:, 2], 99.8))
    upper = points[points[:, 2] > top - 2 * _ABOVE_CENTRE_MM]
    return np.array([*upper[:, :2].mean(axis=0), top - _ABOVE_CENTRE_MM])


def register(atlas: Atlas, image: NDArray[Any], grid: Grid, threads: int = 1) -> Found:
    """Bring ``atlas`` onto an image. Raises ``Unsuitable`` where they share nothing."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    given = np.asarray(image, dtype=np.float32)
    low, high = (float(v) for v in np.percentile(given[::2, ::2, ::2], (0.5, 99.5)))
    fixed, inside = _image(atlas.image, atlas.grid), _image(atlas.mask.astype(np.uint8), atlas.grid)
    moving = _image(np.clip(given, low, high), grid)
    centre = atlas.grid.to_lps(np.argwhere(atlas.mask)[:, ::-1].mean(axis=0))
    guess = _guess(given, grid)
    tried: list[tuple[float, sitk.Euler3DTransform]] = []
    for turn in _TURNS_DEG:
        for step in _STEPS_MM:
            start = sitk.Euler3DTransform()
            start.SetCenter([float(v) for v in centre])
            start.SetRotation(float(np.deg2rad(turn)), 0.0, 0.0)
            start.SetTranslation([float(v) for v in guess + np.array([0.0, 0.0, step]) - centre])
            method = _method((2,), (4.0,), 0.3, 4.0, 60)
            method.SetMetricFixedMask(inside)
            method.SetInitialTransform(start, inPlace=False)
            try:
                end = method.Execute(fixed, moving)
            except RuntimeError:  # ITK: too few samples fall into the image
                continue
            tried.append((method.GetMetricValue(), sitk.Euler3DTransform(_only(end))))
    if not tried:
        raise Unsuitable(N_("The place that the model looks at was not found in this image."))
    rigid = min(tried, key=lambda one: one[0])[1]
    stretched = sitk.AffineTransform(3)
    stretched.SetMatrix(rigid.GetMatrix())
    stretched.SetTranslation(rigid.GetTranslation())
    stretched.SetCenter(rigid.GetCenter())
    method = _method((2, 1), (3.0, 0.0), 0.5, 1.0, 120)
    method.SetMetricFixedMask(inside)
    method.SetInitialTransform(stretched, inPlace=False)
    try:
        end = sitk.AffineTransform(_only(method.Execute(fixed, moving)))
    except RuntimeError as error:
        raise Unsuitable(
            N_("The place that the model looks at was not found in this image.")
        ) from error
    there = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, end, sitk.sitkLinear, low))
    alike = float(np.corrcoef(there[atlas.mask], atlas.image[atlas.mask])[0, 1])
    return Found(_matrix(end), alike if np.isfinite(alike) else -1.0)


def _matrix(transform: sitk.AffineTransform) -> Floats:
    whole = np.eye(4)
    whole[:3, :3] = np.asarray(transform.GetMatrix()).reshape(3, 3)
    middle = np.asarray(transform.GetCenter())
    shift = np.asarray(transform.GetTranslation())
    whole[:3, 3] = middle + shift - whole[:3, :3] @ middle
    return whole


def box_grid(
    place: Place, to_patient: Floats, shape: tuple[int, int, int], spacing_mm: Floats
) -> Grid:
    """A place's box in the patient: its centre follows the whole transform, its axes the turn
    alone, so that lengths and volumes stay true."""
    left, _, right = np.linalg.svd(to_patient[:3, :3])
    turn = left @ right
    axes = np.zeros((3, 3))
    for index, letter in enumerate(place.axes):
        row, sign = _PATIENT[letter]
        axes[row, index] = sign
    centre = to_patient[:3, :3] @ np.asarray(place.centre_mm) + to_patient[:3, 3]
    return grid_about(centre, turn @ axes * spacing_mm, shape)


def grid_about(centre: Floats, steps: Floats, shape: tuple[int, int, int]) -> Grid:
    """A grid of ``shape`` (z, y, x) whose middle is ``centre``; steps: columns are the vectors
    from voxel to voxel along x, y, z."""
    z, y, x = shape
    matrix = np.eye(4)
    matrix[:3, :3] = steps
    matrix[:3, 3] = centre - steps @ ((np.array([x, y, z]) - 1) / 2)
    return Grid(shape, as_matrix(matrix))


def shift_mm(a: Grid, b: Grid) -> float:
    """How far apart the middles of two boxes lie."""
    return float(np.linalg.norm(a.centre_lps - b.centre_lps))

"""Finds how one volume lies in another, turned and shifted but not bent: the numerics.

Mattes mutual information (Mattes et al., IEEE TMI 22:120, 2003) over a pyramid, by SimpleITK, from
the best of three beginnings: as the scanner placed them, middle on middle, mass on mass. Both
volumes are first resampled onto grids straight in LPS, so that tilted, negated and oblique stacks
are all the same to it. Runs in a process of its own (``reading.rigid_process``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.alignment import LEAST_OVERLAP
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats, Grid, Matrix, as_matrix

Numbers = NDArray[np.float32]
Tell = Callable[[float], None]

_BINS = 40
_VOXELS = 1.4e6  # of the working grid: a head at 1.8 mm, a chest at 3.5
_SEED = 20240229  # the same series always give the same alignment
_SMALLEST_MM = 16.0  # along each axis that both volumes share
_LEVELS = ((4, 3.0, 0.35), (2, 1.5, 0.12), (1, 0.0, 0.08))  # shrink, smoothing mm, share sampled

# A placement by the files that is within a twentieth of the best one found is left as it is: the
# information of blurred images (PET on CT) hardly falls over a centimetre.
_AS_PLACED = 0.95


@dataclass(frozen=True)
class Rigid:
    """How the moving volume lies in the fixed one.

    matrix: moving LPS mm to fixed LPS mm. information: mutual information of the overlap in nats.
    before: the same as the files place them. overlap: share of the fixed body that the moving
    volume reaches, 0..1. peak: by which share the information falls, on average, when the result
    is moved 12 mm or turned 12 degrees; near 0, nothing was found.
    """

    matrix: Matrix
    information: float
    before: float
    overlap: float
    peak: float


def straight_grid(grid: Grid, step_mm: float) -> Grid:
    """A grid along L, P, H with equal steps that covers the voxel block of ``grid``."""
    corners = grid.corners_lps
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y, z = (max(2, int(np.ceil(side / step_mm))) for side in high - low)
    matrix = np.diag([step_mm, step_mm, step_mm, 1.0])
    matrix[:3, 3] = (low + high) / 2 - step_mm * (np.array([x, y, z]) - 1) / 2
    return Grid((z, y, x), as_matrix(matrix))


def resampled(array: NDArray[np.generic], grid: Grid, onto: Grid, outside: float) -> Numbers:
    """``array`` (z, y, x) of ``grid`` on another grid, linear between voxels."""
    to_index = grid.inverse @ onto.matrix  # x, y, z order
    flip = to_index[:3, :3][::-1, ::-1]
    values = ndimage.affine_transform(
        array.astype(np.float32, copy=False),
        flip,
        to_index[:3, 3][::-1],
        output_shape=onto.shape,
        order=1,
        mode="constant",
        cval=outside,
    )
    return np.asarray(values, dtype=np.float32)


@dataclass(frozen=True)
class _Side:
    """One volume on its straight grid. seen: where it has voxels; body: the patient within."""

    values: Numbers
    seen: NDArray[np.bool_]
    body: NDArray[np.bool_]
    grid: Grid


def find_rigid(
    fixed: NDArray[np.generic],
    fixed_grid: Grid,
    moving: NDArray[np.generic],
    moving_grid: Grid,
    *,
    threads: int = 1,
    tell: Tell = lambda fraction: None,
) -> Rigid:
    """Align two volumes (z, y, x). Raises ``BadInput`` where they cannot be aligned at all."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    step = _working_step(fixed_grid)
    a, b = _prepared(fixed, fixed_grid, step), _prepared(moving, moving_grid, step)
    tell(0.1)
    images = _Images(a, b)
    rows = np.argwhere(a.body)[:, ::-1].astype(np.float64)
    centre = a.grid.to_lps(rows.mean(axis=0))
    starts = _beginnings(a, b, centre)
    found: list[tuple[float, sitk.Euler3DTransform]] = []
    for number, start in enumerate(starts):
        end = images.climb(start, _LEVELS[:1])
        if end is not None:
            found.append((_score(a, b, _matrix(end)), end))
        tell(0.1 + 0.4 * (number + 1) / len(starts))
    if not found:
        raise BadInput(N_("The two series show no common place: they cannot be aligned."))
    best = max(found, key=lambda each: each[0])[1]
    finer = images.climb(best, _LEVELS[1:]) or best
    tell(0.95)
    return _judged(a, b, _matrix(finer), centre)


def _working_step(grid: Grid) -> float:
    sides = np.ptp(grid.corners_lps, axis=0)
    return float(np.clip((np.prod(sides) / _VOXELS) ** (1 / 3), 1.0, 4.0))


def _prepared(array: NDArray[np.generic], grid: Grid, step: float) -> _Side:
    x, y, z = grid.spacing_mm
    if min(n * mm for n, mm in zip(grid.shape, (z, y, x), strict=True)) < _SMALLEST_MM:
        raise BadInput(N_("The series is too thin to be aligned: it needs 16 mm and more."))
    values = array.astype(np.float32, copy=False)
    low, high = (float(v) for v in np.percentile(values[::2, ::2, ::2], (0.5, 99.5)))
    if not high > low:
        raise BadInput(N_("The series shows nothing that could be aligned."))
    # Metal, clips and flow are bright beyond all tissue: they must not eat the histogram.
    values = np.clip((values - low) / (high - low), 0.0, 1.0)
    onto = straight_grid(grid, step)
    straight = resampled(values, grid, onto, 0.0)
    # The outline of a field of view is no anatomy: what lies outside it is compared nowhere.
    seen = resampled(np.ones(array.shape, np.float32), grid, onto, 0.0) > 0.999
    return _Side(straight, seen, _body(straight) & seen, onto)


def _image(values: NDArray[np.generic], grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(tuple(float(v) for v in grid.matrix[:3, 3]))
    return image


def _body(values: Numbers) -> NDArray[np.bool_]:
    """The patient without the air around: above Otsu's threshold, and a rim of it."""
    smooth = ndimage.gaussian_filter(values, 1.5)
    counts, edges = np.histogram(smooth, 128)
    places = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * places)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    threshold = places[int(np.nanargmax(between))] * 0.7
    inside = smooth > threshold
    if not inside.any():
        return np.ones(values.shape, dtype=np.bool_)
    return np.asarray(ndimage.binary_dilation(inside, iterations=4), dtype=np.bool_)


def _beginnings(a: _Side, b: _Side, centre: Floats) -> list[sitk.Euler3DTransform]:
    mass = b.grid.to_lps(np.argwhere(b.body)[:, ::-1].mean(axis=0)) - centre
    middle = b.grid.centre_lps - a.grid.centre_lps
    starts, shifts = [], [np.zeros(3), mass, middle]
    for number, shift in enumerate(shifts):
        if any(np.linalg.norm(shift - other) < 5.0 for other in shifts[:number]):
            continue
        start = sitk.Euler3DTransform()
        start.SetCenter(tuple(float(v) for v in centre))
        start.SetTranslation(tuple(float(v) for v in shift))
        starts.append(start)
    return starts


class _Images:
    """Both sides as SimpleITK has them."""

    def __init__(self, a: _Side, b: _Side) -> None:
        self.fixed, self.moving = _image(a.values, a.grid), _image(b.values, b.grid)
        self.fixed_mask = _image(a.body.astype(np.uint8), a.grid)
        self.moving_mask = _image(b.seen.astype(np.uint8), b.grid)

    def climb(
        self, start: sitk.Euler3DTransform, levels: tuple[tuple[int, float, float], ...]
    ) -> sitk.Euler3DTransform | None:
        """Uphill from ``start``; None where the volumes lost each other."""
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(_BINS)
        method.SetMetricFixedMask(self.fixed_mask)
        method.SetMetricMovingMask(self.moving_mask)
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentagePerLevel([share for _, _, share in levels], _SEED)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=2.0 if levels[0][0] > 2 else 0.7,
            minStep=0.01 if levels[-1][0] > 2 else 0.002,
            numberOfIterations=120,
            relaxationFactor=0.6,
            gradientMagnitudeTolerance=1e-7,
        )
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([shrink for shrink, _, _ in levels])
        method.SetSmoothingSigmasPerLevel([sigma for _, sigma, _ in levels])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        method.SetInitialTransform(sitk.Euler3DTransform(start), inPlace=False)
        try:
            end = method.Execute(self.fixed, self.moving)
        except RuntimeError:  # ITK: too few samples fall into the moving image
            return None
        whole = end.GetName() == "CompositeTransform"
        return sitk.Euler3DTransform(end.GetNthTransform(0) if whole else end)


def _matrix(transform: sitk.Euler3DTransform) -> Floats:
    """Fixed LPS mm to moving LPS mm as a 4x4 matrix."""
    whole = np.eye(4)
    whole[:3, :3] = np.asarray(transform.GetMatrix()).reshape(3, 3)
    centre = np.asarray(transform.GetCenter())
    shift = np.asarray(transform.GetTranslation())
    whole[:3, 3] = centre + shift - whole[:3, :3] @ centre
    return whole


def information_of(a: Numbers, b: Numbers, bins: int = 32) -> float:
    """Mutual information of paired values in 0..1, nats, less what chance alone gives.

    The chance part is the bias of a histogram, (cells - rows - columns + 1) / 2N (Miller 1955).
    """
    if a.size < 1000:
        return 0.0
    joint = np.histogram2d(a, b, bins=bins, range=((0, 1), (0, 1)))[0]
    share = joint / joint.sum()
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = share * np.log(share / np.outer(rows, columns))
    filled = int((joint > 0).sum()) - int((rows > 0).sum()) - int((columns > 0).sum()) + 1
    return max(0.0, float(np.nansum(each)) - max(filled, 0) / (2.0 * a.size))


def _compared(a: _Side, b: _Side, matrix: Floats) -> tuple[float, float]:
    """(information, overlap) for fixed-to-moving ``matrix``, on some 60,000 body voxels."""
    places = np.argwhere(a.body)
    places = places[:: max(1, len(places) // 60_000)]
    points = a.grid.to_lps(places[:, ::-1].astype(np.float64)) @ matrix[:3, :3].T + matrix[:3, 3]
    index = b.grid.to_index(points)[:, ::-1]
    nearest = np.rint(index).astype(int)
    inside = np.asarray(((nearest >= 0) & (nearest < np.array(b.values.shape))).all(axis=1))
    inside[inside] = b.seen[tuple(nearest[inside].T)]
    theirs = ndimage.map_coordinates(b.values, index[inside].T, order=1, mode="nearest")
    ours = a.values[tuple(places[inside].T)]
    return information_of(ours, theirs), float(inside.mean())


def _score(a: _Side, b: _Side, matrix: Floats) -> float:
    information, overlap = _compared(a, b, matrix)
    return information * min(1.0, overlap / LEAST_OVERLAP)


def _judged(a: _Side, b: _Side, matrix: Floats, centre: Floats) -> Rigid:
    information, overlap = _compared(a, b, matrix)
    before, reached = _compared(a, b, np.eye(4))
    if before >= _AS_PLACED * information and reached >= LEAST_OVERLAP:
        matrix, information, overlap = np.eye(4), before, reached
    moved = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            shifted = np.eye(4)
            shifted[axis, 3] = 12.0 * sign
            turned = np.eye(4)
            turned[:3, :3] = _turn(axis, 12.0 * sign)
            turned[:3, 3] = centre - turned[:3, :3] @ centre
            moved += [_compared(a, b, matrix @ m)[0] for m in (shifted, turned)]
    peak = 1.0 - float(np.mean(moved)) / information if information > 0 else 0.0
    back = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    return Rigid(as_matrix(back), information, before, overlap, peak)


def _turn(axis: int, degrees: float) -> Floats:
    one, other = [i for i in range(3) if i != axis]
    angle = np.radians(degrees)
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = np.cos(angle)
    matrix[one, other], matrix[other, one] = -np.sin(angle), np.sin(angle)
    return matrix

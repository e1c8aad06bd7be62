"""The only arithmetic between patient space and array indices, and the only axis flips.

Patient space is LPS millimetres (PS3.3 C.7.6.2.1.1): +x to the patient's left, +y to posterior,
+z to the head. Arrays are (z, y, x). An affine maps the index (x, y, z, 1) to LPS millimetres; it
need not be orthogonal, so a tilted gantry (sheared stack) is exact without resampling.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workstation.domain.errors import N_, BadInput

Floats = NDArray[np.float64]
Matrix = tuple[tuple[float, ...], ...]

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))


def as_matrix(affine: Sequence[Sequence[float]] | Floats) -> Matrix:
    """A 4x4 array as nested tuples, which can be hashed, compared and stored."""
    return tuple(tuple(float(v) for v in row) for row in np.asarray(affine, dtype=np.float64))


def _fixed(array: Floats) -> Floats:
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class Grid:
    """Where an array lies in the patient.

    shape: (z, y, x) voxels. affine: 4x4, index (x, y, z, 1) to LPS mm, centre of voxel at the
    integer index.
    """

    shape: tuple[int, int, int]
    affine: Matrix

    def __post_init__(self) -> None:
        matrix = np.asarray(self.affine, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise BadInput(N_("The image geometry is not a finite 4x4 matrix."))
        if abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
            raise BadInput(N_("The image geometry is degenerate: two of its axes coincide."))

    # A view asks for these dozens of times a frame: worked out once, kept, not to be written to.

    @functools.cached_property
    def _kept(self) -> Floats:
        return _fixed(np.asarray(self.affine, dtype=np.float64))

    @property
    def matrix(self) -> Floats:
        """The affine as a (4, 4) array of the caller's own: index (x, y, z, 1) to LPS mm."""
        return self._kept.copy()

    @functools.cached_property
    def inverse(self) -> Floats:
        """(4, 4): LPS mm to the continuous index (x, y, z, 1)."""
        return _fixed(np.asarray(np.linalg.inv(self._kept), dtype=np.float64))

    @functools.cached_property
    def _inverse_rows(self) -> list[list[float]]:
        return [[float(v) for v in row] for row in self.inverse[:3]]

    @functools.cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Length of one index step along x, y, z in mm (not SliceThickness)."""
        x, y, z = np.linalg.norm(self._kept[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @functools.cached_property
    def directions(self) -> Floats:
        """(3, 3): columns are unit vectors of the x, y, z index axes in LPS."""
        return _fixed(self._kept[:3, :3] / np.asarray(self.spacing_mm))

    @functools.cached_property
    def slice_normal(self) -> Floats:
        """Unit normal of the x-y plane, right-handed (row direction cross column direction)."""
        normal = np.cross(self.directions[:, 0], self.directions[:, 1])
        return _fixed(normal / np.linalg.norm(normal))

    @property
    def slice_distance_mm(self) -> float:
        """Distance between neighbouring slices along the normal, in mm, always positive."""
        return abs(float(self.slice_normal @ self._kept[:3, 2]))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL; exact for sheared grids too (determinant)."""
        return abs(float(np.linalg.det(self._kept[:3, :3]))) / 1000.0

    @property
    def tilt_deg(self) -> float:
        """Angle between the stacking direction and the slice normal; 0 for a square stack."""
        cosine = abs(float(self.slice_normal @ self.directions[:, 2]))
        return float(np.degrees(np.arccos(min(1.0, cosine))))

    def to_lps(self, index_xyz: Sequence[float] | Floats) -> Floats:
        """Index (..., 3) in x, y, z order to LPS mm (..., 3)."""
        points = np.asarray(index_xyz, dtype=np.float64)
        return np.asarray(points @ self._kept[:3, :3].T + self._kept[:3, 3], dtype=np.float64)

    def to_index(self, lps_mm: Sequence[float] | Floats) -> Floats:
        """LPS mm (..., 3) to continuous index (..., 3) in x, y, z order."""
        points = np.asarray(lps_mm, dtype=np.float64)
        inverse = self.inverse
        return np.asarray(points @ inverse[:3, :3].T + inverse[:3, 3], dtype=np.float64)

    @functools.cached_property
    def centre_lps(self) -> Floats:
        """Centre of the array in LPS mm."""
        z, y, x = self.shape
        return _fixed(self.to_lps(((x - 1) / 2, (y - 1) / 2, (z - 1) / 2)))

    @functools.cached_property
    def corners_lps(self) -> Floats:
        """(8, 3) outer corners of the voxel block (half a voxel beyond the centres), LPS mm."""
        z, y, x = self.shape
        ends = ((-0.5, x - 0.5), (-0.5, y - 0.5), (-0.5, z - 0.5))
        corners = [[i, j, k] for k in ends[2] for j in ends[1] for i in ends[0]]
        return _fixed(self.to_lps(np.asarray(corners, dtype=np.float64)))

    def lies_on(self, other: Grid, within_mm: float = 0.01) -> bool:
        """Whether both have the same voxels in the same places."""
        alike = np.allclose(self.matrix, other.matrix, atol=within_mm)
        return self.shape == other.shape and alike

    def voxel_at(self, lps_mm: Sequence[float] | Floats) -> tuple[int, int, int] | None:
        """(z, y, x) of the voxel that a point lies in; None outside the voxel block."""
        x, y, z = (int(v) for v in np.floor(self.to_index(lps_mm) + 0.5))
        inside = 0 <= z < self.shape[0] and 0 <= y < self.shape[1] and 0 <= x < self.shape[2]
        return (z, y, x) if inside else None

    def contains(self, lps_mm: Sequence[float] | Floats) -> bool:
        """Whether a point lies within the voxel block."""
        x, y, z = (float(v) for v in lps_mm)
        for row, count in zip(self._inverse_rows, self.shape[::-1], strict=True):
            if not -0.5 <= row[0] * x + row[1] * y + row[2] * z + row[3] <= count - 0.5:
                return False
        return True


def affine_of_stack(
    position_mm: Sequence[float],
    orientation: Sequence[float],
    pixel_spacing_mm: Sequence[float],
    step_mm: Sequence[float] | Floats,
) -> Matrix:
    """Affine of a stack of slices (PS3.3 equation C.7.6.2.1-1 extended by the slice step).

    position_mm: ImagePositionPatient of slice 0. orientation: ImageOrientationPatient, six
    cosines: direction of a row (increasing x), then of a column. pixel_spacing_mm: PixelSpacing,
    distance between rows (y) first, then between columns (x). step_mm: vector from one slice to
    the next, LPS mm.
    """
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(orientation[:3], dtype=np.float64) * pixel_spacing_mm[1]
    affine[:3, 1] = np.asarray(orientation[3:6], dtype=np.float64) * pixel_spacing_mm[0]
    affine[:3, 2] = np.asarray(step_mm, dtype=np.float64)
    affine[:3, 3] = np.asarray(position_mm, dtype=np.float64)
    return as_matrix(affine)


def direction_letters(direction: Sequence[float] | Floats, most: int = 2) -> str:
    """Patient letters of a direction, strongest first: "L", "AH" (PS3.3 C.7.6.1.1.1).

    A component under 0.25 of the unit vector earns no letter; at most ``most`` are given.
    """
    return _letters((float(direction[0]), float(direction[1]), float(direction[2])), most)


@functools.lru_cache(maxsize=256)
def _letters(direction: tuple[float, float, float], most: int) -> str:
    vector = np.asarray(direction, dtype=np.float64)
    length = np.linalg.norm(vector)
    if length == 0:
        return ""
    vector = vector / length
    order = np.argsort(-np.abs(vector), kind="stable")
    letters = [_LETTERS[i][0 if vector[i] > 0 else 1] for i in order if abs(vector[i]) >= 0.25]
    return "".join(letters[:most])


def plane_name(grid: Grid) -> str:
    """ "axial", "sagittal" or "coronal": the anatomical plane nearest to the acquired slices."""
    return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(grid.slice_normal)))]


@dataclass(frozen=True)
class AxisMap:
    """How index axes were permuted and flipped, so that it can be undone exactly.

    order: for each new axis in (z, y, x) the old array axis it comes from. flips: whether each
    new axis runs backwards.
    """

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def apply(self, array: NDArray[Any]) -> NDArray[Any]:
        """Array (z, y, x) in the new axes; a view, nothing is copied."""
        turned = np.transpose(array, self.order)
        return turned[tuple(slice(None, None, -1) if f else slice(None) for f in self.flips)]

    def undo(self, array: NDArray[Any]) -> NDArray[Any]:
        """The inverse of ``apply``; a view."""
        back = array[tuple(slice(None, None, -1) if f else slice(None) for f in self.flips)]
        return np.transpose(back, np.argsort(self.order))

    def apply_grid(self, grid: Grid) -> Grid:
        """The grid of ``apply(array)``: the same voxels at the same places in the patient."""
        old = grid.matrix
        columns, origin = [], old[:3, 3].copy()
        shape = tuple(grid.shape[axis] for axis in self.order)
        for new_axis in (2, 1, 0):  # x, y, z
            step = old[:3, 2 - self.order[new_axis]]
            if self.flips[new_axis]:
                origin = origin + step * (shape[new_axis] - 1)
                step = -step
            columns.append(step)
        affine = np.eye(4)
        affine[:3, :3] = np.stack(columns, axis=1)
        affine[:3, 3] = origin
        return Grid((shape[0], shape[1], shape[2]), as_matrix(affine))


def axes_towards(grid: Grid, letters: str = "LPH") -> AxisMap:
    """The permutation and flips that bring index x, y, z nearest to ``letters``.

    letters: one patient letter for each of x, y, z: "LPH" is this product's canonical order,
    "RAH" that of NIfTI's RAS+. Every patient axis must occur once.
    """
    wanted = []
    for letter in letters:
        axis = next((i for i, pair in enumerate(_LETTERS) if letter in pair), None)
        if axis is None:
            raise BadInput(N_("Unknown orientation letter {letter}."), letter=letter)
        wanted.append((axis, 1.0 if letter == _LETTERS[axis][0] else -1.0))
    if sorted(axis for axis, _ in wanted) != [0, 1, 2]:
        raise BadInput(N_("Orientation {letters} does not name three axes."), letters=letters)
    strength = grid.directions  # rows: patient axis, columns: index axis x, y, z
    # Best assignment over all six permutations: greedy choice fails on strongly oblique stacks.
    permutations = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    best = max(
        permutations,
        key=lambda p: sum(abs(strength[wanted[new][0], old]) for new, old in enumerate(p)),
    )
    order, flips = [0, 0, 0], [False, False, False]
    for new, old in enumerate(best):  # both count x, y, z; arrays count z, y, x
        order[2 - new] = 2 - old
        flips[2 - new] = bool(strength[wanted[new][0], old] * wanted[new][1] < 0)
    return AxisMap((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))

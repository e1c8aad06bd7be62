"""Pictures cut through the patient: which way a plane is seen, and where its pixels lie.

The view convention is the radiologist's: the patient's right is on the left of an axial and a
coronal picture, anterior is on the left of a sagittal one. All maths between a picture and an
array is here and in ``geometry``.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workstation.domain.geometry import Floats, Grid, plane_name


class PlaneKind(enum.Enum):
    """How a picture cuts the patient."""

    ACQUIRED = "acquired"
    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    OBLIQUE = "oblique"


_STANDARD: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
}
# A slice whose normal is this near to a patient axis (32 degrees) is turned the standard way up;
# anything more oblique, like a cardiac short axis, is shown as the scanner stored it.
_NEARLY = 0.848


@functools.lru_cache(maxsize=256)
def _cross(a: tuple[float, float, float], b: tuple[float, float, float]) -> Floats:
    """a x b, kept: views ask for their normal many times a frame."""
    normal = np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )
    normal.setflags(write=False)
    return normal


@dataclass(frozen=True)
class Axes:
    """Directions of a picture in LPS, unit vectors at right angles: to its right, downwards."""

    right: tuple[float, float, float]
    down: tuple[float, float, float]

    @property
    def normal(self) -> Floats:
        """Unit vector right x down: away from the reader for an axial picture (to the head)."""
        return _cross(self.right, self.down)

    def turned(self, about: Sequence[float] | Floats, degrees: float) -> Axes:
        """These axes rotated right-handed about a direction (Rodrigues' formula)."""
        k = np.asarray(about, dtype=np.float64)
        k = k / np.linalg.norm(k)
        angle = np.radians(degrees)

        def rotate(v: Floats) -> Floats:
            return np.asarray(
                v * np.cos(angle)
                + np.cross(k, v) * np.sin(angle)
                + k * (k @ v) * (1 - np.cos(angle)),
                dtype=np.float64,
            )

        return axes_from(rotate(np.asarray(self.right)), rotate(np.asarray(self.down)))


def rotation_about(direction: Floats, degrees: float) -> Floats:
    """(3, 3) right-handed about a unit direction (Rodrigues' formula)."""
    x, y, z = (float(v) for v in direction)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def axes_from(right: Sequence[float] | Floats, down: Sequence[float] | Floats) -> Axes:
    """Axes from two directions that are not parallel; ``down`` is squared up against ``right``."""
    r = np.asarray(right, dtype=np.float64)
    d = np.asarray(down, dtype=np.float64)
    r = r / np.linalg.norm(r)
    d = d - r * (r @ d)
    d = d / np.linalg.norm(d)
    return Axes((float(r[0]), float(r[1]), float(r[2])), (float(d[0]), float(d[1]), float(d[2])))


def axes_of(kind: PlaneKind, grid: Grid) -> Axes:
    """The axes of a standard plane, or of the slices as acquired.

    Acquired slices near to an anatomical plane are turned by quarter turns and mirrored so that
    the letters stand where a radiologist looks for them, whichever way the rows were stored.
    """
    if kind in (PlaneKind.AXIAL, PlaneKind.SAGITTAL, PlaneKind.CORONAL):
        right, down = _STANDARD[kind.value]
        return Axes(right, down)
    x, y = grid.directions[:, 0], grid.directions[:, 1]
    if np.abs(grid.slice_normal).max() < _NEARLY:
        return axes_from(x, y)
    right, down = _STANDARD[plane_name(grid)]
    choices = [(a * s, b * t) for a, b in ((x, y), (y, x)) for s in (1, -1) for t in (1, -1)]
    best = max(choices, key=lambda c: float(c[0] @ np.asarray(right) + c[1] @ np.asarray(down)))
    return axes_from(best[0], best[1])


def nearest_plane(axes: Axes) -> PlaneKind:
    """The anatomical plane whose normal is nearest: for the colour of a crosshair line."""
    axis = int(np.argmax(np.abs(axes.normal)))
    return (PlaneKind.SAGITTAL, PlaneKind.CORONAL, PlaneKind.AXIAL)[axis]


@dataclass(frozen=True)
class Steps:
    """Where the slices of a grid lie along a direction: first centre, distance, how many.

    places_mm: of every slice, ascending, where they lie unevenly; ``step_mm`` is then the usual
    distance. Empty where they lie ``step_mm`` apart.
    """

    first_mm: float
    step_mm: float
    count: int
    places_mm: tuple[float, ...] = ()

    def number_at(self, position_mm: float) -> int:
        """Slice nearest to a position along the direction, 0 .. count-1."""
        if self.places_mm:
            return int(np.abs(np.asarray(self.places_mm) - position_mm).argmin())
        nearest = int(np.floor((position_mm - self.first_mm) / self.step_mm + 0.5))
        return min(max(nearest, 0), self.count - 1)

    def position_of(self, number: int) -> float:
        """Position of a slice along the direction, mm."""
        if self.places_mm:
            return self.places_mm[min(max(number, 0), self.count - 1)]
        return self.first_mm + number * self.step_mm


def uneven_steps(places_mm: Sequence[float]) -> Steps:
    """Slices that lie where they lie, given in any order."""
    places = sorted(float(p) for p in places_mm)
    usual = float(np.median(np.diff(places))) if len(places) > 1 else 1.0
    return Steps(places[0], usual, len(places), tuple(places))


def steps_along(grid: Grid, normal: Sequence[float] | Floats) -> Steps:
    """Slices of ``grid`` seen along a unit normal.

    The step is that of the index axis nearest to the normal: acquired slices come out one by one,
    even of a tilted stack.
    """
    n = np.asarray(normal, dtype=np.float64)
    z, y, x = grid.shape
    ends = np.array(
        [[i, j, k] for k in (0, z - 1) for j in (0, y - 1) for i in (0, x - 1)], dtype=np.float64
    )
    along = grid.to_lps(ends) @ n
    axis = int(np.argmax(np.abs(n @ grid.directions)))
    step = abs(float(n @ grid.matrix[:3, axis]))
    count = int(np.floor((along.max() - along.min()) / step + 1e-6)) + 1
    return Steps(float(along.min()), step, count)


def index_step_mm(grid: Grid, direction: Sequence[float] | Floats) -> float:
    """How far one may go along a unit direction until some index has changed by one, mm."""
    change = grid.inverse[:3, :3] @ np.asarray(direction, dtype=np.float64)
    return float(1.0 / np.abs(change).max())


@dataclass(frozen=True)
class Raster:
    """The pixels of one picture in the patient.

    centre_mm: LPS mm at the middle of the picture. width, height: pixels. mm_per_pixel: pixels are
    square. Pixel (0, 0) is top left; integer coordinates are pixel centres.
    """

    centre_mm: tuple[float, float, float]
    axes: Axes
    mm_per_pixel: float
    width: int
    height: int

    @functools.cached_property
    def matrix(self) -> Floats:
        """(4, 4): (column, row, mm along the normal, 1) to LPS mm. Kept, so not to be changed."""
        right, down = np.asarray(self.axes.right), np.asarray(self.axes.down)
        matrix = np.eye(4)
        matrix[:3, 0] = right * self.mm_per_pixel
        matrix[:3, 1] = down * self.mm_per_pixel
        matrix[:3, 2] = self.axes.normal
        matrix[:3, 3] = (
            np.asarray(self.centre_mm)
            - matrix[:3, 0] * (self.width - 1) / 2
            - matrix[:3, 1] * (self.height - 1) / 2
        )
        matrix.setflags(write=False)
        return matrix

    @functools.cached_property
    def inverse(self) -> Floats:
        """(4, 4): LPS mm to (column, row, mm along the normal, 1)."""
        inverse = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        inverse.setflags(write=False)
        return inverse

    def coarser(self, times: float = 2.0) -> Raster:
        """The same picture, centred on the same point, with pixels so many times as large."""
        width, height = max(round(self.width / times), 1), max(round(self.height / times), 1)
        return Raster(self.centre_mm, self.axes, self.mm_per_pixel * times, width, height)

    def cuts_across(self, grid: Grid) -> bool:
        """Whether the picture's rows or columns run along no axis of ``grid``: an oblique cut."""
        return bool(np.count_nonzero(self.index_matrix(grid)[:3, :2]) > 2)

    def index_matrix(self, grid: Grid) -> Floats:
        """(4, 4): (column, row, mm along the normal, 1) to the index (x, y, z, 1) of ``grid``.

        Exact for negated, oblique and sheared grids. What changes no index by as much as a
        thousandth over the whole picture is rounding of the headers and is swept away, because
        resampling is several times faster where it can see that axes are parallel.
        """
        matrix = grid.inverse @ self.matrix
        rotation = matrix[:3, :3]
        rotation[np.abs(rotation) * max(self.width, self.height) < 1e-3] = 0.0
        return np.asarray(matrix, dtype=np.float64)

    def to_lps(self, column: float, row: float) -> Floats:
        """LPS mm of a place in the picture."""
        return np.asarray((self.matrix @ np.array([column, row, 0.0, 1.0]))[:3])

    def to_picture(self, lps_mm: Sequence[float] | Floats) -> tuple[float, float, float]:
        """(column, row, mm in front of the plane along the normal) of a point in LPS mm."""
        inverse = self.inverse
        place = inverse[:3, :3] @ np.asarray(lps_mm, dtype=np.float64) + inverse[:3, 3]
        return float(place[0]), float(place[1]), float(place[2])

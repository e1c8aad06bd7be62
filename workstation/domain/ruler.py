"""What a step in an image is worth: millimetres where that is known, else pixels, and says who.

"patient": the spacing of the patient. "detector": at the detector, larger than the patient by an
unknown magnification (PS3.3 10.7.1.3); "magnified": that, divided by the stated one. "reader": a
calibration line that a reader drew. "region": the calibrated region of an ultrasound image
(PS3.3 C.8.5.5). "": pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from workstation.domain.calibration import Scale, region_at
from workstation.domain.geometry import Floats, Grid, Matrix, as_matrix
from workstation.domain.mark import Mark, MarkKind, Point
from workstation.domain.pages import drawing_grid
from workstation.domain.volume import Flag, Stack

_SMALLEST = 1e-9


@dataclass(frozen=True)
class Ruler:
    """matrix: (3, 3), a difference of two points in LPS to a step in ``unit``.

    unit: "mm" or "{pixels}" (UCUM). source: who says so, as the module states. scale: of an
    ultrasound region whose directions are no lengths (s, cm/s); ``unit`` is then pixels.
    """

    matrix: Matrix
    unit: str
    source: str
    scale: Scale | None = None

    @property
    def area_unit(self) -> str:
        """UCUM code of an area: "mm2", or "{pixels}" as a count of them."""
        return "mm2" if self.unit == "mm" else self.unit

    def steps(self, points: Sequence[Point] | Floats) -> Floats:
        """(n, 3) LPS points in the ruler's own units, origin arbitrary but the same for all."""
        return np.asarray(np.asarray(points, dtype=np.float64) @ np.asarray(self.matrix).T)

    def length(self, a: Sequence[float] | Floats, b: Sequence[float] | Floats) -> float:
        """Length of the straight line from ``a`` to ``b`` (LPS), in ``unit``."""
        step = np.asarray(b, dtype=np.float64) - np.asarray(a, dtype=np.float64)
        return float(np.linalg.norm(np.asarray(self.matrix) @ step))

    def area(self, outline: Sequence[Point] | Floats) -> float:
        """Area within a flat closed outline (LPS points), in ``area_unit``: shoelace formula.

        Of an outline that crosses itself, parts walked round the other way count negative.
        """
        p = self.steps(outline)
        p = p - p[0]
        return float(np.linalg.norm(np.cross(p, np.roll(p, -1, axis=0)).sum(axis=0)) / 2)

    def plane_factor(self, right: Point, down: Point) -> float:
        """Area of one square LPS millimetre of the plane of two unit vectors, in ``area_unit``."""
        matrix = np.asarray(self.matrix)
        return float(
            np.linalg.norm(np.cross(matrix @ np.asarray(right), matrix @ np.asarray(down)))
        )


def scaled(factor: float, source: str) -> Ruler:
    """A ruler in mm where every LPS step is ``factor`` times as long as the header says."""
    return Ruler(
        as_matrix([[factor, 0.0, 0.0], [0.0, factor, 0.0], [0.0, 0.0, factor]]), "mm", source
    )


def pixels_of(grid: Grid) -> Ruler:
    """A ruler in pixels: steps of the grid's own indices."""
    inverse = np.asarray(grid.inverse[:3, :3], dtype=np.float64)
    return Ruler(as_matrix(inverse), "{pixels}", "")


def ruler_of(mark: Mark, stack: Stack, lines: Iterable[Mark] = ()) -> Ruler:
    """The ruler for ``mark``, drawn on ``stack``. lines: marks among which calibration lines are.

    The newest calibration line that holds wins over ultrasound regions, these over the header;
    ``stack.calibrated`` stays as it is. A mark that is not wholly within one ultrasound region
    is measured in pixels.
    """
    held = [m for m in lines if _holds(m, mark, stack)]
    if held:
        line = max(held, key=lambda m: (m.at, m.id))
        drawn = math.dist(line.points_mm[0], line.points_mm[-1])
        return scaled(line.known_mm / drawn, "reader")
    if stack.regions:
        return _of_region(mark, stack)
    if stack.calibrated:
        return scaled(1.0, stack.calibrated)
    return pixels_of(drawing_grid(stack))


def _holds(line: Mark, mark: Mark, stack: Stack) -> bool:
    """Whether a calibration line holds for the image that ``mark`` was drawn on.

    Images that make no volume are scaled each for itself: two radiographs of one series have two
    magnifications. A line drawn on one slice of a volume holds for all of it.
    """
    if line.kind is not MarkKind.CALIBRATION or line.stack_id != stack.id or line.known_mm <= 0:
        return False
    if math.dist(line.points_mm[0], line.points_mm[-1]) < _SMALLEST:
        return False
    if Flag.NOT_A_VOLUME in stack.flags and line.sop_instance_uid and mark.sop_instance_uid:
        return (line.sop_instance_uid, line.frame) == (mark.sop_instance_uid, mark.frame)
    return True


def _of_region(mark: Mark, stack: Stack) -> Ruler:
    grid = drawing_grid(stack)
    index = grid.to_index(np.asarray(mark.points_mm))
    z = min(max(int(np.floor(index[0, 2] + 0.5)), 0), stack.grid.shape[0] - 1)
    phase = min(max(mark.phase, 0), stack.phases - 1)
    regions = stack.regions_at(phase, z)
    if not regions:
        return scaled(1.0, stack.calibrated) if stack.calibrated else pixels_of(drawing_grid(stack))
    found = {region_at(regions, float(x), float(y)) for x, y, _ in index}
    region = found.pop() if len(found) == 1 else None
    if region is None:
        return pixels_of(drawing_grid(stack))
    scale = region.scale
    steps = np.diag([scale.x, scale.y, 1.0]) @ grid.inverse[:3, :3]
    matrix = as_matrix(np.asarray(steps, dtype=np.float64))
    if scale.is_length:
        return Ruler(matrix, "mm", "region")
    return replace(pixels_of(drawing_grid(stack)), scale=scale)

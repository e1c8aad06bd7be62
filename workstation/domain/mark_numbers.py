"""The numbers of a mark: lengths, angles, areas, statistics, each with unit and formula.

Formulas (``MarkNumber.formula``). "length": straight line. "path": sum of straight pieces.
"angle": at the corner, 0 to 180 degrees. "cobb": between two lines, see ``cobb_deg``. "ctr":
widths across the picture, heart over thorax. "area": within the outline as drawn. "voxels": stored
voxels whose centres are inside (``mark_voxels``). "sampled": interpolated on the drawn plane.
"mask": voxels of the painted mask. "spaced": those of uneven slices, each as thick as half way to
its neighbours (``mark_images.painted_depths_mm``). "nearest": the nearest stored voxel.
"stated": a reader's word.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from workstation.domain.errors import N_
from workstation.domain.geometry import Floats
from workstation.domain.mark import OUTLINES, Mark, MarkKind, MarkNumber, Point
from workstation.domain.mark_images import is_uneven, painted_depths_mm, value_of, values_in
from workstation.domain.mark_voxels import Inside, Painted, Slices
from workstation.domain.ruler import Ruler, ruler_of
from workstation.domain.volume import Stack

LENGTH = N_("Length")
ANGLE = N_("Angle")
COBB = N_("Cobb angle")
SUPPLEMENT = N_("Supplementary angle")
LONG_AXIS = N_("Long axis")
SHORT_AXIS = N_("Short axis")
AREA = N_("Area")
VOLUME = N_("Volume")
MEAN = N_("Mean")
DEVIATION = N_("Standard deviation")
LOWEST = N_("Minimum")
HIGHEST = N_("Maximum")
VOXELS = N_("Voxels")
VALUE = N_("Value")
RATIO = N_("Cardiothoracic ratio")
HEART = N_("Heart width")
THORAX = N_("Thorax width")
ACROSS = N_("Across the image")
DOWN = N_("Down the image")
KNOWN = N_("Known length")

DEGREE = "deg"
COUNT = "{count}"
_LENGTHS = frozenset({"mm", "mm2", "mL"})


def numbers_of(
    mark: Mark,
    stack: Stack,
    slices: Slices | None = None,
    *,
    ruler: Ruler | None = None,
    painted: Painted | None = None,
    images: Slices | None = None,
) -> tuple[MarkNumber, ...]:
    """Every number that ``mark`` has, the one that names it first.

    stack: the one it was drawn on. slices: voxels of the mark's phase; without them, or where
    one is not read yet, numbers of voxels are left out. ruler: what lengths are worth there
    (``ruler_of``), the header's where not given. painted: voxels of a brush region.
    images: of an uneven stack its images as acquired, in the order of ``acquired_frames``.
    """
    held = ruler if ruler is not None else ruler_of(mark, stack)
    numbers = shape_numbers(mark, held)
    if mark.kind is MarkKind.BRUSH and painted is not None:
        numbers += _mask_numbers(painted, stack, mark.phase, held)
    if mark.kind is not MarkKind.CALIBRATION:
        numbers = tuple(
            replace(n, source=held.source) if n.unit in _LENGTHS else n for n in numbers
        )
    if slices is None or stack.samples != 1:
        return numbers
    if mark.kind is MarkKind.PROBE:
        found = value_of(mark, stack, slices, images)
        return () if found is None else (MarkNumber(VALUE, found[0], stack.unit, found[1]),)
    if mark.kind in OUTLINES:
        inside = values_in(mark, stack, slices, painted, images)
        if inside is not None:
            numbers += statistics_of(inside, stack.unit, painted is not None)
    return numbers


def shape_numbers(mark: Mark, ruler: Ruler) -> tuple[MarkNumber, ...]:
    """The numbers that need no voxels."""
    p, kind, unit = mark.points_mm, mark.kind, ruler.unit
    if kind is MarkKind.LENGTH and ruler.scale is not None:
        step = np.abs(ruler.steps(p)[1] - ruler.steps(p)[0])
        return (
            MarkNumber(ACROSS, float(step[0] * ruler.scale.x), ruler.scale.unit_x, "length"),
            MarkNumber(DOWN, float(step[1] * ruler.scale.y), ruler.scale.unit_y, "length"),
        )
    if kind is MarkKind.LENGTH:
        return (MarkNumber(LENGTH, ruler.length(p[0], p[1]), unit, "length"),)
    if kind is MarkKind.POLYLINE:
        path = sum(ruler.length(a, b) for a, b in itertools.pairwise(p))
        return (MarkNumber(LENGTH, path, unit, "path"),)
    if kind is MarkKind.ANGLE:
        return (MarkNumber(ANGLE, angle_deg(p[0], p[1], p[2]), DEGREE, "angle"),)
    if kind is MarkKind.COBB:
        cobb = cobb_deg(p[0], p[1], p[2], p[3])
        return (
            MarkNumber(COBB, cobb, DEGREE, "cobb"),
            MarkNumber(SUPPLEMENT, 180.0 - cobb, DEGREE, "cobb"),
        )
    if kind is MarkKind.BIDIRECTIONAL:
        both = sorted((ruler.length(p[0], p[1]), ruler.length(p[2], p[3])), reverse=True)
        return (
            MarkNumber(LONG_AXIS, both[0], unit, "length"),
            MarkNumber(SHORT_AXIS, both[1], unit, "length"),
        )
    if kind is MarkKind.CARDIOTHORACIC:
        return _cardiothoracic(mark, ruler)
    if kind is MarkKind.CALIBRATION:
        return (MarkNumber(KNOWN, mark.known_mm, "mm", "stated"),)
    if kind in OUTLINES and kind is not MarkKind.BRUSH:
        return (MarkNumber(AREA, area_of(mark, ruler), ruler.area_unit, "area"),)
    return ()


def _cardiothoracic(mark: Mark, ruler: Ruler) -> tuple[MarkNumber, ...]:
    """Widths across the picture: the extremes of the heart need not lie at one height."""
    right = np.asarray(mark.right, dtype=np.float64)
    p = np.asarray(mark.points_mm)
    worth = ruler.length(np.zeros(3), right)
    heart = abs(float((p[1] - p[0]) @ right)) * worth
    thorax = abs(float((p[3] - p[2]) @ right)) * worth
    widths = (
        MarkNumber(HEART, heart, ruler.unit, "ctr"),
        MarkNumber(THORAX, thorax, ruler.unit, "ctr"),
    )
    if thorax <= 0:
        return widths
    return (MarkNumber(RATIO, heart / thorax, "1", "ctr"), *widths)


def area_of(mark: Mark, ruler: Ruler) -> float:
    """Area within the outline as drawn; an ellipse is pi times its half axes, not its polygon."""
    if mark.kind is MarkKind.FREEHAND:
        return ruler.area(mark.points_mm)
    box = np.asarray(mark.points_mm[1]) - np.asarray(mark.points_mm[0])
    sides = abs(float(box @ np.asarray(mark.right)) * float(box @ np.asarray(mark.down)))
    whole = sides * ruler.plane_factor(mark.right, mark.down)
    return whole * np.pi / 4 if mark.kind is MarkKind.ELLIPSE else whole


def angle_deg(end: Point, corner: Point, other: Point) -> float:
    """Angle at ``corner``, degrees, 0 to 180; 0 where two of the points coincide."""
    return _between(np.subtract(end, corner), np.subtract(other, corner))


def _between(a: Floats, b: Floats) -> float:
    # atan2 of both products keeps its digits near 0 and 180 degrees, where arccos loses them.
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def cobb_deg(a: Point, b: Point, c: Point, d: Point) -> float:
    """Cobb angle between the lines a-b and c-d, degrees, in whichever direction each was drawn.

    The angle at which the prolonged lines meet, seen towards the drawn pieces: 0 for parallel
    end plates, over 90 for a curve as severe as that. Where the lines meet within a piece, or the
    pieces lie end to end rather than one over the other, it is the smaller angle between them.
    """
    u, v = np.subtract(b, a), np.subtract(d, c)
    angle = _between(u, v)
    acute = min(angle, 180.0 - angle)
    lengths = float(np.linalg.norm(u)), float(np.linalg.norm(v))
    if min(lengths) == 0.0 or acute < 1e-6:
        return acute
    u, v = u / lengths[0], v / lengths[1]
    first, second = np.add(a, b) / 2, np.add(c, d) / 2
    # Where the lines meet: first + s u = second + t v, in the least squares of their plane.
    s, t = np.linalg.lstsq(np.stack([u, -v], axis=1), second - first, rcond=None)[0]
    if abs(s) <= lengths[0] / 2 or abs(t) <= lengths[1] / 2:
        return acute
    facing = _between(-s * u, -t * v)
    apart = (second - first) / np.linalg.norm(second - first)
    end_to_end = max(abs(float(apart @ u)), abs(float(apart @ v))) > 0.9
    return acute if end_to_end else facing


def _mask_numbers(
    painted: Painted, stack: Stack, phase: int, ruler: Ruler
) -> tuple[MarkNumber, ...]:
    """Area of a region painted on one image, volume of one painted through several.

    Planes of an uneven stack stand for as much as lies between the images, which differs from
    image to image; where some of them are no images the number is that of interpolated planes.
    """
    counts = {z: count for z, plane in painted.items() if (count := int(plane.sum()))}
    if not counts:
        return ()
    grid = stack.grid
    if len(counts) == 1 or ruler.unit != "mm":
        x, y = grid.matrix[:3, 0], grid.matrix[:3, 1]
        matrix = np.asarray(ruler.matrix)
        pixel = float(np.linalg.norm(np.cross(matrix @ x, matrix @ y)))
        return (MarkNumber(AREA, sum(counts.values()) * pixel, ruler.area_unit, "mask"),)
    worth = abs(float(np.linalg.det(np.asarray(ruler.matrix)))) * grid.voxel_ml
    if not is_uneven(stack):
        return (MarkNumber(VOLUME, sum(counts.values()) * worth, "mL", "mask"),)
    depths = painted_depths_mm(stack, phase, counts)
    if depths is None:
        return (MarkNumber(VOLUME, sum(counts.values()) * worth, "mL", "sampled"),)
    step = abs(float(grid.slice_normal @ grid.matrix[:3, 2]))
    slices = sum(count * depths[z] / step for z, count in counts.items())
    return (MarkNumber(VOLUME, slices * worth, "mL", "spaced"),)


def statistics_of(inside: Inside, unit: str, painted: bool = False) -> tuple[MarkNumber, ...]:
    """Mean, standard deviation, minimum, maximum and count of region values.

    The deviation is that of a sample (n - 1), as SimpleITK and R have it; one voxel has none.
    """
    formula = "sampled" if not inside.stored else ("mask" if painted else "voxels")
    values = inside.values
    if not len(values):
        return (MarkNumber(VOXELS, 0.0, COUNT, formula),)
    numbers = [MarkNumber(MEAN, float(values.mean()), unit, formula)]
    if len(values) > 1:
        numbers.append(MarkNumber(DEVIATION, float(values.std(ddof=1)), unit, formula))
    numbers += [
        MarkNumber(LOWEST, float(values.min()), unit, formula),
        MarkNumber(HIGHEST, float(values.max()), unit, formula),
        MarkNumber(VOXELS, float(len(values)), COUNT, formula),
    ]
    return tuple(numbers)

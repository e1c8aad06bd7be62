"""The 17 segments of the left ventricle (AHA) on a short-axis stack, and the thickness of its wall.

Where the wall of the right ventricle inserts, in front and below, bounds the septum; a reader
marks the two points, or they are where the right ventricular cavity touches the left. Which of the
two is in front needs no image orientation: seen from the apex the septum lies on the left and the
anterior wall above it, so the base tells. Thirds of the cavity from base to apex are basal, middle
and apical; muscle beyond the cavity is the apex.

Source: Cerqueira et al., Circulation 2002;105:539-542, doi:10.1161/hc0402.102975.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workstation.domain.analysis import (
    AnalysisInputs,
    InputSpec,
    Kind,
    Quantity,
    ResultLine,
    ResultMap,
)
from workstation.domain.artefact import Code, Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.geometry import Floats, Grid
from workstation.imaging.rings import Chords, Contour, chords_between, contour_of, middle_of

Mask = NDArray[np.bool_]
BASAL, MIDDLE, APICAL, APEX = 1, 7, 13, 17
"""First segment of each level."""

SEGMENTS = (
    Wording("1 basal anterior", "1 基底段前壁"),
    Wording("2 basal anteroseptal", "2 基底段前间隔"),
    Wording("3 basal inferoseptal", "3 基底段下间隔"),
    Wording("4 basal inferior", "4 基底段下壁"),
    Wording("5 basal inferolateral", "5 基底段下侧壁"),
    Wording("6 basal anterolateral", "6 基底段前侧壁"),
    Wording("7 mid anterior", "7 中间段前壁"),
    Wording("8 mid anteroseptal", "8 中间段前间隔"),
    Wording("9 mid inferoseptal", "9 中间段下间隔"),
    Wording("10 mid inferior", "10 中间段下壁"),
    Wording("11 mid inferolateral", "11 中间段下侧壁"),
    Wording("12 mid anterolateral", "12 中间段前侧壁"),
    Wording("13 apical anterior", "13 心尖段前壁"),
    Wording("14 apical septal", "14 心尖段间隔"),
    Wording("15 apical inferior", "15 心尖段下壁"),
    Wording("16 apical lateral", "16 心尖段侧壁"),
    Wording("17 apex", "17 心尖"),
)

MYOCARDIUM = InputSpec(
    "lv_myo", Kind.MASK, Wording("Left ventricular myocardium", "左心室心肌"), code="49848007"
)
INSERTIONS = InputSpec(
    "rv_insertions",
    Kind.LINE,
    Wording("The two insertions of the right ventricle", "右心室的两个插入点"),
    optional=True,
)
RIGHT = InputSpec(
    "rv_endo", Kind.MASK, Wording("Right ventricular cavity", "右心室腔"), optional=True
)


@dataclass(frozen=True)
class Ring:
    """The wall on one slice. z: index of the slice; level: its first segment; centre: (row,
    column) in mm from pixel (0, 0); inner, outer: contours, None at the apex beyond the cavity."""

    z: int
    level: int
    centre: Floats
    inner: Contour | None
    outer: Contour | None

    def chords(self) -> Chords | None:
        """100 chords across the wall; None beyond the cavity."""
        if self.inner is None or self.outer is None:
            return None
        return chords_between(self.inner, self.outer)


@dataclass(frozen=True)
class Frame:
    """How segments lie on every slice, as angles (rad) from the row axis towards the column axis.

    front, below: of the two insertions; turn: 1 where the way from the anterior insertion over
    the septum to the inferior goes with rising angles, else -1.
    """

    front: float
    below: float
    turn: int

    @property
    def septum(self) -> float:
        """Angle that the septum takes."""
        return float(np.mod((self.below - self.front) * self.turn, 2 * np.pi))

    def sector(self, level: int, angle: Floats) -> NDArray[np.int64]:
        """Segment numbers at angles of a slice of that level.

        Basal and middle: the septum halved, the free wall in four. Apical: four quarters, the
        septal one around the middle of the septum.
        """
        past = np.mod((angle - self.front) * self.turn, 2 * np.pi)
        if level == APEX:
            return np.full(np.shape(angle), APEX, dtype=np.int64)
        if level == APICAL:
            quarter = np.floor(np.mod(past - self.septum / 2 + np.pi / 4, 2 * np.pi) / (np.pi / 2))
            order = np.array([14, 15, 16, 13])
            return np.asarray(order[np.minimum(quarter.astype(int), 3)])
        septal = past < self.septum
        half = np.minimum((past / (self.septum / 2)).astype(int), 1)
        free = (2 * np.pi - self.septum) / 4
        part = np.clip(((past - self.septum) / free).astype(int), 0, 3)
        wall = np.array([4, 5, 6, 1])[part]
        return np.asarray(np.where(septal, 2 + half, wall) + (level - BASAL))


@dataclass(frozen=True)
class Model:
    """Segments of one phase. labels: (z, y, x) 0 to 17 on the muscle; rings: from base to apex."""

    labels: NDArray[np.uint8]
    rings: tuple[Ring, ...]
    frame: Frame
    base_first: bool


def model_of(inputs: AnalysisInputs) -> Model | None:
    """Segments of the mask ``lv_myo``; None where neither insertions nor a right ventricle are
    given, so that an analysis then says numbers of the whole wall only."""
    if INSERTIONS.key not in inputs.lines and RIGHT.key not in inputs.masks:
        return None
    muscle = inputs.mask(MYOCARDIUM)
    assert inputs.grid is not None
    right = inputs.masks.get(RIGHT.key)
    return segmented(muscle, inputs.grid, inputs.lines.get(INSERTIONS.key), right)


def segmented(muscle: Mask, grid: Grid, insertions_mm: Floats | None, right: Mask | None) -> Model:
    """17 segments of a myocardium (z, y, x). insertions_mm: (2, 3) LPS, in either order; else the
    insertions are where the cavity ``right`` touches the muscle."""
    rings, base_first = _rings(muscle, grid)
    if insertions_mm is not None:
        if len(insertions_mm) != 2:
            raise BadInput(N_("Mark two insertions of the right ventricle, in front and below."))
        angles = _angles_of(insertions_mm, rings, grid)
    elif right is not None:
        angles = _touching(right, rings, grid)
    else:
        raise BadInput(N_("Mark the two insertions of the right ventricle."))
    frame = _frame(angles, grid, base_first, muscle, right)
    labels = np.zeros(muscle.shape, dtype=np.uint8)
    spacing = (grid.spacing_mm[1], grid.spacing_mm[0])
    for ring in rings:
        places = np.argwhere(muscle[ring.z])
        away = places * spacing - ring.centre
        angle = np.mod(np.arctan2(away[:, 1], away[:, 0]), 2 * np.pi)
        labels[ring.z, places[:, 0], places[:, 1]] = frame.sector(ring.level, angle)
    return Model(labels, tuple(rings), frame, base_first)


def _rings(muscle: Mask, grid: Grid) -> tuple[list[Ring], bool]:
    """The slices that have muscle, from base to apex, and whether the base comes first in z."""
    used = np.flatnonzero(muscle.any(axis=(1, 2)))
    if used.size < 3:
        raise BadInput(N_("The muscle is drawn on fewer than three slices."))
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in muscle])
    cavity = filled & ~muscle
    size = filled.sum(axis=(1, 2))[used].astype(float)
    third = max(1, used.size // 3)
    base_first = bool(size[:third].mean() > size[-third:].mean())
    order = used if base_first else used[::-1]
    least_mm2 = 30.0  # a cavity smaller than this is the tip
    pixel = grid.spacing_mm[0] * grid.spacing_mm[1]
    hollow = [z for z in order if cavity[z].sum() * pixel >= least_mm2]
    if not hollow:
        raise BadInput(N_("The muscle encloses no cavity."))
    spacing = (grid.spacing_mm[1], grid.spacing_mm[0])
    rings = []
    last = max(list(order).index(z) for z in hollow)
    for number, z in enumerate(order):
        if z not in hollow and number < last:
            continue  # an open ring at the base: its wall is not measured
        if number > last:
            rings.append(Ring(int(z), APEX, middle_of(muscle[z], spacing), None, None))
            continue
        third_of = 3 * hollow.index(z) // len(hollow)
        centre = middle_of(cavity[z], spacing)
        rings.append(
            Ring(
                int(z),
                (BASAL, MIDDLE, APICAL)[third_of],
                centre,
                contour_of(cavity[z], spacing, centre),
                contour_of(filled[z], spacing, centre),
            )
        )
    return rings, base_first


def _angles_of(points_mm: Floats, rings: list[Ring], grid: Grid) -> tuple[float, float]:
    """Angles of marked points seen from the middle of the slice that each lies on."""
    found = []
    for x, y, z in grid.to_index(points_mm):
        hollow = [ring for ring in rings if ring.inner is not None]
        ring = min(hollow, key=lambda r: abs(r.z - z))
        row, column = y * grid.spacing_mm[1], x * grid.spacing_mm[0]
        found.append(float(np.arctan2(column - ring.centre[1], row - ring.centre[0])))
    return found[0], found[1]


_NEAR_MM = 5.0


def _touching(right: Mask, rings: list[Ring], grid: Grid) -> tuple[float, float]:
    """Ends of the arc over which the right ventricle lies against the left, over all slices."""
    spacing = (grid.spacing_mm[1], grid.spacing_mm[0])
    votes = np.zeros(360)
    for ring in rings:
        if ring.outer is None or not right[ring.z].any() or ring.level == APICAL:
            continue
        away = ndimage.distance_transform_edt(~right[ring.z], sampling=spacing)
        points = ring.outer.points
        near = ndimage.map_coordinates(
            np.asarray(away), [points[:, 0] / spacing[0], points[:, 1] / spacing[1]], order=1
        )
        votes += np.nan_to_num(near, nan=np.inf) <= _NEAR_MM
    if not votes.any():
        raise BadInput(N_("The right ventricle does not lie against the left."))
    arc = votes >= votes.max() / 2.0
    # The longest run round the circle.
    start, length, best = 0, 0, (0, 0)
    for i in range(720):
        if arc[i % 360]:
            start = i if length == 0 else start
            length += 1
            best = max(best, (min(length, 359), start))
        else:
            length = 0
    return float(np.radians(best[1])), float(np.radians(best[1] + best[0] - 1))


def _frame(
    angles: tuple[float, float], grid: Grid, base_first: bool, muscle: Mask, right: Mask | None
) -> Frame:
    """Which of the two is in front, and on which side of them the septum lies.

    The septum is the shorter way between the insertions, or the way on which the right ventricle
    lies where that is drawn.
    """
    one, other = angles
    way = np.mod(other - one, 2 * np.pi)
    middle = one + way / 2 if way <= np.pi else one + way / 2 + np.pi
    if right is not None and right.any():
        spacing = (grid.spacing_mm[1], grid.spacing_mm[0])
        seen_right, seen_left = np.any(right, axis=0), np.any(muscle, axis=0)
        towards = middle_of(np.asarray(seen_right), spacing) - middle_of(
            np.asarray(seen_left), spacing
        )
        seen = float(np.arctan2(towards[1], towards[0]))
        middle = min((one + way / 2, one + way / 2 + np.pi), key=lambda a: -np.cos(a - seen))
    to_base = grid.directions[:, 2] * (-1.0 if base_first else 1.0)
    septum = _in_patient(middle, grid)
    anterior = np.cross(to_base, septum)
    ahead = [float(_in_patient(angle, grid) @ anterior) for angle in angles]
    front, below = (one, other) if ahead[0] >= ahead[1] else (other, one)
    turn = 1 if np.mod(middle - front, 2 * np.pi) < np.pi else -1
    return Frame(front, below, turn)


def _in_patient(angle: float, grid: Grid) -> Floats:
    """The direction of an angle in the slice, LPS."""
    rows, columns = grid.directions[:, 1], grid.directions[:, 0]
    return np.asarray(np.cos(angle) * rows + np.sin(angle) * columns)


def mean_by_segment(
    values: NDArray[np.floating], segments: NDArray[np.integer]
) -> dict[int, float]:
    """Mean of finite values by segment number, of segments that have any."""
    found = {}
    for number in range(1, 18):
        mine = values[(segments == number) & np.isfinite(values)]
        if mine.size:
            found[number] = float(mine.mean())
    return found


def by_segment(means: dict[int, float], name: Wording, code: Code, unit: str) -> list[Quantity]:
    """One number a segment, in the order of the segments."""
    return [
        Quantity(name, code, value, unit, SEGMENTS[number - 1])
        for number, value in sorted(means.items())
    ]


def segment_map(model: Model, grid: Grid) -> ResultMap:
    """The segments as a picture; NaN beside the muscle."""
    values = np.where(model.labels > 0, model.labels, np.nan).astype(np.float32)
    return ResultMap("segments", Wording("AHA segments", "AHA 17 节段"), values, grid, "1", (0, 17))


def segment_places(model: Model, grid: Grid) -> ResultLine:
    """For each of the 17 segments a point of the patient in it, NaN where it has no voxel."""
    points = np.full((17, 3), np.nan)
    for number in range(1, 18):
        voxels = np.argwhere(model.labels == number)
        if voxels.size:
            middle = voxels[np.argmin(np.linalg.norm(voxels - voxels.mean(axis=0), axis=1))]
            points[number - 1] = grid.to_lps(middle[::-1].astype(np.float64))
    return ResultLine("segment_places", Wording("Places of the segments", "各节段位置"), points)

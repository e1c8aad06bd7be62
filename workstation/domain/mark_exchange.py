"""Marks as the few shapes that DICOM knows, and back again without loss."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from workstation.domain.artefact import new_id
from workstation.domain.document import Caption, Graphic, PlacedNumbers, PresentationState, Space
from workstation.domain.geometry import Floats
from workstation.domain.image_plane import ImagePlane, outline_of, plane_of
from workstation.domain.mark import Mark, MarkKind, Point, as_points
from workstation.domain.volume import Stack

LINES = frozenset(
    {
        MarkKind.LENGTH,
        MarkKind.POLYLINE,
        MarkKind.ANGLE,
        MarkKind.CALIBRATION,
        MarkKind.ARROW,
    }
)
PAIRS = frozenset({MarkKind.COBB, MarkKind.BIDIRECTIONAL, MarkKind.CARDIOTHORACIC})
POINTS = frozenset({MarkKind.PROBE, MarkKind.TEXT, MarkKind.BRUSH})


@dataclass(frozen=True)
class Shape:
    """One graphic of a mark. kind: POINT, POLYLINE (closed where its last point is its first),
    ELLIPSE (ends of the long axis, ends of the short one). points: (n, 3) LPS mm."""

    kind: str
    points: Floats


def shapes_of(mark: Mark) -> list[Shape]:
    """What a mark is drawn as; its points can be had back from them by ``points_from``."""
    p = np.asarray(mark.points_mm, dtype=np.float64).reshape(-1, 3)
    if mark.kind in POINTS:
        return [Shape("POINT", p[:1])]
    if mark.kind in LINES:
        return [Shape("POLYLINE", p)]
    if mark.kind in PAIRS:
        return [Shape("POLYLINE", p[:2]), Shape("POLYLINE", p[2:4])]
    if mark.kind is MarkKind.FREEHAND:
        return [Shape("POLYLINE", np.vstack([p, p[:1]]))]
    across, down = _sides(mark)
    if mark.kind is MarkKind.RECTANGLE:
        a = p[0]
        return [Shape("POLYLINE", np.stack([a, a + across, a + across + down, a + down, a]))]
    centre = (p[0] + p[1]) / 2
    ends = [(centre - s / 2, centre + s / 2) for s in (across, down)]
    if np.linalg.norm(across) < np.linalg.norm(down):
        ends.reverse()
    return [Shape("ELLIPSE", np.stack([*ends[0], *ends[1]]))]


def _sides(mark: Mark) -> tuple[Floats, Floats]:
    """Sides of the box of a rectangle or ellipse, from its first corner to its second."""
    a, b = (np.asarray(p, dtype=np.float64) for p in mark.points_mm[:2])
    right = np.asarray(mark.right, dtype=np.float64)
    across = right * float((b - a) @ right)
    return np.asarray(across), np.asarray(b - a - across)


def points_from(
    kind: MarkKind, shapes: Sequence[Shape], right: Point, down: Point
) -> tuple[tuple[Point, ...], Point, Point] | None:
    """Points of a mark and its picture's axes from its shapes; None where they do not fit.

    right, down: axes of the image, taken where the shapes have none of their own.
    """
    if not shapes:
        return None
    p = shapes[0].points
    if kind in POINTS or kind in LINES:
        return as_points(p), right, down
    if kind in PAIRS:
        if len(shapes) < 2 or len(p) != 2 or len(shapes[1].points) != 2:
            return None
        return as_points(np.vstack([p, shapes[1].points])), right, down
    if kind is MarkKind.FREEHAND:
        return as_points(_opened(p)), right, down
    if kind is MarkKind.RECTANGLE and len(_opened(p)) == 4:
        a, first, b, last = _opened(p)
        return as_points(np.stack([a, b])), _axis(first - a, right), _axis(last - a, down)
    if kind is MarkKind.ELLIPSE and shapes[0].kind == "ELLIPSE" and len(p) == 4:
        centre, one, other = p.mean(axis=0), p[1] - p[0], p[3] - p[2]
        half = (one + other) / 2
        axes = (_axis(one, right), _axis(other, down))
        if abs(float(np.asarray(axes[0]) @ np.asarray(right))) < 0.5:
            axes = (axes[1], axes[0])  # the long axis was the one that runs down
        return as_points(np.stack([centre - half, centre + half])), axes[0], axes[1]
    return None


def _opened(points: Floats) -> Floats:
    closed = len(points) > 1 and np.allclose(points[0], points[-1], atol=1e-3)
    return points[:-1] if closed else points


def _axis(side: Floats, otherwise: Point) -> Point:
    length = float(np.linalg.norm(side))
    return as_points((side / length)[None])[0] if length > 1e-6 else otherwise


def in_pixels(shape: Shape, plane: ImagePlane) -> Floats | None:
    """(n, 2) column, row of a shape on an image; None where it does not lie in its plane."""
    if not plane.holds(shape.points):
        return None
    return plane.to_pixels(shape.points)[:, :2]


def shape_from(graphic: Graphic, plane: ImagePlane | None) -> Shape | None:
    """A graphic of a file in the patient; None for one on an image that is not here."""
    points = np.asarray(graphic.points, dtype=np.float64)
    if graphic.space is Space.PIXEL:
        if plane is None or not len(points):
            return None
        points = plane.to_mm(points)
    elif graphic.space is not Space.PATIENT or not len(points):
        return None
    kind = graphic.kind
    if kind == "POLYGON":
        kind, points = "POLYLINE", np.vstack([_opened(points), points[:1]])
    elif kind in {"CIRCLE", "INTERPOLATED"}:
        round_, closed = outline_of(replace(graphic, points=as_points(points)))
        if graphic.space is Space.PIXEL:  # a circle is round in pixels
            pixels, closed = outline_of(graphic)
            assert plane is not None
            round_ = plane.to_mm(pixels)
        kind, points = "POLYLINE", np.vstack([round_, round_[:1]]) if closed else round_
    elif kind == "MULTIPOINT":
        kind = "POINT"
    return Shape(kind, points)


def is_placeable(mark: Mark, stacks: Sequence[Stack]) -> bool:
    """Whether DICOM can say where a mark lies: on a stored image, or in a frame of reference."""
    if mark.frame_of_reference_uid:
        return any(s.frame_of_reference_uid == mark.frame_of_reference_uid for s in stacks)
    if not mark.sop_instance_uid:
        return False
    return any(plane_of(s, mark.sop_instance_uid, mark.frame) is not None for s in stacks)


def axes_of_plane(plane: ImagePlane | None) -> tuple[Point, Point]:
    """Directions of a row and of a column of an image."""
    if plane is None:
        return (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
    right, down = as_points(plane.grid.directions[:, :2].T)
    return right, down


def plane_for(graphic: Graphic, stacks: Sequence[Stack]) -> tuple[ImagePlane | None, Stack | None]:
    """The stored image that a graphic is drawn on, or the stack whose space it is in."""
    for ref in graphic.images:
        for stack in stacks:
            plane = plane_of(stack, ref.sop_instance_uid, ref.frames[0] if ref.frames else 0)
            if plane is not None:
                return plane, stack
    if graphic.space is Space.PATIENT and graphic.frame_of_reference_uid:
        for stack in stacks:
            if stack.frame_of_reference_uid == graphic.frame_of_reference_uid:
                return None, stack
    return None, None


_GUESSED = {"POINT": MarkKind.PROBE, "ELLIPSE": MarkKind.ELLIPSE}


def marks_of_place(
    place: PlacedNumbers, stacks: Sequence[Stack], *, by: str, at: datetime
) -> list[Mark]:
    """Marks that draw a place of someone's report on our images; none where they are not here.

    A place that our own report wrote comes back as the mark that it was; of others' shapes the
    nearest kind is taken. The numbers are the report's.
    """
    if place.kind:
        mark = _own_mark(place, stacks, by, at)
        return [mark] if mark is not None else []
    found: list[Mark] = []
    for graphic in place.graphics:
        plane, stack = plane_for(graphic, stacks)
        shape = shape_from(graphic, plane)
        if stack is None or shape is None:
            continue
        kind, points = _guess(shape)
        right, down = axes_of_plane(plane)
        fitting = points_from(kind, [Shape(shape.kind, points)], right, down)
        if fitting is None:
            continue
        made = _mark(kind, fitting, stack, plane, by, at)
        numbers = place.numbers if not found else ()
        found.append(replace(made, words=place.label, numbers=numbers))
    return found


def _guess(shape: Shape) -> tuple[MarkKind, Floats]:
    if shape.kind in _GUESSED:
        return _GUESSED[shape.kind], shape.points
    if len(_opened(shape.points)) < len(shape.points) and len(shape.points) > 3:
        return MarkKind.FREEHAND, shape.points
    return (MarkKind.LENGTH if len(shape.points) == 2 else MarkKind.POLYLINE), shape.points


def _own_mark(place: PlacedNumbers, stacks: Sequence[Stack], by: str, at: datetime) -> Mark | None:
    try:
        kind = MarkKind(place.kind)
    except ValueError:
        return None
    shapes, plane, stack = [], None, None
    for graphic in dict.fromkeys(place.graphics):
        plane, stack = plane_for(graphic, stacks)
        shape = shape_from(graphic, plane)
        if shape is None or stack is None:
            return None
        shapes.append(shape)
    right, down = axes_of_plane(plane)
    fitting = points_from(kind, shapes, right, down)
    if fitting is None or stack is None:
        return None
    mark = _mark(kind, fitting, stack, plane, by, at)
    return replace(mark, id=place.tracking_id or mark.id, numbers=place.numbers)


_MADE = re.compile(r"(?P<by>.*?) ?(?P<at>\d{4}-\d\d-\d\dT\S+)(?: known (?P<known>\S+) mm)?", re.S)


def described(mark: Mark) -> str:
    """Who drew a mark and when, and a length that the reader stated, in one line."""
    known = f" known {mark.known_mm!r} mm" if mark.known_mm else ""
    return f"{mark.by} {mark.at.isoformat()}{known}".strip()


def marks_of_state(state: PresentationState, stacks: Sequence[Stack]) -> list[Mark]:
    """Our own marks out of a presentation state, as they were drawn; without their numbers,
    which a state holds as text only."""
    drawn: dict[int, list[Graphic]] = {}
    words: dict[int, Caption] = {}
    for drawing in state.drawings:
        for graphic in drawing.graphics:
            if graphic.tracking_id and graphic.group:
                drawn.setdefault(graphic.group, []).append(graphic)
        for caption in drawing.captions:
            if caption.tracking_id and caption.group:
                words[caption.group] = caption
                if caption.anchor is not None:  # words alone: where they begin
                    point = Graphic("POINT", (caption.anchor,), Space.PIXEL, drawing.images)
                    drawn.setdefault(-caption.group, []).append(
                        replace(point, tracking_id=caption.tracking_id)
                    )
    found = []
    for number, label, description in state.groups:
        graphics = drawn.get(number) or drawn.get(-number, [])
        said = _MADE.fullmatch(description)
        if not graphics or said is None:
            continue
        place = PlacedNumbers("", "", (), tuple(graphics), (), graphics[0].tracking_id, "", label)
        mark = _own_mark(place, stacks, said["by"], datetime.fromisoformat(said["at"]))
        if mark is not None:
            spoken = words[number].words if number in words else ""
            known = float(said["known"]) if said["known"] else 0.0
            found.append(replace(mark, words=spoken, known_mm=known))
    return found


def _mark(
    kind: MarkKind,
    fitting: tuple[tuple[Point, ...], Point, Point],
    stack: Stack,
    plane: ImagePlane | None,
    by: str,
    at: datetime,
) -> Mark:
    points, right, down = fitting
    return Mark(
        id=new_id(),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        frame_of_reference_uid=stack.frame_of_reference_uid,
        kind=kind,
        points_mm=points,
        right=right,
        down=down,
        by=by,
        at=at,
        sop_instance_uid=plane.sop_instance_uid if plane is not None else "",
        frame=plane.frame if plane is not None else 0,
        phase=plane.phase if plane is not None else 0,
    )

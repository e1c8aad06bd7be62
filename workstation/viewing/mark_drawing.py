"""A mark on its way: clicks and drags become points until it is whole. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workstation.domain.artefact import new_id, now
from workstation.domain.geometry import Floats
from workstation.domain.mark import OUTLINES, Mark, MarkKind, as_points
from workstation.domain.mark_images import frame_of
from workstation.domain.plane import Axes
from workstation.domain.volume import Stack
from workstation.viewing.mark_shapes import LEAST, POINTS, square_to
from workstation.viewing.viewport import Viewport

AT_ONCE = frozenset({MarkKind.PROBE, MarkKind.TEXT})
"""Kinds that one click makes."""


@dataclass(frozen=True)
class Ground:
    """What is drawn on: a stack, one of its phases, in the plane of these axes."""

    stack: Stack
    phase: int
    axes: Axes


def ground_of(viewport: Viewport) -> Ground | None:
    """What a view shows to draw on; None where it shows nothing."""
    if viewport.volume is None:
        return None
    return Ground(viewport.volume.stack, viewport.volume.phase, viewport.axes)


def made_mark(
    kind: MarkKind, ground: Ground, points: Floats, *, id: str = "", by: str = ""
) -> Mark:
    """A mark at LPS points (n, 3), with the stored image that it lies on where it lies on one."""
    stack, axes = ground.stack, ground.axes
    mark = Mark(
        id=id or new_id(),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        frame_of_reference_uid=stack.frame_of_reference_uid,
        kind=kind,
        points_mm=as_points(points),
        right=axes.right,
        down=axes.down,
        by=by,
        at=now(),
        phase=ground.phase,
    )
    return on_image(mark, stack)


def on_image(mark: Mark, stack: Stack) -> Mark:
    """The mark with the stored image in whose plane it lies, if any."""
    if mark.kind is MarkKind.BRUSH:
        mark = replace(mark, sop_instance_uid="", frame=0)  # where it lies, not what it names
    frame = frame_of(mark, stack)
    if frame is None:
        return replace(mark, sop_instance_uid="", frame=0)
    return replace(mark, sop_instance_uid=frame.sop_instance_uid, frame=frame.number)


class Drawing:
    """One mark being drawn. Points come by clicks, or two by two with drags.

    After each call ``done`` says whether the mark is whole. ``mark`` is what it looks like now,
    the mouse included; it may have fewer points than its kind needs.
    """

    def __init__(self, kind: MarkKind, ground: Ground, by: str = "") -> None:
        self.kind = kind
        self.ground = ground
        self.by = by
        self.id = new_id()
        self.points: list[Floats] = []
        self.done = False
        self._rubber: Floats | None = None

    @property
    def needed(self) -> int:
        """How many points make it whole; 0: until it is finished."""
        return POINTS[self.kind]

    def press(self, lps_mm: Floats) -> None:
        """The button went down: a point."""
        if not self.done:
            self._add(lps_mm)

    def drag(self, lps_mm: Floats, apart_mm: float) -> None:
        """The mouse moved with the button down. apart_mm: how far freehand points lie apart."""
        if self.kind is not MarkKind.FREEHAND:
            self.hover(lps_mm)
        elif not self.points or float(np.linalg.norm(lps_mm - self.points[-1])) >= apart_mm:
            self.points.append(np.asarray(lps_mm, dtype=np.float64))

    def hover(self, lps_mm: Floats) -> None:
        """The mouse moved: the next point would be here."""
        self._rubber = self._held_to(np.asarray(lps_mm, dtype=np.float64))

    def release(self, lps_mm: Floats, *, moved: bool) -> None:
        """The button came up; where it had moved, this is a point too."""
        if self.kind is MarkKind.FREEHAND:
            self.done = len(self.points) >= LEAST[self.kind]
        elif moved and not self.done:
            self._add(lps_mm)

    def take_back(self) -> bool:
        """Forget the last point; False where none would be left."""
        if len(self.points) < 2:
            return False
        self.points.pop()
        return True

    def finish(self) -> bool:
        """End a mark of any number of points; False where it has too few."""
        self._rubber = None
        self.done = self.needed == 0 and len(self.points) >= LEAST[self.kind]
        return self.done

    def _add(self, lps_mm: Floats) -> None:
        self.points.append(self._held_to(np.asarray(lps_mm, dtype=np.float64)))
        self._rubber = None
        self.done = self.needed > 0 and len(self.points) >= self.needed

    def _held_to(self, place: Floats) -> Floats:
        if self.kind is MarkKind.BIDIRECTIONAL and len(self.points) == 3:
            return square_to(self.points[0], self.points[1], self.points[2], place)
        return place

    @property
    def mark(self) -> Mark | None:
        """The mark as it would be if the mouse were clicked here; None before its first point."""
        points = list(self.points)
        if not self.done and self._rubber is not None:
            points.append(self._rubber)
        if not points:
            return None
        return made_mark(self.kind, self.ground, np.stack(points), id=self.id, by=self.by)

    @property
    def is_empty(self) -> bool:
        """Whether what was drawn has no size: a double click, or a drag of nothing."""
        points = np.asarray(self.points)
        if self.kind in AT_ONCE or self.kind is MarkKind.BRUSH:
            return False
        if self.kind in OUTLINES and self.kind is not MarkKind.FREEHAND:
            box = points[-1] - points[0]
            sides = (
                box @ np.asarray(self.ground.axes.right),
                box @ np.asarray(self.ground.axes.down),
            )
            return min(abs(float(s)) for s in sides) < 1e-6
        return float(np.ptp(points, axis=0).max()) < 1e-6

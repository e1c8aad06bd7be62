"""A centreline on a slice view: drawn, and placed point by point while its tool is chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF

from workstation.domain.geometry import Floats
from workstation.domain.plane import Raster
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.layer import Layer
from workstation.viewing.curved_plan import CurvedPlan
from workstation.viewing.slab import Projection

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

TOOL = "centreline"
COLOUR = "#e66bff"
_POINT_PX, _LINE_PX = 8.0, 6.0
_INSERT_DEPTH_MM = 5.0
_DRAWN_MM = 1.0


class CentrelineLayer(Layer):
    """Click: a point at the nearer end, or between two on the line. Drag: moves it. Double click
    on a point: takes it away. Parts of the line off the plane are drawn dim."""

    def __init__(self, view: SliceView, plan: CurvedPlan) -> None:
        super().__init__(view)
        self.plan = plan
        self._number: int | None = None
        self._depth = 0.0

    @property
    def _here(self) -> bool:
        port = self.view.viewport
        return self.plan.active and port.volume is not None and port.frame == self.plan.frame

    # --- drawing

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The line, its points and the place that is looked at."""
        if not self._here or not self.view.viewport.overlays:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        near = self._near_mm()
        curve = self.plan.edit.curve
        if curve is not None:
            count = max(2, int(curve.length_mm / _DRAWN_MM) + 1)
            at = _seen(raster, ratio, curve.places(np.linspace(0, curve.length_mm, count)))
            for inside in (False, True):
                colour = QColor(COLOUR)
                colour.setAlpha(255 if inside else 150)
                painter.setPen(QPen(colour, 2.0 if inside else 1.2))
                for piece in _pieces(at, near, inside):
                    painter.drawPolyline(piece)
            self._mark_place(painter, raster, ratio)
        for x, y, depth in _seen(raster, ratio, np.asarray(self.plan.edit.points).reshape(-1, 3)):
            painter.setPen(QPen(QColor(0, 0, 0, 190), 3.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(x, y), 4.5, 4.5)
            painter.setPen(QPen(QColor(COLOUR), 1.5))
            if abs(depth) <= near:  # filled: it lies on this slice
                painter.setBrush(QColor(COLOUR))
            painter.drawEllipse(QPointF(x, y), 4.5, 4.5)

    def _mark_place(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """A stroke across the line where the cross-sections are."""
        curve = self.plan.edit.curve
        assert curve is not None
        along = self.plan.along_mm
        (ax, ay, _), (x, y, depth), (bx, by, _) = _seen(
            raster, ratio, curve.places([along - 0.5, along, along + 0.5])
        )
        length = math.hypot(bx - ax, by - ay)
        if length < 1e-6:
            return
        aside = QPointF(-(by - ay), bx - ax) / length * 11.0
        colour = QColor(theme.FOCUS)
        colour.setAlpha(255 if abs(depth) <= self._near_mm() else 120)
        painter.setPen(QPen(colour, 1.6))
        painter.drawLine(QPointF(x, y) - aside, QPointF(x, y) + aside)

    def _near_mm(self) -> float:
        port = self.view.viewport
        return max(port.slab.thickness_mm, port.steps.step_mm) / 2 + 1e-6

    def texts(self) -> Sequence[tuple[str, str]]:
        """What the left button does, and how long the line is."""
        if not self._here:
            return ()
        curve = self.plan.edit.curve
        lines = []
        if curve is not None:
            lines.append((tr("Line {mm} mm", mm=f"{curve.length_mm:.1f}"), COLOUR))
        if self.view.tool == TOOL:
            lines.append((tr("Click: point on the line"), theme.FOCUS))
        return lines

    # --- the mouse

    def _point_at(self, event: QMouseEvent) -> int | None:
        points = np.asarray(self.plan.edit.points, dtype=np.float64).reshape(-1, 3)
        seen = _seen(self.view.raster(), self.view.devicePixelRatioF(), points)
        place = event.position()
        best = [
            (math.hypot(x - place.x(), y - place.y()), number)
            for number, (x, y, _) in enumerate(seen)
        ]
        found = min(best, default=(math.inf, -1))
        return found[1] if found[0] <= _POINT_PX else None

    def _takes(self, event: QMouseEvent) -> bool:
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        return self._here and plain and self.view.tool == TOOL

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """A point under the mouse can be dragged."""
        if not self._takes(event):
            return False
        shape = Qt.CursorShape.CrossCursor
        if self._point_at(event) is not None:
            shape = Qt.CursorShape.SizeAllCursor
        self.view.setCursor(shape)
        self.view.update()
        return True

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Take hold of a point, or make one."""
        if not self._takes(event) or event.button() is not Qt.MouseButton.LeftButton:
            return False
        edit = self.plan.edit
        number = self._point_at(event)
        raster = self.view.raster()
        edit.begin_drag()
        if number is None:
            place = self._placed(lps_mm)
            number = edit.insert(place) if self._on_line(event) else edit.add(place)
        self._number = number
        self._depth = raster.to_picture(np.asarray(edit.points[number]))[2]
        return True

    def _on_line(self, event: QMouseEvent) -> bool:
        curve = self.plan.edit.curve
        if curve is None:
            return False
        count = max(2, int(curve.length_mm / _DRAWN_MM) + 1)
        places = curve.places(np.linspace(0, curve.length_mm, count))
        seen = _seen(self.view.raster(), self.view.devicePixelRatioF(), places)
        place = event.position()
        away = np.hypot(seen[:, 0] - place.x(), seen[:, 1] - place.y())
        best = int(away.argmin())
        deep = abs(seen[best, 2]) > max(self._near_mm(), _INSERT_DEPTH_MM)
        return bool(0 < best < count - 1 and away[best] <= _LINE_PX and not deep)

    def _placed(self, lps_mm: Floats) -> Floats:
        """In a MIP slab a click means the brightest voxel under it, in a MinIP the darkest."""
        port = self.view.viewport
        slab, volume = port.slab, port.volume
        if slab.thickness_mm <= 0 or slab.projection is Projection.MEAN or volume is None:
            return lps_mm
        depths = np.arange(-slab.thickness_mm / 2, slab.thickness_mm / 2 + 0.01, 0.5)
        places = lps_mm + depths[:, None] * port.axes.normal
        values = [port.value_at(p) for p in places]
        sign = 1.0 if slab.projection is Projection.MAX else -1.0
        known = np.array([-np.inf if v is None else sign * v for v in values])
        if not np.isfinite(known).any():
            return lps_mm
        # The middle of what is equally bright: the middle of a vessel, not its near wall.
        best = np.flatnonzero(known >= known.max() - 1e-9)
        return np.asarray(places[int(best[len(best) // 2])])

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Drag the point at the depth at which it lies."""
        if self._number is not None:
            normal = self.view.viewport.axes.normal
            self.plan.edit.move(self._number, lps_mm + normal * self._depth)

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """The point stays where it is."""
        self._number = None
        self.plan.edit.end_drag()

    def double_click(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Take a point away."""
        if not self._takes(event):
            return False
        number = self._point_at(event)
        if number is not None:
            self.plan.edit.remove(number)
        return True

    def do(self, action: str) -> bool:
        """Turn the line round, and look along it."""
        if not self._here:
            return False
        if action == "centreline_reverse":
            self.plan.edit.reverse()
        elif action in ("curved_on", "curved_back"):
            self.plan.go_to(self.plan.along_mm + (1.0 if action == "curved_on" else -1.0))
        elif action in ("curved_left", "curved_right"):
            self.plan.turn(10.0 if action == "curved_right" else -10.0)
        else:
            return False
        return True


def _seen(raster: Raster, ratio: float, places: Floats) -> Floats:
    """(n, 3): x, y in logical pixels of the view and mm in front of its plane."""
    inverse = raster.inverse
    seen = places @ inverse[:3, :3].T + inverse[:3, 3]
    seen[:, :2] = (seen[:, :2] + 0.5) / ratio
    return np.asarray(seen, dtype=np.float64)


def _pieces(seen: Floats, near: float, inside: bool) -> list[QPolygonF]:
    """Runs of the line that lie on the slice, or those that do not."""
    wanted = (np.abs(seen[:, 2]) <= near) == inside
    pieces: list[QPolygonF] = []
    run: list[QPointF] = []
    for (x, y, _), take in zip(seen.tolist(), wanted.tolist(), strict=True):
        if take:
            run.append(QPointF(x, y))
        else:
            if len(run) > 1:
                pieces.append(QPolygonF(run))
            run = []
    if len(run) > 1:
        pieces.append(QPolygonF(run))
    return pieces

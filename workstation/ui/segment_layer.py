"""Segment tools on a slice view: brush ring, scissors outline, clicks on islands and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF, QWheelEvent

from workstation.domain.errors import N_
from workstation.domain.geometry import Floats
from workstation.domain.plane import Raster
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.layer import Layer
from workstation.ui.segment_effects import SegmentEffects
from workstation.viewing.paint import Brush, Painting, covered, next_size
from workstation.viewing.segment_scissors import Cut

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

BRUSHES = ("segment_brush", "segment_eraser", "segment_threshold")
SCISSORS, ISLANDS, GROW = "segment_scissors", "segment_islands", "segment_grow"
TOOLS = (*BRUSHES, SCISSORS, ISLANDS, GROW)
CUT_WORDS = {
    Cut.ERASE_INSIDE: N_("Erase inside"),
    Cut.ERASE_OUTSIDE: N_("Erase outside"),
    Cut.FILL_INSIDE: N_("Fill inside"),
}
CLOSE_PX = 9.0
CLICK_PX = 4.0


class SegmentLayer(Layer):
    """Acts only while one of its tools has the left button."""

    def __init__(self, view: SliceView, effects: SegmentEffects) -> None:
        super().__init__(view)
        self.effects = effects
        self.desk = effects.desk
        self.corners: list[Floats] = []  # of the scissors' outline, LPS mm
        self._painting: Painting | None = None
        self._hover: QPointF | None = None
        self._down = QPointF()
        self._freehand = False
        self._erasing = False
        self.desk.brush_changed.connect(view.update)

    # --- drawing

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The brush as a ring, or the outline so far."""
        tool = self.view.tool
        if tool in BRUSHES and self._hover is not None and self.view.pointed:
            radius = self.desk.brush.radius_mm / (raster.mm_per_pixel * ratio)
            erase = tool == "segment_eraser" or self._erasing
            active = self.desk.active
            colour = theme.DANGER if erase else active.colour if active else theme.FOCUS
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for pen in (QPen(QColor(0, 0, 0, 180), 3.0), QPen(QColor(colour), 1.4)):
                if tool == "segment_threshold":
                    pen.setStyle(Qt.PenStyle.DashLine)
                painter.setPen(pen)
                painter.drawEllipse(self._hover, radius, radius)
        if tool == SCISSORS and self.corners:
            self._outline(painter)

    def _outline(self, painter: QPainter) -> None:
        places = [self.view.to_view(corner) for corner in self.corners]
        line = [*places, self._hover] if self._hover is not None and not self._freehand else places
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        add = self.effects.numbers.cut is Cut.FILL_INSIDE
        for pen in (QPen(QColor(0, 0, 0, 190), 3.5), QPen(QColor(theme.FOCUS), 1.6)):
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(line))
            if not add:
                pen.setStyle(Qt.PenStyle.DashLine)
                painter.setPen(pen)
            painter.drawLine(line[-1], places[0])
        if not self._freehand:
            painter.drawEllipse(places[0], 5.0, 5.0)

    def texts(self) -> Sequence[tuple[str, str]]:
        """What the left button does now, on which segment."""
        tool = self.view.tool
        if tool not in TOOLS:
            return ()
        words = self._tool_words(tool)
        active = self.desk.active
        if self.desk.grid.is_painting:
            on = (tr("on the finding being edited"), theme.FOCUS)
        elif active is not None:
            on = (f"{active.number} {self._name(active.name.en, active.name.zh)}", active.colour)
        else:
            on = (tr("on a new segment"), theme.DIM)
        lines = [(words, theme.FOCUS), on]
        if self.desk.job:
            lines.append((tr("working ..."), theme.PROPOSED))
        return lines

    def _name(self, en: str, zh: str) -> str:
        from workstation.text import language

        return zh if language().startswith("zh") else en

    def _tool_words(self, tool: str) -> str:
        brush = self.desk.brush
        if tool in BRUSHES:
            name = {
                "segment_brush": tr("Brush"),
                "segment_eraser": tr("Eraser"),
                "segment_threshold": tr("Threshold brush"),
            }[tool]
            words = f"{name} {brush.radius_mm * 2:g} mm  [ ]"
            if brush.ball:
                words += f"　{tr('ball')}"
            if tool == "segment_threshold" and self.desk.range is not None:
                low, high = self.desk.range
                words += f"　{low:.4g} – {high:.4g}"
            elif tool == "segment_threshold":
                words += "　" + tr("Ctrl+click picks the range")
            return words
        if tool == SCISSORS:
            numbers = self.effects.numbers
            where = tr("all slices") if numbers.through else tr("this slice")
            return f"{tr('Scissors')} · {tr(CUT_WORDS[numbers.cut])} · {where}"
        return tr("Click an island") if tool == ISLANDS else tr("Click a seed to grow from")

    # --- mouse

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """A stroke, a corner, an island or a seed."""
        tool = self.view.tool
        left = event.button() is Qt.MouseButton.LeftButton
        right = event.button() is Qt.MouseButton.RightButton
        if tool not in TOOLS or not (left or right) or self.view.viewport.is_pages:
            return False
        if tool in BRUSHES:
            return self._begin(event, lps_mm, right)
        if right:
            if tool == SCISSORS and self.corners:
                self._give_up()
                return True
            return False
        self._down = event.position()
        if tool == SCISSORS:
            if self.corners and self._near_first(event.position()):
                self._cut()
            else:
                self.corners.append(np.asarray(lps_mm))
                self._freehand = False
            self.view.update()
        elif tool == ISLANDS:
            self.effects.click_island(self.view, lps_mm)
        else:
            self.effects.grow_from(self.view, lps_mm)
        return True

    def _begin(self, event: QMouseEvent, lps_mm: Floats, right: bool) -> bool:
        keys = event.modifiers()
        if keys & Qt.KeyboardModifier.ControlModifier:
            if not right:
                self.pick_range(lps_mm)
            return not right
        volume = self.view.viewport.volume
        if volume is None:
            return False
        painting = self.desk.target(volume.stack, volume.phase)
        if painting is None:
            return True
        tool, brush = self.view.tool, self.desk.brush
        shift = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        self._erasing = right or shift or tool == "segment_eraser"
        low, high = (None, None)
        if tool == "segment_threshold":
            if self.desk.range is None:
                self.pick_range(lps_mm)
            if self.desk.range is None or painting.image is None:
                self.desk.wrong.emit(tr("The images are still being read."))
                return True
            low, high = self.desk.range
        self._painting = painting
        brush = replace(brush, erase=self._erasing, low=low, high=high)
        painting.begin(lps_mm, self.view.viewport.axes.normal, brush)
        return True

    def pick_range(self, lps_mm: Floats) -> None:
        """The range of values under the brush: mean and two standard deviations either way."""
        volume = self.view.viewport.volume
        if volume is None or volume.array.ndim != 3:
            return
        disc = Brush(self.desk.brush.radius_mm)
        block, hit = covered(volume.grid, lps_mm, lps_mm, self.view.viewport.axes.normal, disc)
        values = volume.array[block][hit]
        if values.size:
            middle, sd = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
            self.desk.set_range(middle - 2 * sd, middle + 2 * sd)

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Draw on."""
        self._hover = event.position()
        if self._painting is not None:
            self._painting.draw_to(lps_mm)
        elif self.view.tool == SCISSORS and self.corners:
            away = event.position() - self._down
            if len(self.corners) == 1 and abs(away.x()) + abs(away.y()) > CLICK_PX:
                self._freehand = True
            if self._freehand:
                last = self.view.to_view(self.corners[-1]) - event.position()
                if abs(last.x()) + abs(last.y()) >= 3.0:
                    self.corners.append(np.asarray(lps_mm))
        self.view.update()

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Ring and rubber line follow the mouse."""
        if self.view.tool not in TOOLS:
            return False
        self._hover = event.position()
        self._erasing = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.view.setCursor(Qt.CursorShape.CrossCursor)
        self.view.update()
        return True

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """End the stroke, or a freehand outline."""
        painting, self._painting = self._painting, None
        if painting is not None:
            painting.end()
        elif self._freehand:
            self._cut()
        self._erasing = False
        self.view.update()

    def double_click(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Closes the outline; two quick dabs are two dabs."""
        tool = self.view.tool
        if tool not in TOOLS:
            return False
        if tool == SCISSORS and len(self.corners) >= 3:
            self._cut()
        elif tool in BRUSHES:
            self.view.mouse.press(event)
        return True

    def _near_first(self, place: QPointF) -> bool:
        away = self.view.to_view(self.corners[0]) - place
        return len(self.corners) >= 3 and abs(away.x()) + abs(away.y()) <= CLOSE_PX

    def _cut(self) -> None:
        corners, self.corners, self._freehand = self.corners, [], False
        if len(corners) >= 3:
            self.effects.cut(self.view, np.stack(corners), self.view.viewport.axes)
        self.view.update()

    def _give_up(self) -> None:
        self.corners, self._freehand = [], False
        self.view.update()

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """Shift and wheel: brush size."""
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if self.view.tool not in BRUSHES or not shift:
            self.corners = []  # another slice: an outline half drawn belongs to the last one
            return False
        self._resize(steps > 0)
        return True

    def _resize(self, larger: bool) -> None:
        brush = self.desk.brush
        self.desk.set_brush(replace(brush, radius_mm=next_size(brush.radius_mm, larger)))

    def do(self, action: str) -> bool:
        """Size, ball and giving up by key."""
        if self.view.tool not in TOOLS:
            return False
        brush = self.desk.brush
        if action in ("brush_smaller", "brush_larger"):
            self._resize(action == "brush_larger")
        elif action == "ball":
            self.desk.set_brush(replace(brush, ball=not brush.ball))
        elif action == "eraser" and self.view.tool in BRUSHES:
            erase = self.view.tool != "segment_eraser"
            self.view.tool_wanted.emit("segment_eraser" if erase else "segment_brush")
        elif action == "cancel_mark":  # Esc: the outline half drawn, else the tool
            if self.corners:
                self._give_up()
            else:
                self.view.tool_wanted.emit("")
        else:
            return False
        return True

    def volume_changed(self) -> None:
        """What was half drawn belongs to the images that were shown."""
        self._give_up()

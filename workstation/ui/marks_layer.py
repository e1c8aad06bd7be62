"""Marks on a slice view: drawing them, taking hold of them, their words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QWheelEvent

from workstation.domain.geometry import Floats
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.plane import Raster
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.fusion_layer import FusionLayer
from workstation.ui.layer import Layer
from workstation.ui.mark_brush import MarkBrush
from workstation.ui.mark_hold import WORDS, MarkHold
from workstation.ui.mark_painter import MarkPainter
from workstation.ui.mark_points import MarkPoints
from workstation.ui.mark_typing import MarkTyping
from workstation.viewing.mark_drawing import Drawing, ground_of
from workstation.viewing.mark_shapes import Hit, hit
from workstation.viewing.mark_tools import DRAG, HINTS, TOOLS
from workstation.viewing.mark_words import label_lines, other_line
from workstation.viewing.marks import MarkBoard, is_here, shown_image

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

REACH_PX = 7.0
CLICK_PX = 4.0


class MarksLayer(Layer):
    """Draws the board's marks of one view; the mouse edits them there."""

    def __init__(
        self, view: SliceView, board: MarkBoard, author: Callable[[], str] = lambda: ""
    ) -> None:
        super().__init__(view)
        self.board = board
        self.author = author
        self.painter = MarkPainter()
        self.drawing: Drawing | None = None
        self.brush = MarkBrush(view, board)
        self.typing = MarkTyping(view, board)
        self.points = MarkPoints(self)
        self.hold = MarkHold(self)
        self._over = ""  # mark under the mouse
        self._down = QPointF()
        self._shown: object = None
        board.changed.connect(self._board_changed)

    # --- drawing

    def _board_changed(self) -> None:
        here = self._here()
        lines = tuple(m for m in self.board.marks if m.kind is MarkKind.CALIBRATION)
        shown = (here, lines, self.board.selected)
        if shown != self._shown:
            self._shown = shown
            self.view.update()

    def _here(self) -> list[Mark]:
        return self.board.here(self.view.viewport)

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """Every mark of the shown plane."""
        self.painter.begin()
        viewport = self.view.viewport
        if not viewport.overlays or viewport.volume is None or viewport.grid is None:
            return
        area = QRectF(self.view.rect())
        z = shown_image(viewport)
        for mark in self._here():
            chosen = mark.id == self.board.selected
            inside = self.brush.painted(mark)
            if inside is not None and z is not None and z in inside:
                self.painter.draw_painted(
                    painter, raster, ratio, viewport.grid, z, f"{mark.id}/{z}", inside[z],
                    chosen=chosen,
                )  # fmt: skip
            held = chosen or mark.id == self._over
            words = self._words(mark)
            preview = self.board.preview
            dragged = preview is not None and preview.id == mark.id
            self.painter.draw(
                painter, raster, ratio, mark, words, chosen=chosen, held=held, dragged=dragged
            )
        self.painter.write(painter, area, self.view.written)
        self.brush.draw_ring(painter, raster, ratio)
        self.points.draw(painter)

    def _words(self, mark: Mark) -> list[str]:
        volume = self.view.viewport.volume
        if volume is None or (self.typing.mark_id == mark.id):
            return []
        numbers = self.board.numbers(mark)
        thick = self.view.viewport.slab.thickness_mm > 0
        lines = label_lines(mark, numbers, thick=thick)
        held = self.board.voxels(mark.stack_id, mark.phase)
        if mark.stack_id != volume.stack.id and numbers and held is not None:
            stack = held.stack  # never take another series' values for this one's
            name = tr(stack.role) if stack.role else stack.description
            lines.append(tr("(on series {number}: {name})", number=stack.series_number, name=name))
        lines += self._fused(mark)
        if mark.in_report and lines:
            lines[0] = f"✓ {lines[0]}"
        return lines

    def _fused(self, mark: Mark) -> list[str]:
        """Values of the image fused onto this view, as SUV beside HU."""
        layers = [each for each in self.view.layers if isinstance(each, FusionLayer)]
        fusion = layers[0].fusion if layers else None
        if fusion is None or not fusion.shown:
            return []
        stack = fusion.volume.stack
        held = self.board.voxels(stack.id, fusion.volume.phase)
        numbers = self.board.numbers_on(mark, held, fusion.grid) if held is not None else ()
        line = other_line(tr(stack.role) if stack.role else stack.modality, numbers)
        return [line] if line else []

    def texts(self) -> list[tuple[str, str]]:
        """What the left button draws, and how to end it."""
        lines = []
        if self._calibrated():
            lines.append((tr("Lengths here are calibrated by a reader"), theme.PROPOSED))
        if self.painter.unwritten:
            words = tr("{count} marks without words: no room", count=self.painter.unwritten)
            lines.append((words, theme.PROPOSED))
        kind = TOOLS.get(self.view.tool)
        if self.points.active:
            lines.append((self.points.words(), theme.FOCUS))
        elif kind is MarkKind.BRUSH:
            lines.append((self.brush.words, theme.FOCUS))
        elif kind is not None:
            lines.append((tr(HINTS.get(kind, DRAG)), theme.FOCUS))
        return lines

    def _calibrated(self) -> bool:
        """Whether a reader's calibration line holds for what is shown."""
        viewport = self.view.viewport
        if viewport.volume is None:
            return False
        stack = viewport.volume.stack
        return any(
            mark.kind is MarkKind.CALIBRATION
            and mark.stack_id == stack.id
            and (stack.is_volume or is_here(mark, viewport))
            for mark in self.board.marks
        )

    # --- mouse

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """A point of what is being drawn, a hold on a mark, or the beginning of a new one."""
        if self.view.tool == "paint_region" and self.brush.press(event, lps_mm):
            return True
        if event.button() is not Qt.MouseButton.LeftButton or self.view.painting is not None:
            return False
        self._down = event.position()
        self.points.end()
        self._drop_if_put_away()
        if self.drawing is not None:
            self.drawing.press(lps_mm)
            self._show_drawing()
            return True
        kind = TOOLS.get(self.view.tool)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and kind is None:
            return False
        if (kind is not None or not self.view.tool) and self._take(lps_mm, with_tool=bool(kind)):
            return True
        if kind is None:
            self.board.select("")
            return False
        ground = ground_of(self.view.viewport)
        if ground is None:
            return False
        self.board.select("")
        self.drawing = Drawing(kind, ground, self.author())
        self.drawing.press(lps_mm)
        self._show_drawing()
        return True

    def _take(self, lps_mm: Floats, *, with_tool: bool) -> bool:
        """Take hold of what lies under the mouse; with a tool only of the chosen mark."""
        found = self._hit(self._down)
        if found is None or (with_tool and found.mark_id != self.board.selected):
            return False
        mark = self.board.get(found.mark_id)
        if mark is None:
            return False
        self.board.select(mark.id)
        self.hold.take(mark, found.handle, lps_mm)
        return True

    def _hit(self, place: QPointF) -> Hit | None:
        """The mark under a place of the widget: words first, then handles, then lines."""
        if not self.view.viewport.overlays or self.view.viewport.volume is None:
            return None
        for mark_id, box in self.painter.labels.items():
            if box.contains(place) and self.board.get(mark_id) is not None:
                return Hit(mark_id, WORDS, 0.0)
        ratio = self.view.devicePixelRatioF()
        pixel = (place.x() * ratio - 0.5, place.y() * ratio - 0.5)
        raster = self.view.raster()
        hits = [hit(mark, raster, pixel, REACH_PX * ratio) for mark in self._here()]
        found = [h for h in hits if h is not None and self.board.get(h.mark_id) is not None]
        return min(found, key=lambda h: (h.handle < 0, h.distance), default=None)

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Drag what is held, or draw on."""
        if self.brush.painting:
            self.brush.move(event, lps_mm)
        elif self.drawing is not None:
            apart = self.view.raster().mm_per_pixel * self.view.devicePixelRatioF() * 1.5
            self.drawing.drag(lps_mm, apart)
            self._show_drawing()
        elif self.hold.mark is not None and self._moved(event):
            self.hold.drag_to(lps_mm)

    def _moved(self, event: QMouseEvent) -> bool:
        away = event.position() - self._down
        return math.hypot(away.x(), away.y()) >= CLICK_PX or self.hold.dragged is not None

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """The next point follows the mouse; what can be taken hold of says so."""
        if self.view.painting is not None:
            return False
        if self.view.tool == "paint_region":
            self.brush.hover(event)
        self._drop_if_put_away()
        if self.drawing is not None:
            self.drawing.hover(lps_mm)
            self._show_drawing()
            return False
        free = not self.view.tool or self.view.tool in TOOLS
        found = self._hit(event.position()) if free else None
        over = found.mark_id if found is not None else ""
        if over != self._over:
            self._over = over
            self.view.update()
        if found is None:
            return False
        if found.handle >= 0:
            self.view.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.view.setCursor(Qt.CursorShape.SizeAllCursor)
        return not event.modifiers() & Qt.KeyboardModifier.ShiftModifier

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """The end of a drag."""
        if self.brush.painting:
            self.brush.release(self.author())
        elif self.drawing is not None:
            away = event.position() - self._down
            moved = math.hypot(away.x(), away.y()) >= CLICK_PX
            self.drawing.release(lps_mm, moved=moved)
            if self.drawing.done:
                self._finished()
            elif self.drawing.kind is MarkKind.FREEHAND:
                self.cancel()
            else:
                self._show_drawing()
        elif self.hold.mark is not None:
            if self.hold.dragged is not None:
                self.hold.drag_to(lps_mm)
            self.hold.let_go()

    def double_click(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Ends a path; on a mark, its words can be typed."""
        if self.drawing is not None:
            return self._end() or self.press(event, lps_mm)
        found = self._hit(event.position())
        mark = self.board.get(found.mark_id) if found is not None else None
        other_tool = self.view.tool and self.view.tool not in TOOLS
        if mark is None or other_tool or self.view.painting is not None:
            return False
        self.hold.let_go(keep=False)
        self.board.select(mark.id)
        self.typing.edit(mark, self._place_of(mark))
        return True

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """Shift and wheel: the size of the brush."""
        return self.view.tool == "paint_region" and self.brush.wheel(steps, event)

    # --- a mark on its way

    def _show_drawing(self) -> None:
        if self.drawing is not None:
            self.board.show(self.drawing.mark)

    def _finished(self) -> None:
        drawing, self.drawing = self.drawing, None
        assert drawing is not None
        mark = drawing.mark
        if mark is None or drawing.is_empty:
            self.board.show(None)
        elif mark.kind in {MarkKind.TEXT, MarkKind.CALIBRATION, MarkKind.ARROW}:
            self.typing.ask(mark, self._place_of(mark))
        else:
            self.board.keep(mark)
            self.board.select(mark.id)

    def _place_of(self, mark: Mark) -> QPointF:
        box = self.painter.labels.get(mark.id)
        return box.topLeft() if box else self.view.to_view(np.asarray(mark.points_mm[-1]))

    def _end(self) -> bool:
        if self.drawing is None or not self.drawing.finish():
            return False
        self._finished()
        return True

    def cancel(self) -> bool:
        """Forget what is being drawn or dragged; whether there was anything."""
        if self.drawing is None and self.hold.mark is None:
            return False
        self.drawing = None
        self.hold.let_go(keep=False)
        self.board.show(None)
        return True

    def _drop_if_put_away(self) -> None:
        """A half-drawn mark goes when its tool was put away, by whatever button or key."""
        if self.drawing is not None and TOOLS.get(self.view.tool) is not self.drawing.kind:
            self.cancel()

    def key(self, text: str) -> bool:
        """Points of the chosen mark by key."""
        return self.points.key(text)

    def spoken(self, mark_id: str = "") -> str:
        """The words of a mark, else of the one being drawn or just drawn."""
        preview = self.board.preview
        mark = preview if preview is not None else self.board.get(mark_id or self.board.selected)
        return "  ".join(self._words(mark)) if mark is not None else ""

    def do(self, action: str) -> bool:
        """Keys: cancel, end, delete, brush size."""
        if action == "cancel_mark":
            if self.cancel():
                return True
            if self.view.tool in TOOLS:
                self.view.tool_wanted.emit("")
                return True
            chosen = bool(self.board.selected)
            self.board.select("")
            return chosen
        if action == "end_mark":
            return self._end()
        if action == "delete_mark" and self.drawing is not None:
            if not self.drawing.take_back():
                self.cancel()
            self._show_drawing()
            return True
        if action == "delete_mark":
            chosen = bool(self.board.selected)
            self.board.remove(self.board.selected)
            return chosen
        if action in TOOLS and self.drawing is not None:
            self.cancel()
        return self.view.tool == "paint_region" and self.brush.do(action)

    def volume_changed(self) -> None:
        """Another series: what was half drawn belongs nowhere."""
        if self.drawing is not None and self.drawing.ground != ground_of(self.view.viewport):
            self.cancel()
        self._over = ""

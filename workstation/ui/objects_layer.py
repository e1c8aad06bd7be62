"""Others' segments, display states and places of reports on a slice view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QWidget

from workstation.domain.document import (
    Caption,
    DisplayedArea,
    PresentationState,
    Space,
    meant_for,
)
from workstation.domain.geometry import Floats
from workstation.domain.image_plane import ImagePlane, outline_of
from workstation.domain.mask_block import LabelBlock
from workstation.domain.plane import Raster
from workstation.render.labels import LabelPicture, LabelRenderer
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.ui.layer import Layer
from workstation.ui.overlay_planes import draw_bitmap
from workstation.ui.slice_view import SliceView
from workstation.viewing.presentation import Applied
from workstation.viewing.shown_objects import ShownObjects, ShownSegments

FILL = 0.30
LINE = "#5ce1d6"
DRAWING = "#ffd60a"


class ObjectsLayer(Layer):
    """Draws what ``ShownObjects`` holds where it belongs to what the view shows."""

    def __init__(self, view: SliceView, shown: ShownObjects) -> None:
        super().__init__(view)
        self.shown = shown
        self.applied = Applied(view.viewport)
        self.halo = HaloText()
        self._renderers: dict[int, LabelRenderer] = {}
        self._pictures: dict[int, tuple[Raster, LabelPicture | None]] = {}
        self._images: dict[int, tuple[tuple[Any, ...], QImage]] = {}
        self._pointed = ""
        shown.changed.connect(self._changed)
        view.viewport.changed.connect(self._apply)

    def _changed(self) -> None:
        alive = {id(b) for s in self.shown.segments.values() for b in s.layers}
        for kept in (self._renderers, self._pictures, self._images):
            for key in [k for k in kept if k not in alive]:
                del kept[key]
        self._apply()
        self.view.update()

    def _apply(self) -> None:
        self.applied.screen_mm = pixel_of_screen_mm(self.view)
        self.applied.update(self.shown.states_on, self.view.width(), self.view.height())

    # --- segments

    def under(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """Segments: a light fill and an opaque edge, under findings."""
        if not self.view.viewport.overlays:
            return
        for shown in self.shown.segments_on(self.view.viewport):
            for block in shown.layers:
                picture = self._cut(block, raster)
                if picture is not None:
                    image = self._coloured(shown, block, picture)
                    image.setDevicePixelRatio(ratio)
                    painter.drawImage(QPointF(picture.left / ratio, picture.top / ratio), image)

    def _cut(self, block: LabelBlock, raster: Raster) -> LabelPicture | None:
        kept = self._pictures.get(id(block))
        if kept is None or kept[0] != raster:
            renderer = self._renderers.setdefault(id(block), LabelRenderer(block))
            kept = (raster, renderer.cut(raster))
            self._pictures[id(block)] = kept
        return kept[1]

    def _coloured(self, shown: ShownSegments, block: LabelBlock, picture: LabelPicture) -> QImage:
        key = (id(picture), self.shown.version)
        kept = self._images.get(id(block))
        if kept is not None and kept[0] == key:
            return kept[1]
        fill = np.zeros(len(block.numbers) + 1, dtype=np.uint32)
        edge = np.zeros(len(block.numbers) + 1, dtype=np.uint32)
        for place, number in enumerate(block.numbers, start=1):
            if number in shown.hidden:
                continue
            colour = shown.colour(number)
            fill[place] = _premultiplied(colour, FILL)
            edge[place] = _premultiplied(colour, 1.0)
        pixels = np.where(picture.edges, edge[picture.labels], fill[picture.labels])
        height, width = pixels.shape
        pixels = np.ascontiguousarray(pixels)
        form = QImage.Format.Format_ARGB32_Premultiplied
        image = QImage(pixels.data, width, height, width * 4, form).copy()
        self._images[id(block)] = (key, image)
        return image

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Name the segment under the mouse."""
        self._pointed = self._segment_at(lps_mm)
        return False

    def _segment_at(self, lps_mm: Floats) -> str:
        for shown in self.shown.segments_on(self.view.viewport):
            for block in shown.layers:
                x, y, z = np.floor(block.grid.to_index(lps_mm) + 0.5).astype(int)
                depth, rows, columns = block.grid.shape
                if 0 <= z < depth and 0 <= y < rows and 0 <= x < columns:
                    label = int(block.array[z, y, x])
                    if label and block.numbers[label - 1] not in shown.hidden:
                        return shown.label(block.numbers[label - 1])
        return ""

    # --- words

    def texts(self) -> Sequence[tuple[str, str]]:
        """What is drawn here that is not ours, by name."""
        view, lines = self.view.viewport, []
        state = self.applied.state
        if state is not None:
            name = state.label or state.description or "GSPS"
            lines.append((tr("Display state: {name}", name=name), LINE))
            said = [*state.notes, *([self.applied.said] if self.applied.said is not None else [])]
            lines += [(say(note), theme.PROPOSED) for note in said]
        if view.overlays:
            for shown in self.shown.segments_on(view)[:2]:
                words = tr("Segmentation: {name}", name=shown.about.label or shown.about.creator)
                lines.append((words, theme.DIM))
            if self._pointed:
                lines.append((self._pointed, theme.TEXT))
        return lines

    # --- states and reports

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """Annotations of the state that is applied, and lines of reports."""
        if not self.view.viewport.overlays:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state, plane = self.applied.state, self.applied.plane
        if state is not None and plane is not None:
            self._shutters(painter, state, plane)
            self._draw_state(painter, state, plane)
        for line in self.shown.lines_on(self.view.viewport):
            places = self._to_view(line.points_mm)
            self._stroke(painter, places, line.closed, LINE, dashed=True)
            corner = max(places, key=lambda p: p.x() + p.y())
            self.halo.draw(painter, corner + QPointF(5, 0), line.label, self._font(), LINE)

    def _font(self) -> Any:
        return self.view.font()

    def _to_view(self, points_mm: Floats) -> list[QPointF]:
        return [self.view.to_view(point) for point in points_mm]

    def _stroke(
        self,
        painter: QPainter,
        places: list[QPointF],
        closed: bool,
        colour: str,
        *,
        dashed: bool = False,
        filled: bool = False,
    ) -> None:
        front = QPen(QColor(colour), 1.6)
        if dashed:
            front.setStyle(Qt.PenStyle.DashLine)
        painter.setBrush(QColor(colour) if filled else Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 190), 3.4), front):
            painter.setPen(pen)
            if len(places) == 1:
                x, y = places[0].x(), places[0].y()
                painter.drawLine(QLineF(x - 5, y, x + 5, y))
                painter.drawLine(QLineF(x, y - 5, x, y + 5))
            elif closed:
                painter.drawPolygon(QPolygonF(places))
            else:
                painter.drawPolyline(QPolygonF(places))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_state(self, painter: QPainter, state: PresentationState, plane: ImagePlane) -> None:
        at = (plane.sop_instance_uid, plane.frame)
        area = next((a for a in state.areas if meant_for(a.images, *at)), None)
        frame = self._area_in_view(area, plane)
        for bitmap in state.bitmaps:
            draw_bitmap(painter, self.view, plane, bitmap, DRAWING)
        for drawing in state.drawings:
            if not meant_for(drawing.images, *at):
                continue
            colour = QColor(*drawing.colour).name() if drawing.colour else DRAWING
            for graphic in drawing.graphics:
                points, closed = outline_of(graphic)
                places = self._places(points, graphic.space, plane, frame)
                if places:
                    self._stroke(painter, places, closed, colour, filled=graphic.filled)
            for caption in drawing.captions:
                self._draw_caption(painter, caption, plane, frame, colour)

    def _places(
        self, points: Floats, space: Space, plane: ImagePlane, frame: QRectF
    ) -> list[QPointF]:
        if space is Space.PIXEL:
            return self._to_view(plane.to_mm(points))
        return [
            QPointF(
                frame.left() + float(x) * frame.width(), frame.top() + float(y) * frame.height()
            )
            for x, y in points[:, :2]
        ]

    def _area_in_view(self, area: DisplayedArea | None, plane: ImagePlane) -> QRectF:
        """The displayed area in this view: what DISPLAY units are fractions of."""
        rows, columns = plane.grid.shape[1:]
        edges = (-0.5, -0.5, columns - 0.5, rows - 0.5)
        if area is not None:
            edges = (area.left, area.top, area.right, area.bottom)
        corners = self._to_view(plane.to_mm([(edges[0], edges[1]), (edges[2], edges[3])]))
        return QRectF(corners[0], corners[1]).normalized()

    def _draw_caption(
        self, painter: QPainter, caption: Caption, plane: ImagePlane, frame: QRectF, colour: str
    ) -> None:
        anchor = None
        if caption.anchor is not None:
            points = np.array([caption.anchor], dtype=np.float64)
            anchor = self._places(points, caption.anchor_space, plane, frame)[0]
        place = anchor
        if caption.box is not None:
            left, top, right, bottom = caption.box
            points = np.array([(left, top), (right, bottom)], dtype=np.float64)
            corners = self._places(points, caption.space, plane, frame)
            box = QRectF(corners[0], corners[1]).normalized()
            place = box.topLeft()
            if anchor is not None and caption.anchor_visible:
                self._stroke(painter, [box.center(), anchor], False, colour)
        if place is None:
            return
        for number, line in enumerate(caption.words.split("\n")):
            step = painter.fontMetrics().height() + 1
            self.halo.draw(painter, place + QPointF(4, number * step), line, self._font(), colour)

    def _shutters(self, painter: QPainter, state: PresentationState, plane: ImagePlane) -> None:
        """Over what a state keeps out of sight the grey that it asks for, black by default (PS3.3
        C.7.6.11, C.7.6.15: a bit of value 1 hides its pixel); pixels count from 1."""
        colour = QColor(state.shutter_grey, state.shutter_grey, state.shutter_grey)
        if state.cover is not None:
            draw_bitmap(painter, self.view, plane, state.cover, colour.name())
        for shape, numbers in state.shutters:
            if shape == "RECTANGULAR":
                left, right, top, bottom = (n - 1 for n in numbers)
                points = [(left, top), (right, top), (right, bottom), (left, bottom)]
            elif shape == "CIRCULAR":
                row, column, radius = numbers
                turns = np.linspace(0, 2 * np.pi, 90, endpoint=False)
                points = [
                    (column - 1 + radius * np.cos(t), row - 1 + radius * np.sin(t)) for t in turns
                ]
            else:
                rows, columns = numbers[::2], numbers[1::2]
                points = [(c - 1, r - 1) for r, c in zip(rows, columns, strict=False)]
            path = QPainterPath()
            path.addRect(QRectF(self.view.rect()))
            path.addPolygon(QPolygonF(self._to_view(plane.to_mm(points))))
            painter.fillPath(path, colour)


def pixel_of_screen_mm(widget: QWidget) -> float:
    """Height of a (logical) pixel of the screen that a widget is on, as the screen states it; 0
    where it states none."""
    screen = widget.screen()
    high = screen.physicalSize().height()
    return float(high / screen.size().height()) if high > 0 else 0.0


def _premultiplied(colour: tuple[int, int, int], alpha: float) -> int:
    red, green, blue = (int(v * alpha) for v in colour)
    return (int(255 * alpha) << 24) | (red << 16) | (green << 8) | blue

"""Marks as they are drawn over an image: lines with a halo, handles, words that can be moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPainter,
    QPen,
    QPolygonF,
    QTransform,
)

from workstation.domain.geometry import Floats, Grid
from workstation.domain.mark import Mark, MarkKind
from workstation.domain.plane import Raster
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.viewing.label_places import Box, Label, places_of
from workstation.viewing.mark_shapes import handles_of, lines_of, to_pixels

COLOUR = "#f2e35c"
CHOSEN = "#7fd0ff"
_LINE = 16.0
_HANDLE = 3.5
_EDGE = 4.0
_FAR = 24.0  # words farther than this from their mark have a line to it


@dataclass
class _Words:
    """Words that wait to be written, when every mark is drawn."""

    mark: Mark
    lines: Sequence[str]
    points: Floats  # (n, 2) of the mark, logical pixels
    at: QPointF
    colour: QColor
    first: bool


class MarkPainter:
    """Draws marks of one view and remembers where their words stand.

    ``begin``, ``draw`` for each mark, then ``write``: words are placed when all marks are known.
    """

    def __init__(self) -> None:
        self.halo = HaloText()
        self.labels: dict[str, QRectF] = {}
        self.unwritten = 0  # marks whose words have no room in this picture
        self._words: list[_Words] = []
        self._chosen_places: dict[str, int] = {}
        self._pictures: dict[str, tuple[object, QImage]] = {}

    @property
    def _font(self) -> QFont:
        return theme.font(10)  # of the size that the reader chose

    def begin(self) -> None:
        """A new picture: nothing is written yet."""
        self.labels, self._words, self.unwritten = {}, [], 0

    def draw(
        self,
        painter: QPainter,
        raster: Raster,
        ratio: float,
        mark: Mark,
        words: Sequence[str],
        *,
        chosen: bool,
        held: bool,
        dragged: bool = False,
    ) -> None:
        """One mark. words: lines beside it. held: it is chosen or under the mouse.

        dragged: it is being drawn or moved, so that its words choose their place before others.
        """
        colour = QColor(CHOSEN if chosen else COLOUR)
        lines = [
            (_polygon(to_pixels(raster, points), ratio), closed)
            for points, closed in lines_of(mark)
        ]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 190), 3.6), QPen(colour, 1.9 if chosen else 1.5)):
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            for polygon, closed in lines:
                if closed:
                    painter.drawPolygon(polygon)
                else:
                    painter.drawPolyline(polygon)
            self._special(painter, raster, ratio, mark)
        self._handles(painter, raster, ratio, mark, held, colour)
        if words:
            self._words.append(self._waiting(raster, ratio, mark, words, colour, dragged))

    def _special(self, painter: QPainter, raster: Raster, ratio: float, mark: Mark) -> None:
        """What is no plain line: the cross of a probe, the head of an arrow, ticks, a bow."""
        at = _points(to_pixels(raster, np.asarray(mark.points_mm)), ratio)
        if mark.kind is MarkKind.PROBE:
            for dx, dy in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
                way = QPointF(dx, dy)
                painter.drawLine(QLineF(at[0] + way * 3, at[0] + way * 9))
        elif mark.kind is MarkKind.ARROW and len(at) == 2:
            line = QLineF(at[0], at[1])
            if line.length() > 2:
                for turn in (24.0, -24.0):
                    side = QLineF(at[0], at[1])
                    side.setLength(min(13.0, line.length()))
                    side.setAngle(line.angle() + turn)
                    painter.drawLine(side)
        elif mark.kind in {MarkKind.LENGTH, MarkKind.CALIBRATION} and len(at) == 2:
            _ticks(painter, at[0], at[1])
        elif mark.kind is MarkKind.ANGLE and len(at) == 3:
            _bow(painter, at)
        elif mark.kind is MarkKind.COBB and len(at) == 4:
            pen = painter.pen()
            dashed = QPen(pen)
            dashed.setStyle(Qt.PenStyle.DotLine)
            painter.setPen(dashed)
            painter.drawLine(QLineF((at[0] + at[1]) / 2, (at[2] + at[3]) / 2))
            painter.setPen(pen)

    def _handles(
        self,
        painter: QPainter,
        raster: Raster,
        ratio: float,
        mark: Mark,
        held: bool,
        colour: QColor,
    ) -> None:
        if not held or mark.kind is MarkKind.PROBE:
            return
        painter.setPen(QPen(QColor(0, 0, 0, 220), 1.0))
        painter.setBrush(colour)
        for place in _points(to_pixels(raster, handles_of(mark)), ratio):
            painter.drawRect(
                QRectF(place.x() - _HANDLE, place.y() - _HANDLE, 2 * _HANDLE, 2 * _HANDLE)
            )
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _waiting(
        self,
        raster: Raster,
        ratio: float,
        mark: Mark,
        words: Sequence[str],
        colour: QColor,
        dragged: bool,
    ) -> _Words:
        points = (to_pixels(raster, _extent(mark)) + 0.5) / ratio
        if mark.label_mm is not None:
            (corner,) = _points(to_pixels(raster, np.asarray([mark.label_mm])), ratio)
        else:
            nearest = points[int(np.argmax(points.sum(axis=1)))]
            aside = (0.0, 0.0) if mark.kind is MarkKind.TEXT else (8.0, 2.0)
            corner = QPointF(nearest[0] + aside[0], nearest[1] + aside[1])
        return _Words(mark, words, points, corner, colour, dragged)

    def write(self, painter: QPainter, area: QRectF, taken: Sequence[QRectF] = ()) -> None:
        """The words of all marks, over no others and none of ``taken``, within ``area``.

        Where room for all of them is none the first line stands alone; where there is none for
        that either, ``unwritten`` counts it. Words of the chosen mark are always written.
        """
        metrics, high = QFontMetricsF(self._font), float(theme.scaled(_LINE))
        inner = area.adjusted(_EDGE, _EDGE, -_EDGE, -_EDGE)
        lines = np.concatenate([np.zeros((0, 2)), *(_along(each.points) for each in self._words)])
        others = [_box(each) for each in taken]
        waiting = sorted(self._words, key=lambda each: not each.first)
        by_id = {each.mark.id: each for each in waiting}
        chosen: dict[str, int] = {}
        for shortened in (False, True):
            labels = [_label(each, metrics, high) for each in waiting]
            places = places_of(
                labels, _box(inner), taken=others, lines=lines, before=self._chosen_places
            )
            chosen |= places.chosen
            waiting = []
            for id, box in places.boxes.items():
                each = by_id[id]
                if box is not None:
                    others.append(box)
                    self._written(painter, each, _rect(box), high)
                elif not shortened:
                    waiting.append(replace(each, lines=each.lines[:1]))
                elif each.colour.name() == CHOSEN or each.first:
                    self._written(
                        painter, each, _at_edge(each.at, inner, metrics, each, high), high
                    )
                else:
                    self.unwritten += 1
            by_id = {each.mark.id: each for each in waiting}
        self._chosen_places |= chosen  # also of marks out of sight: they come back where they were

    def _written(self, painter: QPainter, words: _Words, box: QRectF, high: float) -> None:
        _leader(painter, box, words.points, words.colour)
        if len(words.lines) > 1:  # numbers to be read need a quiet ground
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(0, 0, 0, 120))
            painter.drawRoundedRect(box.adjusted(-2, 0, 2, 0), 4, 4)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        for number, line in enumerate(words.lines):
            place = QPointF(box.left(), box.top() + high * number)
            self.halo.draw(painter, place, line, self._font, words.colour.name())
        self.labels[words.mark.id] = box

    def draw_painted(
        self,
        painter: QPainter,
        raster: Raster,
        ratio: float,
        grid: Grid,
        z: int,
        key: str,
        inside: NDArray[np.bool_],
        *,
        chosen: bool,
    ) -> None:
        """The voxels (y, x) of a painted region on image ``z``, each as the square that it is."""
        colour = QColor(CHOSEN if chosen else COLOUR)
        kept = self._pictures.get(key)
        stamp = (id(inside), int(inside.sum()), chosen)
        if kept is None or kept[0] != stamp:
            self._pictures = {k: v for k, v in self._pictures.items() if len(self._pictures) < 24}
            kept = (stamp, _picture(inside, colour))
            self._pictures[key] = kept
        corners = grid.to_lps(np.array([[-0.5, -0.5, z], [0.5, -0.5, z], [-0.5, 0.5, z]]))
        at = (to_pixels(raster, corners) + 0.5) / ratio
        (ox, oy), (ax, ay), (bx, by) = at
        painter.save()
        painter.setTransform(QTransform(ax - ox, ay - oy, bx - ox, by - oy, ox, oy), True)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(QPointF(0, 0), kept[1])
        painter.restore()


def _extent(mark: Mark) -> Floats:
    lines = [points for points, _ in lines_of(mark)]
    return np.concatenate(lines) if lines else np.asarray(mark.points_mm, dtype=np.float64)


def _points(pixels: Floats, ratio: float) -> list[QPointF]:
    return [QPointF((x + 0.5) / ratio, (y + 0.5) / ratio) for x, y in pixels]


def _polygon(pixels: Floats, ratio: float) -> QPolygonF:
    return QPolygonF(_points(pixels, ratio))


def _ticks(painter: QPainter, a: QPointF, b: QPointF) -> None:
    line = QLineF(a, b)
    if line.length() < 4:
        return
    for end in (a, b):
        tick = line.normalVector().unitVector()
        way = QPointF(tick.dx(), tick.dy()) * 5
        painter.drawLine(QLineF(end - way, end + way))


def _bow(painter: QPainter, at: Sequence[QPointF]) -> None:
    first, second = QLineF(at[1], at[0]), QLineF(at[1], at[2])
    radius = min(first.length(), second.length(), 60.0) * 0.4
    if radius < 4:
        return
    turn = first.angleTo(second)
    turn = turn - 360 if turn > 180 else turn
    box = QRectF(at[1].x() - radius, at[1].y() - radius, 2 * radius, 2 * radius)
    painter.drawArc(box, int(first.angle() * 16), int(turn * 16))


def _leader(painter: QPainter, box: QRectF, points: Floats, colour: QColor) -> None:
    """A thin line from words that stand aside to what they speak of."""
    x = np.clip(points[:, 0], box.left(), box.right())
    y = np.clip(points[:, 1], box.top(), box.bottom())
    away = np.hypot(points[:, 0] - x, points[:, 1] - y)
    nearest = int(np.argmin(away))
    if away[nearest] > _FAR:
        line = QLineF(QPointF(*points[nearest]), QPointF(x[nearest], y[nearest]))
        for pen in (
            QPen(QColor(0, 0, 0, 170), 2.4),
            QPen(colour, 1.0, Qt.PenStyle.DotLine),
        ):
            painter.setPen(pen)
            painter.drawLine(line)


def _label(words: _Words, metrics: QFontMetricsF, high: float) -> Label:
    low, most = words.points.min(axis=0), words.points.max(axis=0)
    about = (float(low[0]), float(low[1]), float(most[0]), float(most[1]))
    at = (words.at.x(), words.at.y())
    size = _size(words, metrics, high)
    return Label(words.mark.id, size, about, at, words.first or words.mark.label_mm is not None)


def _size(words: _Words, metrics: QFontMetricsF, high: float) -> tuple[float, float]:
    width = max(metrics.horizontalAdvance(line) for line in words.lines) + 6
    return width, high * len(words.lines) + 4


def _at_edge(
    at: QPointF, area: QRectF, metrics: QFontMetricsF, words: _Words, high: float
) -> QRectF:
    """Where they would stand, pushed into the view, whatever lies below."""
    width, height = _size(words, metrics, high)
    x = max(min(at.x(), area.right() - width), area.left())
    y = max(min(at.y(), area.bottom() - height), area.top())
    return QRectF(x, y, width, height)


def _box(rect: QRectF) -> Box:
    return rect.left(), rect.top(), rect.right(), rect.bottom()


def _rect(box: Box) -> QRectF:
    return QRectF(box[0], box[1], box[2] - box[0], box[3] - box[1])


def _along(points: Floats) -> Floats:
    """Points every few pixels along a line through (n, 2) points."""
    if len(points) < 2:
        return points
    apart = np.hypot(*np.diff(points, axis=0).T)
    way = np.concatenate([[0.0], np.cumsum(apart)])
    if way[-1] <= 0:
        return points[:1]
    at = np.linspace(0.0, way[-1], int(min(way[-1] / 6 + 2, 400)))
    return np.stack([np.interp(at, way, points[:, 0]), np.interp(at, way, points[:, 1])], axis=1)


def _picture(inside: NDArray[np.bool_], colour: QColor) -> QImage:
    """Premultiplied ARGB of a mask (y, x): a light fill, its border voxels denser."""
    core = inside.copy()
    core[1:] &= inside[:-1]
    core[:-1] &= inside[1:]
    core[:, 1:] &= inside[:, :-1]
    core[:, :-1] &= inside[:, 1:]
    pixels = np.zeros(inside.shape, dtype=np.uint32)
    for where, alpha in ((inside & core, 0.22), (inside & ~core, 0.7)):
        red, green, blue = (int(c * alpha) for c in (colour.red(), colour.green(), colour.blue()))
        pixels[where] = (int(255 * alpha) << 24) | (red << 16) | (green << 8) | blue
    height, width = inside.shape
    image = QImage(pixels.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied)
    return image.copy()  # numpy's memory goes away with ``pixels``

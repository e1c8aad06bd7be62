"""Marks as they are drawn over an image: lines with a halo, handles, words that can be moved."""

from __future__ import annotations

from collections.abc import Sequence

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
from workstation.viewing.mark_shapes import handles_of, lines_of, to_pixels

COLOUR = "#f2e35c"
CHOSEN = "#7fd0ff"
LINE_PX = 16.0
_HANDLE = 3.5


class MarkPainter:
    """Draws marks of one view and remembers where their words stand."""

    def __init__(self) -> None:
        self.halo = HaloText()
        self.labels: dict[str, QRectF] = {}
        self._metrics = QFontMetricsF(self._font)
        self._pictures: dict[str, tuple[object, QImage]] = {}

    @property
    def _font(self) -> QFont:
        return theme.font(10)  # of the size that the reader chose

    def begin(self) -> None:
        """A new picture: nothing is written yet."""
        self.labels = {}

    def draw(
        self,
        painter: QPainter,
        raster: Raster,
        ratio: float,
        area: QRectF,
        mark: Mark,
        words: Sequence[str],
        *,
        chosen: bool,
        held: bool,
    ) -> None:
        """One mark. words: lines beside it. held: it is chosen or under the mouse."""
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
            self._words(painter, raster, ratio, area, mark, words, colour)

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

    def _words(
        self,
        painter: QPainter,
        raster: Raster,
        ratio: float,
        area: QRectF,
        mark: Mark,
        words: Sequence[str],
        colour: QColor,
    ) -> None:
        width = max(self._metrics.horizontalAdvance(line) for line in words) + 6
        height = LINE_PX * len(words) + 4
        points = to_pixels(raster, _extent(mark))
        if mark.label_mm is not None:
            (corner,) = _points(to_pixels(raster, np.asarray([mark.label_mm])), ratio)
        else:
            nearest = points[int(np.argmax(points.sum(axis=1)))]
            corner = QPointF((nearest[0] + 0.5) / ratio + 8, (nearest[1] + 0.5) / ratio + 2)
            if mark.kind is MarkKind.TEXT:
                corner = QPointF(corner.x() - 8, corner.y() - 2)
        x = min(max(corner.x(), area.left() + 4), area.right() - width - 4)
        y = min(max(corner.y(), area.top() + 4), area.bottom() - height - 4)
        box = QRectF(x, y, width, height)
        if mark.label_mm is not None and mark.kind is not MarkKind.TEXT:
            _leader(painter, box, _points(points, ratio), colour)
        if len(words) > 1:  # numbers to be read need a quiet ground
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(0, 0, 0, 120))
            painter.drawRoundedRect(box.adjusted(-2, 0, 2, 0), 4, 4)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        for number, line in enumerate(words):
            place = QPointF(box.left(), box.top() + LINE_PX * number)
            self.halo.draw(painter, place, line, self._font, colour.name())
        self.labels[mark.id] = box

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


def _leader(painter: QPainter, box: QRectF, points: Sequence[QPointF], colour: QColor) -> None:
    """A thin line from words that were moved aside to what they speak of."""
    middle = box.center()
    nearest = min(points, key=lambda p: QLineF(p, middle).length())
    x = min(max(nearest.x(), box.left()), box.right())
    y = min(max(nearest.y(), box.top()), box.bottom())
    if QLineF(nearest.x(), nearest.y(), x, y).length() > 24:
        painter.setPen(QPen(colour, 0.8, Qt.PenStyle.DotLine))
        painter.drawLine(QLineF(nearest, QPointF(x, y)))


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

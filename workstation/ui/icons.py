"""Icons of the room, drawn as lines: one hand, one weight, no foreign set."""

from __future__ import annotations

import functools
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from workstation.ui import theme

BOX = 24.0  # every icon is drawn in a square of this side
Draw = Callable[[QPainter], None]


def _lines(*places: float, closed: bool = False) -> Draw:
    """A line through x0, y0, x1, y1, ..."""
    points = [QPointF(x, y) for x, y in zip(places[::2], places[1::2], strict=True)]

    def draw(painter: QPainter) -> None:
        path = QPainterPath(points[0])
        for point in points[1:]:
            path.lineTo(point)
        if closed:
            path.closeSubpath()
        painter.drawPath(path)

    return draw


def _circle(x: float, y: float, radius: float, *, full: bool = False) -> Draw:
    def draw(painter: QPainter) -> None:
        painter.save()
        if full:
            painter.setBrush(QBrush(painter.pen().color()))
        painter.drawEllipse(QPointF(x, y), radius, radius)
        painter.restore()

    return draw


def _oval(x: float, y: float, width: float, height: float) -> Draw:
    return lambda painter: painter.drawEllipse(QRectF(x, y, width, height))


def _box(x: float, y: float, width: float, height: float, *, full: bool = False) -> Draw:
    def draw(painter: QPainter) -> None:
        painter.save()
        if full:
            painter.setBrush(QBrush(painter.pen().color()))
        painter.drawRoundedRect(QRectF(x, y, width, height), 1.2, 1.2)
        painter.restore()

    return draw


def _arc(x: float, y: float, radius: float, start: float, span: float) -> Draw:
    """Part of a circle; degrees counter-clockwise from the right."""
    box = QRectF(x - radius, y - radius, 2 * radius, 2 * radius)
    return lambda painter: painter.drawArc(box, round(start * 16), round(span * 16))


def _half(x: float, y: float, radius: float) -> Draw:
    def draw(painter: QPainter) -> None:
        painter.save()
        painter.setBrush(QBrush(painter.pen().color()))
        box = QRectF(x - radius, y - radius, 2 * radius, 2 * radius)
        painter.drawPie(box, 90 * 16, 180 * 16)
        painter.restore()

    return draw


def _curve(*places: float) -> Draw:
    """Bezier curves: a beginning, then two handles and an end each."""
    points = [QPointF(x, y) for x, y in zip(places[::2], places[1::2], strict=True)]

    def draw(painter: QPainter) -> None:
        path = QPainterPath(points[0])
        for n in range(1, len(points) - 2, 3):
            path.cubicTo(points[n], points[n + 1], points[n + 2])
        painter.drawPath(path)

    return draw


_RULER = (_lines(3, 17, 17, 3, 21, 7, 7, 21, closed=True), _lines(8, 12, 10, 14),
          _lines(11, 9, 14, 12), _lines(14, 6, 16, 8))  # fmt: skip
_BRUSH = (_lines(20, 4, 11, 13), _curve(11, 13, 6, 12, 9, 18, 4, 20, 10, 21, 13, 18, 11, 13))
_CROSS = (_lines(12, 3, 12, 21), _lines(3, 12, 21, 12))

ICONS: dict[str, tuple[Draw, ...]] = {
    # groups
    "view": (_box(4, 4, 12, 12), _lines(8, 20, 20, 20, 20, 8)),
    "window": (_circle(12, 12, 8.5), _half(12, 12, 8.5)),
    "layout": (_box(3.5, 3.5, 17, 17), _lines(12, 3.5, 12, 20.5), _lines(3.5, 12, 20.5, 12)),
    "measure": _RULER,
    "segment": _BRUSH,
    "compare": (_box(3, 5, 8, 14), _box(13, 5, 8, 14), _lines(7, 12, 17, 12)),
    "solid": (_lines(12, 3, 20, 7.5, 20, 16.5, 12, 21, 4, 16.5, 4, 7.5, closed=True),
              _lines(4, 7.5, 12, 12, 20, 7.5), _lines(12, 12, 12, 21)),
    "share": (_lines(7, 10, 4, 10, 4, 21, 20, 21, 20, 10, 17, 10), _lines(12, 15, 12, 3),
              _lines(8, 7, 12, 3, 16, 7)),
    "finding": (_lines(12, 3, 21, 20, 3, 20, closed=True), _lines(12, 9, 12, 14),
                _circle(12, 17, 0.6, full=True)),
    "report": (_lines(6, 3, 15, 3, 19, 7, 19, 21, 6, 21, closed=True), _lines(9, 10, 16, 10),
               _lines(9, 14, 16, 14), _lines(9, 17.5, 13, 17.5)),
    "room": (_box(3, 5, 18, 12), _lines(9, 21, 15, 21), _lines(12, 17, 12, 21)),
    # tools
    "": (_circle(12, 12, 8.5), _half(12, 12, 8.5)),
    "distance": (_lines(4, 20, 20, 4), _lines(2.5, 16.5, 7.5, 21.5), _lines(16.5, 2.5, 21.5, 7.5)),
    "path": (_lines(3, 18, 9, 9, 14, 15, 21, 5), _circle(3, 18, 1, full=True),
             _circle(9, 9, 1, full=True), _circle(14, 15, 1, full=True),
             _circle(21, 5, 1, full=True)),
    "angle": (_lines(20, 20, 4, 20, 16, 5), _arc(4, 20, 9, 0, 51)),
    "cobb": (_lines(3, 7, 17, 4), _lines(3, 16, 17, 20), _lines(13, 5, 13, 19)),
    "two_diameters": (_lines(4, 18, 20, 6), _lines(9, 7, 15, 17)),
    "rectangle": (_box(4, 6, 16, 12),),
    "ellipse": (_oval(3, 6, 18, 12),),
    "freehand": (_curve(5, 15, 2, 4, 12, 3, 17, 6, 24, 10, 17, 20, 12, 19, 9, 18, 7, 20, 5, 15),),
    "paint_region": (*_BRUSH, _lines(16, 20, 21, 20)),
    "probe": (_circle(12, 12, 3.5), _lines(12, 2, 12, 8), _lines(12, 16, 12, 22),
              _lines(2, 12, 8, 12), _lines(16, 12, 22, 12)),
    "arrow": (_lines(20, 20, 5, 5), _lines(5, 13, 5, 5, 13, 5)),
    "text": (_lines(5, 8, 5, 5, 19, 5, 19, 8), _lines(12, 5, 12, 20), _lines(9, 20, 15, 20)),
    "cardiothoracic": (_curve(4, 5, 1, 13, 3, 18, 4, 20), _curve(20, 5, 23, 13, 21, 18, 20, 20),
                       _lines(3, 17, 21, 17), _circle(13, 11, 4)),
    "calibration": (_lines(4, 12, 20, 12), _lines(4, 8, 4, 16), _lines(20, 8, 20, 16),
                    _lines(9, 10, 9, 14), _lines(15, 10, 15, 14)),
    "segment_brush": _BRUSH,
    "segment_eraser": (_lines(4, 16, 13, 5, 20, 11, 12, 20, 8, 20, closed=True),
                       _lines(9, 10, 16, 16)),
    "segment_threshold": (_lines(3, 20, 21, 20), _lines(5, 20, 5, 14), _lines(9, 20, 9, 8),
                          _lines(13, 20, 13, 5), _lines(17, 20, 17, 12), _lines(3, 11, 21, 11)),
    "segment_scissors": (_circle(6, 18, 2.6), _circle(18, 18, 2.6), _lines(8, 16, 18, 3),
                         _lines(16, 16, 6, 3)),
    "segment_islands": (_circle(8, 9, 4), _circle(17, 16, 3), _circle(18, 6, 1.4)),
    "segment_grow": (_circle(12, 12, 3, full=True), _lines(12, 2, 12, 6), _lines(12, 18, 12, 22),
                     _lines(2, 12, 6, 12), _lines(18, 12, 22, 12)),
    # other commands
    "fit": (_lines(4, 9, 4, 4, 9, 4), _lines(15, 4, 20, 4, 20, 9), _lines(20, 15, 20, 20, 15, 20),
            _lines(9, 20, 4, 20, 4, 15)),
    "invert": (_box(4, 4, 16, 16), _box(4, 4, 8, 16, full=True)),
    "cine": (_lines(7, 4, 20, 12, 7, 20, closed=True),),
    "crosshair": _CROSS,
    "overlays": (_curve(2, 12, 6, 4, 18, 4, 22, 12, 18, 20, 6, 20, 2, 12), _circle(12, 12, 3)),
    "undo": (_lines(8, 4, 3, 9, 8, 14), _curve(3, 9, 20, 6, 24, 18, 12, 20)),
    "redo": (_lines(16, 4, 21, 9, 16, 14), _curve(21, 9, 4, 6, 0, 18, 12, 20)),
    "next_stage": (_lines(5, 5, 12, 12, 5, 19), _lines(13, 5, 20, 12, 13, 19)),
    "hangings": (_box(3.5, 3.5, 17, 17), _lines(3.5, 9, 20.5, 9), _lines(12, 9, 12, 20.5)),
    # objects of a study
    "object_document": (_lines(6, 3, 14, 3, 18, 7, 18, 21, 6, 21, closed=True),
                        _lines(14, 3, 14, 7, 18, 7)),
    "object_report": (_box(4, 3, 16, 18), _lines(8, 7.5, 16, 7.5), _lines(10, 11, 16, 11),
                      _lines(10, 14, 16, 14), _lines(8, 17.5, 13, 17.5)),
    "object_segmentation": (_box(3, 4, 18, 16), _circle(10, 12, 4, full=True)),
    "object_contours": (_oval(3, 5, 18, 14), _oval(7.5, 9, 9, 6)),
    "object_key_images": (_circle(7, 12, 3.8), _lines(11, 12, 21, 12), _lines(17, 12, 17, 16),
                          _lines(21, 12, 21, 15)),
    "object_presentation": (_box(3, 4, 18, 16), _lines(8, 16, 16, 8), _lines(11, 8, 16, 8, 16, 13)),
    "object_other": (_box(4, 4, 16, 16), _circle(12, 12, 1.4, full=True)),
    "more": (_circle(5, 12, 1.3, full=True), _circle(12, 12, 1.3, full=True),
             _circle(19, 12, 1.3, full=True)),
}  # fmt: skip
"""By command, or by group of commands; "" is window and level."""


def paint_icon(painter: QPainter, name: str, area: QRectF, colour: str) -> None:
    """Draw an icon into a square area."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(area.topLeft())
    painter.scale(area.width() / BOX, area.height() / BOX)
    pen = QPen(QColor(colour), 1.7)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for draw in ICONS[name]:
        draw(painter)
    painter.restore()


def icon(name: str) -> QIcon:
    """An icon for buttons and menus; an empty one where none is drawn for ``name``."""
    return _icon(name, theme.scaled(18)) if name in ICONS else QIcon()


@functools.cache
def _icon(name: str, side: int) -> QIcon:
    made = QIcon()
    for mode, state, colour in (
        (QIcon.Mode.Normal, QIcon.State.Off, theme.TEXT),
        (QIcon.Mode.Normal, QIcon.State.On, "#ffffff"),
        (QIcon.Mode.Disabled, QIcon.State.Off, "#5a626c"),
    ):
        for ratio in (1, 2, 3):  # sharp on every screen, also on one moved to later
            pixmap = QPixmap(side * ratio, side * ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            paint_icon(painter, name, QRectF(0, 0, side * ratio, side * ratio), colour)
            painter.end()
            pixmap.setDevicePixelRatio(ratio)
            made.addPixmap(pixmap, mode, state)
    return made

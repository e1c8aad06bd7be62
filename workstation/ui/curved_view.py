"""Pictures along a centreline: straightened or curved, and its cross-sections."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from workstation.domain.plane import Raster
from workstation.render.curved import CurvedRaster, cut_curved, fitted, section_raster
from workstation.render.slice import SliceRenderer
from workstation.text import language, tr
from workstation.ui import theme
from workstation.ui.centreline_layer import COLOUR
from workstation.ui.halo import HaloText
from workstation.ui.slice_overlay import unit_sign
from workstation.viewing.curved_plan import CurvedPlan
from workstation.viewing.tools import WheelSteps
from workstation.viewing.window_level import Window, to_grey

OUTSIDE = -1e30
Windowed = Callable[[], tuple[Window, bool]]


class _CurvedWidget(QWidget):
    """What both kinds of pictures share: the plan, the window of the slices, a kept image."""

    def __init__(self, plan: CurvedPlan, windowed: Windowed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.windowed = windowed
        self.hover: QPointF | None = None
        self._halo = HaloText()
        self._wheel = WheelSteps()
        self._key: tuple[Any, ...] = ()
        self._cut: NDArray[Any] = np.zeros((1, 1), dtype=np.float32)
        self._grey: NDArray[np.uint8] = np.zeros((1, 1), dtype=np.uint8)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 120)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        plan.changed.connect(self.update)

    @property
    def _font(self) -> QFont:
        return theme.font(9)  # of the size that the reader chose

    def pixels(self) -> tuple[int, int]:
        """Width and height in device pixels."""
        ratio = self.devicePixelRatioF()
        return max(round(self.width() * ratio), 2), max(round(self.height() * ratio), 2)

    def paint_picture(self, painter: QPainter, outside: float, times: int) -> None:
        """What was cut, each of its pixels so many times as large."""
        window, invert = self.windowed()
        self._grey = to_grey(self._cut, window, invert, outside)
        height, width = self._grey.shape
        image = QImage(self._grey.data, width, height, width, QImage.Format.Format_Grayscale8)
        per = times / self.devicePixelRatioF()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(0, 0, width * per, height * per), image, QRectF(image.rect()))

    def say_nothing(self, painter: QPainter, words: str) -> None:
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        place = QPointF(self.width() / 2, self.height() / 2 - 10)
        align = Qt.AlignmentFlag.AlignHCenter
        self._halo.draw(painter, place, words, self._font, theme.DIM, align)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Along the line, a millimetre at a time; Shift: ten."""
        steps = self._wheel.add(event.angleDelta().y() or event.angleDelta().x())
        far = 10.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        if steps:
            self.plan.go_to(self.plan.along_mm - steps * far)
        event.accept()

    def leaveEvent(self, event: object) -> None:
        """The value under the mouse goes away."""
        self.hover = None
        self.update()


class CurvedView(_CurvedWidget):
    """The whole line from top to bottom. Left: go there. Right drag: turn about the line. With
    the distance tool: millimetres along and across, of the curved picture only pixels."""

    def __init__(self, plan: CurvedPlan, windowed: Windowed, parent: QWidget | None = None) -> None:
        super().__init__(plan, windowed, parent)
        self.measuring = False
        self.ruler: tuple[QPointF, QPointF] | None = None
        self._last = QPointF()
        self._button = Qt.MouseButton.NoButton
        plan.edit.changed.connect(self._forget_ruler)

    def _forget_ruler(self) -> None:
        self.ruler = None

    def set_measuring(self, on: bool) -> None:
        """Whether a drag measures."""
        self.measuring = on

    def sizeHint(self) -> QSize:
        return QSize(260, 600)

    def raster(self) -> CurvedRaster | None:
        """The pixels in the patient; None without a line."""
        curve = self.plan.edit.curve
        if curve is None or self.plan.volume is None:
            return None
        width, height = self.pixels()
        return fitted(
            curve, width, height, across_mm=self.plan.width_mm,
            angle_deg=self.plan.angle_deg, unrolled=self.plan.unrolled,
        )  # fmt: skip

    def place_of(self, event_place: QPointF) -> tuple[float, float]:
        """(column, row) of the raster under a place of the widget."""
        ratio = self.devicePixelRatioF()
        return event_place.x() * ratio - 0.5, event_place.y() * ratio - 0.5

    def paintEvent(self, event: QPaintEvent) -> None:
        """Picture, the places of the cross-sections, scale and words."""
        painter = QPainter(self)
        raster = self.raster()
        if raster is None or self.plan.volume is None:
            self.say_nothing(painter, tr("Click points along the vessel"))
            painter.end()
            return
        volume = self.plan.volume
        key = (id(volume), self.plan.edit.points, self.plan.angle_deg, self.plan.unrolled,
               raster.width, raster.height, self.plan.width_mm)  # fmt: skip
        # Much finer than the voxels shows nothing more and only takes time.
        times = max(1, int(0.7 * min(volume.grid.spacing_mm) / raster.mm_per_pixel))
        if key != self._key:
            drawn = raster.coarser(times)
            self._cut, self._key = cut_curved(volume.array, volume.grid, drawn), key
        self.paint_picture(painter, OUTSIDE, times)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._places(painter, raster)
        self._marks(painter, raster)
        self._words(painter, raster)
        self._measure(painter, raster)
        painter.end()

    def _row(self, raster: CurvedRaster, along: float) -> float:
        place = raster.curve.places([along])[0]
        return (raster.to_picture(place)[1] + 0.5) / self.devicePixelRatioF()

    def _places(self, painter: QPainter, raster: CurvedRaster) -> None:
        plan = self.plan
        for step in (-1, 0, 1):
            y = self._row(raster, min(max(plan.along_mm + step * plan.apart_mm, 0.0),
                                      raster.curve.length_mm))  # fmt: skip
            colour = QColor(theme.FOCUS)
            colour.setAlpha(230 if step == 0 else 120)
            painter.setPen(QPen(colour, 1.2 if step == 0 else 0.8))
            painter.drawLine(QPointF(0, y), QPointF(self.width() * 0.16, y))
            painter.drawLine(QPointF(self.width() * 0.84, y), QPointF(self.width(), y))
        if plan.unrolled:
            return
        painter.setPen(QPen(QColor(theme.TEXT), 1.0))
        every = 10.0
        for number in range(int(raster.curve.length_mm / every) + 1):  # a ruler along the line
            y = self._row(raster, number * every)
            painter.drawLine(QPointF(0, y), QPointF(10.0 if number % 5 == 0 else 5.0, y))
            if number % 5 == 0 and self.height() > 250:
                words = f"{number * every / 10:g}"
                self._halo.draw(painter, QPointF(12, y - 9), words, self._font, theme.DIM)

    def _marks(self, painter: QPainter, raster: CurvedRaster) -> None:
        """Where a measure took its diameters: the narrowest place and its references."""
        pen = QPen(QColor(theme.PROPOSED), 1.4, Qt.PenStyle.DashLine)
        for along, words in self.plan.marks_along():
            y = self._row(raster, along)
            painter.setPen(pen)
            painter.drawLine(QPointF(self.width() * 0.16, y), QPointF(self.width() * 0.84, y))
            said = words.in_language(language())
            self._halo.draw(painter, QPointF(24, y + 2), said, self._font, theme.PROPOSED)

    def _words(self, painter: QPainter, raster: CurvedRaster) -> None:
        plan = self.plan
        title = tr("Curved") if plan.unrolled else tr("Straightened")
        lines = [(f"{title}  {plan.angle_deg:.0f}°", theme.TEXT)]
        if plan.unrolled:
            lines.append((tr("Lengths in pixels only"), theme.PROPOSED))
        long = f"{plan.along_mm:.1f} / {raster.curve.length_mm:.1f} mm"
        lines.append((long, COLOUR))
        for number, (words, colour) in enumerate(lines):
            self._halo.draw(painter, QPointF(24, 6 + 18.0 * number), words, self._font, colour)
        window, _ = self.windowed()
        bottom = f"W {window.width:.0f}  L {window.centre:.0f}"
        value = self._value()
        if value:
            bottom = f"{value}   {bottom}"
        place = QPointF(24, self.height() - 24)
        self._halo.draw(painter, place, bottom, self._font, theme.TEXT)

    def _value(self) -> str:
        """The nearest stored voxel under the mouse."""
        raster, volume = self.raster(), self.plan.volume
        if self.hover is None or raster is None or volume is None:
            return ""
        voxel = volume.grid.voxel_at(raster.to_lps(*self.place_of(self.hover)))
        if voxel is None:
            return ""
        return f"{float(volume.array[voxel]):.4g} {unit_sign(volume.stack.unit)}".rstrip()

    def length_words(self, raster: CurvedRaster, a: QPointF, b: QPointF) -> str:
        """What a drawn line measures: mm along and across, or pixels of the curved picture."""
        across, down = b.x() - a.x(), b.y() - a.y()
        ratio = self.devicePixelRatioF()
        if self.plan.unrolled or self.plan.volume is None:
            return f"{math.hypot(across, down) * ratio:.0f} px"
        if self.plan.volume.stack.calibrated != "patient":
            return f"{math.hypot(across, down) * ratio:.0f} px"
        per = raster.mm_per_pixel * ratio
        along, aside = f"{abs(down) * per:.1f}", f"{abs(across) * per:.1f}"
        return tr("along {along} mm, across {aside} mm", along=along, aside=aside)

    def _measure(self, painter: QPainter, raster: CurvedRaster) -> None:
        if self.ruler is None:
            return
        a, b = self.ruler
        for pen in (QPen(QColor(0, 0, 0, 200), 3.5), QPen(QColor(theme.FOCUS), 1.5)):
            painter.setPen(pen)
            painter.drawLine(a, b)
        words = self.length_words(raster, a, b)
        x = min(b.x() + 6, max(self.width() - 150.0, 0.0))
        self._halo.draw(painter, QPointF(x, b.y() + 4), words, self._font, theme.TEXT)

    # --- the mouse

    def _go(self, place: QPointF) -> None:
        raster = self.raster()
        if raster is not None:
            column, row = self.place_of(place)
            self.plan.go_to(raster.along_mm(row), raster.to_lps(column, row))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there, begin to measure, or begin to turn."""
        self._button, self._last = event.button(), event.position()
        if event.button() is Qt.MouseButton.LeftButton:
            if self.measuring:
                self.ruler = (event.position(), event.position())
                self.update()
            else:
                self._go(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag on."""
        self.hover = event.position()
        moved = event.position() - self._last
        self._last = event.position()
        if self._button is Qt.MouseButton.LeftButton and self.measuring and self.ruler is not None:
            self.ruler = (self.ruler[0], event.position())
        elif self._button is Qt.MouseButton.LeftButton:
            self._go(event.position())
        elif self._button is Qt.MouseButton.RightButton:
            self.plan.turn(moved.x() * 0.5)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; a click is no length."""
        self._button = Qt.MouseButton.NoButton
        if self.ruler is not None and (self.ruler[0] - self.ruler[1]).manhattanLength() < 3:
            self.ruler = None
        self.update()


class SectionView(_CurvedWidget):
    """One plane across the line, ``step`` sections from the place that is looked at."""

    def __init__(
        self, plan: CurvedPlan, windowed: Windowed, step: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(plan, windowed, parent)
        self.step = step
        self._renderer: SliceRenderer | None = None
        self._of: object = None
        self.lumen_shown = False

    @property
    def along_mm(self) -> float | None:
        """Where on the line; None beyond its ends."""
        curve = self.plan.edit.curve
        if curve is None or self.plan.volume is None:
            return None
        along = self.plan.along_mm + self.step * self.plan.apart_mm
        return along if -1e-9 <= along <= curve.length_mm + 1e-9 else None

    def raster(self) -> Raster | None:
        """The pixels in the patient: a square in the middle of the widget."""
        along, curve = self.along_mm, self.plan.edit.curve
        if along is None or curve is None:
            return None
        return section_raster(
            curve, along, min(self.pixels()), width_mm=self.plan.width_mm,
            angle_deg=self.plan.angle_deg,
        )  # fmt: skip

    def square(self) -> QRectF:
        """Where the picture is in the widget."""
        side = min(self.width(), self.height())
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Picture, middle and words."""
        painter = QPainter(self)
        raster, volume = self.raster(), self.plan.volume
        if raster is None or volume is None:
            self.say_nothing(painter, "–")
            painter.end()
            return
        if self._renderer is None or self._of is not volume:
            self._renderer, self._of, self._key = (
                SliceRenderer(volume.array, volume.grid), volume, (),
            )  # fmt: skip
        if self._key != (raster,):
            self._cut, self._key = self._renderer.cut(raster), (raster,)
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        window, invert = self.windowed()
        self._grey = to_grey(self._cut, window, invert, self._renderer.outside)
        height, width = self._grey.shape
        image = QImage(self._grey.data, width, height, width, QImage.Format.Format_Grayscale8)
        square = self.square()
        painter.drawImage(square, image, QRectF(image.rect()))
        self._lumen(painter, raster)
        middle = square.center()
        painter.setPen(QPen(QColor(COLOUR), 1.0))
        for x, y in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
            way = QPointF(x, y)
            painter.drawLine(middle + way * 5, middle + way * 10)
        if self.step == 0:
            painter.setPen(QPen(QColor(theme.FOCUS), 2.0))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        along = self.along_mm
        words = f"{along:.1f} mm" if along is not None else ""
        self._halo.draw(painter, QPointF(7, 5), words, self._font, theme.TEXT)
        wide = f"{self.plan.width_mm:g} mm"
        place = QPointF(self.width() - 6, self.height() - 22)
        right = Qt.AlignmentFlag.AlignRight
        self._halo.draw(painter, place, "↔ " + wide, self._font, theme.DIM, right)
        painter.end()

    def _lumen(self, painter: QPainter, raster: Raster) -> None:
        """The lumen as a measure sees it, its area and the diameter of a circle of that area."""
        along = self.along_mm
        found = None if along is None else self.plan.lumen(along)
        self.lumen_shown = found is not None
        if found is None:
            return
        square = self.square()
        scale = square.width() / raster.width
        line = QPolygonF(
            [
                QPointF(square.left() + (x + 0.5) * scale, square.top() + (y + 0.5) * scale)
                for x, y, _ in map(raster.to_picture, found.outline_mm)
            ]
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 160), 3.0), QPen(QColor(theme.PROPOSED), 1.4)):
            painter.setPen(pen)
            painter.drawPolygon(line)
        words = f"Ø {found.diameter_mm:.1f} mm   {found.area_mm2:.1f} mm²"
        place = QPointF(7, self.height() - 22)
        self._halo.draw(painter, place, words, self._font, theme.PROPOSED)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Every view goes to the place clicked."""
        raster, along, square = self.raster(), self.along_mm, self.square()
        if raster is None or along is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        scale = raster.width / square.width()
        column = (event.position().x() - square.left()) * scale - 0.5
        row = (event.position().y() - square.top()) * scale - 0.5
        self.plan.go_to(along, raster.to_lps(column, row))

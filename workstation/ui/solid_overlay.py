"""What is written and drawn over a 3D picture: letters, cube, crosshair, crop box, outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QPainter,
    QPen,
    QPixmap,
    QPolygonF,
    QTransform,
)

from workstation.domain.geometry import Floats, direction_letters
from workstation.text import language, tr
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.viewing.solid_camera import SolidCamera
from workstation.viewing.solid_look import face_centres
from workstation.viewing.solid_presets import preset

if TYPE_CHECKING:
    from workstation.ui.volume_view import VolumeView

_FACES: dict[str, tuple[Floats, Floats, Floats]] = {
    # Letter: outward direction, to the right and down as its letter is read from outside.
    "A": (np.array([0, -1, 0.0]), np.array([1, 0, 0.0]), np.array([0, 0, -1.0])),
    "P": (np.array([0, 1, 0.0]), np.array([-1, 0, 0.0]), np.array([0, 0, -1.0])),
    "L": (np.array([1, 0, 0.0]), np.array([0, 1, 0.0]), np.array([0, 0, -1.0])),
    "R": (np.array([-1, 0, 0.0]), np.array([0, -1, 0.0]), np.array([0, 0, -1.0])),
    "H": (np.array([0, 0, 1.0]), np.array([1, 0, 0.0]), np.array([0, -1, 0.0])),
    "F": (np.array([0, 0, -1.0]), np.array([1, 0, 0.0]), np.array([0, 1, 0.0])),
}
_EDGES = [(a, b) for a in range(8) for b in range(a) if bin(a ^ b).count("1") == 1]
_CUBE_PX = 17.0
HANDLE_PX = 5.0
_CROSSHAIR = "#4aa3ff"


class SolidOverlay:
    """Draws over the picture of a ``VolumeView`` with the camera that the picture was taken by."""

    def __init__(self, view: VolumeView) -> None:
        self.view = view
        self.halo = HaloText()
        self._page = QPixmap()
        self._page_key: tuple[Any, ...] = ()

    def draw(self, painter: QPainter, area: QRectF, camera: SolidCamera, image: QImage) -> None:
        """The picture, what is written on it, and over both what moves without it."""
        key = self._key(area, camera, image)
        if key != self._page_key:
            self._page, self._page_key = self._written(area, camera, image), key
        painter.drawPixmap(QPointF(0, 0), self._page)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._crosshair(painter, camera)
        if self.view.model.tool == "solid_crop":
            self._box(painter, camera)
        self._outline(painter)

    def _key(self, area: QRectF, camera: SolidCamera, image: QImage) -> tuple[Any, ...]:
        """All that ``_written`` depends on: a moving crosshair is no reason to write it again."""
        view = self.view
        size = area.width(), area.height(), view.devicePixelRatioF(), view.top_px
        said = view.texts_shown, view.model.tool, view.thinned, language(), theme.text_percent()
        surfaces = tuple(mask.id for mask in view.masks)
        return image.cacheKey(), camera, view.look, id(view.volume), surfaces, *size, *said

    def _written(self, area: QRectF, camera: SolidCamera, image: QImage) -> QPixmap:
        ratio = self.view.devicePixelRatioF()
        page = QPixmap(round(area.width() * ratio), round(area.height() * ratio))
        page.setDevicePixelRatio(ratio)
        painter = QPainter(page)
        painter.fillRect(area, QColor(theme.IMAGE))
        painter.drawImage(area, image, QRectF(image.rect()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._letters(painter, area, camera)
        self._cube(painter, area, camera)
        self._texts(painter, area)
        painter.end()
        return page

    def place(self, camera: SolidCamera, lps_mm: Floats) -> QPointF:
        """Where a point is seen in the widget."""
        x, y, _ = camera.to_view(lps_mm, self.view.width(), self.view.height())
        return QPointF(float(x), float(y))

    def _crosshair(self, painter: QPainter, camera: SolidCamera) -> None:
        focus = self.view.focus_mm
        if focus is None or not self.view.crosshair_shown:
            return
        at = self.place(camera, focus)
        for pen in (QPen(QColor(0, 0, 0, 200), 3.0), QPen(QColor(_CROSSHAIR), 1.4)):
            painter.setPen(pen)
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                painter.drawLine(
                    QLineF(at + QPointF(dx * 4, dy * 4), at + QPointF(dx * 12, dy * 12))
                )

    def _box(self, painter: QPainter, camera: SolidCamera) -> None:
        box = self.view.model.crop_box
        if box is None:
            return
        corners = [np.array([box[i & 1][0], box[i >> 1 & 1][1], box[i >> 2][2]]) for i in range(8)]
        painter.setPen(QPen(QColor(theme.FOCUS), 1.2))
        for a, b in _EDGES:
            painter.drawLine(QLineF(self.place(camera, corners[a]), self.place(camera, corners[b])))
        for face, centre in enumerate(face_centres(box)):
            held = face in (self.view.mouse.held_face, self.view.mouse.hand.face)
            painter.setPen(QPen(QColor(0, 0, 0, 220), 1.0))
            painter.setBrush(QColor(theme.LETTER if held else theme.FOCUS))
            painter.drawEllipse(self.place(camera, centre), HANDLE_PX, HANDLE_PX)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _outline(self, painter: QPainter) -> None:
        outline, pointer = self.view.mouse.outline, self.view.mouse.hand.pointer
        if pointer is not None:
            outline = [*outline, pointer]
            for pen in (QPen(QColor(0, 0, 0, 220), 3.4), QPen(QColor(theme.LETTER), 1.6)):
                painter.setPen(pen)
                for way in (QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1)):
                    painter.drawLine(QLineF(pointer + way * 3, pointer + way * 11))
        if len(outline) < 2:
            return
        inside = self.view.model.tool == "solid_scissors"
        painter.setPen(QPen(QColor(theme.DANGER if inside else theme.ACCEPTED), 1.6))
        painter.setBrush(QColor(255, 107, 107, 40) if inside else Qt.BrushStyle.NoBrush)
        painter.drawPolygon(QPolygonF(outline))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _letters(self, painter: QPainter, area: QRectF, camera: SolidCamera) -> None:
        letter = theme.font(13, bold=True)
        x, y = area.center().x(), area.center().y()
        right, down = camera.right, camera.down
        centre = Qt.AlignmentFlag.AlignHCenter
        for direction, at, align in (
            (right, QPointF(area.right() - 9, y - theme.scaled(12)), Qt.AlignmentFlag.AlignRight),
            (-right, QPointF(9, y - theme.scaled(12)), Qt.AlignmentFlag.AlignLeft),
            (down, QPointF(x, area.bottom() - theme.scaled(50)), centre),
            (-down, QPointF(x, self.view.top_px), centre),
        ):
            words = direction_letters(direction)
            self.halo.draw(painter, at, words, letter, theme.LETTER, align)

    def _cube(self, painter: QPainter, area: QRectF, camera: SolidCamera) -> None:
        """A small cube with the six letters on its faces, turned as the patient is."""
        if area.width() < 240 or area.height() < 200:
            return
        middle = QPointF(area.right() - 34, area.bottom() - 60)
        onto = np.stack([camera.right, camera.down]) * _CUBE_PX
        font = theme.font(10, bold=True)
        for words, (out, right, down) in _FACES.items():
            if float(out @ np.asarray(camera.ahead)) > -0.02:
                continue
            r, d, o = onto @ right, onto @ down, onto @ out
            corners = [o + a * r + b * d for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            shape = QPolygonF([middle + QPointF(float(c[0]), float(c[1])) for c in corners])
            light = int(70 - 70 * float(out @ np.asarray(camera.ahead)))
            painter.setPen(QPen(QColor(theme.DIM), 1.0))
            painter.setBrush(QColor(light // 2 + 20, light // 2 + 24, light // 2 + 32, 235))
            painter.drawPolygon(shape)
            painter.save()
            place = middle + QPointF(float(o[0]), float(o[1]))
            tilt = QTransform(r[0] / _CUBE_PX, r[1] / _CUBE_PX, d[0] / _CUBE_PX, d[1] / _CUBE_PX,
                              place.x(), place.y())  # fmt: skip
            painter.setTransform(tilt, combine=True)
            painter.setFont(font)
            painter.setPen(QColor(theme.LETTER))
            box = QRectF(-_CUBE_PX, -_CUBE_PX, 2 * _CUBE_PX, 2 * _CUBE_PX)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
            painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _texts(self, painter: QPainter, area: QRectF) -> None:
        view, look = self.view, self.view.look
        if view.volume is None or look is None or not view.texts_shown:
            return
        font, bold = theme.font(10), theme.font(10, bold=True)
        stack, y = view.volume.stack, view.top_px
        name = stack.description or stack.role or stack.modality
        # Short of the letter in the middle of the upper edge.
        left = area.width() / 2 - theme.scaled(24)
        room = left - QFontMetricsF(bold).horizontalAdvance("　3D")
        title = QFontMetricsF(bold).elidedText(name, Qt.TextElideMode.ElideRight, room) + "　3D"
        look_words = self._look_words()
        look_words = QFontMetricsF(font).elidedText(
            look_words, Qt.TextElideMode.ElideRight, area.width() - 14
        )
        lines = [(title, bold, theme.TEXT), (look_words, font, theme.TEXT)]
        if look.is_cut:
            lines.append((tr("Cut: not all of the patient is shown"), font, theme.LETTER))
        if view.thinned:
            words = tr("3D from voxels of {mm} mm; crop for detail", mm=view.thinned)
            lines.append((words, theme.font(9), theme.DIM))
        for words, face, colour in lines:
            self.halo.draw(painter, QPointF(6, y), words, face, colour)
            y += theme.scaled(18)
        if any(look.opacity(mask.id) > 0 for mask in view.masks):
            at = QPointF(area.right() - 6, area.bottom() - 25)
            words = tr("Research use, not registered")
            self.halo.draw(painter, at, words, font, theme.LETTER, Qt.AlignmentFlag.AlignRight)
        keys = view.mouse.hand.words()
        note = "  ·  ".join(w for w in (hint(view.model.tool), keys) if w)
        small = theme.font(9)
        room = area.width() - 14
        note = QFontMetricsF(small).elidedText(note, Qt.TextElideMode.ElideRight, room)
        below = QPointF(6, area.bottom() - theme.scaled(25))
        self.halo.draw(painter, below, note, small, theme.DIM)

    def _look_words(self) -> str:
        look = self.view.look
        assert look is not None and self.view.volume is not None
        words = preset(look.preset).words
        unit = " HU" if self.view.volume.stack.modality == "CT" else ""
        if look.shift:
            words += (
                f"　{look.shift:+.0f}{unit}" if abs(look.shift) >= 1 else f"　{look.shift:+.3g}"
            )
        if look.stretch != 1.0:
            words += f"　x{look.stretch:.2f}"
        if not look.solid:
            words += "　" + tr("volume hidden")
        return words


def hint(tool: str) -> str:
    """What the mouse does now."""
    hints = {
        "solid_scissors": tr("Draw round what is to go"),
        "solid_keep": tr("Draw round what is to stay"),
        "solid_crop": tr("Pull the dots on the faces"),
        "solid_brightness": tr("Right and left shift, up and down stretch"),
    }
    return hints.get(tool, tr("Left turn, middle pan, right zoom, Shift crosshair"))

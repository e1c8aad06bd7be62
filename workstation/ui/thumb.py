"""A small picture of a series with its role written on it; several single images share one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QWidget

from workstation.domain.volume import Flag, Stack, acquired_frames
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.ui.pane import MIME_STACK
from workstation.viewing.tools import WheelSteps

WIDTH, HEIGHT = 118, 88
_HARMLESS = {Flag.MULTI_PHASE, Flag.SINGLE_IMAGE, Flag.NOT_A_VOLUME}
_HALO = HaloText()


def thumbnail(frame: NDArray[Any], photometric: str) -> QImage:
    """A grey or colour slice (y, x[, 3]) as a small picture, 1st to 99th percentile."""
    step = max(1, max(frame.shape[:2]) // (WIDTH * 2))
    small = np.asarray(frame[::step, ::step], dtype=np.float32)
    if small.ndim == 3:
        colour = np.ascontiguousarray(small.clip(0, 255).astype(np.uint8))
        height, width = colour.shape[:2]
        image = QImage(colour.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        return image.copy()
    low, high = np.percentile(small, (1, 99.5))
    grey = ((small - low) / max(float(high - low), 1e-6)).clip(0, 1) * 255
    if photometric == "MONOCHROME1":
        grey = 255 - grey
    pixels = np.ascontiguousarray(grey.astype(np.uint8))
    height, width = pixels.shape
    image = QImage(pixels.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return image.copy()


class Thumb(QFrame):
    """One stack, or the single images of one series: click shows it, drag puts it into a view.

    Of several images the wheel or the arrow keys choose the next; what is chosen is shown and
    dragged.
    """

    chosen = Signal(str)
    picture_wanted = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(self, stacks: Sequence[Stack], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stacks = tuple(stacks)
        self.number = 0
        self.has_ai = False
        self.note = ""  # why this role, who corrected it
        self.shown = False
        self._image: QImage | None = None
        self._broken = False
        self._pressed: QPoint | None = None
        self._wheel = WheelSteps()
        self.setObjectName("thumb")
        self.setFixedSize(theme.scaled(WIDTH), theme.scaled(HEIGHT))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.speak()

    @property
    def stack(self) -> Stack:
        """The stack, or the chosen one of several."""
        return self.stacks[self.number]

    @property
    def stack_id(self) -> str:
        """Its id."""
        return self.stack.id

    @property
    def title(self) -> str:
        """What it is for, else what the scanner calls it."""
        stack = self.stack
        return tr(stack.role) if stack.role else (stack.description or stack.modality)

    @property
    def size_words(self) -> str:
        """How many images: of a time series phases times slices."""
        if len(self.stacks) > 1:
            return tr("{n} of {count}", n=self.number + 1, count=len(self.stacks))
        # Images that there are: an uneven stack has more planes than that, made between them.
        places = self.stack.grid.shape[0]
        uneven = Flag.UNEVEN_SPACING in self.stack.flags
        count = len(acquired_frames(self.stack)) if uneven else places
        return f"{self.stack.phases}×{count}" if self.stack.phases > 1 else str(count)

    @property
    def warns(self) -> bool:
        """Whether a reader must know something about how it was put together."""
        return any(flag not in _HARMLESS for stack in self.stacks for flag in stack.flags)

    def speak(self) -> None:
        """Tool tip and accessible name in the language of now."""
        stack = self.stack
        number = tr("Series {number}", number=stack.series_number)
        lines = [f"{number}　{stack.description}".strip(), f"{self.title}　{self.size_words}"]
        lines += [self.note, *(say(note) for note in stack.notes)]
        self.setToolTip("\n".join(dict.fromkeys(line for line in lines if line)))
        warns = tr("has warnings") if self.warns else ""
        words = (self.title, stack.description, self.size_words, "AI" if self.has_ai else "", warns)
        self.setAccessibleName(" ".join(dict.fromkeys(w for w in words if w)))

    def choose(self, stack_id: str) -> None:
        """Of several images make this one the chosen one."""
        ids = [stack.id for stack in self.stacks]
        if stack_id in ids and ids.index(stack_id) != self.number:
            self.number = ids.index(stack_id)
            self._image = None
            self.speak()
            self.picture_wanted.emit(stack_id)
            self.update()

    def show_picture(self, image: QImage | None) -> None:
        """Put the picture in; None where the image cannot be read."""
        self._image, self._broken = image, image is None
        self.update()

    def mark(self, shown: bool) -> None:
        """Frame the stack that the active view shows."""
        self.shown = shown
        self.update()

    # --- drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        """Picture to the edges, words over it, a frame where it is shown or has the keyboard."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        clip = QPainterPath()
        clip.addRoundedRect(area, 3, 3)
        painter.setClipPath(clip)
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        self._paint_image(painter, area)
        low = QLinearGradient(0, area.bottom() - theme.scaled(40), 0, area.bottom())
        low.setColorAt(0, QColor(0, 0, 0, 0))
        low.setColorAt(1, QColor(0, 0, 0, 190))
        painter.fillRect(area, low)
        self._paint_words(painter, area)
        painter.setClipping(False)
        marked = self.shown or self.hasFocus()
        painter.setPen(QPen(QColor(theme.FOCUS if marked else theme.LINE), 2.0 if marked else 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.end()

    def _paint_image(self, painter: QPainter, area: QRectF) -> None:
        image = self._image
        if image is None or image.isNull():
            return
        # Physical shape of the slice: pixels are not always square.
        x, y = self.stack.grid.spacing_mm[:2]
        width, height = image.width() * x, image.height() * y
        scale = max(area.width() / width, area.height() / height)
        # Fill the frame unless that cuts more than a third away.
        if min(area.width() / (width * scale), area.height() / (height * scale)) < 0.66:
            scale = min(area.width() / width, area.height() / height)
        target = QRectF(0, 0, width * scale, height * scale)
        target.moveCenter(area.center())
        painter.drawImage(target, image, QRectF(image.rect()))

    def _paint_words(self, painter: QPainter, area: QRectF) -> None:
        font, small = theme.font(9), theme.font(8)
        metrics, narrow = QFontMetricsF(font), QFontMetricsF(small)
        right = Qt.AlignmentFlag.AlignRight
        size = self.size_words
        room = area.width() - 14 - narrow.horizontalAdvance(size)
        title = metrics.elidedText(self.title, Qt.TextElideMode.ElideRight, room)
        base = area.bottom() - metrics.height() - 5
        _HALO.draw(painter, QPointF(area.left() + 3, base), title, font, "#ffffff")
        _HALO.draw(painter, QPointF(area.right() - 3, base + 1), size, small, theme.TEXT, right)
        if self.has_ai:
            _HALO.draw(painter, QPointF(area.right() - 3, 3), "AI", small, theme.ACCEPTED, right)
        if self.warns:
            _HALO.draw(painter, QPointF(area.left() + 3, 3), "⚠", small, theme.PROPOSED)
        if self._broken:
            words = "⚠ " + tr("cannot be read")
            _HALO.draw(painter, area.center() - QPointF(0, 16), words, small, theme.DANGER,
                       Qt.AlignmentFlag.AlignHCenter)  # fmt: skip

    # --- mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click, or the beginning of a drag."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag into a view once the mouse has left the place of the click."""
        if self._pressed is None:
            return
        if (event.position().toPoint() - self._pressed).manhattanLength() < 10:
            return
        self._pressed = None
        data = QMimeData()
        data.setData(MIME_STACK, self.stack_id.encode("ascii"))
        drag = QDrag(self)
        drag.setMimeData(data)
        if self._image is not None:
            drag.setPixmap(QPixmap.fromImage(self._image).scaledToWidth(self.width() // 2))
        drag.exec(Qt.DropAction.CopyAction)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Show it."""
        if self._pressed is not None:
            self._pressed = None
            self.chosen.emit(self.stack_id)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Another of several images; otherwise the strip scrolls."""
        if len(self.stacks) == 1:
            event.ignore()
            return
        steps = self._wheel.add(event.angleDelta().y())
        if steps:
            self._step(-steps)
        event.accept()

    def _step(self, step: int) -> None:
        number = min(max(self.number + step, 0), len(self.stacks) - 1)
        self.choose(self.stacks[number].id)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of this series."""
        self.menu_wanted.emit(self.stack_id, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter shows it; of several images left and right choose; the menu key asks for it."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self.stack_id)
        elif len(self.stacks) > 1 and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._step(1 if event.key() == Qt.Key.Key_Right else -1)
        elif event.key() == Qt.Key.Key_Menu:
            self.menu_wanted.emit(self.stack_id, self.mapToGlobal(self.rect().center()))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: Any) -> None:
        """The frame shows where the keyboard is."""
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: Any) -> None:
        """See ``focusInEvent``."""
        self.update()
        super().focusOutEvent(event)

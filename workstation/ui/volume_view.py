"""The 3D pane: shows pictures of a ``VolumeScene`` and turns the mouse into camera movement.

3D is tried in a process of its own first; where that fails the pane says so and nothing else
is touched.
"""

from __future__ import annotations

import logging
import os
import sys
import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QProcess, QProcessEnvironment, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from workstation.domain.geometry import direction_letters
from workstation.domain.volume import Volume
from workstation.render.volume import SolidPreset, VolumeScene, preset_for
from workstation.text import RESOURCES, tr
from workstation.ui import theme
from workstation.ui.halo import HaloText

PROBE_MS = 20_000
DRAG_COARSENESS = 4.0
STILL_MS = 150  # quiet time before the full picture is begun
PART_S = 0.05  # it comes in parts of about this long: scrolling and painting go in between
log = logging.getLogger(__name__)


class _Probe:
    """Whether 3D works here; asked once in the life of the program."""

    known: bool | None = None


class VolumeView(QWidget):
    """Volume rendering of one volume."""

    activated = Signal()
    maximise_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.volume: Volume | None = None
        self.preset = SolidPreset.CT_BONE
        self.active = False
        self.problem = ""
        self._scene: VolumeScene | None = None
        self._shown: Volume | None = None
        self._pixels: NDArray[np.uint8] | None = None
        self._image = QImage()
        self._probe: QProcess | None = None
        self._halo = HaloText()
        self._last = QPointF()
        self._parts: list[tuple[int, int, int, int]] = []
        self._fine = False  # the picture shown is the one in full quality
        self._part_rows = 64
        self._finer = QTimer(self)
        self._finer.setSingleShot(True)
        self._finer.timeout.connect(self._refine)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 100)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def show_volume(self, volume: Volume | None, preset: SolidPreset | None = None) -> None:
        """Show a volume (all its slices should be in), or nothing."""
        self.volume = volume
        if volume is not None:
            self.preset = preset or preset_for(volume.stack)
            if not volume.stack.is_volume or volume.stack.samples > 1:
                self.problem = tr("These images are no volume: there is no 3D of them.")
            elif _Probe.known is None:
                self._start_probe()
            elif _Probe.known:
                self.problem = ""
                self._rebuild()
            else:
                self._no_3d()
        self.update()

    def set_preset(self, preset: SolidPreset) -> None:
        """Another look."""
        self.preset = preset
        if self._scene is not None and self._shown is not None:
            self._scene.set_preset(preset)
            self._move()
        self.update()

    @property
    def settled(self) -> bool:
        """Whether the picture is finished, or there is none to come."""
        if self.volume is None or self.problem or not self.isVisible():
            return True
        return self._fine

    def close_scene(self) -> None:
        """Give the graphics memory back."""
        self._finer.stop()
        probe, self._probe = self._probe, None  # one that was stopped has not decided anything
        if probe is not None:
            probe.kill()
            probe.waitForFinished(2000)
        if self._scene is not None:
            self._scene.close()
        self._scene, self._shown = None, None

    # --- trying 3D

    def _start_probe(self) -> None:
        if self._probe is not None:
            return
        self._probe = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        paths = [str(RESOURCES.parent), *filter(None, [environment.value("PYTHONPATH")])]
        environment.insert("PYTHONPATH", os.pathsep.join(paths))
        self._probe.setProcessEnvironment(environment)
        self._probe.finished.connect(self._probed)
        self._probe.errorOccurred.connect(self._probed)
        self._probe.start(sys.executable, ["-m", "workstation.render.probe"])
        QTimer.singleShot(PROBE_MS, self._probe, self._probe.kill)

    def _probed(self) -> None:
        if self._probe is None or _Probe.known is not None:
            return
        answer = bytes(self._probe.readAllStandardOutput().data())
        _Probe.known = b"works" in answer
        self._probe.deleteLater()
        self._probe = None
        if _Probe.known:
            self._rebuild()
        else:
            log.warning("3D does not work on this machine")
            self._no_3d()
        self.update()

    def _no_3d(self) -> None:
        self.problem = tr("3D is not available: the graphics driver of this computer failed.")

    def _rebuild(self) -> None:
        if self.volume is None or self._shown is self.volume:
            return
        try:
            if self._scene is None:
                self._scene = VolumeScene()
            self._scene.set_volume(self.volume.array, self.volume.grid, self.preset)
        except (RuntimeError, MemoryError, ValueError) as error:
            log.error("3D failed: %s", type(error).__name__)
            self._scene = None
            self._no_3d()
            return
        self._shown = self.volume
        self._move()

    # --- pictures

    def _move(self) -> None:
        self._pixels = None
        self._parts, self._fine = [], False
        self._finer.stop()
        self.update()

    def _size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(round(self.width() * ratio), 2), max(round(self.height() * ratio), 2)

    def _refine(self) -> None:
        """Render the next strip in full quality; the timer comes back until all are done."""
        if self._scene is None or self._pixels is None or not self.isVisible():
            return
        width, height = self._size()
        if not self._parts:
            rows = self._part_rows
            starts = range(0, height, rows)
            self._parts = [(0, y, width, min(rows, height - y)) for y in starts]
            # From the middle outwards: there lies what one looks at.
            self._parts.sort(key=lambda part: -abs(part[1] + part[3] / 2 - height / 2))
        part = self._parts.pop()
        begun = time.perf_counter()
        # A pixel more on either side: a renderer may leave the outermost row of a picture dark.
        wider = (0, part[1] - 2, width, part[3] + 4)
        pixels = self._scene.render_part(width, height, wider)[2:]
        seconds = time.perf_counter() - begun
        wanted = part[3] * PART_S / max(seconds, 1e-3)
        self._part_rows = int(min(max(wanted, 16), 512))
        self._pixels[part[1] : part[1] + part[3]] = pixels[: part[3], :width]
        self._show_pixels()
        self._fine = not self._parts
        if self._parts:
            self._finer.start(0)
        self.update()

    def _render(self) -> None:
        if self._scene is None or self._shown is None:
            return
        width, height = self._size()
        self._pixels = self._scene.render(width, height, DRAG_COARSENESS)
        self._show_pixels()
        self._fine = False
        self._finer.start(STILL_MS)

    def showEvent(self, event: QShowEvent) -> None:
        """Go on with a picture that was being finished when the view was hidden."""
        super().showEvent(event)
        if self._pixels is not None and not self._fine:
            self._finer.start(STILL_MS)

    def _show_pixels(self) -> None:
        assert self._pixels is not None
        rows, columns = self._pixels.shape[:2]
        image = QImage(self._pixels.data, columns, rows, columns * 4, QImage.Format.Format_RGBX8888)
        self._image = image.flipped(Qt.Orientation.Vertical)
        self._image.setDevicePixelRatio(self.devicePixelRatioF())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture and what must be known about it."""
        if self._pixels is None and not self.problem:
            self._render()
        painter = QPainter(self)
        area = QRectF(self.rect())
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        if self.problem or self._shown is None:
            waiting = tr("Drop a series here") if self.volume is None else tr("3D is starting …")
            self._halo.draw(
                painter,
                QPointF(area.center().x(), area.center().y() - 10),
                self.problem or waiting,
                theme.font(10),
                theme.DIM,
                Qt.AlignmentFlag.AlignHCenter,
            )
        else:
            painter.drawImage(QPointF(0, 0), self._image)
            self._write(painter, area)
        width = 2.0 if self.active else 1.0
        painter.setPen(QPen(QColor(theme.FOCUS if self.active else theme.LINE), width))
        painter.drawRect(area.adjusted(width / 2, width / 2, -width / 2, -width / 2))
        painter.end()

    def _write(self, painter: QPainter, area: QRectF) -> None:
        assert self._shown is not None and self._scene is not None
        stack, font, bold = self._shown.stack, theme.font(10), theme.font(10, bold=True)
        name = stack.description or stack.role or stack.modality
        self._halo.draw(painter, QPointF(6, 6), f"{name}　3D", bold, theme.TEXT)
        self._halo.draw(painter, QPointF(6, 24), tr(self.preset.value), font, theme.TEXT)
        right, down = self._scene.directions()
        letter = theme.font(13, bold=True)
        x, y = area.center().x(), area.center().y()
        centre = Qt.AlignmentFlag.AlignHCenter
        for direction, place, align in (
            (right, QPointF(area.right() - 9, y - 12), Qt.AlignmentFlag.AlignRight),
            (-right, QPointF(9, y - 12), Qt.AlignmentFlag.AlignLeft),
            (down, QPointF(x, area.bottom() - 30), centre),
            (-down, QPointF(x, 4), centre),
        ):
            letters = direction_letters(direction)
            self._halo.draw(painter, place, letters, letter, theme.LETTER, align)
        note = tr("Left turn, middle pan, right zoom, 1-4 look")
        self._halo.draw(painter, QPointF(6, area.bottom() - 25), note, theme.font(9), theme.DIM)

    # --- mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._last = event.position()
        self.activated.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn, pan or zoom."""
        if self._scene is None or self._shown is None:
            return
        moved = event.position() - self._last
        self._last = event.position()
        buttons = event.buttons()
        if buttons & Qt.MouseButton.LeftButton:
            self._scene.orbit(moved.x() * 0.5, moved.y() * 0.5)
        elif buttons & Qt.MouseButton.MiddleButton:
            self._scene.pan(moved.x(), moved.y(), self.height())
        elif buttons & Qt.MouseButton.RightButton:
            self._scene.zoom_by(float(np.exp(-moved.y() * 0.008)))
        else:
            return
        self._move()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Maximise this pane, or go back to the grid."""
        self.maximise_asked.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom."""
        if self._scene is not None:
            self._scene.zoom_by(float(np.exp(event.angleDelta().y() / 120 * 0.12)))
            self._move()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """1-4 choose a look, F shows the volume from the front again."""
        looks = list(SolidPreset)
        number = event.key() - Qt.Key.Key_1
        if 0 <= number < len(looks):
            self.set_preset(looks[number])
        elif event.key() == Qt.Key.Key_F and self._scene is not None:
            self._scene.look_from((0.0, -1.0, 0.0))
            self._move()
        else:
            event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The right button zooms; the menu comes from the keyboard's menu key only."""
        if event.reason() is QContextMenuEvent.Reason.Mouse:
            return
        menu = QMenu(self)
        for preset in SolidPreset:
            menu.addAction(tr(preset.value)).triggered.connect(
                lambda _=False, chosen=preset: self.set_preset(chosen)
            )
        menu.exec(event.globalPos())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The picture follows the size."""
        self._move()

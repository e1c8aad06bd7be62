"""One pane with a slice: paints the picture, turns mouse and keys into viewport changes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from workstation.domain.finding import FindingState
from workstation.domain.geometry import Floats
from workstation.domain.plane import PlaneKind, Raster
from workstation.domain.volume import Volume
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.crosshair_layer import CrosshairLayer
from workstation.ui.halo import HaloText
from workstation.ui.key_pointer import KeyPointer
from workstation.ui.layer import Layer
from workstation.ui.paint_layer import PaintLayer
from workstation.ui.phase_layer import PhaseLayer
from workstation.ui.sharpen import Sharpener
from workstation.ui.slice_actions import perform
from workstation.ui.slice_mouse import SliceMouse
from workstation.ui.slice_overlay import Scene, SliceOverlay
from workstation.ui.slice_picture import SlicePicture
from workstation.ui.slice_readout import readout
from workstation.viewing.cine import DEFAULT_FPS
from workstation.viewing.commands import TOOLS, keys_of
from workstation.viewing.links import CrosshairLink
from workstation.viewing.overlay import Overlay
from workstation.viewing.paint import Brush, Painting
from workstation.viewing.viewport import Viewport

SETTLE_MS = 25


class SliceView(QWidget):
    """Shows a ``Viewport``; what others may want to know is in it or told by signals."""

    activated = Signal()
    maximise_asked = Signal()
    phase_wanted = Signal(int)
    stroke_finished = Signal()
    brush_changed = Signal(object)
    tool_wanted = Signal(str)  # a tool's command was given while this view has the keyboard
    said = Signal(str)  # what keys point at and draw, in words
    menu_asked = Signal(QPoint)  # a right click that was no drag, in global coordinates

    def __init__(
        self, viewport: Viewport, link: CrosshairLink, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.viewport = viewport
        self.link = link
        self.tool = ""  # command that has the left button; empty: window and level
        self.keys = keys_of("view")
        self.overlays: list[Overlay] = []
        self.loaded = 1.0
        self.unreadable: frozenset[int] = frozenset()
        self.phases = 1
        self.active = False
        self.frames = 0  # painted so far
        self.picture = SlicePicture()
        self._sharpener = Sharpener(self._sharpened, self)
        self._overlay = SliceOverlay(HaloText())
        self.mouse = SliceMouse(self)
        self.pointer = KeyPointer(self)
        self.fps = DEFAULT_FPS
        self._cine = QTimer(self)
        self._cine.setTimerType(Qt.TimerType.PreciseTimer)
        self._cine.timeout.connect(self._next_frame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 100)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._settle = QTimer(self)  # runs while something moves: a slab is drawn coarser then
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.update)
        self.layers: list[Layer] = []
        self._shown: Volume | None = None
        self._raster: Raster | None = None
        self.add_layer(CrosshairLayer(self))
        self.add_layer(PhaseLayer(self))
        self.paint = PaintLayer(self)
        self.add_layer(self.paint)
        viewport.changed.connect(self._changed)
        link.changed.connect(self.update)

    # --- what is shown

    def set_overlays(self, overlays: list[Overlay]) -> None:
        """Findings to draw where they belong to what is shown."""
        self.overlays = overlays
        self.picture.set_overlays(overlays)
        self.update()

    def add_layer(self, layer: Layer) -> None:
        """Let a layer draw over the image and ask it for the mouse before those added earlier."""
        self.layers.append(layer)
        self.update()

    @property
    def written(self) -> list[QRectF]:
        """Where words stand that layers must not write over, logical pixels."""
        return self._overlay.written

    def set_tool(self, name: str) -> None:
        """Give the left button to a tool's command; empty: window and level."""
        self.tool = name
        self.pointer.release()
        if not name:
            self.pointer.end()
        self.update()

    @property
    def pointed(self) -> bool:
        """Whether a mouse, or the pointer that keys move, stands over this view."""
        return self.underMouse() or self.pointer.active

    @property
    def painting(self) -> Painting | None:
        """The mask being painted, or None."""
        return self.paint.painting

    @property
    def brush(self) -> Brush:
        """What is painted with."""
        return self.paint.brush

    def set_brush(self, brush: Brush) -> None:
        """Paint with another brush."""
        self.paint.set_brush(brush)

    def set_painting(self, painting: Painting | None, overlay_id: str = "") -> None:
        """Paint on a mask with the left button, or stop doing so."""
        self.paint.set_painting(painting, overlay_id)

    def painted(self) -> None:
        """Say that the mask being painted was written to, here or in another pane."""
        self.picture.mask_painted(self.paint.overlay_id)
        self.update()

    @property
    def phase(self) -> int:
        """The phase shown."""
        return self.viewport.volume.phase if self.viewport.volume is not None else 0

    @property
    def playing(self) -> bool:
        """Whether the cine runs."""
        return self._cine.isActive()

    def set_playing(self, playing: bool) -> None:
        """Start or stop the cine: phases, or slices of what has one phase."""
        if playing and self.viewport.volume is not None:
            self._cine.start(round(1000 / self.fps))
        else:
            self._cine.stop()
        self.update()

    def set_fps(self, fps: float) -> None:
        """Play so many frames a second."""
        self.fps = fps
        if self.playing:
            self._cine.setInterval(round(1000 / fps))
        self.update()

    def _changed(self) -> None:
        if self.viewport.volume is not self._shown:
            self._raster = None
            self._shown = self.viewport.volume
            if self._shown is None:
                self.picture.forget()
            for layer in self.layers:
                layer.volume_changed()
        shown = self._raster
        lags = shown is not None and self.picture.lags(self.viewport, shown)
        if self.viewport.slab.thickness_mm > 0 or lags:
            # The view in hand comes to rest first: slabs are cut at full quality one at a time.
            self._settle.start(SETTLE_MS if self.active else 3 * SETTLE_MS)
        self.update()

    def _sharpened(self, key: tuple[Any, ...], cut: NDArray[Any]) -> None:
        self.picture.sharpened(key, cut)
        self.update()

    @property
    def sharp(self) -> bool:
        """Whether the image is shown at full quality, nothing better being on its way."""
        return self.picture.sharp and not self._sharpener.busy and not self._settle.isActive()

    def _next_frame(self) -> None:
        if self.phases > 1:
            self.phase_wanted.emit((self.phase + 1) % self.phases)
        else:
            count = self.viewport.steps.count
            self.viewport.go_to_slice((self.viewport.slice_number + 1) % count)

    # --- painting on the screen

    def raster(self) -> Raster:
        """Pixels of this view in the patient, device pixels."""
        ratio = self.devicePixelRatioF()
        now = self.viewport.raster(round(self.width() * ratio), round(self.height() * ratio))
        if now != self._raster:  # else the one whose matrices are known already
            self._raster = now
        return self._raster

    def lps_at(self, place: QPointF) -> Floats:
        """LPS mm under a place of the widget."""
        ratio = self.devicePixelRatioF()
        return self.raster().to_lps(place.x() * ratio - 0.5, place.y() * ratio - 0.5)

    def to_view(self, lps_mm: Floats) -> QPointF:
        """Where a point in LPS mm is seen in this widget, projected along the normal."""
        column, row, _ = self.raster().to_picture(lps_mm)
        ratio = self.devicePixelRatioF()
        return QPointF((column + 0.5) / ratio, (row + 0.5) / ratio)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the image, then everything over it."""
        self.frames += 1
        painter = QPainter(self)
        area = QRectF(self.rect())
        if self.viewport.volume is None:
            painter.fillRect(self.rect(), QColor(theme.BACKGROUND))
            self._overlay.halo.draw(
                painter,
                QPointF(area.center().x(), area.center().y() - 10),
                tr("Drop a series here"),
                self._overlay.normal,
                theme.DIM,
                Qt.AlignmentFlag.AlignHCenter,
            )
        else:
            self._paint_volume(painter, area)
        pen = QPen(QColor(theme.FOCUS if self.active else theme.LINE), 2.0 if self.active else 1.0)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        inset = pen.widthF() / 2
        painter.drawRect(area.adjusted(inset, inset, -inset, -inset))
        painter.end()

    def _paint_volume(self, painter: QPainter, area: QRectF) -> None:
        view, raster, ratio = self.viewport, self.raster(), self.devicePixelRatioF()
        image = self.picture.image(
            view, raster, moving=self._settle.isActive(), sharpener=self._sharpener
        )
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(0, 0), image)
        for layer in self.layers:
            layer.under(painter, raster, ratio)
        assert view.volume is not None
        scene = Scene(raster, ratio)
        stack = view.volume.stack
        mine = [
            o
            for o in self.overlays
            if o.belongs_to(stack.id, view.frame, view.volume.phase, view.slab.thickness_mm)
            and (o.state is not FindingState.REJECTED or o.focused)
        ]
        scene.has_ai = any(not o.colour for o in mine)
        shown: list[Overlay] = []
        for overlay in mine if view.overlays else []:
            if overlay.array is None:
                depth = abs(raster.to_picture(overlay.location_mm)[2])
                if depth <= max(view.slab.thickness_mm, view.steps.step_mm) / 2 + 1e-6:
                    shown.append(overlay)
                continue
            found = self.picture.mask(overlay, raster, view.slab)
            if found is None:
                continue
            picture, mask_image = found
            corner = QPointF(picture.left / ratio, picture.top / ratio)
            mask_image.setDevicePixelRatio(ratio)
            painter.drawImage(corner, mask_image)
            shown.append(overlay)
            scene.anchors[overlay.id] = QPointF(
                picture.anchor[0] / ratio, picture.anchor[1] / ratio
            )
        scene.overlays = shown
        scene.peers = self.link.peers(view)
        scene.loaded, scene.phases, scene.phase = self.loaded, self.phases, self.phase
        scene.unreadable = view.kind is PlaneKind.ACQUIRED and view.stored_z in self.unreadable
        scene.cine_fps = self.fps if self.playing else 0.0
        scene.layers = self.layers
        scene.readout = self.readout() if self.width() >= 320 else ""
        self._overlay.draw(painter, area, view, scene)
        self.pointer.draw(painter)

    def readout(self) -> str:
        """Values of what is shown under the mouse, in words."""
        return readout(self)

    # --- mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The pane is active from now on; what the button does is the mouse's."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.activated.emit()
        self.pointer.end()
        self.mouse.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """See ``SliceMouse``; a hand on the mouse takes over from the keys."""
        self.pointer.end()
        self.mouse.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """See ``SliceMouse``."""
        self.mouse.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """See ``SliceMouse``."""
        self.mouse.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """See ``SliceMouse``."""
        self.mouse.wheel(event)

    def leaveEvent(self, event: object) -> None:
        """See ``SliceMouse``."""
        if not self.pointer.active:
            self.mouse.leave()

    # --- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do what the key says; what a view does not know goes on to the window."""
        if self.viewport.volume is None:
            event.ignore()
            return
        text = QKeySequence(event.keyCombination()).toString(
            QKeySequence.SequenceFormat.PortableText
        )
        if text.startswith("Num+"):
            text = text[4:]
        if any(layer.key(text) for layer in reversed(self.layers)) or self.pointer.key(text):
            return
        if len(text) == 1 and text.isdigit():
            if not self.viewport.preset(int(text)):
                event.ignore()
            return
        if not self.do(self.keys.get(text, "")):
            event.ignore()

    def do(self, action: str) -> bool:
        """Perform a command of ``viewing.commands``; whether it meant something here."""
        if not action:
            return False
        if any(layer.do(action) for layer in reversed(self.layers)):
            return True
        if action in TOOLS:
            self.tool_wanted.emit("" if self.tool == action else action)
            return True
        return perform(self, action)

    # --- focus and size

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The pane with the keyboard is the active one."""
        self.activated.emit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The picture follows the size."""
        self.update()

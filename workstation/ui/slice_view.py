"""One pane with a slice: paints the picture, turns mouse and keys into viewport changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
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
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.ui.slice_actions import perform
from workstation.ui.slice_overlay import Scene, SliceOverlay, draw_brush, unit_sign
from workstation.ui.slice_picture import SlicePicture
from workstation.viewing.links import CrosshairLink
from workstation.viewing.overlay import Overlay
from workstation.viewing.paint import Brush, Painting, next_size
from workstation.viewing.tools import VIEW_KEYS, Distance, Tool, WheelSteps, WindowDrag
from workstation.viewing.viewport import Viewport

CINE_FPS = 20.0
SETTLE_MS = 130


class SliceView(QWidget):
    """Shows a ``Viewport``; what others may want to know is in it or told by signals."""

    activated = Signal()
    maximise_asked = Signal()
    phase_wanted = Signal(int)
    stroke_finished = Signal()
    brush_changed = Signal(object)

    def __init__(
        self, viewport: Viewport, link: CrosshairLink, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.viewport = viewport
        self.link = link
        self.tool = Tool.WINDOW
        self.painting: Painting | None = None
        self.painting_id = ""
        self.brush = Brush()
        self.keys = {key: action for action, key in VIEW_KEYS.items()}
        self.overlays: list[Overlay] = []
        self.distances: list[Distance] = []
        self.loaded = 1.0
        self.unreadable: frozenset[int] = frozenset()
        self.phases = 1
        self.active = False
        self.frames = 0  # painted so far
        self.picture = SlicePicture()
        self._overlay = SliceOverlay(HaloText())
        self._wheel = WheelSteps()
        self._down: QPointF | None = None
        self._last = QPointF()
        self._button = Qt.MouseButton.NoButton
        self._turning = False
        self._window_drag: WindowDrag | None = None
        self._hover: QPointF | None = None
        self._cine = QTimer(self)
        self._cine.timeout.connect(self._next_frame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 100)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._settle = QTimer(self)  # runs while something moves: a slab is drawn coarser then
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.update)
        viewport.changed.connect(self._changed)
        link.changed.connect(self.update)

    # --- what is shown

    def set_overlays(self, overlays: list[Overlay]) -> None:
        """Findings to draw where they belong to what is shown."""
        self.overlays = overlays
        self.picture.set_overlays(overlays)
        self.update()

    def set_painting(self, painting: Painting | None, overlay_id: str = "") -> None:
        """Paint on a mask with the left button, or stop doing so."""
        self.painting, self.painting_id = painting, overlay_id
        self.tool = Tool.PAINT if painting is not None else Tool.WINDOW
        self.update()

    def painted(self) -> None:
        """Say that the mask being painted was written to, here or in another pane."""
        self.picture.mask_painted(self.painting_id)
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
            self._cine.start(int(1000 / CINE_FPS))
        else:
            self._cine.stop()
        self.update()

    def _changed(self) -> None:
        if self.viewport.slab.thickness_mm > 0:
            self._settle.start()
        self.update()

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
        return self.viewport.raster(round(self.width() * ratio), round(self.height() * ratio))

    def lps_at(self, place: QPointF) -> Floats:
        """LPS mm under a place of the widget."""
        ratio = self.devicePixelRatioF()
        return self.raster().to_lps(place.x() * ratio - 0.5, place.y() * ratio - 0.5)

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
        image = self.picture.image(view, raster, moving=self._settle.isActive())
        if image.width() == raster.width:
            image.setDevicePixelRatio(ratio)
            painter.drawImage(QPointF(0, 0), image)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(area, image, QRectF(image.rect()))
        assert view.volume is not None
        scene = Scene(raster, ratio)
        stack = view.volume.stack
        mine = [
            o
            for o in self.overlays
            if o.belongs_to(stack.id, view.frame, view.volume.phase, view.slab.thickness_mm)
            and (o.state is not FindingState.REJECTED or o.focused)
        ]
        scene.has_ai = bool(mine)
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
        scene.crosshair = self.link.visible
        scene.by_hand = self.link.linked_by_hand(view)
        scene.distances = self._distances_here()
        scene.loaded, scene.phases, scene.phase = self.loaded, self.phases, self.phase
        scene.unreadable = view.kind is PlaneKind.ACQUIRED and view.slice_number in self.unreadable
        scene.cine_fps = CINE_FPS if self.playing else 0.0
        scene.tool_note = self._tool_note()
        scene.readout = self._readout()
        self._overlay.draw(painter, area, view, scene)
        if self.painting is not None and self._hover is not None:
            radius = self.brush.radius_mm / (raster.mm_per_pixel * ratio)
            draw_brush(painter, self._hover, radius, erase=self.brush.erase)

    def _distances_here(self) -> list[Distance]:
        half = self.viewport.steps.step_mm / 2 + 1e-6
        position, normal = self.viewport.plane_mm, self.viewport.axes.normal
        return [
            d
            for d in self.distances
            if max(abs(float(np.asarray(p) @ normal) - position) for p in (d.a, d.b)) <= half
        ]

    def _tool_note(self) -> str:
        if self.painting is not None:
            what = tr("Eraser") if self.brush.erase else tr("Brush")
            size = f"{self.brush.radius_mm * 2:g} mm"
            return f"{what} {size}  [ ]" + (f"　{tr('ball')}" if self.brush.ball else "")
        return tr("Distance  [D]") if self.tool is Tool.DISTANCE else ""

    def _readout(self) -> str:
        if self._hover is None or self.viewport.volume is None or self.width() < 320:
            return ""
        ratio = self.devicePixelRatioF()
        value = self.picture.value_at(int(self._hover.x() * ratio), int(self._hover.y() * ratio))
        if value is None:
            return ""
        sign = unit_sign(self.viewport.volume.stack.unit)
        return f"{value:.4g} {sign}".rstrip()

    # --- mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.activated.emit()
        if self.viewport.volume is None or self._button is not Qt.MouseButton.NoButton:
            return
        self._button, self._down, self._last = event.button(), event.position(), event.position()
        left = event.button() is Qt.MouseButton.LeftButton
        right = event.button() is Qt.MouseButton.RightButton
        keys = event.modifiers()
        if left and keys & Qt.KeyboardModifier.AltModifier:
            self._turning = True
        elif self.painting is not None and (left or right):
            erase = right or bool(keys & Qt.KeyboardModifier.ShiftModifier) or self.brush.erase
            brush = Brush(self.brush.radius_mm, erase, self.brush.ball)
            place = self.lps_at(event.position())
            self.painting.begin(place, self.viewport.axes.normal, brush)
        elif left and keys & Qt.KeyboardModifier.ShiftModifier:
            self.viewport.move_focus(self.lps_at(event.position()))
        elif left and self.tool is Tool.DISTANCE:
            a = tuple(float(v) for v in self.lps_at(event.position()))
            self.distances.append(Distance((a[0], a[1], a[2]), (a[0], a[1], a[2])))
        elif left:
            self._window_drag = WindowDrag(self.viewport.window)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with a drag, or drive the crosshair while Shift is held."""
        place = event.position()
        self._hover = place
        if self.viewport.volume is None:
            return
        moved = place - self._last
        self._last = place
        if self._button is Qt.MouseButton.NoButton:
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if shift and self.painting is None and not self.viewport.is_pages:
                self.viewport.move_focus(self.lps_at(place))
            self.update()
        elif self._turning:
            self.viewport.turn(np.asarray(self.viewport.axes.down), moved.x() * 0.4)
            self.viewport.turn(np.asarray(self.viewport.axes.right), -moved.y() * 0.4)
        elif self.painting is not None and self.painting.painting:
            self.painting.draw_to(self.lps_at(place))
            self.update()
        elif self._button is Qt.MouseButton.MiddleButton:
            scale = self.raster().mm_per_pixel * self.devicePixelRatioF()
            self.viewport.pan(moved.x() * scale, moved.y() * scale)
        elif self._button is Qt.MouseButton.RightButton:
            self.viewport.zoom_by(float(np.exp(-moved.y() * 0.008)))
        elif self.tool is Tool.DISTANCE and self.distances:
            b = tuple(float(v) for v in self.lps_at(place))
            self.distances[-1] = Distance(self.distances[-1].a, (b[0], b[1], b[2]))
            self.update()
        elif self._window_drag is not None and self._down is not None:
            away = place - self._down
            integer = self.viewport.volume.array.dtype.kind in "iu"
            smallest = 1.0 if integer else self._window_drag.start.width * 1e-3
            self.viewport.set_window(self._window_drag.at(away.x(), away.y(), smallest))
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.viewport.move_focus(self.lps_at(place))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag."""
        if event.button() is not self._button:
            return
        self._button, self._down, self._window_drag = Qt.MouseButton.NoButton, None, None
        if self._turning:
            self._turning = False
            self.update()
        if self.painting is not None and self.painting.painting:
            if self.painting.end() is not None:
                self.stroke_finished.emit()
        elif self.tool is Tool.DISTANCE and self.distances:
            if self.distances[-1].mm < 0.5:
                self.distances.pop()
            self.tool = Tool.WINDOW
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Maximise this pane, or go back to the grid."""
        if event.button() is Qt.MouseButton.LeftButton and self.painting is None:
            self.maximise_asked.emit()
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll whole slices; what a fast wheel or touchpad sends in between is kept."""
        delta = event.angleDelta().y() or event.angleDelta().x()
        keys = event.modifiers()
        if keys & Qt.KeyboardModifier.ControlModifier:
            self.viewport.zoom_by(float(np.exp(delta / 120 * 0.12)))
        else:
            steps = self._wheel.add(delta)
            if steps and self.painting is not None and keys & Qt.KeyboardModifier.ShiftModifier:
                self.set_brush(
                    replace(self.brush, radius_mm=next_size(self.brush.radius_mm, steps > 0))
                )
            elif steps:
                self.viewport.scroll(-steps)
        event.accept()

    def leaveEvent(self, event: object) -> None:
        """Forget where the mouse was."""
        self._hover = None
        self.update()

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
        if len(text) == 1 and text.isdigit():
            if not self.viewport.preset(int(text)):
                event.ignore()
            return
        if not self.do(self.keys.get(text, "")):
            event.ignore()

    def do(self, action: str) -> bool:
        """Perform a named action of ``VIEW_KEYS``; whether it meant something here."""
        return perform(self, action)

    def set_brush(self, brush: Brush) -> None:
        """Paint with another brush."""
        self.brush = brush
        self.brush_changed.emit(brush)
        self.update()

    # --- focus and size

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The pane with the keyboard is the active one."""
        self.activated.emit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The picture follows the size."""
        self.update()

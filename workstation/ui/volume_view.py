"""The 3D pane: shows pictures that a ``SolidPainter`` draws, and what the reader does with them.

3D is tried in a process of its own first; where that fails the pane says so and nothing else
is touched.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QEnterEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from workstation.domain.geometry import Floats
from workstation.domain.volume import Volume
from workstation.text import tr
from workstation.ui import solid_commands, theme
from workstation.ui.solid_mouse import SolidMouse
from workstation.ui.solid_overlay import SolidOverlay
from workstation.ui.solid_painter import Drawn, SolidMask, SolidPainter, Wanted
from workstation.ui.solid_place import place_on_ray, span_of
from workstation.ui.solid_probe import Probe
from workstation.ui.solid_strip import SolidStrip
from workstation.viewing.commands import keys_of
from workstation.viewing.solid_camera import SolidCamera
from workstation.viewing.solid_look import SolidLook
from workstation.viewing.solid_model import SolidModel
from workstation.viewing.solid_presets import presets_for
from workstation.viewing.viewport import Viewport

STILL_MS = 150  # quiet time before the full picture is begun
CROSSHAIR_MS, SPIN_MS, SPIN_DEG = 50, 40, 2.0
log = logging.getLogger(__name__)


class VolumeView(QWidget):
    """Volume rendering of one volume. ``look`` is all that the reader set."""

    activated = Signal()
    maximise_asked = Signal()
    focus_picked = Signal(object)  # LPS mm
    slab_wanted = Signal()
    seen_wanted = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None, viewport: Viewport | None = None) -> None:
        super().__init__(parent)
        self.model = SolidModel()
        self.masks: tuple[SolidMask, ...] = ()
        self.keys = keys_of("solid")
        self.active = False
        self.problem = ""
        self.texts_shown = True
        self.crosshair_shown = True
        self.spinning = False
        self.pictures = 0  # that came
        self._viewport = viewport
        self._drawn: Drawn | None = None
        self._asked: Wanted | None = None
        self.image = QImage()  # the picture alone, nothing written over it
        self._focus: tuple[float, ...] = ()
        self.model.changed.connect(self._changed)
        self.model.told.connect(self._dress)
        self.painter = SolidPainter(self)
        self.painter.drawn.connect(self._show)
        self.painter.failed.connect(self._no_3d)
        self.mouse = SolidMouse(self)
        self.overlay = SolidOverlay(self)
        self.strip = SolidStrip(self)
        self.strip.move(4, 4)
        self._crosshair = QTimer(self, singleShot=True, interval=CROSSHAIR_MS)
        self._crosshair.timeout.connect(self.update)
        self._finer = QTimer(self, singleShot=True, interval=STILL_MS)
        self._finer.timeout.connect(lambda: self._ask(fine=True))
        self._spin = QTimer(self, interval=SPIN_MS)
        self._spin.timeout.connect(self._turn_on)
        self._probe = Probe(self)
        self._probe.answered.connect(self._probed)
        if viewport is not None:
            viewport.changed.connect(self._focus_moved)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 100)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # --- what is shown

    @property
    def volume(self) -> Volume | None:
        """The volume shown."""
        return self.model.volume

    @property
    def look(self) -> SolidLook | None:
        """How it is shown."""
        return self.model.look

    def set_look(self, look: SolidLook) -> None:
        """Show the volume another way."""
        self.model.set_look(look)

    def show_volume(self, volume: Volume | None) -> None:
        """Show a volume (all its slices should be in), or nothing."""
        if volume is not None and volume is self.volume and (self.look is not None or self.problem):
            return
        if self.model.show(volume):
            self._drawn, self._asked = None, None
            self.set_spinning(False)
        self.problem = ""
        if volume is None:
            self.painter.forget()
        elif not volume.stack.is_volume or volume.stack.samples > 1:
            self.model.forget_look()
            self.problem = tr("These images are no volume: there is no 3D of them.")
        else:
            self._probe.ask()
        self._dress()

    def set_masks(self, masks: Sequence[SolidMask]) -> None:
        """Masks to show as surfaces."""
        self.masks = tuple(masks)
        self._dress()
        self._changed()

    def set_spinning(self, on: bool) -> None:
        """Run the turntable."""
        self.spinning = on and self.look is not None
        (self._spin.start if self.spinning else self._spin.stop)()
        self._dress()

    def _turn_on(self) -> None:
        if self.look is not None and self.isVisible() and self._asked is not None:
            drawn = self._drawn
            if drawn is None or drawn.wanted is self._asked:  # no faster than pictures come
                self.set_look(replace(self.look, camera=self.look.camera.spun(SPIN_DEG)))

    @property
    def settled(self) -> bool:
        """Whether the picture is finished, or there is none to come."""
        if self.volume is None or self.problem or not self.isVisible():
            return True
        drawn = self._drawn
        return drawn is not None and drawn.fine and drawn.wanted is self._asked

    @property
    def camera(self) -> SolidCamera | None:
        """The camera that the shown picture was taken by."""
        return self._drawn.camera if self._drawn is not None else None

    @property
    def focus_mm(self) -> Floats | None:
        """The crosshair, LPS mm."""
        view = self._viewport
        return view.focus_mm if view is not None and view.grid is not None else None

    @property
    def value_span(self) -> float:
        """Range of values that the look colours, in modality units."""
        shown = self.painter.shown
        if self.look is None or shown is None:
            return 1000.0
        return span_of(shown[0], self.look)

    @property
    def thinned(self) -> str:
        """Voxel size in mm of the copy that is rendered, where it is thinner than the volume."""
        shown = self.painter.shown
        if shown is None or self.volume is None:
            return ""
        size, own = shown[0].grid.spacing_mm, sorted(self.volume.grid.spacing_mm)
        same = all(a < b * 1.01 for a, b in zip(sorted(size), own, strict=True))
        return "" if same else " × ".join(f"{mm:.1f}" for mm in size)

    @property
    def top_px(self) -> int:
        """Where text may begin below the strip."""
        return self.strip.height() + 8 if self.strip.isVisible() else 6

    def close_scene(self) -> None:
        """Give the memory of 3D back."""
        self._finer.stop()
        self._spin.stop()
        self._probe.stop()
        self.painter.close()

    def _probed(self, works: bool) -> None:
        if works:
            self.painter.reopen()
            self._changed()
        else:
            self._no_3d()

    @Slot()
    def _no_3d(self) -> None:
        log.warning("3D does not work on this machine")
        self.problem = tr("3D is not available: the graphics driver of this computer failed.")
        self.update()

    # --- pictures

    def _changed(self) -> None:
        """Something is to be seen differently: at once coarsely, in full when it rests."""
        self._ask(fine=False)
        self._finer.start()
        self.update()

    def _focus_moved(self) -> None:
        focus = self.focus_mm
        now = () if focus is None else tuple(float(v) for v in focus)
        if now != self._focus and self.isVisible():
            self._focus = now
            cut = self.look is not None and bool(self.look.halves)
            (self._changed if cut else self.follow_crosshair)()

    def follow_crosshair(self) -> None:
        """Draw it at its new place; not in every frame of the slices, whose hand it slows."""
        if not self._crosshair.isActive():
            self._crosshair.start()

    def _ask(self, *, fine: bool) -> None:
        there = self.isVisible() and Probe.works and not self.problem
        if self.volume is None or self.look is None or not there:
            return
        ratio = self.devicePixelRatioF()
        focus = self.focus_mm
        clips = self.look.clips(self.volume.grid.centre_lps if focus is None else focus)
        size = max(round(self.width() * ratio), 2), max(round(self.height() * ratio), 2)
        self._asked = Wanted(self.volume, self.look, clips, self.masks, *size, fine)
        self.painter.ask(self._asked)

    @Slot(object)
    def _show(self, drawn: Drawn) -> None:
        if drawn.wanted.volume is not self.volume:
            return
        self._drawn = drawn
        self.pictures += 1
        rows, columns = drawn.pixels.shape[:2]
        pixels = np.ascontiguousarray(drawn.pixels[::-1])
        image = QImage(pixels.data, columns, rows, columns * 4, QImage.Format.Format_RGBX8888)
        self.image = image.convertToFormat(QImage.Format.Format_RGB32)  # drawn more often than made
        self.image.setDevicePixelRatio(rows / max(self.height(), 1))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the picture and what must be known about it."""
        painter = QPainter(self)
        area = QRectF(self.rect())
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        if self.problem or self._drawn is None:
            waiting = tr("Drop a series here") if self.volume is None else tr("3D is starting …")
            at = QPointF(area.center().x(), area.center().y() - 10)
            self.overlay.halo.draw(painter, at, self.problem or waiting, theme.font(10), theme.DIM,
                                   Qt.AlignmentFlag.AlignHCenter)  # fmt: skip
        else:
            self.overlay.draw(painter, area, self._drawn.camera, self.image)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        width = 2.0 if self.active else 1.0
        painter.setPen(QPen(QColor(theme.FOCUS if self.active else theme.LINE), width))
        painter.drawRect(area.adjusted(width / 2, width / 2, -width / 2, -width / 2))
        painter.end()

    def _dress(self) -> None:
        in_use = self.look is not None and not self.problem and (self.active or self.underMouse())
        self.strip.setVisible(in_use)
        if in_use:
            self.strip.refresh()
        self.update()

    def set_active(self, active: bool) -> None:
        """Mark as the pane that keys act on."""
        self.active = active
        self._dress()

    def pick_at(self, place: QPointF) -> None:
        """Put the crosshair on what is seen at a place of the widget."""
        found = self.lps_at(place)
        if found is not None:
            if self._viewport is not None:
                self._viewport.move_focus(found)
            self.focus_picked.emit(found)

    def lps_at(self, place: QPointF) -> Floats | None:
        """LPS mm of the first opaque sample, or surface, under a place; None where nothing is."""
        shown, drawn = self.painter.shown, self._drawn
        if shown is None or drawn is None:
            return None
        origin = drawn.camera.at(place.x(), place.y(), self.width(), self.height())
        return place_on_ray(shown, drawn, self.masks, origin)

    # --- mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See ``SolidMouse``."""
        was_active = self.active and self.hasFocus()
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.activated.emit()
        self.mouse.press(event, was_active=was_active)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """See ``SolidMouse``."""
        self.mouse.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """See ``SolidMouse``."""
        self.mouse.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Maximise this pane, or go back to the grid."""
        self.mouse.double_click()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom."""
        self.mouse.wheel(event)

    def event(self, event: QEvent) -> bool:
        """While it has the keyboard, this view's keys win over those of the window."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            text = solid_commands.key_text(event)
            wanted = self.mouse.hand.takes(self.keys.get(text, ""))
            if self.look is not None and (wanted or text.isdigit()):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Number keys choose a look; the other keys are in ``viewing.commands``."""
        text = solid_commands.key_text(event)
        self.mouse.hand.fine = text.startswith("Shift+")
        if self.volume is not None and len(text) == 1 and text.isdigit():
            fitting = presets_for(self.volume.stack)
            if 1 <= int(text) <= len(fitting):
                self.model.set_preset(fitting[int(text) - 1].id)
            elif text == "0":
                self.model.unshift()
        elif not self.do(self.keys.get(text, "")):
            event.ignore()

    def key_of(self, name: str) -> str:
        """The key a command has here now, as it is called on this system."""
        found = QKeySequence(next((k for k, command in self.keys.items() if command == name), ""))
        return found.toString(QKeySequence.SequenceFormat.NativeText)

    def do(self, action: str) -> bool:
        """Perform a command of group "solid"; whether it meant something here."""
        if self.look is None or not solid_commands.perform(self, action):
            return False
        self._dress()
        return True

    def show_menu(self, place: QPoint) -> None:
        """The right button was clicked and not dragged."""
        self.strip.show_menu(place)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu key; the right mouse button zooms or, unmoved, opens it by itself."""
        if event.reason() is not QContextMenuEvent.Reason.Mouse:
            self.show_menu(event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The pane with the keyboard is the active one."""
        self.activated.emit()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the controls."""
        self._dress()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the controls of a view that is not in use."""
        QTimer.singleShot(0, self, self._dress)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what changed while it was hidden."""
        super().showEvent(event)
        self._changed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The picture follows the size."""
        if self.strip.isVisible():
            self.strip.fit()
        self._changed()

"""Another image laid over a slice view in colour, with its colour bar, its window and a wipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPen

from workstation.domain.geometry import Floats
from workstation.domain.plane import Raster
from workstation.render.fusion import FusionRenderer
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.halo import HaloText
from workstation.ui.layer import Layer
from workstation.ui.slice_overlay import unit_sign
from workstation.viewing.colour_map import ColourMap
from workstation.viewing.fusion import SUV_UNIT, Fusion, Placed
from workstation.viewing.tools import WindowDrag
from workstation.viewing.window_level import Window

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

_BAR_WIDTH, _BAR_TOP = 13.0, 96.0
_SMALL = 240  # lower views have no room for a bar
_WIPE_PX = 6.0
_CONTROL = Qt.KeyboardModifier.ControlModifier


class FusionLayer(Layer):
    """Draws ``fusion`` if there is one. Ctrl+left drag: its window. The wipe's edge is dragged."""

    def __init__(self, view: SliceView) -> None:
        super().__init__(view)
        self.fusion: Fusion | None = None
        self._base = ""
        self._leave: Callable[[], None] | None = None
        self._renderer: FusionRenderer | None = None
        self._placed: Placed | None = None
        self._cut_key: tuple[Any, ...] = ()
        self._cut: Any = None
        self._image_key: tuple[Any, ...] = ()
        self._image = QImage()
        self._pixels: Any = None
        self._window: WindowDrag | None = None
        self._down = QPointF()
        self._wiping = False
        self._halo = HaloText()

    @property
    def _font(self) -> QFont:
        return theme.font(9)  # of the size that the reader chose

    def set_fusion(self, fusion: Fusion | None) -> None:
        """Lay an image over this view, or take it away."""
        if self._leave is not None:
            self._leave()
        self.fusion, self._leave = fusion, None
        self._renderer, self._cut_key, self._image_key = None, (), ()
        volume = self.view.viewport.volume
        self._base = volume.stack.id if volume is not None else ""
        if fusion is not None:
            self._leave = fusion.changed.connect(self.view.update)
        self.view.update()

    def volume_changed(self) -> None:
        """Over another series it does not belong; another phase of the same one is no other."""
        volume = self.view.viewport.volume
        if self.fusion is not None and (volume is None or volume.stack.id != self._base):
            self.set_fusion(None)

    # --- drawing

    def under(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The overlay on the raster of the image."""
        fusion = self.fusion
        if fusion is None or not fusion.shown or fusion.opacity == 0:
            return
        image = self._picture(fusion, raster)
        painter.save()
        if fusion.wipe is not None:
            painter.setClipRect(
                QRectF(0, 0, self.view.width() * fusion.wipe, float(self.view.height()))
            )
        if image.width() == raster.width:
            image.setDevicePixelRatio(ratio)
            painter.drawImage(QPointF(0, 0), image)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(self.view.rect()), image, QRectF(image.rect()))
        painter.restore()

    def _picture(self, fusion: Fusion, raster: Raster) -> QImage:
        if self._renderer is None or self._placed is not fusion.placed:
            self._renderer, self._placed = (
                FusionRenderer(fusion.volume.array, fusion.grid),
                fusion.placed,
            )
            self._cut_key = ()
        slab = self.view.viewport.slab if self.view.viewport.slab.thickness_mm > 0 else None
        draft = slab is not None and not self.view.sharp
        key = (raster, slab, draft, fusion.version)
        if key != self._cut_key:
            if self._cut_key and self._cut_key[3] != fusion.version:
                self._renderer.voxels_changed()
            drawn = raster.coarser() if draft else raster
            self._cut = self._renderer.cut(drawn, slab, draft=draft)
            self._cut_key, self._image_key = key, ()
        image_key = (fusion.window, fusion.map.id, fusion.opacity)
        if image_key != self._image_key:
            self._pixels = self._renderer.colour(
                self._cut, fusion.window, fusion.map, fusion.opacity
            )
            height, width = self._pixels.shape
            self._image = QImage(
                self._pixels.data, width, height, width * 4,
                QImage.Format.Format_ARGB32_Premultiplied,
            )  # fmt: skip
            self._image_key = image_key
        return self._image

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """Colour bar and the edge of the wipe."""
        fusion = self.fusion
        if fusion is None or not fusion.shown:
            return
        if fusion.wipe is not None:
            x = self.view.width() * fusion.wipe
            painter.setPen(QPen(QColor(theme.FOCUS), 1.5))
            painter.drawLine(QLineF(x, 0, x, self.view.height()))
        if self.view.height() >= _SMALL:
            sign = unit_sign(fusion.volume.stack.unit)
            draw_colour_bar(
                painter, QRectF(self.view.rect()), fusion.map, fusion.window, sign,
                self._halo, self._font,
            )  # fmt: skip

    def texts(self) -> Sequence[tuple[str, str]]:
        """What is laid over, how opaque, and what must be known about its place."""
        fusion = self.fusion
        if fusion is None:
            return ()
        stack = fusion.volume.stack
        name = stack.role or stack.description or stack.modality
        if not fusion.shown:
            return ((tr("{name} hidden", name=name), theme.PROPOSED),)
        lines = [(f"+ {name}  {fusion.opacity * 100:.0f} %", theme.LETTER)]
        if stack.modality == "PT" and stack.unit != SUV_UNIT:
            lines.append((tr("SUV not known for this series"), theme.PROPOSED))
        said = fusion.placed.said()
        if said is not None:
            lines.append((say(said), theme.PROPOSED))
        return lines

    def readout(self, lps_mm: Floats) -> str:
        """The overlay's nearest stored voxel under the mouse, with its unit."""
        if self.fusion is None:
            return ""
        value = self.fusion.value_at(lps_mm)
        if value is None:
            return ""
        return f"{value:.4g} {unit_sign(self.fusion.volume.stack.unit)}".rstrip()

    # --- the mouse

    def _at_wipe(self, event: QMouseEvent) -> bool:
        fusion = self.fusion
        if fusion is None or fusion.wipe is None or not fusion.shown:
            return False
        return abs(event.position().x() - fusion.wipe * self.view.width()) <= _WIPE_PX

    def hover(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """The edge of the wipe shows that it can be dragged."""
        if self.view.tool or not self._at_wipe(event):
            return False
        self.view.setCursor(Qt.CursorShape.SplitHCursor)
        self.view.update()
        return True

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Ctrl: the overlay's window. On the wipe's edge: the wipe."""
        if self.fusion is None or event.button() is not Qt.MouseButton.LeftButton or self.view.tool:
            return False
        if event.modifiers() == _CONTROL:
            self._window, self._down = WindowDrag(self.fusion.window), event.position()
            return True
        self._wiping = event.modifiers() == Qt.KeyboardModifier.NoModifier and self._at_wipe(event)
        return self._wiping

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Drag on."""
        fusion = self.fusion
        if fusion is None:
            return
        if self._wiping:
            fusion.set_wipe(event.position().x() / max(self.view.width(), 1))
        elif self._window is not None:
            away = event.position() - self._down
            start = self._window.start
            moved = self._window.at(away.x(), away.y(), start.width * 1e-3)
            low = fusion.window.low
            if fusion.volume.stack.modality in ("PT", "NM") and abs(start.low) < 1e-9:
                # Activity begins at nothing: the lower end stays there, the upper one is dragged.
                high = max(start.high + (away.x() - away.y()) * start.width / 200, 1e-6)
                moved = Window((low + high) / 2, high - low) if high > low else start
            fusion.set_window(moved)

    def release(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Let go."""
        self._window, self._wiping = None, False

    def do(self, action: str) -> bool:
        """Opacity, colours, wipe and hiding by key."""
        fusion = self.fusion
        if fusion is None:
            return False
        if action in ("fusion_more", "fusion_less"):
            fusion.step_opacity(1 if action == "fusion_more" else -1)
        elif action == "fusion_colours":
            fusion.next_map()
        elif action == "fusion_wipe":
            fusion.set_wipe(0.5 if fusion.wipe is None else None)
        elif action == "fusion_hide":
            fusion.toggle()
        else:
            return False
        return True


def draw_colour_bar(
    painter: QPainter,
    area: QRectF,
    colours: ColourMap,
    window: Window,
    sign: str,
    halo: HaloText,
    font: Any,
) -> None:
    """A bar at the right with the values of its ends and middle; the unit stands above it."""
    left = area.right() - _BAR_WIDTH - 11
    top = area.top() + min(_BAR_TOP, area.height() * 0.2)
    height = min(area.center().y() - 24 - top, 190.0)  # above the letter of the side
    bar = QRectF(left, top, _BAR_WIDTH, height)
    image = QImage(1, 256, QImage.Format.Format_RGB32)
    for row, (red, green, blue) in enumerate(colours.table[::-1].tolist()):
        image.setPixelColor(0, row, QColor(red, green, blue))
    painter.drawImage(bar, image)
    painter.setPen(QPen(QColor(theme.TEXT), 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(bar)
    right = Qt.AlignmentFlag.AlignRight
    if sign:
        place = QPointF(bar.right() + 3, top - 20)
        halo.draw(painter, place, sign, font, theme.TEXT, right)
    for share in (0.0, 0.5, 1.0):
        value = window.low + window.width * share
        y = bar.bottom() - height * share
        painter.drawLine(QLineF(left - 3, y, left, y))
        words = tick(value, window.width)
        halo.draw(painter, QPointF(left - 5, y - 9), words, font, theme.TEXT, right)


def tick(value: float, width: float) -> str:
    """A value beside the bar, with as many digits as the window is wide."""
    if width >= 20:
        return f"{value:.0f}"
    if width >= 0.2:
        return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"
    return f"{value:.2g}"

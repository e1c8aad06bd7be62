"""Bitmaps that files draw over their own images, as a layer that can be switched off."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QPointF, QTimer
from PySide6.QtGui import QColor, QImage, QPainter, QTransform

from workstation.domain.errors import Message
from workstation.domain.image_plane import ImagePlane
from workstation.domain.overlay_plane import OverlayPlane
from workstation.domain.plane import Raster
from workstation.domain.volume import Stack
from workstation.reading.overlay_planes import overlay_planes
from workstation.text import say, tr
from workstation.ui import theme
from workstation.ui.layer import Layer
from workstation.viewing.presentation import image_shown

if TYPE_CHECKING:
    from workstation.ui.pane import ViewPane
    from workstation.ui.slice_view import SliceView
    from workstation.ui.window import Window

COLOUR = "#8fe388"
REGION_OPACITY = 0.4
REST_MS = 120  # an image is asked for its overlays when the scroll rests on it
KEPT = 200
Key = tuple[str, int]  # file, frame
Found = tuple[list[OverlayPlane], list[Message]]


class OverlayPlanes(QObject):
    """What is known of the images' overlays, and whether they are drawn."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.on = True
        self.found: OrderedDict[Key, Found] = OrderedDict()
        self.layers: list[OverlayPlanesLayer] = []
        self._asked: set[Key] = set()
        window.grid_.on_pane(self._equip)
        window.desk.study_closed.connect(self._forget)
        window.commands.register("overlay_planes", self.toggle)

    def _equip(self, pane: ViewPane) -> None:
        layer = OverlayPlanesLayer(pane.slices, self)
        self.layers.append(layer)
        pane.slices.add_layer(layer)

    def _forget(self) -> None:
        self.found.clear()

    def toggle(self) -> None:
        """Draw them, or leave them out."""
        self.on = not self.on
        for layer in self.layers:
            layer.view.update()

    def ask(self, key: Key) -> None:
        """Read the overlays of an image, once."""
        if key in self.found or key in self._asked:
            return
        self._asked.add(key)
        archive, jobs = self.window.desk.archive, self.window.jobs

        def arrived(found: Found) -> None:
            self._asked.discard(key)
            self.found[key] = found
            while len(self.found) > KEPT:
                self.found.popitem(last=False)
            if found[0] or found[1]:
                for layer in self.layers:
                    layer.view.update()

        def failed(sentence: str) -> None:
            arrived(([], [Message("{why}", {"why": sentence})]))

        jobs.read(lambda: overlay_planes(archive, *key), arrived, failed)


class OverlayPlanesLayer(Layer):
    """Draws the bitmaps of the stored image that a view shows as it was made."""

    def __init__(self, view: SliceView, model: OverlayPlanes) -> None:
        super().__init__(view)
        self.model = model
        self._rest = QTimer(view)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._ask)
        view.viewport.changed.connect(self._rest.start)

    def _shown(self) -> tuple[ImagePlane, Key] | None:
        volume = self.view.viewport.volume
        plane = image_shown(self.view.viewport) if volume is not None else None
        if volume is None or plane is None:
            return None
        key = _file_of(volume.stack, plane)
        return (plane, key) if key is not None else None

    def _ask(self) -> None:
        shown = self._shown() if self.model.on else None
        if shown is not None:
            self.model.ask(shown[1])

    def _here(self) -> tuple[ImagePlane, Found] | None:
        shown = self._shown() if self.model.found else None
        found = self.model.found.get(shown[1]) if shown is not None else None
        return (shown[0], found) if shown is not None and found is not None else None

    def over(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The bitmaps, in one colour, each bit as the pixel that it lies on."""
        if not self.model.on or not self.view.viewport.overlays:
            return
        here = self._here()
        if here is not None:
            for bitmap in here[1][0]:
                draw_bitmap(painter, self.view, here[0], bitmap, COLOUR)

    def texts(self) -> Sequence[tuple[str, str]]:
        """What is drawn or hidden, and what could not be read."""
        here = self._here()
        if here is None:
            return ()
        planes, notes = here[1]
        lines = [(say(note), theme.PROPOSED) for note in notes]
        if planes:
            names = ", ".join(p.label or f"{p.group:04X}" for p in planes)
            words = tr("Overlay: {name}", name=names)
            hidden = not self.model.on or not self.view.viewport.overlays
            lines.append((tr("{name} hidden", name=words) if hidden else words, COLOUR))
        return lines


def _file_of(stack: Stack, plane: ImagePlane) -> Key | None:
    frame = stack.frame(plane.phase, plane.z)
    if not frame.sha256 or frame.tile is not None:
        return None  # a tile of a mosaic is no image of its own
    return frame.sha256, frame.number


def draw_bitmap(
    painter: QPainter, view: SliceView, plane: ImagePlane, bitmap: OverlayPlane, colour: str
) -> None:
    """Set bits over the pixels of a stored image, whichever way the view turns it."""
    rows, columns = plane.grid.shape[1:]
    bits = bitmap.on_image(rows, columns)
    if not bits.any():
        return
    pixels = np.where(bits, np.uint32(QColor(colour).rgba()), np.uint32(0))
    image = QImage(
        pixels.data, columns, rows, columns * 4, QImage.Format.Format_ARGB32_Premultiplied
    )
    corners = plane.to_mm([(-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5)])
    origin, across, along = (view.to_view(corner) for corner in corners)
    a, b = across - origin, along - origin
    painter.save()
    painter.setTransform(QTransform(a.x(), a.y(), b.x(), b.y(), origin.x(), origin.y()), True)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.setOpacity(REGION_OPACITY if bitmap.region else 1.0)  # of a region the inside matters
    painter.drawImage(QPointF(0, 0), image)
    painter.restore()


def install(window: Window) -> None:
    """Give the window overlay planes."""
    OverlayPlanes(window)  # the window keeps it

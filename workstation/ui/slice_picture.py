"""The image part of a slice view: cuts, grey levels and mask pictures, kept until they change."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from workstation.domain.plane import Raster
from workstation.domain.volume import Volume, acquired_frames, acquired_grid
from workstation.render.grey import enlarged
from workstation.render.slice import (
    MaskPicture,
    MaskRenderer,
    SliceRenderer,
    slab_places_mm,
)
from workstation.ui.sharpen import Sharpener
from workstation.ui.theme import STATE_COLOURS
from workstation.viewing.overlay import Overlay
from workstation.viewing.viewport import Slab, Viewport

FILL_ALPHA = 0.26
_AT_ONCE = 1_500_000  # samples of a slab that are cut while one waits (20 ms)
_FLUENT_MS = 3.0  # what a cut may take so that three views follow the hand
_SLAB_DRAFT, _OBLIQUE_DRAFT = 2.0, 1.5  # pixels of a picture in motion, times those at rest


class SlicePicture:
    """Pixels of one viewport. Each step is done again only where what it depends on changed."""

    def __init__(self) -> None:
        self._volume: Volume | None = None
        self._renderer: SliceRenderer | None = None
        self._cut_key: tuple[Any, ...] = ()
        self._cut: NDArray[Any] = np.zeros((1, 1), dtype=np.int16)
        self._scale = 1.0
        self._oblique_ms = 0.0  # what the last oblique cut at full quality took on this machine
        self._grey_key: tuple[Any, ...] = ()
        self._grey: NDArray[np.uint8] = np.zeros((1, 1), dtype=np.uint8)
        self._image = QImage()
        self._masks: dict[str, tuple[Overlay, MaskRenderer]] = {}
        self._mask_images: dict[str, tuple[tuple[Any, ...], MaskPicture | None, QImage]] = {}
        self.mask_version = 0

    def forget(self) -> None:
        """Nothing is shown any more: the voxels may go."""
        self._volume, self._renderer = None, None
        self._cut_key, self._grey_key = (), ()

    def image(
        self,
        viewport: Viewport,
        raster: Raster,
        *,
        moving: bool = False,
        sharpener: Sharpener | None = None,
    ) -> QImage:
        """The image on ``raster``.

        While a thick slab is ``moving`` it is a draft of half as many pixels each way. With a
        ``sharpener`` it stays that until the full picture, cut in the background, is put in. So
        is a moving oblique plane, two thirds each way, on a machine too slow for more. Planes
        along the array's axes, those one reads, are never drafts.
        """
        volume = viewport.volume
        assert volume is not None and viewport.grid is not None
        if self._volume is not volume or self._renderer is None:
            self._volume = volume
            self._renderer = SliceRenderer(volume.array, viewport.grid)
            self._cut_key = ()
        slab = viewport.slab if viewport.slab.thickness_mm > 0 else None
        key = (raster, slab, viewport.voxels_version, id(volume))
        draft = 0.0  # how many times as large its pixels are
        if volume.stack.samples == 1 and self._cut_key != (*key, 0.0):
            if slab is not None:
                layers = len(slab_places_mm(viewport.grid, raster, slab))
                slow = layers * raster.width * raster.height > _AT_ONCE
                draft = _SLAB_DRAFT if moving or (slow and sharpener is not None) else 0.0
                if sharpener is not None and draft and not moving:
                    sharpener.ask(key, volume.array, viewport.grid, raster, slab)
                elif sharpener is not None:
                    sharpener.drop()
            elif moving and self.lags(viewport, raster):
                draft = _OBLIQUE_DRAFT
        if self._cut_key != (*key, draft):
            if not self._cut_key or self._cut_key[2] != viewport.voxels_version:
                self._renderer.voxels_changed()
            drawn = raster.coarser(draft) if draft else raster
            begun = time.perf_counter()
            cut = self._source(viewport).cut(drawn, slab, draft=draft > 0)
            if not draft and slab is None and raster.cuts_across(viewport.grid):
                self._oblique_ms = (time.perf_counter() - begun) * 1000
            self._put(key, cut, draft)
        grey_key = (viewport.window, viewport.invert)
        if grey_key != self._grey_key:
            self._grey = self._renderer.grey(self._cut, viewport.window, viewport.invert)
            if not self.sharp:
                self._grey = enlarged(self._grey, raster.width, raster.height)
            self._grey_key = grey_key
            height, width = self._grey.shape[:2]
            colour = self._grey.ndim == 3
            self._image = QImage(
                self._grey.data,
                width,
                height,
                width * (3 if colour else 1),
                QImage.Format.Format_RGB888 if colour else QImage.Format.Format_Grayscale8,
            )
        return self._image

    def _source(self, viewport: Viewport) -> SliceRenderer:
        """The voxels, or the one image as it was made where those between are interpolated."""
        volume, image = viewport.volume, viewport.acquired_image
        assert volume is not None and self._renderer is not None
        if image is None or volume.acquired is None:
            return self._renderer
        frame = acquired_frames(volume.stack, volume.phase)[image]
        grid = acquired_grid(volume.stack, frame.position_mm)
        return SliceRenderer(volume.acquired[image : image + 1], grid)

    def lags(self, viewport: Viewport, raster: Raster) -> bool:
        """Whether pictures on ``raster`` take too long here for drawing each one in full."""
        if viewport.grid is None or self._oblique_ms <= _FLUENT_MS:
            return False
        return raster.cuts_across(viewport.grid)

    def _put(self, key: tuple[Any, ...], cut: NDArray[Any], draft: float) -> None:
        self._cut, self._scale = cut, draft or 1.0
        self._cut_key, self._grey_key = (*key, draft), ()

    def sharpened(self, key: tuple[Any, ...], cut: NDArray[Any]) -> None:
        """Put in what the sharpener has cut, if that is still what is shown."""
        if self._cut_key == (*key, _SLAB_DRAFT):
            self._put(key, cut, 0.0)

    @property
    def sharp(self) -> bool:
        """Whether the picture shown is no draft."""
        return not (self._cut_key and self._cut_key[-1])

    def value_at(self, column: int, row: int) -> float | None:
        """The value that the picture shows at a pixel; None outside the array or for colour."""
        height, width = self._cut.shape[:2]
        column, row = int(column / self._scale), int(row / self._scale)
        if self._cut.ndim != 2 or not (0 <= column < width and 0 <= row < height):
            return None
        value = float(self._cut[row, column])
        outside = self._renderer.outside if self._renderer is not None else None
        return None if value == outside else value

    # masks

    def set_overlays(self, overlays: list[Overlay]) -> None:
        """Keep renderers of masks that stay, drop the others."""
        kept: dict[str, tuple[Overlay, MaskRenderer]] = {}
        for overlay in overlays:
            if overlay.array is None or overlay.grid is None:
                continue
            old = self._masks.get(overlay.id)
            same = (
                old is not None
                and old[0].array is overlay.array
                and old[0].editing == overlay.editing
            )
            renderer = (
                old[1]
                if old is not None and same
                else MaskRenderer(overlay.array, overlay.grid, live=overlay.editing)
            )
            kept[overlay.id] = (overlay, renderer)
        self._masks = kept
        self._mask_images = {k: v for k, v in self._mask_images.items() if k in kept}

    def mask_painted(self, overlay_id: str) -> None:
        """Say that the array of a mask being edited was written to."""
        self.mask_version += 1
        if overlay_id in self._masks:
            self._masks[overlay_id][1].voxels_changed()

    def mask(
        self, overlay: Overlay, raster: Raster, slab: Slab
    ) -> tuple[MaskPicture, QImage] | None:
        """A finding's mask as a transparent picture, or None where it does not meet the plane."""
        if overlay.id not in self._masks:
            return None
        renderer = self._masks[overlay.id][1]
        version = self.mask_version if overlay.editing else 0
        look = (overlay.colour or STATE_COLOURS[overlay.state], overlay.focused, overlay.pattern)
        key = (raster, slab, look, version, id(renderer))
        kept = self._mask_images.get(overlay.id)
        if kept is None or kept[0] != key:
            picture = renderer.cut(raster, slab)
            image = QImage()
            if picture is not None:
                image = _coloured(picture, *look)
            kept = (key, picture, image)
            self._mask_images[overlay.id] = kept
        return None if kept[1] is None else (kept[1], kept[2])


def _coloured(picture: MaskPicture, colour: str, focused: bool, pattern: str) -> QImage:
    """Premultiplied ARGB: a light fill, plain or patterned, and an opaque edge."""
    chosen = QColor(colour)
    table = np.zeros(4, dtype=np.uint32)
    fill = FILL_ALPHA if focused else FILL_ALPHA * 0.7
    for code, alpha in ((1, fill), (2, 1.0), (3, fill + 0.3)):
        parts = (chosen.red(), chosen.green(), chosen.blue())
        red, green, blue = (int(v * alpha) for v in parts)
        table[code] = (int(255 * alpha) << 24) | (red << 16) | (green << 8) | blue
    codes = picture.codes
    if pattern != "plain":  # fixed to the picture, not to the mask: it stands still while painting
        rows = np.arange(picture.top, picture.top + codes.shape[0])[:, None]
        columns = np.arange(picture.left, picture.left + codes.shape[1])
        if pattern == "stripes":
            struck = (rows + columns) % 9 < 2
        else:
            struck = (rows % 8 < 2) & ((columns + rows // 8 * 4) % 8 < 2)
        codes = np.where((codes == 1) & struck, np.uint8(3), codes)
    pixels = table.take(codes)
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied)
    return image.copy()  # numpy's memory goes away with ``pixels``

"""Pictures of views for reports, paper and files: what is seen, without the patient's name.

A picture has exactly what the view shows (window, slab, marks, findings) at another number of
pixels, and its own letters, scale bar and technical words. Series descriptions are left out: names
are written into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from workstation.domain.finding import FindingState
from workstation.domain.geometry import direction_letters
from workstation.domain.plane import PlaneKind, Raster, nearest_plane
from workstation.text import tr
from workstation.ui import theme
from workstation.ui.crosshair_layer import CrosshairLayer
from workstation.ui.halo import HaloText
from workstation.ui.key_image_layer import KeyImageLayer
from workstation.ui.layer import Layer
from workstation.ui.paint_layer import PaintLayer
from workstation.ui.pane import ViewPane
from workstation.ui.phase_layer import PhaseLayer
from workstation.ui.slice_overlay import PLANE_NAMES
from workstation.ui.slice_picture import SlicePicture
from workstation.ui.stack_words import edge_letters, side_text
from workstation.ui.volume_view import VolumeView
from workstation.viewing.overlay import Overlay
from workstation.viewing.solid_presets import preset
from workstation.viewing.viewport import Viewport

LONG_SIDE = 1200
_LOGICAL = 560.0  # letters are as large as on a view of this many pixels
_PER_PAPER_MM = 5.0  # logical pixels of a mm on paper: letters are 3 mm high
_ON_SCREEN = (CrosshairLayer, KeyImageLayer, PaintLayer, PhaseLayer)  # no part of a picture
_NICE_MM = (500.0, 200, 100, 50, 20, 10, 5, 2, 1, 0.5)


@dataclass(frozen=True, eq=False)
class Picture:
    """(rows, columns, 3) uint8. mm_per_pixel: 0 where lengths are not those of the patient."""

    pixels: NDArray[np.uint8]
    mm_per_pixel: float
    caption: str


def picture_of(
    pane: ViewPane,
    *,
    long_side: int = LONG_SIDE,
    crop_mm: tuple[float, float] | None = None,
    most_mm_per_pixel: float = 0.0,
    marks: bool = True,
    words: bool = True,
) -> Picture | None:
    """The picture of a pane, None where it shows nothing.

    long_side: pixels of the longer side. crop_mm: (width, height) in mm of the patient that are
    kept about the middle, for paper true to size; most_mm_per_pixel: pixels no larger than this.
    marks: with what was drawn over the image. words: with letters, scale bar and technical words.
    """
    if pane.solid is not None:
        return _solid_picture(pane.solid, words=words)
    view = pane.slices
    if view.viewport.volume is None or not pane.content.stack_id:
        return None
    width, height = max(view.width(), 2), max(view.height(), 2)
    ratio = long_side / max(width, height)
    raster = view.viewport.raster(round(width * ratio), round(height * ratio))
    if most_mm_per_pixel > 0 and raster.mm_per_pixel > most_mm_per_pixel:
        ratio *= raster.mm_per_pixel / most_mm_per_pixel
        raster = view.viewport.raster(round(width * ratio), round(height * ratio))
    layers = [each for each in view.layers if marks and not isinstance(each, _ON_SCREEN)]
    image = _base(view.viewport, view.overlays if marks else [], layers, raster, ratio)
    true = is_true(view.viewport)
    if crop_mm is not None:
        columns = min(round(crop_mm[0] / raster.mm_per_pixel), raster.width)
        rows = min(round(crop_mm[1] / raster.mm_per_pixel), raster.height)
        left, top = (raster.width - columns) // 2, (raster.height - rows) // 2
        image = image.copy(left, top, columns, rows)
    if words:
        # On paper letters have a size in mm: they stay readable on a small true-size picture.
        logical = _LOGICAL
        if crop_mm is not None:
            longest = max(image.width(), image.height()) * raster.mm_per_pixel
            logical = min(max(longest * _PER_PAPER_MM, 160.0), _LOGICAL)
        _decorate(image, view.viewport, raster, marks=marks and bool(view.overlays),
                  logical=logical)  # fmt: skip
    mm = raster.mm_per_pixel if true else 0.0
    return Picture(as_array(image), mm, caption_of(view.viewport))


def is_true(viewport: Viewport) -> bool:
    """Whether mm of the picture are mm of the patient."""
    volume = viewport.volume
    return volume is not None and volume.stack.calibrated == "patient" and not volume.stack.regions


def caption_of(viewport: Viewport, *, series: bool = False) -> str:
    """Role or modality, plane, slice and slab; with the series' number where ``series``."""
    volume = viewport.volume
    if volume is None:
        return ""
    stack = volume.stack
    parts = [stack.role or stack.modality]
    if series and stack.series_number is not None:
        parts[0] += f" (#{stack.series_number})"
    kind = viewport.kind
    if viewport.is_oriented:
        if kind is PlaneKind.ACQUIRED and np.abs(viewport.axes.normal).max() > 0.985:
            kind = nearest_plane(viewport.axes)
        parts.append(tr(PLANE_NAMES[kind]))
    parts.append(f"{viewport.slice_number + 1}/{viewport.steps.count}")
    if stack.phases > 1:
        parts.append(tr("Phase {number}/{count}", number=volume.phase + 1, count=stack.phases))
    if viewport.slab.thickness_mm > 0:
        parts.append(f"{tr(viewport.slab.projection.value)} {viewport.slab.thickness_mm:g} mm")
    return "　".join(parts)


def frame_of(
    viewport: Viewport, overlays: list[Overlay], width: int, height: int, ratio: float
) -> NDArray[np.uint8]:
    """One picture of a film: image, findings and words, at ``ratio`` times the view's size."""
    raster = viewport.raster(round(width * ratio), round(height * ratio))
    image = _base(viewport, overlays, (), raster, ratio)
    _decorate(image, viewport, raster, marks=bool(overlays))
    return as_array(image)


def _base(
    viewport: Viewport,
    overlays: list[Overlay],
    layers: Sequence[Layer],
    raster: Raster,
    ratio: float,
) -> QImage:
    """The image with what is drawn on it, (raster) pixels, nothing written at the edges."""
    source = SlicePicture()
    source.set_overlays(overlays)
    image = source.image(viewport, raster).convertToFormat(QImage.Format.Format_RGB888).copy()
    image.setDevicePixelRatio(ratio)
    painter = QPainter(image)
    for layer in layers:
        painter.save()
        layer.under(painter, raster, ratio)
        painter.restore()
    assert viewport.volume is not None
    for overlay in overlays if viewport.overlays else ():
        belongs = overlay.belongs_to(
            viewport.volume.stack.id, viewport.frame, viewport.volume.phase,
            viewport.slab.thickness_mm,
        )  # fmt: skip
        if not belongs or overlay.array is None or overlay.state is FindingState.REJECTED:
            continue
        found = source.mask(overlay, raster, viewport.slab)
        if found is not None:
            part, mask = found
            mask.setDevicePixelRatio(ratio)
            painter.drawImage(QPointF(part.left / ratio, part.top / ratio), mask)
    for layer in layers:
        painter.save()
        layer.over(painter, raster, ratio)
        painter.restore()
    painter.end()
    image.setDevicePixelRatio(1.0)
    return image


def _decorate(
    image: QImage, viewport: Viewport, raster: Raster, *, marks: bool, logical: float = _LOGICAL
) -> None:
    """Letters, scale bar and technical words, on the pixels as they are now."""
    ratio = max(image.width(), image.height()) / logical
    image.setDevicePixelRatio(ratio)
    painter, halo = QPainter(image), HaloText()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = QRectF(0, 0, image.width() / ratio, image.height() / ratio)
    right, down = np.asarray(viewport.axes.right), np.asarray(viewport.axes.down)
    _letters(painter, halo, area, [edge_letters(viewport, d) for d in (right, -right, down, -down)])
    small = theme.font(9)
    halo.draw(painter, QPointF(5, 4), caption_of(viewport), small, theme.TEXT)
    assert viewport.volume is not None
    side = side_text(viewport.volume.stack)
    if side:
        halo.draw(painter, QPointF(5, 20), side, small, theme.TEXT)
    line = area.bottom() - 20
    if viewport.volume.stack.samples == 1:
        window = viewport.window
        digits = 0 if window.width >= 20 else 2
        words = f"W {window.width:.{digits}f}  L {window.centre:.{digits}f}"
        halo.draw(painter, QPointF(5, line), words, small, theme.TEXT)
    if marks and viewport.overlays:
        words = tr("Research use, not registered")
        halo.draw(painter, QPointF(5, line - 16), words, small, theme.LETTER)
    if is_true(viewport):
        _scale_bar(painter, halo, area, 1 / (raster.mm_per_pixel * ratio))
    painter.end()
    image.setDevicePixelRatio(1.0)


def _letters(painter: QPainter, halo: HaloText, area: QRectF, letters: list[str]) -> None:
    """Of right, left, bottom and top."""
    font, middle = theme.font(12, bold=True), area.center()
    centre, to_right = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight
    places = (
        (QPointF(area.right() - 6, middle.y() - 12), to_right),
        (QPointF(6, middle.y() - 12), Qt.AlignmentFlag.AlignLeft),
        (QPointF(middle.x(), area.bottom() - 24), centre),
        (QPointF(middle.x(), 2), centre),
    )
    for words, (place, align) in zip(letters, places, strict=True):
        halo.draw(painter, place, words, font, theme.LETTER, align)


def _scale_bar(painter: QPainter, halo: HaloText, area: QRectF, per_mm: float) -> None:
    """A bar of a round length; per_mm: logical pixels of one mm."""
    length = next((n for n in _NICE_MM if n * per_mm <= area.width() * 0.25), 0.0)
    if not length:
        return
    right, y = area.right() - 8, area.bottom() - 8
    left = right - length * per_mm
    for pen in (QPen(QColor(0, 0, 0, 200), 4.0), QPen(QColor(theme.TEXT), 1.5)):
        painter.setPen(pen)
        painter.drawLine(QLineF(left, y, right, y))
        painter.drawLine(QLineF(left, y - 4, left, y + 4))
        painter.drawLine(QLineF(right, y - 4, right, y + 4))
    words = f"{length / 10:g} cm" if length >= 10 else f"{length:g} mm"
    to_right = Qt.AlignmentFlag.AlignRight
    halo.draw(painter, QPointF(right, y - 22), words, theme.font(9), theme.TEXT, to_right)


def solid_decorated(view: VolumeView, image: QImage, *, words: bool = True) -> Picture:
    """A picture of the 3D view with letters, look and scale bar (the view is parallel)."""
    image = image.convertToFormat(QImage.Format.Format_RGB888).copy()
    image.setDevicePixelRatio(1.0)
    camera, look = view.camera, view.look
    caption = "3D"
    mm = 0.0
    if camera is not None and look is not None and view.volume is not None:
        stack = view.volume.stack
        caption = f"{stack.role or stack.modality}　3D　{preset(look.preset).words}"
        mm = camera.mm_per_pixel(image.height())
        if words:
            ratio = max(image.width(), image.height()) / _LOGICAL
            image.setDevicePixelRatio(ratio)
            painter, halo = QPainter(image), HaloText()
            area = QRectF(0, 0, image.width() / ratio, image.height() / ratio)
            right, down = camera.right, camera.down
            _letters(
                painter, halo, area, [direction_letters(d) for d in (right, -right, down, -down)]
            )
            said = caption + ("　" + tr("Cut: not all of the patient is shown") if look.is_cut
                              else "")  # fmt: skip
            halo.draw(painter, QPointF(5, 4), said, theme.font(9), theme.TEXT)
            if any(look.opacity(mask.id) > 0 for mask in view.masks):
                at = QPointF(5, area.bottom() - 20)
                note = tr("Research use, not registered")
                halo.draw(painter, at, note, theme.font(9), theme.LETTER)
            _scale_bar(painter, halo, area, 1 / (mm * ratio))
            painter.end()
            image.setDevicePixelRatio(1.0)
    return Picture(as_array(image), 0.0, caption)


def _solid_picture(view: VolumeView, *, words: bool) -> Picture | None:
    if view.look is None or view.image.isNull():
        return None
    return solid_decorated(view, view.image, words=words)


def as_array(image: QImage) -> NDArray[np.uint8]:
    """(rows, columns, 3) RGB of an image."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows, columns, line = image.height(), image.width(), image.bytesPerLine()
    flat = np.frombuffer(image.constBits(), dtype=np.uint8)[: rows * line].reshape(rows, line)
    return flat[:, : columns * 3].reshape(rows, columns, 3).copy()


def without_colour(picture: Picture) -> Picture:
    """The same as grey where it has no colour at all: a third of the bytes."""
    red, green, blue = (picture.pixels[..., i] for i in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return replace(picture, pixels=np.ascontiguousarray(red))
    return picture

"""Painting a region that is measured: a brush on the image as acquired."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QWheelEvent

from workstation.domain.artefact import new_id
from workstation.domain.geometry import Floats
from workstation.domain.mark import Mark, MarkKind, as_points
from workstation.domain.plane import Raster
from workstation.domain.volume import acquired_grid
from workstation.text import tr
from workstation.ui import theme
from workstation.viewing.mark_drawing import Ground, ground_of, made_mark
from workstation.viewing.marks import MarkBoard, shown_image
from workstation.viewing.paint import Brush, covered, next_size

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView

Plane = NDArray[np.bool_]


class MarkBrush:
    """Left paints, right or Shift erases; strokes go on with the chosen region."""

    def __init__(self, view: SliceView, board: MarkBoard) -> None:
        self.view = view
        self.board = board
        self.brush = Brush(4.0)
        self.mark_id = ""
        self._planes: dict[int, Plane] = {}
        self._ground: Ground | None = None
        self._last: Floats | None = None
        self._stroke = self.brush
        self._hover: QPointF | None = None

    @property
    def painting(self) -> bool:
        """Whether a stroke is under way."""
        return self._last is not None

    @property
    def words(self) -> str:
        """What is painted with, or why nothing can be."""
        if shown_image(self.view.viewport) is None:
            return tr("Regions are painted on images as acquired  [P]")
        return tr("Brush {mm} mm, Shift erases  [ ]", mm=f"{self.brush.radius_mm * 2:g}")

    def painted(self, mark: Mark) -> dict[int, Plane] | None:
        """Voxels of a painted region, those of the stroke under way included."""
        if self.painting and mark.id == self.mark_id:
            return self._planes
        held = self.board.painted.get(mark.mask_id)
        return dict(held) if held is not None else None

    def press(self, event: QMouseEvent, lps_mm: Floats) -> bool:
        """Put the brush down: on the chosen region, or on a new one."""
        buttons = (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton)
        ground, z = ground_of(self.view.viewport), shown_image(self.view.viewport)
        if event.button() not in buttons or ground is None or z is None:
            return False
        erase = event.button() is Qt.MouseButton.RightButton or bool(
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        )
        mark = self.board.get(self.board.selected)
        goes_on = (
            mark is not None
            and mark.kind is MarkKind.BRUSH
            and (mark.stack_id, mark.phase) == (ground.stack.id, ground.phase)
        )
        if erase and not goes_on:
            return False
        held = self.board.painted.get(mark.mask_id, {}) if mark is not None and goes_on else {}
        self.mark_id = mark.id if mark is not None and goes_on else new_id()
        self._planes = {at: plane.copy() for at, plane in held.items()}
        self._ground, self._stroke = ground, replace(self.brush, erase=erase)
        self._last = np.asarray(lps_mm, dtype=np.float64)
        self._dab(self._last, z)
        return True

    def move(self, event: QMouseEvent, lps_mm: Floats) -> None:
        """Draw on."""
        self._hover = event.position()
        z = shown_image(self.view.viewport)
        if z is not None and self._last is not None:
            self._dab(np.asarray(lps_mm, dtype=np.float64), z)

    def _dab(self, place: Floats, z: int) -> None:
        grid = self.view.viewport.grid
        assert grid is not None and self._last is not None and self._ground is not None
        block, hit = covered(grid, self._last, place, self._ground.axes.normal, self._stroke)
        self._last = place
        plane = self._planes.setdefault(z, np.zeros(grid.shape[1:], dtype=np.bool_))
        if block[0].start <= z < block[0].stop:
            part = plane[block[1], block[2]]
            part[hit[z - block[0].start]] = not self._stroke.erase
        mark = made_mark(MarkKind.BRUSH, self._ground, place[None], id=self.mark_id)
        self.board.show(mark if self.board.get(self.mark_id) is None else None)
        self.view.update()

    def release(self, by: str) -> None:
        """Lift the brush: the region is kept, or gone where nothing of it is left."""
        ground, self._last = self._ground, None
        planes = {z: plane for z, plane in self._planes.items() if plane.any()}
        before = self.board.get(self.mark_id)
        if ground is None or not planes:
            self.board.show(None)
            if before is not None:
                self.board.remove(before.id)
            return
        mask_id = new_id()
        self.board.painted[mask_id] = planes
        z = max(planes, key=lambda at: int(planes[at].sum()))
        grid = self.view.viewport.grid
        assert grid is not None
        rows, columns = np.nonzero(planes[z])
        nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
        at = np.array([[columns[nearest], rows[nearest], z]], dtype=np.float64)
        place = grid.to_lps(at)
        if self.view.viewport.acquired_image is not None:  # there, not on the plane beside it
            position = ground.stack.frame(ground.phase, z).position_mm
            place = acquired_grid(ground.stack, position).to_lps(at * (1.0, 1.0, 0.0))
        mark = made_mark(MarkKind.BRUSH, ground, place, id=self.mark_id, by=by)
        if before is not None:
            mark = replace(
                before,
                points_mm=as_points(place),
                sop_instance_uid=mark.sop_instance_uid,
                frame=mark.frame,
            )
        self.board.keep(replace(mark, mask_id=mask_id))
        self.board.select(mark.id)

    # --- its size

    def hover(self, event: QMouseEvent) -> None:
        """The ring follows the mouse."""
        self._hover = event.position()
        self.view.update()

    def wheel(self, steps: int, event: QWheelEvent) -> bool:
        """Shift and wheel: size."""
        if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return False
        self._size(steps > 0)
        return True

    def do(self, action: str) -> bool:
        """Size by key."""
        if action not in ("brush_smaller", "brush_larger"):
            return False
        self._size(action == "brush_larger")
        return True

    def _size(self, larger: bool) -> None:
        self.brush = replace(self.brush, radius_mm=next_size(self.brush.radius_mm, larger))
        self.view.update()

    def draw_ring(self, painter: QPainter, raster: Raster, ratio: float) -> None:
        """The brush where the mouse is."""
        if self.view.tool != "paint_region" or self._hover is None or not self.view.pointed:
            return
        radius = self.brush.radius_mm / (raster.mm_per_pixel * ratio)
        for pen in (QPen(QColor(0, 0, 0, 180), 3.0), QPen(QColor(theme.FOCUS), 1.3)):
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(self._hover, radius, radius)

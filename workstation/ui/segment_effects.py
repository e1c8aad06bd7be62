"""What can be done to a segment, or to a finding's mask while it is edited, with its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from workstation.domain.errors import N_
from workstation.domain.geometry import Floats
from workstation.domain.plane import Axes
from workstation.domain.volume import Stack
from workstation.domain.voxel_set import VoxelSet
from workstation.domain.work import Cancel, Progress
from workstation.text import tr
from workstation.ui.segment_desk import SegmentDesk, Work
from workstation.viewing.paint import Painting
from workstation.viewing.segment_fill import Combination, combine, fill_between, in_range
from workstation.viewing.segment_islands import Islands, fill_holes, grow, islands
from workstation.viewing.segment_scissors import Cut, Outline, scissors
from workstation.viewing.segment_shape import Smoothing, margin, smooth

if TYPE_CHECKING:
    from workstation.ui.slice_view import SliceView


@dataclass
class EffectNumbers:
    """What the reader set in the panel; lengths in mm, volumes in mL."""

    cut: Cut = Cut.ERASE_INSIDE
    through: bool = True
    islands: Islands = Islands.KEEP_CLICKED
    smallest_ml: float = 0.1
    by_tolerance: bool = True
    tolerance: float = 0.0  # 0: two standard deviations around the seed
    limit_mm: float = 30.0
    everywhere: bool = False
    smoothing: Smoothing = Smoothing.MEDIAN
    smooth_mm: float = 2.0
    margin_mm: float = 2.0
    slice_by_slice: bool = False
    combination: Combination = Combination.ADD
    other_id: str = ""


class SegmentEffects(QObject):
    """Turns buttons and clicks into operations of the desk."""

    leaked = Signal(str)  # growing reached its limit: a sentence

    def __init__(self, desk: SegmentDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.numbers = EffectNumbers()

    def _view(self) -> SliceView:
        return self.desk.grid.active_pane.slices

    def _shown(self, view: SliceView | None = None) -> tuple[Stack | None, int]:
        volume = (view or self._view()).viewport.volume
        return (volume.stack, volume.phase) if volume is not None else (None, 0)

    def _run(self, words: str, work: Work) -> None:
        """Do something to what is there already; nothing is made for it."""
        stack, phase = self._shown()
        own = self.desk.active
        if own is not None and self.desk.grid.painting is None:
            stack, phase = self.desk.stack_of(own), own.phase
        self.desk.run(words, work, self.desk.target(stack, phase, make=False))

    # --- buttons

    def keep_largest(self) -> None:
        """The largest connected part stays."""
        self._run(N_("Keep largest"), lambda m, p, c: islands(
            m, Islands.KEEP_LARGEST, progress=p, cancel=c))  # fmt: skip

    def remove_small(self) -> None:
        """Connected parts below a volume go."""
        ml = self.numbers.smallest_ml
        self._run(N_("Remove small"), lambda m, p, c: islands(
            m, Islands.REMOVE_SMALL, smallest_ml=ml, progress=p, cancel=c))  # fmt: skip

    def smooth(self) -> None:
        """Median, closing, opening or Gaussian."""
        how, mm = self.numbers.smoothing, self.numbers.smooth_mm
        self._run(N_("Smooth"), lambda m, p, c: smooth(m, how, mm, p, c))

    def grow_margin(self) -> None:
        """Larger by so many millimetres."""
        mm = self.numbers.margin_mm
        self._run(N_("Grow margin"), lambda m, p, c: margin(m, mm, p, c))

    def shrink_margin(self) -> None:
        """Smaller by so many millimetres."""
        mm = -self.numbers.margin_mm
        self._run(N_("Shrink margin"), lambda m, p, c: margin(m, mm, p, c))

    def fill_holes(self) -> None:
        """What the segment encloses becomes part of it."""
        axis = self._axis() if self.numbers.slice_by_slice else None
        self._run(N_("Fill holes"), lambda m, p, c: fill_holes(m, axis, p, c))

    def fill_between(self) -> None:
        """Slices between painted ones, along the axis nearest to the active view's normal."""
        axis = self._axis()
        self._run(N_("Fill between slices"), lambda m, p, c: fill_between(m, axis, p, c))

    def _axis(self) -> int:
        """Array axis (z, y, x) that the active view looks along most nearly."""
        view = self._view().viewport
        if view.grid is None:
            return 0
        return 2 - int(np.argmax(np.abs(view.axes.normal @ view.grid.directions)))

    def combine(self) -> None:
        """With another segment, or inverted."""
        how, other_id = self.numbers.combination, self.numbers.other_id
        other: VoxelSet | None = None
        if how is not Combination.INVERT:
            if other_id not in self.desk.list.sheets or other_id == self.desk.active_id:
                self.desk.wrong.emit(tr("Choose another segment to combine with."))
                return
            other = self.desk.voxels(other_id)
        self._run(N_("Combine"), lambda m, p, c: combine(m, how, other))

    def take_range(self) -> None:
        """Every voxel of the image with a value in the range is added."""
        chosen = self.desk.range
        stack, phase = self._shown()
        painting = self.desk.target(stack, phase)
        if painting is None or chosen is None or painting.image is None:
            self._say_missing(painting, chosen)
            return
        image, grid = painting.image, painting.grid

        def work(mask: VoxelSet, progress: Progress, cancel: Cancel) -> VoxelSet:
            found = in_range(image, grid, *chosen, progress=progress, cancel=cancel)
            return combine(mask, Combination.ADD, found)

        self.desk.run(N_("Take range"), work, painting)

    def _say_missing(self, painting: Painting | None, chosen: object) -> None:
        if painting is None:
            return
        if chosen is None:
            self.desk.wrong.emit(tr("Set the range of values first: Ctrl+click picks it."))
        else:
            self.desk.wrong.emit(tr("The images are still being read."))

    # --- clicks in a view

    def cut(self, view: SliceView, points_mm: Floats, axes: Axes) -> None:
        """Scissors along an outline drawn in a view."""
        numbers, outline = self.numbers, Outline(points_mm, axes, self.numbers.through)
        make = numbers.cut is Cut.FILL_INSIDE
        painting = self.desk.target(*self._shown(view), make=make)
        how = numbers.cut
        self.desk.run(N_("Scissors"), lambda m, p, c: scissors(m, outline, how, p, c), painting)

    def click_island(self, view: SliceView, lps_mm: Floats) -> None:
        """Keep or remove the connected part at a place."""
        what = self.numbers.islands
        painting = self.desk.target(*self._shown(view), make=False)
        self.desk.run(N_("Islands"), lambda m, p, c: islands(
            m, what, at_mm=lps_mm, progress=p, cancel=c), painting)  # fmt: skip

    def grow_from(self, view: SliceView, lps_mm: Floats) -> None:
        """Add what is connected to a place and similar to it."""
        numbers = self.numbers
        painting = self.desk.target(*self._shown(view))
        if painting is None:
            return
        chosen = self.desk.range
        if painting.image is None or (chosen is None and not numbers.by_tolerance):
            self._say_missing(painting, chosen)
            return
        image, grid = painting.image, painting.grid
        low, high = chosen if chosen is not None and not numbers.by_tolerance else (None, None)
        tolerance = None
        if numbers.by_tolerance:
            tolerance = numbers.tolerance or self.spread_at(image, grid.to_index(lps_mm))
        limit = None if numbers.everywhere else numbers.limit_mm

        def work(mask: VoxelSet, progress: Progress, cancel: Cancel) -> VoxelSet:
            grown = grow(
                image, grid, lps_mm, low=low, high=high, tolerance=tolerance, limit_mm=limit,
                progress=progress, cancel=cancel,
            )  # fmt: skip
            if grown.at_limit:
                self.leaked.emit(
                    tr("Growing reached its limit of {mm} mm: look whether it leaked.",
                       mm=f"{numbers.limit_mm:g}")
                )  # fmt: skip
            return combine(mask, Combination.ADD, grown.mask)

        self.desk.run(N_("Grow"), work, painting)

    @staticmethod
    def spread_at(image: NDArray[Any], index_xyz: Floats) -> float:
        """A tolerance for growing where the reader gave none: three standard deviations of the
        7x7 voxels around the seed in its slice, at least one unit of the values."""
        x, y, z = (round(float(v)) for v in index_xyz)
        z = min(max(z, 0), image.shape[0] - 1)
        near = image[z, max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
        smallest = 1.0 if image.dtype.kind in "iu" else 1e-6
        return max(3.0 * float(near.std(dtype=np.float64)), smallest) if near.size else smallest


BUTTONS: tuple[tuple[str, Callable[[SegmentEffects], None]], ...] = (
    (N_("Keep largest"), SegmentEffects.keep_largest),
    (N_("Fill holes"), SegmentEffects.fill_holes),
    (N_("Fill between slices"), SegmentEffects.fill_between),
)
"""Operations that need no numbers."""

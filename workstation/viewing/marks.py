"""The marks of the open study: which there are, which is chosen, what was done and undone.

No Qt and no archive: what is stored is told by signals, in the order in which it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workstation.domain.artefact import now
from workstation.domain.geometry import Grid
from workstation.domain.mark import OUTLINES, Mark, MarkEdit, MarkKind, MarkNumber
from workstation.domain.mark_images import is_uneven, values_in
from workstation.domain.mark_numbers import VALUE, numbers_of, statistics_of
from workstation.domain.mark_voxels import Inside, Painted, Slices, inside_of, value_at
from workstation.domain.ruler import Ruler, ruler_of
from workstation.domain.volume import Stack
from workstation.viewing.mark_shapes import is_whole
from workstation.viewing.signal import Signal
from workstation.viewing.viewport import Viewport


@dataclass(frozen=True)
class Voxels:
    """Where the voxels of a mark come from: a stack and its slices of the mark's phase.

    images: of an uneven stack its images as acquired, in the order of ``acquired_frames``.
    """

    stack: Stack
    slices: Slices
    images: Slices | None = None


class MarkBoard:
    """``changed``: what is drawn or listed; ``chosen``: another mark is selected.

    ``edited`` tells a finished edit that is to be stored, ``stepped`` that the last one was taken
    back (-1) or done again (+1), and of which study. voxels: gives stack and slices for a stack
    id and phase, None where they are not at hand.
    """

    def __init__(self) -> None:
        self.changed: Signal[[]] = Signal()
        self.chosen: Signal[[]] = Signal()
        self.edited: Signal[[MarkEdit]] = Signal()
        self.stepped: Signal[[int, str]] = Signal()
        self.jump_wanted: Signal[[Mark]] = Signal()
        self.voxels: Callable[[str, int], Voxels | None] = lambda stack_id, phase: None
        self.painted: dict[str, Painted] = {}  # by mask id
        self.selected = ""
        self.preview: Mark | None = None  # shown instead of the stored one while it is dragged
        self._marks: dict[str, Mark] = {}
        self._done: list[MarkEdit] = []
        self._undone: list[MarkEdit] = []
        self._numbers: dict[str, tuple[Any, tuple[MarkNumber, ...]]] = {}

    # --- what there is

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Every mark, in the order in which they were drawn."""
        return tuple(self._marks.values())

    def get(self, mark_id: str) -> Mark | None:
        """A mark by its id."""
        return self._marks.get(mark_id)

    def load(
        self, marks: Iterable[Mark], done: Sequence[MarkEdit] = (), undone: Sequence[MarkEdit] = ()
    ) -> None:
        """Show what is stored: marks, and what can be taken back or done again (next one last)."""
        self._marks = {mark.id: mark for mark in marks}
        self._done, self._undone = list(done), list(undone)
        if self.selected not in self._marks:
            self.selected = ""
        self.preview = None
        self.changed.emit()

    def renew(self, marks: Sequence[Mark]) -> bool:
        """Take the stored versions (who drew, numbers) of the very marks that are shown.

        False, and nothing changes, where others are stored than shown.
        """
        if {m.id: _drawn(m) for m in marks} != {i: _drawn(m) for i, m in self._marks.items()}:
            return False
        if list(marks) != list(self._marks.values()):
            self._marks = {mark.id: mark for mark in marks}
            self.changed.emit()
        return True

    def clear(self) -> None:
        """Another study lies open."""
        self._numbers.clear()
        self.painted.clear()
        self.load(())

    # --- edits

    def keep(self, mark: Mark) -> None:
        """Add a mark, or replace the one with its id: one step that can be taken back."""
        before = self._marks.get(mark.id)
        mark = replace(mark, at=now(), numbers=())
        if before is not None and replace(before, at=mark.at, numbers=()) == mark:
            self.preview = None
            self.changed.emit()
            return
        self._did(MarkEdit(before, mark))

    def remove(self, mark_id: str) -> None:
        """Take a mark away."""
        before = self._marks.get(mark_id)
        if before is not None:
            self._did(MarkEdit(before, None))

    def _did(self, edit: MarkEdit) -> None:
        self._done.append(edit)
        self._undone.clear()
        self._apply(edit)
        self.edited.emit(edit)

    def _apply(self, edit: MarkEdit) -> None:
        self.preview = None
        if edit.after is None:
            self._marks.pop(edit.mark.id, None)
            if self.selected == edit.mark.id:
                self.select("")
        else:
            self._marks[edit.mark.id] = edit.after
        self.changed.emit()

    @property
    def steps(self) -> tuple[int, int]:
        """How many edits can be taken back, and how many done again."""
        return len(self._done), len(self._undone)

    def undo(self) -> bool:
        """Take the last edit back; False where there is none."""
        if not self._done:
            return False
        edit = self._done.pop()
        self._undone.append(edit)
        self._apply(edit.turned())
        self.select(edit.before.id if edit.before is not None else "")
        self.stepped.emit(-1, edit.mark.study_uid)
        return True

    def redo(self) -> bool:
        """Do again what was taken back last; False where there is nothing."""
        if not self._undone:
            return False
        edit = self._undone.pop()
        self._done.append(edit)
        self._apply(edit)
        self.select(edit.after.id if edit.after is not None else "")
        self.stepped.emit(1, edit.mark.study_uid)
        return True

    # --- while the mouse is down, and what is chosen

    def show(self, mark: Mark | None) -> None:
        """Show a mark as it would become; None: as it is."""
        self.preview = mark
        self.changed.emit()

    def select(self, mark_id: str) -> None:
        """Choose a mark; empty: none."""
        if mark_id != self.selected:
            self.selected = mark_id
            self.chosen.emit()
            self.changed.emit()

    def jump(self, mark_id: str) -> None:
        """Choose a mark and let the views go to it."""
        mark = self._marks.get(mark_id)
        if mark is not None:
            self.select(mark_id)
            self.jump_wanted.emit(mark)

    # --- where marks are seen

    def here(self, viewport: Viewport) -> list[Mark]:
        """Marks that the shown plane shows, the one being drawn or dragged included."""
        found = dict(self._marks)
        if self.preview is not None:
            found[self.preview.id] = self.preview
        return [m for m in found.values() if is_here(m, viewport, self.painted.get(m.mask_id))]

    # --- numbers

    def ruler(self, mark: Mark, stack: Stack) -> Ruler:
        """What lengths are worth where the mark lies, calibration lines of readers included."""
        lines = [m for m in self._marks.values() if m.id != mark.id]
        return ruler_of(mark, stack, lines)

    def numbers(self, mark: Mark) -> tuple[MarkNumber, ...]:
        """Numbers of a mark from the voxels in memory; as stored where these are not at hand."""
        if not is_whole(mark):
            return ()
        held = self.voxels(mark.stack_id, mark.phase)
        if held is None:
            return mark.numbers
        ruler = self.ruler(mark, held.stack)
        painted = self.painted.get(mark.mask_id)
        key = (mark.kind, mark.points_mm, mark.right, mark.down, mark.phase, mark.mask_id)
        whole_key = (*key, mark.known_mm, ruler, painted is not None, held.stack.id)
        kept = self._numbers.get(mark.id)
        if kept is not None and kept[0] == whole_key:
            return kept[1]
        found = numbers_of(
            mark, held.stack, held.slices, ruler=ruler, painted=painted, images=held.images
        )
        if _has_voxels(mark, found) or held.stack.samples != 1:
            self._numbers[mark.id] = (whole_key, found)  # else some voxels are still to come
        return found

    def numbers_on(self, mark: Mark, voxels: Voxels, grid: Grid) -> tuple[MarkNumber, ...]:
        """Values of another image at a mark, in its own unit (PET fused onto CT).

        grid: where that image lies in the space of the mark. Its stored voxels are taken whose
        centres lie inside, on its image nearest to the plane; none are resampled for a plane
        parallel to its images.
        """
        stack = voxels.stack
        if stack.samples != 1 or not is_whole(mark):
            return ()
        key = (mark.kind, mark.points_mm, mark.right, mark.down, grid, stack.id)
        kept = self._numbers.get(f"{mark.id}/{stack.id}")
        if kept is not None and kept[0] == key:
            return kept[1]
        found: tuple[MarkNumber, ...] = ()
        if mark.kind is MarkKind.PROBE:
            value = value_at(grid, voxels.slices, np.asarray(mark.points_mm[0]))
            formula = "sampled" if is_uneven(stack) else "nearest"
            found = () if value is None else (MarkNumber(VALUE, value, stack.unit, formula),)
        elif mark.kind in OUTLINES and mark.kind is not MarkKind.BRUSH:
            inside = inside_of(mark, grid, voxels.slices, between=is_uneven(stack))
            found = () if inside is None else statistics_of(inside, stack.unit)
        if found:  # else they are still to come
            self._numbers[f"{mark.id}/{stack.id}"] = (key, found)
        return found

    def inside(self, mark: Mark) -> Inside | None:
        """Voxel values of a region, for its histogram; None where they are not at hand."""
        held = self.voxels(mark.stack_id, mark.phase)
        if held is None or held.stack.samples != 1 or not is_whole(mark):
            return None
        painted = self.painted.get(mark.mask_id)
        return values_in(mark, held.stack, held.slices, painted, held.images)


def _drawn(mark: Mark) -> Mark:
    """What a reader drew, without what storing it adds."""
    return replace(mark, by="", numbers=())


def _has_voxels(mark: Mark, numbers: Sequence[MarkNumber]) -> bool:
    if mark.kind not in OUTLINES and mark.kind is not MarkKind.PROBE:
        return True
    return any(n.formula in {"voxels", "sampled", "mask", "spaced", "nearest"} for n in numbers)


def is_here(mark: Mark, viewport: Viewport, painted: Painted | None = None) -> bool:
    """Whether a view shows a mark: its stack and phase, or its frame of reference, and its plane.

    The whole mark must lie within half a slice (or half the slab) of the shown plane. A painted
    region is shown on the images of its own stack that hold some of it.
    """
    volume = viewport.volume
    if volume is None or viewport.grid is None:
        return False
    if mark.stack_id == volume.stack.id:
        if volume.stack.phases > 1 and mark.phase != volume.phase:
            return False
    elif not mark.frame_of_reference_uid or mark.frame_of_reference_uid != viewport.frame:
        return False
    if painted is not None:
        return mark.stack_id == volume.stack.id and shown_image(viewport) in painted
    half = max(viewport.steps.step_mm, viewport.slab.thickness_mm) / 2 + 1e-6
    depths = np.asarray(mark.points_mm) @ viewport.axes.normal - viewport.plane_mm
    return bool(np.abs(depths).max() <= half)


def shown_image(viewport: Viewport) -> int | None:
    """z of the stored image that a view shows as acquired; None where it shows another plane."""
    if viewport.grid is None:
        return None
    normal = viewport.axes.normal
    if abs(float(normal @ viewport.grid.slice_normal)) < 1 - 1e-6:
        return None
    ahead = (viewport.plane_mm - float(viewport.grid.centre_lps @ normal)) / float(
        viewport.grid.matrix[:3, 2] @ normal
    )
    z = int(np.floor((viewport.grid.shape[0] - 1) / 2 + ahead + 0.5))
    return z if 0 <= z < viewport.grid.shape[0] else None

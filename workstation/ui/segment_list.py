"""The segments of the open study in memory: read once, written in the background, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from workstation.domain.artefact import new_id, now
from workstation.domain.segment import KINDS, Segment, SegmentKind, colour_of
from workstation.domain.volume import Stack
from workstation.domain.voxel_set import VoxelSet
from workstation.reading import segments as room
from workstation.text import tr
from workstation.ui.desk import Desk

Result = Segment | tuple[Segment, VoxelSet]


@dataclass
class Sheet:
    """One segment. voxels: as stored last; waiting: writes under way; torn: one of them failed,
    so that what is stored must be read again."""

    segment: Segment
    voxels: VoxelSet
    waiting: int = 0
    torn: bool = False


class SegmentList(QObject):
    """Which segments there are; acts on the list are shown at once and stored behind."""

    changed = Signal()
    replaced = Signal(str)  # a mask is another than the one painted on: it must be taken up again
    gone = Signal(str)
    wrong = Signal(str)
    user_needed = Signal()

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.kind = KINDS[0]  # of the next segment
        self.sheets: dict[str, Sheet] = {}
        self._reading = False
        self._again = False
        self._revision = 0  # counts writes begun and ended: what was read across one is out of date
        self._removing: set[str] = set()
        desk.study_opened.connect(lambda _: self.reload())
        desk.jobs.changed.connect(self._on_change)

    @property
    def segments(self) -> list[Segment]:
        """All segments of the open study by number."""
        return sorted((s.segment for s in self.sheets.values()), key=lambda s: s.number)

    # --- reading

    def reload(self) -> None:
        """Read the list again; masks that are known already are not read twice."""
        study_uid, archive = self.desk.study_uid, self.desk.archive
        if not study_uid:
            return
        if self._reading:
            self._again = True
            return
        self._reading, self._again, revision = True, False, self._revision
        known = {s.segment.mask_id: s.voxels for s in self.sheets.values()
                 if not s.waiting and not s.torn}  # fmt: skip

        def read() -> list[tuple[Segment, VoxelSet]]:
            found, stacks = [], archive.all(Stack, study_uid)
            for segment in archive.all(Segment, study_uid):
                voxels = known.get(segment.mask_id) if segment.mask_id else None
                if segment.mask_id and voxels is None:
                    voxels = archive.load_voxels(segment.mask_id)
                stack = home_of(segment, voxels, stacks)
                if voxels is None and stack is not None:
                    voxels = VoxelSet(stack.grid)
                if voxels is not None:
                    shown = segment if stack is None else replace(segment, stack_id=stack.id)
                    found.append((shown, voxels))
            return found

        def arrived(found: list[tuple[Segment, VoxelSet]]) -> None:
            self._reading = False
            if revision != self._revision:
                self._again = True
            elif study_uid == self.desk.study_uid:
                self._take(found)
            if self._again:
                self.reload()

        def failed(sentence: str) -> None:
            self._reading = False
            self.wrong.emit(sentence)

        self.desk.jobs.read(read, arrived, failed)

    def _take(self, found: Sequence[tuple[Segment, VoxelSet]]) -> None:
        told = {segment.id for segment, _ in found}
        for segment_id in [i for i, s in self.sheets.items() if i not in told and not s.waiting]:
            del self.sheets[segment_id]
            self.gone.emit(segment_id)
        for segment, voxels in found:
            sheet = self.sheets.get(segment.id)
            if segment.id in self._removing or (sheet is not None and sheet.waiting):
                continue  # ours is newer
            other = sheet is not None and (sheet.torn or sheet.segment.mask_id != segment.mask_id)
            self.sheets[segment.id] = Sheet(segment, voxels)
            if other:
                self.replaced.emit(segment.id)
        self.changed.emit()

    def _on_change(self, change: Any) -> None:
        ours = change.kind == "segment" and change.study_uid == self.desk.study_uid
        if ours and not any(sheet.waiting for sheet in self.sheets.values()):
            self.reload()

    def clear(self) -> None:
        """No study lies open."""
        self.sheets.clear()
        self.changed.emit()

    # --- writing

    def write(self, segment_id: str, work: Callable[[], Result]) -> None:
        """Store in order after all earlier writes; where that fails, show what is stored."""
        sheet = self.sheets[segment_id]
        sheet.waiting += 1
        self._revision += 1

        def done(result: Result) -> None:
            sheet.waiting -= 1
            self._revision += 1
            segment = result
            if isinstance(result, tuple):
                segment, sheet.voxels = result
            assert isinstance(segment, Segment)
            if not sheet.waiting:
                sheet.segment = segment
            self.changed.emit()

        def failed(sentence: str) -> None:
            sheet.waiting -= 1
            self._revision += 1
            sheet.torn = True
            self.wrong.emit(sentence)
            self.reload()

        self.desk.jobs.write(work, done, failed)

    def create(self, stack: Stack, kind: SegmentKind | None = None, phase: int = 0) -> str:
        """A new empty segment of a series; its id, or "" where that cannot be, said in words."""
        actor, archive = self.desk.actor, self.desk.archive
        if actor is None:
            self.user_needed.emit()
            return ""
        if not stack.is_volume or stack.samples != 1:
            self.wrong.emit(tr("These images are no volume: there is nothing to segment."))
            return ""
        kind, segment_id = kind or self.kind, new_id()
        taken = {segment.number for segment in self.segments}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        made = Segment(
            segment_id, stack.study_uid, stack.series_uid, stack.id, number, kind.name,
            kind.category, kind.kind, colour_of(number), actor.name, now(), phase=phase,
            template_key=kind.template_key,
        )  # fmt: skip
        self.sheets[segment_id] = Sheet(made, VoxelSet(stack.grid))
        self.write(
            segment_id,
            lambda: room.create(archive, actor, stack, kind, phase=phase, segment_id=segment_id),
        )
        return segment_id

    def describe(self, segment_id: str, **changes: Any) -> None:
        """Another name, kind, visibility or lock; see ``reading.segments.describe``."""
        actor, archive = self.desk.actor, self.desk.archive
        if actor is None:
            self.user_needed.emit()
            return
        sheet = self.sheets[segment_id]
        plain = {k: v for k, v in changes.items() if k in ("visible", "locked", "name")}
        sheet.segment = replace(sheet.segment, **plain)
        self.write(segment_id, lambda: room.describe(archive, actor, segment_id, **changes))
        self.changed.emit()

    def remove(self, segment_id: str) -> None:
        """Take a segment off the list; its history stays in the archive."""
        actor, archive = self.desk.actor, self.desk.archive
        if actor is None:
            self.user_needed.emit()
        elif segment_id in self.sheets and self.sheets[segment_id].segment.locked:
            self.wrong.emit(tr("This segment is locked."))
        elif segment_id in self.sheets:
            del self.sheets[segment_id]
            self._revision += 1
            self.gone.emit(segment_id)
            self.changed.emit()

            def removed(_: object) -> None:
                self._removing.discard(segment_id)
                self._revision += 1

            def failed(sentence: str) -> None:
                removed(None)
                self.wrong.emit(sentence)
                self.reload()

            self._removing.add(segment_id)
            self.desk.jobs.write(lambda: room.remove(archive, actor, segment_id), removed, failed)


def home_of(segment: Segment, voxels: VoxelSet | None, stacks: Sequence[Stack]) -> Stack | None:
    """The stack that a segment lies on; where it was assembled anew since, the one that has the
    same series and voxels. None where there is no such stack."""
    same = [s for s in stacks if s.series_uid == segment.series_uid and s.is_volume]
    fits = [s for s in same if voxels is None or s.grid == voxels.grid]
    known = [s for s in fits if s.id == segment.stack_id]
    return next(iter((*known, *fits)), None)

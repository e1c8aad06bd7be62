"""Painting on segments: which one is active, strokes, longer operations, undo.

Strokes act at once; every finished one is stored in the background, in order. Longer operations
run off the GUI thread on the block that holds the mask, while strokes wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from workstation.domain.errors import NotAllowed
from workstation.domain.segment import Segment
from workstation.domain.volume import Stack
from workstation.domain.voxel_set import Block, Bools, VoxelSet
from workstation.domain.work import Cancel, Progress
from workstation.reading import segments as room
from workstation.text import tr
from workstation.ui.desk import Desk
from workstation.ui.loading import VolumeLibrary
from workstation.ui.segment_list import SegmentList
from workstation.ui.segment_overlays import overlays_of
from workstation.ui.view_grid import ViewGrid
from workstation.viewing.paint import Brush, Painting, Patch
from workstation.viewing.segment_history import History, Step

Work = Callable[[VoxelSet, Progress, Cancel], VoxelSet]
SOURCE = "segments"
AT_ONCE = 4_000_000  # voxels of a step that are undone in the GUI thread (some 10 ms)


class _Shadow:
    """What the writer thread has of the mask under the brush; made there when first needed."""

    def __init__(self, voxels: VoxelSet) -> None:
        self._start = voxels
        self._painting: Painting | None = None

    def after(self, patch: Patch, undone: bool) -> VoxelSet:
        """The mask after one more step."""
        if self._painting is None:
            self._painting = Painting.on(self._start)
        self._painting.flip(patch)
        self._painting.note_flip(patch, undone=undone)
        return self._painting.block()


class SegmentDesk(QObject):
    """What panels, layers and effects share; one a window."""

    listed = Signal()  # segments, their names and which is active
    painted = Signal()  # the mask under the brush changed
    busy_changed = Signal()
    brush_changed = Signal()
    did = Signal()  # a step that can be undone was finished
    wrong = Signal(str)
    said = Signal(str)

    def __init__(
        self, desk: Desk, grid: ViewGrid, library: VolumeLibrary, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.desk, self.grid, self.library = desk, grid, library
        self.list = SegmentList(desk, self)
        self.active_id = ""
        self.painting: Painting | None = None  # of the active segment
        self.brush = Brush(5.0)
        self.range: tuple[float, float] | None = None  # modality values
        self.history = History()
        self.job = ""
        self._shadow: _Shadow | None = None
        self._words = ""
        self.list.changed.connect(self.refresh)
        self.list.replaced.connect(self._replaced)
        self.list.gone.connect(self._gone)
        self.list.wrong.connect(self.wrong)
        desk.study_closed.connect(self._closed)
        desk.jobs.ended.connect(self._ended)

    # --- which is active

    @property
    def active(self) -> Segment | None:
        """The segment that tools act on."""
        sheet = self.list.sheets.get(self.active_id)
        return sheet.segment if sheet is not None else None

    def voxels(self, segment_id: str) -> VoxelSet:
        """The mask of a segment as it is now, a copy of its block."""
        if segment_id == self.active_id and self.painting is not None:
            return self.painting.block()
        return self.list.sheets[segment_id].voxels

    def volume_ml(self, segment: Segment) -> float:
        """Its volume as it is now, the stroke under way included."""
        if segment.id == self.active_id and self.painting is not None:
            return self.painting.volume_ml
        return self.list.sheets[segment.id].segment.volume_ml

    def stack_of(self, segment: Segment) -> Stack | None:
        """The series that a segment was painted on."""
        return self.grid.stacks.get(segment.stack_id)

    def image_of(self, segment: Segment) -> NDArray[Any] | None:
        """Voxels of that series, or None until they are in."""
        stack = self.stack_of(segment)
        if stack is None or stack.samples != 1:
            return None
        loading = self.library.open(stack, segment.phase)
        return loading.volume.array if loading.done else None

    def create(self, stack: Stack, phase: int = 0) -> str:
        """A new segment of a series, active at once; its id or ""."""
        if self.job:
            return ""
        segment_id = self.list.create(stack, phase=phase)
        self.activate(segment_id)
        return segment_id

    def activate(self, segment_id: str) -> None:
        """Let tools act on a segment."""
        if segment_id == self.active_id or segment_id not in self.list.sheets or self.job:
            return
        self._put_away()
        self._take_up(segment_id)
        self.refresh()

    def step_active(self, by: int) -> None:
        """The next segment of the list, or the one before."""
        ids = [segment.id for segment in self.list.segments]
        if ids:
            here = ids.index(self.active_id) if self.active_id in ids else -1
            self.activate(ids[(here + by) % len(ids)])

    def _put_away(self) -> None:
        sheet = self.list.sheets.get(self.active_id)
        if self.painting is not None and sheet is not None:
            self.painting.cancel()
            if sheet.waiting:  # what is on its way to the disk is not in ``voxels`` yet
                sheet.voxels = self.painting.block()
        self.active_id, self.painting, self._shadow = "", None, None

    def _take_up(self, segment_id: str) -> None:
        sheet = self.list.sheets[segment_id]
        self.active_id = segment_id
        self.painting = Painting.on(sheet.voxels, self.image_of(sheet.segment))
        self._shadow = _Shadow(sheet.voxels)
        self.painting.forbidden = self._forbidden
        self.painting.changed.connect(self._painted_on)
        self.painting.finished.connect(self._finished)

    def _replaced(self, segment_id: str) -> None:
        self.history.forget(segment_id)  # its steps led to another mask than the one that is now
        if segment_id == self.active_id:
            self._take_up(segment_id)

    def _gone(self, segment_id: str) -> None:
        self.history.forget(segment_id)
        if segment_id == self.active_id:
            self._put_away()

    def _forbidden(self, block: Block) -> Bools | None:
        """Voxels of locked segments: nothing else may cover them."""
        closed: Bools | None = None
        for sheet in list(self.list.sheets.values()):
            same = self.painting is not None and sheet.voxels.grid == self.painting.grid
            if sheet.segment.locked and sheet.segment.id != self.active_id and same:
                there = sheet.voxels.over(block)
                closed = there if closed is None else closed | there
        return closed

    # --- strokes

    def target(self, stack: Stack | None, phase: int = 0, *, make: bool = True) -> Painting | None:
        """What tools act on in a view of ``stack``: the mask of a finding that is being edited,
        else the active segment, made now where there is none. None, said in words, where nothing
        may be painted."""
        if self.job:
            self.wrong.emit(tr("The last operation is still running."))
            return None
        if self.grid.painting is not None:
            painting = self.grid.painting
            if painting.image is None and stack is not None and stack.grid == painting.grid:
                loading = self.library.open(stack, phase)
                painting.image = loading.volume.array if stack.samples == 1 else None
            return painting
        if self.active is None and make and stack is not None:
            self.create(stack, phase)
        segment, painting_here = self.active, self.painting
        if segment is None or painting_here is None:
            if not make:
                self.wrong.emit(tr("Choose a segment first, or add one."))
            return None
        if self.desk.actor is None:
            self.list.user_needed.emit()
            return None
        if segment.locked:
            self.wrong.emit(tr("This segment is locked."))
            return None
        own = self.stack_of(segment)
        if stack is not None and own is not None and stack.id != own.id:
            frame = own.frame_of_reference_uid
            if not frame or frame != stack.frame_of_reference_uid:
                said = tr("This segment lies on another series ({name}). Add one for this series.",
                          name=own.description)  # fmt: skip
                self.wrong.emit(said)
                return None
        if painting_here.image is None:
            painting_here.image = self.image_of(segment)
        return painting_here

    def _painted_on(self) -> None:
        for pane in self.grid.panes:
            pane.slices.picture.mask_painted(self.active_id)
            pane.slices.update()
        self.painted.emit()

    def _finished(self, patch: Patch) -> None:
        self.history.add(Step(self.active_id, patch, self._words))
        self._words = ""
        self.did.emit()
        self._store(patch, 0)

    def _store(self, patch: Patch, by: int) -> None:
        """Store a step: a new one (0), or one undone (-1) or redone (+1)."""
        actor, archive, segment_id = self.desk.actor, self.desk.archive, self.active_id
        shadow = self._shadow
        if actor is None:  # signed out since the stroke was begun
            self.wrong.emit(tr("Nobody is signed in: this step on a segment is not kept."))
        if actor is None or shadow is None:
            return

        def work() -> tuple[Segment, VoxelSet]:
            voxels = shadow.after(patch, by < 0)
            try:
                if by:
                    return room.step(archive, actor, segment_id, by), voxels
            except NotAllowed:
                pass  # fewer steps are stored than are in memory: it is a new one then
            return room.store(archive, actor, segment_id, voxels), voxels

        self.list.write(segment_id, work)

    # --- undo

    def undo(self) -> None:
        """Take back the last step on any segment; after a restart, the last stored one."""
        self._step(self.history.last, -1)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._step(self.history.next, +1)

    def _step(self, step: Step | None, by: int) -> None:
        if self.job or (self.painting is not None and self.painting.painting):
            return
        if step is None:
            self._stored_step(by)
            return
        self.activate(step.segment_id)
        painting = self.painting
        if painting is None or self.active_id != step.segment_id:
            return
        (self.history.undo if by < 0 else self.history.redo)()
        patch = step.patch

        def flipped(_: object = None) -> None:
            painting.note_flip(patch, undone=by < 0)
            painting.tell(None)
            self._store(patch, by)

        if patch.voxels < AT_ONCE:
            painting.flip(patch)
            flipped()
        else:
            self._run_job(lambda _progress, _cancel: painting.flip(patch), flipped)

    def _stored_step(self, by: int) -> None:
        """Undo beyond what is in memory: what was stored before the program was started."""
        segment, actor, archive = self.active, self.desk.actor, self.desk.archive
        if segment is None or actor is None or self.list.sheets[segment.id].waiting:
            return
        grid = self.list.sheets[segment.id].voxels.grid

        def work() -> tuple[Segment, VoxelSet]:
            stepped = room.step(archive, actor, segment.id, by)
            mask_id = stepped.mask_id
            return stepped, archive.load_voxels(mask_id) if mask_id else VoxelSet(grid)

        def done(result: tuple[Segment, VoxelSet]) -> None:
            sheet = self.list.sheets.get(segment.id)
            if sheet is not None:
                sheet.segment, sheet.voxels = result
                self._replaced(segment.id)
                self.refresh()

        self.desk.jobs.write(work, done, self.wrong.emit)

    # --- longer operations

    def run(self, words: str, work: Work, painting: Painting | None) -> None:
        """Change the mask by ``work`` off the GUI thread. words: what is done, a catalogue key."""
        if painting is None or self.job:
            return
        own = painting is self.painting

        def change(progress: Progress, cancel: Cancel) -> Patch | None:
            return painting.step_to(work(painting.block(), progress, cancel))

        def done(patch: Patch | None) -> None:
            if painting is not (self.painting if own else self.grid.painting):
                return  # put away meanwhile
            self._words = words if own else ""
            painting.tell(patch)
            if patch is None:
                self.said.emit(tr("{what}: nothing changed.", what=tr(words)))

        self._run_job(change, done)

    def _run_job(
        self, work: Callable[[Progress, Cancel], Any], done: Callable[[Any], None]
    ) -> None:
        def after(result: Any) -> None:
            self.job = ""
            done(result)
            self.busy_changed.emit()

        self.job = self.desk.jobs.room(work, after, self._failed, at_hand=True)
        self.busy_changed.emit()

    def _failed(self, sentence: str) -> None:
        self.job = ""
        self.wrong.emit(sentence)
        self.busy_changed.emit()

    def _ended(self, job: str) -> None:
        if job == self.job:
            self.job = ""
            self.busy_changed.emit()

    def stop(self) -> None:
        """Stop the operation that runs."""
        if self.job:
            self.desk.jobs.cancel(self.job)

    # --- what views draw

    def refresh(self) -> None:
        """Draw and list everything anew."""
        self.grid.set_other_overlays(SOURCE, overlays_of(self))
        self.listed.emit()

    def set_brush(self, brush: Brush) -> None:
        """Paint with another brush, in every view."""
        self.brush = brush
        self.brush_changed.emit()

    def set_range(self, low: float, high: float) -> None:
        """Values that the threshold brush, growing and filling take."""
        self.range = (min(low, high), max(low, high))
        self.brush_changed.emit()

    def _closed(self) -> None:
        self.stop()
        self._put_away()
        self.history = History()
        self.list.clear()

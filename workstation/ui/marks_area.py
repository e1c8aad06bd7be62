"""Marks in the reading room: layers in every view, the list, and what is stored of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from workstation.domain.errors import N_
from workstation.domain.first_read import after_ai
from workstation.domain.geometry import Floats
from workstation.domain.mark import Mark, MarkEdit
from workstation.domain.mark_voxels import Painted, painted_of
from workstation.domain.mark_waiting import Waiting
from workstation.domain.plane import PlaneKind, axes_of
from workstation.domain.volume import Stack, acquired_frames
from workstation.reading import annotate, waiting_work
from workstation.text import tr
from workstation.ui.marks_layer import MarksLayer
from workstation.ui.marks_panel import MarksPanel
from workstation.viewing.mark_shapes import middle_of
from workstation.viewing.marks import MarkBoard, Voxels, is_here
from workstation.viewing.marks_waiting import WaitingMarks, lay

if TYPE_CHECKING:
    from workstation.ui.pane import ViewPane
    from workstation.ui.window import Window

AREA = "marks"


def install(window: Window) -> None:
    """Give the window its marks."""
    area = MarksArea(window)
    window.add_tab(area.panel, N_("Marks"))
    window.add_retranslate(area.panel.refresh)


class MarksArea(QObject):
    """Connects the board with views, list, undo and archive.

    Edits made while nobody is signed in wait, also when their study is left and opened again, and
    are stored in their order once somebody is.
    """

    came_back = Signal()  # what waited when the program ended is there again

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.setObjectName("marksArea")
        self.window = window
        self.board = MarkBoard()
        self.board.voxels = self._voxels
        self.panel = MarksPanel(
            self.board, self._stack, lambda: window.desk.study_uid, self._is_late
        )
        self.layers: list[MarksLayer] = []
        self.waiting = WaitingMarks()
        self._known = False  # whether what waited on the disk has been read
        self._kept = False  # whether something waits on the disk
        self._under_way = 0
        self._revision = 0
        self._told = False
        self._draft_due = False
        self._loaded: frozenset[str] = frozenset()
        self._reload = QTimer(self)
        self._reload.setSingleShot(True)
        self._reload.setInterval(250)
        self._reload.timeout.connect(lambda: self._load())
        window.grid_.on_pane(self._equip)
        window.undo.register(AREA, self.board.undo, self.board.redo)
        self.board.edited.connect(self._edited)
        self.board.stepped.connect(self._stepped)
        self.board.jump_wanted.connect(self._jump)
        desk = window.desk
        desk.study_opened.connect(lambda _: self._opened())
        desk.study_closed.connect(self._closed)
        desk.contents_changed.connect(self.panel.refresh_soon)
        desk.user_changed.connect(self._store_waiting)
        window.commands.register("next_mark", lambda: self._step(1))
        window.commands.register("previous_mark", lambda: self._step(-1))
        window.jobs.changed.connect(self._archive_changed)
        window.grid_.pane_filled.connect(self._pane_filled)
        archive = desk.archive
        window.jobs.read(lambda: waiting_work.saved_marks(archive), self._came_back, self._lost)

    def _equip(self, pane: ViewPane) -> None:
        layer = MarksLayer(pane.slices, self.board, self._author)
        self.layers.append(layer)
        pane.slices.add_layer(layer)
        pane.slices.said.connect(self.window.status.say)

    def _author(self) -> str:
        actor = self.window.desk.actor
        return actor.name if actor is not None else ""

    def _stack(self, stack_id: str) -> Stack | None:
        held = self.window.grid_.stacks.get(stack_id)
        contents = self.window.desk.contents
        return held if held is not None or contents is None else contents.stack(stack_id)

    def _is_late(self, mark: Mark) -> bool:
        """Whether it was made or changed after AI was shown to who reads second."""
        contents = self.window.desk.contents
        return contents is not None and after_ai(contents.first_read, mark)

    def _voxels(self, stack_id: str, phase: int) -> Voxels | None:
        stack, loading = self._stack(stack_id), self.window.library.held(stack_id, phase)
        if stack is None or loading is None:
            return None

        def slice_at(z: int) -> Any:
            return (
                loading.volume.array[z] if loading.present[z] and z not in loading.broken else None
            )

        def image_at(number: int) -> Any:
            """An image as acquired; it is in once the plane of the grid nearest to it is."""
            images, wanted = loading.volume.acquired, acquired_frames(stack, phase)[number]
            key = (wanted.sha256, wanted.number)
            for z in range(stack.grid.shape[0]):
                near = stack.frame(phase, z)
                if (near.sha256, near.number) == key and slice_at(z) is not None:
                    return None if images is None else images[number]
            return None

        return Voxels(stack, slice_at, image_at)

    # --- stored as they are drawn

    def _edited(self, edit: MarkEdit) -> None:
        self.window.undo.did(AREA)
        board = self.board
        painted: Painted | None = None
        if edit.after is not None and edit.after.mask_id:
            new = edit.before is None or edit.before.mask_id != edit.after.mask_id
            painted = board.painted.get(edit.after.mask_id) if new else None
        told = (m is not None and m.in_report for m in (edit.before, edit.after))
        self._draft_due = self._draft_due or any(told)
        self._write(Waiting(edit.mark.study_uid, edit, painted=painted))

    def _stepped(self, by: int, study_uid: str) -> None:
        self._draft_due = True
        self._write(Waiting(study_uid, by=by))

    def _write(self, work: Waiting) -> None:
        self._revision += 1
        self.waiting.add(work)
        if self.window.desk.actor is None and not self._told:
            self._told = True
            self.window.notice.news(tr("Marks are kept once somebody has signed in."))
        if self.window.desk.actor is None and self._known:
            self._save()
        self._store_waiting()

    def _store_waiting(self) -> None:
        actor, archive = self.window.desk.actor, self.window.desk.archive
        if actor is None or not self._known:
            return
        self._told = False
        waiting = self.waiting.take()
        self._revision += bool(waiting)  # what is being read was stored before
        self._under_way += len(waiting)
        saved = self._kept
        self._kept = False
        for number, each in enumerate(waiting, start=1):
            left = waiting[number:] if saved else None
            work = functools.partial(annotate.store, archive, actor, each, left)
            self.window.jobs.write(work, self._stored, self._refused)

    def _save(self) -> None:
        """Keep what waits on the disk: nobody's yet, but not lost with the program."""
        if not self.window.desk.remembers:
            return
        self._kept = True
        archive, waiting = self.window.desk.archive, self.waiting.everything
        work = functools.partial(waiting_work.save_marks, archive, waiting)
        self.window.jobs.write(work, None, self.window.notice.error)

    def _came_back(self, waiting: list[Waiting]) -> None:
        """What was drawn signed out before the program ended last time."""
        self._known, self._kept = True, bool(waiting)
        drawn_since = bool(self.waiting.everything)
        self.waiting.restore(waiting)
        if drawn_since and self.window.desk.actor is None:
            self._save()
        if waiting:
            self._revision += 1
            self._reload.start()
            self.came_back.emit()
        self._store_waiting()

    def _lost(self, sentence: str) -> None:
        self.window.notice.error(sentence)
        self._came_back([])

    def _stored(self, _: object) -> None:
        self._under_way -= 1
        if not self._under_way and self._draft_due:
            self._draft_due = False
            self.window.decisions.walk_forward_soon()

    def _refused(self, sentence: str) -> None:
        self._under_way -= 1
        self.window.notice.error(sentence)
        if not self._under_way and not self.waiting.everything:
            self._save()  # what was refused waits no longer
            self._kept = False
        self._reload.start()  # what is shown must be what is stored

    # --- what is stored

    def _opened(self) -> None:
        self._load(first=True)

    def _closed(self) -> None:
        self._revision += 1
        for layer in self.layers:
            layer.cancel()
        self.board.clear()

    def _archive_changed(self, change: Any) -> None:
        if change.kind in {"mark", "mark journal"} and change.study_uid in self._studies():
            self._reload.start()

    def _studies(self) -> list[str]:
        """The open study first, then earlier ones on screen beside it."""
        shown = [stack.study_uid for stack in self.window.grid_.stacks.values()]
        return list(dict.fromkeys(uid for uid in (self.window.desk.study_uid, *shown) if uid))

    def _pane_filled(self, _: int, stack_id: str) -> None:
        stack = self.window.grid_.stacks.get(stack_id)
        if stack is not None and stack.study_uid not in self._loaded:
            self._reload.start()

    def _load(self, *, first: bool = False) -> None:
        study_uid, revision = self.window.desk.study_uid, self._revision
        if not study_uid:
            return
        archive, studies = self.window.desk.archive, self._studies()
        known = frozenset(self.board.painted)

        def read() -> tuple[list[annotate.Kept], dict[str, Painted]]:
            stored = [annotate.kept(archive, uid) for uid in studies]
            named = {mark.mask_id for kept in stored for mark in _every(kept)}
            masks: dict[str, Painted] = {
                id: painted_of(archive.load_mask(id)) for id in named - known if id
            }
            return stored, masks

        def arrived(found: tuple[list[annotate.Kept], dict[str, Painted]]) -> None:
            if self.window.desk.study_uid != study_uid:
                return
            busy = self._under_way or self.board.preview is not None
            if busy or self._revision != revision:
                self._reload.start()  # drawn on meanwhile: look again when that is stored
                return
            stored, masks = found
            self._loaded = frozenset(studies)
            self.board.painted.update(masks)
            waiting = self.waiting.of(studies)
            for each in waiting:
                if each.edit is not None and each.edit.after is not None and each.painted:
                    self.board.painted[each.edit.after.mask_id] = each.painted
            marks = [mark for kept in stored for mark in kept.marks]
            laid = lay(waiting, marks, stored[0].done, stored[0].undone)
            if first or not self.board.renew(laid.marks):
                self.board.load(laid.marks, laid.done, laid.undone)
                self.window.undo.restored(AREA, *self.board.steps)

        self.window.jobs.read(read, arrived)

    # --- to a mark

    def _step(self, by: int) -> None:
        """The mark after or before the chosen one, in the order in which they were drawn."""
        ids = [mark.id for mark in self.board.marks]
        if not ids:
            return
        here = ids.index(self.board.selected) if self.board.selected in ids else -1 if by > 0 else 0
        self.board.jump(ids[(here + by) % len(ids)])
        self.window.grid_.active_pane.slices.setFocus()

    def _jump(self, mark: Mark) -> None:
        """Show the slice of a mark: in a view of its plane, else turned or cut as it was drawn."""
        grid = self.window.grid_
        place = middle_of(mark)
        grid.jump_to(place, mark.stack_id, mark.phase)
        pane = grid.active_pane
        if self._faces(pane, mark):
            self._into_view(pane, mark)
            return
        for number, other in enumerate(grid.panes):
            if other.isVisible() and other.content.stack_id == mark.stack_id:
                other.viewport.move_focus(place)
                if self._faces(other, mark):
                    grid.activate(number)
                    self._into_view(other, mark)
                    return
        self._cut_as_drawn(pane, mark, place)
        self._into_view(pane, mark)

    def _faces(self, pane: ViewPane, mark: Mark) -> bool:
        """Whether a view shows a mark in the plane that it was drawn in."""
        parallel = (
            abs(float(np.cross(mark.right, mark.down) @ pane.viewport.axes.normal)) > 1 - 1e-6
        )
        return parallel and is_here(mark, pane.viewport, self.board.painted.get(mark.mask_id))

    def _cut_as_drawn(self, pane: ViewPane, mark: Mark, place: Floats) -> None:
        viewport = pane.viewport
        if viewport.grid is None:
            return
        normal = np.cross(mark.right, mark.down)
        for kind in (PlaneKind.ACQUIRED, PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL):
            axes = axes_of(kind, viewport.grid)
            if abs(float(axes.normal @ normal)) > 1 - 1e-6:
                viewport.set_plane(kind)
                viewport.move_focus(place)
                return
        about = np.cross(viewport.axes.normal, normal)
        sine = float(np.linalg.norm(about))
        if sine > 1e-9:
            angle = np.degrees(np.arctan2(sine, float(viewport.axes.normal @ normal)))
            viewport.turn(about / sine, float(angle))
        viewport.move_focus(place)

    def _into_view(self, pane: ViewPane, mark: Mark) -> None:
        """Push the picture so that the mark is in it, where it was zoomed beyond it."""
        view = pane.slices
        at = view.to_view(middle_of(mark))
        if not view.rect().adjusted(20, 20, -20, -20).contains(at.toPoint()):
            scale = view.raster().mm_per_pixel * view.devicePixelRatioF()
            away = view.rect().center() - at.toPoint()
            pane.viewport.pan(away.x() * scale, away.y() * scale)


def _every(kept: annotate.Kept) -> list[Mark]:
    """Every mark that is there or may be again."""
    edits = (*kept.done, *kept.undone)
    return [*kept.marks, *(m for e in edits for m in (e.before, e.after) if m is not None)]

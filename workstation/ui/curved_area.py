"""Curved reformats in the reading room: the board, the line on the slices, storing as one draws."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QSplitter

from workstation.domain.artefact import new_id, now
from workstation.domain.centreline import Centreline
from workstation.domain.geometry import Floats
from workstation.domain.people import Actor
from workstation.reading import centrelines, waiting_work
from workstation.text import tr
from workstation.ui.centreline_layer import TOOL, CentrelineLayer
from workstation.ui.curved_board import CurvedBoard
from workstation.ui.pane import ViewPane
from workstation.viewing.curved_plan import CurvedPlan, Mark
from workstation.viewing.window_level import Window as Level

if TYPE_CHECKING:
    from workstation.ui.window import Window

UNDO = "centreline"


class CurvedArea(QObject):
    """One line at a time, of the series in the active pane."""

    came_back = Signal()  # what waited when the program ended is there again

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.grid = window.grid_
        self.plan = CurvedPlan()
        self.pane: ViewPane | None = None
        self.line: Centreline | None = None  # as stored, or as it will be
        self.lines: list[Centreline] = []
        self._waiting: dict[str, Centreline] = {}  # of every study, until somebody signs in
        self._unstored: set[str] = set()  # of these, which were never stored
        self._removed: set[str] = set()  # and which were taken away
        self._known = False  # whether what waited on the disk has been read
        self._latest: dict[str, Centreline | None] = {}  # as drawn here; may still be on its way
        self._seen = self.plan.edit.points
        self._undoing = False
        self.board = CurvedBoard(self.plan, self._windowed)
        self.board.hide()
        self.board.line_chosen.connect(self._choose)
        self.board.remove_asked.connect(self._remove)
        self.board.closed.connect(self.toggle)
        self.grid.on_pane(self._equip)
        self.grid.tool_changed.connect(self._tool_changed)
        self.plan.went.connect(self._go)
        self.plan.edit.changed.connect(self._edited)
        window.commands.register("curved", self.toggle)
        window.add_retranslate(self._retranslate)
        window.undo.register(UNDO, self._undo, self._redo)
        window.desk.study_opened.connect(lambda _: self._leave())
        window.desk.study_closed.connect(self._leave)
        window.desk.user_changed.connect(self._store_waiting)
        archive = window.desk.archive
        window.jobs.read(lambda: waiting_work.saved_lines(archive), self._back, self._lost)

    def _equip(self, pane: ViewPane) -> None:
        pane.slices.add_layer(CentrelineLayer(pane.slices, self.plan))
        pane.viewport.focus_moved.connect(lambda port: self._moved(port.frame, port.focus_mm))
        pane.viewport.changed.connect(functools.partial(self._pane_changed, pane))
        self.plan.changed.connect(pane.slices.update)

    # --- the board

    def _retranslate(self) -> None:
        self.board.retranslate()
        self.board.show_lines(self.lines, self.line.id if self.line is not None else "")

    def toggle(self) -> None:
        """Open the board for the series of the active pane, or close it."""
        if self.plan.active:
            self._leave()
            return
        pane = self.grid.active_pane
        volume = pane.viewport.volume
        if volume is None or pane.content.solid or not volume.stack.is_volume:
            self.window.notice.error(tr("Only a volume can be cut along a curve."))
            return
        if volume.stack.samples > 1:
            self.window.notice.error(tr("A colour image cannot be cut along a curve."))
            return
        self.pane = pane
        self.plan.show(volume, pane.viewport.frame)
        self._read(volume.stack.id)
        self.plan.set_active(True)
        self._place_board()
        self.grid.set_tool(TOOL)
        pane.slices.setFocus()

    def _place_board(self) -> None:
        parent = self.grid.parentWidget()
        while parent is not None and not isinstance(parent, QSplitter):
            parent = parent.parentWidget()
        if isinstance(parent, QSplitter):
            parent.insertWidget(1, self.board)
            sizes = parent.sizes()
            room = sizes[0] + sizes[1]
            parent.setSizes([room * 54 // 100, room * 46 // 100, *sizes[2:]])
        self.board.show()

    def _leave(self) -> None:
        if not self.plan.active:
            return
        self.plan.set_active(False)
        self.board.hide()
        self.pane, self.line, self.lines = None, None, []
        self.plan.show(None, "")
        self._show_points(())
        if self.grid.tool == TOOL:
            self.grid.set_tool("")

    def _windowed(self) -> tuple[Level, bool]:
        if self.pane is None:
            return Level(40, 400), False
        return self.pane.viewport.window, self.pane.viewport.invert

    def _pane_changed(self, pane: ViewPane) -> None:
        """Window, phase or series of the pane that the line belongs to."""
        if pane is not self.pane or not self.plan.active:
            return
        volume, shown = pane.viewport.volume, self.plan.volume
        if volume is None or shown is None or volume.stack.id != shown.stack.id:
            self._leave()
        elif volume is not shown:
            self.plan.show(volume, pane.viewport.frame)
        else:
            self.board.curved.update()
            for section in self.board.sections:
                section.update()

    def _tool_changed(self, tool: str) -> None:
        self.board.curved.set_measuring(tool == "distance")

    # --- places

    def _go(self, place_mm: Floats) -> None:
        if self.pane is not None:
            self.pane.viewport.move_focus(place_mm)

    def _moved(self, frame: str, place_mm: Floats) -> None:
        if frame == self.plan.frame:
            self.plan.follow(place_mm)

    # --- lines

    def _read(self, stack_id: str) -> None:
        desk = self.window.desk
        stored = centrelines.kept(desk.archive, desk.study_uid) if desk.study_uid else []
        lines: dict[str, Centreline | None] = {line.id: line for line in stored}
        lines |= self._latest
        self.lines = [x for x in lines.values() if x is not None and x.stack_id == stack_id]
        self._open(self.lines[-1] if self.lines else None)

    def show_measured(
        self, stack_id: str, found: tuple[Centreline, ...], used: str, marks: tuple[Mark, ...]
    ) -> None:
        """Lines that a measure found, or the one it used with the places it took diameters at.

        Opens the board where the active view shows their series; otherwise they wait in it.
        """
        if not found and not (used and marks):
            return
        for line in found:
            self._latest[line.id] = line
        if self.plan.active and self.plan.volume is not None:
            if self.plan.volume.stack.id != stack_id:
                return
            self._read(stack_id)
        else:
            volume = self.grid.active_pane.viewport.volume
            if volume is None or volume.stack.id != stack_id:
                return
            self.toggle()
        chosen = found[-1].id if found else used
        if self.plan.active and any(line.id == chosen for line in self.lines):
            self._choose(chosen)
            self.plan.show_marks(marks)
            for along, _ in self.plan.marks_along()[:1]:
                self.plan.go_to(along)

    def _open(self, line: Centreline | None) -> None:
        self.line = line
        self._show_points(line.points_mm if line is not None else ())
        self.board.show_lines(self.lines, line.id if line is not None else "")
        curve = self.plan.edit.curve
        if curve is not None:
            self.plan.go_to(curve.length_mm / 2)

    def _show_points(self, points: tuple[tuple[float, float, float], ...]) -> None:
        self._seen = tuple(points)
        self.plan.edit.show(points)

    def _choose(self, line_id: str) -> None:
        self._open(next((line for line in self.lines if line.id == line_id), None))
        self.grid.set_tool(TOOL)

    def _edited(self) -> None:
        """A finished edit is stored; a line of one point waits for its second."""
        edit = self.plan.edit
        if edit.dragging or edit.points == self._seen or not self.plan.active:
            return
        self._seen = edit.points
        if not self._undoing:
            self.window.undo.did(UNDO)
        volume, desk = self.plan.volume, self.window.desk
        if volume is None or (self.line is None and len(edit.points) < 2):
            return
        stack, actor = volume.stack, desk.actor
        by = actor.name if actor is not None else ""
        if self.line is None:
            self.line = Centreline(
                new_id(), desk.study_uid, stack.series_uid, stack.id,
                stack.frame_of_reference_uid, edit.points, by, now(),
            )  # fmt: skip
            self.lines.append(self.line)
            self._unstored.add(self.line.id)
        else:
            self.line = replace(self.line, points_mm=edit.points, by=by, at=now())
            self.lines = [self.line if x.id == self.line.id else x for x in self.lines]
        self._waiting[self.line.id] = self._latest[self.line.id] = self.line
        self.board.show_lines(self.lines, self.line.id)
        self._keep_waiting()

    def _keep_waiting(self) -> None:
        """Store it; before anyone has signed in it waits, on the disk too."""
        if self.window.desk.actor is None and self._known:
            self._save()
        self._store_waiting()

    def _save(self) -> None:
        if self.window.desk.remembers:
            waiting = waiting_work.WaitingLines(
                tuple(self._waiting.values()), frozenset(self._unstored), frozenset(self._removed)
            )
            archive = self.window.desk.archive
            self._write(functools.partial(waiting_work.save_lines, archive, waiting))

    def _back(self, saved: waiting_work.WaitingLines) -> None:
        """What was drawn signed out before the program ended last time."""
        self._known = True
        drawn_since = bool(self._waiting)
        lines = {line.id: line for line in saved.lines}
        self._waiting = lines | self._waiting
        self._unstored |= saved.unstored
        self._removed |= saved.removed
        for line in saved.lines:
            self._latest.setdefault(line.id, None if line.id in saved.removed else line)
        if drawn_since and self.window.desk.actor is None:
            self._save()
        if lines:
            self.came_back.emit()
        self._store_waiting()

    def _store_waiting(self) -> None:
        """Store what was drawn; before anyone has signed in it waits."""
        actor = self.window.desk.actor
        if actor is None or not self._known:
            return
        archive, waited = self.window.desk.archive, bool(self._waiting)
        for line in list(self._waiting.values()):
            if line.id in self._removed:
                self._forget(actor, line.id)
                continue
            signed = line if line.by else replace(line, by=actor.name)
            self._write(functools.partial(centrelines.keep, archive, actor, signed))
        for held in (self._waiting, self._unstored, self._removed):
            held.clear()
        if waited:
            self._save()  # after those writes: to store a line twice changes nothing

    def lines_waiting(self) -> dict[str, int]:
        """How many lines wait for somebody to sign in, by study uid."""
        return dict(Counter(line.study_uid for line in self._waiting.values()))

    def _write(self, work: Callable[[], Any]) -> None:
        self.window.jobs.write(work, failed=self.window.notice.error)

    def _remove(self) -> None:
        line = self.line
        if line is None:
            return
        self.lines = [x for x in self.lines if x.id != line.id]
        self._latest[line.id] = None
        if line.id in self._unstored:
            self._unstored.discard(line.id)
            self._waiting.pop(line.id, None)
        else:
            self._waiting[line.id] = line
            self._removed.add(line.id)
        self._keep_waiting()
        self._open(self.lines[-1] if self.lines else None)

    def _lost(self, sentence: str) -> None:
        self.window.notice.error(sentence)
        self._back(waiting_work.WaitingLines())

    def _forget(self, actor: Actor, line_id: str) -> None:
        archive = self.window.desk.archive
        self._write(functools.partial(centrelines.remove, archive, actor, line_id))

    # --- undo

    def _undo(self) -> None:
        self._undoing = True
        self.plan.edit.undo()
        self._undoing = False

    def _redo(self) -> None:
        self._undoing = True
        self.plan.edit.redo()
        self._undoing = False


def install(window: Window) -> None:
    """Equip a window with curved reformats."""
    CurvedArea(window)  # the window keeps it

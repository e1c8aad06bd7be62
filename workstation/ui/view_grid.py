"""The panes with images: what each shows of the open study, and what is drawn over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget

from workstation.domain.geometry import Floats, Grid
from workstation.domain.volume import Stack
from workstation.ui.loading import VolumeLibrary
from workstation.ui.pane import ViewPane
from workstation.ui.panes import Panes
from workstation.viewing.derived import is_calculated
from workstation.viewing.hanging import (
    MAX_COLUMNS,
    MAX_ROWS,
    Hanging,
    HungStage,
    Pane,
    Protocol,
    hang,
    opening_phase,
    side_by_side,
    three_planes,
)
from workstation.viewing.hanging_files import installed
from workstation.viewing.overlay import Overlay
from workstation.viewing.paint import Painting

LAYOUTS = ("grid", "single", "mpr")


class ViewGrid(Panes):
    """A study in stages of a hanging protocol, one pane alone, or three planes and 3D."""

    pane_filled = Signal(int, str)  # pane, stack id
    stroke_finished = Signal(object)  # the new mask, a copy: NDArray[bool] (z, y, x)
    undo_asked = Signal()
    redo_asked = Signal()
    layout_changed = Signal(str)
    stage_changed = Signal()

    def __init__(self, library: VolumeLibrary, parent: QWidget | None = None) -> None:
        self.stacks: dict[str, Stack] = {}
        self.priors: tuple[Stack, ...] = ()
        self.protocols: tuple[Protocol, ...] = installed()
        self.hanging: Hanging | None = None
        self.stage = 0
        self.layout_name = "grid"
        self._before_mpr: HungStage | None = None
        self._overlays: list[Overlay] = []
        self._others: dict[str, list[Overlay]] = {}
        self._painting: Painting | None = None
        self._painted: Overlay | None = None
        self._also: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}
        super().__init__(library, parent)

    def _equip_first(self, pane: ViewPane, number: int) -> None:
        pane.stack_dropped.connect(lambda stack: self.show_stack(stack, number))

    # --- study and series

    def set_study(self, stacks: Sequence[Stack], priors: Sequence[Stack] = ()) -> None:
        """Show a study by the hanging protocol that fits; ``priors``: an earlier one's series."""
        self.clear()
        self.priors = tuple(priors)
        self.stacks = {stack.id: stack for stack in (*stacks, *priors)}
        if stacks:
            self.hang_by("")
        self.panes[0].slices.setFocus()

    def hang_by(self, protocol_id: str) -> None:
        """Hang the study by a protocol, or by the one that fits best (empty); first stage."""
        before = {stack.id for stack in self.priors}
        own = [s for s in self.stacks.values() if s.id not in before and not is_calculated(s.id)]
        if not own:
            return
        self.hanging = hang(own, self.protocols, self.priors, chosen=protocol_id)
        self.show_stage(0)

    def show_stage(self, number: int) -> None:
        """Show a stage of the protocol."""
        if self.hanging is None:
            return
        self.stage = min(max(number, 0), len(self.hanging.stages) - 1)
        self.layout_name = "grid"
        self.maximised = None
        self._show(self.hanging.stages[self.stage])
        self.activate(0)
        self.layout_changed.emit(self.layout_name)
        self.stage_changed.emit()

    def show_workspace(self, region: str) -> None:
        """Show the stage of a workspace or, where the protocol has none for what there is, the
        series of its region side by side. Without such series nothing changes."""
        stages = self.hanging.stages if self.hanging is not None else ()
        found = [n for n, stage in enumerate(stages) if stage.workspace == region]
        if found:
            self.show_stage(found[0])
            return
        there = [s for s in self.stacks.values() if s.region == region]
        panes = side_by_side([s for s in there if not is_calculated(s.id)])
        if panes is not None:
            self.layout_name = "grid"
            self.maximised = None
            self._show(panes)
            self.activate(0)
            self.layout_changed.emit(self.layout_name)

    def step_stage(self, step: int) -> None:
        """The next stage or the one before; from the last to the first."""
        if self.hanging is not None:
            self.show_stage((self.stage + step) % len(self.hanging.stages))

    def _show(self, stage: HungStage) -> None:
        self.set_shape(stage.rows, stage.columns)
        for number, pane in enumerate(stage.panes):
            self._fill(number, pane)

    def arrangement(self) -> HungStage:
        """What is on screen now."""
        name = self.hanging.stages[self.stage].name if self.hanging is not None else ""
        return HungStage(name, self.rows, self.columns, tuple(p.arranged for p in self.panes))

    def clear(self) -> None:
        """Show nothing and forget the study."""
        self.end_painting()
        self.stacks, self.priors, self.hanging = {}, (), None
        self._overlays = []
        self._others = {}
        for pane in self.panes:
            pane.clear()
        self.library.forget()

    def show_stack(self, stack_id: str, number: int | None = None) -> None:
        """Show a series in a pane, the active one unless said; in "mpr" in all four."""
        if stack_id not in self.stacks:
            return
        where = self.active if number is None else number
        if self.layout_name == "mpr":
            for each, pane in enumerate(three_planes(stack_id)):
                self._fill(each, pane)
        else:
            old = self.panes[where].content
            phase = opening_phase(self.stacks[stack_id])
            self._fill(where, Pane(stack_id, solid=old.solid, phase=phase))
        self.activate(where)

    def add_priors(self, stacks: Sequence[Stack]) -> None:
        """Series of an earlier study that panes may show too; replaces those known before."""
        gone = {stack.id for stack in self.priors} - {stack.id for stack in stacks}
        for pane in self.panes:
            if pane.content.stack_id in gone:
                pane.clear()
        self.stacks = {i: stack for i, stack in self.stacks.items() if i not in gone}
        self.priors = tuple(stacks)
        self.stacks |= {stack.id: stack for stack in stacks}

    def show_panes(self, rows: int, columns: int, panes: Sequence[Pane]) -> None:
        """An arrangement of no protocol, e.g. two studies side by side."""
        self.layout_name, self.maximised = "grid", None
        self._show(HungStage("", rows, columns, tuple(panes)))
        self.layout_changed.emit(self.layout_name)

    def set_pane(self, number: int, pane: Pane) -> None:
        """Show something in a pane in a way of its own, e.g. fused."""
        self._fill(number, pane)

    def add_rows_and_columns(self, rows: int, columns: int) -> None:
        """Another number of panes; new ones show series that no pane shows yet."""
        self.layout_name, self.maximised = "grid", None
        had = len(self.panes)
        self.set_shape(rows, columns)
        shown = {p.content.stack_id for p in self.panes} | {s.id for s in self.priors}
        waiting = [s for s in self.stacks if s not in shown]
        for number in range(had, len(self.panes)):
            if waiting:
                self._fill(number, Pane(waiting.pop(0)))
        self.activate(self.active)
        self.layout_changed.emit(self.layout_name)

    def _fill(self, number: int, pane: Pane) -> None:
        stack = self.stacks.get(pane.stack_id)
        if stack is None:
            self.panes[number].clear()
            if pane.drawing:
                self.panes[number].show_drawing(pane)
            return
        self.panes[number].show_stack(stack, pane)
        self.panes[number].set_overlays(self._drawn())
        self.pane_filled.emit(number, stack.id)

    # --- layout

    def set_layout(self, name: str) -> None:
        """ "grid" (the protocol's), "single" (the active pane) or "mpr" (three planes and 3D)."""
        if name not in LAYOUTS:
            raise ValueError(f"no such layout: {name}")
        before, self.layout_name = self.layout_name, name
        shown = self.active_pane.content.stack_id
        self.maximised = self.active if name == "single" else None
        if name == "mpr" and shown:
            if before != "mpr":
                self._before_mpr = self.arrangement()
            self.set_shape(2, 2)
            for number, pane in enumerate(three_planes(shown)):
                self._fill(number, pane)
        elif before == "mpr" and name == "grid" and self._before_mpr is not None:
            self._show(self._before_mpr)
        self._lay_out()
        self.layout_changed.emit(name)

    def toggle_maximised(self, number: int) -> None:
        """One pane alone, or back to all."""
        if self.layout_name == "single":
            self.layout_name = "grid"
        super().toggle_maximised(number)
        self.layout_changed.emit(self.layout_name)

    # --- findings

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Findings to draw in every pane that shows their place."""
        self._overlays = list(overlays)
        if self._painted is not None:  # its mask is the one under the brush, its words are new
            told = next((o for o in overlays if o.id == self._painted.id), self._painted)
            self._painted = replace(self._painted, label=told.label, state=told.state)
        self._spread()

    def set_other_overlays(self, source: str, overlays: Sequence[Overlay]) -> None:
        """What another source than the findings draws, e.g. segments; replaces its last word."""
        self._others[source] = list(overlays)
        self._spread()

    def _drawn(self) -> list[Overlay]:
        drawn = [overlay for overlays in self._others.values() for overlay in overlays]
        drawn += [o for o in self._overlays if self._painted is None or o.id != self._painted.id]
        if self._painted is not None:
            drawn.append(self._painted)
        return drawn

    def _spread(self) -> None:
        for pane in self.panes:
            pane.set_overlays(self._drawn())

    def jump_to(self, lps_mm: Sequence[float] | Floats, stack_id: str, phase: int = 0) -> None:
        """Go to a place (LPS mm) found on a series, showing that series if no pane does."""
        stack = self.stacks.get(stack_id)
        if stack is None:
            return
        showing = [n for n, p in enumerate(self.panes) if p.content.stack_id == stack_id]
        flat = [n for n in showing if not self.panes[n].content.solid]
        if not flat:
            self.show_stack(stack_id)
            flat = [self.active]
        target = self.active if self.active in flat else flat[0]
        pane = self.panes[target]
        if phase != pane.phase:
            pane.show_phase(phase)
        pane.viewport.move_focus(np.asarray(lps_mm, dtype=np.float64))
        self.activate(target)

    # --- painting

    def begin_painting(self, overlay: Overlay, grid: Grid) -> Painting:
        """Let the reader paint the mask of a finding, or a new one if ``overlay.array`` is None.

        The array given is not touched: strokes go into a copy, told by ``stroke_finished``.
        """
        self.end_painting()
        mask = (
            np.zeros(grid.shape, dtype=np.bool_) if overlay.array is None else overlay.array.copy()
        )
        self._painted = Overlay(
            overlay.id,
            overlay.stack_id,
            overlay.frame,
            overlay.label,
            overlay.state,
            overlay.location_mm,
            mask,
            grid,
            overlay.phase,
            focused=True,
            editing=True,
        )
        painting = Painting(mask, grid)
        painting.changed.connect(self._painted_on)
        painting.finished.connect(lambda _: self._stroke_finished())
        self._painting = painting
        self._spread()
        for pane in self.panes:
            pane.slices.set_painting(painting, overlay.id)
        return painting

    def set_painted_mask(self, array: NDArray[np.bool_]) -> None:
        """Put another mask under the brush, e.g. after undo."""
        if self._painting is not None:
            self._painting.replace_all(array)

    def end_painting(self) -> None:
        """Put the brush away."""
        if self._painting is None:
            return
        self._painting, self._painted = None, None
        for pane in self.panes:
            pane.slices.set_painting(None)
        self._spread()

    @property
    def painting(self) -> Painting | None:
        """The mask of a finding that is being painted, or None."""
        return self._painting

    @property
    def is_painting(self) -> bool:
        """Whether a mask is being painted."""
        return self._painting is not None

    def _painted_on(self) -> None:
        for pane in self.panes:
            pane.slices.painted()

    def _stroke_finished(self) -> None:
        if self._painting is not None:
            self.stroke_finished.emit(self._painting.mask.copy())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Undo and redo while painting; everything else is the window's."""
        if self.is_painting and event.matches(QKeySequence.StandardKey.Undo):
            self.undo_asked.emit()
        elif self.is_painting and (
            event.matches(QKeySequence.StandardKey.Redo)
            or QKeySequence(event.keyCombination()) == QKeySequence("Ctrl+Y")
        ):
            self.redo_asked.emit()
        else:
            event.ignore()

    # --- the desk

    def also_remember(
        self, name: str, state: Callable[[], Any], restore: Callable[[Any], None]
    ) -> None:
        """Something of an area that belongs to what is on screen: plain JSON values."""
        self._also[name] = (state, restore)

    def state(self) -> dict[str, Any]:
        """What is on screen, as plain JSON values."""
        return {
            "layout": self.layout_name,
            "rows": self.rows,
            "columns": self.columns,
            "protocol": self.hanging.protocol.id if self.hanging is not None else "",
            "stage": self.stage,
            "active": self.active,
            "maximised": self.maximised,
            "panes": [pane.state() for pane in self.panes],
        } | {name: state() for name, (state, _) in self._also.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what ``state`` told; series that are gone leave their pane as it is."""
        known = {protocol.id for protocol in self.protocols}
        if state.get("protocol") in known:
            self.hang_by(state["protocol"])
            self.show_stage(int(state.get("stage", 0)))
        layout = state.get("layout")
        if layout in LAYOUTS:
            self.layout_name = layout
        rows, columns = int(state.get("rows", 2)), int(state.get("columns", 2))
        if 1 <= rows <= MAX_ROWS and 1 <= columns <= MAX_COLUMNS:
            self.set_shape(rows, columns)
        for number, kept in enumerate(state.get("panes", [])[: len(self.panes)]):
            stack = self.stacks.get(kept.get("stack_id", ""))
            if stack is not None:
                self.panes[number].restore(stack, kept)
            elif kept.get("drawing"):
                self._fill(number, Pane(drawing=str(kept["drawing"])))
        there = range(len(self.panes))
        maximised, active = state.get("maximised"), state.get("active", 0)
        self.maximised = maximised if maximised in there else None
        self.activate(active if active in there else 0)
        self._lay_out()
        for name, (_, restore) in self._also.items():
            if name in state:
                restore(state[name])

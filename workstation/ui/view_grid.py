"""The panes with images: which are laid out how, what each shows, what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QGridLayout, QWidget

from workstation.domain.geometry import Floats, Grid
from workstation.domain.volume import Stack
from workstation.ui.loading import VolumeLibrary
from workstation.ui.pane import ViewPane
from workstation.viewing.hanging import Pane, hang, three_planes
from workstation.viewing.links import CrosshairLink
from workstation.viewing.overlay import Overlay
from workstation.viewing.paint import Painting

LAYOUTS = ("grid", "single", "mpr")


class ViewGrid(QWidget):
    """Four panes: two by two, one alone, or three planes and 3D of one series."""

    active_changed = Signal(int)
    pane_filled = Signal(int, str)  # pane, stack id
    stroke_finished = Signal(object)  # the new mask, a copy: NDArray[bool] (z, y, x)
    undo_asked = Signal()
    redo_asked = Signal()
    layout_changed = Signal(str)
    message = Signal(str)
    menu_asked = Signal(QPoint)
    tool_changed = Signal(str)

    def __init__(self, library: VolumeLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.library = library
        self.link = CrosshairLink()
        self.stacks: dict[str, Stack] = {}
        self.layout_name = "grid"
        self.active = 0
        self.maximised: int | None = None
        self._hanging: tuple[Pane, ...] = ()
        self._overlays: list[Overlay] = []
        self._painting: Painting | None = None
        self._painted: Overlay | None = None
        self.tool = ""
        self._on_pane: list[Callable[[ViewPane], None]] = []
        self.panes = [ViewPane(library, self.link, self) for _ in range(4)]
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(1)
        for number, pane in enumerate(self.panes):
            self._grid.addWidget(pane, number // 2, number % 2)
            pane.activated.connect(lambda n=number: self.activate(n))
            pane.maximise_asked.connect(lambda n=number: self.toggle_maximised(n))
            pane.stack_dropped.connect(lambda stack, n=number: self.show_stack(stack, n))
            pane.slices.stroke_finished.connect(self._stroke_finished)
            pane.slices.tool_wanted.connect(self.set_tool)
            pane.slices.menu_asked.connect(self.menu_asked)
        library.failed.connect(self.message)
        self._lay_out()

    # --- what panes share

    def on_pane(self, equip: Callable[[ViewPane], None]) -> None:
        """Equip every pane that there is or will be, e.g. with a layer."""
        self._on_pane.append(equip)
        for pane in self.panes:
            equip(pane)

    def set_tool(self, name: str) -> None:
        """Give the left button of every view to a tool; empty: window and level."""
        self.tool = name
        for pane in self.panes:
            pane.slices.set_tool(name)
        self.tool_changed.emit(name)

    # --- study and series

    def set_study(self, stacks: Sequence[Stack]) -> None:
        """Show a study: its series by the hanging protocol that fits."""
        self.clear()
        self.stacks = {stack.id: stack for stack in stacks}
        self._hanging = hang(stacks) if stacks else ()
        for number, pane in enumerate(self._hanging):
            self._fill(number, pane)
        self.activate(0)
        self.panes[0].slices.setFocus()

    def clear(self) -> None:
        """Show nothing and forget the study."""
        self.end_painting()
        self.stacks = {}
        self._overlays = []
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
            self._fill(where, Pane(stack_id, solid=old.solid))
        self.activate(where)

    def show_solid(self, stack_id: str, number: int) -> None:
        """Show a series in 3D in a pane."""
        self._fill(number, Pane(stack_id, solid=True))

    def _fill(self, number: int, pane: Pane) -> None:
        stack = self.stacks.get(pane.stack_id)
        if stack is None:
            self.panes[number].clear()
            return
        self.panes[number].show_stack(stack, pane)
        self.panes[number].set_overlays(self._overlays)
        self.pane_filled.emit(number, stack.id)

    # --- layout

    def set_layout(self, name: str) -> None:
        """ "grid" (2x2), "single" (the active pane) or "mpr" (three planes and 3D)."""
        if name not in LAYOUTS:
            raise ValueError(f"no such layout: {name}")
        before, self.layout_name = self.layout_name, name
        shown = self.panes[self.active].content.stack_id
        self.maximised = self.active if name == "single" else None
        if name == "mpr" and shown:
            for number, pane in enumerate(three_planes(shown)):
                self._fill(number, pane)
        elif before == "mpr" and name == "grid":
            for number, pane in enumerate(self._hanging):
                self._fill(number, pane)
        self._lay_out()
        self.layout_changed.emit(name)

    def toggle_maximised(self, number: int) -> None:
        """One pane alone, or back to all four."""
        self.maximised = None if self.maximised is not None else number
        if self.layout_name == "single":
            self.layout_name = "grid"
        self.activate(number)
        self._lay_out()
        self.layout_changed.emit(self.layout_name)

    def _lay_out(self) -> None:
        for number, pane in enumerate(self.panes):
            pane.setVisible(self.maximised is None or number == self.maximised)

    def activate(self, number: int) -> None:
        """Make a pane the one that keys and the series strip act on."""
        changed = number != self.active
        self.active = number
        for each, pane in enumerate(self.panes):
            pane.set_active(each == number)
        if self.maximised is not None and self.maximised != number:
            self.maximised = number
            self._lay_out()
        if changed:
            self.active_changed.emit(number)

    @property
    def active_pane(self) -> ViewPane:
        """The active pane."""
        return self.panes[self.active]

    # --- findings

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Findings to draw in every pane that shows their place."""
        self._overlays = list(overlays)
        if self._painted is not None:  # its mask is the one under the brush, its words are new
            told = next((o for o in overlays if o.id == self._painted.id), self._painted)
            self._painted = replace(self._painted, label=told.label, state=told.state)
        self._spread()

    def _spread(self) -> None:
        shown = [o for o in self._overlays if self._painted is None or o.id != self._painted.id]
        if self._painted is not None:
            shown.append(self._painted)
        for pane in self.panes:
            pane.set_overlays(shown)

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
        self._painting = painting
        self._spread()
        for pane in self.panes:
            pane.slices.set_painting(painting, overlay.id)
        return painting

    def set_painted_mask(self, array: NDArray[np.bool_]) -> None:
        """Put another mask under the brush, e.g. after undo."""
        if self._painting is not None:
            self._painting.mask[...] = array
            self._painted_on()

    def end_painting(self) -> None:
        """Put the brush away."""
        if self._painting is None:
            return
        self._painting, self._painted = None, None
        for pane in self.panes:
            pane.slices.set_painting(None)
        self._spread()

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

    def state(self) -> dict[str, Any]:
        """What is on screen, as plain JSON values."""
        return {
            "layout": self.layout_name,
            "active": self.active,
            "maximised": self.maximised,
            "panes": [pane.state() for pane in self.panes],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what ``state`` told; series that are gone leave their pane as it is."""
        layout = state.get("layout")
        if layout in LAYOUTS:
            self.layout_name = layout
        for number, kept in enumerate(state.get("panes", [])[:4]):
            stack = self.stacks.get(kept.get("stack_id", ""))
            if stack is not None:
                self.panes[number].restore(stack, kept)
        maximised = state.get("maximised")
        self.maximised = maximised if maximised in (0, 1, 2, 3) else None
        active = state.get("active", 0)
        self.activate(active if active in (0, 1, 2, 3) else 0)
        self._lay_out()

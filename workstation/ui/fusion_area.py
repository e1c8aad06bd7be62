"""Fusion in the reading room: which series lies over which, by drop, menu, tab or protocol."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMenu

from workstation.domain.errors import N_, Message
from workstation.domain.volume import Stack
from workstation.text import say, tr
from workstation.ui.fusion_layer import FusionLayer
from workstation.ui.fusion_panel import FusionPanel
from workstation.ui.loading import Loading
from workstation.ui.pane import ViewPane
from workstation.viewing.fusion import Fusion, Placed, place

if TYPE_CHECKING:
    from workstation.domain.alignment import Alignment
    from workstation.ui.window import Window


class FusionArea(QObject):
    """An overlay belongs to the series below it: every pane that shows that series has it."""

    changed = Signal()

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.window = window
        self.grid = window.grid_
        self.layers: dict[ViewPane, FusionLayer] = {}
        self.of_base: dict[str, Fusion] = {}
        self._loadings: dict[str, Loading] = {}
        self._saved: dict[str, Any] = {}  # overlays of the last time until alignments are read
        self._waiting: list[ViewPane] = []  # views of a protocol until alignments are read
        self.grid.on_pane(self._equip)
        self.grid.pane_filled.connect(self._filled)
        self.grid.active_changed.connect(lambda _: self.changed.emit())
        window.desk.study_closed.connect(self.forget)
        window.alignments.changed.connect(self._aligned)
        window.commands.register("fuse", self.ask)
        window.commands.register("unfuse", lambda: self.fuse(self.grid.active_pane, None))
        window.add_tab(FusionPanel(self), N_("Fusion"))
        self.grid.also_remember("fusions", self.state, self.restore)

    def _equip(self, pane: ViewPane) -> None:
        layer = FusionLayer(pane.slices)
        self.layers[pane] = layer
        pane.slices.add_layer(layer)
        pane.fuse_dropped.connect(lambda stack_id, p=pane: self._dropped(p, stack_id))

    # --- what may lie over what

    def alignments(self) -> list[Alignment]:
        """Registrations that hold for the open study; none that is out of date."""
        return list(self.window.alignments.known.values())

    def base(self, pane: ViewPane) -> Stack | None:
        """The series that a pane shows as slices."""
        volume = pane.viewport.volume
        return volume.stack if volume is not None and not pane.content.solid else None

    def candidates(self, pane: ViewPane) -> list[Stack]:
        """Series of the study that may be laid over what a pane shows."""
        base = self.base(pane)
        if base is None:
            return []
        known = self.alignments()
        stacks = self.grid.stacks.values()
        return [s for s in stacks if isinstance(place(base, s, known), Placed)]

    # --- doing it

    def fuse(self, pane: ViewPane, overlay: Stack | None) -> None:
        """Lay a series over what a pane shows, or take it away; says why where it cannot be."""
        base = self.base(pane)
        if base is None:
            return
        asked = self._asked(base.id)
        if asked:  # a protocol fused some views and left others plain: each is its own
            over = overlay.id if overlay is not None else ""
            pane.content = replace(pane.content, fused_stack_id=over)
        if overlay is None:
            if not asked or asked == [pane]:
                self.of_base.pop(base.id, None)
                self._loadings.pop(base.id, None)
        else:
            placed = place(base, overlay, self.alignments())
            if isinstance(placed, Message):
                self.window.notice.error(say(placed))
                return
            self.of_base[base.id] = self._load(base, overlay, placed)
        self._spread(base.id)

    def lay(self, base_id: str, fusion: Fusion) -> None:
        """Lay voxels that are there already over a series."""
        self.of_base[base_id] = fusion
        self._spread(base_id)

    def _load(self, base: Stack, overlay: Stack, placed: Placed) -> Fusion:
        loading = self.window.library.open(overlay)
        self._loadings[base.id] = loading  # its signals end with it
        if not loading.done:
            # To a slot of this object, never of the fusion: that may be gone before its loading.
            loading.progressed.connect(self._voxels_came)
            loading.finished.connect(self._voxels_came)
        # Asked again: the last voxels may have come before anyone heard of them, and the range
        # would stay that of an empty volume.
        return Fusion(loading.volume, placed, loaded=loading.done)

    @Slot()
    def _voxels_came(self) -> None:
        for fusion in self.of_base.values():
            fusion.voxels_changed()

    def _asked(self, base_id: str) -> list[ViewPane]:
        """Views of a series that a protocol, or a reader after it, wants fused."""
        found = []
        for pane in self.layers:
            base = self.base(pane)
            if base is not None and base.id == base_id and pane.content.fused_stack_id:
                found.append(pane)
        return found

    def _spread(self, base_id: str) -> None:
        fusion, asked = self.of_base.get(base_id), self._asked(base_id)
        for pane, layer in self.layers.items():
            base = self.base(pane)
            if base is None or base.id != base_id:
                continue
            here = fusion if not asked or pane in asked else None
            if layer.fusion is not here:
                layer.set_fusion(here)
        self.changed.emit()

    def _filled(self, number: int, stack_id: str) -> None:
        pane = self.grid.panes[number]
        self._fuse_as_asked(pane, stack_id)
        self._spread(stack_id)

    def _fuse_as_asked(self, pane: ViewPane, stack_id: str) -> None:
        wanted = self.grid.stacks.get(pane.content.fused_stack_id)
        base = self.base(pane)
        if wanted is None or base is None or base.id != stack_id or stack_id in self.of_base:
            return
        known = isinstance(place(base, wanted, self.alignments()), Placed)
        if not known and self.window.alignments.reading:
            self._waiting.append(pane)  # it may be registered: not yet to be told that it is not
        else:
            self.fuse(pane, wanted)

    def _dropped(self, pane: ViewPane, stack_id: str) -> None:
        stack = self.grid.stacks.get(stack_id)
        if stack is not None:
            self.fuse(pane, stack)

    def ask(self) -> None:
        """A menu of what may be laid over the active pane."""
        pane = self.grid.active_pane
        menu = QMenu(self.window)
        for stack in self.candidates(pane):
            words = " · ".join(w for w in (stack.role, stack.description, stack.modality) if w)
            menu.addAction(words).triggered.connect(lambda _=False, s=stack: self.fuse(pane, s))
        if menu.isEmpty():
            nothing = menu.addAction(tr("No series of this study can be laid over this one"))
            nothing.setEnabled(False)
        if pane in self.layers and self.layers[pane].fusion is not None:
            menu.addSeparator()
            menu.addAction(tr("No overlay")).triggered.connect(lambda: self.fuse(pane, None))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(QCursor.pos())

    # --- changes from elsewhere

    def _aligned(self) -> None:
        if self.window.alignments.reading:
            return
        waiting, self._waiting = self._waiting, []
        for pane in waiting:
            self._fuse_as_asked(pane, pane.content.stack_id)
        self._lay_saved()
        known = self.alignments()
        for base_id, fusion in list(self.of_base.items()):
            base = self.grid.stacks.get(base_id)
            if base is None:
                continue
            placed = place(base, fusion.volume.stack, known)
            if isinstance(placed, Message):
                del self.of_base[base_id]
            elif placed != fusion.placed:
                fusion.put(placed)
            self._spread(base_id)

    # --- the desk

    def state(self) -> dict[str, Any]:
        """What lies over which series, and how; calculated volumes are not there next time."""
        laid = self.of_base.items()
        kept = {id: f.state() for id, f in laid if f.volume.stack.id in self.grid.stacks}
        return self._saved | kept

    def restore(self, saved: dict[str, Any]) -> None:
        """Lay over each series what lay there when the program ended, as the reader had set it."""
        self._waiting.clear()
        for base_id in [each for each in self.of_base if each not in saved]:
            self.of_base.pop(base_id)
            self._loadings.pop(base_id, None)
            self._spread(base_id)
        self._saved = dict(saved)
        self._lay_saved()

    def _lay_saved(self) -> None:
        for base_id, state in list(self._saved.items()):
            base, overlay = (self.grid.stacks.get(i) for i in (base_id, state.get("overlay", "")))
            placed = place(base, overlay, self.alignments()) if base and overlay else None
            if isinstance(placed, Message) and self.window.alignments.reading:
                continue  # it may be registered: looked at again when that is known
            del self._saved[base_id]
            if isinstance(placed, Message):
                self.window.notice.error(say(placed))
            elif placed is not None and base is not None and overlay is not None:
                self.of_base[base_id] = self._load(base, overlay, placed)
                self.of_base[base_id].restore(state)
                self._spread(base_id)

    def forget(self) -> None:
        """Another study lies open."""
        self._saved.clear()
        self.of_base.clear()
        self._loadings.clear()
        self._waiting.clear()
        for layer in self.layers.values():
            layer.set_fusion(None)
        self.changed.emit()

    @property
    def active(self) -> Fusion | None:
        """The overlay of the active pane."""
        layer = self.layers.get(self.grid.active_pane)
        return layer.fusion if layer is not None else None


def install(window: Window) -> None:
    """Equip a window with fusion."""
    FusionArea(window)  # the window keeps it

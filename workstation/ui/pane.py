"""One place in the grid: a slice view or the 3D view, and what it loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QStackedLayout, QWidget

from workstation.domain.plane import PlaneKind
from workstation.domain.volume import Stack
from workstation.ui.bullseye import BullseyeView
from workstation.ui.loading import Loading, VolumeLibrary
from workstation.ui.phase_reading import PhaseReading
from workstation.ui.slice_view import SliceView
from workstation.ui.solid_masks import surfaces_of
from workstation.ui.solid_painter import SolidMask
from workstation.ui.volume_view import VolumeView
from workstation.viewing.hanging import Pane
from workstation.viewing.links import CrosshairLink
from workstation.viewing.overlay import Overlay
from workstation.viewing.viewport import Projection, Slab, Viewport
from workstation.viewing.window_level import Window, default_window

MIME_STACK = "application/x-onescan-stack"


class ViewPane(QWidget):
    """Shows one stack, flat or solid, while its slices come in."""

    activated = Signal()
    maximise_asked = Signal()
    stack_dropped = Signal(str)
    fuse_dropped = Signal(str)  # dropped with Alt: to be laid over what is shown
    solid_made = Signal(object)  # the VolumeView of this pane, made when it is first needed

    def __init__(
        self, library: VolumeLibrary, link: CrosshairLink, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.library = library
        self.link = link
        self.viewport = Viewport()
        self.content = Pane()
        self.slices = SliceView(self.viewport, link, self)
        self._solid: VolumeView | None = None
        self._masks: tuple[SolidMask, ...] = ()
        self._bullseye: BullseyeView | None = None
        self._loading: Loading | None = None
        self._stack: Stack | None = None
        self._first_seen = False
        self._auto_window: Window | None = None
        self._reading = PhaseReading(library, self)
        self._layout = QStackedLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.slices)
        self.slices.activated.connect(self.activated)
        self.slices.maximise_asked.connect(self.maximise_asked)
        self.slices.phase_wanted.connect(self.show_phase)
        self.setAcceptDrops(True)
        self.setFocusProxy(self.slices)

    # --- content

    def show_stack(self, stack: Stack, pane: Pane) -> None:
        """Show ``stack`` as ``pane`` says; loading begins at the slice that will be seen."""
        self.clear()
        self.content, self._stack = pane, stack
        self.viewport.flat = not pane.solid
        self._watch(self.library.open(stack, pane.phase))
        assert self._loading is not None
        self.slices.phases = stack.phases
        loading = self._loading
        self._reading.begin(stack, pane.phase, loading)
        self.viewport.show(loading.volume, pane.kind, pane.slab, loaded=loading.done)
        self._auto_window = None if loading.done else self.viewport.window
        self._first_seen = False
        if pane.preset >= 0 and self.viewport.preset(pane.preset):
            self._auto_window = None
        self.link.add(self.viewport)
        self.link.join(self.viewport)
        if pane.solid:
            self._layout.setCurrentWidget(self._solid_view())
        self._refresh()

    def clear(self) -> None:
        """Show nothing."""
        self._watch(None)
        self._reading.stop()
        self.slices.set_playing(False)
        self.link.remove(self.viewport)
        self.content, self._stack = Pane(), None
        self.viewport.clear()
        if self._solid is not None:
            self._solid.show_volume(None)
        self._layout.setCurrentWidget(self.slices)

    def show_drawing(self, pane: Pane) -> None:
        """Show a diagram instead of images: the segments of the left ventricle."""
        if self._bullseye is None:
            self._bullseye = BullseyeView(self)
            self._bullseye.activated.connect(self.activated)
            self._bullseye.maximise_asked.connect(self.maximise_asked)
            self._layout.addWidget(self._bullseye)
        self.content = pane
        self._bullseye.active = self.slices.active
        self._layout.setCurrentWidget(self._bullseye)

    @property
    def bullseye(self) -> BullseyeView | None:
        """The diagram where this pane shows one."""
        return self._bullseye if self.content.drawing else None

    @property
    def arranged(self) -> Pane:
        """What this pane shows and how, as a hanging protocol keeps it."""
        if not self.content.stack_id:
            return self.content
        view = self.viewport
        kind = self.content.kind if view.kind is PlaneKind.OBLIQUE else view.kind
        return replace(self.content, kind=kind, slab=view.slab)

    @property
    def settled(self) -> bool:
        """Whether everything this pane was asked to show is in, or has failed with words."""
        loading, solid = self._loading, self.solid
        loaded = loading is None or loading.done or bool(loading.error)
        return loaded and (solid is None or solid.settled)

    @property
    def phase(self) -> int:
        """The phase shown."""
        return self.slices.phase

    @Slot(int)
    def show_phase(self, phase: int) -> None:
        """Show another phase of a time series at the same place."""
        if self._stack is None or not 0 <= phase < self._stack.phases:
            return
        z = self.viewport.stored_z
        loading = self.library.open(self._stack, phase, z)
        if self.slices.playing and not loading.present.any():
            return  # wait for it rather than flash a black picture
        self._watch(loading)
        self.viewport.show_phase(loading.volume)
        self._refresh()

    def _watch(self, loading: Loading | None) -> None:
        if self._loading is not None:
            self._loading.progressed.disconnect(self._refresh)
            self._loading.finished.disconnect(self._refresh)
        self._loading = loading
        if loading is not None:
            loading.progressed.connect(self._refresh)
            loading.finished.connect(self._refresh)

    @Slot()
    def _refresh(self) -> None:
        loading = self._loading
        if loading is None:
            return
        self.slices.loaded = loading.fraction
        self.slices.unreadable = frozenset(loading.broken)
        if loading.present.any():
            self._set_window(loading)
            self.viewport.voxels_changed()
        if loading.done and self.content.solid:
            self._solid_view().show_volume(loading.volume)

    def _set_window(self, loading: Loading) -> None:
        """A window for the first slice, and for the whole once it is in, unless it was changed."""
        if self._auto_window is None or self.viewport.window != self._auto_window:
            return
        done = loading.done  # asked once: it may turn true while we look
        if self._first_seen and not done:
            return
        self._first_seen = True
        volume = loading.volume
        values = volume.array if done else volume.array[int(loading.present.argmax())]
        window = default_window(volume.stack, values)
        self._auto_window = None if done else window
        self.viewport.set_window(window)

    def _solid_view(self) -> VolumeView:
        if self._solid is None:
            self._solid = VolumeView(self, self.viewport)
            self._solid.set_masks(self._masks)
            self._solid.activated.connect(self.activated)
            self._solid.maximise_asked.connect(self.maximise_asked)
            self._layout.addWidget(self._solid)
            self.solid_made.emit(self._solid)
        return self._solid

    @property
    def solid(self) -> VolumeView | None:
        """The 3D view where this pane shows one."""
        return self._solid if self.content.solid else None

    def close_scene(self) -> None:
        """Let VTK go before Qt does."""
        if self._solid is not None:
            self._solid.close_scene()

    # --- shared things

    def set_active(self, active: bool) -> None:
        """Mark as the pane that the series strip and jumps act on; the keyboard stays."""
        self.slices.active = active
        self.slices.update()
        if self._solid is not None:
            self._solid.set_active(active)
        if self._bullseye is not None:
            self._bullseye.active = active
            self._bullseye.update()

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Findings to draw."""
        self.slices.set_overlays(list(overlays))
        self._masks = surfaces_of(overlays, self._stack)
        if self._solid is not None:
            self._solid.set_masks(self._masks)

    # --- drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take series from the strip."""
        if event.mimeData().hasFormat(MIME_STACK):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Show the series dropped here; with Alt lay it over what is shown."""
        stack_id = bytes(event.mimeData().data(MIME_STACK).data()).decode("utf-8")
        event.acceptProposedAction()
        over = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        (self.fuse_dropped if over else self.stack_dropped).emit(stack_id)

    # --- the desk

    def state(self) -> dict[str, Any]:
        """What this pane shows, as plain JSON values."""
        view = self.viewport
        return {
            "stack_id": self.content.stack_id,
            "solid": self.content.solid,
            "solid_look": self._solid.model.state() if self._solid and self.content.solid else None,
            "drawing": self.content.drawing,
            "fused_stack_id": self.content.fused_stack_id,
            "preset": self.content.preset,
            "plane": view.home.value,
            "rotation": view.rotation.tolist() if view.turned_deg > 0 else [],
            "focus_mm": [float(v) for v in view.focus_mm],
            "window": [view.window.centre, view.window.width],
            "zoom": view.zoom,
            "pan_mm": list(view.pan_mm),
            "invert": view.invert,
            "slab_mm": view.slab.thickness_mm,
            "projection": view.slab.projection.value,
            "phase": self.phase,
        }

    def restore(self, stack: Stack, kept: dict[str, Any]) -> None:
        """Show again what ``state`` told."""
        slab = Slab(float(kept.get("slab_mm", 0.0)), Projection(kept.get("projection", "MIP")))
        kind = PlaneKind(kept.get("plane", "acquired"))
        if kind is PlaneKind.OBLIQUE:
            kind = PlaneKind.ACQUIRED
        solid, preset = bool(kept.get("solid")), int(kept.get("preset", -1))
        fused = str(kept.get("fused_stack_id", ""))
        self.show_stack(stack, Pane(stack.id, kind, slab, solid, preset, fused))
        if solid:
            self._solid_view().model.restore(stack.id, kept.get("solid_look"))
        view = self.viewport
        view.move_focus(np.asarray(kept.get("focus_mm", view.focus_mm), dtype=np.float64))
        rotation = np.asarray(kept.get("rotation", []), dtype=np.float64)
        if rotation.shape == (3, 3):
            view.adopt_rotation(rotation)
        window = kept.get("window")
        if window:
            view.set_window(Window(float(window[0]), float(window[1])))
            self._auto_window = None  # the reader's own window is not to be replaced
        pan = kept.get("pan_mm", (0.0, 0.0))
        view.pan(float(pan[0]) - view.pan_mm[0], float(pan[1]) - view.pan_mm[1])
        view.zoom_by(float(kept.get("zoom", 1.0)) / view.zoom)
        if bool(kept.get("invert", view.invert)) != view.invert:
            view.toggle_invert()
        self.show_phase(int(kept.get("phase", 0)))

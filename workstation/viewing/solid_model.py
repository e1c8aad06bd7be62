"""What a 3D view shows of one series, with undo; without Qt or VTK."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workstation.domain.volume import Volume
from workstation.viewing.signal import Signal
from workstation.viewing.solid_camera import look_from
from workstation.viewing.solid_copy import Box
from workstation.viewing.solid_look import SolidLook, look_from_json, whole_box
from workstation.viewing.solid_presets import preset_for

_MOST_UNDO = 40
log = logging.getLogger(__name__)


class SolidModel:
    """The look of the series shown, and the looks before it.

    ``changed``: the picture must be drawn anew. ``told``: words and menus may say something else.
    """

    def __init__(self) -> None:
        self.changed: Signal[[]] = Signal()
        self.told: Signal[[]] = Signal()
        self.volume: Volume | None = None
        self.look: SolidLook | None = None
        self.tool = ""  # command of group "solid" that has the left button; empty: turning
        self._kept: dict[str, Any] = {}
        self._kept_stack = ""
        self._undo: list[SolidLook] = []

    # --- series

    def show(self, volume: Volume | None) -> bool:
        """Another volume; whether it is of another series, which begins with a look of its own."""
        before, self.volume = self.volume, volume
        if volume is not None and before is not None and volume.stack.id == before.stack.id:
            return False
        self._undo.clear()
        self.look = None if volume is None else self._first(volume)
        return True

    def forget_look(self) -> None:
        """What is shown cannot be shown in 3D."""
        self.look = None

    def _first(self, volume: Volume) -> SolidLook:
        if self._kept and self._kept_stack == volume.stack.id:
            try:
                return look_from_json(self._kept)
            except (KeyError, TypeError, ValueError, IndexError):
                log.warning("a kept 3D look could not be read")
        return SolidLook(preset_for(volume.stack).id, look_from(volume.grid))

    def restore(self, stack_id: str, kept: Mapping[str, Any] | None) -> None:
        """A look from ``state`` for a series that is or will be shown."""
        self._kept, self._kept_stack = dict(kept or {}), stack_id
        if kept and self.volume is not None and self.volume.stack.id == stack_id and self.look:
            self.set_look(self._first(self.volume))

    def state(self) -> dict[str, Any] | None:
        """The look as plain JSON values, for the desk."""
        return None if self.look is None else self.look.as_json()

    # --- look

    def set_look(self, look: SolidLook) -> None:
        """Show the volume another way."""
        if look != self.look:
            self.look = look
            self.changed.emit()

    def set_preset(self, preset_id: str) -> None:
        """Another named look, unshifted."""
        if self.look is not None:
            self.set_look(replace(self.look, preset=preset_id, shift=0.0, stretch=1.0))
            self.told.emit()

    def unshift(self) -> None:
        """The named look as it is in its file."""
        if self.look is not None:
            self.set_preset(self.look.preset)

    def toggle_surface(self, mask_id: str) -> None:
        """Show or hide one surface."""
        if self.look is not None:
            self.set_look(self.look.with_toggled(mask_id))

    def fade_surface(self, mask_id: str, opacity: float) -> None:
        """Make a surface more or less transparent."""
        if self.look is not None:
            self.set_look(self.look.with_opacity(mask_id, opacity))

    def set_tool(self, tool: str) -> None:
        """Give the left button to a tool; to the same once more: turning again."""
        self.tool = "" if tool in ("solid_turn", self.tool) else tool
        self.told.emit()

    # --- cuts

    @property
    def bounds(self) -> Box | None:
        """The box around the volume."""
        return whole_box(self.volume.grid) if self.volume is not None else None

    @property
    def crop_box(self) -> Box | None:
        """The crop box, or the whole volume where none is set."""
        return self.look.box if self.look is not None and self.look.box else self.bounds

    def remember(self, look: SolidLook) -> None:
        """What ``undo_cut`` goes back to."""
        self._undo.append(look)
        del self._undo[:-_MOST_UNDO]
        self.told.emit()

    def change_cut(self, look: SolidLook) -> None:
        """A look with another cut, which can be taken back."""
        if self.look is not None and look != self.look:
            self.remember(self.look)
            self.set_look(look)
            self.told.emit()

    def set_peel(self, mm: float) -> None:
        """Leave out so much of the patient's outside, beyond what the look does by itself."""
        if self.look is not None:
            self.change_cut(replace(self.look, peel_mm=float(mm)))

    def undo_cut(self) -> bool:
        """Take back the last cut; the camera and the look stay."""
        if not self._undo or self.look is None:
            return False
        old = self._undo.pop()
        self.set_look(
            replace(
                self.look, box=old.box, snips=old.snips, halves=old.halves, slab=old.slab,
                peel_mm=old.peel_mm,
            )
        )  # fmt: skip
        self.told.emit()
        return True

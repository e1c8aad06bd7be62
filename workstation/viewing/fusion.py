"""An image laid over another: which, through which alignment, how bright, how opaque. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workstation.domain.alignment import Alignment, How
from workstation.domain.errors import N_, Message
from workstation.domain.geometry import Floats, Grid, as_matrix
from workstation.domain.volume import Stack, Volume
from workstation.viewing.colour_map import ColourMap, colour_maps
from workstation.viewing.signal import Signal
from workstation.viewing.window_level import Window, percentile_window

SUV_UNIT = "{SUVbw}g/mL"
SUV_WINDOW = Window(2.5, 5.0)  # SUV 0 to 5
OPACITY = 0.5
_STEP = 0.1
_PERCENTILES = (1.0, 99.8)


@dataclass(frozen=True)
class Placed:
    """How an overlay's patient space lies in that of the image below.

    to_base: (4, 4) overlay LPS mm to base LPS mm, as nested tuples; alignment: what it is from,
    None where both have the same frame of reference.
    """

    to_base: tuple[tuple[float, ...], ...]
    alignment: Alignment | None = None

    def grid(self, overlay: Grid) -> Grid:
        """The overlay's grid in the patient space of the image below."""
        if self.alignment is None:
            return overlay
        return Grid(overlay.shape, as_matrix(np.asarray(self.to_base) @ overlay.matrix))

    def said(self) -> Message | None:
        """What the image must say about it; None where there is nothing to say."""
        if self.alignment is None:
            return None
        by_hand = self.alignment.how is How.BY_HAND
        if self.alignment.accepted:
            by_whom = N_("Fused as placed by hand, accepted")
            return Message(by_whom if by_hand else N_("Fused by registration, accepted"))
        return Message(
            N_("Fused as placed by hand, not yet checked")
            if by_hand
            else N_("Fused by registration, not yet checked")
        )


def frame_of(stack: Stack) -> str:
    """What a stack's points refer to: the frame of reference, else the stack itself."""
    return stack.frame_of_reference_uid or f"stack:{stack.id}"


def place(base: Stack, overlay: Stack, alignments: Sequence[Alignment]) -> Placed | Message:
    """How one may be laid over the other, or why not."""
    if not (base.is_volume and overlay.is_volume):
        return Message(N_("Only volumes can be fused; this series is none."))
    if overlay.samples > 1:
        return Message(N_("A colour image cannot be laid over another."))
    if overlay.id == base.id:
        return Message(N_("A series cannot be fused with itself."))
    fixed, moving = frame_of(base), frame_of(overlay)
    if fixed == moving:
        return Placed(as_matrix(np.eye(4)))
    for alignment in reversed(alignments):
        if alignment.joins(fixed, moving):
            straight = alignment.fixed_frame == fixed
            matrix = alignment.to_fixed if straight else alignment.to_moving
            return Placed(as_matrix(matrix), alignment)
    return Message(
        N_("These series have different frames of reference. Register them first (Compare).")
    )


def opening_window(volume: Volume) -> Window:
    """The range an overlay opens with: SUV 0 to 5 only where SUV is known, else percentiles."""
    stack = volume.stack
    if stack.unit == SUV_UNIT:
        return SUV_WINDOW
    found = percentile_window(volume.array, *_PERCENTILES)
    if stack.modality == "PT":  # activity begins at nothing
        return Window(found.high / 2, max(found.high, 1e-6)) if found.high > 0 else found
    return found


def opening_map(stack: Stack) -> ColourMap:
    """Hot iron for PET, blue to red for maps with a unit, else rainbow."""
    maps = colour_maps()
    if stack.modality in ("PT", "NM"):
        return maps["hot_iron"]
    return maps["perfusion" if stack.role or stack.unit not in ("", "1") else "rainbow"]


class Fusion:
    """One overlay of one or more views. ``changed`` after any change."""

    def __init__(self, volume: Volume, placed: Placed, *, loaded: bool = True) -> None:
        self.changed: Signal[[]] = Signal()
        self.volume = volume
        self.placed = placed
        self.grid = placed.grid(volume.grid)
        self.window = opening_window(volume) if loaded else Window(0.5, 1.0)
        self.map = opening_map(volume.stack)
        self.opacity = OPACITY
        self.shown = True
        self.wipe: float | None = None  # share of the view's width that is fused; None: all of it
        self.version = 0
        self._own_window = False

    def voxels_changed(self) -> None:
        """More slices are in; the window follows them until the reader sets one."""
        self.version += 1
        if not self._own_window:
            self.window = opening_window(self.volume)
        self.changed.emit()

    def put(self, placed: Placed) -> None:
        """Another alignment: everything else stays as the reader set it."""
        self.placed, self.grid = placed, placed.grid(self.volume.grid)
        self.version += 1
        self.changed.emit()

    def set_window(self, window: Window) -> None:
        """Another range of values for the colours."""
        if window.width > 0:
            self.window, self._own_window = window, True
            self.changed.emit()

    def set_map(self, chosen: ColourMap) -> None:
        """Other colours."""
        self.map = chosen
        self.changed.emit()

    def next_map(self) -> None:
        """The next colours of the list."""
        maps = list(colour_maps().values())
        self.set_map(maps[(maps.index(self.map) + 1) % len(maps)])

    def set_opacity(self, opacity: float) -> None:
        """0: only the image below, 1: the overlay hides it where it has values."""
        self.opacity = min(max(round(opacity, 3), 0.0), 1.0)
        self.changed.emit()

    def step_opacity(self, steps: int) -> None:
        """By tenths."""
        self.set_opacity(self.opacity + steps * _STEP)

    def set_wipe(self, share: float | None) -> None:
        """Show the overlay on so much of the view from its left edge; None: everywhere."""
        self.wipe = None if share is None else min(max(share, 0.0), 1.0)
        self.changed.emit()

    def toggle(self) -> None:
        """Hide the overlay or show it again."""
        self.shown = not self.shown
        self.changed.emit()

    def state(self) -> dict[str, Any]:
        """What the reader set, as plain JSON values; no window where it follows the voxels."""
        return {
            "overlay": self.volume.stack.id,
            "window": [self.window.centre, self.window.width] if self._own_window else None,
            "map": self.map.id,
            "opacity": self.opacity,
            "shown": self.shown,
            "wipe": self.wipe,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``state`` told; what is missing or unknown stays as it opened."""
        window, wipe = state.get("window"), state.get("wipe")
        if window and float(window[1]) > 0:
            self.window, self._own_window = Window(float(window[0]), float(window[1])), True
        self.map = colour_maps().get(str(state.get("map")), self.map)
        self.opacity = min(max(float(state.get("opacity", self.opacity)), 0.0), 1.0)
        self.shown = bool(state.get("shown", True))
        self.wipe = None if wipe is None else min(max(float(wipe), 0.0), 1.0)
        self.changed.emit()

    def value_at(self, base_mm: Floats) -> float | None:
        """The overlay's nearest stored voxel at a place of the image below; never resampled."""
        voxel = self.grid.voxel_at(base_mm)
        return None if voxel is None else float(self.volume.array[voxel])

    def highest_in(self, centre_mm: Floats, radius_mm: float) -> tuple[float, Floats] | None:
        """Largest stored voxel within a ball, and its place in the image below, LPS mm.

        For SUVmax: voxels as stored, none interpolated.
        """
        z, y, x = self.grid.shape
        index = self.grid.to_index(centre_mm)
        reach = radius_mm / np.asarray(self.grid.spacing_mm) * 2 + 1  # sheared grids reach farther
        low = np.maximum(np.floor(index - reach), 0).astype(int)
        high = np.minimum(np.ceil(index + reach) + 1, (x, y, z)).astype(int)
        if (high <= low).any():
            return None
        block = self.volume.array[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
        k, j, i = np.indices(block.shape)
        places = self.grid.to_lps(np.stack([i + low[0], j + low[1], k + low[2]], axis=-1))
        inside = np.linalg.norm(places - centre_mm, axis=-1) <= radius_mm
        if not inside.any():
            return None
        best = int(np.where(inside, block, -np.inf).argmax())
        where = np.unravel_index(best, block.shape)
        return float(block[where]), np.asarray(places[where], dtype=np.float64)

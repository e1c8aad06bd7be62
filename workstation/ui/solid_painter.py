"""Draws pictures of volumes in a thread of its own: the window never waits for 3D.

All scenes of the program live in one thread. On a graphics card one scene at a time is kept: a
second volume takes the place of the first, whose view goes on showing its last picture and has
its scene made again when it changes (two volumes may not fit into the card's memory).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from workstation.domain.geometry import Grid
from workstation.domain.volume import Volume
from workstation.render.surface import Surface, surface_of
from workstation.render.volume import VolumeScene
from workstation.viewing.solid_camera import SolidCamera
from workstation.viewing.solid_copy import (
    Box,
    SolidCopy,
    around_body,
    carved,
    prepared,
    under_outline,
)
from workstation.viewing.solid_look import Clip, SolidLook
from workstation.viewing.solid_presets import knots_in_values, preset, shifted

STRIP_S = 0.06  # a full picture comes in strips of about this long and is given up between them
_FRAME_S = (0.014, 0.040)  # a moving picture is drawn finer below, coarser above
_COARSEST, _FINEST = 8.0, 2.0
log = logging.getLogger(__name__)


@functools.cache
def _thread() -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(1, "3D")
    atexit.register(lambda: pool.shutdown(wait=True, cancel_futures=True))
    return pool


@dataclass(frozen=True, eq=False)
class SolidMask:
    """A mask (z, y, x) to be shown as a surface. colour: red, green, blue 0..1.

    version: another number says that the array was painted on since.
    """

    id: str
    label: str
    array: NDArray[np.bool_]
    grid: Grid
    colour: tuple[float, float, float]
    version: int = 0


@dataclass(frozen=True, eq=False)
class Wanted:
    """One picture asked for. clips: all planes, resolved for the crosshair of now."""

    volume: Volume
    look: SolidLook
    clips: tuple[Clip, ...]
    masks: tuple[SolidMask, ...]
    width: int
    height: int
    fine: bool


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture: (height, width, 4) RGBA, row 0 at the bottom. fine: finished in full quality."""

    pixels: NDArray[np.uint8]
    camera: SolidCamera
    wanted: Wanted
    fine: bool


@dataclass(eq=False)
class _Source:
    """A copy of a volume, or of a part of it, and what is carved out of it now."""

    copy: SolidCopy
    box: Box | None
    voxels: NDArray[np.int16]
    carving: tuple[object, ...] = ()


class SolidPainter(QObject):
    """Draws for one view: the newest picture asked for is drawn, those in between are not."""

    drawn = Signal(object)  # Drawn
    failed = Signal()

    _with_card: SolidPainter | None = None  # whose scene has the card's memory

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._wanted: Wanted | None = None
        self._running = False
        self._closed = False
        self._scene: VolumeScene | None = None
        self._volume: Volume | None = None
        self._whole: _Source | None = None
        self._part: _Source | None = None
        self._shown: _Source | None = None
        self._around: tuple[tuple[object, ...], NDArray[np.bool_]] | None = None
        self._meshes: dict[str, tuple[SolidMask, Surface]] = {}
        self._set: dict[str, object] = {}
        self._strip_rows = 64
        self.coarseness = 4.0
        self.frame_s = 0.0  # of the last moving picture

    def ask(self, wanted: Wanted | None) -> None:
        """Draw this as soon as possible instead of whatever was asked before; None: nothing."""
        with self._lock:
            self._wanted = wanted
            if self._running or wanted is None or self._closed:
                return
            self._running = True
        with contextlib.suppress(RuntimeError):  # the program is ending
            _thread().submit(self._run)

    def forget(self) -> None:
        """Show nothing and give the volume's memory back, in the 3D thread."""
        with self._lock:
            self._wanted = None
        with contextlib.suppress(RuntimeError):  # the program is ending
            _thread().submit(self._close_scene)

    @property
    def shown(self) -> tuple[SolidCopy, NDArray[np.int16]] | None:
        """The copy and the voxels that the last picture was drawn from."""
        source = self._shown
        return None if source is None else (source.copy, source.voxels)

    def close(self) -> None:
        """Give the memory back; waits for the picture being drawn."""
        with self._lock:
            self._closed, self._wanted = True, None
        with contextlib.suppress(RuntimeError):
            _thread().submit(self._close_scene).result(10)

    def reopen(self) -> None:
        """Be ready for another volume after ``close``."""
        self._closed = False

    # --- in the 3D thread

    def _run(self) -> None:
        while True:
            with self._lock:
                wanted, self._wanted = self._wanted, None
                if wanted is None or self._closed:
                    self._running = False
                    return
            try:
                self._draw(wanted)
            except (RuntimeError, MemoryError, ValueError) as error:
                log.error("3D failed: %s", type(error).__name__)
                self._close_scene()
                self.failed.emit()

    def _close_scene(self) -> None:
        if self._scene is not None:
            self._scene.close()
        if SolidPainter._with_card is self:
            SolidPainter._with_card = None
        self._scene, self._volume, self._around = None, None, None
        self._whole = self._part = self._shown = None
        self._meshes.clear()
        self._set.clear()

    def _overtaken(self) -> bool:
        return self._wanted is not None or self._closed

    def _open_scene(self) -> VolumeScene:
        if self._scene is None:
            self._scene = VolumeScene()
            self._set.clear()
            self._shown = None
        if self._scene.uses_card and SolidPainter._with_card is not self:
            if SolidPainter._with_card is not None:
                SolidPainter._with_card._close_scene()
            SolidPainter._with_card = self
        return self._scene

    def _draw(self, wanted: Wanted) -> None:
        scene = self._open_scene()
        source = self._source(wanted, scene)
        look = preset(wanted.look.preset)
        if source is not self._shown:
            scene.set_copy(source.copy, source.voxels)
            self._shown = source
            self._set.clear()
        told = (wanted.look.preset, wanted.look.shift, wanted.look.stretch)
        if self._set.get("look") != told:
            knots = knots_in_values(look, source.copy.values)
            scene.set_look(look, shifted(knots, wanted.look.shift, wanted.look.stretch))
            self._set["look"] = told
        if self._set.get("clips") != wanted.clips:
            scene.set_clips(wanted.clips)
            self._set["clips"] = wanted.clips
        scene.set_solid(wanted.look.solid)
        scene.set_surfaces(
            {
                mask.id: (self._mesh(mask), mask.colour, wanted.look.opacity(mask.id))
                for mask in wanted.masks
                if wanted.look.opacity(mask.id) > 0
            }
        )
        if wanted.fine:
            self._draw_fine(scene, wanted)
        else:
            self._draw_moving(scene, wanted)

    def _mesh(self, mask: SolidMask) -> Surface:
        kept = self._meshes.get(mask.id)
        known = kept is not None and kept[0].array is mask.array
        if kept is None or not known or kept[0].version != mask.version:
            kept = mask, surface_of(mask.array, mask.grid)
            self._meshes[mask.id] = kept
        return kept[1]

    # what is rendered

    def _source(self, wanted: Wanted, scene: VolumeScene) -> _Source:
        if wanted.volume is not self._volume or self._whole is None:
            self._part = self._around = None
            self._volume = wanted.volume
            self._whole = self._copy(wanted.volume, None, scene.most_voxels)
        box, whole = wanted.look.box, self._whole
        thinned = whole.copy.voxels.size < wanted.volume.array.size
        if box is None or not thinned:
            self._part = None
        elif wanted.fine and (self._part is None or self._part.box != box):
            self._part = self._copy(wanted.volume, box, scene.most_voxels)
        part = self._part
        inside = part is not None and box is not None and part.box is not None and _within(
            box, part.box
        )  # fmt: skip
        source = part if part is not None and inside else whole
        return self._carve(source, wanted)

    def _copy(self, volume: Volume, box: Box | None, most: int) -> _Source:
        copy = prepared(volume.array, volume.grid, most, modality=volume.stack.modality, box=box)
        return _Source(copy, box, copy.voxels)

    def _carve(self, source: _Source, wanted: Wanted) -> _Source:
        look = preset(wanted.look.preset)
        peel = look.peel_mm + wanted.look.peel_mm
        body = (look.body_only or peel > 0, peel)
        value = (look.background, look.blend) if body[0] or wanted.look.snips else ()
        carving = (body, wanted.look.snips, value)
        if source.carving == carving or (not source.carving and carving == ((False, peel), (), ())):
            return source
        removed: NDArray[np.bool_] | None = None
        if body[0]:
            removed = self._around_body(source, peel).copy()
        for snip in wanted.look.snips:
            under = under_outline(source.copy.grid, snip)
            under = under if snip.inside else ~under
            removed = under if removed is None else removed | under
        fresh = _Source(source.copy, source.box, carved(source.copy, look, removed), carving)
        if source is self._whole:
            self._whole = fresh
        else:
            self._part = fresh
        return fresh

    def _around_body(self, source: _Source, peel_mm: float) -> NDArray[np.bool_]:
        assert self._whole is not None
        key = (id(source.copy), peel_mm)
        if self._around is None or self._around[0] != key:
            whole = self._whole.copy
            around = around_body(whole, peel_mm)
            if source.copy is not whole:  # a part does not know where the patient ends
                around = _resampled(around, whole.grid, source.copy.grid)
            self._around = key, around
        return self._around[1]

    # pictures

    def _draw_moving(self, scene: VolumeScene, wanted: Wanted) -> None:
        camera = wanted.look.camera
        begun = time.perf_counter()
        pixels = scene.render(camera, wanted.width, wanted.height, self.coarseness)
        self.frame_s = time.perf_counter() - begun
        if self.frame_s > _FRAME_S[1]:
            self.coarseness = min(self.coarseness + 1, _COARSEST)
        elif self.frame_s < _FRAME_S[0]:
            self.coarseness = max(self.coarseness - 1, _FINEST)
        self.drawn.emit(Drawn(pixels[:, : wanted.width], camera, wanted, False))

    def _draw_fine(self, scene: VolumeScene, wanted: Wanted) -> None:
        width, height, camera = wanted.width, wanted.height, wanted.look.camera
        pixels = scene.render(camera, width, height, self.coarseness)[:height, :width].copy()
        bottom, strips = 0, []
        while bottom < height:  # from the middle outwards: there lies what one looks at
            strips.append((bottom, min(self._strip_rows, height - bottom)))
            bottom += self._strip_rows
        strips.sort(key=lambda s: abs(s[0] + s[1] / 2 - height / 2))
        for bottom, rows in strips:
            if self._overtaken():
                return
            begun = time.perf_counter()
            # More on either side: a renderer may leave the outermost row of a picture dark.
            part = (0, bottom - 2, width, rows + 4)
            drawn = scene.render_part(camera, width, height, part)
            pixels[bottom : bottom + rows] = drawn[2 : 2 + rows, :width]
            seconds = time.perf_counter() - begun
            self._strip_rows = int(min(max(rows * STRIP_S / max(seconds, 1e-3), 24), 512))
            self.drawn.emit(Drawn(pixels.copy(), camera, wanted, False))
        self.drawn.emit(Drawn(pixels, camera, wanted, True))


def _within(box: Box, other: Box) -> bool:
    return bool(np.all(np.asarray(box[0]) >= other[0]) and np.all(np.asarray(box[1]) <= other[1]))


def _resampled(mask: NDArray[np.bool_], grid: Grid, onto: Grid) -> NDArray[np.bool_]:
    """A mask on another grid with the same axes (nearest voxel)."""
    index = []
    for axis in range(3):  # x, y, z: the grids differ in step and origin only
        size = onto.shape[2 - axis]
        ends = np.zeros((size, 3))
        ends[:, axis] = np.arange(size)
        near = np.rint(grid.to_index(onto.to_lps(ends))[:, axis]).astype(int)
        index.append(np.clip(near, 0, grid.shape[2 - axis] - 1))
    return np.asarray(mask[np.ix_(index[2], index[1], index[0])])

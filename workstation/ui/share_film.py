"""Films: slices, a heart beat, a turn in 3D; pictures are taken one by one by the GUI thread."""

from __future__ import annotations

import copy
import queue
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from workstation.documents.movie import write_mp4
from workstation.domain.errors import Cancelled
from workstation.domain.work import Cancel, Progress
from workstation.ui.jobs import Jobs
from workstation.ui.loading import VolumeLibrary
from workstation.ui.pane import ViewPane
from workstation.ui.share_picture import frame_of, solid_decorated
from workstation.viewing.signal import Signal as Told
from workstation.viewing.viewport import Viewport

LONG_SIDE = 800
TURN_DEG = 5.0
TURN_FPS, SCROLL_FPS = 12.0, 15.0
_WAITING = 6  # pictures that may wait for the encoder
_PATIENCE_S = 60.0
Frame = NDArray[np.uint8]


def twin(viewport: Viewport) -> Viewport:
    """The same view, which nobody listens to: it can be scrolled without anything moving."""
    made = copy.copy(viewport)
    made.changed, made.focus_moved = Told(), Told()
    return made


class Film(QObject):
    """Takes the pictures of one pane and has them encoded in the background."""

    ended = Signal()

    def __init__(
        self, pane: ViewPane, library: VolumeLibrary, jobs: Jobs, path: Path, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.pane, self.library, self.path = pane, library, path
        self._queue: queue.Queue[Frame | None] = queue.Queue(_WAITING)
        self._frames = self._solid() if pane.solid is not None else self._flat()
        self.count, self.fps = self._plan()
        self._start_look = pane.solid.look if pane.solid is not None else None
        self._over = False
        self.written = 0
        self._timer = QTimer(self)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._step)
        self._jobs = jobs

    def start(self) -> None:
        """Begin; the job shows progress and can be cancelled."""
        self._timer.start()
        self._jobs.room(self._encode, self._encoded, self._failed)

    def _plan(self) -> tuple[int, float]:
        pane = self.pane
        if pane.solid is not None:
            return round(360 / TURN_DEG), TURN_FPS
        volume = pane.viewport.volume
        phases = volume.stack.phases if volume is not None else 1
        return (phases, SCROLL_FPS) if phases > 1 else (pane.viewport.steps.count, SCROLL_FPS)

    # --- pictures, in the GUI thread; None: not yet

    def _flat(self) -> Iterator[Frame | None]:
        view = self.pane.slices
        port = twin(view.viewport)
        volume = port.volume
        if volume is None:
            return
        width, height = max(view.width(), 2), max(view.height(), 2)
        ratio = LONG_SIDE / max(width, height)
        overlays = list(view.overlays)
        stack = volume.stack
        for number in range(stack.phases if stack.phases > 1 else port.steps.count):
            if stack.phases > 1:
                loading = self.library.open(stack, number)
                while not loading.done and not loading.error:
                    yield None
                port.show_phase(loading.volume)
            else:
                port.go_to_slice(number)
            yield frame_of(port, overlays, width, height, ratio)

    def _solid(self) -> Iterator[Frame | None]:
        view = self.pane.solid
        if view is None or view.look is None:
            return
        view.set_spinning(False)
        for _ in range(round(360 / TURN_DEG)):
            while not view.settled:
                yield None
            yield solid_decorated(view, view.image).pixels
            if view.look is None:
                return
            view.set_look(replace(view.look, camera=view.look.camera.spun(TURN_DEG)))

    def _step(self) -> None:
        if self._over:
            self._timer.stop()
            return
        if self._queue.full():
            return
        try:
            frame = next(self._frames)
        except StopIteration:
            self._timer.stop()
            self._queue.put(None)
            return
        if frame is not None:
            self._queue.put(frame)

    # --- encoding, in a thread

    def _encode(self, progress: Progress, cancel: Cancel) -> int:
        def frames() -> Iterator[Frame]:
            waited = 0.0
            while True:
                cancel.check()
                try:
                    frame = self._queue.get(timeout=0.2)
                except queue.Empty:
                    waited += 0.2
                    if waited > _PATIENCE_S:  # the view was closed
                        raise Cancelled() from None
                    continue
                waited = 0.0
                if frame is None:
                    return
                yield frame

        return write_mp4(self.path, frames(), self.count, self.fps, progress=progress,
                         cancel=cancel)  # fmt: skip

    def _encoded(self, written: int) -> None:
        self.written = written
        self._end()

    def _failed(self, sentence: str) -> None:
        self._jobs.failed.emit(sentence)
        self._end()

    def _end(self) -> None:
        self._over = True
        self._timer.stop()
        view = self.pane.solid
        if view is not None and self._start_look is not None and view.look is not None:
            view.set_look(self._start_look)
        self.ended.emit()

"""Volumes come in slice by slice in the background, from the one on screen outwards."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from numpy.typing import NDArray
from PySide6.QtCore import SIGNAL, QObject, Signal

from workstation.dicom.volumes import VolumeReader
from workstation.domain.errors import Cancelled, Message, ReaderError
from workstation.domain.volume import Stack, Volume
from workstation.domain.work import Cancel
from workstation.text import say, tr

Locate = Callable[[str], Path]
REFRESH_S = 0.05  # how often a view hears of new slices; each costs it a frame
THREADS = 2
log = logging.getLogger(__name__)


class Reader(Protocol):
    """What fills a volume: ``dicom.volumes.VolumeReader``."""

    array: NDArray[Any]
    broken: dict[int, Message]

    def fill(self, first_z: int, cancel: Cancel | None = None) -> Iterator[int]:
        """Read slices outward from ``first_z``; yields each as it is in."""
        ...


MakeReader = Callable[[Stack, int, Locate], Reader]


class Loading(QObject):
    """One volume on its way into memory. Signals arrive in the thread that made it (the GUI's)."""

    progressed = Signal()
    finished = Signal()
    failed = Signal(str)

    def __init__(self, stack: Stack, phase: int, reader: Reader) -> None:
        super().__init__()
        acquired = getattr(reader, "acquired", None)  # only uneven stacks have it
        self.volume = Volume(reader.array, stack.grid, stack, phase, acquired)
        self.present = np.zeros(stack.grid.shape[0], dtype=np.bool_)
        self.cancel = Cancel()
        self.error = ""
        self.seconds: dict[str, float] = {}
        self._reader = reader
        self._asked = time.perf_counter()

    @property
    def fraction(self) -> float:
        """Share of the slices that are in, 0..1."""
        return float(self.present.mean())

    @property
    def broken(self) -> dict[int, Message]:
        """Slices that could not be read, and why."""
        return self._reader.broken

    @property
    def done(self) -> bool:
        """Whether every slice is in."""
        return bool(self.present.all())

    @property
    def awaited(self) -> bool:
        """Whether a view or a calculation waits for the last slice."""
        return self.receivers(SIGNAL("finished()")) > 0

    def run(self, first_z: int) -> None:
        """Fill the array; runs in a worker thread and touches nothing of Qt but its signals."""
        told = 0.0
        try:
            for z in self._reader.fill(first_z, self.cancel):
                self.present[z] = True
                now = time.perf_counter()
                self.seconds.setdefault("first", now - self._asked)
                if now - told > REFRESH_S:
                    told = now
                    self.progressed.emit()
            self.present[:] = True  # what was not yielded is missing in the stack, and flagged so
            self.seconds["all"] = time.perf_counter() - self._asked
            self.finished.emit()
        except Cancelled:
            return
        except ReaderError as error:
            self._fail(say(error.message))
        except Exception as error:  # noqa: BLE001 - nobody asks the pool: a view would wait for ever
            log.error("reading a volume failed: %s", type(error).__name__)
            self._fail(tr("The images cannot be read ({why}).", why=type(error).__name__))

    def _fail(self, sentence: str) -> None:
        self.error = sentence
        self.failed.emit(sentence)


class _Made:
    """The reader of voxels that are there already."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.broken: dict[int, Message] = {}

    def fill(self, first_z: int, cancel: Cancel | None = None) -> Iterator[int]:
        return iter(())


class VolumeLibrary(QObject):
    """Volumes in memory, the least recently used given up when there are too many.

    What a view shows stays alive in the view, whatever the library gives up.
    """

    failed = Signal(str)

    def __init__(
        self,
        locate: Locate,
        parent: QObject | None = None,
        *,
        make_reader: MakeReader = VolumeReader,
        budget_bytes: int = 0,
    ) -> None:
        super().__init__(parent)
        self._locate = locate
        self._make_reader = make_reader
        self._budget = budget_bytes or _default_budget()
        self._kept: OrderedDict[tuple[str, int], Loading] = OrderedDict()
        self._made: dict[str, Loading] = {}
        self._pool = ThreadPoolExecutor(THREADS, "volumes")

    def open(self, stack: Stack, phase: int = 0, first_z: int | None = None) -> Loading:
        """The volume of a stack's phase: from memory, or empty and filling from ``first_z``."""
        if stack.id in self._made:
            return self._made[stack.id]
        key = (stack.id, phase)
        kept = self._kept.get(key)
        if kept is not None and not kept.error:
            self._kept.move_to_end(key)
            return kept
        loading = Loading(stack, phase, self._make_reader(stack, phase, self._locate))
        loading.failed.connect(self.failed)
        self._kept[key] = loading
        self._make_room()
        depth = stack.grid.shape[0]
        first = (depth - 1) // 2 if first_z is None else min(max(first_z, 0), depth - 1)
        self._pool.submit(loading.run, first)
        return loading

    def adopt(self, volume: Volume) -> None:
        """Keep a volume that was calculated, until another study is opened."""
        loading = Loading(volume.stack, volume.phase, _Made(volume.array))
        loading.volume = volume
        loading.present[:] = True
        self._made[volume.stack.id] = loading

    def held(self, stack_id: str, phase: int = 0) -> Loading | None:
        """A volume that is in memory or on its way there, without asking for it."""
        return self._kept.get((stack_id, phase))

    def read_ahead(self, stack: Stack, phase: int = 0) -> bool:
        """Begin to read a phase of a stack where that pushes nothing else out of memory."""
        if (stack.id, phase) in self._kept:
            return False
        z, y, x = stack.grid.shape
        size = z * y * x * stack.samples * np.dtype(stack.dtype).itemsize
        if self.bytes_held() + size > self._budget:
            return False
        self.open(stack, phase)
        return True

    def bytes_held(self) -> int:
        """Bytes of voxels that the library keeps."""
        return sum(int(loading.volume.array.nbytes) for loading in self._kept.values())

    def forget(self) -> None:
        """Stop all reading and keep nothing: another study is opened."""
        for loading in self._kept.values():
            loading.cancel.cancel()
        self._kept.clear()
        self._made.clear()

    def close(self) -> None:
        """Stop for good."""
        self.forget()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _make_room(self) -> None:
        while self.bytes_held() > self._budget and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            if not oldest.done and not oldest.awaited:
                oldest.cancel.cancel()  # a view that waits for it would stay half empty


def _default_budget() -> int:
    """Half the machine's memory less 512 MB for everything else, at least 256 MB."""
    half = int(psutil.virtual_memory().total) // 2 - (512 << 20)
    return max(half, 256 << 20)

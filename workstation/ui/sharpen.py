"""Thick slabs at full quality, cut beside the GUI thread; a view shows a draft until then."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal, Slot

from workstation.domain.errors import Cancelled
from workstation.domain.geometry import Grid
from workstation.domain.plane import Raster
from workstation.domain.work import Cancel
from workstation.render.slice import SliceRenderer
from workstation.viewing.viewport import Slab

log = logging.getLogger(__name__)
Done = Callable[[tuple[Any, ...], NDArray[Any]], None]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    # One at a time: each cut already keeps the processor busy, and the first one asked for is
    # the one that is looked at.
    return ThreadPoolExecutor(1, "slabs")


class Sharpener(QObject):
    """The last picture that one view asked for; an older question is dropped."""

    _cut = Signal(object, object)

    def __init__(self, done: Done, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._done = done
        self._cancel = Cancel()
        self.key: tuple[Any, ...] = ()
        self._cut.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def ask(
        self, key: tuple[Any, ...], array: NDArray[Any], grid: Grid, raster: Raster, slab: Slab
    ) -> None:
        """Cut a slab; ``done`` gets the key and the picture in the GUI thread."""
        if key == self.key:
            return
        self.drop()
        self.key, cancel = key, self._cancel

        def work() -> None:
            try:
                cancel.check()
                self._cut.emit(key, SliceRenderer(array, grid).cut(raster, slab, cancel=cancel))
            except Cancelled:
                return
            except RuntimeError:  # the view is gone, and with it this object
                log.debug("a slab came too late")

        _pool().submit(work)

    def drop(self) -> None:
        """What was asked for is not wanted any more."""
        self._cancel.cancel()
        self._cancel, self.key = Cancel(), ()

    @property
    def busy(self) -> bool:
        """Whether a picture is on its way."""
        return bool(self.key)

    @Slot(object, object)
    def _deliver(self, key: tuple[Any, ...], picture: NDArray[Any]) -> None:
        if key == self.key:
            self.key = ()
            self._done(key, picture)

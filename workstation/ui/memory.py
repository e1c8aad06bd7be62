"""Python's garbage is collected in the GUI thread; what a closed study leaves goes back.

A collection destroys whatever is unreachable in the thread in which it happens to run. Widgets and
other Qt objects among that must go in the GUI thread, so automatic collection, which any thread may
set off, is switched off with the first window. It stays off when a window shuts: what is left of it
waits for a collection too, and another window may be open.
"""

from __future__ import annotations

import ctypes
import gc
import sys

from PySide6.QtCore import QObject, QTimer

_BEAT_MS = 1000
_MIDDLE_BEATS, _WHOLE_BEATS = 10, 180


class Collector(QTimer):
    """Collects a little every second, the whole every three minutes, in the thread it lives in."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._beats = 0
        self.timeout.connect(self._beat)
        gc.disable()
        self.start(_BEAT_MS)

    def _beat(self) -> None:
        self._beats += 1
        if self._beats % _WHOLE_BEATS == 0:
            gc.collect()
        else:
            gc.collect(1 if self._beats % _MIDDLE_BEATS == 0 else 0)

    def end(self) -> None:
        """Collect no more; whoever goes on without a window collects in this same thread."""
        self.stop()


def keep_what_is_there() -> None:
    """Never look through again what the program is made of: a collection then takes a tenth."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Return free pages to the system; 10 to 50 ms, not on the GUI thread.

    glibc keeps what was freed in pieces, arena by arena, so that a day of reading would look like
    a leak and take memory from a model. Windows returns freed memory by itself.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
        if trim is not None:
            trim(0)

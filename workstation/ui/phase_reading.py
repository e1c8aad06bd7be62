"""Reads the phases of a shown time series ahead, so that a cine does not wait for them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from workstation.domain.volume import Stack
from workstation.ui.loading import Loading, VolumeLibrary


class PhaseReading(QObject):
    """One phase after the other, from the one shown onwards, as long as there is room for it."""

    def __init__(self, library: VolumeLibrary, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._stack: Stack | None = None
        self._rest: list[int] = []
        self._loading: Loading | None = None

    def begin(self, stack: Stack, shown: int, loading: Loading) -> None:
        """Read on once ``loading``, the phase shown, is in."""
        self.stop()
        if stack.phases < 2:
            return
        self._stack = stack
        self._rest = [(shown + n) % stack.phases for n in range(1, stack.phases)]
        self._follow(loading)

    def stop(self) -> None:
        """Begin no further phase."""
        if self._loading is not None:
            self._loading.finished.disconnect(self._next)
        self._stack, self._rest, self._loading = None, [], None

    def _follow(self, loading: Loading) -> None:
        self._loading = loading
        loading.finished.connect(self._next)
        if loading.done:
            self._next()

    @Slot()
    def _next(self) -> None:
        if self._loading is not None:
            self._loading.finished.disconnect(self._next)
            self._loading = None
        while self._stack is not None and self._rest:
            phase = self._rest.pop(0)
            if self._library.held(self._stack.id, phase) is not None:
                continue
            if not self._library.read_ahead(self._stack, phase):
                self._rest.clear()  # no room: the others are read when they are asked for
                return
            loading = self._library.held(self._stack.id, phase)
            if loading is not None:
                self._follow(loading)
            return

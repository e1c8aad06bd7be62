"""Undo and redo of steps on masks, within a bounded amount of memory."""

from __future__ import annotations

from dataclasses import dataclass

from workstation.viewing.paint import Patch

LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Step:
    """One step on one segment. words: what was done, a catalogue key."""

    segment_id: str
    patch: Patch
    words: str = ""


class History:
    """Steps in the order they were done; the oldest are forgotten when memory is used up."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._done: list[Step] = []
        self._undone: list[Step] = []

    def add(self, step: Step) -> None:
        """A step was done; what was undone before can no longer be redone."""
        self._undone.clear()
        self._done.append(step)
        while self.size_bytes > self.limit_bytes and len(self._done) > 1:
            self._done.pop(0)

    @property
    def size_bytes(self) -> int:
        """Memory that the steps take."""
        return sum(step.patch.size_bytes for step in (*self._done, *self._undone))

    @property
    def last(self) -> Step | None:
        """What ``undo`` would take back."""
        return self._done[-1] if self._done else None

    @property
    def next(self) -> Step | None:
        """What ``redo`` would do again."""
        return self._undone[-1] if self._undone else None

    def undo(self) -> Step | None:
        """The step to take back, now counted as undone."""
        if not self._done:
            return None
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self) -> Step | None:
        """The step to do again, now counted as done."""
        if not self._undone:
            return None
        self._done.append(self._undone.pop())
        return self._done[-1]

    def forget(self, segment_id: str) -> None:
        """A segment is gone: its steps too."""
        self._done = [s for s in self._done if s.segment_id != segment_id]
        self._undone = [s for s in self._undone if s.segment_id != segment_id]

"""How long work reports its progress and learns that it should stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from workstation.domain.errors import Cancelled, Message

Progress = Callable[[float, Message], None]
"""Called with the fraction done (0..1) and what is being done; from any thread."""


def no_progress(fraction: float, doing: Message) -> None:
    """Progress sink for callers that show none."""


class Cancel:
    """A flag that a reader raises to stop long work; safe across threads."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether stopping was asked for."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise ``Cancelled`` where stopping was asked for."""
        if self._event.is_set():
            raise Cancelled()


def part(progress: Progress, start: float, stop: float) -> Progress:
    """``progress`` of a part of the work as a span of the whole's."""

    def inner(fraction: float, doing: Message) -> None:
        progress(start + (stop - start) * min(1.0, max(0.0, fraction)), doing)

    return inner

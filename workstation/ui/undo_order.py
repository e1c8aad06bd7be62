"""One undo key for every area: the last thing done is the first undone."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[], object]
REFUSED = "refused"
"""What a step gives that was not taken, because nobody is signed in: it stays the next one."""


class UndoOrder:
    """Areas keep their own history; here is only in which order they were used, study by study.

    What areas brought back by ``restored`` when a study is opened again stands in the order in
    which it was done, where that is known still.
    """

    def __init__(self) -> None:
        self._areas: dict[str, tuple[Step, Step]] = {}
        self._done: list[str] = []
        self._undone: list[str] = []
        self._study = ""
        self._left: dict[str, tuple[list[str], list[str]]] = {}  # by study uid

    def register(self, area: str, undo: Step, redo: Step) -> None:
        """Say how an area takes its last step back and does it again."""
        self._areas[area] = (undo, redo)

    def did(self, area: str) -> None:
        """An area did something that it can take back."""
        self._done.append(area)
        self._undone.clear()

    def went(self, area: str, by: int) -> None:
        """An area took its last step back (-1), or did it again (+1), without being asked here."""
        source, target = (self._done, self._undone) if by < 0 else (self._undone, self._done)
        at = [n for n, each in enumerate(source) if each == area]
        if at:
            target.append(source.pop(at[-1]))

    def failed(self, area: str) -> None:
        """The last thing an area did was not stored: there is nothing to take back."""
        at = [n for n, each in enumerate(self._done) if each == area]
        if at:
            del self._done[at[-1]]

    def restored(self, area: str, done: int, undone: int) -> None:
        """An area's own history came back when its study was opened."""
        before = self._left.get(self._study, ([], []))
        if area not in self._done:
            self._done = _among(self._done, before[0], area)
        if area not in self._undone:
            self._undone = _among(self._undone, before[1], area)
        self._done = _fitted(self._done, area, done)
        self._undone = _fitted(self._undone, area, undone)

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        return self._go(self._done, self._undone, 0)

    def redo(self) -> bool:
        """Do what was taken back last again; False where there is nothing."""
        return self._go(self._undone, self._done, 1)

    def _go(self, source: list[str], target: list[str], way: int) -> bool:
        if not source:
            return False
        area = source.pop()
        target.append(area)
        if self._areas[area][way]() == REFUSED:
            target.pop()
            source.append(area)
        return True

    def opened(self, study_uid: str) -> None:
        """A study lies open: what is done from now on is done on it."""
        self._study = study_uid

    def forget(self) -> None:
        """The study is closed: nothing of it can be taken back in another one."""
        if self._study and (self._done or self._undone):
            self._left[self._study] = (self._done, self._undone)
        self._study, self._done, self._undone = "", [], []


def _among(now: list[str], before: list[str], area: str) -> list[str]:
    """Steps of an area put among those of ``now`` as they stood ``before``."""
    came = [each for each in before if each == area or each in now]
    if [each for each in came if each != area] == now:
        return came
    return now


def _fitted(order: list[str], area: str, count: int) -> list[str]:
    """As many steps of an area as it has; older ones than are known come first."""
    there = order.count(area)
    if not there:
        return [*order, *[area] * count]
    kept = list(order)
    for _ in range(there - count):
        kept.remove(area)
    return [area] * (count - there) + kept

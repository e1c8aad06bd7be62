"""One undo key for every area: the last thing done is the first undone."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[], object]


class UndoOrder:
    """Areas keep their own history; here is only in which order they were used."""

    def __init__(self) -> None:
        self._areas: dict[str, tuple[Step, Step]] = {}
        self._done: list[str] = []
        self._undone: list[str] = []

    def register(self, area: str, undo: Step, redo: Step) -> None:
        """Say how an area takes its last step back and does it again."""
        self._areas[area] = (undo, redo)

    def did(self, area: str) -> None:
        """An area did something that it can take back."""
        self._done.append(area)
        self._undone.clear()

    def restored(self, area: str, done: int, undone: int) -> None:
        """An area's own history came back from the archive when its study was opened."""
        self._done = [each for each in self._done if each != area] + [area] * done
        self._undone = [each for each in self._undone if each != area] + [area] * undone

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        if not self._done:
            return False
        area = self._done.pop()
        self._undone.append(area)
        self._areas[area][0]()
        return True

    def redo(self) -> bool:
        """Do what was taken back last again; False where there is nothing."""
        if not self._undone:
            return False
        area = self._undone.pop()
        self._done.append(area)
        self._areas[area][1]()
        return True

    def forget(self) -> None:
        """Another study lies open: nothing of the last one can be taken back."""
        self._done.clear()
        self._undone.clear()

"""Strokes on findings in the order in which they were painted, of every study worked on."""

from __future__ import annotations


class Strokes:
    """Which finding each stroke was on. What it changed is in the archive, step by step."""

    def __init__(self) -> None:
        self._done: dict[str, list[str]] = {}  # finding ids, by study uid
        self._undone: dict[str, list[str]] = {}

    def add(self, study_uid: str, finding_id: str) -> None:
        """A stroke on a finding; what was taken back on it can no longer be done again."""
        self._done.setdefault(study_uid, []).append(finding_id)
        self._undone.pop(study_uid, None)

    def drop(self, study_uid: str, finding_id: str) -> None:
        """The last stroke on a finding could not be stored."""
        _take_last(self._done.get(study_uid, []), finding_id)

    def last(self, study_uid: str, by: int) -> str:
        """The finding whose stroke is taken back (-1) or done again (+1) next, or empty."""
        held = (self._done if by < 0 else self._undone).get(study_uid, [])
        return held[-1] if held else ""

    def went(self, study_uid: str, finding_id: str, by: int) -> bool:
        """A stroke on a finding was taken back or done again; False where none is known."""
        done, undone = (d.setdefault(study_uid, []) for d in (self._done, self._undone))
        source, target = (done, undone) if by < 0 else (undone, done)
        if not _take_last(source, finding_id):
            return False
        target.append(finding_id)
        return True

    def counts(self, study_uid: str) -> tuple[int, int]:
        """How many can be taken back and done again."""
        return len(self._done.get(study_uid, [])), len(self._undone.get(study_uid, []))


def _take_last(held: list[str], finding_id: str) -> bool:
    at = [n for n, each in enumerate(held) if each == finding_id]
    if at:
        del held[at[-1]]
    return bool(at)

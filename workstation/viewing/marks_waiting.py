"""Edits of marks made while nobody is signed in: kept for each study until somebody is.

No Qt and no archive. What waits is laid over what is stored whenever the study is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from workstation.domain.mark import Mark, MarkEdit
from workstation.domain.mark_waiting import Waiting


@dataclass(frozen=True)
class Laid:
    """Marks, what can be taken back (oldest first) and what can be done again (next one last)."""

    marks: tuple[Mark, ...]
    done: tuple[MarkEdit, ...]
    undone: tuple[MarkEdit, ...]


class WaitingMarks:
    """What waits, of every study, in the order in which it was done."""

    def __init__(self) -> None:
        self._all: dict[str, list[tuple[int, Waiting]]] = {}  # by study uid
        self._count = 0

    def add(self, waiting: Waiting) -> None:
        """One more."""
        self._count += 1
        self._all.setdefault(waiting.study_uid, []).append((self._count, waiting))

    def of(self, studies: Collection[str]) -> list[Waiting]:
        """What waits of some studies, in order."""
        held = [each for uid in set(studies) for each in self._all.get(uid, ())]
        return [waiting for _, waiting in sorted(held, key=lambda each: each[0])]

    @property
    def everything(self) -> list[Waiting]:
        """All of it, in order."""
        return self.of(self._all)

    def restore(self, waiting: Iterable[Waiting]) -> None:
        """What waited when the program ended comes before what was done since."""
        since = self.take()
        for each in (*waiting, *since):
            self.add(each)

    def take(self) -> list[Waiting]:
        """Everything, in order: nothing waits any more."""
        taken = self.of(self._all)
        self._all.clear()
        return taken

    def marks_of_studies(self) -> dict[str, int]:
        """How many marks wait of which study; what was taken back again does not count."""
        counts = {uid: _changed([each for _, each in held]) for uid, held in self._all.items()}
        return {uid: count for uid, count in counts.items() if count}


def lay(
    waiting: Iterable[Waiting],
    marks: Sequence[Mark],
    done: Sequence[MarkEdit],
    undone: Sequence[MarkEdit],
) -> Laid:
    """What is stored with what waits done on top, as it was done."""
    shown = {mark.id: mark for mark in marks}
    back, again = list(done), list(undone)

    def apply(edit: MarkEdit) -> None:
        if edit.after is None:
            shown.pop(edit.mark.id, None)
        else:
            shown[edit.mark.id] = edit.after

    for each in waiting:
        if each.edit is not None:
            back.append(each.edit)
            again.clear()
            apply(each.edit)
            continue
        source, target = (back, again) if each.by < 0 else (again, back)
        at = _last_of(source, each.study_uid)
        if at is not None:
            edit = source.pop(at)
            target.append(edit)
            apply(edit.turned() if each.by < 0 else edit)
    return Laid(tuple(shown.values()), tuple(back), tuple(again))


def _last_of(edits: Sequence[MarkEdit], study_uid: str) -> int | None:
    held = [n for n, edit in enumerate(edits) if edit.mark.study_uid == study_uid]
    return held[-1] if held else None


def _changed(waiting: Sequence[Waiting]) -> int:
    """Marks that are not as they were; a stored edit taken back counts as one."""
    first: dict[str, Mark | None] = {}
    for each in waiting:
        if each.edit is not None:
            first.setdefault(each.edit.mark.id, each.edit.before)
    last = {mark.id: mark for mark in lay(waiting, [m for m in first.values() if m], (), ()).marks}
    steps = any(each.edit is None for each in waiting) and not first
    return sum(last.get(id) != before for id, before in first.items()) + steps

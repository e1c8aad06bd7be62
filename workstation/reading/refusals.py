"""Who does not judge a study and why: one refusal a judge and stack, written when it is news."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.domain.artefact import now
from workstation.domain.errors import N_, Message
from workstation.domain.measurement import Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import Actor, Permission
from workstation.domain.volume import Stack
from workstation.reading.proposals import Judge, one_id
from workstation.reading.unseen import SERIES, of_unseen


class Refusals:
    """Refusals of one study. stacks: as they are now."""

    def __init__(self, archive: Archive, study_uid: str, actor: Actor, stacks: list[Stack]) -> None:
        self.archive = archive
        self.study_uid = study_uid
        self.actor = actor
        self.stacks = stacks

    def _writing(self, reason: Message) -> AbstractContextManager[Writer]:
        return self.archive.write(self.actor, Permission.ANALYSE, reason, self.study_uid)

    def of(self, store: Archive | Writer, judge: Judge) -> list[Refusal]:
        """Current refusals of one judge."""
        return [one for one in store.all(Refusal, self.study_uid) if one.what == judge.id]

    def refuse(self, judge: Judge, stack: Stack | None, reason: Message) -> None:
        """Say why; one refusal a judge and stack, written only where it says something new."""
        refusal = Refusal(
            id=one_id("refusal", self.study_uid, judge.id, stack.id if stack else ""),
            study_uid=self.study_uid,
            series_uid=stack.series_uid if stack else "",
            what=judge.id,
            name=judge.name,
            reason=reason,
            made_by=judge.made_by,
            made_from=(stack.id,) if stack else (),
        )
        there = [replace(one, at=None) for one in self.of(self.archive, judge)]
        if refusal in there:  # said before, whenever that was
            return
        said = Message(N_("{what} does not judge this study"), {"what": str(judge.made_by)})
        with self._writing(said) as writer:
            current = {one.id for one in self.stacks}
            for old in self.of(writer, judge):
                gone = not old.made_from or not set(old.made_from) <= current
                if old.id != refusal.id and (gone or old.made_by != judge.made_by):
                    writer.withdraw(Refusal, old.id)
            writer.put(replace(refusal, at=now()))

    def no_longer(self, judge: Judge, stack_ids: set[str]) -> None:
        """Withdraw refusals that speak of no stack which the judge now looks at."""

        def outdated(store: Archive | Writer) -> list[Refusal]:
            there = self.of(store, judge)
            return [one for one in there if not stack_ids & set(one.made_from)]

        if outdated(self.archive):
            said = Message(N_("{what} found a suitable series"), {"what": str(judge.made_by)})
            with self._writing(said) as writer:
                for refusal in outdated(writer):
                    writer.withdraw(Refusal, refusal.id)

    def name_what_nobody_looked_at(self) -> None:
        """One refusal for each series with images that no model or analysis said anything of."""
        if self._change_of_unseen(self.archive) == ([], []):
            return
        said = Message(N_("Series that nothing installed looks at were noted"))
        with self._writing(said) as writer:
            outdated, fresh = self._change_of_unseen(writer)
            for refusal in outdated:
                writer.withdraw(Refusal, refusal.id)
            for refusal in fresh:
                writer.put(refusal)

    def _change_of_unseen(self, store: Archive | Writer) -> tuple[list[Refusal], list[Refusal]]:
        """Refusals of unseen series that no longer hold, and those still to be stored."""
        refusals = store.all(Refusal, self.study_uid)
        there = {one.id: one for one in refusals if one.what == SERIES}
        seen = {id for one in store.all(Outcome, self.study_uid) for id in one.made_from}
        # A measure that refuses somebody's mask has not looked at the series.
        seen |= {
            one.made_from[0] for one in refusals if one.what != SERIES and len(one.made_from) == 1
        }
        wanted: dict[str, Refusal] = {}
        for stack in store.all(Stack, self.study_uid):
            if stack.id not in seen:
                refusal = of_unseen(stack)
                wanted.setdefault(refusal.id, refusal)
        outdated = [one for id, one in there.items() if id not in wanted]
        return outdated, [one for id, one in wanted.items() if there.get(id) != one]

"""What came in waits to be read by the machine; the waiting is stored and outlives the program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from workstation.archive.store import Archive
from workstation.domain.arrival import Arrival, ArrivalState
from workstation.domain.artefact import now
from workstation.domain.errors import N_, Message
from workstation.domain.people import MACHINE, Actor, Permission


def arrival_of(archive: Archive, study_uid: str) -> Arrival | None:
    """The last time images of the study came in; None where that was never noted."""
    return next(iter(archive.all(Arrival, study_uid)), None)


def came_in(archive: Archive, study_uids: Iterable[str], *, actor: Actor = MACHINE) -> None:
    """Note that new images of these studies wait to be read."""
    moment = now()
    for study_uid in study_uids:
        reason = Message(N_("New images wait to be read by the machine"))
        with archive.write(actor, Permission.IMPORT, reason, study_uid) as writer:
            writer.put(Arrival(study_uid, study_uid, moment))


def done(archive: Archive, seen: Arrival | None, *, actor: Actor = MACHINE) -> None:
    """Note that what had come in when ``seen`` was read is done; later images keep waiting."""
    if seen is None or seen.state is ArrivalState.DONE:
        return
    reason = Message(N_("The machine has read the study"))
    with archive.write(actor, Permission.ANALYSE, reason, seen.study_uid) as writer:
        if writer.get(Arrival, seen.id) == seen:
            writer.put(replace(seen, state=ArrivalState.DONE, why=None))


def stop(
    archive: Archive, study_uid: str, *, actor: Actor = MACHINE, why: Message | None = None
) -> None:
    """The study does not wait any more: it is read when somebody opens it. why: what failed."""
    seen = arrival_of(archive, study_uid)
    if seen is None or seen.state is not ArrivalState.WAITING:
        return
    reason = Message(N_("The study was taken off the machine's queue"))
    with archive.write(actor, Permission.ANALYSE, reason, study_uid) as writer:
        there = writer.get(Arrival, seen.id)
        if there.state is ArrivalState.WAITING:
            writer.put(replace(there, state=ArrivalState.STOPPED, why=why))

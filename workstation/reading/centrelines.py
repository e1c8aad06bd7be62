"""Centrelines: lines along vessels as a reader places them, each finished edit stored at once."""

from __future__ import annotations

from workstation.archive.store import Archive
from workstation.domain.centreline import Centreline
from workstation.domain.errors import N_, Message
from workstation.domain.people import Actor, Permission


def keep(archive: Archive, actor: Actor, line: Centreline) -> Centreline:
    """Store a line, or a new version of it."""
    reason = Message(N_("A centreline was placed or changed."))
    with archive.write(actor, Permission.REVIEW, reason, line.study_uid) as writer:
        writer.put(line)
    return line


def remove(archive: Archive, actor: Actor, line_id: str) -> None:
    """Take a line away; its history stays."""
    line = archive.get(Centreline, line_id)
    reason = Message(N_("A centreline was removed."))
    with archive.write(actor, Permission.REVIEW, reason, line.study_uid) as writer:
        writer.withdraw(Centreline, line_id)


def kept(archive: Archive, study_uid: str) -> list[Centreline]:
    """The lines of a study, in the order in which they were first placed."""
    return archive.all(Centreline, study_uid)

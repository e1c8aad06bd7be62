"""What happened: rows of the audit for people, change rows for screens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from workstation.archive.rows import Entry
from workstation.archive.schema import audit, change
from workstation.domain.errors import Message
from workstation.domain.people import Permission


@dataclass(frozen=True)
class Change:
    """Something that was written; screens re-read what concerns them."""

    seq: int
    kind: str
    id: str
    study_uid: str


@dataclass(frozen=True)
class AuditEntry:
    """One row of the audit. entries: what it wrote."""

    seq: int
    time: datetime
    actor: str
    role: str
    permission: str
    reason: Message
    study_uid: str
    entries: tuple[Entry, ...]
    hash: str


def changes_since(connection: Connection, seq: int) -> list[Change]:
    """Changes after number ``seq``, oldest first."""
    chosen = select(change).where(change.c.seq > seq).order_by(change.c.seq)
    return [Change(r.seq, r.kind, r.id, r.study_uid) for r in connection.execute(chosen)]


def last_change(connection: Connection) -> int:
    """Number of the newest change, 0 where there is none."""
    return int(connection.execute(select(func.coalesce(func.max(change.c.seq), 0))).scalar_one())


def entries(connection: Connection, study_uid: str, after: int, limit: int) -> list[AuditEntry]:
    """Audit rows after number ``after``, oldest first, of one study or of all."""
    chosen = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
    if study_uid:
        chosen = chosen.where(audit.c.study_uid == study_uid)
    return [_entry(row) for row in connection.execute(chosen)]


def newest(connection: Connection, permission: Permission) -> Iterator[AuditEntry]:
    """Audit rows of one permission, newest first, as long as the caller asks for more."""
    chosen = (
        select(audit).where(audit.c.permission == permission.value).order_by(audit.c.seq.desc())
    )
    for row in connection.execute(chosen):
        yield _entry(row)


def _entry(row: Any) -> AuditEntry:
    reason = json.loads(row.reason)
    return AuditEntry(
        seq=row.seq,
        time=datetime.fromisoformat(row.time),
        actor=row.actor,
        role=row.role,
        permission=row.permission,
        reason=Message(reason["template"], reason["params"]),
        study_uid=row.study_uid,
        entries=tuple((e[0], e[1], e[2], e[3], e[4], e[5]) for e in json.loads(row.entries)),
        hash=row.hash,
    )

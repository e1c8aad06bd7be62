"""One write transaction: what a room may store, and the audit row that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, insert, select, update

from workstation.archive import rows, schema
from workstation.archive.chain import GENESIS, Head, audit_hash
from workstation.archive.encoding import (
    Artefact,
    as_json,
    decode,
    identity,
    kind_name,
    row_digest,
)
from workstation.archive.index import Index
from workstation.domain.alert import Alert
from workstation.domain.artefact import now
from workstation.domain.errors import N_, Message, NotAllowed, NotFound
from workstation.domain.finding import Decision, Finding, FindingState
from workstation.domain.first_read import FirstRead, ReadingMode
from workstation.domain.mask import MaskInfo
from workstation.domain.people import Actor, Permission, User
from workstation.domain.report import PatientPage, SignedReport
from workstation.domain.study import Instance, Series, Study, StudyState

T = TypeVar("T")

_WRITTEN_ONCE = (Decision, SignedReport, MaskInfo, FirstRead, ReadingMode)
_NEVER_WITHDRAWN = (Decision, SignedReport, User, Alert, FirstRead, ReadingMode)
_NEEDS: dict[type, frozenset[Permission]] = {
    Decision: frozenset({Permission.REVIEW}),
    FirstRead: frozenset({Permission.REVIEW}),
    SignedReport: frozenset({Permission.SIGN, Permission.CORRECT_OTHERS}),
    PatientPage: frozenset({Permission.SIGN}),
    User: frozenset({Permission.MANAGE_USERS, Permission.SIGN_IN}),
}
"""Kinds that only a person's act may write: nothing decides or signs by itself."""


class Writer:
    """The open transaction of ``Archive.write``; of no use after it."""

    def __init__(
        self,
        connection: Connection,
        actor: Actor,
        permission: Permission,
        reason: Message,
        study_uid: str,
    ) -> None:
        self._connection = connection
        self._actor = actor
        self._permission = permission
        self._reason = reason
        self._study_uid = study_uid
        self._entries: list[rows.Entry] = []
        last = connection.execute(
            select(schema.audit.c.seq, schema.audit.c.hash)
            .order_by(schema.audit.c.seq.desc())
            .limit(1)
        ).first()
        self.before = Head(last.seq, last.hash) if last else Head(0, GENESIS)
        self._index = Index(connection, self.before.seq + 1)

    # Reading inside the transaction: nobody else can write between this and what follows.

    def get(self, kind: type[T], id: str) -> T:
        """The current version as this transaction sees it; ``NotFound``."""
        return rows.current(self._connection, kind, id)

    def history(self, kind: type[T], id: str) -> list[T]:
        """As ``Archive.history``, as this transaction sees it."""
        return rows.history(self._connection, kind, id)

    def all(self, kind: type[T], study_uid: str = "") -> list[T]:
        """As ``Archive.all``, as this transaction sees it."""
        return rows.all_current(self._connection, kind, study_uid)

    def study(self, study_uid: str) -> Study:
        """As ``Archive.study``, as this transaction sees it."""
        return self._index.study(study_uid)

    def put(self, artefact: Artefact) -> None:
        """A new version of the artefact's id; storing the same once more changes nothing."""
        kind, id = type(artefact), identity(artefact)
        written = as_json(artefact)
        last = self._last(kind, id)
        if last is not None and not last.withdrawn and last.json == written:
            return
        self._may_put(artefact, last)
        self._append(
            kind,
            id,
            last,
            study_uid=getattr(artefact, "study_uid", ""),
            series_uid=getattr(artefact, "series_uid", ""),
            withdrawn=0,
            json=written,
        )

    def withdraw(self, kind: type, id: str) -> None:
        """No longer current, kept in the history; ``NotFound`` where there is none."""
        last = self._last(kind, id)
        if last is None or last.withdrawn:
            raise NotFound(
                N_("There is no {kind} {id} in the archive."), kind=kind_name(kind), id=id
            )
        if kind in _NEVER_WITHDRAWN:
            raise NotAllowed(N_("A {kind} is never withdrawn."), kind=kind_name(kind))
        if kind is Finding and self._permission is not Permission.REVIEW:
            self._must_be_proposed(decode(Finding, id, last.json).state)
        self._append(
            kind,
            id,
            last,
            study_uid=last.study_uid,
            series_uid=last.series_uid,
            withdrawn=1,
            json=last.json,
        )

    def add_instances(
        self, study: Study, series: Series, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """Index files of one series. Counts and modalities are derived from what is stored.

        What is known of the study and series stays; what was empty is filled in. An instance that
        is there already changes nothing. Under an instance UID that is there with other bytes
        the first file stays: the others are returned, not stored.
        """
        return self._index.add(study, series, instances)

    def restate(self, study: Study, series: Sequence[Series]) -> None:
        """Put other words for what the same bytes say: name and description of the study, and
        descriptions of its series. Nothing else of them changes; ``NotFound``."""
        self._index.restate(study, series)

    def set_state(self, study_uid: str, state: StudyState) -> None:
        """How far the study has come; ``NotFound``."""
        if self.study(study_uid).state is not state:
            self._index.set_study(study_uid, state=state.value)

    def set_urgent(self, study_uid: str, urgent: bool) -> None:
        """Whether the study goes to the top of the worklist; ``NotFound``."""
        if self.study(study_uid).urgent is not urgent:
            self._index.set_study(study_uid, urgent=int(urgent))

    def save_desk(self, user: str, state: dict[str, Any]) -> None:
        """As ``Archive.save_desk``, with what else this transaction writes or not at all."""
        rows.save_desk(self._connection, user, state)

    def finish(self) -> Head:
        """Bring counts and digests up to date and append the audit and change rows."""
        entries = [*self._index.finish(), *self._entries]
        columns = {
            "seq": self.before.seq + 1,
            "time": now().isoformat(timespec="milliseconds"),
            "actor": self._actor.name,
            "role": self._actor.role.value if self._actor.role else "",
            "permission": self._permission.value,
            "reason": as_json(self._reason),
            "study_uid": self._study_uid,
            "entries": as_json(entries),
            "previous": self.before.hash,
        }
        columns["hash"] = audit_hash(self.before.hash, columns)
        self._connection.execute(insert(schema.audit).values(columns))
        changes = rows.changes_of(entries)
        if changes:
            seq = self._next(schema.change)
            self._connection.execute(
                insert(schema.change),
                [
                    {
                        "seq": seq + i,
                        "audit_seq": self.before.seq + 1,
                        "kind": kind,
                        "id": id,
                        "study_uid": study_uid,
                    }
                    for i, (kind, id, study_uid) in enumerate(changes)
                ],
            )
        return Head(self.before.seq + 1, str(columns["hash"]))

    # --- artefacts

    def _may_put(self, artefact: Artefact, last: Any) -> None:
        kind = type(artefact)
        needs = _NEEDS.get(kind)
        if needs is not None and self._permission not in needs:
            raise NotAllowed(
                N_("A {kind} is not written for: {permission}."),
                kind=kind_name(kind),
                permission=self._permission.value,
            )
        if last is not None and kind in _WRITTEN_ONCE:
            raise NotAllowed(N_("A {kind} is never changed once written."), kind=kind_name(kind))
        if isinstance(artefact, Alert) and self._permission is not Permission.REVIEW:
            known = decode(Alert, artefact.id, last.json).acknowledged if last else None
            if artefact.acknowledged != known:
                raise NotAllowed(N_("Only a person acknowledges an emergency."))
        if isinstance(artefact, Finding) and self._permission is not Permission.REVIEW:
            before = FindingState.PROPOSED
            if last is not None and not last.withdrawn:
                before = decode(Finding, artefact.id, last.json).state
            if artefact.state is not before:
                self._must_be_proposed(artefact.state)
                self._must_be_proposed(before)

    def _must_be_proposed(self, state: FindingState) -> None:
        if state is not FindingState.PROPOSED:
            raise NotAllowed(N_("Only a person's review decides a finding or moves a decided one."))

    def _last(self, kind: type, id: str) -> Any:
        return rows.last_version(self._connection, kind_name(kind), id)

    def _append(self, kind: type, id: str, last: Any, **columns: Any) -> None:
        seq = self._next(schema.artefact)
        columns |= {
            "seq": seq,
            "born": last.born if last else seq,
            "kind": kind_name(kind),
            "id": id,
            "version": last.version + 1 if last else 1,
        }
        columns["digest"] = row_digest("artefact", columns)
        columns["current"] = 1
        if last is not None:
            self._connection.execute(
                update(schema.artefact).where(schema.artefact.c.seq == last.seq).values(current=0)
            )
        self._connection.execute(insert(schema.artefact).values(columns))
        self._entries.append(
            (kind_name(kind), id, columns["version"], columns["digest"], columns["study_uid"], "")
        )

    def _next(self, table: Table) -> int:
        return int(
            self._connection.execute(
                select(func.coalesce(func.max(table.c.seq), 0) + 1)
            ).scalar_one()
        )

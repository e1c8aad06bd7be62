"""The only persistence: one SQLite file for what is known, files named by hash for bytes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from workstation.archive import masks, rows, schema
from workstation.archive.blobs import Blobs
from workstation.archive.chain import GENESIS, Head, read_head, write_head
from workstation.archive.encoding import as_json, decode, kind_name, row_digest
from workstation.archive.writer import Writer, searchable
from workstation.domain.artefact import MadeBy, Wording, new_id
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, NotFound
from workstation.domain.geometry import Grid
from workstation.domain.mask import MaskInfo
from workstation.domain.people import Actor, Permission, User
from workstation.domain.study import Instance, Series, Study, WorklistQuery

T = TypeVar("T")

DATABASE = "archive.sqlite"
EVERYTHING = WorklistQuery()

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """Something that was written; screens re-read what concerns them."""

    seq: int
    kind: str
    id: str
    study_uid: str


@dataclass(frozen=True)
class AuditEntry:
    """One row of the audit. entries: (kind, id, version, digest, study_uid) of what it wrote."""

    seq: int
    time: datetime
    actor: str
    role: str
    permission: str
    reason: Message
    study_uid: str
    entries: tuple[tuple[str, str, int, str, str], ...]
    hash: str


class Archive:
    """What a workstation knows. Safe from any thread, and from several processes on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._writing = threading.Lock()
        self._writer_thread: int | None = None
        with schema.plain_errors(home):
            home.mkdir(parents=True, exist_ok=True)
            self._blobs = Blobs(home / "blobs")
            fresh = not (home / DATABASE).exists()
            self.engine = schema.open_engine(home / DATABASE)
            schema.prepare(self.engine)
            if fresh and read_head(home) is None:
                write_head(home, Head(0, GENESIS))

    def close(self) -> None:
        """Close the database; the archive is of no use afterwards."""
        self.engine.dispose()

    # --- bytes

    def put_bytes(self, data: bytes) -> str:
        """Keep ``data`` as a blob; its SHA-256."""
        return self._blobs.put_bytes(data)

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep a copy of a file as a blob; its SHA-256 and size in bytes."""
        return self._blobs.put_file(path)

    def blob_path(self, sha256: str) -> Path:
        """Where a blob lies, for reading only; ``NotFound``."""
        return self._blobs.path(sha256)

    def read_blob(self, sha256: str) -> bytes:
        """A blob's bytes; ``Tampered`` where they are not those that were stored."""
        return self._blobs.read(sha256)

    def blob_files(self) -> list[Path]:
        """Every blob's file."""
        return self._blobs.all_files()

    # --- index

    def worklist(self, query: WorklistQuery = EVERYTHING) -> list[Study]:
        """Studies that match, urgent first, then newest; one page of ``query.limit``."""
        table = schema.study
        chosen = (
            _where(select(table), query)
            .order_by(
                table.c.urgent.desc(), table.c.date.desc(), table.c.time.desc(), table.c.study_uid
            )
            .limit(query.limit)
            .offset(query.offset)
        )
        with self._reading() as connection:
            return [rows.study_from(dict(row)) for row in connection.execute(chosen).mappings()]

    def worklist_count(self, query: WorklistQuery = EVERYTHING) -> int:
        """How many studies match, on all pages."""
        with self._reading() as connection:
            chosen = _where(select(func.count()).select_from(schema.study), query)
            return int(connection.execute(chosen).scalar_one())

    def study(self, study_uid: str) -> Study:
        """One study by its UID, or ``last``: the most recently imported; ``NotFound``."""
        if study_uid == "last":
            study_uid = self.last_study_uid()
        with self._reading() as connection:
            return rows.study(connection, study_uid)

    def last_study_uid(self) -> str:
        """The study that images were imported into most recently; ``NotFound`` if none."""
        table = schema.study
        with self._reading() as connection:
            found = connection.execute(
                select(table.c.study_uid)
                .order_by(table.c.imported.desc(), table.c.study_uid)
                .limit(1)
            ).scalar()
        if found is None:
            raise NotFound(N_("There is no study in the archive yet. Import one first."))
        return str(found)

    def series_of(self, study_uid: str) -> list[Series]:
        """Series of a study by series number, then UID."""
        table = schema.series
        chosen = (
            select(table)
            .where(table.c.study_uid == study_uid)
            .order_by(table.c.number.nulls_last(), table.c.series_uid)
        )
        with self._reading() as connection:
            return [rows.series_from(dict(row)) for row in connection.execute(chosen).mappings()]

    def instances_of(self, series_uid: str) -> list[Instance]:
        """Instances of a series by instance number, then UID."""
        table = schema.instance
        chosen = (
            select(table)
            .where(table.c.series_uid == series_uid)
            .order_by(table.c.instance_number.nulls_last(), table.c.sop_instance_uid)
        )
        with self._reading() as connection:
            return [rows.instance_from(dict(row)) for row in connection.execute(chosen).mappings()]

    def instance(self, sop_instance_uid: str) -> Instance | None:
        """One instance by its UID, if it is there."""
        with self._reading() as connection:
            row = rows.row_of(connection, schema.instance, "sop_instance_uid", sop_instance_uid)
        return rows.instance_from(row) if row is not None else None

    # --- artefacts

    def get(self, kind: type[T], id: str) -> T:
        """The current version; ``NotFound`` where there is none or it was withdrawn."""
        with self._reading() as connection:
            return rows.current(connection, kind, id)

    def all(self, kind: type[T], study_uid: str = "") -> list[T]:
        """Current and not withdrawn, of one study or of all, in order of first writing."""
        with self._reading() as connection:
            return rows.all_current(connection, kind, study_uid)

    def history(self, kind: type[T], id: str) -> list[T]:
        """Every version, oldest first, withdrawn ones included."""
        table = schema.artefact
        chosen = (
            select(table.c.json)
            .where(
                table.c.kind == kind_name(kind),
                table.c.id == id,
                table.c.withdrawn == 0,
            )
            .order_by(table.c.version)
        )
        with self._reading() as connection:
            return [decode(kind, id, row.json) for row in connection.execute(chosen)]

    def store_mask(
        self,
        array: NDArray[np.bool_],
        *,
        study_uid: str,
        series_uid: str,
        stack_id: str,
        label: Wording,
        grid: Grid,
        made_from: tuple[str, ...],
        made_by: MadeBy,
    ) -> MaskInfo:
        """Store the voxels of ``array`` (z, y, x) on ``grid``; the row is the caller's to put."""
        if array.shape != tuple(grid.shape):
            raise BadInput(N_("The mask does not have the shape of its image."))
        voxels = np.asarray(array, dtype=np.bool_)
        data, origin, shape = masks.pack(voxels)
        return MaskInfo(
            id=new_id(),
            study_uid=study_uid,
            series_uid=series_uid,
            stack_id=stack_id,
            label=label,
            grid=grid,
            origin_zyx=origin,
            shape_zyx=shape,
            voxels=self.put_bytes(data),
            voxel_count=int(np.count_nonzero(voxels)),
            made_from=made_from,
            made_by=made_by,
        )

    def load_mask(self, mask_id: str) -> NDArray[np.bool_]:
        """A mask's voxels on its whole grid, bool (z, y, x); of a withdrawn mask too."""
        versions = self.history(MaskInfo, mask_id)
        if not versions:
            raise NotFound(N_("There is no {kind} {id} in the archive."), kind="mask", id=mask_id)
        return masks.unpack(self.read_blob(versions[-1].voxels), versions[-1])

    def user(self, name: str) -> User:
        """A user by sign-in name; ``NotFound``."""
        try:
            return self.get(User, name)
        except NotFound as error:
            raise NotFound(N_("There is no user named {name}."), name=name) from error

    def users(self) -> list[User]:
        """All users, enabled or not, in order of creation."""
        return self.all(User)

    # --- what happened

    def changes_since(self, seq: int) -> list[Change]:
        """What was written after change ``seq``, by this process or another; oldest first."""
        table = schema.change
        chosen = select(table).where(table.c.seq > seq).order_by(table.c.seq)
        with self._reading() as connection:
            return [
                Change(row.seq, row.kind, row.id, row.study_uid)
                for row in connection.execute(chosen)
            ]

    def last_change(self) -> int:
        """Number of the newest change, 0 where there is none."""
        with self._reading() as connection:
            chosen = select(func.coalesce(func.max(schema.change.c.seq), 0))
            return int(connection.execute(chosen).scalar_one())

    def audit(self, study_uid: str = "", *, after: int = 0, limit: int = 1000) -> list[AuditEntry]:
        """Rows of the audit, oldest first, of one study or of all."""
        table = schema.audit
        chosen = select(table).where(table.c.seq > after).order_by(table.c.seq).limit(limit)
        if study_uid:
            chosen = chosen.where(table.c.study_uid == study_uid)
        with self._reading() as connection:
            return [_audit_entry(row) for row in connection.execute(chosen)]

    # --- screen state

    def desk(self, user: str) -> dict[str, Any]:
        """Screen state as last saved; empty where there is none or it cannot be read."""
        table = schema.desk
        with self._reading() as connection:
            row = connection.execute(select(table).where(table.c.user == user)).mappings().first()
        if row is None or row_digest("desk", dict(row)) != row["digest"]:
            return {}
        state = json.loads(row["json"])
        return state if isinstance(state, dict) else {}

    def save_desk(self, user: str, state: dict[str, Any]) -> None:
        """Keep screen state; not audited."""
        columns = {"user": user, "json": as_json(state)}
        columns["digest"] = row_digest("desk", columns)
        with self._transaction() as connection:
            connection.execute(
                upsert(schema.desk).values(columns).on_conflict_do_update(["user"], set_=columns)
            )

    # --- writing

    @contextmanager
    def write(
        self, actor: Actor, permission: Permission, reason: Message, study_uid: str = ""
    ) -> Iterator[Writer]:
        """One transaction with its audit row; an exception inside leaves everything as it was.

        Raises ``NotAllowed`` before anything happens where the actor lacks the permission.
        """
        if not actor.may(permission):
            raise NotAllowed(
                N_("{name} may not do this: {permission}."),
                name=actor.name,
                permission=permission.value,
            )
        with self._transaction() as connection:
            writer = Writer(connection, actor, permission, reason, study_uid)
            may_advance = self._head_is_known(connection)
            yield writer
            head = writer.finish()
            self._blobs.sync()
        if may_advance:
            write_head(self.home, head)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with schema.plain_errors(self.home), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("a write inside a write would wait for itself")
        with self._writing:
            self._writer_thread = threading.get_ident()
            try:
                with (
                    schema.plain_errors(self.home),
                    self.engine.connect().execution_options(immediate=True) as connection,
                    connection.begin(),
                ):
                    yield connection
            finally:
                self._writer_thread = None

    def _head_is_known(self, connection: Connection) -> bool:
        # A head that is missing or contradicts the chain is evidence: never overwritten.
        head = read_head(self.home)
        if head is None:
            known = False
        elif head.seq == 0:
            known = head.hash == GENESIS
        else:
            table = schema.audit
            found = connection.execute(select(table.c.hash).where(table.c.seq == head.seq))
            known = found.scalar() == head.hash
        if not known:
            _log.error("the audit does not continue its recorded head: run verify")
        return known


def _where(chosen: Select[Any], query: WorklistQuery) -> Select[Any]:
    table = schema.study
    for word in searchable(query.text).split():
        chosen = chosen.where(func.instr(table.c.search, word) > 0)
    if query.modality:
        chosen = chosen.where(func.instr(table.c.modalities, f"\\{query.modality}\\") > 0)
    if query.state is not None:
        chosen = chosen.where(table.c.state == query.state.value)
    if query.date_from:
        chosen = chosen.where(table.c.date >= query.date_from)
    if query.date_to:
        chosen = chosen.where(table.c.date <= query.date_to)
    return chosen


def _audit_entry(row: Any) -> AuditEntry:
    reason = json.loads(row.reason)
    return AuditEntry(
        seq=row.seq,
        time=datetime.fromisoformat(row.time),
        actor=row.actor,
        role=row.role,
        permission=row.permission,
        reason=Message(reason["template"], reason["params"]),
        study_uid=row.study_uid,
        entries=tuple((e[0], e[1], e[2], e[3], e[4]) for e in json.loads(row.entries)),
        hash=row.hash,
    )

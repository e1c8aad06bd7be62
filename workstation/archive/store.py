"""The only persistence: one SQLite file for what is known, files named by hash for bytes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from workstation.archive import log, maps, masks, rows, schema, worklist
from workstation.archive.blobs import BLOBS, Blobs, blob_files
from workstation.archive.chain import GENESIS, Head, read_head, sweep_heads, write_head
from workstation.archive.encoding import row_digest
from workstation.archive.log import AuditEntry, Change
from workstation.archive.worklist import EVERYTHING
from workstation.archive.writer import Writer
from workstation.domain.artefact import MadeBy, Wording, new_id
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import N_, BadInput, Message, NotAllowed, NotFound
from workstation.domain.geometry import Grid
from workstation.domain.mask import MaskInfo
from workstation.domain.people import Actor, Permission, User
from workstation.domain.study import Instance, Progress, Series, Study, WorklistQuery
from workstation.domain.voxel_set import VoxelSet

T = TypeVar("T")

DATABASE = "archive.sqlite"

_log = logging.getLogger(__name__)


class Archive:
    """What a workstation knows. Safe from any thread, and from several processes on one home.

    read_only: of a home that cannot be written, such as a copy on a protected disk.
    """

    def __init__(self, home: Path, *, read_only: bool = False) -> None:
        self.home = home
        self._writing = threading.Lock()
        self._writer_thread: int | None = None
        if read_only:
            self._blobs = Blobs(home / BLOBS, read_only=True)
            self.engine = schema.open_engine(home / DATABASE, read_only=True)
            with self._reading() as connection:
                schema.check_format(connection)
            return
        with schema.disk_errors(home):
            home.mkdir(parents=True, exist_ok=True)
            self._blobs = Blobs(home / BLOBS)
        with schema.database_errors(home):
            fresh = not (home / DATABASE).exists()
            self.engine = schema.open_engine(home / DATABASE)
            schema.prepare(self.engine)
            if fresh and read_head(home) is None:
                write_head(home, Head(0, GENESIS))
            sweep_heads(home)

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
        return blob_files(self._blobs.folder)

    # --- index

    def worklist(self, query: WorklistQuery = EVERYTHING) -> list[Study]:
        """Studies that match, urgent first, then newest; one page of ``query.limit``."""
        with self._reading() as connection:
            return worklist.page(connection, query)

    def worklist_count(self, query: WorklistQuery = EVERYTHING) -> int:
        """How many studies match, on all pages."""
        with self._reading() as connection:
            return worklist.count(connection, query)

    def study(self, study_uid: str) -> Study:
        """One study by its UID, or ``last``: the most recently imported; ``NotFound``."""
        if study_uid == "last":
            study_uid = self.last_study_uid()
        with self._reading() as connection:
            return rows.study(connection, study_uid)

    def last_study_uid(self) -> str:
        """The study that images were imported into most recently; ``NotFound`` if none."""
        with self._reading() as connection:
            found = worklist.last_imported(connection)
        if found is None:
            raise NotFound(N_("There is no study in the archive yet. Import one first."))
        return found

    def priors_of(self, study_uid: str) -> list[Study]:
        """Earlier studies of the same patient (id, no contradicting birth date), newest first."""
        with self._reading() as connection:
            return worklist.earlier(connection, rows.study(connection, study_uid))

    def others_of(self, study_uid: str) -> list[Study]:
        """All other studies of the same patient, earlier and later, newest first."""
        with self._reading() as connection:
            return worklist.of_same_patient(connection, rows.study(connection, study_uid))

    def waiting(self) -> list[Study]:
        """Studies that came in and the machine has not read: urgent first, then as they came."""
        with self._reading() as connection:
            return worklist.waiting(connection)

    def progress_of(self, studies: Sequence[Study]) -> dict[str, Progress]:
        """How far studies have come, by their UIDs."""
        with self._reading() as connection:
            return worklist.progress_of(connection, studies)

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
        """Every version, oldest first, also of what was withdrawn."""
        with self._reading() as connection:
            return rows.history(connection, kind, id)

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
        return self.store_voxels(
            VoxelSet(grid, np.asarray(array, dtype=np.bool_)),
            study_uid=study_uid,
            series_uid=series_uid,
            stack_id=stack_id,
            label=label,
            made_from=made_from,
            made_by=made_by,
        )

    def store_voxels(
        self,
        mask: VoxelSet,
        *,
        study_uid: str,
        series_uid: str,
        stack_id: str,
        label: Wording,
        made_from: tuple[str, ...],
        made_by: MadeBy,
    ) -> MaskInfo:
        """``store_mask`` for a mask held as its block: cost follows the object's size."""
        data, (z, y, x), shape = masks.pack(mask.voxels)
        low = mask.origin
        return MaskInfo(
            id=new_id(),
            study_uid=study_uid,
            series_uid=series_uid,
            stack_id=stack_id,
            label=label,
            grid=mask.grid,
            origin_zyx=(low[0] + z, low[1] + y, low[2] + x),
            shape_zyx=shape,
            voxels=self.put_bytes(data),
            voxel_count=mask.count,
            made_from=made_from,
            made_by=made_by,
        )

    def load_mask(self, mask_id: str) -> NDArray[np.bool_]:
        """A mask's voxels on its whole grid, bool (z, y, x); of a withdrawn mask too."""
        return self.load_voxels(mask_id).full()

    def load_voxels(self, mask_id: str) -> VoxelSet:
        """A mask's voxels as the block that holds them; of a withdrawn mask too."""
        versions = self.history(MaskInfo, mask_id)
        if not versions:
            raise NotFound(N_("There is no {kind} {id} in the archive."), kind="mask", id=mask_id)
        return masks.unpack_block(self.read_blob(versions[-1].voxels), versions[-1])

    def store_map(self, values: NDArray[np.float32]) -> str:
        """Store the voxels (z, y, x) of a derived map; the name of the blob that holds them."""
        return self.put_bytes(maps.pack(values))

    def load_map(self, info: DerivedMap) -> NDArray[np.float32]:
        """A derived map's values (z, y, x), NaN where nothing was judged; not to be written to."""
        return maps.unpack(self.read_blob(info.voxels), info)

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
        with self._reading() as connection:
            return log.changes_since(connection, seq)

    def last_change(self) -> int:
        """Number of the newest change, 0 where there is none."""
        with self._reading() as connection:
            return log.last_change(connection)

    def audit(self, study_uid: str = "", *, after: int = 0, limit: int = 1000) -> list[AuditEntry]:
        """Rows of the audit, oldest first, of one study or of all."""
        with self._reading() as connection:
            return log.entries(connection, study_uid, after, limit)

    def newest_audit(self, permission: Permission) -> Iterator[AuditEntry]:
        """Rows of the audit for one permission, newest first."""
        with self._reading() as connection:
            yield from log.newest(connection, permission)

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
        with self._transaction() as connection:
            rows.save_desk(connection, user, state)

    # --- writing

    def check(self, actor: Actor, permission: Permission) -> None:
        """Raise ``NotAllowed`` where the actor lacks the permission; ``write`` asks by itself."""
        if not actor.may(permission):
            raise NotAllowed(
                N_("{name} may not do this: {permission}."),
                name=actor.name,
                permission=permission.value,
            )

    @contextmanager
    def write(
        self, actor: Actor, permission: Permission, reason: Message, study_uid: str = ""
    ) -> Iterator[Writer]:
        """One transaction with its audit row; an exception inside leaves everything as it was.

        Raises ``NotAllowed`` before anything happens where the actor lacks the permission.
        """
        self.check(actor, permission)
        with self._transaction() as connection:
            writer = Writer(connection, actor, permission, reason, study_uid)
            may_advance = self._head_is_known(connection)
            yield writer
            head = writer.finish()
            with schema.disk_errors(self.home):
                self._blobs.sync()
        if may_advance:
            write_head(self.home, head)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with schema.database_errors(self.home), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._writer_thread == threading.get_ident():
            raise RuntimeError("a write inside a write would wait for itself")
        with self._writing:
            self._writer_thread = threading.get_ident()
            try:
                with (
                    schema.database_errors(self.home),
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

"""The tables, the engine that opens them, and storage failures in plain words."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from workstation.domain.errors import N_, ReaderError, Tampered

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 30_000

metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


meta = Table(
    "meta", metadata, Column("key", Text, primary_key=True), _text("value"), sqlite_with_rowid=False
)

# One row a study, the patient as the headers named them on that day: what the worklist shows.
study = Table(
    "study",
    metadata,
    Column("study_uid", Text, primary_key=True),
    _whole("version"),
    _whole("imported"),  # audit entry that last brought images in
    _text("patient_id"),
    _text("name"),
    _text("name_dicom"),
    _text("birth_date"),
    _text("sex"),
    _text("age"),
    _text("date"),
    _text("time"),
    _text("description"),
    _text("accession"),
    _text("modalities"),  # "\CT\MR\"
    _whole("series"),
    _whole("instances"),
    _text("state"),
    _whole("urgent"),
    _text("search"),
    _text("digest"),
)
_newest = (study.c.urgent.desc(), study.c.date.desc(), study.c.time.desc(), study.c.study_uid)
Index("study_worklist", *_newest)
Index("study_state", study.c.state, *_newest)
Index("study_imported", study.c.imported)
Index("study_patient", study.c.patient_id)

series = Table(
    "series",
    metadata,
    Column("series_uid", Text, primary_key=True),
    Column("study_uid", Text, ForeignKey("study.study_uid"), nullable=False, index=True),
    _whole("version"),
    _text("modality"),
    Column("number", Integer),
    _text("description"),
    _text("body_part"),
    _whole("instances"),
    _text("digest"),
)

instance = Table(
    "instance",
    metadata,
    Column("sop_instance_uid", Text, primary_key=True),
    Column("series_uid", Text, ForeignKey("series.series_uid"), nullable=False, index=True),
    _text("study_uid"),
    _whole("version"),
    _text("sop_class_uid"),
    _text("sha256"),
    _whole("size"),
    Column("instance_number", Integer),
    _text("transfer_syntax_uid"),
    _text("attributes"),
    _text("digest"),
)
Index("instance_sha256", instance.c.sha256)

# Insert-only but for ``current``: a new version is a new row, and so is a withdrawal.
artefact = Table(
    "artefact",
    metadata,
    Column("seq", Integer, primary_key=True),
    _whole("born"),  # seq of version 1: the order of first writing
    _text("kind"),
    _text("id"),
    _whole("version"),
    _text("study_uid"),
    _text("series_uid"),
    _whole("withdrawn"),
    _text("json"),
    _text("digest"),
    _whole("current"),
)
Index("artefact_version", artefact.c.kind, artefact.c.id, artefact.c.version, unique=True)
Index(
    "artefact_current", artefact.c.study_uid, artefact.c.kind, artefact.c.current, artefact.c.born
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    _text("time"),
    _text("actor"),
    _text("role"),
    _text("permission"),
    _text("reason"),
    Column("study_uid", Text, nullable=False, index=True),
    _text("entries"),  # [[kind, id, version, digest, study_uid, digest before], ...]
    _text("previous"),
    _text("hash"),
)

Index("audit_permission", audit.c.permission, audit.c.seq)

change = Table(
    "change",
    metadata,
    Column("seq", Integer, primary_key=True),
    _whole("audit_seq"),
    _text("kind"),
    _text("id"),
    _text("study_uid"),
)

# Screen state, not audited; the digest tells a garbled one from a good one.
desk = Table(
    "desk", metadata, Column("user", Text, primary_key=True), _text("json"), _text("digest")
)


def can_write(path: Path) -> bool:
    """Whether a database and its folder can be written, by this account and on this disk."""
    effective = os.access in os.supports_effective_ids
    return all(
        os.access(one, os.W_OK, effective_ids=effective)
        for one in (path.parent, path)
        if one.exists()
    )


def uri_of(path: Path) -> str:
    """How to open a database that is there: for reading only where it cannot be written."""
    where = path.absolute().as_uri()
    if can_write(path):
        return f"{where}?mode=rw"  # a database that is missing is not made
    waiting = path.with_name(f"{path.name}-wal")
    # SQLite makes files beside a database in write-ahead mode even to read it, unless it is told
    # that nobody writes: true of one that was closed on a disk that cannot be written.
    closed = not waiting.exists() or not waiting.stat().st_size
    return f"{where}?mode=ro{'&immutable=1' if closed else ''}"


def open_engine(path: Path, *, read_only: bool = False) -> Engine:
    """An engine on the SQLite file: write-ahead log, full sync, foreign keys, many threads."""
    url = URL.create("sqlite+pysqlite", database=str(path))
    if read_only:
        url = URL.create("sqlite+pysqlite", database=uri_of(path), query={"uri": "true"})
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
        pool_size=8,
        max_overflow=32,
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: sqlite3.Connection, _record: Any) -> None:
        raw.isolation_level = None  # BEGIN is ours to send
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
        ):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def prepare(engine: Engine) -> None:
    """Create the tables of a fresh file; refuse a file of a newer program."""
    _use_write_ahead_log(engine)
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        known = connection.exec_driver_sql(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
        ).scalar_one()
        if not known:
            metadata.create_all(connection)
            connection.execute(insert(meta).values(key="schema", value=str(SCHEMA_VERSION)))
        check_format(connection)


def check_format(connection: Connection) -> None:
    """Refuse a file of a newer program, and one that does not say which format it has."""
    found = connection.execute(select(meta.c.value).where(meta.c.key == "schema")).scalar()
    if found is None or not found.isdecimal() or int(found) < 1:
        raise Tampered(
            N_("The archive does not say which format it has. Restore it from the backup.")
        )
    if int(found) > SCHEMA_VERSION:
        raise ReaderError(
            N_(
                "This data folder was written by a newer version of OneScan (format {found}; "
                "this version knows {known}). Open it with the newer version."
            ),
            found=found,
            known=SCHEMA_VERSION,
        )


def _use_write_ahead_log(engine: Engine) -> None:
    # Two processes that convert a fresh file at once: SQLite answers "locked" without waiting.
    for attempt in range(50):
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 49:
                raise
        finally:
            raw.close()
        time.sleep(0.05)


@contextmanager
def database_errors(home: Path) -> Iterator[None]:
    """Failures of the database as sentences that say what to do."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, UnicodeDecodeError) as error:
        said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        if isinstance(error, UnicodeDecodeError):
            # SQLite quotes damaged names in its complaint, which Python then cannot decode.
            said = error.object.decode("utf-8", "replace")
        plain = _plain(said, home)
        if plain is None:
            raise
        raise plain from error


@contextmanager
def disk_errors(home: Path) -> Iterator[None]:
    """Failures to write into the data folder as sentences that say what to do."""
    try:
        with full_disk(home):
            yield
    except OSError as error:
        raise _not_writable(home) from error


@contextmanager
def full_disk(home: Path) -> Iterator[None]:
    """A full disk of the data folder as a sentence; other failures stay what they are."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
            raise _disk_full(home) from error
        raise


_SIGNS_OF_DAMAGE = (
    "malformed",
    "not a database",
    "could not decode",
    "corrupt",
    "no such table",
    "no such column",
    "unsupported file format",
)


def _disk_full(home: Path) -> ReaderError:
    return ReaderError(
        N_("The disk of {folder} is full. Nothing was lost; free some space and try again."),
        folder=str(home),
    )


def _not_writable(home: Path) -> ReaderError:
    return ReaderError(
        N_(
            "The data folder {folder} cannot be written. Check that it is there and that you may "
            "write to it."
        ),
        folder=str(home),
    )


def _plain(said: str, home: Path) -> ReaderError | None:
    said = said.lower()
    if "disk is full" in said:
        return _disk_full(home)
    if "readonly" in said or "unable to open" in said:
        return _not_writable(home)
    if "locked" in said or "busy" in said:
        return ReaderError(
            N_("The archive is busy: another program has been writing for long. Try again.")
        )
    if "disk i/o error" in said:
        return ReaderError(
            N_("The disk of {folder} reports an error. Check the disk before going on."),
            folder=str(home),
        )
    if any(sign in said for sign in _SIGNS_OF_DAMAGE):
        return Tampered(
            N_("The archive file is damaged. Run verify and restore it from the backup.")
        )
    return None

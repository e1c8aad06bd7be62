"""Whether everything is as it was written: the audit, every row, every file.

What this notices: any change to a stored byte that carries data, rows or files that were removed
or added behind the program's back, and audit rows cut from the end (see ``chain`` for the limit).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from workstation.archive import schema
from workstation.archive.blobs import BLOBS, blob_files, hash_file
from workstation.archive.chain import GENESIS, HEAD_FILE, Head, audit_hash, read_head
from workstation.archive.encoding import row_digest
from workstation.archive.rows import changes_of
from workstation.archive.store import DATABASE, Archive
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.work import Cancel, Progress, no_progress

_CHANGED = N_("It was changed after it was written.")
_NO_ENTRY = N_("The audit has no entry for it: it was not written by this program.")
_MISSING_ROW = N_("It is missing: entry {entry} of the audit says that it was written.")
_NOT_WRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_INDEX_TABLES = {"study": "study_uid", "series": "series_uid", "instance": "sop_instance_uid"}


class Bad(NamedTuple):
    """One thing that is not as it was written: its name, and why in a sentence."""

    what: str
    why: Message


@dataclass(frozen=True)
class VerifyReport:
    """bad: everything found, what the audit says first. checked: how many of what."""

    bad: tuple[Bad, ...]
    checked: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether nothing bad was found."""
        return not self.bad

    @property
    def first_bad(self) -> Bad | None:
        """The first thing that is not as it was written."""
        return self.bad[0] if self.bad else None


class _Written(NamedTuple):
    """What the audit says of a row: its digest, and the entry that says so."""

    digest: str
    entry: int


def verify(
    archive: Archive, progress: Progress = no_progress, cancel: Cancel | None = None
) -> VerifyReport:
    """Check the whole archive against its audit and every file against its name."""
    return verify_home(archive.home, progress, cancel)


def verify_home(
    home: Path, progress: Progress = no_progress, cancel: Cancel | None = None
) -> VerifyReport:
    """As ``verify``, of a home whose database may be too damaged to open as an archive.

    Raises ``ReaderError`` where a home that cannot be written has changes that wait in its
    write-ahead log and cannot be read without writing.
    """
    check = _Check(home)
    head = read_head(home)  # before the snapshot: the chain must reach it
    try:
        with closing(_open(home)) as connection:
            connection.execute("BEGIN")  # one snapshot, whatever others write meanwhile
            if check.definitions(connection):
                check.audit(connection, head)
                progress(0.1, Message(N_("Checking the archive")))
                check.rows(connection)
                check.rest(connection)
    except sqlite3.Error as error:
        is_there = (home / DATABASE).exists()
        if is_there and error.sqlite_errorcode & 0xFF in _NOT_WRITABLE:
            with schema.database_errors(home):
                raise
        check.found(DATABASE, N_("The file is damaged: {said}."), said=str(error))
    except UnicodeDecodeError as error:  # SQLite's complaint quotes a damaged name
        said = error.object.decode("utf-8", "replace")
        check.found(DATABASE, N_("The file is damaged: {said}."), said=said)
    check.files(progress, cancel)
    progress(1.0, Message(N_("Done")))
    return VerifyReport(tuple(check.bad), check.checked)


def _open(home: Path) -> sqlite3.Connection:
    # A connection of its own: it reads what is on the disk, and text that is not UTF-8 must reach
    # the digest instead of stopping the check.
    where = schema.uri_of(home / DATABASE)
    connection = sqlite3.connect(where, uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    connection.execute(f"PRAGMA busy_timeout = {schema.BUSY_TIMEOUT_MS}")
    return connection


class _Check:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.bad: list[Bad] = []
        self.checked = {"entries": 0, "rows": 0, "files": 0}
        self._written: dict[tuple[str, str, int], _Written] = {}  # artefacts: every version
        self._latest: dict[tuple[str, str], int] = {}
        self._changes: list[tuple[int, str, str, str]] = []
        self._owners: dict[str, str] = {}  # SHA-256 of a file to what needs it

    def found(self, what: str, template: str, **params: str | int) -> None:
        """Note something bad."""
        self.bad.append(Bad(what, Message(template, params)))

    def definitions(self, connection: sqlite3.Connection) -> bool:
        """Whether tables and indexes are those of this program; else their rows say nothing."""
        made = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master") if row[0]}
        if made != _statements():
            self.found(DATABASE, N_("The definition of a table or an index was changed."))
        return made == _statements()

    def audit(self, connection: sqlite3.Connection, head: Head | None) -> None:
        """The chain from its beginning to the recorded head."""
        last = Head(0, GENESIS)
        at_head = GENESIS
        for row in self._read(connection, "audit", "seq"):
            name = f"audit entry {row['seq']}"
            if row["seq"] != last.seq + 1:
                self.found(f"audit entry {last.seq + 1}", N_("It is missing from the audit."))
            elif row["previous"] != last.hash:
                self.found(name, N_("It does not follow from the entry before it."))
            if _hash_of(row) != row["hash"]:
                self.found(name, _CHANGED)
            last = Head(row["seq"], row["hash"])
            if head is not None and last.seq == head.seq:
                at_head = last.hash
            self.checked["entries"] += 1
            self._take_entries(name, row)
        if head is None:
            self.found(
                HEAD_FILE,
                N_("It is missing or cannot be read: it says how far the audit had come."),
            )
        elif head.seq > last.seq:
            self.found(
                f"audit entry {last.seq + 1}",
                N_("The audit was cut: it ends at entry {end} and had come to entry {had}."),
                end=last.seq,
                had=head.seq,
            )
        elif at_head != head.hash:
            self.found(
                f"audit entry {head.seq}", N_("It is not the entry that the recorded head names.")
            )

    def rows(self, connection: sqlite3.Connection) -> None:
        """Every row against what the audit says of it."""
        latest: dict[tuple[str, str], tuple[int, sqlite3.Row]] = {}
        born: dict[tuple[str, str], int] = {}
        for row in self._read(connection, "artefact", "seq"):
            key = (row["kind"], row["id"])
            name = f"{row['kind']} {row['id']} version {row['version']}"
            self._check_row("artefact", name, dict(row), (*key, row["version"]))
            if row["born"] != born.setdefault(key, row["seq"]):
                self.found(name, _CHANGED)
            earlier = latest.get(key)
            if earlier is not None and earlier[1]["current"] != 0:
                self.found(name, N_("An older version of it is marked as the current one."))
            latest[key] = (row["version"], row)
            self._owners.update(dict.fromkeys(_files_of(row), name))
        for table, key_column in _INDEX_TABLES.items():
            for row in self._read(connection, table, key_column):
                id = row[key_column]
                last = self._latest.pop((table, id), row["version"])
                if last != row["version"]:
                    self.found(f"{table} {id}", _CHANGED)
                    self._written.pop((table, id, last), None)
                else:
                    self._check_row(table, f"{table} {id}", dict(row), (table, id, last))
                if table == "instance":
                    self._owners.setdefault(row["sha256"], f"instance {id}")
        for (kind, id, version), written_row in sorted(
            self._written.items(), key=lambda item: item[1].entry
        ):
            name = f"{kind} {id}" if kind in _INDEX_TABLES else f"{kind} {id} version {version}"
            self.found(name, _MISSING_ROW, entry=written_row.entry)
        for (kind, id), (version, row) in latest.items():
            if row["current"] != 1:
                self.found(
                    f"{kind} {id} version {version}",
                    N_("The newest version of it is not marked as the current one."),
                )

    def rest(self, connection: sqlite3.Connection) -> None:
        """Changes told to screens, screen state, format, and the structure of the file."""
        kept = [
            (row["seq"], row["audit_seq"], row["kind"], row["id"], row["study_uid"])
            for row in self._read(connection, "change", "seq")
        ]
        expected = [(seq, *change) for seq, change in enumerate(self._changes, start=1)]
        if kept != expected:
            wrong = next(
                (i for i, (a, b) in enumerate(zip(kept, expected, strict=False)) if a != b),
                min(len(kept), len(expected)),
            )
            self.found(f"change {wrong + 1}", N_("It does not agree with the audit."))
        for row in self._read(connection, "desk", "user"):
            if not _digest_fits("desk", dict(row)):
                self.found(f"desk {row['user']}", _CHANGED)
        found = {row["key"]: row["value"] for row in self._read(connection, "meta", "key")}
        if found != {"schema": str(schema.SCHEMA_VERSION)}:
            self.found("meta", _CHANGED)
        for pragma in ("integrity_check", "foreign_key_check"):
            for row in connection.execute(f"PRAGMA {pragma}"):
                if row[0] != "ok":
                    said = str(row[0]).replace("\n", " ")
                    self.found(DATABASE, N_("The file is damaged: {said}."), said=said)
                    break

    def files(self, progress: Progress, cancel: Cancel | None) -> None:
        """Every file against its name; files that rows speak of and that are not there."""
        files = blob_files(self.home / BLOBS)
        there = {path.name for path in files}
        for sha256, owner in self._owners.items():
            if sha256 not in there:
                self.found(
                    f"blobs/{sha256[:2]}/{sha256}",
                    N_("The file is missing. It belongs to: {owner}."),
                    owner=owner,
                )
        for number, path in enumerate(files):
            if cancel is not None:
                cancel.check()
            progress(0.3 + 0.7 * number / len(files), Message(N_("Checking the stored files")))
            name = f"blobs/{path.parent.name}/{path.name}"
            try:
                fits = hash_file(path) == path.name and path.parent.name == path.name[:2]
            except OSError as error:
                self.found(name, N_("The file cannot be read: {why}."), why=error.strerror or "?")
                continue
            if not fits:
                owner = self._owners.get(path.name, "")
                if owner:
                    self.found(
                        name, N_("The file was changed. It belongs to: {owner}."), owner=owner
                    )
                else:
                    self.found(name, N_("The file is not what its name says."))
            self.checked["files"] += 1

    def _read(
        self, connection: sqlite3.Connection, table: str, order: str
    ) -> Iterator[sqlite3.Row]:
        """Rows of a table as far as they can be read."""
        # Without an index, so that the rows themselves are seen and not a copy of a column.
        try:
            yield from connection.execute(f"SELECT * FROM {table} NOT INDEXED ORDER BY {order}")
        except sqlite3.Error as error:
            self.found(f"{DATABASE}, {table}", N_("The file is damaged: {said}."), said=str(error))

    def _take_entries(self, name: str, row: sqlite3.Row) -> None:
        try:
            entries = [
                (str(kind), str(id), int(version), str(digest), str(study), str(before))
                for kind, id, version, digest, study, before in json.loads(row["entries"])
            ]
        except (ValueError, TypeError):
            self.found(name, _CHANGED)
            return
        for kind, id, version, digest, _, before in entries:
            if kind in _INDEX_TABLES:  # rows that are replaced: only the latest is there
                known = self._written.pop((kind, id, self._latest.get((kind, id), 0)), None)
                if before != (known.digest if known else ""):
                    self.found(
                        f"{kind} {id}",
                        N_("It was changed before entry {entry} of the audit was written."),
                        entry=row["seq"],
                    )
                self._latest[kind, id] = version
            self._written[kind, id, version] = _Written(digest, row["seq"])
        self._changes += [(row["seq"], *change) for change in changes_of(entries)]

    def _check_row(
        self, table: str, name: str, row: dict[str, Any], key: tuple[str, str, int]
    ) -> None:
        self.checked["rows"] += 1
        written = self._written.pop(key, None)
        if written is None:
            self.found(name, _NO_ENTRY)
        elif not _digest_fits(table, row) or row["digest"] != written.digest:
            self.found(name, _CHANGED)


def _digest_fits(table: str, row: dict[str, Any]) -> bool:
    try:
        return row_digest(table, row) == str(row["digest"])
    except (BadInput, TypeError):  # not Unicode, or bytes where text belongs
        return False


def _hash_of(row: sqlite3.Row) -> str:
    try:
        return audit_hash(row["previous"], dict(row))
    except (BadInput, TypeError):
        return ""


def _files_of(row: sqlite3.Row) -> list[str]:
    """SHA-256 of the files that an artefact's row speaks of."""
    if row["kind"] not in {"mask", "derived map", "signed report", "key image", "patient page"}:
        return []
    try:
        value = json.loads(row["json"])
        if row["kind"] in {"mask", "derived map"}:
            return [value["voxels"]]
        if row["kind"] == "key image":
            return [value["picture_sha256"]] if value["picture_sha256"] else []
        return [document["sha256"] for document in value["documents"]]
    except (ValueError, KeyError, TypeError):
        return []  # changed: said already by its digest


def _statements() -> set[str]:
    """SQL of every table and index, as SQLite keeps it."""
    with closing(sqlite3.connect(":memory:")) as connection:
        dialect = sqlite.dialect()
        for table in schema.metadata.sorted_tables:
            connection.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in table.indexes:
                connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
        return {row[0] for row in connection.execute("SELECT sql FROM sqlite_master") if row[0]}

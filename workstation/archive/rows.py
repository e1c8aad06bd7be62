"""Rows of the tables as domain objects, for the archive and its writer alike."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, Select, Table, Update, bindparam, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from workstation.archive import schema
from workstation.archive.encoding import as_json, decode, kind_name, row_digest
from workstation.domain.errors import N_, NotFound, Tampered
from workstation.domain.study import Instance, Patient, Series, Study, StudyState

T = TypeVar("T")


Entry = tuple[str, str, int, str, str, str]
"""What an audit row says of one row written: kind, id, version, digest, study_uid, and for a row
that was replaced in place the digest it had before."""


@dataclass(frozen=True)
class Known:
    """An instance row."""

    sop_instance_uid: str
    series_uid: str
    study_uid: str
    version: int
    sop_class_uid: str
    sha256: str
    size: int
    instance_number: int | None
    transfer_syntax_uid: str
    attributes: str
    digest: str


def row_of(connection: Connection, table: Table, key: str, value: str) -> dict[str, Any] | None:
    """One row by its key, as a mapping of columns."""
    found = connection.execute(_by_key(table, key), {"wanted": value}).mappings().first()
    return dict(found) if found is not None else None


def save_desk(connection: Connection, user: str, state: dict[str, Any]) -> None:
    """Keep screen state in place of what was kept before."""
    columns = {"user": user, "json": as_json(state)}
    columns["digest"] = row_digest("desk", columns)
    connection.execute(
        upsert(schema.desk).values(columns).on_conflict_do_update(["user"], set_=columns)
    )


# Statements are built once: building one takes SQLAlchemy longer than SQLite takes to run it.
@functools.cache
def _by_key(table: Table, key: str) -> Select[Any]:
    return select(table).where(table.c[key] == bindparam("wanted"))


@functools.cache
def insert_into(table: Table) -> Insert:
    """Insertion of whole rows."""
    return insert(table)


@functools.cache
def update_by(table: Table, key: str, columns: tuple[str, ...]) -> Update:
    """Update of ``columns`` in the row whose key is the parameter ``wanted``."""
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns}
    return update(table).where(table.c[key] == bindparam("wanted")).values(values)


def last_version(connection: Connection, kind: str, id: str) -> Any:
    """The newest row of an artefact, withdrawn or not; None where there is none."""
    table = schema.artefact
    return connection.execute(
        select(table)
        .where(table.c.kind == kind, table.c.id == id)
        .order_by(table.c.version.desc())
        .limit(1)
    ).first()


def current(connection: Connection, kind: type[T], id: str) -> T:
    """The current version; ``NotFound`` where there is none or it was withdrawn."""
    row = last_version(connection, kind_name(kind), id)
    if row is None or row.withdrawn:
        raise NotFound(N_("There is no {kind} {id} in the archive."), kind=kind_name(kind), id=id)
    return _artefact(kind, row)


def all_current(connection: Connection, kind: type[T], study_uid: str) -> list[T]:
    """Current, not withdrawn, of one study or of all, in order of first writing."""
    table = schema.artefact
    query = select(table).where(
        table.c.kind == kind_name(kind), table.c.current == 1, table.c.withdrawn == 0
    )
    if study_uid:
        query = query.where(table.c.study_uid == study_uid)
    return [_artefact(kind, row) for row in connection.execute(query.order_by(table.c.born))]


def history(connection: Connection, kind: type[T], id: str) -> list[T]:
    """Every version, oldest first, also of what was withdrawn."""
    table = schema.artefact
    chosen = (
        select(table)
        .where(table.c.kind == kind_name(kind), table.c.id == id, table.c.withdrawn == 0)
        .order_by(table.c.version)
    )
    return [_artefact(kind, row) for row in connection.execute(chosen)]


def _artefact(kind: type[T], row: Any) -> T:
    check(row._mapping, "artefact", kind_name(kind), row.id)
    return decode(kind, row.id, row.json)


def check(row: Mapping[str, Any], table: str, kind: str, id: str) -> None:
    """Raise ``Tampered`` where a row is not what its digest says: bad bytes reach no report."""
    if row_digest(table, row) != row["digest"]:
        raise Tampered(
            N_("The stored {kind} {id} was changed. Run verify and restore from the backup."),
            kind=kind,
            id=id,
        )


def study(connection: Connection, study_uid: str) -> Study:
    """One study; ``NotFound``."""
    row = row_of(connection, schema.study, "study_uid", study_uid)
    if row is None:
        raise no_study(study_uid)
    check(row, "study", "study", study_uid)
    return study_from(row)


def no_study(study_uid: str) -> NotFound:
    """What to raise where a study is not there."""
    return NotFound(N_("There is no study {study} in the archive."), study=study_uid)


def study_from(row: Mapping[str, Any]) -> Study:
    """A worklist row as a study."""
    return Study(
        study_uid=row["study_uid"],
        patient=Patient(
            patient_id=row["patient_id"],
            name=row["name"],
            name_dicom=row["name_dicom"],
            birth_date=row["birth_date"],
            sex=row["sex"],
            age=row["age"],
        ),
        date=row["date"],
        time=row["time"],
        description=row["description"],
        accession=row["accession"],
        modalities=tuple(m for m in row["modalities"].split("\\") if m),
        series=row["series"],
        instances=row["instances"],
        state=_state(row),
        urgent=bool(row["urgent"]),
    )


def _state(row: Mapping[str, Any]) -> StudyState:
    try:
        return StudyState(row["state"])
    except ValueError as error:
        raise Tampered(
            N_("The stored {kind} {id} was changed. Run verify and restore from the backup."),
            kind="study",
            id=row["study_uid"],
        ) from error


def series_from(row: Mapping[str, Any]) -> Series:
    """A series row as a series; ``Tampered`` where it is not as it was written."""
    check(row, "series", "series", row["series_uid"])
    return Series(
        series_uid=row["series_uid"],
        study_uid=row["study_uid"],
        modality=row["modality"],
        number=row["number"],
        description=row["description"],
        body_part=row["body_part"],
        instances=row["instances"],
    )


def instance_from(row: Mapping[str, Any]) -> Instance:
    """An instance row as an instance; ``Tampered`` where it is not as it was written."""
    check(row, "instance", "image", row["sop_instance_uid"])
    return Instance(
        sop_instance_uid=row["sop_instance_uid"],
        sop_class_uid=row["sop_class_uid"],
        series_uid=row["series_uid"],
        study_uid=row["study_uid"],
        sha256=row["sha256"],
        size=row["size"],
        instance_number=row["instance_number"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        attributes=json.loads(row["attributes"]),
    )


def instance_columns(item: Instance, attributes: str) -> dict[str, Any]:
    """An instance as its row, without version and digest. attributes: canonical JSON."""
    return {
        "sop_instance_uid": item.sop_instance_uid,
        "series_uid": item.series_uid,
        "study_uid": item.study_uid,
        "sop_class_uid": item.sop_class_uid,
        "sha256": item.sha256,
        "size": item.size,
        "instance_number": item.instance_number,
        "transfer_syntax_uid": item.transfer_syntax_uid,
        "attributes": attributes,
    }


def changes_of(entries: Iterable[Entry]) -> list[tuple[str, str, str]]:
    """(kind, id, study_uid) that screens are told of: each once, images by their series."""
    seen = {(kind, id, study): None for kind, id, _, _, study, _ in entries if kind != "instance"}
    return list(seen)

"""Questions to the study table: pages of the worklist, searches, earlier studies."""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_

from workstation.archive.rows import study_from
from workstation.archive.schema import study
from workstation.domain.study import Study, WorklistQuery

EVERYTHING = WorklistQuery()


def searchable(*texts: str) -> str:
    """Text to search in and for: full-width and upper-case letters made plain."""
    return unicodedata.normalize("NFKC", "\n".join(texts)).casefold()


def page(connection: Connection, query: WorklistQuery) -> list[Study]:
    """One page of matching studies, urgent first, then newest."""
    chosen = (
        _where(select(study), query)
        .order_by(
            study.c.urgent.desc(), study.c.date.desc(), study.c.time.desc(), study.c.study_uid
        )
        .limit(query.limit)
        .offset(query.offset)
    )
    return [study_from(dict(row)) for row in connection.execute(chosen).mappings()]


def count(connection: Connection, query: WorklistQuery) -> int:
    """How many studies match, on all pages."""
    chosen = _where(select(func.count()).select_from(study), query)
    return int(connection.execute(chosen).scalar_one())


def last_imported(connection: Connection) -> str | None:
    """The study that images came into most recently."""
    chosen = select(study.c.study_uid).order_by(study.c.imported.desc(), study.c.study_uid).limit(1)
    found = connection.execute(chosen).scalar()
    return None if found is None else str(found)


def earlier(connection: Connection, now: Study) -> list[Study]:
    """Studies of the same patient before ``now``, newest first.

    The same patient: the same non-empty id, and no contradicting birth date.
    """
    patient = now.patient
    if not patient.patient_id:
        return []
    chosen = (
        select(study)
        .where(study.c.patient_id == patient.patient_id)
        .where(tuple_(study.c.date, study.c.time) < (now.date, now.time))
        .order_by(study.c.date.desc(), study.c.time.desc(), study.c.study_uid)
    )
    if patient.birth_date:
        chosen = chosen.where(study.c.birth_date.in_(("", patient.birth_date)))
    return [study_from(dict(row)) for row in connection.execute(chosen).mappings()]


def _where(chosen: Select[Any], query: WorklistQuery) -> Select[Any]:
    for word in searchable(query.text).split():
        chosen = chosen.where(func.instr(study.c.search, word) > 0)
    if query.modality:
        chosen = chosen.where(func.instr(study.c.modalities, f"\\{query.modality}\\") > 0)
    if query.state is not None:
        chosen = chosen.where(study.c.state == query.state.value)
    if query.date_from:
        chosen = chosen.where(study.c.date >= query.date_from)
    if query.date_to:
        chosen = chosen.where(study.c.date <= query.date_to)
    return chosen

"""Questions to the study table: pages of the worklist, searches, earlier studies."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select, tuple_

from workstation.archive.encoding import kind_name
from workstation.archive.rows import study_from
from workstation.archive.schema import artefact, study
from workstation.domain.alert import Alert
from workstation.domain.arrival import Arrival, ArrivalState
from workstation.domain.finding import HAND, Finding, FindingState
from workstation.domain.first_read import FirstRead, ReadingMode
from workstation.domain.measurement import Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.report import SignedReport
from workstation.domain.study import (
    Progress,
    Study,
    StudyState,
    WorklistOrder,
    WorklistQuery,
)

EVERYTHING = WorklistQuery()
_STATES = list(StudyState)


def searchable(*texts: str) -> str:
    """Text to search in and for: full-width and upper-case letters made plain."""
    return unicodedata.normalize("NFKC", "\n".join(texts)).casefold()


def page(connection: Connection, query: WorklistQuery) -> list[Study]:
    """One page of matching studies, urgent first, then in the order asked for, then newest."""
    chosen = (
        _where(select(study), query)
        .order_by(study.c.urgent.desc(), *_order(query))
        .limit(query.limit)
        .offset(query.offset)
    )
    return [study_from(dict(row)) for row in connection.execute(chosen).mappings()]


def _order(query: WorklistQuery) -> list[ColumnElement[Any]]:
    # The DICOM name begins with its alphabetic group where there is one: Chinese by their pinyin.
    keys: dict[WorklistOrder, list[ColumnElement[Any]]] = {
        WorklistOrder.DATE: [],
        WorklistOrder.PATIENT: [func.lower(study.c.name_dicom)],
        WorklistOrder.PATIENT_ID: [study.c.patient_id],
        WorklistOrder.AGE: [case((study.c.birth_date == "", "9"), else_=study.c.birth_date)],
        WorklistOrder.MODALITY: [study.c.modalities],
        WorklistOrder.DESCRIPTION: [func.lower(study.c.description)],
        WorklistOrder.STATE: [
            case({s.value: n for n, s in enumerate(_STATES)}, value=study.c.state, else_=9)
        ],
    }
    newest = [study.c.date.desc(), study.c.time.desc(), study.c.study_uid]
    if query.order is WorklistOrder.DATE and not query.downwards:
        newest = [study.c.date, study.c.time, study.c.study_uid]
    chosen = keys[query.order]
    return [*(k.desc() if query.downwards else k for k in chosen), *newest]


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


def of_same_patient(connection: Connection, now: Study) -> list[Study]:
    """All other studies of the same patient, earlier and later, newest first."""
    patient = now.patient
    if not patient.patient_id:
        return []
    chosen = (
        select(study)
        .where(study.c.patient_id == patient.patient_id, study.c.study_uid != now.study_uid)
        .order_by(study.c.date.desc(), study.c.time.desc(), study.c.study_uid)
    )
    if patient.birth_date:
        chosen = chosen.where(study.c.birth_date.in_(("", patient.birth_date)))
    return [study_from(dict(row)) for row in connection.execute(chosen).mappings()]


_COUNTED = {
    kind_name(Finding): "findings",
    kind_name(Outcome): "judged",
    kind_name(Refusal): "refused",
    kind_name(SignedReport): "reports",
}
_SAID = {kind_name(kind) for kind in (Arrival, Alert, ReadingMode, FirstRead)}


def progress_of(connection: Connection, studies: Sequence[Study]) -> dict[str, Progress]:
    """How far each of some studies has come; a page of the worklist at a time."""
    uids = [one.study_uid for one in studies]
    state = func.json_extract(artefact.c.json, "$.state")
    undecided = and_(artefact.c.kind == kind_name(Finding), state == FindingState.PROPOSED.value)
    by_hand = and_(
        artefact.c.kind == kind_name(Finding),
        func.json_extract(artefact.c.json, "$.made_by.name") == HAND,
    )
    chosen = (
        select(
            artefact.c.study_uid,
            artefact.c.kind,
            func.count(),
            func.sum(case((undecided, 1), else_=0)),
            func.sum(case((by_hand, 1), else_=0)),
        )
        .where(artefact.c.study_uid.in_(uids), artefact.c.kind.in_(_COUNTED))
        .where(artefact.c.current == 1, artefact.c.withdrawn == 0)
        .group_by(artefact.c.study_uid, artefact.c.kind)
    )
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    own: Counter[str] = Counter()
    for uid, kind, number, waiting, hand in connection.execute(chosen):
        counts[uid][_COUNTED[kind]] = int(number)
        if kind == kind_name(Finding):
            counts[uid]["open"] = int(waiting or 0)
            own[uid] = int(hand or 0)
    before, said = _priors(connection, studies), _said(connection, uids)
    found = {}
    for uid in uids:
        told = said.get(uid, Progress())
        if told.hidden:
            counts[uid] = Counter({"findings": own[uid], "reports": counts[uid]["reports"]})
        mine = counts[uid]
        found[uid] = replace(
            told,
            priors=before[uid],
            findings=mine["findings"],
            open=mine["open"],
            judged=mine["judged"],
            refused=mine["refused"],
            reports=mine["reports"],
        )
    return found


def _said(connection: Connection, uids: Sequence[str]) -> dict[str, Progress]:
    """Of some studies: whether they wait, are hidden, and their emergencies."""
    value = functools.partial(func.json_extract, artefact.c.json)
    chosen = (
        select(
            artefact.c.study_uid,
            artefact.c.kind,
            value("$.state"),
            value("$.hidden"),
            func.coalesce(value("$.acknowledged"), value("$.lowered")),
        )
        .where(artefact.c.study_uid.in_(uids), artefact.c.kind.in_(_SAID))
        .where(artefact.c.current == 1, artefact.c.withdrawn == 0)
    )
    found: dict[str, Progress] = {}
    locked = set()
    for uid, kind, state, hidden, settled in connection.execute(chosen):
        told = found.get(uid, Progress())
        if kind == kind_name(Arrival):
            told = replace(told, waiting=state == ArrivalState.WAITING.value)
        elif kind == kind_name(Alert):
            told = replace(
                told, alerts=told.alerts + 1, open_alerts=told.open_alerts + (settled is None)
            )
        elif kind == kind_name(ReadingMode):
            told = replace(told, hidden=bool(hidden))
        else:
            locked.add(uid)
        found[uid] = told
    return {uid: replace(t, hidden=t.hidden and uid not in locked) for uid, t in found.items()}


def waiting(connection: Connection) -> list[Study]:
    """Studies whose images the machine has still to read: urgent first, then as they came in."""
    chosen = (
        select(study)
        .join(artefact, artefact.c.study_uid == study.c.study_uid)
        .where(artefact.c.kind == kind_name(Arrival), artefact.c.current == 1)
        .where(artefact.c.withdrawn == 0)
        .where(func.json_extract(artefact.c.json, "$.state") == ArrivalState.WAITING.value)
        .order_by(study.c.urgent.desc(), artefact.c.seq)
    )
    return [study_from(dict(row)) for row in connection.execute(chosen).mappings()]


def _priors(connection: Connection, studies: Sequence[Study]) -> Counter[str]:
    """By study: how many there are that ``earlier`` would list."""
    ids = {one.patient.patient_id for one in studies if one.patient.patient_id}
    columns = (study.c.patient_id, study.c.date, study.c.time, study.c.birth_date)
    others = defaultdict(list)
    for row in connection.execute(select(*columns).where(study.c.patient_id.in_(ids))):
        others[row.patient_id].append((row.date, row.time, row.birth_date))
    found: Counter[str] = Counter()
    for one in studies:
        born = one.patient.birth_date
        found[one.study_uid] = sum(
            (date, time) < (one.date, one.time) and (not born or birth in ("", born))
            for date, time, birth in others.get(one.patient.patient_id, ())
        )
    return found


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
    if query.urgent:
        chosen = chosen.where(study.c.urgent == 1)
    if query.unread:
        chosen = chosen.where(study.c.state != StudyState.SIGNED.value)
    return chosen

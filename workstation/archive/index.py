"""Writing of the index: studies, series and instances, whose rows are replaced in place.

A row is checked against its digest before it is replaced, and the audit records the digest it had:
what was changed behind the program's back cannot be covered up by the next honest write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select

from workstation.archive import rows, schema
from workstation.archive.encoding import as_json, row_digest
from workstation.archive.worklist import searchable
from workstation.domain.study import Instance, Series, Study

_KEYS = {
    schema.study: "study_uid",
    schema.series: "series_uid",
    schema.instance: "sop_instance_uid",
}

_INSTANCES_OF = select(func.count()).where(schema.instance.c.series_uid == bindparam("wanted"))
_SERIES_OF = select(schema.series.c.modality, schema.series.c.instances).where(
    schema.series.c.study_uid == bindparam("wanted")
)


class Index:
    """Changes to the index within one transaction. entry: number its audit row will have."""

    def __init__(self, connection: Connection, entry: int) -> None:
        self._connection = connection
        self._entry = entry
        self._entries: list[rows.Entry] = []
        self._before: dict[tuple[str, str], str] = {}  # (table, UID) read so far: digest
        self._series: dict[str, None] = {}  # changed, in order
        self._studies: dict[str, None] = {}

    def study(self, study_uid: str) -> Study:
        """A study as this transaction sees it; ``NotFound``."""
        row = self._row(schema.study, study_uid)
        if row is None:
            raise rows.no_study(study_uid)
        return rows.study_from(row)

    def set_study(self, study_uid: str, **values: Any) -> None:
        """Change columns of a study's row; ``NotFound``."""
        self.study(study_uid)
        self._set(schema.study, study_uid, values)
        self._studies[study_uid] = None

    def add(
        self, study: Study, series: Series, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """See ``Writer.add_instances``."""
        self._upsert_study(study)
        self._upsert_series(series)
        known = self._known([item.sop_instance_uid for item in instances])
        refused: list[Instance] = []
        fresh: list[dict[str, Any]] = []
        for item in instances:
            there = known.get(item.sop_instance_uid)
            if there is not None and there.sha256 != item.sha256:
                refused.append(item)
                continue
            columns = rows.instance_columns(item, as_json(item.attributes))
            if there is None:
                columns["version"] = 1
            elif there.attributes == columns["attributes"]:
                continue
            else:  # the same file, read more thoroughly; it stays in its series
                columns["series_uid"], columns["study_uid"] = there.series_uid, there.study_uid
                columns["version"] = there.version + 1
            columns["digest"] = row_digest("instance", columns)
            if there is None:
                fresh.append(columns)
                known[item.sop_instance_uid] = rows.Known(**columns)
            else:
                self._set(schema.instance, item.sop_instance_uid, columns)
            self._note("instance", item.sop_instance_uid, columns, there.digest if there else "")
        if fresh:
            self._connection.execute(rows.insert_into(schema.instance), fresh)
            self._set(schema.study, study.study_uid, {"imported": self._entry})
            self._series[series.series_uid] = None
            self._studies[study.study_uid] = None
        return tuple(refused)

    def restate(self, study: Study, series: Sequence[Series]) -> None:
        """See ``Writer.restate``."""
        words = {
            "name": study.patient.name,
            "name_dicom": study.patient.name_dicom,
            "description": study.description,
        }
        as_json(words)
        self.set_study(study.study_uid, **words)
        for item in series:
            there = self._must_row(schema.series, item.series_uid)
            if there["description"] != item.description:
                self._set(schema.series, item.series_uid, {"description": item.description})
                self._series[item.series_uid] = None

    def finish(self) -> list[rows.Entry]:
        """Bring counts, versions and digests up to date; what the audit is to say of it all."""
        for series_uid in self._series:
            self._finish_series(series_uid)
        for study_uid in self._studies:
            self._finish_study(study_uid)
        return self._entries

    def _upsert_study(self, study: Study) -> None:
        patient = study.patient
        given = {
            "patient_id": patient.patient_id,
            "name": patient.name,
            "name_dicom": patient.name_dicom,
            "birth_date": patient.birth_date,
            "sex": patient.sex,
            "age": patient.age,
            "date": study.date,
            "time": study.time,
            "description": study.description,
            "accession": study.accession,
        }
        blank = {
            "study_uid": study.study_uid,
            "imported": self._entry,
            "modalities": "\\",
            "series": 0,
            "instances": 0,
            "state": study.state.value,
            "urgent": int(study.urgent),
            "search": "",
        }
        if self._upsert(schema.study, study.study_uid, given, blank):
            self._studies[study.study_uid] = None

    def _upsert_series(self, series: Series) -> None:
        given = {
            "modality": series.modality,
            "number": series.number,
            "description": series.description,
            "body_part": series.body_part,
        }
        blank = {"series_uid": series.series_uid, "study_uid": series.study_uid, "instances": 0}
        if self._upsert(schema.series, series.series_uid, given, blank):
            self._series[series.series_uid] = None
            self._studies[series.study_uid] = None

    def _upsert(self, table: Table, uid: str, given: dict[str, Any], blank: dict[str, Any]) -> bool:
        """Insert a row, or fill in what was empty in it; whether anything changed."""
        as_json(given)  # refuses text that is not Unicode before SQLite would
        there = self._row(table, uid)
        if there is None:
            columns = given | blank | {"version": 0, "digest": ""}
            self._connection.execute(rows.insert_into(table), columns)
            return True
        filled = {k: v for k, v in given.items() if v not in ("", None) and there[k] in ("", None)}
        if filled:
            self._set(table, uid, filled)
        return bool(filled)

    def _known(self, uids: Sequence[str]) -> dict[str, rows.Known]:
        found: dict[str, rows.Known] = {}
        table = schema.instance
        for start in range(0, len(uids), 500):
            some = list(uids[start : start + 500])
            for row in self._connection.execute(
                select(table).where(table.c.sop_instance_uid.in_(some))
            ).mappings():
                rows.check(dict(row), "instance", "image", row["sop_instance_uid"])
                found[row["sop_instance_uid"]] = rows.Known(**row)
        return found

    def _finish_series(self, series_uid: str) -> None:
        columns = self._must_row(schema.series, series_uid)
        columns["instances"] = self._connection.execute(
            _INSTANCES_OF, {"wanted": series_uid}
        ).scalar_one()
        self._replace("series", schema.series, series_uid, columns, columns["study_uid"])

    def _finish_study(self, study_uid: str) -> None:
        found = self._connection.execute(_SERIES_OF, {"wanted": study_uid}).all()
        columns = self._must_row(schema.study, study_uid)
        modalities = sorted({row.modality for row in found if row.modality})
        columns |= {
            "series": len(found),
            "instances": sum(row.instances for row in found),
            "modalities": "".join(f"\\{m}" for m in modalities) + "\\",
            "search": searchable(
                columns["name"], columns["name_dicom"], columns["patient_id"], columns["accession"]
            ),
        }
        self._replace("study", schema.study, study_uid, columns, study_uid)

    def _replace(
        self, kind: str, table: Table, uid: str, columns: dict[str, Any], study_uid: str
    ) -> None:
        columns["version"] += 1
        columns["digest"] = row_digest(kind, columns)
        self._set(table, uid, columns)
        self._note(kind, uid, columns, self._before.get((table.name, uid), ""), study_uid)

    def _row(self, table: Table, uid: str) -> dict[str, Any] | None:
        """A row, checked against its digest when this transaction first reads it."""
        row = rows.row_of(self._connection, table, _KEYS[table], uid)
        key = (table.name, uid)
        if row is not None and row["version"] and key not in self._before:
            rows.check(row, table.name, table.name, uid)
            self._before[key] = row["digest"]
        return row

    def _must_row(self, table: Table, uid: str) -> dict[str, Any]:
        row = self._row(table, uid)
        assert row is not None, "touched in this transaction"
        return row

    def _set(self, table: Table, uid: str, values: dict[str, Any]) -> None:
        statement = rows.update_by(table, _KEYS[table], tuple(sorted(values)))
        self._connection.execute(
            statement, {"wanted": uid} | {f"new_{name}": value for name, value in values.items()}
        )

    def _note(
        self, kind: str, uid: str, columns: dict[str, Any], before: str, study_uid: str = ""
    ) -> None:
        study_uid = study_uid or columns["study_uid"]
        self._entries.append((kind, uid, columns["version"], columns["digest"], study_uid, before))

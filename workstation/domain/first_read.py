"""Second reader: a site may hide what the machine says until a person has locked a first read.

Whether a study is read so is stored with the study before anything looks at it: changing the
site's setting later shows nothing of it early, and hides nothing that was already on screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from workstation.domain.artefact import digest_of
from workstation.domain.finding import Finding, is_by_hand
from workstation.domain.mark import Mark
from workstation.domain.measurement import Measurement

T = TypeVar("T")


class Stored(Protocol):
    """Where artefacts are read from: the archive, or its open transaction."""

    def all(self, kind: type[T], study_uid: str = "") -> list[T]:
        """Every current artefact of one kind."""


@dataclass(frozen=True)
class ReadingMode:
    """How a study is read. id: the study's UID. hidden: AI waits for the first read.

    stat_alerts: an emergency is told all the same (that there is one, by which model; not what or
    where); without it even that waits.
    """

    id: str
    study_uid: str
    hidden: bool
    stat_alerts: bool
    at: datetime


@dataclass(frozen=True)
class Snapshot:
    """One thing as it was when the first read was locked; its versions are in the archive."""

    kind: str  # finding, mark, key image, free text
    id: str
    digest: str


@dataclass(frozen=True)
class FirstRead:
    """A named reader's first read, locked: never changed afterwards. id: the study's UID."""

    id: str
    study_uid: str
    reader: str
    reader_name: str
    at: datetime
    held: tuple[Snapshot, ...]

    def has(self, kind: str, item: Finding | Mark) -> bool:
        """Whether the item stood so when the read was locked."""
        return Snapshot(kind, item.id, essence(item)) in self.held


_NOT_SAID = frozenset({"label_mm", "numbers", "by", "at", "in_report"})


def essence(item: object) -> str:
    """Digest of what a person said with a finding or mark.

    Machine-made numbers, when and by whom it was kept, where the words of a mark stand and whether
    the report says it are no part: who only puts an early measurement into the report did not
    change it.
    """
    if isinstance(item, Finding):
        place = tuple(round(v, 3) for v in item.location_mm)
        return digest_of((item.label, item.site, item.state, item.mask_id, place, item.note))
    if isinstance(item, Mark):
        said = {k: v for k, v in item.__dict__.items() if k not in _NOT_SAID}
        return digest_of(said)
    return digest_of(item)


def first_read(store: Stored, study_uid: str) -> FirstRead | None:
    """The locked first read of a study, if there is one."""
    return next(iter(store.all(FirstRead, study_uid)), None)


def reading_mode(store: Stored, study_uid: str) -> ReadingMode | None:
    """How the study is read; None where nothing has looked at it yet."""
    return next(iter(store.all(ReadingMode, study_uid)), None)


def is_hidden(store: Stored, study_uid: str) -> bool:
    """Whether nothing that the machine found may be shown or written of this study yet."""
    mode = reading_mode(store, study_uid)
    return mode is not None and mode.hidden and first_read(store, study_uid) is None


def of_people(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that a person added: what may be seen while AI is hidden."""
    return [one for one in findings if is_by_hand(one)]


def of_these(measurements: Iterable[Measurement], findings: Iterable[Finding]) -> list[Measurement]:
    """Measurements of these findings only."""
    ids = {one.id for one in findings}
    return [one for one in measurements if one.finding_id in ids]


def changed_after(store: Stored, read: FirstRead) -> tuple[Snapshot, ...]:
    """A person's findings and marks that were made or changed after AI was shown, as they are."""
    findings = of_people(store.all(Finding, read.study_uid))
    marks = store.all(Mark, read.study_uid)
    now = [Snapshot("finding", one.id, essence(one)) for one in findings]
    now += [Snapshot("mark", one.id, essence(one)) for one in marks]
    return tuple(one for one in now if one not in read.held)


def after_ai(read: FirstRead | None, item: Finding | Mark) -> bool:
    """Whether a person's own finding or mark was made or changed after AI was shown."""
    if read is None or item.study_uid != read.study_uid:
        return False
    if isinstance(item, Mark):
        return not read.has("mark", item)
    return is_by_hand(item) and not read.has("finding", item)

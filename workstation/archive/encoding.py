"""Artefacts as text: canonical JSON out, the same frozen dataclass back."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from workstation.domain.alert import Alert
from workstation.domain.alignment import Alignment
from workstation.domain.arrival import Arrival
from workstation.domain.artefact import canonical_json
from workstation.domain.centreline import Centreline
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import N_, BadInput, Tampered
from workstation.domain.finding import Decision, Finding
from workstation.domain.first_read import FirstRead, ReadingMode
from workstation.domain.mark import KeyImage, Mark, MarkJournal, RoleChoice
from workstation.domain.mask import MaskInfo
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.people import User
from workstation.domain.received import Received
from workstation.domain.report import FreeText, PatientPage, ReportDraft, SignedReport, TakenOver
from workstation.domain.segment import Segment
from workstation.domain.volume import Stack

Artefact = (
    Stack
    | MaskInfo
    | Finding
    | Decision
    | Measurement
    | Refusal
    | Outcome
    | FreeText
    | ReportDraft
    | SignedReport
    | User
    | Mark
    | MarkJournal
    | KeyImage
    | RoleChoice
    | Alignment
    | Centreline
    | Segment
    | Received
    | Arrival
    | Alert
    | ReadingMode
    | FirstRead
    | DerivedMap
    | TakenOver
    | PatientPage
)
"""Everything that is stored as one immutable JSON text for each version."""

KINDS: dict[type, str] = {
    Stack: "stack",
    MaskInfo: "mask",
    Finding: "finding",
    Decision: "decision",
    Measurement: "measurement",
    Refusal: "refusal",
    Outcome: "outcome",
    FreeText: "free text",
    ReportDraft: "draft",
    SignedReport: "signed report",
    User: "user",
    Mark: "mark",
    MarkJournal: "mark journal",
    KeyImage: "key image",
    RoleChoice: "role choice",
    Alignment: "alignment",
    Centreline: "centreline",
    Segment: "segment",
    Received: "received object",
    Arrival: "arrival",
    Alert: "alert",
    ReadingMode: "reading mode",
    FirstRead: "first read",
    DerivedMap: "derived map",
    TakenOver: "taken over",
    PatientPage: "patient page",
}
"""Python type to the name used in the tables; the names are part of the file format."""

T = TypeVar("T")


def kind_name(kind: type) -> str:
    """Name of an artefact's type in the tables."""
    return KINDS[kind]


def identity(artefact: Artefact) -> str:
    """What names an artefact through all its versions."""
    return artefact.name if isinstance(artefact, User) else artefact.id


@functools.cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(next(kind for kind, known in KINDS.items() if known == name))


def as_json(value: Any) -> str:
    """Canonical JSON of ``value``; ``BadInput`` where it holds no finite number or broken text."""
    try:
        written = canonical_json(value)
        written.encode("utf-8")
    except ValueError as error:
        raise BadInput(
            N_("This holds a number that is not finite or text that is not Unicode: not stored.")
        ) from error
    return written


def decode(kind: type[T], id: str, written: str) -> T:
    """The artefact that ``as_json`` wrote; raises ``Tampered`` where the text is not one."""
    try:
        return cast(T, _adapter(KINDS[kind]).validate_json(written))
    except (ValidationError, BadInput) as error:
        raise Tampered(
            N_("The stored {kind} {id} cannot be read. Run verify and restore from the backup."),
            kind=KINDS[kind],
            id=id,
        ) from error


def row_digest(kind: str, row: Mapping[str, Any]) -> str:
    """SHA-256 of a row as stored: every column but the digest itself and ``current``.

    ``current`` follows from the versions and is checked against them by ``verify``.
    """
    columns = {k: v for k, v in row.items() if k not in {"digest", "current"}}
    return hashlib.sha256(as_json([kind, columns]).encode("utf-8")).hexdigest()

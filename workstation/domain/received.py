"""That an object of another system was looked at, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from workstation.domain.artefact import MadeBy
from workstation.domain.errors import Message
from workstation.domain.origin import Maker

RECEIVED = "received object"
"""``Refusal.what`` of an object of another system that was not taken."""


@dataclass(frozen=True)
class Received:
    """One object (segmentation, report, map) of a study and the findings that it brought.

    made_from: its file, and the stacks that its findings could lie on; while they are the same it
    is not read again. finding_ids: what it brought, decided or not. refused: why nothing of it was
    taken. replaced_by: SOP instance that took its place or withdrew it, or "".
    """

    id: str  # the SOP instance UID
    study_uid: str
    series_uid: str
    kind: str
    title: str
    maker: Maker
    made_from: tuple[str, ...]
    made_by: MadeBy
    finding_ids: tuple[str, ...] = ()
    refused: Message | None = None
    replaced_by: str = ""

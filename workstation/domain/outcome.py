"""That something was looked at: what tells "nothing proposed" from "could not judge"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.errors import Message


@dataclass(frozen=True)
class Outcome:
    """A model or analysis has judged a stack.

    found: how many findings it proposed. 0 says that it proposed nothing, which is no refusal and
    no proof that there is nothing: it is never shown as normal. what: package or analysis id.
    provider, precision, threads: how a network was computed. seconds, peak_mb: what it took.
    cautions: accepted with these (unusual headers). doubts: why the result is not to be relied
    upon; with any, the outcome is uncertain, whatever was or was not found. unlikeness: how far
    the image is from what the model knows, 1 where doubt begins.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    what: str
    name: Wording
    found: int
    made_from: tuple[str, ...]
    made_by: MadeBy
    evidence: str = ""  # evidence level of the model: none, synthetic, public, clinical
    provider: str = ""
    precision: str = ""
    threads: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    at: datetime | None = None  # when it was stored, UTC; None in archives of earlier versions
    cautions: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()
    unlikeness: float | None = None

    @property
    def uncertain(self) -> bool:
        """Whether it says neither that something was found nor that nothing was."""
        return bool(self.doubts)

"""That something was looked at: what tells "nothing proposed" from "could not judge"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workstation.domain.artefact import MadeBy, Wording


@dataclass(frozen=True)
class Outcome:
    """A model or analysis has judged a stack.

    found: how many findings it proposed. 0 says that it proposed nothing, which is no refusal and
    no proof that there is nothing: it is never shown as normal. what: package or analysis id.
    provider, precision, threads: how a network was computed. seconds, peak_mb: what it took.
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

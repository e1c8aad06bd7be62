"""An emergency that a model or measure proposes: when it came, was seen, shown and acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workstation.domain.artefact import MadeBy, Wording


@dataclass(frozen=True)
class Alert:
    """One run's urgent findings. Every change is a new version: the log of an alert stays.

    what, name, made_by: the model or measure. arrived: when the images came in; detected: when the
    result was stored; shown: when a notice first stood on a screen; acknowledged: when the person
    ``acknowledged_by`` (sign-in name; ``acknowledged_name`` as shown) took note. lowered: since
    when nothing of it is urgent any more, because a person rejected it or its images changed. All
    times UTC.
    """

    id: str
    study_uid: str
    what: str
    name: Wording
    finding_ids: tuple[str, ...]
    made_by: MadeBy
    detected: datetime
    arrived: datetime | None = None
    shown: datetime | None = None
    acknowledged: datetime | None = None
    acknowledged_by: str = ""
    acknowledged_name: str = ""
    lowered: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether somebody must still take note of it."""
        return self.acknowledged is None and self.lowered is None

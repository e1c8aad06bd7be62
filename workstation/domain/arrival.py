"""That images of a study came in and wait to be read by the machine; survives the program."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from workstation.domain.errors import Message


class ArrivalState(enum.Enum):
    """Whether the machine has read what came in."""

    WAITING = "waiting"
    DONE = "done"
    STOPPED = "stopped"  # by a person, or by something that went wrong: see ``why``


@dataclass(frozen=True)
class Arrival:
    """The last time images of a study came in. id: the study's UID; at: when, UTC."""

    id: str
    study_uid: str
    at: datetime
    state: ArrivalState = ArrivalState.WAITING
    why: Message | None = None

"""Who may look at a study: models and measures, installed or only known, and what they said."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.errors import Message
from workstation.domain.finding import Finding
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.outcome import Outcome


@dataclass(frozen=True)
class KnownJudge:
    """A model package or an analysis.

    measure: an analysis of ours; needs_mask: then the kind of finding whose outline it measures.
    installed: it can run here; broken: why it cannot though it lies there. use: what it is for.
    modalities, roles: which series it looks at; empty for any.
    """

    id: str
    name: Wording
    made_by: MadeBy
    area: str = ""
    measure: bool = False
    needs_mask: str = ""
    stat: bool = False
    evidence: str = ""
    installed: bool = True
    broken: Message | None = None
    use: Wording | None = None
    modalities: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class RowState(enum.Enum):
    """What one row of the findings panel says, in the order in which a reader must know it."""

    FOUND = "found"
    UNCERTAIN = "could not judge with confidence"
    NOT_JUDGED = "could not judge"
    RUNNING = "running"
    WAITING = "waiting"
    NOT_FOUND = "nothing found"
    NOT_APPLICABLE = "no suitable series"
    NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class JudgeRow:
    """One row: who, what came of it, and all that stands behind it."""

    judge: KnownJudge
    state: RowState
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def urgent(self) -> bool:
        """Whether one of its findings is an emergency."""
        return any(one.urgent for one in self.findings)

    @property
    def number(self) -> tuple[float, str] | None:
        """The main number with its unit: of the first finding that has one; where there is no
        finding, the first that a measure measured. Of several organs none is the main one.

        None once a finding lost its number by an edit (an ejection fraction whose outline was
        changed in one phase only): no other number may stand in its place.
        """
        if any(f.value is None and f.original_value is not None for f in self.findings):
            return None
        numbers = [(f.value, f.unit) for f in self.findings if f.value is not None]
        if not self.findings and (self.judge.measure or len(self.measurements) == 1):
            numbers = [(m.value, m.unit) for m in self.measurements]
        return numbers[0] if numbers else None

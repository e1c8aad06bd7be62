"""Findings: proposed by models, decided by people. The state table is the law of review."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import N_, Message, NotAllowed
from workstation.domain.measurement import as_stated, format_value
from workstation.domain.origin import Algorithm, Origin
from workstation.domain.people import Actor


class FindingState(enum.Enum):
    """Where a finding stands; only people move it out of PROPOSED."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    ADDED = "added"


class Action(enum.Enum):
    """What a reader does to a finding."""

    ACCEPT = "accept"
    EDIT = "edit"
    REJECT = "reject"
    REOPEN = "reopen"
    ADD = "add"


_P, _A, _E, _R, _D = FindingState  # proposed, accepted, edited, rejected, added

TRANSITIONS: dict[tuple[FindingState | None, Action], FindingState] = {
    (None, Action.ADD): _D,
    (_P, Action.ACCEPT): _A,
    (_P, Action.EDIT): _E,
    (_P, Action.REJECT): _R,
    (_A, Action.EDIT): _E,
    (_A, Action.REJECT): _R,
    (_A, Action.REOPEN): _P,
    (_E, Action.EDIT): _E,
    (_E, Action.ACCEPT): _E,  # "yes, as I edited it"
    (_E, Action.REJECT): _R,
    (_E, Action.REOPEN): _P,  # back to the model's original
    (_R, Action.ACCEPT): _A,
    (_R, Action.EDIT): _E,
    (_R, Action.REOPEN): _P,
    (_D, Action.EDIT): _D,
    (_D, Action.ACCEPT): _D,
    (_D, Action.REJECT): _R,
}
"""(state, action) to the next state; what is not listed is refused."""

REPORTED = frozenset({_A, _E, _D})
"""States whose findings may speak in a report."""


def next_state(state: FindingState | None, action: Action) -> FindingState:
    """The state after ``action``; raises ``NotAllowed`` where the table has no such move."""
    try:
        return TRANSITIONS[state, action]
    except KeyError:
        raise NotAllowed(
            N_("A finding that is {state} cannot be moved by: {action}."),
            state=state.value if state else "new",
            action=action.value,
        ) from None


@dataclass(frozen=True)
class Outlined:
    """A reader's outline in place of the maker's: of which structure (its code), on which phase."""

    code: str
    phase: int
    mask_id: str


@dataclass(frozen=True)
class Finding:
    """One thing seen in a study.

    location_mm: LPS mm, where a click jumps to. value, unit: its main number (UCUM), None where it
    has none. mask_id: what is drawn now; original_mask_id: what the model drew, never replaced.
    edits: mask ids of each edit step in order, edits[0] being the first shown; edit_at: which of
    them is current, so that undo and redo survive a crash. confidence: 0..1 as the model states.
    template_key: which phrase of the report template speaks for it. category, site_code,
    value_code: what it is, where, and what its number is, where a model or another system says so
    in codes. algorithm: what found it. origin: of a finding that another system sent. outlined: of
    a finding over the heart beat what a reader outlined beside the mask that it shows.
    """

    id: str
    study_uid: str
    series_uid: str
    stack_id: str
    label: Wording
    code: Code
    site: Wording
    state: FindingState
    made_by: MadeBy
    made_from: tuple[str, ...]
    location_mm: tuple[float, float, float]
    value: float | None = None
    unit: str = ""
    formula: str = ""
    value_name: Wording | None = None
    mask_id: str = ""
    original_mask_id: str = ""
    original_value: float | None = None
    edits: tuple[str, ...] = ()
    edit_at: int = 0
    confidence: float | None = None
    evidence: str = ""  # level of the model: none, synthetic, public, clinical; unknown (others)
    template_key: str = ""
    area: str = ""  # brain, vessel, heart, chest, abdomen
    urgent: bool = False
    note: str = ""
    phase: int = 0
    outlined: tuple[Outlined, ...] = ()
    category: Code | None = None
    site_code: Code | None = None
    value_code: Code | None = None
    algorithm: Algorithm | None = None
    origin: Origin | None = None
    cautions: tuple[Message, ...] = ()  # its images were accepted with these
    doubts: tuple[Message, ...] = ()  # why the model's result is not to be relied upon


HAND = "reader"
"""``made_by.name`` of what a person drew or pointed at; the version then names the person."""


def is_by_hand(finding: Finding) -> bool:
    """Whether a person added the finding; no model proposed it."""
    return finding.made_by.name == HAND and not finding.made_by.sha256


def step_of(finding: Finding) -> str:
    """The mask that the edit step which the finding shows was drawn with."""
    return finding.edits[finding.edit_at] if finding.edits else finding.mask_id


def shown_value(finding: Finding) -> str:
    """A finding's main number as every screen and report writes it; empty where it has none.

    What another system states keeps every digit, for it is not ours to round.
    """
    if finding.value is None:
        return ""
    if finding.origin is not None and finding.value_code is not None:
        return as_stated(finding.value, finding.unit)
    return format_value(finding.value, finding.unit)


def state_after(finding: Finding, action: Action) -> FindingState:
    """``next_state``, true to what the finding shows.

    The table alone would call a finding ACCEPTED (as the model drew it) that was edited, rejected
    and then accepted, and PROPOSED (by a model) one that a person added.
    """
    state = next_state(finding.state, action)
    if is_by_hand(finding) and state is not FindingState.REJECTED:
        return FindingState.ADDED
    edited = bool(finding.outlined or (finding.edits and finding.mask_id != finding.edits[0]))
    if state is FindingState.ACCEPTED and edited:
        return FindingState.EDITED
    return state


@dataclass(frozen=True)
class Decision:
    """One act of a person on a finding; never changed once written."""

    id: str
    study_uid: str
    finding_id: str
    action: Action
    before: FindingState | None
    after: FindingState
    actor: Actor
    at: datetime
    reason: str = ""
    mask_before: str = ""
    mask_after: str = ""
    value_before: float | None = None
    value_after: float | None = None

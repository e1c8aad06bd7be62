"""What readers made of a model's findings: accepted, edited, rejected, month by month, and drift.

Counted from what the archive holds; nothing that could name a patient leaves this file: no name,
identifier, date of an examination, nor a UID. Each version of a package is counted by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from statistics import mean, median
from typing import Any

import numpy as np

from workstation.archive.store import Archive
from workstation.domain.artefact import MadeBy
from workstation.domain.errors import N_, Message, ReaderError
from workstation.domain.finding import Decision, Finding, FindingState, is_by_hand
from workstation.domain.first_read import ReadingMode, is_hidden
from workstation.domain.measurement import Refusal
from workstation.domain.outcome import Outcome
from workstation.domain.voxel_set import VoxelSet
from workstation.domain.work import Cancel
from workstation.reading.drift import CUSUM_LIMIT, PSI_LIMIT, Cusum, cusum, histogram, psi

BASELINE = 30
"""Decisions and scores of a version's beginning that later ones are held against."""
SCORES = 20
"""Scores a month must have before its histogram is compared."""


def _rate(judged: int, refused: int) -> float | None:
    return refused / (judged + refused) if judged + refused else None


@dataclass(frozen=True)
class Edit:
    """What a reader changed of one outline. dice: of the model's and the reader's mask.
    volume_ml: the reader's; change_ml: that less the model's."""

    dice: float
    volume_ml: float
    change_ml: float


@dataclass(frozen=True)
class Month:
    """One month (YYYY-MM, UTC) of one version. judged, uncertain, refused: series, as in
    ``VersionLog``, by the day on which it said so. psi: of its scores against the beginning's, None
    where there are too few."""

    month: str
    judged: int = 0
    uncertain: int = 0
    refused: int = 0
    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    psi: float | None = None

    @property
    def decided(self) -> int:
        """Findings decided in this month."""
        return self.accepted + self.edited + self.rejected

    @property
    def acceptance(self) -> float | None:
        """Part that was not rejected; None where nothing was decided."""
        return (self.accepted + self.edited) / self.decided if self.decided else None

    @property
    def refusal_rate(self) -> float | None:
        """Part of the series meant for it that it could not judge; None where there were none."""
        return _rate(self.judged, self.refused)


@dataclass(frozen=True)
class VersionLog:
    """Everything counted of one version of a package or measure.

    judged: series that it looked at; refused: series that it would look at and could not judge;
    uncertain: judged, but not to be relied upon. seconds: median of a run. signs: what should
    make somebody look, in words.
    """

    made_by: MadeBy
    accepted: int = 0
    edited: int = 0
    rejected: int = 0
    undecided: int = 0
    judged: int = 0
    uncertain: int = 0
    refused: int = 0
    edits: tuple[Edit, ...] = ()
    seconds: float | None = None
    scores: tuple[int, ...] = ()
    months: tuple[Month, ...] = ()
    cusum: Cusum = field(default=Cusum((), None))
    signs: tuple[Message, ...] = ()

    @property
    def decided(self) -> int:
        """Findings that a person decided."""
        return self.accepted + self.edited + self.rejected

    @property
    def refusal_rate(self) -> float | None:
        """Part of the series meant for it that it could not judge; None where there were none."""
        return _rate(self.judged, self.refused)

    @property
    def mean_dice(self) -> float | None:
        """Over the edited findings with an outline; None where there are none."""
        return mean(edit.dice for edit in self.edits) if self.edits else None


def dice(one: VoxelSet, other: VoxelSet) -> float:
    """2 |A ∩ B| / (|A| + |B|) of two masks on one grid (Dice, Ecology 26:297, 1945); 1 of two
    empty ones."""
    whole = one.count + other.count
    if not whole:
        return 1.0
    low = [max(a, b) for a, b in zip(one.origin, other.origin, strict=True)]
    high = [
        min(a + m, b + n)
        for a, m, b, n in zip(
            one.origin, one.voxels.shape, other.origin, other.voxels.shape, strict=True
        )
    ]
    if any(h <= start for start, h in zip(low, high, strict=True)):
        return 0.0

    def cut(mask: VoxelSet) -> Any:
        block = tuple(
            slice(start - o, h - o) for start, h, o in zip(low, high, mask.origin, strict=True)
        )
        return mask.voxels[block]

    return 2.0 * int(np.count_nonzero(cut(one) & cut(other))) / whole


@dataclass
class _Counted:
    states: Counter[FindingState] = field(default_factory=Counter)
    decided: list[tuple[datetime, FindingState]] = field(default_factory=list)
    scored: list[tuple[datetime | None, float]] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    judged: list[datetime | None] = field(default_factory=list)
    uncertain: list[datetime | None] = field(default_factory=list)
    refused: list[datetime | None] = field(default_factory=list)


def model_log(archive: Archive, judge_id: str, *, cancel: Cancel | None = None) -> list[VersionLog]:
    """Every version of a package or measure that left something in the archive, the newest last.

    Reads the whole archive and the masks of edited findings: not for the GUI thread.
    """
    counted: dict[MadeBy, _Counted] = defaultdict(_Counted)
    when: dict[tuple[MadeBy, str], datetime] = {}
    # What a first read still waits for is counted nowhere: with one study, a count would tell it.
    hidden = {mode.study_uid for mode in archive.all(ReadingMode)}
    hidden = {uid for uid in hidden if is_hidden(archive, uid)}
    for outcome in archive.all(Outcome):
        if outcome.what == judge_id and outcome.study_uid not in hidden:
            of = counted[outcome.made_by]
            of.judged.append(outcome.at)
            of.uncertain += [outcome.at] if outcome.uncertain else []
            of.seconds += [outcome.seconds] if outcome.seconds else []
            if outcome.at is not None:
                when[outcome.made_by, outcome.stack_id] = outcome.at
    for refusal in archive.all(Refusal):
        # Without a series it says only that the study had none for it.
        if refusal.what == judge_id and refusal.made_from and refusal.study_uid not in hidden:
            counted[refusal.made_by].refused.append(refusal.at)
    last: dict[str, Decision] = {}
    for decision in archive.all(Decision):
        last[decision.finding_id] = decision
    for finding in archive.all(Finding):
        if finding.made_by.name != judge_id or is_by_hand(finding):
            continue
        if finding.study_uid in hidden:
            continue
        if cancel is not None:
            cancel.check()
        _count(archive, counted[finding.made_by], finding, last.get(finding.id), when)
    found = [_version(made_by, of) for made_by, of in counted.items()]
    return sorted(found, key=lambda one: _numbers(one.made_by.version))


def _numbers(version: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(p), "") if p.isdigit() else (0, p) for p in version.split("."))


def _count(
    archive: Archive,
    of: _Counted,
    finding: Finding,
    decision: Decision | None,
    when: dict[tuple[MadeBy, str], datetime],
) -> None:
    of.states[finding.state] += 1
    if decision is not None and finding.state is not FindingState.PROPOSED:
        of.decided.append((decision.at, finding.state))
    if finding.confidence is not None:
        of.scored.append((when.get((finding.made_by, finding.stack_id)), finding.confidence))
    edited = finding.state is FindingState.EDITED and finding.original_mask_id
    if edited and finding.mask_id != finding.original_mask_id:
        try:
            before = archive.load_voxels(finding.original_mask_id)
            after = archive.load_voxels(finding.mask_id)
        except ReaderError:  # a mask that is lost is named by verify; the other numbers stand
            return
        ml = after.grid.voxel_ml
        change = (after.count - before.count) * ml
        of.edits.append(Edit(dice(before, after), after.count * ml, change))


def _version(made_by: MadeBy, of: _Counted) -> VersionLog:
    of.decided.sort(key=lambda one: one[0])
    rejected = [state is FindingState.REJECTED for _, state in of.decided]
    chart = _chart(rejected)
    months = _months(of)
    return VersionLog(
        made_by,
        accepted=of.states[FindingState.ACCEPTED],
        edited=of.states[FindingState.EDITED],
        rejected=of.states[FindingState.REJECTED],
        undecided=of.states[FindingState.PROPOSED],
        judged=len(of.judged),
        uncertain=len(of.uncertain),
        refused=len(of.refused),
        edits=tuple(of.edits),
        seconds=median(of.seconds) if of.seconds else None,
        scores=histogram([score for _, score in of.scored]) if of.scored else (),
        months=months,
        cusum=chart,
        signs=tuple(_signs(months, chart)),
    )


def _chart(rejected: Sequence[bool]) -> Cusum:
    """The chart of what followed the beginning; the beginning says what is usual."""
    first, later = rejected[:BASELINE], rejected[BASELINE:]
    if not later:
        return Cusum((), None)
    # Half a rejection and half an acceptance more (Jeffreys): no rate of 0 or 1.
    return cusum(later, (sum(first) + 0.5) / (len(first) + 1.0))


def _months(of: _Counted) -> tuple[Month, ...]:
    states: dict[str, Counter[FindingState]] = defaultdict(Counter)
    for at, state in of.decided:
        states[f"{at:%Y-%m}"][state] += 1
    looked = [_by_month(those) for those in (of.judged, of.uncertain, of.refused)]
    dated = sorted((at, score) for at, score in of.scored if at is not None)
    expected = histogram([score for _, score in dated[:BASELINE]])
    later: dict[str, list[float]] = defaultdict(list)
    for at, score in dated[BASELINE:]:
        later[f"{at:%Y-%m}"].append(score)
    return tuple(
        Month(
            month,
            judged=looked[0][month],
            uncertain=looked[1][month],
            refused=looked[2][month],
            accepted=states[month][FindingState.ACCEPTED],
            edited=states[month][FindingState.EDITED],
            rejected=states[month][FindingState.REJECTED],
            psi=psi(expected, histogram(later[month])) if len(later[month]) >= SCORES else None,
        )
        for month in sorted({*states, *later, *looked[0], *looked[2]})
    )


def _by_month(moments: Sequence[datetime | None]) -> Counter[str]:
    """How many fell into each month; archives of earlier versions do not say when."""
    return Counter(f"{at:%Y-%m}" for at in moments if at is not None)


def _signs(months: Sequence[Month], chart: Cusum) -> list[Message]:
    said = [
        Message(
            N_("Scores of {month} differ from those of the beginning (PSI {psi}, limit {limit})."),
            {"month": one.month, "psi": f"{one.psi:.2f}", "limit": PSI_LIMIT},
        )
        for one in months
        if one.psi is not None and one.psi > PSI_LIMIT
    ]
    if chart.signal is not None:
        said.append(
            Message(
                N_("It is rejected oftener than in the beginning (CUSUM over {limit})."),
                {"limit": CUSUM_LIMIT},
            )
        )
    return said


def as_data(log: VersionLog) -> dict[str, Any]:
    """A version's numbers for export: counts and shares, nothing of any patient."""
    return {
        "version": log.made_by.version,
        "package_sha256": log.made_by.sha256,
        "accepted": log.accepted,
        "edited": log.edited,
        "rejected": log.rejected,
        "undecided": log.undecided,
        "judged": log.judged,
        "uncertain": log.uncertain,
        "refused": log.refused,
        "refusal_rate": log.refusal_rate,
        "mean_dice_of_edits": log.mean_dice,
        "edits": [asdict(edit) for edit in log.edits],
        "median_seconds": log.seconds,
        "scores": list(log.scores),
        "months": [
            asdict(month) | {"acceptance": month.acceptance, "refusal_rate": month.refusal_rate}
            for month in log.months
        ],
        "cusum": {"values": list(log.cusum.values), "signal": log.cusum.signal},
        "signs": [str(sign) for sign in log.signs],
    }

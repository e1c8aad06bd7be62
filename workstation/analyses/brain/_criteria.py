"""Entry criteria of trials, read from guideline files and compared with facts, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput
from workstation.guidelines import load_table

Fact = float | str | None


@dataclass(frozen=True)
class Criterion:
    """One comparison. low, high: bounds, and whether each may be equal; words: allowed ones."""

    fact: str
    low: float | None = None
    at_most: float | None = None
    below: float | None = None
    words: tuple[str, ...] = ()

    def holds(self, value: Fact) -> bool | None:
        """Whether ``value`` fulfils it; None where it is not known."""
        if value is None or value == "":
            return None
        if self.words:
            return value in self.words
        number = float(value)
        return not (
            (self.low is not None and number < self.low)
            or (self.at_most is not None and number > self.at_most)
            or (self.below is not None and number >= self.below)
        )

    @property
    def allowed(self) -> str:
        """The range in signs: "6–16", "<70", "≥1.8", "ica/m1"."""
        if self.words:
            return "/".join(word.upper() for word in self.words)
        high = f"≤{self.at_most:g}" if self.at_most is not None else ""
        high = f"<{self.below:g}" if self.below is not None else high
        low = "" if self.low is None else f"≥{self.low:g}"
        return ", ".join(part for part in (low, high) if part)


@dataclass(frozen=True)
class Group:
    """Criteria that must all hold."""

    name: Wording
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Trial:
    """Groups of which one is enough. citation, version: of the file."""

    id: str
    name: Wording
    version: str
    citation: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Verdict:
    """met: True, False, or None where a fact is missing that decides. group: the one that is met,
    or that came closest. failed, missing: its criteria that do not hold, and that are not known."""

    met: bool | None
    group: Group
    failed: tuple[Criterion, ...]
    missing: tuple[Criterion, ...]


def load_trial(id: str) -> Trial:
    """The trial of a guideline file; ``BadInput`` where it cannot be used."""
    data = load_table(id)
    try:
        groups = tuple(
            Group(
                Wording(str(g["en"]), str(g["zh"])),
                tuple(_criterion(one) for one in g["criteria"]),
            )
            for g in data["groups"]
        )
        if not groups or not all(group.criteria for group in groups):
            raise KeyError("no criteria")
        return Trial(
            id=id,
            name=Wording(str(data["en"]), str(data["zh"])),
            version=str(data["version"]),
            citation=str(data["citation"]),
            groups=groups,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(
            N_("The guideline {name} cannot be read: {why}."), name=id, why=type(error).__name__
        ) from error


def _criterion(given: Mapping[str, Any]) -> Criterion:
    known = {"fact", "at_least", "at_most", "below", "one_of"}
    if set(given) - known or len(given) < 2:
        raise KeyError("unknown comparison")
    bounds = {key: float(given[key]) for key in ("at_least", "at_most", "below") if key in given}
    return Criterion(
        fact=str(given["fact"]),
        low=bounds.get("at_least"),
        at_most=bounds.get("at_most"),
        below=bounds.get("below"),
        words=tuple(str(word) for word in given.get("one_of", ())),
    )


def judge(trial: Trial, facts: Mapping[str, Fact]) -> Verdict:
    """Whether a group of ``trial`` is met; of those that are not, the one with fewest failures."""
    verdicts = []
    for group in trial.groups:
        held = [(one, one.holds(facts.get(one.fact))) for one in group.criteria]
        failed = tuple(one for one, holds in held if holds is False)
        missing = tuple(one for one, holds in held if holds is None)
        met = False if failed else (None if missing else True)
        verdicts.append(Verdict(met, group, failed, missing))
    for wanted in (True, None):
        found = [v for v in verdicts if v.met is wanted]
        if found:
            return min(found, key=lambda v: len(v.missing))
    return min(verdicts, key=lambda v: (len(v.failed), len(v.missing)))

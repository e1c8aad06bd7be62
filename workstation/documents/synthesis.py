"""What findings of several organs mean together: rules as data, each sentence traceable.

A rule offers its sentence where every one of its needs is met by a finding that a person accepted.
Nothing is inserted by itself: ``compose`` says the offers that a reader took over, as long as they
hold for the findings that the reader took them over for.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workstation.domain.artefact import Code, Wording
from workstation.domain.compared import compared
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.finding import REPORTED, Finding, shown_value
from workstation.domain.measurement import Measurement, format_value
from workstation.domain.report import Obstacle
from workstation.text import RESOURCES

RULES = RESOURCES / "synthesis"


@dataclass(frozen=True)
class Need:
    """One finding that a rule asks for, or one number of it.

    slot: its name in the sentence. of: the slot whose finding's number this is. codes, phrases,
    areas: what the finding must be; empty: anything. number: codes of the quantity, in ``unit``,
    at_least (inclusive) and below (exclusive). side_of: a slot whose side it must share.
    """

    slot: str
    of: str = ""
    codes: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    unit: str = ""
    at_least: float | None = None
    below: float | None = None
    side_of: str = ""


@dataclass(frozen=True)
class Rule:
    """A sentence, what must have been found for it, and where the reasoning is published."""

    id: str
    version: str
    words: Wording
    citation: str
    needs: tuple[Need, ...]

    def outline(self, language: str) -> str:
        """The sentence with gaps for what it rests on."""
        gaps = {need.slot: "…" for need in self.needs}
        return self.words.in_language(language).format(**gaps)


@dataclass(frozen=True)
class Offer:
    """A sentence that the accepted findings allow. finding_ids: those it rests on."""

    rule: Rule
    finding_ids: tuple[str, ...]
    _slots: Mapping[str, Wording]

    def text(self, language: str) -> str:
        """The sentence in ``language``, followed by where its reasoning comes from."""
        slots = {slot: words.in_language(language) for slot, words in self._slots.items()}
        said = self.rule.words.in_language(language).format(**slots)
        said = said if language.startswith("zh") else said[:1].upper() + said[1:]
        return f"{said} [{self.rule.citation}]"


def rule_sets() -> tuple[str, ...]:
    """Names of the installed sets of rules."""
    return tuple(sorted(path.stem for path in RULES.glob("*.toml")))


@functools.cache
def load_rules(name: str) -> tuple[Rule, ...]:
    """The rules of a set; none where there is no such set. ``BadInput`` where its file is wrong."""
    path = RULES / f"{name}.toml"
    if not path.is_file():
        return ()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return tuple(_rule(entry, str(data["version"])) for entry in data["rules"])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            N_("The rules {name} cannot be read: {why}."), name=name, why=str(error)
        ) from error


def _rule(entry: Mapping[str, Any], version: str) -> Rule:
    needs = tuple(_need(need) for need in entry["needs"])
    slots = {need.slot: "" for need in needs}
    words = Wording(en=str(entry["en"]), zh=str(entry["zh"]))
    for language in (words.en, words.zh):
        language.format(**slots)  # KeyError: a slot that no need fills
    known: set[str] = set()
    for need in needs:
        if {need.of, need.side_of} - {"", *known}:
            raise KeyError(need.slot)
        known.add(need.slot)
    if not entry["citation"]:
        raise KeyError("citation")
    return Rule(str(entry["id"]), version, words, str(entry["citation"]), needs)


def _need(entry: Mapping[str, Any]) -> Need:
    known = Need.__dataclass_fields__.keys()
    if set(entry) - set(known):
        raise KeyError(", ".join(sorted(set(entry) - set(known))))
    limits = {key: float(entry[key]) for key in ("at_least", "below") if key in entry}
    return Need(
        slot=str(entry["slot"]),
        of=str(entry.get("of", "")),
        codes=tuple(entry.get("codes", ())),
        phrases=tuple(entry.get("phrases", ())),
        areas=tuple(entry.get("areas", ())),
        number=tuple(entry.get("number", ())),
        unit=str(entry.get("unit", "")),
        at_least=limits.get("at_least"),
        below=limits.get("below"),
        side_of=str(entry.get("side_of", "")),
    )


Agreed = Mapping[str, tuple[str, ...]]
"""Rules whose sentences a reader took over, to the ids of the findings that each rested on then."""


def offers(
    rules: Sequence[Rule],
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    agreed: Agreed | None = None,
) -> list[Offer]:
    """The sentences that hold for what was accepted, one for each rule that is met: the one that
    was taken over where it still holds."""
    beside = compared(findings)
    spoken = [f for f in findings if f.state in REPORTED and f.id not in beside]
    found = []
    for rule in rules:
        ways = list(_met(rule, 0, {}, {}, spoken, measurements))
        wanted = (agreed or {}).get(rule.id)
        found += [way for way in ways if way.finding_ids == wanted][:1] or ways[:1]
    return found


def is_agreed(offer: Offer, agreed: Agreed) -> bool:
    """Whether a reader took over just this sentence: by this rule, about these findings."""
    return agreed.get(offer.rule.id) == offer.finding_ids


def lapsed(rules: Sequence[Rule], there: Sequence[Offer], agreed: Agreed) -> tuple[Rule, ...]:
    """Rules whose sentences were taken over and no longer hold for the findings of then."""
    said = {offer.rule.id for offer in there if is_agreed(offer, agreed)}
    return tuple(rule for rule in rules if rule.id in agreed and rule.id not in said)


def lapse_obstacles(
    template: str,
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    agreed: Agreed,
) -> list[Obstacle]:
    """That the report would be signed without a sentence that its reader took over."""
    rules = load_rules(template)
    gone = lapsed(rules, offers(rules, findings, measurements, agreed), agreed)
    why = N_(
        "A sentence on several organs together is no longer said, for what it rests on was "
        "changed: take it out."
    )
    return [Obstacle(Message(why)) for _ in gone]


def _met(
    rule: Rule,
    at: int,
    chosen: Mapping[str, Finding],
    words: Mapping[str, Wording],
    spoken: Sequence[Finding],
    measurements: Sequence[Measurement],
) -> Iterator[Offer]:
    """Every way to meet the needs from ``at`` on, with what is chosen for those before."""
    if at == len(rule.needs):
        ids = tuple(dict.fromkeys(finding.id for finding in chosen.values()))
        yield Offer(rule, ids, words)
        return
    need = rule.needs[at]
    for finding in [chosen[need.of]] if need.of else spoken:
        said = _fits(need, finding, chosen, measurements)
        if said is not None:
            yield from _met(
                rule,
                at + 1,
                {**chosen, need.slot: finding},
                {**words, need.slot: said},
                spoken,
                measurements,
            )


def _fits(
    need: Need,
    finding: Finding,
    chosen: Mapping[str, Finding],
    measurements: Sequence[Measurement],
) -> Wording | None:
    """What is said of a finding that meets a need; None where it does not."""
    if need.codes and finding.code.value not in need.codes:
        return None
    if need.phrases and finding.template_key not in need.phrases:
        return None
    if need.areas and finding.area not in need.areas:
        return None
    if need.side_of:
        side = _side(finding)
        if not side or side != _side(chosen[need.side_of]):
            return None
    if not need.number:
        return _named(finding)
    for code, value, unit, shown in _numbers(finding, measurements):
        high_enough = need.at_least is None or value >= need.at_least
        low_enough = need.below is None or value < need.below
        if code.value in need.number and unit == need.unit and high_enough and low_enough:
            return Wording(shown, shown)
    return None


def _numbers(
    finding: Finding, measurements: Sequence[Measurement]
) -> Iterator[tuple[Code, float, str, str]]:
    """Code, value, unit and shown text of a finding's own number and of those tied to it."""
    if finding.value is not None and finding.value_code is not None:
        yield finding.value_code, finding.value, finding.unit, shown_value(finding)
    for one in measurements:
        if one.finding_id == finding.id:
            yield one.code, one.value, one.unit, format_value(one.value, one.unit)


def _named(finding: Finding) -> Wording:
    label, site = finding.label, finding.site
    where = site.en[:1].lower() + site.en[1:] if site.en[1:2].islower() else site.en
    en = f"{label.en.lower()} ({where})" if where else label.en.lower()
    # A site that ends as the label begins says that once: an artery's arterial stenosis.
    said = next(n for n in range(len(label.zh), -1, -1) if site.zh.endswith(label.zh[:n]))
    return Wording(en, f"{site.zh}{label.zh[said:]}")


def _side(finding: Finding) -> str:
    """L or R where the site's words say one of them, else empty: then no side is claimed."""
    words = finding.site.en.lower().replace(",", " ").split()
    left = "left" in words or "左" in finding.site.zh
    right = "right" in words or "右" in finding.site.zh
    return "" if left == right else "L" if left else "R"

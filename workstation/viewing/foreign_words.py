"""What a card says of a finding that another system sent: who made it, what it states, where."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.domain.coded_terms import wording
from workstation.domain.errors import N_
from workstation.domain.finding import Finding
from workstation.domain.mask import VOLUME_NAME
from workstation.domain.measurement import Measurement, as_stated
from workstation.domain.origin import Origin, StatedWord
from workstation.domain.outcome import Outcome
from workstation.text import language, say, tr

_KINDS = {
    "SEG": N_("segmentation"),
    "SR": N_("structured report"),
    "CAD": N_("CAD report"),
    "MAP": N_("parametric map"),
}
_TYPES = {
    "AUTOMATIC": N_("automatic"),
    "SEMIAUTOMATIC": N_("semi-automatic"),
    "MANUAL": N_("by hand"),
}
_MOST = 8  # numbers on a card; the report in the list of objects has all


def made_lines(origin: Origin) -> list[str]:
    """Which object, by which equipment, algorithm and person, and who verified it there."""
    maker, algorithm = origin.maker, origin.algorithm
    kind = tr(_KINDS.get(origin.kind, origin.kind))
    made = _day(origin.made)
    lines = [tr("From another system: {kind}", kind=_joined(kind, origin.title, made))]
    software = tr("software {version}", version=maker.software) if maker.software else ""
    equipment = _joined(maker.manufacturer or tr("maker not stated"), maker.model_name, software)
    lines.append(equipment)
    if algorithm is not None:
        family = algorithm.family.meaning if algorithm.family is not None else ""
        source = algorithm.source if algorithm.source != maker.manufacturer else ""
        how = tr(_TYPES[origin.algorithm_type]) if origin.algorithm_type in _TYPES else ""
        words = tr("Algorithm {name}", name=str(algorithm))
        lines.append(_joined(words, source, family, how))
    elif origin.algorithm_type in _TYPES:
        lines.append(tr(_TYPES[origin.algorithm_type]))
    if origin.observer:
        lines.append(tr("Observer there: {name}", name=origin.observer))
    if origin.verified_by:
        lines.append(tr("Verified there by {name}: that decides nothing here.",
                        name=origin.verified_by))  # fmt: skip
    return lines


def stated_lines(finding: Finding, measurements: Sequence[Measurement]) -> list[str]:
    """Numbers and words as the object states them, none of them computed here."""
    origin, lang = finding.origin, language()
    if origin is None:
        return []
    numbers = [m for m in measurements if m.finding_id == finding.id and m.stated]
    lines = [f"{m.name.in_language(lang)} {as_stated(m.value, m.unit)}" for m in numbers[:_MOST]]
    if finding.value is not None and finding.value_code is None and not numbers:
        lines.append(tr("{name} measured here: the object states no number.",
                        name=VOLUME_NAME.in_language(lang)))  # fmt: skip
    if len(numbers) > _MOST:
        lines.append(tr("and {count} more numbers", count=len(numbers) - _MOST))
    lines += [_said(word, lang) for word in origin.words[:_MOST]]
    return lines


def _said(word: StatedWord, lang: str) -> str:
    value = wording(word.value).in_language(lang) if word.value is not None else word.words
    name = wording(word.name).in_language(lang)
    return f"{name}: {value}" if name else value


def cautions_of(item: Finding | Outcome) -> list[str]:
    """What speaks against relying on a result, and what was unusual about its image."""
    return ["⚠ " + tr("uncertain: {why}", why=say(one)) for one in item.doubts] + [
        "△ " + tr("with a caution: {why}", why=say(one)) for one in item.cautions
    ]


def caution_lines(finding: Finding) -> list[str]:
    """Why it has no place here, and what is shown otherwise than it was sent."""
    origin = finding.origin
    if origin is None:
        return []
    lines = []
    if origin.unplaced is not None:
        lines.append("⚠ " + tr("Not placed: {why}", why=say(origin.unplaced)))
    return lines + ["△ " + say(note) for note in origin.notes]


def _joined(*parts: str) -> str:
    return " · ".join(dict.fromkeys(part for part in parts if part))


def _day(made: str) -> str:
    return f"{made[:4]}-{made[4:6]}-{made[6:8]}" if made[:8].isdigit() else made

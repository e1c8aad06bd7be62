"""What the patient page says of accepted findings: plain sentences and scales, data of resources.

Only the signed report speaks: its findings, its numbers as it prints them. Nothing is computed here
but where a number lies on a scale, and no confidence is ever said.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workstation.documents.sentences import reported
from workstation.domain.artefact import Wording
from workstation.domain.errors import N_, BadInput
from workstation.domain.finding import Finding, shown_value
from workstation.domain.measurement import Measurement, shown_number
from workstation.domain.report import SignedReport
from workstation.guidelines import Guideline, load_guideline
from workstation.text import RESOURCES

FOLDER = RESOURCES / "patient_page"
TONES = ("good", "look", "act")
_LAST = "any"


@dataclass(frozen=True)
class Organ:
    """A part of the page. areas: whose findings it holds where their item names no organ."""

    key: str
    areas: tuple[str, ...]
    name: Wording


@dataclass(frozen=True)
class ScaleWord:
    """One band as a patient says it. tone: one of ``TONES``. edge: the number printed where it
    begins, empty: the guideline's own."""

    words: Wording
    tone: str
    edge: str = ""


@dataclass(frozen=True)
class Item:
    """One kind of finding in plain words, as ``items.toml`` explains."""

    key: str
    organ: str
    phrases: tuple[str, ...]
    codes: tuple[str, ...]
    formulas: tuple[str, ...]
    unit: str
    once: bool
    number: tuple[str, ...]
    scale: str
    words: tuple[ScaleWord, ...]
    top: float
    advice: tuple[str, ...]
    says: Wording
    bare: Wording
    many: Wording
    means: Wording
    source: str

    def is_for(self, finding: Finding) -> bool:
        """Whether the item speaks for a finding."""
        return (
            finding.template_key in self.phrases
            or finding.code.value in self.codes
            or finding.formula in self.formulas
            or self.key == _LAST
        )


@dataclass(frozen=True)
class PlainWords:
    """All of ``items.toml``. cannot: what it needs ("", silent, scale, drawing) and the words."""

    version: str
    title: Wording
    title_other: Wording
    units: Mapping[str, Wording]
    organs: tuple[Organ, ...]
    items: tuple[Item, ...]
    advice: Mapping[str, Wording]
    cannot: tuple[tuple[str, Wording], ...]
    tones: Mapping[str, Wording]
    words: Mapping[str, Wording]

    def number(self, shown: str, unit: str, language: str) -> str:
        """A number as the report prints it, with its unit in plain words. unit: UCUM."""
        known = self.units.get(unit)
        if known is None:
            return shown
        digits = shown.split(" ")[0]
        return f"{digits} {known.in_language(language)}".strip()


@dataclass(frozen=True)
class Marker:
    """Where a printed number lies on a scale: band from 0, and how far along it, 0..1."""

    band: int
    along: float


@dataclass(frozen=True)
class Entry:
    """One sentence of the page, with the findings and measurements that it speaks of."""

    number: int
    organ: str
    item: Item
    findings: tuple[Finding, ...]
    guideline: Guideline | None
    markers: tuple[Marker, ...]

    @property
    def worst(self) -> ScaleWord | None:
        """The gravest of the bands that its numbers lie in."""
        bands = [self.item.words[marker.band] for marker in self.markers]
        return max(bands, key=lambda word: TONES.index(word.tone), default=None)


@functools.cache
def load_plain_words() -> PlainWords:
    """The installed sentences. ``BadInput`` where their file is wrong or lacks a language."""
    try:
        data = tomllib.loads((FOLDER / "items.toml").read_text(encoding="utf-8"))
        found = _plain_words(data)
        for item in found.items:
            _check(item, found)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BadInput(
            N_("The sentences of the patient page cannot be read: {why}."), why=str(error)
        ) from error
    return found


def _plain_words(data: Mapping[str, Any]) -> PlainWords:
    return PlainWords(
        version=str(data["version"]),
        title=_wording(data["title"]),
        title_other=_wording(data["title_other"]),
        units={key: _wording(entry, empty=True) for key, entry in data["units"].items()},
        organs=tuple(Organ(o["key"], tuple(o["areas"]), _wording(o)) for o in data["organs"]),
        items=tuple(_item(entry) for entry in data["items"]),
        advice={entry["key"]: _wording(entry) for entry in data["advice"]},
        cannot=tuple((str(c.get("needs", "")), _wording(c)) for c in data["cannot"]),
        tones={key: _wording(entry) for key, entry in data["tones"].items()},
        words={key: _wording(entry) for key, entry in data["words"].items()},
    )


def _wording(entry: Mapping[str, Any], *, empty: bool = False) -> Wording:
    if not empty and not (entry["en"] and entry["zh"]):
        raise KeyError("a language is missing")
    return Wording(en=str(entry["en"]), zh=str(entry["zh"]))


def _item(entry: Mapping[str, Any]) -> Item:
    if not entry["source"]:
        raise KeyError("source")
    return Item(
        key=str(entry["key"]),
        organ=str(entry["organ"]),
        phrases=tuple(entry.get("phrases", ())),
        codes=tuple(entry.get("codes", ())),
        formulas=tuple(entry.get("formulas", ())),
        unit=str(entry.get("unit", "")),
        once=bool(entry.get("once", False)),
        number=tuple(entry.get("number", ())),
        scale=str(entry.get("scale", "")),
        words=tuple(
            ScaleWord(_wording(w), str(w["tone"]), str(w.get("edge", "")))
            for w in entry.get("words", ())
        ),
        top=float(entry.get("top", 0.0)),
        advice=tuple(entry["advice"]),
        says=_wording(entry["says"]),
        bare=_wording(entry["bare"]),
        many=_wording(entry["many"]) if "many" in entry else Wording("", ""),
        means=_wording(entry["means"]),
        source=str(entry["source"]),
    )


def _check(item: Item, whole: PlainWords) -> None:
    """Raise where an item names what there is not, or its words do not fit its scale."""
    if item.organ and item.organ not in {organ.key for organ in whole.organs}:
        raise KeyError(item.organ)
    for key in item.advice:
        whole.advice[key]
    bands = load_guideline(item.scale).bands if item.scale else ()
    if len(bands) != len(item.words) or {w.tone for w in item.words} - set(TONES):
        raise ValueError(f"words of {item.key} do not fit its scale")
    for word, band in zip(item.words, bands, strict=True):
        # What is printed may leave out a tenth that only says "more than", nothing else.
        if word.edge and not 0.0 <= band.start - float(word.edge) < 0.11:
            raise ValueError(f"{item.key}: edge {word.edge}")
    slots = {"value": "", "values": "", "site": "", "label": ""}
    for words in (item.says, item.bare, item.many):
        words.en.format(**slots), words.zh.format(**slots)
    if item.once and not item.many.en:
        raise KeyError(f"{item.key}: many")


def entries_of(report: SignedReport) -> tuple[Entry, ...]:
    """One entry for each accepted finding of a signed report, or for each item that is said once.

    In the order of the organs, numbered from 1. Nothing that was accepted is left out.
    """
    whole = load_plain_words()
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for finding in reported(report.findings):
        item = next(one for one in whole.items if one.is_for(finding))
        id = item.key if item.once else finding.id
        grouped.setdefault((item.key, id), []).append(finding)
    items = {item.key: item for item in whole.items}
    order = [organ.key for organ in whole.organs]
    spoken = [(_organ(whole, items[key], group), items[key], group)
              for (key, _), group in grouped.items()]  # fmt: skip
    spoken.sort(key=lambda each: order.index(each[0]))
    return tuple(
        _entry(n, organ, item, group, report.measurements)
        for n, (organ, item, group) in enumerate(spoken, start=1)
    )


def _organ(whole: PlainWords, item: Item, group: Sequence[Finding]) -> str:
    if item.organ:
        return item.organ
    area = group[0].area
    return next((organ.key for organ in whole.organs if area in organ.areas), "other")


def _entry(
    number: int,
    organ: str,
    item: Item,
    group: Sequence[Finding],
    measurements: Sequence[Measurement],
) -> Entry:
    if not item.scale:
        return Entry(number, organ, item, tuple(group), None, ())
    guideline = load_guideline(item.scale)
    values: list[float] = []
    for finding in group:
        tied = [m.value for m in measurements
                if m.finding_id == finding.id and m.code.value in item.number]  # fmt: skip
        if tied:
            values.append(max(tied))
        elif not item.number and finding.value is not None and finding.unit == guideline.unit:
            values.append(finding.value)
    markers = tuple(m for value in values if (m := _marker(item, guideline, value)) is not None)
    return Entry(number, organ, item, tuple(group), guideline if markers else None, markers)


def _marker(item: Item, guideline: Guideline, value: float) -> Marker | None:
    band = guideline.number(value)
    if band is None:
        return None
    start = guideline.bands[band].start
    last = band + 1 == len(guideline.bands)
    end = max(item.top, start + 1.0) if last else guideline.bands[band + 1].start
    return Marker(band, min(max((value - start) / (end - start), 0.02), 0.98))


def runs(entry: Entry, language: str) -> list[tuple[str, bool]]:
    """The entry's sentence as pieces of text and whether each is a number, to be printed bold."""
    whole, first = load_plain_words(), entry.findings[0]
    shown = [
        whole.number(shown_value(f), f.unit, language)
        for f in entry.findings
        if f.value is not None and (not entry.item.unit or f.unit == entry.item.unit)
    ]
    values = list(dict.fromkeys(f"\0{value}\0" for value in shown))
    words = entry.item.says if values else entry.item.bare
    if len(values) > 1:
        words = entry.item.many
    site, label = first.site.in_language(language), first.label.in_language(language)
    text = words.in_language(language).format(
        value=values[0] if values else "",
        values=whole.words["either"].in_language(language).join(values),
        site=site,
        label=label,
    )
    text = text.lstrip(":： ")
    text = text[:1].upper() + text[1:]
    return [(piece, bool(n % 2)) for n, piece in enumerate(text.split("\0")) if piece]


def tied_number(entry: Entry, measurements: Sequence[Measurement], code: str, language: str) -> str:
    """A measurement of the entry's finding in plain words, by its code; empty without one."""
    whole, ids = load_plain_words(), {finding.id for finding in entry.findings}
    for one in measurements:
        if one.finding_id in ids and one.code.value == code:
            return whole.number(shown_number(one), one.unit, language)
    return ""

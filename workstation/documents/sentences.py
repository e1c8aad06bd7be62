"""Sentences of a report: made from decided findings and facts of the images, nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workstation.documents.mark_words import mark_sentence
from workstation.documents.synthesis import Agreed, is_agreed, load_rules, offers
from workstation.documents.templates import Template, TemplatePhrase
from workstation.domain.artefact import Wording
from workstation.domain.compared import compared
from workstation.domain.errors import N_
from workstation.domain.finding import REPORTED, Finding, shown_value
from workstation.domain.first_read import FirstRead, after_ai
from workstation.domain.mark import Mark
from workstation.domain.measurement import Measurement, Refusal, format_value, shown_number
from workstation.domain.outcome import Outcome
from workstation.domain.report import Section, Sentence
from workstation.domain.volume import Flag, Stack
from workstation.guidelines import load_guideline
from workstation.text import say, tr

NOT_NORMAL = N_(
    "What this report does not mention was not necessarily looked at: a finding that is not "
    "listed is not thereby shown to be absent."
)


@dataclass(frozen=True)
class Material:
    """What a report is made of. free_texts: section key to the reader's own words. marks: those
    that a reader put into the report. first_read: what he held before AI was shown. agreed: rules
    whose sentences a reader took over, to the findings that each rested on then."""

    findings: Sequence[Finding]
    measurements: Sequence[Measurement]
    refusals: Sequence[Refusal]
    stacks: Sequence[Stack]
    free_texts: Mapping[str, str]
    outcomes: Sequence[Outcome] = ()
    marks: Sequence[Mark] = ()
    first_read: FirstRead | None = None
    agreed: Agreed = field(default_factory=dict)


def reported(findings: Sequence[Finding]) -> list[Finding]:
    """Findings a person accepted, edited or added, urgent ones first, else in order."""
    beside = compared(findings)
    spoken = (f for f in findings if f.state in REPORTED and f.id not in beside)
    return sorted(spoken, key=lambda f: not f.urgent)


def measurements_of(finding: Finding, measurements: Sequence[Measurement]) -> list[Measurement]:
    """Measurements tied to ``finding`` other than the one that is its own value."""
    tied = [m for m in measurements if m.finding_id == finding.id]
    return [m for m in tied if not _is_own_value(finding, m)]


def _is_own_value(finding: Finding, measurement: Measurement) -> bool:
    if finding.value is None:
        return False
    in_mm3 = (finding.unit, measurement.unit) == ("mL", "mm3")
    if measurement.unit != finding.unit and not in_mm3:
        return False
    own = finding.value * 1000.0 if in_mm3 else finding.value
    return math.isclose(measurement.value, own, rel_tol=1e-9)


def compose(template: Template, language: str, material: Material) -> tuple[Section, ...]:
    """Every section of a report in ``language`` ("zh_CN" or "en"), in the template's order."""
    spoken = reported(material.findings)
    sections = []
    for part in template.sections:
        sentences: list[Sentence] = []
        if part.kind == "method":
            sentences = _method(material.stacks, language)
        elif part.kind == "findings":
            inside = [f for f in spoken if template.section_for(f.area) == part.key]
            sentences = [Sentence(_finding_text(template, f, material, language), (f.id,))
                         for f in inside]  # fmt: skip
            sentences += _marked(template, part.key, material, language)
        elif part.kind == "impression":
            # Emergencies first, then in the order of the sections that say the findings.
            order = [section.key for section in template.sections]
            ranked = sorted(
                spoken, key=lambda f: (not f.urgent, order.index(template.section_for(f.area)))
            )
            sentences = _impression(template, ranked, material.measurements, language)
        elif part.kind == "synthesis":
            sentences = _together(template, material, language)
        elif part.kind == "not_judged":
            sentences = _not_judged(material, language)
        title = part.title.in_language(language)
        free = material.free_texts.get(part.key, "")
        sections.append(Section(part.key, title, tuple(sentences), free))
    return tuple(sections)


def _marked(template: Template, section: str, material: Material, language: str) -> list[Sentence]:
    """Measurements that a reader marked, in the section of what they were drawn on."""
    stacks = {stack.id: stack for stack in material.stacks}
    said = []
    for mark in material.marks:
        stack = stacks.get(mark.stack_id)
        if template.section_for(stack.region if stack is not None else "") == section:
            after = after_ai(material.first_read, mark)
            said.append(Sentence(mark_sentence(mark, stack, language, after_ai=after)))
    return said


def _together(template: Template, material: Material, language: str) -> list[Sentence]:
    """Sentences of rules that a reader took over and that hold for the same findings still."""
    rules, agreed = load_rules(template.name), material.agreed
    there = offers(rules, material.findings, material.measurements, agreed)
    return [
        Sentence(offer.text(language), offer.finding_ids)
        for offer in there
        if is_agreed(offer, agreed)
    ]


def _chinese(language: str) -> bool:
    return language.startswith("zh")


def _slots(
    finding: Finding,
    phrase: TemplatePhrase,
    measurements: Sequence[Measurement],
    language: str,
) -> dict[str, str]:
    chinese = _chinese(language)
    name = (finding.value_name or finding.label).in_language(language)
    slots = {
        "label": finding.label.in_language(language),
        "site": finding.site.in_language(language),
        "name": name,
        "value": "",
        "value_clause": "",
        "measures_clause": "",
        "grade_clause": "",
    }
    if finding.value is not None:
        slots["value"] = shown_value(finding)
        clause = phrase.value_clause.in_language(language)
        slots["value_clause"] = clause.format(name=name, value=slots["value"])
        if phrase.guideline:
            grade = load_guideline(phrase.guideline).grade(finding.value, finding.unit)
            if grade is not None:
                words = grade.in_language(language)
                slots["grade_clause"] = f"，{words}" if chinese else f", {words}"
    tied = [
        f"{_within(m.name.in_language(language), n)} {shown_number(m)}"
        for n, m in enumerate(measurements_of(finding, measurements))
    ]
    if tied:
        joined = ("，" if chinese else ", ").join(tied)
        slots["measures_clause"] = f"{joined}。" if chinese else f" {joined}."
    return slots


def _within(name: str, place: int) -> str:
    """A name as it stands in a sentence: after the first without a capital, abbreviations apart."""
    return name[:1].lower() + name[1:] if place and name[1:2].islower() else name


def _filled(words: Wording, slots: Mapping[str, str], language: str) -> str:
    """``words`` with its slots filled; what an empty site leaves behind is taken away."""
    text = words.in_language(language).format(**slots).strip().lstrip(":：,， ")
    return text[:1].upper() + text[1:] if not _chinese(language) else text


def _finding_text(template: Template, finding: Finding, material: Material, language: str) -> str:
    phrase = template.phrase(finding.template_key)
    slots = _slots(finding, phrase, material.measurements, language)
    text = _filled(phrase.one.findings, slots, language)
    # What a reader was told beside the number, its reader must know too.
    noted = ("" if _chinese(language) else " ").join(
        say(one, lang=language) for one in finding.cautions
    )
    if noted:
        text = f"{text}{noted}" if _chinese(language) else f"{text} {noted}"
    if not after_ai(material.first_read, finding):
        return text
    said = tr("after AI", lang=language)
    return f"{text}（{said}）" if _chinese(language) else f"{text} ({said})"


def _impression(
    template: Template,
    spoken: Sequence[Finding],
    measurements: Sequence[Measurement],
    language: str,
) -> list[Sentence]:
    groups: dict[str, list[Finding]] = {}
    for finding in spoken:
        key = finding.template_key if finding.template_key in template.phrases else "other"
        groups.setdefault(key, []).append(finding)
    sentences: list[Sentence] = []
    for key, group in groups.items():
        phrase = template.phrase(key)
        if phrase.many is None or phrase.unranked is None or len(group) == 1:
            for finding in group:
                slots = _slots(finding, phrase, measurements, language)
                text = _filled(phrase.one.impression, slots, language)
                sentences.append(Sentence(text, (finding.id,)))
            continue
        largest = _largest(group)
        # Without a largest the first only lends the slots that the unranked words do not use.
        slots = _slots(largest or group[0], phrase, measurements, language)
        sites = dict.fromkeys(s for f in group if (s := f.site.in_language(language)))
        slots["sites"] = ("、" if _chinese(language) else ", ").join(sites)
        slots["count"] = str(len(group))
        words = phrase.many if largest is not None else phrase.unranked
        text = _filled(words, slots, language)
        sentences.append(Sentence(text, tuple(f.id for f in group)))
    return sentences


def _largest(group: Sequence[Finding]) -> Finding | None:
    """The finding of the greatest value; None where one has no value or their units differ."""
    values = [f.value for f in group if f.value is not None]
    if len(values) < len(group) or len({f.unit for f in group}) > 1:
        return None
    return group[values.index(max(values))]


def _series_words(stack: Stack, language: str) -> str:
    """A series by its role, with what was acquired: images in the files, not slices of a grid.

    A grid laid over unevenly spaced slices shows one image in several places: it counts once.
    """
    words = tr(stack.role, lang=language) if stack.role else stack.description
    count = len({(frame.sha256, frame.number) for frame in stack.frames if frame.sha256})
    if not words or not stack.is_volume:
        return words
    if stack.slice_thickness_mm is None or Flag.UNEVEN_SPACING in stack.flags:
        return tr("{series} ({count} images)", lang=language, series=words, count=count)
    return tr(
        "{series} ({count} images of {thickness})",
        lang=language,
        series=words,
        count=count,
        thickness=format_value(stack.slice_thickness_mm, "mm"),
    )


def _method(stacks: Sequence[Stack], language: str) -> list[Sentence]:
    by_modality: dict[str, dict[str, None]] = {}
    for stack in stacks:
        words = _series_words(stack, language)
        if words and Flag.LOCALISER not in stack.flags:
            by_modality.setdefault(stack.modality, {})[words] = None
    chinese = _chinese(language)
    return [
        Sentence(
            f"{modality}：{'、'.join(items)}。" if chinese else f"{modality}: {', '.join(items)}."
        )
        for modality, items in sorted(by_modality.items())
    ]


def _not_judged(material: Material, language: str) -> list[Sentence]:
    """What models looked at, what they could not judge, and that silence proves nothing."""
    separator = "：" if _chinese(language) else ": "
    series = {s.id: tr(s.role, lang=language) if s.role else s.description for s in material.stacks}
    said = [
        tr(
            "{name} ({model}) looked at {series} and proposed {count}.",
            lang=language,
            name=outcome.name.in_language(language),
            model=str(outcome.made_by),
            series=series.get(outcome.stack_id) or tr("a series", lang=language),
            count=outcome.found,
        )
        for outcome in material.outcomes
    ]
    read = material.first_read
    if read is not None:
        when = read.at.astimezone().strftime("%Y-%m-%d %H:%M")
        words = N_(
            "First read without AI by {name}, locked {when}; what was made or changed later is "
            "marked: after AI."
        )
        said.insert(0, tr(words, lang=language, name=read.reader_name, when=when))
    said += [
        f"{r.name.in_language(language)}{separator}{say(r.reason, lang=language)}"
        for r in material.refusals
    ]
    return [Sentence(text) for text in dict.fromkeys(said)] + [
        Sentence(tr(NOT_NORMAL, lang=language))
    ]

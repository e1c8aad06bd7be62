"""Marks in words: numbers with units, what they are of, where they were drawn."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.domain.mark import OUTLINES, Mark, MarkKind, MarkNumber
from workstation.domain.mark_format import KIND_WORDS, SOURCE_WORDS, digits_of, sign_of
from workstation.domain.mark_images import image_number
from workstation.domain.volume import Stack
from workstation.text import tr


def number_text(number: MarkNumber, lang: str | None = None) -> str:
    """Digits and unit in the reader's language; a degree sign stands close."""
    sign = tr(sign_of(number), lang=lang) if sign_of(number) else ""
    gap = "" if sign.startswith("°") or not sign else " "
    return f"{digits_of(number)}{gap}{sign}"


def main_text(mark: Mark, numbers: Sequence[MarkNumber], lang: str | None = None) -> str:
    """The numbers that name a mark, in one line: for lists and reports."""
    by_name = {n.name: n for n in numbers}
    if mark.kind in {MarkKind.BIDIRECTIONAL} and len(numbers) >= 2:
        unit = numbers[0]
        return f"{digits_of(numbers[0])} × {number_text(numbers[1], lang)}" if unit.unit else ""
    if mark.kind in OUTLINES:
        mean, spread = by_name.get("Mean"), by_name.get("Standard deviation")
        first = by_name.get("Area") or by_name.get("Volume")
        parts = [number_text(first, lang)] if first else []
        if mean is not None:
            parts.append(mean_text(mean, spread, lang))
        return ", ".join(parts)
    if mark.kind in {MarkKind.ARROW, MarkKind.TEXT} or not numbers:
        return ""
    if len(numbers) == 2 and numbers[0].unit != numbers[1].unit:
        return f"{number_text(numbers[0], lang)} / {number_text(numbers[1], lang)}"
    return number_text(numbers[0], lang)


def mean_text(mean: MarkNumber, spread: MarkNumber | None, lang: str | None = None) -> str:
    """Mean and deviation with their unit."""
    around = f" ± {digits_of(spread)}" if spread is not None else ""
    sign = tr(sign_of(mean), lang=lang) if sign_of(mean) else ""
    return f"{tr('Mean', lang=lang)} {digits_of(mean)}{around} {sign}".rstrip()


def place_text(mark: Mark, stack: Stack | None, lang: str | None = None) -> str:
    """Series and image number (from 1) as a reader counts them, and the phase of a series."""
    if stack is None:
        return ""
    number = image_number(mark, stack)
    series = tr("series {number}", lang=lang, number=stack.series_number)
    image = (
        tr("image {number}", lang=lang, number=number)
        if number is not None
        else tr("cut plane", lang=lang)
    )
    parts = {"series": series, "image": image}
    where = tr("{series}, {image}", lang=lang, **parts)
    if stack.phases > 1:
        phase = tr("phase {number}", lang=lang, number=mark.phase + 1)
        where = tr("{series}, {image}", lang=lang, series=where, image=phase)
    return where


def copied_text(
    mark: Mark, numbers: Sequence[MarkNumber], stack: Stack | None, *, after_ai: bool = False
) -> str:
    """Everything of a mark as lines of text, for the clipboard."""
    title = mark.words or tr(KIND_WORDS[mark.kind])
    head = f"{title} ({place_text(mark, stack)})" if stack is not None else title
    head += f" · {tr('after AI')}" if after_ai else ""
    return "\n".join([head, *(f"{tr(n.name)}\t{number_text(n)}" for n in numbers)])


def mark_name(mark: Mark, lang: str | None = None) -> str:
    """What a reader called it, and what kind of measure it is."""
    kind = tr(KIND_WORDS[mark.kind], lang=lang)
    worded = mark.words and mark.kind not in {MarkKind.TEXT, MarkKind.ARROW}
    return f"{mark.words} · {kind}" if worded else (mark.words or kind)


def mark_sentence(mark: Mark, stack: Stack | None, language: str, *, after_ai: bool = False) -> str:
    """A mark as the report says it: name, numbers as stored, where they come from, image.

    after_ai: it was made or changed after AI was shown.
    """
    chinese = language.startswith("zh")
    value = main_text(mark, mark.numbers, language)
    said = [place_text(mark, stack, language)]
    sources = {n.source for n in mark.numbers} & SOURCE_WORDS.keys()
    said += [tr(SOURCE_WORDS[source], lang=language) for source in sorted(sources)]
    if any(n.formula == "sampled" for n in mark.numbers):
        said.append(tr("interpolated", lang=language))
    if any(n.formula == "spaced" for n in mark.numbers):
        said.append(tr("uneven slices, each counted half way to the next", lang=language))
    if after_ai:
        said.append(tr("after AI", lang=language))
    where = ("，" if chinese else ", ").join(part for part in said if part)
    if chinese:
        value = value.replace(", ", "，")
        return f"{mark_name(mark, language)}{'：' if value else ''}{value}（{where}）。"
    return f"{mark_name(mark, language)}{': ' if value else ''}{value} ({where})."

"""Lines beside a mark on the image: its numbers and where its lengths come from."""

from __future__ import annotations

from collections.abc import Sequence

from workstation.documents.mark_words import main_text, mean_text, number_text
from workstation.domain.mark import OUTLINES, Mark, MarkKind, MarkNumber
from workstation.domain.mark_format import SOURCE_WORDS, digits_of
from workstation.text import tr


def label_lines(mark: Mark, numbers: Sequence[MarkNumber], *, thick: bool = False) -> list[str]:
    """Lines that stand beside a mark. thick: its view shows a slab, of which the numbers take the
    middle image."""
    lines = [mark.words] if mark.words else []
    by_name = {n.name: n for n in numbers}
    if mark.kind in OUTLINES:
        size = by_name.get("Area") or by_name.get("Volume")
        if size is not None:
            lines.append(_named(size))
        if "Mean" in by_name:
            lines.append(mean_text(by_name["Mean"], by_name.get("Standard deviation")))
            low, high = by_name["Minimum"], by_name["Maximum"]
            count = digits_of(by_name["Voxels"])
            ends = f"{digits_of(low)} … {number_text(high)}"
            lines.append(f"{ends}　{tr('{count} voxels', count=count)}")
        elif "Voxels" in by_name:
            lines.append(tr("No voxel centre lies inside"))
        lines += _how(mark, numbers, thick)
    elif mark.kind is MarkKind.CARDIOTHORACIC and len(numbers) == 3:
        widths = f"{digits_of(numbers[1])} / {number_text(numbers[2])}"
        lines.append(f"{tr('CTR')} {digits_of(numbers[0])}")
        lines.append(widths)
    elif mark.kind is MarkKind.COBB and numbers:
        lines.append(f"Cobb {number_text(numbers[0])}  ({number_text(numbers[1])})")
    elif mark.kind is MarkKind.CALIBRATION and numbers:
        lines.append(f"{tr('Calibration')} {number_text(numbers[0])}")
    elif main_text(mark, numbers):
        lines.append(main_text(mark, numbers))
        lines += _how(mark, numbers, thick)
    sources = {n.source for n in numbers} & SOURCE_WORDS.keys()
    lines += [f"({tr(SOURCE_WORDS[source])})" for source in sorted(sources)]
    return lines


def _how(mark: Mark, numbers: Sequence[MarkNumber], thick: bool) -> list[str]:
    if any(n.formula == "sampled" for n in numbers):
        return [tr("(interpolated on this plane)")]
    if any(n.formula == "spaced" for n in numbers):
        return [tr("(uneven slices, each counted half way to the next)")]
    if thick and any(n.formula == "voxels" for n in numbers):
        return [tr("(middle image of the slab)")]
    return []


def _named(number: MarkNumber) -> str:
    return f"{tr(number.name)} {number_text(number)}"


def other_line(name: str, numbers: Sequence[MarkNumber]) -> str:
    """Values of the image laid over the one that was drawn on. name: its modality or role."""
    by_name = {n.name: n for n in numbers}
    if "Value" in by_name:
        return f"{name}: {number_text(by_name['Value'])}"
    if "Mean" not in by_name:
        return ""
    words = mean_text(by_name["Mean"], by_name.get("Standard deviation"))
    most = digits_of(by_name["Maximum"])
    return f"{name}: {words}　{tr('max {value}', value=most)}"

"""The page for the patient: drawn organs with numbered marks, plain sentences, scales with words.

One A4 page in either language, made of a signed report and of nothing else; PDF by Typst, and the
same page as PNG at print resolution.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workstation.documents.page import RESEARCH, date_text, moment_text, report_number
from workstation.documents.pages import PdfPages
from workstation.documents.patient_items import (
    FOLDER,
    TONES,
    Entry,
    PlainWords,
    entries_of,
    load_plain_words,
    runs,
    tied_number,
)
from workstation.documents.pdf import printable, typeset
from workstation.documents.png import png_bytes
from workstation.domain.errors import N_, BadInput
from workstation.domain.report import SignedReport

PNG_PPI = 300
_A4_WIDTH_PX = round(210.0 / 25.4 * PNG_PPI)
_SEGMENT = re.compile(r", (\d{1,2}) (?:basal|mid|apical|apex)\b")
_SEGMENT_CODES = ("LGEEXTENT",)
_AT_ONCE = "now"  # advice of what cannot wait
_VISIT = ("brain", "vessel", "heart")

Places = Mapping[str, Sequence[tuple[float, float]]]
"""Finding id to where it lies in the head, seen from above: (to the patient's left, to the back),
each from -1 to 1 over the head."""


def patient_pdf(
    report: SignedReport,
    language: str,
    *,
    places: Places,
    moment: datetime,
    released: bool,
    added: Sequence[SignedReport] = (),
) -> bytes:
    """The page in ``language`` as PDF/A-3b. released: else it is marked as a preview. added:
    addenda to the report, of which the page says that there are any.

    Raises ``BadInput`` where no finding was accepted: an empty page would read as normal.
    """
    data = patient_data(report, language, places=places, released=released, added=added)
    source = (FOLDER / "page.typ").read_bytes()
    return typeset(source, printable(data), moment)


def patient_pngs(pdf: bytes) -> list[bytes]:
    """Each page of a PDF as PNG, A4 at ``PNG_PPI``."""
    pages = PdfPages(pdf)
    return [
        png_bytes(pages.picture(n, _A4_WIDTH_PX), mm_per_pixel=25.4 / PNG_PPI)
        for n in range(pages.count)
    ]


def patient_data(
    report: SignedReport,
    language: str,
    *,
    places: Places,
    released: bool,
    added: Sequence[SignedReport] = (),
) -> dict[str, Any]:
    """Everything that ``page.typ`` shows."""
    whole, entries = load_plain_words(), entries_of(report)
    if not entries:
        raise BadInput(
            N_("No finding was accepted: a page for the patient would look like a normal result.")
        )

    def word(key: str, **slots: str) -> str:
        return whole.words[key].in_language(language).format(**slots)

    patient = report.study.patient
    age = patient.age.lstrip("0")
    visit = report.draft.template == "brain-heart"
    dates = dict.fromkeys(moment_text(one.signed_at).split(" ")[0] for one in added)
    return {
        "lang": language[:2],
        "region": "CN" if language.startswith("zh") else "GB",
        "title": (whole.title if visit else whole.title_other).in_language(language),
        "who": word(
            "who",
            name=patient.name,
            age=word("age", years=age[:-1]) if age.endswith("Y") else "",
            date=date_text(report.study.date),
            doctor=report.signer_name,
        ),
        "report": word("report", number=report_number(report.study_uid, report.number)),
        "watermark": "" if released else word("not_released"),
        "banners": [
            *([] if released else [word("preview")]),
            *([word("added", dates=", ".join(dates))] if dates else []),
        ],
        "research": RESEARCH,
        "page_of": whole.words["page"].in_language(language),
        "organs": [
            _organ(organ.key, organ.name.in_language(language), whole, report, places, language)
            for organ in whole.organs
            if any(entry.organ == organ.key for entry in entries)
        ],
        "next_title": word("next"),
        "next": [
            whole.advice[key].in_language(language)
            for key in whole.advice
            if any(key in entry.item.advice for entry in entries)
        ],
        "cannot_title": word("cannot"),
        "cannot": _cannot(whole, entries, language, visit=visit),
        "scales_title": word("scales"),
        "scales": list(dict.fromkeys(e.guideline.citation for e in entries if e.guideline)),
        "words": {key: words.in_language(language) for key, words in whole.words.items()},
    }


def _cannot(
    whole: PlainWords, entries: Sequence[Entry], language: str, *, visit: bool
) -> list[str]:
    there = {entry.organ for entry in entries}
    silent = [o.name.in_language(language) for o in whole.organs
              if visit and o.key in _VISIT and o.key not in there]  # fmt: skip
    holds = {
        "": True,
        "silent": bool(silent),
        "scale": any(entry.markers for entry in entries),
        "drawing": bool(there.intersection(_VISIT)),
    }
    joined = whole.words["joined"].in_language(language).join(silent)
    return [words.in_language(language).format(organs=joined)
            for needs, words in whole.cannot if holds[needs]]  # fmt: skip


def _organ(
    key: str, name: str, whole: PlainWords, report: SignedReport, places: Places, language: str
) -> dict[str, Any]:
    """One part of the page: its badge, its sentences and what is drawn beside them."""
    entries = [entry for entry in entries_of(report) if entry.organ == key]
    worst = max(
        (band for entry in entries if (band := entry.worst) is not None),
        key=lambda band: TONES.index(band.tone),
        default=None,
    )
    badge = None
    if any(_AT_ONCE in entry.item.advice for entry in entries):
        badge = {"text": whole.tones[_AT_ONCE].in_language(language), "tone": "act"}
    elif worst is not None:
        said = whole.tones.get(worst.tone, worst.words)
        badge = {"text": said.in_language(language), "tone": worst.tone}
    drawing: dict[str, Any] = {}
    if key == "brain":
        drawing = {"marks": [_in_head(entry, places) for entry in entries]}
    elif key == "vessel":
        drawing = {"strips": [_strip(entry, whole, report, language) for entry in entries]}
    elif key == "heart":
        drawing = _bullseye(entries, report)
    return {
        "key": key,
        "name": name,
        "badge": badge,
        "entries": [_said(entry, whole, language) for entry in entries],
        **drawing,
    }


def _said(entry: Entry, whole: PlainWords, language: str) -> dict[str, Any]:
    guideline = entry.guideline
    bands = guideline.bands if guideline is not None else ()
    unit = guideline.unit if guideline is not None else ""
    return {
        "number": entry.number,
        "runs": [{"text": text, "strong": strong} for text, strong in runs(entry, language)],
        "means": entry.item.means.in_language(language),
        "bands": [
            {
                "words": word.words.in_language(language),
                "tone": word.tone,
                "edge": whole.number(word.edge or f"{band.start:g}", unit, language) if n else "",
            }
            for n, (word, band) in enumerate(zip(entry.item.words, bands, strict=False))
        ],
        "markers": [(m.band + m.along) / len(bands) for m in entry.markers],
    }


def _in_head(entry: Entry, places: Places) -> dict[str, Any]:
    cells = [place for f in entry.findings for place in places.get(f.id, ())]
    return {"number": entry.number, "cells": [[round(u, 3), round(v, 3)] for u, v in cells]}


def _strip(entry: Entry, whole: PlainWords, report: SignedReport, language: str) -> dict[str, Any]:
    """A vessel lengthwise: how narrow it is drawn, and its diameters where the report has them."""
    first = entry.findings[0]
    percent = first.value if first.value is not None and first.unit == "%" else 0.0
    said = {
        key: tied_number(entry, report.measurements, code, language)
        for key, code in (("narrow", "397413000"), ("normal", "DISTALREF"))
    }
    return {
        "number": entry.number,
        "open": 1.0 - min(max(percent, 0.0), 100.0) / 100.0,
        "drawn": bool(percent) and entry.guideline is not None,
        **{
            key: whole.words[key].in_language(language).format(value=value) if value else ""
            for key, value in said.items()
        },
    }


def _bullseye(entries: Sequence[Entry], report: SignedReport) -> dict[str, Any]:
    """Which of the 17 segments carry how much of the finding (0..1), and each entry's segment:
    0 is the cavity as a whole."""
    shares: dict[int, float] = {}
    marks = []
    for entry in entries:
        ids = {finding.id for finding in entry.findings}
        own: dict[int, float] = {}
        for one in report.measurements:
            found = _SEGMENT.search(one.name.en)
            if one.finding_id in ids and one.code.value in _SEGMENT_CODES and found:
                own[int(found[1])] = min(max(one.value / 100.0, 0.0), 1.0)
        shares |= own
        most = max(own, key=lambda n: own[n], default=0)
        marks.append({"number": entry.number, "segment": most if own.get(most) else 0})
    return {
        "segments": [round(shares.get(n, -1.0), 3) for n in range(1, 18)],
        "valued": bool(shares),
        "marks": marks,
    }

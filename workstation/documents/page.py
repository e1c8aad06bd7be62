"""What stands on a report's page, as plain data for the typesetter: labels, rows, marks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workstation.documents.mark_words import main_text, mark_name, place_text
from workstation.documents.reconstruction_words import reconstruction_words
from workstation.documents.sentences import measurements_of, reported
from workstation.documents.templates import load_template
from workstation.domain.acquisition import Reconstruction
from workstation.domain.errors import N_
from workstation.domain.finding import Finding, FindingState, shown_value
from workstation.domain.first_read import FirstRead, after_ai
from workstation.domain.mark import Mark
from workstation.domain.measurement import Measurement, shown_number
from workstation.domain.report import ReportDraft, ReportKind, Section, SignedReport
from workstation.domain.study import Study
from workstation.domain.volume import Stack
from workstation.guidelines import load_guideline
from workstation.text import tr

RESEARCH = "研究用途，未注册 / Research use, not registered"
UNREVIEWED = N_("UNREVIEWED DRAFT, NOT SIGNED")
NUMBER_PREFIX = "R-"
SIGNED_NOTE = N_(
    "This report was signed electronically; the PDF carries the signature. Any change to the file "
    "makes the signature invalid."
)

_SEX = {"M": N_("male"), "F": N_("female"), "O": N_("other sex")}
_DECIDED = {
    FindingState.ACCEPTED: N_("accepted by the reader"),
    FindingState.EDITED: N_("edited by the reader"),
    FindingState.ADDED: N_("added by the reader"),
}
_EVIDENCE = {
    "none": N_("evidence: none"),
    "synthetic": N_("evidence: synthetic data"),
    "public": N_("evidence: public data"),
    "clinical": N_("evidence: clinical"),
    "unknown": N_("evidence: not stated by its maker"),
}
_KINDS = {
    ReportKind.FINAL: N_("Final report"),
    ReportKind.ADDENDUM: N_("Addendum"),
    ReportKind.CORRECTION: N_("Corrected report"),
}


def report_number(study_uid: str, number: int) -> str:
    """The number printed on a report: one stem for a study, then the place in its chain."""
    stem = hashlib.sha256(study_uid.encode("ascii", "replace")).hexdigest()[:8].upper()
    return f"{NUMBER_PREFIX}{stem}-{number}"


def moment_text(moment: datetime) -> str:
    """A moment to the minute in this machine's time zone, with the zone's offset."""
    local = moment.astimezone()
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M} (UTC{offset[:3]}:{offset[3:]})"


def date_text(date: str) -> str:
    """A DICOM date (YYYYMMDD) as YYYY-MM-DD; anything else as it is."""
    if len(date) == 8 and date.isdigit():
        return f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return date


def page_data(
    study: Study,
    draft: ReportDraft,
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    *,
    site_name: str,
    report: SignedReport | None = None,
    role: str = "",
    follows: SignedReport | None = None,
    marks: Sequence[Mark] = (),
    stacks: Sequence[Stack] = (),
    first_read: FirstRead | None = None,
) -> dict[str, Any]:
    """Everything ``page.typ`` shows but the pictures. report: None for an unsigned draft.

    marks: those that the report says, with their numbers. stacks: where they lie, for series and
    image number. first_read: what a reader held before AI was shown, where he read so.
    """
    language = draft.language
    addendum = report is not None and report.kind is ReportKind.ADDENDUM
    spoken = [] if addendum else _in_order(draft.sections, reported(findings))
    numbers = {f.id: n for n, f in enumerate(spoken, start=1)}
    number = report_number(study.study_uid, report.number) if report else ""
    made = {s.id: s.acquisition.reconstruction for s in stacks}
    if report is not None:
        made = dict(report.reconstructions)
    sections = [] if addendum else _sections(draft.sections, numbers, language)
    if report is not None and addendum:
        sections = [_addendum_section(report, language)]
    title = draft.title
    if report is not None and report.kind is not ReportKind.FINAL:
        title = f"{draft.title} · {tr(_KINDS[report.kind], lang=language)}"
    label = tr("Report no.", lang=language)
    return {
        "lang": language[:2],
        "region": "CN" if language.startswith("zh") else "GB",
        "title": title,
        "author": report.signer_name if report else site_name,
        "site_name": site_name,
        "running": number or tr(UNREVIEWED, lang=language),
        "number_line": f"{label} {number}" if number else tr(UNREVIEWED, lang=language),
        "research": RESEARCH,
        "page_of": tr("page {page} of {pages}", lang=language),
        "watermark": "" if report else "未审核草稿 UNREVIEWED DRAFT",
        "banner": _banner(report, follows, language),
        "facts": _facts(study, language),
        "sections": sections,
        "table": _table(
            draft.template, spoken, measurements, numbers, language, marks, stacks, first_read, made
        ),
        "images_title": tr("Key images", lang=language),
        "signature": _signature(report, role, language),
        "signature_note": tr(SIGNED_NOTE if report else UNREVIEWED, lang=language),
    }


def _in_order(sections: Sequence[Section], spoken: Sequence[Finding]) -> list[Finding]:
    """Findings in the order in which the sections first speak of them."""
    named = [i for section in sections for sentence in section.sentences
             for i in sentence.finding_ids]  # fmt: skip
    return sorted(spoken, key=lambda f: named.index(f.id) if f.id in named else len(named))


def _facts(study: Study, language: str) -> list[list[str]]:
    patient = study.patient
    sex = tr(_SEX[patient.sex], lang=language) if patient.sex in _SEX else patient.sex
    age = patient.age.lstrip("0")
    if age.endswith("Y"):
        age = tr("{years} years", lang=language, years=age[:-1])
    pairs = [
        (N_("Patient"), patient.name),
        (N_("Patient ID"), patient.patient_id),
        (N_("Sex / age"), " / ".join(p for p in (sex, age) if p)),
        (N_("Date of birth"), date_text(patient.birth_date)),
        (N_("Examination"), study.description),
        (N_("Examination date"), date_text(study.date)),
        (N_("Modality"), ", ".join(study.modalities)),
        (N_("Accession no."), study.accession),
    ]
    return [[tr(label, lang=language), value or "—"] for label, value in pairs]


def _sections(
    sections: Sequence[Section], numbers: dict[str, int], language: str
) -> list[dict[str, Any]]:
    shown = []
    for section in sections:
        sentences: list[dict[str, Any]] = []
        several = section.key == "impression" and len(section.sentences) > 1
        for n, sentence in enumerate(section.sentences, start=1):
            marks = [numbers[i] for i in sentence.finding_ids if i in numbers]
            text = f"{n}. {sentence.text}" if several else sentence.text
            sentences.append({"text": text, "marks": marks})
        free = [line for line in section.free_text.splitlines() if line.strip()]
        if section.key == "impression" and not sentences and not free:
            sentences = [{"text": tr("Not stated.", lang=language), "marks": []}]
        if sentences or free:
            shown.append(
                {
                    "title": section.title,
                    "quiet": section.key in {"method", "not_judged"},
                    "sentences": sentences,
                    "free_text": free,
                }
            )
    return shown


def _addendum_section(report: SignedReport, language: str) -> dict[str, Any]:
    return {
        "title": tr(_KINDS[ReportKind.ADDENDUM], lang=language),
        "quiet": False,
        "sentences": [],
        "free_text": [line for line in report.addendum_text.splitlines() if line.strip()],
    }


def _banner(report: SignedReport | None, follows: SignedReport | None, language: str) -> list[str]:
    if report is None:
        return [tr("No person has signed this. It must not be used as a report.", lang=language)]
    if report.kind is ReportKind.FINAL:
        return []
    lines = []
    if follows is not None:
        said = {
            ReportKind.ADDENDUM: N_(
                "Adds to report {number}, signed by {name} on {time}; that report is unchanged."
            ),
            ReportKind.CORRECTION: N_(
                "Replaces report {number}, signed by {name} on {time}; that report is kept."
            ),
        }[report.kind]
        lines.append(
            tr(
                said,
                lang=language,
                number=report_number(follows.study_uid, follows.number),
                name=follows.signer_name,
                time=moment_text(follows.signed_at),
            )
        )
    lines.append(tr("Reason: {reason}", lang=language, reason=report.reason))
    if report.previous_digest:
        lines.append(
            tr(
                "Report before this one in the chain: SHA-256 {digest}",
                lang=language,
                digest=report.previous_digest,
            )
        )
    return lines


def _source(finding: Finding, language: str) -> str:
    if finding.state is FindingState.ADDED:
        return tr("reader", lang=language)
    evidence = _EVIDENCE.get(finding.evidence)
    if not evidence:
        return str(finding.made_by)
    words = tr(evidence, lang=language)
    return (
        f"{finding.made_by}（{words}）"
        if language.startswith("zh")
        else (f"{finding.made_by} ({words})")
    )


def _table(
    template: str,
    spoken: Sequence[Finding],
    measurements: Sequence[Measurement],
    numbers: dict[str, int],
    language: str,
    marks: Sequence[Mark],
    stacks: Sequence[Stack],
    first_read: FirstRead | None,
    made: Mapping[str, Reconstruction],
) -> dict[str, Any]:
    rows: list[list[str]] = []
    comma, late = "，" if language.startswith("zh") else ", ", tr("after AI", lang=language)
    for finding in spoken:
        name = finding.label.in_language(language)
        if finding.value is not None and finding.value_name is not None:
            name = f"{name} · {finding.value_name.in_language(language)}"
        value = "—" if finding.value is None else shown_value(finding)
        decided = tr(_DECIDED[finding.state], lang=language)
        source = f"{_source(finding, language)}{comma}{decided}"
        source += comma + late if after_ai(first_read, finding) else ""
        if finding.value is not None and finding.stack_id in made:
            source += comma + reconstruction_words(made[finding.stack_id], language)
        site = finding.site.in_language(language)
        rows.append([str(numbers[finding.id]), name, site, value, finding.formula or "—", source])
        for tied in measurements_of(finding, measurements):
            shown = shown_number(tied)
            label = tied.name.in_language(language)
            rows.append(["", label, site, shown, tied.formula, str(tied.made_by)])
    head = ["", N_("Item"), N_("Site"), N_("Value"), N_("Formula"), N_("Made by")]
    for item in measurements:
        if not item.finding_id:
            shown = shown_number(item)
            label = item.name.in_language(language)
            by = str(item.made_by)
            images = next((made[id] for id in item.made_from if id in made), None)
            by += comma + reconstruction_words(images, language) if images is not None else ""
            rows.append(["", label, "—", shown, item.formula, by])
    for mark in marks:
        shown = main_text(mark, mark.numbers, language)
        if shown:
            name, how = mark_name(mark, language), mark.numbers[0].formula
            stack = next((s for s in stacks if s.id == mark.stack_id), None)
            where = place_text(mark, stack, language) or "—"
            by = mark.by + comma + late if after_ai(first_read, mark) else mark.by
            if mark.stack_id in made:
                by += comma + reconstruction_words(made[mark.stack_id], language)
            rows.append(["", name, where, shown, how, by])
    citations = [
        f"{m.formula}: {m.source}"
        for m in measurements
        if m.source and (not m.finding_id or m.finding_id in numbers)
    ]
    for finding in spoken:
        bands = load_template(template).phrase(finding.template_key).guideline
        if bands and finding.value is not None:
            guideline = load_guideline(bands)
            citations.append(f"{guideline.id} {guideline.version}: {guideline.citation}")
    return {
        "title": tr("Measurements and sources", lang=language),
        "head": [tr(label, lang=language) if label else "" for label in head],
        "rows": rows,
        "notes": list(dict.fromkeys(citations)),
    }


def _signature(report: SignedReport | None, role: str, language: str) -> list[list[str]]:
    if report is None:
        return []
    pairs = [
        (N_("Signed by"), report.signer_name or report.signer),
        (N_("Signed as"), role),
        (N_("Signed at"), moment_text(report.signed_at)),
        (N_("Kind of report"), tr(_KINDS[report.kind], lang=language)),
        (N_("Certificate"), report.certificate_fingerprint[:16]),
    ]
    return [[tr(label, lang=language), value] for label, value in pairs]

"""A made-up patient with findings in every state, for the tests of documents and of signing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workstation.documents.sentences import Material, compose
from workstation.documents.templates import TEMPLATES, load_template
from workstation.domain.artefact import Code, MadeBy, Wording
from workstation.domain.errors import Message
from workstation.domain.finding import Finding, FindingState
from workstation.domain.measurement import Measurement, Refusal
from workstation.domain.report import ReportDraft, ReportKind, SignedReport
from workstation.domain.study import Patient, Study

STUDY_UID = "2.25.1001"
SIGNED_AT = datetime(2026, 11, 21, 1, 14, tzinfo=UTC)
MODEL = MadeBy("brain-wmh", "1.0.0", "ab" * 32)


def wording(entry: dict[str, str] | None) -> Wording | None:
    return None if entry is None else Wording(entry["en"], entry["zh"])


def example(template: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        (TEMPLATES / template / "example.json").read_text(encoding="utf-8")
    )
    return data


def example_study(data: dict[str, Any]) -> Study:
    given = data["study"]
    patient = Patient(**given["patient"])
    return Study(
        STUDY_UID, patient, given["date"], given["time"], given["description"],
        given["accession"], tuple(given["modalities"]),
    )  # fmt: skip


def example_findings(data: dict[str, Any]) -> list[Finding]:
    found = []
    for n, entry in enumerate(data["findings"], start=1):
        made_by = MadeBy(*entry["made_by"]) if "made_by" in entry else MODEL
        found.append(
            Finding(
                id=f"{n:032x}",
                study_uid=STUDY_UID,
                series_uid="2.25.2001",
                stack_id="stack-1",
                label=Wording(**entry["label"]),
                code=Code(*entry["code"]),
                site=Wording(**entry["site"]),
                state=FindingState(entry["state"]),
                made_by=made_by,
                made_from=("stack-1",),
                location_mm=(0.0, 0.0, 0.0),
                value=entry.get("value"),
                unit=entry.get("unit", ""),
                formula=entry.get("formula", ""),
                value_name=wording(entry.get("value_name")),
                evidence=entry.get("evidence", ""),
                template_key=entry["template_key"],
                area=entry["area"],
                urgent=entry.get("urgent", False),
            )
        )
    return found


def example_measurements(data: dict[str, Any], findings: list[Finding]) -> list[Measurement]:
    return [
        Measurement(
            id=f"m{n}",
            study_uid=STUDY_UID,
            series_uid="2.25.2001",
            name=Wording(**entry["name"]),
            code=Code(*entry["code"]),
            value=entry["value"],
            unit=entry["unit"],
            formula=entry["formula"],
            source=entry["source"],
            made_from=("stack-1",),
            made_by=MadeBy(entry["formula"], "1"),
            finding_id=findings[entry["finding"]].id,
        )
        for n, entry in enumerate(data["measurements"])
    ]


def example_refusals(data: dict[str, Any]) -> list[Refusal]:
    return [
        Refusal(
            id=f"r{n}",
            study_uid=STUDY_UID,
            series_uid="",
            what=entry["what"],
            name=Wording(**entry["name"]),
            reason=Message(entry["reason"]),
            made_by=MadeBy(entry["what"], "1"),
        )
        for n, entry in enumerate(data["refusals"])
    ]


def example_material(template: str) -> Material:
    data = example(template)
    findings = example_findings(data)
    return Material(
        findings, example_measurements(data, findings), example_refusals(data), [],
        data["free_texts"],
    )  # fmt: skip


def example_draft(template: str, language: str = "zh_CN") -> ReportDraft:
    loaded = load_template(template)
    return ReportDraft(
        id=STUDY_UID,
        study_uid=STUDY_UID,
        template=template,
        template_version=loaded.version,
        language=language,
        title=loaded.title.in_language(language),
        sections=compose(loaded, language, example_material(template)),
        made_from=(),
        made_by=MadeBy("workstation", "1"),
        reviewed=True,
    )


def example_report(template: str, language: str = "zh_CN") -> SignedReport:
    material = example_material(template)
    return SignedReport(
        id="f" * 32,
        study_uid=STUDY_UID,
        number=1,
        kind=ReportKind.FINAL,
        reason="",
        study=example_study(example(template)),
        draft=example_draft(template, language),
        findings=tuple(material.findings),
        measurements=tuple(material.measurements),
        refusals=tuple(material.refusals),
        signer="li",
        signer_name="李明华",
        signed_at=SIGNED_AT,
        certificate_fingerprint="c" * 64,
        documents=(),
    )


def renamed(report: SignedReport, name: str) -> SignedReport:
    patient = replace(report.study.patient, name=name)
    return replace(report, study=replace(report.study, patient=patient))

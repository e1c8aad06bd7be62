"""Import, worklist, reading and deciding on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from workstation.cli.accounts import proven_user
from workstation.cli.output import Answer, table
from workstation.domain.errors import N_, BadInput, NotFound
from workstation.domain.finding import Finding, shown_value
from workstation.domain.measurement import Measurement, Refusal, shown_number
from workstation.domain.origin import Origin
from workstation.domain.readiness import read_case
from workstation.domain.received import RECEIVED
from workstation.domain.study import WorklistQuery
from workstation.domain.volume import Stack
from workstation.reading import review
from workstation.reading.intake import IntakeReport, intake
from workstation.reading.judges import known_judges
from workstation.reading.line import Reading, make_and_import_demo, read_study
from workstation.reading.names import reread_names
from workstation.reading.second_reader import lock_first_read
from workstation.text import language, say, tr
from workstation.viewing.foreign_words import caution_lines, cautions_of
from workstation.viewing.judge_rows import rows_of
from workstation.wiring import Services


def _imported(report: IntakeReport) -> Answer:
    refused = [{"path": str(r.path), "reason": say(r.reason)} for r in report.refused]
    lines = [
        tr(
            "{new} images came in, {known} were here already, {refused} files were refused.",
            new=report.instances,
            known=report.already,
            refused=len(refused),
        )
    ]
    lines += [f"  {entry['path']}: {entry['reason']}" for entry in refused]
    return Answer(
        {
            "instances": report.instances,
            "already": report.already,
            "studies": list(report.study_uids),
            "refused": refused,
        },
        lines,
        code=1 if refused and report.instances + report.already == 0 else 0,
    )


def import_files(services: Services, arguments: argparse.Namespace) -> Answer:
    """``import PATH...``."""
    return _imported(intake(services.archive, [Path(p) for p in arguments.paths]))


def demo(services: Services, arguments: argparse.Namespace) -> Answer:
    """``demo``: make the generated studies and import them."""
    return _imported(make_and_import_demo(services.archive))


def names(services: Services, arguments: argparse.Namespace) -> Answer:
    """``names STUDY --charset SET``: what the files say, read in that character set."""
    uid = services.archive.study(arguments.study).study_uid
    study = reread_names(services.archive, uid, arguments.charset)
    series = [s.description for s in services.archive.series_of(uid)]
    return Answer(
        {
            "study_uid": uid,
            "patient_name": study.patient.name,
            "description": study.description,
            "series": series,
        },
        [f"{study.patient.name}  {study.description}", *(f"  {words}" for words in series)],
    )


def studies(services: Services, arguments: argparse.Namespace) -> Answer:
    """``studies``: the worklist."""
    query = WorklistQuery(text=arguments.search, limit=arguments.limit)
    found = services.archive.worklist(query)
    data = [
        {
            "study_uid": s.study_uid,
            "patient_name": s.patient.name,
            "patient_id": s.patient.patient_id,
            "date": s.date,
            "modalities": list(s.modalities),
            "description": s.description,
            "series": s.series,
            "instances": s.instances,
            "state": s.state.value,
            "urgent": s.urgent,
        }
        for s in found
    ]
    rows = [
        ("STAT" if s.urgent else "", s.patient.name, s.date, "/".join(s.modalities),
         tr(s.state.value), s.study_uid)
        for s in found
    ]  # fmt: skip
    head = ("", tr("Patient"), tr("Date"), tr("Modality"), tr("State"), "Study UID")
    return Answer({"studies": data}, table(head, rows))


def study_uid_of(services: Services, given: str) -> str:
    """The UID of STUDY: a UID or ``last``."""
    if given == "last":
        return services.archive.last_study_uid()
    return services.archive.study(given).study_uid


def _stack_json(stack: Stack) -> dict[str, Any]:
    return {
        "series_uid": stack.series_uid,
        "shape": list(stack.grid.shape),
        "affine": [list(row) for row in stack.grid.affine],
        "flags": [flag.value for flag in stack.flags],
        "phases": stack.phases,
        "role": stack.role,
        "description": stack.description,
        "unit": stack.unit,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as ``read`` prints it."""
    return {
        "id": finding.id,
        "label": finding.label.in_language(language()),
        "state": finding.state.value,
        "model": str(finding.made_by),
        "value": finding.value,
        "unit": finding.unit,
        "site": finding.site.in_language(language()),
        "location_mm": list(finding.location_mm),
        "series_uid": finding.series_uid,
        "evidence": finding.evidence,
        "confidence": finding.confidence,
        "doubts": [say(one) for one in finding.doubts],
        "cautions": [say(one) for one in finding.cautions],
        "origin": _origin_json(finding.origin),
    }


def _origin_json(origin: Origin | None) -> dict[str, Any] | None:
    """Which object of which system a finding came in by; null for our own."""
    if origin is None:
        return None
    algorithm = origin.algorithm
    return {
        "object": origin.sop_instance_uid,
        "kind": origin.kind,
        "manufacturer": origin.maker.manufacturer,
        "model_name": origin.maker.model_name,
        "software": origin.maker.software,
        "algorithm": algorithm.name if algorithm else "",
        "algorithm_version": algorithm.version if algorithm else "",
        "algorithm_type": origin.algorithm_type,
        "tracking_uid": origin.tracking_uid,
        "unplaced": say(origin.unplaced) if origin.unplaced else None,
        "notes": [say(note) for note in origin.notes],
    }


def measurement_json(measurement: Measurement) -> dict[str, Any]:
    """A measurement as ``read`` prints it."""
    return {
        "name": measurement.name.in_language(language()),
        "value": measurement.value,
        "unit": measurement.unit,
        "formula": measurement.formula,
        "source": measurement.source,
        "finding": measurement.finding_id,
    }


def refusal_json(refusal: Refusal) -> dict[str, Any]:
    """A refusal as ``read`` prints it."""
    return {"what": refusal.what, "reason": say(refusal.reason)}


def _panel(services: Services, reading: Reading) -> list[dict[str, Any]]:
    """One entry for each model and measure, as the findings panel of the window has them."""
    rows = rows_of(
        known_judges(services.settings),
        reading.stacks,
        reading.findings,
        reading.measurements,
        reading.refusals,
        reading.outcomes,
    )
    return [
        {
            "what": row.judge.id,
            "name": row.judge.name.in_language(language()),
            "version": row.judge.made_by.version,
            "state": row.state.value,
            "urgent": row.urgent,
            "found": len(row.findings),
            "value": row.number[0] if row.number else None,
            "unit": row.number[1] if row.number else "",
            "reasons": [say(refusal.reason) for refusal in row.refusals],
            "doubts": [say(one) for outcome in row.outcomes for one in outcome.doubts],
            "cautions": [say(one) for outcome in row.outcomes for one in outcome.cautions],
        }
        for row in rows
    ]


def read(services: Services, arguments: argparse.Namespace) -> Answer:
    """``read STUDY``: assemble, infer, quantify, draft."""
    study_uid = study_uid_of(services, arguments.study)
    reading = read_study(
        services.archive,
        services.settings,
        study_uid,
        language=language(),
        template=arguments.template,
    )
    lines = [tr("Volumes")]
    for stack in reading.stacks:
        notes = "; ".join(say(note) for note in stack.notes)
        shape = "x".join(str(n) for n in stack.grid.shape)
        phases = f" x {stack.phases}" if stack.phases > 1 else ""
        lines.append(f"  {stack.description or stack.modality}  {shape}{phases}  {notes}".rstrip())
    lines.append(tr("Findings"))
    for finding in reading.findings:
        value = shown_value(finding)
        lines.append(
            f"  {finding.id[:8]}  {finding.label.in_language(language())}  {value}  "
            f"[{tr(finding.state.value)}]  {finding.made_by}"
        )
        lines += [f"    {words}" for words in cautions_of(finding) + caution_lines(finding)]
    lines.append(tr("Measurements"))
    for item in reading.measurements:
        lines.append(
            f"  {item.name.in_language(language())}  {shown_number(item)}  ({item.formula})"
        )
    for outcome in reading.outcomes:
        if outcome.found == 0:
            words = N_("{name} looked and proposed nothing; this does not mean normal.")
            lines.append("  " + tr(words, name=outcome.name.in_language(language())))
            lines += [f"    {words}" for words in cautions_of(outcome)]
    if reading.hidden:
        lines.append(tr("AI is hidden until you lock your first read."))
    else:
        lines.append(tr("Not judged"))
    lines += [f"  {_judged_by(r)}: {say(r.reason)}" for r in reading.refusals]
    lines.append(tr("The draft is unreviewed: a named user must decide each finding."))
    return Answer(
        {
            "study_uid": study_uid,
            "volumes": [_stack_json(s) for s in reading.stacks],
            "findings": [finding_json(f) for f in reading.findings],
            "measurements": [measurement_json(m) for m in reading.measurements],
            "refusals": [refusal_json(r) for r in reading.refusals],
            "outcomes": [
                {"what": o.what, "found": o.found, "series_uid": o.series_uid}
                for o in reading.outcomes
            ],
            "reviewed": reading.draft.reviewed,
            "ai_hidden": reading.hidden,
            "panel": [] if reading.hidden else _panel(services, reading),
        },
        lines,
    )


def _judged_by(refusal: Refusal) -> str:
    """What did not judge: a model or measure by its id, another system's object by its title."""
    if refusal.what != RECEIVED:
        return refusal.what
    title, maker = refusal.name.in_language(language()), str(refusal.made_by).strip()
    return tr("Object {title} ({maker})", title=title, maker=maker)


def finding_of(services: Services, study_uid: str, given: str) -> Finding:
    """The finding whose id is, or uniquely begins with, ``given``."""
    shown = read_case(services.archive, study_uid).findings
    found = [f for f in shown if f.id.startswith(given)]
    exact = [f for f in found if f.id == given]
    if exact:
        return exact[0]
    if not found:
        raise NotFound(N_("This study has no finding {id}."), id=given)
    if len(found) > 1:
        raise BadInput(N_("Several findings begin with {id}: give more of it."), id=given)
    return found[0]


def decide(services: Services, arguments: argparse.Namespace) -> Answer:
    """``decide STUDY FINDING accept|reject --user NAME``."""
    user = proven_user(services, arguments.user)
    study_uid = study_uid_of(services, arguments.study)
    finding = finding_of(services, study_uid, arguments.finding)
    act = {"accept": review.accept, "reject": review.reject, "reopen": review.reopen}
    decided = act[arguments.decision](
        services.archive, user.actor, finding.id, reason=arguments.reason
    )
    return Answer(
        {"finding": finding_json(decided)},
        [f"{decided.label.in_language(language())}: {tr(decided.state.value)}"],
    )


def lock(services: Services, arguments: argparse.Namespace) -> Answer:
    """``lock STUDY --user NAME``: the first read is as it is now; AI is shown from here on."""
    user = proven_user(services, arguments.user)
    study_uid = study_uid_of(services, arguments.study)
    read = lock_first_read(services.archive, user, study_uid, services.settings)
    return Answer(
        {"study_uid": study_uid, "locked_at": read.at.isoformat(), "by": user.name},
        [tr("The first read is locked; what AI found is shown from now on.")],
    )

"""What the machine found in a study as objects of its own, decided or not: SEG and SR."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from workstation import __version__
from workstation.archive.store import Archive
from workstation.dicom.ai_report import write_ai_report
from workstation.dicom.evidence import read_sources
from workstation.documents.manifest import ai_file_name
from workstation.domain.artefact import digest_of
from workstation.domain.finding import Finding, FindingState, is_by_hand
from workstation.domain.mask import MaskInfo
from workstation.domain.people import Permission
from workstation.domain.readiness import Case, read_case
from workstation.domain.received import RECEIVED
from workstation.domain.volume import Stack
from workstation.reading.segmentation_files import segmentation_files, source_files
from workstation.text import language, say

_CHANGES = {Permission.ANALYSE, Permission.REVIEW}


def ai_files(
    archive: Archive, study_uid: str, *, site_name: str = "", lang: str = ""
) -> list[tuple[str, str, bytes]]:
    """(kind, file name, bytes): "sr_ai" (one) and "seg_ai" (one a grid); none where nothing ran.

    Findings of our own models and measures as they were proposed, with what a reader decided on
    each; those that a reader rejected are only named. What could not be judged is said with its
    reason. Nothing while AI is hidden from the reader. The same results give the same bytes.
    """
    lang = lang or language()
    case = read_case(archive, study_uid)
    ours = [f for f in case.findings if f.origin is None and not is_by_hand(f)]
    if not ours and not case.outcomes and not case.refusals:
        return []
    told = [_as_proposed(archive, f) for f in ours if f.state is not FindingState.REJECTED]
    used = {f.stack_id for f in ours} | {o.stack_id for o in case.outcomes}
    stacks = [s for s in case.stacks if s.id in used] or list(case.stacks)[:1]
    files = {path: known for s in stacks for path, known in source_files(archive, s).items()}
    if not files:
        return []
    sources = read_sources(list(files), case.study, instances=list(files.values()))
    ids = {f.id for f in told}
    numbers = [m for m in case.measurements if m.finding_id in ids and not m.stated]
    moment = _moment(archive, study_uid)
    identity = digest_of(
        [
            "ai results",
            __version__,
            site_name,
            lang,
            *told,
            *case.outcomes,
            *case.refusals,
            *numbers,
        ]
    )
    segmentations = segmentation_files(
        archive,
        case.stacks,
        told,
        study=case.study,
        language=lang,
        creator="",
        made_at=moment,
        series_number=9310,
        identity=identity,
    )
    report = write_ai_report(
        told,
        numbers,
        sources,
        [one.data for one in segmentations],
        could_not_judge=[
            f"{r.name.in_language(lang)}: {say(r.reason, lang=lang)}"
            for r in case.refusals
            if r.what != RECEIVED
        ],
        nothing_found=_nothing_found(case, lang),
        rejected=[_line(f, lang) for f in ours if f.state is FindingState.REJECTED],
        organization=site_name,
        software_version=__version__,
        made_at=moment,
        identity=identity,
        language=lang,
    )
    made = [("sr_ai", ai_file_name(report, "sr"), report)]
    made += [("seg_ai", ai_file_name(one.data, "seg"), one.data) for one in segmentations]
    return made


def _as_proposed(archive: Archive, finding: Finding) -> Finding:
    """A finding as the machine drew and measured it; its state still says what a reader decided."""
    if not finding.edits:
        return finding
    first = next(
        f for f in archive.history(Finding, finding.id) if f.state is FindingState.PROPOSED
    )
    there = {mask.id for mask in archive.all(MaskInfo, finding.study_uid)}
    if first.mask_id and first.mask_id not in there:
        return finding
    # The outline is the machine's, so the segment is AUTOMATIC; the decision was on another one.
    return replace(first, state=FindingState.PROPOSED)


def _nothing_found(case: Case, lang: str) -> list[str]:
    series: dict[str, Stack] = {s.id: s for s in case.stacks}
    return [
        f"{o.name.in_language(lang)} ({o.made_by}): "
        + (series[o.stack_id].description if o.stack_id in series else "")
        for o in case.outcomes
        if o.found == 0
    ]


def _line(finding: Finding, lang: str) -> str:
    return f"{finding.label.in_language(lang)} ({finding.made_by})"


def _moment(archive: Archive, study_uid: str) -> datetime:
    """When the results last changed, so that exporting them again gives the same bytes."""
    found: datetime | None = None
    after = 0
    while rows := archive.audit(study_uid, after=after):
        after = rows[-1].seq
        changed = [row.time for row in rows if row.permission in {p.value for p in _CHANGES}]
        found = changed[-1] if changed else found
    study = archive.audit(study_uid, limit=1)
    return found or study[0].time

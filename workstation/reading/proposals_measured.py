"""What an analysis's result becomes: findings to decide, numbers, masks and maps beside them.

As with models, voxels are written here and rows are the caller's to store, in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workstation.archive.store import Archive
from workstation.domain.analysis import AnalysisResult, AnalysisSpec, Candidate, Quantity
from workstation.domain.artefact import Wording, new_id
from workstation.domain.derived import DerivedMap
from workstation.domain.finding import Finding
from workstation.domain.mask import MaskInfo, centre_lps
from workstation.domain.measurement import Measurement
from workstation.domain.origin import Algorithm
from workstation.domain.volume import Stack
from workstation.reading.proposals import (
    Judge,
    Proposals,
    counted,
    new_finding,
    one_id,
    outcome_of,
    stored_mask,
)

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Measured:
    """One result, and what all that is stored of it says."""

    archive: Archive
    judge: Judge
    spec: AnalysisSpec
    stack: Stack
    settings: Settings
    made_from: tuple[str, ...]

    def number(self, id: str, quantity: Quantity, finding: Finding | None) -> Measurement:
        """A number as it is stored; of a part, the part is in its name."""
        name, site = quantity.name, quantity.site
        if site.en:
            name = Wording(f"{name.en}, {site.en}", f"{name.zh}（{site.zh}）")
        masks = (finding.mask_id,) if finding is not None and finding.mask_id else ()
        return Measurement(
            id=id,
            study_uid=self.stack.study_uid,
            series_uid=self.stack.series_uid,
            name=name,
            code=quantity.code,
            value=float(quantity.value),
            unit=quantity.unit,
            formula=self.spec.id,
            source=self.spec.source,
            made_from=(*self.made_from, *masks),
            made_by=self.judge.made_by,
            finding_id=finding.id if finding is not None else "",
            settings=self.settings,
        )

    def numbered(self, finding: Finding, first: Quantity) -> Finding:
        """A finding with its main number."""
        return replace(
            finding,
            value=float(first.value),
            original_value=float(first.value),
            unit=first.unit,
            formula=self.spec.id,
            value_name=first.name,
            value_code=first.code,
            algorithm=Algorithm(
                self.spec.id,
                self.spec.version,
                source="OneScan",
                parameters=tuple(f"{key}={value}" for key, value in self.settings),
            ),
            area=self.spec.area,
        )


def from_analysis(
    archive: Archive,
    judge: Judge,
    spec: AnalysisSpec,
    result: AnalysisResult,
    stack: Stack,
    settings: Settings = (),
    masks: tuple[str, ...] = (),
) -> Proposals:
    """Findings of the candidates of an analysis that ran unasked; its other numbers, masks and
    maps belong to the study. settings: its parameters. masks: ids of outlines it stands on."""
    made = _Measured(archive, judge, spec, stack, settings, (stack.id, *masks))
    proposals = Proposals(outcome_of(judge, stack, made.made_from))
    _candidates(made, result, proposals)
    _pictures(made, result, proposals)
    proposals.findings = [
        replace(f, cautions=result.cautions, made_from=made.made_from) for f in proposals.findings
    ]
    proposals.outcome = replace(proposals.outcome, cautions=result.cautions)
    proposals.measurements += [
        made.number(one_id("number", stack.study_uid, judge.id, stack.id, str(at)), quantity, None)
        for at, quantity in enumerate(result.quantities)
    ]
    return counted(proposals)


def from_person(
    archive: Archive,
    judge: Judge,
    spec: AnalysisSpec,
    result: AnalysisResult,
    stack: Stack,
    settings: Settings,
    masks: tuple[str, ...],
) -> Proposals:
    """What an analysis that a person started proposes: its candidates or, where it only gives
    numbers, one finding with all of them. masks: ids of those that it was given."""
    made = _Measured(archive, judge, spec, stack, settings, (stack.id, *masks))
    proposals = Proposals(outcome_of(judge, stack, made.made_from))
    _candidates(made, result, proposals)
    _pictures(made, result, proposals)
    if result.quantities:
        finding = _of_numbers(made, result, proposals)
        proposals.findings.append(finding)
        proposals.measurements += [
            made.number(f"{finding.id}-{at}", quantity, finding)
            for at, quantity in enumerate(result.quantities[1:])
        ]
    proposals.findings = [
        replace(f, cautions=result.cautions, made_from=made.made_from) for f in proposals.findings
    ]
    return counted(proposals)


def _of_numbers(made: _Measured, result: AnalysisResult, proposals: Proposals) -> Finding:
    """A finding that stands for the numbers of a run, drawn as the first mask of it."""
    first, spec, stack = result.quantities[0], made.spec, made.stack
    mask = proposals.masks[0] if result.masks and proposals.masks else None
    place = stack.grid.centre_lps
    if result.masks and result.masks[0].mask.any():
        place = centre_lps(result.masks[0].mask, result.masks[0].grid)
    elif result.lines and len(result.lines[0].points_mm):
        points = result.lines[0].points_mm  # where its diameters were taken, or along the vessel
        place = points[len(points) // 2]
    x, y, z = (float(v) for v in place)
    finding = new_finding(made.judge, stack, mask, spec.name, first.code, first.site, (x, y, z))
    return made.numbered(replace(finding, template_key="other"), first)


def _candidates(made: _Measured, result: AnalysisResult, proposals: Proposals) -> None:
    for candidate in result.candidates:
        mask = _outline(made, candidate)
        if mask is not None:
            proposals.masks.append(mask)
        finding = new_finding(
            made.judge,
            made.stack,
            mask,
            candidate.label,
            candidate.code,
            candidate.site,
            candidate.location_mm,
        )
        finding = replace(
            made.numbered(finding, candidate.quantity),
            template_key=candidate.template_key,
            urgent=candidate.urgent,
            phase=candidate.phase,
        )
        proposals.findings.append(finding)
        proposals.measurements += [
            made.number(f"{finding.id}-{number}", other, finding)
            for number, other in enumerate(candidate.others)
        ]


def _outline(made: _Measured, candidate: Candidate) -> MaskInfo | None:
    if candidate.mask is None or not candidate.mask.any():
        return None
    return stored_mask(
        made.archive,
        candidate.mask,
        made.stack,
        candidate.label,
        made.judge.made_by,
        candidate.phase,
    )


def _pictures(made: _Measured, result: AnalysisResult, proposals: Proposals) -> None:
    """Masks and maps that a reader may look at and work on."""
    stack = made.stack
    for one in result.masks:
        if one.grid == stack.grid and one.mask.any():
            proposals.masks.append(
                stored_mask(made.archive, one.mask, stack, one.name, made.judge.made_by, one.phase)
            )
    proposals.maps += [
        DerivedMap(
            id=new_id(),
            study_uid=stack.study_uid,
            series_uid=stack.series_uid,
            stack_id=stack.id,
            key=one.key,
            name=one.name,
            unit=one.unit,
            window=one.window,
            grid=one.grid,
            voxels=made.archive.store_map(one.values),
            formula=made.spec.id,
            source=made.spec.source,
            made_from=made.made_from,
            made_by=made.judge.made_by,
            settings=made.settings,
        )
        for one in result.maps
    ]

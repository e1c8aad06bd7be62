"""What a model's masks or an analysis's candidates become: proposed findings, never decided ones.

Masks' voxels are written here (files named by hash, harmless when nothing refers to them); the
rows are the infer room's to store, all in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from workstation.ai.client import ModelResult
from workstation.ai.manifest import Label
from workstation.ai.package import ModelPackage
from workstation.ai.preprocess import pieces_of
from workstation.archive.store import Archive
from workstation.domain.artefact import Code, MadeBy, Wording, digest_of, new_id
from workstation.domain.derived import DerivedMap
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import VOLUME_FORMULA, VOLUME_NAME, VOLUME_UNIT, MaskInfo, centre_lps
from workstation.domain.measurement import Measurement
from workstation.domain.origin import ARTIFICIAL_INTELLIGENCE, Algorithm
from workstation.domain.outcome import Outcome
from workstation.domain.volume import Stack


@dataclass(frozen=True)
class Judge:
    """Who looks at a stack: a model package or an analysis."""

    id: str
    name: Wording
    made_by: MadeBy
    evidence: str = ""


@dataclass
class Proposals:
    """What one run would store."""

    outcome: Outcome
    findings: list[Finding] = field(default_factory=list)
    masks: list[MaskInfo] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    maps: list[DerivedMap] = field(default_factory=list)


def one_id(*parts: str) -> str:
    """One id for one question, so that a new answer is a new version of the old one."""
    return digest_of(list(parts))[:32]


def from_model(
    archive: Archive,
    judge: Judge,
    package: ModelPackage,
    results: Sequence[ModelResult],
    inputs: tuple[Stack, ...],
) -> Proposals:
    """Findings of a package's labels on the first input's grid. results: one a phase.

    Of a time series the findings lie on the phase in which the label that is listed first is
    largest (of a heart: end-diastole); masks of all other phases are kept beside them.
    """
    stack = inputs[0]
    first = package.manifest.labels[0].key
    chosen = int(np.argmax([result.masks[first].sum() for result in results]))
    last = results[-1]
    proposals = Proposals(
        replace(
            outcome_of(judge, stack, tuple(one.id for one in inputs)),
            provider=last.provider,
            precision=last.precision,
            threads=last.threads,
            seconds=round(sum(result.seconds for result in results), 2),
            peak_mb=round(max(result.peak_mb for result in results), 1),
        )
    )
    for label in package.manifest.labels:
        for phase, result in enumerate(results):
            whole = result.masks[label.key]
            if phase == chosen and label.proposes != "none":
                found = _findings(archive, judge, package, result, label, stack, phase)
                proposals.masks += [mask for mask, _ in found]
                proposals.findings += [finding for _, finding in found]
            elif whole.any():
                mask = _of_label(archive, whole, stack, label, judge, phase)
                proposals.masks.append(mask)
                if label.measured and phase == chosen and not result.doubts:
                    proposals.measurements.append(_volume(judge, label, stack, mask))
    return counted(proposals)


def _volume(judge: Judge, label: Label, stack: Stack, mask: MaskInfo) -> Measurement:
    """A number of the study, found again by its id. No finding stands behind it: it is shown,
    and comes into no report unasked."""
    name = label.name.wording()
    return Measurement(
        id=one_id("volume", stack.study_uid, judge.id, stack.id, label.key),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        name=Wording(f"{name.en}: volume", f"{name.zh}体积"),
        code=label.code.code(),
        value=mask.volume_ml,
        unit=VOLUME_UNIT,
        formula=VOLUME_FORMULA,
        source="number of voxels times the volume of one",
        made_from=(stack.id, mask.id),
        made_by=judge.made_by,
    )


def _findings(
    archive: Archive,
    judge: Judge,
    package: ModelPackage,
    result: ModelResult,
    label: Label,
    stack: Stack,
    phase: int,
) -> list[tuple[MaskInfo, Finding]]:
    """What one label proposes on one phase."""
    name, found = label.name.wording(), []
    for piece, score in _pieces(result, label):
        if int(piece.sum()) * stack.grid.voxel_ml <= label.min_volume_ml:
            continue
        mask = _of_label(archive, piece, stack, label, judge, phase)
        x, y, z = (float(v) for v in centre_lps(piece, stack.grid))
        finding = new_finding(
            judge, stack, mask, name, label.code.code(), label.site.wording(), (x, y, z)
        )
        if label.quantity == "volume":
            finding = replace(
                finding,
                value=mask.volume_ml,
                original_value=mask.volume_ml,
                unit=VOLUME_UNIT,
                formula=VOLUME_FORMULA,
                value_name=VOLUME_NAME,
            )
        finding = replace(
            finding,
            confidence=round(min(1.0, max(0.0, score)), 4),
            evidence=judge.evidence,
            template_key=label.template_key,
            area=label.area,
            urgent=package.manifest.stat,
            category=label.category.code() if label.category else None,
            site_code=label.site_code.code() if label.site_code else None,
            algorithm=_network(package, result),
            phase=phase,
        )
        found.append((mask, finding))
    return found


def _network(package: ModelPackage, result: ModelResult) -> Algorithm:
    """The package as DICOM names an algorithm, and how its network was computed."""
    said = package.manifest
    ran = {
        "sha256": package.made_by.sha256,
        "provider": result.provider,
        "precision": result.precision,
        "threads": result.threads or "",
    }
    return Algorithm(
        said.id,
        said.version,
        ARTIFICIAL_INTELLIGENCE,
        # 64 characters are all that the attribute holds; the whole hash is a parameter.
        f"{said.id} sha256:{package.made_by.sha256}"[:64],
        tuple(f"{name}={value}" for name, value in ran.items() if value),
        said.qualification,
    )


def _pieces(result: ModelResult, label: Label) -> Iterator[tuple[NDArray[np.bool_], float]]:
    """Each finding's mask and chance."""
    whole = result.masks[label.key]
    if result.pieces:
        for one in result.pieces:
            if one.label == label.key:
                yield one.whole((whole.shape[0], whole.shape[1], whole.shape[2])), one.score
    elif whole.any() and label.proposes == "one":
        yield whole, result.scores[label.key]
    elif whole.any():
        numbered, count = pieces_of(whole)
        for n in range(1, count + 1):
            yield np.asarray(numbered == n), result.scores[label.key]


def _of_label(
    archive: Archive,
    array: NDArray[np.bool_],
    stack: Stack,
    label: Label,
    judge: Judge,
    phase: int,
) -> MaskInfo:
    """A mask that says what it outlines, so that measures find it again."""
    stored = stored_mask(archive, array, stack, label.name.wording(), judge.made_by, phase)
    return replace(stored, code=label.code.code(), experimental=label.experimental)


def stored_mask(
    archive: Archive,
    array: NDArray[np.bool_],
    stack: Stack,
    label: Wording,
    made_by: MadeBy,
    phase: int = 0,
) -> MaskInfo:
    """Voxels (z, y, x) kept as a mask of one phase of a stack; the row is the caller\'s to put."""
    stored = archive.store_mask(
        array,
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        label=label,
        grid=stack.grid,
        made_from=(stack.id,),
        made_by=made_by,
    )
    return replace(stored, phase=phase)


def new_finding(
    judge: Judge,
    stack: Stack,
    mask: MaskInfo | None,
    label: Wording,
    code: Code,
    site: Wording,
    location_mm: tuple[float, float, float],
) -> Finding:
    """A proposed finding on a stack, without numbers."""
    mask_id = mask.id if mask is not None else ""
    return Finding(
        id=new_id(),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        label=label,
        code=code,
        site=site,
        state=FindingState.PROPOSED,
        made_by=judge.made_by,
        made_from=(stack.id,),
        location_mm=location_mm,
        mask_id=mask_id,
        original_mask_id=mask_id,
    )


def outcome_of(judge: Judge, stack: Stack, made_from: tuple[str, ...]) -> Outcome:
    """That ``judge`` looked at a stack; how many findings it has is counted at the end."""
    return Outcome(
        id=one_id("outcome", stack.study_uid, judge.id, stack.id),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        stack_id=stack.id,
        what=judge.id,
        name=judge.name,
        found=0,
        made_from=made_from,
        made_by=judge.made_by,
        evidence=judge.evidence,
    )


def counted(proposals: Proposals) -> Proposals:
    """The proposals, their outcome saying how many findings there are."""
    proposals.outcome = replace(proposals.outcome, found=len(proposals.findings))
    return proposals

"""Measures that run unasked on the outline of an organ: which outline they may stand on.

A reader's own outline goes before a model's. An outline that its model marks experimental, or that
comes with doubts, feeds no measure unasked: the reason is said, and a person may measure by hand.
"""

from __future__ import annotations

from workstation.ai.package import ModelPackage
from workstation.analyses import find_analyses
from workstation.archive.store import Archive
from workstation.domain.analysis import AnalysisSpec, InputSpec
from workstation.domain.errors import N_, Message, named
from workstation.domain.finding import Finding, FindingState
from workstation.domain.mask import MaskInfo
from workstation.domain.outcome import Outcome
from workstation.domain.volume import Stack

_DECIDED = (FindingState.ACCEPTED, FindingState.EDITED, FindingState.ADDED)


def outlines_of(archive: Archive, spec: AnalysisSpec, stack: Stack) -> dict[str, str] | Message:
    """Ids of the masks of a stack that ``spec`` measures unasked, by the keys of its inputs; the
    reason where one of them is lacking or may not be relied on."""
    found: dict[str, str] = {}
    for one in spec.stands_on:
        outline = _outline(archive, one, stack)
        if isinstance(outline, Message):
            return outline
        found[one.key] = outline
    return found


def _outline(archive: Archive, one: InputSpec, stack: Stack) -> str | Message:
    findings = [
        finding
        for finding in archive.all(Finding, stack.study_uid)
        if finding.stack_id == stack.id and finding.mask_id and finding.code.value == one.code
    ]
    decided = [finding for finding in findings if finding.state in _DECIDED]
    if decided:
        return decided[-1].mask_id
    doubted = {
        outcome.made_by
        for outcome in archive.all(Outcome, stack.study_uid)
        if outcome.stack_id == stack.id and outcome.doubts
    }
    # What somebody rejected is no outline, nor is what an edit left behind.
    of_findings = {id for f in findings for id in (f.mask_id, f.original_mask_id, *f.edits)}
    open_ = {f.mask_id for f in findings if f.state is FindingState.PROPOSED}
    masks = [
        mask
        for mask in archive.all(MaskInfo, stack.study_uid)
        if mask.stack_id == stack.id
        and (mask.id in open_ or (mask.id not in of_findings and _is_of(mask, one)))
    ]
    good = [mask for mask in masks if not mask.experimental and mask.made_by not in doubted]
    if good:
        return max(good, key=lambda mask: mask.voxel_count).id
    words = named(one.name.en, one.name.zh)
    if any(mask.experimental for mask in masks):
        return Message(
            N_(
                "The only outline is marked experimental by its model and feeds no measure unasked"
                " ({name}). Look at it, and measure by hand in the tab Analyses."
            ),
            words,
        )
    if masks:
        return Message(
            N_(
                "The model doubts its outline ({name}), so nothing is measured on it unasked."
                " Look at it, and measure by hand in the tab Analyses."
            ),
            words,
        )
    return Message(
        N_("Nobody outlined what is measured here: {name}. A model or a reader has to."), words
    )


def _is_of(mask: MaskInfo, one: InputSpec) -> bool:
    return mask.code is not None and mask.code.value == one.code


def feeds_emergencies(package: ModelPackage) -> bool:
    """Whether a measure that looks for emergencies stands on what this package outlines."""
    outlined = {one.code.value for one in package.manifest.labels if not one.experimental}
    wanted = {one.code for spec, _ in find_analyses() if spec.stat for one in spec.stands_on}
    return bool(outlined & wanted)

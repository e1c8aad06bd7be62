"""Whether what was made still stands on what is current."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from workstation.domain.artefact import MadeBy
from workstation.domain.finding import Finding
from workstation.domain.mask import MaskInfo
from workstation.domain.volume import Stack


def is_stale(made_from: Iterable[str], current_ids: Collection[str]) -> bool:
    """Whether anything in ``made_from`` (ids of stacks and masks) is no longer current."""
    return any(id not in current_ids for id in made_from)


def current_ids(
    stacks: Iterable[Stack], findings: Collection[Finding], masks: Iterable[MaskInfo] = ()
) -> frozenset[str]:
    """Ids a measurement may stand on: the study's stacks, the masks that findings show now, and of
    ``masks`` those that are no finding's (an organ, the other phases of a cine).

    The mask before an edit is not among them, so a volume made from it reads as stale; nor is the
    outline of a phase in whose place a reader drew another.
    """
    replaced = {
        (finding.made_by, finding.stack_id, one.code, one.phase)
        for finding in findings
        for one in finding.outlined
    }
    shown = {finding.mask_id for finding in findings if finding.mask_id}
    shown |= {one.mask_id for finding in findings for one in finding.outlined}
    drawn = {id for f in findings for id in (f.mask_id, f.original_mask_id, *f.edits)}
    organs = {mask.id for mask in masks if _place(mask) not in replaced} - drawn
    return frozenset(shown | organs | {stack.id for stack in stacks})


def _place(mask: MaskInfo) -> tuple[MadeBy, str, str, int]:
    """What a mask outlines: of which maker, on which stack, which structure, on which phase."""
    code = mask.code.value if mask.code is not None else ""
    return mask.made_by, mask.stack_id, code, mask.phase


def outdated(
    findings: Collection[Finding], masks: Collection[MaskInfo], current: Collection[str]
) -> tuple[Finding, ...]:
    """Findings that were measured on an outline of another finding that was changed since."""
    gone = {mask.id for mask in masks}.difference(current)
    return tuple(f for f in findings if gone.intersection(f.made_from))

"""Whether what was made still stands on what is current."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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

    The mask before an edit is not among them, so a volume made from it reads as stale.
    """
    shown = {finding.mask_id for finding in findings if finding.mask_id}
    shown |= {one.mask_id for finding in findings for one in finding.outlined}
    drawn = {id for f in findings for id in (f.mask_id, f.original_mask_id, *f.edits)}
    organs = {mask.id for mask in masks} - drawn
    return frozenset(shown | organs | {stack.id for stack in stacks})

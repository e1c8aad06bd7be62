"""Whether what was made still stands on what is current."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from workstation.domain.finding import Finding
from workstation.domain.volume import Stack


def is_stale(made_from: Iterable[str], current_ids: Collection[str]) -> bool:
    """Whether anything in ``made_from`` (ids of stacks and masks) is no longer current."""
    return any(id not in current_ids for id in made_from)


def current_ids(stacks: Iterable[Stack], findings: Iterable[Finding]) -> frozenset[str]:
    """Ids a measurement may stand on: the study's stacks and the masks that findings show now.

    The mask before an edit is not among them, so a volume made from it reads as stale.
    """
    shown = {finding.mask_id for finding in findings if finding.mask_id}
    return frozenset(shown | {stack.id for stack in stacks})

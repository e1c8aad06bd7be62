"""Outlines over the heart beat: which mask is the outline of a structure on a phase now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workstation.domain.artefact import Code, Wording
from workstation.domain.finding import Finding
from workstation.domain.mask import MaskInfo


@dataclass(frozen=True)
class Structure:
    """What is outlined on every phase: the cavity of a ventricle, its wall."""

    code: Code
    label: Wording


def structures_of(finding: Finding, masks: Iterable[MaskInfo]) -> tuple[Structure, ...]:
    """What the finding's maker outlined on its series, the finding's own structure first."""
    found = {finding.code.value: Structure(finding.code, finding.label)}
    for mask in sorted(masks, key=lambda m: m.label.en):
        if mask.code is not None and _same_maker(mask, finding):
            found.setdefault(mask.code.value, Structure(mask.code, mask.label))
    return tuple(found.values())


def outline_of(finding: Finding, masks: Iterable[MaskInfo], code: str, phase: int) -> str:
    """Id of the mask of a structure on a phase: the reader's, else the maker's; "" for none."""
    if (code, phase) == (finding.code.value, finding.phase):
        return finding.mask_id
    for one in finding.outlined:
        if (one.code, one.phase) == (code, phase):
            return one.mask_id
    return made_outline_of(finding, masks, code, phase)


def made_outline_of(finding: Finding, masks: Iterable[MaskInfo], code: str, phase: int) -> str:
    """Id of the mask that the finding's maker drew there; "" for none."""
    if (code, phase) == (finding.code.value, finding.phase):
        return finding.original_mask_id or finding.mask_id
    for mask in masks:
        if (
            mask.code is not None
            and (mask.code.value, mask.phase) == (code, phase)
            and _same_maker(mask, finding)
        ):
            return mask.id
    return ""


def _same_maker(mask: MaskInfo, finding: Finding) -> bool:
    return (mask.stack_id, mask.made_by) == (finding.stack_id, finding.made_by)

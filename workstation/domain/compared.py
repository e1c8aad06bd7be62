"""Two proposals for one number: which is the proposal of record, and which a comparison.

Of what a heart has once, its ejection fraction, a model and a measure without a model may both
propose a number on the same series. The model's is the one of record, for its card states the
smaller error on expert outlines (the measure without a model says its own in its first lines);
where its result is doubted, the other's is. The comparison is shown beside it, is said nowhere in
the report and waits for no decision, until the one of record is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable

from workstation.domain.finding import Finding, FindingState, is_by_hand

ONCE = frozenset({"lv_function"})
"""Template keys of what one series has one of."""


def compared(findings: Iterable[Finding]) -> dict[str, str]:
    """Id of each finding that is a comparison to the id of the one of record."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        proposed = finding.origin is None and not is_by_hand(finding)
        if finding.template_key in ONCE and proposed and finding.stack_id:
            groups.setdefault((finding.stack_id, finding.template_key), []).append(finding)
    found: dict[str, str] = {}
    for group in groups.values():
        open_ = [one for one in group if one.state is not FindingState.REJECTED]
        makers = {one.made_by.name for one in open_}
        if len(makers) < 2:
            continue
        record = min(open_, key=_rank)
        found.update({one.id: record.id for one in open_ if one.made_by != record.made_by})
    return found


def _rank(finding: Finding) -> tuple[bool, bool]:
    """Lower goes first: what nothing is held against, then a model."""
    return bool(finding.doubts), not finding.made_by.sha256

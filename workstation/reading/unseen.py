"""Series that nothing installed looks at: named as not judged, so that silence is not an answer."""

from __future__ import annotations

from workstation.analyses import find_analyses
from workstation.domain.analysis import AnalysisSpec
from workstation.domain.artefact import MadeBy, Wording
from workstation.domain.errors import N_, Message, named
from workstation.domain.measurement import Refusal
from workstation.domain.volume import Stack
from workstation.reading.proposals import one_id
from workstation.text import both, tr

SERIES = "series"
"""``Refusal.what`` of a series that no model and no analysis said anything of."""


def of_unseen(stack: Stack) -> Refusal:
    """That nothing looks at the series of ``stack`` unasked, and which measures a person can start
    on it; every stack of a series has one id."""
    names = [spec.name for spec, _ in find_analyses() if _takes(spec, stack)]
    if names:
        wording = named("; ".join(n.en for n in names), "；".join(n.zh for n in names), "measures")
        reason = Message(N_("Measured only when a person starts it: {measures}."), wording)
    else:
        reason = Message(N_("Nothing installed looks at this series."))
    return Refusal(
        id=one_id("refusal", stack.study_uid, SERIES, stack.series_uid),
        study_uid=stack.study_uid,
        series_uid=stack.series_uid,
        what=SERIES,
        name=_name(stack),
        reason=reason,
        made_by=MadeBy("infer", "1"),
        made_from=(stack.id,),
    )


def _takes(spec: AnalysisSpec, stack: Stack) -> bool:
    return any(stack.role and stack.role in one.roles for one in spec.inputs)


def _name(stack: Stack) -> Wording:
    """By its role, else as the scanner calls it, else by its number."""
    if stack.role:
        return Wording(tr(stack.role, lang="en"), tr(stack.role, lang="zh_CN"))
    if stack.description.strip():
        return both(stack.description.strip())
    words = N_("Series {number}")
    number = stack.series_number
    return Wording(tr(words, lang="en", number=number), tr(words, lang="zh_CN", number=number))

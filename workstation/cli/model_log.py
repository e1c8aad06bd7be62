"""``models log ID``: what readers made of a model's findings, version by version."""

from __future__ import annotations

import argparse

from workstation.cli.output import Answer, table
from workstation.domain.errors import N_, NotFound
from workstation.reading.drift import CUSUM_SOURCE, PSI_SOURCE
from workstation.reading.judges import known_judges
from workstation.reading.model_log import VersionLog, as_data, model_log
from workstation.text import say, tr
from workstation.wiring import Services


def show_log(services: Services, arguments: argparse.Namespace) -> Answer:
    """``models log ID``: counts, Dice of edits, refusals, months and drift; no patient data."""
    logs = model_log(services.archive, arguments.id)
    known = {judge.id for judge in known_judges(services.settings)}
    if not logs and arguments.id not in known:
        raise NotFound(N_("There is no model {id} on this workstation."), id=arguments.id)
    lines = [] if logs else [tr("It has judged nothing here yet.")]
    for log in logs:
        lines += _lines(log)
    data = {
        "id": arguments.id,
        "versions": [as_data(log) for log in logs],
        "sources": {"psi": PSI_SOURCE, "cusum": CUSUM_SOURCE},
    }
    return Answer(data, lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.0f} %"


def _lines(log: VersionLog) -> list[str]:
    lines = [
        f"{log.made_by}  {log.made_by.sha256[:12]}".rstrip(),
        "  "
        + tr(
            "{accepted} accepted, {edited} edited, {rejected} rejected, {undecided} undecided",
            accepted=log.accepted,
            edited=log.edited,
            rejected=log.rejected,
            undecided=log.undecided,
        ),
        "  "
        + tr(
            "{judged} series judged, {uncertain} of them uncertain; refused {refused} ({share})",
            judged=log.judged,
            uncertain=log.uncertain,
            refused=log.refused,
            share=_share(log.refusal_rate),
        ),
    ]
    if log.mean_dice is not None:
        said = tr("edited outlines: Dice {dice} on average", dice=f"{log.mean_dice:.3f}")
        lines.append("  " + said)
    if log.months:
        head = (tr("Month"), tr("judged"), tr("uncertain"), tr("not judged"), tr("accepted"),
                tr("edited"), tr("rejected"), "PSI")  # fmt: skip
        rows = [
            (m.month, str(m.judged), str(m.uncertain),
             f"{m.refused} ({_share(m.refusal_rate)})",
             str(m.accepted), str(m.edited), str(m.rejected),
             "–" if m.psi is None else f"{m.psi:.2f}")
            for m in log.months
        ]  # fmt: skip
        lines += ["  " + line for line in table(head, rows)]
    lines += ["  ⚠ " + say(sign) for sign in log.signs]
    return lines

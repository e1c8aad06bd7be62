"""The words that say how two views are linked, in the language of now."""

from __future__ import annotations

from datetime import date

import numpy as np

from workstation.domain.alignment import Alignment, How
from workstation.domain.study import Study
from workstation.text import say, tr
from workstation.ui import theme

Line = tuple[str, str]  # words, colour


def day_of(study: Study) -> str:
    """2021-03-04, or what the file says instead."""
    day = study.date
    return f"{day[:4]}-{day[4:6]}-{day[6:8]}" if len(day) == 8 else day or tr("no date")


def time_between(now: Study, before: Study) -> str:
    """How much earlier a study is: "3 y 2 mo", "5 d"; empty where a date is missing."""
    try:
        a, b = (date.fromisoformat(s.date) for s in (now, before))
    except ValueError:
        return ""
    months = (a.year - b.year) * 12 + a.month - b.month - (a.day < b.day)
    if months >= 12:
        years, rest = divmod(months, 12)
        text = tr("{n} y", n=years)
        return text + (" " + tr("{n} mo", n=rest) if rest else "")
    return tr("{n} mo", n=months) if months >= 3 else tr("{n} d", n=(a - b).days)


def label_of(shown: Study, now: Study) -> tuple[str, bool]:
    """The line over an image, and whether it is of an earlier (or later) study."""
    day = day_of(shown)
    if shown.study_uid == now.study_uid:
        return f"{day}　{tr('current')}", False
    if (shown.date, shown.time) > (now.date, now.time):
        return f"{day}　{tr('later study')}", True
    gap = time_between(now, shown)
    words = tr("prior, {gap} earlier", gap=gap) if gap else tr("prior")
    return f"{day}　{words}", True


def alignment_words(alignment: Alignment, undo_key: str, accept_key: str) -> list[Line]:
    """What was aligned how, what speaks against it and what can be done."""
    found: list[Line] = []
    if alignment.how is How.AUTOMATIC:
        value = f"{alignment.quality:.2f}"
        if alignment.accepted:
            found.append((tr("Registered, accepted, MI {value}", value=value), theme.ACCEPTED))
        else:
            words = tr("Registered automatically, unconfirmed, MI {value}", value=value)
            found.append(("⚠ " + words, theme.PROPOSED))
            found += [("⚠ " + say(doubt), theme.PROPOSED) for doubt in alignment.doubts]
    else:
        shift = float(np.linalg.norm(alignment.to_fixed[:3, 3]))
        moved = tr("Linked by hand, offset {mm} mm", mm=f"{shift:.1f}")
        turned = alignment.turn_deg
        if turned > 0.05:
            moved = tr("Registered, then shifted by hand")
        found.append((moved, theme.PROPOSED))
    return [*found, *key_line(alignment, undo_key, accept_key)]


def key_line(alignment: Alignment, undo_key: str, accept_key: str) -> list[Line]:
    """The keys that keep an alignment or take it back."""
    keys = []
    if alignment.unconfirmed and accept_key:
        keys.append(f"[{accept_key}] {tr('accept')}")
    if undo_key:
        keys.append(f"[{undo_key}] {tr('undo')}")
    return [("　".join(keys), theme.DIM)] if keys else []

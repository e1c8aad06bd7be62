"""Emergencies: raised with the result that proposes them, acknowledged by a person, never erased.

An alert is one run's urgent findings. It moves its study to the top of the worklist and stays open
until a named person takes note of it. Rejecting every finding of it lowers the study again; the
alert and all its times stay in the archive and in the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workstation.archive.store import Archive
from workstation.archive.writer import Writer
from workstation.domain.alert import Alert
from workstation.domain.arrival import Arrival
from workstation.domain.artefact import MadeBy, Wording, now
from workstation.domain.errors import N_, Message, NotAllowed
from workstation.domain.finding import Finding, FindingState, is_by_hand
from workstation.domain.first_read import is_hidden, reading_mode
from workstation.domain.people import MACHINE, Actor, Permission
from workstation.domain.study import WorklistQuery
from workstation.reading.proposals import one_id


def raise_alert(
    writer: Writer, study_uid: str, name: Wording, made_by: MadeBy, findings: Sequence[Finding]
) -> None:
    """Raise one alert for the urgent ones of a run's findings and lift the study; none, nothing.

    Where AI is hidden and the site lets emergencies wait too, nothing is raised:
    ``raise_held`` does it when the first read is locked.
    """
    urgent = [one for one in findings if one.urgent]
    if not urgent:
        return
    mode = reading_mode(writer, study_uid)
    if mode is not None and not mode.stat_alerts and is_hidden(writer, study_uid):
        return
    arrived = next(iter(writer.all(Arrival, study_uid)), None)
    ids = tuple(one.id for one in urgent)
    writer.put(
        Alert(
            id=one_id("alert", study_uid, str(made_by), *ids),
            study_uid=study_uid,
            what=made_by.name,
            name=name,
            finding_ids=ids,
            made_by=made_by,
            detected=now(),
            arrived=arrived.at if arrived else None,
        )
    )
    writer.set_urgent(study_uid, True)


def raise_held(writer: Writer, study_uid: str, names: dict[str, Wording]) -> None:
    """Raise what waited for the first read. names: of models and measures, by their id."""
    known = {id for alert in writer.all(Alert, study_uid) for id in alert.finding_ids}
    makers: dict[MadeBy, list[Finding]] = {}
    for one in writer.all(Finding, study_uid):
        if one.urgent and not is_by_hand(one) and one.id not in known:
            makers.setdefault(one.made_by, []).append(one)
    for made_by, findings in makers.items():
        name = names.get(made_by.name, Wording(made_by.name, made_by.name))
        raise_alert(writer, study_uid, name, made_by, findings)


def recheck(writer: Writer, study_uid: str) -> None:
    """Lower alerts of which nothing is urgent any more, raise those that are again."""
    alerts = writer.all(Alert, study_uid)
    if not alerts:
        return
    findings = {one.id: one for one in writer.all(Finding, study_uid)}
    standing = False
    for alert in alerts:
        states = [findings[id].state for id in alert.finding_ids if id in findings]
        stands = any(state is not FindingState.REJECTED for state in states)
        standing |= stands
        if stands and alert.lowered is not None:
            writer.put(replace(alert, lowered=None))
        elif not stands and alert.lowered is None:
            writer.put(replace(alert, lowered=now()))
    writer.set_urgent(study_uid, standing)


def open_alerts(archive: Archive) -> list[Alert]:
    """Alerts that nobody acknowledged, of every study, the earliest first."""
    urgent = archive.worklist(WorklistQuery(urgent=True))
    found = [alert for study in urgent for alert in archive.all(Alert, study.study_uid)]
    return sorted((one for one in found if one.open), key=lambda one: one.detected)


def mark_shown(archive: Archive, alert: Alert, *, actor: Actor = MACHINE) -> Alert:
    """Note when a notice of the alert first stood on a screen."""
    reason = Message(N_("The notice of an emergency stood on the screen"))
    with archive.write(actor, Permission.ANALYSE, reason, alert.study_uid) as writer:
        there = writer.get(Alert, alert.id)
        if there.shown is None:
            there = replace(there, shown=now())
            writer.put(there)
    return there


def acknowledge(archive: Archive, actor: Actor, alert_id: str, *, name: str = "") -> Alert:
    """A named person takes note. name: as shown. The first one's name and time stay.

    ``NotAllowed`` for whoever may not review: the machine, an administrator.
    """
    if actor.role is None:
        raise NotAllowed(N_("Only a person acknowledges an emergency."))
    study_uid = archive.get(Alert, alert_id).study_uid
    reason = Message(N_("An emergency was acknowledged"))
    with archive.write(actor, Permission.REVIEW, reason, study_uid) as writer:
        there = writer.get(Alert, alert_id)
        if there.acknowledged is None:
            there = replace(
                there,
                acknowledged=now(),
                acknowledged_by=actor.name,
                acknowledged_name=name or actor.name,
            )
            writer.put(there)
    return there

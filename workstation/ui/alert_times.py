"""The times of a study's emergencies: images in, found, shown, acknowledged and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout

from workstation.domain.alert import Alert
from workstation.text import language, tr
from workstation.ui.named import named


def clock(moment: datetime | None) -> str:
    """Time of day on this machine's clock, with the date where it is not today."""
    if moment is None:
        return "–"
    local = moment.astimezone()
    today = local.date() == datetime.now().astimezone().date()
    return f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M:%S}"


def times_of(alert: Alert) -> list[tuple[str, str]]:
    """(what, when) in the order in which it happened; what has not happened yet has a dash."""
    acknowledged = clock(alert.acknowledged)
    if alert.acknowledged is not None:
        acknowledged += " " + alert.acknowledged_name
    steps = [
        (tr("Images came in"), clock(alert.arrived)),
        (tr("Detected"), clock(alert.detected)),
        (tr("Notice shown"), clock(alert.shown)),
        (tr("Acknowledged"), acknowledged),
    ]
    if alert.lowered is not None:
        steps.append((tr("No longer urgent"), clock(alert.lowered)))
    return steps


class AlertTimes(QFrame):
    """One line a step, for each alert of the open study."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        super().__init__()
        self.setObjectName("alertTimes")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 6, 10, 6)
        column.setSpacing(2)
        for alert in alerts:
            name = alert.name.in_language(language())
            lowered = alert.lowered is not None
            sign = tr("Emergency withdrawn") if lowered else "‼ " + tr("Emergency")
            head = named(QLabel(f"{sign} · {name}", wordWrap=True), "alertHead")
            head.setProperty("lowered", lowered)
            column.addWidget(head)
            words = "　".join(f"{what} {when}" for what, when in times_of(alert))
            column.addWidget(named(QLabel(words, wordWrap=True), "cardLine"))

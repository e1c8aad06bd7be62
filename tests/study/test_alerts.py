"""Emergencies in the archive: raised with their result, acknowledged by a person, never erased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ai.packages import identity, trust_maker, write_package
from tests.reading.test_infer import READER, STUDY, bring
from tests.study.material import STAT
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.alert import Alert
from workstation.domain.errors import Message, NotAllowed
from workstation.domain.finding import FindingState
from workstation.domain.people import MACHINE, Actor, Permission, Role
from workstation.reading import arrivals, review
from workstation.reading.alerts import acknowledge, mark_shown, open_alerts
from workstation.reading.infer import infer
from workstation.settings import Settings


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    opened = Archive(home / "数据")
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    trust_maker(home)
    return Settings(home=home, models=home / "模型", ai_threads=1)


def test_every_moment_of_an_emergency_is_kept(archive: Archive, settings: Settings) -> None:
    bring(archive)
    arrivals.came_in(archive, [STUDY])
    write_package(settings.models, identity(), **STAT)
    infer(archive, settings, STUDY)
    (alert,) = open_alerts(archive)
    arrived = arrivals.arrival_of(archive, STUDY)
    assert arrived is not None
    assert (alert.what, alert.arrived) == ("bleeding", arrived.at)
    assert alert.arrived is not None
    assert alert.arrived <= alert.detected
    assert alert.shown is None

    shown = mark_shown(archive, alert)
    assert mark_shown(archive, alert).shown == shown.shown  # the first time counts
    for nobody in (MACHINE, Actor("boss", Role.ADMIN)):
        with pytest.raises(NotAllowed):
            acknowledge(archive, nobody, alert.id)
    taken = acknowledge(archive, READER, alert.id, name="李医生")
    assert (taken.acknowledged_by, taken.acknowledged_name) == ("li", "李医生")
    assert taken.acknowledged is not None
    assert shown.shown is not None
    assert alert.detected <= shown.shown <= taken.acknowledged
    other = Actor("zhao", Role.READER)
    assert acknowledge(archive, other, alert.id).acknowledged_by == "li"  # the first one's stays
    assert open_alerts(archive) == []
    assert archive.study(STUDY).urgent  # known of, and still urgent

    said = [(row.actor, row.permission, row.reason.template) for row in archive.audit(STUDY)]
    assert ("workstation", "import", "New images wait to be read by the machine") in said
    assert ("workstation", "analyse", "The notice of an emergency stood on the screen") in said
    assert ("li", "review", "An emergency was acknowledged") in said
    written = [row for row in archive.audit(STUDY) if any(e[0] == "alert" for e in row.entries)]
    assert [row.permission for row in written] == ["analyse", "analyse", "review"]
    assert verify(archive).ok


def test_nothing_but_a_review_acknowledges(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), **STAT)
    infer(archive, settings, STUDY)
    (alert,) = open_alerts(archive)
    forged = replace(alert, acknowledged=alert.detected, acknowledged_by="li")
    said = Message("test")
    with (
        pytest.raises(NotAllowed, match="Only a person"),
        archive.write(MACHINE, Permission.ANALYSE, said, STUDY) as writer,
    ):
        writer.put(forged)
    with (
        pytest.raises(NotAllowed, match="never withdrawn"),
        archive.write(READER, Permission.REVIEW, said, STUDY) as writer,
    ):
        writer.withdraw(Alert, alert.id)
    assert open_alerts(archive) == [alert]


def test_rejection_lowers_the_study_and_the_log_stays(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), **STAT)
    (finding,) = infer(archive, settings, STUDY).findings
    (alert,) = open_alerts(archive)
    review.reject(archive, READER, finding.id)
    assert not archive.study(STUDY).urgent
    assert open_alerts(archive) == []
    (lowered,) = archive.all(Alert, STUDY)
    assert lowered.lowered is not None
    assert lowered.detected == alert.detected
    assert len(archive.history(Alert, alert.id)) == 2
    # On second thoughts: urgent again, and somebody must take note of it.
    review.reopen(archive, READER, finding.id)
    assert archive.study(STUDY).urgent
    assert [one.id for one in open_alerts(archive)] == [alert.id]
    review.accept(archive, READER, finding.id)
    assert archive.study(STUDY).urgent
    assert len(archive.history(Alert, alert.id)) == 3


def test_a_new_version_that_finds_nothing_lowers_it(archive: Archive, settings: Settings) -> None:
    bring(archive)
    write_package(settings.models, identity(), **STAT)
    infer(archive, settings, STUDY)
    write_package(settings.models, identity(), **STAT, version="1.1.0",
                  post={"activation": "none", "threshold": 2.0})  # fmt: skip
    report = infer(archive, settings, STUDY)
    assert [one for one in report.findings if one.state is FindingState.PROPOSED] == []
    assert not archive.study(STUDY).urgent
    (alert,) = archive.all(Alert, STUDY)
    assert alert.lowered is not None

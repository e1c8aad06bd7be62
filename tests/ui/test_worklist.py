"""The worklist comes page by page, read off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workstation.archive.store import Archive
from workstation.domain.errors import Message
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import Instance, Patient, Series, Study
from workstation.ui.jobs import Jobs
from workstation.ui.worklist_model import PAGE, WorklistModel


def test_further_pages_come_when_they_are_scrolled_to(
    home: Path, until: Callable[..., None]
) -> None:
    archive = Archive(home)
    count = PAGE + 50
    with archive.write(MACHINE, Permission.IMPORT, Message("pages")) as writer:
        for n in range(count):
            uid = f"2.25.{n + 1}"
            study = Study(uid, Patient(f"P{n}", f"王{n}", f"W{n}", "", ""), "20260101", "", "", "")
            series = Series(uid + ".1", uid, "MR", 1, "", "")
            item = Instance(uid + ".2", "1.2", uid + ".1", uid, f"{n:064x}", 1, 1, "1.2")
            writer.add_instances(study, series, [item])
    jobs = Jobs(archive)
    model = WorklistModel(archive, jobs)
    model.reload()
    until(lambda: model.rowCount() == PAGE)
    assert model.canFetchMore()
    model.fetchMore()
    model.fetchMore()  # asked twice, read once
    until(lambda: model.rowCount() == count)
    assert len({study.study_uid for study in model.rows}) == count
    assert not model.canFetchMore()
    jobs.close()
    archive.close()

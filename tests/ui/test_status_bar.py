"""The line at the bottom of the window."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytestqt.qtbot import QtBot

from workstation import text
from workstation.archive.store import Archive
from workstation.ui.jobs import Jobs
from workstation.ui.status_bar import StatusBar


def test_a_data_folder_out_of_reach_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "数据")
    jobs = Jobs(archive)
    bar = StatusBar(jobs)
    qtbot.addWidget(bar)
    bar._measure()
    assert "GB" in bar.space.text()
    archive.close()
    shutil.rmtree(tmp_path / "数据")
    before = text.language()
    text.set_language("en")
    bar._measure()
    assert bar.space.text() == "⚠ The data folder cannot be reached"
    text.set_language(before)
    jobs.close()

"""The window is killed at random moments; nothing that was stored is lost, nothing is half-made.

``ONESCAN_KILL_ROUNDS`` sets how often each; two rounds keep the suite quick.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.domain.errors import Message
from workstation.domain.finding import Finding
from workstation.domain.people import MACHINE, Permission
from workstation.domain.report import SignedReport
from workstation.domain.study import StudyState
from workstation.reading.intake import intake
from workstation.ui.desk import DESK

ROUNDS = int(os.environ.get("ONESCAN_KILL_ROUNDS", "2"))
REPOSITORY = Path(__file__).resolve().parents[2]


def run_and_kill(home: Path, *words: str, wait_for: str, within: float) -> list[list[str]]:
    """Start the child, kill it at a random moment after ``wait_for``; the lines it told."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.ui.crash_child", str(home), *words],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
    )  # fmt: skip
    lines: list[list[str]] = []
    seen = threading.Event()
    assert child.stdout is not None
    out = child.stdout

    def listen() -> None:
        for line in out:
            lines.append(line.split())
            if lines[-1][:1] == [wait_for]:
                seen.set()

    listener = threading.Thread(target=listen)
    listener.start()
    for _ in range(1800):
        if seen.wait(0.1) or child.poll() is not None:
            break
    assert seen.is_set(), f"the child never said {wait_for}"
    time.sleep(random.uniform(0.0, within))
    child.kill()
    child.wait()
    listener.join()
    return lines


def sound(home: Path) -> Archive:
    """The archive opens again and everything in it is as it was written."""
    archive = Archive(home)
    report = verify(archive)
    assert report.ok, report.first_bad
    return archive


@pytest.fixture
def killed_home(demo_home: Path, tmp_path: Path) -> Path:
    home = tmp_path / "家"
    shutil.copytree(demo_home, home)
    return home


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_killed_while_painting(killed_home: Path, round_: int) -> None:
    lines = run_and_kill(killed_home, "paint", wait_for="ready", within=2.0)
    archive = sound(killed_home)
    told = [(words[1], words[2]) for words in lines if words[0] == "mask"]
    for finding_id, mask_id in told:
        assert mask_id in {f.mask_id for f in archive.history(Finding, finding_id)}
        assert archive.load_mask(mask_id).any()
    desk = archive.desk(DESK)
    assert desk["study_uid"]
    assert desk["finding_id"]
    assert desk["editing"] is True
    if told:
        now = archive.get(Finding, told[-1][0])
        assert now.original_mask_id
        assert archive.load_mask(now.original_mask_id).any()
        assert now.edits[now.edit_at] == now.mask_id
    archive.close()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_killed_between_decide_and_sign(killed_home: Path, round_: int) -> None:
    lines = run_and_kill(killed_home, "decide", wait_for="ready", within=3.0)
    archive = sound(killed_home)
    for words in lines:
        if words[0] == "decided":
            states = {f.state.value for f in archive.history(Finding, words[1])}
            assert words[2] in states
    assert not archive.all(SignedReport)
    archive.close()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_killed_while_signing(killed_home: Path, round_: int) -> None:
    lines = run_and_kill(killed_home, "sign", wait_for="signing", within=4.0)
    archive = sound(killed_home)
    reports = archive.all(SignedReport)
    signed = [s for s in archive.worklist() if s.state is StudyState.SIGNED]
    assert len(reports) == len(signed) <= 1
    if ["signed"] in lines:
        assert len(reports) == 1
    for report in reports:
        kinds = {d.kind for d in report.documents}
        assert {"pdf", "sr"} <= kinds
        for document in report.documents:
            assert archive.read_blob(document.sha256)
    archive.close()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_killed_while_importing(demo_home: Path, tmp_path: Path, round_: int) -> None:
    home = tmp_path / "空"
    home.mkdir()
    first = Archive(home)
    source = Archive(demo_home)
    with first.write(MACHINE, Permission.MANAGE_USERS, Message("users of the test")) as writer:
        for user in source.users():
            writer.put(user)
    source.close()
    first.close()
    run_and_kill(home, "import", str(demo_home / "demo"), wait_for="ready", within=2.0)
    archive = sound(home)
    before = sum(s.instances for s in archive.worklist())
    report = intake(archive, [demo_home / "demo"])
    assert report.refused == ()
    assert report.already == before
    whole = sum(1 for p in (demo_home / "demo").rglob("*.dcm"))
    assert report.already + report.instances == whole
    assert verify(archive).ok
    archive.close()

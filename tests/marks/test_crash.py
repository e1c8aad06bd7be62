"""The program is killed while marks are drawn; what was told is there, undo steps included."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.marks.study import STUDY, ct_archive
from workstation.archive.store import Archive
from workstation.archive.verify import verify
from workstation.reading import annotate

REPOSITORY = Path(__file__).resolve().parents[2]


def test_killed_while_drawing(home: Path, tmp_path: Path) -> None:
    """complaint 20: measurements gone after a crash."""
    archive, _ = ct_archive(home, tmp_path / "files")
    archive.close()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.marks.crash_child", str(home)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    assert child.stdout is not None
    told = [child.stdout.readline().strip() for _ in range(8)]
    time.sleep(random.uniform(0.0, 0.5))
    child.kill()
    told += child.stdout.read().split()
    child.wait()
    archive = Archive(home)
    assert verify(archive).ok
    stored = annotate.kept(archive, STUDY)
    there = {mark.id for mark in stored.marks}
    gone = {line[1:] for line in told if line.startswith("-")}
    drawn = {line for line in told if not line.startswith("-")}
    # The last act may have been stored without having been told.
    assert len(drawn - gone - there) <= 1 and not gone & there
    assert len(there - drawn) <= 1
    assert len(stored.done) == len(there)
    assert all(mark.numbers for mark in stored.marks)
    archive.close()

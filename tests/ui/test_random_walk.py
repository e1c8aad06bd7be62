"""A short random walk over the demo and, where it is there, real studies.

``python -m tests.walk HOME 20000`` is the long one, whose memory must stay flat within 5 %; a
short walk is still filling caches, so that here only growth beyond a fifth fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.command_line import REPOSITORY, CommandLine

EVENTS = int(os.environ.get("ONESCAN_WALK_EVENTS", "600"))
REAL = ("mr_ms_followup/dicom/study1", "ct_head/series", "petctmr_sarcoma/STS_001")


def test_a_random_walk_meets_no_exception_no_warning_and_no_leak(
    demo_home: Path, tmp_path: Path, shared_data: Path | None
) -> None:
    home = tmp_path / "家"
    shutil.copytree(demo_home, home)
    cli = CommandLine(home)
    for name in REAL if shared_data is not None else ():
        assert shared_data is not None
        came = cli("--json", "import", str(shared_data / name))
        assert came.code == 0, came.err
    done = subprocess.run(
        [sys.executable, "-m", "tests.walk", str(home), str(EVENTS)],
        cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False, timeout=3600,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["events"] >= EVENTS
    assert told["growth_percent"] < 20, told

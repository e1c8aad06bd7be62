"""Programs timed from the start of their process to its end, children and all."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Whole:
    """One process that took all volumes: seconds by the clock, and of the processor (all threads
    and children; POSIX), which a busy machine changes little."""

    wall_s: float
    cpu_s: float


def timed(command: Sequence[str], env: Mapping[str, str] | None = None) -> Whole:
    """Run to the end; raises ``CalledProcessError`` with the error output shown."""
    started, before = time.perf_counter(), os.times()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    after, wall = os.times(), time.perf_counter() - started
    user = after.children_user - before.children_user
    return Whole(wall, user + after.children_system - before.children_system)


def keep_whole(folder: Path, whole: Whole) -> None:
    """Beside what the program wrote."""
    (folder / "whole.json").write_text(json.dumps(asdict(whole)), encoding="utf-8")


def kept_whole(folder: Path) -> Whole:
    """What ``keep_whole`` kept."""
    return Whole(**json.loads((folder / "whole.json").read_text(encoding="utf-8")))

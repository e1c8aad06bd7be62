"""The command line as a user runs it: a real process, a real home, the demo studies in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PASSWORD = "long enough 1"


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """``python -m workstation`` on one home."""

    home: Path

    def __call__(self, *words: str, password: str = PASSWORD, lang: str = "en") -> Ran:
        command = [sys.executable, "-m", "workstation", "--home", str(self.home), "--lang", lang]
        done = subprocess.run(
            [*command, *words], cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False,
            env={**os.environ, "WORKSTATION_PASSWORD": password, "PYTHONUTF8": "1"}, timeout=600,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

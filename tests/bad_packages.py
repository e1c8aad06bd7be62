"""Every package that must be refused, made, given to ``models check`` and ``models install``.

``python -m tests.bad_packages`` prints a table: package, exit codes, what was said. It ends with
1 where one was let through, where anything was written outside, or where something stayed behind.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

from tests.ai.bad import BAD
from tests.ai.packages import trust_maker
from workstation.archive.people import add_user
from workstation.archive.store import Archive
from workstation.cli.main import main as command
from workstation.documents.signatures import make_key
from workstation.domain.people import MACHINE, Role

PASSWORD = "long enough 1"


def run(home: Path, *words: str) -> tuple[int, str]:
    """One command; exit code and what it printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = command(["--home", str(home), "--lang", "en", *words])
    return code, said.getvalue()


def left(folder: Path) -> list[str]:
    """Every file below a folder."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())


def main() -> int:
    """The table; 1 where anything was not refused as it should be."""
    wrong = 0
    os.environ["WORKSTATION_PASSWORD"] = PASSWORD
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        home = root / "家 home"
        archive = Archive(home)
        add_user(archive, MACHINE, "boss", "Boss", Role.ADMIN, PASSWORD, make_key)
        archive.close()
        trust_maker(home)
        print("| package | check | install | said |\n|---|---|---|---|")
        for number, (title, (make, expected)) in enumerate(BAD.items()):
            place = root / f"p{number}"
            place.mkdir()
            source = make(place)
            before = left(root)
            check, said = run(home, "models", "check", str(source))
            lines = [line for line in said.splitlines() if line.startswith("✗")] or [said]
            install, told = run(home, "models", "install", str(source), "--user", "boss")
            stray = [
                path for path in set(left(root)) - set(before)
                if not path.startswith(("家 home/archive", "家 home/blobs"))
            ]  # fmt: skip
            good = check == install == 1 and expected in told and not stray
            wrong += not good
            sentence = told.strip().splitlines()[-1].replace("|", "/") if told.strip() else ""
            mark = "" if good else f" **WRONG** {stray} {lines[0]}"
            print(f"| {title} | {check} | {install} | {sentence[:200]}{mark} |", flush=True)
    print(f"\n{len(BAD)} packages, {len(BAD) - wrong} refused by name, {wrong} not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""A home that cannot be written, such as a copy on a protected disk, is verified all the same."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.archive.test_verify import make_home
from workstation.archive.store import DATABASE, Archive
from workstation.archive.verify import verify_home
from workstation.cli.main import main
from workstation.domain.errors import N_, Message, ReaderError
from workstation.domain.people import MACHINE, Permission
from workstation.domain.study import StudyState
from workstation.text import language, set_language


@pytest.fixture
def home() -> Iterator[Path]:
    """A whole home in a folder that another account may enter."""
    said = language()
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    make_home(folder / "家")
    # What is imported late is imported while this account still may.
    assert main(["--home", str(folder / "家"), "--lang", "en", "verify"]) == 0
    assert verify_home(folder / "家").ok
    yield folder / "家"
    shutil.rmtree(folder)
    set_language(said)


@contextmanager
def protected(home: Path) -> Iterator[None]:
    """Nothing below ``home`` can be written: by mode, and as an account that modes bind."""
    every = [home, *home.rglob("*")]
    for path in every:
        path.chmod(0o555 if path.is_dir() else stat.S_IREAD | 0o444)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path in every:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_whole_home_is_verified_without_writing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {p: p.stat().st_mtime_ns for p in home.rglob("*")}
    capsys.readouterr()
    with protected(home):
        assert verify_home(home).bad == ()
        for code, said in (("en", "Everything is as it was written."), ("zh_CN", "一致")):
            assert main(["--home", str(home), "--lang", code, "verify"]) == 0
            assert said in capsys.readouterr().out
        with closing(Archive(home, read_only=True)) as archive:
            assert [study.study_uid for study in archive.worklist()] == ["1.2.3"]
            reason = Message(N_("done"))
            with (
                pytest.raises(ReaderError, match="cannot be written"),
                archive.write(MACHINE, Permission.ANALYSE, reason, "1.2.3") as writer,
            ):
                writer.set_state("1.2.3", StudyState.ANALYSED)
    assert {p: p.stat().st_mtime_ns for p in home.rglob("*")} == before


def test_damage_is_found_there_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        connection.execute("UPDATE study SET description = 'changed'")
        connection.commit()
    capsys.readouterr()
    with protected(home):
        assert [bad.what for bad in verify_home(home).bad] == ["study 1.2.3"]
        assert main(["--home", str(home), "--lang", "zh_CN", "verify"]) == 1
        out = capsys.readouterr().out
    assert "study 1.2.3" in out and "changed after" not in out, "in the language asked for"


def test_changes_that_wait_beside_the_database_are_verified_or_said_to_need_writing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A home copied while it was open: what is newest is in the write-ahead log alone."""
    with closing(Archive(home)) as archive:
        with archive.write(MACHINE, Permission.ANALYSE, Message(N_("done")), "1.2.3") as writer:
            writer.set_state("1.2.3", StudyState.ANALYSED)
        for path in home.glob(f"{DATABASE}*"):
            shutil.copy(path, tmp_path)
    for path in tmp_path.glob(f"{DATABASE}*"):
        shutil.copy(path, home)
    assert (home / f"{DATABASE}-wal").stat().st_size
    with protected(home):
        assert verify_home(home).bad == ()
    (home / f"{DATABASE}-shm").unlink()
    capsys.readouterr()
    with protected(home):
        assert main(["--home", str(home), "--lang", "en", "verify"]) == 1
    err = capsys.readouterr().err
    assert "cannot be written" in err and "damaged" not in err

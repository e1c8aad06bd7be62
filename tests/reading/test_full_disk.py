"""A full disk is named as such wherever a package is installed, not as a fault of the package."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from workstation.archive.schema import full_disk
from workstation.domain.errors import ReaderError
from workstation.reading.models import copy_into


def test_copying_ends_at_once_and_says_that_the_disk_is_full(tmp_path: Path) -> None:
    """``shutil.copytree`` alone gathers failures as text and raises them all at the end."""
    source = tmp_path / "package"
    source.mkdir()
    (source / "a.bin").write_bytes(b"1" * 4096)
    copied = tmp_path / "copied"
    copy_into(tmp_path, source, copied)
    assert (copied / "a.bin").read_bytes() == b"1" * 4096
    full = Path("/dev/full")  # of Linux: every write to it finds the disk full
    if not full.exists():
        return
    shutil.rmtree(copied)
    copied.mkdir()
    (copied / "a.bin").symlink_to(full)
    with pytest.raises(ReaderError, match=r"The disk of .* is full"):
        copy_into(tmp_path, source, copied)


def test_other_failures_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="is full"), full_disk(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), full_disk(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(OSError, match="No such file"):
        copy_into(tmp_path, tmp_path / "absent", tmp_path / "copied")

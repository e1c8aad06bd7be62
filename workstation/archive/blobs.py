"""Files named by the SHA-256 of their bytes: pixels, masks, signed documents."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil

from workstation.archive.schema import disk_errors
from workstation.domain.errors import N_, NotFound, Tampered

_CHUNK = 1 << 20
BLOBS = "blobs"
_TEMP = "tmp"
_OLD_S = 24 * 3600


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable; Windows does so by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def blob_files(folder: Path) -> list[Path]:
    """Every blob file under ``folder``, sorted by name; temporary ones are not blobs."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for part in folder.iterdir()
        if part.is_dir() and part.name != _TEMP
        for path in part.iterdir()
    )


class Blobs:
    """``folder/ab/<sha256>``. Bytes are on the disk before a name exists.

    The names become durable with ``sync``, which the archive calls before it commits rows that
    speak of them.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._unsynced: set[Path] = set()
        self._lock = threading.Lock()
        if read_only:
            return
        (folder / _TEMP).mkdir(parents=True, exist_ok=True)
        self._sweep()

    def put_bytes(self, data: bytes) -> str:
        """Keep ``data``; its SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        if not self._healthy(sha256):
            temp = self._temp()
            with disk_errors(self.folder.parent):
                try:
                    with temp.open("xb") as file:
                        file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
                    self._adopt(temp, sha256)
                finally:
                    temp.unlink(missing_ok=True)
        return sha256

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep a copy of a file; its SHA-256 and size in bytes.

        Raises ``OSError`` where the source cannot be read.
        """
        sha256, size = hash_file(path), path.stat().st_size
        if self._healthy(sha256):
            return sha256, size
        temp = self._temp()
        hashed = hashlib.sha256()
        try:
            with path.open("rb") as source, disk_errors(self.folder.parent):
                with temp.open("xb") as file:
                    size = 0
                    while chunk := source.read(_CHUNK):
                        hashed.update(chunk)
                        size += len(chunk)
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                # The copy is named by what was copied, should the source change meanwhile.
                sha256 = hashed.hexdigest()
                self._adopt(temp, sha256)
        finally:
            temp.unlink(missing_ok=True)
        return sha256, size

    def name(self, sha256: str) -> Path:
        """Where a blob lies or would lie."""
        if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
            raise NotFound(N_("There is no stored file {sha256}."), sha256=sha256[:64])
        return self.folder / sha256[:2] / sha256

    def path(self, sha256: str) -> Path:
        """Where a blob lies; ``NotFound`` where it does not."""
        path = self.name(sha256)
        if not path.is_file():
            raise NotFound(N_("There is no stored file {sha256}."), sha256=sha256)
        return path

    def read(self, sha256: str) -> bytes:
        """The bytes; ``Tampered`` where they are not those that were stored."""
        data = self.path(sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Tampered(
                N_("The stored file {sha256} was changed. Restore it from the backup."),
                sha256=sha256,
            )
        return data

    def sync(self) -> None:
        """Make the names of all blobs put so far durable."""
        with self._lock:
            waiting, self._unsynced = self._unsynced, set()
        for folder in waiting:
            sync_folder(folder)

    def _healthy(self, sha256: str) -> bool:
        # A damaged blob is replaced when its bytes come in again: that is how one restores it.
        path = self.name(sha256)
        return path.is_file() and hash_file(path) == sha256

    def _temp(self) -> Path:
        return self.folder / _TEMP / f"{os.getpid()}-{uuid.uuid4().hex}"

    def _adopt(self, temp: Path, sha256: str) -> None:
        path = self.name(sha256)
        path.parent.mkdir(exist_ok=True)
        try:
            temp.replace(path)
        except PermissionError:
            # Windows: another process has the very same blob open.
            if not self._healthy(sha256):
                raise
        with self._lock:
            self._unsynced |= {path.parent, self.folder}

    def _sweep(self) -> None:
        """Remove what a killed process left half-written."""
        for path in (self.folder / _TEMP).iterdir():
            try:
                if not _being_written(path):
                    path.unlink(missing_ok=True)
            except OSError:
                continue  # another process sweeps too, or still has it open: next start


def _being_written(temp: Path) -> bool:
    """Whether the process that made a temporary file still runs (not merely its number)."""
    pid, made = temp.name.split("-")[0], temp.stat().st_mtime
    if not pid.isdecimal() or time.time() - made > _OLD_S:
        return False
    try:
        # A second of slack: clocks of files and of processes are not the same clock.
        return psutil.Process(int(pid)).create_time() <= made + 1.0
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True

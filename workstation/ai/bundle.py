"""A package in one ZIP file, ``<id>-<version>.onescan.zip``: read with suspicion, written plainly.

Everything is judged by the central directory before a byte is unpacked, and counted again while
unpacking: names that lead outside or mean two things (CWE-22, CWE-59), entries that lie over one
another or inflate beyond all measure (Fifield, WOOT 2019), encrypted entries, special files.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workstation.ai.network import LARGEST
from workstation.ai.sums import MANIFEST, SIGNATURE, SUMS, is_data, package_files, refuse_kind
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.work import Cancel, Progress, no_progress

ENDING = ".onescan.zip"
UNPACKING = N_("Unpacking")

_BLOCK = 1 << 20
_LONGEST_NAME = 160
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9._+-]*")
_RESERVED = re.compile(
    r"^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE
)
_END = b"PK\x05\x06"
_LARGEST_DIRECTORY = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Allowed:
    """What one archive may hold: entries, bytes of one and of all unpacked, and how many times
    an entry of more than 8 MB may grow."""

    entries: int = 512
    one: int = LARGEST
    all: int = LARGEST + (1 << 30)
    growth: int = 200


PACKAGE = Allowed()


def shown(name: str) -> str:
    """An entry's name as it may be printed."""
    return name.encode("unicode_escape").decode("ascii")[:120] or "?"


def _refuse(file: str, entry: str, template: str, **params: int) -> BadInput:
    return BadInput(template, file=file, entry=shown(entry), **params)


def check_name(file: str, name: str) -> None:
    """Raise ``BadInput`` where an entry's name could mean a place outside the package, or
    another place on another system. ``file``: the archive's name, for the sentence."""
    if "\0" in name or any(ord(letter) < 32 for letter in name):
        raise _refuse(file, name, N_("{file}: entry {entry} has control characters in its name."))
    if "\\" in name:
        raise _refuse(file, name, N_("{file}: entry {entry} has a backslash in its name."))
    if name.startswith("/") or re.match(r"^[A-Za-z]:", name):
        raise _refuse(file, name, N_("{file}: entry {entry} is an absolute path."))
    parts = name.rstrip("/").split("/")
    if ".." in parts:
        raise _refuse(file, name, N_("{file}: entry {entry} leads outside the package."))
    for part in parts:
        if _RESERVED.match(part):
            raise _refuse(file, name, N_("{file}: entry {entry} is a device name on Windows."))
        if not _NAME.fullmatch(part) or part.endswith(".") or part == ".":
            raise _refuse(
                file,
                name,
                N_("{file}: entry {entry} has a name that a package may not use: letters, digits, "
                   "dot, dash, plus and underscore only."),
            )  # fmt: skip
    if len(name) > _LONGEST_NAME:
        raise _refuse(file, name, N_("{file}: entry {entry} has too long a name."))


def _check_end(path: Path, allowed: Allowed) -> None:
    """Refuse a directory of entries that would fill memory before it could be judged."""
    with path.open("rb") as file:
        start = file.read(4)
        size = file.seek(0, 2)
        file.seek(max(0, size - 65557))
        tail = file.read()
    at = tail.rfind(_END)
    if start != b"PK\x03\x04" or at < 0 or len(tail) - at < 22:
        raise BadInput(N_("{file} is not a whole ZIP file."), file=path.name)
    _, _, _, _, count, length, _, _ = struct.unpack("<4s4H2LH", tail[at : at + 22])
    if count > allowed.entries or length > _LARGEST_DIRECTORY:
        raise BadInput(
            N_("{file} has more than {limit} entries."), file=path.name, limit=allowed.entries
        )


def _check_entry(file: str, info: zipfile.ZipInfo, allowed: Allowed) -> None:
    name = info.orig_filename
    check_name(file, name)
    if info.filename != name:
        raise _refuse(file, name, N_("{file}: entry {entry} has two names."))
    if info.flag_bits & 0x2041:
        raise _refuse(file, name, N_("{file}: entry {entry} is encrypted."))
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise _refuse(file, name, N_("{file}: entry {entry} is a link, not a file."))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > info.is_dir():
        raise _refuse(file, name, N_("{file}: entry {entry} is not a plain file."))
    if info.compress_type not in _METHODS:
        raise _refuse(file, name, N_("{file}: entry {entry} is compressed in an unusual way."))
    if info.file_size > allowed.one:
        raise _refuse(
            file, name, N_("{file}: entry {entry} is larger than {limit} MB."),
            limit=allowed.one >> 20,
        )  # fmt: skip
    if info.file_size > 8 << 20 and info.file_size > allowed.growth * max(1, info.compress_size):
        raise _refuse(
            file, name, N_("{file}: entry {entry} grows more than {limit} times when unpacked."),
            limit=allowed.growth,
        )  # fmt: skip


def _check_entries(file: str, infos: list[zipfile.ZipInfo], allowed: Allowed, end: int) -> None:
    if len(infos) > allowed.entries:
        raise BadInput(N_("{file} has more than {limit} entries."), file=file,
                       limit=allowed.entries)  # fmt: skip
    seen: dict[str, str] = {}
    for info in infos:
        _check_entry(file, info, allowed)
        folded = info.filename.rstrip("/").casefold()
        if folded in seen:
            template = (
                N_("{file}: entry {entry} is there twice.")
                if seen[folded] == info.filename
                else N_("{file}: entry {entry} differs from another only in capital letters.")
            )
            raise _refuse(file, info.filename, template)
        seen[folded] = info.filename
    files = {i.filename.casefold() for i in infos if not i.is_dir()}
    for info in infos:
        parents = info.filename.casefold().split("/")[:-1]
        if any("/".join(parents[: n + 1]) in files for n in range(len(parents))):
            raise _refuse(
                file, info.filename, N_("{file}: entry {entry} lies inside what is a file.")
            )
    if sum(info.file_size for info in infos) > allowed.all:
        raise BadInput(N_("{file} would unpack to more than {limit} MB."), file=file,
                       limit=allowed.all >> 20)  # fmt: skip
    place = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < place:
            raise _refuse(file, info.filename, N_("{file}: entry {entry} lies over another one."))
        place = info.header_offset + 30 + len(info.orig_filename) + info.compress_size
    if place > end or (infos and min(i.header_offset for i in infos) != 0):
        raise BadInput(N_("{file} is not a whole ZIP file."), file=file)


_NO_ROOM = N_("There is not enough room on the disk to unpack {file}.")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError,
           RuntimeError, struct.error)  # fmt: skip
"""What ``zipfile`` raises over a damaged archive."""


@contextmanager
def open_archive(path: Path, allowed: Allowed) -> Iterator[zipfile.ZipFile]:
    """A ZIP file whose every entry was judged. Raises ``BadInput`` that names file and entry."""
    try:
        _check_end(path, allowed)
        opened = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise _damaged(path.name, error) from error
    with opened:
        _check_entries(path.name, opened.infolist(), allowed, opened.start_dir)
        yield opened


def _damaged(file: str, error: Exception) -> BadInput:
    return BadInput(N_("{file} is damaged ({why})."), file=file, why=type(error).__name__)


@dataclass(frozen=True)
class Bundle:
    """An archive that was judged, open for reading. entries: name inside the package to entry."""

    path: Path
    archive: zipfile.ZipFile
    entries: dict[str, zipfile.ZipInfo]

    def read(self, name: str, limit: int) -> bytes | None:
        """The first ``limit`` bytes of a file, None where it is not there."""
        info = self.entries.get(name)
        if info is None:
            return None
        try:
            with self.archive.open(info) as file:
                return file.read(limit)
        except _BROKEN as error:
            raise _damaged(self.path.name, error) from error

    def unpack(
        self, folder: Path, progress: Progress = no_progress, cancel: Cancel | None = None
    ) -> None:
        """Write every file below ``folder``, counting bytes. Raises ``BadInput``."""
        total = sum(info.file_size for info in self.entries.values())
        if shutil.disk_usage(folder).free < total + (64 << 20):
            raise BadInput(_NO_ROOM, file=self.path.name)
        done = 0
        for name, info in self.entries.items():
            target = folder.joinpath(*name.split("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self.archive.open(info) as source, target.open("xb") as file:
                    left = info.file_size
                    while block := source.read(_BLOCK):
                        left -= len(block)
                        if left < 0:
                            raise zipfile.BadZipFile
                        file.write(block)
                        done += len(block)
                        if cancel is not None:
                            cancel.check()
                        progress(done / max(1, total), Message(UNPACKING))
                    if left:
                        raise EOFError
            except _BROKEN as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise BadInput(_NO_ROOM, file=self.path.name) from error
                raise _damaged(self.path.name, error) from error


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """A package's ZIP file. Its files lie at the top, or all in one folder.

    Raises ``BadInput`` that names the file and the entry: also for kinds of files that no
    package may hold.
    """
    with open_archive(path, PACKAGE) as archive:
        infos = {i.filename: i for i in archive.infolist() if not i.is_dir()}
        tops = {name.split("/")[0] for name in infos}
        top = f"{next(iter(tops))}/" if len(tops) == 1 else ""
        if MANIFEST not in infos and f"{top}{MANIFEST}" in infos:
            infos = {name.removeprefix(top): info for name, info in infos.items()}
        for name in infos:
            if name not in (SUMS, SIGNATURE) and not is_data(name):
                raise refuse_kind(path.name, name)
        yield Bundle(path, archive, infos)


def write_bundle(folder: Path, to: Path, name: str) -> Path:
    """The package in ``folder`` as one file ``to/<name>.onescan.zip``, code left out.

    The same package gives the same bytes: entries are sorted and carry no dates. The file
    appears whole or not at all.
    """
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"{name}{ENDING}"
    beside = to / f".{name}.{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}.tmp"
    names = [*package_files(folder), *(n for n in (SUMS, SIGNATURE) if (folder / n).is_file())]
    try:
        with zipfile.ZipFile(beside, "w") as archive:
            for one in sorted(names):
                check_name(path.name, one)
                info = zipfile.ZipInfo(one, (1980, 1, 1, 0, 0, 0))
                info.external_attr = (stat.S_IFREG | 0o644) << 16
                info.create_system = 3
                # What is compressed already would only take time.
                packed = Path(one).suffix in (".npz", ".png", ".jpg", ".onnx")
                info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                with (folder / one).open("rb") as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target, _BLOCK)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path

"""Which files an import means: folders, ZIP archives and DICOMDIRs opened up, one by one."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workstation.dicom.media import is_directory, referenced_files
from workstation.domain.errors import N_, BadInput, Message
from workstation.domain.work import Cancel

MAX_MEMBER = 8 << 30
"""Bytes one file of an archive may unpack to."""
MAX_ARCHIVE = 64 << 30
"""Bytes a whole archive, with the archives inside it, may unpack to."""
MAX_RATIO = 400
"""How much smaller than its content a large packed file may be: beyond this it is a bomb."""
MAX_DEPTH = 2
_SPARE = 256 << 20  # free space to leave on the disk that archives are unpacked on
_CHUNK = 1 << 20

_NOT_IMAGES = {"DICOMDIR", ".DS_STORE", "THUMBS.DB", "DESKTOP.INI", "AUTORUN.INF"}
"""Files of the medium and the operating system: passed over in folders, not refused."""


@dataclass(frozen=True)
class Source:
    """A file to take in. path: where its bytes are now.

    shown: how it is named to a reader, ``archive.zip!folder/file`` inside an archive. fraction:
    how far the import has come. refused: why it is not even looked at. passing: whether the file
    is gone when the next one is asked for.
    """

    path: Path
    shown: str
    fraction: float
    refused: Message | None = None
    passing: bool = False


def find_sources(paths: Sequence[Path], cancel: Cancel | None = None) -> Iterator[Source]:
    """Every file that ``paths`` mean, in a stable order; folders are walked to the bottom.

    Links to folders inside a folder are not followed, so that no loop is walked.
    """
    listed: list[tuple[Path, Message | None]] = []
    for path in paths:
        listed.extend(_listed(path, cancel))
    for at, (path, refused) in enumerate(listed):
        start, stop = at / len(listed), (at + 1) / len(listed)
        if refused is None and _is_zip(path):
            yield from _unpacked(path, str(path), start, stop, [0])
        else:
            yield Source(path, str(path), start, refused)


def _listed(path: Path, cancel: Cancel | None) -> Iterator[tuple[Path, Message | None]]:
    if path.is_dir():
        yield from _walked(path, cancel)
    elif not path.exists():
        yield path, Message(N_("There is no such file or folder."))
    elif not path.is_file():  # a pipe or a device would never end
        yield path, Message(N_("This is no file."))
    elif is_directory(path):
        yield from _indexed(path, cancel)
    else:
        yield path, None


def _walked(folder: Path, cancel: Cancel | None) -> Iterator[tuple[Path, Message | None]]:
    unread: list[str] = []
    walk = os.walk(folder, onerror=lambda e: unread.append(str(e.filename)), followlinks=False)
    for where, folders, files in walk:
        folders.sort()
        if cancel is not None:
            cancel.check()
        for name in sorted(files):
            if name.upper() in _NOT_IMAGES or name.startswith("._"):
                continue
            path = Path(where) / name
            if path.is_file():  # no pipes and devices, which would never end
                yield path, None
            elif path.is_symlink():
                yield path, Message(N_("The link leads nowhere."))
    for name in unread:
        yield Path(name), Message(N_("The folder cannot be read."))


def _indexed(path: Path, cancel: Cancel | None) -> Iterator[tuple[Path, Message | None]]:
    try:
        named = referenced_files(path)
    except BadInput as error:
        yield path, error.message
        return
    if not named:
        yield from _walked(path.parent, cancel)
    for file in named:
        there = file.is_file()
        yield file, None if there else Message(N_("The DICOMDIR names it, but it is not there."))


def _is_zip(path: Path) -> bool:
    if path.suffix.lower() != ".zip":
        return False
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def _unpacked(
    path: Path, shown: str, start: float, stop: float, used: list[int], depth: int = 1
) -> Iterator[Source]:
    """Files of an archive, one at a time in a temporary folder of its own."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        yield Source(path, shown, start, Message(N_("The ZIP archive is damaged.")))
        return
    with archive, tempfile.TemporaryDirectory(prefix="onescan-") as folder:
        members = [m for m in archive.infolist() if not m.is_dir()]
        for at, member in enumerate(members):
            here = start + (stop - start) * at / len(members)
            name = _member_name(member)
            if name.rsplit("/", 1)[-1].upper() in _NOT_IMAGES or "__MACOSX/" in name:
                continue
            inner = f"{shown}!{name}"
            # Never the member's own name: it could lead out of the folder.
            target = Path(folder) / f"member{at}"
            refused = _unpack(archive, member, target, used)
            if refused is None and name.lower().endswith(".zip"):
                if depth >= MAX_DEPTH:
                    refused = Message(N_("Too many archives inside each other. Unpack it first."))
                else:
                    part = start + (stop - start) * (at + 1) / len(members)
                    yield from _unpacked(target, inner, here, part, used, depth + 1)
                    target.unlink(missing_ok=True)
                    continue
            yield Source(target, inner, here, refused, passing=True)
            target.unlink(missing_ok=True)


def _member_name(member: zipfile.ZipInfo) -> str:
    """The name as its packer meant it: without the UTF-8 flag Chinese Windows writes GBK."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return member.filename


def _unpack(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, used: list[int]
) -> Message | None:
    """Unpack one member; why it was not, else None. used: bytes unpacked so far, added to."""
    if member.flag_bits & 0x1:
        return Message(N_("The file is encrypted in its archive."))
    large = member.file_size > 64 << 20
    if large and member.file_size > MAX_RATIO * max(1, member.compress_size):
        return Message(N_("The file is packed suspiciously small and was not unpacked."))
    if member.file_size > MAX_MEMBER or used[0] + member.file_size > MAX_ARCHIVE:
        return Message(N_("The archive unpacks to too much data. Unpack it first."))
    if shutil.disk_usage(target.parent).free < member.file_size + _SPARE:
        return Message(N_("The disk has no room to unpack the archive."))
    try:
        written = 0
        with archive.open(member) as packed, target.open("xb") as file:
            while chunk := packed.read(_CHUNK):
                written += len(chunk)
                if written > member.file_size:  # the directory of the archive lied
                    return Message(N_("The file is damaged in its archive."))
                file.write(chunk)
        used[0] += written
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return Message(N_("The file is damaged in its archive."))
    except OSError:
        return Message(N_("The file cannot be unpacked."))
    return None

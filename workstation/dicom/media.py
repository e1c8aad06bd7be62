"""DICOMDIR: which files the index of a disc names (PS3.10 chapter 8, PS3.3 annex F)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom

from workstation.dicom.elements import PARSE_ERRORS
from workstation.dicom.headers import DICOMDIR_CLASS
from workstation.domain.errors import N_, BadInput


def is_directory(path: Path) -> bool:
    """Whether a file is a DICOMDIR, whatever its name."""
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
        return str(meta.get("MediaStorageSOPClassUID", "")) == DICOMDIR_CLASS
    except (*PARSE_ERRORS, OSError):
        return False


def referenced_files(directory: Path) -> list[Path]:
    """Files that a DICOMDIR names, below its own folder, in its order; they need not exist.

    Raises ``BadInput`` where it cannot be read.
    """
    try:
        with directory.open("rb") as file:
            dataset = pydicom.dcmread(file, force=True)
            records = dataset.get("DirectoryRecordSequence") or []
            names = [_name(record) for record in records]
    except (*PARSE_ERRORS, OSError) as error:
        raise BadInput(N_("The DICOMDIR cannot be read. Import its folder instead.")) from error
    found = dict.fromkeys(_below(directory.parent, parts) for parts in names if parts)
    return list(found)


def _name(record: Any) -> tuple[str, ...]:
    value = record.get("ReferencedFileID")
    if value is None or value == "":
        return ()
    parts = (value,) if isinstance(value, str) else tuple(value)
    # An index must not lead out of its own folder.
    return tuple(str(p).strip() for p in parts if str(p).strip() not in {"", ".", ".."})


def _below(folder: Path, parts: tuple[str, ...]) -> Path:
    """The file as it is spelt on the disc: names are upper case in the index, often not there."""
    place = folder
    for part in parts:
        exact = place / part
        if not exact.exists() and place.is_dir():
            exact = next(
                (entry for entry in place.iterdir() if entry.name.upper() == part.upper()), exact
            )
        place = exact
    return place

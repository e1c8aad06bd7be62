"""A folder of DICOM files read where it lies, without an archive: for running a model on files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from workstation.dicom.headers import FileHeader, read_header
from workstation.dicom.stacks import build_stacks
from workstation.dicom.volumes import read_volume
from workstation.domain.errors import N_, BadInput, ReaderError
from workstation.domain.study import Instance
from workstation.domain.volume import Stack, Volume


@dataclass(frozen=True)
class Folder:
    """The stacks of a folder and where their files lie."""

    stacks: tuple[Stack, ...]
    paths: dict[str, Path]  # by the key that frames carry in place of a content hash

    def read(self, stack: Stack, phase: int = 0) -> Volume:
        """Voxels of one stack."""
        return read_volume(stack, self.paths.__getitem__, phase)


def read_folder(folder: Path) -> Folder:
    """Stacks of every series below ``folder``; files that are no DICOM are passed over.

    Raises ``BadInput`` where nothing there can be read as an image.
    """
    paths: dict[str, Path] = {}
    headers: dict[str, FileHeader] = {}
    series: dict[str, list[Instance]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            header = read_header(path)
        except ReaderError:
            continue
        key = hashlib.sha256(str(path).encode("utf-8")).hexdigest()
        paths[key] = path
        headers.setdefault(header.series.series_uid, header)
        series.setdefault(header.series.series_uid, []).append(
            header.instance(key, path.stat().st_size)
        )
    stacks = [
        stack
        for uid, instances in series.items()
        for stack in build_stacks(headers[uid].study.study_uid, headers[uid].series, instances)
    ]
    if not stacks:
        raise BadInput(N_("There are no images that can be read in {path}."), path=str(folder))
    return Folder(tuple(stacks), paths)

"""Arrays that a package brings (``.npz``): judged by their headers before numpy makes room.

An ``.npz`` is a ZIP file of ``.npy`` headers and bytes; a header may ask for any amount of memory,
and an array of objects is a pickle, which is program code.
"""

from __future__ import annotations

import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from workstation.ai.bundle import Allowed, open_archive, shown
from workstation.domain.errors import N_, BadInput

ARRAYS = Allowed(entries=64, one=1 << 30, all=1 << 30, growth=1100)
"""Deflate cannot grow beyond 1032 times; a mask of zeros comes near that honestly."""
_KINDS = "biuf"


def check_arrays(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by name of the arrays in ``path``. Raises ``BadInput`` that names the file."""
    shapes = {}
    with open_archive(path, ARRAYS) as archive:
        for info in archive.infolist():
            try:
                with archive.open(info) as member:
                    shape, dtype = _header(member)
                    start = member.tell()
            except (ValueError, EOFError, OSError, zipfile.BadZipFile, RuntimeError) as error:
                raise _refuse(path, info, type(error).__name__) from error
            if dtype.hasobject:
                raise BadInput(
                    N_("{file}: array {name} holds Python objects, which are program code."),
                    file=path.name, name=shown(info.filename),
                )  # fmt: skip
            if dtype.kind not in _KINDS:
                raise _refuse(path, info, str(dtype))
            if prod(shape) * dtype.itemsize != info.file_size - start:
                raise _refuse(path, info, "x".join(map(str, shape)))
            shapes[info.filename.removesuffix(".npy")] = shape
    return shapes


def _header(member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(member)
    else:
        raise ValueError("version")
    return shape, dtype


def _refuse(path: Path, info: zipfile.ZipInfo, why: str) -> BadInput:
    return BadInput(
        N_("{file}: array {name} is not what its header says ({why})."),
        file=path.name, name=shown(info.filename), why=why,
    )  # fmt: skip

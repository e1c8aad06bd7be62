"""Volumes read once and shared with every model's process: files that all of them map.

A mapped file is the same pages of memory in every process; nothing is copied or pickled.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

FOLDER = "onescan-ai-"  # swept by the client when the program that made it is gone


class SharedVolumes:
    """Volumes of one walk through a study, in a private folder that goes with it.

    Use as a context manager. The arrays are read-only; they must not be used afterwards.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
        self._held: dict[str, NDArray[Any]] = {}

    def share(self, key: str, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The volume (z, y, x) known by ``key``: ``read`` is called the first time only."""
        if key not in self._held:
            path = self.folder / f"{len(self._held)}.npy"
            np.save(path, read(), allow_pickle=False)
            self._held[key] = np.load(path, mmap_mode="r", allow_pickle=False)
        return self._held[key]

    def close(self) -> None:
        """Delete the files: voxels of a patient must not stay in a temp folder."""
        self._held.clear()  # Windows deletes no file that is mapped
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def shared_file(array: NDArray[Any]) -> Path | None:
    """The ``.npy`` file that ``array`` is the whole of, or None."""
    if not isinstance(array, np.memmap) or array.filename is None:
        return None
    path = Path(str(array.filename))
    if path.suffix != ".npy" or not path.name or array.mode != "r":
        return None
    # A slice of a map is a map of the same file: only a whole one may stand for it.
    again = np.load(path, mmap_mode="r", allow_pickle=False)
    same = again.shape == array.shape and again.dtype == array.dtype
    return path if same and again.strides == array.strides else None
